/*
 * cli/cli.c: the table of subcommands, and the way from main's arguments to one of them and back to
 * an exit code. What is said on stderr is said here: one line, by one rank.
 */
#include "cli/cli.h"

#include "base/stray.h"
#include "cli/command.h"
#include "comm/comm.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

const mr_command mr_commands[] = {
    {"run", "APP [APP OPTIONS] [JOB OPTIONS] INPUT...", "run an app; the word may be left out",
     "APP is the name of an installed app, a plugin (./my.so) or a C file (./my.c).\n"
     "See 'mapred help APP' for the options.\n",
     mr_command_run, true},
    {"plan", "APP [APP OPTIONS] [JOB OPTIONS] INPUT...", "say what a job would do: --dry-run", "",
     mr_command_plan, true},
    {"apps", "", "list the apps that can be called by name",
     "They are looked for in the folders of MAPRED_PATH, then in the installation.\n",
     mr_command_apps, false},
    {"help", "[APP | COMMAND]", "show how to use mapred, an app or a command", "", mr_command_help,
     false},
    {"new", "NAME", "write NAME.c, a small app to start from", "", mr_command_new, false},
    {"build", "FILE.c [-o OUT.so] [--native]", "compile an app",
     "  -o OUT.so    the plugin; default: FILE.so\n"
     "  --native     code for this machine's CPU alone\n"
     "The compiler is $CC, or else the one that mapred was built with.\n",
     mr_command_build, false},
    {"submit", "[OPTION...] [--] APP [APP OPTIONS] [JOB OPTIONS] INPUT...",
     "write a batch script for Slurm and submit it",
     "  --nodes N               nodes\n"
     "  --time T                limit: minutes, or [days-]hours:minutes:seconds\n"
     "  --mem M                 memory of a node, as 64G\n"
     "  --partition P, --account A, --job-name X, --output-log FILE\n"
     "                          as sbatch has them (there the log is --output)\n"
     "  --ntasks-per-node K     ranks a node; default: one a socket, or 1\n"
     "  --cpus-per-task C       CPUs a rank; default: all of the node\n"
     "  --array SPEC            a job for each number; %a in arguments is the number\n"
     "  --chain N               up to N jobs, each going on where the last one stopped,\n"
     "                          instead of one that goes back into the queue\n"
     "  --retries N             after lost nodes or killed ranks, in a row (default: 3)\n"
     "  --margin SECONDS        before the limit, to stop in (default: a tenth, 10 to 300)\n"
     "  --launcher mpirun|srun  default: mpirun\n"
     "  --sbatch OPTION         any other option of sbatch, as --sbatch=--qos=long\n"
     "  --print                 write the script to stdout and do no more\n"
     "The job keeps checkpoints, beside its output or where --checkpoint says.\n",
     mr_command_submit, false},
    {"retry", "[OPTIONS] -- mpirun ... mapred APP ... --checkpoint DIR ...",
     "run a job, and start it again when it is killed or crashes",
     "  --limit N         starts after the first one; a record that is dropped begins a new\n"
     "                    count (default: 5)\n"
     "  --skip-bad N      drop up to N records that crash the app twice (default: the job's own)\n"
     "  --wait SECONDS    before the second start; twice that before the next (default: 1)\n"
     "  --from-start      the job has no --checkpoint: each start does all of the work again\n"
     "Each start but the first has --resume. It gives up when two starts in a row got nowhere.\n",
     mr_command_retry, false},
    {"replay", "CHECKPOINT_OR_REPORT --block K [--block-size SIZE]",
     "run one block of a job again, alone, for a debugger",
     "The block's number is in the line that tells of a crash, and in the report. The command is\n"
     "the one that made the folder of checkpoints, or the report. What is put for the block goes\n"
     "to standard output: rows, or pairs. gdb --args mapred replay DIR --block K\n",
     mr_command_replay, false},
    {"doctor", "", "look this installation and machine over", "", mr_command_doctor, false},
    {"report", "FILE.json [-o PAGE.html]", "make a page to look at of what --report wrote",
     "  -o PAGE.html  where it goes; default: standard output\n"
     "The page is one file that needs no network: time, balance, exchange, memory, the slowest\n"
     "blocks, hot keys, and what to try next. FILE.json may be - (standard input).\n",
     mr_command_report, false},
    {.name = NULL},
};

const mr_command *mr_command_find(const char *name)
{
    for (const mr_command *command = mr_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

bool mr_is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

static mr_status run_command(mr_call *call, const mr_command *command, mr_error *error)
{
    if (call->rank != 0 && !command->all_ranks)
        return MR_OK;
    if (call->count == 0 || !mr_is_help(call->arguments[0]))
        return command->run(call, error);
    if (call->rank == 0)
        mr_help_command(call->out, command);
    return MR_OK;
}

/* `call` holds all of the command line behind the program's name. */
static mr_status dispatch(mr_call *call, mr_error *error)
{
    if (call->count == 0)
        return mr_error_set(error, MR_USAGE, "no app given: see 'mapred --help'");
    const char *first = call->arguments[0];
    const mr_command *command = mr_command_find(first);
    if (command) {
        call->count--;
        call->arguments++;
        return run_command(call, command, error);
    }
    if (first[0] != '-')
        return mr_command_run(call, error);
    if (!mr_is_help(first) && strcmp(first, "--version") != 0)
        return mr_error_set(error, MR_USAGE,
                            "unknown option: %s: options stand behind the app: see 'mapred --help'",
                            first);
    if (call->rank == 0 && mr_is_help(first))
        mr_help_main(call->out);
    else if (call->rank == 0)
        fprintf(call->out, "mapred %s\n", MR_VERSION);
    return MR_OK;
}

/* Help that nobody could read is a failure too; a reader that has left is not. */
static mr_status flush(mr_call *call, mr_error *error)
{
    errno = 0;
    if ((fflush(call->out) == 0 && !ferror(call->out)) || errno == EPIPE)
        return MR_OK;
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write to standard output: %s",
                        strerror(errno));
}

/* Most of what goes wrong before the ranks meet does so on all of them; this does not. */
static bool is_alone_with(const mr_call *call, mr_status status)
{
    return !call->has_met && status == MR_NO_MEMORY;
}

void mr_call_tell(mr_call *call, const mr_error *error)
{
    if (error->code == MR_OK || call->is_told)
        return;
    if (call->rank == 0 || is_alone_with(call, error->code))
        fprintf(stderr, "mapred: %s\n", error->text);
    call->is_told = true;
}

/*
 * Tables grow by moving pages, not bytes, as long as malloc maps them one by one; left to itself it
 * stops doing so after the first large piece that is freed, and then leaves holes of half their
 * size behind.
 */
static void keep_large_pieces_apart(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

static _Noreturn void end_around_strays(const mr_call *call, mr_status status)
{
    fflush(call->out);
    fflush(stderr);
    _exit((int)status);
}

int mr_cli_main(int argc, char **argv)
{
    mr_call_patience(argv);
    keep_large_pieces_apart();
    mr_error error = {MR_OK, ""};
    mr_call call = {.count = argc > 0 ? argc - 1 : 0,
                    .arguments = argv + (argc > 0),
                    .environment = environ,
                    .search = getenv("MAPRED_PATH"),
                    .out = stdout,
                    .rank = mr_comm_rank_hint()};
    mr_places *places = malloc(sizeof *places);
    mr_status status = MR_NO_MEMORY;
    call.places = places;
    if (!places)
        mr_error_set(&error, status, "out of memory: cannot start");
    else
        status = mr_places_find(places, NULL, &error);
    if (status == MR_OK)
        status = dispatch(&call, &error);
    if (status == MR_OK && call.rank == 0)
        status = flush(&call, &error);
    mr_call_tell(&call, &error);
    free(places);
    if (mr_stray_count() > 0) /* a thread that is still in a kernel: nothing more may be undone */
        end_around_strays(&call, status);
    /* Without MPI nothing keeps a failed rank from ending rank 0 before it has told why. */
    return call.rank == 0 || call.is_started || is_alone_with(&call, status) ? (int)status : 0;
}

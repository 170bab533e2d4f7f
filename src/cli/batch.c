/*
 * cli/batch.c: writing a batch script. It is bash that people read and change, so it is kept short;
 * slurm/README.md tells what it does, and slurm/job.sbatch is the same by hand.
 */
#include "cli/batch.h"

#include <mapred/version.h>

#include <inttypes.h>
#include <string.h>

/* ---- Words ---- */

static bool is_plain(const char *text, size_t size)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./:=@%+,";
    for (size_t i = 0; i < size; i++)
        if (!strchr(safe, text[i]))
            return false;
    return size > 0;
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return true;
    return false;
}

/* sbatch refuses scripts with \r\n in them, and a comment ends with its line. */
static void quote_control(FILE *out, const char *text, size_t size)
{
    fputs("$'", out);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte == 0x7f)
            fprintf(out, "\\%03o", byte);
        else if (byte == '\'' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else
            fputc(byte, out);
    }
    fputc('\'', out);
}

void mr_batch_quote(FILE *out, const char *text, size_t size)
{
    if (is_plain(text, size)) {
        fwrite(text, 1, size, out);
        return;
    }
    if (has_control(text, size)) {
        quote_control(out, text, size);
        return;
    }
    fputc('\'', out);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\'')
            fputs("'\\''", out);
        else
            fputc(text[i], out);
    fputc('\'', out);
}

/* The same, but of an array each "%a" is the number of the task. */
static void write_word(FILE *out, const char *text, bool array)
{
    static const char mark[] = "%a";
    const char *next = array ? strstr(text, mark) : NULL;
    for (; next; text = next + strlen(mark), next = strstr(text, mark)) {
        if (next > text)
            mr_batch_quote(out, text, (size_t)(next - text));
        fputs("\"$SLURM_ARRAY_TASK_ID\"", out);
        if (!next[strlen(mark)])
            return;
    }
    mr_batch_quote(out, text, strlen(text));
}

/* ---- The head: what is asked of Slurm ---- */

static void ask(FILE *out, const char *option, const char *value)
{
    if (!value)
        return;
    fprintf(out, "#SBATCH --%s=", option);
    if (is_plain(value, strlen(value))) {
        fprintf(out, "%s\n", value);
        return;
    }
    fputc('"', out); /* sbatch reads quotes and backslashes much as a shell does */
    for (; *value; value++)
        fprintf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    fputs("\"\n", out);
}

static void ask_number(FILE *out, const char *option, uint64_t value)
{
    fprintf(out, "#SBATCH --%s=%" PRIu64 "\n", option, value);
}

static void write_head(FILE *out, const mr_batch *batch)
{
    fputs("#!/bin/bash\n", out);
    ask(out, "job-name", batch->name);
    ask(out, "nodes", batch->nodes);
    ask_number(out, "ntasks-per-node", batch->ranks);
    if (batch->cpus)
        ask_number(out, "cpus-per-task", batch->cpus);
    else
        fputs("#SBATCH --exclusive\n", out);
    ask(out, "time", batch->time);
    ask(out, "mem", batch->memory);
    ask(out, "partition", batch->partition);
    ask(out, "account", batch->account);
    ask(out, "array", batch->array);
    ask(out, "output", batch->log);
    fputs("#SBATCH --open-mode=append\n", out);
    fprintf(out, "#SBATCH --signal=B:USR1@%" PRIu64 "\n", batch->margin);
    fputs(batch->chain > 1 ? "#SBATCH --no-requeue\n" : "#SBATCH --requeue\n", out);
    for (size_t i = 0; i < batch->more_count; i++)
        fprintf(out, "#SBATCH %s\n", batch->more[i]);
}

static void write_comment(FILE *out, const mr_batch *batch)
{
    fputs("#\n# Written by mapred " MR_VERSION ": mapred submit", out);
    for (int i = 0; i < batch->typed_count; i++) {
        fputc(' ', out);
        mr_batch_quote(out, batch->typed[i], strlen(batch->typed[i]));
    }
    fputs("\n\n", out);
}

/* ---- The names of things, and the job ---- */

/* What belongs to one job through all its restarts; of a chain, to all of its links. */
static void write_names(FILE *out, const mr_batch *batch)
{
    fputs(batch->chain > 1 ? "id=${MAPRED_CHAIN:-$SLURM_JOB_ID}\n" : "id=$SLURM_JOB_ID\n", out);
    fputs("checkpoint=", out);
    if (batch->checkpoint) {
        write_word(out, batch->checkpoint, batch->array);
    } else if (batch->output) {
        size_t size = strlen(batch->output);
        while (size > 1 && batch->output[size - 1] == '/')
            size--;
        mr_batch_quote(out, batch->output, size);
        fputs(".checkpoint-$id", out);
    } else {
        fputs("mapred-checkpoint-$id", out);
    }
    fputs("\nfailures=mapred-failures-$id # how often in a row it had to begin again\n", out);
    fprintf(out, "retries=%" PRIu64 "\n", batch->retries);
}

static void write_job(FILE *out, const mr_batch *batch)
{
    fputs("job=(", out);
    fputs(batch->srun ? "srun --mpi=pmix --cpu-bind=none --kill-on-bad-exit=1"
                      : "mpirun --bind-to none --stdin none",
          out);
    fputs("\n    ", out);
    mr_batch_quote(out, batch->program, strlen(batch->program));
    fputs(" run ", out);
    write_word(out, batch->arguments[0], batch->array);
    fputs(batch->checkpoint ? " --resume" : " --checkpoint \"$checkpoint\" --resume", out);
    for (int i = 1; i < batch->argument_count; i++) {
        fputc(' ', out);
        write_word(out, batch->arguments[i], batch->array);
    }
    fputs(")\n\n", out);
    if (!batch->srun)
        fputs("# A node that has gone without a word is noticed after half a minute.\n"
              "export OMPI_MCA_oob_tcp_keepalive_time=15 OMPI_MCA_oob_tcp_keepalive_intvl=5 \\\n"
              "    OMPI_MCA_oob_tcp_keepalive_probes=3\n\n",
              out);
}

/* ---- How it goes on ---- */

/* A successor is there before there is anything to go wrong. It begins when this link ends without
 * having finished, and is cancelled when this one ends well. */
static void write_successor(FILE *out, const mr_batch *batch)
{
    fprintf(out,
            "# The next link of the chain: it waits for this one, and is not needed if that does "
            "well.\n"
            "link=${MAPRED_LINK:-1}\n"
            "next=\n"
            "if ((link < %" PRIu64 ")); then\n"
            "    next=$(MAPRED_CHAIN=$id MAPRED_LINK=$((link + 1)) sbatch --parsable \\\n"
            "        --dependency=\"afternotok:$SLURM_JOB_ID\" --kill-on-invalid-dep=yes \"$0\")\n"
            "fi\n\n",
            batch->chain);
}

static const char again_by_requeue[] =
    "again() {\n"
    "    echo \"mapred: $1: job $SLURM_JOB_ID goes back into the queue\"\n"
    "    scontrol requeue \"$SLURM_JOB_ID\"\n"
    "    exit \"$code\"\n"
    "}\n\n";

static const char again_by_link[] =
    "again() {\n"
    "    echo \"mapred: $1: ${next:+the chain goes on with job }\"\\\n"
    "\"${next:-it was the last of the chain}\"\n"
    "    exit \"$code\"\n"
    "}\n\n";

static const char body[] =
    "# Begins again, but only so often without having got on.\n"
    "again_after_failure() {\n"
    "    local count\n"
    "    count=$(($(cat \"$failures\" 2>/dev/null || echo 0) + 1))\n"
    "    if ((count > retries)); then\n"
    "        echo \"mapred: $1: given up after $retries retries\"\n"
    "        finish\n"
    "    fi\n"
    "    echo \"$count\" >\"$failures\"\n"
    "    again \"$1\"\n"
    "}\n"
    "\n"
    "# The last checkpoint that is whole.\n"
    "latest() {\n"
    "    ls -- \"$checkpoint\" 2>/dev/null | grep '^manifest-' | tail -n 1\n"
    "}\n"
    "\n"
    "# Open MPI says 1 when a node does not answer at the start, and mapred when a job fails.\n"
    "all_answer() {\n"
    "    timeout 60 srun --overlap --mpi=none --ntasks-per-node=1 true\n"
    "}\n"
    "\n"
    "# USR1: the time is nearly over (or: scancel --batch --signal=USR1). TERM: it is to end.\n"
    "asked=\n"
    "stop() {\n"
    "    told=yes\n"
    "    [ \"$asked\" ] && return # once will do\n"
    "    asked=$1\n"
    "    [ \"${pid:-}\" ] && kill -USR1 \"$pid\" 2>/dev/null\n"
    "}\n"
    "trap 'stop requeue' USR1\n"
    "trap 'stop end' TERM\n"
    "\n"
    "before=$(latest)\n"
    "\"${job[@]}\" &\n"
    "pid=$! told=yes\n"
    "while [ \"$told\" ]; do # a signal ends the waiting, and not what is waited for\n"
    "    told=\n"
    "    wait \"$pid\"\n"
    "    code=$?\n"
    "done\n"
    "trap '' USR1 TERM\n"
    "\n"
    "[ \"$asked\" = end ] && finish\n"
    "case $code in\n"
    "75) # stopped in good order\n"
    "    [ \"$(latest)\" = \"$before\" ] && again_after_failure \"stopped, and no further than "
    "before\"\n"
    "    rm -f -- \"$failures\"\n"
    "    again \"stopped in good order\"\n"
    "    ;;\n"
    "137 | 138 | 19[2-9] | 2[0-9][0-9]) # a rank was killed, or mpirun has lost a node\n"
    "    again_after_failure \"a rank or a node was lost (exit code $code)\"\n"
    "    ;;\n"
    "0) ;;\n"
    "*)\n"
    "    [ \"$asked\" ] && again_after_failure \"not stopped in time (exit code $code)\"\n"
    "    [ \"$code\" != 1 ] || all_answer || again_after_failure \"a node does not answer\"\n"
    "    ;;\n"
    "esac\n"
    "finish\n";

static void write_finish(FILE *out, const mr_batch *batch)
{
    fputs("finish() {\n"
          "    rm -f -- \"$failures\"\n",
          out);
    if (!batch->checkpoint)
        fputs("    if ((code == 0)); then # bad records that were set aside stay\n"
              "        rm -f -- \"$checkpoint\"/{job.json,lock,done,manifest-*,data-*}\n"
              "        rmdir -- \"$checkpoint\" 2>/dev/null\n"
              "    fi\n",
              out);
    if (batch->chain > 1)
        fputs("    ((code == 0)) || [ ! \"$next\" ] || scancel \"$next\"\n", out);
    fputs("    exit \"$code\"\n"
          "}\n\n",
          out);
}

void mr_batch_write(FILE *out, const mr_batch *batch)
{
    write_head(out, batch);
    write_comment(out, batch);
    write_names(out, batch);
    write_job(out, batch);
    if (batch->chain > 1)
        write_successor(out, batch);
    write_finish(out, batch);
    fputs(batch->chain > 1 ? again_by_link : again_by_requeue, out);
    fputs(body, out);
}

/*
 * cli/run.c: running an app: all ranks load it, all read the options, and only when every one of
 * them could does the job begin. Help for an app is given without starting MPI.
 */
#include "cli/command.h"

#include "cli/options.h"
#include "comm/comm.h"
#include "observe/guard.h"
#include "observe/signals.h"
#include "sets/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An app that is loaded, with its options read. */
typedef struct ready_app {
    mr_plugin *plugin;
    void *state;
    mr_request request;
} ready_app;

static mr_status read_options(ready_app *ready, const mr_call *call, mr_error *error)
{
    const mr_app *app = mr_plugin_app(ready->plugin);
    mr_request_source source = {.app = app,
                                .called = call->arguments[0],
                                .count = call->count - 1,
                                .arguments = call->arguments + 1,
                                .environment = call->environment};
    ready->state = calloc(1, app->state_size ? app->state_size : 1);
    if (!ready->state)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the state of %s needs %zu bytes",
                            app->name, app->state_size);
    return mr_options_parse(&ready->request, &source, ready->state, error);
}

static void clean_up(ready_app *ready)
{
    mr_request_free(&ready->request);
    free(ready->state);
    ready->state = NULL;
    mr_plugin_destroy(&ready->plugin);
}

/* A guess: the word may still be the value of another option. */
static bool may_ask_for_help(const mr_call *call)
{
    for (int i = 1; i < call->count && strcmp(call->arguments[i], "--") != 0; i++)
        if (mr_is_help(call->arguments[i]) || strcmp(call->arguments[i], "--version") == 0)
            return true;
    return false;
}

/* Whether help or the version was asked for, and given. */
static mr_status answer(const mr_call *call, bool *answered, mr_error *error)
{
    ready_app ready = {.plugin = NULL};
    *answered = false;
    mr_status status = mr_app_open(&ready.plugin, call, call->arguments[0], error);
    if (status == MR_OK)
        status = read_options(&ready, call, error);
    if (status == MR_OK)
        *answered = ready.request.help || ready.request.version;
    if (*answered && call->rank == 0) {
        if (ready.request.help)
            mr_help_app(call->out, mr_plugin_app(ready.plugin), call->arguments[0]);
        else
            fprintf(call->out, "mapred %s\n", MR_VERSION);
    }
    clean_up(&ready);
    return status;
}

static mr_status run_on_ranks(const mr_call *call, mr_comm *comm, mr_settings_change *change,
                              const void *context, mr_error *error)
{
    ready_app ready = {.plugin = NULL};
    mr_app_open(&ready.plugin, call, call->arguments[0], error);
    mr_status status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        goto out;
    read_options(&ready, call, error);
    status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        goto out;
    if (change)
        change(&ready.request.settings, context);
    ready.request.settings.argument_count = call->count;
    ready.request.settings.arguments = call->arguments;
    status = mr_run_main(comm, mr_plugin_app(ready.plugin), ready.state, &ready.request.settings,
                         ready.request.inputs, ready.request.input_count, error);
out:
    clean_up(&ready);
    return status;
}

/* The words of the command line lie in memory one after the other. */
static void start_guard(const mr_call *call)
{
    char *first = program_invocation_name, *last = call->arguments[call->count - 1];
    const bool in_order = last > first && last - first < 1 << 20;
    mr_guard_start(call->rank, first, in_order ? (size_t)(last - first) + strlen(last) : 0);
}

/* The ranks of a node tell each other where their flight records are. */
static void meet(mr_comm *comm)
{
    mr_flight *flight = mr_flight_here();
    flight->rank = mr_comm_rank(comm);
    snprintf(flight->host, sizeof flight->host, "%s", mr_comm_host(comm));
    const mr_flight_peer mine = {flight->rank, flight->process, flight->file};
    mr_flight_peer *all = calloc((size_t)mr_comm_node_size(comm), sizeof *all);
    mr_error error = {.code = MR_OK};
    if (!all)
        mr_error_set(&error, MR_NO_MEMORY, "%s", "");
    if (mr_comm_agree(comm, &error) == MR_OK) {
        mr_comm_node_gather(comm, &mine, sizeof mine, all);
        mr_guard_meet(all, mr_comm_node_size(comm));
    }
    free(all);
}

mr_status mr_call_run(mr_call *call, mr_settings_change *change, const void *context,
                      mr_error *error)
{
    bool answered = false;
    mr_comm *comm = NULL;
    if (call->count == 0)
        return mr_error_set(error, MR_USAGE, "no app given: see 'mapred apps'");
    if (may_ask_for_help(call))
        MR_TRY(answer(call, &answered, error));
    if (answered)
        return MR_OK;
    call->is_started = true;
    mr_signals_install();
    if (!change) /* a plan dies of nothing, and who replays a block looks at it himself */
        start_guard(call);
    mr_status status = mr_comm_start(&comm, error);
    call->has_met = comm != NULL;
    if (status == MR_OK) {
        call->rank = mr_comm_rank(comm);
        if (!change)
            meet(comm);
        status = run_on_ranks(call, comm, change, context, error);
    }
    mr_call_tell(call, error);
    if (status != MR_OK)
        mr_guard_dismiss(); /* whatever ends other ranks now follows from this */
    mr_comm_finish(&comm);
    mr_guard_end();
    return status;
}

mr_status mr_command_run(mr_call *call, mr_error *error)
{
    return mr_call_run(call, NULL, NULL, error);
}

static void only_plan(mr_settings *settings, const void *context)
{
    (void)context;
    settings->dry_run = true;
}

mr_status mr_command_plan(mr_call *call, mr_error *error)
{
    return mr_call_run(call, only_plan, NULL, error);
}

/*
 * cli/command.h: what the subcommands share: what they are called with, and the table of them.
 */
#ifndef MR_CLI_COMMAND_H
#define MR_CLI_COMMAND_H

#include "base/settings.h"
#include "plugin/load.h"
#include "plugin/places.h"

#include <stdbool.h>
#include <stdio.h>

/* What a subcommand is called with; `arguments` are those behind its name. */
typedef struct mr_call {
    int count;
    char *const *arguments;
    char *const *environment;
    const mr_places *places;
    const char *search; /* $MAPRED_PATH */
    FILE *out;
    int rank;        /* as far as it is known: 0 tells the user about errors */
    bool is_started; /* MPI: all ranks then end with the same code */
    bool has_met;    /* the other ranks: what goes wrong from here on all of them learn */
    bool is_told;    /* the error, if there is one */
} mr_call;

typedef struct mr_command {
    const char *name;
    const char *usage;   /* what stands behind the name */
    const char *summary; /* one line */
    const char *text;    /* more of it, for help; whole lines */
    mr_status (*run)(mr_call *call, mr_error *error);
    bool all_ranks; /* else rank 0 alone does it */
} mr_command;

/* Up to one whose name is NULL. */
extern const mr_command mr_commands[];
const mr_command *mr_command_find(const char *name);

/* One file each. */
mr_status mr_command_run(mr_call *call, mr_error *error);
mr_status mr_command_plan(mr_call *call, mr_error *error);
mr_status mr_command_apps(mr_call *call, mr_error *error);
mr_status mr_command_help(mr_call *call, mr_error *error);
mr_status mr_command_new(mr_call *call, mr_error *error);
mr_status mr_command_build(mr_call *call, mr_error *error);
mr_status mr_command_submit(mr_call *call, mr_error *error);
mr_status mr_command_doctor(mr_call *call, mr_error *error);
mr_status mr_command_replay(mr_call *call, mr_error *error);
mr_status mr_command_retry(mr_call *call, mr_error *error);
mr_status mr_command_report(mr_call *call, mr_error *error);

/*
 * Tells the user about an error, once and from rank 0; or from the one that ran out of memory before
 * the ranks had met. With MPI this must be done before it is
 * ended: the first rank that exits with a code makes the launcher kill the others.
 */
void mr_call_tell(mr_call *call, const mr_error *error);

/* Starts the program again, with threads that sleep rather than spin, where the node is crowded. */
void mr_call_patience(char **arguments);

/* Whether a text is --help or -h. */
bool mr_is_help(const char *text);

/* Runs an app, on all ranks: `call` holds its name and what stands behind it. `change` may alter
 * what was asked for; NULL: nothing is. */
typedef void mr_settings_change(mr_settings *settings, const void *context);
mr_status mr_call_run(mr_call *call, mr_settings_change *change, const void *context,
                      mr_error *error);

/* Pages of help. */
void mr_help_main(FILE *out);
void mr_help_command(FILE *out, const mr_command *command);
void mr_help_app(FILE *out, const mr_app *app, const char *called);

/* Finds what the user calls an app, compiles it if it is a source, loads and checks it. */
mr_status mr_app_open(mr_plugin **plugin, const mr_call *call, const char *called, mr_error *error);

#endif

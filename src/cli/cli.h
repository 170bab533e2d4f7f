/*
 * cli/cli.h: the mapred program as one function, so that all of it but main is in the library.
 */
#ifndef MR_CLI_CLI_H
#define MR_CLI_CLI_H

#include <mapred/version.h>

/* Returns the exit code. */
MR_API int mr_cli_main(int argc, char **argv);

#endif

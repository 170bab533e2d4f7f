/* cli/main.c: where the mapred program starts. All of it is in the library. */
#include "cli.h"

int main(int argc, char **argv)
{
    return mr_cli_main(argc, argv);
}

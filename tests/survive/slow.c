/* survive/slow.c: a kernel that takes a minute for what is a moment's work, and leaves a file to
 * say that it has begun. A line with s is one that it hangs on, one with x ends the process. */
#include <mapred.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void say_begun(void)
{
    char name[64];
    snprintf(name, sizeof name, "begun.%s",
             getenv("OMPI_COMM_WORLD_RANK") ? getenv("OMPI_COMM_WORLD_RANK") : "0");
    FILE *begun = fopen(name, "w");
    if (begun)
        fclose(begun);
}

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        say_begun();
        if (line.data[0] == 'x')
            exit(7);
        if (line.data[0] == 's')
            nanosleep(&(struct timespec){60, 0}, NULL);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        MR_TRY(mr_out_add_i64(out, line, 1));
    }
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "slow", .map = map, .fold = MR_SUM_I64};

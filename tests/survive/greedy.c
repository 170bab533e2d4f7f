/* survive/greedy.c: a kernel that takes a GiB for a line with x. */
#include <mapred.h>
#include <stdlib.h>
#include <string.h>

static mr_status map(mr_out *out, mr_block *block)
{
    (void)out;
    for (mr_bytes line; mr_block_next_line(block, &line);)
        for (size_t taken = 0; line.data[0] == 'x' && taken < (size_t)1 << 30; taken += 1 << 20)
            memset(malloc(1 << 20), 1, 1 << 20);
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "greedy", .map = map, .fold = MR_SUM_I64};

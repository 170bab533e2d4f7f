/* apps/lengths.c: for each first byte of a line, how long the lines are that begin with it. */
#include <mapred.h>

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        mr_bytes first = {line.data, line.size ? 1 : 0};
        MR_TRY(mr_out_add_i64(out, first, (int64_t)line.size));
    }
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "lengths",
    .summary = "count, shortest, mean and longest line by first byte",
    .input = MR_INPUT_LINES,
    .map = map,
    .fold = MR_STATS_I64,
    .key_name = "first",
};

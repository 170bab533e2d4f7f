/*
 * tests/survive/rows.c: counts rows of numbers, and adds up their first column. A row that begins
 * with a number below 0 is bad; one that begins with 666 raises SIGSEGV.
 */
#include <mapred.h>

#include <signal.h>

static mr_status map(mr_out *out, mr_block *block)
{
    static const char rows[16] = "rows", sum[16] = "sum"; /* keys are read in pieces of 16 bytes */
    for (const double *row; (row = mr_block_next_row(block));) {
        if (row[0] == 666)
            raise(SIGSEGV);
        if (row[0] < 0)
            return mr_out_bad(out, "below 0: %g", row[0]);
        MR_TRY(mr_out_add_i64(out, mr_bytes_of(rows), 1));
        MR_TRY(mr_out_add_i64(out, mr_bytes_of(sum), (int64_t)row[0]));
    }
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "rows",
    .summary = "count rows, some of which are bad",
    .input = MR_INPUT_ROWS,
    .element = MR_F64,
    .map = map,
    .fold = MR_SUM_I64,
};

/* last_letters.c: an app from outside the tree: how many words end in each byte. */
#include <mapred.h>

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        mr_bytes last = {word.data + word.size - 1, 1};
        MR_TRY(mr_out_add_i64(out, last, 1));
    }
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "last_letters",
    .summary = "count words by their last byte",
    .input = MR_INPUT_WORDS,
    .map = map,
    .fold = MR_SUM_I64,
};

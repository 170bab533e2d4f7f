/* apps/wordcount.c: how often each word occurs. Words are runs of bytes other than ASCII white
 * space. */
#include <mapred.h>

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes word; mr_block_next_word(block, &word);)
        MR_TRY(mr_out_add_i64(out, word, 1));
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "wordcount",
    .summary = "count the words of text files",
    .input = MR_INPUT_WORDS,
    .map = map,
    .fold = MR_SUM_I64,
    .key_name = "word",
    .columns = "count",
};

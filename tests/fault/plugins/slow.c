/*
 * tests/fault/plugins/slow.c: word count that takes its time: --wait microseconds for each block
 * that begins below byte --below of its file. It makes the file --sign when it begins.
 */
#include <mapred.h>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

typedef struct state {
    int64_t wait;
    uint64_t below;
    const char *sign;
} state;

static mr_status local_open(mr_out *out, void *local)
{
    const state *s = mr_out_state(out);
    (void)local;
    if (s->sign)
        close(open(s->sign, O_WRONLY | O_CREAT, 0666));
    return MR_OK;
}

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    struct timespec left = {s->wait / 1000000, s->wait % 1000000 * 1000};
    while (block->offset < s->below && nanosleep(&left, &left) != 0)
        ;
    for (mr_bytes word; mr_block_next_word(block, &word);)
        MR_TRY(mr_out_add_i64(out, word, 1));
    return MR_OK;
}

static const mr_option options[] = {
    {"wait", MR_OPTION_I64, offsetof(state, wait), "0", "microseconds a block", false},
    {"below", MR_OPTION_SIZE, offsetof(state, below), "1024G", "only before this byte", false},
    {"sign", MR_OPTION_TEXT, offsetof(state, sign), NULL, "a file that says it began", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "slow",
    .summary = "word count that takes its time",
    .input = MR_INPUT_WORDS,
    .map = map,
    .fold = MR_SUM_I64,
    .options = options,
    .state_size = sizeof(state),
    .local_open = local_open,
};

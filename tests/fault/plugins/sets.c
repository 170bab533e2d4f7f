/*
 * tests/fault/plugins/sets.c: word count by way of sets, with a long value for each word, so that
 * they are more than memory; a kernel goes wrong as it is told to, at a word or at once.
 */
#include <mapred.h>
#include <mapred/driver.h>

#include <signal.h>
#include <string.h>

typedef struct state {
    const char *how, *where, *word;
    int64_t at_rank, rank, size; /* of a value, in bytes */
} state;

static mr_status go_wrong(mr_out *out, const char *where, mr_bytes word)
{
    const state *s = mr_out_state(out);
    if (s->rank != s->at_rank || strcmp(s->where, where) != 0)
        return MR_OK;
    if (s->word && !mr_bytes_equal(word, mr_bytes_of(s->word)))
        return MR_OK;
    if (strcmp(s->how, "fail") == 0)
        return mr_out_fail(out, MR_BAD_INPUT, "bad word: %.*s", (int)word.size, word.data);
    if (strcmp(s->how, "kill") == 0)
        raise(SIGKILL);
    return MR_FAILED;
}

/* Bytes that do not shrink on the scratch disk. */
static void fill(uint64_t *bytes, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
        bytes[i] = seed ^ seed >> 29;
    }
}

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    uint64_t value[64];
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        MR_TRY(go_wrong(out, "map", word));
        fill(value, sizeof value / sizeof *value, (uint64_t)(uintptr_t)word.data);
        MR_TRY(mr_out_pair(out, word, mr_bytes_at(value, (size_t)s->size)));
    }
    return MR_OK;
}

static mr_status reduce(mr_out *out, mr_bytes key, mr_values *values)
{
    uint64_t count = 0;
    MR_TRY(go_wrong(out, "reduce", key));
    for (mr_bytes value; mr_values_next(values, &value);)
        count++;
    return mr_out_pair(out, key, MR_BYTES(count));
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    s->rank = mr_job_rank(job);
    mr_set *words = NULL, *counts = NULL, *sorted = NULL;
    mr_input_options input = {.records = MR_INPUT_WORDS};
    mr_set_options pairs = {.shape = {.key = MR_KEY_BYTES}};
    mr_set_options numbers = {.shape = {.value = MR_VALUE_U64}, .values = MR_VALUES_ANY};
    mr_sort_options by_value = {.by = MR_BY_VALUE, .consume = true};
    mr_status status = mr_set_from_input(job, &input, map, &pairs, &words);
    if (status == MR_OK)
        status = mr_set_reduce(words, reduce, &numbers, &counts);
    mr_set_destroy(&words);
    if (status == MR_OK)
        status = mr_set_sort(counts, &by_value, &sorted);
    mr_set_destroy(&counts);
    if (status == MR_OK)
        status = mr_set_write(sorted, &(mr_write_options){.consume = true});
    mr_set_destroy(&sorted);
    return status;
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "well", "how it goes wrong", false},
    {"where", MR_OPTION_TEXT, offsetof(state, where), "", "in which kernel", false},
    {"word", MR_OPTION_TEXT, offsetof(state, word), NULL, "at which word alone", false},
    {"rank", MR_OPTION_I64, offsetof(state, at_rank), "-1", "on which rank", false},
    {"size", MR_OPTION_I64, offsetof(state, size), "8", "of values: up to 512 bytes", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "sets",
    .summary = "word count by sets that goes wrong",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};

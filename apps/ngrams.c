/*
 * apps/ngrams.c: how often each run of n words occurs. A run lies within one line; its words are
 * shown with one blank between them, whatever white space the text has there.
 */
#include <mapred.h>

#include <stdlib.h>

#define LONGEST 1000

typedef struct state {
    int64_t n;
} state;

/* Of each thread: the line with single blanks, and where in it the last n words begin. */
typedef struct local {
    char *text;
    size_t capacity;
    size_t starts[LONGEST];
} local;

static mr_status reserve(mr_out *out, local *own, size_t size)
{
    if (size <= own->capacity)
        return MR_OK;
    free(own->text);
    own->capacity = 2 * size;
    own->text = malloc(own->capacity);
    if (own->text)
        return MR_OK;
    own->capacity = 0;
    return mr_out_fail(out, MR_NO_MEMORY, "out of memory: a line of %zu bytes", size);
}

static mr_status count_line(mr_out *out, local *own, size_t n, mr_bytes line)
{
    char *end = own->text;
    size_t words = 0, turn = 0;
    for (mr_bytes word; mr_bytes_next_word(&line, &word);) {
        own->starts[turn] = (size_t)(end - own->text);
        turn = turn + 1 < n ? turn + 1 : 0; /* of the word that is n - 1 before this one */
        memcpy(end, word.data, word.size);
        end += word.size;
        if (++words >= n)
            MR_TRY(mr_out_add_i64(out, mr_bytes_between(own->text + own->starts[turn], end), 1));
        *end++ = ' ';
    }
    return MR_OK;
}

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    local *own = mr_out_local(out);
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        MR_TRY(reserve(out, own, line.size + 1));
        MR_TRY(count_line(out, own, (size_t)s->n, line));
    }
    return MR_OK;
}

static void close_thread(mr_out *out, void *data)
{
    (void)out;
    free(((local *)data)->text);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->n < 1 || s->n > LONGEST)
        return mr_job_fail(job, MR_USAGE, "wrong --n: %lld: give 1 to %d", (long long)s->n,
                           LONGEST);
    return MR_OK;
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "2", "how many words make a run: 1 to 1000", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "ngrams",
    .summary = "count the runs of n words of text files",
    .input = MR_INPUT_LINES,
    .map = map,
    .fold = MR_SUM_I64,
    .key_name = "words",
    .columns = "count",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .local_size = sizeof(local),
    .local_close = close_thread,
};

/*
 * apps/invertedindex.c: for each word the files it occurs in, in the order of their names, and how
 * often (`word<TAB>file:count,file:count`) or, with --positions, at which bytes
 * (`word<TAB>file:offset,file:offset`). Words are runs of bytes other than ASCII white space.
 *
 * The list of a frequent word may be larger than memory, so it is never put together: a posting, of
 * a file and a number, is a pair of its own. One of each word is marked as the first of its list,
 * and a pair is added for its end: that is all one has to know to write each pair for itself.
 */
#include <mapred.h>

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

typedef struct state {
    bool positions;
} state;

/* In the order in which the pairs of a word have to stand. */
typedef enum turn { FIRST = 0, NEXT, END } turn;

/* As value of a pair: a tuple, in whose order postings stand. */
typedef struct posting {
    uint64_t turn;
    mr_bytes file;
    uint64_t number;
} posting;

#define ROOM (PATH_MAX + 64) /* for the name of a file */

static mr_status put_posting(mr_out *out, mr_bytes word, posting p)
{
    mr_tuple tuple;
    mr_tuple_begin(&tuple);
    mr_tuple_add_u64(&tuple, p.turn);
    mr_tuple_add_bytes(&tuple, p.file);
    mr_tuple_add_u64(&tuple, p.number);
    mr_status status = tuple.failed ? mr_out_fail(out, MR_NO_MEMORY, "out of memory: a posting")
                                    : mr_out_pair(out, word, mr_tuple_key(&tuple));
    mr_tuple_free(&tuple);
    return status;
}

static posting read_posting(mr_bytes value, char room[ROOM])
{
    posting p;
    mr_tuple_next_u64(&value, &p.turn);
    mr_tuple_next_bytes(&value, room, &p.file);
    mr_tuple_next_u64(&value, &p.number);
    return p;
}

/* With --positions, the input: word -> posting */
static mr_status list_words(mr_out *out, mr_block *block)
{
    posting p = {NEXT, mr_bytes_of(block->file), 0};
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        p.number = mr_block_offset_of(block, word.data);
        MR_TRY(put_posting(out, word, p));
    }
    return MR_OK;
}

/* Without, the input: word, newline, file -> count. A newline is in no word. */
static mr_status count_words(mr_out *out, mr_block *block)
{
    const size_t longest = (size_t)(block->end - block->at), file = strlen(block->file);
    char *room = malloc(longest + 1 + file);
    if (!room)
        return mr_out_fail(out, MR_NO_MEMORY, "out of memory: words of %zu bytes", longest);
    char *tail = room + longest, *end = tail + 1 + file;
    *tail = '\n';
    memcpy(tail + 1, block->file, file);
    mr_status status = MR_OK;
    for (mr_bytes word; status == MR_OK && mr_block_next_word(block, &word);) {
        memcpy(tail - word.size, word.data, word.size);
        status = mr_out_add_i64(out, mr_bytes_between(tail - word.size, end), 1);
    }
    free(room);
    return status;
}

/* And from there: word -> posting */
static mr_status list_counts(mr_out *out, mr_pairs *pairs)
{
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        mr_bytes file = pair.key, word;
        mr_bytes_next_field(&file, '\n', &word);
        const posting p = {NEXT, file, mr_value_u64(pair.value)};
        MR_TRY(put_posting(out, word, p));
    }
    return MR_OK;
}

/* The postings of a word, in order: one more, and the first one marked. */
static mr_status mark_ends(mr_out *out, mr_bytes word, mr_values *values)
{
    char room[ROOM];
    mr_bytes value;
    mr_values_next(values, &value);
    posting first = read_posting(value, room);
    first.turn = FIRST;
    MR_TRY(put_posting(out, word, first));
    while (mr_values_next(values, &value))
        MR_TRY(mr_out_pair(out, word, value));
    return put_posting(out, word, (posting){.turn = END});
}

static void add_escaped(mr_text *text, mr_bytes bytes)
{
    static const char plain[] = "\\\t\n\r", letters[] = "\\tnr";
    for (size_t i = 0; i < bytes.size; i++) {
        const char *hit = memchr(plain, bytes.data[i], sizeof plain - 1);
        if (hit)
            mr_text_add(text, "\\", 1);
        mr_text_add(text, hit ? &letters[hit - plain] : &bytes.data[i], 1);
    }
}

static void write_posting(void *context, mr_pair pair, mr_text *text)
{
    (void)context;
    char room[ROOM];
    const posting p = read_posting(pair.value, room);
    if (p.turn == END) {
        mr_text_add(text, "\n", 1);
        return;
    }
    if (p.turn == FIRST)
        add_escaped(text, pair.key);
    mr_text_add(text, p.turn == FIRST ? "\t" : ",", 1);
    add_escaped(text, p.file);
    mr_text_printf(text, ":%" PRIu64, p.number);
}

/* Postings with or without positions. */
static mr_status make_postings(mr_job *job, const mr_set_options *options, mr_set **postings)
{
    const state *s = mr_job_state(job);
    const mr_input_options input = {.records = MR_INPUT_WORDS};
    const mr_set_options folded = {.fold = MR_SUM_I64, .name = "counts"};
    if (s->positions)
        return mr_set_from_input(job, &input, list_words, options, postings);
    mr_set *counts = NULL;
    mr_status status = mr_set_from_input(job, &input, count_words, &folded, &counts);
    if (status == MR_OK)
        status = mr_set_map(counts, list_counts, options, postings);
    mr_set_destroy(&counts);
    return status;
}

static mr_status run(mr_job *job)
{
    const mr_set_options options = {.consume = true, .same_keys = true, .name = "postings"};
    const mr_write_options as_lists = {.text = write_posting, .consume = true};
    mr_set *postings = NULL, *marked = NULL;
    mr_status status = make_postings(job, &options, &postings);
    if (status == MR_OK)
        status = mr_set_reduce(postings, mark_ends, &options, &marked);
    mr_set_destroy(&postings);
    if (status == MR_OK)
        status = mr_set_write(marked, &as_lists);
    mr_set_destroy(&marked);
    return status;
}

static const mr_option options[] = {
    {"positions", MR_OPTION_FLAG, offsetof(state, positions), NULL,
     "list the bytes at which a word stands instead of how often it does", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "invertedindex",
    .summary = "for each word the files it is in, and how often or where",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};

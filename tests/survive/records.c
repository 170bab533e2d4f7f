/*
 * tests/survive/records.c: counts words, or pairs them up, of input with records that are bad and
 * records that kill. A record with `bad` in it is bad, one with `kill` raises SIGSEGV, one with
 * `die` raises SIGKILL, which nobody can tell of.
 */
#include <mapred.h>

#include <signal.h>
#include <string.h>

typedef struct state {
    bool silent, words, sized, reduce, late;
} state;

static bool has(mr_bytes record, const char *word)
{
    return memmem(record.data, record.size, word, strlen(word)) != NULL;
}

/* What is wrong with the record, if anything is. */
static mr_status look(mr_out *out, mr_bytes record)
{
    const state *s = mr_out_state(out);
    if (has(record, "kill"))
        raise(SIGSEGV);
    if (has(record, "die"))
        raise(SIGKILL);
    if (!has(record, "bad"))
        return MR_OK;
    return s->silent ? MR_BAD_RECORD
                     : mr_out_bad(out, "it says bad: '%.*s'", (int)record.size, record.data);
}

static bool next(const state *s, mr_block *block, mr_bytes *record)
{
    if (s->words)
        return mr_block_next_word(block, record);
    return s->sized ? mr_block_next_record(block, record) : mr_block_next_line(block, record);
}

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    for (mr_bytes record; next(s, block, &record);) {
        MR_TRY(look(out, record));
        if (s->reduce)
            MR_TRY(mr_out_pair(out, mr_bytes_at(record.data, record.size > 2 ? 2 : record.size),
                               record));
        else
            MR_TRY(mr_out_add_i64(out, record, 1));
    }
    return MR_OK;
}

/* The size of all values. */
static mr_status reduce(mr_out *out, mr_bytes key, mr_values *values)
{
    int64_t size = 0;
    const state *s = mr_out_state(out);
    for (mr_bytes value; mr_values_next(values, &value);)
        size += (int64_t)value.size;
    if (s->late)
        return mr_out_bad(out, "a bad key");
    return mr_out_pair(out, key, MR_BYTES(size));
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    mr_app *app = mr_job_app(job);
    if (s->words)
        app->input = MR_INPUT_WORDS;
    if (s->sized) {
        app->input = MR_INPUT_RECORDS;
        app->record_size = 8;
    }
    if (s->reduce) {
        app->fold = NULL;
        app->reduce = reduce;
        app->result = (mr_shape){.value = MR_VALUE_I64};
    }
    return MR_OK;
}

static const mr_option options[] = {
    {"silent", MR_OPTION_FLAG, offsetof(state, silent), NULL, "give no reason", false},
    {"words", MR_OPTION_FLAG, offsetof(state, words), NULL, "records are words", false},
    {"sized", MR_OPTION_FLAG, offsetof(state, sized), NULL, "records have 8 bytes", false},
    {"reduce", MR_OPTION_FLAG, offsetof(state, reduce), NULL, "put pairs, and reduce", false},
    {"late", MR_OPTION_FLAG, offsetof(state, late), NULL, "say it of a key", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "records",
    .summary = "count records, some of which are bad",
    .input = MR_INPUT_LINES,
    .map = map,
    .fold = MR_SUM_I64,
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
};

/*
 * apps/teragen.c: records to sort, laid out as gensort does: 100 bytes, of which the first 10 are
 * the key. A record depends on --seed and its number alone, so a file is the same for any number of
 * ranks. What is sorted and moved are the numbers of batches: records are made as they are written.
 */
#include <mapred.h>

#define KEY    10
#define RECORD 100
#define BATCH  100

typedef struct state {
    int64_t records, keys;
    bool ascii;
    uint64_t seed;
} state;

/* The number `turn` of the stream `seed`: each bit of it depends on all of both (splitmix64). */
static uint64_t draw(uint64_t seed, uint64_t turn)
{
    uint64_t n = seed + (turn + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static void put_digits(char *at, int count, uint64_t number)
{
    for (; count > 0; number >>= 4)
        at[--count] = "0123456789ABCDEF"[number & 15];
}

static void put_filler(char *at, int size, uint64_t number)
{
    for (int i = 0; i < size; i += 4, number >>= 4)
        memset(at + i, "0123456789ABCDEF"[number & 15], 4);
}

static void make_binary(char *record, uint64_t number, const uint64_t random[2])
{
    const mr_image key[] = {mr_image_of_u64(random[0]), mr_image_of_u64(random[1])};
    memcpy(record, key, KEY);
    memcpy(record + 10, "\x00\x11", 2);
    put_digits(record + 12, 32, number);
    memcpy(record + 44, "\x88\x99\xAA\xBB", 4);
    put_filler(record + 48, 48, random[1]);
    memcpy(record + 96, "\xCC\xDD\xEE\xFF", 4);
}

/* A line of printable characters, for programs that sort lines. */
static void make_ascii(char *record, uint64_t number, const uint64_t random[2])
{
    uint64_t rest[2] = {random[0], random[1]};
    for (int i = 0; i < KEY; i++) {
        uint64_t *from = &rest[i / 5];
        record[i] = (char)(' ' + *from % 95);
        *from /= 95;
    }
    memcpy(record + 10, "  ", 2);
    put_digits(record + 12, 32, number);
    memcpy(record + 44, "  ", 2);
    put_filler(record + 46, 52, random[1]);
    memcpy(record + 98, "\r\n", 2);
}

static void make_record(const state *s, uint64_t number, char *record)
{
    uint64_t key = s->keys ? draw(~s->seed, number) % (uint64_t)s->keys : number;
    const uint64_t random[2] = {draw(s->seed, 2 * key), draw(s->seed, 2 * key + 1)};
    if (s->ascii)
        make_ascii(record, number, random);
    else
        make_binary(record, number, random);
}

static void write_batch(void *context, mr_pair pair, mr_text *text)
{
    const state *s = context;
    uint64_t first = mr_key_u64(pair.key) * BATCH, end = first + BATCH;
    if (end > (uint64_t)s->records)
        end = (uint64_t)s->records;
    for (uint64_t number = first; number < end; number++) {
        char record[RECORD];
        make_record(s, number, record);
        mr_text_add(text, record, RECORD);
    }
}

static mr_status put_batches(mr_out *out, uint64_t begin, uint64_t end)
{
    for (uint64_t batch = begin; batch < end; batch++)
        MR_TRY(mr_out_pair_u64(out, batch, mr_bytes_at("", 0)));
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    s->seed = draw(0, mr_job_seed(job)); /* streams of neighbouring seeds are far apart */
    const uint64_t count = ((uint64_t)s->records + BATCH - 1) / BATCH;
    const mr_set_options numbers = {.shape = {.key = MR_KEY_U64, .value = MR_VALUE_NONE},
                                    .spread = MR_SPREAD_LOCAL,
                                    .name = "batches"};
    const mr_write_options as_records = {.text = write_batch, .context = s};
    mr_set *batches = NULL;
    mr_status status = mr_set_from_range(job, 0, count, put_batches, &numbers, &batches);
    if (status == MR_OK)
        status = mr_set_write(batches, &as_records);
    mr_set_destroy(&batches);
    return status;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->records < 0 || s->keys < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --%s: give 0 or more",
                           s->records < 0 ? "records" : "keys");
    return MR_OK;
}

static const mr_option options[] = {
    {"records", MR_OPTION_I64, offsetof(state, records), NULL, "how many", true},
    {"keys", MR_OPTION_I64, offsetof(state, keys), "0",
     "how many different keys there may be; 0: any number", false},
    {"ascii", MR_OPTION_FLAG, offsetof(state, ascii), NULL, "printable lines, as of gensort -a",
     false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "teragen",  .summary = "make records of 100 bytes to sort, by --seed",
    .usage = "",    .options = options, .state_size = sizeof(state),
    .setup = setup, .run = run,
};

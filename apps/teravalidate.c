/*
 * apps/teravalidate.c: whether records of 100 bytes stand in the order of their first 10: how many
 * they are and a checksum that does not depend on their order (the sum of all CRC-32, as
 * valsort's), or the number of the first one that is smaller than the one before it.
 *
 * Blocks are looked at in parallel. Each leaves its first and its last key at its two borders, and
 * where two blocks meet these are compared. What is left over are the borders of files: few enough
 * for one rank, which also turns places in files into numbers of records.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#define KEY    10
#define RECORD 100

/* What is known of a place between two records. */
typedef enum kind {
    BEGINS, /* a block begins here; with its first key */
    ENDS,   /* a block ends here; with its last key */
    FALLS   /* the record behind it is smaller than the one before it */
} kind;

typedef struct border {
    unsigned char kind, key[KEY];
} border;

typedef struct state {
    uint32_t crc[8][256];
    _Atomic int64_t low, high; /* sums of the lower and the upper 16 bits: they do not overflow */
} state;

/* Eight tables: a byte that is eight further on than another is looked up in the eighth. */
static void fill_tables(uint32_t crc[8][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        crc[0][i] = i;
        for (int bit = 0; bit < 8; bit++)
            crc[0][i] = crc[0][i] >> 1 ^ (crc[0][i] & 1 ? UINT32_C(0xedb88320) : 0);
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            crc[t][i] = crc[t - 1][i] >> 8 ^ crc[0][crc[t - 1][i] & 255];
}

static uint32_t checksum(const state *s, const char *data)
{
    const unsigned char *at = (const unsigned char *)data, *end = at + RECORD;
    uint32_t sum = ~UINT32_C(0);
    for (; end - at >= 8; at += 8) {
        uint32_t four = sum ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                               (uint32_t)at[3] << 24);
        sum = s->crc[7][four & 255] ^ s->crc[6][four >> 8 & 255] ^ s->crc[5][four >> 16 & 255] ^
              s->crc[4][four >> 24] ^ s->crc[3][at[4]] ^ s->crc[2][at[5]] ^ s->crc[1][at[6]] ^
              s->crc[0][at[7]];
    }
    for (; at < end; at++)
        sum = sum >> 8 ^ s->crc[0][(sum ^ *at) & 255];
    return ~sum;
}

/* A border, as key: the file, and the number of the record behind it. */
static mr_status put_border(mr_out *out, const mr_block *block, const char *at, kind what,
                            const char *key)
{
    const mr_image place[] = {mr_image_of_u64(block->file_index),
                              mr_image_of_u64(mr_block_offset_of(block, at) / RECORD)};
    border found = {.kind = (unsigned char)what};
    memcpy(found.key, key, KEY);
    return mr_out_pair(out, MR_BYTES(place), MR_BYTES(found));
}

static mr_status look_at_block(mr_out *out, mr_block *block)
{
    state *s = mr_out_context(out);
    const char *first = NULL, *last = NULL, *fall = NULL;
    int64_t low = 0, high = 0;
    for (mr_bytes record; mr_block_next_record(block, &record); last = record.data) {
        uint32_t sum = checksum(s, record.data);
        low += sum & 0xffff;
        high += sum >> 16;
        if (!last)
            first = record.data;
        else if (!fall && memcmp(last, record.data, KEY) > 0)
            fall = record.data;
    }
    if (!first)
        return MR_OK;
    atomic_fetch_add(&s->low, low);
    atomic_fetch_add(&s->high, high);
    if (fall)
        MR_TRY(put_border(out, block, fall, FALLS, fall));
    MR_TRY(put_border(out, block, first, BEGINS, first));
    return put_border(out, block, last + RECORD, ENDS, last);
}

/* Where two blocks meet, only a fall is worth keeping; the rest are ends of files. */
static mr_status compare_sides(mr_out *out, mr_bytes place, mr_values *values)
{
    border side[3];
    bool is_there[3] = {false};
    for (mr_bytes value; mr_values_next(values, &value);) {
        kind what = (unsigned char)value.data[0];
        memcpy(&side[what], value.data, sizeof side[what]);
        is_there[what] = true;
    }
    if (is_there[BEGINS] && is_there[ENDS]) {
        if (memcmp(side[ENDS].key, side[BEGINS].key, KEY) <= 0)
            return MR_OK;
        side[BEGINS].kind = FALLS;
        return mr_out_pair(out, place, MR_BYTES(side[BEGINS]));
    }
    for (kind what = BEGINS; what <= FALLS; what++)
        if (is_there[what])
            MR_TRY(mr_out_pair(out, place, MR_BYTES(side[what])));
    return MR_OK;
}

/* Goes through what is left, file by file. */
static bool find_fall(const mr_gathered *borders, uint64_t *count, uint64_t *fallen)
{
    border last = {.kind = BEGINS}; /* the last one of a file: ENDS */
    *count = 0;
    for (size_t i = 0; i < borders->count; i++) {
        border next;
        memcpy(&next, borders->pairs[i].value.data, sizeof next);
        *fallen = *count + mr_key_u64(mr_bytes_at(borders->pairs[i].key.data + 8, 8));
        if (next.kind == FALLS)
            return true;
        if (next.kind == BEGINS && last.kind == ENDS && memcmp(last.key, next.key, KEY) > 0)
            return true;
        if (next.kind == ENDS) {
            *count = *fallen;
            last = next;
        }
    }
    return false;
}

static mr_status judge(mr_job *job, mr_set *borders, uint64_t *count)
{
    mr_gathered all = {0};
    MR_TRY(mr_set_gather(borders, 0, &all));
    uint64_t number = 0;
    if (find_fall(&all, count, &number))
        mr_job_fail(job, MR_FAILED,
                    "not in order: record %" PRIu64
                    ", counted from 0 over all inputs: its key is smaller than the one before it",
                    number);
    mr_gathered_free(&all);
    return mr_job_agree(job);
}

static mr_status write_summary(mr_job *job, state *s, uint64_t count)
{
    int64_t sums[] = {s->low, s->high};
    mr_all_sum_i64(job, sums, 2);
    uint64_t low = (uint64_t)sums[0] + ((uint64_t)sums[1] << 16);
    uint64_t high = ((uint64_t)sums[1] >> 48) + (low < (uint64_t)sums[0]);
    char records[32], sum[40];
    snprintf(records, sizeof records, "%" PRIu64, count);
    int size = high ? snprintf(sum, sizeof sum, "%" PRIx64, high) : 0;
    snprintf(sum + size, sizeof sum - (size_t)size, high ? "%016" PRIx64 : "%" PRIx64, low);
    const mr_pair rows[] = {{mr_bytes_of("checksum"), mr_bytes_of(sum)},
                            {mr_bytes_of("records"), mr_bytes_of(records)}};
    const mr_set_options options = {.name = "summary"};
    mr_set *summary = NULL;
    mr_status status =
        mr_set_from_memory(job, rows, mr_job_rank(job) == 0 ? 2 : 0, &options, &summary);
    if (status == MR_OK)
        status = mr_set_write(summary, NULL);
    mr_set_destroy(&summary);
    return status;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_input_options input = {.records = MR_INPUT_RECORDS, .record_size = RECORD};
    const mr_set_options options = {
        .shape = {.key_size = 2 * sizeof(mr_image), .value_size = sizeof(border)},
        .values = MR_VALUES_ANY,
        .same_keys = true,
        .context = s,
        .name = "borders"};
    mr_set *borders = NULL, *left = NULL;
    uint64_t count = 0;
    fill_tables(s->crc);
    mr_status status = mr_set_from_input(job, &input, look_at_block, &options, &borders);
    if (status == MR_OK)
        status = mr_set_reduce(borders, compare_sides, &options, &left);
    mr_set_destroy(&borders);
    if (status == MR_OK)
        status = judge(job, left, &count);
    mr_set_destroy(&left);
    return status == MR_OK ? write_summary(job, s, count) : status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "teravalidate",
    .summary = "check that records of 100 bytes are sorted by their first 10",
    .state_size = sizeof(state),
    .run = run,
};

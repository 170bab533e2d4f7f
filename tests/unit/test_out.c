/*
 * test_out.c: threads' tables in front of a store: whatever the kernel adds, in whatever order and
 * from whichever thread, the store holds the same in the end as a plain array of counts.
 */
#include "engine/out.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS 60000

/* Keys of all sizes around the inline limit, numbered. */
static mr_bytes key_of(unsigned number, char *buffer)
{
    static const char *const before[] = {"", "k", "prefix-of-14-b", "a prefix of exactly 24 b"};
    int size = snprintf(buffer, 64, "%s%u", before[number % 4], number / 4);
    return (mr_bytes){buffer, (size_t)size};
}

typedef struct run {
    mr_store *store;
    const mr_app *app;
    uint64_t cache, most;
    int thread, threads;
    unsigned distinct, count;
    uint64_t *counts;
    mr_status status;
} run;

static void *work(void *argument)
{
    run *r = argument;
    mr_error error = {0};
    mr_out_self *self;
    uint64_t random = (uint64_t)r->thread + 1;
    r->status =
        mr_out_create(&self, r->app, r->store, r->cache, r->most, r->thread, r->threads, &error);
    for (unsigned i = 0; i < r->count && r->status == MR_OK; i++) {
        char buffer[64];
        unsigned number = (unsigned)random_below(&random, r->distinct);
        int64_t value = 1 + (int64_t)random_below(&random, 3);
        mr_bytes key = key_of(number, buffer);
        r->counts[number] += (uint64_t)value;
        if (i % 3) {
            r->status = mr_out_add_i64(&self->out, key, value);
        } else {
            int64_t *sum = mr_out_slot(&self->out, key);
            if (sum)
                *sum += value;
            else
                r->status = mr_out_status(&self->out);
        }
    }
    if (r->status == MR_OK)
        r->status = mr_out_flush(self);
    mr_out_destroy(&self);
    return NULL;
}

static uint64_t value_in(const mr_store *store, mr_bytes key, unsigned *found)
{
    uint64_t hash = mr_key_hash_bytes(key), value = 0;
    const mr_partition *partition = &store->partitions[mr_store_partition_of(store, hash)];
    for (size_t at = 0; at < partition->used;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        if (record->check == mr_store_check_of(store, hash) &&
            mr_bytes_equal(mr_record_key_bytes(record), key)) {
            memcpy(&value, mr_record_value(record), sizeof value);
            ++*found;
        }
        at += mr_record_size(record, store->value);
    }
    return value;
}

static void check_run(uint64_t cache, uint64_t most, unsigned distinct, unsigned count, int threads)
{
    static const mr_app app = {MR_APP_ABI, .name = "test", .fold = MR_SUM_I64};
    mr_error error = {0};
    mr_store *store;
    pthread_t handles[4];
    run runs[4];
    CU_ASSERT_EQUAL_FATAL(mr_store_create(&store, MR_SUM_I64, 6, &error), MR_OK);
    for (int t = 0; t < threads; t++) {
        runs[t] = (run){store,    &app,  cache,
                        most,     t,     threads,
                        distinct, count, calloc(distinct, sizeof(uint64_t)),
                        MR_OK};
        pthread_create(&handles[t], NULL, work, &runs[t]);
    }
    for (int t = 0; t < threads; t++) {
        pthread_join(handles[t], NULL);
        CU_ASSERT_EQUAL(runs[t].status, MR_OK);
    }
    uint64_t keys = 0, wrong = 0, twice = 0;
    for (unsigned number = 0; number < distinct; number++) {
        char buffer[64] = {0};
        unsigned found = 0;
        uint64_t expected = 0;
        for (int t = 0; t < threads; t++)
            expected += runs[t].counts[number];
        keys += expected > 0;
        if (distinct <= 4000 || number % 97 == 0)
            wrong += value_in(store, key_of(number, buffer), &found) != expected;
        twice += found > 1;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(twice, 0);
    CU_ASSERT_EQUAL(mr_store_keys(store), keys);
    for (int t = 0; t < threads; t++)
        free(runs[t].counts);
    mr_store_destroy(&store);
}

static void test_small_table(void)
{
    check_run(1 << 16, 1 << 16, 100, 100000, 1);
    check_run(1 << 16, 1 << 16, 100, 100000, 4);
}

/* A table at its bound: new keys go through the log, and the table learns anew at last. */
static void test_full_table(void)
{
    check_run(1 << 16, 1 << 16, 4000, 300000, 1);
    check_run(1 << 16, 1 << 16, KEYS, 900000, 2);
}

static void test_growing_table(void)
{
    check_run(1 << 12, 4 << 20, KEYS, 400000, 1);
    check_run(1 << 12, 8 << 20, KEYS, 400000, 3);
}

/* Keys whose bytes differ in sizes and zeros alone are different keys. */
static void test_likely_twins(void)
{
    static const mr_app app = {MR_APP_ABI, .name = "test", .fold = MR_SUM_I64};
    mr_error error = {0};
    mr_store *store;
    mr_out_self *self;
    char zeros[64] = {0};
    CU_ASSERT_EQUAL_FATAL(mr_store_create(&store, MR_SUM_I64, 6, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(mr_out_create(&self, &app, store, 1 << 16, 1 << 16, 0, 1, &error), MR_OK);
    for (size_t size = 0; size <= 40; size++)
        for (int i = 0; i < 3; i++)
            CU_ASSERT_EQUAL(mr_out_add_i64(&self->out, (mr_bytes){zeros, size}, (int64_t)size),
                            MR_OK);
    CU_ASSERT_EQUAL(mr_out_flush(self), MR_OK);
    CU_ASSERT_EQUAL(mr_store_keys(store), 41);
    for (size_t size = 0; size <= 40; size++) {
        unsigned found = 0;
        CU_ASSERT_EQUAL(value_in(store, (mr_bytes){zeros, size}, &found), 3 * size);
        CU_ASSERT_EQUAL(found, 1);
    }
    mr_out_destroy(&self);
    mr_store_destroy(&store);
}

/* A kernel of a dense job that asks for keys is told so, and not sent to address 0. */
static void test_keys_of_dense_job(void)
{
    static const mr_app app = {MR_APP_ABI, .name = "test", .fold = MR_SUM_I64, .key = MR_KEY_DENSE,
                               .dense_count = 4};
    mr_error error = {0};
    mr_store *store;
    mr_out_self *self;
    mr_bytes keys[] = {mr_bytes_of(""), mr_bytes_of("short"),
                       mr_bytes_of("longer than a slot holds")};
    CU_ASSERT_EQUAL_FATAL(mr_store_create(&store, MR_SUM_I64, 6, &error), MR_OK);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(mr_out_create(&self, &app, store, 1 << 16, 1 << 16, 0, 1, &error),
                              MR_OK);
        int64_t accumulators[4] = {0};
        mr_out_set_dense(self, accumulators);
        CU_ASSERT_EQUAL(mr_out_dense_add_i64(&self->out, 3, 1), MR_OK);
        CU_ASSERT_EQUAL(accumulators[3], 1);
        CU_ASSERT_PTR_NULL(mr_out_slot(&self->out, keys[i]));
        CU_ASSERT_EQUAL(mr_out_status(&self->out), MR_BAD_PLUGIN);
        CU_ASSERT_EQUAL(mr_out_add_i64(&self->out, keys[i], 1), MR_BAD_PLUGIN);
        CU_ASSERT_EQUAL(mr_out_int_add_i64(&self->out, 7, 1), MR_BAD_PLUGIN);
        mr_out_destroy(&self);
    }
    CU_ASSERT_EQUAL(mr_store_keys(store), 0);
    mr_store_destroy(&store);
}

/* Hashes choose partitions, slots and ranks: they must spread keys that are close to each other. */
static void test_hash_spreads(void)
{
    enum { BINS = 64, EACH = 1000 };
    for (int kind = 0; kind < 4; kind++) {
        unsigned top[BINS] = {0}, middle[BINS] = {0}, worst = 0;
        for (unsigned i = 0; i < BINS * EACH; i++) {
            char text[64];
            snprintf(text, sizeof text, kind == 1 ? "%u" : kind == 2 ? "same%08u" : "%024u", i);
            uint64_t hash = kind == 0 ? mr_key_hash(mr_key_of_i64((int64_t)i))
                                      : mr_key_hash_bytes(mr_bytes_of(text));
            top[hash >> 58]++;
            middle[hash >> 26 & (BINS - 1)]++;
        }
        for (int bin = 0; bin < BINS; bin++) {
            worst = top[bin] > worst ? top[bin] : worst;
            worst = middle[bin] > worst ? middle[bin] : worst;
        }
        CU_ASSERT(worst < EACH * 5 / 4);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("out", NULL, NULL);
    CU_add_test(suite, "a table that holds all keys", test_small_table);
    CU_add_test(suite, "a table that is full", test_full_table);
    CU_add_test(suite, "a table that grows", test_growing_table);
    CU_add_test(suite, "keys that differ in zeros", test_likely_twins);
    CU_add_test(suite, "keys in a dense job", test_keys_of_dense_job);
    CU_add_test(suite, "hashes spread", test_hash_spreads);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

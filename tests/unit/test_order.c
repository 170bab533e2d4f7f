/* test_order.c: orders, sorting and ranges, against qsort with whole comparisons. */
#include "random.h"
#include "store/order.h"
#include "store/splitters.h"
#include "store/store.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

/* How keys of a test are made. */
typedef enum shape { RANDOM, SHARED_16, SHARED_64, ZEROS, NESTED, FEW_BYTES, SHAPES } shape;

static mr_bytes make_key(uint64_t *random, shape kind, char *buffer)
{
    size_t size = random_below(random, 40), start = 0;
    if (kind == NESTED || kind == ZEROS)
        size = random_below(random, 300);
    if (kind == SHARED_16)
        start = 16;
    if (kind == SHARED_64)
        start = 64;
    memset(buffer, kind == ZEROS ? 0 : 'a', start + size);
    for (size_t i = start; i < start + size; i++) {
        if (kind == RANDOM || kind == SHARED_16 || kind == SHARED_64)
            buffer[i] = (char)random_below(random, 256);
        if (kind == FEW_BYTES)
            buffer[i] = (char)('a' + random_below(random, 2));
    }
    return (mr_bytes){buffer, start + size};
}

static mr_store *make_store(uint64_t *random, shape kind, size_t count, const mr_fold *fold)
{
    mr_error error = {0};
    mr_store *store = NULL;
    char buffer[512];
    CU_ASSERT_EQUAL_FATAL(mr_store_create(&store, fold, 6, &error), MR_OK);
    for (size_t i = 0; i < count; i++) {
        mr_bytes key = make_key(random, kind, buffer);
        unsigned char padded[512 + 8] = {0};
        memcpy(padded, key.data, key.size);
        int64_t value = (int64_t)random_below(random, 7) - 3;
        uint64_t hash = mr_key_hash_bytes((mr_bytes){(const char *)padded, key.size});
        mr_entry entry = {padded, &value, (uint32_t)key.size, mr_store_check_of(store, hash)};
        mr_partition *partition = &store->partitions[mr_store_partition_of(store, hash)];
        CU_ASSERT_EQUAL_FATAL(mr_store_fold(store, partition, &entry, 1, &error), MR_OK);
    }
    return store;
}

static size_t all_refs(const mr_store *store, const mr_order *order, mr_ref *refs)
{
    size_t count = 0;
    for (unsigned p = 0; p < store->count; p++) {
        const mr_partition *partition = &store->partitions[p];
        for (size_t at = 0; at < partition->used;) {
            const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
            refs[count++] = (mr_ref){mr_order_prefix(order, record), record};
            at += mr_record_size(record, store->value);
        }
    }
    return count;
}

/* The same accumulators, shown as numbers without a sign. */
static void show_u64(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    mr_row_add_u64(row, *(const uint64_t *)accumulator);
}

static const mr_fold as_u64 = {.name = "u64", .size = 8, .show = show_u64};

/* What the order means, said as plainly as possible. */
static int oracle(const void *a, const void *b, void *context)
{
    const mr_order *order = context;
    const mr_record *x = ((const mr_ref *)a)->record, *y = ((const mr_ref *)b)->record;
    int keys = mr_bytes_compare(mr_record_key_bytes(x), mr_record_key_bytes(y));
    if (order->sort == MR_SORT_KEY)
        return order->reverse ? -keys : keys;
    int64_t v = *(const int64_t *)mr_record_value(x), w = *(const int64_t *)mr_record_value(y);
    int values = (v > w) - (v < w);
    if (order->fold == &as_u64)
        values = ((uint64_t)v > (uint64_t)w) - ((uint64_t)v < (uint64_t)w);
    return values ? (order->reverse ? -values : values) : keys;
}

static void check_sort(const mr_store *store, const mr_order *order)
{
    size_t most = mr_store_keys(store) + 1;
    mr_ref *refs = calloc(most, sizeof *refs), *sorted = calloc(most, sizeof *sorted);
    mr_ref *scratch = calloc(most, sizeof *scratch);
    size_t count = all_refs(store, order, refs);
    memcpy(sorted, refs, count * sizeof *refs);
    mr_order_sort(order, sorted, scratch, count);
    qsort_r(refs, count, sizeof *refs, oracle, (void *)(uintptr_t)order);
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += refs[i].record != sorted[i].record;
    CU_ASSERT_EQUAL(wrong, 0);
    free(refs);
    free(sorted);
    free(scratch);
}

static void test_sort(void)
{
    uint64_t random = 7;
    for (int kind = 0; kind < SHAPES; kind++)
        for (size_t count = 1; count < 20000; count = count * 5 + 3) {
            mr_store *store = make_store(&random, (shape)kind, count, MR_SUM_I64);
            for (int way = 0; way < 4; way++) {
                mr_order order = {way & 1 ? MR_SORT_VALUE : MR_SORT_KEY, way & 2, MR_SUM_I64};
                check_sort(store, &order);
                order.fold = &as_u64;
                check_sort(store, &order);
            }
            mr_store_destroy(&store);
        }
}

/* Ranges must follow the order: no record of a range comes behind one of the next. */
static void check_ranges(const mr_store *store, const mr_order *order, size_t parts)
{
    mr_error error = {0};
    mr_sample all = {0}, picked = {0};
    mr_splitters splitters;
    size_t most = mr_store_keys(store) + 1;
    mr_ref *refs = calloc(most, sizeof *refs);
    size_t count = all_refs(store, order, refs), last = 0, backwards = 0;
    CU_ASSERT_EQUAL_FATAL(mr_sample_take(&all, store, order, parts * 16, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(mr_sample_pick(order, all.bytes, all.size, parts, &picked, &error),
                          MR_OK);
    CU_ASSERT_EQUAL_FATAL(mr_splitters_create(&splitters, order, picked.bytes, picked.size, &error),
                          MR_OK);
    CU_ASSERT(splitters.count < parts);
    qsort_r(refs, count, sizeof *refs, oracle, (void *)(uintptr_t)order);
    size_t *sizes = calloc(parts, sizeof *sizes), largest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t range = mr_splitters_find(&splitters, refs[i]);
        backwards += range < last || range >= parts;
        last = range;
        if (range < parts && ++sizes[range] > largest)
            largest = sizes[range];
    }
    CU_ASSERT_EQUAL(backwards, 0);
    /* Keys are distinct: no shape of theirs may put everything into one range. */
    if (count > 1000 && order->sort == MR_SORT_KEY)
        CU_ASSERT(largest < count * 4 / parts);
    free(sizes);
    free(refs);
    mr_splitters_destroy(&splitters);
    mr_sample_free(&all);
    mr_sample_free(&picked);
}

static void test_ranges(void)
{
    uint64_t random = 11;
    for (int kind = 0; kind < SHAPES; kind++) {
        mr_store *store = make_store(&random, (shape)kind, 4000, MR_SUM_I64);
        for (int way = 0; way < 4; way++)
            for (size_t parts = 1; parts < 40; parts = parts * 3 + 1) {
                mr_order order = {way & 1 ? MR_SORT_VALUE : MR_SORT_KEY, way & 2, MR_SUM_I64};
                check_ranges(store, &order, parts);
            }
        mr_store_destroy(&store);
    }
}

/* Long keys that differ late: samples cut them, and the order must not suffer. */
static void test_long_keys(void)
{
    mr_error error = {0};
    mr_store *store = NULL;
    size_t size = 5000;
    char *key = calloc(1, size + 16);
    memset(key, 'k', size);
    CU_ASSERT_EQUAL_FATAL(mr_store_create(&store, MR_SUM_I64, 6, &error), MR_OK);
    for (int i = 0; i < 300; i++) {
        int64_t value = 1;
        key[size - 2] = (char)('a' + i / 20);
        key[size - 1] = (char)('a' + i % 20);
        uint64_t hash = mr_key_hash_bytes((mr_bytes){key, size});
        mr_entry entry = {key, &value, (uint32_t)size, mr_store_check_of(store, hash)};
        mr_partition *partition = &store->partitions[mr_store_partition_of(store, hash)];
        CU_ASSERT_EQUAL(mr_store_fold(store, partition, &entry, 1, &error), MR_OK);
    }
    CU_ASSERT_EQUAL(mr_store_keys(store), 300);
    mr_order order = {MR_SORT_KEY, false, MR_SUM_I64};
    check_sort(store, &order);
    check_ranges(store, &order, 8);
    mr_store_destroy(&store);
    free(key);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order", NULL, NULL);
    CU_add_test(suite, "sorting is what whole comparisons say", test_sort);
    CU_add_test(suite, "ranges follow the order and are balanced", test_ranges);
    CU_add_test(suite, "keys that differ late", test_long_keys);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

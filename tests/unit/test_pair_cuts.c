/* test_pair_cuts.c: ranges follow the order, are of the same size, and are the same elsewhere. */
#include "base/memory.h"
#include "pairs_help.h"
#include "store/pair_cuts.h"

static void offer_all(mr_pair_sample *sample, const pile *made)
{
    mr_error error = {0};
    mr_status status = MR_OK;
    for (size_t i = 0; i < made->count && status == MR_OK; i++)
        status = mr_pair_sample_offer(sample, made->pairs[i], &error);
    CU_ASSERT_EQUAL_FATAL(status, MR_OK);
}

/* To another rank and back. */
static void send_sample(mr_pair_sample *sample)
{
    mr_error error = {0};
    void *bytes;
    size_t size;
    CU_ASSERT_EQUAL_FATAL(mr_pair_sample_pack(sample, &bytes, &size, &error), MR_OK);
    mr_pair_sample_free(sample);
    CU_ASSERT_EQUAL_FATAL(mr_pair_sample_unpack(sample, bytes, size, &error), MR_OK);
    free(bytes);
}

static void send_cuts(mr_pair_cuts *cuts, const mr_pair_order *order)
{
    mr_error error = {0};
    mr_pair_cuts cut_off;
    void *bytes;
    size_t size;
    CU_ASSERT_EQUAL_FATAL(mr_pair_cuts_pack(cuts, &bytes, &size, &error), MR_OK);
    mr_pair_cuts_free(cuts);
    CU_ASSERT_EQUAL_FATAL(mr_pair_cuts_unpack(cuts, order, bytes, size, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_pair_cuts_unpack(&cut_off, order, bytes, size - 1, &error), MR_FAILED);
    free(bytes);
}

static mr_pair_cuts cut(const mr_pair_order *order, const pile *made, size_t most, size_t ranges,
                        bool whole)
{
    mr_error error = {0};
    mr_pair_sample sample;
    mr_pair_cuts cuts;
    mr_pair_sample_start(&sample, order, most);
    offer_all(&sample, made);
    CU_ASSERT(sample.count <= most);
    send_sample(&sample);
    CU_ASSERT_EQUAL_FATAL(mr_pair_cuts_create(&cuts, order, &sample, ranges, whole, &error), MR_OK);
    mr_pair_sample_free(&sample);
    send_cuts(&cuts, order);
    CU_ASSERT(cuts.count < ranges);
    return cuts;
}

/* Pairs in naive order must be in ranges that go up, and those of one key in one range if they are
 * to be whole. */
static void check_ranges(const mr_pair_order *order, const pile *made, size_t ranges, bool whole)
{
    mr_pair_cuts cuts = cut(order, made, 200, ranges, whole);
    mr_pair_order alone = *order;
    mr_pair_ref *refs = calloc(made->count + 1, sizeof *refs);
    size_t *found = calloc(made->count + 1, sizeof *found);
    size_t wrong = 0, divided = 0, highest = 0, same = 0;
    uint64_t turn = 0;
    alone.ties = MR_TIES_NONE;
    for (size_t i = 0; i < made->count; i++)
        refs[i].pair = made->pairs[i];
    qsort_r(refs, made->count, sizeof *refs, naive_refs, (void *)(uintptr_t)order);
    for (size_t i = 0; i < made->count; i++) {
        found[i] = mr_pair_cuts_find(&cuts, refs[i].pair, &turn);
        wrong += found[i] > cuts.count;
        bool equal = i > 0 && naive_compare(order, refs[i - 1].pair, refs[i].pair) == 0;
        same = equal ? same : highest;
        wrong += found[i] < same;
        highest = found[i] > highest ? found[i] : highest;
        divided += whole && i > 0 && found[i] != found[i - 1] &&
                   naive_compare(&alone, refs[i - 1].pair, refs[i].pair) == 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(divided, 0);
    free(refs);
    free(found);
    mr_pair_cuts_free(&cuts);
}

static void test_ranges(void)
{
    uint64_t random = 11;
    for (int round = 0; round < 3; round++)
        for (int keys = 0; keys < TASTES; keys++)
            for (int values = 0; values < TASTES; values++) {
                mr_shape shape = some_shape(&random);
                bool places = random_below(&random, 2);
                pile made = pile_make(&random, shape, places, (taste)keys, (taste)values, 300);
                mr_pair_order order = {.layout = made.layout, .value = shape.value};
                for (unsigned turn = 0; next_order(&order, &turn);)
                    check_ranges(&order, &made, 1 + random_below(&random, 40),
                                 random_below(&random, 2));
                pile_free(&made);
            }
}

/* No pairs, no cuts: all of them are in range 0. */
static void test_empty(void)
{
    mr_shape shape = {.key = MR_KEY_U64, .value = MR_VALUE_U64};
    uint64_t random = 1, turn = 0;
    pile none = pile_make(&random, shape, false, TASTE_RANDOM, TASTE_RANDOM, 0);
    pile one = pile_make(&random, shape, false, TASTE_RANDOM, TASTE_RANDOM, 1);
    mr_pair_order order = {.layout = none.layout, .value = shape.value};
    mr_pair_cuts cuts = cut(&order, &none, 100, 16, false);
    CU_ASSERT_EQUAL(cuts.count, 0);
    CU_ASSERT_EQUAL(mr_pair_cuts_find(&cuts, one.pairs[0], &turn), 0);
    mr_pair_cuts_free(&cuts);
    pile_free(&none);
    pile_free(&one);
}

/* With every budget that is too small, making cuts fails, and leaves nothing behind. */
static void test_no_memory(void)
{
    uint64_t random = 31, used = mr_memory_used(), budget = 0;
    mr_shape shape = {.key = MR_KEY_BYTES, .value = MR_VALUE_U64};
    pile made = pile_make(&random, shape, false, TASTE_FEW, TASTE_FEW, 500);
    mr_pair_order order = {.layout = made.layout, .value = shape.value, .ties = MR_TIES_VALUE};
    mr_status status = MR_NO_MEMORY;
    size_t failed = 0;
    for (; status != MR_OK; failed++) {
        mr_error error = {0};
        mr_pair_sample sample;
        mr_pair_cuts cuts;
        mr_memory_set_budget(budget += 700);
        mr_pair_sample_start(&sample, &order, 400);
        status = MR_OK;
        for (size_t i = 0; i < made.count && status == MR_OK; i++)
            status = mr_pair_sample_offer(&sample, made.pairs[i], &error);
        if (status == MR_OK &&
            (status = mr_pair_cuts_create(&cuts, &order, &sample, 100, false, &error)) == MR_OK)
            mr_pair_cuts_free(&cuts);
        mr_pair_sample_free(&sample);
        CU_ASSERT_EQUAL(error.code, status);
        CU_ASSERT_EQUAL(mr_memory_used(), used);
    }
    CU_ASSERT(failed > 20);
    mr_memory_set_budget(0);
    pile_free(&made);
}

/* How keys come in tests of balance. */
typedef enum crowd {
    CROWD_RANDOM,
    CROWD_SAME,
    CROWD_TWO,
    CROWD_SORTED,
    CROWD_REVERSED,
    CROWD_ZIPF,
    CROWD_CYCLE, /* as often as a stride of samples */
    CROWDS
} crowd;

static uint64_t crowd_key(uint64_t *random, crowd how, size_t i)
{
    switch (how) {
    case CROWD_SAME:
        return 7;
    case CROWD_TWO:
        return random_below(random, 2);
    case CROWD_SORTED:
        return i;
    case CROWD_REVERSED:
        return ~(uint64_t)i;
    case CROWD_ZIPF:
        return (uint64_t)exp((double)random_below(random, 1 << 20) / (1 << 20) * 13.0);
    case CROWD_CYCLE:
        return i % 64;
    default:
        return random_next(random);
    }
}

static pile make_crowd(uint64_t *random, crowd how, bool same_values, size_t count)
{
    mr_shape shape = {.key = MR_KEY_U64, .value = MR_VALUE_U64};
    pile made = {.shape = shape, .layout = mr_pair_layout_of(&shape, false), .count = count};
    made.bytes = malloc(count * 16);
    made.pairs = malloc(count * sizeof *made.pairs);
    for (size_t i = 0; i < count; i++) {
        mr_image key = mr_image_of_u64(crowd_key(random, how, i));
        uint64_t value = same_values ? 3 : random_next(random);
        made.pairs[i] = made.bytes + 16 * i;
        mr_pair_put(&made.layout, made.bytes + 16 * i, MR_BYTES(key), MR_BYTES(value), 0);
    }
    return made;
}

/* The most pairs of a range over the mean. */
static double balance(const mr_pair_cuts *cuts, const pile *made, size_t ranges)
{
    size_t *sizes = calloc(ranges, sizeof *sizes), largest = 0;
    uint64_t turn = 0;
    for (size_t i = 0; i < made->count; i++) {
        size_t range = mr_pair_cuts_find(cuts, made->pairs[i], &turn);
        if (++sizes[range] > largest)
            largest = sizes[range];
    }
    free(sizes);
    return (double)largest * (double)ranges / (double)made->count;
}

static void check_balance(const mr_pair_order *order, const pile *made, size_t ranges)
{
    mr_pair_cuts cuts = cut(order, made, 256 * ranges, ranges, false);
    double largest = balance(&cuts, made, ranges);
    CU_ASSERT_EQUAL(cuts.count, ranges - 1);
    CU_ASSERT(largest <= 1.5);
    if (largest > 1.5)
        printf("\n  %g at %zu ranges, by %d, ties %d\n", largest, ranges, (int)order->by,
               (int)order->ties);
    mr_pair_cuts_free(&cuts);
}

static void test_balance(void)
{
    uint64_t random = 13;
    for (int how = 0; how < CROWDS; how++)
        for (int same = 0; same < 2; same++) {
            pile made = make_crowd(&random, (crowd)how, same, 200000);
            mr_pair_order order = {.layout = made.layout, .value = MR_VALUE_U64};
            for (int way = 0; way < 8; way++) {
                order.by = way & 1 ? MR_BY_VALUE : MR_BY_KEY;
                order.descending = way & 2;
                order.ties = way & 4 ? MR_TIES_KEY_VALUE : MR_TIES_NONE;
                check_balance(&order, &made, way & 1 ? 256 : 16);
                check_balance(&order, &made, way & 1 ? 16 : 256);
            }
            pile_free(&made);
        }
}

/* Many keys, a few of them with a tenth of all pairs: those are alone, the others even. */
static void test_whole_keys(void)
{
    uint64_t random = 17;
    enum { RANGES = 32 };
    pile made = make_crowd(&random, CROWD_RANDOM, false, 200000);
    for (size_t i = 0; i < made.count; i++)
        if (random_below(&random, 10) < 3) {
            mr_image key = mr_image_of_u64(random_below(&random, 3) << 62);
            memcpy(made.bytes + 16 * i, &key, 8);
        }
    mr_pair_order order = {.layout = made.layout, .value = MR_VALUE_U64};
    mr_pair_cuts cuts = cut(&order, &made, 256 * RANGES, RANGES, true);
    CU_ASSERT(balance(&cuts, &made, RANGES) < 0.12 * RANGES);
    CU_ASSERT(cuts.count > RANGES - 5);
    mr_pair_cuts_free(&cuts);
    pile_free(&made);
}

/* Samples of ranks with much and with little make one in which all pairs count the same. */
static void test_merge(void)
{
    enum { RANKS = 12, RANGES = 16 };
    static const size_t counts[] = {0, 1, 1000, 100000, 40};
    uint64_t random = 19;
    mr_error error = {0};
    pile all = make_crowd(&random, CROWD_SORTED, true, 400000), part = all;
    mr_pair_order order = {.layout = all.layout, .value = MR_VALUE_U64};
    mr_pair_sample sample;
    size_t at = 0;
    mr_pair_sample_start(&sample, &order, 256 * RANGES);
    for (size_t rank = 0; rank < RANKS; rank++) {
        mr_pair_sample here;
        part.count = rank + 1 == RANKS ? all.count - at : counts[rank % 5];
        part.pairs = all.pairs + at;
        at += part.count;
        mr_pair_sample_start(&here, &order, 256 * RANGES);
        offer_all(&here, &part);
        send_sample(&here);
        CU_ASSERT_EQUAL_FATAL(mr_pair_sample_merge(&sample, &here, &error), MR_OK);
        mr_pair_sample_free(&here);
    }
    CU_ASSERT(sample.count <= 256 * RANGES && sample.count > 64 * RANGES);
    mr_pair_cuts cuts;
    CU_ASSERT_EQUAL_FATAL(mr_pair_cuts_create(&cuts, &order, &sample, RANGES, false, &error),
                          MR_OK);
    mr_pair_sample_free(&sample);
    CU_ASSERT(balance(&cuts, &all, RANGES) <= 1.5);
    mr_pair_cuts_free(&cuts);
    pile_free(&all);
}

/* Long pairs make small samples, and very long ones are cut off: ranges still follow the order. */
static void test_long_pairs(void)
{
    enum { COUNT = 600, LONGEST = 20000 };
    mr_shape shape = {.key = MR_KEY_BYTES, .value = MR_VALUE_BYTES};
    pile made = {.shape = shape, .layout = mr_pair_layout_of(&shape, false), .count = COUNT};
    mr_pair_order order = {.layout = made.layout, .value = MR_VALUE_BYTES, .ties = MR_TIES_VALUE};
    uint64_t random = 23;
    char *key = malloc(LONGEST), *value = malloc(LONGEST);
    size_t at = 0;
    made.bytes = malloc((size_t)COUNT * (2 * LONGEST + 24));
    made.pairs = malloc(COUNT * sizeof *made.pairs);
    memset(key, 'k', LONGEST);
    memset(value, 'v', LONGEST);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = LONGEST - random_below(&random, 5000);
        key[9000] = (char)random_below(&random, 6);
        key[16500] = (char)random_below(&random, 256);
        value[12000] = (char)random_below(&random, 256);
        made.pairs[i] = made.bytes + at;
        mr_bytes k = mr_bytes_at(key, size), v = mr_bytes_at(value, size);
        mr_pair_put(&made.layout, made.bytes + at, k, v, 0);
        at += mr_pair_size(&made.layout, k, v);
    }
    for (int whole = 0; whole < 2; whole++)
        check_ranges(&order, &made, 8, whole);
    mr_pair_cuts cuts = cut(&order, &made, 4096, 4, false);
    CU_ASSERT(balance(&cuts, &made, 4) < 2.5);
    mr_pair_cuts_free(&cuts);
    free(key);
    free(value);
    pile_free(&made);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("pair_cuts", NULL, NULL);
    CU_add_test(suite, "ranges follow all orders", test_ranges);
    CU_add_test(suite, "too little memory", test_no_memory);
    CU_add_test(suite, "no pairs, no cuts", test_empty);
    CU_add_test(suite, "ranges are of the same size", test_balance);
    CU_add_test(suite, "keys stay whole", test_whole_keys);
    CU_add_test(suite, "samples of ranks together", test_merge);
    CU_add_test(suite, "long pairs", test_long_pairs);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

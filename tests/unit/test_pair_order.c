/* test_pair_order.c: how pairs lie, and orders of them against qsort with naive comparisons. */
#include "pairs_help.h"

static void fill(const mr_pair_order *order, const pile *made, mr_pair_ref *refs)
{
    for (size_t i = 0; i < made->count; i++)
        refs[i] = (mr_pair_ref){mr_pair_prefix(order, made->pairs[i]), made->pairs[i]};
}

static bool same_refs(const mr_pair_ref *a, const mr_pair_ref *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].prefix != b[i].prefix || a[i].pair != b[i].pair)
            return false;
    return true;
}

/* Prefixes and whole comparisons say what naive ones do. */
static bool compares(const mr_pair_order *order, const unsigned char *a, const unsigned char *b)
{
    mr_pair_ref x = {mr_pair_prefix(order, a), a}, y = {mr_pair_prefix(order, b), b};
    mr_placed p = mr_placed_read(&order->layout, a), q = mr_placed_read(&order->layout, b);
    int naive = naive_compare(order, a, b), ours = mr_pair_compare(order, x, y);
    int placed = mr_placed_compare(order, &p, &q);
    naive = (naive > 0) - (naive < 0);
    return (ours > 0) - (ours < 0) == naive && (placed > 0) - (placed < 0) == naive &&
           (x.prefix >= y.prefix || naive < 0);
}

/* Sorted is what is upwards by naive comparisons, and has every pair that there was. */
static void check_sorted(const mr_pair_order *order, const pile *made, const mr_pair_ref *refs,
                         uint64_t *random)
{
    size_t wrong = 0, missing = 0, outside = 0, different = 0;
    char *seen = calloc(1, made->size + 2);
    for (size_t i = 0; i < made->count; i++) {
        const unsigned char *here = refs[i].pair, *last = refs[i > 0 ? i - 1 : 0].pair;
        size_t at = (size_t)(here - made->bytes);
        wrong += naive_compare(order, last, here) > 0;
        different += !compares(order, last, here);
        different += !compares(order, here, made->pairs[random_below(random, made->count)]);
        outside += at > made->size;
        if (at <= made->size)
            seen[at] = 1;
    }
    for (size_t i = 0; i < made->count; i++)
        missing += !seen[made->pairs[i] - made->bytes];
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(missing, 0);
    CU_ASSERT_EQUAL(outside, 0);
    CU_ASSERT_EQUAL(different, 0);
    free(seen);
}

static void check_order(const mr_pair_order *order, const pile *made, uint64_t *random)
{
    mr_pair_ref *refs = calloc(made->count + 1, sizeof *refs);
    mr_pair_ref *scratch = calloc(made->count + 1, sizeof *scratch);
    const unsigned char *end = mr_pair_refs(order, made->bytes + 1, made->count, scratch);
    fill(order, made, refs);
    CU_ASSERT_PTR_EQUAL(end, made->bytes + 1 + made->size);
    CU_ASSERT(same_refs(refs, scratch, made->count));
    mr_pair_sort(order, refs, scratch, made->count);
    check_sorted(order, made, refs, random);
    free(refs);
    free(scratch);
}

static void check_shape(uint64_t *random, taste keys, taste values, size_t count)
{
    mr_shape shape = some_shape(random);
    bool places = random_below(random, 2);
    pile made = pile_make(random, shape, places, keys, values, count);
    mr_pair_order order = {.layout = made.layout, .value = shape.value};
    for (unsigned turn = 0; next_order(&order, &turn);)
        check_order(&order, &made, random);
    pile_free(&made);
}

static void test_sort(void)
{
    uint64_t random = 5;
    for (int round = 0; round < 8; round++)
        for (int keys = 0; keys < TASTES; keys++)
            for (int values = 0; values < TASTES; values++)
                check_shape(&random, (taste)keys, (taste)values, random_below(&random, 300));
    for (int keys = 0; keys < TASTES; keys++)
        check_shape(&random, (taste)keys, (taste)random_below(&random, TASTES), 7000);
}

/* Keys that differ only behind a long beginning, and keys that nest deeper than words are looked
 * at. */
static void test_long_keys(void)
{
    enum { COUNT = 600, LONGEST = 16 * COUNT };
    mr_shape shape = {.key = MR_KEY_BYTES, .value = MR_VALUE_NONE};
    pile made = {.shape = shape, .layout = mr_pair_layout_of(&shape, false), .count = COUNT};
    mr_pair_order order = {.layout = made.layout, .value = MR_VALUE_NONE};
    char *key = malloc(LONGEST);
    uint64_t random = 3;
    made.bytes = malloc((size_t)COUNT * (LONGEST + 16));
    made.pairs = malloc(COUNT * sizeof *made.pairs);
    memset(key, 'k', LONGEST);
    for (int nested = 0; nested < 2; nested++) {
        made.size = 1;
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = nested ? 16 * (i * 77 % COUNT) : LONGEST - i % 20;
            if (!nested)
                key[LONGEST - 30] = (char)random_below(&random, 256);
            mr_bytes bytes = mr_bytes_at(key, size), none = {NULL, 0};
            made.pairs[i] = made.bytes + made.size;
            mr_pair_put(&made.layout, made.bytes + made.size, bytes, none, 0);
            made.size += mr_pair_size(&made.layout, bytes, none);
        }
        made.size--;
        key[LONGEST - 30] = 'k';
        check_order(&order, &made, &random);
        order.descending = true;
    }
    free(key);
    pile_free(&made);
}

/* Short keys of one size: prefixes stay, and nobody looks at pairs. */
static void test_prefixes_stay(void)
{
    enum { COUNT = 50000 };
    mr_pair_order order = {.layout = {.key_size = 8, .value_size = 8, .stride = 16}};
    mr_pair_ref *refs = malloc(COUNT * sizeof *refs), *scratch = malloc(COUNT * sizeof *refs);
    uint64_t random = 9;
    size_t wrong = 0;
    for (unsigned bits = 0; bits <= 64; bits += 4) {
        for (size_t i = 0; i < COUNT; i++) {
            uint64_t word = bits ? random_next(&random) >> (64 - bits) : 77;
            refs[i] = (mr_pair_ref){word << random_below(&random, 2) * 3, NULL};
        }
        mr_pair_sort(&order, refs, scratch, COUNT);
        for (size_t i = 1; i < COUNT; i++)
            wrong += refs[i - 1].prefix > refs[i].prefix;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    free(refs);
    free(scratch);
}

static void test_layouts(void)
{
    mr_shape numbers = {.key = MR_KEY_I64, .value = MR_VALUE_F64};
    mr_shape tuple = {.key = MR_KEY_TUPLE, .tuple = "iu", .value = MR_VALUE_NONE};
    mr_shape text = {.key = MR_KEY_TUPLE, .tuple = "ib", .value = MR_VALUE_I64};
    mr_shape sized = {.key = MR_KEY_BYTES, .key_size = 10, .value_size = 90};
    mr_shape half = {.key = MR_KEY_BYTES, .key_size = 10};
    CU_ASSERT_EQUAL(mr_pair_layout_of(&numbers, false).stride, 16);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&numbers, true).stride, 24);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&tuple, false).stride, 16);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&text, false).stride, 0);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&sized, false).stride, 100);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&half, false).stride, 0);
    CU_ASSERT_EQUAL(mr_pair_layout_of(&half, true).place, 8);
}

/* What is put comes out again, and nothing of what was there before shows in the bytes between. */
static void test_put(void)
{
    uint64_t random = 21;
    for (int round = 0; round < 3000; round++) {
        unsigned char here[2000], there[2000];
        char keys[500], values[500];
        mr_shape shape = some_shape(&random);
        mr_pair_layout layout = mr_pair_layout_of(&shape, random_below(&random, 2));
        mr_bytes key = taste_bytes(&random, TASTE_RANDOM, mr_shape_key_size(&shape), 0, keys);
        mr_bytes value = taste_bytes(&random, TASTE_RANDOM, mr_shape_value_size(&shape), 0, values);
        if (shape.value == MR_VALUE_NONE)
            value.size = 0;
        uint64_t place = random_next(&random);
        size_t size = mr_pair_size(&layout, key, value);
        memset(here, 1, sizeof here);
        memset(there, 2, sizeof there);
        mr_pair_put(&layout, here, key, value, place);
        mr_pair_put(&layout, there, key, value, place);
        mr_pair pair;
        CU_ASSERT_PTR_EQUAL(mr_pair_read(&layout, here, &pair), here + size);
        CU_ASSERT(mr_bytes_equal(pair.key, key) && mr_bytes_equal(pair.value, value));
        CU_ASSERT_EQUAL(mr_pair_place(&layout, here), layout.place ? place : 0);
        CU_ASSERT_EQUAL(memcmp(here, there, size), 0);
        CU_ASSERT(here[size] == 1 && there[size] == 2);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("pair_order", NULL, NULL);
    CU_add_test(suite, "layouts", test_layouts);
    CU_add_test(suite, "what is put comes out again", test_put);
    CU_add_test(suite, "all orders are what naive comparisons say", test_sort);
    CU_add_test(suite, "long keys", test_long_keys);
    CU_add_test(suite, "short keys are sorted without a look at pairs", test_prefixes_stay);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

/* test_pair_search.c: where pairs stand among points, against naive comparisons with all of them.
 */
#include "pairs_help.h"
#include "store/pair_cuts.h"

/* Points in the layout of samples. */
typedef struct signs {
    unsigned char *memory;
    uint64_t *at;
    size_t size, count;
} signs;

static void add_point(signs *points, const mr_pair_layout *from, const unsigned char *pair)
{
    const mr_pair_layout layout = mr_pair_sample_layout();
    mr_placed placed = mr_placed_read(from, pair);
    mr_bytes key = placed.pair.key, value = placed.pair.value;
    mr_pair_put(&layout, points->memory + points->size, key, value, placed.place);
    points->at[points->count++] = points->size;
    points->size += mr_pair_size(&layout, key, value);
}

/* Every second pair is a point, as long as points are different. */
static signs pick_points(const mr_pair_order *order, const pile *made)
{
    size_t half = made->count / 2;
    mr_pair_ref *refs = calloc(half, sizeof *refs);
    signs points = {malloc(made->size + 40 * half), malloc(half * sizeof(uint64_t)), 0, 0};
    for (size_t i = 0; i < half; i++)
        refs[i].pair = made->pairs[2 * i];
    qsort_r(refs, half, sizeof *refs, naive_refs, (void *)(uintptr_t)order);
    for (size_t i = 0; i < half; i++)
        if (i == 0 || naive_compare(order, refs[i - 1].pair, refs[i].pair) != 0)
            add_point(&points, &order->layout, refs[i].pair);
    free(refs);
    return points;
}

static void check_search(const mr_pair_order *order, const pile *made)
{
    const mr_pair_layout layout = mr_pair_sample_layout();
    mr_error error = {0};
    mr_pair_search *search;
    signs points = pick_points(order, made);
    size_t wrong = 0;
    mr_status status = mr_pair_search_create(&search, order, layout, points.memory, points.at,
                                             points.count, &error);
    CU_ASSERT_EQUAL_FATAL(status, MR_OK);
    for (size_t i = 0; i < made->count; i++) {
        size_t below = 0;
        bool equal = false, found_equal;
        mr_placed pair = mr_placed_read(&made->layout, made->pairs[i]);
        for (size_t p = 0; p < points.count; p++) {
            mr_placed point = mr_placed_read(&layout, points.memory + points.at[p]);
            int found = naive_placed(order, &point, &pair);
            below += found < 0;
            equal |= found == 0;
        }
        wrong += mr_pair_search_find(search, made->pairs[i], &found_equal) != below;
        wrong += found_equal != equal;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    mr_pair_search_destroy(&search);
    free(points.memory);
    free(points.at);
}

static void test_search(void)
{
    uint64_t random = 29;
    for (int round = 0; round < 3; round++)
        for (int keys = 0; keys < TASTES; keys++)
            for (int values = 0; values < TASTES; values++) {
                mr_shape shape = some_shape(&random);
                bool places = random_below(&random, 2);
                pile made = pile_make(&random, shape, places, (taste)keys, (taste)values, 120);
                mr_pair_order order = {.layout = made.layout, .value = shape.value};
                for (unsigned turn = 0; next_order(&order, &turn);)
                    check_search(&order, &made);
                pile_free(&made);
            }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("pair_search", NULL, NULL);
    CU_add_test(suite, "searching finds what naive comparisons count", test_search);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

/*
 * test_sorted.c: a pile in order, sorted in memory and from runs on disk, against one qsort of its
 * pairs, for all orders that there are.
 */
#include "base/memory.h"
#include "pairs_help.h"
#include "scratch.h"
#include "store/sorted.h"

#include <signal.h>

/* As much as mr_sorted takes at the least. */
#define MEMORY ((size_t)1 << 20)

enum { PILE = 1, PILES = 3 };

/* The pile that is looked at, from pages of up to `most` bytes; the first `on_disk` of three parts
 * of it are not in memory. */
static mr_piles make_piles(const pile *all, size_t most, int on_disk)
{
    mr_piles piles;
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    mr_pair pair;
    CU_ASSERT_EQUAL(mr_piles_create(&piles, PILES, all->layout, scratch, &error), MR_OK);
    for (size_t i = 0, part = 0; part < 3; part++) {
        size_t end = all->count * (part + 1) / 3;
        while (i < end) {
            const unsigned char *from = all->pairs[i], *to = from;
            uint32_t count = 0;
            do {
                to = mr_pair_read(&all->layout, all->pairs[i++], &pair);
                count++;
            } while (i < end && (size_t)(to - from) < most);
            mr_page *page = mr_page_create(sizeof(mr_leaf) + (size_t)(to - from), &error);
            page->size = page->capacity;
            *mr_page_leaf(page) = (mr_leaf){.pile = PILE, .count = count};
            memcpy(mr_page_pairs(page), from, (size_t)(to - from));
            mr_pile_push(&piles, PILE, page);
        }
        if ((int)part < on_disk)
            CU_ASSERT_EQUAL(mr_piles_shed(&piles, UINT64_MAX, &buffer, &error), MR_OK);
    }
    mr_spill_buffer_free(&buffer);
    return piles;
}

static size_t size_of(const pile *all, const unsigned char *at)
{
    mr_pair pair;
    return (size_t)(mr_pair_read(&all->layout, at, &pair) - at);
}

static int compare_bytes(const void *a, const void *b, void *context)
{
    const pile *all = context;
    const mr_pair_ref *x = a, *y = b;
    size_t m = size_of(all, x->pair), n = size_of(all, y->pair);
    return m != n ? (m < n ? -1 : 1) : memcmp(x->pair, y->pair, m);
}

static mr_pair_ref *refs_of(const pile *all)
{
    mr_pair_ref *refs = calloc(all->count + 1, sizeof *refs);
    for (size_t i = 0; i < all->count; i++)
        refs[i].pair = all->pairs[i];
    return refs;
}

/* What comes out stands in order, by what a plain comparison says. Where that does not tell pairs
 * apart they may stand in any order: so that nothing is missing is looked at by their bytes. */
static size_t compare_all(const pile *all, const mr_pair_order *order, mr_pair_ref *got)
{
    mr_pair_ref *want = refs_of(all);
    size_t wrong = 0;
    qsort_r(want, all->count, sizeof *want, naive_refs, (void *)(uintptr_t)order);
    for (size_t i = 0; i < all->count; i++)
        wrong += naive_compare(order, want[i].pair, got[i].pair) != 0;
    qsort_r(want, all->count, sizeof *want, compare_bytes, (void *)(uintptr_t)all);
    qsort_r(got, all->count, sizeof *got, compare_bytes, (void *)(uintptr_t)all);
    for (size_t i = 0; i < all->count; i++)
        wrong += compare_bytes(&want[i], &got[i], (void *)(uintptr_t)all) != 0;
    free(want);
    return wrong;
}

/* Reads on to the end, or `most` pairs, copying each. */
static size_t copy_pairs(mr_sorted *sorted, const pile *all, size_t most, unsigned char *to,
                         mr_pair_ref *got)
{
    mr_error error = {0};
    const unsigned char *pair;
    size_t count = 0, room = all->size;
    while (count < most && mr_sorted_next(sorted, &pair, &error) == MR_OK && pair) {
        size_t size = size_of(all, pair);
        if (count == all->count || size > room)
            return SIZE_MAX;
        memcpy(to, pair, size);
        got[count++].pair = to;
        to += size;
        room -= size;
    }
    return error.code == MR_OK ? count : SIZE_MAX;
}

static void check_reading(mr_sorted *sorted, const pile *all, const mr_pair_order *order)
{
    mr_error error = {0};
    unsigned char *copy = malloc(all->size + 1);
    mr_pair_ref *got = calloc(all->count + 1, sizeof *got);
    size_t half = all->count / 2;
    CU_ASSERT_EQUAL(sorted->rows, all->count);
    CU_ASSERT_EQUAL(copy_pairs(sorted, all, half, copy, got), half);
    CU_ASSERT_EQUAL(mr_sorted_rewind(sorted, &error), MR_OK);
    size_t count = copy_pairs(sorted, all, SIZE_MAX, copy, got);
    CU_ASSERT_EQUAL(count, all->count);
    if (count == all->count)
        CU_ASSERT_EQUAL(compare_all(all, order, got), 0);
    free(got);
    free(copy);
}

/* The same pile twice, by the same thing that sorts; afterwards it is gone. */
static void check_pile(const pile *all, mr_pair_order order, size_t memory, size_t page,
                       int on_disk, bool external)
{
    mr_sorted sorted;
    mr_error error = {0};
    mr_piles piles = make_piles(all, page, on_disk);
    uint64_t bytes = mr_memory_used();
    order.layout = all->layout;
    order.value = all->shape.value;
    mr_sorted_start(&sorted, &order, memory, scratch);
    for (int consume = 0; consume < 2; consume++) {
        CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, consume, &error), MR_OK);
        CU_ASSERT_EQUAL(mr_sorted_in_memory(&sorted), !external);
        check_reading(&sorted, all, &order);
        mr_sorted_close(&sorted);
        CU_ASSERT_EQUAL(mr_piles_count(&piles), consume ? 0 : all->count);
    }
    CU_ASSERT_EQUAL(sorted.external, external ? 2 : 0);
    mr_sorted_free(&sorted);
    CU_ASSERT(mr_memory_used() == 0 && (bytes > 0 || all->count == 0 || on_disk == 3));
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(scratch_file(), -1);
}

static pile some_pairs(uint64_t *random, size_t count)
{
    mr_shape shape = some_shape(random);
    taste keys = (taste)random_below(random, TASTES), values = (taste)random_below(random, TASTES);
    return pile_make(random, shape, random_below(random, 2), keys, values, count);
}

static void test_in_memory(void)
{
    uint64_t random = 1;
    mr_pair_order order = {0};
    for (unsigned turn = 0; next_order(&order, &turn);)
        for (int i = 0; i < 6; i++) {
            pile all = some_pairs(&random, i < 2 ? (size_t)i : random_below(&random, 600));
            check_pile(&all, order, i % 2 ? 0 : MEMORY, random_below(&random, 5000), i % 4, false);
            pile_free(&all);
        }
}

/* Long pairs on disk are more than a thread may use, though they are few. */
static void test_from_runs(void)
{
    uint64_t random = 2;
    mr_pair_order order = {0};
    for (unsigned turn = 0; next_order(&order, &turn);) {
        mr_shape shape = {.value = (mr_value_type)(turn % 3)};
        taste keys = turn % 2 ? TASTE_NESTED : TASTE_ZEROS;
        pile all = pile_make(&random, shape, turn % 4 < 2, keys, TASTE_FEW, 7000);
        CU_ASSERT(all.size > MEMORY);
        check_pile(&all, order, MEMORY, 4000, 3, true);
        pile_free(&all);
    }
}

/* Many short pairs are, wherever they lie. */
static void test_many_pairs(void)
{
    static const mr_shape shapes[] = {
        {.key = MR_KEY_U64, .value = MR_VALUE_U64},
        {.key = MR_KEY_U64, .value = MR_VALUE_NONE},
        {.key_size = 3, .value_size = 4},
        {.key = MR_KEY_BYTES, .value = MR_VALUE_F64},
    };
    uint64_t random = 3;
    for (unsigned i = 0; i < 8; i++) {
        mr_pair_order order = {.by = i % 3 == 1 ? MR_BY_VALUE : MR_BY_KEY,
                               .descending = i % 2,
                               .ties = (mr_ties)(i % 5)};
        pile all = pile_make(&random, shapes[i % 4], i > 4, i % 2 ? TASTE_FEW : TASTE_RANDOM,
                             TASTE_FEW, 34000);
        check_pile(&all, order, MEMORY, i % 2 ? 60000 : 700, (int)(i % 4), true);
        pile_free(&all);
    }
}

/* Pages whose last pair is the last that there is room for: the next page begins a new run. */
static void test_even_pages(void)
{
    uint64_t random = 4;
    mr_shape shape = {.key = MR_KEY_U64, .value = MR_VALUE_NONE};
    mr_pair_order order = {.by = MR_BY_KEY};
    for (size_t pairs = 256; pairs <= 4096; pairs *= 4)
        for (int on_disk = 0; on_disk < 4; on_disk += 3) {
            pile all = pile_make(&random, shape, false, TASTE_RANDOM, TASTE_RANDOM, 3 * 16384);
            check_pile(&all, order, MEMORY, pairs * all.layout.stride, on_disk, true);
            pile_free(&all);
        }
}

/* Memory that is given is enough, however large the pile is; and its disk space comes back. */
static void test_bounds(void)
{
    uint64_t random = 5;
    mr_error error = {0};
    mr_sorted sorted;
    mr_shape shape = {.key = MR_KEY_U64, .value = MR_VALUE_U64};
    mr_pair_order order = {.ties = MR_TIES_VALUE};
    pile all = pile_make(&random, shape, false, TASTE_RANDOM, TASTE_RANDOM, 300000);
    mr_piles piles = make_piles(&all, 30000, 3);
    order.layout = all.layout;
    order.value = shape.value;
    mr_memory_set_budget(MEMORY * 5 / 4);
    mr_sorted_start(&sorted, &order, MEMORY, scratch);
    CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, true, &error), MR_OK);
    check_reading(&sorted, &all, &order);
    mr_sorted_free(&sorted);
    mr_memory_set_budget(0);
    CU_ASSERT(mr_memory_used() == 0 && (!scratch_can_give_back() || scratch_taken() < 65536));
    mr_piles_free(&piles);
    pile_free(&all);
}

/* A pile can be put in order after one that failed, and nothing of that is kept. */
static void test_errors(void)
{
    uint64_t random = 6;
    mr_error error = {0};
    mr_sorted sorted;
    mr_pair_order order = {.ties = MR_TIES_VALUE};
    mr_shape shape = {.key = MR_KEY_BYTES};
    pile all = pile_make(&random, shape, false, TASTE_NESTED, TASTE_RANDOM, 9000);
    mr_piles piles = make_piles(&all, 4000, 0);
    order.layout = all.layout;
    mr_sorted_start(&sorted, &order, MEMORY, scratch);
    uint64_t before = mr_memory_used();
    mr_memory_set_budget(before + 10000);
    CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, false, &error), MR_NO_MEMORY);
    mr_sorted_close(&sorted);
    mr_memory_set_budget(0);
    CU_ASSERT_EQUAL(mr_memory_used(), before);
    sorted.scratch = "/there/is/none";
    error = (mr_error){0};
    sorted.memory = 1000;
    CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, false, &error), MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/there/is/none"));
    mr_sorted_close(&sorted);
    sorted.scratch = scratch;
    scratch_limit(100000);
    error = (mr_error){0};
    CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, false, &error), MR_BAD_OUTPUT);
    mr_sorted_close(&sorted);
    scratch_limit(RLIM_INFINITY);
    error = (mr_error){0};
    CU_ASSERT_EQUAL(mr_sorted_open(&sorted, &piles, PILE, true, &error), MR_OK);
    check_reading(&sorted, &all, &order);
    mr_sorted_free(&sorted);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    mr_piles_free(&piles);
    pile_free(&all);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("sorted", scratch_make, scratch_remove);
    CU_add_test(suite, "in memory", test_in_memory);
    CU_add_test(suite, "from runs", test_from_runs);
    CU_add_test(suite, "many pairs", test_many_pairs);
    CU_add_test(suite, "a page that fills the references", test_even_pages);
    CU_add_test(suite, "memory and disk space are bounded", test_bounds);
    CU_add_test(suite, "errors", test_errors);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

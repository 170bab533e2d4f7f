/*
 * test_pile.c: piles against plain lists: what threads put there, in memory and on disk, comes back
 * once, and memory and disk space do, too.
 */
#include "base/memory.h"
#include "pairs_help.h"
#include "scratch.h"
#include "store/pile.h"

#include <pthread.h>
#include <signal.h>

enum { THREADS = 4, PILES = 7 };

/* Pairs on their way into piles. What a list would say stands in `all`. */
typedef struct filling {
    mr_piles *piles;
    const pile *all;
    size_t from; /* this thread has every so-manyth pair, from here on */
    uint64_t random;
    mr_error error;
} filling;

/* Where a pair belongs: some piles get many, one gets none. */
static uint32_t pile_of(size_t i)
{
    uint64_t random = i;
    uint32_t p = (uint32_t)random_below(&random, 2 * PILES);
    return p >= PILES || p == 3 ? 0 : p;
}

static size_t size_of(const pile *all, size_t i)
{
    mr_pair pair;
    return (size_t)(mr_pair_read(&all->layout, all->pairs[i], &pair) - all->pairs[i]);
}

static void append(mr_page *page, const unsigned char *pair, size_t size)
{
    memcpy(page->bytes + page->size, pair, size);
    page->size += size;
    mr_page_leaf(page)->count++;
}

static mr_page *fresh_page(filling *f, uint32_t p, size_t least, mr_spill_buffer *buffer)
{
    size_t capacity = sizeof(mr_leaf) + least + random_below(&f->random, 4000);
    mr_page *page = mr_piles_page(f->piles, capacity, buffer, &f->error);
    if (page) {
        page->size = sizeof(mr_leaf);
        *mr_page_leaf(page) = (mr_leaf){.pile = p};
    }
    return page;
}

static void *fill(void *context)
{
    filling *f = context;
    mr_page *open[PILES] = {NULL};
    mr_spill_buffer buffer = {0};
    for (size_t i = f->from; i < f->all->count && f->error.code == MR_OK; i += THREADS) {
        uint32_t p = pile_of(i);
        size_t size = size_of(f->all, i);
        if (open[p] && open[p]->capacity - open[p]->size < size) {
            mr_pile_push(f->piles, p, open[p]);
            open[p] = NULL;
        }
        if (!open[p])
            open[p] = fresh_page(f, p, size, &buffer);
        if (open[p])
            append(open[p], f->all->pairs[i], size);
    }
    for (uint32_t p = 0; p < PILES; p++)
        if (open[p])
            mr_pile_push(f->piles, p, open[p]);
    mr_spill_buffer_free(&buffer);
    return NULL;
}

/* All threads; the first error of any. */
static mr_error fill_all(mr_piles *piles, const pile *all)
{
    filling fillings[THREADS];
    pthread_t threads[THREADS];
    mr_error error = {0};
    for (size_t t = 0; t < THREADS; t++) {
        fillings[t] = (filling){.piles = piles, .all = all, .from = t, .random = t};
        pthread_create(&threads[t], NULL, fill, &fillings[t]);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        if (fillings[t].error.code != MR_OK)
            error = fillings[t].error;
    }
    return error;
}

/* ---- lists to compare with ---- */

typedef struct item {
    const unsigned char *bytes;
    size_t size;
} item;

typedef struct items {
    item *items;
    size_t count, size;
} items;

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->size);
}

static items list_of(const pile *all, uint32_t p)
{
    items list = {.items = calloc(all->count + 1, sizeof *list.items)};
    for (size_t i = 0; i < all->count; i++)
        if (pile_of(i) == p) {
            list.items[list.count++] = (item){all->pairs[i], size_of(all, i)};
            list.size += size_of(all, i);
        }
    qsort(list.items, list.count, sizeof *list.items, compare_items);
    return list;
}

/* Reads a pile to its end, or `most` pages of it, with copies of all its pairs. */
typedef struct reading {
    mr_piles *piles;
    const pile *all;
    bool consume;
    size_t most;
    uint32_t from;
    size_t wrong;
} reading;

static mr_status copy_pairs(const reading *r, uint32_t p, unsigned char *copy, items *got)
{
    mr_pile_reader reader;
    mr_error error = {0};
    const unsigned char *begin, *end;
    mr_pair pair;
    size_t pages = 0;
    mr_pile_reader_start(&reader, r->piles, p, r->consume);
    while (pages++ < r->most && mr_pile_reader_next(&reader, &begin, &end, &error) == MR_OK &&
           begin) {
        memcpy(copy, begin, (size_t)(end - begin));
        for (const unsigned char *at = copy; at < copy + (end - begin);) {
            const unsigned char *next = mr_pair_read(&r->all->layout, at, &pair);
            got->items[got->count++] = (item){at, (size_t)(next - at)};
            at = next;
        }
        copy += end - begin;
    }
    mr_pile_reader_end(&reader);
    return error.code;
}

/* How much of a pile is not what the list says. */
static size_t compare_pile(const reading *r, uint32_t p)
{
    items want = list_of(r->all, p), got = {.items = calloc(r->all->count + 1, sizeof(item))};
    unsigned char *copy = malloc(want.size + 1);
    size_t wrong = copy_pairs(r, p, copy, &got) != MR_OK;
    qsort(got.items, got.count, sizeof *got.items, compare_items);
    wrong += got.count != want.count;
    for (size_t i = 0; i < got.count && i < want.count; i++)
        wrong += compare_items(&got.items[i], &want.items[i]) != 0;
    free(copy);
    free(want.items);
    free(got.items);
    return wrong;
}

static void *read_piles(void *context)
{
    reading *r = context;
    for (uint32_t p = r->from; p < PILES; p += THREADS)
        r->wrong += compare_pile(r, p);
    return NULL;
}

/* Each thread reads some of the piles, as they do in a reduce. */
static void check_piles(mr_piles *piles, const pile *all, bool consume)
{
    reading readings[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t t = 0; t < THREADS; t++) {
        readings[t] = (reading){piles, all, consume, SIZE_MAX, t, 0};
        pthread_create(&threads[t], NULL, read_piles, &readings[t]);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        CU_ASSERT_EQUAL(readings[t].wrong, 0);
    }
}

static void check_sizes(const mr_piles *piles, const pile *all, bool on_disk)
{
    uint64_t bytes = 0, spilled = 0;
    for (uint32_t p = 0; p < PILES; p++) {
        items list = list_of(all, p);
        const mr_pile *one = &piles->piles[p];
        CU_ASSERT_EQUAL(one->count, list.count);
        CU_ASSERT_EQUAL(one->bytes, list.size);
        CU_ASSERT(one->page_bytes <= one->bytes);
        bytes += list.size;
        spilled += one->bytes - one->page_bytes;
        free(list.items);
    }
    CU_ASSERT_EQUAL(mr_piles_count(piles), all->count);
    CU_ASSERT_EQUAL(mr_piles_bytes(piles), bytes);
    CU_ASSERT_EQUAL(mr_piles_spilled(piles), spilled);
    CU_ASSERT_EQUAL(spilled > 0, on_disk);
}

static mr_piles make_piles(const pile *all)
{
    mr_piles piles;
    mr_error error = {0};
    CU_ASSERT_EQUAL(mr_piles_create(&piles, PILES, all->layout, scratch, &error), MR_OK);
    return piles;
}

static pile some_pairs(uint64_t *random, size_t count)
{
    mr_shape shape = some_shape(random);
    taste keys = (taste)random_below(random, TASTES), values = (taste)random_below(random, TASTES);
    return pile_make(random, shape, random_below(random, 2), keys, values, count);
}

/* ---- the tests ---- */

/* What threads need to write to disk is within the budget; for piles there is little left of it. */
#define BUDGET  ((uint64_t)16 << 20)
#define BALLAST (BUDGET / 8 * 5 - LITTLE)
#define LITTLE  ((uint64_t)256 << 10)

static void *take_memory(void)
{
    mr_error error = {0};
    mr_memory_set_budget(BUDGET);
    return mr_memory_allocate(BALLAST, "ballast", &error);
}

static void give_memory(void *ballast)
{
    mr_memory_free(ballast, BALLAST);
    mr_memory_set_budget(0);
}

/* Twice as they are, then for the last time. */
static void check_everything(const pile *all, bool little_memory)
{
    void *ballast = little_memory ? take_memory() : NULL;
    mr_piles piles = make_piles(all);
    CU_ASSERT_EQUAL(fill_all(&piles, all).code, MR_OK);
    bool on_disk = little_memory && mr_piles_bytes(&piles) > 2 * LITTLE;
    if (!little_memory || on_disk)
        check_sizes(&piles, all, on_disk);
    give_memory(ballast);
    check_piles(&piles, all, false);
    check_piles(&piles, all, false);
    check_piles(&piles, all, true);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    CU_ASSERT(!on_disk || !scratch_can_give_back() || scratch_taken() < 65536);
    CU_ASSERT_EQUAL(mr_piles_count(&piles) + mr_piles_bytes(&piles), 0);
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(scratch_file(), -1);
}

static void test_in_memory(void)
{
    uint64_t random = 1;
    for (size_t count = 0; count < 12; count++) {
        pile all = some_pairs(&random, count < 3 ? count : random_below(&random, 5000));
        check_everything(&all, false);
        pile_free(&all);
    }
}

static void test_on_disk(void)
{
    uint64_t random = 2;
    size_t spilled = 0;
    for (int i = 0; i < 8; i++) {
        pile all = some_pairs(&random, 20000);
        spilled += all.size > 2 * LITTLE;
        check_everything(&all, true);
        pile_free(&all);
    }
    CU_ASSERT(spilled >= 5);
}

/* More pairs for piles that were read, and a reader that is ended before the end. */
static void test_in_parts(void)
{
    uint64_t random = 3;
    pile all = some_pairs(&random, 3000), none = some_pairs(&random, 0);
    unsigned char *copy = malloc(all.size);
    items got = {.items = calloc(all.count, sizeof(item))};
    mr_spill_buffer buffer = {0};
    mr_error error = {0};
    mr_piles piles = make_piles(&all);
    CU_ASSERT_EQUAL(fill_all(&piles, &all).code, MR_OK);
    check_piles(&piles, &all, true);
    check_piles(&piles, &none, true);
    CU_ASSERT_EQUAL(fill_all(&piles, &all).code, MR_OK);
    CU_ASSERT_EQUAL(mr_piles_shed(&piles, 1, &buffer, &error), MR_OK);
    mr_spill_buffer_free(&buffer);
    check_piles(&piles, &all, false);
    for (uint32_t p = 0; p < PILES; p++) {
        got.count = 0;
        copy_pairs(&(reading){&piles, &all, true, p % 3, 0, 0}, p, copy, &got);
    }
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    CU_ASSERT_EQUAL(mr_piles_bytes(&piles), 0);
    mr_piles_free(&piles);
    free(got.items);
    free(copy);
    pile_free(&none);
    pile_free(&all);
}

/* The largest pile goes first, all of it; then the next. Nothing is no reason to wait. */
static void test_largest_first(void)
{
    uint64_t random = 4, most = 0, before;
    pile all =
        pile_make(&random, (mr_shape){.key = MR_KEY_U64}, false, TASTE_RANDOM, TASTE_RANDOM, 6000);
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    mr_piles piles = make_piles(&all);
    CU_ASSERT_EQUAL(mr_piles_shed(&piles, 1 << 20, &buffer, &error), MR_OK);
    CU_ASSERT_EQUAL(fill_all(&piles, &all).code, MR_OK);
    for (uint32_t p = 0; p < PILES; p++)
        most = piles.piles[p].bytes > most ? piles.piles[p].bytes : most;
    before = mr_memory_used();
    CU_ASSERT_EQUAL(mr_piles_shed(&piles, 1, &buffer, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_piles_spilled(&piles), most);
    CU_ASSERT_EQUAL(piles.piles[0].page_bytes, 0);
    mr_spill_buffer_free(&buffer);
    CU_ASSERT(mr_memory_used() + most <= before);
    mr_memory_set_budget(mr_memory_used());
    CU_ASSERT_EQUAL(mr_piles_relieve(&piles, &(mr_spill_buffer){0}, &error), MR_NO_MEMORY);
    error = (mr_error){0};
    mr_memory_set_budget(mr_memory_used() + ((uint64_t)1 << 20));
    CU_ASSERT_EQUAL(mr_piles_relieve(&piles, &buffer, &error), MR_OK);
    mr_spill_buffer_free(&buffer);
    CU_ASSERT_FALSE(mr_memory_is_tight(0));
    mr_memory_set_budget(0);
    CU_ASSERT_EQUAL(mr_piles_shed(&piles, UINT64_MAX, &buffer, &error), MR_OK);
    mr_spill_buffer_free(&buffer);
    CU_ASSERT_EQUAL(mr_piles_spilled(&piles), mr_piles_bytes(&piles));
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    mr_piles_free(&piles);
    pile_free(&all);
}

/* A pile that says that it has more than 32 bits can count. */
static void test_large_counts(void)
{
    enum { PAGES = 5 };
    mr_error error = {0};
    mr_pair_layout layout = {.key_size = 1, .stride = 1};
    const uint64_t size = (uint64_t)3 << 30;
    mr_piles piles;
    CU_ASSERT_EQUAL(mr_piles_create(&piles, 2, layout, scratch, &error), MR_OK);
    for (uint32_t i = 0; i < PAGES; i++) {
        mr_page *page = mr_page_create(sizeof(mr_leaf), &error);
        *mr_page_leaf(page) = (mr_leaf){.count = UINT32_MAX};
        page->size = sizeof(mr_leaf) + size;
        mr_pile_push(&piles, i % 2, page);
    }
    CU_ASSERT_EQUAL(mr_piles_count(&piles), (uint64_t)PAGES * UINT32_MAX);
    CU_ASSERT_EQUAL(mr_piles_bytes(&piles), PAGES * size);
    CU_ASSERT_EQUAL(piles.piles[0].count, (uint64_t)3 * UINT32_MAX);
    CU_ASSERT_EQUAL(piles.piles[0].page_bytes, 3 * size);
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

/* What cannot be written, or has no room, is told, and everything can still be given back. */
static void test_errors(void)
{
    uint64_t random = 5;
    pile all = pile_make(&random, (mr_shape){.key = MR_KEY_BYTES}, true, TASTE_NESTED, TASTE_RANDOM,
                         20000);
    mr_error error;
    mr_piles piles = make_piles(&all);
    void *ballast = take_memory();
    scratch_limit(300000);
    error = fill_all(&piles, &all);
    CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot write scratch: "));
    scratch_limit(RLIM_INFINITY);
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(mr_memory_used(), BALLAST);
    piles = make_piles(&all);
    piles.scratch = "/there/is/none";
    error = fill_all(&piles, &all);
    CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot write scratch: /there/is/none: "));
    mr_piles_free(&piles);
    give_memory(ballast);
    piles = make_piles(&all);
    mr_memory_set_budget(1000);
    CU_ASSERT_EQUAL(fill_all(&piles, &all).code, MR_NO_MEMORY);
    mr_memory_set_budget(0);
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    pile_free(&all);
}

/* A byte that turned over on disk is noticed. */
static void test_damage(void)
{
    uint64_t random = 6;
    pile all = some_pairs(&random, 5000);
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    const unsigned char *begin, *end;
    mr_piles piles = make_piles(&all);
    CU_ASSERT_EQUAL(fill_all(&piles, &all).code, MR_OK);
    CU_ASSERT_EQUAL(mr_piles_shed(&piles, UINT64_MAX, &buffer, &error), MR_OK);
    mr_spill_buffer_free(&buffer);
    mr_extent *last = &piles.piles[0].extents[piles.piles[0].extent_count - 1];
    for (int consume = 0; consume < 2; consume++) {
        mr_pile_reader reader;
        error = (mr_error){0};
        scratch_flip(last->at + last->size / 2);
        mr_pile_reader_start(&reader, &piles, 0, consume);
        while (mr_pile_reader_next(&reader, &begin, &end, &error) == MR_OK && begin)
            ;
        CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
        CU_ASSERT(strncmp(error.text, "scratch corrupted", 17) == 0);
        if (!consume)
            scratch_flip(last->at + last->size / 2);
        mr_pile_reader_end(&reader);
    }
    mr_piles_free(&piles);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    pile_free(&all);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("pile", scratch_make, scratch_remove);
    CU_add_test(suite, "in memory", test_in_memory);
    CU_add_test(suite, "on disk", test_on_disk);
    CU_add_test(suite, "filled again, and read in part", test_in_parts);
    CU_add_test(suite, "the largest goes first", test_largest_first);
    CU_add_test(suite, "more than 32 bits count", test_large_counts);
    CU_add_test(suite, "errors", test_errors);
    CU_add_test(suite, "damage", test_damage);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

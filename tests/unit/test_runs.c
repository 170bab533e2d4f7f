/* test_runs.c: sorted runs and their merge, against one qsort of everything. */
#include "base/memory.h"
#include "random.h"
#include "scratch.h"
#include "store/runs.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <signal.h>

/* A shape, an order, and what keys and values look like. Sizes of 0: each pair has its own, up to
 * `longest`. */
typedef struct kind {
    mr_shape shape;
    bool places;
    mr_sort_by by;
    bool descending;
    mr_ties ties;
    unsigned letters; /* how many different bytes there are */
    size_t longest;
} kind;

static const kind kinds[] = {
    {{.key = MR_KEY_U64, .value = MR_VALUE_U64}, false, MR_BY_KEY, false, MR_TIES_NONE, 256, 0},
    {{.key = MR_KEY_U64, .value = MR_VALUE_U64}, false, MR_BY_KEY, false, MR_TIES_VALUE, 2, 0},
    {{.key = MR_KEY_U64, .value = MR_VALUE_U64}, true, MR_BY_KEY, true, MR_TIES_PLACE, 2, 0},
    {{.key = MR_KEY_U64, .value = MR_VALUE_U64}, false, MR_BY_VALUE, true, MR_TIES_NONE, 2, 0},
    {{.key_size = 10, .value_size = 90}, false, MR_BY_KEY, false, MR_TIES_VALUE, 256, 0},
    {{.key_size = 3, .value_size = 4}, false, MR_BY_KEY, false, MR_TIES_NONE, 3, 0},
    {{.key_size = 5, .value = MR_VALUE_NONE}, false, MR_BY_KEY, false, MR_TIES_NONE, 2, 0},
    {{.key = MR_KEY_BYTES}, false, MR_BY_KEY, false, MR_TIES_VALUE, 256, 40},
    {{.key = MR_KEY_BYTES}, true, MR_BY_KEY, false, MR_TIES_PLACE, 1, 60},
    {{.key = MR_KEY_BYTES}, false, MR_BY_VALUE, false, MR_TIES_KEY_VALUE, 2, 12},
    {{.key = MR_KEY_BYTES}, false, MR_BY_COMPARE, false, MR_TIES_NONE, 3, 9},
    {{.key = MR_KEY_BYTES}, false, MR_BY_COMPARE, true, MR_TIES_NONE, 3, 2000},
};

/* By the number of bytes in key and value: many pairs are the same to it. */
static int by_size(void *context, const mr_pair *a, const mr_pair *b)
{
    (void)context;
    size_t x = a->key.size + a->value.size, y = b->key.size + b->value.size;
    return (x > y) - (x < y);
}

/* All pairs of a test, in the order in which they are put into runs. */
typedef struct sample {
    mr_pair_order order;
    unsigned char *bytes;
    size_t size, capacity, count, most;
    mr_pair_ref *refs;
} sample;

static mr_bytes make_bytes(uint64_t *random, const kind *k, size_t fixed, unsigned char *room)
{
    size_t size = fixed || !k->longest ? fixed : random_below(random, k->longest + 1);
    for (size_t i = 0; i < size; i++)
        room[i] = (unsigned char)random_below(random, k->letters);
    return mr_bytes_at(room, size);
}

static void add_pair(sample *s, uint64_t *random, const kind *k)
{
    unsigned char key[4096], value[4096];
    bool fixed = s->order.layout.stride;
    mr_bytes a = make_bytes(random, k, fixed ? s->order.layout.key_size : 0, key);
    mr_bytes b = make_bytes(random, k, fixed ? s->order.layout.value_size : 0, value);
    size_t size = mr_pair_size(&s->order.layout, a, b);
    unsigned char *at = s->bytes + s->size;
    mr_pair_put(&s->order.layout, at, a, b, random_below(random, 5));
    s->refs[s->count++] = (mr_pair_ref){mr_pair_prefix(&s->order, at), at};
    s->size += size;
}

static void make_sample(sample *s, const kind *k, size_t most)
{
    *s = (sample){.most = most};
    s->order = (mr_pair_order){.layout = mr_pair_layout_of(&k->shape, k->places),
                               .value = k->shape.value,
                               .by = k->by,
                               .descending = k->descending,
                               .ties = k->ties,
                               .compare = by_size};
    s->bytes = calloc(most, 200 + 2 * k->longest);
    s->refs = calloc(most + 1, sizeof *s->refs);
}

static void free_sample(sample *s)
{
    free(s->bytes);
    free(s->refs);
}

/* In order, and what compares equal stays as it stands: pairs lie in memory as they were made. */
static int oracle(const void *a, const void *b, void *order)
{
    const mr_pair_ref *x = a, *y = b;
    int result = mr_pair_compare(order, *x, *y);
    return result ? result : (x->pair > y->pair) - (x->pair < y->pair);
}

static void add_run(mr_runs *runs, sample *s, uint64_t *random, const kind *k, size_t count)
{
    mr_error error = {0};
    size_t from = s->count;
    for (size_t i = 0; i < count && s->count < s->most; i++)
        add_pair(s, random, k);
    count = s->count - from;
    qsort_r(s->refs + from, count, sizeof *s->refs, oracle, &s->order);
    CU_ASSERT_EQUAL(mr_runs_add(runs, s->refs + from, count, &error), MR_OK);
}

/* Reads all pairs, or `most`, which must be those of the sample, in order. */
static void check_merge(mr_runs *runs, const sample *s, size_t most)
{
    mr_error error = {0};
    size_t wrong = 0, count = 0;
    const unsigned char *pair;
    while (count < most && mr_runs_next(runs, &pair, &error) == MR_OK && pair) {
        mr_pair unused;
        const unsigned char *mine = s->refs[count].pair;
        size_t size = (size_t)(mr_pair_read(&s->order.layout, mine, &unused) - mine);
        wrong += count >= s->count || memcmp(pair, mine, size) != 0;
        count++;
    }
    CU_ASSERT_EQUAL(error.code, MR_OK);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(count, s->count < most ? s->count : most);
}

static void check_runs(mr_spill *spill, uint64_t *random, const kind *k, size_t many, size_t memory,
                       size_t frame)
{
    mr_error error = {0};
    mr_runs *runs;
    sample s;
    size_t most = 1 + 3000 / (many + 1);
    make_sample(&s, k, many * most);
    CU_ASSERT_EQUAL_FATAL(mr_runs_create(&runs, &s.order, spill, memory, frame, &error), MR_OK);
    for (size_t i = 0; i < many; i++)
        add_run(runs, &s, random, k, 1 + random_below(random, most));
    qsort_r(s.refs, s.count, sizeof *s.refs, oracle, &s.order);
    CU_ASSERT_EQUAL_FATAL(mr_runs_rewind(runs, &error), MR_OK);
    check_merge(runs, &s, SIZE_MAX);
    CU_ASSERT_EQUAL_FATAL(mr_runs_rewind(runs, &error), MR_OK);
    check_merge(runs, &s, s.count / 2);
    mr_runs_last_time(runs);
    CU_ASSERT_EQUAL_FATAL(mr_runs_rewind(runs, &error), MR_OK);
    check_merge(runs, &s, SIZE_MAX);
    mr_runs_destroy(&runs);
    CU_ASSERT_PTR_NULL(runs);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    free_sample(&s);
}

static mr_spill *open_spill(void)
{
    mr_error error = {0};
    mr_spill *spill;
    CU_ASSERT_EQUAL_FATAL(mr_spill_create(&spill, scratch, &error), MR_OK);
    return spill;
}

static void test_merge(void)
{
    static const size_t counts[] = {0, 1, 2, 3, 5, 100};
    uint64_t random = 1;
    mr_spill *spill = open_spill();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            check_runs(spill, &random, &kinds[k], counts[i], 64 << 20, 65536);
            check_runs(spill, &random, &kinds[k], counts[i], 64 << 20, 500);
        }
    mr_spill_destroy(&spill);
}

/* More runs than memory is given for: two, a few and many at a time. */
static void test_little_memory(void)
{
    uint64_t random = 2;
    mr_spill *spill = open_spill();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        check_runs(spill, &random, &kinds[k], 100, 0, 300);
        check_runs(spill, &random, &kinds[k], 100, (512 << 10) + 40000, 1000);
        check_runs(spill, &random, &kinds[k], 300, (512 << 10) + 90000, 800);
    }
    mr_spill_destroy(&spill);
}

/* Pairs longer than frames and longer than what is packed at once. */
static void test_long_pairs(void)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_runs *runs;
    size_t size = 700000, wrong = 0;
    char *value = malloc(size);
    unsigned char *pair = calloc(1, size + 64);
    const unsigned char *out;
    mr_pair_order order = {.layout = {0}, .by = MR_BY_KEY};
    uint64_t random = 6;
    for (size_t i = 0; i < size; i++)
        value[i] = (char)random_next(&random);
    CU_ASSERT_EQUAL_FATAL(mr_runs_create(&runs, &order, spill, 0, 4096, &error), MR_OK);
    for (uint32_t i = 0; i < 9; i++) {
        mr_image key = mr_image_of_u64(8 - i);
        mr_pair_put(&order.layout, pair, MR_BYTES(key), mr_bytes_at(value, size - i * 80000), 0);
        mr_pair_ref ref = {mr_pair_prefix(&order, pair), pair};
        CU_ASSERT_EQUAL(mr_runs_add(runs, &ref, 1, &error), MR_OK);
    }
    CU_ASSERT_EQUAL_FATAL(mr_runs_rewind(runs, &error), MR_OK);
    for (uint32_t i = 0; i < 9; i++) {
        mr_pair got;
        CU_ASSERT_EQUAL_FATAL(mr_runs_next(runs, &out, &error), MR_OK);
        CU_ASSERT_PTR_NOT_NULL_FATAL(out);
        mr_pair_read(&order.layout, out, &got);
        wrong += mr_key_u64(got.key) != i;
        wrong += !mr_bytes_equal(got.value, mr_bytes_at(value, size - (8 - i) * 80000));
    }
    CU_ASSERT_EQUAL(mr_runs_next(runs, &out, &error), MR_OK);
    CU_ASSERT_PTR_NULL(out);
    CU_ASSERT_EQUAL(wrong, 0);
    mr_runs_destroy(&runs);
    mr_spill_destroy(&spill);
    free(value);
    free(pair);
}

/* Memory stays within what was given, and disk space does not add up. The first of the tests: the
 * most memory that was ever used is its own. */
static void test_bounds(void)
{
    enum { RUNS = 64, EACH = 4096 };
    const size_t memory = 1 << 20, frame = 16384;
    mr_error error = {0};
    uint64_t random = 8;
    const unsigned char *pair;
    sample s;
    mr_spill *spill = open_spill();
    bool can = scratch_can_give_back();
    mr_runs *runs;
    make_sample(&s, &kinds[0], (size_t)RUNS * EACH);
    mr_runs_create(&runs, &s.order, spill, memory, frame, &error);
    for (int i = 0; i < RUNS; i++)
        add_run(runs, &s, &random, &kinds[0], EACH);
    CU_ASSERT_EQUAL(mr_runs_rewind(runs, &error), MR_OK);
    CU_ASSERT(runs->count < RUNS);
    CU_ASSERT(!can || scratch_taken() < s.size * 11 / 10);
    mr_runs_last_time(runs);
    while (mr_runs_next(runs, &pair, &error) == MR_OK && pair)
        ;
    CU_ASSERT_EQUAL(error.code, MR_OK);
    CU_ASSERT(mr_memory_peak() <= memory + RUNS * sizeof(mr_run));
    CU_ASSERT(!can || scratch_taken() < 65536);
    mr_runs_destroy(&runs);
    mr_spill_destroy(&spill);
    free_sample(&s);
}

/* A run that a thread of its own writes. */
typedef struct writing {
    mr_runs *runs;
    sample sample;
    mr_run run;
    mr_status status;
} writing;

static void *write_run(void *context)
{
    writing *w = context;
    mr_error error = {0};
    mr_spill_buffer buffer = {0};
    w->status = mr_run_write(&w->run, w->runs->spill, &w->sample.order.layout, w->sample.refs,
                             w->sample.count, w->runs->frame, &buffer, &error);
    mr_spill_buffer_free(&buffer);
    return NULL;
}

/* Four threads write runs at the same time: all the same pairs, so each comes four times. */
static void test_threads(void)
{
    enum { THREADS = 4, EACH = 30000 };
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_runs *runs;
    writing all[THREADS];
    pthread_t threads[THREADS];
    const unsigned char *pair = NULL;
    sample *s = &all[0].sample;
    make_sample(s, &kinds[4], EACH);
    CU_ASSERT_EQUAL(mr_runs_create(&runs, &s->order, spill, 1 << 20, 4096, &error), MR_OK);
    for (uint64_t i = 0, random = 1; i < EACH; i++)
        add_pair(s, &random, &kinds[4]);
    qsort_r(s->refs, s->count, sizeof *s->refs, oracle, &s->order);
    for (int t = 0; t < THREADS; t++) {
        all[t] = (writing){.runs = runs, .sample = *s};
        pthread_create(&threads[t], NULL, write_run, &all[t]);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        CU_ASSERT_EQUAL(all[t].status, MR_OK);
        CU_ASSERT_EQUAL(mr_runs_take(runs, all[t].run, &error), MR_OK);
    }
    CU_ASSERT_EQUAL(mr_runs_rewind(runs, &error), MR_OK);
    size_t wrong = 0;
    for (size_t i = 0; i < (size_t)THREADS * EACH; i++) {
        CU_ASSERT_FATAL(mr_runs_next(runs, &pair, &error) == MR_OK && pair);
        wrong += memcmp(pair, s->refs[i / THREADS].pair, s->order.layout.stride) != 0;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(mr_runs_next(runs, &pair, &error) == MR_OK && !pair);
    mr_runs_destroy(&runs);
    mr_spill_destroy(&spill);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    free_sample(s);
}

/* Errors come out, whenever they happen, and everything can still be destroyed. */
static void test_errors(void)
{
    mr_error error = {0};
    uint64_t random = 3;
    const unsigned char *pair;
    sample s;
    mr_spill *spill = open_spill();
    mr_runs *runs;
    make_sample(&s, &kinds[0], 40000);
    mr_runs_create(&runs, &s.order, spill, 0, 4096, &error);
    for (int i = 0; i < 4; i++)
        add_run(runs, &s, &random, &kinds[0], 10000);
    scratch_limit(600000);
    CU_ASSERT_EQUAL(mr_runs_add(runs, s.refs, s.count, &error), MR_BAD_OUTPUT);
    error = (mr_error){0};
    CU_ASSERT_EQUAL(mr_runs_rewind(runs, &error), MR_BAD_OUTPUT);
    scratch_limit(RLIM_INFINITY);
    mr_runs_destroy(&runs);
    error = (mr_error){0};
    mr_runs_create(&runs, &s.order, spill, 1 << 20, 4096, &error);
    CU_ASSERT_EQUAL(mr_runs_add(runs, s.refs, s.count, &error), MR_OK);
    scratch_flip(runs->runs[0].extent.at + runs->runs[0].extent.size / 2);
    CU_ASSERT_EQUAL(mr_runs_rewind(runs, &error), MR_OK);
    size_t count = 0;
    while (mr_runs_next(runs, &pair, &error) == MR_OK && pair)
        count++;
    CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
    CU_ASSERT(count < s.count && strncmp(error.text, "scratch corrupted", 17) == 0);
    mr_runs_destroy(&runs);
    mr_spill_destroy(&spill);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
    free_sample(&s);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("runs", scratch_make, scratch_remove);
    CU_add_test(suite, "memory and disk space are bounded", test_bounds);
    CU_add_test(suite, "the merge is what one sort gives", test_merge);
    CU_add_test(suite, "more runs than memory for them", test_little_memory);
    CU_add_test(suite, "long pairs", test_long_pairs);
    CU_add_test(suite, "threads write runs", test_threads);
    CU_add_test(suite, "errors", test_errors);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

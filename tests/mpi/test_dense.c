/*
 * mpi/test_dense.c: arrays of accumulators from all ranks merged, on one of them, on all, in parts
 * and while other things are done, against a loop that has them all; first as src/comm does it, in
 * pieces of all sizes, then as a driver does, from the arrays of threads.
 */
#include "../unit/random.h"
#include "base/memory.h"
#include "comm/dense.h"
#include "ranks.h"
#include "sets/run.h"

#include <mapred/dense.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* A fold of one's own: its identity is not zero, and it has more than one word. */
typedef struct extent {
    int64_t least, most, sum;
} extent;

static void extent_init(const mr_fold *self, void *accumulator)
{
    (void)self;
    *(extent *)accumulator = (extent){INT64_MAX, INT64_MIN, 0};
}

static void extent_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    extent *a = accumulator;
    const extent *b = other;
    a->least = b->least < a->least ? b->least : a->least;
    a->most = b->most > a->most ? b->most : a->most;
    a->sum += b->sum;
}

static void extent_add(const mr_fold *self, void *accumulator, int64_t value)
{
    extent_merge(self, accumulator, &(extent){value, value, value});
}

static void extent_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    const extent *from = accumulator;
    mr_row_add_i64(row, from->least);
    mr_row_add_i64(row, from->most);
    mr_row_add_i64(row, from->sum);
}

static const mr_fold fold_extent = {.name = "extent",
                                    .columns = "least,most,sum",
                                    .size = sizeof(extent),
                                    .init = extent_init,
                                    .merge = extent_merge,
                                    .show = extent_show,
                                    .add_i64 = extent_add};

static unsigned char *make_empty(const mr_fold *fold, uint64_t count)
{
    unsigned char *all = calloc(count + 1, fold->size);
    for (uint64_t i = 0; i < count && fold->init; i++)
        fold->init(fold, all + i * fold->size);
    return all;
}

/* What a series folds: a value into a third of the accumulators, none into the others. */
static void fold_values(const mr_fold *fold, unsigned char *all, uint64_t count, uint64_t series)
{
    uint64_t state = seed_of((int)series, count);
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t n = random_below(&state, 3); n > 1; n--) {
            int64_t value = (int64_t)(random_next(&state) >> 8) - (INT64_C(1) << 55);
            if (fold->add_f64)
                fold->add_f64(fold, all + i * fold->size, (double)value / 3);
            else
                fold->add_i64(fold, all + i * fold->size, value);
        }
}

/* What all series make together. */
static unsigned char *make_wanted(const mr_fold *fold, uint64_t count, uint64_t series)
{
    unsigned char *want = make_empty(fold, count);
    for (uint64_t number = 0; number < series; number++) {
        unsigned char *part = make_empty(fold, count);
        fold_values(fold, part, count, number);
        for (uint64_t i = 0; i < count; i++)
            fold->merge(fold, want + i * fold->size, part + i * fold->size);
        free(part);
    }
    return want;
}

/* As they are shown: an exact sum has more than one way to be the same. */
static bool same(const mr_fold *fold, const unsigned char *a, const unsigned char *b,
                 uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        mr_row left = {0}, right = {0};
        fold->show(fold, a + i * fold->size, &left);
        fold->show(fold, b + i * fold->size, &right);
        for (unsigned cell = 0; cell < left.count; cell++)
            if (left.cells[cell].as.u64 != right.cells[cell].as.u64)
                return false;
    }
    return true;
}

/* The collectives, each with its own array. */
typedef void merger(const mr_merged *what, const unsigned char *want);

static void merge_to_one(const mr_merged *what, const unsigned char *want)
{
    int last = mr_comm_size(comm) - 1;
    mr_merge_to_one(comm, what, last);
    if (mr_comm_rank(comm) == last)
        CU_ASSERT(same(what->fold, what->accumulators, want, what->count));
}

static void merge_to_all(const mr_merged *what, const unsigned char *want)
{
    mr_merge_to_all(comm, what);
    CU_ASSERT(same(what->fold, what->accumulators, want, what->count));
}

static void merge_to_parts(const mr_merged *what, const unsigned char *want)
{
    const unsigned char *all = what->accumulators;
    void *room = malloc(mr_merge_room(comm, what));
    uint64_t first = mr_merge_part(comm, what->count, mr_comm_rank(comm));
    uint64_t end = mr_merge_part(comm, what->count, mr_comm_rank(comm) + 1);
    uint64_t even = what->count / (uint64_t)mr_comm_size(comm);
    CU_ASSERT(end - first == even || end - first == even + 1);
    CU_ASSERT_EQUAL(mr_merge_part(comm, what->count, mr_comm_size(comm)), what->count);
    mr_merge_to_parts(comm, what, room);
    CU_ASSERT(same(what->fold, all + first * what->fold->size, want + first * what->fold->size,
                   end - first));
    free(room);
}

static void merge_meanwhile(const mr_merged *what, const unsigned char *want)
{
    mr_error error = {0};
    mr_merging *merging = mr_merging_create(&error);
    mr_merging_begin(merging, comm, what);
    for (int i = 0; i < 5 && !mr_merging_poll(merging); i++)
        nap(10);
    mr_merging_finish(&merging);
    CU_ASSERT_PTR_NULL(merging);
    CU_ASSERT(same(what->fold, what->accumulators, want, what->count));
}

static void expect_merged(const mr_fold *fold, uint64_t count, uint64_t piece)
{
    static merger *const mergers[] = {merge_to_one, merge_to_all, merge_to_parts, merge_meanwhile};
    uint64_t ranks = (uint64_t)mr_comm_size(comm);
    unsigned char *want = make_wanted(fold, count, ranks);
    for (size_t i = 0; i < sizeof mergers / sizeof *mergers; i++) {
        unsigned char *mine = make_empty(fold, count);
        mr_merged what = {.fold = fold, .accumulators = mine, .count = count, .piece = piece};
        fold_values(fold, mine, count, (uint64_t)mr_comm_rank(comm));
        mergers[i](&what, want);
        free(mine);
    }
    free(want);
}

/* None, one, fewer than ranks, and more than go into one collective; pieces that are smaller than
 * an accumulator, that leave a rest, and that hold all. */
static void expect_all_counts(const mr_fold *fold)
{
    static const uint64_t counts[] = {0, 1, 2, 5, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        expect_merged(fold, counts[i], 0);
    expect_merged(fold, 7, 1);
    expect_merged(fold, 100, (uint64_t)fold->size * 7);
    expect_merged(fold, 1000, (uint64_t)fold->size * 333);
}

static void test_sum(void)
{
    expect_all_counts(MR_SUM_I64);
    if (mr_comm_size(comm) <= 2) /* more than one piece as they are by themselves */
        expect_merged(MR_SUM_I64, (2 << 20) + 1234, 0);
}

static void test_stats(void)
{
    expect_merged(MR_MIN_I64, 1000, 800);
    expect_all_counts(MR_STATS_I64);
}

/* The same bits, whatever tree MPI merges in. */
static void test_reals(void)
{
    expect_merged(MR_SUM_F64, 1000, 0);
    expect_merged(MR_VARIANCE_F64, 100, 1000);
    expect_all_counts(MR_EXACT_F64);
}

static void test_own(void)
{
    expect_all_counts(&fold_extent);
}

/* What a driver does, told by way of the job's state. */
typedef struct orders {
    mr_status (*drive)(mr_job *job);
} orders;

static mr_status drive(mr_job *job)
{
    return ((const orders *)mr_job_state(job))->drive(job);
}

static const mr_app app = {MR_APP_ABI, .name = "dense", .run = drive, .state_size = sizeof(orders)};

static mr_status run_job(mr_status (*what)(mr_job *job), const mr_settings *settings,
                         mr_error *error)
{
    orders state = {what};
    mr_settings quiet = *settings;
    quiet.quiet = true;
    *error = (mr_error){0};
    return mr_run_main(comm, &app, &state, &quiet, NULL, 0, error);
}

static void expect_job(mr_status (*what)(mr_job *job), uint64_t threads)
{
    mr_error error;
    CU_ASSERT_EQUAL(run_job(what, &(mr_settings){.threads = threads}, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(error.text, "");
}

#define COUNT 333

/* Every other thread folds for two; the rest have no array. Series of values are numbered over all
 * threads of all ranks. */
static void fold_in_threads(mr_job *job, mr_dense *dense, const mr_fold *fold)
{
    unsigned threads = mr_job_threads(job);
    uint64_t first = (uint64_t)mr_job_rank(job) * threads;
#pragma omp parallel for num_threads((int)threads) schedule(static, 1)
    for (unsigned thread = 0; thread < threads; thread += 2) {
        unsigned char *mine = mr_dense_mine(dense, thread);
        fold_values(fold, mine, COUNT, first + thread);
        if (thread + 1 < threads)
            fold_values(fold, mr_dense_mine(dense, thread), COUNT, first + thread + 1);
    }
}

static unsigned char *wanted_of(mr_job *job, const mr_fold *fold)
{
    return make_wanted(fold, COUNT, (uint64_t)mr_job_ranks(job) * mr_job_threads(job));
}

static void look_at_one(mr_job *job, mr_dense *dense, const mr_fold *fold,
                        const unsigned char *want, int to)
{
    const void *merged;
    CU_ASSERT_EQUAL(mr_dense_on(dense, to, &merged), MR_OK);
    CU_ASSERT_EQUAL((merged != NULL), (mr_job_rank(job) == to));
    if (merged)
        CU_ASSERT(same(fold, merged, want, COUNT));
}

static void look_at_parts(mr_dense *dense, const mr_fold *fold, const unsigned char *want)
{
    const void *part;
    uint64_t first, count;
    CU_ASSERT_EQUAL(mr_dense_parts(dense, &part, &first, &count), MR_OK);
    CU_ASSERT(same(fold, part, want + first * fold->size, count));
}

static void look_at_all(mr_dense *dense, const mr_fold *fold, const unsigned char *want)
{
    const void *all = mr_dense_all(dense);
    CU_ASSERT(all && same(fold, all, want, COUNT));
}

/* Any of them may be asked for after any other. */
static void look_at(mr_job *job, mr_dense *dense, const mr_fold *fold, const unsigned char *want,
                    uint64_t way)
{
    switch (way) {
    case 0:
        look_at_one(job, dense, fold, want, 0);
        break;
    case 1:
        look_at_one(job, dense, fold, want, mr_job_ranks(job) - 1);
        break;
    case 2:
        look_at_parts(dense, fold, want);
        break;
    case 3:
        look_at_all(dense, fold, want);
        break;
    default:
        CU_ASSERT_EQUAL(mr_dense_begin(dense), MR_OK);
        for (int i = 0; i < 3; i++)
            mr_dense_poll(dense);
    }
}

static mr_status look_every_way(mr_job *job, const mr_fold *fold)
{
    mr_dense *dense;
    uint64_t state = 3;
    MR_TRY(mr_dense_create(job, fold, COUNT, &dense));
    unsigned char *want = wanted_of(job, fold), *empty = make_empty(fold, COUNT);
    for (uint64_t round = 0; round < 15; round++) {
        fold_in_threads(job, dense, fold);
        look_at(job, dense, fold, want, round % 5);
        look_at(job, dense, fold, want, random_below(&state, 5));
        look_at(job, dense, fold, want, random_below(&state, 5));
        mr_dense_clear(dense);
    }
    look_at_all(dense, fold, empty);
    mr_dense_destroy(&dense);
    free(want);
    free(empty);
    return MR_OK;
}

static mr_status drive_extents(mr_job *job)
{
    return look_every_way(job, &fold_extent);
}

static mr_status drive_sums(mr_job *job)
{
    return look_every_way(job, MR_SUM_I64);
}

static mr_status drive_exact(mr_job *job)
{
    return look_every_way(job, MR_EXACT_F64);
}

static void test_driver(void)
{
    expect_job(drive_extents, 1);
    expect_job(drive_extents, 5);
    expect_job(drive_sums, 4);
    expect_job(drive_exact, 3);
}

/* One accumulator, and none at all, of many threads. */
static mr_status drive_few(mr_job *job)
{
    mr_dense *dense;
    MR_TRY(mr_dense_create(job, MR_SUM_I64, 1, &dense));
#pragma omp parallel for num_threads((int)mr_job_threads(job))
    for (unsigned thread = 0; thread < mr_job_threads(job); thread++)
        ++*(int64_t *)mr_dense_mine(dense, thread);
    const int64_t *sum = mr_dense_all(dense);
    CU_ASSERT(sum && *sum == (int64_t)mr_job_threads(job) * mr_job_ranks(job));
    mr_dense_destroy(&dense);
    MR_TRY(mr_dense_create(job, MR_SUM_I64, 0, &dense));
    CU_ASSERT_PTR_NOT_NULL(mr_dense_mine(dense, 0));
    CU_ASSERT_PTR_NOT_NULL(mr_dense_all(dense));
    mr_dense_destroy(&dense);
    CU_ASSERT_PTR_NULL(dense);
    mr_dense_destroy(&dense);
    return MR_OK;
}

static void test_few(void)
{
    expect_job(drive_few, 1);
    expect_job(drive_few, 7);
}

/* One rank alone has no memory for its array: all are told, and none has a result. */
static mr_status drive_large(mr_job *job)
{
    mr_dense *dense;
    const void *part;
    uint64_t first, count, large = (uint64_t)1 << 40;
    MR_TRY(mr_dense_create(job, MR_SUM_I64, large, &dense));
    if (mr_job_rank(job) == mr_job_ranks(job) - 1)
        CU_ASSERT_PTR_NULL(mr_dense_mine(dense, 1));
    CU_ASSERT_EQUAL(mr_dense_parts(dense, &part, &first, &count), MR_NO_MEMORY);
    CU_ASSERT_PTR_NULL(part);
    CU_ASSERT_PTR_NULL(mr_dense_all(dense));
    CU_ASSERT_EQUAL(mr_dense_begin(dense), MR_NO_MEMORY);
    mr_dense_destroy(&dense);
    return MR_NO_MEMORY;
}

/* One rank gives up while messages are under way. */
static mr_status drive_failing(mr_job *job)
{
    mr_dense *dense;
    MR_TRY(mr_dense_create(job, &fold_extent, 100000, &dense));
    mr_status status = mr_dense_begin(dense);
    if (mr_job_rank(job) == 0)
        status = mr_job_fail(job, MR_FAILED, "rank 0 has enough");
    else
        CU_ASSERT_PTR_NULL(mr_dense_all(dense));
    mr_dense_destroy(&dense);
    return status;
}

static mr_status drive_nowhere(mr_job *job)
{
    mr_dense *dense;
    const void *merged;
    MR_TRY(mr_dense_create(job, MR_SUM_I64, 1, &dense));
    mr_status status = mr_dense_on(dense, mr_job_ranks(job), &merged);
    mr_dense_destroy(&dense);
    return status;
}

static void expect_failure(mr_status (*what)(mr_job *job), mr_status code, const char *text)
{
    mr_error error;
    uint64_t used = mr_memory_used();
    mr_settings settings = {.threads = 2, .memory = (uint64_t)1 << 30};
    CU_ASSERT_EQUAL(run_job(what, &settings, &error), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
    CU_ASSERT_EQUAL(mr_memory_used(), used);
}

static void test_failures(void)
{
    expect_failure(drive_large, MR_NO_MEMORY, "dense results");
    expect_failure(drive_failing, MR_FAILED, "rank 0 has enough");
    expect_failure(drive_nowhere, MR_FAILED, "no such rank");
}

int main(void)
{
    static const ranks_test tests[] = {
        {"a plain sum", test_sum},
        {"the least, count, least, mean and most", test_stats},
        {"sums of reals", test_reals},
        {"a fold of one's own", test_own},
        {"a driver, in every way", test_driver},
        {"one accumulator, and none", test_few},
        {"failures that all are told of", test_failures},
    };
    return run_on_ranks("dense", tests, sizeof tests / sizeof *tests);
}

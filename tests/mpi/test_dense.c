/*
 * mpi/test_dense.c: arrays of accumulators from all ranks merged into rank 0's, against a loop that
 * has them all.
 */
#include "../unit/random.h"
#include "comm/dense.h"
#include "ranks.h"

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

static const mr_fold fold_extent = {.name = "extent",
                                    .columns = "least,most,sum",
                                    .size = sizeof(extent),
                                    .init = extent_init,
                                    .merge = extent_merge,
                                    .add_i64 = extent_add};

static unsigned char *make_empty(const mr_fold *fold, uint64_t count)
{
    unsigned char *all = calloc(count + 1, fold->size);
    for (uint64_t i = 0; i < count && fold->init; i++)
        fold->init(fold, all + i * fold->size);
    return all;
}

/* What a rank folds: a few values into a third of the accumulators, none into the others. */
static void fold_values(const mr_fold *fold, unsigned char *all, uint64_t count, int rank)
{
    uint64_t state = seed_of(rank, count);
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t n = random_below(&state, 3); n > 1; n--) {
            int64_t value = (int64_t)(random_next(&state) >> 8) - (INT64_C(1) << 55);
            if (fold->add_i64)
                fold->add_i64(fold, all + i * fold->size, value);
            else
                fold->add_f64(fold, all + i * fold->size, (double)value / 3);
        }
}

static void expect_reduced(const mr_fold *fold, uint64_t count)
{
    unsigned char *mine = make_empty(fold, count), *want = make_empty(fold, count);
    fold_values(fold, mine, count, mr_comm_rank(comm));
    mr_merge_to_one(comm, &(mr_merged){.fold = fold, .accumulators = mine, .count = count}, 0);
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        unsigned char *part = make_empty(fold, count);
        fold_values(fold, part, count, rank);
        for (uint64_t i = 0; i < count; i++)
            fold->merge(fold, want + i * fold->size, part + i * fold->size);
        free(part);
    }
    if (mr_comm_rank(comm) == 0)
        CU_ASSERT_EQUAL(memcmp(mine, want, count * fold->size), 0);
    free(mine);
    free(want);
}

/* None, one, and more than go into one collective. */
static void expect_all_counts(const mr_fold *fold)
{
    static const uint64_t counts[] = {0, 1, 1000, 65536, 65536 + 4465};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        expect_reduced(fold, counts[i]);
}

static void test_sum(void)
{
    expect_all_counts(MR_SUM_I64);
}

static void test_least(void)
{
    expect_all_counts(MR_MIN_I64);
}

static void test_stats(void)
{
    expect_all_counts(MR_STATS_I64);
}

/* The same bits, whatever tree MPI merges in. */
static void test_reals(void)
{
    expect_reduced(MR_SUM_F64, 1000);
    expect_reduced(MR_MEAN_F64, 100);
}

static void test_own(void)
{
    expect_all_counts(&fold_extent);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"a plain sum", test_sum},
        {"the least", test_least},
        {"count, least, mean and most", test_stats},
        {"sums of reals", test_reals},
        {"a fold of one's own", test_own},
    };
    return run_on_ranks("dense", tests, sizeof tests / sizeof *tests);
}

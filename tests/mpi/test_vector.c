/*
 * mpi/test_vector.c: collectives on arrays, in pieces of all sizes, against what one rank computes
 * of everybody's numbers.
 */
#include "../unit/random.h"
#include "comm/vector.h"
#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes at a time: one number, a few, not a multiple of 8, all at once. */
static const uint64_t pieces[] = {1, 8, 24, 100, 4096, 0};
#define PIECES (sizeof pieces / sizeof *pieces)

static const uint64_t counts[] = {0, 1, 2, 5, 97, 2000};
#define COUNTS (sizeof counts / sizeof *counts)

/* Small and huge integers; doubles of all sorts, the same for any bits that are no number. */
static uint64_t number_at(uint64_t *state, mr_number number)
{
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 1e300, -1e-300, 5e-324};
    uint64_t bits = random_next(state);
    if (number != MR_NUMBER_F64)
        return bits & 1 ? bits : (uint64_t)((int64_t)(bits >> 32) % 1000 - 500);
    double value = (double)(int64_t)bits / 1024;
    if (bits >> 60 == 0)
        value = odd[bits % 7];
    memcpy(&bits, &value, 8);
    return bits;
}

static void fill(uint64_t *numbers, uint64_t count, int rank, mr_number number, uint64_t test)
{
    uint64_t state = seed_of(rank, test);
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = number_at(&state, number);
}

static double as_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static uint64_t lesser(uint64_t a, uint64_t b, mr_number number)
{
    if (number == MR_NUMBER_I64)
        return (int64_t)a < (int64_t)b ? a : b;
    if (number == MR_NUMBER_U64)
        return a < b ? a : b;
    double x = as_double(a), y = as_double(b);
    if (x == 0 && y == 0)
        return signbit(x) ? a : b;
    return x < y ? a : b;
}

static uint64_t combined(uint64_t a, uint64_t b, mr_number number, mr_combine combine)
{
    switch (combine) {
    case MR_COMBINE_SUM:
        return a + b;
    case MR_COMBINE_MIN:
        return lesser(a, b, number);
    case MR_COMBINE_MAX:
        return lesser(a, b, number) == a ? b : a;
    default:
        return a | b;
    }
}

/* One reduction, with a number on either side that must stay as it is. */
static void expect_reduced(uint64_t count, mr_number number, mr_combine combine, uint64_t piece)
{
    uint64_t *mine = calloc(3 * count + 2, sizeof *mine), *want = mine + count + 2;
    uint64_t *other = want + count;
    mine[0] = mine[count + 1] = 77;
    fill(mine + 1, count, mr_comm_rank(comm), number, count);
    fill(want, count, 0, number, count);
    for (int rank = 1; rank < mr_comm_size(comm); rank++) {
        fill(other, count, rank, number, count);
        for (uint64_t i = 0; i < count; i++)
            want[i] = combined(want[i], other[i], number, combine);
    }
    mr_vector_reduce(comm, mine + 1, count, number, combine, piece);
    CU_ASSERT_EQUAL(memcmp(mine + 1, want, count * sizeof *want), 0);
    CU_ASSERT(mine[0] == 77 && mine[count + 1] == 77);
    free(mine);
}

static void expect_all(mr_number number, mr_combine combine)
{
    for (size_t c = 0; c < COUNTS; c++)
        for (size_t p = 0; p < PIECES; p++)
            if (counts[c] < 1000 || pieces[p] > 100 || pieces[p] == 0)
                expect_reduced(counts[c], number, combine, pieces[p]);
}

static void test_integers(void)
{
    for (int combine = MR_COMBINE_SUM; combine <= MR_COMBINE_OR; combine++) {
        expect_all(MR_NUMBER_I64, (mr_combine)combine);
        expect_all(MR_NUMBER_U64, (mr_combine)combine);
    }
}

static void test_extremes_of_doubles(void)
{
    expect_all(MR_NUMBER_F64, MR_COMBINE_MIN);
    expect_all(MR_NUMBER_F64, MR_COMBINE_MAX);
}

/* A NaN of any rank, on all of them, and in its own place only. */
static void test_not_a_number(void)
{
    for (int from = 0; from < mr_comm_size(comm); from++)
        for (int combine = MR_COMBINE_SUM; combine <= MR_COMBINE_MAX; combine++) {
            double numbers[3] = {1, 2, 3};
            if (mr_comm_rank(comm) == from)
                numbers[1] = from % 2 ? NAN : -NAN;
            mr_vector_reduce(comm, numbers, 3, MR_NUMBER_F64, (mr_combine)combine, 0);
            CU_ASSERT_TRUE(isnan(numbers[1]));
            CU_ASSERT_FALSE(isnan(numbers[0]) || isnan(numbers[2]));
        }
}

/* Whole numbers add exactly; other terms at least come to the same bits everywhere. */
static void test_sums_of_doubles(void)
{
    enum { COUNT = 1000 };
    int size = mr_comm_size(comm);
    double whole[COUNT], parts[COUNT], first[COUNT];
    uint64_t state = seed_of(mr_comm_rank(comm), 9);
    for (int i = 0; i < COUNT; i++) {
        whole[i] = (double)(i * 1000 + mr_comm_rank(comm));
        parts[i] = 1 / (double)(1 + random_below(&state, 1000));
    }
    mr_vector_reduce(comm, whole, COUNT, MR_NUMBER_F64, MR_COMBINE_SUM, 800);
    mr_vector_reduce(comm, parts, COUNT, MR_NUMBER_F64, MR_COMBINE_SUM, 800);
    memcpy(first, parts, sizeof first);
    mr_vector_broadcast(comm, 0, first, sizeof first, 0);
    CU_ASSERT_EQUAL(memcmp(first, parts, sizeof first), 0);
    for (int i = 0; i < COUNT; i++)
        CU_ASSERT_EQUAL(whole[i], (double)(size * i * 1000 + size * (size - 1) / 2));
}

static unsigned char byte_of(uint64_t place, uint64_t test)
{
    uint64_t state = place * 31 + test;
    return (unsigned char)(random_next(&state) >> 24);
}

static void test_broadcast(void)
{
    static const uint64_t sizes[] = {0, 1, 7, 4096, 4097, 30001};
    for (int from = 0; from < mr_comm_size(comm); from++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t p = 3; p < PIECES; p++) {
                unsigned char *bytes = calloc(sizes[s] + 1, 1);
                bool right = true;
                for (uint64_t i = 0; i < sizes[s] && mr_comm_rank(comm) == from; i++)
                    bytes[i] = byte_of(i, s);
                bytes[sizes[s]] = 99;
                mr_vector_broadcast(comm, from, bytes, sizes[s], pieces[p]);
                for (uint64_t i = 0; i < sizes[s]; i++)
                    right = right && bytes[i] == byte_of(i, s);
                CU_ASSERT_TRUE(right);
                CU_ASSERT_EQUAL(bytes[sizes[s]], 99);
                free(bytes);
            }
}

/* Pieces of up to `most` bytes, a third of them empty; the first begins at `first`. */
static void cut(uint64_t *starts, uint64_t first, uint64_t most, uint64_t test)
{
    uint64_t state = test;
    starts[0] = first;
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        uint64_t size = random_below(&state, 3) ? random_below(&state, most) : 0;
        starts[rank + 1] = starts[rank] + size;
    }
}

static void expect_gathered(const uint64_t *starts, uint64_t piece, uint64_t test)
{
    int rank = mr_comm_rank(comm);
    uint64_t end = starts[mr_comm_size(comm)];
    unsigned char *bytes = malloc(end + 8);
    bool right = true;
    memset(bytes, 0xa5, end + 8);
    for (uint64_t i = starts[rank]; i < starts[rank + 1]; i++)
        bytes[i] = byte_of(i, test);
    mr_vector_gather(comm, bytes, starts, piece);
    for (uint64_t i = 0; i < end + 8; i++)
        right = right && bytes[i] == (i < starts[0] || i >= end ? 0xa5 : byte_of(i, test));
    CU_ASSERT_TRUE(right);
    free(bytes);
}

static void test_gather(void)
{
    uint64_t *starts = calloc((size_t)mr_comm_size(comm) + 1, sizeof *starts);
    for (uint64_t test = 1; test < 60; test++) {
        cut(starts, test % 4 ? 0 : 13, test % 3 ? 50 : 9000, test);
        for (size_t p = 3; p < PIECES; p++)
            expect_gathered(starts, pieces[p], test);
        expect_gathered(starts, 7, test);
    }
    cut(starts, 0, 1, 1); /* nobody has anything */
    expect_gathered(starts, 0, 0);
    free(starts);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"integers: sum, smallest, largest, or", test_integers},
        {"doubles: smallest, largest", test_extremes_of_doubles},
        {"doubles: what is no number is heard", test_not_a_number},
        {"doubles: sums", test_sums_of_doubles},
        {"broadcast: from every rank", test_broadcast},
        {"gather: pieces of all sizes", test_gather},
    };
    return run_on_ranks("vector", tests, sizeof tests / sizeof *tests);
}

/*
 * mpi/test_comm.c: agreement and the other collectives of the control plane, against what every
 * rank can compute of all the others.
 */
#include "../unit/random.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

static void fill(unsigned char *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random_next(&seed) >> 32);
}

static bool is_filled(const void *bytes, size_t size, uint64_t seed)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i] != (unsigned char)(random_next(&seed) >> 32))
            return false;
    return true;
}

static void test_who(void)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    CU_ASSERT(rank >= 0 && rank < size);
    CU_ASSERT_EQUAL(mr_comm_rank_hint(), rank);
    CU_ASSERT_EQUAL(mr_comm_node_size(comm), size); /* these tests run on one node */
    CU_ASSERT_EQUAL(mr_comm_node_rank(comm), rank);
    CU_ASSERT(strlen(mr_comm_host(comm)) > 0);
}

static void test_nothing_wrong(void)
{
    mr_error error = {0};
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
    CU_ASSERT_EQUAL(error.code, MR_OK);
    CU_ASSERT_STRING_EQUAL(error.text, "");
}

/* The ranks whose bit is set fail, each in its own way; all must end with the lowest one's error.
 */
static void expect_agreement(uint64_t failing)
{
    static const mr_status codes[] = {MR_FAILED, MR_USAGE, MR_BAD_INPUT, MR_BAD_OUTPUT};
    mr_error error = {0};
    int rank = mr_comm_rank(comm), lowest = 0;
    char text[64];
    while (lowest < mr_comm_size(comm) && !(failing >> lowest & 1))
        lowest++;
    if (failing >> rank & 1)
        mr_error_set(&error, codes[rank % 4], "cannot: rank %d: try again", rank);
    mr_status status = mr_comm_agree(comm, &error);
    if (lowest == mr_comm_size(comm)) {
        CU_ASSERT_EQUAL(status, MR_OK);
        return;
    }
    snprintf(text, sizeof text, "cannot: rank %d: try again", lowest);
    CU_ASSERT_EQUAL(status, codes[lowest % 4]);
    CU_ASSERT_EQUAL(error.code, codes[lowest % 4]);
    CU_ASSERT_STRING_EQUAL(error.text, text);
}

static void test_one_fails(void)
{
    for (int rank = 0; rank < mr_comm_size(comm); rank++)
        expect_agreement(UINT64_C(1) << rank);
}

static void test_several_fail(void)
{
    uint64_t all = (UINT64_C(1) << mr_comm_size(comm)) - 1, same = 42;
    expect_agreement(all);
    for (int i = 0; i < 50; i++)
        expect_agreement(random_next(&same) & all);
}

/* The longest text there can be arrives whole. */
static void test_long_text(void)
{
    mr_error error = {0};
    char text[2 * MR_ERROR_TEXT];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    if (mr_comm_rank(comm) == mr_comm_size(comm) - 1)
        mr_error_set(&error, MR_FAILED, "%s", text);
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_FAILED);
    CU_ASSERT_EQUAL(strlen(error.text), MR_ERROR_TEXT - 1);
    CU_ASSERT_EQUAL(strspn(error.text, "x"), MR_ERROR_TEXT - 1);
}

static void test_broadcast(void)
{
    static const size_t sizes[] = {0, 1, 1000, 65537, (5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mr_error error = {0};
        void *bytes = NULL;
        size_t size = 12345; /* of no meaning but on rank 0 */
        if (mr_comm_rank(comm) == 0) {
            size = sizes[i];
            bytes = malloc(size + 1);
            fill(bytes, size, i);
        }
        CU_ASSERT_EQUAL(mr_comm_broadcast(comm, &bytes, &size, &error), MR_OK);
        CU_ASSERT_EQUAL(size, sizes[i]);
        CU_ASSERT(bytes && is_filled(bytes, sizes[i], i));
        free(bytes);
    }
}

#define SCANNED 5

static void test_scan(void)
{
    uint64_t mine[SCANNED] = {0}, before[SCANNED], total[SCANNED];
    uint64_t want_before[SCANNED] = {0}, want_total[SCANNED] = {0};
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        uint64_t state = seed_of(rank, 1);
        for (int i = 0; i < SCANNED; i++) {
            uint64_t value = random_next(&state) >> 10; /* sums need 64 bits */
            if (rank == mr_comm_rank(comm)) {
                mine[i] = value;
                want_before[i] = want_total[i];
            }
            want_total[i] += value;
        }
    }
    memset(before, 0xff, sizeof before);
    mr_comm_scan(comm, mine, SCANNED, before, total);
    CU_ASSERT_EQUAL(memcmp(before, want_before, sizeof before), 0);
    CU_ASSERT_EQUAL(memcmp(total, want_total, sizeof total), 0);
}

static void test_gather(void)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    uint64_t mine[2] = {(uint64_t)rank, seed_of(rank, 2)};
    uint64_t *all = rank == 0 ? calloc((size_t)size, sizeof mine) : NULL;
    mr_comm_gather(comm, mine, sizeof mine, all);
    for (int other = 0; rank == 0 && other < size; other++) {
        CU_ASSERT_EQUAL(all[2 * other], (uint64_t)other);
        CU_ASSERT_EQUAL(all[2 * other + 1], seed_of(other, 2));
    }
    free(all);
}

/* Some ranks have nothing, some more than a megabyte. */
static size_t piece_of(int rank, uint64_t round)
{
    uint64_t state = seed_of(rank, round);
    size_t most = random_below(&state, 3) == 0 ? (size_t)3 << 20 : 100;
    return random_below(&state, 3) == 0 ? 0 : (size_t)random_below(&state, most);
}

static void expect_gathered(const char *all, const uint64_t *sizes, uint64_t round)
{
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        CU_ASSERT_EQUAL(sizes[rank], piece_of(rank, round));
        CU_ASSERT(is_filled(all, sizes[rank], seed_of(rank, round)));
        all += sizes[rank];
    }
}

static void test_gather_sizes(void)
{
    for (uint64_t round = 0; round < 8; round++) {
        int rank = mr_comm_rank(comm);
        mr_error error = {0};
        char *all = (char *)&error;
        uint64_t *sizes = (uint64_t *)&all;
        size_t size = round ? piece_of(rank, round) : 0;
        unsigned char *mine = malloc(size + 1);
        fill(mine, size, seed_of(rank, round));
        CU_ASSERT_EQUAL(mr_comm_gather_sizes(comm, mine, size, &all, &sizes, &error), MR_OK);
        if (rank == 0 && round > 0)
            expect_gathered(all, sizes, round);
        for (int other = 0; rank == 0 && round == 0 && other < mr_comm_size(comm); other++)
            CU_ASSERT_EQUAL(sizes[other], 0);
        if (rank > 0)
            CU_ASSERT(all == NULL && sizes == NULL);
        free(all);
        free(sizes);
        free(mine);
    }
}

static void test_any(void)
{
    CU_ASSERT_FALSE(mr_comm_any(comm, false));
    for (int rank = 0; rank < mr_comm_size(comm); rank++)
        CU_ASSERT_TRUE(mr_comm_any(comm, rank == mr_comm_rank(comm)));
}

/* One message around the ring; it grows by a byte a rank, and may be empty at first. */
static void test_send(void)
{
    int rank = mr_comm_rank(comm), size = mr_comm_size(comm);
    char bytes[64];
    if (size > 1 && rank == 0) {
        mr_comm_send(comm, 1, "", 0);
        size_t got = mr_comm_receive(comm, size - 1, bytes, sizeof bytes);
        CU_ASSERT_EQUAL(got, (size_t)size - 1);
        for (size_t i = 0; i < got; i++)
            CU_ASSERT_EQUAL(bytes[i], (char)(i + 1));
    } else if (size > 1) {
        size_t got = mr_comm_receive(comm, rank - 1, bytes, sizeof bytes);
        bytes[got] = (char)rank;
        mr_comm_send(comm, (rank + 1) % size, bytes, got + 1);
    }
    mr_comm_barrier(comm);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"ranks know who they are", test_who},
        {"agreement: nothing is wrong", test_nothing_wrong},
        {"agreement: one rank fails, alone", test_one_fails},
        {"agreement: several fail, the lowest is heard", test_several_fail},
        {"agreement: the longest text", test_long_text},
        {"broadcast: none, one and millions of bytes", test_broadcast},
        {"scan: sums before and in all", test_scan},
        {"gather: the same size", test_gather},
        {"gather: all sizes", test_gather_sizes},
        {"any: one rank is enough", test_any},
        {"send and receive: around the ring", test_send},
    };
    return run_on_ranks("comm", tests, sizeof tests / sizeof *tests);
}

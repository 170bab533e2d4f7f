/*
 * mpi/ranks.h: a CUnit program on several ranks. All of them run the same tests; rank 0 alone shows
 * the result, the others only what failed, and the failure of any is the failure of all. Tests must
 * not use the fatal assertions: a rank that leaves a test early leaves the others waiting.
 */
#ifndef MR_MPI_RANKS_H
#define MR_MPI_RANKS_H

#include "comm/comm.h"

#include <CUnit/Basic.h>

#include <stdio.h>
#include <time.h>

typedef struct ranks_test {
    const char *name;
    void (*run)(void);
} ranks_test;

/* CUnit hands its tests no argument. */
static mr_comm *comm;

/* The start of a rank's own series of random numbers, which every rank can compute. */
static inline uint64_t seed_of(int rank, uint64_t test)
{
    return test * 1000003 + (uint64_t)rank * 7919 + 1;
}

static inline void nap(long microseconds)
{
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
}

static inline int run_suite(const char *name, const ranks_test *tests, size_t count)
{
    CU_pSuite suite =
        CU_initialize_registry() == CUE_SUCCESS ? CU_add_suite(name, NULL, NULL) : NULL;
    bool added = suite != NULL;
    for (size_t i = 0; i < count && added; i++)
        added = CU_add_test(suite, tests[i].name, tests[i].run) != NULL;
    if (!added)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (mr_comm_rank(comm) == 0)
        CU_basic_run_tests();
    else
        CU_run_all_tests();
    unsigned failures = CU_get_number_of_failures() + (CU_get_number_of_tests_run() != count);
    if (failures > 0 && mr_comm_rank(comm) > 0) {
        printf("rank %d:", mr_comm_rank(comm));
        CU_basic_show_failures(CU_get_failure_list());
        printf("\n");
    }
    CU_cleanup_registry();
    return failures > 0;
}

/* What main returns. */
static inline int run_on_ranks(const char *name, const ranks_test *tests, size_t count)
{
    mr_error error = {0};
    if (mr_comm_start(&comm, &error) != MR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    bool failed = mr_comm_any(comm, run_suite(name, tests, count) != 0);
    mr_comm_finish(&comm);
    return failed;
}

#endif

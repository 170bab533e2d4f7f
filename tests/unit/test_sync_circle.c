/* unit/test_sync_circle.c: circles among who holds and who waits, against walks over random ones.
 */
#include "sync/circle.h"

#include "random.h"

#include <CUnit/Basic.h>

#define LOCKS   6
#define THREADS 6

static mr_sync_fact waits(int rank, unsigned thread, unsigned object)
{
    return (mr_sync_fact){
        .what = MR_SYNC_WAITS, .rank = rank, .thread = thread, .object = object, .counts = 1};
}

static mr_sync_fact holds(int rank, unsigned thread, unsigned object)
{
    return (mr_sync_fact){.what = MR_SYNC_HOLDS, .rank = rank, .thread = thread, .object = object};
}

static void test_crosswise(void)
{
    mr_sync_fact facts[] = {holds(0, 0, 1), waits(1, 3, 1), holds(1, 3, 2), waits(0, 0, 2)};
    size_t circle[8];
    CU_ASSERT_EQUAL(mr_sync_circle(facts, 4, circle, 8), 2);
    CU_ASSERT_EQUAL(circle[0], 1);
    CU_ASSERT_EQUAL(circle[1], 3);
    facts[3].counts = 0; /* it will give up */
    CU_ASSERT_EQUAL(mr_sync_circle(facts, 4, circle, 8), 0);
    facts[3] = waits(0, 1, 2); /* another thread of that rank */
    CU_ASSERT_EQUAL(mr_sync_circle(facts, 4, circle, 8), 0);
    CU_ASSERT_EQUAL(mr_sync_circle(facts, 0, circle, 8), 0);
}

/* Thread t waits for wanted[t], lock k is held by holder[k]; -1: nothing, nobody. */
static bool has_circle(const int *wanted, const int *holder)
{
    for (int start = 0; start < THREADS; start++) {
        int at = start;
        for (int step = 0; step < THREADS && at >= 0 && wanted[at] >= 0; step++) {
            at = holder[wanted[at]];
            if (at == start)
                return true;
        }
    }
    return false;
}

static void test_random(void)
{
    uint64_t random = 11;
    for (int turn = 0; turn < 20000; turn++) {
        int wanted[THREADS], holder[LOCKS];
        mr_sync_fact facts[THREADS + LOCKS];
        size_t count = 0, circle[THREADS + 1];
        for (int k = 0; k < LOCKS; k++) {
            holder[k] = (int)(random_next(&random) % (THREADS + 2)) - 2;
            if (holder[k] >= 0)
                facts[count++] = holds(holder[k] / 2, (unsigned)holder[k] % 2, (unsigned)k);
        }
        for (int t = 0; t < THREADS; t++) {
            wanted[t] = (int)(random_next(&random) % (LOCKS + 2)) - 2;
            if (wanted[t] >= 0)
                facts[count++] = waits(t / 2, (unsigned)t % 2, (unsigned)wanted[t]);
        }
        const size_t length = mr_sync_circle(facts, count, circle, THREADS + 1);
        CU_ASSERT_EQUAL(length > 0, has_circle(wanted, holder));
        for (size_t i = 0; i < length; i++) {
            const mr_sync_fact *this = &facts[circle[i]], *next = &facts[circle[(i + 1) % length]];
            CU_ASSERT_EQUAL(holder[this->object], next->rank * 2 + (int)next->thread);
        }
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("circle", NULL, NULL);
    CU_add_test(suite, "crosswise", test_crosswise);
    CU_add_test(suite, "random", test_random);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

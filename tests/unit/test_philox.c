/* unit/test_philox.c: many blocks at once are the same as one by one, and as those that others
 * have. */
#include "array/philox.h"

#include <CUnit/Basic.h>
#include <string.h>

#define BLOCKS 67

static void test_runs(void)
{
    const uint64_t keys[][2] = {{0, 0}, {1, 0}, {UINT64_MAX, 77}, {12345, UINT64_C(1) << 63}};
    const uint64_t firsts[] = {0, 1, UINT64_C(1) << 32, UINT64_MAX - 20};
    uint64_t words[4 * BLOCKS + 1], want[4];
    for (size_t k = 0; k < 4; k++)
        for (size_t f = 0; f < 4; f++)
            for (uint64_t count = 0; count <= BLOCKS; count++) {
                memset(words, 0x5a, sizeof words);
                mr_philox_run(keys[k], firsts[f], count, words);
                for (uint64_t i = 0; i < count; i++) {
                    mr_philox(keys[k][0], keys[k][1], firsts[f] + i, want);
                    CU_ASSERT_EQUAL(memcmp(words + 4 * i, want, sizeof want), 0);
                }
                CU_ASSERT_EQUAL(words[4 * count], UINT64_C(0x5a5a5a5a5a5a5a5a));
            }
}

/* numpy.random.Philox(key=[1, 2], counter=41).random_raw(4) */
static void test_known(void)
{
    const uint64_t known[] = {UINT64_C(0x1b11173421cf99be), UINT64_C(0x82702e2e443a01eb),
                              UINT64_C(0xbec9e939b412d363), UINT64_C(0xb8cf6f5094185df1)};
    uint64_t words[4];
    mr_philox(1, 2, 42, words);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(words[i], known[i]);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("philox", NULL, NULL);
    CU_add_test(suite, "runs", test_runs);
    CU_add_test(suite, "known", test_known);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}

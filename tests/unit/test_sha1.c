/* unit/test_sha1.c: both ways of hashing a block give what FIPS 180 and others have. */
#include "../../apps/sha1.h"

#include "random.h"

#include <CUnit/Basic.h>
#include <string.h>

/* Up to 55 bytes as one padded block. */
static void pad(const char *text, uint32_t block[16])
{
    const size_t size = strlen(text);
    memset(block, 0, 64);
    for (size_t i = 0; i < size; i++)
        block[i / 4] |= (uint32_t)(unsigned char)text[i] << (24 - 8 * (i % 4));
    block[size / 4] |= UINT32_C(0x80) << (24 - 8 * (size % 4));
    block[15] = (uint32_t)(8 * size);
}

static void hash(const uint32_t block[16], uint32_t plain[5], uint32_t fast[5])
{
    uint32_t copy[16];
    memcpy(copy, block, sizeof copy);
    sha1_block_plain(copy, plain);
    memcpy(fast, plain, 20);
#ifdef SHA1_HAS_FAST
    if (sha1_knows_fast())
        sha1_block_fast(block, fast);
#endif
}

static void test_known(void)
{
    static const struct {
        const char *text;
        uint32_t digest[5];
    } known[] = {
        {"", {0xda39a3ee, 0x5e6b4b0d, 0x3255bfef, 0x95601890, 0xafd80709}},
        {"abc", {0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d}},
        {"The quick brown fox jumps over the lazy dog",
         {0x2fd4e1c6, 0x7a2d28fc, 0xed849ee1, 0xbb76e739, 0x1b93eb12}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t block[16], plain[5], fast[5];
        pad(known[i].text, block);
        hash(block, plain, fast);
        CU_ASSERT_EQUAL(memcmp(plain, known[i].digest, sizeof plain), 0);
        CU_ASSERT_EQUAL(memcmp(fast, known[i].digest, sizeof fast), 0);
    }
}

static void test_random(void)
{
    uint64_t random = 5;
    for (int turn = 0; turn < 10000; turn++) {
        uint32_t block[16], plain[5], fast[5];
        for (int i = 0; i < 16; i++)
            block[i] = (uint32_t)random_next(&random);
        hash(block, plain, fast);
        CU_ASSERT_EQUAL(memcmp(plain, fast, sizeof plain), 0);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("sha1", NULL, NULL);
    CU_add_test(suite, "known digests", test_known);
    CU_add_test(suite, "both ways alike", test_random);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

/* tests/unit/test_plan.c: what inputs stand for, how they are cut into splits, and plans as bytes.
 */
#include "input/plan.h"

#include "base/memory.h"
#include "input_oracle.h"

#include <CUnit/Basic.h>

static char folder[64];

static int enter(void)
{
    return folder_enter(folder) ? 0 : 1;
}

static int leave(void)
{
    folder_leave(folder);
    return mr_memory_used() == 0 ? 0 : 1;
}

static void put(const char *path, const char *text)
{
    CU_ASSERT_FATAL(write_file(path, text, strlen(text)));
}

static mr_plan *plan_of(const char *const *inputs, size_t count, uint64_t block)
{
    mr_error error = {0};
    mr_plan *plan = NULL;
    mr_status status =
        mr_plan_create(&plan, inputs, count, block, (mr_wanted){MR_INPUT_FILES, 0}, &error);
    if (status != MR_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, MR_OK);
    return plan;
}

/* One input stands for these files, whose names are given in one string. */
static void expect(const char *input, const char *names)
{
    mr_plan *plan = plan_of(&input, 1, 0);
    char text[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < plan->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
                                 plan->files[i].path);
    CU_ASSERT_STRING_EQUAL(text, names);
    mr_plan_destroy(&plan);
    CU_ASSERT_PTR_NULL(plan);
}

/* One input is refused, in words that hold these. */
static void refuse(const char *input, const char *why)
{
    mr_error error = {0};
    mr_plan *plan = NULL;
    CU_ASSERT_EQUAL(mr_plan_create(&plan, &input, 1, 0, (mr_wanted){MR_INPUT_FILES, 0}, &error),
                    MR_BAD_INPUT);
    CU_ASSERT_PTR_NULL(plan);
    CU_ASSERT_EQUAL(error.code, MR_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, why));
}

static void test_folders(void)
{
    mkdir("d", 0755);
    mkdir("d/a", 0755);
    mkdir("d/.git", 0755);
    mkdir("d/empty", 0755);
    put("d/b", "b");
    put("d/a.txt", "1");
    put("d/B", "2");
    put("d/a/x", "3");
    put("d/a/\xc3\xa4", "4");
    put("d/.hidden", "5");
    put("d/_SUCCESS", "6");
    put("d/.git/x", "7");
    CU_ASSERT_EQUAL(symlink("..", "d/a/up"), 0);
    CU_ASSERT_EQUAL(mkfifo("d/pipe", 0600), 0);
    expect("d", "d/B d/a/x d/a/\xc3\xa4 d/a.txt d/b");
    expect("d/", "d/B d/a/x d/a/\xc3\xa4 d/a.txt d/b");
    expect("d/_SUCCESS", "d/_SUCCESS");
    refuse("d/empty", "d/empty");
    CU_ASSERT_EQUAL(symlink("nowhere", "d/empty/dangling"), 0);
    refuse("d/empty", "d/empty/dangling: No such file");
    CU_ASSERT_EQUAL(unlink("d/empty/dangling"), 0);
}

static void test_globs(void)
{
    mkdir("g", 0755);
    put("g/a1", "1");
    put("g/a2", "2");
    put("g/B1", "3");
    put("g/a*", "4");
    put("g/[x]", "5");
    expect("g/?1", "g/B1 g/a1");
    expect("g/a[12]", "g/a1 g/a2");
    expect("g/a*", "g/a*");
    expect("g/[x]", "g/[x]");
    expect("g*", "g/B1 g/[x] g/a* g/a1 g/a2");
    refuse("g/z*", "g/z*");
    refuse("nowhere/*", "nowhere/*");
}

static void test_lists(void)
{
    put("one", "1");
    put("two words", "2");
    put("inner", "one\n");
    put("list", "# a comment\n\none\r\n  \t\ntwo words\n@inner\n-\nd/a.*");
    expect("@list", "one two words one - d/a.txt");
    put("self", "@self\n");
    refuse("@self", "does it name itself");
    put("only", "# nothing\n");
    refuse("@only", "@only");
    put("wrong", "one\nnot-there\n");
    refuse("@wrong", "not-there: No such file");
    CU_ASSERT_FATAL(write_file("binary", "one\0\n", 5));
    refuse("@binary", "zero byte");
    refuse("@not-there", "not-there: No such file");
    refuse("@d", "d: Is a directory");
}

static void test_refused(void)
{
    refuse("not-there", "cannot read input: not-there: No such file");
    refuse("one/x", "one/x: Not a directory");
    refuse("", "No such file");
    CU_ASSERT_EQUAL(symlink("loop", "loop"), 0);
    refuse("loop", "loop: Too many levels");
    put("secret", "x");
    mkdir("locked", 0000);
    mkdir("long", 0755);
    put("long/x", "x");
    CU_ASSERT_EQUAL(chmod("secret", 0000), 0);
    uid_t self = geteuid(); /* root may read everything */
    if (self == 0)
        CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
    refuse("secret", "secret: Permission denied");
    refuse("locked", "locked: Permission denied");
    refuse("locked/*", "locked/*");
    refuse("lo[cn]*/*", "Permission denied");
    if (self == 0)
        CU_ASSERT_EQUAL_FATAL(seteuid(self), 0);
}

static void test_kinds(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        mr_file_kind kind;
    } cases[] = {
        {"", 0, MR_FILE_PLAIN},
        {"\x1f", 1, MR_FILE_PLAIN},
        {"\x1f\x8b", 2, MR_FILE_GZIP},
        {"\x28\xb5\x2f", 3, MR_FILE_PLAIN},
        {"\x28\xb5\x2f\xfdrest", 8, MR_FILE_ZSTD},
        {"\x50\x2a\x4d\x18rest", 8, MR_FILE_ZSTD},
        {"\x40\x2a\x4d\x18rest", 8, MR_FILE_PLAIN},
        {"text", 4, MR_FILE_PLAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *input = "kind.gz";
        CU_ASSERT_FATAL(write_file(input, cases[i].bytes, cases[i].size));
        mr_plan *plan = plan_of(&input, 1, 0);
        CU_ASSERT_EQUAL(plan->files[0].kind, cases[i].kind);
        CU_ASSERT_EQUAL(plan->files[0].size, cases[i].size);
        CU_ASSERT_EQUAL(plan->streams, 0);
        mr_plan_destroy(&plan);
    }
    const char *const streams[] = {"-", "d/pipe", "/dev/null", "/dev/stdin", "/proc/self/status"};
    mr_plan *plan = plan_of(streams, 5, 0);
    CU_ASSERT_EQUAL(plan->streams, 5);
    CU_ASSERT_EQUAL(plan->splits, 0);
    for (size_t i = 0; i < plan->count; i++)
        CU_ASSERT_EQUAL(plan->files[i].kind, MR_FILE_STREAM);
    mr_plan_destroy(&plan);
    plan = plan_of(NULL, 0, 0);
    CU_ASSERT_EQUAL(plan->count, 0);
    CU_ASSERT_EQUAL(plan->block, MR_PLAN_BLOCK);
    CU_ASSERT_EQUAL(mr_plan_bytes(plan), 0);
    mr_plan_destroy(&plan);
}

/* The first file with a byte in [begin, end), looked for one by one. */
static size_t first_file(const mr_plan *plan, uint64_t begin, uint64_t end)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->files[i].size > 0 && plan->starts[i] < end && plan->starts[i + 1] > begin)
            return i;
    return plan->count;
}

static void test_splits(void)
{
    static const size_t sizes[] = {0, 3, 0, 0, 10, 1, 7, 0};
    const char *inputs[9];
    char names[9][8];
    uint64_t total = 0;
    for (size_t i = 0; i < 9; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        inputs[i] = i == 3 ? "-" : names[i];
        size_t size = i < 8 && i != 3 ? sizes[i] : 0;
        CU_ASSERT_FATAL(write_file(names[i], "0123456789", size));
        total += size;
    }
    for (uint64_t block = 1; block <= total + 2; block++) {
        mr_plan *plan = plan_of(inputs, 9, block);
        CU_ASSERT_EQUAL(mr_plan_bytes(plan), total);
        CU_ASSERT_EQUAL(plan->splits, (total + block - 1) / block);
        for (uint64_t k = 0; k < plan->splits; k++)
            CU_ASSERT_EQUAL(mr_plan_first_file(plan, k),
                            first_file(plan, k * block, (k + 1) * block));
        CU_ASSERT_EQUAL(mr_plan_first_file(plan, plan->splits), plan->count);
        mr_plan_destroy(&plan);
    }
    mr_plan *plan = plan_of(inputs, 9, UINT64_MAX);
    CU_ASSERT_EQUAL(plan->splits, 1);
    CU_ASSERT_EQUAL(mr_plan_first_file(plan, 0), 1);
    mr_plan_destroy(&plan);
}

static void expect_same(const mr_plan *a, const mr_plan *b)
{
    CU_ASSERT_EQUAL_FATAL(a->count, b->count);
    CU_ASSERT_EQUAL(a->block, b->block);
    CU_ASSERT_EQUAL(a->splits, b->splits);
    CU_ASSERT_EQUAL(a->streams, b->streams);
    CU_ASSERT_EQUAL(memcmp(a->starts, b->starts, (a->count + 1) * sizeof *a->starts), 0);
    for (size_t i = 0; i < a->count; i++) {
        CU_ASSERT_STRING_EQUAL(a->files[i].path, b->files[i].path);
        CU_ASSERT_EQUAL(a->files[i].kind, b->files[i].kind);
        CU_ASSERT_EQUAL(a->files[i].size, b->files[i].size);
    }
}

/* Unpacks from a piece of memory of just that size: a sanitizer then sees any byte read too far. */
static mr_status unpack(mr_plan **plan, const void *bytes, size_t size)
{
    mr_error error = {0};
    void *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    mr_status status = mr_plan_unpack(plan, copy, size, &error);
    CU_ASSERT_EQUAL(error.code, status);
    CU_ASSERT_EQUAL(*plan != NULL, status == MR_OK);
    free(copy);
    return status;
}

static void test_pack(void)
{
    const char *const inputs[] = {"d", "-", "kind.gz", "two words", "s0"};
    mr_error error = {0};
    void *bytes;
    size_t size;
    mr_plan *plan = plan_of(inputs, 5, 3), *copy;
    CU_ASSERT_EQUAL_FATAL(mr_plan_pack(plan, &bytes, &size, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(unpack(&copy, bytes, size), MR_OK);
    expect_same(plan, copy);
    mr_plan_destroy(&copy);
    for (size_t cut = 0; cut < size; cut++)
        CU_ASSERT_EQUAL(unpack(&copy, bytes, cut), MR_FAILED);
    unsigned char *wrong = malloc(size + 1);
    memcpy(wrong, bytes, size);
    wrong[size] = 0;
    CU_ASSERT_EQUAL(unpack(&copy, wrong, size + 1), MR_FAILED);
    for (size_t i = 0; i < size * 8; i++) { /* any one bit: refused, or a plan that is sound */
        wrong[i / 8] ^= (unsigned char)(1u << i % 8);
        if (unpack(&copy, wrong, size) == MR_OK) {
            CU_ASSERT_EQUAL(copy->count, plan->count);
            CU_ASSERT(copy->block > 0);
            for (size_t k = 0; k < copy->count; k++)
                CU_ASSERT(copy->starts[k] <= copy->starts[k + 1]);
        }
        mr_plan_destroy(&copy);
        wrong[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    free(wrong);
    free(bytes);
    mr_plan_destroy(&plan);
    plan = plan_of(NULL, 0, 7);
    CU_ASSERT_EQUAL_FATAL(mr_plan_pack(plan, &bytes, &size, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(unpack(&copy, bytes, size), MR_OK);
    expect_same(plan, copy);
    mr_plan_destroy(&copy);
    mr_plan_destroy(&plan);
    free(bytes);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("plan", enter, leave);
    CU_ADD_TEST(suite, test_folders);
    CU_ADD_TEST(suite, test_globs);
    CU_ADD_TEST(suite, test_lists);
    CU_ADD_TEST(suite, test_refused);
    CU_ADD_TEST(suite, test_kinds);
    CU_ADD_TEST(suite, test_splits);
    CU_ADD_TEST(suite, test_pack);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}

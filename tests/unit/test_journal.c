/* unit/test_journal.c: what comes out of a journal is what was written, up to the first damage. */
#include "resume/journal.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 40
#define WRITERS 4

static const mr_journal_name name = {3, 1, 2};
static char folder[] = "/tmp/mapred-journal-XXXXXX";
static char path[64];

/* Record i has a head of i bytes and about i * i * 20 bytes behind it. */
static size_t fill(unsigned i, char *head, char *bytes)
{
    const size_t size = i % 5 ? (size_t)i * i * 20 : 0;
    memset(head, (int)i, i + 1);
    for (size_t at = 0; at < size; at++)
        bytes[at] = (char)(i * 7 + at);
    return size;
}

static void write_all(unsigned count)
{
    mr_error error = {.code = MR_OK};
    char head[MR_JOURNAL_HEAD], *bytes = malloc(RECORDS * RECORDS * 20);
    mr_journal *journal;
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(mr_journal_create(&journal, folder, name, 0, &error), MR_OK);
    for (unsigned i = 0; i < count; i++) {
        const size_t size = fill(i, head, bytes);
        mr_journal_write(journal, head, i + 1, bytes, size);
    }
    CU_ASSERT_EQUAL(mr_journal_end(journal, &error), MR_OK);
    mr_journal_write(journal, head, 1, bytes, 1);
    mr_journal_destroy(&journal);
    free(bytes);
}

/* How many records there are; each is what was written. */
static unsigned read_all(void)
{
    char head[MR_JOURNAL_HEAD], want[MR_JOURNAL_HEAD], *bytes = malloc(RECORDS * RECORDS * 20);
    uint64_t place[RECORDS + 1], size;
    size_t head_size;
    unsigned count = 0;
    mr_journal_reader *reader = mr_journal_open(folder, name);
    CU_ASSERT_FATAL(reader != NULL);
    for (; mr_journal_next(reader, head, &head_size, &place[count], &size); count++) {
        CU_ASSERT_EQUAL(fill(count, want, bytes), size);
        CU_ASSERT(head_size == count + 1 && memcmp(head, want, head_size) == 0);
    }
    for (unsigned i = count; i-- > 0;) {
        char *loaded = mr_journal_load(reader, place[i], &size);
        CU_ASSERT(loaded && size == fill(i, want, bytes) && memcmp(loaded, bytes, size) == 0);
        free(loaded);
    }
    mr_journal_close(&reader);
    free(bytes);
    return count;
}

static void test_records(void)
{
    write_all(RECORDS);
    CU_ASSERT_EQUAL(read_all(), RECORDS);
}

static void test_nothing(void)
{
    write_all(0);
    CU_ASSERT(mr_journal_open(folder, name) == NULL);
}

static void test_not_twice(void)
{
    mr_error error = {.code = MR_OK};
    mr_journal *journal;
    write_all(1);
    CU_ASSERT_EQUAL(mr_journal_create(&journal, folder, name, 0, &error), MR_OK);
    mr_journal_write(journal, "a", 1, "b", 1);
    CU_ASSERT_EQUAL(mr_journal_end(journal, &error), MR_BAD_OUTPUT);
    CU_ASSERT(strstr(error.text, path) != NULL);
    mr_journal_destroy(&journal);
    CU_ASSERT_EQUAL(read_all(), 1);
}

/* ---- Damage ---- */

static char *slurp(size_t *size)
{
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    CU_ASSERT_EQUAL(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void spill(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void test_flipped_bits(void)
{
    size_t size;
    write_all(8);
    char *bytes = slurp(&size);
    for (size_t i = 0; i < size; i += 1 + i % 3) {
        bytes[i] ^= (char)(1 << i % 8);
        spill(bytes, size);
        CU_ASSERT(read_all() < 8);
        bytes[i] ^= (char)(1 << i % 8);
    }
    free(bytes);
}

static void test_truncated(void)
{
    size_t size;
    unsigned before = 0;
    write_all(8);
    char *bytes = slurp(&size);
    for (size_t i = 0; i <= size; i++) {
        spill(bytes, i);
        const unsigned count = read_all();
        CU_ASSERT(count >= before && count <= 8);
        before = count;
    }
    CU_ASSERT_EQUAL(before, 8);
    free(bytes);
}

/* ---- Many threads, and which journals there are ---- */

static void *write_some(void *context)
{
    char bytes[1000] = {0};
    for (uint32_t i = 0; i < 2000; i++)
        mr_journal_write(context, &i, sizeof i, bytes, i % sizeof bytes);
    return NULL;
}

static void test_threads(void)
{
    mr_error error = {.code = MR_OK};
    pthread_t threads[WRITERS];
    unsigned counts[2000] = {0};
    char head[MR_JOURNAL_HEAD];
    uint64_t place, size;
    size_t head_size;
    mr_journal *journal;
    unlink(path);
    CU_ASSERT_EQUAL(mr_journal_create(&journal, folder, name, 0, &error), MR_OK);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_some, journal);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    mr_journal_destroy(&journal);
    mr_journal_reader *reader = mr_journal_open(folder, name);
    while (mr_journal_next(reader, head, &head_size, &place, &size)) {
        uint32_t i;
        memcpy(&i, head, sizeof i);
        CU_ASSERT_EQUAL(size, i % 1000);
        counts[i]++;
    }
    for (int i = 0; i < 2000; i++)
        CU_ASSERT_EQUAL(counts[i], WRITERS);
    mr_journal_close(&reader);
}

static void test_list(void)
{
    mr_error error = {.code = MR_OK};
    mr_journal_name *names;
    size_t count;
    write_all(1);
    CU_ASSERT_EQUAL(mr_journal_list(folder, 3, &names, &count, &error), MR_OK);
    CU_ASSERT(count == 1 && names[0].rank == 1 && names[0].run == 2);
    free(names);
    CU_ASSERT_EQUAL(mr_journal_list(folder, 33, &names, &count, &error), MR_OK);
    CU_ASSERT_EQUAL(count, 0);
    free(names);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("journal", NULL, NULL);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/journal-3-1-2", folder);
    CU_add_test(suite, "records", test_records);
    CU_add_test(suite, "nothing", test_nothing);
    CU_add_test(suite, "not twice", test_not_twice);
    CU_add_test(suite, "flipped bits", test_flipped_bits);
    CU_add_test(suite, "truncated", test_truncated);
    CU_add_test(suite, "threads", test_threads);
    CU_add_test(suite, "list", test_list);
    CU_basic_run_tests();
    unlink(path);
    rmdir(folder);
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}

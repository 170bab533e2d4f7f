/* test_damage.c: a scratch file that is not what was written: found, and told with its place. */
#include "base/memory.h"
#include "frames.h"

/* Reads what must be found to be damaged; frames before the damage may be returned. */
static bool finds_damage(mr_spill *spill, const frames *f)
{
    mr_error error = {0};
    mr_spill_reader reader;
    mr_spill_reader_start(&reader, spill, f->extent);
    size_t good = read_frames(&reader, f, &error);
    mr_spill_reader_end(&reader);
    char begin[128];
    snprintf(begin, sizeof begin, "scratch corrupted: %s at byte ", scratch);
    return good < f->count && error.code == MR_BAD_OUTPUT &&
           strncmp(error.text, begin, strlen(begin)) == 0;
}

static void test_flipped(void)
{
    uint64_t random = 17;
    for (uint64_t seed = 0; seed < 12; seed++) {
        frames f;
        mr_spill *spill = write_frames(&f, seed, 5);
        size_t size = f.extent.size, missed = 0;
        for (size_t i = 0; i < 300; i++) {
            /* All of the first head, and some of the rest. */
            size_t at = f.extent.at + (i < 64 && i < size ? i : random_below(&random, size));
            scratch_flip(at);
            missed += !finds_damage(spill, &f);
            scratch_flip(at);
        }
        CU_ASSERT_EQUAL(missed, 0);
        check_frames(spill, &f, SLAB);
        free_frames(&f);
        mr_spill_destroy(&spill);
    }
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

/* Good frames at the wrong place: another extent of the same size. */
static void test_moved(void)
{
    mr_error error = {0};
    mr_spill *spill = open_spill();
    mr_spill_buffer buffer = {0};
    unsigned char bytes[5000] = {0}, disk[4096];
    frames f = {.pieces = {{bytes, sizeof bytes}}, .count = 1};
    mr_extent other;
    CU_ASSERT_EQUAL(mr_spill_write(spill, f.pieces, 1, &buffer, &other, &error), MR_OK);
    bytes[0] = 1;
    CU_ASSERT_EQUAL(mr_spill_write(spill, f.pieces, 1, &buffer, &f.extent, &error), MR_OK);
    CU_ASSERT_EQUAL(other.size, f.extent.size);
    check_frames(spill, &f, SLAB);
    CU_ASSERT_EQUAL(pread(scratch_file(), disk, other.size, (off_t)other.at), (ssize_t)other.size);
    CU_ASSERT_EQUAL(pwrite(scratch_file(), disk, other.size, (off_t)f.extent.at),
                    (ssize_t)other.size);
    CU_ASSERT(finds_damage(spill, &f));
    mr_spill_buffer_free(&buffer);
    mr_spill_destroy(&spill);
}

static void test_cut_off(void)
{
    uint64_t random = 5;
    frames f;
    mr_spill *spill = write_frames(&f, 1, 6);
    size_t end = f.extent.at + f.extent.size, missed = 0;
    for (size_t left = f.extent.size; left > 0; left = random_below(&random, left)) {
        missed += ftruncate(scratch_file(), (off_t)(end - (f.extent.size - left) - 1)) != 0;
        missed += !finds_damage(spill, &f);
    }
    CU_ASSERT_EQUAL(missed, 0);
    f.extent.size -= 8;
    CU_ASSERT(finds_damage(spill, &f));
    free_frames(&f);
    mr_spill_destroy(&spill);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("damage", scratch_make, scratch_remove);
    CU_add_test(suite, "a flipped bit is found", test_flipped);
    CU_add_test(suite, "frames at the wrong place are found", test_moved);
    CU_add_test(suite, "a file that was cut off", test_cut_off);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

/*
 * tests/unit/test_progress.c: the progress line, on a terminal and elsewhere. stderr is turned to a
 * pipe or a pseudo-terminal; time passes by moving the clock of the record, not by waiting.
 */
#include "observe/progress.h"

#include <CUnit/Basic.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GIB (1024ULL * 1024 * 1024)
#define TIB (1024 * GIB)

/* stderr turned away, and what came out of it. */
typedef struct capture {
    int before, reader;
    char text[4096];
} capture;

static void capture_start(capture *seen, bool terminal)
{
    int ends[2];
    if (terminal) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
        CU_ASSERT_FATAL(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
        ends[1] = open(ptsname(ends[0]), O_WRONLY | O_NOCTTY);
        CU_ASSERT_FATAL(ends[1] >= 0);
    } else {
        CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    }
    seen->reader = ends[0];
    seen->before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static void capture_stop(capture *seen)
{
    size_t length = 0;
    /* A mark ends what is read: the other end of a terminal has no end of file to tell. */
    CU_ASSERT_EQUAL(write(STDERR_FILENO, "\001", 1), 1);
    while (length < sizeof seen->text - 1 && (!length || seen->text[length - 1] != '\001')) {
        ssize_t got = read(seen->reader, seen->text + length, sizeof seen->text - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    seen->text[length ? length - 1 : 0] = 0;
    dup2(seen->before, STDERR_FILENO);
    close(seen->before);
    close(seen->reader);
}

static void pass(mr_progress *progress, double seconds)
{
    progress->start -= seconds;
    progress->last -= seconds;
}

/* A job of 4 TiB in 80,000 seconds, with a look after 20,000: a slow machine can't change the
 * digits. */
static void job(capture *seen, bool terminal, mr_progress_mode mode, bool quiet)
{
    mr_progress progress;
    capture_start(seen, terminal);
    mr_progress_start(&progress, mode, quiet, 4 * TIB);
    pass(&progress, -1000);
    for (uint64_t i = 0; i < 1000; i++)
        mr_progress_update(&progress, "map", i);
    pass(&progress, 21000);
    mr_progress_update(&progress, "map", TIB);
    pass(&progress, -1000);
    mr_progress_update(&progress, "map", TIB + 1);
    pass(&progress, 61000);
    mr_progress_finish(&progress, 4 * TIB);
    mr_progress_finish(&progress, 4 * TIB);
    capture_stop(seen);
}

static void test_shown(void)
{
    static const struct {
        bool terminal, quiet;
        mr_progress_mode mode;
        bool shown;
    } cases[] = {
        {true, false, MR_PROGRESS_AUTO, true},    {false, false, MR_PROGRESS_AUTO, false},
        {true, true, MR_PROGRESS_AUTO, false},    {true, true, MR_PROGRESS_ALWAYS, true},
        {false, false, MR_PROGRESS_ALWAYS, true}, {true, false, MR_PROGRESS_NEVER, false},
    };
    static capture seen;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job(&seen, cases[i].terminal, cases[i].mode, cases[i].quiet);
        CU_ASSERT_EQUAL(seen.text[0] != 0, cases[i].shown);
    }
}

static void test_lines(void)
{
    static capture seen;
    job(&seen, false, MR_PROGRESS_ALWAYS, false);
    CU_ASSERT_STRING_EQUAL(seen.text,
                           "mapred: map 1.0 TiB of 4.0 TiB (25%), 52.4 MiB/s, 16 h 40 min left\n"
                           "mapred: done 4.0 TiB in 22 h 13 min, 52.4 MiB/s\n");
}

static void test_terminal(void)
{
    static capture seen;
    job(&seen, true, MR_PROGRESS_AUTO, false);
    CU_ASSERT_STRING_EQUAL(
        seen.text, "\r\033[Kmapred: map 1.0 TiB of 4.0 TiB (25%), 52.4 MiB/s, 16 h 40 min left"
                   "\r\033[Kmapred: done 4.0 TiB in 22 h 13 min, 52.4 MiB/s\r\n");
}

static void one_line(capture *seen, uint64_t total, uint64_t done, double seconds)
{
    mr_progress progress;
    capture_start(seen, false);
    mr_progress_start(&progress, MR_PROGRESS_ALWAYS, false, total);
    pass(&progress, seconds);
    mr_progress_update(&progress, "map", done);
    capture_stop(seen);
}

static void test_odd_numbers(void)
{
    static const struct {
        uint64_t total, done;
        double seconds;
        const char *line;
    } cases[] = {
        {0, 5000 * GIB, 10000, "mapred: map 4.9 TiB, 512 MiB/s\n"},
        {0, 0, 10, "mapred: map 0 B, 0 B/s\n"},
        {GIB, 0, 10, "mapred: map 0 B of 1.0 GiB (0%), 0 B/s\n"},
        {GIB, 2 * GIB, 1024, "mapred: map 2.0 GiB of 1.0 GiB (100%), 2.0 MiB/s, 0.0 s left\n"},
        {1023, 1022, 511, "mapred: map 1022 B of 1023 B (99%), 2 B/s, 0.5 s left\n"},
        {100016, 100000, 100000, "mapred: map 97.7 KiB of 97.7 KiB (99%), 1 B/s, 16 s left\n"},
        {100060, 100000, 100000,
         "mapred: map 97.7 KiB of 97.7 KiB (99%), 1 B/s, 1 min 00 s left\n"},
        {300000 * GIB, 100000 * GIB, 10000,
         "mapred: map 97.7 TiB of 293 TiB (33%), 10.0 GiB/s, 5 h 33 min left\n"},
        {UINT64_MAX, UINT64_MAX, 16384,
         "mapred: map 16384 PiB of 16384 PiB (100%), 1.0 PiB/s, 0.0 s left\n"},
    };
    static capture seen;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_line(&seen, cases[i].total, cases[i].done, cases[i].seconds);
        CU_ASSERT_STRING_EQUAL(seen.text, cases[i].line);
    }
}

static void test_dirty(void)
{
    static capture seen;
    mr_progress progress;
    capture_start(&seen, true);
    mr_progress_start(&progress, MR_PROGRESS_AUTO, false, GIB);
    bool before = progress.dirty;
    pass(&progress, 0.6);
    mr_progress_update(&progress, "map", 1);
    bool within = progress.dirty;
    mr_progress_finish(&progress, 1);
    capture_stop(&seen);
    CU_ASSERT_FALSE(before);
    CU_ASSERT_TRUE(within);
    CU_ASSERT_FALSE(progress.dirty);
}

int main(void)
{
    unsetenv("OMPI_COMM_WORLD_SIZE");
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("progress", NULL, NULL);
    CU_add_test(suite, "when it is shown", test_shown);
    CU_add_test(suite, "lines", test_lines);
    CU_add_test(suite, "terminal", test_terminal);
    CU_add_test(suite, "odd numbers", test_odd_numbers);
    CU_add_test(suite, "unfinished line", test_dirty);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

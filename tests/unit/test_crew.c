/*
 * tests/unit/test_crew.c: threads beside the main one: all work, each is itself, and their end is
 * waited for, or not for ever.
 */
#include "base/clock.h"
#include "base/stray.h"
#include "observe/crash.h"
#include "tasks/crew.h"

#include <CUnit/Basic.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 3, MOST = 40 };

typedef struct orders {
    atomic_int seen[FIRST + MOST], at_work;
    atomic_bool end, end_late;
    int late; /* how many of them */
} orders;

static void work(void *context, unsigned thread)
{
    orders *o = context;
    atomic_fetch_add(&o->seen[thread], 1);
    atomic_fetch_add(&o->at_work, 1);
    bool is_late = thread < FIRST + (unsigned)o->late;
    while (!atomic_load(is_late ? &o->end_late : &o->end))
        mr_clock_nap(500);
    atomic_fetch_sub(&o->at_work, 1);
}

static void wait_until_at_work(orders *o, int count)
{
    for (int naps = 0; atomic_load(&o->at_work) != count && naps < 20000; naps++)
        mr_clock_nap(500);
    CU_ASSERT_EQUAL(atomic_load(&o->at_work), count);
}

static void test_all_work(void)
{
    for (unsigned count = 0; count <= MOST; count += 8) {
        orders o = {.late = 0};
        mr_crew *crew;
        mr_error error = {.code = MR_OK};
        CU_ASSERT_EQUAL(mr_crew_start(&crew, FIRST, count, work, &o, &error), MR_OK);
        wait_until_at_work(&o, (int)count);
        for (unsigned i = 0; i < FIRST + MOST; i++)
            CU_ASSERT_EQUAL(atomic_load(&o.seen[i]), i >= FIRST && i < FIRST + count);
        atomic_store(&o.end, true);
        CU_ASSERT_TRUE(mr_crew_end(&crew, 60));
        CU_ASSERT_EQUAL(atomic_load(&o.at_work), 0);
        CU_ASSERT_PTR_NULL(crew);
        CU_ASSERT_TRUE(mr_crew_end(&crew, 60));
    }
    CU_ASSERT_EQUAL(mr_stray_count(), 0);
}

static void test_some_never_come_back(void)
{
    static orders o = {.late = 2};
    mr_crew *crew;
    mr_error error = {.code = MR_OK};
    CU_ASSERT_EQUAL(mr_crew_start(&crew, FIRST, 5, work, &o, &error), MR_OK);
    wait_until_at_work(&o, 5);
    atomic_store(&o.end, true);
    wait_until_at_work(&o, 2);
    double start = mr_clock_now();
    CU_ASSERT_FALSE(mr_crew_end(&crew, 0.05));
    CU_ASSERT(mr_clock_now() - start >= 0.05);
    CU_ASSERT_EQUAL(mr_stray_count(), 2);
    CU_ASSERT_PTR_NULL(crew);
    atomic_store(&o.end_late, true); /* they may still come, and find all that they touch */
    wait_until_at_work(&o, 0);
    mr_clock_nap(20000);
}

static size_t describe(const void *context, char *text, size_t room)
{
    (void)context;
    (void)room;
    text[0] = 'a';
    return 1;
}

static void crash(void *context, unsigned thread)
{
    mr_crash_thread_work(describe, context);
    if (thread == 4)
        raise(SIGSEGV);
    for (;;)
        mr_clock_nap(1000);
}

/* A crash names the thread and what it was at. */
static void test_crash(void)
{
    int ends[2], how;
    char text[4096] = "";
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        mr_crew *crew;
        mr_error error = {.code = MR_OK};
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        alarm(60);
        mr_crash_install(1, "node7", "squares");
        mr_crew_start(&crew, 3, 2, crash, NULL, &error);
        mr_crew_end(&crew, 50);
        _exit(99);
    }
    close(ends[1]);
    CU_ASSERT(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    CU_ASSERT_EQUAL(waitpid(child, &how, 0), child);
    CU_ASSERT(WIFEXITED(how) && WEXITSTATUS(how) == 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text,
                                  "mapred: kernel crashed: rank 1 (node7), thread 4: squares: "
                                  "SIGSEGV while working on a: "));
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("crew", NULL, NULL);
    CU_add_test(suite, "all work", test_all_work);
    CU_add_test(suite, "a crash", test_crash);
    CU_add_test(suite, "some never come back", test_some_never_come_back);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

/*
 * tests/unit/test_guard.c: what the guard judges by: the kernel's counts of those it killed, in
 * folders made for it, and flight records, made up.
 */
#include "observe/oom.h"
#include "observe/watchdog.h"

#include <CUnit/Basic.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[256];

static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void begin_root(void)
{
    snprintf(root, sizeof root, "/tmp/mapred-test-guard-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
}

static void end_root(void)
{
    char command[512];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void check_told(const mr_oom *oom, uint64_t peak, const char *wanted)
{
    char text[512] = "", expected[1024];
    snprintf(expected, sizeof expected, wanted, root);
    CU_ASSERT_TRUE(mr_oom_tell(oom, peak, text, sizeof text));
    CU_ASSERT_STRING_EQUAL(text, expected);
}

/* The limit is one above the group, as batch systems have it. */
static void test_version_two(void)
{
    mr_oom oom;
    char text[512];
    begin_root();
    put("proc/self/cgroup", "0::/job/step\n");
    put("proc/vmstat", "pgfault 3\noom_kill 5\n");
    put("sys/fs/cgroup/job/memory.max", "4294967296\n");
    put("sys/fs/cgroup/job/step/memory.max", "max\n");
    put("sys/fs/cgroup/job/step/memory.events", "low 0\noom 1\noom_kill 1\noom_group_kill 9\n");
    mr_oom_start(&oom, root);
    CU_ASSERT_FALSE(mr_oom_tell(&oom, 0, text, sizeof text));
    put("sys/fs/cgroup/job/step/memory.events", "low 0\noom 3\noom_kill 3\n");
    check_told(&oom, 0,
               "out of memory (oom_kill of %s/sys/fs/cgroup/job/step rose by 2), limit 4.0G");
    check_told(
        &oom, UINT64_C(4187593113),
        "out of memory (oom_kill of %s/sys/fs/cgroup/job/step rose by 2), peak 3.9G of limit "
        "4.0G");
    put("sys/fs/cgroup/job/memory.peak", "4294967296\n");
    check_told(&oom, 1,
               "out of memory (oom_kill of %s/sys/fs/cgroup/job/step rose by 2), peak 4.0G of "
               "limit 4.0G");
    /* What was long ago says nothing about now. */
    mr_oom_go_on(&oom);
    CU_ASSERT_TRUE(mr_oom_tell(&oom, 0, text, sizeof text));
    mr_oom_go_on(&oom);
    CU_ASSERT_FALSE(mr_oom_tell(&oom, 0, text, sizeof text));
    end_root();
}

static void test_version_one(void)
{
    mr_oom oom;
    begin_root();
    put("proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/far/away\n0::/\n");
    put("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n");
    put("sys/fs/cgroup/memory/memory.max_usage_in_bytes", "104857600\n");
    mr_oom_start(&oom, root);
    put("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    check_told(&oom, 7,
               "out of memory (oom_kill of %s/sys/fs/cgroup/memory rose by 1), peak 100M of "
               "limit 100M");
    end_root();
}

static void test_machine_alone(void)
{
    mr_oom oom;
    begin_root();
    put("proc/vmstat", "oom_kill 5\n");
    mr_oom_start(&oom, root);
    put("proc/vmstat", "oom_kill 6\n");
    char text[512];
    CU_ASSERT_TRUE(mr_oom_tell(&oom, 3 << 20, text, sizeof text));
    CU_ASSERT_STRING_EQUAL(
        text, "out of memory, most likely (oom_kill of the machine rose by 1), peak 3.0M");
    end_root();
}

/* A rank with a main thread, and a thread in a kernel. */
static mr_flight *make_rank(int rank, uint64_t waits)
{
    mr_flight *flight = aligned_alloc(_Alignof(mr_flight), sizeof *flight);
    CU_ASSERT_PTR_NOT_NULL_FATAL(flight);
    memset(flight, 0, sizeof *flight);
    flight->process = (int)getpid();
    flight->rank = rank;
    snprintf(flight->host, sizeof flight->host, "node7");
    snprintf(flight->phase, sizeof flight->phase, "map");
    flight->used = 2;
    flight->threads[0].is_taken = flight->threads[1].is_taken = true;
    flight->threads[0].waits = waits;
    flight->threads[1].number = 1;
    return flight;
}

static void set_working(mr_flight_thread *thread, bool is_working)
{
    static const char text[] = "word word\n";
    thread->is_working = is_working;
    thread->block = (mr_block){.at = text + 5,
                               .end = text + 10,
                               .record = text + 5,
                               .data = is_working ? text : NULL,
                               .offset = 4096};
    thread->split = 3;
    snprintf(thread->file, sizeof thread->file, "data/x.txt");
}

static void test_who_hangs(void)
{
    mr_flight *hangs = make_rank(0, 1), *waits = make_rank(1, 1);
    mr_watchdog *dog = calloc(1, sizeof *dog);
    char text[1024] = "";
    mr_watchdog_add(dog, hangs, 0);
    mr_watchdog_add(dog, waits, 0);
    set_working(&hangs->threads[1], true);
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 1, text, sizeof text)); /* it began */
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 10.9, text, sizeof text));
    hangs->threads[1].block.at++; /* it gets on within its block */
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 11, text, sizeof text));
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 20.9, text, sizeof text));
    CU_ASSERT_TRUE(mr_watchdog_look(dog, 10, 21, text, sizeof text));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        text, "mapred: watchdog: no progress for 10 s: rank 0 (node7), phase map: thread 1 "
              "works on data/x.txt bytes 4096-4106, record at 4101 (block 3); the other 1 of "
              "the node wait or get on: "));
    CU_ASSERT_TRUE(dog->ranks[0].is_blamed);
    CU_ASSERT_FALSE(dog->ranks[1].is_blamed);
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 500, text, sizeof text)); /* once */
    mr_flight_step(&hangs->threads[1]);
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 501, text, sizeof text));
    CU_ASSERT_TRUE(mr_watchdog_look(dog, 10, 511, text, sizeof text));
    free(hangs);
    free(waits);
    free(dog);
}

static void test_all_wait(void)
{
    mr_flight *ranks[2] = {make_rank(0, 1), make_rank(1, 2)};
    mr_watchdog *dog = calloc(1, sizeof *dog);
    char text[1024] = "";
    for (int i = 0; i < 2; i++)
        mr_watchdog_add(dog, ranks[i], 0);
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 1, text, sizeof text));
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 19, text, sizeof text));
    CU_ASSERT_TRUE(mr_watchdog_look(dog, 10, 20, text, sizeof text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text,
                                  "no progress for 20 s: all ranks here wait for others: rank 0 "
                                  "(node7), phase map; rank 1 (node7), phase map: "));
    ranks[0]->is_over = ranks[1]->is_over = true; /* nobody is left */
    ranks[0]->progress++;
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 100, text, sizeof text));
    CU_ASSERT_FALSE(mr_watchdog_look(dog, 10, 200, text, sizeof text));
    for (int i = 0; i < 2; i++)
        free(ranks[i]);
    free(dog);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("guard", NULL, NULL);
    CU_ADD_TEST(suite, test_version_two);
    CU_ADD_TEST(suite, test_version_one);
    CU_ADD_TEST(suite, test_machine_alone);
    CU_ADD_TEST(suite, test_who_hangs);
    CU_ADD_TEST(suite, test_all_wait);
    CU_basic_run_tests();
    const unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed > 0;
}

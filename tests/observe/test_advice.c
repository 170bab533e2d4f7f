/*
 * tests/observe/test_advice.c: what is said about made-up reports: each sentence at its threshold,
 * not below it, and with the numbers that it is about.
 */
#include "page/advice.h"

#include <CUnit/Basic.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mr_advices advices;

/* The advice of that name about a report; NULL: it is not given. */
static const mr_advice *find(const char *name)
{
    for (size_t i = 0; i < advices.count; i++)
        if (strcmp(advices.items[i].name, name) == 0)
            return &advices.items[i];
    return NULL;
}

static const mr_advice *about(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const mr_advice *about(const char *name, const char *format, ...)
{
    static char text[65536];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_error_t cause;
    json_t *report = json_loads(text, 0, &cause);
    if (!report)
        fprintf(stderr, "%s: %s\n", cause.text, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(report);
    const mr_facts facts = mr_facts_of(report);
    mr_advise(&facts, &advices);
    json_decref(report);
    return find(name);
}

static bool tells(const mr_advice *advice, const char *words)
{
    const bool found = advice && (strstr(advice->title, words) || strstr(advice->text, words));
    if (!found)
        fprintf(stderr, "no '%s' in: %s. %s\n", words, advice ? advice->title : "(nothing)",
                advice ? advice->text : "");
    return found;
}

/* Four ranks of ten seconds that differ in one number; and what else a report has. */
static const mr_advice *ranks(const char *name, const char *number, const double values[4],
                              const char *more)
{
    char list[1024] = "";
    for (int i = 0; i < 4; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list),
                 "%s{\"rank\": %d, \"threads\": 2, \"host\": \"h\", \"%s\": %.6f}", i ? ", " : "",
                 i, number, values[i]);
    return about(name, "{\"seconds\": 10, \"ranks\": [%s]%s%s}", list, *more ? ", " : "", more);
}

/* A timeline of one thread that was at `kind` for that part of ten seconds. */
static const mr_advice *timeline(const char *name, const char *kind, double share)
{
    return about(
        name,
        "{\"seconds\": 10, \"ranks\": [{}, {}], \"timeline\": [{\"rank\": 0, \"thread\": 0, "
        "\"spans\": [[\"%s\", 0, %.6f, %.6f]]}]}",
        kind, 10 * share, 10 * share);
}

static void test_nothing(void)
{
    about("", "{}");
    CU_ASSERT_EQUAL(advices.count, 0);
    about("", "{\"seconds\": 100, \"ranks\": [{\"threads\": 2, \"busy\": 150}]}");
    CU_ASSERT_EQUAL(advices.count, 0);
    about("", "{\"seconds\": \"x\", \"ranks\": 3, \"timeline\": {}, \"waits\": [1, null], "
              "\"hot_keys\": [{\"share\": \"1\"}], \"cost\": [], \"pools\": [[]]}");
    CU_ASSERT_EQUAL(advices.count, 0);
}

static void test_short(void)
{
    CU_ASSERT(tells(about("short", "{\"seconds\": 0.56}"), "560 ms"));
    CU_ASSERT_PTR_NULL(about("short", "{\"seconds\": %f}", MR_ADVICE_SHORT));
    CU_ASSERT_PTR_NULL(about("short", "{\"seconds\": 0}"));
}

static void test_waits(void)
{
    const double even[] = {5, 5, 5, 5}, behind[] = {10, 5, 5, 5};
    const char *wait = "\"waits\": [{\"rank\": 2, \"seconds\": 0.5, \"on\": 0}, "
                       "{\"rank\": 3, \"seconds\": 4.1, \"on\": 0}]";
    const mr_advice *advice = ranks("wait", "busy", behind, wait);
    CU_ASSERT(tells(advice, "Rank 3 waited 41% of the time on rank 0"));
    CU_ASSERT(tells(advice, "Rank 0 was in kernels 1.6 times as much as the mean"));
    CU_ASSERT_DOUBLE_EQUAL(advice->weight, 0.41, 1e-9);
    CU_ASSERT(tells(ranks("wait", "busy", even, wait), "no more to do than others"));
    CU_ASSERT(tells(ranks("wait", "bytes_read", behind, wait), "Rank 0 read 1.6 times"));
    CU_ASSERT(tells(ranks("wait", "bytes_received", behind, wait), "Few keys"));
    CU_ASSERT(tells(ranks("wait", "spilled", behind, wait), "More --memory"));
    wait =
        "\"waits\": [{\"rank\": 1, \"seconds\": 2.0, \"on\": null}, {\"rank\": 2, \"seconds\": 3}]";
    CU_ASSERT(tells(ranks("wait", "busy", even, wait), "Rank 2 waited 30% of the time; 2 ranks"));
    /* Its other threads were at work: 12 s are 60% of two threads' time. */
    CU_ASSERT_PTR_NULL(about("wait", "{\"seconds\": 10, \"ranks\": [{\"threads\": 2, \"spent\": "
                                     "{\"task\": 12, \"wait\": 8}}, {}], \"waits\": [{\"rank\": 0, "
                                     "\"seconds\": 8, \"on\": 1}]}"));
    CU_ASSERT(tells(about("wait", "{\"seconds\": 10, \"ranks\": [{\"threads\": 2, \"spent\": "
                                  "{\"task\": 11, \"wait\": 8}}, {}], \"waits\": [{\"rank\": 0, "
                                  "\"seconds\": 8, \"on\": 1}]}"),
                    "waited 80%"));
    wait = "\"waits\": [{\"rank\": 1, \"seconds\": 1.99, \"on\": 0}]";
    CU_ASSERT_PTR_NULL(ranks("wait", "busy", even, wait));
}

static void test_uneven(void)
{
    const double even[] = {5, 5, 5, 5}, below[] = {5.9, 4, 4, 2.1}, at[] = {6, 4, 4, 2};
    CU_ASSERT(tells(ranks("uneven", "busy", at, ""), "kernels is uneven: rank 0 had 1.5 times"));
    CU_ASSERT_PTR_NULL(ranks("uneven", "busy", below, ""));
    CU_ASSERT_PTR_NULL(ranks("uneven", "busy", even, ""));
    CU_ASSERT(tells(ranks("uneven", "reduce", at, ""), "Reducing is uneven"));
    /* Who waited is known, and it is nobody: then threads have made up for it. */
    CU_ASSERT_PTR_NULL(about("uneven", "{\"seconds\": 1, \"ranks\": [{\"busy\": 9}]}"));
    CU_ASSERT_PTR_NULL(ranks("uneven", "busy", at, "\"waits\": [{\"rank\": 1, \"seconds\": 5}]"));
}

static const mr_advice *crowded(int cpus)
{
    return about(
        "crowded",
        "{\"seconds\": 9, \"ranks\": [{\"host\": \"a\", \"threads\": 4, \"node_cpus\": 4}, "
        "{\"host\": \"b\", \"threads\": 2, \"node_cpus\": %d}, {\"host\": \"b\", "
        "\"threads\": 2, \"node_cpus\": %d}]}",
        cpus, cpus);
}

static void test_crowded(void)
{
    CU_ASSERT(tells(crowded(3), "Host b had 4 threads on 3 CPUs"));
    CU_ASSERT_PTR_NULL(crowded(4));
    CU_ASSERT_PTR_NULL(crowded(0));
}

static const mr_advice *cost(double serial, double cores, double seconds)
{
    return about("cost",
                 "{\"seconds\": %f, \"cost\": {\"serial_seconds\": %f, \"cores\": %f, "
                 "\"cores_to_beat_one\": null}}",
                 seconds, serial, cores);
}

static void test_cost(void)
{
    CU_ASSERT(tells(cost(16, 8, 10), "2 cores would do: the job was 1.6 times as fast"));
    CU_ASSERT(tells(cost(16, 8, 10), "reckoned to take 16.0 s"));
    CU_ASSERT(tells(cost(39, 8, 10), "5 cores would do"));
    CU_ASSERT_PTR_NULL(cost(40, 8, 10)); /* half of what they could do */
    CU_ASSERT(tells(cost(9, 8, 10), "One thread would have been as fast as these 8 cores"));
    CU_ASSERT_PTR_NULL(cost(1, 1, 10));
    CU_ASSERT_PTR_NULL(cost(0, 8, 10));
    /* Eight threads on two CPUs are two cores. */
    CU_ASSERT_PTR_NULL(
        about("cost", "{\"seconds\": 10, \"ranks\": [{\"host\": \"h\", \"threads\": 8, "
                      "\"node_cpus\": 2}], \"cost\": {\"serial_seconds\": 16, \"cores\": 8}}"));
}

static const mr_advice *input(const char *name, int files, double bytes, int readers, int blocks)
{
    return about(
        name,
        "{\"seconds\": 10, \"input\": {\"files\": %d, \"bytes\": %.0f, \"block\": 262144}, "
        "\"ranks\": [{\"threads\": 2, \"blocks\": %d, \"bytes_read\": 1048576}, "
        "{\"threads\": 2, \"bytes_read\": %d}, {\"threads\": 2}, {\"threads\": 2, "
        "\"bytes_read\": %d}]}",
        files, bytes, blocks, readers > 1, readers > 2);
}

static void test_blocks(void)
{
    const double mib = 1024 * 1024;
    CU_ASSERT(tells(input("undivided", 1, 100 * mib, 1, 400), "1 of 4 ranks read all"));
    CU_ASSERT(tells(find("undivided"), "1.00 MiB in 1 file: one that is compressed"));
    CU_ASSERT(tells(input("undivided", 3, 100 * mib, 3, 400), "3 of 4 ranks"));
    CU_ASSERT_PTR_NULL(input("undivided", 2, 100 * mib, 3, 400)); /* divided, but not for all */
    CU_ASSERT_PTR_NULL(input("undivided", 1, 1.9 * mib, 1, 1));
    CU_ASSERT(tells(input("few-blocks", 1, 2 * mib, 3, 15), "Only 15 blocks for 8 threads"));
    CU_ASSERT(tells(find("few-blocks"), "--block 64K gives each of them four"));
    CU_ASSERT_PTR_NULL(input("few-blocks", 1, 2 * mib, 3, 16));
    CU_ASSERT_PTR_NULL(input("few-blocks", 1, 1000, 1, 1)); /* too little to be divided */
}

static const mr_advice *slow(double seconds, double busy, const char *unit)
{
    return about(
        "slow-block",
        "{\"seconds\": 10, \"input\": {\"block\": 1048576}, \"ranks\": [{\"threads\": 1, "
        "\"blocks\": 100, \"busy\": %f}], \"slowest\": [{\"file\": \"in/x.gz\", \"begin\": "
        "524288, \"end\": 786432, \"seconds\": %f%s}]}",
        busy, seconds, unit);
}

static void test_slow_block(void)
{
    CU_ASSERT(tells(slow(3, 10, ""), "One block took 3.00 s, 30% of the job's time"));
    CU_ASSERT(tells(slow(3, 10, ""), "30 times the mean"));
    CU_ASSERT(tells(slow(3, 10, ""), "in/x.gz from byte 524,288 on"));
    CU_ASSERT(tells(slow(3, 10, ", \"unit\": \"rows\""), "from row 524,288 on"));
    CU_ASSERT(tells(slow(3, 100, ""), "--block 32K divides them further"));
    CU_ASSERT(tells(slow(3, 100, ", \"unit\": \"rows\""), "--block 128K divides them further"));
    CU_ASSERT_PTR_NOT_NULL(slow(1, 10, ""));
    CU_ASSERT_PTR_NULL(slow(0.99, 10, ""));
}

static const mr_advice *tiny(int blocks, double busy)
{
    return about("tiny-blocks",
                 "{\"seconds\": 10, \"input\": {\"block\": 4096}, \"ranks\": "
                 "[{\"threads\": 2, \"blocks\": %d, \"busy\": %f}]}",
                 blocks, busy);
}

static void test_tiny_blocks(void)
{
    CU_ASSERT(tells(tiny(20000, 0.2), "a kernel takes 10.0"));
    CU_ASSERT(tells(tiny(20000, 0.2), "--block 64K"));
    CU_ASSERT_PTR_NULL(tiny(20000, 0.41));
    CU_ASSERT_PTR_NULL(tiny(9999, 0.01));
}

static const mr_advice *phase(const char *name, const char *which, double share, const char *ranks)
{
    return about(name,
                 "{\"seconds\": 10, \"phases\": {\"%s\": {\"max\": %f, \"mean\": 1}}, "
                 "\"input\": {\"files\": 12000}, \"ranks\": [%s]}",
                 which, 10 * share, ranks);
}

static void test_phases(void)
{
    const char *two = "{\"bytes_written\": 95}, {\"bytes_written\": 5}";
    CU_ASSERT(tells(phase("plan", "plan", 0.3, ""), "30% of the time"));
    CU_ASSERT(tells(find("plan"), "12,000 files"));
    CU_ASSERT_PTR_NULL(phase("plan", "plan", 0.29, ""));
    CU_ASSERT(tells(phase("write", "write", 0.4, two), "40% of the time is writing"));
    CU_ASSERT(tells(find("write"), "Rank 0 wrote 95% of its 100 B alone"));
    CU_ASSERT(tells(phase("write", "write", 0.4, "{\"bytes_written\": 5}"), "5 B were written"));
    CU_ASSERT_PTR_NULL(phase("write", "write", 0.39, two));
    CU_ASSERT(tells(phase("exchange", "combine", 0.6, "{}, {}"), "60% of the time is exchange"));
    CU_ASSERT_PTR_NULL(phase("exchange", "combine", 0.39, "{}, {}"));
    CU_ASSERT_PTR_NULL(phase("exchange", "combine", 0.6, "{}")); /* one rank has nobody */
}

static void test_timeline(void)
{
    CU_ASSERT(tells(timeline("exchange", "exchange", 0.6), "60% of the time is exchange"));
    CU_ASSERT_PTR_NULL(timeline("exchange", "exchange", 0.39));
    CU_ASSERT(tells(timeline("read", "read", 0.45), "45% of the threads' time is reading"));
    CU_ASSERT_PTR_NULL(timeline("read", "read", 0.39));
    CU_ASSERT(tells(timeline("write", "write", 0.5), "50% of the time is writing"));
    CU_ASSERT(tells(timeline("checkpoint", "checkpoint", 0.06), "6.0% of the threads' time"));
    CU_ASSERT_PTR_NULL(timeline("checkpoint", "checkpoint", 0.049));
}

static const mr_advice *hot(double share, const char *ranks)
{
    return about(
        "hot-key",
        "{\"seconds\": 10, \"ranks\": [%s], \"hot_keys\": [{\"set\": \"s\", \"key\": \"of\", "
        "\"share\": 0.1, \"rank\": 0}, {\"set\": \"words\", \"key\": \"the\", \"share\": %f, "
        "\"rank\": 1}]}",
        ranks, share);
}

static void test_hot_keys(void)
{
    CU_ASSERT(tells(hot(0.38, "{}, {}"), "One key has 38% of the pairs: the"));
    CU_ASSERT(tells(hot(0.38, "{}, {}"), "here by rank 1, in words"));
    CU_ASSERT_PTR_NULL(hot(0.19, "{}, {}"));
    CU_ASSERT_PTR_NULL(hot(0.38, "{}"));
}

static const mr_advice *memory(const char *name, double spilled, double peak)
{
    return about(name,
                 "{\"seconds\": 10, \"ranks\": [{\"spilled\": %f, \"memory_peak\": %f, "
                 "\"memory_budget\": 2147483648}, {\"memory_peak\": 1}]}",
                 spilled, peak);
}

static void test_memory(void)
{
    const double gib = 1024.0 * 1024 * 1024;
    CU_ASSERT(tells(memory("spilled", 3.2 * gib, 1.8 * gib), "3.20 GiB went to scratch disks"));
    CU_ASSERT(tells(find("spilled"), "A rank has 2.00 GiB. Give more: with --memory 8G"));
    CU_ASSERT_PTR_NULL(find("full"));
    CU_ASSERT_PTR_NULL(memory("spilled", 1024 * 1024 - 1, 0));
    CU_ASSERT(tells(memory("full", 0, 1.9 * gib), "rank 0 took 95% of its budget"));
    CU_ASSERT_PTR_NULL(memory("full", 0, 1.79 * gib));
}

static void test_bad(void)
{
    const mr_advice *advice =
        about("bad", "{\"seconds\": 10, \"bad_count\": 12, \"bad\": [{\"file\": \"x.csv\", "
                     "\"offset\": 4096, \"reason\": \"a date that is none\"}]}");
    CU_ASSERT(tells(advice, "12 bad records were left out"));
    CU_ASSERT(tells(advice, "in x.csv at byte 4,096: a date that is none."));
    CU_ASSERT(tells(about("bad", "{\"bad\": [{}]}"), "1 bad record was left out"));
    CU_ASSERT_PTR_NULL(about("bad", "{\"bad\": [], \"bad_count\": 0}"));
}

static void test_tasks(void)
{
    CU_ASSERT(tells(about("fork", "{\"seconds\": 10, \"forks\": [{\"name\": \"uts\", \"seconds\": "
                                  "9, \"solved\": 50, \"busy_max_over_mean\": 1.6}]}"),
                    "uts is uneven: the busiest rank had 1.6 times the mean"));
    CU_ASSERT_PTR_NULL(about("fork", "{\"forks\": [{\"busy_max_over_mean\": 1.49}]}"));
    CU_ASSERT(tells(about("tiny-tasks", "{\"pools\": [{\"kinds\": [{\"name\": \"add\", \"tasks\": "
                                        "20000, \"seconds\": 0.1, \"mean_latency\": 0.0002}]}]}"),
                    "Tasks add are small: 5.00"));
    CU_ASSERT_PTR_NULL(about("tiny-tasks", "{\"pools\": [{\"kinds\": [{\"tasks\": 20000, "
                                           "\"seconds\": 0.5}]}]}"));
    CU_ASSERT(
        tells(about("failed-tasks", "{\"pools\": [{\"kinds\": [{\"name\": \"add\", \"tasks\": "
                                    "20, \"failed\": 2, \"retries\": 3}]}]}"),
              "2 of 20 tasks add failed"));
    CU_ASSERT(
        tells(about("chain", "{\"seconds\": 10, \"graphs\": [{\"name\": \"g\", \"seconds\": 9, "
                             "\"workers\": 6, \"chain\": {\"tasks\": 3, \"seconds\": 7, "
                             "\"share\": 0.78}}]}"),
              "The longest chain of graph g takes 78% of its time"));
    CU_ASSERT_PTR_NULL(about("chain", "{\"graphs\": [{\"chain\": {\"share\": 0.69}}]}"));
}

static const mr_advice *stage(double use)
{
    return about(
        "stage",
        "{\"seconds\": 10, \"pipelines\": [{\"name\": \"p\", \"seconds\": 9, \"bottleneck\": "
        "\"parse\", \"reason\": \"in order: one item at a time\", \"stages\": [{\"name\": "
        "\"source\"}, {\"name\": \"parse\", \"utilisation\": %f}]}]}",
        use);
}

static const mr_advice *lock(double contention, double mean)
{
    return about("contended",
                 "{\"seconds\": 10, \"ranks\": [{\"threads\": 2}], \"sync\": [{\"name\": \"gate\", "
                 "\"kind\": \"lock\", \"operations\": 1000, \"contention\": %f, \"mean_wait\": %f, "
                 "\"max_wait\": 1}]}",
                 contention, mean);
}

static void test_shared(void)
{
    CU_ASSERT(tells(stage(0.91), "Pipeline p is held up by its stage parse"));
    CU_ASSERT(tells(find("stage"), "in order: one item at a time"));
    CU_ASSERT_PTR_NULL(stage(0.49));
    CU_ASSERT(tells(lock(0.5, 0.001), "50% of the operations on lock gate had to wait"));
    CU_ASSERT_PTR_NULL(lock(0.29, 0.001));
    CU_ASSERT_PTR_NULL(lock(0.5, 0.0001)); /* a hundredth of the time of two threads is 0.2 s */
}

/* What matters most comes first; there is room for all kinds, and texts too long are cut. */
static void test_order(void)
{
    char key[2000];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    about("",
          "{\"seconds\": 10, \"ranks\": [{}, {}], \"phases\": {\"combine\": {\"max\": 6}, "
          "\"plan\": {\"max\": 3}}, \"hot_keys\": [{\"share\": 0.7, \"key\": \"%s\", \"set\": "
          "\"%s\"}]}",
          key, key);
    CU_ASSERT_EQUAL_FATAL(advices.count, 3);
    CU_ASSERT_STRING_EQUAL(advices.items[0].name, "hot-key");
    CU_ASSERT_STRING_EQUAL(advices.items[1].name, "exchange");
    CU_ASSERT_STRING_EQUAL(advices.items[2].name, "plan");
    CU_ASSERT(strlen(advices.items[0].title) < 128);
}

static void test_many(void)
{
    char text[32768] = "{\"forks\": [";
    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s{\"name\": \"f\", \"busy_max_over_mean\": 3}", i ? ", " : "");
    about("fork", "%s]}", text);
    CU_ASSERT_EQUAL(advices.count, MR_ADVICE_MOST);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("advice", NULL, NULL);
    CU_add_test(suite, "nothing", test_nothing);
    CU_add_test(suite, "a short job", test_short);
    CU_add_test(suite, "waits", test_waits);
    CU_add_test(suite, "uneven work", test_uneven);
    CU_add_test(suite, "crowded hosts", test_crowded);
    CU_add_test(suite, "cost", test_cost);
    CU_add_test(suite, "how the input is cut", test_blocks);
    CU_add_test(suite, "a slow block", test_slow_block);
    CU_add_test(suite, "tiny blocks", test_tiny_blocks);
    CU_add_test(suite, "phases", test_phases);
    CU_add_test(suite, "the timeline", test_timeline);
    CU_add_test(suite, "hot keys", test_hot_keys);
    CU_add_test(suite, "memory", test_memory);
    CU_add_test(suite, "bad records", test_bad);
    CU_add_test(suite, "tasks", test_tasks);
    CU_add_test(suite, "pipelines and locks", test_shared);
    CU_add_test(suite, "order", test_order);
    CU_add_test(suite, "many", test_many);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

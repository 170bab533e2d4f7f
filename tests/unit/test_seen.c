/* test_seen.c: the slowest of many blocks against sorting all; how many beat one; what becomes
 * JSON.
 */
#include "observe/seen.h"
#include "output/format.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 500 };

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* As threads do it: each its own list, which are then merged. */
static void test_slowest(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t random = seed;
        size_t count = random_below(&random, BLOCKS);
        double all[BLOCKS];
        mr_slowest lists[4] = {{0}}, slowest = {0};
        for (size_t i = 0; i < count; i++) {
            all[i] = (double)random_below(&random, seed % 2 ? 1000000 : 20) / 1000;
            mr_slow_block block = {.seconds = all[i], .block = i};
            if (mr_slowest_takes(&lists[i % 4], all[i]))
                mr_slowest_offer(&lists[i % 4], &block);
        }
        for (int i = 0; i < 4; i++)
            mr_slowest_merge(&slowest, &lists[i]);
        mr_slowest_sort(&slowest);
        qsort(all, count, sizeof *all, descending);
        CU_ASSERT_EQUAL(slowest.count, count < MR_SLOW_BLOCKS ? count : MR_SLOW_BLOCKS);
        for (size_t i = 0; i < slowest.count; i++)
            CU_ASSERT_EQUAL(slowest.blocks[i].seconds, all[i]);
    }
}

static void test_names(void)
{
    char name[1000];
    mr_slow_block block;
    mr_slow_block_name(&block, "short");
    CU_ASSERT_STRING_EQUAL(block.file, "short");
    memset(name, 'x', sizeof name);
    snprintf(name + 900, 100, "/end");
    mr_slow_block_name(&block, name);
    CU_ASSERT_EQUAL(strlen(block.file), sizeof block.file - 1);
    CU_ASSERT_STRING_EQUAL(block.file, name + 904 - (sizeof block.file - 1));
}

static void test_cost(void)
{
    static const struct {
        double serial, seconds;
        uint64_t cores, beats;
    } cases[] = {
        {7.2, 2.1, 4, 2}, /* 3.4 times as fast: 1.17 of the four do as much as one */
        {8, 2, 4, 2},     /* without any loss one does as much as one, and two beat it */
        {4, 2, 4, 3},     {2, 2, 4, 0}, {1, 2, 4, 0},     {1, 1, 1, 0},
        {0, 1, 4, 0},     {1, 0, 4, 0}, {100, 1, 128, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_seen_cost cost = mr_seen_cost_of(cases[i].serial, cases[i].seconds, cases[i].cores);
        CU_ASSERT_EQUAL(cost.beats_from, cases[i].beats);
        CU_ASSERT_EQUAL(cost.serial, cases[i].serial);
        CU_ASSERT_EQUAL(cost.cores, cases[i].cores);
    }
}

static json_t *at(json_t *list, size_t i)
{
    return json_array_get(list, i);
}

static void test_json(void)
{
    static const char nodes[2][64] = {"north", "so\xffth"};
    static const mr_seen_wait waits[3] = {{1.5, 2}, {0, -1}, {0.25, 0}};
    uint64_t matrix[4] = {0, 1, UINT64_C(1) << 40, 0};
    struct {
        mr_seen_thread head;
        mr_seen_span spans[2];
    } thread = {{1, 7, 2}, {{0, 0.5, 2}, {0.75, 1, 9}}};
    mr_sight seen = {.threads = (const char *)&thread,
                     .threads_size = sizeof thread,
                     .waits = waits,
                     .matrix = matrix,
                     .side = 2,
                     .nodes = nodes};
    mr_slowest_offer(&seen.slowest, &(mr_slow_block){.seconds = 2, .is_rows = 1, .file = "f.h5"});
    json_t *report = json_pack("{s:{s:i}}", "exchange", "bytes", 5);
    CU_ASSERT_FATAL(mr_seen_put(report, &seen, 3));
    json_t *exchange = json_object_get(report, "exchange");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(exchange, "bytes")), 5);
    CU_ASSERT_EQUAL(json_integer_value(at(at(json_object_get(exchange, "matrix"), 1), 0)),
                    (json_int_t)matrix[2]);
    CU_ASSERT_STRING_EQUAL(json_string_value(at(json_object_get(exchange, "nodes"), 1)), "so?th");
    json_t *on = json_object_get(at(json_object_get(report, "waits"), 1), "on");
    CU_ASSERT(json_is_null(on));
    mr_text text = {0};
    mr_seen_timeline(&text, &seen);
    json_t *timeline = json_loadb(text.data, text.size, 0, NULL);
    json_t *row = at(timeline, 0);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "thread")), 7);
    json_t *span = at(json_object_get(row, "spans"), 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(at(span, 0)), "wait");
    CU_ASSERT_EQUAL(json_real_value(at(span, 3)), 0.25);
    json_t *slow = at(json_object_get(report, "slowest"), 0);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(slow, "unit")), "rows");
    json_decref(timeline);
    json_decref(report);
    mr_text_free(&text);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("seen", NULL, NULL);
    CU_add_test(suite, "the slowest blocks", test_slowest);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "how many beat one", test_cost);
    CU_add_test(suite, "JSON", test_json);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

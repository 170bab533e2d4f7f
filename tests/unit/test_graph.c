/*
 * unit/test_graph.c: graphs without ranks: lines as edges, fast and with care; marks and names from
 * ids to numbers; vertices in order. Oracles are the plain loops one would write first.
 */
#include "graph/edges.h"
#include "graph/numbering.h"
#include "graph/sort.h"
#include "random.h"

#include <CUnit/Basic.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static mr_id id_of(const char *text)
{
    return mr_id_of(mr_bytes_of(text));
}

static void expect_id(const char *text, mr_id_kind kind, uint64_t bits, bool plain)
{
    mr_id id = id_of(text);
    CU_ASSERT_EQUAL(id.kind, kind);
    CU_ASSERT(kind == MR_ID_WORD || id.bits == bits);
    CU_ASSERT(kind == MR_ID_WORD || id.plain == plain);
}

static void test_ids(void)
{
    expect_id("0", MR_ID_SMALL, 0, true);
    expect_id("7", MR_ID_SMALL, 7, true);
    expect_id("007", MR_ID_SMALL, 7, false);
    expect_id("+7", MR_ID_SMALL, 7, false);
    expect_id("-0", MR_ID_SMALL, 0, false);
    expect_id("-7", MR_ID_BELOW_0, (uint64_t)-7, true);
    expect_id("-07", MR_ID_BELOW_0, (uint64_t)-7, false);
    expect_id("9223372036854775807", MR_ID_SMALL, INT64_MAX, true);
    expect_id("9223372036854775808", MR_ID_LARGE, (uint64_t)1 << 63, true);
    expect_id("18446744073709551615", MR_ID_LARGE, UINT64_MAX, true);
    expect_id("-9223372036854775808", MR_ID_BELOW_0, (uint64_t)1 << 63, true);
    const char *words[] = {"",
                           "-",
                           "+",
                           "--1",
                           "1.0",
                           "0x1",
                           "a1",
                           "1a",
                           "1 ",
                           "18446744073709551616",
                           "-9223372036854775809"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        expect_id(words[i], MR_ID_WORD, 0, false);
}

static void expect_line(const char *text, bool weighted, mr_line wanted)
{
    mr_edge_line line;
    const char *wrong = NULL;
    CU_ASSERT_EQUAL(mr_edge_read(mr_bytes_of(text), weighted, &line, &wrong), wanted);
    CU_ASSERT_EQUAL(wrong != NULL, wanted == MR_LINE_WRONG);
}

static void test_lines(void)
{
    const char *empty[] = {"", "  \t", "#", "# 1 2", "  #1 2", "\r"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        expect_line(empty[i], false, MR_LINE_EMPTY);
    expect_line("1", false, MR_LINE_WRONG);
    expect_line("1 2", false, MR_LINE_EDGE);
    expect_line(" 1\t\t2 \r", false, MR_LINE_EDGE);
    expect_line("1 2 what else", false, MR_LINE_EDGE);
    expect_line("1 #2", false, MR_LINE_EDGE);
    const char *wrong[] = {"1 2", "1 2 x", "1 2 -1", "1 2 -0.5", "1 2 nan", "1 2 inf", "1 2 1e999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_line(wrong[i], true, MR_LINE_WRONG);
}

static void test_weights(void)
{
    mr_edge_line line;
    const char *wrong = NULL;
    const char *texts[] = {"0.5",  "1e3", ".25",  "3.",    "0.1",  "123456789.12345",
                           "5e-1", "0x1", "-0.0", "1e308", "0.30", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[64];
        snprintf(text, sizeof text, "a b %s", texts[i]);
        CU_ASSERT_EQUAL_FATAL(mr_edge_read(mr_bytes_of(text), true, &line, &wrong), MR_LINE_EDGE);
        CU_ASSERT(line.weight_is_f64);
        CU_ASSERT_EQUAL(line.weight.f64, strtod(texts[i], NULL));
    }
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t whole = random_next(&state) >> (random_below(&state, 60) + 4);
        snprintf(text, sizeof text, "a b %" PRIu64 ".%" PRIu64, whole % 10000000,
                 random_below(&state, 100000000));
        CU_ASSERT_EQUAL_FATAL(mr_edge_read(mr_bytes_of(text), true, &line, &wrong), MR_LINE_EDGE);
        CU_ASSERT_EQUAL_FATAL(line.weight.f64, strtod(text + 4, NULL));
        snprintf(text, sizeof text, "a b %" PRIu64, whole);
        CU_ASSERT_EQUAL_FATAL(mr_edge_read(mr_bytes_of(text), true, &line, &wrong), MR_LINE_EDGE);
        CU_ASSERT(!line.weight_is_f64 && line.weight.i64 == (int64_t)whole);
    }
}

/* A line as it may stand in a file: mostly two small numbers. */
static size_t random_line(uint64_t *state, char *text)
{
    static const char *const odd[] = {"# c",        "",     " 1 2", "1",     "x 1",
                                      "01 2",       "1 +2", "-1 2", "1 2\r", "1  2",
                                      "1\t 2 more", "1\v2", "1 2x", "1 2 "};
    const char *blanks = random_below(state, 2) ? "\t" : " ";
    uint64_t choice = random_below(state, 20);
    if (choice == 0)
        return (size_t)sprintf(text, "%s", odd[random_below(state, sizeof odd / sizeof *odd)]);
    uint64_t from = random_next(state) >> (32 + random_below(state, 32) - (choice == 1));
    uint64_t to = random_next(state) >> (32 + random_below(state, 32) - (choice == 2));
    int size = sprintf(text, "%" PRIu64 "%s%" PRIu64, from, blanks, to);
    if (random_below(state, 2))
        size += sprintf(text + size, " %" PRIu64 "%s", random_below(state, 1000),
                        random_below(state, 4) ? "" : ".5");
    return (size_t)size;
}

/* What the fast reader has to read of a line: NULL weights are not read. */
static bool is_for_fast(mr_bytes text, bool weighted, bool f64, mr_edge_line *line)
{
    const char *wrong;
    if (mr_edge_read(text, weighted, line, &wrong) != MR_LINE_EDGE)
        return false;
    bool ends = line->from.plain && line->to.plain && line->from.kind == MR_ID_SMALL &&
                line->to.kind == MR_ID_SMALL && (line->from.bits | line->to.bits) <= UINT32_MAX;
    return ends && (!weighted || f64 || !line->weight_is_f64);
}

/* The fast reader takes only what is right, reads the same as the careful one, and stops before a
 * line only where that would not do, or where white space is unusual. */
static void read_both(char *text, size_t size, bool weighted, bool f64, size_t room)
{
    const char *at = text, *end = text + size;
    mr_edge edges[64];
    mr_weight weights[64];
    while (at < end) {
        const char *before = at;
        size_t count = mr_edges_read_small(&at, end, edges, weighted ? weights : NULL, f64, room);
        for (size_t i = 0; i < count; i++) {
            mr_edge_line line = {.weight_is_f64 = false}; /* without weights none is read */
            const char *stop = mr_bytes_seek(before, end, '\n');
            CU_ASSERT_FATAL(is_for_fast(mr_bytes_between(before, stop), weighted, f64, &line));
            CU_ASSERT_EQUAL_FATAL(edges[i].from, line.from.bits);
            CU_ASSERT_EQUAL_FATAL(edges[i].to, line.to.bits);
            double weight = line.weight_is_f64 ? line.weight.f64 : (double)line.weight.i64;
            CU_ASSERT_FATAL(!weighted ||
                            (f64 ? weights[i].f64 == weight : weights[i].i64 == line.weight.i64));
            before = stop < end ? stop + 1 : end;
        }
        CU_ASSERT_PTR_EQUAL_FATAL(at, before);
        if (at == end || count == room)
            continue;
        mr_edge_line line;
        const char *stop = mr_bytes_seek(at, end, '\n');
        mr_bytes text_of_line = mr_bytes_between(at, stop);
        bool usual = !mr_byte_is_space(*at) && !memchr(at, '\v', text_of_line.size);
        CU_ASSERT_FATAL(!usual || !is_for_fast(text_of_line, weighted, f64, &line));
        at = stop < end ? stop + 1 : end;
    }
}

static void test_fast_reading(void)
{
    uint64_t state = 7;
    for (int round = 0; round < 3000; round++) {
        char text[1024 + 64] = {0};
        size_t size = 0, lines = random_below(&state, 20);
        for (size_t i = 0; i < lines; i++) {
            size += random_line(&state, text + size);
            if (i + 1 < lines || random_below(&state, 2))
                text[size++] = '\n';
        }
        memset(text + size, 0, sizeof text - size);
        for (int how = 0; how < 3; how++)
            read_both(text, size, how > 0, how == 2, 1 + random_below(&state, 64));
    }
}

static void test_marks(void)
{
    uint64_t state = 3;
    for (int round = 0; round < 300; round++) {
        mr_error error = {0};
        mr_marks marks;
        uint64_t range = 1 + random_below(&state, 2000), number = 0, last = 0;
        bool *is_set = calloc(range, sizeof *is_set);
        CU_ASSERT_EQUAL_FATAL(mr_marks_create(&marks, range, &error), MR_OK);
        for (uint64_t i = random_below(&state, 500); i > 0; i--) {
            uint64_t at = random_below(&state, range);
            is_set[at] = true;
            mr_marks_set(&marks, at);
        }
        uint64_t count = mr_marks_count(&marks);
        for (uint64_t at = 0; at < range; at++) {
            CU_ASSERT_EQUAL_FATAL(mr_marks_has(&marks, at), is_set[at]);
            if (!is_set[at])
                continue;
            CU_ASSERT_EQUAL_FATAL(mr_marks_number(&marks, at), number);
            CU_ASSERT_EQUAL_FATAL(mr_marks_find(&marks, (uint32_t)number), at);
            CU_ASSERT_FATAL(number == 0 || mr_marks_next(&marks, last) == at);
            last = at;
            number++;
        }
        CU_ASSERT_EQUAL(count, number);
        CU_ASSERT_FALSE(mr_marks_has(&marks, UINT64_MAX));
        mr_marks_free(&marks);
        free(is_set);
    }
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

static void test_names(void)
{
    uint64_t state = 4;
    for (uint64_t count = 0; count < 3000; count = count * 2 + 1) {
        mr_error error = {0};
        mr_names names;
        CU_ASSERT_EQUAL_FATAL(mr_names_create(&names, count, &error), MR_OK);
        for (uint64_t i = 0; i < count; i++) /* many in few places, and at the end */
            names.hashes[i] = i % 3 ? random_next(&state) : UINT64_MAX - i;
        CU_ASSERT_TRUE_FATAL(mr_names_index(&names));
        for (uint64_t i = 0; i < count; i += MR_NAMES_AT_ONCE) {
            uint32_t numbers[MR_NAMES_AT_ONCE];
            size_t some = count - i < MR_NAMES_AT_ONCE ? count - i : MR_NAMES_AT_ONCE;
            mr_names_numbers(&names, names.hashes + i, some, numbers);
            for (size_t k = 0; k < some; k++)
                CU_ASSERT_EQUAL_FATAL(numbers[k], i + k);
        }
        if (count > 1) {
            names.hashes[random_below(&state, count - 1)] = names.hashes[count - 1];
            CU_ASSERT_FALSE(mr_names_index(&names));
        }
        mr_names_free(&names);
    }
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

static int compare(const void *a, const void *b)
{
    mr_vertex x = *(const mr_vertex *)a, y = *(const mr_vertex *)b;
    return (x > y) - (x < y);
}

static void test_sorting(void)
{
    uint64_t state = 5;
    for (int round = 0; round < 600; round++) {
        mr_vertex all[3000], wanted[3000];
        size_t count = random_below(&state, round % 10 ? 200 : 3000), kept = 0;
        unsigned shift = (unsigned)random_below(&state, 64);
        for (size_t i = 0; i < count; i++)
            wanted[i] = all[i] = (mr_vertex)(random_next(&state) >> shift);
        qsort(wanted, count, sizeof *wanted, compare);
        mr_vertices_sort(all, count);
        CU_ASSERT_EQUAL_FATAL(memcmp(all, wanted, count * sizeof *all), 0);
        size_t unique = mr_vertices_unique(all, count);
        for (size_t i = 0; i < count; i++)
            if (i == 0 || wanted[i] != wanted[i - 1])
                CU_ASSERT_EQUAL_FATAL(all[kept++], wanted[i]);
        CU_ASSERT_EQUAL_FATAL(unique, kept);
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("graph", NULL, NULL);
    CU_ADD_TEST(suite, test_ids);
    CU_ADD_TEST(suite, test_lines);
    CU_ADD_TEST(suite, test_weights);
    CU_ADD_TEST(suite, test_fast_reading);
    CU_ADD_TEST(suite, test_marks);
    CU_ADD_TEST(suite, test_names);
    CU_ADD_TEST(suite, test_sorting);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}

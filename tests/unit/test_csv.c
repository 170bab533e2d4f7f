/*
 * unit/test_csv.c: tables of numbers as text, written in all the ways there are, against the
 * numbers they were written from; and what is wrong with a file, with its place.
 */
#include "input/csv.h"
#include "random.h"

#include "base/parse.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 1;

enum { ROWS = 40, COLUMNS = 7, ROOM = 1 << 16 };

/* A table, and how it is written. */
typedef struct sheet {
    double values[ROWS][COLUMNS];
    bool is_text[COLUMNS];
    int rows, columns, numeric;
    char separator;
    bool header, crlf;
    char text[ROOM];
    size_t size, body;
    size_t places[ROWS];
} sheet;

static void add(sheet *s, const char *text)
{
    s->size += (size_t)snprintf(s->text + s->size, ROOM - s->size, "%s", text);
}

static void add_separator(sheet *s, int column)
{
    const char separator[] = {column + 1 < s->columns ? s->separator : '\0', '\0'};
    add(s, separator);
    if (column + 1 == s->columns)
        add(s, s->crlf ? "\r\n" : "\n");
}

/* A number in one of many ways, all of which mean the same. */
static void add_number(sheet *s, double value)
{
    static const char *const missing[] = {"", "NA", "nan", "\"\"", " ", "null"};
    static const char *const forms[] = {"%.17g", "%.20e", "\"%.17g\"", " %.17g ", "+%.17g"};
    char text[64];
    if (isnan(value))
        snprintf(text, sizeof text, "%s", missing[random_below(&state, 6)]);
    else
        snprintf(text, sizeof text, forms[random_below(&state, value < 0 ? 4 : 5)], value);
    add(s, text);
}

static double any_number(void)
{
    switch (random_below(&state, 6)) {
    case 0:
        return NAN;
    case 1:
        return (double)random_below(&state, 1000) - 500;
    case 2:
        return ldexp((double)random_next(&state), (int)random_below(&state, 200) - 150);
    case 3:
        return -(double)random_below(&state, 1u << 20) / 1000;
    default:
        return (double)(random_next(&state) >> 11) * 0x1p-53;
    }
}

static void make(sheet *s)
{
    static const char separators[] = ",;\t";
    *s = (sheet){.rows = 1 + (int)random_below(&state, ROWS),
                 .columns = 2 + (int)random_below(&state, COLUMNS - 1)};
    s->separator = separators[random_below(&state, 3)];
    s->header = random_below(&state, 2);
    s->crlf = random_below(&state, 2);
    for (int c = 0; c < s->columns; c++) {
        s->is_text[c] = c > 0 && random_below(&state, 4) == 0;
        s->numeric += !s->is_text[c];
        char name[32];
        snprintf(name, sizeof name, random_below(&state, 2) ? "\"c%d\"" : " c%d", c);
        if (s->header)
            add(s, name);
        if (s->header)
            add_separator(s, c);
    }
    s->body = s->size;
    for (int r = 0; r < s->rows; r++) {
        if (r > 0 && random_below(&state, 5) == 0)
            add(s, s->crlf ? "\r\n" : "\n");
        s->places[r] = s->size;
        for (int c = 0; c < s->columns; c++) {
            /* What a column is, and that it is no header, shows in its first cell. */
            s->values[r][c] = r == 0 ? 0.5 + c : any_number();
            if (s->is_text[c])
                add(s, random_below(&state, 2) || r == 0 ? "\"te\"\"xt, ; \t\"" : "x");
            else
                add_number(s, s->values[r][c]);
            add_separator(s, c);
        }
    }
}

static bool is_same(double a, double b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

/* Rows from `row` on are those of the sheet. */
static bool has_rows(const sheet *s, const mr_csv_rows *rows, int row)
{
    bool same = row + (int)rows->count <= s->rows;
    for (size_t r = 0; same && r < rows->count; r++) {
        size_t at = r * (size_t)s->numeric;
        same = rows->places[r] == s->places[(size_t)row + r];
        for (int c = 0; c < s->columns; c++)
            if (!s->is_text[c])
                same = same && is_same(rows->values[at++], s->values[(size_t)row + r][c]);
    }
    return same;
}

/* The text in pieces that end at newlines, as splits do. */
static void expect_pieces(const sheet *s, const mr_csv *csv)
{
    mr_error error = {0};
    mr_csv_rows rows = {.count = 0};
    int row = 0;
    for (size_t at = 0; at < s->size;) {
        size_t stop = at + 1 + random_below(&state, s->size - at);
        while (stop < s->size && s->text[stop - 1] != '\n')
            stop++;
        CU_ASSERT_EQUAL_FATAL(
            mr_csv_read(csv, "a.csv", (mr_bytes){s->text + at, stop - at}, at, &rows, &error),
            MR_OK);
        CU_ASSERT_TRUE(has_rows(s, &rows, row));
        row += (int)rows.count;
        at = stop;
    }
    CU_ASSERT_EQUAL(row, s->rows);
    mr_csv_rows_free(&rows);
}

static void test_what_was_written_is_read(void)
{
    static sheet s;
    for (int turn = 0; turn < 3000; turn++) {
        mr_error error = {0};
        mr_csv *csv = NULL;
        make(&s);
        CU_ASSERT_EQUAL_FATAL(mr_csv_tell(&csv, "a.csv", (mr_bytes){s.text, s.size}, true, &error),
                              MR_OK);
        CU_ASSERT_EQUAL(csv->separator, s.separator);
        CU_ASSERT_EQUAL(csv->has_header, s.header);
        CU_ASSERT_EQUAL(csv->body, s.body);
        CU_ASSERT_EQUAL((int)csv->cells, s.columns);
        CU_ASSERT_EQUAL_FATAL((int)csv->columns, s.numeric);
        CU_ASSERT_EQUAL(csv->names != NULL, s.header || s.numeric < s.columns);
        for (uint32_t i = 0; csv->names && i < csv->columns; i++)
            CU_ASSERT_EQUAL((uint32_t)atoi(csv->names[i] + s.header), csv->column[i]);
        expect_pieces(&s, csv);
        mr_csv_free(&csv);
    }
}

/* Bytes that mean nothing: an error or not, but an end, and no byte beyond. */
static void test_garbage(void)
{
    static const char bytes[] = "0123456789.,,;\t\t\"\"\n\n\r eE+-naN\\x";
    for (int turn = 0; turn < 50000; turn++) {
        size_t size = random_below(&state, 60);
        char *text = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            text[i] = bytes[random_below(&state, sizeof bytes)];
        mr_error error = {0};
        mr_csv *csv = NULL;
        mr_csv_rows rows = {.count = 0};
        mr_status status =
            mr_csv_tell(&csv, "a.csv", (mr_bytes){text, size}, random_below(&state, 2), &error);
        if (csv)
            status = mr_csv_read(csv, "a.csv", (mr_bytes){text, size}, 0, &rows, &error);
        CU_ASSERT_TRUE(status == MR_OK ? error.code == MR_OK : error.code == MR_BAD_INPUT);
        mr_csv_rows_free(&rows);
        mr_csv_free(&csv);
        free(text);
    }
}

/* Numbers as text, in many forms and lengths: the same as the C library's. */
static void test_numbers(void)
{
    for (int turn = 0; turn < 300000; turn++) {
        char text[700];
        int form = (int)random_below(&state, 5), digits = (int)random_below(&state, 22);
        double value, wanted, got = 0;
        uint64_t bits = random_next(&state);
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value) || form < 2)
            value = (double)(random_next(&state) >> random_below(&state, 64));
        if (form == 0)
            snprintf(text, sizeof text, "%.*f", digits, value / 1e9);
        else if (form == 1)
            snprintf(text, sizeof text, "%llu.%llu",
                     (unsigned long long)random_next(&state) >> random_below(&state, 64),
                     (unsigned long long)random_next(&state));
        else if (form == 2)
            snprintf(text, sizeof text, "%lluE%d", (unsigned long long)random_next(&state),
                     (int)random_below(&state, 70) - 35);
        else
            snprintf(text, sizeof text, "%.*e", digits, value);
        wanted = strtod(text, NULL);
        const char *end = text + strlen(text);
        CU_ASSERT_PTR_EQUAL(mr_parse_f64(text, end, &got), end);
        CU_ASSERT_TRUE(is_same(got, wanted));
    }
}

static void test_where_numbers_end(void)
{
    static const struct {
        const char *text;
        int taken; /* -1: none begins there */
    } cases[] = {{"1,2", 1},   {"1e,", 1},  {"1e+", 1}, {"1e5x", 3},   {"-.5;", 3}, {".", -1},
                 {"-", -1},    {"", -1},    {"e5", -1}, {"0x10", 1},   {"nan", -1}, {"inf", -1},
                 {"1.2.3", 3}, {"+-1", -1}, {"5.", 2},  {"1e99999", 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value;
        const char *text = cases[i].text, *end = text + strlen(text);
        const char *stop = mr_parse_f64(text, end, &value);
        CU_ASSERT_EQUAL(stop ? (int)(stop - text) : -1, cases[i].taken);
    }
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("csv", NULL, NULL);
    CU_ADD_TEST(suite, test_what_was_written_is_read);
    CU_ADD_TEST(suite, test_garbage);
    CU_ADD_TEST(suite, test_numbers);
    CU_ADD_TEST(suite, test_where_numbers_end);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}

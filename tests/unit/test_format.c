/*
 * unit/test_format.c: rows as text and bytes. Each format is read back by the simplest reader that
 * can be written (jansson for JSON) and must give the cells that went in.
 */
#include "output/format.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <jansson.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 3000

/* Bytes that a format may trip over, more often than others. */
static mr_bytes random_bytes(uint64_t *state, char *space, size_t most)
{
    static const char odd[] =
        "\t\n\r\\\",\0 nrt/u\x7f\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xff";
    size_t size = random_below(state, most);
    uint64_t oddness = random_below(state, 10);
    for (size_t i = 0; i < size; i++) {
        uint64_t number = random_next(state);
        space[i] = (char)(number >> 8 & 255);
        if (number % 10 >= oddness)
            space[i] = (char)('a' + (number >> 16) % 26);
        else if (number >> 60)
            space[i] = odd[(number >> 16) % sizeof odd];
    }
    return (mr_bytes){space, size};
}

/* A few cells, now and then as many as there can be. */
static void random_row(uint64_t *state, char space[MR_ROW_CELLS][64], mr_row *row)
{
    bool wide = random_below(state, 100) == 0;
    unsigned cells = 1 + (unsigned)random_below(state, wide ? MR_ROW_CELLS : 5);
    row->count = 0;
    for (unsigned i = 0; i < cells; i++) {
        uint64_t kind = random_below(state, 5), by = random_below(state, 64);
        if (kind == 0)
            mr_row_add_i64(row, (int64_t)random_next(state) >> by);
        else if (kind == 1)
            mr_row_add_f64(row, (double)random_below(state, 100000) / 8 - 3000);
        else if (kind == 2)
            mr_row_add_u64(row, random_next(state) >> by);
        else
            mr_row_add_bytes(row, random_bytes(state, space[i], 64));
    }
}

static bool is_number(const mr_cell *cell, const char *text)
{
    if (cell->type == MR_TYPE_I64)
        return strtoll(text, NULL, 10) == cell->as.i64;
    if (cell->type == MR_TYPE_U64)
        return *text != '-' && strtoull(text, NULL, 10) == cell->as.u64;
    return strtod(text, NULL) == cell->as.f64;
}

static bool is_cell(const mr_cell *cell, mr_bytes bytes)
{
    char number[64];
    if (cell->type == MR_TYPE_BYTES)
        return mr_bytes_equal(cell->as.bytes, bytes);
    if (bytes.size >= sizeof number)
        return false;
    memcpy(number, bytes.data, bytes.size);
    number[bytes.size] = '\0';
    return is_number(cell, number);
}

/* Takes a cell off the front of `rest`, up to the separator, which is left. */
static mr_bytes take_tsv(mr_bytes *rest, char *space)
{
    size_t size = 0;
    const char *at = rest->data, *end = rest->data + rest->size;
    for (; at < end && *at != '\t' && *at != '\n'; at++) {
        char byte = *at;
        if (byte == '\\') {
            byte = *++at;
            byte = byte == 't' ? '\t' : byte == 'n' ? '\n' : byte == 'r' ? '\r' : byte;
        }
        space[size++] = byte;
    }
    *rest = mr_bytes_between(at, end);
    return (mr_bytes){space, size};
}

static mr_bytes take_csv(mr_bytes *rest, char *space)
{
    size_t size = 0;
    bool quoted = rest->size > 0 && *rest->data == '"';
    const char *at = rest->data + quoted, *end = rest->data + rest->size;
    for (; at < end; at++) {
        if (quoted && *at == '"' && *++at != '"')
            break;
        if (!quoted && (*at == ',' || *at == '\n'))
            break;
        CU_ASSERT_FATAL(quoted || (*at != '"' && *at != '\r'));
        space[size++] = *at;
    }
    *rest = mr_bytes_between(at, end);
    return (mr_bytes){space, size};
}

static void expect_byte(mr_bytes *rest, char byte)
{
    CU_ASSERT_FATAL(rest->size > 0 && *rest->data == byte);
    *rest = (mr_bytes){rest->data + 1, rest->size - 1};
}

static void read_rows_back(mr_format format, char between, mr_bytes (*take)(mr_bytes *, char *))
{
    uint64_t state = 4, again = 4;
    mr_text text = {0};
    const mr_writer writer = {.format = format, .columns = ""};
    char space[MR_ROW_CELLS][64], cell[256];
    mr_row row;
    for (int i = 0; i < ROWS; i++) {
        random_row(&state, space, &row);
        mr_writer_row(&writer, i == 0, &row, NULL, &text);
    }
    CU_ASSERT_FALSE_FATAL(text.failed);
    mr_bytes rest = {text.data, text.size};
    for (int i = 0; i < ROWS; i++) {
        random_row(&again, space, &row);
        for (unsigned c = 0; c < row.count; c++) {
            if (c > 0)
                expect_byte(&rest, between);
            CU_ASSERT_FATAL(is_cell(&row.cells[c], take(&rest, cell)));
        }
        expect_byte(&rest, '\n');
    }
    CU_ASSERT_EQUAL(rest.size, 0);
    mr_text_free(&text);
}

static void test_tsv(void)
{
    read_rows_back(MR_FORMAT_TSV, '\t', take_tsv);
}

static void test_csv(void)
{
    read_rows_back(MR_FORMAT_CSV, ',', take_csv);
}

/* Every place that a special byte can have in keys of every size around a word. */
static void test_tsv_escapes(void)
{
    static const char special[] = "\t\n\r\\", letters[] = "tnr\\";
    const mr_writer writer = {.format = MR_FORMAT_TSV};
    mr_text text = {0};
    for (size_t size = 0; size <= 40; size++)
        for (size_t place = 0; place <= size; place++)
            for (int which = 0; which < 4; which++) {
                char *key = malloc(size + 1), expected[64];
                memset(key, 0x89 + which, size);
                memset(expected, 0x89 + which, sizeof expected);
                size_t whole = size;
                if (place < size) {
                    key[place] = special[which];
                    expected[place] = '\\';
                    expected[place + 1] = letters[which];
                    whole++;
                }
                memcpy(expected + whole, "\t-7\n", 4);
                char *tight = malloc(size ? size : 1); /* reading behind it would be seen */
                memcpy(tight, key, size);
                mr_row row;
                row.count = 0;
                mr_row_add_bytes(&row, (mr_bytes){tight, size});
                mr_row_add_i64(&row, -7);
                mr_text_clear(&text);
                mr_writer_row(&writer, true, &row, NULL, &text);
                CU_ASSERT_EQUAL_FATAL(text.size, whole + 4);
                CU_ASSERT_EQUAL_FATAL(memcmp(text.data, expected, text.size), 0);
                free(tight);
                free(key);
            }
    mr_text_free(&text);
}

static unsigned long take_little(mr_bytes *rest, size_t size)
{
    unsigned long value = 0;
    CU_ASSERT_FATAL(rest->size >= size);
    for (size_t i = 0; i < size; i++)
        value |= (unsigned long)(unsigned char)rest->data[i] << 8 * i;
    *rest = (mr_bytes){rest->data + size, rest->size - size};
    return value;
}

static void expect_binary_cell(const mr_cell *cell, mr_bytes *rest)
{
    CU_ASSERT_EQUAL_FATAL(take_little(rest, 1), (unsigned long)cell->type);
    if (cell->type != MR_TYPE_BYTES) {
        uint64_t bits;
        memcpy(&bits, &cell->as, sizeof bits);
        CU_ASSERT_EQUAL(take_little(rest, 8), bits);
        return;
    }
    size_t size = take_little(rest, 4);
    CU_ASSERT_FATAL(rest->size >= size);
    CU_ASSERT(mr_bytes_equal((mr_bytes){rest->data, size}, cell->as.bytes));
    *rest = (mr_bytes){rest->data + size, rest->size - size};
}

static void test_binary(void)
{
    uint64_t state = 5, again = 5;
    mr_text text = {0};
    const mr_writer writer = {.format = MR_FORMAT_BINARY};
    char space[MR_ROW_CELLS][64];
    mr_writer_open(&writer, &text);
    mr_row row;
    for (int i = 0; i < ROWS; i++) {
        random_row(&state, space, &row);
        mr_writer_row(&writer, i == 0, &row, NULL, &text);
    }
    mr_writer_close(&writer, &text);
    mr_bytes rest = {text.data, text.size};
    CU_ASSERT_FATAL(rest.size > 8 && memcmp(rest.data, "MRBIN01\n", 8) == 0);
    take_little(&rest, 8);
    for (int i = 0; i < ROWS; i++) {
        random_row(&again, space, &row);
        CU_ASSERT_EQUAL_FATAL(take_little(&rest, 4), row.count);
        for (unsigned c = 0; c < row.count; c++)
            expect_binary_cell(&row.cells[c], &rest);
    }
    CU_ASSERT_EQUAL(rest.size, 0);
    mr_text_free(&text);
}

/* The size of a character, from the number that its bits make; 0 when it is none. */
static size_t character(const char *bytes, size_t left)
{
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)bytes[0];
    size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned long code = size == 1 ? first : first & (0x7fu >> size);
    if (size == 0 || size > left || first >= 0xf8)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    bool half = code >= 0xd800 && code < 0xe000;
    return code < least[size] || code > 0x10ffff || half ? 0 : size;
}

/* What a JSON reader should see: characters as they are, other bytes as the character of that
 * number, in UTF-8. */
static size_t as_json_reads(mr_bytes bytes, char *to)
{
    char *at = to;
    for (size_t i = 0; i < bytes.size;) {
        size_t size = character(bytes.data + i, bytes.size - i);
        unsigned char byte = (unsigned char)bytes.data[i];
        if (size == 0) {
            *at++ = (char)(0xc0 | byte >> 6);
            *at++ = (char)(0x80 | (byte & 0x3f));
            i++;
        }
        for (; size > 0; size--)
            *at++ = bytes.data[i++];
    }
    return (size_t)(at - to);
}

static void expect_json_cell(const mr_cell *cell, const json_t *value)
{
    char expected[256];
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    if (cell->type == MR_TYPE_I64) {
        CU_ASSERT_FATAL(json_is_integer(value));
        CU_ASSERT_EQUAL(json_integer_value(value), cell->as.i64);
    } else if (cell->type == MR_TYPE_U64) {
        CU_ASSERT_FATAL(json_is_integer(value));
        CU_ASSERT_EQUAL((uint64_t)json_integer_value(value), cell->as.u64);
    } else if (cell->type == MR_TYPE_F64) {
        CU_ASSERT_FATAL(json_is_real(value));
        CU_ASSERT_EQUAL(json_real_value(value), cell->as.f64);
    } else {
        CU_ASSERT_FATAL(json_is_string(value));
        size_t size = as_json_reads(cell->as.bytes, expected);
        CU_ASSERT_EQUAL_FATAL(json_string_length(value), size);
        CU_ASSERT_EQUAL(memcmp(json_string_value(value), expected, size), 0);
    }
}

/* Jansson reads no integers that are larger than an int64_t. */
static void halve(mr_row *row)
{
    for (unsigned c = 0; c < row->count; c++)
        if (row->cells[c].type == MR_TYPE_U64)
            row->cells[c].as.u64 /= 2;
}

static const char *json_name(unsigned cell, char name[32])
{
    static const char *const first[] = {"word", "count", "value"};
    if (cell < 3)
        return first[cell];
    snprintf(name, 32, "value%u", cell - 1);
    return name;
}

static void read_json_back(const mr_writer *writer)
{
    uint64_t state = 6;
    mr_text text = {0};
    char name[32], space[MR_ROW_CELLS][64];
    mr_row row;
    for (int i = 0; i < ROWS; i++) {
        random_row(&state, space, &row);
        halve(&row);
        mr_text_clear(&text);
        mr_writer_row(writer, i == 0, &row, NULL, &text);
        CU_ASSERT_FATAL(memchr(text.data, '\n', text.size) == text.data + text.size - 1);
        json_t *object = json_loadb(text.data, text.size, JSON_ALLOW_NUL, NULL);
        CU_ASSERT_FATAL(json_is_object(object));
        CU_ASSERT_EQUAL(json_object_size(object), row.count);
        for (unsigned c = 0; c < row.count; c++)
            expect_json_cell(&row.cells[c], json_object_get(object, json_name(c, name)));
        json_decref(object);
    }
    mr_text_free(&text);
}

static void test_json(void)
{
    mr_writer writer = {.format = MR_FORMAT_JSON, .key_name = "word", .columns = "count"};
    read_json_back(&writer);
    mr_writer_prepare(&writer);
    read_json_back(&writer);
    mr_writer_release(&writer);
}

static void expect_text(mr_text *text, const char *expected)
{
    CU_ASSERT_FALSE(text->failed);
    CU_ASSERT(mr_bytes_equal((mr_bytes){text->data, text->size}, mr_bytes_of(expected)));
    mr_text_free(text);
}

static void small_row(mr_row *row)
{
    row->count = 0;
    mr_row_add_bytes(row, mr_bytes_of("k"));
    mr_row_add_i64(row, 3);
    mr_row_add_f64(row, NAN);
    mr_row_add_f64(row, -INFINITY);
}

/* What is shown, with names found for each row and found once. */
static void expect_shown(mr_writer writer, const mr_row *row, const char *expected)
{
    for (int prepared = 0; prepared < 2; prepared++) {
        mr_text text = {0};
        if (prepared)
            mr_writer_prepare(&writer);
        mr_writer_open(&writer, &text);
        if (row)
            mr_writer_row(&writer, true, row, NULL, &text);
        mr_writer_close(&writer, &text);
        expect_text(&text, expected);
    }
    mr_writer_release(&writer);
}

static void test_columns(void)
{
    mr_row row;
    small_row(&row);
    mr_writer writer = {.format = MR_FORMAT_CSV, .columns = "count,a b,max"};
    expect_shown(writer, &row, "key,count,a b,max\nk,3,nan,-inf\n");
    writer = (mr_writer){MR_FORMAT_CSV, .columns = "top,top,top,top,top", .key_name = "a,b"};
    expect_shown(writer, &row, "\"a,b\",top,top2,top3,top4,top5\nk,3,nan,-inf,,\n");
    writer = (mr_writer){.format = MR_FORMAT_CSV};
    expect_shown(writer, NULL, "key,value\n");
    writer.columns = "";
    expect_shown(writer, NULL, "key\n");
    writer.format = MR_FORMAT_JSON;
    expect_shown(writer, &row, "{\"key\":\"k\",\"value\":3,\"value2\":null,\"value3\":null}\n");
    row.count = 1;
    row.cells[0].as.bytes = (mr_bytes){NULL, 0};
    writer.format = MR_FORMAT_CSV;
    expect_shown(writer, &row, "key\n\"\"\n");
    writer.format = MR_FORMAT_JSON;
    expect_shown(writer, &row, "{\"key\":\"\"}\n");
    writer.format = MR_FORMAT_TSV;
    expect_shown(writer, &row, "\n");
}

static void test_largest_u64(void)
{
    mr_row row;
    row.count = 0;
    mr_row_add_u64(&row, UINT64_MAX);
    mr_row_add_u64(&row, UINT64_C(1) << 63);
    mr_writer writer = {.format = MR_FORMAT_TSV};
    expect_shown(writer, &row, "18446744073709551615\t9223372036854775808\n");
    writer.format = MR_FORMAT_CSV;
    expect_shown(writer, &row, "key,value\n18446744073709551615,9223372036854775808\n");
    writer.format = MR_FORMAT_JSON;
    expect_shown(writer, &row, "{\"key\":18446744073709551615,\"value\":9223372036854775808}\n");
}

static void put_pair(mr_text *text, mr_bytes key, const void *accumulator)
{
    mr_text_add(text, key.data, key.size);
    mr_text_printf(text, "=%d", *(const int *)accumulator);
}

static void write_two(const mr_layout *layout, mr_text *text)
{
    const int numbers[] = {5, 6};
    const mr_writer writer = {.format = MR_FORMAT_TSV, .layout = layout};
    mr_row row;
    row.count = 0;
    mr_row_add_i64(&row, -12);
    mr_writer_open(&writer, text);
    mr_writer_row(&writer, true, &row, &numbers[0], text);
    mr_writer_row(&writer, false, &row, &numbers[1], text);
    mr_writer_close(&writer, text);
}

static void test_layouts(void)
{
    mr_text text = {0};
    write_two(&(mr_layout){"{", ", ", "}\n", put_pair}, &text);
    expect_text(&text, "{-12=5, -12=6}\n");
    write_two(&(mr_layout){NULL, NULL, NULL, put_pair}, &text);
    expect_text(&text, "-12=5-12=6");
    write_two(&(mr_layout){.between = ";", .close = "."}, &text);
    expect_text(&text, "-12;-12.");
    write_two(&(mr_layout){.open = "head\n"}, &text);
    expect_text(&text, "head\n-12\n-12\n");
    write_two(NULL, &text);
    expect_text(&text, "-12\n-12\n");
    mr_row row;
    row.count = 0;
    mr_row_add_u64(&row, UINT64_MAX);
    const mr_layout layout = {.row = put_pair};
    const mr_writer writer = {.format = MR_FORMAT_TSV, .layout = &layout};
    mr_writer_row(&writer, true, &row, &(int){7}, &text);
    expect_text(&text, "18446744073709551615=7");
}

static void test_text(void)
{
    mr_text text = {0};
    char *long_text = malloc(100001);
    memset(long_text, 'x', 100000);
    long_text[100000] = '\0';
    mr_text_printf(&text, "%s", "");
    CU_ASSERT_EQUAL(text.size, 0);
    mr_text_printf(&text, "%d%s", 42, long_text);
    CU_ASSERT_EQUAL(text.size, 100002);
    CU_ASSERT_EQUAL(memcmp(text.data + 2, long_text, 100000), 0);
    mr_text_add(&text, long_text, SIZE_MAX / 2);
    CU_ASSERT(text.failed);
    mr_text_add(&text, "y", 1);
    CU_ASSERT_EQUAL(text.size, 100002);
    mr_text_clear(&text);
    CU_ASSERT_FALSE(text.failed);
    mr_text_add(&text, "y", 1);
    expect_text(&text, "y");
    CU_ASSERT_PTR_NULL(text.data);
    free(long_text);
}

static void test_names(void)
{
    mr_format format;
    CU_ASSERT(mr_format_of_name("tsv", &format) && format == MR_FORMAT_TSV);
    CU_ASSERT(mr_format_of_name("csv", &format) && format == MR_FORMAT_CSV);
    CU_ASSERT(mr_format_of_name("json", &format) && format == MR_FORMAT_JSON);
    CU_ASSERT(mr_format_of_name("binary", &format) && format == MR_FORMAT_BINARY);
    CU_ASSERT(mr_format_of_name("hdf5", &format) && format == MR_FORMAT_HDF5);
    CU_ASSERT(mr_format_of_name("npy", &format) && format == MR_FORMAT_NPY);
    CU_ASSERT_FALSE(mr_format_of_name("", &format));
    CU_ASSERT_FALSE(mr_format_of_name("csvx", &format));
    CU_ASSERT_EQUAL(mr_format_of_path("a.b/c.csv"), MR_FORMAT_CSV);
    CU_ASSERT_EQUAL(mr_format_of_path("c.json"), MR_FORMAT_JSON);
    CU_ASSERT_EQUAL(mr_format_of_path("c.jsonl"), MR_FORMAT_JSON);
    CU_ASSERT_EQUAL(mr_format_of_path("c.bin"), MR_FORMAT_BINARY);
    CU_ASSERT_EQUAL(mr_format_of_path("c.h5"), MR_FORMAT_HDF5);
    CU_ASSERT_EQUAL(mr_format_of_path("c.hdf5"), MR_FORMAT_HDF5);
    CU_ASSERT_EQUAL(mr_format_of_path("c.npy"), MR_FORMAT_NPY);
    CU_ASSERT_EQUAL(mr_format_of_path("a.csv/c"), MR_FORMAT_TSV);
    CU_ASSERT_EQUAL(mr_format_of_path("c.txt"), MR_FORMAT_TSV);
    CU_ASSERT_EQUAL(mr_format_of_path("csv"), MR_FORMAT_TSV);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("format", NULL, NULL);
    CU_ADD_TEST(suite, test_tsv);
    CU_ADD_TEST(suite, test_tsv_escapes);
    CU_ADD_TEST(suite, test_csv);
    CU_ADD_TEST(suite, test_json);
    CU_ADD_TEST(suite, test_binary);
    CU_ADD_TEST(suite, test_columns);
    CU_ADD_TEST(suite, test_largest_u64);
    CU_ADD_TEST(suite, test_layouts);
    CU_ADD_TEST(suite, test_text);
    CU_ADD_TEST(suite, test_names);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}

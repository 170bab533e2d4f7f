/* output/schema.c: columns with types: noting what there is, deciding, and rows as records. */
#include "output/schema.h"

#include "output/npy.h"
#include "output/number.h"
#include "output/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDEST       65536
#define NUMBER_WIDTH 24 /* the longest number as text */

void mr_schema_create(mr_schema **schema)
{
    *schema = calloc(1, sizeof **schema);
}

void mr_schema_destroy(mr_schema **schema)
{
    if (!*schema)
        return;
    for (unsigned i = 0; i < (*schema)->count; i++)
        free((*schema)->fields[i].name);
    free((*schema)->fields);
    free(*schema);
    *schema = NULL;
}

/* Most rows have nothing new to tell: then nothing is written that other threads read. */
static void note_bits(uint64_t *at, uint64_t bits)
{
    if ((__atomic_load_n(at, __ATOMIC_RELAXED) & bits) != bits)
        __atomic_fetch_or(at, bits, __ATOMIC_RELAXED);
}

static void note_most(uint64_t *at, uint64_t value)
{
    uint64_t old = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (old < value &&
           !__atomic_compare_exchange_n(at, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void note(mr_noted *noted, const mr_row *row)
{
    for (unsigned i = 0; i < row->count; i++) {
        const mr_cell *cell = &row->cells[i];
        uint64_t bits = UINT64_C(1) << cell->type;
        if (cell->type == MR_TYPE_BYTES) {
            note_most(&noted->widths[i], cell->as.bytes.size);
            if (!(__atomic_load_n(&noted->types[i], __ATOMIC_RELAXED) & MR_NOTED_NOT_UTF8) &&
                !mr_utf8_is(cell->as.bytes))
                bits |= MR_NOTED_NOT_UTF8;
        }
        note_bits(&noted->types[i], bits);
    }
    note_most(&noted->cells, row->count);
    note_most(&noted->missing, MR_ROW_CELLS - row->count + UINT64_C(1));
}

/* A number for a column of numbers. */
static void put_number(mr_type type, const mr_cell *cell, mr_text *text)
{
    mr_cell made = {.type = type, .as.f64 = NAN};
    if (cell && cell->type == type)
        made = *cell;
    else if (cell && cell->type == MR_TYPE_I64)
        made.as.f64 = (double)cell->as.i64;
    else if (cell)
        made.as.f64 = (double)cell->as.u64;
    mr_text_add(text, (const char *)&made.as, 8);
}

static void put_string(size_t size, const mr_cell *cell, mr_text *text)
{
    char digits[MR_NUMBER_TEXT];
    mr_bytes bytes = {digits, 0};
    if (cell && cell->type == MR_TYPE_BYTES)
        bytes = cell->as.bytes;
    else if (cell)
        bytes.size = mr_number_of_cell(cell, digits);
    mr_text_add(text, bytes.data, bytes.size);
    char *rest = bytes.size < size ? mr_text_room(text, size - bytes.size) : NULL;
    if (rest) {
        memset(rest, 0, size - bytes.size);
        text->size += size - bytes.size;
    }
}

/* Whether a cell can stand in a column, as far as its type goes. */
static bool suits(const mr_field *field, const mr_cell *cell)
{
    if (!cell)
        return field->type == MR_TYPE_F64 || field->type == MR_TYPE_BYTES;
    return field->type == cell->type || field->type == MR_TYPE_BYTES ||
           (field->type == MR_TYPE_F64 && cell->type != MR_TYPE_BYTES);
}

void mr_schema_row(mr_schema *schema, const mr_row *row, mr_text *text)
{
    if (!schema)
        return;
    if (!schema->sealed) {
        note(&schema->noted, row);
        return;
    }
    for (unsigned i = 0; i < schema->count; i++) {
        const mr_field *field = &schema->fields[i];
        const mr_cell *cell = i < row->count ? &row->cells[i] : NULL;
        if (!suits(field, cell))
            return;
        if (field->type == MR_TYPE_BYTES)
            put_string(field->size, cell, text);
        else
            put_number(field->type, cell, text);
    }
}

static mr_type type_of(uint64_t bits, bool missing)
{
    bool i64 = bits & 1u << MR_TYPE_I64, u64 = bits & 1u << MR_TYPE_U64;
    if (bits & 1u << MR_TYPE_BYTES)
        return MR_TYPE_BYTES;
    if (missing || bits & 1u << MR_TYPE_F64 || i64 == u64)
        return MR_TYPE_F64;
    return i64 ? MR_TYPE_I64 : MR_TYPE_U64;
}

static bool is_taken(const mr_schema *schema, const char *name)
{
    for (unsigned i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return true;
    return false;
}

/* A slash would make a group, and a dot alone is no name. One that is taken gets a number. */
static char *name_field(const mr_schema *schema, mr_column column)
{
    size_t room = column.size + 48;
    char *name = malloc(room), *base = malloc(room);
    if (name && base) {
        snprintf(base, room, "%.*s", (int)column.size, column.name);
        if (column.number)
            snprintf(base + column.size, room - column.size, "%u", column.number);
        for (char *at = strchr(base, '/'); at; at = strchr(at, '/'))
            *at = '_';
        if (!*base || strcmp(base, ".") == 0)
            snprintf(base, room, "_");
        snprintf(name, room, "%s", base);
        for (unsigned number = 2; is_taken(schema, name); number++)
            snprintf(name, room, "%s%u", base, number);
    }
    if (!base) {
        free(name);
        name = NULL;
    }
    free(base);
    return name;
}

/* What column `number` is, behind those that are there. */
static mr_status add_field(mr_schema *schema, const mr_writer *writer, mr_error *error)
{
    unsigned number = schema->count;
    const mr_noted *noted = &schema->noted;
    uint64_t bits = noted->types[number], width = noted->widths[number];
    bool missing = number + noted->missing > MR_ROW_CELLS;
    mr_field *field = &schema->fields[number];
    *field = (mr_field){.name = name_field(schema, mr_writer_column(writer, number)),
                        .type = type_of(bits, missing),
                        .utf8 = !(bits & MR_NOTED_NOT_UTF8),
                        .at = schema->size,
                        .size = 8};
    if (!field->name)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: columns of the result");
    schema->count++;
    if (field->type == MR_TYPE_BYTES) {
        bool numbers = bits & ~(UINT64_C(1) << MR_TYPE_BYTES | MR_NOTED_NOT_UTF8);
        field->size = numbers && width < NUMBER_WIDTH ? NUMBER_WIDTH : width ? width : 1;
    }
    if (field->size > WIDEST)
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "column too wide: %s has a string of %llu bytes, and in this format "
                            "all would be as long: choose csv, json or binary",
                            field->name, (unsigned long long)field->size);
    schema->size += field->size;
    return MR_OK;
}

mr_status mr_schema_seal(mr_schema *schema, const mr_writer *writer, uint64_t rows, mr_error *error)
{
    unsigned count = mr_writer_columns(writer);
    if (schema->noted.cells > count)
        count = (unsigned)schema->noted.cells;
    if (count > MR_ROW_CELLS)
        count = MR_ROW_CELLS;
    schema->fields = calloc(count, sizeof *schema->fields);
    if (!schema->fields)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: columns of the result");
    while (schema->count < count)
        MR_TRY(add_field(schema, writer, error));
    schema->rows = rows;
    schema->sealed = true;
    return MR_OK;
}

static void put_type(const mr_field *field, mr_text *text)
{
    static const char *const numbers[] = {
        [MR_TYPE_I64] = "i8", [MR_TYPE_F64] = "f8", [MR_TYPE_U64] = "u8"};
    if (field->type == MR_TYPE_BYTES)
        mr_text_printf(text, "'|S%zu'", field->size);
    else
        mr_text_printf(text, "'%c%s'", mr_npy_order(), numbers[field->type]);
}

/* As Python writes it. Bytes that are not UTF-8 are the characters of their numbers, as in json. */
static void put_name(const char *name, mr_text *text)
{
    const unsigned char *at = (const unsigned char *)name;
    mr_text_add(text, "'", 1);
    for (size_t left = strlen(name), size; left > 0; at += size, left -= size) {
        size = mr_utf8_character(at, left);
        if (size == 0 || *at < ' ' || *at == 127)
            mr_text_printf(text, "\\x%02x", *at);
        else if (*at == '\'' || *at == '\\')
            mr_text_printf(text, "\\%c", *at);
        else
            mr_text_add(text, (const char *)at, size);
        size += size == 0;
    }
    mr_text_add(text, "'", 1);
}

void mr_schema_npy(const mr_schema *schema, mr_text *text)
{
    mr_text type = {0};
    if (!schema)
        return;
    for (unsigned i = 0; i < schema->count && schema->count > 1; i++) {
        mr_text_add(&type, i > 0 ? ", (" : "[(", i > 0 ? 3 : 2);
        put_name(schema->fields[i].name, &type);
        mr_text_add(&type, ", ", 2);
        put_type(&schema->fields[i], &type);
        mr_text_add(&type, ")", 1);
    }
    if (schema->count == 1)
        put_type(&schema->fields[0], &type);
    else
        mr_text_add(&type, "]", 1);
    mr_npy_header((mr_bytes){type.data, type.size}, &MR_DIMS1(schema->rows), text);
    text->failed = text->failed || type.failed;
    mr_text_free(&type);
}

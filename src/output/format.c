/* output/format.c: which format a row is written in, what its columns are called, and the layouts
 * of apps. */
#include "output/format.h"

#include "output/number.h"
#include "output/rows.h"
#include "output/schema.h"

#include <stdlib.h>
#include <string.h>

static mr_column column_at(const char *names, unsigned place)
{
    for (; place > 0; place--)
        names = strchr(names, ',') + 1;
    return (mr_column){names, strcspn(names, ","), 0};
}

static unsigned names_in(const char *names)
{
    unsigned count = 1;
    if (!names || !*names)
        return names ? 0 : 1;
    for (; *names; names++)
        count += *names == ',';
    return count;
}

unsigned mr_writer_columns(const mr_writer *writer)
{
    return writer->named ? writer->named_count : 1 + names_in(writer->columns);
}

static mr_column unnamed(unsigned place)
{
    return (mr_column){"value", 5, place > 0 ? place + 1 : 0};
}

mr_column mr_writer_column(const mr_writer *writer, unsigned cell)
{
    if (cell < writer->named_count)
        return writer->named[cell];
    if (cell == 0) {
        const char *name = writer->key_name ? writer->key_name : "key";
        return (mr_column){name, strlen(name), 0};
    }
    unsigned names = writer->columns ? mr_writer_columns(writer) - 1 : 0;
    if (cell > names)
        return unnamed(cell - 1 - names);
    mr_column column = column_at(writer->columns, cell - 1);
    unsigned same = 0;
    for (unsigned i = 0; i + 1 < cell; i++) {
        mr_column other = column_at(writer->columns, i);
        same += other.size == column.size && memcmp(other.name, column.name, column.size) == 0;
    }
    column.number = same > 0 ? same + 1 : 0;
    return column;
}

void mr_writer_prepare(mr_writer *writer)
{
    unsigned count = mr_writer_columns(writer);
    mr_column *named = malloc(count * sizeof *named);
    for (unsigned i = 0; named && i < count; i++)
        named[i] = mr_writer_column(writer, i);
    writer->named = named;
    writer->named_count = named ? count : 0;
    if (mr_format_is_typed(writer->format))
        mr_schema_create(&writer->schema);
}

void mr_writer_release(mr_writer *writer)
{
    free(writer->named);
    writer->named = NULL;
    writer->named_count = 0;
    mr_schema_destroy(&writer->schema);
}

static void put(const char *words, mr_text *text)
{
    if (words)
        mr_text_add(text, words, strlen(words));
}

void mr_writer_open(const mr_writer *writer, mr_text *text)
{
    if (writer->format == MR_FORMAT_CSV)
        mr_csv_header(writer, text);
    else if (writer->format == MR_FORMAT_BINARY)
        mr_binary_header(text);
    else if (writer->format == MR_FORMAT_TSV && writer->layout)
        put(writer->layout->open, text);
    else if (writer->format == MR_FORMAT_NPY)
        mr_schema_npy(writer->schema, text);
}

void mr_writer_close(const mr_writer *writer, mr_text *text)
{
    if (writer->format == MR_FORMAT_TSV && writer->layout)
        put(writer->layout->close, text);
}

static void put_laid_out(const mr_layout *layout, bool first, const mr_row *row,
                         const void *accumulator, mr_text *text)
{
    if (!first)
        put(layout->between, text);
    if (!layout->row) {
        mr_tsv_row(row, text);
        if (layout->between && !text->failed)
            text->size--; /* what stands between the rows stands for the newline */
        return;
    }
    char digits[MR_NUMBER_TEXT];
    const mr_cell *key = &row->cells[0];
    mr_bytes bytes = {digits, 0};
    if (key->type == MR_TYPE_BYTES)
        bytes = key->as.bytes;
    else
        bytes.size = mr_number_of_cell(key, digits);
    layout->row(text, bytes, accumulator);
}

void mr_writer_row(const mr_writer *writer, bool first, const mr_row *row, const void *accumulator,
                   mr_text *text)
{
    switch (writer->format) {
    case MR_FORMAT_TSV:
        if (writer->layout)
            put_laid_out(writer->layout, first, row, accumulator, text);
        else
            mr_tsv_row(row, text);
        break;
    case MR_FORMAT_CSV:
        mr_csv_row(writer, row, text);
        break;
    case MR_FORMAT_JSON:
        mr_json_row(writer, row, text);
        break;
    case MR_FORMAT_BINARY:
        mr_binary_row(row, text);
        break;
    case MR_FORMAT_HDF5:
    case MR_FORMAT_NPY:
        mr_schema_row(writer->schema, row, text);
        break;
    }
}

typedef struct word {
    const char *text;
    mr_format format;
} word;

static const word names[] = {
    {"tsv", MR_FORMAT_TSV},       {"csv", MR_FORMAT_CSV},   {"json", MR_FORMAT_JSON},
    {"binary", MR_FORMAT_BINARY}, {"hdf5", MR_FORMAT_HDF5}, {"npy", MR_FORMAT_NPY},
};

static const word endings[] = {
    {".csv", MR_FORMAT_CSV},    {".json", MR_FORMAT_JSON}, {".jsonl", MR_FORMAT_JSON},
    {".bin", MR_FORMAT_BINARY}, {".h5", MR_FORMAT_HDF5},   {".hdf5", MR_FORMAT_HDF5},
    {".npy", MR_FORMAT_NPY},
};

bool mr_format_is_typed(mr_format format)
{
    return format == MR_FORMAT_HDF5 || format == MR_FORMAT_NPY;
}

bool mr_format_of_name(const char *name, mr_format *format)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].text) == 0) {
            *format = names[i].format;
            return true;
        }
    return false;
}

mr_format mr_format_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(dot, endings[i].text) == 0)
            return endings[i].format;
    return MR_FORMAT_TSV;
}

/* output/csv.c: rows as RFC 4180 has them, but for the line ends, which are a newline. */
#include "output/rows.h"

#include <string.h>

static bool needs_quotes(mr_bytes field)
{
    for (size_t i = 0; i < field.size; i++)
        switch (field.data[i]) {
        case ',':
        case '"':
        case '\n':
        case '\r':
            return true;
        }
    return field.size == 0; /* an empty cell, as against one that is not there */
}

static void put_field(mr_bytes field, mr_text *text)
{
    if (!needs_quotes(field)) {
        mr_text_add(text, field.data, field.size);
        return;
    }
    mr_text_add(text, "\"", 1);
    while (field.size > 0) {
        const char *quote = memchr(field.data, '"', field.size);
        size_t size = quote ? (size_t)(quote - field.data) + 1 : field.size;
        mr_text_add(text, field.data, size);
        if (quote)
            mr_text_add(text, "\"", 1);
        field = (mr_bytes){field.data + size, field.size - size};
    }
    mr_text_add(text, "\"", 1);
}

static void put_cell(const mr_cell *cell, mr_text *text)
{
    if (cell->type == MR_TYPE_BYTES)
        put_field(cell->as.bytes, text);
    else
        mr_text_add_number(text, cell);
}

void mr_csv_header(const mr_writer *writer, mr_text *text)
{
    unsigned columns = mr_writer_columns(writer);
    for (unsigned i = 0; i < columns; i++) {
        mr_column column = mr_writer_column(writer, i);
        if (i > 0)
            mr_text_add(text, ",", 1);
        put_field((mr_bytes){column.name, column.size}, text);
        if (column.number)
            mr_text_add_u64(text, column.number);
    }
    mr_text_add(text, "\n", 1);
}

/* A row with fewer cells than the header has names is filled up with empty ones. */
void mr_csv_row(const mr_writer *writer, const mr_row *row, mr_text *text)
{
    unsigned columns = mr_writer_columns(writer);
    for (unsigned i = 0; i < row->count || i < columns; i++) {
        if (i > 0)
            mr_text_add(text, ",", 1);
        if (i < row->count)
            put_cell(&row->cells[i], text);
    }
    mr_text_add(text, "\n", 1);
}

/*
 * output/rows.h: between format.c and the files that know one format each. Not for other rooms.
 */
#ifndef MR_OUTPUT_ROWS_H
#define MR_OUTPUT_ROWS_H

#include "output/format.h"

/* Makes the text larger by at least `size`; NULL, with text->failed set, when that cannot be. */
char *mr_text_grow(mr_text *text, size_t size);

/* Where `size` more bytes can be written; they count once they are added to text->size. NULL:
 * failed. */
static inline char *mr_text_room(mr_text *text, size_t size)
{
    if (__builtin_expect(text->capacity - text->size < size || text->failed, 0))
        return mr_text_grow(text, size);
    return text->data + text->size;
}

/* A cell that holds a number, as text: at most MR_NUMBER_TEXT bytes. */
size_t mr_number_of_cell(const mr_cell *cell, char *text);

/* Appends a number as text. */
void mr_text_add_u64(mr_text *text, uint64_t value);
void mr_text_add_number(mr_text *text, const mr_cell *cell);

/* The size of the character at `at`, or 0 where the bytes are not one: too short, too long a form
 * of it, half of a surrogate pair, or past the end of Unicode. */
size_t mr_utf8_character(const unsigned char *at, size_t left);
bool mr_utf8_is(mr_bytes bytes);

/* The name of a cell's column. Of several columns with one name, the second has the number 2. */
typedef struct mr_column {
    const char *name;
    size_t size;
    unsigned number; /* 0: none is shown */
} mr_column;

/* How many columns have names, the key's included. */
unsigned mr_writer_columns(const mr_writer *writer);
mr_column mr_writer_column(const mr_writer *writer, unsigned cell);

/* A row in each of the formats. */
void mr_tsv_row(const mr_row *row, mr_text *text);
void mr_csv_header(const mr_writer *writer, mr_text *text);
void mr_csv_row(const mr_writer *writer, const mr_row *row, mr_text *text);
void mr_json_row(const mr_writer *writer, const mr_row *row, mr_text *text);
void mr_binary_header(mr_text *text);
void mr_binary_row(const mr_row *row, mr_text *text);

#endif

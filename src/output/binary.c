/* output/binary.c: rows as bytes, the same on every machine. The format stands in format.h. */
#include "output/rows.h"

#include <string.h>

static void put_number(uint64_t value, size_t size, mr_text *text)
{
    char bytes[8];
    for (size_t i = 0; i < size; i++, value >>= 8)
        bytes[i] = (char)(value & 255);
    mr_text_add(text, bytes, size);
}

static void put_cell(const mr_cell *cell, mr_text *text)
{
    put_number(cell->type, 1, text);
    if (cell->type == MR_TYPE_BYTES) {
        if (cell->as.bytes.size > UINT32_MAX) {
            text->failed = true;
            return;
        }
        put_number(cell->as.bytes.size, 4, text);
        mr_text_add(text, cell->as.bytes.data, cell->as.bytes.size);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &cell->as, sizeof bits);
    put_number(bits, 8, text);
}

void mr_binary_header(mr_text *text)
{
    mr_text_add(text, "MRBIN01\n", 8);
}

void mr_binary_row(const mr_row *row, mr_text *text)
{
    put_number(row->count, 4, text);
    for (unsigned i = 0; i < row->count; i++)
        put_cell(&row->cells[i], text);
}

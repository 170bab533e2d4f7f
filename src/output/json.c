/*
 * output/json.c: rows as JSON objects, one a line. What JSON cannot say is said as nearly as it
 * can: a byte that is no UTF-8 becomes the character of its number, an infinity or NaN becomes
 * null.
 */
#include "output/rows.h"

#include <math.h>

static void put_escaped(unsigned char byte, mr_text *text)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    if (byte < sizeof letters && letters[byte]) {
        escape[1] = letters[byte];
        mr_text_add(text, escape, 2);
        return;
    }
    mr_text_add(text, escape, sizeof escape);
}

static bool is_plain(unsigned char byte)
{
    return byte >= ' ' && byte != '"' && byte != '\\';
}

/* The inside of a string: runs of plain bytes in one piece, the others one by one. */
static void put_inside(mr_bytes bytes, mr_text *text)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t done = 0, at = 0;
    while (at < bytes.size) {
        size_t size = is_plain(data[at]) ? mr_utf8_character(data + at, bytes.size - at) : 0;
        if (size > 0) {
            at += size;
            continue;
        }
        mr_text_add(text, bytes.data + done, at - done);
        put_escaped(data[at], text);
        done = ++at;
    }
    if (at > done)
        mr_text_add(text, bytes.data + done, at - done);
}

static void put_string(mr_bytes bytes, mr_text *text)
{
    mr_text_add(text, "\"", 1);
    put_inside(bytes, text);
    mr_text_add(text, "\"", 1);
}

static void put_name(mr_column column, mr_text *text)
{
    mr_text_add(text, "\"", 1);
    put_inside((mr_bytes){column.name, column.size}, text);
    if (column.number)
        mr_text_add_u64(text, column.number);
    mr_text_add(text, "\":", 2);
}

static void put_cell(const mr_cell *cell, mr_text *text)
{
    if (cell->type == MR_TYPE_BYTES)
        put_string(cell->as.bytes, text);
    else if (cell->type == MR_TYPE_F64 && !isfinite(cell->as.f64))
        mr_text_add(text, "null", 4);
    else
        mr_text_add_number(text, cell);
}

void mr_json_row(const mr_writer *writer, const mr_row *row, mr_text *text)
{
    for (unsigned i = 0; i < row->count; i++) {
        mr_text_add(text, i > 0 ? "," : "{", 1);
        put_name(mr_writer_column(writer, i), text);
        put_cell(&row->cells[i], text);
    }
    mr_text_add(text, "}\n", 2);
}

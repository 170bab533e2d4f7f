/*
 * output/tsv.c: rows with tabs between the cells. Most results leave by this way, so a short key
 * and an integer take some ten nanoseconds.
 */
#include "output/number.h"
#include "output/rows.h"

#include <string.h>

static uint64_t load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static uint64_t load_4(const char *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* Not zero when one of eight bytes is `byte`: only a zero has a borrow and no high bit of its own.
 */
static uint64_t find(uint64_t word, unsigned char byte)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t rest = word ^ ones * byte;
    return (rest - ones) & ~rest & ones << 7;
}

static uint64_t find_escaped(uint64_t word)
{
    return find(word, '\t') | find(word, '\n') | find(word, '\r') | find(word, '\\');
}

/* Copies, in pieces of eight that may overlap, and tells whether there was nothing to escape. */
static bool copy_plain(char *to, const char *from, size_t size)
{
    uint64_t found = 0, word = 0;
    if (size >= 8) {
        for (size_t i = 0; i + 8 <= size; i += 8) {
            word = load_8(from + i);
            found |= find_escaped(word);
            memcpy(to + i, &word, 8);
        }
        word = load_8(from + size - 8);
        memcpy(to + size - 8, &word, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
        word = load_4(from) | load_4(from + size - 4) << 32;
    } else {
        for (size_t i = 0; i < size; i++) {
            to[i] = from[i];
            word = word << 8 | (unsigned char)from[i];
        }
    }
    return (found | find_escaped(word)) == 0;
}

static char *copy_escaped(char *to, const char *from, size_t size)
{
    static const char letters[] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r', ['\\'] = '\\'};
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)from[i];
        bool escaped = byte < sizeof letters && letters[byte];
        if (escaped)
            *to++ = '\\';
        *to++ = escaped ? letters[byte] : from[i];
    }
    return to;
}

static char *put_bytes(char *to, mr_bytes bytes)
{
    if (copy_plain(to, bytes.data, bytes.size))
        return to + bytes.size;
    return copy_escaped(to, bytes.data, bytes.size);
}

/* The most that a row can take. */
static size_t room_for(const mr_row *row)
{
    size_t room = 1;
    for (unsigned i = 0; i < row->count; i++)
        room += row->cells[i].type == MR_TYPE_BYTES ? 2 * row->cells[i].as.bytes.size + 1
                                                    : MR_NUMBER_TEXT + 1;
    return room;
}

void mr_tsv_row(const mr_row *row, mr_text *text)
{
    char *at = mr_text_room(text, room_for(row));
    if (!at)
        return;
    for (unsigned i = 0; i < row->count; i++) {
        const mr_cell *cell = &row->cells[i];
        if (i > 0)
            *at++ = '\t';
        if (cell->type == MR_TYPE_BYTES)
            at = put_bytes(at, cell->as.bytes);
        else if (cell->type == MR_TYPE_I64)
            at += mr_number_of_i64(cell->as.i64, at);
        else
            at += mr_number_of_cell(cell, at);
    }
    *at++ = '\n';
    text->size = (size_t)(at - text->data);
}

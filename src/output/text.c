/* output/text.c: a growing piece of text. Its memory counts in the budget. */
#include "base/memory.h"
#include "output/number.h"
#include "output/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SMALLEST 4096

char *mr_text_grow(mr_text *text, size_t size)
{
    if (text->failed)
        return NULL;
    if (size > SIZE_MAX / 2 - text->size) {
        text->failed = true;
        return NULL;
    }
    size_t capacity = text->size + size;
    if (capacity < 2 * text->capacity)
        capacity = 2 * text->capacity;
    if (capacity < SMALLEST)
        capacity = SMALLEST;
    mr_error error;
    error.code = MR_OK;
    char *data = mr_memory_resize(text->data, text->capacity, capacity, "output", &error);
    if (!data) {
        text->failed = true;
        return NULL;
    }
    text->data = data;
    text->capacity = capacity;
    return data + text->size;
}

void mr_text_clear(mr_text *text)
{
    text->size = 0;
    text->failed = false;
}

void mr_text_free(mr_text *text)
{
    mr_memory_free(text->data, text->capacity);
    *text = (mr_text){0};
}

void mr_text_add(mr_text *text, const char *bytes, size_t size)
{
    char *room = size > 0 ? mr_text_room(text, size) : NULL;
    if (!room)
        return;
    memcpy(room, bytes, size);
    text->size += size;
}

void mr_text_printf(mr_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = size < 0 ? NULL : mr_text_room(text, (size_t)size + 1);
    if (!room) {
        text->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
}

size_t mr_number_of_cell(const mr_cell *cell, char *text)
{
    if (cell->type == MR_TYPE_I64)
        return mr_number_of_i64(cell->as.i64, text);
    if (cell->type == MR_TYPE_U64)
        return mr_number_of_u64(cell->as.u64, text);
    return mr_number_of_f64(cell->as.f64, text);
}

void mr_text_add_u64(mr_text *text, uint64_t value)
{
    mr_text_add_number(text, &(mr_cell){.type = MR_TYPE_U64, .as.u64 = value});
}

void mr_text_add_number(mr_text *text, const mr_cell *cell)
{
    char *room = mr_text_room(text, MR_NUMBER_TEXT);
    if (room)
        text->size += mr_number_of_cell(cell, room);
}

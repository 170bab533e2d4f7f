/* engine/rest.c: parts of a block. */
#include "engine/rest.h"

static bool is_separator(mr_input kind, char byte)
{
    return kind == MR_INPUT_WORDS ? mr_byte_is_space(byte) : byte == '\n';
}

const char *mr_rest_next(const mr_block *block, mr_input kind, const char *record)
{
    size_t left = (size_t)(block->end - record);
    if (block->grid || kind == MR_INPUT_RECORDS)
        return left > block->record_size ? record + block->record_size : block->end;
    if (kind != MR_INPUT_LINES && kind != MR_INPUT_WORDS)
        return block->end;
    const char *stop = kind == MR_INPUT_WORDS ? mr_bytes_seek_space(record, block->end)
                                              : mr_bytes_seek(record, block->end, '\n');
    return stop < block->end ? stop + 1 : block->end;
}

static const char *find_row(const mr_block *block, uint64_t place)
{
    uint64_t low = 0, high = block->grid->size[0];
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (mr_grid_place(block->grid, middle) < place)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < block->grid->size[0] && mr_grid_place(block->grid, low) == place;
    return found ? block->data + low * block->record_size : NULL;
}

const char *mr_rest_find(const mr_block *block, mr_input kind, uint64_t offset)
{
    if (block->grid)
        return find_row(block, offset);
    if (offset < block->offset || offset - block->offset >= (uint64_t)(block->end - block->data))
        return NULL;
    const char *record = block->data + (offset - block->offset);
    if (kind == MR_INPUT_RECORDS)
        return offset % block->record_size == 0 ? record : NULL;
    bool begins =
        record == block->data || (kind != MR_INPUT_FILES && is_separator(kind, record[-1]));
    return begins ? record : NULL;
}

void mr_rest_cut(mr_block *block, mr_grid *grid, const char *from, const char *to)
{
    uint64_t before = (uint64_t)(from - block->data);
    if (block->grid) {
        mr_grid part = *block->grid;
        uint64_t row = before / block->record_size;
        part.first = mr_grid_place(block->grid, row);
        part.places = part.places ? part.places + row : NULL;
        part.size[0] = (uint64_t)(to - from) / block->record_size;
        part.values = from;
        *grid = part;
        block->grid = grid;
        block->offset = part.first;
    } else {
        block->offset += before;
    }
    block->data = block->record = from;
    block->end = to;
    mr_block_seek(block, from);
    block->inside = 0;
}

void mr_rest_cover(const mr_block *block, char hidden[MR_BLOCK_PADDING])
{
    char *end = (char *)(uintptr_t)block->end; /* within a buffer of the reader's */
    memcpy(hidden, end, MR_BLOCK_PADDING);
    memset(end, 0, MR_BLOCK_PADDING);
}

void mr_rest_uncover(const mr_block *block, const char hidden[MR_BLOCK_PADDING])
{
    memcpy((char *)(uintptr_t)block->end, hidden, MR_BLOCK_PADDING);
}

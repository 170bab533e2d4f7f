/* sets/kept.c: values in memory, the first of them on disk where there are many. */
#include "sets/kept.h"

#include <stdlib.h>
#include <string.h>

#define LEAST ((size_t)256 << 10)

static size_t padded(size_t size)
{
    return (sizeof(uint32_t) + size + 7) & ~(size_t)7;
}

void mr_kept_start(mr_kept *kept, size_t memory, const char *scratch)
{
    if (memory && memory < LEAST)
        memory = LEAST;
    *kept = (mr_kept){.memory = memory ? memory : SIZE_MAX, .scratch = scratch};
}

void mr_kept_end(mr_kept *kept)
{
    if (kept->open)
        mr_spill_reader_end(&kept->reader);
    mr_memory_free(kept->bytes, kept->capacity);
    mr_spill_buffer_free(&kept->buffer);
    mr_spill_destroy(&kept->spill);
    free(kept->extents);
    *kept = (mr_kept){.memory = 0};
}

/* What is in memory becomes one frame on disk. */
static mr_status put_away(mr_kept *kept, mr_error *error)
{
    if (kept->extent_count == kept->extent_capacity) {
        size_t capacity = kept->extent_capacity * 2 + 8;
        mr_extent *extents = realloc(kept->extents, capacity * sizeof *extents);
        if (!extents)
            return mr_error_set(error, MR_NO_MEMORY, "out of memory: values of a join");
        kept->extents = extents;
        kept->extent_capacity = capacity;
    }
    if (!kept->spill)
        MR_TRY(mr_spill_create(&kept->spill, kept->scratch, error));
    mr_piece piece = {kept->bytes, kept->size};
    mr_extent *extent = &kept->extents[kept->extent_count];
    MR_TRY(mr_spill_write(kept->spill, &piece, 1, &kept->buffer, extent, error));
    kept->extent_count++;
    kept->size = 0;
    return MR_OK;
}

static mr_status add(mr_kept *kept, mr_bytes value, mr_error *error)
{
    uint32_t size = (uint32_t)value.size;
    size_t need = padded(value.size);
    if (kept->size > 0 && kept->size + need > kept->memory)
        MR_TRY(put_away(kept, error));
    if (kept->size + need > kept->capacity) {
        size_t capacity = (kept->size + need) * 2 + 4096;
        void *bytes =
            mr_memory_resize(kept->bytes, kept->capacity, capacity, "values of a join", error);
        if (!bytes)
            return MR_NO_MEMORY;
        kept->bytes = bytes;
        kept->capacity = capacity;
    }
    memcpy(kept->bytes + kept->size, &size, sizeof size);
    if (size)
        memcpy(kept->bytes + kept->size + sizeof size, value.data, size);
    kept->size += need;
    return MR_OK;
}

mr_status mr_kept_add_all(mr_kept *kept, mr_values *values, mr_error *error)
{
    for (mr_bytes value; mr_values_next(values, &value);)
        MR_TRY(add(kept, value, error));
    return MR_OK;
}

void mr_kept_rewind(mr_kept *kept)
{
    kept->extent = 0;
    kept->at = kept->end = NULL;
}

/* The next piece: frames from disk, then what is in memory; false at the end. */
static mr_status next_piece(mr_kept *kept, bool *found, mr_error *error)
{
    size_t size = 0;
    *found = kept->extent <= kept->extent_count;
    if (kept->extent < kept->extent_count) {
        if (kept->open)
            mr_spill_reader_turn(&kept->reader, kept->extents[kept->extent]);
        else
            mr_spill_reader_start(&kept->reader, kept->spill, kept->extents[kept->extent]);
        kept->open = true;
        MR_TRY(mr_spill_reader_next(&kept->reader, &kept->at, &size, error));
        kept->end = kept->at + size;
    } else {
        kept->at = kept->bytes;
        kept->end = kept->bytes ? kept->bytes + kept->size : NULL;
    }
    kept->extent++;
    return MR_OK;
}

mr_status mr_kept_next(mr_kept *kept, mr_bytes *value, mr_error *error)
{
    *value = (mr_bytes){NULL, 0};
    while (kept->at == kept->end) {
        bool found;
        MR_TRY(next_piece(kept, &found, error));
        if (!found)
            return MR_OK;
    }
    uint32_t size;
    memcpy(&size, kept->at, sizeof size);
    *value = mr_bytes_at(kept->at + sizeof size, size);
    kept->at += padded(size);
    return MR_OK;
}

/*
 * hdf5/chunks.c: fetching, unpacking and keeping chunks.
 */
#include "hdf5/chunks.h"

#include "base/memory.h"
#include "hdf5/internal.h"

#include <stdio.h>
#include <string.h>

#define KEPT_BYTES (16u << 20)      /* of chunks, by one thread */
#define NONE       UINT64_MAX       /* a slot without a chunk */
#define FILL       (UINT64_MAX - 1) /* the chunk that stands for all that are not there */

static size_t room_of(const mr_h5_set *set)
{
    return mr_h5_unpack_most(&set->filters, mr_h5_chunk_bytes(set));
}

void mr_h5_chunks_free(mr_h5_chunks *chunks)
{
    for (unsigned i = 0; i < chunks->count; i++)
        mr_memory_free(chunks->slot[i].bytes, room_of(chunks->set));
    if (chunks->unpacker.scratch)
        mr_memory_free(chunks->unpacker.scratch, room_of(chunks->set));
    if (chunks->raw)
        mr_memory_free(chunks->raw, chunks->raw_room);
    mr_h5_unpacker_free(&chunks->unpacker);
    chunks->count = 0;
}

/* ---- Slots ---- */

static mr_h5_slot *slot_of(mr_h5_chunks *chunks, uint64_t chunk)
{
    for (unsigned i = 0; i < chunks->count; i++)
        if (chunks->slot[i].chunk == chunk) {
            chunks->slot[i].used = ++chunks->clock;
            return &chunks->slot[i];
        }
    return NULL;
}

static mr_h5_slot *oldest(mr_h5_chunks *chunks)
{
    mr_h5_slot *best = NULL;
    for (unsigned i = 0; i < chunks->count; i++)
        if (!best || chunks->slot[i].used < best->used)
            best = &chunks->slot[i];
    return best;
}

/* One more is a favour; the first one has to be. */
static mr_h5_slot *another(mr_h5_chunks *chunks, mr_error *error)
{
    size_t room = room_of(chunks->set);
    bool is_first = chunks->count == 0;
    if (!is_first && (chunks->count == MR_H5_SLOTS || (chunks->count + 1) * room > KEPT_BYTES ||
                      mr_memory_is_tight(room)))
        return NULL;
    mr_error ignored = {0};
    unsigned char *bytes =
        mr_memory_allocate(room, "a chunk of a dataset", is_first ? error : &ignored);
    if (!bytes)
        return NULL;
    chunks->slot[chunks->count] = (mr_h5_slot){bytes, NONE, 0};
    return &chunks->slot[chunks->count++];
}

/* One to be filled anew. */
static mr_h5_slot *free_slot(mr_h5_chunks *chunks, mr_error *error)
{
    mr_h5_slot *slot = oldest(chunks);
    if (!slot || slot->used != 0) {
        mr_h5_slot *more = another(chunks, error);
        slot = more ? more : slot;
    }
    if (slot) {
        slot->chunk = NONE;
        slot->used = ++chunks->clock;
    }
    return slot;
}

/* ---- What can go wrong ---- */

static mr_status damaged(const mr_h5_chunks *chunks, const hsize_t *from, const char *why,
                         mr_error *error)
{
    char place[MR_AXES * 22 + 4] = "";
    size_t used = 0;
    for (unsigned axis = 0; axis < chunks->set->dims.axes; axis++)
        used += (size_t)snprintf(place + used, sizeof place - used, axis ? ", %llu" : "%llu",
                                 (unsigned long long)from[axis]);
    return mr_h5_fail(error, MR_BAD_INPUT,
                      "cannot read dataset: %s: the chunk at [%s] is damaged: %s: restore the file",
                      chunks->set->name, place, why);
}

/* ---- Raw chunks ---- */

static mr_status make_room(mr_h5_chunks *chunks, size_t size, mr_error *error)
{
    size_t room = room_of(chunks->set);
    if (!chunks->unpacker.scratch)
        chunks->unpacker.scratch = mr_memory_allocate(room, "unpacking a chunk", error);
    if (!chunks->unpacker.scratch)
        return error->code;
    if (size <= chunks->raw_room)
        return MR_OK;
    size = size > room ? size : room;
    unsigned char *raw =
        mr_memory_resize(chunks->raw, chunks->raw_room, size, "a packed chunk", error);
    if (!raw)
        return error->code;
    chunks->raw = raw;
    chunks->raw_room = size;
    return MR_OK;
}

/* Under the lock. *size is 0 where there is no such chunk. Without filters the bytes go straight to
 * `to`. */
static mr_status fetch_raw(mr_h5_chunks *chunks, const hsize_t *from, unsigned char *to,
                           size_t *size, uint32_t *skipped, mr_error *error)
{
    const mr_h5_set *set = chunks->set;
    hsize_t stored = 0;
    bool is_packed = set->filters.count > 0;
    if (H5Dget_chunk_storage_size(set->dataset, from, &stored) < 0 &&
        !mr_h5_failed_because("chunk storage is not allocated"))
        return damaged(chunks, from, "the index of chunks cannot be read", error);
    *size = (size_t)stored;
    if (stored == 0)
        return MR_OK;
    if (stored > set->file_bytes || (!is_packed && stored != mr_h5_chunk_bytes(set)))
        return damaged(chunks, from, "it has the wrong size", error);
    if (is_packed && make_room(chunks, *size, error) != MR_OK)
        return error->code;
    if (H5Dread_chunk(set->dataset, H5P_DEFAULT, from, skipped, is_packed ? chunks->raw : to) < 0)
        return damaged(chunks, from, "it cannot be read", error);
    chunks->bytes += stored;
    return MR_OK;
}

static bool is_edge(const mr_h5_set *set, const hsize_t *from)
{
    for (unsigned axis = 0; axis < set->dims.axes; axis++)
        if (set->chunk.size[axis] > set->dims.size[axis] - from[axis])
            return true;
    return false;
}

/* *is_there: the dataset has such a chunk. */
static mr_status get_raw(mr_h5_chunks *chunks, const hsize_t *from, mr_h5_slot *slot,
                         bool *is_there, mr_error *error)
{
    const mr_h5_set *set = chunks->set;
    size_t size = 0;
    uint32_t skipped = 0;
    mr_status status = MR_OK;
    if (!set->is_absent) {
        mr_h5_lock();
        status = fetch_raw(chunks, from, slot->bytes, &size, &skipped, error);
        mr_h5_unlock();
    }
    *is_there = size > 0;
    if (status != MR_OK || size == 0 || set->filters.count == 0)
        return status;
    if (set->filters.but_edges && is_edge(set, from))
        skipped = UINT32_MAX;
    const char *fault = mr_h5_unpack(&chunks->unpacker, &set->filters, skipped, chunks->raw, size,
                                     slot->bytes, mr_h5_chunk_bytes(set));
    if (!fault)
        return MR_OK;
    mr_h5_lock();
    status = damaged(chunks, from, fault, error);
    mr_h5_unlock();
    return status;
}

/* ---- Through the library ---- */

/* Under the lock. The part of the chunk that lies in the dataset. */
static mr_status read_selected(mr_h5_chunks *chunks, const hsize_t *from, unsigned char *to,
                               mr_error *error)
{
    const mr_h5_set *set = chunks->set;
    int axes = (int)set->dims.axes;
    hsize_t size[MR_AXES], chunk[MR_AXES], begin[MR_AXES] = {0};
    for (int axis = 0; axis < axes; axis++) {
        hsize_t left = set->dims.size[axis] - from[axis];
        chunk[axis] = set->chunk.size[axis];
        size[axis] = left < chunk[axis] ? left : chunk[axis];
    }
    hid_t disk = H5Dget_space(set->dataset);
    hid_t memory = axes ? H5Screate_simple(axes, chunk, NULL) : H5Screate(H5S_SCALAR);
    if (axes > 0) {
        H5Sselect_hyperslab(disk, H5S_SELECT_SET, from, NULL, size, NULL);
        H5Sselect_hyperslab(memory, H5S_SELECT_SET, begin, NULL, size, NULL);
    }
    mr_status status = MR_OK;
    if (H5Dread(set->dataset, set->type.memory, memory, disk, H5P_DEFAULT, to) < 0)
        status = damaged(chunks, from, "it cannot be read", error);
    H5Sclose(memory);
    H5Sclose(disk);
    return status;
}

static mr_status get_read(mr_h5_chunks *chunks, const hsize_t *from, mr_h5_slot *slot,
                          mr_error *error)
{
    mr_h5_lock();
    mr_status status = read_selected(chunks, from, slot->bytes, error);
    mr_h5_unlock();
    chunks->bytes += mr_h5_chunk_bytes(chunks->set);
    return status;
}

/* ---- Chunks ---- */

/* `slot` becomes the chunk of fill values, unless there is such a one. */
static mr_h5_slot *filled(mr_h5_chunks *chunks, mr_h5_slot *slot)
{
    mr_h5_slot *old = slot_of(chunks, FILL);
    if (old) {
        slot->used = 0;
        return old;
    }
    const mr_h5_set *set = chunks->set;
    uint64_t count = mr_dims_count(&set->chunk);
    for (uint64_t i = 0; i < count; i++)
        memcpy(slot->bytes + i * set->type.size, set->fill, set->type.size);
    slot->chunk = FILL;
    return slot;
}

/* The chunk's number in C order, and its first element. */
static uint64_t number_of(const mr_h5_set *set, const uint64_t *at, hsize_t *from)
{
    uint64_t number = 0;
    for (unsigned axis = 0; axis < set->dims.axes; axis++) {
        uint64_t step = set->chunk.size[axis];
        number = number * ((set->dims.size[axis] + step - 1) / step) + at[axis];
        from[axis] = at[axis] * step;
    }
    return number;
}

mr_status mr_h5_chunks_get(mr_h5_chunks *chunks, const uint64_t *at, mr_h5_slot **slot,
                           mr_error *error)
{
    hsize_t from[MR_AXES];
    bool is_there = true;
    uint64_t number = number_of(chunks->set, at, from);
    *slot = slot_of(chunks, number);
    if (*slot)
        return MR_OK;
    mr_h5_slot *empty = free_slot(chunks, error);
    if (!empty)
        return error->code;
    mr_status status = chunks->set->way == MR_H5_BY_CHUNK
                           ? get_raw(chunks, from, empty, &is_there, error)
                           : get_read(chunks, from, empty, error);
    if (status != MR_OK)
        return status;
    if (is_there)
        empty->chunk = number;
    *slot = is_there ? empty : filled(chunks, empty);
    return MR_OK;
}

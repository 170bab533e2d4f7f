/*
 * hdf5/heap.c: collections of the global heap: "GCOL", a version, the collection's size; then
 * objects, each with its number, its size and as many bytes, at multiples of 8. Number 0 is room
 * that is free.
 */
#include "hdf5/heap.h"

#include "base/memory.h"
#include "hdf5/spans.h"

#include <string.h>

#define LARGE (256u << 10) /* bytes of a collection that is not kept beside others */

static uint64_t number_at(const unsigned char *bytes, unsigned width)
{
    uint64_t number = 0;
    for (unsigned i = width; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static uint64_t to_8(uint64_t size)
{
    return (size + 7) & ~UINT64_C(7);
}

static void drop(mr_h5_collection *old)
{
    if (old->bytes)
        mr_memory_free(old->bytes, old->size);
    if (old->object)
        mr_memory_free(old->object, old->objects * sizeof *old->object);
    *old = (mr_h5_collection){0};
}

void mr_h5_heap_free(mr_h5_heap *heap)
{
    for (unsigned i = 0; i < MR_H5_COLLECTIONS; i++)
        drop(&heap->collection[i]);
}

static mr_status damaged(const mr_h5_set *set, uint64_t address, const char *why, mr_error *error)
{
    return mr_error_set(
        error, MR_BAD_INPUT,
        "cannot read dataset: %s: its strings at byte %llu of the file are damaged: "
        "%s: restore the file",
        set->name, (unsigned long long)address, why);
}

/* ---- Collections ---- */

/* Goes over all objects; notes where they are once there is room for that, and counts them before.
 * False when they do not fill the collection as they should. */
static bool walk(mr_h5_collection *of, unsigned width)
{
    uint64_t head = to_8(8 + width), at = head;
    size_t most = 0;
    while (of->size - at >= head) {
        const unsigned char *object = of->bytes + at;
        uint64_t number = number_at(object, 2), size = number_at(object + 8, width);
        if (size > of->size - at)
            return false;
        uint64_t step = number ? head + to_8(size) : size;
        if (step < head || step > of->size - at)
            return false;
        if (number < of->objects)
            of->object[number] = (uint32_t)at;
        most = number > most ? number : most;
        at += step;
    }
    if (!of->object)
        of->objects = most + 1;
    return true;
}

static mr_status load(mr_h5_heap *heap, mr_h5_collection *into, const mr_h5_set *set,
                      uint64_t address, uint64_t size, mr_error *error)
{
    into->bytes = mr_memory_allocate(size, "strings of a dataset", error);
    if (!into->bytes)
        return error->code;
    into->size = size;
    if (mr_h5_spans_bytes(set, address, into->bytes, size, error) != MR_OK)
        return error->code;
    heap->bytes += size;
    if (!walk(into, set->length_width))
        return damaged(set, address, "its objects do not fill it", error);
    into->object =
        mr_memory_allocate(into->objects * sizeof *into->object, "places of strings", error);
    if (!into->object)
        return into->objects = 0, error->code;
    memset(into->object, 0, into->objects * sizeof *into->object);
    walk(into, set->length_width);
    into->address = address;
    return MR_OK;
}

static mr_status find(mr_h5_heap *heap, const mr_h5_set *set, uint64_t address,
                      mr_h5_collection **found, mr_error *error)
{
    unsigned char head[16];
    unsigned place = (unsigned)(1 + (address >> 12) % (MR_H5_COLLECTIONS - 1));
    *found = &heap->collection[place];
    if ((*found)->address == address)
        return MR_OK;
    *found = &heap->collection[0];
    if ((*found)->address == address)
        return MR_OK;
    if (address > set->file_bytes || set->file_bytes - address < sizeof head)
        return damaged(set, address, "it would lie behind the end of the file", error);
    if (mr_h5_spans_bytes(set, address, head, sizeof head, error) != MR_OK)
        return error->code;
    uint64_t size = number_at(head + 8, set->length_width);
    if (memcmp(head, "GCOL\1", 5) != 0 || size < sizeof head || size > UINT32_MAX ||
        size > set->file_bytes - address)
        return damaged(set, address, "no strings begin there", error);
    if (size <= LARGE)
        *found = &heap->collection[place];
    drop(*found);
    mr_status status = load(heap, *found, set, address, size, error);
    if (status != MR_OK)
        drop(*found);
    return status;
}

/* ---- Strings ---- */

mr_status mr_h5_heap_get(mr_h5_heap *heap, const mr_h5_set *set, const unsigned char *element,
                         const char **string, size_t *size, mr_error *error)
{
    uint64_t length = number_at(element, 4);
    uint64_t address = number_at(element + 4, set->address_width);
    uint64_t number = number_at(element + 4 + set->address_width, 4);
    *string = "";
    *size = 0;
    if (length == UINT32_MAX && number == UINT32_MAX && set->fill_string) {
        *string = set->fill_string;
        *size = strlen(set->fill_string);
    }
    if (address == 0 || length == 0 || number == UINT32_MAX)
        return MR_OK;
    address += set->base;
    mr_h5_collection *in;
    if (find(heap, set, address, &in, error) != MR_OK)
        return error->code;
    uint64_t at = number < in->objects ? in->object[number] : 0;
    if (number == 0 || at == 0)
        return damaged(set, address, "one is not there", error);
    if (length > number_at(in->bytes + at + 8, set->length_width))
        return damaged(set, address, "one is cut off", error);
    *string = (const char *)in->bytes + at + to_8(8 + set->length_width);
    *size = strnlen(*string, length);
    return MR_OK;
}

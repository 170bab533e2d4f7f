/* hdf5/pack.c: chunks as they lie on disk: shuffled and deflated, as the library's own filters do
 * it, but on any thread. */
#include "hdf5/writing.h"

#include "base/memory.h"

#include <libdeflate.h>
#include <string.h>

size_t mr_h5_element_size(const mr_h5_plan *plan)
{
    if (plan->kind == MR_H5_NUMBERS)
        return mr_element_size(plan->element);
    return plan->kind == MR_H5_U64 ? sizeof(uint64_t) : plan->string_size;
}

static size_t chunk_bytes(const mr_h5_plan *plan)
{
    return mr_dims_count(&plan->chunk) * mr_h5_element_size(plan);
}

size_t mr_h5_pack_most(const mr_h5_plan *plan)
{
    size_t bytes = chunk_bytes(plan);
    return plan->compress ? libdeflate_zlib_compress_bound(NULL, bytes) : bytes;
}

/* First the first byte of all elements, then the second, and so on. */
static void shuffle(const unsigned char *from, size_t count, size_t size, unsigned char *to)
{
    for (size_t byte = 0; byte < size; byte++)
        for (size_t i = 0; i < count; i++)
            *to++ = from[i * size + byte];
}

static mr_status deflate(const mr_h5_plan *plan, const void *bytes, void *to, size_t *size,
                         mr_error *error)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor((int)plan->compress);
    if (!compressor)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: packing a chunk");
    *size =
        libdeflate_zlib_compress(compressor, bytes, chunk_bytes(plan), to, mr_h5_pack_most(plan));
    libdeflate_free_compressor(compressor);
    return MR_OK;
}

mr_status mr_h5_pack(const mr_h5_plan *plan, const void *chunk, void *to, size_t *size,
                     mr_error *error)
{
    size_t element = mr_h5_element_size(plan), bytes = chunk_bytes(plan);
    if (!plan->compress) {
        memcpy(to, chunk, bytes);
        *size = bytes;
        return MR_OK;
    }
    unsigned char *shuffled = mr_memory_allocate(bytes, "packing a chunk", error);
    if (!shuffled)
        return MR_NO_MEMORY;
    shuffle(chunk, bytes / element, element, shuffled);
    mr_status status = deflate(plan, shuffled, to, size, error);
    mr_memory_free(shuffled, bytes);
    return status;
}

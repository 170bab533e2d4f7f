/* store/runs.c: writing runs, and merging them until few enough are left for one merge. */
#include "store/runs.h"
#include "base/memory.h"

#include <stdlib.h>

/* More at once does not make reading faster. */
#define CHUNK_MOST ((size_t)1 << 20)

/* What writing takes beside a frame: see mr_spill_write. */
#define WRITING ((size_t)512 << 10)

mr_status mr_runs_create(mr_runs **runs, const mr_pair_order *order, mr_spill *spill, size_t memory,
                         size_t frame, mr_error *error)
{
    mr_runs *self = *runs = calloc(1, sizeof *self);
    if (!self)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: sorted runs: use more nodes");
    self->order = order;
    self->spill = spill;
    self->memory = memory;
    self->frame = frame;
    return MR_OK;
}

void mr_runs_destroy(mr_runs **runs)
{
    mr_runs *self = *runs;
    if (self) {
        mr_merge_end(&self->merge);
        for (size_t i = 0; i < self->count; i++)
            mr_spill_release(self->spill, self->runs[i]);
        mr_memory_free(self->runs, self->capacity * sizeof *self->runs);
        mr_spill_buffer_free(&self->buffer);
        free(self);
    }
    *runs = NULL;
}

/* Pairs on their way into a run. */
typedef struct packer {
    mr_runs *runs;
    mr_spill_writer writer;
    size_t used; /* of the frame that is being filled */
} packer;

/* Of two frames one after the other, the pairs would not have fitted into one. */
static void start_packing(packer *p, mr_runs *runs, uint64_t bytes)
{
    *p = (packer){.runs = runs};
    uint64_t frames = 2 * (bytes / runs->frame) + 2;
    mr_spill_writer_start(&p->writer, runs->spill, bytes, frames, &runs->buffer);
}

static mr_status put_frame(packer *p, mr_error *error)
{
    if (p->used == 0)
        return MR_OK;
    mr_piece piece = {p->runs->buffer.bytes, p->used};
    if (p->used > p->runs->longest)
        p->runs->longest = p->used;
    p->used = 0;
    return mr_spill_writer_put(&p->writer, piece, error);
}

static size_t size_of_pair(const mr_pair_layout *layout, const unsigned char *pair)
{
    mr_pair unused;
    return layout->stride ? layout->stride : (size_t)(mr_pair_read(layout, pair, &unused) - pair);
}

static mr_status put_pair(packer *p, const unsigned char *pair, mr_error *error)
{
    mr_runs *runs = p->runs;
    size_t size = size_of_pair(&runs->order->layout, pair);
    if (p->used + size > runs->frame) {
        MR_TRY(put_frame(p, error));
        MR_TRY(mr_spill_buffer_room(&runs->buffer, size > runs->frame ? size : runs->frame, error));
    }
    memcpy(runs->buffer.bytes + p->used, pair, size);
    p->used += size;
    return MR_OK;
}

static mr_status end_packing(packer *p, mr_extent *extent, mr_error *error)
{
    MR_TRY(put_frame(p, error));
    MR_TRY(mr_spill_writer_end(&p->writer, error));
    *extent = p->writer.extent;
    return MR_OK;
}

static mr_status room_for_run(mr_runs *runs, mr_error *error)
{
    if (runs->count < runs->capacity)
        return MR_OK;
    size_t more = runs->capacity ? runs->capacity * 2 : 16, size = sizeof *runs->runs;
    mr_extent *larger =
        mr_memory_resize(runs->runs, runs->capacity * size, more * size, "sorted runs", error);
    if (!larger)
        return MR_NO_MEMORY;
    runs->runs = larger;
    runs->capacity = more;
    return MR_OK;
}

static uint64_t size_of_pairs(const mr_pair_layout *layout, const mr_pair_ref *refs, size_t count)
{
    uint64_t bytes = 0;
    if (layout->stride)
        return (uint64_t)count * layout->stride;
    for (size_t i = 0; i < count; i++)
        bytes += size_of_pair(layout, refs[i].pair);
    return bytes;
}

mr_status mr_runs_add(mr_runs *runs, const mr_pair_ref *refs, size_t count, mr_error *error)
{
    packer p;
    if (count == 0)
        return MR_OK;
    MR_TRY(room_for_run(runs, error));
    MR_TRY(mr_spill_buffer_room(&runs->buffer, runs->frame, error));
    start_packing(&p, runs, size_of_pairs(&runs->order->layout, refs, count));
    for (size_t i = 0; i < count; i++)
        MR_TRY(put_pair(&p, refs[i].pair, error));
    MR_TRY(end_packing(&p, &runs->runs[runs->count], error));
    runs->count++;
    return MR_OK;
}

/* All that `merge` has into one run. */
static mr_status pack_merge(mr_runs *runs, mr_merge *merge, uint64_t bytes, mr_extent *extent,
                            mr_error *error)
{
    packer p;
    const unsigned char *const *pairs;
    size_t count;
    start_packing(&p, runs, bytes);
    do {
        MR_TRY(mr_merge_more(merge, &pairs, &count, error));
        for (size_t i = 0; i < count; i++)
            MR_TRY(put_pair(&p, pairs[i], error));
    } while (count > 0);
    return end_packing(&p, extent, error);
}

/* Merges `many` runs from `from` on into one that stands in their place. */
static mr_status merge_some(mr_runs *runs, size_t from, size_t many, mr_error *error)
{
    mr_merge merge = {0};
    mr_extent *some = runs->runs + from, merged = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; i < many; i++)
        bytes += some[i].raw;
    mr_status status = mr_spill_buffer_room(&runs->buffer, runs->frame, error);
    if (status == MR_OK)
        status = mr_merge_start(&merge, runs->order, runs->spill, some, many, 0, true, error);
    if (status == MR_OK)
        status = pack_merge(runs, &merge, bytes, &merged, error);
    mr_merge_end(&merge);
    if (status != MR_OK)
        return status;
    some[0] = merged;
    memmove(some + 1, some + many, (runs->count - from - many) * sizeof *some);
    runs->count -= many - 1;
    return MR_OK;
}

/* Where `many` runs in a row are smallest. */
static size_t smallest_row(const mr_runs *runs, size_t many)
{
    uint64_t bytes = 0, least = UINT64_MAX;
    size_t at = 0;
    for (size_t i = 0; i < runs->count; i++) {
        bytes += runs->runs[i].raw;
        if (i + 1 < many)
            continue;
        if (bytes < least) {
            least = bytes;
            at = i + 1 - many;
        }
        bytes -= runs->runs[i + 1 - many].raw;
    }
    return at;
}

/* How many runs can be merged at once with so much memory. */
static size_t at_once(const mr_runs *runs, size_t memory)
{
    size_t most = memory / mr_merge_least(runs->longest);
    return most > 2 ? most : 2;
}

/* As few runs as one merge can take. */
static mr_status make_few(mr_runs *runs, mr_error *error)
{
    size_t writing = WRITING + runs->longest, last = at_once(runs, runs->memory);
    size_t most = at_once(runs, runs->memory > writing ? runs->memory - writing : 0);
    while (runs->count > last) {
        size_t many = runs->count - last + 1;
        many = many < most ? many : most;
        MR_TRY(merge_some(runs, smallest_row(runs, many), many, error));
    }
    return MR_OK;
}

/* How much each of the readers may read at once. */
static size_t chunk_of(const mr_runs *runs)
{
    if (runs->count == 0)
        return 0;
    size_t share = runs->memory / runs->count, least = mr_merge_least(runs->longest);
    size_t chunk = mr_spill_reader_least(runs->longest) + (share > least ? share - least : 0);
    return chunk < CHUNK_MOST ? chunk : CHUNK_MOST;
}

static void set_consume(mr_runs *runs, bool consume)
{
    for (size_t i = 0; i < runs->merge.count; i++)
        runs->merge.readers[i].consume = consume;
}

mr_status mr_runs_rewind(mr_runs *runs, mr_error *error)
{
    set_consume(runs, false); /* what was read is wanted again */
    mr_merge_end(&runs->merge);
    runs->at = runs->end = NULL;
    MR_TRY(make_few(runs, error));
    mr_spill_buffer_free(&runs->buffer);
    return mr_merge_start(&runs->merge, runs->order, runs->spill, runs->runs, runs->count,
                          chunk_of(runs), runs->last_time, error);
}

void mr_runs_last_time(mr_runs *runs)
{
    runs->last_time = true;
    set_consume(runs, true);
}

mr_status mr_runs_batch(mr_runs *runs, const unsigned char *const **pairs, size_t *count,
                        mr_error *error)
{
    if (runs->at == runs->end)
        MR_TRY(mr_runs_more(runs, error));
    *pairs = runs->at;
    *count = (size_t)(runs->end - runs->at);
    runs->at = runs->end;
    return MR_OK;
}

mr_status mr_runs_more(mr_runs *runs, mr_error *error)
{
    size_t count = 0;
    mr_status status = mr_merge_more(&runs->merge, &runs->at, &count, error);
    runs->end = runs->at + count;
    return status;
}

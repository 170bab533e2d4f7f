/* store/runs.c: runs, and merging them until few enough are left for one merge. */
#include "store/runs.h"
#include "base/memory.h"
#include "base/span.h"

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
    self->frame = self->longest = frame;
    return MR_OK;
}

void mr_runs_destroy(mr_runs **runs)
{
    mr_runs *self = *runs;
    if (self) {
        mr_merge_end(&self->merge);
        for (size_t i = 0; i < self->count; i++)
            mr_spill_release(self->spill, self->runs[i].extent);
        mr_memory_free(self->runs, self->capacity * sizeof *self->runs);
        mr_spill_buffer_free(&self->buffer);
        free(self);
    }
    *runs = NULL;
}

mr_status mr_runs_take(mr_runs *runs, mr_run run, mr_error *error)
{
    if (runs->count == runs->capacity) {
        size_t more = runs->capacity ? runs->capacity * 2 : 16, size = sizeof *runs->runs;
        mr_run *larger =
            mr_memory_resize(runs->runs, runs->capacity * size, more * size, "sorted runs", error);
        if (!larger)
            return MR_NO_MEMORY;
        runs->runs = larger;
        runs->capacity = more;
    }
    runs->runs[runs->count++] = run;
    if (run.longest > runs->longest)
        runs->longest = run.longest;
    return MR_OK;
}

mr_status mr_runs_add(mr_runs *runs, const mr_pair_ref *refs, size_t count, mr_error *error)
{
    mr_run run;
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_run_write(&run, runs->spill, &runs->order->layout, refs, count, runs->frame,
                        &runs->buffer, error));
    return mr_runs_take(runs, run, error);
}

/* All that `merge` has into one run. */
static mr_status write_merged(mr_runs *runs, mr_merge *merge, uint64_t bytes, mr_run *run,
                              mr_error *error)
{
    mr_run_writer writer;
    const unsigned char *const *pairs;
    size_t count;
    MR_TRY(mr_run_writer_start(&writer, runs->spill, &runs->order->layout, bytes, runs->frame,
                               &runs->buffer, error));
    do {
        MR_TRY(mr_merge_more(merge, &pairs, &count, error));
        MR_TRY(mr_run_writer_put(&writer, pairs, count, error));
    } while (count > 0);
    return mr_run_writer_end(&writer, run, error);
}

/* Merges `many` runs from `from` on into one that stands in their place. */
static mr_status merge_some(mr_runs *runs, size_t from, size_t many, mr_error *error)
{
    mr_merge merge;
    mr_run *some = runs->runs + from, merged;
    uint64_t bytes = 0;
    for (size_t i = 0; i < many; i++)
        bytes += some[i].extent.raw;
    mr_status status = mr_merge_start(&merge, runs->order, runs->spill, some, many, 0, true, error);
    if (status == MR_OK)
        status = write_merged(runs, &merge, bytes, &merged, error);
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
        bytes += runs->runs[i].extent.raw;
        if (i + 1 < many)
            continue;
        if (bytes < least) {
            least = bytes;
            at = i + 1 - many;
        }
        bytes -= runs->runs[i + 1 - many].extent.raw;
    }
    return at;
}

/* What is left of memory for readers, where so much is needed for something else. */
static size_t memory_beside(const mr_runs *runs, size_t other)
{
    other += runs->longest; /* columns */
    return runs->memory > other ? runs->memory - other : 0;
}

/* How many runs can be merged at once. */
static size_t at_once(const mr_runs *runs, size_t memory)
{
    size_t most = memory / mr_merge_least(runs->longest);
    return most > 2 ? most : 2;
}

/* As few runs as one merge can take. */
static mr_status make_few(mr_runs *runs, mr_error *error)
{
    size_t last = at_once(runs, memory_beside(runs, 0));
    size_t most = at_once(runs, memory_beside(runs, WRITING + 2 * runs->longest));
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
    size_t share = memory_beside(runs, 0) / runs->count, least = mr_merge_least(runs->longest);
    size_t chunk = mr_spill_reader_least(runs->longest) + (share > least ? share - least : 0);
    return chunk < CHUNK_MOST ? chunk : CHUNK_MOST;
}

static void set_consume(mr_runs *runs, bool consume)
{
    for (size_t i = 0; i < runs->merge.count; i++)
        runs->merge.sources[i].reader.consume = consume;
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
    const mr_span_kind before = mr_span_begin(MR_SPAN_MERGE);
    mr_status status = mr_merge_more(&runs->merge, &runs->at, &count, error);
    mr_span_end(before);
    runs->end = runs->at + count;
    return status;
}

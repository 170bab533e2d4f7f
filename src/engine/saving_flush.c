/*
 * engine/saving_flush.c: compressed chunks. How large one is nobody knows before it is packed, so
 * it waits for its place: rank 0 hands places out in the order of the chunks' numbers, whoever
 * packed them.
 */
#include "engine/saved.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static mr_status keep_on_disk(mr_saving *s, mr_held *held, mr_error *error)
{
    mr_spill_buffer buffer = {0};
    mr_piece piece = {held->bytes, held->size};
    mr_status status = MR_OK;
    pthread_mutex_lock(&s->lock);
    if (!s->spill)
        status = mr_spill_create(&s->spill, s->job->scratch, error);
    pthread_mutex_unlock(&s->lock);
    if (status == MR_OK)
        status = mr_spill_write(s->spill, &piece, 1, &buffer, &held->extent, error);
    mr_spill_buffer_free(&buffer);
    mr_memory_free(held->bytes, held->size);
    held->bytes = NULL;
    return status;
}

static mr_status remember(mr_saving *s, const mr_held *held, mr_error *error)
{
    mr_status status = MR_OK;
    pthread_mutex_lock(&s->lock);
    if (s->held_count == s->held_capacity) {
        size_t capacity = s->held_capacity ? 2 * s->held_capacity : 64;
        mr_held *more = realloc(s->held, capacity * sizeof *more);
        if (more) {
            s->held = more;
            s->held_capacity = capacity;
        } else {
            status = mr_error_set(error, MR_NO_MEMORY, "out of memory: chunks of the output");
        }
    }
    if (status == MR_OK)
        s->held[s->held_count++] = *held;
    pthread_mutex_unlock(&s->lock);
    return status;
}

mr_status mr_saving_hold(mr_saving *saving, unsigned number, uint64_t chunk, const void *values,
                         mr_error *error)
{
    const mr_h5_plan *plan = &saving->sets[number].plan;
    size_t most = mr_h5_pack_most(plan), size = 0;
    mr_held held = {.set = number, .chunk = chunk};
    held.bytes = mr_memory_allocate(most, "a packed chunk of the output", error);
    if (!held.bytes)
        return MR_NO_MEMORY;
    mr_status status = mr_h5_pack(plan, values, held.bytes, &size, error);
    void *less =
        status == MR_OK ? mr_memory_resize(held.bytes, most, size, "a chunk", error) : NULL;
    if (!less) {
        mr_memory_free(held.bytes, most);
        return error->code;
    }
    held.bytes = less;
    held.size = size;
    if (mr_memory_is_tight(0))
        MR_TRY(keep_on_disk(saving, &held, error));
    status = remember(saving, &held, error);
    if (status != MR_OK && held.bytes)
        mr_memory_free(held.bytes, held.size);
    return status;
}

void mr_saving_drop(mr_saving *saving)
{
    for (size_t i = 0; i < saving->held_count; i++)
        if (saving->held[i].bytes)
            mr_memory_free(saving->held[i].bytes, saving->held[i].size);
    saving->held_count = 0;
}

/* What rank 0 hears of a chunk. */
typedef struct told {
    uint64_t set, chunk, size, at;
} told;

/* By number; `at` is where it stands among those of all ranks. */
static int compare(const void *a, const void *b)
{
    const told *x = a, *y = b;
    if (x->set != y->set)
        return x->set < y->set ? -1 : 1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

/* Rank 0. */
static mr_status place_all(mr_saving *s, told *all, uint64_t count, uint64_t *places)
{
    for (uint64_t i = 0; i < count; i++)
        all[i].at = i;
    qsort(all, count, sizeof *all, compare);
    for (uint64_t i = 0; i < count; i++)
        MR_TRY(mr_h5_place(s->file, (unsigned)all[i].set, all[i].chunk, all[i].size,
                           &places[all[i].at], s->job->error));
    return MR_OK;
}

static told *list_held(mr_saving *s)
{
    told *mine = calloc(s->held_count + 1, sizeof *mine);
    if (!mine)
        mr_error_set(s->job->error, MR_NO_MEMORY, "out of memory: chunks of the output");
    for (size_t i = 0; mine && i < s->held_count; i++)
        mine[i] = (told){s->held[i].set, s->held[i].chunk, s->held[i].size, 0};
    return mine;
}

/* Collective. Places of all ranks' chunks, rank after rank; free them. */
static mr_status find_places(mr_saving *s, uint64_t **places)
{
    mr_job *job = s->job;
    told *mine = list_held(s), *all = NULL;
    char *bytes = NULL;
    uint64_t *sizes = NULL;
    size_t size = 0;
    mr_status status = mr_comm_gather_sizes(job->comm, mine, s->held_count * sizeof *mine, &bytes,
                                            &sizes, job->error);
    if (status == MR_OK && mr_comm_rank(job->comm) == 0) {
        for (int rank = 0; rank < mr_comm_size(job->comm); rank++)
            size += sizes[rank];
        uint64_t count = size / sizeof *all;
        all = malloc(size + 1);
        *places = calloc(count + 1, sizeof **places);
        if (!all || !*places)
            mr_error_set(job->error, MR_NO_MEMORY, "out of memory: chunks of the output");
        else
            place_all(s, memcpy(all, bytes, size), count, *places);
        size = count * sizeof **places;
    }
    if (status == MR_OK)
        status = mr_comm_agree(job->comm, job->error);
    void *shared = *places;
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &shared, &size, job->error);
    *places = shared;
    free(mine);
    free(all);
    free(bytes);
    free(sizes);
    return status;
}

static mr_status put_from_disk(mr_saving *s, const mr_held *held, uint64_t at, mr_error *error)
{
    mr_spill_reader reader;
    const unsigned char *bytes = NULL;
    size_t size = 0;
    mr_spill_reader_start(&reader, s->spill, held->extent);
    reader.consume = true;
    mr_status status = mr_spill_reader_next(&reader, &bytes, &size, error);
    if (status == MR_OK)
        status = mr_saving_put(s, bytes, size, at, error);
    mr_spill_reader_end(&reader);
    return status;
}

static void put_all(mr_saving *s, const uint64_t *places)
{
    mr_error *error = s->job->error;
#pragma omp parallel num_threads((int)s->job->threads)
    {
        mr_error mine = {0};
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < s->held_count; i++) {
            const mr_held *held = &s->held[i];
            if (mine.code == MR_OK && held->bytes)
                mr_saving_put(s, held->bytes, held->size, places[i], &mine);
            else if (mine.code == MR_OK)
                put_from_disk(s, held, places[i], &mine);
        }
        if (mine.code != MR_OK) {
#pragma omp critical
            mr_error_set(error, mine.code, "%s", mine.text);
        }
    }
}

mr_status mr_saving_flush(mr_saving *saving)
{
    mr_job *job = saving->job;
    MR_TRY(mr_comm_agree(job->comm, job->error));
    uint64_t *places = NULL, count = saving->held_count, before, all;
    mr_comm_scan(job->comm, &count, 1, &before, &all);
    if (all == 0)
        return MR_OK;
    mr_status status = find_places(saving, &places);
    if (status == MR_OK)
        put_all(saving, places + before);
    mr_saving_drop(saving);
    free(places);
    return status == MR_OK ? mr_comm_agree(job->comm, job->error) : status;
}

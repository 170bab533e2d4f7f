/* sets/index.c: pairs by their number in a set's order. */
#include "sets/set.h"

#include <stdlib.h>

typedef struct indexing {
    mr_making making;
    mr_set *from;
    uint64_t *starts; /* of each of this rank's piles */
} indexing;

/* What a thread holds: a pile in order, and room for a value. */
typedef struct indexer {
    mr_sorted sorted;
    unsigned char *room;
    size_t capacity;
} indexer;

static mr_status open_indexing(mr_worker *w)
{
    const indexing *x = w->feed->self;
    mr_job *job = x->making.job;
    indexer *own = calloc(1, sizeof *own);
    if (!own)
        return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: starting a thread");
    w->own = own;
    mr_making_open(&x->making, w);
    mr_sorted_start(&own->sorted, &x->from->order, mr_set_thread_memory(job, 1), job->scratch);
    return MR_OK;
}

static void close_indexing(mr_worker *w)
{
    indexer *own = w->own;
    if (!own)
        return;
    mr_sorted_free(&own->sorted);
    mr_memory_free(own->room, own->capacity);
    free(own);
}

/* A pair as the value of a number: size of the key, key, value. */
static mr_status put_numbered(mr_worker *w, indexer *own, uint64_t number, mr_pair pair)
{
    uint64_t key_size = pair.key.size;
    size_t size = sizeof key_size + pair.key.size + pair.value.size;
    if (size > own->capacity) {
        void *room = mr_memory_resize(own->room, own->capacity, size * 2, "a pair", &w->error);
        if (!room)
            return MR_NO_MEMORY;
        own->room = room;
        own->capacity = size * 2;
    }
    memcpy(own->room, &key_size, sizeof key_size);
    if (pair.key.size)
        memcpy(own->room + sizeof key_size, pair.key.data, pair.key.size);
    if (pair.value.size)
        memcpy(own->room + sizeof key_size + pair.key.size, pair.value.data, pair.value.size);
    return mr_out_pair_u64(&w->self->out, number, mr_bytes_at(own->room, size));
}

static mr_status number_pile(mr_worker *w, uint64_t unit)
{
    const indexing *x = w->feed->self;
    indexer *own = w->own;
    uint64_t number = x->starts[unit];
    mr_status status =
        mr_sorted_open(&own->sorted, &x->from->piles, (uint32_t)unit, false, &w->error);
    mr_feed_begin(w, NULL);
    while (status == MR_OK) {
        const unsigned char *at;
        mr_pair pair;
        status = mr_sorted_next(&own->sorted, &at, &w->error);
        if (status != MR_OK || !at)
            break;
        mr_pair_read(&x->from->layout, at, &pair);
        status = put_numbered(w, own, number++, pair);
    }
    mr_sorted_close(&own->sorted);
    mr_status ended = mr_feed_end(w, MR_OK);
    return status != MR_OK ? status : ended;
}

mr_pair mr_index_value(mr_bytes value)
{
    uint64_t key_size;
    memcpy(&key_size, value.data, sizeof key_size);
    const char *key = value.data + sizeof key_size;
    return (mr_pair){{key, key_size}, {key + key_size, value.size - sizeof key_size - key_size}};
}

static mr_status number(mr_set *set, mr_set **to)
{
    mr_job *job = set->job;
    indexing x = {.from = set, .starts = calloc(set->piles.count + 1, sizeof(uint64_t))};
    uint64_t mine = mr_set_count_here(set), before = 0, total;
    mr_set_options options = {.shape = {.key = MR_KEY_U64}, .name = set->name};
    if (!x.starts)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: numbering a set");
    MR_TRY(mr_job_agree(job));
    mr_comm_scan(job->comm, &mine, 1, &before, &total);
    for (uint32_t p = 0; p < set->piles.count; p++) {
        x.starts[p] = before;
        before += set->piles.piles[p].count;
    }
    mr_status status = mr_making_begin(&x.making, job, &options, set, false, "index");
    if (status == MR_OK) {
        mr_feed *feed = &x.making.feed;
        feed->share = (mr_range){0, set->piles.count};
        feed->open = open_indexing;
        feed->run = number_pile;
        feed->close = close_indexing;
        feed->self = &x;
        status = mr_making_end(&x.making, mr_feed_run(feed), to);
    }
    free(x.starts);
    return status;
}

mr_status mr_set_index(mr_set *set, mr_set **to)
{
    mr_set *sorted = NULL;
    *to = NULL;
    if (set->spread != MR_SPREAD_RANGE)
        MR_TRY(mr_set_sort(set, NULL, &sorted));
    mr_status status = number(sorted ? sorted : set, to);
    mr_set_destroy(&sorted);
    return status;
}

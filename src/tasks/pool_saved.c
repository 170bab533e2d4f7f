/*
 * tasks/pool_saved.c: journals of a pool: what is done is written down where it is done, at once
 * and without asking anybody; a resumed job reads what all ranks have written in all runs before
 * it. A result counts when the same run has also written down what the task was, and that is what
 * it is now.
 */
#include "tasks/pool.h"

#include "base/memory.h"
#include "comm/vector.h"
#include "engine/checkpoint.h"
#include "observe/note.h"
#include "resume/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define MARK_SHIFT  60
#define GRAPH_SHIFT 32
#define RESULT_MOST ((size_t)16 << 20) /* larger ones are made again */

/* A record: what a task is (rank 0), or the result of it, or of some items of a map. */
typedef struct saved_head {
    uint64_t mark;
    uint64_t is_what;
    uint64_t from, count;
    mr_saved_what what;
} saved_head;

typedef struct saved_entry {
    saved_head head;
    uint64_t run, reader, place, size;
} saved_entry;

struct mr_saved {
    mr_journal *journal;
    pthread_mutex_t lock; /* readers, and: */
    bool has_told;
    mr_journal_reader **readers;
    size_t reader_count;
    saved_entry *entries; /* sorted */
    size_t count, room;
    uint64_t begun[4]; /* main thread: of each kind of mark */
};

/* ---- What was written before; rank 0 ---- */

static void add_entry(mr_saved *s, const saved_entry *entry, mr_error *error)
{
    if (s->count == s->room) {
        const size_t room = s->room * 2 + 256;
        saved_entry *grown =
            mr_memory_resize(s->entries, s->room * sizeof *grown, room * sizeof *grown,
                             "results of a pool that were saved", error);
        if (!grown)
            return;
        s->entries = grown;
        s->room = room;
    }
    s->entries[s->count++] = *entry;
}

static void read_journal(mr_saved *s, const char *folder, mr_journal_name name, mr_error *error)
{
    char head[MR_JOURNAL_HEAD];
    size_t head_size;
    mr_journal_reader *reader = mr_journal_open(folder, name);
    saved_entry entry = {.run = name.run, .reader = s->reader_count};
    if (!reader)
        return;
    s->readers[s->reader_count++] = reader;
    while (error->code == MR_OK &&
           mr_journal_next(reader, head, &head_size, &entry.place, &entry.size))
        if (head_size == sizeof entry.head) {
            memcpy(&entry.head, head, sizeof entry.head);
            add_entry(s, &entry, error);
        }
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* What a task is stands before its results. */
static int in_order(const void *left, const void *right)
{
    const saved_entry *a = left, *b = right;
    int order = compare(a->head.mark, b->head.mark);
    order = order ? order : compare(a->run, b->run);
    order = order ? order : compare(b->head.is_what, a->head.is_what);
    return order ? order : compare(a->head.from, b->head.from);
}

/* The number of this run: one more than any before it. */
static uint64_t read_all(mr_pool *pool, uint64_t piece)
{
    mr_saved *s = pool->saved;
    const mr_keep *keep = pool->job->keep;
    mr_error *error = pool->job->error;
    mr_journal_name *names;
    size_t count;
    uint64_t run = 0;
    mr_journal_list(mr_keep_folder(keep), piece, &names, &count, error);
    s->readers = calloc(count + 1, sizeof(mr_journal_reader *));
    if (!s->readers)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: reading a pool's journals");
    for (size_t i = 0; i < count && error->code == MR_OK; i++) {
        run = names[i].run > run ? names[i].run : run;
        if (mr_keep_resumed(keep))
            read_journal(s, mr_keep_folder(keep), names[i], error);
    }
    free(names);
    if (s->count > 0)
        qsort(s->entries, s->count, sizeof *s->entries, in_order);
    return run + 1;
}

/* ---- Begin and end ---- */

/* What makes it this job stands in a generation: without one no journal would be believed. */
static mr_status be_known(mr_job *job, uint64_t piece)
{
    char name[64];
    if (mr_keep_generation(job->keep) > 0)
        return MR_OK;
    snprintf(name, sizeof name, "pool/%" PRIu64 "/begun", piece);
    if (mr_comm_rank(job->comm) == 0)
        mr_keep_put(job->keep, name, "yes", 3, job->error);
    return mr_checkpoint_save(job, MR_KEEP_NOTHING);
}

mr_status mr_saved_open(mr_pool *pool)
{
    mr_job *job = pool->job;
    if (!job->keep)
        return MR_OK;
    const uint64_t piece = mr_checkpoint_piece(job);
    mr_saved *s = pool->saved = calloc(1, sizeof *s);
    uint64_t run = 1;
    if (!s)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a pool's journal");
    else
        pthread_mutex_init(&s->lock, NULL);
    MR_TRY(mr_job_agree(job));
    MR_TRY(be_known(job, piece));
    if (pool->rank == 0)
        run = read_all(pool, piece);
    mr_vector_broadcast(job->comm, 0, &run, sizeof run, 0);
    if (job->error->code == MR_OK)
        mr_journal_create(&s->journal, mr_keep_folder(job->keep),
                          (mr_journal_name){piece, (uint64_t)pool->rank, run},
                          mr_keep_every(job->keep), job->error);
    return mr_job_agree(job);
}

mr_status mr_saved_end(mr_pool *pool, mr_error *error)
{
    return pool->saved && pool->saved->journal ? mr_journal_end(pool->saved->journal, error)
                                               : MR_OK;
}

void mr_saved_free(mr_pool *pool)
{
    mr_saved *s = pool->saved;
    if (!s)
        return;
    mr_journal_destroy(&s->journal);
    for (size_t i = 0; i < s->reader_count; i++)
        mr_journal_close(&s->readers[i]);
    free(s->readers);
    mr_memory_free(s->entries, s->room * sizeof *s->entries);
    pthread_mutex_destroy(&s->lock);
    free(s);
    pool->saved = NULL;
}

/* ---- Marks ---- */

uint64_t mr_saved_mark(mr_pool *pool, mr_mark what)
{
    if (!pool->saved || pool->rank != 0 || pool->is_calling ||
        !pthread_equal(pthread_self(), pool->main) ||
        atomic_load(&pool->handling) == (uintptr_t)pthread_self())
        return 0;
    const uint64_t number = pool->saved->begun[what]++;
    return (uint64_t)what << MARK_SHIFT | number << (what == MARK_GRAPH ? GRAPH_SHIFT : 0);
}

static uint64_t number_of(uint64_t mark)
{
    const uint64_t graph = (uint64_t)MARK_GRAPH << MARK_SHIFT;
    return (mark & graph) == graph ? mark & UINT32_MAX : mark & ~graph;
}

void mr_saved_begin(mr_saved_what *what, const char *kind)
{
    const uint64_t hash = XXH3_64bits(kind, strlen(kind));
    *what = (mr_saved_what){hash, hash, 0};
}

void mr_saved_bytes(mr_saved_what *what, const void *bytes, size_t size)
{
    const uint64_t seed = what->low ^ (what->high << 32 | what->high >> 32) ^ size;
    const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, size, seed);
    what->low = hash.low64;
    what->high = hash.high64;
}

/* ---- Asking ---- */

/* Entries of a mark: the first one, and how many. */
static size_t group_of(const mr_saved *s, uint64_t mark, const saved_entry **first)
{
    size_t low = 0, high = s->count, end;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->entries[middle].head.mark < mark)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < s->count && s->entries[end].head.mark == mark; end++)
        ;
    *first = s->entries + low;
    return end - low;
}

static bool is_that(const mr_saved_what *a, const mr_saved_what *b)
{
    return a->kind == b->kind && a->low == b->low && a->high == b->high;
}

/* Once: where one number is another task, those behind it mostly are. */
static void tell_change(mr_pool *pool, uint64_t mark, const mr_saved_what *then,
                        const mr_saved_what *now)
{
    mr_saved *s = pool->saved;
    pthread_mutex_lock(&s->lock);
    const bool first = !s->has_told;
    s->has_told = true;
    pthread_mutex_unlock(&s->lock);
    if (first && !pool->job->settings->quiet)
        mr_note("pool changed: task %" PRIu64 ": %s is not what it was when the job was begun: "
                "such tasks are run again",
                number_of(mark), then->kind == now->kind ? "an argument" : "its function");
}

/* Calls for each result that counts. True: it was written down what it is, by any run. */
static bool each_result(mr_pool *pool, uint64_t mark, const mr_saved_what *what,
                        void (*call)(void *context, const saved_entry *entry), void *context)
{
    const saved_entry *entry;
    const mr_saved_what *other = NULL;
    uint64_t run = 0;
    bool known = false;
    for (size_t left = group_of(pool->saved, mark, &entry); left > 0; left--, entry++) {
        if (entry->head.is_what && is_that(&entry->head.what, what))
            run = entry->run;
        else if (entry->head.is_what)
            other = &entry->head.what;
        else if (entry->run == run)
            call(context, entry);
        known = known || run > 0;
    }
    if (!known && other)
        tell_change(pool, mark, other, what);
    return known;
}

static void *load(mr_saved *s, const saved_entry *entry, size_t *size)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&s->lock);
    void *result = mr_journal_load(s->readers[entry->reader], entry->place, &bytes);
    pthread_mutex_unlock(&s->lock);
    *size = (size_t)bytes;
    return result;
}

static void choose(void *context, const saved_entry *entry)
{
    *(const saved_entry **)context = entry;
}

void *mr_saved_look(mr_pool *pool, uint64_t mark, const mr_saved_what *what, size_t *size)
{
    const saved_entry *entry = NULL;
    each_result(pool, mark, what, choose, &entry);
    return entry ? load(pool->saved, entry, size) : NULL;
}

static void write_what(mr_pool *pool, uint64_t mark, const mr_saved_what *what)
{
    const saved_head head = {.mark = mark, .is_what = true, .what = *what};
    mr_journal_write(pool->saved->journal, &head, sizeof head, NULL, 0);
}

void *mr_saved_find(mr_pool *pool, uint64_t mark, const mr_saved_what *what, size_t *size)
{
    void *result = mr_saved_look(pool, mark, what, size);
    if (!result)
        write_what(pool, mark, what);
    return result;
}

void mr_saved_note(mr_pool *pool, uint64_t mark, uint64_t from, uint64_t count, mr_bytes result)
{
    const saved_head head = {.mark = mark, .from = from, .count = count};
    if (result.size <= RESULT_MOST)
        mr_journal_write(pool->saved->journal, &head, sizeof head, result.data, result.size);
}

/* ---- Maps ---- */

typedef struct range_list {
    mr_saved_range *ranges;
    size_t count, room;
} range_list;

static void add_range(void *context, const saved_entry *entry)
{
    range_list *list = context;
    if (list->count == list->room) {
        const size_t room = list->room * 2 + 64;
        mr_saved_range *grown = realloc(list->ranges, room * sizeof *grown);
        if (!grown)
            return;
        list->ranges = grown;
        list->room = room;
    }
    list->ranges[list->count++] =
        (mr_saved_range){entry->head.from, entry->head.count, (void *)(uintptr_t)entry};
}

static int by_first_item(const void *left, const void *right)
{
    return compare(((const mr_saved_range *)left)->from, ((const mr_saved_range *)right)->from);
}

size_t mr_saved_ranges(mr_pool *pool, uint64_t mark, const mr_saved_what *what,
                       mr_saved_range **ranges)
{
    range_list list = {0};
    size_t kept = 0;
    uint64_t end = 0;
    each_result(pool, mark, what, add_range, &list);
    write_what(pool, mark, what);
    if (list.count > 0)
        qsort(list.ranges, list.count, sizeof *list.ranges, by_first_item);
    for (size_t i = 0; i < list.count; i++)
        if (list.ranges[i].from >= end && list.ranges[i].count > 0) {
            end = list.ranges[i].from + list.ranges[i].count;
            list.ranges[kept++] = list.ranges[i];
        }
    *ranges = list.ranges;
    return kept;
}

bool mr_saved_read(mr_pool *pool, const mr_saved_range *range, uint64_t from, uint64_t count,
                   size_t result_size, void *results)
{
    size_t size;
    char *bytes = load(pool->saved, range->where, &size);
    const bool whole = bytes && size == range->count * result_size;
    if (whole && size > 0)
        memcpy(results, bytes + (from - range->from) * result_size, count * result_size);
    free(bytes);
    return whole;
}

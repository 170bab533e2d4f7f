/*
 * engine/map.c: the map. Threads take splits, read blocks, call the kernel, and fold into the
 * rank's store; the main thread also answers other ranks between its blocks and asks them for work
 * when there is none left here.
 */
#include "engine/map.h"

#include "base/clock.h"
#include "base/memory.h"
#include "comm/dense.h"
#include "observe/crash.h"
#include "observe/signals.h"

#include <omp.h>
#include <stdlib.h>

#define PAUSE 50 /* microseconds between looks for work */

/* What the threads of a rank share. */
typedef struct map_state {
    mr_job *job;
    mr_work work;
    mr_steal *steal;
    mr_streams streams;
    pthread_mutex_t lock;  /* error, counters, dense, report */
    atomic_bool stop;      /* an error, here or elsewhere */
    atomic_bool over;      /* no more work will come to this rank */
    atomic_int at_work;    /* threads other than the main one that may still have some */
    _Atomic uint64_t done; /* bytes of the plan */
    double told;
} map_state;

/* What one thread carries. */
typedef struct worker {
    map_state *map;
    mr_out_self *self;
    mr_reader *reader;
    mr_block block;
    mr_error error;
    double busy;
    uint64_t blocks, splits;
    bool main;
} worker;

static mr_range give_work(void *map)
{
    return mr_work_give(&((map_state *)map)->work);
}

static void fail(map_state *map, const mr_error *error)
{
    pthread_mutex_lock(&map->lock);
    if (map->job->error->code == MR_OK)
        *map->job->error = *error;
    pthread_mutex_unlock(&map->lock);
    atomic_store(&map->stop, true);
}

static void tell_progress(map_state *map)
{
    mr_job *job = map->job;
    double now = mr_clock_now();
    /* Rank 0 hears from everybody: the more there are, the less often. */
    double pause = 0.25 + mr_comm_size(job->comm) / 4000.0;
    if (now - map->told < pause)
        return;
    map->told = now;
    mr_steal_tell(map->steal, atomic_load(&map->done));
    if (mr_comm_rank(job->comm) == 0)
        mr_progress_update(&job->progress, "map", mr_steal_told(map->steal));
}

/* What the main thread does for the other ranks between its blocks. */
static void serve(map_state *map)
{
    mr_error error = {0};
    if (mr_signals_check(&error) != MR_OK)
        fail(map, &error);
    mr_steal_poll(map->steal);
    if (mr_steal_stopped(map->steal))
        atomic_store(&map->stop, true);
    else if (atomic_load(&map->stop))
        mr_steal_stop(map->steal);
    tell_progress(map);
}

static mr_status run_kernel(worker *w)
{
    const mr_app *app = &w->map->job->app;
    mr_out_begin_block(w->self, &w->block);
    double start = mr_clock_now();
    mr_status status = app->map(&w->self->out, &w->block);
    w->busy += mr_clock_now() - start;
    w->blocks++;
    if (status != MR_OK && w->self->error.code == MR_OK)
        mr_out_fail(&w->self->out, status, "kernel failed: %s", app->name);
    mr_out_end_block(w->self);
    w->block.data = NULL;
    if (w->self->error.code != MR_OK)
        w->error = w->self->error;
    return w->self->error.code;
}

/* Takes blocks from a stream until it ends, as other threads may do at the same time. */
static mr_status run_stream(worker *w, mr_stream *stream)
{
    while (!atomic_load(&w->map->stop)) {
        mr_reading reading = mr_reader_stream(w->reader, stream, &w->block, &w->error);
        if (reading == MR_READING_ERROR)
            return w->error.code;
        if (reading == MR_READING_END)
            return MR_OK;
        MR_TRY(run_kernel(w));
        if (w->main)
            serve(w->map);
    }
    return MR_OK;
}

/* Opens a stream for all threads of the rank to see. It stays open until the map is over: who takes
 * from it last can't be known before. */
static mr_status open_stream(worker *w, size_t file, mr_stream **stream)
{
    mr_job *job = w->map->job;
    mr_streams *streams = &w->map->streams;
    mr_records records = {job->app.input, job->app.record_size};
    MR_TRY(mr_stream_open(stream, job->plan, file, records, &w->error));
    pthread_mutex_lock(&streams->lock);
    if (streams->count == streams->capacity) {
        size_t capacity = streams->capacity * 2 + 8;
        mr_stream **open = realloc(streams->open, capacity * sizeof(mr_stream *));
        if (open) {
            streams->open = open;
            streams->capacity = capacity;
        }
    }
    bool added = streams->count < streams->capacity;
    if (added)
        streams->open[streams->count++] = *stream;
    pthread_mutex_unlock(&streams->lock);
    if (added)
        return MR_OK;
    mr_stream_close(stream);
    return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: opening a compressed file");
}

/* The last stream that was opened: the likeliest to have something left. */
static mr_stream *stream_at(map_state *map, size_t back)
{
    mr_streams *streams = &map->streams;
    pthread_mutex_lock(&streams->lock);
    mr_stream *stream = back < streams->count ? streams->open[streams->count - 1 - back] : NULL;
    pthread_mutex_unlock(&streams->lock);
    return stream;
}

static mr_status run_split(worker *w, uint64_t split)
{
    map_state *map = w->map;
    mr_reader_start(w->reader, split);
    for (;;) {
        size_t file;
        mr_stream *stream;
        mr_reading reading = mr_reader_next(w->reader, &w->block, &file, &w->error);
        if (reading == MR_READING_END)
            break;
        if (reading == MR_READING_ERROR)
            return w->error.code;
        if (reading == MR_READING_BLOCK) {
            MR_TRY(run_kernel(w));
        } else {
            MR_TRY(open_stream(w, file, &stream));
            MR_TRY(run_stream(w, stream));
        }
    }
    w->splits++;
    atomic_fetch_add_explicit(&map->done, map->job->plan->block, memory_order_relaxed);
    return MR_OK;
}

/* Helps with the streams that other threads have opened. */
static mr_status help_streams(worker *w)
{
    mr_stream *stream;
    for (size_t back = 0; (stream = stream_at(w->map, back)); back++)
        MR_TRY(run_stream(w, stream));
    return MR_OK;
}

/* The main thread, when there is nothing left to take: asks others; says when this rank is done. */
static void look_for_work(map_state *map)
{
    mr_range range;
    serve(map);
    if (atomic_load(&map->stop)) {
        atomic_store(&map->over, true);
        return;
    }
    mr_steal_state state = MR_STEAL_NOTHING;
    if (!map->job->settings->no_steal)
        state = mr_steal_ask(map->steal, &range);
    if (state == MR_STEAL_GOT)
        mr_work_add(&map->work, range);
    else if (state == MR_STEAL_NOTHING)
        atomic_store(&map->over, true);
    else
        mr_clock_nap(PAUSE);
}

static mr_status work_on(worker *w)
{
    map_state *map = w->map;
    while (!atomic_load(&map->stop)) {
        uint64_t split;
        bool found = mr_work_take(&map->work, &split);
        MR_TRY(found ? run_split(w, split) : help_streams(w));
        if (w->main)
            serve(map);
        if (found)
            continue;
        if (atomic_load(&map->over))
            break;
        if (w->main)
            look_for_work(map);
        else
            mr_clock_nap(PAUSE);
    }
    return MR_OK;
}

/* Standard input and other pipes: rank 0 alone can read them, all its threads do. */
static mr_status run_pipes(worker *w)
{
    const mr_plan *plan = w->map->job->plan;
    mr_stream *stream;
    if (!w->main || mr_comm_rank(w->map->job->comm) != 0)
        return MR_OK;
    for (size_t file = 0; plan->streams > 0 && file < plan->count; file++) {
        if (plan->files[file].kind != MR_FILE_STREAM)
            continue;
        MR_TRY(open_stream(w, file, &stream));
        MR_TRY(run_stream(w, stream));
    }
    return MR_OK;
}

/*
 * What a thread's table may grow to. A million keys fit in the largest; all tables of a rank
 * together take little beside what the store of so many keys does, or a small part of a large
 * budget.
 */
#define TABLE_MOST  ((uint64_t)31 << 20)
#define TABLES_MOST ((uint64_t)62 << 20)

static uint64_t table_most(const mr_job *job)
{
    uint64_t budget = mr_memory_budget(), all = TABLES_MOST;
    if (budget / 256 > all)
        all = budget / 256;
    if (budget && budget / 8 < all)
        all = budget / 8;
    uint64_t each = all / job->threads;
    return each < TABLE_MOST ? each : TABLE_MOST;
}

static mr_status open_worker(worker *w)
{
    mr_job *job = w->map->job;
    mr_records records = {job->app.input, job->app.record_size};
    MR_TRY(mr_reader_create(&w->reader, job->plan, records, &w->error));
    MR_TRY(mr_out_create(&w->self, &job->app, job->store, job->share.cache / 2, table_most(job),
                         omp_get_thread_num(), omp_get_num_threads(), &w->error));
    w->self->state = job->state;
    if (!job->app.local_open)
        return MR_OK;
    mr_status status = job->app.local_open(&w->self->out, w->self->local);
    if (status != MR_OK) {
        mr_out_fail(&w->self->out, status, "cannot start a thread: %s", job->app.name);
        w->error = w->self->error;
    }
    return status;
}

/* Merges a thread's dense results into the rank's; the first thread's become the rank's. */
static void merge_dense(mr_job *job, mr_out_self *self)
{
    const mr_fold *fold = job->app.fold;
    if (!job->dense) {
        job->dense = self->out.dense;
        self->out.dense = NULL;
        return;
    }
    for (uint64_t i = 0; i < job->app.dense_count; i++)
        fold->merge(fold, job->dense + i * fold->size, self->out.dense + i * fold->size);
}

static void close_worker(worker *w)
{
    map_state *map = w->map;
    mr_job *job = map->job;
    if (w->self && job->app.local_close)
        job->app.local_close(&w->self->out, w->self->local);
    pthread_mutex_lock(&map->lock);
    if (w->self) {
        if (w->self->out.dense)
            merge_dense(job, w->self);
        for (int i = 0; i < w->self->counter_count; i++)
            mr_job_count(job, w->self->counters[i].name, w->self->counters[i].value);
        job->report.flushes += w->self->flushes;
    }
    job->report.busy += w->busy;
    job->report.blocks += w->blocks;
    job->report.splits += w->splits;
    if (w->reader)
        job->report.bytes_read += mr_reader_bytes(w->reader);
    pthread_mutex_unlock(&map->lock);
    mr_out_destroy(&w->self);
    mr_reader_destroy(&w->reader);
}

static void run_worker(map_state *map)
{
    worker w = {.map = map, .main = omp_get_thread_num() == 0};
    mr_crash_thread_begin(omp_get_thread_num(), &w.block);
    mr_status status = open_worker(&w);
    if (status == MR_OK)
        status = run_pipes(&w);
    if (status == MR_OK)
        status = work_on(&w);
    if (status == MR_OK && mr_out_flush(w.self) != MR_OK)
        w.error = w.self->error;
    if (w.error.code != MR_OK)
        fail(map, &w.error);
    close_worker(&w);
    /* Other ranks may be waiting for an answer: the main thread stays until the last one leaves. */
    if (!w.main)
        atomic_fetch_sub(&map->at_work, 1);
    while (w.main && atomic_load(&map->at_work) > 0) {
        serve(map);
        mr_clock_nap(PAUSE);
    }
    mr_crash_thread_end();
}

static mr_range first_share(const mr_job *job)
{
    __extension__ typedef unsigned __int128 wide;
    wide splits = job->plan->splits, rank = (wide)mr_comm_rank(job->comm);
    wide size = (wide)mr_comm_size(job->comm);
    return (mr_range){(uint64_t)(splits * rank / size), (uint64_t)(splits * (rank + 1) / size)};
}

/* Partitions for the store: enough that threads seldom meet in one. */
static unsigned bits_for(unsigned threads)
{
    unsigned bits = 6;
    while (bits < MR_STORE_BITS_MOST && 1u << bits < threads * 8)
        bits++;
    return bits;
}

static mr_status start_map(map_state *map)
{
    mr_job *job = map->job;
    pthread_mutex_init(&map->lock, NULL);
    pthread_mutex_init(&map->streams.lock, NULL);
    mr_work_start(&map->work, first_share(job));
    mr_status status =
        mr_store_create(&job->store, job->app.fold, bits_for(job->threads), job->error);
    if (status == MR_OK)
        status = mr_steal_create(&map->steal, job->comm, give_work, map, job->error);
    return mr_comm_agree(job->comm, job->error);
}

static void end_map(map_state *map)
{
    mr_job *job = map->job;
    for (size_t i = 0; i < map->streams.count; i++)
        mr_stream_close(&map->streams.open[i]);
    free(map->streams.open);
    job->report.splits_stolen = map->work.stolen;
    job->report.keys = job->store ? mr_store_keys(job->store) : 0;
    mr_steal_destroy(&map->steal);
    mr_work_end(&map->work);
    pthread_mutex_destroy(&map->lock);
    pthread_mutex_destroy(&map->streams.lock);
}

mr_status mr_job_map(mr_job *job)
{
    map_state map = {.job = job};
    mr_status status = start_map(&map);
    if (status == MR_OK) {
#pragma omp parallel num_threads((int)job->threads)
        {
#pragma omp single
            atomic_store(&map.at_work, omp_get_num_threads() - 1);
            run_worker(&map);
        }
        if (job->error->code != MR_OK)
            mr_steal_stop(map.steal);
        while (!mr_steal_end(map.steal)) {
            tell_progress(&map);
            mr_clock_nap(PAUSE);
        }
        status = mr_comm_agree(job->comm, job->error);
    }
    end_map(&map);
    if (status == MR_OK && job->dense)
        mr_dense_reduce(job->comm, job->app.fold, job->dense, job->app.dense_count);
    return status;
}

/*
 * engine/map.c: the map over files. A unit is a split; blocks of it are what kernels get.
 * Compressed files and pipes are read by one thread at a time, and all threads work on their
 * blocks. Rows of numbers come from pieces of datasets, or from blocks of lines.
 */
#include "engine/map.h"

#include "base/flight.h"
#include "engine/bad.h"
#include "engine/rest.h"
#include "engine/step.h"
#include "input/grid.h"

#include <stdlib.h>

/* Compressed files and pipes being read: any thread may take blocks from them. Thread-safe. */
typedef struct stream_list {
    pthread_mutex_t lock;
    mr_stream **open;
    size_t count, capacity;
} stream_list;

/* What the threads of a rank share. */
typedef struct mr_map_state {
    const mr_plan *plan;
    mr_records records;
    mr_map_kernel *kernel;
    stream_list streams;
} map_state;

static map_state *state_of(const mr_worker *w)
{
    return w->feed->self;
}

/* What a thread reads with. */
typedef struct readers {
    mr_reader *bytes;
    mr_gridder *rows; /* NULL: not wanted */
    mr_grid part;     /* the rows of a block that is left of another one */
    mr_worker *worker;
    uint64_t file_index; /* of the lines that are made rows */
} readers;

static readers *readers_of(const mr_worker *w)
{
    return w->own;
}

static mr_reader *reader_of(const mr_worker *w)
{
    return readers_of(w)->bytes;
}

static mr_gridder *gridder_of(const mr_worker *w)
{
    return readers_of(w)->rows;
}

/* Puts the record that the kernel was at on the list. */
static mr_status set_aside(mr_worker *w)
{
    const mr_block *block = w->block;
    mr_out_self *self = w->self;
    mr_status status = mr_bad_add(w->feed->job, block->file, block->file_index,
                                  mr_block_offset_of(block, block->record),
                                  block->grid && !block->grid->places, self->reason, &self->error);
    self->reason[0] = '\0';
    return status;
}

/* Calls the kernel, and again with the rest of the block behind each record that it says is bad. */
static mr_status run_kernel(mr_worker *w)
{
    mr_block *block = w->block;
    bool is_bad;
    do {
        mr_feed_begin(w, block);
        mr_status status = state_of(w)->kernel(&w->self->out, block);
        is_bad = status == MR_BAD_RECORD && w->self->error.code == MR_OK;
        if (block->record < block->data || block->record > block->end)
            block->record = block->data;
        if (is_bad)
            status = set_aside(w);
        MR_TRY(mr_feed_end(w, status));
        const char *next = mr_rest_next(block, state_of(w)->records.kind, block->record);
        is_bad = is_bad && next < block->end;
        if (is_bad)
            mr_rest_cut(block, &readers_of(w)->part, next, block->end);
    } while (is_bad);
    block->data = NULL;
    return MR_OK;
}

/* A line that is no row, as the reader says. */
static mr_status set_line_aside(void *self, const char *path, uint64_t place, const char *reason)
{
    const readers *own = self;
    return mr_bad_add(own->worker->feed->job, path, own->file_index, place, false, reason,
                      &own->worker->error);
}

/* A block of bytes, or of rows; or bytes that become rows. */
static mr_status run_whole(mr_worker *w)
{
    if (!gridder_of(w) || w->block->grid)
        return run_kernel(w);
    readers_of(w)->file_index = w->block->file_index;
    MR_TRY(mr_gridder_parse(gridder_of(w), w->block, &w->error));
    return w->block->grid ? run_kernel(w) : MR_OK;
}

/* Leaves out a record that killed a kernel. */
static mr_status leave_out(mr_worker *w, const mr_block *block, const char *record,
                           const char *next, const mr_skip *skip)
{
    mr_job *job = w->feed->job;
    MR_TRY(mr_bad_record_keep(job->settings->checkpoint, block->file_index, skip->offset,
                              mr_bytes_between(record, next), &w->error));
    return mr_bad_add(job, block->file, block->file_index, skip->offset,
                      block->grid && !block->grid->places, skip->reason, &w->error);
}

static mr_status run_cut(mr_worker *w, const mr_block *whole, const char *from, const char *to)
{
    char hidden[MR_BLOCK_PADDING];
    if (from == to)
        return MR_OK;
    *w->block = *whole;
    mr_rest_cut(w->block, &readers_of(w)->part, from, to);
    const mr_block part = *w->block;
    mr_rest_cover(&part, hidden);
    mr_status status = run_whole(w);
    mr_rest_uncover(&part, hidden);
    return status;
}

/* A block, but for the records that are on the skip list: what is between them. */
static mr_status run_block(mr_worker *w)
{
    const mr_bad *bad = w->feed->job->bad;
    const mr_input kind = state_of(w)->records.kind;
    const mr_block whole = *w->block;
    const char *from = whole.data;
    for (size_t i = 0; i < bad->skip_count; i++) {
        const mr_skip *skip = &bad->skips[i];
        const char *record =
            strcmp(skip->file, whole.file) == 0 ? mr_rest_find(&whole, kind, skip->offset) : NULL;
        if (!record || record < from)
            continue;
        const char *next = mr_rest_next(&whole, kind, record);
        MR_TRY(run_cut(w, &whole, from, record));
        MR_TRY(leave_out(w, &whole, record, next, skip));
        from = next;
    }
    return from == whole.data ? run_whole(w) : run_cut(w, &whole, from, whole.end);
}

/* The piece of a dataset that the reader has met. */
static mr_status run_piece(mr_worker *w, size_t file)
{
    uint64_t begin, end;
    mr_reader_piece(reader_of(w), &begin, &end);
    MR_TRY(mr_gridder_read(gridder_of(w), file, begin, end, w->block, &w->error));
    return w->block->grid ? run_block(w) : MR_OK;
}

/* The number that a block goes by: of the split that its first byte is in, or that its stream is
 * read for. `mapred replay --block` takes it. */
static uint64_t split_of_stream(const mr_worker *w)
{
    const mr_plan *plan = state_of(w)->plan;
    const uint64_t file = w->block->file_index;
    if (plan->files[file].kind == MR_FILE_STREAM)
        return MR_FLIGHT_NO_NUMBER;
    return plan->starts[file] / plan->block;
}

/* Takes blocks from a stream until it ends, as other threads may do at the same time. */
static mr_status run_stream(mr_worker *w, mr_stream *stream)
{
    const mr_plan *plan = state_of(w)->plan;
    mr_span_begin(w->feed->between);
    while (!mr_feed_stopped(w->feed) && !mr_feed_pausing(w->feed)) {
        mr_reading reading = mr_reader_stream(reader_of(w), stream, w->block, &w->error);
        if (reading == MR_READING_ERROR)
            return w->error.code;
        if (reading == MR_READING_END)
            return MR_OK;
        w->split = split_of_stream(w);
        w->unit = plan->starts[w->block->file_index] / plan->block;
        MR_TRY(run_block(w));
        mr_feed_serve(w);
    }
    return MR_OK;
}

/* Opens a stream for all threads of the rank to see. It stays open until the map is over: who takes
 * from it last can't be known before. */
static mr_status open_stream(map_state *map, size_t file, mr_stream **stream, mr_error *error)
{
    stream_list *streams = &map->streams;
    MR_TRY(mr_stream_open(stream, map->plan, file, map->records, error));
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
    return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening a compressed file");
}

/* The last stream that was opened: the likeliest to have something left. */
static mr_stream *stream_at(map_state *map, size_t back)
{
    stream_list *streams = &map->streams;
    pthread_mutex_lock(&streams->lock);
    mr_stream *stream = back < streams->count ? streams->open[streams->count - 1 - back] : NULL;
    pthread_mutex_unlock(&streams->lock);
    return stream;
}

/* What begins in bytes [begin, end) of all input. */
static mr_status run_part(mr_worker *w, mr_range part)
{
    mr_reader *reader = reader_of(w);
    mr_reader_start_at(reader, part.begin, part.end);
    for (;;) {
        size_t file;
        mr_stream *stream;
        mr_reading reading = mr_reader_next(reader, w->block, &file, &w->error);
        if (reading == MR_READING_END)
            break;
        if (reading == MR_READING_ERROR)
            return w->error.code;
        w->split = part.begin / state_of(w)->plan->block;
        if (reading == MR_READING_BLOCK) {
            MR_TRY(run_block(w));
        } else if (reading == MR_READING_NUMBERS) {
            MR_TRY(run_piece(w, file));
        } else {
            MR_TRY(open_stream(state_of(w), file, &stream, &w->error));
            MR_TRY(run_stream(w, stream));
        }
    }
    return MR_OK;
}

/* All of a split, or what a run before this one has left of it. */
static mr_status run_split(mr_worker *w, uint64_t split)
{
    const mr_plan *plan = state_of(w)->plan;
    uint64_t begin = split * plan->block, all = mr_plan_bytes(plan),
             end = all - begin > plan->block ? begin + plan->block : all;
    for (mr_range part; mr_step_next(w->feed->step, begin, end, &part); begin = part.end)
        MR_TRY(run_part(w, part));
    return MR_OK;
}

/* Helps with the streams that other threads have opened. */
static mr_status help_streams(mr_worker *w)
{
    mr_stream *stream;
    for (size_t back = 0; (stream = stream_at(state_of(w), back)); back++)
        MR_TRY(run_stream(w, stream));
    return MR_OK;
}

/* Standard input and other pipes: rank 0 alone can read them, all its threads do. */
static mr_status run_pipes(mr_worker *w)
{
    const mr_plan *plan = state_of(w)->plan;
    mr_stream *stream;
    if (!w->main || mr_comm_rank(w->feed->job->comm) != 0 || w->feed->job->settings->replay)
        return MR_OK;
    for (size_t file = 0; plan->streams > 0 && file < plan->count; file++) {
        if (plan->files[file].kind != MR_FILE_STREAM)
            continue;
        MR_TRY(open_stream(state_of(w), file, &stream, &w->error));
        MR_TRY(run_stream(w, stream));
    }
    return MR_OK;
}

static mr_status open_reader(mr_worker *w)
{
    const map_state *map = state_of(w);
    readers *own = w->own = calloc(1, sizeof *own);
    if (!own)
        return mr_error_set(&w->error, MR_NO_MEMORY, "out of memory: making a reader");
    MR_TRY(mr_reader_create(&own->bytes, map->plan, map->records, &w->error));
    own->worker = w;
    if (map->plan->sheet) {
        MR_TRY(mr_gridder_create(&own->rows, map->plan, &w->error));
        if (w->feed->job->settings->skip_bad > 0)
            mr_gridder_refuse(own->rows, set_line_aside, own);
    }
    return run_pipes(w);
}

static void close_reader(mr_worker *w)
{
    readers *own = w->own;
    mr_rank_report *report = &w->feed->job->report;
    if (!own)
        return;
    pthread_mutex_lock(&w->feed->lock);
    report->bytes_read += own->bytes ? mr_reader_bytes(own->bytes) : 0;
    report->bytes_read += own->rows ? mr_gridder_bytes(own->rows) : 0;
    pthread_mutex_unlock(&w->feed->lock);
    mr_gridder_destroy(&own->rows);
    mr_reader_destroy(&own->bytes);
    free(own);
}

/* A block alone, where only that one is wanted: it is rank 0 that has it. */
static mr_status limit_to_replay(mr_feed *feed, const mr_plan *plan)
{
    const mr_settings *settings = feed->job->settings;
    unsigned long long block = settings->replay_block;
    if (!settings->replay)
        return MR_OK;
    if (block >= plan->splits)
        return mr_error_set(feed->job->error, MR_USAGE,
                            "no such block: %llu: the input has %llu of them, from 0 on", block,
                            (unsigned long long)plan->splits);
    feed->share = (mr_range){block, block + 1};
    return MR_OK;
}

/* How far one stream was read. */
typedef struct stream_place {
    uint64_t file, offset;
} stream_place;

bool mr_map_is_reading(const mr_step *step)
{
    size_t file;
    uint64_t offset;
    for (size_t i = 0; step->map && i < step->map->streams.count; i++)
        if (mr_stream_offset(step->map->streams.open[i], &file, &offset))
            return true;
    return false;
}

mr_status mr_map_save(mr_step *step)
{
    char name[MR_STEP_NAME];
    const stream_list *streams = &step->map->streams;
    mr_job *job = step->job;
    mr_step_name(step, "streams", name);
    for (size_t i = 0; i < streams->count; i++) {
        size_t file;
        stream_place place;
        if (!mr_stream_offset(streams->open[i], &file, &place.offset))
            continue;
        place.file = file;
        MR_TRY(mr_keep_add(job->keep, name, &place, sizeof place, job->error));
    }
    return MR_OK;
}

/* Where streams that a run before this one has begun go. */
typedef struct stream_taker {
    map_state *map;
    mr_error *error;
} stream_taker;

static mr_status take_up_stream(void *context, char *bytes, size_t size)
{
    const stream_taker *taker = context;
    stream_place place;
    mr_stream *stream;
    (void)size;
    memcpy(&place, bytes, sizeof place);
    MR_TRY(open_stream(taker->map, place.file, &stream, taker->error));
    mr_stream_skip(stream, place.offset);
    return MR_OK;
}

mr_status mr_map_input(mr_feed *feed, const mr_plan *plan, mr_records records,
                       mr_map_kernel *kernel)
{
    if (records.kind == MR_INPUT_ROWS) /* of text, those are lines */
        records.kind = MR_INPUT_LINES;
    map_state map = {.plan = plan, .records = records, .kernel = kernel};
    pthread_mutex_init(&map.streams.lock, NULL);
    feed->self = &map;
    feed->phase = "map";
    feed->share = mr_feed_share(feed->job, plan->splits);
    feed->steal = true;
    feed->unit_bytes = plan->block;
    feed->between = MR_SPAN_READ;
    feed->open = open_reader;
    feed->run = run_split;
    feed->idle = help_streams;
    feed->close = close_reader;
    mr_step *step = feed->step && feed->step->job ? feed->step : NULL;
    if (step) {
        step->map = &map;
        if (step->resumed)
            mr_step_load(step, "streams", take_up_stream, &(stream_taker){&map, feed->job->error});
    }
    mr_status status = mr_bad_open(feed->job);
    if (status == MR_OK)
        status = limit_to_replay(feed, plan);
    if (status == MR_OK)
        status = mr_bad_settle(feed->job, mr_feed_run(feed));
    if (step)
        step->map = NULL;
    for (size_t i = 0; i < map.streams.count; i++)
        mr_stream_close(&map.streams.open[i]);
    free(map.streams.open);
    pthread_mutex_destroy(&map.streams.lock);
    return status;
}

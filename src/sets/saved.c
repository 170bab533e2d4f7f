/* sets/saved.c: saving what is being made, and making it again. */
#include "sets/saved.h"

#include "base/memory.h"
#include "engine/dense.h"
#include "engine/wire.h"

#include <omp.h>
#include <stdlib.h>

#define FRAME ((size_t)256 << 10)

/* Records of a store on their way to a file. */
typedef struct store_frame {
    mr_keep_file *file;
    unsigned char *bytes;
    size_t size, capacity;
} store_frame;

static mr_status send_frame(store_frame *frame)
{
    mr_status status = MR_OK;
    if (frame->size > 0)
        status = mr_keep_file_frame(frame->file, frame->bytes, frame->size);
    frame->size = 0;
    return status;
}

static mr_status add_record(store_frame *frame, const mr_store *store, const mr_record *record)
{
    size_t size = mr_wire_size(store, record);
    if (frame->size + size > frame->capacity)
        MR_TRY(send_frame(frame));
    if (size > frame->capacity) {
        unsigned char *more = realloc(frame->bytes, size);
        if (!more)
            return MR_NO_MEMORY;
        frame->bytes = more;
        frame->capacity = size;
    }
    frame->size += mr_wire_put(store, record, frame->bytes + frame->size);
    return MR_OK;
}

static mr_status add_partition(store_frame *frame, const mr_store *store, unsigned p)
{
    const mr_partition *partition = &store->partitions[p];
    for (size_t at = 0; at < partition->used;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        MR_TRY(add_record(frame, store, record));
        at += mr_record_size(record, store->value);
    }
    return MR_OK;
}

static mr_status write_store(const mr_job *job, const mr_store *store, mr_keep_file *file)
{
    mr_status worst = MR_OK;
#pragma omp parallel num_threads((int)job->threads)
    {
        store_frame frame = {.file = file, .bytes = malloc(FRAME), .capacity = FRAME};
        mr_status status = frame.bytes ? MR_OK : MR_NO_MEMORY;
#pragma omp for schedule(dynamic)
        for (unsigned p = 0; p < store->count; p++)
            if (status == MR_OK)
                status = add_partition(&frame, store, p);
        if (status == MR_OK)
            status = send_frame(&frame);
#pragma omp critical
        if (status != MR_OK)
            worst = status;
        free(frame.bytes);
    }
    return worst;
}

static mr_status save_store(mr_step *step)
{
    char name[MR_STEP_NAME];
    const mr_folding *f = step->self;
    mr_job *job = step->job;
    mr_keep_file *file;
    mr_step_name(step, "store", name);
    MR_TRY(mr_keep_file_create(job->keep, &file, job->error));
    mr_status status = write_store(job, f->store, file);
    if (status == MR_NO_MEMORY)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: saving what is folded");
    else
        status = mr_keep_add_file(job->keep, name, file, job->error);
    mr_keep_file_destroy(&file);
    return status;
}

/* The next round's pages go to the same piles. */
static mr_status shuffle_again(mr_step *step)
{
    mr_making *making = step->self; /* a folding begins with its making */
    mr_job *job = step->job;
    mr_shuffle *again = NULL;
    mr_shuffle_again(&again, making->shuffle);
    if (again)
        mr_pair_sample_merge(mr_shuffle_sample(again), mr_shuffle_sample(making->shuffle),
                             job->error);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status != MR_OK) {
        mr_shuffle_destroy(&again);
        return status;
    }
    mr_shuffle_destroy(&making->shuffle);
    making->shuffle = making->feed.shuffle = again;
    return MR_OK;
}

/* What was saved, on its way back: a unit is an entry. */
typedef struct taking_up {
    const mr_step *step;
    mr_making *making;
    mr_folding *folding; /* NULL: nothing is folded */
    char pairs[MR_STEP_NAME], store[MR_STEP_NAME];
    size_t pair_count, store_count;
} taking_up;

static mr_status open_taking(mr_worker *w)
{
    const taking_up *t = w->feed->self;
    mr_making_open(t->making, w);
    return MR_OK;
}

static mr_status put_pairs(mr_worker *w, const unsigned char *bytes, size_t size)
{
    const taking_up *t = w->feed->self;
    const mr_pair_layout *layout = &t->making->set->layout;
    mr_out_self *self = w->self;
    mr_feed_begin(w, NULL);
    mr_status status = MR_OK;
    for (const unsigned char *at = bytes; at < bytes + size && status == MR_OK;) {
        mr_pair pair;
        uint64_t place = mr_pair_place(layout, at);
        at = mr_pair_read(layout, at, &pair);
        status = mr_emit(self->emitter, pair.key, pair.value, place, &self->error);
    }
    return mr_feed_end(w, status);
}

static mr_status fold_records(mr_worker *w, unsigned char *bytes, size_t size,
                              mr_unpacker *unpacker)
{
    const taking_up *t = w->feed->self;
    mr_feed_begin(w, NULL);
    return mr_feed_end(w,
                       mr_wire_fold(t->folding->store, bytes, size,
                                    (unsigned)omp_get_thread_num() * 7, unpacker, &w->self->error));
}

/* All of an entry, frame by frame. */
static mr_status take_up(mr_worker *w, uint64_t unit)
{
    const taking_up *t = w->feed->self;
    bool folds = unit < t->store_count;
    mr_job *job = w->feed->job;
    const mr_keep_entry *entry = mr_keep_entry_at(job->keep, folds ? t->store : t->pairs,
                                                  folds ? unit : unit - t->store_count);
    mr_keep_reader reader;
    mr_unpacker unpacker = {.capacity = 0};
    void *bytes = NULL;
    size_t capacity = 0, size;
    mr_status status = mr_keep_reader_open(&reader, job->keep, entry, &w->error);
    while (status == MR_OK && mr_keep_reader_left(&reader) > 0 && !mr_feed_stopped(w->feed)) {
        status = mr_keep_reader_frame(&reader, &bytes, &capacity, &size, &w->error);
        if (status == MR_OK && folds)
            status = fold_records(w, bytes, size, &unpacker);
        else if (status == MR_OK)
            status = put_pairs(w, bytes, size);
        mr_feed_serve(w);
    }
    mr_status closed = mr_keep_reader_close(&reader, &w->error);
    mr_unpacker_free(&unpacker);
    free(bytes);
    return status == MR_OK ? closed : status;
}

static mr_status run_taking(taking_up *t)
{
    mr_making *making = t->making;
    mr_job *job = making->job;
    mr_app app = {.name = job->app.name};
    mr_feed feed = {.job = job,
                    .app = &app,
                    .shuffle = making->shuffle,
                    .context = making->feed.context,
                    .phase = "resume",
                    .share = mr_feed_share(job, t->store_count + t->pair_count),
                    .steal = true,
                    .open = open_taking,
                    .run = take_up,
                    .self = t};
    if (t->folding) {
        feed.store = t->folding->store;
        feed.relieve = making->feed.relieve;
        feed.relief = making->feed.relief;
    }
    return mr_feed_run(&feed);
}

/* Collective. What a run before this one has saved of the step. */
static mr_status take_in(mr_making *making, mr_folding *folding, mr_step *step)
{
    mr_job *job = step->job;
    taking_up t = {.step = step, .making = making, .folding = folding};
    mr_step_pairs_name(step, t.pairs);
    mr_step_name(step, "store", t.store);
    t.pair_count = mr_keep_count(job->keep, t.pairs);
    t.store_count = folding ? mr_keep_count(job->keep, t.store) : 0;
    if (t.pair_count + t.store_count == 0)
        return MR_OK;
    if (folding && t.pair_count > 0)
        atomic_store(&folding->relieved, true);
    MR_TRY(run_taking(&t));
    return shuffle_again(step);
}

static void tell_file(void *file, const void *pairs, size_t size)
{
    mr_keep_file_frame(file, pairs, size);
}

static mr_status begin_step(mr_making *making, mr_folding *folding, mr_step *step, uint64_t unit)
{
    mr_job *job = making->job;
    MR_TRY(mr_step_begin(step, job, unit));
    if (!step->job)
        return MR_OK;
    step->self = folding ? (void *)folding : making;
    step->calls = (mr_step_calls){.save = folding ? save_store : NULL, .again = shuffle_again};
    mr_status status = step->resumed ? take_in(making, folding, step) : MR_OK;
    if (status == MR_OK)
        mr_keep_file_create(job->keep, &step->pairs, job->error);
    if (status == MR_OK)
        status = mr_comm_agree(job->comm, job->error);
    if (status != MR_OK)
        return mr_step_end(step, status);
    making->set->piles.told = tell_file;
    making->set->piles.context = step->pairs;
    making->feed.step = step;
    return MR_OK;
}

mr_status mr_making_step(mr_making *making, mr_step *step, uint64_t unit)
{
    return begin_step(making, NULL, step, unit);
}

mr_status mr_folding_step(mr_folding *folding, mr_step *step, uint64_t unit)
{
    return begin_step(&folding->making, folding, step, unit);
}

mr_status mr_making_step_end(mr_making *making, mr_step *step, mr_status status)
{
    status = mr_step_end(step, status);
    making->set->piles.told = NULL;
    making->feed.step = NULL;
    return status;
}

static mr_status save_dense(mr_step *step)
{
    return mr_dense_save(step->job->dense, step);
}

mr_status mr_dense_step(mr_job *job, mr_feed *feed, mr_step *step, uint64_t unit)
{
    MR_TRY(mr_step_begin(step, job, unit));
    if (!step->job)
        return MR_OK;
    step->calls.save = save_dense;
    if (step->resumed)
        mr_dense_load(job->dense, step);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status != MR_OK)
        return mr_step_end(step, status);
    feed->step = step;
    return MR_OK;
}

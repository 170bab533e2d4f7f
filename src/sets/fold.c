/*
 * sets/fold.c: sets whose values are accumulators. Kernels fold into the tables and the store of
 * their rank as in any folded job; the store empties into the set, pair by pair, when it is done or
 * when memory gets tight, and what several ranks (or the same one, several times) have folded of a
 * key is merged where the key belongs.
 */
#include "sets/fold.h"

#include "sets/saved.h"
#include "store/first.h"

#include <stdlib.h>

/* A value that is not in one piece yet. */
static mr_status emit_with_tail(mr_out_self *self, const mr_fold *fold, mr_bytes key,
                                const void *accumulator)
{
    size_t size = mr_folded_size(fold, accumulator);
    unsigned char *bytes = malloc(size + 1);
    if (!bytes)
        return mr_error_set(&self->error, MR_NO_MEMORY, "out of memory: a folded value");
    mr_folded_put(fold, accumulator, bytes);
    mr_status status = mr_emit(self->emitter, key, mr_bytes_at(bytes, size), 0, &self->error);
    free(bytes);
    return status;
}

/* Puts the records of a partition into the set, and empties it. */
static mr_status empty_partition(mr_out_self *self, const mr_store *store, mr_partition *partition)
{
    mr_status status = MR_OK;
    mr_partition_seal(partition);
    for (size_t at = 0; at < partition->used && status == MR_OK;) {
        const mr_record *record = (const mr_record *)(const void *)(partition->records + at);
        const void *accumulator = mr_record_value(record);
        mr_bytes key = mr_record_key_bytes(record);
        if (mr_folded_has_tail(store->fold))
            status = emit_with_tail(self, store->fold, key, accumulator);
        else
            status = mr_emit(self->emitter, key, mr_bytes_at(accumulator, store->value), 0,
                             &self->error);
        at += mr_record_size(record, store->value);
    }
    mr_partition_clear(partition);
    return status;
}

/* Empties a partition that others go on to fold into: whoever waited for it might be the one that
 * has to move the pages. */
static mr_status empty_next(mr_worker *w, mr_folding *f)
{
    mr_store *store = w->feed->store;
    mr_partition *partition = &store->partitions[atomic_fetch_add(&f->next, 1) % store->count];
    mr_partition taken;
    if (!mr_partition_claim(partition))
        return MR_OK;
    mr_partition_take(partition, &taken);
    mr_partition_release(partition);
    if (taken.count > 0)
        atomic_store(&f->relieved, true);
    return empty_partition(w->self, store, &taken);
}

/* Between two kernels, as long as memory is tight: what is folded so far makes room. */
static mr_status relieve(mr_worker *w)
{
    mr_status status = MR_OK;
    for (unsigned i = 0; i < w->feed->store->count && mr_memory_is_tight(0); i++) {
        status = empty_next(w, w->feed->relief);
        if (status != MR_OK)
            break;
    }
    if (status != MR_OK)
        w->error = w->self->error;
    return status;
}

/* The second half: what is left in the store. A unit is a partition. */
static mr_status put_partition(mr_worker *w, uint64_t unit)
{
    mr_folding *f = w->feed->relief;
    mr_feed_begin(w, NULL);
    return mr_feed_end(w, empty_partition(w->self, f->store, &f->store->partitions[unit]));
}

static mr_status put_store(mr_folding *f)
{
    mr_shuffle *again = NULL;
    mr_job *job = f->making.job;
    mr_shuffle_again(&again, f->making.shuffle);
    mr_status status = mr_job_agree(job);
    mr_app app = {.name = job->app.name};
    mr_feed feed = {.job = job,
                    .app = &app,
                    .shuffle = again,
                    .phase = "combine",
                    .share = {0, f->store->count},
                    .run = put_partition,
                    .relief = f};
    if (status == MR_OK)
        status = mr_feed_run(&feed);
    if (again)
        mr_pair_sample_merge(mr_shuffle_sample(f->making.shuffle), mr_shuffle_sample(again),
                             job->error);
    mr_shuffle_destroy(&again);
    return status;
}

/* Partitions for the store: enough that threads seldom meet in one. */
static unsigned bits_for(unsigned threads)
{
    unsigned bits = 6;
    while (bits < MR_STORE_BITS_MOST && 1u << bits < threads * 8)
        bits++;
    return bits;
}

mr_status mr_folding_begin(mr_folding *f, mr_job *job, const mr_set_options *options)
{
    *f = (mr_folding){.options = *options};
    f->options.spread = MR_SPREAD_HASH;
    f->options.ordered = false;
    f->options.shape = mr_folded_shape(options->fold, options->shape);
    MR_TRY(mr_making_begin(&f->making, job, &f->options, NULL, false, "fold"));
    mr_store_create(&f->store, options->fold, bits_for(job->threads), job->error);
    f->app = (mr_app){.name = job->app.name, .fold = options->fold};
    mr_feed *feed = &f->making.feed;
    feed->app = &f->app;
    feed->store = f->store;
    feed->relieve = relieve;
    feed->relief = f;
    mr_status status = mr_job_agree(job);
    if (status != MR_OK)
        mr_folding_drop(f);
    return status;
}

void mr_folding_drop(mr_folding *f)
{
    mr_set *none;
    mr_store_destroy(&f->store);
    mr_making_end(&f->making, MR_FAILED, &none);
}

bool mr_folding_relieved(mr_folding *f)
{
    return mr_comm_any(f->making.job->comm, atomic_load(&f->relieved));
}

mr_status mr_folding_end(mr_folding *f, mr_status status, mr_set **to)
{
    mr_job *job = f->making.job;
    mr_set *partial = NULL;
    *to = NULL;
    bool whole = status == MR_OK && !mr_folding_relieved(f) && mr_comm_size(job->comm) == 1;
    if (status == MR_OK)
        status = put_store(f);
    mr_store_destroy(&f->store);
    MR_TRY(mr_making_end(&f->making, status, &partial));
    if (whole) {
        *to = partial;
        return MR_OK;
    }
    status = mr_set_merge_folded(partial, to);
    mr_set_destroy(&partial);
    return status;
}

/* The kernels of mapred/set.h, folding. */
static mr_status spread_as_wanted(mr_set **set, const mr_set_options *options)
{
    mr_set *made = *set;
    if (options->spread == MR_SPREAD_HASH || options->spread == MR_SPREAD_LOCAL)
        return MR_OK;
    mr_set_options how = *options;
    how.consume = true;
    mr_status status = mr_set_spread(made, &how, set);
    mr_set_destroy(&made);
    return status;
}

mr_status mr_set_fold_input(mr_job *job, const mr_plan *plan, mr_records records,
                            mr_map_kernel *kernel, const mr_set_options *options, mr_set **set)
{
    mr_folding f;
    mr_step step;
    MR_TRY(mr_folding_begin(&f, job, options));
    mr_status status = mr_folding_step(&f, &step, plan->block);
    if (status == MR_OK)
        status = mr_making_step_end(&f.making, &step,
                                    mr_map_input(&f.making.feed, plan, records, kernel));
    MR_TRY(mr_folding_end(&f, status, set));
    return spread_as_wanted(set, options);
}

typedef struct pairs_folding {
    mr_folding folding;
    mr_set *from;
    mr_pairs_kernel *kernel;
    bool consume;
} pairs_folding;

static mr_status fold_pile(mr_worker *w, uint64_t unit)
{
    pairs_folding *p = w->feed->self;
    mr_pile_reader reader;
    mr_pairs pairs = {.layout = &p->from->layout};
    mr_status status;
    mr_pile_reader_start(&reader, &p->from->piles, (uint32_t)unit, p->consume);
    do {
        status = mr_pile_reader_next(&reader, &pairs.at, &pairs.end, &w->error);
        if (status != MR_OK || !pairs.at)
            break;
        mr_feed_begin(w, NULL);
        w->self->pairs = &pairs;
        status = mr_feed_end(w, p->kernel(&w->self->out, &pairs));
        w->self->pairs = NULL;
        mr_feed_serve(w);
    } while (status == MR_OK && !mr_feed_stopped(w->feed));
    mr_pile_reader_end(&reader);
    return status;
}

mr_status mr_set_fold_map(mr_set *set, mr_pairs_kernel *kernel, const mr_set_options *options,
                          mr_set **to)
{
    pairs_folding p = {.from = set, .kernel = kernel, .consume = options->consume};
    MR_TRY(mr_folding_begin(&p.folding, set->job, options));
    mr_feed *feed = &p.folding.making.feed;
    feed->share = (mr_range){0, set->piles.count};
    feed->run = fold_pile;
    feed->self = &p;
    MR_TRY(mr_folding_end(&p.folding, mr_feed_run(feed), to));
    return spread_as_wanted(to, options);
}

typedef struct range_folding {
    mr_folding folding;
    mr_range_kernel *kernel;
    uint64_t begin, end, piece;
} range_folding;

static mr_status fold_piece(mr_worker *w, uint64_t unit)
{
    const range_folding *r = w->feed->self;
    uint64_t begin = unit * r->piece, all = r->end - r->begin,
             end = all - begin > r->piece ? begin + r->piece : all;
    for (mr_range part; mr_step_next(w->feed->step, begin, end, &part); begin = part.end) {
        mr_feed_begin(w, NULL);
        MR_TRY(
            mr_feed_end(w, r->kernel(&w->self->out, r->begin + part.begin, r->begin + part.end)));
    }
    return MR_OK;
}

mr_status mr_set_fold_range(mr_job *job, uint64_t begin, uint64_t end, mr_range_kernel *kernel,
                            const mr_set_options *options, mr_set **set)
{
    range_folding r = {.kernel = kernel, .begin = begin, .end = end};
    uint64_t count = end > begin ? end - begin : 0;
    r.piece = mr_range_piece(job, count);
    MR_TRY(mr_folding_begin(&r.folding, job, options));
    mr_feed *feed = &r.folding.making.feed;
    feed->share = mr_feed_share(job, count / r.piece + (count % r.piece != 0));
    feed->steal = true;
    feed->run = fold_piece;
    feed->self = &r;
    mr_step step;
    mr_status status = mr_folding_step(&r.folding, &step, r.piece);
    if (status == MR_OK)
        status = mr_making_step_end(&r.folding.making, &step, mr_feed_run(feed));
    MR_TRY(mr_folding_end(&r.folding, status, set));
    return spread_as_wanted(set, options);
}

/* Folding a set whose values are what a fold takes, or its accumulators. */
static mr_status fold_pairs(mr_out *out, mr_pairs *pairs)
{
    const mr_set *from = mr_out_context(out);
    const mr_fold *fold = out->fold;
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        if (from->fold) {
            uint64_t other[32];
            void *sum = mr_out_slot(out, pair.key);
            if (!sum)
                return mr_out_status(out);
            memcpy(other, pair.value.data, mr_fold_room(fold));
            fold->merge(fold, sum, other);
        } else if (from->shape.value == MR_VALUE_F64) {
            MR_TRY(mr_out_add_f64(out, pair.key, mr_value_f64(pair.value)));
        } else {
            MR_TRY(mr_out_add_i64(out, pair.key, mr_value_i64(pair.value)));
        }
    }
    return MR_OK;
}

mr_status mr_set_fold(mr_set *set, const mr_fold *fold, mr_set **to)
{
    mr_job *job = set->job;
    mr_set_options options = {.shape = set->shape, .fold = fold, .context = set, .name = set->name};
    bool numbers = set->shape.value == MR_VALUE_I64 || set->shape.value == MR_VALUE_U64 ||
                   set->shape.value == MR_VALUE_F64;
    *to = NULL;
    if (set->fold ? set->fold != fold || mr_folded_has_tail(fold) || mr_fold_room(fold) > 256
                  : !numbers)
        return mr_error_set(job->error, MR_BAD_PLUGIN,
                            "wrong fold: %s: the set's values are not what '%s' takes",
                            job->app.name, fold->name);
    return mr_set_fold_map(set, fold_pairs, &options, to);
}

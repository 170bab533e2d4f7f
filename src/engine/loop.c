/*
 * engine/loop.c: loops of drivers (mapred/loop.h): when a round is saved, as what, and where a
 * resumed job goes on.
 */
#include "engine/loop.h"

#include "base/clock.h"
#include "observe/signals.h"

#include <stdio.h>
#include <stdlib.h>

/* A job that is to stop may finish its round: for so many seconds, or as many rounds as this. */
#define PATIENCE        5.0
#define PATIENCE_ROUNDS 2.0
/* A loop that was done in so little of the time between two checkpoints is done again. */
#define LITTLE 0.05

/* What stands beside what a loop carries. */
typedef struct state_head {
    uint64_t pieces, plans; /* of the job */
    uint64_t text;          /* bytes of its text */
} state_head;

/* ---- What it carries ---- */

mr_loop_item *mr_loop_item_get(mr_loop *loop, const char *name, const mr_loop_kind *kind,
                               void *object)
{
    char whole[MR_LOOP_NAME];
    snprintf(whole, sizeof whole, "loop/%llu/%.60s", (unsigned long long)loop->number, name);
    mr_loop_item *item = loop->items;
    while (item && strcmp(item->name, whole) != 0)
        item = item->next;
    if (!item) {
        item = calloc(1, sizeof *item);
        if (!item) {
            mr_error_set(loop->job->error, MR_NO_MEMORY, "out of memory: a loop");
            return NULL;
        }
        memcpy(item->name, whole, sizeof whole);
        *loop->last = item;
        loop->last = &item->next;
    }
    item->kind = kind;
    item->object = object;
    return item;
}

static void free_loop(mr_loop *loop)
{
    mr_signals_hold(loop->held);
    loop->job->loops = loop->outer;
    mr_keep_file_destroy(&loop->file);
    while (loop->items) {
        mr_loop_item *item = loop->items;
        loop->items = item->next;
        mr_keep_file_destroy(&item->file);
        free(item);
    }
    free(loop);
}

void mr_loops_abandon(mr_job *job)
{
    while (job->loops)
        free_loop(job->loops);
}

/* The entry that every state has. */
static void head_name(const mr_loop *loop, char *name)
{
    snprintf(name, MR_LOOP_NAME, "loop/%llu/", (unsigned long long)loop->number);
}

/* ---- Counters ---- */

/* What a counter has grown by. */
typedef struct counted {
    char name[56];
    int64_t value;
} counted;

static void counters_name(const mr_loop *loop, char *name)
{
    snprintf(name, MR_LOOP_NAME, "loop/%llu//counters", (unsigned long long)loop->number);
}

static int64_t value_before(const mr_loop *loop, const char *name)
{
    for (int i = 0; i < loop->before_count; i++)
        if (strcmp(loop->before[i].name, name) == 0)
            return loop->before[i].value;
    return 0;
}

static mr_status put_counters(mr_loop *loop)
{
    char name[MR_LOOP_NAME];
    const mr_job *job = loop->job;
    counted all[MR_JOB_COUNTERS] = {{.value = 0}};
    size_t count = 0;
    for (int i = 0; i < job->counter_count; i++) {
        const mr_out_counter *counter = &job->counters[i];
        counted *c = &all[count];
        c->value = counter->value - value_before(loop, counter->name);
        if (c->value == 0 || strlen(counter->name) >= sizeof c->name)
            continue;
        snprintf(c->name, sizeof c->name, "%s", counter->name);
        count++;
    }
    counters_name(loop, name);
    return count ? mr_loop_put(loop, name, all, count * sizeof *all) : MR_OK;
}

/* Each rank counts what some of those had counted who saved. */
static mr_status load_counters(mr_loop *loop)
{
    char name[MR_LOOP_NAME];
    mr_job *job = loop->job;
    counters_name(loop, name);
    const size_t all = mr_keep_count(job->keep, name), ranks = (size_t)mr_comm_size(job->comm);
    for (size_t i = (size_t)mr_comm_rank(job->comm); i < all; i += ranks) {
        void *bytes;
        const mr_keep_entry *entry = mr_keep_entry_at(job->keep, name, i);
        MR_TRY(mr_keep_load(job->keep, entry, &bytes, job->error));
        for (const counted *c = bytes; (const char *)c < (char *)bytes + entry->size; c++)
            mr_job_add(job, c->name, c->value);
        free(bytes);
    }
    return MR_OK;
}

/* ---- Saving ---- */

/* This loop's last state, and what was saved within the rounds that are over. */
static void sweep(mr_loop *loop)
{
    static const char *const rooms[] = {"loop/%llu/", "step/%llu/", "pipe/%llu/", "fork/%llu/"};
    char name[MR_LOOP_NAME];
    mr_keep *keep = loop->job->keep;
    head_name(loop, name);
    mr_keep_drop(keep, name);
    for (uint64_t piece = loop->swept; piece < loop->job->pieces; piece++)
        for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
            snprintf(name, sizeof name, rooms[i], (unsigned long long)piece);
            mr_keep_drop(keep, name);
        }
    loop->swept = loop->job->pieces;
}

static mr_status put_head(mr_loop *loop)
{
    char name[MR_LOOP_NAME];
    const mr_job *job = loop->job;
    state_head head = {.pieces = job->pieces, .plans = job->plans};
    if (mr_comm_rank(job->comm) != 0)
        return MR_OK;
    MR_TRY(mr_text_output_keep(loop->job, &head.text));
    head_name(loop, name);
    return mr_loop_put(loop, name, &head, sizeof head);
}

static mr_status put_all(mr_loop *loop)
{
    MR_TRY(mr_keep_file_create(loop->job->keep, &loop->file, loop->job->error));
    MR_TRY(put_head(loop));
    MR_TRY(put_counters(loop));
    for (mr_loop_item *item = loop->items; item; item = item->next)
        MR_TRY(item->kind->put(loop, item));
    return MR_OK;
}

/* Collective. The state becomes part of what is committed next. */
static mr_status put_state(mr_loop *loop)
{
    for (mr_loop_item *item = loop->items; item; item = item->next)
        if (item->kind->prepare)
            MR_TRY(item->kind->prepare(loop, item));
    sweep(loop);
    put_all(loop);
    loop->rounds = 0;
    loop->since = mr_clock_now();
    return MR_OK;
}

/* What was committed is on disk: files need be open no more. */
static void close_files(mr_loop *loop)
{
    mr_keep_file_destroy(&loop->file);
    for (mr_loop_item *item = loop->items; item; item = item->next)
        mr_keep_file_destroy(&item->file);
}

static mr_status save(mr_loop *loop, mr_keep_wish wish)
{
    mr_job *job = loop->job;
    double start = mr_clock_now();
    MR_TRY(put_state(loop));
    mr_status status = mr_checkpoint_save(job, wish);
    job->failed = status != MR_OK;
    close_files(loop);
    loop->generation = mr_keep_generation(job->keep);
    loop->since = mr_clock_now();
    job->report.checkpoint_seconds += loop->since - start;
    return status;
}

static void note_round(mr_loop *loop)
{
    double now = mr_clock_now(), took = now - loop->round;
    loop->round = now;
    loop->rounds++;
    if (took > loop->longest)
        loop->longest = took;
    mr_signals_hold(PATIENCE + PATIENCE_ROUNDS * loop->longest);
}

mr_status mr_loop_round(mr_loop *loop)
{
    mr_job *job = loop->job;
    mr_keep_wish wish;
    MR_TRY(mr_job_agree(job));
    if (!job->keep)
        return MR_OK;
    note_round(loop);
    MR_TRY(mr_checkpoint_ask(job, &wish));
    /* Something within its rounds was saved: that is only of use with the state they began with. */
    if (wish == MR_KEEP_NOTHING && loop->generation == mr_keep_generation(job->keep))
        return MR_OK;
    return save(loop, wish);
}

/* ---- From its beginning to its end ---- */

mr_status mr_loop_begin(mr_job *job, const char *name, mr_loop **result)
{
    mr_loop *loop = *result = calloc(1, sizeof *loop);
    if (!loop)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a loop");
    mr_status status = mr_job_agree(job);
    if (status != MR_OK) {
        free(loop);
        *result = NULL;
        return status;
    }
    loop->job = job;
    loop->last = &loop->items;
    loop->number = mr_checkpoint_piece(job);
    loop->swept = job->pieces;
    loop->since = loop->round = mr_clock_now();
    memcpy(loop->before, job->counters, sizeof loop->before);
    loop->before_count = job->counter_count;
    loop->outer = job->loops;
    job->loops = loop;
    snprintf(loop->name, sizeof loop->name, "%s", name);
    if (job->keep) {
        loop->generation = mr_keep_generation(job->keep);
        loop->held = mr_signals_hold(PATIENCE);
    }
    return MR_OK;
}

static mr_status load_items(mr_loop *loop)
{
    state_head head;
    char name[MR_LOOP_NAME];
    mr_job *job = loop->job;
    head_name(loop, name);
    if (mr_loop_get(loop, name, &head, sizeof head) == MR_OK)
        load_counters(loop);
    MR_TRY(mr_job_agree(job));
    for (mr_loop_item *item = loop->items; item; item = item->next) {
        item->kind->load(loop, item);
        MR_TRY(mr_job_agree(job));
    }
    if (mr_comm_rank(job->comm) == 0)
        mr_text_output_restore(job, head.text);
    loop->swept = job->pieces = head.pieces;
    job->plans = head.plans;
    return mr_job_agree(job);
}

mr_status mr_loop_load(mr_loop *loop, bool *resumed)
{
    char name[MR_LOOP_NAME];
    mr_job *job = loop->job;
    head_name(loop, name);
    const bool has = job->keep && mr_keep_count(job->keep, name) > 0;
    if (resumed)
        *resumed = has;
    MR_TRY(mr_job_agree(job));
    if (has)
        MR_TRY(load_items(loop));
    loop->since = loop->round = mr_clock_now();
    return MR_OK;
}

/* What comes after the loop may be saved too, and needs it. */
static mr_status put_last(mr_loop *loop)
{
    double least = LITTLE * mr_keep_every(loop->job->keep);
    int64_t took = (int64_t)((mr_clock_now() - loop->since) * 1e6);
    if (loop->rounds == 0)
        return MR_OK;
    mr_all_max_i64(loop->job, &took, 1);
    if ((double)took * 1e-6 >= least)
        MR_TRY(put_state(loop));
    return mr_job_agree(loop->job);
}

mr_status mr_loop_end(mr_loop **result)
{
    mr_loop *loop = *result;
    *result = NULL;
    mr_status status = mr_job_agree(loop->job);
    if (status == MR_OK && loop->job->keep)
        status = put_last(loop);
    free_loop(loop);
    return status;
}

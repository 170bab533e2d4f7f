/*
 * engine/feed.h: what every phase with kernels has in common: threads that take units of work, one
 * after the other, from this rank's share or from other ranks', and call something for each of
 * them; a main thread that serves other ranks between its units; errors, counters and the time
 * kernels took. What a unit is, and where results go, is the business of who feeds: map.c reads
 * files, src/sets reads sets.
 */
#ifndef MR_ENGINE_FEED_H
#define MR_ENGINE_FEED_H

#include "base/span.h"
#include "comm/steal.h"
#include "engine/job.h"
#include "engine/shuffle.h"

#include <pthread.h>

/* Units to be done: a few ranges, taken from the front, given away from the back. Thread-safe. */
#define MR_WORK_RANGES 4
typedef struct mr_work {
    pthread_mutex_t lock;
    mr_range ranges[MR_WORK_RANGES];
    int count;
    uint64_t stolen; /* units got from other ranks */
} mr_work;

void mr_work_start(mr_work *work, mr_range range);
void mr_work_end(mr_work *work);
bool mr_work_take(mr_work *work, uint64_t *unit);
/* Half of what is left, one unit at least where there is any. */
mr_range mr_work_give(mr_work *work);
void mr_work_add(mr_work *work, mr_range range);
uint64_t mr_work_left(mr_work *work);

typedef struct mr_feed mr_feed;

/* What one thread carries. */
typedef struct mr_worker {
    mr_feed *feed;
    mr_out_self *self;
    mr_block *block; /* what the kernel is at: in the flight record, for crashes and deaths */
    mr_block spare;  /* where the thread has no place there */
    uint64_t split;  /* of the block, see base/flight.h */
    mr_error error;
    double busy, reduced;
    const mr_block *at; /* the kernel; NULL: no block */
    double began;
    mr_span_kind before;  /* what the thread was at then */
    uint64_t calls;       /* of kernels */
    uint64_t units, unit; /* how many; which one */
    mr_slowest *slowest;  /* blocks of this thread; NULL: nobody wants to know */
    bool main;
    void *own; /* of who feeds */
} mr_worker;

/* All zeros but what the caller sets: everything up to `error`. */
struct mr_feed {
    mr_job *job;
    const mr_app *app;    /* what an mr_out is made after: fold (NULL: none), key, local state */
    mr_store *store;      /* where the fold's tables empty into; NULL without a fold */
    mr_shuffle *shuffle;  /* where pairs go; NULL: none are put */
    void *context;        /* mr_out_context */
    const char *phase;    /* for the progress line */
    mr_range share;       /* this rank's units at the start */
    bool steal;           /* units may be done by any rank */
    uint64_t every;       /* of every so many units only the first is run; 0: all are */
    uint64_t unit_bytes;  /* for the progress line */
    mr_span_kind kind;    /* what kernels are; 0: mapping */
    mr_span_kind between; /* what a thread with a unit is at outside of its kernels */
    struct mr_step *step; /* saves the work (engine/step.h); NULL: it is done in one go */
    /* Each thread: before its first unit, for each unit, when there is none left for now (may be
     * NULL), and at its end, also after errors. */
    mr_status (*open)(mr_worker *worker);
    mr_status (*run)(mr_worker *worker, uint64_t unit);
    mr_status (*idle)(mr_worker *worker);
    void (*close)(mr_worker *worker);
    void *self;
    /* After each kernel of a feed that folds: makes room when memory is tight; NULL: never. */
    mr_status (*relieve)(mr_worker *worker);
    void *relief;

    mr_error error; /* the first one; the feed's own from here on */
    mr_work work;
    mr_steal *stealing;
    pthread_mutex_t lock;  /* error, counters, report */
    atomic_bool stop;      /* an error, here or elsewhere */
    atomic_bool over;      /* no more work will come to this rank */
    atomic_bool pausing;   /* no more units: a checkpoint is wanted */
    atomic_int at_work;    /* threads other than the main one that may still have some */
    _Atomic uint64_t done; /* bytes */
    double told;
};

/* Collective. Runs all units on all ranks; ends in agreement, in job->error. */
mr_status mr_feed_run(mr_feed *feed);

/* Within `run`: the main thread's duties between two calls of a kernel; nothing on other threads.
 */
void mr_feed_serve(mr_worker *worker);
/* Whether to stop because of an error somewhere. */
bool mr_feed_stopped(const mr_feed *feed);
/* Whether to leave off for now, where what is left can be taken up again. */
bool mr_feed_pausing(const mr_feed *feed);
/* Around a kernel's call: accounts for its time, and makes an error of a status without one. */
void mr_feed_begin(mr_worker *worker, const mr_block *block);
mr_status mr_feed_end(mr_worker *worker, mr_status status);
void mr_feed_advance(mr_feed *feed, uint64_t bytes);

/* The share of `count` units that this rank begins with. */
mr_range mr_feed_share(const mr_job *job, uint64_t count);

#endif

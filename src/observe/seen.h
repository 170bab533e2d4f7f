/*
 * observe/seen.h: what is seen of a job besides its numbers: what each thread was at and when, who
 * waited for whom, who sent how much to whom, the slowest blocks, and how many cores it took to
 * beat one. Parts of the report; rank 0 has them all.
 */
#ifndef MR_OBSERVE_SEEN_H
#define MR_OBSERVE_SEEN_H

#include <mapred/text.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SEEN_SPANS 200 /* of a thread, at most */

/* A thread's spans as they travel: this, and then `count` spans. */
typedef struct mr_seen_thread {
    uint32_t rank, thread;
    uint64_t count;
} mr_seen_thread;

typedef struct mr_seen_span {
    double begin, end; /* seconds since the job's start */
    uint64_t kind;
} mr_seen_span;

/* One of the blocks that took longest. */
#define MR_SLOW_BLOCKS 16
typedef struct mr_slow_block {
    double seconds;
    uint64_t begin, end; /* bytes of the file, or its rows */
    uint64_t block;      /* where its split begins, in blocks of all input */
    uint32_t rank, thread;
    uint32_t is_rows;
    char file[260]; /* the end of a longer name */
} mr_slow_block;

/* The slowest of those that were offered, in no order. All zeros to begin with. */
typedef struct mr_slowest {
    size_t count;
    double least; /* of the list, once it is full: faster ones need not be offered */
    mr_slow_block blocks[MR_SLOW_BLOCKS];
} mr_slowest;

/* Whether a block of so many seconds has a place in the list. */
static inline bool mr_slowest_takes(const mr_slowest *slowest, double seconds)
{
    return slowest->count < MR_SLOW_BLOCKS || seconds > slowest->least;
}
void mr_slowest_offer(mr_slowest *slowest, const mr_slow_block *block);
void mr_slowest_merge(mr_slowest *slowest, const mr_slowest *other);
/* The slowest first. */
void mr_slowest_sort(mr_slowest *slowest);
void mr_slow_block_name(mr_slow_block *block, const char *file);

/* How long a rank's main thread waited for others, and for whom longest; -1: nobody knows. */
typedef struct mr_seen_wait {
    double seconds;
    int64_t on;
} mr_seen_wait;

typedef struct mr_seen_cost {
    double serial;       /* seconds that one thread would take, about */
    uint64_t cores;      /* threads of all ranks */
    uint64_t beats_from; /* so many of them beat one; 0: these do not */
} mr_seen_cost;

typedef struct mr_sight {
    const char *threads; /* mr_seen_thread and its spans, one behind the other */
    uint64_t threads_size;
    mr_slowest slowest;
    const mr_seen_wait *waits; /* one a rank */
    uint64_t *matrix;          /* bytes from row to column: side * side; NULL: too many */
    size_t side;
    const char (*nodes)[64]; /* whose rows these are; NULL: ranks' */
    mr_seen_cost cost;
} mr_sight;

/* Seconds for all that one thread would have to do as well, on so many cores, in so long. */
mr_seen_cost mr_seen_cost_of(double serial, double seconds, uint64_t cores);

/* The timeline as JSON. */
void mr_seen_timeline(mr_text *text, const mr_sight *seen);

/* Adds the rest of it to the report. False: no memory. */
struct json_t;
bool mr_seen_put(struct json_t *report, const mr_sight *seen, int ranks);

#endif

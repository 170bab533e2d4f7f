/*
 * base/span.h: what each thread of this process is at, and since when: for the report's timeline,
 * the trace, and sums of where time went. A thread is in one kind of work at any moment; who begins
 * another one within it interrupts the first. Off until somebody wants to know; then a change of
 * kind costs a look at the clock and a few words of memory.
 */
#ifndef MR_BASE_SPAN_H
#define MR_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mr_span_kind {
    MR_SPAN_NONE = 0, /* nothing that has a name */
    MR_SPAN_READ,
    MR_SPAN_MAP,
    MR_SPAN_FOLD,
    MR_SPAN_EXCHANGE,
    MR_SPAN_SPILL,
    MR_SPAN_MERGE, /* putting pairs in order, and merging what is in order */
    MR_SPAN_REDUCE,
    MR_SPAN_WRITE,
    MR_SPAN_WAIT,
    MR_SPAN_CHECKPOINT,
    MR_SPAN_TASK, /* of pools, fork-join and pipelines */
    MR_SPAN_KINDS
} mr_span_kind;

const char *mr_span_name(mr_span_kind kind);

/*
 * Thread-safe. From now on this thread is at `kind`; what it was at before is returned, and is to
 * be handed to mr_span_end. With the kind that it is at already nothing happens. `_at` when the
 * clock has just been looked at.
 */
mr_span_kind mr_span_begin(mr_span_kind kind);
mr_span_kind mr_span_begin_at(mr_span_kind kind, double now);
void mr_span_end(mr_span_kind before);
void mr_span_end_at(mr_span_kind before, double now);

/* Thread-safe. What the present span is about, where somebody wants to know: a file and a place in
 * it. Copied. */
void mr_span_about(const char *file, uint64_t at);

/* The calling thread's number, from now on if it has none. Those that never say get one behind all
 * others. */
void mr_span_thread(unsigned number);
/* The calling thread ends; one that begins later goes on in its place. */
void mr_span_thread_end(void);

/* Main thread. It has waited so long until all ranks had come to a place, as all ranks do in the
 * same order. Who waited least came last. */
void mr_span_met(double seconds);

/* ---- For who wants to know: main thread ---- */

#define MR_SPAN_ABOUT 48 /* bytes of a file's name that are kept, from its end, with a zero */

/* One span, or many short ones of a kind: those of a stretch of time lie one behind the other, so
 * that the time from begin to end is the time they took. */
typedef struct mr_span {
    double begin, end;
    uint64_t at; /* in the file, if it is about one */
    uint32_t count;
    uint8_t kind;
    bool is_about;
} mr_span;

typedef struct mr_spans {
    unsigned thread;
    size_t count;
    mr_span *list;
    char (*about)[MR_SPAN_ABOUT]; /* NULL: nobody wanted to know */
    double seconds[MR_SPAN_KINDS];
} mr_spans;

/* Starts recording: at most about `most` spans a thread. False: no memory. */
bool mr_span_start(size_t most, bool wants_files);
/* Ends it: from here on what was recorded can be looked at. */
void mr_span_stop(void);
/* Frees it; NULLs are left. */
void mr_span_free(void);

/* Of threads in the order of their numbers: NULL behind the last. Folded to at most `most` spans
 * (as far as that goes), for good. */
mr_spans *mr_span_look(size_t index, size_t most);

/* The waits of mr_span_met: of many, neighbours are added up, on all ranks in the same way. */
#define MR_SPAN_MEETINGS 4096
size_t mr_span_meetings(const double **seconds, uint64_t *each);

#endif

/*
 * base/flight.h: the flight record: what this rank is at, in memory that is there when the rank is
 * gone. Its guard (observe/guard.h) reads it after a death, the guard of the node's first rank
 * while the rank hangs, and a crash's last words (observe/crash.h) are taken from it as well.
 *
 * Who works writes: some plain stores a block, a task or a phase, none a record, and nobody waits
 * for anybody. The block that a kernel is at lies in here itself, so its iterators keep the record
 * up to date at no cost. Readers may see a state half way to the next: good enough for last words.
 */
#ifndef MR_BASE_FLIGHT_H
#define MR_BASE_FLIGHT_H

#include <mapred/block.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MR_FLIGHT_THREADS = 512, /* more have no place in it */
    MR_FLIGHT_PEERS = 512,   /* ranks of a node */
    MR_FLIGHT_FILE = 256,
    MR_FLIGHT_NAME = 64
};

/* No block of any plan: pipes, and what is no input. */
#define MR_FLIGHT_NO_NUMBER UINT64_MAX

/* One thread's place. Only the thread itself writes. */
typedef struct mr_flight_thread {
    _Alignas(64) atomic_bool is_taken;
    bool is_working;           /* within a kernel, whatever it is called with */
    int number;                /* as messages have it */
    int id;                    /* as the system has it */
    int depth;                 /* how often it has begun */
    _Atomic uint64_t waits;    /* how deep it is within waiting for others */
    _Atomic uint64_t progress; /* grows with everything that gets done */
    mr_block block;            /* its data is NULL while there is none */
    uint64_t split;            /* the number of the split that the block is of: block number K */
    uint64_t first, end;       /* rows of a grid */
    uint64_t task;             /* its number, MR_FLIGHT_NO_NUMBER: it has none */
    const void *task_from;     /* where the name was copied from */
    char task_name[MR_FLIGHT_NAME]; /* empty: no task */
    char file[MR_FLIGHT_FILE];
} mr_flight_thread;

typedef struct mr_flight_peer {
    int rank, process, file; /* whose record is where, on this node */
} mr_flight_peer;

typedef struct mr_flight {
    uint64_t mark; /* MR_FLIGHT_MARK */
    int process, file;
    int rank;
    char host[MR_FLIGHT_NAME], app[MR_FLIGHT_NAME], phase[MR_FLIGHT_NAME];
    _Atomic uint64_t progress; /* phases, and threads that have no place */
    atomic_bool is_over;       /* the rank has said goodbye */
    atomic_bool is_told;       /* why it ends is told already, by itself */
    atomic_bool is_stopping;   /* it was asked to stop: its end is nothing to be told */
    bool is_met;               /* the ranks have found each other */
    bool can_resume;           /* there are checkpoints */
    double watchdog;           /* seconds without progress that are told; 0: none are */
    atomic_bool shows_stacks;  /* the rank answers those who ask (observe/stacks.h) */
    _Atomic uint64_t shown;    /* stacks */
    atomic_bool is_node_told;  /* on the record of the node's first rank: a death was told */
    _Atomic unsigned used;     /* places from the first that ever had a thread */
    int peer_count;
    mr_flight_peer peers[MR_FLIGHT_PEERS];       /* all ranks of the node, in order */
    mr_flight_thread threads[MR_FLIGHT_THREADS]; /* the first is the main one */
} mr_flight;

#define MR_FLIGHT_MARK UINT64_C(0x746867696c66726d)

/* Puts the record into memory that can be shared, on the main thread, before any other begins. It
 * works without, in memory of the process's own. Never NULL. */
mr_flight *mr_flight_open(void);
mr_flight *mr_flight_here(void);

/* The calling thread's place: NULL where it has none. Begin and end may be nested. */
mr_flight_thread *mr_flight_mine(void);
mr_flight_thread *mr_flight_thread_begin(int number);
void mr_flight_thread_end(void);

/* On the main thread: what the rank is at now, a text that stays; what it was at before. */
const char *mr_flight_phase(const char *phase);
/* Something got done that others may be waiting for. */
void mr_flight_progress(void);
/* Around waiting for other ranks or threads: who waits does not hang. */
void mr_flight_wait_begin(void);
void mr_flight_wait_end(void);

/* Around a kernel: what it is called with (NULL: no block), and the number of its split. */
void mr_flight_kernel_begin(const mr_block *block, uint64_t split);
void mr_flight_kernel_end(void);
/* Around a task ("task", "square", 17): texts that stay until the thread ends, and a number. */
void mr_flight_task_begin(const char *kind, const char *name, uint64_t number);
void mr_flight_task_end(void);

/* For loops of many small things, with the place at hand: it may be NULL. */
static inline void mr_flight_step(mr_flight_thread *thread)
{
    if (thread)
        atomic_store_explicit(&thread->progress,
                              atomic_load_explicit(&thread->progress, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

/* Writes down what a thread works on ("data/x.txt bytes 0-99 (block 0)"), at most `room` bytes with
 * a zero; false: on nothing. Any process that sees the record may ask. */
bool mr_flight_work(const mr_flight_thread *thread, char *text, size_t room);

#endif

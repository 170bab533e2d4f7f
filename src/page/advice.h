/*
 * page/advice.h: what to try next: sentences made of a report's numbers, and when each is said.
 * A share is of the job's time unless it is said of what. Nothing here is certain: a sentence gives
 * the numbers that made it say so.
 */
#ifndef MR_PAGE_ADVICE_H
#define MR_PAGE_ADVICE_H

#include "page/facts.h"

#define MR_ADVICE_SHORT      1.0  /* seconds: a shorter job is mostly its own start and end */
#define MR_ADVICE_WAIT       0.20 /* of the time a rank waited for others */
#define MR_ADVICE_AT_WORK    0.60 /* of a rank's threads' time at work: then it did not wait */
#define MR_ADVICE_BEHIND     1.25 /* over the mean: why others had to wait for a rank */
#define MR_ADVICE_UNEVEN     1.50 /* the most of a rank over the mean, where waiting is not known */
#define MR_ADVICE_HOT        0.20 /* of the pairs of a set have one key */
#define MR_ADVICE_EXCHANGE   0.40 /* of the threads' time; else of the job's */
#define MR_ADVICE_READ       0.40 /* of the threads' time */
#define MR_ADVICE_WRITE      0.40
#define MR_ADVICE_ONE_WRITER 0.90 /* of the bytes written by one rank, beside MR_ADVICE_WRITE */
#define MR_ADVICE_PLAN       0.30 /* of the time nothing but inputs are listed */
#define MR_ADVICE_SPILLED    (1024.0 * 1024) /* bytes on scratch disks */
#define MR_ADVICE_FULL       0.90            /* of a rank's budget */
#define MR_ADVICE_BLOCK      0.10            /* of the time for a single block */
#define MR_ADVICE_ODD_BLOCK  8.0   /* times as long as the mean: not its size, but what is in it */
#define MR_ADVICE_TINY_BLOCK 20e-6 /* seconds in a kernel, on average */
#define MR_ADVICE_MANY       10000 /* blocks, or tasks, from which on tiny ones matter */
#define MR_ADVICE_FEW_BLOCKS 2    /* blocks for each thread or rank: fewer cannot be dealt evenly */
#define MR_ADVICE_WORTH      0.50 /* of its cores' work that a job makes use of */
#define MR_ADVICE_USED       0.80 /* of which it could make use with fewer of them */
#define MR_ADVICE_CHAIN      0.70 /* of a graph's time in its longest chain */
#define MR_ADVICE_TINY_TASK  20e-6 /* seconds for a task of a pool, on average */
#define MR_ADVICE_CONTENDED  0.30  /* of the operations on a lock or queue that had to wait */
#define MR_ADVICE_LONG_WAIT  0.01  /* of the time, for all of these together */
#define MR_ADVICE_STAGE      0.50 /* of the time its workers had a pipeline's slowest stage was busy */
#define MR_ADVICE_CHECKPOINT 0.05 /* of the threads' time */

enum { MR_ADVICE_MOST = 48, MR_ADVICE_TITLE = 256, MR_ADVICE_TEXT = 768 };

typedef struct mr_advice {
    const char *name;  /* which of them it is */
    const char *about; /* the section of the page that shows it */
    double weight;     /* the share of the time that is at stake, or a guess of it */
    char title[MR_ADVICE_TITLE];
    char text[MR_ADVICE_TEXT]; /* why, and what to do */
} mr_advice;

typedef struct mr_advices {
    mr_advice items[MR_ADVICE_MOST];
    size_t count;
} mr_advices;

/* All that is to be said, what matters most first. */
void mr_advise(const mr_facts *facts, mr_advices *advices);

/* One more; NULL when there are too many. Texts too long are cut. Then its text. */
mr_advice *mr_advice_add(mr_advices *advices, const char *name, const char *about, double weight,
                         const char *title, ...) __attribute__((format(printf, 5, 6)));
void mr_advice_say(mr_advice *advice, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* By what they look at, one file each. */
void mr_advise_ranks(const mr_facts *facts, mr_advices *advices);
void mr_advise_cores(const mr_facts *facts, mr_advices *advices);
void mr_advise_blocks(const mr_facts *facts, mr_advices *advices);
void mr_advise_data(const mr_facts *facts, mr_advices *advices);
void mr_advise_tasks(const mr_facts *facts, mr_advices *advices);

#endif

/*
 * page/facts.h: what a report comes down to, once for all who ask. Missing parts are 0 or NULL.
 */
#ifndef MR_PAGE_FACTS_H
#define MR_PAGE_FACTS_H

#include "page/kinds.h"
#include "page/view.h"

typedef struct mr_facts {
    const json_t *report; /* borrowed */
    const json_t *ranks;  /* lists of the report; NULL: it has none */
    const json_t *timeline;
    const json_t *matrix; /* bytes from row to column */
    const json_t *slowest;
    double seconds;
    size_t rank_count;
    size_t hosts;           /* different ones */
    double workers;         /* threads of all ranks */
    double kinds[MR_KINDS]; /* seconds of all threads, out of the timeline */
    double threads_seconds; /* of all rows of the timeline, whatever they did */
} mr_facts;

mr_facts mr_facts_of(const json_t *report);

/* A share of the threads' time by the timeline; 0 when there is none. */
double mr_facts_kind(const mr_facts *facts, int kind);

/* The time of a phase on its slowest rank, as a share of the job's. */
double mr_facts_phase(const mr_facts *facts, const char *name);

/* A number of the ranks: of one of them, its sum, its mean. */
double mr_facts_of_rank(const mr_facts *facts, long rank, const char *name);
double mr_facts_sum(const mr_facts *facts, const char *name);
double mr_facts_mean(const mr_facts *facts, const char *name);

/* The rank that has most of it; *over_mean (may be NULL) says how much more than the mean; 1 when
 * all have nothing. -1 without ranks. */
long mr_facts_most(const mr_facts *facts, const char *name, double *over_mean);

/* A span of the timeline: when, and how many seconds of it the thread was really at it. False:
 * there is none, or it makes no sense. */
typedef struct mr_span {
    int kind;
    double begin, end, busy;
} mr_span;
bool mr_facts_span(const json_t *span, mr_span *out);

#endif

/* page/kinds.h: what a thread may be at, as timelines call it. */
#ifndef MR_PAGE_KINDS_H
#define MR_PAGE_KINDS_H

/* In the order in which they are drawn above each other; waiting lies on top. */
enum {
    MR_KIND_READ,
    MR_KIND_MAP,
    MR_KIND_FOLD,
    MR_KIND_REDUCE,
    MR_KIND_TASK, /* of a pool, fork-join or a pipeline */
    MR_KIND_MERGE,
    MR_KIND_EXCHANGE,
    MR_KIND_SPILL,
    MR_KIND_WRITE,
    MR_KIND_CHECKPOINT,
    MR_KIND_OTHER, /* a name of a later version */
    MR_KIND_WAIT,
    MR_KINDS
};

const char *mr_kind_name(int kind);
int mr_kind_find(const char *name); /* MR_KIND_OTHER for NULL and what is not known */

#endif

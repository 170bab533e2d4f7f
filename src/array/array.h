/*
 * array/array.h: what the files of this folder share: an array is a node of an expression; nodes
 * are evaluated box by box, by threads, into memory of the caller.
 */
#ifndef MR_ARRAY_ARRAY_H
#define MR_ARRAY_ARRAY_H

#include "engine/job.h"

#include <mapred/array.h>

#define MR_ARRAY_OPERANDS 4

typedef struct mr_array_kind mr_array_kind;

struct mr_array {
    mr_job *job;
    const mr_array_kind *kind;
    mr_element element;
    mr_dims dims;
    mr_dims chunk; /* the tiles it is worked in, as many axes as dims; never larger than dims */
    bool chunked;  /* by mr_array_rechunk, here or in an operand of this shape */
    bool spread;   /* it or what it is made of is kept, on several ranks */
    bool moves;    /* it or what it is made of has a transpose: tiles are better square */
    mr_array *operands[MR_ARRAY_OPERANDS]; /* each holds one reference */
    unsigned operand_count;
    unsigned references;
    unsigned uses;   /* how many nodes have it as an operand: shared ones may keep tiles */
    uint64_t serial; /* in the order in which the job's arrays were made */
    void *own;       /* of its kind */
    struct mr_array *next, *previous; /* in the job's list */
};

typedef struct mr_evaluator mr_evaluator;

/* What a kind of node can do. */
struct mr_array_kind {
    const char *name; /* for messages */
    /* The box of each operand that a box of this one is made from. NULL: the same box (operands
     * are broadcast: sizes of 1 stay 1). */
    void (*need)(const mr_array *self, const mr_box *box, mr_box *needs);
    /* Fills `into` with a box, C order. `values` are those boxes of the operands. Any thread. */
    mr_status (*fill)(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                      const void *const *values, void *into, mr_error *error);
    void (*destroy)(mr_array *self); /* frees `own`; NULL: nothing to free */
    /* Without operands, and as cheap for a few KiB at a time as for a whole tile. */
    bool strips;
    /* Element by element: `fill` is called for up to MR_STRIP elements at a time. Each of `values`
     * has as many as the box, or a single one where the operand's box has one. */
    bool fused;
    /* Only another look at the box that it needs: the distances (bytes) between neighbours along
     * its own axes from those along its operand's. */
    void (*restride)(const mr_array *self, const int64_t *operand, int64_t *strides);
    bool shift; /* its elements have the order of the box that it needs */
};

#define MR_STRIP 2048

/* Local. A new node, with one reference held by the job's list; takes a reference of each operand.
 * NULL: no memory, recorded. */
mr_array *mr_array_create(mr_job *job, const mr_array_kind *kind, mr_element element, mr_dims dims,
                          mr_array *const *operands, unsigned count);
/* Local. The same for one without operands whose `own` is a copy of these bytes, which
 * mr_array_free_own frees; looks at element and shape first. */
mr_array *mr_array_create_with(mr_job *job, const mr_array_kind *kind, mr_element element,
                               mr_dims dims, const void *own, size_t size);
void mr_array_free_own(mr_array *self);
/* Local. Whether there can be such an array (less than 2^60 bytes); records an error if not. */
bool mr_array_is_possible(mr_job *job, mr_element element, const mr_dims *dims);
/* Local. Records an error about operands, names their shapes and elements, returns NULL:
 * `WHAT: f64 (10, 20) and i32 (3): TO DO`. */
mr_array *mr_array_refuse(const char *what, const char *todo, const mr_array *a, const mr_array *b);

/*
 * Kept arrays: rows [starts[r], starts[r + 1]) of the first axis are in rank r's memory, cut at
 * multiples of MR_TILE_ROWS (a whole small array may be on rank 0), or all of it is on every rank
 * (`everywhere`). An array without axes is everywhere.
 */
typedef struct mr_kept_array {
    uint64_t *starts; /* ranks + 1; NULL where it is everywhere */
    bool everywhere;
    unsigned char *values; /* this rank's rows */
    size_t bytes;          /* of them, from the budget */
} mr_kept_array;
extern const mr_array_kind mr_array_kept;
/* Local. NULL when it is not kept. */
mr_kept_array *mr_array_memory(const mr_array *array);
/* Collective. A kept array whose values are yet to be filled in (zeros). */
mr_array *mr_array_reserve(mr_job *job, mr_element element, mr_dims dims, bool everywhere);
/* Local. The same with the ranges of all ranks given (ranks + 1 numbers; NULL: everywhere). Where
 * there is no memory that is recorded and `values` is NULL: every rank has the node, and all agree
 * before they compute anything. */
mr_array *mr_array_keep_here(mr_job *job, mr_element element, mr_dims dims, const uint64_t *starts);
/* Where the rows of an array of `rows` rows begin on rank r. */
uint64_t mr_array_row_start(const mr_job *job, uint64_t rows, int rank);

/*
 * Collective. Goes over an array, or over the part `region` of it, tile by tile, and hands each
 * tile's values to `take`, on some thread of the rank that evaluates it.
 *
 * Without `mine` any rank may do any tile (they are stolen by idle ranks) unless kept arrays take
 * part: then a tile is done by the rank that has most of what it needs. With `mine`, each rank gets
 * just the boxes that tile its own region: `region` then differs from rank to rank (size 0 along an
 * axis: none). Values of kept arrays that lie on other ranks are fetched before a wave of tiles is
 * evaluated; waves keep that within the budget.
 */
typedef struct mr_sweep mr_sweep;
struct mr_sweep {
    mr_array *array;
    const mr_box *region; /* NULL: all of it */
    bool mine;
    mr_dims tile; /* axes 0: the array's chunk */
    mr_status (*take)(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                      mr_error *error);
    /* Where a box's values are to go in C order: `take` is not called for it then. NULL, or
     * returning NULL: nowhere in particular. */
    void *(*place)(mr_sweep *sweep, const mr_box *box);
    void *self;
    const char *phase; /* for the progress line */
};
mr_status mr_sweep_run(mr_sweep *sweep);

/* Copies a box out of or into a C-order array of bytes: `from` is a box of `dims`. */
void mr_box_copy_out(const mr_dims *dims, const void *array, const mr_box *box, void *into,
                     size_t element);
void mr_box_copy_in(const mr_dims *dims, void *array, const mr_box *box, const void *values,
                    size_t element);

#endif

/*
 * mapred/set.h: sets: pairs of keys and values, spread over the ranks of a job, in memory and, over
 * budget, on scratch disks. A driver (`.run` of an app) makes sets from inputs and from each other.
 *
 * A set is a collection without an order of its own: which rank and thread made a pair leaves no
 * trace. Wherever an order shows (sort, values of a key, write, index, top) it is a total one: by
 * key, and of the same key by the place in the input where the set keeps places (`ordered`), by
 * value where it does not. So results are the same bytes for any number of ranks, threads, blocks.
 *
 * Everything here is collective unless it says otherwise: all ranks call it with the same
 * arguments, and all get the same status. A set that could not be made is NULL. A cost is given in
 * pairs n and bytes b of the set, and ranks P: "moves b" is b bytes over the network in all.
 */
#ifndef MAPRED_SET_H
#define MAPRED_SET_H

#include <mapred/block.h>
#include <mapred/fold.h>
#include <mapred/out.h>
#include <mapred/pair.h>
#include <mapred/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_set mr_set;

/* Kernels. Each thread calls them with an `mr_out` of its own; pairs that they put there
 * (mr_out_pair) make up the new set. Put nothing where no new set is made. */
typedef mr_status mr_map_kernel(mr_out *out, mr_block *block);
typedef mr_status mr_pairs_kernel(mr_out *out, mr_pairs *pairs);
typedef mr_status mr_range_kernel(mr_out *out, uint64_t begin, uint64_t end);
typedef mr_status mr_reduce_kernel(mr_out *out, mr_bytes key, mr_values *values);
typedef mr_status mr_cogroup_kernel(mr_out *out, mr_bytes key, mr_values *left, mr_values *right);

/* Local. Puts a pair into the set being made. Key and value are copied. The sizes have to be those
 * of the set's shape. */
MR_API mr_status mr_out_pair(mr_out *out, mr_bytes key, mr_bytes value);

static inline mr_status mr_out_pair_i64(mr_out *out, int64_t key, mr_bytes value)
{
    mr_image image = mr_image_of_i64(key);
    return mr_out_pair(out, MR_BYTES(image), value);
}

static inline mr_status mr_out_pair_u64(mr_out *out, uint64_t key, mr_bytes value)
{
    mr_image image = mr_image_of_u64(key);
    return mr_out_pair(out, MR_BYTES(image), value);
}

static inline mr_status mr_out_pair_f64(mr_out *out, double key, mr_bytes value)
{
    mr_image image = mr_image_of_f64(key);
    return mr_out_pair(out, MR_BYTES(image), value);
}

/* Local. In kernels over a range of numbers, for ordered sets: the place of the pairs put from now
 * on. Elsewhere places follow from the input. */
MR_API void mr_out_at(mr_out *out, uint64_t place);

/* Local. The `context` of the options that the set is made with. */
MR_API void *mr_out_context(const mr_out *out);

/* Where the pairs of a set are. */
typedef enum mr_spread {
    MR_SPREAD_HASH = 0, /* by the key's hash: same key, same rank. What grouping and joining need */
    MR_SPREAD_RANGE,    /* ranges of keys: as above, and rank 0 has the smallest keys */
    MR_SPREAD_LOCAL,    /* where they were made: nothing moves */
    MR_SPREAD_OWNER     /* where `owner` says */
} mr_spread;

/* The order in which a reduce kernel sees the values of a key. */
typedef enum mr_values_order {
    MR_VALUES_STABLE = 0, /* by place in the input for an ordered set, by value otherwise */
    MR_VALUES_BY_VALUE,
    MR_VALUES_ANY /* for kernels whose result does not depend on it: the fastest */
} mr_values_order;

/* What a set is put in order by. Ties are in the total order described above. */
typedef enum mr_sort_by { MR_BY_KEY = 0, MR_BY_VALUE = 1, MR_BY_COMPARE = 2 } mr_sort_by;
typedef struct mr_sort_options {
    mr_sort_by by;
    bool descending; /* ties still stand upwards */
    int (*compare)(void *context, const mr_pair *a, const mr_pair *b); /* MR_BY_COMPARE */
    void *context;
    bool consume; /* of mr_set_sort: see mr_set_options */
} mr_sort_options;

/* How a new set is made. Zeros are the defaults: bytes to bytes, spread by hash. */
typedef struct mr_set_options {
    mr_shape shape;
    mr_spread spread;
    bool ordered; /* pairs keep their place in the input: 8 bytes each. Of a set made from another:
                     the place of the pair it comes from, so that other one has to be ordered;
                     what a kernel puts for one key of it stands in the order it was put in */
    bool same_keys;   /* of reduce and cogroup: the kernel puts only pairs of the key it was called
                         with, so the new set lies as the old one does and nothing moves */
    bool consume;     /* the source is freed while it is read: memory is needed for one of the two.
                         The source has to be destroyed all the same */
    bool associative; /* of reduce: pairs that the kernel puts may be reduced again as if they were
                         of the source, in any parts and order (as of a sum). A key with a large
                         part of all values is then shared by all ranks */
    mr_values_order values;
    const mr_fold *fold; /* the kernel folds (mr_out_add_...): the values of the new set are this
                            fold's accumulators, one a key; leave `shape.value` alone */
    uint64_t (*owner)(void *context, mr_bytes key, uint64_t owners); /* MR_SPREAD_OWNER: below
                                                                         `owners`, the ranks */
    const mr_set *like;            /* MR_SPREAD_RANGE: the same ranges as this set's */
    const mr_sort_options *sorted; /* MR_SPREAD_RANGE: put in this order while it is made, as
                                      mr_set_sort does afterwards: ranges may then divide a key */
    void *context;                 /* for kernels: mr_out_context */
    const char *name;              /* in messages and reports */
} mr_set_options;

/* What an input is made of. */
typedef struct mr_input_options {
    const char *const *paths; /* as on the command line; NULL: the job's own inputs */
    size_t count;
    mr_input records;
    uint32_t record_size;
    mr_element element; /* of MR_INPUT_ROWS */
} mr_input_options;

/* What rows of numbers (MR_INPUT_ROWS) look like before they are read: columns and names as blocks
 * have them, and how many axes and columns; no values, and the first axis is 0. An input without
 * any row that could tell has no columns. Names are the job's. Reading it later costs no second
 * look. */
MR_API mr_status mr_input_rows(mr_job *job, const mr_input_options *input, mr_grid *rows);

/*
 * A kernel over an input, or over numbers, says what it has found by what it puts and counts, and by
 * nothing else: its context is read. With --checkpoint a resumed job takes in what was put, and runs
 * the kernel over the rest alone.
 *
 * From an input: reads it once, moves b. With MR_SPREAD_RANGE the kernel is also run over a sample
 * of the input first, to find out where ranges are to be cut (over a stream it is not: then the set
 * is made where it is read and moved again).
 */
MR_API mr_status mr_set_from_input(mr_job *job, const mr_input_options *input,
                                   mr_map_kernel *kernel, const mr_set_options *options,
                                   mr_set **set);
/* From the numbers begin to end - 1: the kernel gets pieces of them. Moves b. */
MR_API mr_status mr_set_from_range(mr_job *job, uint64_t begin, uint64_t end,
                                   mr_range_kernel *kernel, const mr_set_options *options,
                                   mr_set **set);
/* From pairs in memory: each rank gives its own, or none. Moves b. */
MR_API mr_status mr_set_from_memory(mr_job *job, const mr_pair *pairs, size_t count,
                                    const mr_set_options *options, mr_set **set);

/* Local. Frees a set and its place on disk; takes NULL. */
MR_API void mr_set_destroy(mr_set **set);

/* Each pair through a kernel, in no order. Moves b of the new set. `to` NULL: the kernel only looks
 * (it may count, and write to its context where threads do not meet). */
MR_API mr_status mr_set_map(mr_set *set, mr_pairs_kernel *kernel, const mr_set_options *options,
                            mr_set **to);
/* The pairs for which `keep` says true, where they are. Moves nothing. */
MR_API mr_status mr_set_filter(mr_set *set, bool (*keep)(void *context, mr_pair pair),
                               void *context, mr_set **to);
/* Moves the pairs as the options say; shape stays. Moves b. */
MR_API mr_status mr_set_spread(mr_set *set, const mr_set_options *options, mr_set **to);

/* Each key with all its values through a kernel. Moves b, if keys are not together yet, and sorts
 * each rank's keys: n log n, in memory or by merging from disk. */
MR_API mr_status mr_set_reduce(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                               mr_set **to);
/* Each key once, its values folded: values have to be what the fold takes (i64, f64) or its
 * accumulators. Moves at most the accumulators of all ranks' distinct keys. */
MR_API mr_status mr_set_fold(mr_set *set, const mr_fold *fold, mr_set **to);
/* Each key with its values in two sets, which have keys of one kind. Moves what is not spread alike
 * yet. */
MR_API mr_status mr_set_cogroup(mr_set *left, mr_set *right, mr_cogroup_kernel *kernel,
                                const mr_set_options *options, mr_set **to);

typedef enum mr_join_how {
    MR_JOIN_INNER = 0,
    MR_JOIN_LEFT,  /* and left pairs without a right one */
    MR_JOIN_RIGHT, /* and right pairs without a left one */
    MR_JOIN_FULL,  /* and both of these */
    MR_JOIN_SEMI,  /* left pairs that have a right one, once */
    MR_JOIN_ANTI   /* left pairs that have none */
} mr_join_how;

/*
 * Called for each pair of values of the same key; the side that is missing is NULL. Left values
 * stand in the order of MR_VALUES_STABLE, for each of them the right ones do. As cogroup; the
 * values of one side of a key are kept on disk when they are more than memory holds.
 */
typedef mr_status mr_join_kernel(mr_out *out, mr_bytes key, const mr_bytes *left,
                                 const mr_bytes *right);
MR_API mr_status mr_set_join(mr_set *left, mr_set *right, mr_join_how how, mr_join_kernel *kernel,
                             const mr_set_options *options, mr_set **to);

/* In order over all ranks: rank 0 has the first pairs. Of the same size on all ranks, whatever the
 * keys are. Moves b; n log n. */
MR_API mr_status mr_set_sort(mr_set *set, const mr_sort_options *options, mr_set **to);
/* Each pair once (distinct keys: reduce). Moves b. */
MR_API mr_status mr_set_distinct(mr_set *set, mr_set **to);
/* All pairs of both, which must be of one shape. Moves nothing where they are spread alike. */
MR_API mr_status mr_set_union(mr_set *left, mr_set *right, mr_set **to);
/* The first `count` pairs of the order, in a set that is all on rank 0. Moves count x P pairs. */
MR_API mr_status mr_set_top(mr_set *set, const mr_sort_options *order, uint64_t count, mr_set **to);
/* About `fraction` of the pairs, by a hash of seed, key, value and place: for one seed always the
 * same ones. Moves nothing. */
MR_API mr_status mr_set_sample(mr_set *set, double fraction, uint64_t seed, mr_set **to);
/* key -> value becomes index -> key, value as mr_index_value reads them: the number of the pair in
 * the set's total order (that of the last sort, where there was one). Moves b. */
MR_API mr_status mr_set_index(mr_set *set, mr_set **to);

/* Local. Key and value out of a value of mr_set_index's. */
MR_API mr_pair mr_index_value(mr_bytes value);

/* How many pairs and bytes a set has. No cost. */
MR_API uint64_t mr_set_count(const mr_set *set);
MR_API uint64_t mr_set_bytes(const mr_set *set);
/* Local. The same for this rank's part; and, of those bytes, what is on disk. */
MR_API uint64_t mr_set_count_here(const mr_set *set);
MR_API uint64_t mr_set_bytes_here(const mr_set *set);
MR_API uint64_t mr_set_spilled_here(const mr_set *set);
/* How well it is spread: the most bytes of a rank over the mean. No cost. */
MR_API double mr_set_balance(const mr_set *set);
/* Local. What the pairs look like. */
MR_API mr_shape mr_set_shape(const mr_set *set);

/* Pairs in memory, in the set's total order; owned by the caller (mr_gathered_free). */
typedef struct mr_gathered {
    mr_pair *pairs;
    size_t count;
    void *memory;
    size_t size;
} mr_gathered;
/* All pairs on rank `to`, or on every rank where `to` is -1: the set has to fit there. Moves b, or
 * b x P. The others get none. */
MR_API mr_status mr_set_gather(mr_set *set, int to, mr_gathered *all);
MR_API void mr_gathered_free(mr_gathered *gathered);

/* How pairs are written. NULL is what the shape suggests: the key's cell, then the value's. */
typedef struct mr_write_options {
    const char *path;     /* as behind -o; NULL: the job's own output */
    const char *key_name; /* of the first column, and the others with commas between */
    const char *columns;
    void (*show)(void *context, mr_pair pair, mr_row *row);   /* fills the row, key included */
    void (*text)(void *context, mr_pair pair, mr_text *text); /* writes bytes of its own instead of
                                                                 rows; the format is then ignored */
    void *context;
    bool consume; /* see mr_set_options */
} mr_write_options;

/* The set in its total order, or that of its last sort, where -o says. Sorts it if it is not. A job
 * writes its own output at most once. Moves b. */
MR_API mr_status mr_set_write(mr_set *set, const mr_write_options *options);

#ifdef __cplusplus
}
#endif

#endif

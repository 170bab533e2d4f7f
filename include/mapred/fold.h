/*
 * mapred/fold.h: how the values of one key become one: an accumulator, its identity and how two of
 * them merge. A folded job keeps one accumulator a key and never its single values.
 *
 * A fold must not care in which order or grouping values arrive: merge(a, merge(b, c)) and
 * merge(merge(a, b), c) have to be the same, and so have merge(a, b) and merge(b, a).
 */
#ifndef MAPRED_FOLD_H
#define MAPRED_FOLD_H

#include <mapred/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a cell of a result row holds. */
typedef enum mr_type {
    MR_TYPE_I64 = 1,
    MR_TYPE_F64 = 2,
    MR_TYPE_BYTES = 3,
    MR_TYPE_U64 = 4
} mr_type;

typedef struct mr_cell {
    mr_type type;
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
        mr_bytes bytes;
    } as;
} mr_cell;

/* One row of the result: the key, then what the fold shows of its accumulator. */
#define MR_ROW_CELLS 256
typedef struct mr_row {
    unsigned count;
    mr_cell cells[MR_ROW_CELLS];
} mr_row;

/* Local. Adds a cell at the end of a row; cells past MR_ROW_CELLS are dropped. */
static inline void mr_row_add(mr_row *row, mr_cell cell)
{
    if (row->count < MR_ROW_CELLS)
        row->cells[row->count++] = cell;
}

static inline void mr_row_add_i64(mr_row *row, int64_t value)
{
    mr_cell cell;
    cell.type = MR_TYPE_I64;
    cell.as.i64 = value;
    mr_row_add(row, cell);
}

static inline void mr_row_add_u64(mr_row *row, uint64_t value)
{
    mr_cell cell;
    cell.type = MR_TYPE_U64;
    cell.as.u64 = value;
    mr_row_add(row, cell);
}

static inline void mr_row_add_f64(mr_row *row, double value)
{
    mr_cell cell;
    cell.type = MR_TYPE_F64;
    cell.as.f64 = value;
    mr_row_add(row, cell);
}

static inline void mr_row_add_bytes(mr_row *row, mr_bytes value)
{
    mr_cell cell;
    cell.type = MR_TYPE_BYTES;
    cell.as.bytes = value;
    mr_row_add(row, cell);
}

/*
 * A fold. Accumulators are plain memory of `size` bytes, aligned to 8, moved with memcpy and merged
 * on any rank: no pointers in them. `init` makes the identity (zeros where it is NULL). For a
 * struct of one's own, these four are all there is to write: size, merge, show, columns (and init).
 */
typedef struct mr_fold mr_fold;
struct mr_fold {
    const char *name;    /* for messages */
    const char *columns; /* names of the cells that `show` adds, with commas between; of several
                            with one name, the second is shown as NAME2 */
    uint32_t size;       /* of an accumulator */
    uint32_t parameter;  /* the fold's own: k for the k largest */
    void (*init)(const mr_fold *self, void *accumulator);
    void (*merge)(const mr_fold *self, void *accumulator, const void *other);
    void (*show)(const mr_fold *self, const void *accumulator, mr_row *row);
    /* How a single value goes in; NULL where the fold takes no such value. */
    void (*add_i64)(const mr_fold *self, void *accumulator, int64_t value);
    void (*add_f64)(const mr_fold *self, void *accumulator, double value);
    uint32_t flags; /* MR_FOLD_...: of the folds below; 0 for one's own */
};

#define MR_FOLD_PLAIN_SUM 1u /* the accumulator is one int64_t and adding is all there is to it */
#define MR_FOLD_FIRST     2u /* keeps bytes and where in the input they stood */

MR_API extern const mr_fold mr_fold_count;     /* how many values: int64_t */
MR_API extern const mr_fold mr_fold_sum_i64;   /* int64_t, wraps */
MR_API extern const mr_fold mr_fold_min_i64;   /* int64_t */
MR_API extern const mr_fold mr_fold_max_i64;   /* int64_t */
MR_API extern const mr_fold mr_fold_mean_i64;  /* exact sum, rounded once */
MR_API extern const mr_fold mr_fold_stats_i64; /* count, min, mean, max */
/* Of doubles: the same bits for any order of the values. The sum of n values is off by less than
 * n * 2^-120 of the largest |value|, and then half a unit in the last place; a variance by less
 * than 2^-117 of the largest square, and half a unit. Nothing overflows on the way. What loses
 * nothing at all is MR_EXACT_F64 (mapred/exact.h), in 1104 bytes instead of 72. */
MR_API extern const mr_fold mr_fold_sum_f64;
MR_API extern const mr_fold mr_fold_min_f64;
MR_API extern const mr_fold mr_fold_max_f64;
MR_API extern const mr_fold mr_fold_mean_f64;      /* from the sum above, rounded once */
MR_API extern const mr_fold mr_fold_stats_f64;     /* count, min, mean, max */
MR_API extern const mr_fold mr_fold_variance_f64;  /* of a sample (n - 1); NaN for one value */
MR_API extern const mr_fold mr_fold_deviation_f64; /* its root */
/* Added up as they come, in 8 and 16 bytes: the last digits are others with every number of ranks
 * and threads, and in every run. */
MR_API extern const mr_fold mr_fold_sum_f64_fast;
MR_API extern const mr_fold mr_fold_mean_f64_fast;
MR_API extern const mr_fold mr_fold_first; /* the bytes that come first in the input */

#define MR_COUNT     (&mr_fold_count)
#define MR_SUM_I64   (&mr_fold_sum_i64)
#define MR_MIN_I64   (&mr_fold_min_i64)
#define MR_MAX_I64   (&mr_fold_max_i64)
#define MR_MEAN_I64  (&mr_fold_mean_i64)
#define MR_STATS_I64 (&mr_fold_stats_i64)
#define MR_SUM_F64   (&mr_fold_sum_f64)
#define MR_MIN_F64   (&mr_fold_min_f64)
#define MR_MAX_F64   (&mr_fold_max_f64)
#define MR_MEAN_F64  (&mr_fold_mean_f64)
#define MR_STATS_F64 (&mr_fold_stats_f64)
#define MR_FIRST     (&mr_fold_first)

#define MR_VARIANCE_F64  (&mr_fold_variance_f64)
#define MR_DEVIATION_F64 (&mr_fold_deviation_f64)
#define MR_SUM_F64_FAST  (&mr_fold_sum_f64_fast)
#define MR_MEAN_F64_FAST (&mr_fold_mean_f64_fast)

/* The k largest values of a key, largest first: k from 1 to 15. Fewer where a key has fewer. */
MR_API void mr_fold_top_init(const mr_fold *self, void *accumulator);
MR_API void mr_fold_top_merge(const mr_fold *self, void *accumulator, const void *other);
MR_API void mr_fold_top_show(const mr_fold *self, const void *accumulator, mr_row *row);
MR_API void mr_fold_top_add(const mr_fold *self, void *accumulator, int64_t value);

#define MR_FOLD_TOP_I64(k)                                                                         \
    {                                                                                              \
        .name = "top",                                                                             \
        .columns = &"top,top,top,top,top,top,top,top,top,top,top,top,top,top,top"[4 * (15 - (k))], \
        .size = 8 + 8 * (k), .parameter = (k), .init = mr_fold_top_init,                           \
        .merge = mr_fold_top_merge, .show = mr_fold_top_show, .add_i64 = mr_fold_top_add           \
    }

#ifdef __cplusplus
}
#endif

#endif

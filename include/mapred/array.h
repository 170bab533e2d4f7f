/*
 * mapred/array.h: arrays of numbers with up to MR_AXES axes, spread over the ranks of a job.
 *
 * An array is what its elements are, not where they lie. Making one, adding two, transposing or
 * slicing one only writes down what is to be done; nothing is computed, and no memory taken, before
 * a result is asked for (keep, reduce, write, get, each). Then it is done tile by tile, all of the
 * expression at once: `mean of x + transpose(x)` never holds x. What is needed again and again is
 * better kept (mr_array_keep): rows of the first axis are then spread over the ranks' memory.
 *
 * Values never depend on how many ranks and threads there are: random numbers are functions of
 * seed, stream and place; sums are exact and rounded once (see mapred/exact.h).
 *
 * All ranks make the same calls with the same arguments. A function that returns an array returns
 * NULL when it can't, with the error recorded in the job; all of them take NULL for an operand and
 * then return NULL. So expressions may be nested, and the status of what asks for the result, or
 * mr_job_agree, tells what went wrong first.
 *
 * Arrays belong to the job and are freed with it, or earlier with mr_array_free; what others made
 * of them need stays. In loops, mr_arrays_begin and mr_arrays_end free what was made in between.
 */
#ifndef MAPRED_ARRAY_H
#define MAPRED_ARRAY_H

#include <mapred/driver.h>
#include <mapred/element.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_array mr_array;

/* Local. What an array is. */
MR_API mr_element mr_array_element(const mr_array *array);
MR_API mr_dims mr_array_dims(const mr_array *array);

/* Local. Takes NULL. */
MR_API void mr_array_free(mr_array **array);
/* Local. A mark; at the end all arrays made since the mark are freed but those in `keep`. */
typedef uint64_t mr_arrays_mark;
MR_API mr_arrays_mark mr_arrays_begin(mr_job *job);
MR_API void mr_arrays_end(mr_job *job, mr_arrays_mark mark, mr_array *const *keep, size_t count);

/* Making. Lazy: no memory. */
MR_API mr_array *mr_array_zeros(mr_job *job, mr_element element, mr_dims dims);
MR_API mr_array *mr_array_full(mr_job *job, mr_element element, mr_dims dims, double value);
MR_API mr_array *mr_array_number(mr_job *job, double value); /* no axes: goes with any shape */
MR_API mr_array *mr_array_arange(mr_job *job, mr_element element, double first, double step,
                                 uint64_t count); /* first + i * step */
MR_API mr_array *mr_array_linspace(mr_job *job, double first, double last, uint64_t count);
/* Random f64, by Philox 4x64 with key (seed of the job, stream) and counter = place / 4. Uniform:
 * 53 bits, low <= x < high. Normal: Box and Muller's. */
MR_API mr_array *mr_array_uniform(mr_job *job, mr_dims dims, double low, double high,
                                  uint64_t stream);
MR_API mr_array *mr_array_normal(mr_job *job, mr_dims dims, double mean, double deviation,
                                 uint64_t stream);
/* Of values in memory, the same on all ranks; they are copied. */
MR_API mr_array *mr_array_of(mr_job *job, mr_element element, mr_dims dims, const void *values);
/* Of a function, which fills a box of values (C order). Called from any thread, of any rank. */
typedef mr_status mr_array_source(void *context, const mr_box *box, void *values);
MR_API mr_array *mr_array_made(mr_job *job, mr_element element, mr_dims dims,
                               mr_array_source *source, void *context);
/* Of a dataset in a file: `file.h5:/dataset`, `file.h5:/d[0:1000,:]`, `file.npy`. Read as needed,
 * so it may be larger than memory. The element is that of the file, or the nearest there is; or as
 * mr_array_cast says. */
MR_API mr_array *mr_array_open(mr_job *job, const char *path);
/* Collective. Inputs (datasets, CSV; of that the columns that hold numbers) as rows of f64 in
 * memory, one input below the other. A single dataset that does not fit in memory is read from its
 * file each time instead; anything else that does not fit is MR_NO_MEMORY. `names` (may be NULL)
 * gets columns' names, owned by the job; NULL where there are none. */
MR_API mr_array *mr_array_load(mr_job *job, const char *const *paths, size_t count,
                               const char *const **names);

/* Element by element. Shapes are matched from the last axis: equal, or one of the two is 1. The
 * element of the result is the wider of the two (i32 < i64 < f32 < f64 < c128, i64 with f32 is
 * f64); comparisons are i32 with 0 and 1. Division of integers is f64; roots and the like are f64
 * too. */
typedef enum mr_array_op {
    MR_ADD = 1,
    MR_SUBTRACT,
    MR_MULTIPLY,
    MR_DIVIDE,
    MR_REMAINDER, /* with the sign of the divisor, as Python's; not complex */
    MR_POWER,
    MR_MINIMUM, /* NaN wins */
    MR_MAXIMUM,
    MR_LESS,
    MR_LESS_EQUAL,
    MR_EQUAL,
    MR_NOT_EQUAL,
    MR_AND, /* of what is not 0 */
    MR_OR,
    MR_NEGATE, /* from here on of one operand */
    MR_ABSOLUTE,
    MR_SQUARE,
    MR_SQRT,
    MR_EXP,
    MR_LOG,
    MR_SIN,
    MR_COS,
    MR_TANH,
    MR_FLOOR,
    MR_NOT,
    MR_CONJUGATE,
    MR_REAL,
    MR_IMAGINARY,
    MR_IS_NAN
} mr_array_op;
MR_API mr_array *mr_array_unary(mr_array_op op, mr_array *a);
MR_API mr_array *mr_array_binary(mr_array_op op, mr_array *a, mr_array *b);
MR_API mr_array *mr_array_where(mr_array *condition, mr_array *a, mr_array *b);
/* What is of that element already is returned as it is. Integers are cut off towards 0, and what
 * does not fit is the smallest one; of complex numbers the real part. */
MR_API mr_array *mr_array_cast(mr_array *a, mr_element element);
/* A function of one's own: out[i] from in[0][i], in[1][i]...: `count` values of each operand, which
 * are broadcast to one shape. Any thread. */
typedef void mr_array_function(void *context, size_t count, const void *const *in, void *out);
MR_API mr_array *mr_array_apply(mr_array_function *function, void *context, mr_element element,
                                mr_array *const *operands, size_t count); /* 1 to 4 */

static inline mr_array *mr_array_add(mr_array *a, mr_array *b)
{
    return mr_array_binary(MR_ADD, a, b);
}
static inline mr_array *mr_array_subtract(mr_array *a, mr_array *b)
{
    return mr_array_binary(MR_SUBTRACT, a, b);
}
static inline mr_array *mr_array_multiply(mr_array *a, mr_array *b)
{
    return mr_array_binary(MR_MULTIPLY, a, b);
}
static inline mr_array *mr_array_divide(mr_array *a, mr_array *b)
{
    return mr_array_binary(MR_DIVIDE, a, b);
}

/* Other ways to look at it. Axes NULL: in reverse. */
MR_API mr_array *mr_array_transpose(mr_array *a, const unsigned *axes);
/* From begin to before end, by step; a negative begin or end counts from the end, step is positive.
 * One for each axis. MR_SLICE_ALL is all of an axis. */
typedef struct mr_slice {
    int64_t begin, end, step;
} mr_slice;
#define MR_SLICE_ALL ((mr_slice){0, INT64_MAX, 1})
MR_API mr_array *mr_array_slice(mr_array *a, const mr_slice *slices);
MR_API mr_array *mr_array_broadcast(mr_array *a, mr_dims dims);
/* The same elements in C order in another shape. */
MR_API mr_array *mr_array_reshape(mr_array *a, mr_dims dims);
/* The tiles that the work is done in and files are written in. Values stay as they are. */
MR_API mr_array *mr_array_rechunk(mr_array *a, mr_dims chunk);

/* Collective. Results. */

/* In memory: rows of the first axis over the ranks. What is kept already is returned as it is. */
MR_API mr_array *mr_array_keep(mr_array *a);

typedef enum mr_reduction {
    MR_SUM = 1, /* exact, rounded once; integers wrap around */
    MR_MEAN,
    MR_VARIANCE, /* of all (divisor n); exact, rounded once */
    MR_DEVIATION,
    MR_VARIANCE_1, /* of a sample (divisor n - 1) */
    MR_DEVIATION_1,
    MR_LEAST, /* NaN wins */
    MR_LARGEST,
    MR_ARG_LEAST, /* the first place, in C order along the reduced axes: i64 */
    MR_ARG_LARGEST,
    MR_NORM, /* root of the exact sum of squares */
    /* Rounded as it is added up; the same for any ranks and threads, by tiles. Over some of the
     * axes it may be the exact one. */
    MR_SUM_FAST,
    MR_MEAN_FAST
} mr_reduction;
/* Over the axes whose bits are set in `axes` (MR_ALL_AXES); they are gone from the result, which
 * all ranks have where it is small. Sums and means of integers are i64 and f64, of f32 they are
 * f64. Complex numbers have no extremes; their variance is that of both parts together. */
#define MR_ALL_AXES 0xffu
MR_API mr_array *mr_array_reduce(mr_array *a, mr_reduction reduction, unsigned axes);
/* All of it into one double (i64 are converted). */
MR_API mr_status mr_array_reduce_all(mr_array *a, mr_reduction reduction, double *value);

/* All values, on all ranks: it has to fit. `values` has room for them. */
MR_API mr_status mr_array_get(mr_array *a, void *values);

/* Each tile through a kernel: whole rows of the first axis, MR_TILE_ROWS of them (the last may have
 * fewer), always the same ones for any number of ranks: sums a tile makes of its rows are then the
 * same too. On the rank that holds them; any thread. */
#define MR_TILE_ROWS 1024
typedef struct mr_tile {
    mr_box box;
    const void *values; /* in C order */
    unsigned thread;
} mr_tile;
typedef mr_status mr_tile_kernel(void *context, const mr_tile *tile);
MR_API mr_status mr_array_each(mr_array *a, mr_tile_kernel *kernel, void *context);

/* Writes it to `file.h5` or `file.npy`: `path` as behind -o, NULL for the job's own output, which
 * is written at most once. Zeros are the defaults. */
typedef struct mr_array_file {
    const char *path;
    const char *dataset; /* in HDF5; NULL: data */
    unsigned compress;   /* deflate's level, 1 to 9; 0: as --compress says */
} mr_array_file;
MR_API mr_status mr_array_write(mr_array *a, const mr_array_file *file);
/* The same for several datasets in one HDF5 file. */
MR_API mr_status mr_arrays_write(mr_array *const *arrays, const mr_array_file *files, size_t count);

/* The same where arrays are made one after the other and need not all be there at once: what each
 * of them will be is said before. Zeros are the defaults. */
typedef struct mr_array_plan {
    const char *dataset; /* NULL: data */
    mr_element element;
    mr_dims dims;
    mr_dims chunk; /* axes 0: contiguous */
    unsigned compress;
} mr_array_plan;
typedef struct mr_array_output mr_array_output;
/* Begins a file; names in `plans` are borrowed until the end. `path` as in mr_array_file. */
MR_API mr_status mr_array_output_begin(mr_job *job, const char *path, const mr_array_plan *plans,
                                       size_t count, mr_array_output **output);
MR_API mr_status mr_array_output_put(mr_array_output *output, size_t number, mr_array *a);
/* The file is there when this returns (the job's own: when the job ends), if nothing has failed.
 * Also after errors; takes what is NULL. */
MR_API mr_status mr_array_output_end(mr_array_output **output);

/* A picture as a PNG file of 8 bits: i32 of rows, columns and 3 colours (red, green, blue; 0 to
 * 255). The same bytes for any number of ranks. */
MR_API mr_status mr_array_picture(mr_array *a, const char *path);

/* The product of two matrices (2 axes): f64 or f32; integers become f64. Kept, in rows. The same
 * bits for any ranks and threads, and on all CPUs that use the same way to multiply (with -v the
 * job says which: see docs/design.md). */
MR_API mr_array *mr_array_matmul(mr_array *a, mr_array *b);
/* In ascending order along an axis; NaN last, -0 before 0. Kept. */
MR_API mr_array *mr_array_sort(mr_array *a, unsigned axis);
/* How many values lie in each of `bins` equal parts of [low, high]; i64. Part i begins at low + i *
 * ((high - low) / bins), rounded as doubles are; the last one includes `high`. Others and NaN are
 * not counted. */
MR_API mr_array *mr_array_histogram(mr_array *a, uint64_t bins, double low, double high);
/* Sums of all up to each one, along an axis: integers as i64, which wrap around. Of f64, f32 and
 * c128, what stands before the last multiple of MR_TILE_ROWS places is summed up exactly and
 * rounded once; from there on values are added one by one, as doubles. So at most MR_TILE_ROWS
 * roundings are in a sum, and bits do not depend on ranks and threads. Kept. */
MR_API mr_array *mr_array_cumsum(mr_array *a, unsigned axis);

/* What lies beyond the edge of an array. */
typedef enum mr_border {
    MR_BORDER_VALUE = 0,
    MR_BORDER_NEAREST = 1,
    MR_BORDER_PERIODIC = 2
} mr_border;
/* A value made from its neighbourhood, up to `width[axis]` away along each axis. The kernel gets a
 * box of the result and the values of that box grown by width on all sides; it fills `out`. Lazy;
 * rows that other ranks hold are fetched when it is asked for. */
typedef void mr_stencil_kernel(void *context, const mr_box *box, const void *grown, void *out);
typedef struct mr_stencil {
    uint64_t width[MR_AXES];
    mr_border border;
    double value;
    mr_stencil_kernel *kernel;
    void *context;
} mr_stencil;
MR_API mr_array *mr_array_stencil(mr_array *a, const mr_stencil *stencil);

#ifdef __cplusplus
}
#endif

#endif

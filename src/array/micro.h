/*
 * array/micro.h: the innermost loop of a matrix product: a few rows of A times a few columns of B,
 * all sums in registers. There is one for each kind of CPU; each adds up in the same order, with
 * fused multiply-adds where the CPU has them.
 */
#ifndef MR_ARRAY_MICRO_H
#define MR_ARRAY_MICRO_H

#include <mapred/element.h>

#include <stdbool.h>

/* c[i][j] += sum over k of a[k][i] * b[k][j]; rows of c are `stride` elements apart. */
typedef void mr_micro_run(size_t depth, const void *a, const void *b, void *c, size_t stride);

typedef struct mr_micro {
    const char *name;
    bool is_best;         /* at least as fast as any BLAS that we know of */
    size_t rows, columns; /* of c */
    mr_micro_run *run;
} mr_micro;

#define MR_MICRO_ROWS    8  /* the most */
#define MR_MICRO_COLUMNS 48 /* the most */

/* Local. The best one for this CPU, of f64 or f32; with `number` above 0 the next best ones, up to
 * NULL. */
const mr_micro *mr_micro_of(mr_element element, unsigned number);

#endif

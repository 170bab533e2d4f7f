/*
 * array/blas.h: the BLAS library of this machine, if there is a fast one. It is looked for when the
 * first matrices are multiplied; nothing is linked with it. MAPRED_BLAS names another library, or
 * is `none`.
 */
#ifndef MR_ARRAY_BLAS_H
#define MR_ARRAY_BLAS_H

#include <stdbool.h>

/* CBLAS's own: integers are ints. */
typedef void mr_blas_f64(int order, int transpose_a, int transpose_b, int m, int n, int k,
                         double alpha, const double *a, int lda, const double *b, int ldb,
                         double beta, double *c, int ldc);
typedef void mr_blas_f32(int order, int transpose_a, int transpose_b, int m, int n, int k,
                         float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                         float *c, int ldc);

typedef struct mr_blas {
    const char *name; /* NULL: there is none */
    bool wanted;      /* it was named */
    mr_blas_f64 *f64;
    mr_blas_f32 *f32;
} mr_blas;

/* Thread-safe. The same at each call; works on the thread that calls it alone. */
const mr_blas *mr_blas_find(void);

#endif

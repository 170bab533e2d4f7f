/*
 * apps/small_matrix.h: what is done with a matrix of a few hundred columns after all rows have been
 * added up: symmetric, whole in memory, row by row, and worked by one thread in one order. So every
 * rank that does it gets the same bits.
 */
#ifndef APPS_SMALL_MATRIX_H
#define APPS_SMALL_MATRIX_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Makes the lower half of `a`, n x n with a diagonal of 1 and otherwise positive definite, into L
 * with a = L L'. Returns n, or the first column of which less than `least` is left when the columns
 * before it are taken out: it depends on them.
 */
static inline uint64_t matrix_cholesky(double *a, uint64_t n, double least)
{
    for (uint64_t j = 0; j < n; j++) {
        for (uint64_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (uint64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > least))
                return j;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    return n;
}

/* x becomes inv(L) x, and then inv(L L') x. */
static inline void matrix_forward(const double *l, uint64_t n, double *x)
{
    for (uint64_t i = 0; i < n; i++) {
        for (uint64_t k = 0; k < i; k++)
            x[i] -= l[i * n + k] * x[k];
        x[i] /= l[i * n + i];
    }
}

static inline void matrix_solve(const double *l, uint64_t n, double *x)
{
    matrix_forward(l, n, x);
    for (uint64_t i = n; i-- > 0;) {
        for (uint64_t k = i + 1; k < n; k++)
            x[i] -= l[k * n + i] * x[k];
        x[i] /= l[i * n + i];
    }
}

/* Turns rows p and q of a matrix: by an angle with this tangent of its half, and sine. */
static inline void matrix_turn(double *p, double *q, uint64_t n, double sine, double half)
{
    for (uint64_t k = 0; k < n; k++) {
        double a = p[k], b = q[k];
        p[k] = a - sine * (b + half * a);
        q[k] = b + sine * (a - half * b);
    }
}

static inline double matrix_off_diagonal(const double *a, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < i; j++)
            sum += a[i * n + j] * a[i * n + j];
    return sum;
}

/* One of Jacobi's turns: makes a[p][q] zero. */
static inline void matrix_jacobi_turn(double *a, double *vectors, uint64_t n, uint64_t p,
                                      uint64_t q)
{
    double apq = a[p * n + q], app = a[p * n + p], aqq = a[q * n + q];
    if (apq == 0)
        return;
    double theta = (aqq - app) / (2 * apq);
    double t = copysign(1, theta) / (fabs(theta) + sqrt(theta * theta + 1));
    double cosine = 1 / sqrt(t * t + 1), sine = t * cosine, half = sine / (1 + cosine);
    matrix_turn(a + p * n, a + q * n, n, sine, half);
    matrix_turn(vectors + p * n, vectors + q * n, n, sine, half);
    a[p * n + p] = app - t * apq;
    a[q * n + q] = aqq + t * apq;
    a[p * n + q] = a[q * n + p] = 0;
    for (uint64_t k = 0; k < n; k++)
        if (k != p && k != q) {
            a[k * n + p] = a[p * n + k];
            a[k * n + q] = a[q * n + k];
        }
}

/*
 * Eigenvalues of the symmetric matrix `a`, n x n, into its diagonal, and eigenvectors into the rows
 * of `vectors`, by turns of Jacobi's: slow (n^3 some ten times over) and as accurate as can be.
 */
static inline void matrix_eigen(double *a, double *vectors, uint64_t n)
{
    memset(vectors, 0, n * n * sizeof *vectors);
    for (uint64_t i = 0; i < n; i++)
        vectors[i * n + i] = 1;
    double size = 2 * matrix_off_diagonal(a, n);
    for (uint64_t i = 0; i < n; i++)
        size += a[i * n + i] * a[i * n + i];
    for (int sweep = 0; sweep < 60; sweep++) {
        if (matrix_off_diagonal(a, n) <= size * 0x1p-120)
            return;
        for (uint64_t p = 0; p < n; p++)
            for (uint64_t q = p + 1; q < n; q++)
                matrix_jacobi_turn(a, vectors, n, p, q);
    }
}

#endif

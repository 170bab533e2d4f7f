/*
 * bench/limits/linreg.c: one pass of least squares by a program that does nothing else: `linreg [-t
 * THREADS] [-n PASSES] COLUMNS TABLE` adds up the products of all pairs of columns, less their
 * means, of a .npy file of at most 64 columns; writes the sums, and how many seconds the passes
 * took. Means are found before that.
 *
 * Rows are worked in strips that stay in the first cache: turned into columns, and multiplied four
 * columns at a time, vectorised by the compiler. Sums are rounded as they come.
 */
#include "points.h"

#include <omp.h>

#define MOST  64
#define STRIP 128

typedef double strip[MOST + 3][STRIP];

static void turn(const double *rows, uint64_t count, uint64_t columns, const double *means, strip x)
{
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t j = 0; j < columns; j++)
            x[j][i] = rows[i * columns + j] - means[j];
}

static void multiply(strip x, uint64_t count, uint64_t columns, double (*sums)[MOST + 3])
{
    for (uint64_t i = 0; i < columns; i++)
        for (uint64_t j = i; j < columns; j += 4) {
            double a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
            for (uint64_t r = 0; r < count; r++) {
                a += x[i][r] * x[j][r];
                b += x[i][r] * x[j + 1][r];
                c += x[i][r] * x[j + 2][r];
                d += x[i][r] * x[j + 3][r];
            }
            sums[i][j] += a;
            sums[i][j + 1] += b;
            sums[i][j + 2] += c;
            sums[i][j + 3] += d;
        }
}

static void add_up(const double *rows, uint64_t count, uint64_t columns, const double *means,
                   double (*all)[MOST + 3])
{
    memset(all, 0, sizeof(double[MOST][MOST + 3]));
#pragma omp parallel
    {
        double mine[MOST][MOST + 3] = {{0}};
        strip x = {{0}};
#pragma omp for schedule(static)
        for (uint64_t at = 0; at < count; at += STRIP) {
            uint64_t some = count - at < STRIP ? count - at : STRIP;
            turn(rows + at * columns, some, columns, means, x);
            multiply(x, some, columns, mine);
        }
#pragma omp critical
        for (uint64_t i = 0; i < columns; i++)
            for (uint64_t j = i; j < columns; j++)
                all[i][j] += mine[i][j];
    }
}

static void find_means(const double *rows, uint64_t count, uint64_t columns, double *means)
{
    double sums[MOST] = {0};
#pragma omp parallel for schedule(static) reduction(+ : sums)
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t j = 0; j < columns; j++)
            sums[j] += rows[i * columns + j];
    for (uint64_t j = 0; j < columns; j++)
        means[j] = sums[j] / (double)count;
}

int main(int argc, char **argv)
{
    static double means[MOST], sums[MOST][MOST + 3];
    uint64_t passes = 5, rows;
    int option;
    while ((option = getopt(argc, argv, "t:n:")) != -1) {
        if (option == 't')
            omp_set_num_threads(limit_threads(optarg));
        else if (option == 'n')
            passes = limit_number(optarg, 1, 1000000);
        else
            break;
    }
    if (option != -1 || argc - optind != 2)
        limit_usage("linreg [-t THREADS] [-n PASSES] COLUMNS TABLE");
    uint64_t columns = limit_number(argv[optind], 1, MOST);
    double *table = points_read(argv[optind + 1], columns, &rows);
    find_means(table, rows, columns, means);
    double since = limit_now();
    for (uint64_t i = 0; i < passes; i++)
        add_up(table, rows, columns, means, sums);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - since);
    for (uint64_t i = 0; i < columns; i++)
        for (uint64_t j = i; j < columns; j++)
            printf("%llu\t%llu\t%.17g\n", (unsigned long long)i, (unsigned long long)j, sums[i][j]);
    return 0;
}

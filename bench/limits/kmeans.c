/*
 * bench/limits/kmeans.c: Lloyd's iterations by a program that does nothing else: `kmeans [-t
 * THREADS] [-n ITERATIONS] START POINTS` with points in three dimensions, at most 16 clusters, from
 * .npy files; writes the centroids, and how many seconds the iterations took.
 *
 * Points are worked in strips that stay in the first cache: turned into columns, compared with all
 * centroids, added to the sums of their own; all loops are vectorised by the compiler. Sums are
 * rounded as they come: which thread adds what decides their last bits.
 */
#include "points.h"

#include <math.h>
#include <omp.h>

#define D     3
#define MOST  16
#define STRIP 512

typedef struct sums {
    double of[MOST][D], count[MOST];
} sums;

static void turn(const double *points, uint64_t count, double x[D][STRIP])
{
    for (uint64_t i = 0; i < count; i++)
        for (unsigned j = 0; j < D; j++)
            x[j][i] = points[i * D + j];
}

static void nearest(const double x[D][STRIP], const double (*centroids)[D], int k, double *label)
{
    double best[STRIP];
    for (int i = 0; i < STRIP; i++)
        best[i] = INFINITY;
    for (int c = 0; c < k; c++) {
        double c0 = centroids[c][0], c1 = centroids[c][1], c2 = centroids[c][2], me = c;
#pragma omp simd
        for (int i = 0; i < STRIP; i++) {
            double a = x[0][i] - c0, b = x[1][i] - c1, e = x[2][i] - c2;
            double distance = a * a + b * b + e * e;
            int closer = distance < best[i];
            label[i] = closer ? me : label[i];
            best[i] = closer ? distance : best[i];
        }
    }
}

static void add(const double x[D][STRIP], const double *label, uint64_t count, int k, sums *s)
{
    for (int c = 0; c < k; c++) {
        double a = 0, b = 0, e = 0, n = 0;
#pragma omp simd reduction(+ : a, b, e, n)
        for (uint64_t i = 0; i < count; i++) {
            int mine = label[i] == c;
            a += mine ? x[0][i] : 0;
            b += mine ? x[1][i] : 0;
            e += mine ? x[2][i] : 0;
            n += mine ? 1.0 : 0.0;
        }
        s->of[c][0] += a;
        s->of[c][1] += b;
        s->of[c][2] += e;
        s->count[c] += n;
    }
}

static void iterate(const double *points, uint64_t rows, double (*centroids)[D], int k)
{
    sums all = {0};
#pragma omp parallel
    {
        sums mine = {0};
        double x[D][STRIP], label[STRIP];
#pragma omp for schedule(static)
        for (uint64_t at = 0; at < rows; at += STRIP) {
            uint64_t count = rows - at < STRIP ? rows - at : STRIP;
            turn(points + at * D, count, x);
            nearest((const double(*)[STRIP])x, (const double(*)[D])centroids, k, label);
            add((const double(*)[STRIP])x, label, count, k, &mine);
        }
#pragma omp critical
        for (int c = 0; c < k; c++) {
            all.count[c] += mine.count[c];
            for (unsigned j = 0; j < D; j++)
                all.of[c][j] += mine.of[c][j];
        }
    }
    for (int c = 0; c < k; c++)
        for (unsigned j = 0; j < D && all.count[c] > 0; j++)
            centroids[c][j] = all.of[c][j] / all.count[c];
}

int main(int argc, char **argv)
{
    uint64_t iterations = 20, rows, k;
    int option;
    while ((option = getopt(argc, argv, "t:n:")) != -1) {
        if (option == 't')
            omp_set_num_threads(limit_threads(optarg));
        else if (option == 'n')
            iterations = limit_number(optarg, 1, 1000000);
        else
            break;
    }
    if (option != -1 || argc - optind != 2)
        limit_usage("kmeans [-t THREADS] [-n ITERATIONS] START POINTS");
    double(*centroids)[D] = (double(*)[D])points_read(argv[optind], D, &k);
    double *points = points_read(argv[optind + 1], D, &rows);
    if (k > MOST)
        limit_usage("kmeans: at most 16 clusters");
    double since = limit_now();
    for (uint64_t i = 0; i < iterations; i++)
        iterate(points, rows, centroids, (int)k);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - since);
    for (uint64_t c = 0; c < k; c++)
        printf("%.9g\t%.9g\t%.9g\n", centroids[c][0], centroids[c][1], centroids[c][2]);
    return 0;
}

/*
 * bench/limits/sum.c: how fast doubles in memory can be added up, or their squares, by a loop that
 * rounds after each addition: `sum [-t THREADS] [-s] N`. The compiler may reorder it, as it must to
 * use vectors, so the last digits are nobody's. Prints the median seconds of a sum.
 */
#include "terms.h"

static double plain(const terms *all)
{
    const double *values = all->values;
    const size_t count = all->count;
    double sum = 0;
#pragma omp parallel for simd reduction(+ : sum) num_threads(all->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static double squares(const terms *all)
{
    const double *values = all->values;
    const size_t count = all->count;
    double sum = 0;
#pragma omp parallel for simd reduction(+ : sum) num_threads(all->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

int main(int argc, char **argv)
{
    terms all = terms_make(argc, argv, "sum [-t THREADS] [-s] N");
    terms_measure(&all, all.squares ? squares : plain);
    return 0;
}

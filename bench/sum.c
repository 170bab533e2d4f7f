/*
 * bench/sum.c: the library's exact sums of the same doubles as limits/sum.c, in as many threads:
 * `sum [-t THREADS] [-s] N`. Prints the median seconds of a sum.
 */
#include "limits/terms.h"

#include <mapred/exact.h>

static double exact(const terms *all)
{
    mr_exact sum = {{0}};
#pragma omp parallel num_threads(all->threads)
    {
        size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
        size_t first = all->count / threads * thread;
        size_t count = thread + 1 < threads ? all->count / threads : all->count - first;
        mr_exact mine = {{0}};
        if (all->squares)
            mr_exact_add_products(&mine, all->values + first, all->values + first, count);
        else
            mr_exact_add_all(&mine, all->values + first, count);
#pragma omp critical
        mr_exact_merge(&sum, &mine);
    }
    return mr_exact_round(&sum);
}

int main(int argc, char **argv)
{
    terms all = terms_make(argc, argv, "sum [-t THREADS] [-s] N");
    terms_measure(&all, exact);
    return 0;
}

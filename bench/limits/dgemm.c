/*
 * bench/limits/dgemm.c: how fast a BLAS library multiplies: two square matrices of random doubles
 * in memory, by one call of cblas_dgemm on its own threads. The library is loaded when it runs:
 * `-l` names it. It prints the median seconds of a call.
 */
#include "limit.h"

#include <dlfcn.h>

typedef void dgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha,
                   const double *a, int lda, const double *b, int ldb, double beta, double *c,
                   int ldc);

static void *find(void *library, const char *symbol)
{
    void *address = dlsym(library, symbol);
    if (!address) {
        fprintf(stderr, "no %s in it: %s\n", symbol, dlerror());
        exit(1);
    }
    return address;
}

static void *load(const char *name, const char *threads)
{
    setenv("OPENBLAS_NUM_THREADS", threads, 1);
    setenv("MKL_NUM_THREADS", threads, 1);
    setenv("BLIS_NUM_THREADS", threads, 1);
    void *library = dlopen(name, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return library;
}

static double *random_matrix(size_t count, uint64_t seed)
{
    double *values = malloc(count * sizeof *values);
    if (!values)
        limit_fail("no memory");
    for (size_t i = 0; i < count; i++) {
        seed = limit_fold(seed + 0x9e3779b97f4a7c15u, 0xe7037ed1a0b428dbu + i);
        values[i] = (double)(seed >> 11) * 0x1p-53 - 0.5;
    }
    return values;
}

int main(int argc, char **argv)
{
    const char *name = "libopenblas.so.0", *threads = "1";
    size_t times = 5;
    int option;
    while ((option = getopt(argc, argv, "l:t:n:")) != -1) {
        if (option == 'l')
            name = optarg;
        else if (option == 't')
            threads = optarg;
        else if (option == 'n')
            times = limit_number(optarg, 1, 1000);
        else
            break;
    }
    if (option != -1 || argc - optind != 1)
        limit_usage("dgemm [-l LIBRARY] [-t THREADS] [-n TIMES] SIZE");
    dgemm *multiply;
    *(void **)&multiply = find(load(name, threads), "cblas_dgemm");
    const int n = (int)limit_number(argv[optind], 1, 46000);
    const size_t count = (size_t)n * (size_t)n;
    double *a = random_matrix(count, 1), *b = random_matrix(count, 2), *c = random_matrix(count, 3);
    double *seconds = calloc(times, sizeof *seconds);
    for (size_t i = 0; i < times; i++) {
        double begin = limit_now();
        multiply(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
        seconds[i] = limit_now() - begin;
    }
    double median = limit_median(seconds, times);
    fprintf(stderr, "seconds: %.6f\n", median);
    printf("%.1f GFLOP/s\n", 2.0 * n * n * n / median * 1e-9);
    return 0;
}

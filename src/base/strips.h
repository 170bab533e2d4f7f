/*
 * base/strips.h: many terms of an exact sum at once, by what a kind of CPU can do. mr_exact_add_all
 * and mr_exact_add_products take the best there is; tests want to see them all.
 */
#ifndef MR_BASE_STRIPS_H
#define MR_BASE_STRIPS_H

#include <mapred/exact.h>

typedef enum mr_strips_cpu { MR_STRIPS_ANY, MR_STRIPS_AVX2, MR_STRIPS_AVX512 } mr_strips_cpu;

mr_strips_cpu mr_strips_best(void);
void mr_strips_add(mr_strips_cpu cpu, mr_exact *sum, const double *values, size_t count);
void mr_strips_add_products(mr_strips_cpu cpu, mr_exact *sum, const double *a, const double *b,
                            size_t count);

#endif

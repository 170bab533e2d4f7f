/*
 * array/ascending.h: numbers of a rank in ascending order, on its threads. They are sorted as
 * integers whose order is that of the numbers: NaN last, -0 before 0. Local.
 */
#ifndef MR_ARRAY_ASCENDING_H
#define MR_ARRAY_ASCENDING_H

#include <mapred/element.h>

#include <stdbool.h>

/* Whether numbers of this kind have an order. */
bool mr_ascending_can(mr_element element);

/* `count` numbers, `stride` elements apart, as images, and back. */
void mr_ascending_from(mr_element element, const void *numbers, size_t stride, size_t count,
                       uint64_t *images);
void mr_ascending_to(mr_element element, const uint64_t *images, size_t count, void *numbers,
                     size_t stride);

/* In order, on one thread; `scratch` holds as many. */
void mr_ascending_sort(uint64_t *images, uint64_t *scratch, size_t count);

/* The same on several threads. */
void mr_ascending_sort_shared(uint64_t *images, uint64_t *scratch, size_t count, unsigned threads);

/* Merges runs [starts[r], starts[r + 1]), each of them in order, into one; `runs` of them; `starts`
 * is used up. */
void mr_ascending_merge(uint64_t *images, uint64_t *scratch, size_t *starts, size_t runs,
                        unsigned threads);

/* How many are smaller than `image`. */
size_t mr_ascending_below(const uint64_t *images, size_t count, uint64_t image);

#endif

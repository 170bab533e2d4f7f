/*
 * array/ascending.c: threads radix-sort a part each; then neighbours are merged, all threads in
 * each pair: where the output is cut, bisection tells how much of either side lies before the cut.
 */
#include "array/ascending.h"

#include <string.h>

#define SIGN (UINT64_C(1) << 63)
/* Parts that are not worth a thread. */
#define SMALL ((size_t)1 << 14)

bool mr_ascending_can(mr_element element)
{
    return element != MR_C128;
}

static uint64_t image_of_f64(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (number != number)
        return UINT64_MAX;
    return bits & SIGN ? ~bits : bits | SIGN;
}

static double f64_of_image(uint64_t image)
{
    double number;
    uint64_t bits = image & SIGN ? image & ~SIGN : ~image;
    if (image == UINT64_MAX)
        return __builtin_nan("");
    memcpy(&number, &bits, sizeof number);
    return number;
}

void mr_ascending_from(mr_element element, const void *numbers, size_t stride, size_t count,
                       uint64_t *images)
{
    for (size_t i = 0; i < count; i++)
        if (element == MR_F64)
            images[i] = image_of_f64(((const double *)numbers)[i * stride]);
        else if (element == MR_F32)
            images[i] = image_of_f64((double)((const float *)numbers)[i * stride]);
        else if (element == MR_I64)
            images[i] = (uint64_t)((const int64_t *)numbers)[i * stride] ^ SIGN;
        else
            images[i] = (uint64_t)((const int32_t *)numbers)[i * stride] ^ SIGN;
}

void mr_ascending_to(mr_element element, const uint64_t *images, size_t count, void *numbers,
                     size_t stride)
{
    for (size_t i = 0; i < count; i++)
        if (element == MR_F64)
            ((double *)numbers)[i * stride] = f64_of_image(images[i]);
        else if (element == MR_F32)
            ((float *)numbers)[i * stride] = (float)f64_of_image(images[i]);
        else if (element == MR_I64)
            ((int64_t *)numbers)[i * stride] = (int64_t)(images[i] ^ SIGN);
        else
            ((int32_t *)numbers)[i * stride] = (int32_t)(images[i] ^ SIGN);
}

static void insert(uint64_t *v, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t one = v[i];
        size_t at = i;
        for (; at > 0 && v[at - 1] > one; at--)
            v[at] = v[at - 1];
        v[at] = one;
    }
}

/* One pass by a byte; false where all have the same: nothing was moved. */
static bool pass(const uint64_t *from, uint64_t *to, size_t count, unsigned shift,
                 const size_t *counts)
{
    size_t places[256], sum = 0;
    if (counts[from[0] >> shift & 255] == count)
        return false;
    for (unsigned byte = 0; byte < 256; byte++) {
        places[byte] = sum;
        sum += counts[byte];
    }
    for (size_t i = 0; i < count; i++)
        to[places[from[i] >> shift & 255]++] = from[i];
    return true;
}

void mr_ascending_sort(uint64_t *images, uint64_t *scratch, size_t count)
{
    size_t counts[8][256];
    uint64_t *from = images, *to = scratch;
    if (count < 128) {
        insert(images, count);
        return;
    }
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 8; byte++)
            counts[byte][images[i] >> 8 * byte & 255]++;
    for (unsigned byte = 0; byte < 8; byte++)
        if (pass(from, to, count, 8 * byte, counts[byte])) {
            uint64_t *other = from;
            from = to;
            to = other;
        }
    if (from != images)
        memcpy(images, from, count * sizeof *images);
}

size_t mr_ascending_below(const uint64_t *images, size_t count, uint64_t image)
{
    size_t begin = 0, end = count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (images[middle] < image)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

typedef struct pair {
    const uint64_t *left, *right;
    size_t left_count, right_count;
} pair;

/* How many of the first `cut` of a merged pair come from the left; of equal ones left ones first.
 */
static size_t left_before(const pair *p, size_t cut)
{
    size_t begin = cut > p->right_count ? cut - p->right_count : 0;
    size_t end = cut < p->left_count ? cut : p->left_count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (p->left[middle] <= p->right[cut - middle - 1])
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Elements [from, to) of a merged pair. */
static void merge_part(const pair *p, size_t from, size_t to, uint64_t *into)
{
    size_t i = left_before(p, from), j = from - i;
    const size_t i_end = left_before(p, to), j_end = to - i_end;
    for (into += from; i < i_end && j < j_end;)
        *into++ = p->left[i] <= p->right[j] ? p->left[i++] : p->right[j++];
    memcpy(into, p->left + i, (i_end - i) * sizeof *into);
    memcpy(into + (i_end - i), p->right + j, (j_end - j) * sizeof *into);
}

/* One round: two runs become one; a last one without a partner is copied. */
static void merge_round(const uint64_t *from, uint64_t *to, const size_t *starts, size_t runs,
                        unsigned threads)
{
#pragma omp parallel for collapse(2) num_threads((int)threads) schedule(dynamic)
    for (size_t r = 0; r < runs; r += 2)
        for (size_t part = 0; part < threads; part++) {
            const size_t begin = starts[r], middle = starts[r + 1];
            const size_t end = r + 1 < runs ? starts[r + 2] : middle, count = end - begin;
            const pair p = {from + begin, from + middle, middle - begin, end - middle};
            merge_part(&p, count / threads * part,
                       part + 1 == threads ? count : count / threads * (part + 1), to + begin);
        }
}

void mr_ascending_merge(uint64_t *images, uint64_t *scratch, size_t *starts, size_t runs,
                        unsigned threads)
{
    const size_t count = starts[runs];
    uint64_t *from = images, *to = scratch;
    while (runs > 1) {
        merge_round(from, to, starts, runs, threads);
        for (size_t r = 0; r < runs; r += 2)
            starts[r / 2] = starts[r];
        runs = (runs + 1) / 2;
        starts[runs] = count;
        uint64_t *other = from;
        from = to;
        to = other;
    }
    if (from != images)
        memcpy(images, from, count * sizeof *images);
}

#define PARTS 256

void mr_ascending_sort_shared(uint64_t *images, uint64_t *scratch, size_t count, unsigned threads)
{
    size_t starts[PARTS + 1], parts = count / SMALL < threads ? count / SMALL : threads;
    if (parts < 2) {
        mr_ascending_sort(images, scratch, count);
        return;
    }
    parts = parts < PARTS ? parts : PARTS;
    for (size_t p = 0; p <= parts; p++)
        starts[p] = p == parts ? count : count / parts * p;
#pragma omp parallel for num_threads((int)threads) schedule(static, 1)
    for (size_t p = 0; p < parts; p++)
        mr_ascending_sort(images + starts[p], scratch + starts[p], starts[p + 1] - starts[p]);
    mr_ascending_merge(images, scratch, starts, parts, threads);
}

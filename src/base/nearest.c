/*
 * base/nearest.c: edit distance between short names.
 */
#include "base/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, a row of its table at a time. */
size_t mr_nearest_distance(const char *a, const char *b)
{
    size_t row[MR_NEAREST_LONGEST + 1], a_size = strlen(a), b_size = strlen(b);
    if (a_size > MR_NEAREST_LONGEST || b_size > MR_NEAREST_LONGEST)
        return MR_NEAREST_LONGEST;
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            size_t edit = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(edit, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_size];
}

void mr_nearest_try(mr_nearest *nearest, const char *candidate)
{
    size_t size = strlen(nearest->name), distance = mr_nearest_distance(nearest->name, candidate);
    if (distance > 2 || 3 * distance > size || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

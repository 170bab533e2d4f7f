/*
 * cli/nearest.c: edit distance between short names.
 */
#include "cli/nearest.h"

#include <string.h>

#define LONGEST 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, a row of its table at a time. */
static size_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[LONGEST + 1];
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
    size_t size = strlen(nearest->name), other = strlen(candidate);
    if (size > LONGEST || other > LONGEST)
        return;
    size_t distance = distance_of(nearest->name, size, candidate, other);
    if (distance > 2 || 3 * distance > size || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

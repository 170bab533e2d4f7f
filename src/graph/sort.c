/* graph/sort.c: a radix sort in place, byte by byte from the highest, down to a few by insertion.
 */
#include "graph/sort.h"

#define FEW 48

static void insert(mr_vertex *v, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        mr_vertex one = v[i];
        size_t at = i;
        for (; at > 0 && v[at - 1] > one; at--)
            v[at] = v[at - 1];
        v[at] = one;
    }
}

/* Swaps each into the range of its byte: next[b] to ends[b] - 1. */
static void permute(mr_vertex *v, unsigned shift, size_t *next, const size_t *ends)
{
    for (unsigned byte = 0; byte < 256; byte++)
        while (next[byte] < ends[byte]) {
            size_t from = next[byte];
            mr_vertex one = v[from];
            size_t to = next[one >> shift & 255]++;
            v[from] = v[to];
            v[to] = one;
        }
}

static void sort_bytes(mr_vertex *v, size_t count, unsigned shift)
{
    size_t next[256], ends[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        ends[v[i] >> shift & 255]++;
    for (unsigned byte = 0; byte < 256; byte++) {
        next[byte] = sum;
        sum += ends[byte];
        ends[byte] = sum;
    }
    permute(v, shift, next, ends);
    for (unsigned byte = 0; shift > 0 && byte < 256; byte++) {
        size_t begin = byte ? ends[byte - 1] : 0, size = ends[byte] - begin;
        if (size > FEW)
            sort_bytes(v + begin, size, shift - 8);
        else if (size > 1)
            insert(v + begin, size);
    }
}

void mr_vertices_sort(mr_vertex *v, size_t count)
{
    mr_vertex highest = 0;
    if (count <= FEW) {
        insert(v, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        highest |= v[i];
    unsigned shift = 24;
    while (shift > 0 && highest >> shift == 0)
        shift -= 8;
    sort_bytes(v, count, shift);
}

size_t mr_vertices_unique(mr_vertex *v, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || v[i] != v[kept - 1])
            v[kept++] = v[i];
    return kept;
}

/* graph/array.h: an array of a graph's: this, then its elements. */
#ifndef MR_GRAPH_ARRAY_H
#define MR_GRAPH_ARRAY_H

#include "graph/graph.h"

typedef struct mr_array {
    _Alignas(64) struct mr_array *next;
    size_t size; /* with this */
} mr_array;

/* The same as mr_graph_array for bytes that are not cleared. Edges of `set`, too, make way. */
void *mr_graph_take(mr_graph *graph, mr_set *set, uint64_t size, const char *what);

#endif

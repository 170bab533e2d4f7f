/* graph/sort.h: vertices in order. Touches nothing but the array it is given. */
#ifndef MR_GRAPH_SORT_H
#define MR_GRAPH_SORT_H

#include <mapred/graph.h>

void mr_vertices_sort(mr_vertex *vertices, size_t count);
/* Of vertices in order, each once; returns how many there are. */
size_t mr_vertices_unique(mr_vertex *vertices, size_t count);

#endif

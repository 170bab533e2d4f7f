/* graph/sum.c: sums over neighbours: from lists in memory, or from edges as they come off the disk.
 */
#include "graph/neighbours.h"

typedef struct summing {
    const mr_neighbours *neighbours;
    const uint64_t *numbers;
    uint64_t *sums;
    uint64_t first; /* of this rank's vertices */
} summing;

static void sum_lists(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    const summing *s = context;
    const mr_lists *lists = &s->neighbours->lists;
    const uint64_t *first = s->neighbours->first + mr_neighbours_own(s->neighbours);
    (void)thread;
    for (uint64_t v = first[begin] - s->first; v < first[end] - s->first; v++) {
        uint64_t sum = 0;
        for (uint64_t i = lists->offsets[v]; i < lists->offsets[v + 1]; i++)
            sum += s->numbers[lists->ends[i]];
        s->sums[v] = sum;
    }
}

static void sum_chunk(void *context, mr_edges edges)
{
    const summing *s = context;
    const mr_neighbours *nb = s->neighbours;
    for (size_t i = 0; i < edges.count; i++) {
        mr_edge edge = edges.edges[i];
        s->sums[mr_edge_home(nb, edge) - s->first] += s->numbers[mr_edge_other(nb, edge)];
    }
}

mr_status mr_neighbours_sum(mr_neighbours *nb, const uint64_t *numbers, uint64_t *sums)
{
    mr_bucket_id own = mr_neighbours_own(nb);
    summing s = {nb, numbers, sums, nb->first[own]};
    if (nb->parts == 1) {
        mr_graph_parallel(nb->graph, 0, nb->buckets, 1, sum_lists, &s);
        return MR_OK;
    }
    memset(sums, 0, (nb->first[own + nb->buckets] - s.first) * sizeof *sums);
    mr_scan scan = {nb, own, own + nb->buckets, false, sum_chunk, &s};
    return mr_scan_run(&scan);
}

/* Edges made of lists again. */
typedef struct unlisting {
    const mr_neighbours *neighbours;
    mr_edges_kernel *kernel;
    void *context;
} unlisting;

#define AT_ONCE 256

static void unlist(const unlisting *u, uint64_t vertex)
{
    const mr_lists *lists = &u->neighbours->lists;
    uint64_t v = vertex - lists->first, end = lists->offsets[v + 1], count;
    mr_edge edges[AT_ONCE];
    for (uint64_t at = lists->offsets[v]; at < end; at += count) {
        count = end - at < AT_ONCE ? end - at : AT_ONCE;
        for (uint64_t i = 0; i < count; i++) {
            mr_vertex other = lists->ends[at + i], home = (mr_vertex)vertex;
            bool by_to = u->neighbours->options.by_to;
            edges[i] = by_to ? (mr_edge){other, home} : (mr_edge){home, other};
        }
        u->kernel(u->context,
                  (mr_edges){edges, lists->weights ? lists->weights + at : NULL, count});
    }
}

static void unlist_some(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    (void)thread;
    for (uint64_t vertex = begin; vertex < end; vertex++)
        unlist(context, vertex);
}

mr_status mr_neighbours_each(mr_neighbours *nb, mr_edges_kernel *kernel, void *context)
{
    mr_bucket_id own = mr_neighbours_own(nb);
    unlisting u = {nb, kernel, context};
    mr_scan scan = {nb, own, own + nb->buckets, false, kernel, context};
    if (nb->parts > 1)
        return mr_scan_run(&scan);
    mr_graph_parallel(nb->graph, nb->lists.first, nb->lists.first + nb->lists.count, 1024,
                      unlist_some, &u);
    return MR_OK;
}

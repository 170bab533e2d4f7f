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
    mr_bucket own = mr_neighbours_own(nb);
    summing s = {nb, numbers, sums, nb->first[own]};
    if (nb->parts == 1) {
        mr_graph_parallel(nb->graph, 0, nb->buckets, 1, sum_lists, &s);
        return MR_OK;
    }
    memset(sums, 0, (nb->first[own + nb->buckets] - s.first) * sizeof *sums);
    mr_scan scan = {nb, own, own + nb->buckets, false, sum_chunk, &s};
    return mr_scan_run(&scan);
}

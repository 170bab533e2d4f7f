/*
 * graph/lists.c: lists of neighbours from chunks of edges: counted, then put in place, then, where
 * they have to be, sorted and made distinct. No two piles have edges of one vertex, so that nothing
 * here locks.
 */
#include "graph/neighbours.h"

#include "graph/array.h"
#include "graph/sort.h"
#include "sets/set.h"

#include <stdlib.h>

/* The lists of some buckets while they are made. */
typedef struct building {
    const mr_neighbours *neighbours;
    mr_bucket_id begin, end;
    mr_lists *lists;
    uint64_t *filled; /* where each bucket ends, when its lists are shorter than before */
} building;

/* Counters stand two behind: placing moves each start to the next one's, and leaves offsets. */
static void count_ends(void *context, mr_edges edges)
{
    const building *b = context;
    uint64_t *counts = b->lists->offsets + 2;
    for (size_t i = 0; i < edges.count; i++)
        counts[mr_edge_home(b->neighbours, edges.edges[i]) - b->lists->first]++;
}

static void place_ends(void *context, mr_edges edges)
{
    const building *b = context;
    const mr_lists *lists = b->lists;
    uint64_t *starts = lists->offsets + 1;
    for (size_t i = 0; i < edges.count; i++) {
        mr_edge edge = edges.edges[i];
        uint64_t at = starts[mr_edge_home(b->neighbours, edge) - lists->first]++;
        lists->ends[at] = mr_edge_other(b->neighbours, edge);
        if (lists->weights)
            lists->weights[at] = edges.weights[i];
    }
}

/* A bucket's first vertex, as an index into the lists. */
static uint64_t first_of(const building *b, uint64_t bucket)
{
    return b->neighbours->first[b->begin + bucket] - b->lists->first;
}

/* Each list of a bucket in order and without doubles; the bucket's lists stay together. */
static void tidy_bucket(const building *b, uint64_t bucket)
{
    uint64_t *offsets = b->lists->offsets, begin = first_of(b, bucket);
    mr_vertex *ends = b->lists->ends;
    uint64_t at = offsets[begin];
    for (uint64_t v = begin; v < first_of(b, bucket + 1); v++) {
        uint64_t start = offsets[v], count = offsets[v + 1] - start;
        mr_vertices_sort(ends + start, count);
        count = mr_vertices_unique(ends + start, count);
        memmove(ends + at, ends + start, count * sizeof *ends);
        if (v > begin) /* the first stays, and the thread of the bucket before reads it */
            offsets[v] = at;
        at += count;
    }
    b->filled[bucket] = at;
}

static void tidy(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    (void)thread;
    for (uint64_t bucket = begin; bucket < end; bucket++)
        tidy_bucket(context, bucket);
}

/* Moves the buckets together after that. */
static void close_up(const building *b)
{
    uint64_t *offsets = b->lists->offsets, at = 0;
    mr_vertex *ends = b->lists->ends;
    for (uint64_t bucket = 0; bucket < b->end - b->begin; bucket++) {
        uint64_t begin = first_of(b, bucket), end = first_of(b, bucket + 1);
        if (begin == end)
            continue;
        uint64_t start = offsets[begin], count = b->filled[bucket] - start;
        memmove(ends + at, ends + start, count * sizeof *ends);
        for (uint64_t v = begin; v < end; v++)
            offsets[v] -= start - at;
        at += count;
    }
    offsets[b->lists->count] = at;
}

static void take_offsets(const building *b)
{
    mr_graph *graph = b->neighbours->graph;
    mr_lists *lists = b->lists;
    lists->first = b->neighbours->first[b->begin];
    lists->count = b->neighbours->first[b->end] - lists->first;
    lists->offsets =
        mr_graph_array(graph, lists->count + 2, sizeof *lists->offsets, "lists of neighbours");
}

static void add_up(mr_lists *lists)
{
    for (uint64_t v = 0; v < lists->count; v++)
        lists->offsets[v + 2] += lists->offsets[v + 1];
}

static void take_ends(const building *b)
{
    const mr_neighbours *nb = b->neighbours;
    mr_lists *lists = b->lists;
    uint64_t count = lists->offsets[lists->count + 1];
    lists->ends =
        mr_graph_take(nb->graph, nb->set, count * sizeof *lists->ends, "lists of neighbours");
    if (nb->graph->weighted && !nb->options.distinct)
        lists->weights =
            mr_graph_take(nb->graph, nb->set, count * sizeof *lists->weights, "lists of weights");
}

static mr_status make_distinct(building *b)
{
    mr_graph *graph = b->neighbours->graph;
    uint64_t buckets = b->end - b->begin;
    b->filled = mr_graph_array(graph, buckets, sizeof *b->filled, "lists of neighbours");
    MR_TRY(mr_job_agree(graph->job));
    mr_graph_parallel(graph, 0, buckets, 1, tidy, b);
    close_up(b);
    mr_graph_array_free(graph, b->filled);
    return MR_OK;
}

/* The lists of this rank's buckets `begin` to `end` - 1 (of all ranks). Collective. */
static mr_status build(mr_neighbours *nb, mr_bucket_id begin, mr_bucket_id end, bool consume,
                       mr_lists *lists)
{
    mr_job *job = nb->graph->job;
    building b = {.neighbours = nb, .begin = begin, .end = end, .lists = lists};
    mr_scan scan = {.neighbours = nb, .begin = begin, .end = end, .context = &b};
    *lists = (mr_lists){.first = 0};
    take_offsets(&b);
    MR_TRY(mr_job_agree(job));
    scan.chunk = count_ends;
    MR_TRY(mr_scan_run(&scan));
    add_up(lists);
    take_ends(&b);
    MR_TRY(mr_job_agree(job));
    scan.chunk = place_ends;
    scan.consume = consume;
    MR_TRY(mr_scan_run(&scan));
    return nb->options.distinct ? make_distinct(&b) : MR_OK;
}

static uint64_t part_start(const mr_neighbours *nb, uint32_t parts, uint32_t part)
{
    return mr_neighbours_own(nb) + (uint64_t)nb->buckets * part / parts;
}

/* Bytes of the lists of some buckets. */
static uint64_t size_of(const mr_neighbours *nb, uint64_t begin, uint64_t end)
{
    size_t edge = sizeof(mr_vertex) + (nb->graph->weighted ? sizeof(mr_weight) : 0);
    uint64_t first = nb->first[begin], last = nb->first[end], edges = 0;
    for (uint64_t cell = first >> nb->shift; cell << nb->shift < last; cell++)
        edges += nb->edges[cell];
    return edges * edge + (last - first + 2) * sizeof(uint64_t);
}

static uint64_t largest_part(const mr_neighbours *nb, uint32_t parts)
{
    uint64_t largest = 0;
    for (uint32_t part = 0; part < parts; part++) {
        uint64_t size = size_of(nb, part_start(nb, parts, part), part_start(nb, parts, part + 1));
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Memory that is free once the edges are on disk. */
static uint64_t free_memory(const mr_neighbours *nb)
{
    uint64_t memory = mr_job_memory_left(nb->graph->job);
    const mr_set *sets[] = {nb->set, nb->graph->edges};
    for (size_t i = 0; i < 2; i++)
        if (sets[i])
            memory += mr_piles_bytes(&sets[i]->piles) - mr_piles_spilled(&sets[i]->piles);
    return memory;
}

/* One part may take most of the memory; of several, two are there at a time, and one on its way. */
static uint32_t parts_needed(const mr_neighbours *nb)
{
    uint64_t memory = free_memory(nb);
    uint32_t parts = 1;
    if (largest_part(nb, 1) + nb->options.beside <= memory / 4 * 3)
        return 1;
    do
        parts++;
    while (parts < nb->buckets && largest_part(nb, parts) > memory / 6);
    return parts;
}

mr_status mr_neighbours_settle(mr_neighbours *nb)
{
    mr_job *job = nb->graph->job;
    int64_t parts = parts_needed(nb);
    mr_all_max_i64(job, &parts, 1);
    nb->parts = (uint32_t)parts;
    nb->pile = mr_graph_array(nb->graph, nb->buckets, sizeof *nb->pile, "piles of ranges");
    MR_TRY(mr_job_agree(job));
    if (parts > 1 && mr_job_rank(job) == 0)
        mr_job_add(job, "parts of lists", parts);
    if (parts > 1)
        return MR_OK;
    mr_bucket_id own = mr_neighbours_own(nb);
    MR_TRY(build(nb, own, own + nb->buckets, true, &nb->lists));
    mr_set_destroy(&nb->set);
    return MR_OK;
}

mr_status mr_neighbours_lists(mr_neighbours *nb, uint32_t part, mr_lists *lists)
{
    *lists = nb->lists;
    if (nb->parts == 1)
        return MR_OK;
    mr_status status = build(nb, (mr_bucket_id)part_start(nb, nb->parts, part),
                             (mr_bucket_id)part_start(nb, nb->parts, part + 1), false, lists);
    if (status != MR_OK)
        mr_lists_free(nb, lists);
    return status;
}

static void free_lists(mr_graph *graph, mr_lists *lists)
{
    mr_graph_array_free(graph, lists->offsets);
    mr_graph_array_free(graph, lists->ends);
    mr_graph_array_free(graph, lists->weights);
    *lists = (mr_lists){.first = 0};
}

void mr_lists_free(mr_neighbours *nb, mr_lists *lists)
{
    if (lists->offsets != nb->lists.offsets)
        free_lists(nb->graph, lists);
    *lists = (mr_lists){.first = 0};
}

void mr_neighbours_destroy(mr_neighbours **result)
{
    mr_neighbours *nb = *result;
    if (!nb)
        return;
    mr_set_destroy(&nb->set);
    free_lists(nb->graph, &nb->lists);
    void *arrays[] = {nb->bucket_of, nb->first, nb->starts, nb->edges, nb->pile};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        mr_graph_array_free(nb->graph, arrays[i]);
    free(nb);
    *result = NULL;
}

/* graph/neighbours.c: neighbours from edges: where ranges of vertices are cut, and how edges get to
 * their rank. */
#include "graph/neighbours.h"

#include <omp.h>
#include <stdlib.h>

#define CELLS_MOST 32768u

/* Buckets of a rank: enough for its threads to share, and for parts of what does not fit. Of all
 * ranks: few enough that a page of edges, divided among them, is not crumbs. */
#define BUCKETS_LEAST 64u
#define BUCKETS_MOST  256u
#define BUCKETS_ALL   4096u

/* Edges that are put in the order of their buckets at a time. */
#define BATCH 8192

static uint32_t buckets_of(const mr_job *job)
{
    uint32_t ranks = (uint32_t)mr_job_ranks(job), each = BUCKETS_LEAST;
    uint32_t wanted = 8 * job->threads;
    if (mr_memory_budget() && mr_memory_budget() < (uint64_t)1 << 30)
        wanted = BUCKETS_MOST;
    each = wanted > each ? wanted : each;
    each = each > BUCKETS_MOST ? BUCKETS_MOST : each;
    each = each > BUCKETS_ALL / ranks ? BUCKETS_ALL / ranks : each;
    return each > 0 ? each : 1;
}

/* Counters of cells, a copy a thread. */
typedef struct cutting {
    const mr_neighbours *neighbours;
    uint64_t *counts;
} cutting;

static bool change(const mr_neighbours *nb, mr_edge *edge)
{
    return !nb->options.change || nb->options.change(nb->options.context, edge);
}

static void count_cells(void *context, mr_edges edges)
{
    const cutting *c = context;
    const mr_neighbours *nb = c->neighbours;
    uint64_t *counts = c->counts + (size_t)omp_get_thread_num() * nb->cells;
    for (size_t i = 0; i < edges.count; i++) {
        mr_edge edge = edges.edges[i];
        if (change(nb, &edge))
            counts[mr_edge_home(nb, edge) >> nb->shift]++;
    }
}

static mr_status count_edges(mr_neighbours *nb)
{
    mr_graph *graph = nb->graph;
    unsigned threads = graph->job->threads;
    cutting c = {.neighbours = nb};
    c.counts =
        mr_graph_array(graph, (uint64_t)nb->cells * threads, sizeof *c.counts, "edges of ranges");
    MR_TRY(mr_job_agree(graph->job));
    mr_status status = mr_graph_each(graph, count_cells, &c);
    for (uint64_t i = 0; i < (uint64_t)nb->cells * threads; i++)
        nb->edges[i % nb->cells] += c.counts[i];
    mr_graph_array_free(graph, c.counts);
    if (status == MR_OK)
        mr_all_sum_i64(graph->job, (int64_t *)nb->edges, nb->cells);
    return status;
}

static uint64_t cell_start(const mr_neighbours *nb, uint32_t cell)
{
    uint64_t vertex = (uint64_t)cell << nb->shift, end = nb->graph->vertices;
    return vertex < end ? vertex : end;
}

/* A bucket ends where its share of edges and vertices is reached. */
static void assign_cells(mr_neighbours *nb)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t total = nb->graph->vertices, before = 0;
    mr_bucket_id open = 0; /* the next whose first vertex is to be told */
    for (uint32_t cell = 0; cell < nb->cells; cell++)
        total += nb->edges[cell];
    for (uint32_t cell = 0; cell < nb->cells; cell++) {
        mr_bucket_id bucket = total ? (mr_bucket_id)((wide)before * nb->all / total) : 0;
        nb->bucket_of[cell] = bucket < nb->all ? bucket : nb->all - 1;
        while (open <= nb->bucket_of[cell])
            nb->first[open++] = cell_start(nb, cell);
        before += nb->edges[cell] + cell_start(nb, cell + 1) - cell_start(nb, cell);
    }
    while (open <= nb->all)
        nb->first[open++] = nb->graph->vertices;
    for (int rank = 0; rank <= mr_job_ranks(nb->graph->job); rank++)
        nb->starts[rank] = nb->first[(uint32_t)rank * nb->buckets];
}

mr_status mr_neighbours_cut(mr_neighbours *nb)
{
    mr_graph *graph = nb->graph;
    while ((graph->vertices >> nb->shift) + 1 > CELLS_MOST)
        nb->shift++;
    nb->cells = (uint32_t)(graph->vertices >> nb->shift) + 1;
    nb->buckets = buckets_of(graph->job);
    nb->all = nb->buckets * (uint32_t)mr_job_ranks(graph->job);
    nb->edges = mr_graph_array(graph, nb->cells, sizeof *nb->edges, "edges of ranges");
    nb->bucket_of = mr_graph_array(graph, nb->cells, sizeof *nb->bucket_of, "ranges of vertices");
    nb->first = mr_graph_array(graph, nb->all + 1, sizeof *nb->first, "ranges of vertices");
    nb->starts = mr_graph_array(graph, (uint64_t)mr_job_ranks(graph->job) + 1, sizeof *nb->starts,
                                "ranges of vertices");
    MR_TRY(mr_job_agree(graph->job));
    MR_TRY(count_edges(nb));
    assign_cells(nb);
    return MR_OK;
}

/* What a thread needs to put edges in the order of buckets. */
typedef struct batch {
    size_t count;
    mr_edge edges[BATCH], sorted[BATCH];
    mr_weight weights[BATCH], sorted_weights[BATCH];
    mr_bucket_id buckets[BATCH];
    uint32_t ends[]; /* of buckets in `sorted` */
} batch;

typedef struct moving {
    const mr_neighbours *neighbours;
    char *batches; /* a thread's each */
    size_t size;
} moving;

static mr_status put_bucket(mr_out *out, const mr_neighbours *nb, const batch *b,
                            mr_bucket_id bucket, size_t begin, size_t end)
{
    while (begin < end) {
        size_t count = end - begin < MR_CHUNK_EDGES ? end - begin : MR_CHUNK_EDGES;
        const mr_weight *weights = nb->graph->weighted ? b->sorted_weights + begin : NULL;
        MR_TRY(mr_chunk_put(out, bucket, (mr_edges){b->sorted + begin, weights, count}));
        begin += count;
    }
    return MR_OK;
}

static void sort_batch(const mr_neighbours *nb, batch *b)
{
    memset(b->ends, 0, (nb->all + 1) * sizeof *b->ends);
    for (size_t i = 0; i < b->count; i++) {
        b->buckets[i] = nb->bucket_of[mr_edge_home(nb, b->edges[i]) >> nb->shift];
        b->ends[b->buckets[i] + 1]++;
    }
    for (uint32_t i = 0; i < nb->all; i++)
        b->ends[i + 1] += b->ends[i];
    for (size_t i = 0; i < b->count; i++) {
        uint32_t to = b->ends[b->buckets[i]]++;
        b->sorted[to] = b->edges[i];
        if (nb->graph->weighted)
            b->sorted_weights[to] = b->weights[i];
    }
}

static mr_status flush(mr_out *out, const mr_neighbours *nb, batch *b)
{
    sort_batch(nb, b);
    size_t begin = 0;
    for (mr_bucket_id bucket = 0; bucket < nb->all && begin < b->count; bucket++) {
        MR_TRY(put_bucket(out, nb, b, bucket, begin, b->ends[bucket]));
        begin = b->ends[bucket];
    }
    b->count = 0;
    return MR_OK;
}

static mr_status add_edges(mr_out *out, const mr_neighbours *nb, batch *b, mr_edges edges)
{
    for (size_t i = 0; i < edges.count; i++) {
        mr_edge edge = edges.edges[i];
        if (!change(nb, &edge))
            continue;
        b->edges[b->count] = edge;
        if (edges.weights)
            b->weights[b->count] = edges.weights[i];
        if (++b->count == BATCH)
            MR_TRY(flush(out, nb, b));
    }
    return MR_OK;
}

static mr_status move_pairs(mr_out *out, mr_pairs *pairs)
{
    const moving *m = mr_out_context(out);
    const mr_neighbours *nb = m->neighbours;
    batch *b = (void *)(m->batches + (size_t)omp_get_thread_num() * m->size);
    b->count = 0;
    for (mr_pair chunk; mr_pairs_next(pairs, &chunk);)
        MR_TRY(add_edges(out, nb, b, mr_chunk_edges(nb->graph, chunk.value)));
    return flush(out, nb, b);
}

static uint64_t owner_of(void *context, mr_bytes key, uint64_t owners)
{
    const moving *m = context;
    mr_bucket_id bucket;
    (void)owners;
    memcpy(&bucket, key.data, sizeof bucket);
    return bucket / m->neighbours->buckets;
}

mr_status mr_neighbours_move(mr_neighbours *nb)
{
    mr_graph *graph = nb->graph;
    moving m = {.neighbours = nb, .size = sizeof(batch) + (nb->all + 1) * sizeof(uint32_t)};
    m.size = (m.size + 63) & ~(size_t)63;
    mr_set_options options = {.shape = mr_chunk_shape(),
                              .spread = MR_SPREAD_OWNER,
                              .owner = owner_of,
                              .consume = nb->options.consume,
                              .context = &m,
                              .name = "neighbours"};
    m.batches = mr_graph_array(graph, graph->job->threads, m.size, "edges being moved");
    MR_TRY(mr_job_agree(graph->job));
    mr_status status = mr_set_map(graph->edges, move_pairs, &options, &nb->set);
    mr_graph_array_free(graph, m.batches);
    if (nb->options.consume)
        mr_set_destroy(&graph->edges);
    return status;
}

mr_status mr_neighbours_create(mr_graph *graph, const mr_neighbours_options *options,
                               mr_neighbours **result)
{
    mr_neighbours *nb = *result = calloc(1, sizeof *nb);
    if (!nb)
        mr_error_set(graph->job->error, MR_NO_MEMORY, "out of memory: neighbours");
    mr_status status = mr_job_agree(graph->job);
    if (status == MR_OK) {
        *nb = (mr_neighbours){.graph = graph, .options = *options};
        status = mr_neighbours_cut(nb);
    }
    if (status == MR_OK)
        status = mr_neighbours_move(nb);
    if (status == MR_OK)
        status = mr_neighbours_settle(nb);
    if (status != MR_OK)
        mr_neighbours_destroy(result);
    return status;
}

const uint64_t *mr_neighbours_starts(const mr_neighbours *nb)
{
    return nb->starts;
}

uint32_t mr_neighbours_parts(const mr_neighbours *nb)
{
    return nb->parts;
}

/* graph/vertices.c: arrays with something for each vertex, and loops over vertices and edges. */
#include "graph/graph.h"

#include "graph/array.h"
#include "sets/set.h"

#include <omp.h>

static void shed(mr_graph *graph, mr_set *set, uint64_t bytes)
{
    mr_spill_buffer buffer = {.stride = 0};
    if (set && mr_piles_bytes(&set->piles) > mr_piles_spilled(&set->piles))
        mr_piles_shed(&set->piles, bytes, &buffer, graph->job->error);
    mr_spill_buffer_free(&buffer);
}

void mr_graph_make_room(mr_graph *graph, mr_set *set, uint64_t bytes)
{
    uint64_t limit = mr_memory_budget() / 8 * 7;
    mr_set *sets[] = {graph->edges, set, graph->names};
    for (size_t i = 0; limit && i < 3; i++) {
        uint64_t wanted = mr_memory_used() + bytes;
        if (wanted <= limit || graph->job->error->code != MR_OK)
            return;
        shed(graph, sets[i], wanted - limit);
    }
}

void *mr_graph_take(mr_graph *graph, mr_set *set, uint64_t size, const char *what)
{
    uint64_t bytes = sizeof(mr_array) + size;
    mr_graph_make_room(graph, set, bytes);
    mr_array *array =
        mr_memory_allocate_aligned(bytes, _Alignof(mr_array), what, graph->job->error);
    if (!array)
        return NULL;
    *array = (mr_array){graph->arrays, bytes};
    graph->arrays = array;
    return array + 1;
}

void *mr_graph_array(mr_graph *graph, uint64_t count, size_t size, const char *what)
{
    void *array = mr_graph_take(graph, NULL, count * size, what);
    if (array)
        memset(array, 0, count * size);
    return array;
}

void mr_graph_array_free(mr_graph *graph, void *memory)
{
    mr_array **at = &graph->arrays;
    while (*at && *at + 1 != memory)
        at = &(*at)->next;
    mr_array *array = *at;
    if (!array)
        return;
    *at = array->next;
    mr_memory_free(array, array->size);
}

void mr_graph_parallel(mr_graph *graph, uint64_t begin, uint64_t end, uint64_t piece,
                       mr_piece_kernel *kernel, void *context)
{
    uint64_t pieces = begin < end ? (end - begin + piece - 1) / piece : 0;
#pragma omp parallel for schedule(dynamic) num_threads((int)graph->job->threads) if (pieces > 1)
    for (uint64_t i = 0; i < pieces; i++) {
        uint64_t from = begin + i * piece, to = end - from < piece ? end : from + piece;
        kernel(context, (unsigned)omp_get_thread_num(), from, to);
    }
}

/* A kernel of the caller's, and the graph. */
typedef struct each {
    const mr_graph *graph;
    mr_edges_kernel *kernel;
    void *context;
} each;

static mr_status call_each(mr_out *out, mr_pairs *pairs)
{
    const each *e = mr_out_context(out);
    for (mr_pair chunk; mr_pairs_next(pairs, &chunk);)
        e->kernel(e->context, mr_chunk_edges(e->graph, chunk.value));
    return MR_OK;
}

mr_status mr_graph_each(mr_graph *graph, mr_edges_kernel *kernel, void *context)
{
    each e = {graph, kernel, context};
    return mr_set_map(graph->edges, call_each, &(mr_set_options){.context = &e}, NULL);
}

/* Counters of one rank: a copy a thread, where they are few enough, else one that all add to. */
typedef struct counting {
    mr_graph *graph;
    unsigned ends, copies;
    uint32_t *counts; /* copies x vertices; NULL: */
    int64_t *degrees; /* then they add here */
} counting;

static inline void count_end(const counting *c, uint32_t *counts, mr_vertex vertex)
{
    if (counts)
        counts[vertex]++;
    else
        __atomic_fetch_add(&c->degrees[vertex], 1, __ATOMIC_RELAXED);
}

static void count_edges(void *context, mr_edges edges)
{
    const counting *c = context;
    uint32_t *counts = NULL;
    if (c->counts)
        counts = c->counts + (uint64_t)omp_get_thread_num() * c->graph->vertices;
    for (size_t i = 0; c->ends & MR_DEGREE_OUT && i < edges.count; i++)
        count_end(c, counts, edges.edges[i].from);
    for (size_t i = 0; c->ends & MR_DEGREE_IN && i < edges.count; i++)
        count_end(c, counts, edges.edges[i].to);
}

static void add_up(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    const counting *c = context;
    (void)thread;
    for (unsigned copy = 0; copy < c->copies; copy++)
        for (uint64_t v = begin; v < end; v++)
            c->degrees[v] += c->counts[copy * c->graph->vertices + v];
}

/* A copy a thread as long as that is a small part of the memory, and no counter can overflow. */
static void take_copies(counting *c)
{
    mr_graph *graph = c->graph;
    uint64_t size = graph->vertices * graph->job->threads * sizeof *c->counts;
    if (size > mr_job_memory_left(graph->job) / 4 || 2 * graph->seen.edges > UINT32_MAX)
        return;
    c->copies = graph->job->threads;
    c->counts = mr_graph_array(graph, graph->vertices * c->copies, sizeof *c->counts, "degrees");
}

mr_status mr_graph_degrees(mr_graph *graph, unsigned ends, int64_t *degrees)
{
    counting c = {.graph = graph, .ends = ends, .degrees = degrees};
    memset(degrees, 0, graph->vertices * sizeof *degrees);
    take_copies(&c);
    mr_status status = mr_job_agree(graph->job);
    if (status == MR_OK)
        status = mr_graph_each(graph, count_edges, &c);
    if (status == MR_OK && c.counts)
        mr_graph_parallel(graph, 0, graph->vertices, 1 << 16, add_up, &c);
    mr_graph_array_free(graph, c.counts);
    if (status == MR_OK)
        mr_all_sum_i64(graph->job, degrees, graph->vertices);
    return status;
}

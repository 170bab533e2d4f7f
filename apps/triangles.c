/*
 * apps/triangles.c: how many triangles a graph has. Directions, edges from a vertex to itself, and
 * edges that stand there again do not count.
 *
 * Vertices are put in the order of their degrees, and each keeps only its neighbours that come
 * later: then even one with millions of neighbours has a short list. A triangle is a vertex, a
 * later neighbour, and a later neighbour of both. Each rank has the lists of some vertices; all
 * lists are broadcast, part by part, and each rank looks what its own have in common with them.
 */
#include <mapred.h>

typedef struct counter {
    mr_graph *graph;
    mr_neighbours *neighbours;
    int64_t *degrees;
    mr_vertex *places; /* of vertices in the order of degrees */
    uint64_t *marks;   /* a bit a vertex, for each thread */
    uint64_t words;    /* of a thread's */
    mr_lists own, other;
    int64_t triangles;
} counter;

/* Degrees from here on are one. */
#define DEGREES 65536u

static unsigned degree_of(const counter *c, uint64_t vertex)
{
    return c->degrees[vertex] < DEGREES ? (unsigned)c->degrees[vertex] : DEGREES;
}

/* Vertices in the order of degrees, of the same degree in their own. */
static void order_vertices(counter *c, uint64_t *starts)
{
    uint64_t n = mr_graph_vertices(c->graph), sum = 0;
    for (uint64_t v = 0; v < n; v++)
        starts[degree_of(c, v)]++;
    for (unsigned degree = 0; degree <= DEGREES; degree++) {
        uint64_t count = starts[degree];
        starts[degree] = sum;
        sum += count;
    }
    for (uint64_t v = 0; v < n; v++)
        c->places[v] = (mr_vertex)starts[degree_of(c, v)]++;
}

/* An edge from the earlier vertex to the later one. */
static bool turn(void *context, mr_edge *edge)
{
    const counter *c = context;
    mr_vertex from = c->places[edge->from], to = c->places[edge->to];
    *edge = from < to ? (mr_edge){from, to} : (mr_edge){to, from};
    return from != to;
}

static mr_status make_lists(mr_job *job, counter *c)
{
    const mr_neighbours_options later = {
        .distinct = true, .consume = true, .change = turn, .context = c};
    uint64_t n = mr_graph_vertices(c->graph);
    uint64_t *starts = mr_graph_array(c->graph, DEGREES + 1, sizeof *starts, "degrees");
    c->words = n / 64 + 1;
    c->marks = mr_graph_array(c->graph, c->words * mr_job_threads(job), sizeof *c->marks, "marks");
    c->places = mr_graph_array(c->graph, n, sizeof *c->places, "an order of vertices");
    c->degrees = mr_graph_array(c->graph, n, sizeof *c->degrees, "degrees of vertices");
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_graph_degrees(c->graph, MR_DEGREE_OUT | MR_DEGREE_IN, c->degrees));
    order_vertices(c, starts);
    mr_graph_array_free(c->graph, c->degrees);
    mr_graph_array_free(c->graph, starts);
    return mr_neighbours_create(c->graph, &later, &c->neighbours);
}

/* A vertex's neighbours as bits, and as none again. */
static void mark(uint64_t *marks, const mr_vertex *at, const mr_vertex *end)
{
    for (; at < end; at++)
        marks[*at / 64] |= UINT64_C(1) << *at % 64;
}

static void unmark(uint64_t *marks, const mr_vertex *at, const mr_vertex *end)
{
    for (; at < end; at++)
        marks[*at / 64] = 0;
}

/* How many of the marked are neighbours of a vertex of the other lists. */
static int64_t common(const mr_lists *other, uint64_t vertex, const uint64_t *marks)
{
    int64_t count = 0;
    const uint64_t *offsets = other->offsets + (vertex - other->first);
    for (uint64_t i = offsets[0]; i < offsets[1]; i++)
        count += (int64_t)(marks[other->ends[i] / 64] >> other->ends[i] % 64 & 1);
    return count;
}

/* Triangles whose first vertex is among some of this rank's, the second among the other lists. */
static void count_triangles(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    counter *c = context;
    const mr_lists *own = &c->own, *other = &c->other;
    uint64_t *marks = c->marks + thread * c->words;
    int64_t count = 0;
    for (uint64_t v = begin; v < end; v++) {
        const mr_vertex *first = own->ends + own->offsets[v],
                        *last = own->ends + own->offsets[v + 1];
        const mr_vertex *at = first;
        while (at < last && *at < other->first)
            at++;
        if (last - at < 2 || *at >= other->first + other->count)
            continue;
        mark(marks, at + 1, last);
        for (; at < last && *at < other->first + other->count; at++)
            count += common(other, *at, marks);
        unmark(marks, first, last);
    }
    __atomic_fetch_add(&c->triangles, count, __ATOMIC_RELAXED);
}

/* The lists of one rank to all. Collective; `mine` are this rank's own. */
static mr_status broadcast(mr_job *job, counter *c, int from, const mr_lists *mine)
{
    bool is_mine = mr_job_rank(job) == from;
    uint64_t sizes[3] = {0};
    c->other = *mine;
    if (is_mine) {
        sizes[0] = mine->first;
        sizes[1] = mine->count;
        sizes[2] = mine->offsets[mine->count];
    }
    mr_all_broadcast(job, from, sizes, sizeof sizes);
    if (!is_mine) {
        c->other = (mr_lists){.first = sizes[0], .count = sizes[1]};
        c->other.offsets = mr_graph_array(c->graph, sizes[1] + 1, sizeof(uint64_t), "other lists");
        c->other.ends = mr_graph_array(c->graph, sizes[2], sizeof(mr_vertex), "other lists");
    }
    MR_TRY(mr_job_agree(job));
    mr_all_broadcast(job, from, c->other.offsets, (sizes[1] + 1) * sizeof(uint64_t));
    mr_all_broadcast(job, from, c->other.ends, sizes[2] * sizeof(mr_vertex));
    return MR_OK;
}

/* This rank's own lists with those of a part, of all ranks. */
static mr_status count_part(mr_job *job, counter *c, uint32_t part)
{
    mr_lists mine;
    MR_TRY(mr_neighbours_lists(c->neighbours, part, &mine));
    mr_status status = MR_OK;
    for (int rank = 0; rank < mr_job_ranks(job) && status == MR_OK; rank++) {
        status = broadcast(job, c, rank, &mine);
        if (status == MR_OK)
            mr_graph_parallel(c->graph, 0, c->own.count, 64, count_triangles, c);
        if (rank != mr_job_rank(job)) {
            mr_graph_array_free(c->graph, c->other.offsets);
            mr_graph_array_free(c->graph, c->other.ends);
        }
    }
    mr_lists_free(c->neighbours, &mine);
    return status;
}

static mr_status count_all(mr_job *job, counter *c)
{
    mr_status status = make_lists(job, c);
    uint32_t parts = status == MR_OK ? mr_neighbours_parts(c->neighbours) : 0;
    for (uint32_t own = 0; own < parts && status == MR_OK; own++) {
        status = mr_neighbours_lists(c->neighbours, own, &c->own);
        for (uint32_t part = 0; part < parts && status == MR_OK; part++)
            status = count_part(job, c, part);
        mr_lists_free(c->neighbours, &c->own);
    }
    mr_neighbours_destroy(&c->neighbours);
    if (status == MR_OK)
        mr_all_sum_i64(job, &c->triangles, 1);
    return status;
}

static mr_status write_number(mr_job *job, int64_t number)
{
    mr_image key = mr_image_of_i64(number);
    mr_pair pair = {MR_BYTES(key), {NULL, 0}};
    mr_set_options options = {.shape = {.key = MR_KEY_I64, .value = MR_VALUE_NONE}};
    mr_set *result = NULL;
    MR_TRY(mr_set_from_memory(job, &pair, mr_job_rank(job) == 0, &options, &result));
    mr_status status = mr_set_write(result, &(mr_write_options){.key_name = "triangles"});
    mr_set_destroy(&result);
    return status;
}

static mr_status run(mr_job *job)
{
    counter c = {.triangles = 0};
    MR_TRY(mr_graph_load(job, NULL, &c.graph));
    mr_status status = count_all(job, &c);
    mr_graph_destroy(&c.graph);
    return status == MR_OK ? write_number(job, c.triangles) : status;
}

MR_APP = {
    MR_APP_ABI,          .name = "triangles", .summary = "count the triangles of a graph",
    .usage = "EDGES...", .run = run,
};

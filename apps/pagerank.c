/*
 * apps/pagerank.c: how likely a reader who follows links at random is at each vertex, by iteration.
 * With probability `damping` the reader follows one of the edges of the vertex, and otherwise, or
 * where there is none, goes on at any vertex. An edge that stands twice in the input is two.
 *
 * Probabilities are integers: 2^62 is 1. Sums of integers are the same in any order, so the result
 * is the same bits for any number of ranks, threads and blocks. What a vertex hands on along each
 * of its edges is rounded down to a whole number. Everything that is not handed on, the rounding
 * too, is spread evenly over all vertices, so what is lost comes back and ranks add up to 1. It is
 * less than 2^-62 an edge: 4e-12 for 16 million edges, against a tolerance of 1e-10. The change is
 * measured on what vertices hand on, which is exactly 0 at a fixed point.
 */
#include <mapred.h>

#include <stdlib.h>

#define ONE ((uint64_t)1 << 62)

__extension__ typedef unsigned __int128 wide;

typedef struct state {
    double damping, tolerance;
    int64_t iterations;
} state;

typedef struct surfer {
    const state *options;
    mr_graph *graph;
    mr_neighbours *neighbours;      /* by whom they are pointed to */
    uint64_t damping;               /* of ONE */
    uint64_t vertices, first, last; /* all, and this rank's */
    uint32_t *degrees;              /* edges that begin at each vertex */
    uint64_t *shares; /* what each hands on along an edge; where it has none, what it would */
    uint64_t *ranks;  /* of this rank's vertices; while they are found, what they are handed */
    uint64_t each;    /* what is spread over all, a vertex */
    int64_t sums[2];  /* what is handed on, and how much of it changed */
    int64_t left;     /* iterations */
} surfer;

static uint64_t share_of(const surfer *s, uint64_t vertex, uint64_t rank)
{
    uint64_t all = (uint64_t)((wide)rank * s->damping / ONE), edges = s->degrees[vertex];
    return edges ? all / edges : all;
}

/* From what its vertices were handed to their ranks, and to what they hand on next. */
static void finish(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    surfer *s = context;
    int64_t handed = 0, changed = 0;
    (void)thread;
    for (uint64_t v = begin; v < end; v++) {
        uint64_t rank = s->ranks[v - s->first] += s->each, share = share_of(s, v, rank);
        int64_t edges = s->degrees[v];
        handed += edges * (int64_t)share;
        changed += (edges ? edges : 1) * llabs((int64_t)(share - s->shares[v]));
        s->shares[v] = share;
    }
    __atomic_fetch_add(&s->sums[0], handed, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->sums[1], changed, __ATOMIC_RELAXED);
}

/* All ranks get to know the numbers of all vertices, of which each has its own. */
static void gather(mr_job *job, const surfer *s, uint64_t *starts)
{
    const uint64_t *vertices = mr_neighbours_starts(s->neighbours);
    for (int rank = 0; rank <= mr_job_ranks(job); rank++)
        starts[rank] = vertices[rank] * sizeof *s->shares;
    mr_all_gather(job, s->shares, starts);
}

#define PIECE 4096 /* vertices */

/* Ends an iteration: `ranks` has what vertices are handed. */
static void go_on(mr_job *job, surfer *s, uint64_t *starts)
{
    s->each = (ONE - (uint64_t)s->sums[0]) / s->vertices;
    s->sums[0] = s->sums[1] = 0;
    mr_graph_parallel(s->graph, s->first, s->last, PIECE, finish, s);
    mr_all_sum_i64(job, s->sums, 2);
    gather(job, s, starts);
}

/* After the last iteration ranks stand where shares did. */
static mr_status iterate_once(mr_job *job, surfer *s, uint64_t *starts)
{
    double enough = s->options->tolerance * s->options->damping * (double)ONE;
    MR_TRY(mr_neighbours_sum(s->neighbours, s->shares, s->ranks));
    go_on(job, s, starts);
    mr_job_add(job, "iterations", mr_job_rank(job) == 0);
    s->left = (double)s->sums[1] <= enough ? 0 : s->left - 1;
    if (s->left == 0) {
        memcpy(s->shares + s->first, s->ranks, (s->last - s->first) * sizeof *s->ranks);
        gather(job, s, starts);
    }
    return MR_OK;
}

static mr_status iterate(mr_job *job, surfer *s, uint64_t *starts)
{
    bool resumed;
    mr_loop *loop;
    s->left = s->options->iterations;
    MR_TRY(mr_loop_begin(job, "pagerank", &loop));
    mr_loop_value(loop, "left", &s->left, sizeof s->left);
    mr_loop_value(loop, "sums", s->sums, sizeof s->sums);
    mr_loop_whole(loop, "shares", s->shares, s->vertices * sizeof *s->shares);
    MR_TRY(mr_loop_load(loop, &resumed));
    /* The first time, nothing has been handed on and everything is spread evenly. */
    if (!resumed)
        go_on(job, s, starts);
    while (s->left > 0) {
        MR_TRY(iterate_once(job, s, starts));
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

static bool rank_of(void *context, mr_vertex vertex, mr_weight *value)
{
    const surfer *s = context;
    value->f64 = (double)s->shares[vertex] / (double)ONE;
    return true;
}

/* How many edges begin at each vertex: counted in 64 bits, and kept in 32. */
static mr_status count_edges(mr_job *job, surfer *s)
{
    int64_t *counts = mr_graph_array(s->graph, s->vertices, sizeof *counts, "degrees of vertices");
    s->degrees = mr_graph_array(s->graph, s->vertices, sizeof *s->degrees, "degrees of vertices");
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_graph_degrees(s->graph, MR_DEGREE_OUT, counts));
    for (uint64_t v = 0; v < s->vertices; v++) {
        if (counts[v] > UINT32_MAX)
            return mr_job_fail(job, MR_NO_MEMORY, "too many edges: %lld begin at one vertex",
                               (long long)counts[v]);
        s->degrees[v] = (uint32_t)counts[v];
    }
    mr_graph_array_free(s->graph, counts);
    return MR_OK;
}

/* Edges where they are wanted, and what there is to hold besides. */
static mr_status prepare(mr_job *job, surfer *s)
{
    const mr_neighbours_options by_to = {
        .by_to = true,
        .consume = true,
        .beside = s->vertices * (sizeof *s->shares + sizeof *s->ranks),
    };
    MR_TRY(count_edges(job, s));
    MR_TRY(mr_neighbours_create(s->graph, &by_to, &s->neighbours));
    const uint64_t *starts = mr_neighbours_starts(s->neighbours);
    s->first = starts[mr_job_rank(job)];
    s->last = starts[mr_job_rank(job) + 1];
    s->shares = mr_graph_array(s->graph, s->vertices, sizeof *s->shares, "ranks of vertices");
    s->ranks = mr_graph_array(s->graph, s->last - s->first, sizeof *s->ranks, "ranks of vertices");
    return mr_job_agree(job);
}

static mr_status rank_vertices(mr_job *job, surfer *s)
{
    uint64_t *starts = NULL;
    s->vertices = mr_graph_vertices(s->graph);
    mr_status status = prepare(job, s);
    if (status == MR_OK) {
        starts = mr_graph_array(s->graph, (uint64_t)mr_job_ranks(job) + 1, sizeof *starts, "ranks");
        status = mr_job_agree(job);
    }
    if (status == MR_OK && s->vertices > 0)
        status = iterate(job, s, starts);
    mr_neighbours_destroy(&s->neighbours);
    mr_graph_array_free(s->graph, s->ranks);
    mr_graph_array_free(s->graph, s->degrees);
    return status == MR_OK ? mr_graph_write(s->graph, "rank", MR_SHOWN_F64, rank_of, s) : status;
}

static mr_status run(mr_job *job)
{
    const state *options = mr_job_state(job);
    surfer s = {.options = options};
    s.damping = (uint64_t)(options->damping * (double)ONE);
    MR_TRY(mr_graph_load(job, NULL, &s.graph));
    mr_status status = rank_vertices(job, &s);
    mr_graph_destroy(&s.graph);
    return status;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (!(s->damping >= 0 && s->damping < 1))
        return mr_job_fail(job, MR_USAGE, "wrong --damping: %g: give one from 0 to below 1",
                           s->damping);
    if (!(s->tolerance >= 0))
        return mr_job_fail(job, MR_USAGE, "wrong --tolerance: %g: give 0 or more", s->tolerance);
    if (s->iterations < 1)
        return mr_job_fail(job, MR_USAGE, "wrong --iterations: %lld: give 1 or more",
                           (long long)s->iterations);
    return MR_OK;
}

static const mr_option options[] = {
    {"damping", MR_OPTION_F64, offsetof(state, damping), "0.85", "probability of following an edge",
     false},
    {"tolerance", MR_OPTION_F64, offsetof(state, tolerance), "1e-10",
     "stop when an iteration changes ranks by no more than this in all", false},
    {"iterations", MR_OPTION_I64, offsetof(state, iterations), "1000",
     "stop after so many iterations at the latest", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "pagerank",
    .summary = "rank vertices of a graph by the edges that point to them",
    .usage = "EDGES...",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};

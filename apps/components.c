/*
 * apps/components.c: connected components of a graph, directions left aside: each vertex with the
 * smallest vertex of its component.
 *
 * Each rank joins the ends of its own edges in a forest of its own, whose trees hang from their
 * smallest vertex. Then ranks tell each other the roots of all vertices: every vertex is joined to
 * the smallest of its roots, until all forests agree.
 */
#include <mapred.h>

#define PIECE ((uint64_t)1 << 16) /* vertices told at a time */

typedef struct forest {
    mr_vertex *parents;
    int64_t *labels; /* of the vertices from `first` on */
    uint64_t first;
    bool changed;
} forest;

/* The root, and half of the way to it made shorter. */
static mr_vertex find(mr_vertex *parents, mr_vertex v)
{
    for (;;) {
        mr_vertex parent = __atomic_load_n(&parents[v], __ATOMIC_RELAXED);
        mr_vertex above = __atomic_load_n(&parents[parent], __ATOMIC_RELAXED);
        if (parent == above)
            return parent;
        __atomic_compare_exchange_n(&parents[v], &parent, above, true, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        v = above;
    }
}

/* Hangs the larger root from the smaller one; again, when another thread was faster. Says whether
 * they were apart. */
static bool unite(mr_vertex *parents, mr_vertex a, mr_vertex b)
{
    for (;;) {
        a = find(parents, a);
        b = find(parents, b);
        if (a == b)
            return false;
        mr_vertex low = a < b ? a : b, high = a < b ? b : a;
        if (__atomic_compare_exchange_n(&parents[high], &high, low, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    }
}

static void unite_ends(void *context, mr_edges edges)
{
    const forest *f = context;
    for (size_t i = 0; i < edges.count; i++)
        unite(f->parents, edges.edges[i].from, edges.edges[i].to);
}

static void label(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    const forest *f = context;
    (void)thread;
    for (uint64_t v = begin; v < end; v++)
        f->labels[v - f->first] = find(f->parents, (mr_vertex)v);
}

static void unite_labels(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    forest *f = context;
    (void)thread;
    for (uint64_t v = begin; v < end; v++)
        if (unite(f->parents, (mr_vertex)v, (mr_vertex)f->labels[v - f->first]))
            __atomic_store_n(&f->changed, true, __ATOMIC_RELAXED);
}

/* Brings the forests of all ranks together. Of two trees that share a vertex, the one with the
 * larger root learns of the other; what it learns leads it on in the next round. */
static int64_t agree(mr_job *job, mr_graph *graph, forest *f)
{
    uint64_t n = mr_graph_vertices(graph);
    f->changed = false;
    for (f->first = 0; f->first < n; f->first += PIECE) {
        uint64_t end = n - f->first < PIECE ? n : f->first + PIECE;
        mr_graph_parallel(graph, f->first, end, PIECE / 16, label, f);
        mr_all_min_i64(job, f->labels, end - f->first);
        mr_graph_parallel(graph, f->first, end, PIECE / 16, unite_labels, f);
    }
    int64_t changed = f->changed;
    mr_all_max_i64(job, &changed, 1);
    return changed;
}

/* Forests of ranks need not be the same before they agree, but each says nothing but the truth: so
 * a checkpoint may have some vertices of one and some of another. */
static mr_status unite_all(mr_job *job, mr_graph *graph, forest *f)
{
    mr_loop *loop;
    int64_t changed = mr_job_ranks(job) > 1;
    MR_TRY(mr_loop_begin(job, "components", &loop));
    mr_loop_whole(loop, "parents", f->parents, mr_graph_vertices(graph) * sizeof *f->parents);
    MR_TRY(mr_loop_load(loop, NULL));
    MR_TRY(mr_graph_each(graph, unite_ends, f));
    while (changed) {
        changed = agree(job, graph, f);
        mr_job_add(job, "rounds", mr_job_rank(job) == 0);
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

static bool smallest(void *context, mr_vertex vertex, mr_weight *value)
{
    const forest *f = context;
    value->i64 = find(f->parents, vertex);
    return true;
}

static mr_status find_components(mr_job *job, mr_graph *graph)
{
    forest f = {.first = 0};
    uint64_t n = mr_graph_vertices(graph);
    f.parents = mr_graph_array(graph, n, sizeof *f.parents, "the forest of components");
    f.labels = mr_graph_array(graph, PIECE, sizeof *f.labels, "labels of vertices");
    MR_TRY(mr_job_agree(job));
    for (uint64_t v = 0; v < n; v++)
        f.parents[v] = (mr_vertex)v;
    MR_TRY(unite_all(job, graph, &f));
    return mr_graph_write(graph, "component", MR_SHOWN_VERTEX, smallest, &f);
}

static mr_status run(mr_job *job)
{
    mr_graph *graph = NULL;
    MR_TRY(mr_graph_load(job, NULL, &graph));
    mr_status status = find_components(job, graph);
    mr_graph_destroy(&graph);
    return status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "components",
    .summary = "connected components: each vertex with the smallest of its component",
    .usage = "EDGES...",
    .run = run,
};

/*
 * apps/serial_graph.c: what the graph apps find, found the plain way: one thread, everything in
 * memory, vertices that are small integers, weights that are integers. An oracle for graphs that
 * are too large for the one in graphs.py.
 *
 *     serial_graph pagerank|components|triangles|sssp EDGES [ITERATIONS|SOURCE]
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct edge {
    size_t from, to;
    int64_t weight;
} edge;

typedef struct graph {
    edge *edges;
    size_t edge_count, n; /* vertices 0 to n - 1, if they are there */
    bool *is_there;
    size_t *offsets, *ends; /* of `edges` in the order of their beginnings */
    int64_t *weights;
} graph;

static void *need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static graph read_graph(const char *path)
{
    graph g = {0};
    size_t room = 0;
    char line[256];
    FILE *file = need(fopen(path, "r"));
    while (fgets(line, sizeof line, file)) {
        edge e = {.weight = 1};
        if (sscanf(line, "%zu %zu %" SCNd64, &e.from, &e.to, &e.weight) < 2)
            continue;
        if (g.edge_count == room)
            g.edges = need(realloc(g.edges, (room = 2 * room + 1024) * sizeof e));
        g.edges[g.edge_count++] = e;
        size_t most = e.from > e.to ? e.from : e.to;
        g.n = most + 1 > g.n ? most + 1 : g.n;
    }
    fclose(file);
    g.is_there = need(calloc(g.n + 1, sizeof *g.is_there));
    for (size_t i = 0; i < g.edge_count; i++)
        g.is_there[g.edges[i].from] = g.is_there[g.edges[i].to] = true;
    return g;
}

/* Neighbours of each vertex: where edges from it end. */
static void list_edges(graph *g)
{
    g->offsets = need(calloc(g->n + 2, sizeof *g->offsets));
    g->ends = need(malloc((g->edge_count + 1) * sizeof *g->ends));
    g->weights = need(malloc((g->edge_count + 1) * sizeof *g->weights));
    for (size_t i = 0; i < g->edge_count; i++)
        g->offsets[g->edges[i].from + 2]++;
    for (size_t v = 0; v < g->n; v++)
        g->offsets[v + 2] += g->offsets[v + 1];
    for (size_t i = 0; i < g->edge_count; i++) {
        size_t at = g->offsets[g->edges[i].from + 1]++;
        g->ends[at] = g->edges[i].to;
        g->weights[at] = g->edges[i].weight;
    }
}

static void pagerank(graph *g, int iterations)
{
    double *rank = need(calloc(g->n + 1, sizeof *rank)),
           *next = need(calloc(g->n + 1, sizeof *next));
    double n = 0;
    list_edges(g);
    for (size_t v = 0; v < g->n; v++)
        n += g->is_there[v];
    for (size_t v = 0; v < g->n; v++)
        rank[v] = 1 / n;
    for (int i = 0; i < iterations; i++) {
        double lost = 0;
        memset(next, 0, g->n * sizeof *next);
        for (size_t v = 0; v < g->n; v++) {
            size_t edges = g->offsets[v + 1] - g->offsets[v];
            if (g->is_there[v] && edges == 0)
                lost += rank[v];
            for (size_t e = g->offsets[v]; e < g->offsets[v + 1]; e++)
                next[g->ends[e]] += rank[v] / (double)edges;
        }
        for (size_t v = 0; v < g->n; v++)
            rank[v] = 0.15 / n + 0.85 * (next[v] + lost / n);
    }
    for (size_t v = 0; v < g->n; v++)
        if (g->is_there[v])
            printf("%zu\t%.17g\n", v, rank[v]);
    free(rank);
    free(next);
}

static size_t root_of(size_t *parents, size_t v)
{
    while (parents[v] != v)
        v = parents[v] = parents[parents[v]];
    return v;
}

static void components(graph *g)
{
    size_t *parents = need(calloc(g->n + 1, sizeof *parents));
    for (size_t v = 0; v < g->n; v++)
        parents[v] = v;
    for (size_t i = 0; i < g->edge_count; i++) {
        size_t a = root_of(parents, g->edges[i].from), b = root_of(parents, g->edges[i].to);
        parents[a > b ? a : b] = a > b ? b : a;
    }
    for (size_t v = 0; v < g->n; v++)
        if (g->is_there[v])
            printf("%zu\t%zu\n", v, root_of(parents, v));
    free(parents);
}

static int by_ends(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* From the smaller end to the larger, in order, each once. */
static void simplify(graph *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->edge_count; i++)
        if (g->edges[i].from > g->edges[i].to)
            g->edges[i] = (edge){.from = g->edges[i].to, .to = g->edges[i].from};
    qsort(g->edges, g->edge_count, sizeof *g->edges, by_ends);
    for (size_t i = 0; i < g->edge_count; i++)
        if (g->edges[i].from != g->edges[i].to &&
            (kept == 0 || by_ends(&g->edges[kept - 1], &g->edges[i]) != 0))
            g->edges[kept++] = g->edges[i];
    g->edge_count = kept;
}

static void triangles(graph *g)
{
    uint64_t count = 0;
    simplify(g);
    list_edges(g);
    for (size_t i = 0; i < g->edge_count; i++) {
        size_t a = g->offsets[g->edges[i].from], a_end = g->offsets[g->edges[i].from + 1];
        size_t b = g->offsets[g->edges[i].to], b_end = g->offsets[g->edges[i].to + 1];
        while (a < a_end && b < b_end) {
            size_t x = g->ends[a], y = g->ends[b];
            count += x == y;
            a += x <= y;
            b += y <= x;
        }
    }
    printf("%" PRIu64 "\n", count);
}

/* Dijkstra's way with the simplest queue: a vertex without a final distance that has the least. */
static void sssp(graph *g, size_t source)
{
    int64_t *distance = need(calloc(g->n + 1, sizeof *distance));
    bool *is_final = need(calloc(g->n + 1, sizeof *is_final));
    list_edges(g);
    for (size_t v = 0; v < g->n; v++)
        distance[v] = v == source ? 0 : INT64_MAX;
    for (;;) {
        size_t least = g->n;
        for (size_t v = 0; v < g->n; v++)
            if (!is_final[v] && distance[v] < INT64_MAX &&
                (least == g->n || distance[v] < distance[least]))
                least = v;
        if (least == g->n)
            break;
        is_final[least] = true;
        for (size_t e = g->offsets[least]; e < g->offsets[least + 1]; e++)
            if (distance[least] + g->weights[e] < distance[g->ends[e]])
                distance[g->ends[e]] = distance[least] + g->weights[e];
    }
    for (size_t v = 0; v < g->n; v++)
        if (distance[v] < INT64_MAX)
            printf("%zu\t%" PRId64 "\n", v, distance[v]);
    free(distance);
    free(is_final);
}

int main(int count, char **arguments)
{
    const char *what = count > 2 ? arguments[1] : "";
    long number = count > 3 ? strtol(arguments[3], NULL, 10) : 0;
    if (count < 3)
        return 2;
    graph g = read_graph(arguments[2]);
    if (strcmp(what, "pagerank") == 0)
        pagerank(&g, (int)number);
    else if (strcmp(what, "components") == 0)
        components(&g);
    else if (strcmp(what, "triangles") == 0)
        triangles(&g);
    else
        sssp(&g, (size_t)number);
    free(g.edges);
    free(g.is_there);
    free(g.offsets);
    free(g.ends);
    free(g.weights);
    return 0;
}

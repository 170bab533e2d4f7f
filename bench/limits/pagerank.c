/*
 * bench/limits/pagerank.c: PageRank by a program that does nothing else, on one core:
 * `pagerank [-v] [-d DAMPING] [-n ITERATIONS] EDGES OUTPUT` reads lines of `from to`, whole numbers
 * below 2^32 that should not be much larger than there are edges, and writes `vertex<TAB>rank`.
 *
 * Vertices are places in arrays, edges a list of sources for each target (CSR). The rank of
 * vertices without an edge out is given to all alike. `-v` shows where the time goes.
 */
#include "limit.h"

#include <stdbool.h>
#include <sys/mman.h>

typedef struct graph {
    uint32_t *from, *to; /* edges as they are read */
    uint64_t edges;
    uint32_t size;    /* above the largest vertex */
    uint64_t present; /* vertices that have an edge */
    uint64_t *starts; /* of the sources of each target */
    uint32_t *sources;
    uint32_t *out; /* edges out of each vertex */
} graph;

static void *room(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        limit_fail("no memory");
    return memory;
}

static const char *read_vertex(const char *at, const char *end, uint32_t *vertex)
{
    uint64_t value = 0;
    const char *begin = at;
    for (; at < end && (uint8_t)(*at - '0') < 10; at++)
        value = value * 10 + (uint8_t)(*at - '0');
    if (at == begin || at - begin > 10 || value >= UINT32_MAX) {
        errno = EINVAL;
        limit_fail("not a vertex");
    }
    *vertex = (uint32_t)value;
    return at;
}

static const char *skip(const char *at, const char *end, bool newlines)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || (newlines && *at == '\n')))
        at++;
    return at;
}

static void parse(graph *g, const char *at, const char *end)
{
    uint32_t largest = 0;
    while ((at = skip(at, end, true)) < end) {
        if (*at == '#') {
            const char *line = memchr(at, '\n', (size_t)(end - at));
            at = line ? line : end;
            continue;
        }
        uint32_t from, to;
        at = read_vertex(at, end, &from);
        at = read_vertex(skip(at, end, false), end, &to);
        largest = from > largest ? from : largest;
        largest = to > largest ? to : largest;
        g->from[g->edges] = from;
        g->to[g->edges++] = to;
    }
    g->size = g->edges ? largest + 1 : 0;
}

/* An edge takes four bytes at least. Pages that are not needed are never touched. */
static void read_edges(graph *g, const char *path)
{
    uint64_t size;
    int fd = limit_open(path, &size);
    if (size == 0)
        return;
    char *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (text == MAP_FAILED)
        limit_fail(path);
    g->from = room(size / 4 + 1, sizeof *g->from);
    g->to = room(size / 4 + 1, sizeof *g->to);
    parse(g, text, text + size);
    munmap(text, size);
    close(fd);
}

/* A counting sort of the edges by target. */
static void build(graph *g)
{
    g->starts = room((size_t)g->size + 2, sizeof *g->starts);
    g->out = room(g->size, sizeof *g->out);
    g->sources = room(g->edges, sizeof *g->sources);
    uint64_t *next = g->starts + 1; /* becomes the starts while it is filled */
    for (uint64_t i = 0; i < g->edges; i++) {
        g->out[g->from[i]]++;
        next[g->to[i] + 1]++;
    }
    for (uint32_t v = 0; v < g->size; v++) {
        g->present += g->out[v] || next[v + 1];
        next[v + 1] += next[v];
    }
    for (uint64_t i = 0; i < g->edges; i++)
        g->sources[next[g->to[i]]++] = g->from[i];
    free(g->from);
    free(g->to);
}

static bool is_present(const graph *g, uint32_t v)
{
    return g->out[v] || g->starts[v + 1] > g->starts[v];
}

/* What each vertex gives to each of its targets; returns what has no target. */
static double share(const graph *g, const double *rank, double *shares)
{
    double dangling = 0;
    for (uint32_t v = 0; v < g->size; v++) {
        if (g->out[v])
            shares[v] = rank[v] / g->out[v];
        else
            dangling += rank[v]; /* zero where there is no vertex */
    }
    return dangling;
}

static void iterate(const graph *g, double damping, double *rank, double *shares)
{
    double dangling = share(g, rank, shares), n = (double)g->present;
    double base = (1 - damping) / n + damping * dangling / n;
    for (uint32_t v = 0; v < g->size; v++) {
        double sum = 0;
        for (uint64_t i = g->starts[v]; i < g->starts[v + 1]; i++)
            sum += shares[g->sources[i]];
        rank[v] = is_present(g, v) ? base + damping * sum : 0;
    }
}

static double *compute(const graph *g, double damping, uint64_t iterations)
{
    double *rank = room(g->size, sizeof *rank), *shares = room(g->size, sizeof *shares);
    for (uint32_t v = 0; v < g->size; v++)
        rank[v] = is_present(g, v) ? 1 / (double)g->present : 0;
    while (iterations-- > 0)
        iterate(g, damping, rank, shares);
    free(shares);
    return rank;
}

static void write_ranks(const graph *g, const double *rank, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        limit_fail(path);
    for (uint32_t v = 0; v < g->size; v++)
        if (is_present(g, v))
            fprintf(file, "%u\t%.17g\n", v, rank[v]);
    if (fclose(file) != 0)
        limit_fail(path);
}

static void tell(bool verbose, const char *what, double *since)
{
    double now = limit_now();
    if (verbose)
        fprintf(stderr, "%s: %.3f s\n", what, now - *since);
    *since = now;
}

int main(int argc, char **argv)
{
    double damping = 0.85, since = limit_now();
    uint64_t iterations = 20;
    bool verbose = false;
    int option;
    while ((option = getopt(argc, argv, "vd:n:")) != -1) {
        if (option == 'v')
            verbose = true;
        else if (option == 'd')
            damping = strtod(optarg, NULL);
        else if (option == 'n')
            iterations = limit_number(optarg, 0, 1000000);
        else
            break;
    }
    if (option != -1 || argc - optind != 2)
        limit_usage("pagerank [-v] [-d DAMPING] [-n ITERATIONS] EDGES OUTPUT");
    graph g = {0};
    read_edges(&g, argv[optind]);
    tell(verbose, "read", &since);
    build(&g);
    tell(verbose, "build", &since);
    double *rank = compute(&g, damping, iterations);
    tell(verbose, "iterate", &since);
    write_ranks(&g, rank, argv[optind + 1]);
    tell(verbose, "write", &since);
    return 0;
}

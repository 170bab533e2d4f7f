/*
 * mapred/graph.h: graphs, for drivers: edges read from text and spread over the ranks as a set that
 * spills, vertices numbered from 0 in the order of their ids, and loops over both.
 *
 * Numbers of a vertex (its rank, its distance) live in arrays that every rank holds in memory; the
 * edges need not fit there. A vertex has a 32-bit number, so there are fewer than 2^32 of them.
 *
 * Input is lines `from to` or `from to weight`, fields between white space; what stands behind them
 * is left alone. Empty lines and those that begin with # are passed over. Ids are compared and
 * shown as numbers when all of them are integers that an int64_t holds, or all that a uint64_t
 * does (007 is 7 then), and as bytes otherwise. An edge that stands there twice is two edges.
 *
 * What is said to be collective has to be called by all ranks, and all get the same status.
 */
#ifndef MAPRED_GRAPH_H
#define MAPRED_GRAPH_H

#include <mapred/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_graph mr_graph;
typedef uint32_t mr_vertex;

#define MR_VERTEX_NONE UINT32_MAX

typedef struct mr_edge {
    mr_vertex from, to;
} mr_edge;

/* Not negative. All of a graph are of one kind: see mr_graph_weights_are_f64. */
typedef union mr_weight {
    int64_t i64;
    double f64;
} mr_weight;

typedef struct mr_graph_options {
    const mr_input_options *input; /* NULL: the inputs of the job */
    bool weighted;                 /* a weight has to stand behind each edge */
} mr_graph_options;

/* Collective. Reads a graph: each line once, and nothing moves but the ids, where they are not
 * integers close together. A line that is not as it has to be is MR_BAD_INPUT with its place. */
MR_API mr_status mr_graph_load(mr_job *job, const mr_graph_options *options, mr_graph **graph);
/* Local. Takes NULL. */
MR_API void mr_graph_destroy(mr_graph **graph);

/* Local. How many vertices (those that have an edge) and edges there are on all ranks; whether
 * weights are doubles, as they all become when one of them is no integer. */
MR_API uint64_t mr_graph_vertices(const mr_graph *graph);
MR_API uint64_t mr_graph_edges(const mr_graph *graph);
MR_API bool mr_graph_weights_are_f64(const mr_graph *graph);

/* Collective. The vertex with an id as it may stand in the input; MR_VERTEX_NONE: there is none. */
MR_API mr_status mr_graph_find(mr_graph *graph, mr_bytes id, mr_vertex *vertex);

/* Local. Memory from the budget: `count` zeroed elements, freed with the graph at the latest. Edges
 * go to disk where they stand in the way. NULL when it does not fit; mr_job_agree tells. */
MR_API void *mr_graph_array(mr_graph *graph, uint64_t count, size_t size, const char *what);
MR_API void mr_graph_array_free(mr_graph *graph, void *array);

/* Local. Calls `kernel` with pieces of begin to end - 1, of `piece` numbers at most, in all threads
 * of this rank; `thread` is below mr_job_threads. */
typedef void mr_piece_kernel(void *context, unsigned thread, uint64_t begin, uint64_t end);
MR_API void mr_graph_parallel(mr_graph *graph, uint64_t begin, uint64_t end, uint64_t piece,
                              mr_piece_kernel *kernel, void *context);

/* Edges one after the other: what kernels get. `weights` is NULL where there are none. */
typedef struct mr_edges {
    const mr_edge *edges;
    const mr_weight *weights;
    size_t count;
} mr_edges;

/* Collective. All edges, each on the rank where it is, in no order; threads call the kernel at the
 * same time. Moves nothing. */
typedef void mr_edges_kernel(void *context, mr_edges edges);
MR_API mr_status mr_graph_each(mr_graph *graph, mr_edges_kernel *kernel, void *context);

/* Collective. How many edges begin or end (or both) at each vertex, of all ranks on all ranks. */
#define MR_DEGREE_OUT 1u
#define MR_DEGREE_IN  2u
MR_API mr_status mr_graph_degrees(mr_graph *graph, unsigned ends, int64_t *degrees);

/*
 * Neighbours: the edges moved so that each rank has all those of its own vertices, which are a
 * range. In memory they are lists, a vertex's neighbours one after the other. What does not fit
 * there is several parts, each small enough to be read as lists when it is wanted.
 */
typedef struct mr_neighbours mr_neighbours;

typedef struct mr_neighbours_options {
    bool by_to;      /* a vertex's list is those that have an edge to it; otherwise from it */
    bool distinct;   /* lists are in order, and each neighbour stands there once, without weight */
    bool consume;    /* the graph's edges are gone afterwards */
    uint64_t beside; /* bytes of memory that the caller will take when this is done: lists leave
                        room for them */
    /* NULL, or what becomes of an edge first; false: it is left out. Thread-safe. */
    bool (*change)(void *context, mr_edge *edge);
    void *context;
} mr_neighbours_options;

/* Collective. Moves all edges once. */
MR_API mr_status mr_neighbours_create(mr_graph *graph, const mr_neighbours_options *options,
                                      mr_neighbours **neighbours);
/* Local. Takes NULL. Has to come before mr_graph_destroy. */
MR_API void mr_neighbours_destroy(mr_neighbours **neighbours);

/* Local. Which vertices a rank has: starts[rank] to starts[rank + 1] - 1, of ranks + 1 numbers. */
MR_API const uint64_t *mr_neighbours_starts(const mr_neighbours *neighbours);
/* Local. How many parts there are: on all ranks the same. 1: lists stay in memory. */
MR_API uint32_t mr_neighbours_parts(const mr_neighbours *neighbours);

/* Lists of `count` vertices from `first` on: those of vertex first + i are ends[offsets[i]] to
 * ends[offsets[i + 1] - 1], weights likewise where there are any. */
typedef struct mr_lists {
    uint64_t first, count;
    uint64_t *offsets;
    mr_vertex *ends;
    mr_weight *weights;
} mr_lists;

/* Collective. This rank's lists of a part. They belong to the neighbours where there is one part;
 * mr_lists_free does what is right. */
MR_API mr_status mr_neighbours_lists(mr_neighbours *neighbours, uint32_t part, mr_lists *lists);
MR_API void mr_lists_free(mr_neighbours *neighbours, mr_lists *lists);

/* Collective. All edges, each on the rank that has it now, in no order; as mr_graph_each. Not for
 * neighbours that are `distinct`: only their lists are. */
MR_API mr_status mr_neighbours_each(mr_neighbours *neighbours, mr_edges_kernel *kernel,
                                    void *context);

/*
 * Collective. For each vertex of this rank, the sum of its neighbours' numbers: `numbers` is of all
 * vertices, `sums` of this rank's. Sums wrap; being of integers they are the same in any order. Not
 * for neighbours that are `distinct`.
 */
MR_API mr_status mr_neighbours_sum(mr_neighbours *neighbours, const uint64_t *numbers,
                                   uint64_t *sums);

/* What mr_graph_write shows of each vertex. */
typedef enum mr_shown {
    MR_SHOWN_I64 = 1,
    MR_SHOWN_F64 = 2,
    MR_SHOWN_VERTEX = 3 /* the id of the vertex whose number is in `i64` */
} mr_shown;

/*
 * Collective. Writes `vertex, value` for each vertex for which `value` says true, in the order of
 * ids. Any rank may be asked about any vertex. `column` is the value's name.
 */
typedef bool mr_vertex_value(void *context, mr_vertex vertex, mr_weight *value);
MR_API mr_status mr_graph_write(mr_graph *graph, const char *column, mr_shown shown,
                                mr_vertex_value *value, void *context);

#ifdef __cplusplus
}
#endif

#endif

/*
 * graph/neighbours.h: what neighbours are inside. Vertices are cut into ranges, buckets, of about
 * as many edges each; a rank has as many buckets as any other, one after the other. Edges move to
 * the rank of their bucket, in chunks of one bucket each. All chunks of a bucket have one key, so
 * they are in one pile of the set, and threads that read different piles never meet in a vertex.
 */
#ifndef MR_GRAPH_NEIGHBOURS_H
#define MR_GRAPH_NEIGHBOURS_H

#include "graph/graph.h"

struct mr_neighbours {
    mr_graph *graph;
    mr_neighbours_options options;
    unsigned shift;          /* cells are 2^shift vertices: buckets are made of whole cells */
    uint32_t cells;          /* how many */
    uint32_t buckets, all;   /* of a rank, of all ranks */
    mr_bucket_id *bucket_of; /* a cell's */
    uint64_t *first;         /* a bucket's first vertex; `all` + 1 of them */
    uint64_t *starts;        /* a rank's; ranks + 1 */
    uint64_t *edges;         /* how many the cells have, of all ranks */
    uint32_t parts;
    mr_set *set;    /* the chunks; NULL once they are lists */
    uint32_t *pile; /* which pile this rank's buckets are in, once all was read: */
    bool piles_known;
    mr_lists lists; /* of all buckets, when there is one part */
};

/* Cuts the vertices into buckets. Collective. */
mr_status mr_neighbours_cut(mr_neighbours *neighbours);
/* Moves the edges to where they belong: neighbours->set. Collective. */
mr_status mr_neighbours_move(mr_neighbours *neighbours);
/* How many parts lists need; makes them where it is one. Collective. */
mr_status mr_neighbours_settle(mr_neighbours *neighbours);

/* Calls `chunk` with the edges of this rank's buckets `begin` to `end` - 1 (of all ranks), in
 * threads: those of one bucket, one after the other. Collective. */
typedef struct mr_scan {
    mr_neighbours *neighbours;
    mr_bucket_id begin, end;
    bool consume; /* the whole set */
    mr_edges_kernel *chunk;
    void *context;
} mr_scan;
mr_status mr_scan_run(const mr_scan *scan);

/* The end of an edge whose list it is in, and the other one. */
static inline mr_vertex mr_edge_home(const mr_neighbours *neighbours, mr_edge edge)
{
    return neighbours->options.by_to ? edge.to : edge.from;
}

static inline mr_vertex mr_edge_other(const mr_neighbours *neighbours, mr_edge edge)
{
    return neighbours->options.by_to ? edge.from : edge.to;
}

/* The first of this rank's buckets. */
static inline mr_bucket_id mr_neighbours_own(const mr_neighbours *neighbours)
{
    return (mr_bucket_id)mr_job_rank(neighbours->graph->job) * neighbours->buckets;
}

#endif

/*
 * graph/graph.h: what a graph is inside. Edges lie in sets in chunks: a pair holds many edges, so
 * that a set's bytes are little more than theirs.
 *
 * A graph is made in two steps. read.c turns text into a set of raw chunks, with ids as they stand
 * there; number.c finds out what ids are, numbers them (numbering.h) and writes the chunks again
 * with numbers of vertices. Neighbours are made of those.
 */
#ifndef MR_GRAPH_GRAPH_H
#define MR_GRAPH_GRAPH_H

#include "engine/job.h"
#include "graph/edges.h"
#include "graph/numbering.h"

/* What ids are compared and shown as. */
typedef enum mr_ids { MR_IDS_I64 = 0, MR_IDS_U64 = 1, MR_IDS_BYTES = 2 } mr_ids;

/* What was seen of all ids and weights. Where low > high there was none. */
typedef struct mr_seen {
    uint64_t edges;
    bool words, f64;
    int64_t low, high;              /* of those an int64_t holds */
    uint64_t large_low, large_high; /* of those it does not */
} mr_seen;

#define MR_SEEN_NOTHING                                                                            \
    (mr_seen)                                                                                      \
    {                                                                                              \
        .low = INT64_MAX, .high = INT64_MIN, .large_low = UINT64_MAX                               \
    }

void mr_seen_merge(mr_seen *seen, const mr_seen *more);
mr_ids mr_seen_ids(const mr_seen *seen);

struct mr_array; /* vertices.c */

struct mr_graph {
    mr_job *job;
    bool weighted;
    mr_seen seen; /* on all ranks */
    mr_ids ids;
    uint64_t vertices;
    mr_set *edges;  /* chunks of numbered edges */
    mr_marks marks; /* of ids less `lowest`, when marks.bits is not NULL */
    uint64_t lowest;
    mr_set *names; /* otherwise: number -> id, as mr_set_index makes it */
    struct mr_array *arrays;
};

/* A raw chunk's key. What follows depends on it: pairs of ids, then weights; or lines of text. */
typedef enum mr_chunk_kind {
    MR_CHUNK_SMALL = 0, /* uint32_t */
    MR_CHUNK_I64 = 1,
    MR_CHUNK_U64 = 2, /* none below zero, some above INT64_MAX */
    MR_CHUNK_TEXT = 3 /* lines as they stood there */
} mr_chunk_kind;

typedef struct mr_chunk_key {
    uint8_t kind;
    uint8_t f64; /* weights are doubles */
} mr_chunk_key;

/* Edges of a chunk: not too many for the stack. */
#define MR_CHUNK_EDGES 2048

/* The key of a numbered chunk: a bucket of neighbours; 0 before. */
typedef uint32_t mr_bucket_id;

/* Collective. Reads the input into raw chunks; fills graph->seen, ids and weights' kind. */
mr_status mr_graph_read(mr_graph *graph, const mr_input_options *input, mr_set **raw);
/* Collective. Numbers the vertices, and makes graph->edges of the raw chunks, which are consumed.
 */
mr_status mr_graph_number(mr_graph *graph, mr_set *raw);

/* The shape of raw and of numbered chunks. */
mr_shape mr_raw_shape(void);
mr_shape mr_chunk_shape(void);
/* A numbered chunk as edges. */
mr_edges mr_chunk_edges(const mr_graph *graph, mr_bytes value);
/* Puts edges into a set as a chunk. */
mr_status mr_chunk_put(mr_out *out, mr_bucket_id bucket, mr_edges edges);

/* An integer id in the order of ids: its bits as they are, or with the sign turned round. */
static inline uint64_t mr_id_image(const mr_graph *graph, uint64_t bits)
{
    return graph->ids == MR_IDS_I64 ? bits ^ UINT64_C(1) << 63 : bits;
}

static inline uint64_t mr_id_bits(const mr_graph *graph, uint64_t image)
{
    return mr_id_image(graph, image);
}

/* Sends edges of the graph, and of `set` when it is not NULL, to disk until `bytes` are free.
 * Failing to is an error of the job. */
void mr_graph_make_room(mr_graph *graph, mr_set *set, uint64_t bytes);

#endif

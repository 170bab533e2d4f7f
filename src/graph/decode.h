/*
 * graph/decode.h: what lies in a raw chunk, edge by edge. Knows nothing of ranks and sets.
 */
#ifndef MR_GRAPH_DECODE_H
#define MR_GRAPH_DECODE_H

#include "graph/graph.h"
#include "output/number.h"

/* A chunk being read. Not to be moved while it is: texts may lie in `room`. */
typedef struct mr_decoder {
    const mr_graph *graph;
    mr_chunk_kind kind;
    bool f64;
    size_t next, count;        /* of those that are no text */
    const unsigned char *ends; /* ids, two an edge */
    const mr_weight *weights;
    const char *at, *end; /* text */
    char room[2][MR_NUMBER_TEXT];
} mr_decoder;

void mr_decoder_start(mr_decoder *decoder, const mr_graph *graph, mr_pair chunk);

/* The next edges, `room` at most, when all ids are integers: their images, two an edge, and weights
 * where the graph has some. 0 at the end. */
size_t mr_decoder_images(mr_decoder *decoder, uint64_t *images, mr_weight *weights, size_t room);

/* The next edge's ids as bytes, valid until the next call; false at the end. */
bool mr_decoder_texts(mr_decoder *decoder, mr_bytes ends[2], mr_weight *weight);

#endif

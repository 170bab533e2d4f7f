/*
 * graph/edges.h: edges as text: two ids between white space on a line, and a weight behind them
 * where weights are wanted. Knows nothing of ranks, sets and graphs.
 */
#ifndef MR_GRAPH_EDGES_H
#define MR_GRAPH_EDGES_H

#include <mapred/bytes.h>
#include <mapred/graph.h>

/* What an id is, apart from bytes. */
typedef enum mr_id_kind {
    MR_ID_WORD = 0,    /* no integer, or one of more than 64 bits */
    MR_ID_BELOW_0 = 1, /* an int64_t below zero */
    MR_ID_SMALL = 2,   /* 0 to INT64_MAX */
    MR_ID_LARGE = 3    /* above INT64_MAX, and a uint64_t */
} mr_id_kind;

/* An id. `bits` are those of the integer; `plain`: its bytes are those that the integer has when it
 * is written out again (not so 007, +7 and -0). */
typedef struct mr_id {
    mr_bytes text;
    mr_id_kind kind;
    bool plain;
    uint64_t bits;
} mr_id;

mr_id mr_id_of(mr_bytes text);

/* A line. */
typedef struct mr_edge_line {
    mr_id from, to;
    mr_weight weight;
    bool weight_is_f64;
} mr_edge_line;

typedef enum mr_line { MR_LINE_EMPTY = 0, MR_LINE_EDGE = 1, MR_LINE_WRONG = 2 } mr_line;

/* Reads one: empty or a comment, an edge, or wrong, and `*wrong` says how. */
mr_line mr_edge_read(mr_bytes text, bool weighted, mr_edge_line *line, const char **wrong);

/*
 * Reads line after line from *at on, as long as ids are plain integers below 2^32, and weights,
 * where `weights` is not NULL, are right: integers that are plain, or with `f64` any numbers, all
 * as doubles. Returns how many edges there were, at most `room`; *at is the next line.
 * MR_BLOCK_PADDING bytes behind `end` are read.
 */
size_t mr_edges_read_small(const char **at, const char *end, mr_edge *edges, mr_weight *weights,
                           bool f64, size_t room);

#endif

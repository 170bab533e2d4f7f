/* graph/chunk.c: numbered edges as pairs of a set: a chunk's bucket, and edges, then weights. */
#include "graph/graph.h"

mr_shape mr_chunk_shape(void)
{
    return (mr_shape){.key_size = sizeof(mr_bucket_id)};
}

mr_edges mr_chunk_edges(const mr_graph *graph, mr_bytes value)
{
    size_t edge = sizeof(mr_edge) + (graph->weighted ? sizeof(mr_weight) : 0);
    mr_edges edges = {.edges = (const void *)value.data, .count = value.size / edge};
    if (graph->weighted)
        edges.weights = (const void *)(edges.edges + edges.count);
    return edges;
}

mr_status mr_chunk_put(mr_out *out, mr_bucket_id bucket, mr_edges edges)
{
    unsigned char both[MR_CHUNK_EDGES * (sizeof(mr_edge) + sizeof(mr_weight))];
    size_t size = edges.count * sizeof(mr_edge), more = edges.count * sizeof(mr_weight);
    if (!edges.weights)
        return mr_out_pair(out, MR_BYTES(bucket), mr_bytes_at(edges.edges, size));
    memcpy(both, edges.edges, size);
    memcpy(both + size, edges.weights, more);
    return mr_out_pair(out, MR_BYTES(bucket), mr_bytes_at(both, size + more));
}

/*
 * graph/number.c: the vertices' numbers. Integers close together are marked on every rank, and the
 * marks or-ed; nothing is moved. Other ids are made distinct and put in order by sets; what each
 * rank then keeps of all of them while edges are numbered is a hash, so edges do not move either.
 */
#include "graph/decode.h"

#include <xxhash.h>

#define AT_ONCE (MR_NAMES_AT_ONCE / 2) /* edges decoded at a time */

/* Marks may take so many bytes an edge, less than the edges themselves; or this much. */
#define MARKS_MOST   4
#define MARKS_ALWAYS ((uint64_t)1 << 20)

/* What kernels here share. */
typedef struct numbering {
    mr_graph *graph;
    mr_names names;
    uint64_t seed;
} numbering;

static uint64_t lowest_of(const mr_graph *graph)
{
    const mr_seen *seen = &graph->seen;
    bool large_only = seen->low > seen->high && seen->large_low <= seen->large_high;
    return mr_id_image(graph, large_only ? seen->large_low : (uint64_t)seen->low);
}

static uint64_t highest_of(const mr_graph *graph)
{
    const mr_seen *seen = &graph->seen;
    bool large = seen->large_low <= seen->large_high;
    return mr_id_image(graph, large ? seen->large_high : (uint64_t)seen->high);
}

/* Whether marks are worth it. All ranks decide by the same numbers, but for the memory. */
static bool may_mark(const mr_graph *graph)
{
    if (graph->ids == MR_IDS_BYTES)
        return false;
    uint64_t size = mr_marks_size(highest_of(graph) - lowest_of(graph));
    if (size > MARKS_ALWAYS && size / MARKS_MOST > graph->seen.edges)
        return false;
    int64_t fits = size <= mr_job_memory_left(graph->job) / 2;
    mr_all_min_i64(graph->job, &fits, 1);
    return fits != 0;
}

static mr_status mark_pairs(mr_out *out, mr_pairs *pairs)
{
    numbering *n = mr_out_context(out);
    mr_graph *graph = n->graph;
    uint64_t images[2 * AT_ONCE];
    mr_weight weights[AT_ONCE];
    size_t count;
    for (mr_pair chunk; mr_pairs_next(pairs, &chunk);) {
        mr_decoder decoder;
        mr_decoder_start(&decoder, graph, chunk);
        while ((count = mr_decoder_images(&decoder, images, weights, AT_ONCE)))
            for (size_t i = 0; i < 2 * count; i++)
                mr_marks_set(&graph->marks, images[i] - graph->lowest);
    }
    return MR_OK;
}

static mr_status make_marks(numbering *n, mr_set *raw)
{
    mr_graph *graph = n->graph;
    mr_job *job = graph->job;
    graph->lowest = lowest_of(graph);
    mr_marks_create(&graph->marks, highest_of(graph) - graph->lowest + 1, job->error);
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_set_map(raw, mark_pairs, &(mr_set_options){.context = n}, NULL));
    mr_all_or_u64(job, graph->marks.bits, graph->marks.words);
    graph->vertices = mr_marks_count(&graph->marks);
    return MR_OK;
}

/* As a key of eight bytes, whichever of the two integers it is. */
static mr_status put_image(mr_out *out, uint64_t image)
{
    return mr_out_int_add_i64(out, (int64_t)(image ^ UINT64_C(1) << 63), 1);
}

/* Each id of the chunk, to be made distinct. */
static mr_status put_names(mr_out *out, const mr_graph *graph, mr_pair chunk)
{
    mr_decoder decoder;
    uint64_t images[2 * AT_ONCE];
    mr_weight weights[AT_ONCE];
    mr_bytes ends[2];
    size_t count;
    mr_decoder_start(&decoder, graph, chunk);
    while (graph->ids == MR_IDS_BYTES && mr_decoder_texts(&decoder, ends, weights)) {
        MR_TRY(mr_out_add_i64(out, ends[0], 1));
        MR_TRY(mr_out_add_i64(out, ends[1], 1));
    }
    while (graph->ids != MR_IDS_BYTES &&
           (count = mr_decoder_images(&decoder, images, weights, AT_ONCE)))
        for (size_t i = 0; i < 2 * count; i++)
            MR_TRY(put_image(out, images[i]));
    return MR_OK;
}

static mr_status name_pairs(mr_out *out, mr_pairs *pairs)
{
    const numbering *n = mr_out_context(out);
    for (mr_pair chunk; mr_pairs_next(pairs, &chunk);)
        MR_TRY(put_names(out, n->graph, chunk));
    return MR_OK;
}

/* All ids once, with their numbers: graph->names. Finding them takes memory, edges make way. */
static mr_status make_names(numbering *n, mr_set *raw)
{
    static const mr_key keys[] = {MR_KEY_I64, MR_KEY_U64, MR_KEY_BYTES};
    mr_graph *graph = n->graph;
    mr_set *distinct = NULL;
    mr_set_options options = {
        .shape = {.key = keys[graph->ids]}, .fold = MR_COUNT, .context = n, .name = "ids"};
    mr_graph_make_room(graph, raw, mr_memory_budget() / 2);
    MR_TRY(mr_set_map(raw, name_pairs, &options, &distinct));
    graph->vertices = mr_set_count(distinct);
    mr_status status = mr_set_index(distinct, &graph->names);
    mr_set_destroy(&distinct);
    return status;
}

/* Integers are spread out and stay different. */
static uint64_t hash_image(uint64_t image)
{
    image = (image ^ image >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return image ^ image >> 29;
}

static uint64_t hash_name(const numbering *n, mr_bytes name)
{
    return XXH3_64bits_withSeed(name.data, name.size, n->seed);
}

static mr_status hash_pairs(mr_out *out, mr_pairs *pairs)
{
    numbering *n = mr_out_context(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        mr_bytes id = mr_index_value(pair.value).key;
        bool is_bytes = n->graph->ids == MR_IDS_BYTES;
        n->names.hashes[mr_key_u64(pair.key)] =
            is_bytes ? hash_name(n, id) : hash_image(mr_key_u64(id));
    }
    return MR_OK;
}

/* The hashes of all ids on every rank. Should two of them be the same, others are tried. */
static mr_status hash_names(numbering *n, mr_set *raw)
{
    mr_graph *graph = n->graph;
    mr_job *job = graph->job;
    mr_graph_make_room(graph, raw, mr_names_size(graph->vertices));
    mr_names_create(&n->names, graph->vertices, job->error);
    MR_TRY(mr_job_agree(job));
    do {
        n->seed++;
        memset(n->names.hashes, 0, n->names.count * sizeof *n->names.hashes);
        mr_set_options options = {.context = n};
        MR_TRY(mr_set_map(graph->names, hash_pairs, &options, NULL));
        mr_all_or_u64(job, n->names.hashes, n->names.count);
    } while (!mr_names_index(&n->names));
    return MR_OK;
}

/* Hashes of the ids of up to AT_ONCE edges of a chunk, two an edge. */
static size_t hash_some(const numbering *n, mr_decoder *decoder, uint64_t *hashes,
                        mr_weight *weights)
{
    mr_bytes ends[2];
    size_t count = 0;
    if (n->graph->ids != MR_IDS_BYTES) {
        count = mr_decoder_images(decoder, hashes, weights, AT_ONCE);
        for (size_t i = 0; i < 2 * count; i++)
            hashes[i] = hash_image(hashes[i]);
        return count;
    }
    for (; count < AT_ONCE && mr_decoder_texts(decoder, ends, &weights[count]); count++) {
        hashes[2 * count] = hash_name(n, ends[0]);
        hashes[2 * count + 1] = hash_name(n, ends[1]);
    }
    return count;
}

/* Up to AT_ONCE edges of a chunk with numbers. */
static size_t number_some(const numbering *n, mr_decoder *decoder, mr_edge *edges,
                          mr_weight *weights)
{
    const mr_graph *graph = n->graph;
    uint64_t codes[2 * AT_ONCE];
    mr_vertex vertices[2 * AT_ONCE];
    size_t count;
    if (graph->names) {
        count = hash_some(n, decoder, codes, weights);
        mr_names_numbers(&n->names, codes, 2 * count, vertices);
    } else {
        count = mr_decoder_images(decoder, codes, weights, AT_ONCE);
        for (size_t i = 0; i < 2 * count; i++)
            vertices[i] = mr_marks_number(&graph->marks, codes[i] - graph->lowest);
    }
    memcpy(edges, vertices, count * sizeof *edges);
    return count;
}

static mr_status number_chunk(mr_out *out, const numbering *n, mr_pair chunk)
{
    mr_edge edges[MR_CHUNK_EDGES];
    mr_weight weights[MR_CHUNK_EDGES];
    mr_decoder decoder;
    mr_decoder_start(&decoder, n->graph, chunk);
    for (;;) {
        size_t count = 0, more = 1;
        while (more > 0 && count + AT_ONCE <= MR_CHUNK_EDGES) {
            more = number_some(n, &decoder, edges + count, weights + count);
            count += more;
        }
        if (count == 0)
            return MR_OK;
        MR_TRY(mr_chunk_put(out, 0, (mr_edges){edges, n->graph->weighted ? weights : NULL, count}));
    }
}

static mr_status number_pairs(mr_out *out, mr_pairs *pairs)
{
    const numbering *n = mr_out_context(out);
    for (mr_pair chunk; mr_pairs_next(pairs, &chunk);)
        MR_TRY(number_chunk(out, n, chunk));
    return MR_OK;
}

static mr_status check_count(const mr_graph *graph)
{
    if (graph->vertices < MR_VERTEX_NONE)
        return MR_OK;
    return mr_error_set(graph->job->error, MR_NO_MEMORY,
                        "too many vertices: %llu, and %llu is the most: use another tool",
                        (unsigned long long)graph->vertices,
                        (unsigned long long)MR_VERTEX_NONE - 1);
}

mr_status mr_graph_number(mr_graph *graph, mr_set *raw)
{
    numbering n = {.graph = graph};
    mr_set_options options = {.shape = mr_chunk_shape(),
                              .spread = MR_SPREAD_LOCAL,
                              .consume = true,
                              .context = &n,
                              .name = "edges"};
    mr_status status = may_mark(graph) ? make_marks(&n, raw) : make_names(&n, raw);
    if (status == MR_OK)
        status = check_count(graph);
    if (status == MR_OK && graph->names)
        status = hash_names(&n, raw);
    if (status == MR_OK)
        status = mr_set_map(raw, number_pairs, &options, &graph->edges);
    mr_names_free(&n.names);
    return status;
}

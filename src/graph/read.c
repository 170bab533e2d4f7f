/*
 * graph/read.c: from text to raw chunks. A block is read in the fastest way that fits its lines:
 * small integers first; from the first line on that has others, large ones; from the first line on
 * that has something else, its lines are kept as they are.
 */
#include "graph/graph.h"

#include <pthread.h>

/* What the threads of a rank share. */
typedef struct reading {
    const mr_graph *graph;
    pthread_mutex_t lock;
    mr_seen seen;
} reading;

/* One block on its way into chunks. */
typedef struct reader {
    mr_out *out;
    mr_block *block;
    bool weighted;
    bool f64; /* weights of this chunk, and from here on */
    mr_seen seen;
    size_t count; /* edges in the chunk */
    mr_weight weights[MR_CHUNK_EDGES];
    union {
        mr_edge small[MR_CHUNK_EDGES];
        uint64_t large[2 * MR_CHUNK_EDGES];
        unsigned char bytes[MR_CHUNK_EDGES * (2 * sizeof(uint64_t) + sizeof(mr_weight))];
    } ends;
} reader;

void mr_seen_merge(mr_seen *seen, const mr_seen *more)
{
    seen->edges += more->edges;
    seen->words |= more->words;
    seen->f64 |= more->f64;
    seen->low = more->low < seen->low ? more->low : seen->low;
    seen->high = more->high > seen->high ? more->high : seen->high;
    seen->large_low = more->large_low < seen->large_low ? more->large_low : seen->large_low;
    seen->large_high = more->large_high > seen->large_high ? more->large_high : seen->large_high;
}

mr_ids mr_seen_ids(const mr_seen *seen)
{
    bool large = seen->large_low <= seen->large_high, below = seen->low < 0;
    if (seen->words || (large && below))
        return MR_IDS_BYTES;
    return large ? MR_IDS_U64 : MR_IDS_I64;
}

static void see_small(mr_seen *seen, const mr_edge *edges, size_t count)
{
    mr_vertex low = UINT32_MAX, high = 0;
    for (size_t i = 0; i < count; i++) {
        mr_vertex least = edges[i].from < edges[i].to ? edges[i].from : edges[i].to;
        mr_vertex most = edges[i].from < edges[i].to ? edges[i].to : edges[i].from;
        low = least < low ? least : low;
        high = most > high ? most : high;
    }
    mr_seen found = {count, false, false, low, high, UINT64_MAX, 0};
    if (count > 0)
        mr_seen_merge(seen, &found);
}

static void see(mr_seen *seen, const mr_id *id)
{
    mr_seen found = MR_SEEN_NOTHING;
    found.words = id->kind == MR_ID_WORD;
    if (id->kind == MR_ID_LARGE)
        found.large_low = found.large_high = id->bits;
    else if (id->kind != MR_ID_WORD)
        found.low = found.high = (int64_t)id->bits;
    mr_seen_merge(seen, &found);
}

static void see_line(mr_seen *seen, const mr_edge_line *line, bool weighted)
{
    seen->edges++;
    seen->f64 |= weighted && line->weight_is_f64;
    see(seen, &line->from);
    see(seen, &line->to);
}

static mr_status put(reader *r, mr_chunk_kind kind, const void *bytes, size_t size)
{
    mr_chunk_key key = {(uint8_t)kind, r->f64};
    return mr_out_pair(r->out, MR_BYTES(key), mr_bytes_at(bytes, size));
}

/* The chunk as it is, with its weights behind its ids. */
static mr_status flush(reader *r, mr_chunk_kind kind)
{
    size_t size = r->count * (kind == MR_CHUNK_SMALL ? sizeof(mr_edge) : 2 * sizeof(uint64_t));
    if (r->count == 0)
        return MR_OK;
    if (r->weighted) {
        memcpy(r->ends.bytes + size, r->weights, r->count * sizeof(mr_weight));
        size += r->count * sizeof(mr_weight);
    }
    r->seen.f64 |= r->f64;
    r->count = 0;
    return put(r, kind, r->ends.bytes, size);
}

/* Looks at the next line with care and does not go on to the one behind it. */
static mr_status look(reader *r, mr_edge_line *line, mr_line *found, const char **next)
{
    mr_block *block = r->block;
    const char *stop = mr_bytes_seek(block->at, block->end, '\n'), *wrong = NULL;
    *found = mr_edge_read(mr_bytes_between(block->at, stop), r->weighted, line, &wrong);
    *next = stop < block->end ? stop + 1 : block->end;
    if (*found != MR_LINE_WRONG)
        return MR_OK;
    block->record = block->at;
    size_t size = (size_t)(stop - block->at);
    return mr_out_bad(r->out, "%s: '%.*s'", wrong, size < 80 ? (int)size : 80, block->at);
}

/* The same, but what stands before a wrong line is put first: it stays. */
static mr_status look_and_put(reader *r, mr_chunk_kind kind, mr_edge_line *line, mr_line *found,
                              const char **next)
{
    mr_status status = look(r, line, found, next);
    if (status != MR_OK)
        MR_TRY(flush(r, kind));
    return status;
}

/* A weight that is the first double of the block makes all that follow doubles. */
static mr_status keep_weight(reader *r, mr_chunk_kind kind, const mr_edge_line *line)
{
    if (!r->weighted)
        return MR_OK;
    if (line->weight_is_f64 && !r->f64) {
        MR_TRY(flush(r, kind));
        r->f64 = true;
    }
    mr_weight weight = line->weight;
    if (r->f64 && !line->weight_is_f64)
        weight.f64 = (double)weight.i64;
    r->weights[r->count] = weight;
    return MR_OK;
}

static bool is_small(const mr_id *id)
{
    return id->plain && id->kind == MR_ID_SMALL && id->bits <= UINT32_MAX;
}

static void read_fast(reader *r)
{
    size_t room = MR_CHUNK_EDGES - r->count;
    mr_edge *edges = r->ends.small + r->count;
    mr_weight *weights = r->weighted ? r->weights + r->count : NULL;
    const char *at = r->block->at;
    size_t count = mr_edges_read_small(&at, r->block->end, edges, weights, r->f64, room);
    mr_block_seek(r->block, at);
    see_small(&r->seen, edges, count);
    r->count += count;
}

static mr_status read_small(reader *r)
{
    mr_block *block = r->block;
    while (block->at < block->end) {
        mr_edge_line line;
        mr_line found;
        const char *next;
        read_fast(r);
        if (r->count == MR_CHUNK_EDGES)
            MR_TRY(flush(r, MR_CHUNK_SMALL));
        if (block->at == block->end)
            break;
        MR_TRY(look_and_put(r, MR_CHUNK_SMALL, &line, &found, &next));
        if (found == MR_LINE_EDGE) {
            if (!is_small(&line.from) || !is_small(&line.to))
                break;
            MR_TRY(keep_weight(r, MR_CHUNK_SMALL, &line));
            r->ends.small[r->count] = (mr_edge){(mr_vertex)line.from.bits, (mr_vertex)line.to.bits};
            see_small(&r->seen, &r->ends.small[r->count++], 1);
        }
        mr_block_seek(block, next);
        if (r->count == MR_CHUNK_EDGES)
            MR_TRY(flush(r, MR_CHUNK_SMALL));
    }
    return flush(r, MR_CHUNK_SMALL);
}

/* Whether an id fits into a chunk of integers, of which some are below zero or large. */
static bool fits(const mr_id *id, bool *below, bool *large)
{
    *below |= id->kind == MR_ID_BELOW_0;
    *large |= id->kind == MR_ID_LARGE;
    return id->plain && id->kind != MR_ID_WORD && !(*below && *large);
}

static mr_status read_large(reader *r)
{
    mr_block *block = r->block;
    bool below = false, large = false;
    while (block->at < block->end) {
        mr_edge_line line;
        mr_line found;
        const char *next;
        mr_chunk_kind kind = large ? MR_CHUNK_U64 : MR_CHUNK_I64;
        MR_TRY(look_and_put(r, kind, &line, &found, &next));
        if (found == MR_LINE_EDGE) {
            if (!fits(&line.from, &below, &large) || !fits(&line.to, &below, &large))
                return flush(r, kind);
            MR_TRY(keep_weight(r, kind, &line));
            r->ends.large[2 * r->count] = line.from.bits;
            r->ends.large[2 * r->count + 1] = line.to.bits;
            see_line(&r->seen, &line, r->weighted);
            if (++r->count == MR_CHUNK_EDGES)
                MR_TRY(flush(r, large ? MR_CHUNK_U64 : MR_CHUNK_I64));
        }
        mr_block_seek(block, next);
    }
    return flush(r, large ? MR_CHUNK_U64 : MR_CHUNK_I64);
}

#define TEXT_CHUNK ((size_t)32 << 10)

static mr_status read_words(reader *r)
{
    mr_block *block = r->block;
    const char *start = block->at;
    while (block->at < block->end) {
        mr_edge_line line;
        mr_line found;
        const char *next;
        mr_status status = look(r, &line, &found, &next);
        if (status != MR_OK && block->at > start)
            MR_TRY(put(r, MR_CHUNK_TEXT, start, (size_t)(block->at - start)));
        MR_TRY(status);
        if (found == MR_LINE_EDGE)
            see_line(&r->seen, &line, r->weighted);
        mr_block_seek(block, next);
        if ((size_t)(next - start) >= TEXT_CHUNK || next == block->end) {
            MR_TRY(put(r, MR_CHUNK_TEXT, start, (size_t)(next - start)));
            start = next;
        }
    }
    return MR_OK;
}

static mr_status read_block(mr_out *out, mr_block *block)
{
    reading *shared = mr_out_context(out);
    reader r;
    r.out = out;
    r.block = block;
    r.weighted = shared->graph->weighted;
    r.f64 = false;
    r.seen = MR_SEEN_NOTHING;
    r.count = 0;
    mr_status status = read_small(&r);
    if (status == MR_OK)
        status = read_large(&r);
    if (status == MR_OK)
        status = read_words(&r);
    pthread_mutex_lock(&shared->lock);
    mr_seen_merge(&shared->seen, &r.seen);
    pthread_mutex_unlock(&shared->lock);
    return status;
}

/* What all ranks have seen. Minima of the complement are maxima. */
static void share(mr_job *job, mr_seen *seen)
{
    const uint64_t sign = UINT64_C(1) << 63;
    int64_t edges = (int64_t)seen->edges;
    int64_t lows[] = {seen->low,
                      ~seen->high,
                      (int64_t)(seen->large_low ^ sign),
                      (int64_t) ~(seen->large_high ^ sign),
                      -(int64_t)seen->words,
                      -(int64_t)seen->f64};
    mr_all_sum_i64(job, &edges, 1);
    mr_all_min_i64(job, lows, 6);
    *seen = (mr_seen){.edges = (uint64_t)edges,
                      .words = lows[4] != 0,
                      .f64 = lows[5] != 0,
                      .low = lows[0],
                      .high = ~lows[1],
                      .large_low = (uint64_t)lows[2] ^ sign,
                      .large_high = (uint64_t)~lows[3] ^ sign};
}

mr_shape mr_raw_shape(void)
{
    return (mr_shape){.key_size = sizeof(mr_chunk_key)};
}

mr_status mr_graph_read(mr_graph *graph, const mr_input_options *input, mr_set **raw)
{
    mr_input_options all = {.records = MR_INPUT_LINES};
    reading shared = {.graph = graph, .seen = MR_SEEN_NOTHING};
    mr_set_options options = {
        .shape = mr_raw_shape(), .spread = MR_SPREAD_LOCAL, .context = &shared, .name = "edges"};
    pthread_mutex_init(&shared.lock, NULL);
    /* What was seen is in no set, so all has to be seen again. */
    graph->job->steps_are_plain = true;
    mr_status status =
        mr_set_from_input(graph->job, input ? input : &all, read_block, &options, raw);
    graph->job->steps_are_plain = false;
    pthread_mutex_destroy(&shared.lock);
    MR_TRY(status);
    share(graph->job, &shared.seen);
    graph->seen = shared.seen;
    graph->ids = mr_seen_ids(&graph->seen);
    return MR_OK;
}

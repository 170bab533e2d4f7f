/* graph/decode.c: reading raw chunks. Their text has been read before: it is right. */
#include "graph/decode.h"

void mr_decoder_start(mr_decoder *decoder, const mr_graph *graph, mr_pair chunk)
{
    mr_chunk_key key;
    memcpy(&key, chunk.key.data, sizeof key);
    *decoder = (mr_decoder){.graph = graph, .kind = key.kind, .f64 = key.f64};
    if (key.kind == MR_CHUNK_TEXT) {
        decoder->at = chunk.value.data;
        decoder->end = chunk.value.data + chunk.value.size;
        return;
    }
    size_t ends = key.kind == MR_CHUNK_SMALL ? sizeof(mr_edge) : 2 * sizeof(uint64_t);
    size_t edge = ends + (graph->weighted ? sizeof(mr_weight) : 0);
    decoder->count = chunk.value.size / edge;
    decoder->ends = (const unsigned char *)chunk.value.data;
    if (graph->weighted)
        decoder->weights = (const void *)(decoder->ends + decoder->count * ends);
}

/* A weight as all of the graph's are. */
static mr_weight common(const mr_graph *graph, mr_weight weight, bool f64)
{
    if (graph->seen.f64 && !f64)
        weight.f64 = (double)weight.i64;
    return weight;
}

/* The next line that is an edge. */
static bool next_line(mr_decoder *d, mr_edge_line *line)
{
    while (d->at < d->end) {
        const char *stop = mr_bytes_seek(d->at, d->end, '\n'), *wrong;
        mr_bytes text = mr_bytes_between(d->at, stop);
        d->at = stop + 1;
        if (mr_edge_read(text, d->graph->weighted, line, &wrong) == MR_LINE_EDGE)
            return true;
    }
    return false;
}

static size_t images_of_text(mr_decoder *d, uint64_t *images, mr_weight *weights, size_t room)
{
    size_t count = 0;
    for (mr_edge_line line; count < room && next_line(d, &line); count++) {
        images[2 * count] = mr_id_image(d->graph, line.from.bits);
        images[2 * count + 1] = mr_id_image(d->graph, line.to.bits);
        if (d->graph->weighted)
            weights[count] = common(d->graph, line.weight, line.weight_is_f64);
    }
    return count;
}

size_t mr_decoder_images(mr_decoder *d, uint64_t *images, mr_weight *weights, size_t room)
{
    if (d->kind == MR_CHUNK_TEXT)
        return images_of_text(d, images, weights, room);
    size_t count = d->count - d->next < room ? d->count - d->next : room;
    uint64_t flip = mr_id_image(d->graph, 0);
    if (d->kind == MR_CHUNK_SMALL) {
        const uint32_t *ids = (const uint32_t *)(const void *)d->ends + 2 * d->next;
        for (size_t i = 0; i < 2 * count; i++)
            images[i] = ids[i] ^ flip;
    } else {
        const uint64_t *ids = (const uint64_t *)(const void *)d->ends + 2 * d->next;
        for (size_t i = 0; i < 2 * count; i++)
            images[i] = ids[i] ^ flip;
    }
    for (size_t i = 0; d->weights && i < count; i++)
        weights[i] = common(d->graph, d->weights[d->next + i], d->f64);
    d->next += count;
    return count;
}

static mr_bytes show(char *room, uint64_t bits, mr_chunk_kind kind)
{
    size_t size =
        kind == MR_CHUNK_U64 ? mr_number_of_u64(bits, room) : mr_number_of_i64((int64_t)bits, room);
    return mr_bytes_between(room, room + size);
}

bool mr_decoder_texts(mr_decoder *d, mr_bytes ends[2], mr_weight *weight)
{
    if (d->kind == MR_CHUNK_TEXT) {
        mr_edge_line line;
        if (!next_line(d, &line))
            return false;
        ends[0] = line.from.text;
        ends[1] = line.to.text;
        if (d->graph->weighted)
            *weight = common(d->graph, line.weight, line.weight_is_f64);
        return true;
    }
    if (d->next == d->count)
        return false;
    for (size_t end = 0; end < 2; end++) {
        uint64_t bits;
        if (d->kind == MR_CHUNK_SMALL)
            bits = ((const uint32_t *)(const void *)d->ends)[2 * d->next + end];
        else
            bits = ((const uint64_t *)(const void *)d->ends)[2 * d->next + end];
        ends[end] = show(d->room[end], bits, d->kind);
    }
    if (d->weights)
        *weight = common(d->graph, d->weights[d->next], d->f64);
    d->next++;
    return true;
}

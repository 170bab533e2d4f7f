/* graph/write.c: from numbers of vertices back to ids: rows of a result, and looking one up. */
#include "graph/graph.h"

/* What kernels here share. */
typedef struct writing {
    const mr_graph *graph;
    mr_shown shown;
    mr_vertex_value *value;
    void *context;
    mr_bytes wanted; /* an id to be found */
    mr_vertex found;
} writing;

static mr_key id_key(const mr_graph *graph)
{
    static const mr_key keys[] = {MR_KEY_I64, MR_KEY_U64, MR_KEY_BYTES};
    return keys[graph->ids];
}

/* What an id is as a value. */
static mr_value_type id_value(const mr_graph *graph)
{
    static const mr_value_type values[] = {MR_VALUE_I64, MR_VALUE_U64, MR_VALUE_BYTES};
    return values[graph->ids];
}

static mr_shape row_shape(const mr_graph *graph, mr_shown shown)
{
    mr_value_type value = shown == MR_SHOWN_I64   ? MR_VALUE_I64
                          : shown == MR_SHOWN_F64 ? MR_VALUE_F64
                                                  : id_value(graph);
    return (mr_shape){.key = id_key(graph), .value = value};
}

static uint64_t marked_bits(const mr_graph *graph, uint64_t mark)
{
    return mr_id_bits(graph, mark + graph->lowest);
}

/* Ids that are marked: walks along the marks. */
static mr_status put_marked(mr_out *out, uint64_t begin, uint64_t end)
{
    const writing *w = mr_out_context(out);
    const mr_marks *marks = &w->graph->marks;
    uint64_t mark = mr_marks_find(marks, (uint32_t)begin);
    for (uint64_t v = begin; v < end; v++) {
        mr_weight value;
        if (w->value(w->context, (mr_vertex)v, &value)) {
            mr_image id = mr_image_of_u64(mark + w->graph->lowest);
            if (w->shown == MR_SHOWN_VERTEX) {
                uint64_t other = mr_marks_find(marks, (uint32_t)value.i64);
                value.i64 = (int64_t)marked_bits(w->graph, other);
            }
            MR_TRY(mr_out_pair(out, MR_BYTES(id), MR_BYTES(value)));
        }
        if (v + 1 < end)
            mark = mr_marks_next(marks, mark);
    }
    return MR_OK;
}

/* Ids in the set of names. */
static mr_status put_named(mr_out *out, mr_pairs *pairs)
{
    const writing *w = mr_out_context(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        mr_weight value;
        mr_bytes id = mr_index_value(pair.value).key;
        if (!w->value(w->context, (mr_vertex)mr_key_u64(pair.key), &value))
            continue;
        if (w->shown == MR_SHOWN_VERTEX)
            MR_TRY(mr_out_pair_u64(out, (uint64_t)value.i64, id));
        else
            MR_TRY(mr_out_pair(out, id, MR_BYTES(value)));
    }
    return MR_OK;
}

/* A vertex's id, and that of the vertex which is its value. */
static mr_status put_both(mr_out *out, mr_bytes key, const mr_bytes *left, const mr_bytes *right)
{
    const writing *w = mr_out_context(out);
    mr_bytes other = mr_index_value(*right).key;
    (void)key;
    if (w->graph->ids == MR_IDS_BYTES)
        return mr_out_pair(out, *left, other);
    uint64_t bits = mr_id_bits(w->graph, mr_key_u64(other));
    return mr_out_pair(out, *left, MR_BYTES(bits));
}

static mr_status join_names(mr_graph *graph, writing *w, const mr_set_options *options,
                            mr_set **rows)
{
    mr_set_options by_value = {.shape = {.key = MR_KEY_U64}, .context = w, .name = "labels"};
    mr_set *labels = NULL;
    MR_TRY(mr_set_map(graph->names, put_named, &by_value, &labels));
    mr_status status = mr_set_join(labels, graph->names, MR_JOIN_INNER, put_both, options, rows);
    mr_set_destroy(&labels);
    return status;
}

mr_status mr_graph_write(mr_graph *graph, const char *column, mr_shown shown,
                         mr_vertex_value *value, void *context)
{
    writing w = {.graph = graph, .shown = shown, .value = value, .context = context};
    mr_set *rows = NULL;
    mr_set_options options = {.shape = row_shape(graph, shown),
                              .spread = MR_SPREAD_LOCAL,
                              .context = &w,
                              .name = "result"};
    mr_write_options how = {.key_name = "vertex", .columns = column, .consume = true};
    mr_status status;
    if (!graph->names)
        status = mr_set_from_range(graph->job, 0, graph->vertices, put_marked, &options, &rows);
    else if (shown == MR_SHOWN_VERTEX)
        status = join_names(graph, &w, &options, &rows);
    else
        status = mr_set_map(graph->names, put_named, &options, &rows);
    if (status == MR_OK)
        status = mr_set_write(rows, &how);
    mr_set_destroy(&rows);
    return status;
}

static mr_vertex find_marked(const mr_graph *graph, const mr_id *id)
{
    uint64_t mark = mr_id_image(graph, id->bits) - graph->lowest;
    return mr_marks_has(&graph->marks, mark) ? mr_marks_number(&graph->marks, mark)
                                             : MR_VERTEX_NONE;
}

static mr_status look_for(mr_out *out, mr_pairs *pairs)
{
    writing *w = mr_out_context(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        if (mr_bytes_equal(mr_index_value(pair.value).key, w->wanted))
            w->found = (mr_vertex)mr_key_u64(pair.key);
    return MR_OK;
}

static mr_status find_named(mr_graph *graph, mr_bytes id, mr_vertex *vertex)
{
    writing w = {.wanted = id, .found = MR_VERTEX_NONE};
    MR_TRY(mr_set_map(graph->names, look_for, &(mr_set_options){.context = &w}, NULL));
    int64_t found = w.found;
    mr_all_min_i64(graph->job, &found, 1);
    *vertex = (mr_vertex)found;
    return MR_OK;
}

mr_status mr_graph_find(mr_graph *graph, mr_bytes text, mr_vertex *vertex)
{
    mr_id id = mr_id_of(text);
    mr_image image = mr_image_of_u64(mr_id_image(graph, id.bits));
    *vertex = MR_VERTEX_NONE;
    if (graph->ids == MR_IDS_BYTES)
        return find_named(graph, text, vertex);
    if (id.kind == MR_ID_WORD || (id.kind == MR_ID_LARGE && graph->ids == MR_IDS_I64) ||
        (id.kind == MR_ID_BELOW_0 && graph->ids == MR_IDS_U64))
        return MR_OK;
    if (graph->names)
        return find_named(graph, MR_BYTES(image), vertex);
    *vertex = find_marked(graph, &id);
    return MR_OK;
}

/*
 * array/evaluate.c: how a thread computes a box. Element by element operations are fused: the parts
 * of an expression that they make up are gone through in strips of MR_STRIP elements, each of which
 * goes through all of the operations while it is in the core's cache. What lies in memory is read
 * from there, turned or sliced as it is read. Everything else is made whole before, box by box.
 */
#include "array/evaluate.h"

#include "array/fetch.h"
#include "array/tile_memory.h"
#include "base/memory.h"

#include <stdlib.h>

/* A tile of a node that is wanted more than once, at different places: x in x + transpose(x). */
#define CACHED 4
typedef struct cached {
    const mr_array *node;
    mr_box box;
    unsigned char *values;
    size_t bytes;
    uint64_t used; /* when it was last; 0: empty */
    uint64_t held; /* by the box that is being evaluated */
} cached;

struct mr_evaluator {
    const mr_job *job;
    const mr_fetched *fetched;
    bool moves;
    mr_tile_memory pool;
    cached cache[CACHED];
    uint64_t clock, boxes;
};

/* Memory to be read: the first element of a box, and the way to the others. */
typedef struct view {
    const unsigned char *base;
    int64_t strides[MR_AXES];
} view;

typedef enum how { FROM_MEMORY, MADE, COMPUTED } how;

/* A node within the strips of a box. `box` is all of it that they need. */
typedef struct part {
    const mr_array *node;
    mr_box box;
    how how;
    view memory;
    struct part *in[MR_ARRAY_OPERANDS];
    unsigned char *spread[MR_ARRAY_OPERANDS]; /* room for an operand that is broadcast */
    unsigned char *buffer;
    uint64_t strip; /* `value` is of this one */
    const void *value;
    struct part *next;
} part;

typedef struct program {
    part *parts;
    part *root;
    uint64_t strip; /* its number, from 1 */
    mr_box at;      /* and place, from the beginning of the root's box */
} program;

mr_status mr_evaluator_create(mr_evaluator **evaluator, const mr_array *root,
                              const mr_fetched *fetched, mr_error *error)
{
    *evaluator = calloc(1, sizeof **evaluator);
    if (!*evaluator)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting a thread");
    (*evaluator)->job = root->job;
    (*evaluator)->moves = root->moves;
    (*evaluator)->fetched = fetched;
    return MR_OK;
}

void mr_evaluator_destroy(mr_evaluator **evaluator)
{
    if (!*evaluator)
        return;
    for (int i = 0; i < CACHED; i++)
        if ((*evaluator)->cache[i].values)
            mr_memory_free((*evaluator)->cache[i].values, (*evaluator)->cache[i].bytes);
    mr_tile_memory_free(&(*evaluator)->pool);
    free(*evaluator);
    *evaluator = NULL;
}

void *mr_evaluator_room(mr_evaluator *evaluator, size_t size, mr_error *error)
{
    return mr_tile_memory_take(&evaluator->pool, size, error);
}

/* Sizes of 1 are broadcast; the last axes of both are the same. */
static mr_box broadcast_box(const mr_array *operand, const mr_box *box)
{
    mr_box need = {.axes = operand->dims.axes};
    unsigned more = box->axes - need.axes;
    for (unsigned axis = 0; axis < need.axes; axis++) {
        bool one = operand->dims.size[axis] == 1;
        need.from[axis] = one ? 0 : box->from[axis + more];
        need.size[axis] = one ? box->size[axis + more] != 0 : box->size[axis + more];
    }
    return need;
}

void mr_array_needs(const mr_array *array, const mr_box *box, mr_box *needs)
{
    if (array->kind->need)
        array->kind->need(array, box, needs);
    else
        for (unsigned i = 0; i < array->operand_count; i++)
            needs[i] = broadcast_box(array->operands[i], box);
}

static mr_status view_of(mr_evaluator *e, const mr_array *node, const mr_box *box, view *v,
                         mr_error *error);
static mr_status evaluate(mr_evaluator *e, const mr_array *node, const mr_box *box, void *into,
                          mr_error *error);

static size_t bytes_of(const mr_array *node, const mr_box *box)
{
    return mr_box_count(box) * mr_element_size(node->element);
}

static void view_plain(view *v, const void *base, const mr_array *node, const mr_box *box)
{
    v->base = base;
    mr_strides_of(box->axes, box->size, mr_element_size(node->element), v->strides);
}

/* ---- Kept arrays ---- */

/* Where rows of a kept array are that one rank has: this one, or another that sent them. */
static void view_rows(const mr_evaluator *e, const mr_array *node, const mr_box *box, int rank,
                      view *v)
{
    const mr_kept_array *kept = node->own;
    if (!kept->everywhere && rank != mr_comm_rank(e->job->comm)) {
        v->base = mr_fetched_find(e->fetched, node, box, rank, v->strides);
        return;
    }
    mr_strides_of(box->axes, node->dims.size, mr_element_size(node->element), v->strides);
    v->base = kept->values;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        uint64_t first = axis == 0 && !kept->everywhere ? kept->starts[rank] : 0;
        v->base += (int64_t)(box->from[axis] - first) * v->strides[axis];
    }
}

/* Rows of several ranks are put together. */
static mr_status join_rows(mr_evaluator *e, const mr_array *node, const mr_box *box, view *v,
                           mr_error *error)
{
    const mr_kept_array *kept = node->own;
    unsigned char *into = mr_tile_memory_take(&e->pool, bytes_of(node, box), error);
    if (!into)
        return MR_NO_MEMORY;
    view_plain(v, into, node, box);
    int ranks = mr_comm_size(e->job->comm);
    for (int rank = 0; rank < ranks; rank++) {
        mr_box band;
        view rows;
        if (!mr_kept_band(kept, box, rank, &band))
            continue;
        view_rows(e, node, &band, rank, &rows);
        mr_copy_strided(band.axes, band.size,
                        into + (int64_t)(band.from[0] - box->from[0]) * v->strides[0], v->strides,
                        rows.base, rows.strides, mr_element_size(node->element));
    }
    return MR_OK;
}

static mr_status view_kept(mr_evaluator *e, const mr_array *node, const mr_box *box, view *v,
                           mr_error *error)
{
    const mr_kept_array *kept = node->own;
    int ranks = mr_comm_size(e->job->comm);
    mr_box band;
    if (kept->everywhere || mr_box_count(box) == 0) {
        view_rows(e, node, box, mr_comm_rank(e->job->comm), v);
        return MR_OK;
    }
    for (int rank = 0; rank < ranks; rank++)
        if (mr_kept_band(kept, box, rank, &band) && band.size[0] == box->size[0]) {
            view_rows(e, node, box, rank, v);
            return MR_OK;
        }
    return join_rows(e, node, box, v, error);
}

/* ---- Whole boxes ---- */

static cached *find_cached(mr_evaluator *e, const mr_array *node, const mr_box *box)
{
    for (int i = 0; i < CACHED; i++)
        if (e->cache[i].used && e->cache[i].node == node && mr_box_is(&e->cache[i].box, box))
            return &e->cache[i];
    return NULL;
}

/* The one not used for longest of those that nobody reads now. */
static cached *oldest_cached(mr_evaluator *e)
{
    cached *oldest = NULL;
    for (int i = 0; i < CACHED; i++)
        if (e->cache[i].held != e->boxes && (!oldest || e->cache[i].used < oldest->used))
            oldest = &e->cache[i];
    return oldest;
}

static mr_status fill_cached(mr_evaluator *e, cached *c, const mr_array *node, const mr_box *box,
                             mr_error *error)
{
    size_t bytes = bytes_of(node, box);
    c->used = 0;
    c->held = e->boxes;
    if (c->bytes < bytes) {
        if (c->values)
            mr_memory_free(c->values, c->bytes);
        c->bytes = 0;
        c->values = mr_memory_allocate_aligned(bytes, 64, "tiles of an array", error);
        if (!c->values)
            return MR_NO_MEMORY;
        c->bytes = bytes;
    }
    MR_TRY(evaluate(e, node, box, c->values, error));
    c->node = node;
    c->box = *box;
    return MR_OK;
}

/* A box in memory of the evaluator: of a node that is wanted elsewhere too, it may be there. */
static mr_status make_box(mr_evaluator *e, const mr_array *node, const mr_box *box,
                          const void **values, mr_error *error)
{
    cached *c = NULL;
    if (e->moves && node->uses > 1 && mr_box_count(box) > 0) {
        c = find_cached(e, node, box);
        if (!c && (c = oldest_cached(e)))
            MR_TRY(fill_cached(e, c, node, box, error));
    }
    if (c) {
        c->used = ++e->clock;
        c->held = e->boxes;
        *values = c->values;
        return MR_OK;
    }
    void *into = mr_tile_memory_take(&e->pool, bytes_of(node, box), error);
    *values = into;
    return into ? evaluate(e, node, box, into, error) : MR_NO_MEMORY;
}

/* More bytes than this are not made for one box where half of it needs less. */
#define NEEDED_MOST ((uint64_t)8 << 20)

static bool needs_much(const mr_array *node, const mr_box *box)
{
    mr_box needs[MR_ARRAY_OPERANDS];
    uint64_t bytes = 0;
    if (node->kind->fused || node->operand_count == 0 || mr_box_count(box) < 2)
        return false;
    mr_array_needs(node, box, needs);
    for (unsigned i = 0; i < node->operand_count; i++)
        if (node->operands[i]->kind != &mr_array_kept)
            bytes += bytes_of(node->operands[i], &needs[i]);
    return bytes > NEEDED_MOST;
}

static mr_status view_of(mr_evaluator *e, const mr_array *node, const mr_box *box, view *v,
                         mr_error *error)
{
    if (node->kind == &mr_array_kept)
        return view_kept(e, node, box, v, error);
    if (node->kind->restride && !needs_much(node, box)) {
        mr_box need;
        view operand;
        mr_array_needs(node, box, &need);
        MR_TRY(view_of(e, node->operands[0], &need, &operand, error));
        v->base = operand.base;
        node->kind->restride(node, operand.strides, v->strides);
        return MR_OK;
    }
    if (node->kind->shift) {
        mr_box need;
        mr_array_needs(node, box, &need);
        return view_of(e, node->operands[0], &need, v, error);
    }
    const void *values;
    MR_TRY(make_box(e, node, box, &values, error));
    view_plain(v, values, node, box);
    return MR_OK;
}

static bool is_plain(const view *v, unsigned axes, const uint64_t *size, size_t element)
{
    int64_t stride = (int64_t)element;
    for (unsigned axis = axes; axis-- > 0;) {
        if (size[axis] != 1 && v->strides[axis] != stride)
            return false;
        stride *= (int64_t)size[axis];
    }
    return true;
}

/* In C order, wherever that is. */
static mr_status look(mr_evaluator *e, const mr_array *node, const mr_box *box, const void **values,
                      mr_error *error)
{
    view v;
    size_t element = mr_element_size(node->element);
    MR_TRY(view_of(e, node, box, &v, error));
    *values = v.base;
    if (is_plain(&v, box->axes, box->size, element))
        return MR_OK;
    int64_t strides[MR_AXES];
    void *into = mr_tile_memory_take(&e->pool, bytes_of(node, box), error);
    if (!into)
        return MR_NO_MEMORY;
    mr_strides_of(box->axes, box->size, element, strides);
    mr_copy_strided(box->axes, box->size, into, strides, v.base, v.strides, element);
    *values = into;
    return MR_OK;
}

/* ---- Strips ---- */

static part *find_part(const program *p, const mr_array *node, const mr_box *box)
{
    for (part *known = p->parts; known; known = known->next)
        if (known->node == node && mr_box_is(&known->box, box))
            return known;
    return NULL;
}

/* Whether it is better made whole, for it is needed at another place too. */
static bool is_shared(const mr_evaluator *e, const mr_array *node)
{
    return e->moves && node->uses > 1;
}

static part *add_part(mr_evaluator *e, program *p, const mr_array *node, const mr_box *box,
                      mr_error *error);

static part *add_computed(mr_evaluator *e, program *p, part *self, mr_error *error)
{
    const mr_array *node = self->node;
    mr_box needs[MR_ARRAY_OPERANDS];
    uint64_t count = mr_box_count(&self->box);
    mr_array_needs(node, &self->box, needs);
    for (unsigned i = 0; i < node->operand_count; i++) {
        self->in[i] = add_part(e, p, node->operands[i], &needs[i], error);
        if (!self->in[i])
            return NULL;
        uint64_t has = mr_box_count(&needs[i]);
        if (has == 1 || has == count)
            continue;
        size_t room = MR_STRIP * mr_element_size(node->operands[i]->element);
        self->spread[i] = mr_tile_memory_take(&e->pool, room, error);
        if (!self->spread[i])
            return NULL;
    }
    return self;
}

static part *add_part(mr_evaluator *e, program *p, const mr_array *node, const mr_box *box,
                      mr_error *error)
{
    part *self = find_part(p, node, box);
    if (self)
        return self;
    if (node->kind->shift && (!is_shared(e, node) || node->operands[0]->kind == &mr_array_kept)) {
        mr_box need;
        mr_array_needs(node, box, &need);
        return add_part(e, p, node->operands[0], &need, error);
    }
    self = mr_tile_memory_take(&e->pool, sizeof *self, error);
    if (!self)
        return NULL;
    *self = (part){.node = node, .box = *box, .next = p->parts};
    p->parts = self;
    self->buffer = mr_tile_memory_take(&e->pool, MR_STRIP * mr_element_size(node->element), error);
    if (!self->buffer)
        return NULL;
    bool whole = is_shared(e, node) && p->root;
    self->how = node->kind->fused && !whole    ? COMPUTED
                : node->kind->strips && !whole ? MADE
                                               : FROM_MEMORY;
    if (!p->root)
        p->root = self;
    if (self->how == COMPUTED)
        return add_computed(e, p, self, error);
    if (self->how == FROM_MEMORY && view_of(e, node, box, &self->memory, error) != MR_OK)
        return NULL;
    return self;
}

/* The strip as a part sees it, from the beginning of the part's box. */
static mr_box strip_of(const program *p, const part *self)
{
    mr_box strip = {.axes = self->box.axes};
    unsigned more = p->at.axes - strip.axes;
    for (unsigned axis = 0; axis < strip.axes; axis++) {
        bool one = self->box.size[axis] == 1;
        strip.from[axis] = one ? 0 : p->at.from[axis + more];
        strip.size[axis] = one ? 1 : p->at.size[axis + more];
    }
    return strip;
}

static const void *read_strip(const part *self, const mr_box *strip, void *into)
{
    size_t element = mr_element_size(self->node->element);
    view v = self->memory;
    for (unsigned axis = 0; axis < strip->axes; axis++)
        v.base += (int64_t)strip->from[axis] * v.strides[axis];
    if (!into && is_plain(&v, strip->axes, strip->size, element))
        return v.base;
    int64_t strides[MR_AXES];
    into = into ? into : self->buffer;
    mr_strides_of(strip->axes, strip->size, element, strides);
    mr_copy_strided(strip->axes, strip->size, into, strides, v.base, v.strides, element);
    return into;
}

static const void *value_of(mr_evaluator *e, program *p, part *self, void *into, mr_error *error);

/* Repeats the values of an operand whose box is smaller than the strip's. */
static const void *spread_out(const part *self, unsigned i, const mr_box *strip, const void *values)
{
    const part *in = self->in[i];
    unsigned more = strip->axes - in->box.axes;
    size_t element = mr_element_size(in->node->element);
    uint64_t size[MR_AXES];
    int64_t from[MR_AXES] = {0}, to[MR_AXES], plain[MR_AXES];
    for (unsigned axis = 0; axis < in->box.axes; axis++)
        size[axis] = in->box.size[axis] == 1 ? 1 : strip->size[axis + more];
    mr_strides_of(in->box.axes, size, element, plain);
    for (unsigned axis = 0; axis < in->box.axes; axis++)
        from[axis + more] = size[axis] == 1 ? 0 : plain[axis];
    mr_strides_of(strip->axes, strip->size, element, to);
    mr_copy_strided(strip->axes, strip->size, self->spread[i], to, values, from, element);
    return self->spread[i];
}

static const void *compute(mr_evaluator *e, program *p, part *self, const mr_box *strip, void *into,
                           mr_error *error)
{
    const void *values[MR_ARRAY_OPERANDS];
    uint64_t count = mr_box_count(strip);
    for (unsigned i = 0; i < self->node->operand_count; i++) {
        values[i] = value_of(e, p, self->in[i], NULL, error);
        if (!values[i])
            return NULL;
        mr_box has = strip_of(p, self->in[i]);
        uint64_t there = mr_box_count(&has);
        if (there != 1 && there != count)
            values[i] = spread_out(self, i, strip, values[i]);
    }
    mr_box box = *strip;
    for (unsigned axis = 0; axis < box.axes; axis++)
        box.from[axis] += self->box.from[axis];
    return self->node->kind->fill(self->node, e, &box, values, into, error) == MR_OK ? into : NULL;
}

static const void *value_of(mr_evaluator *e, program *p, part *self, void *into, mr_error *error)
{
    if (self->strip == p->strip)
        return self->value;
    mr_box strip = strip_of(p, self);
    self->strip = p->strip;
    if (self->how == FROM_MEMORY)
        return self->value = read_strip(self, &strip, into);
    into = into ? into : self->buffer;
    if (self->how == COMPUTED)
        return self->value = compute(e, p, self, &strip, into, error);
    for (unsigned axis = 0; axis < strip.axes; axis++)
        strip.from[axis] += self->box.from[axis];
    mr_status status = self->node->kind->fill(self->node, e, &strip, NULL, into, error);
    return self->value = status == MR_OK ? into : NULL;
}

/* The size of strips that lie in one piece in the box: whole rows, or a part of a row. */
static unsigned choose_strip(const mr_box *box, mr_box *strip)
{
    uint64_t room = MR_STRIP;
    unsigned axis = box->axes;
    *strip = (mr_box){.axes = box->axes};
    for (unsigned i = 0; i < box->axes; i++)
        strip->size[i] = 1;
    while (axis > 0) {
        axis--;
        strip->size[axis] = box->size[axis] < room ? box->size[axis] : room;
        if (box->size[axis] > room)
            break;
        room /= box->size[axis];
    }
    return axis;
}

/* The next strip; false at the end. Axes behind `cut` are whole. */
static bool next_strip(const mr_box *box, unsigned cut, uint64_t most, mr_box *strip)
{
    for (unsigned axis = cut + 1; axis-- > 0;) {
        strip->from[axis] += strip->size[axis];
        uint64_t left = box->size[axis] - strip->from[axis];
        if (left > 0) {
            if (axis == cut)
                strip->size[axis] = left < most ? left : most;
            return true;
        }
        strip->from[axis] = 0;
        if (axis == cut)
            strip->size[axis] = box->size[axis] < most ? box->size[axis] : most;
    }
    return false;
}

static mr_status run_strips(mr_evaluator *e, program *p, const mr_box *box, unsigned char *into,
                            mr_error *error)
{
    size_t element = mr_element_size(p->root->node->element);
    unsigned cut = choose_strip(box, &p->at);
    uint64_t most = box->axes ? p->at.size[cut] : 1;
    do {
        p->strip++;
        if (!value_of(e, p, p->root, into, error))
            return error->code;
        into += mr_box_count(&p->at) * element;
    } while (box->axes > 0 && next_strip(box, cut, most, &p->at));
    return MR_OK;
}

static mr_status evaluate_fused(mr_evaluator *e, const mr_array *node, const mr_box *box,
                                void *into, mr_error *error)
{
    program p = {0};
    if (!add_part(e, &p, node, box, error))
        return error->code;
    return run_strips(e, &p, box, into, error);
}

/* ---- Nodes ---- */

/* A node like any other: its operands' boxes in C order, then its own. */
static mr_status evaluate_plain(mr_evaluator *e, const mr_array *node, const mr_box *box,
                                void *into, mr_error *error)
{
    mr_box needs[MR_ARRAY_OPERANDS];
    const void *values[MR_ARRAY_OPERANDS];
    mr_array_needs(node, box, needs);
    for (unsigned i = 0; i < node->operand_count; i++)
        MR_TRY(look(e, node->operands[i], &needs[i], &values[i], error));
    return node->kind->fill(node, e, box, values, into, error);
}

static mr_status copy_view(mr_evaluator *e, const mr_array *node, const mr_box *box, void *into,
                           mr_error *error)
{
    view v;
    int64_t strides[MR_AXES];
    size_t element = mr_element_size(node->element);
    MR_TRY(view_of(e, node, box, &v, error));
    mr_strides_of(box->axes, box->size, element, strides);
    mr_copy_strided(box->axes, box->size, into, strides, v.base, v.strides, element);
    return MR_OK;
}

/* The one half after the other. */
static mr_status evaluate_halves(mr_evaluator *e, const mr_array *node, const mr_box *box,
                                 unsigned char *into, mr_error *error)
{
    unsigned cut = 0;
    int64_t strides[MR_AXES], plain[MR_AXES];
    size_t element = mr_element_size(node->element);
    for (unsigned axis = 1; axis < box->axes; axis++)
        cut = box->size[axis] > box->size[cut] ? axis : cut;
    mr_strides_of(box->axes, box->size, element, strides);
    for (uint64_t from = 0, half = box->size[cut] / 2; from < box->size[cut]; from += half) {
        mr_box piece = *box;
        piece.from[cut] += from;
        if (from > 0)
            half = box->size[cut] - from;
        piece.size[cut] = half;
        mr_tile_memory_mark mark = mr_tile_memory_begin(&e->pool);
        void *values = mr_tile_memory_take(&e->pool, bytes_of(node, &piece), error);
        mr_status status = values ? evaluate(e, node, &piece, values, error) : MR_NO_MEMORY;
        mr_strides_of(piece.axes, piece.size, element, plain);
        if (status == MR_OK)
            mr_copy_strided(piece.axes, piece.size, into + (int64_t)from * strides[cut], strides,
                            values, plain, element);
        mr_tile_memory_end(&e->pool, mark);
        MR_TRY(status);
    }
    return MR_OK;
}

static mr_status evaluate(mr_evaluator *e, const mr_array *node, const mr_box *box, void *into,
                          mr_error *error)
{
    mr_status status;
    if (mr_box_count(box) == 0)
        return MR_OK;
    mr_tile_memory_mark mark = mr_tile_memory_begin(&e->pool);
    if (node->kind->fused)
        status = evaluate_fused(e, node, box, into, error);
    else if (node->kind == &mr_array_kept)
        status = copy_view(e, node, box, into, error);
    else if (node->kind->shift) {
        mr_box need;
        mr_array_needs(node, box, &need);
        status = evaluate(e, node->operands[0], &need, into, error);
    } else if (needs_much(node, box))
        status = evaluate_halves(e, node, box, into, error);
    else if (node->kind->restride)
        status = copy_view(e, node, box, into, error);
    else
        status = evaluate_plain(e, node, box, into, error);
    mr_tile_memory_end(&e->pool, mark);
    return status;
}

mr_status mr_evaluate(mr_evaluator *e, const mr_array *array, const mr_box *box, void *into,
                      mr_error *error)
{
    e->boxes++;
    mr_tile_memory_reset(&e->pool);
    return evaluate(e, array, box, into, error);
}

mr_status mr_evaluate_look(mr_evaluator *e, const mr_array *array, const mr_box *box,
                           const void **values, mr_error *error)
{
    e->boxes++;
    mr_tile_memory_reset(&e->pool);
    return look(e, array, box, values, error);
}

/*
 * array/map.c: element by element operations: which elements they work on, which shape the result
 * has, and what is said when there is none.
 */
#include "array/evaluate.h"
#include "array/loops.h"

#include <stdlib.h>

/* ---- Shapes ---- */

/* The shape that both are broadcast to. */
static bool broadcast_dims(const mr_dims *a, const mr_dims *b, mr_dims *both)
{
    const mr_dims *longer = a->axes >= b->axes ? a : b, *shorter = longer == a ? b : a;
    unsigned more = longer->axes - shorter->axes;
    *both = *longer;
    for (unsigned axis = 0; axis < shorter->axes; axis++) {
        uint64_t *size = &both->size[axis + more], other = shorter->size[axis];
        if (*size == 1)
            *size = other;
        else if (other != 1 && other != *size)
            return false;
    }
    return true;
}

static bool broadcast_all(const char *what, mr_array *const *operands, size_t count, mr_dims *dims)
{
    *dims = operands[0]->dims;
    for (size_t i = 1; i < count; i++) {
        mr_dims both;
        for (size_t j = 0; j < i; j++)
            if (!broadcast_dims(&operands[j]->dims, &operands[i]->dims, &both)) {
                mr_array_refuse(what, "shapes must match or be 1 along each axis", operands[j],
                                operands[i]);
                return false;
            }
        broadcast_dims(dims, &operands[i]->dims, &both);
        *dims = both;
    }
    return true;
}

/* Whether operand number `i` has but one value for this box. */
static void find_single(const mr_array *self, const mr_box *box, bool single[MR_ARRAY_OPERANDS])
{
    mr_box needs[MR_ARRAY_OPERANDS];
    mr_array_needs(self, box, needs);
    for (unsigned i = 0; i < self->operand_count; i++)
        single[i] = mr_box_count(&needs[i]) == 1;
}

/* ---- One and two operands ---- */

/* `own` is the loop. */
typedef struct operation {
    mr_loop *loop;
} operation;

static mr_status fill_operation(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                                const void *const *values, void *into, mr_error *error)
{
    const operation *o = self->own;
    bool single[MR_ARRAY_OPERANDS] = {false};
    (void)evaluator, (void)error;
    find_single(self, box, single);
    const void *second = self->operand_count > 1 ? values[1] : NULL;
    o->loop(mr_box_count(box), values[0], single[0], second, single[1], into);
    return MR_OK;
}

static const mr_array_kind operation_kind = {
    .name = "operation", .fill = fill_operation, .destroy = mr_array_free_own, .fused = true};

static mr_array *create_fused(const mr_array_kind *kind, mr_element element, mr_dims dims,
                              mr_array *const *operands, unsigned count, const void *own,
                              size_t size)
{
    mr_job *job = operands[0]->job;
    if (!mr_array_is_possible(job, element, &dims))
        return NULL;
    void *copy = malloc(size);
    mr_array *array = copy ? mr_array_create(job, kind, element, dims, operands, count) : NULL;
    if (!array) {
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making an array");
        free(copy);
        return NULL;
    }
    array->own = memcpy(copy, own, size);
    return array;
}

static mr_array *create_operation(mr_loop *loop, mr_element element, mr_dims dims,
                                  mr_array *const *operands, unsigned count)
{
    const operation o = {loop};
    return create_fused(&operation_kind, element, dims, operands, count, &o, sizeof o);
}

/* For an operation that works on another element: the operand as that. Whoever uses it is its only
 * owner, once release_cast has been called. */
static mr_array *cast_operand(mr_array *a, mr_element element)
{
    if (a->element == element)
        return a;
    return create_operation(mr_loop_cast(a->element, element), element, a->dims, &a, 1);
}

static void release_cast(mr_array *cast, const mr_array *operand)
{
    if (cast != operand)
        mr_array_free(&cast);
}

mr_array *mr_array_cast(mr_array *a, mr_element element)
{
    if (!a || !mr_array_is_possible(a->job, element, &a->dims))
        return NULL;
    return cast_operand(a, element);
}

static const char *verb_of(unsigned op)
{
    static const char *const verbs[MR_OPS] = {
        [MR_ADD] = "cannot add arrays",
        [MR_SUBTRACT] = "cannot subtract arrays",
        [MR_MULTIPLY] = "cannot multiply arrays",
        [MR_DIVIDE] = "cannot divide arrays",
        [MR_REMAINDER] = "cannot take the remainder of arrays",
        [MR_POWER] = "cannot raise arrays to a power",
        [MR_MINIMUM] = "cannot take the smaller of arrays",
        [MR_MAXIMUM] = "cannot take the larger of arrays",
        [MR_LESS] = "cannot compare arrays",
        [MR_LESS_EQUAL] = "cannot compare arrays",
        [MR_EQUAL] = "cannot compare arrays",
        [MR_NOT_EQUAL] = "cannot compare arrays",
        [MR_AND] = "cannot join conditions",
        [MR_OR] = "cannot join conditions",
        [MR_FLOOR] = "cannot round down an array",
    };
    return op < MR_OPS && verbs[op] ? verbs[op] : "cannot compute with arrays";
}

/* i32 < i64 < f32 < f64 < c128, but i64 and f32 are f64. */
static mr_element wider(mr_element a, mr_element b)
{
    static const int order[] = {
        [MR_I32] = 0, [MR_I64] = 1, [MR_F32] = 2, [MR_F64] = 3, [MR_C128] = 4};
    if ((a == MR_I64 && b == MR_F32) || (a == MR_F32 && b == MR_I64))
        return MR_F64;
    return order[a] >= order[b] ? a : b;
}

/* What the operation works on: integers as f64 where there is none for them. */
static mr_element working_element(unsigned op, mr_element element)
{
    bool whole = element == MR_I32 || element == MR_I64;
    return whole && !mr_loop_of(op, element) ? MR_F64 : element;
}

static mr_array *create_unary(unsigned op, mr_array *a)
{
    if (!a)
        return NULL;
    mr_element element = working_element(op, a->element);
    mr_loop *loop = op >= MR_NEGATE ? mr_loop_of(op, element) : NULL;
    if (!loop)
        return mr_array_refuse(verb_of(op),
                               op >= MR_NEGATE && op < MR_OPS
                                   ? "there is no such operation on its element"
                                   : "the operation is none of one operand",
                               a, NULL);
    mr_array *operand = cast_operand(a, element);
    if (!operand)
        return NULL;
    mr_array *result = create_operation(loop, mr_loop_result(op, element), a->dims, &operand, 1);
    release_cast(operand, a);
    return result;
}

mr_array *mr_array_unary(mr_array_op op, mr_array *a)
{
    return create_unary(op, a);
}

mr_array *mr_array_binary(mr_array_op op, mr_array *a, mr_array *b)
{
    mr_dims dims;
    if (!a || !b)
        return NULL;
    mr_array *const both[] = {a, b};
    if (!broadcast_all(verb_of(op), both, 2, &dims))
        return NULL;
    mr_element element = working_element(op, wider(a->element, b->element));
    mr_loop *loop = op < MR_NEGATE ? mr_loop_of(op, element) : NULL;
    if (!loop)
        return mr_array_refuse(verb_of(op),
                               op >= MR_ADD && op < MR_NEGATE
                                   ? "complex numbers have no order"
                                   : "the operation is none of two operands",
                               a, b);
    mr_array *operands[] = {cast_operand(a, element), cast_operand(b, element)};
    mr_array *result = NULL;
    if (operands[0] && operands[1])
        result = create_operation(loop, mr_loop_result(op, element), dims, operands, 2);
    release_cast(operands[0], a);
    release_cast(operands[1], b);
    return result;
}

/* ---- Where ---- */

#define CHOOSE(type)                                                                               \
    do {                                                                                           \
        const type *a = values[1], *b = values[2];                                                 \
        type *out = into;                                                                          \
        for (uint64_t i = 0; i < count; i++)                                                       \
            out[i] = condition[i * steps[0]] ? a[i * steps[1]] : b[i * steps[2]];                  \
    } while (0)

typedef struct number16 {
    uint64_t half[2];
} number16;

static mr_status fill_where(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                            const void *const *values, void *into, mr_error *error)
{
    const int32_t *condition = values[0];
    uint64_t count = mr_box_count(box), steps[3];
    bool single[MR_ARRAY_OPERANDS];
    (void)evaluator, (void)error;
    find_single(self, box, single);
    for (int i = 0; i < 3; i++)
        steps[i] = !single[i];
    switch (mr_element_size(self->element)) {
    case 4:
        CHOOSE(uint32_t);
        break;
    case 8:
        CHOOSE(uint64_t);
        break;
    default:
        CHOOSE(number16);
    }
    return MR_OK;
}

static const mr_array_kind where_kind = {.name = "where", .fill = fill_where, .fused = true};

mr_array *mr_array_where(mr_array *condition, mr_array *a, mr_array *b)
{
    mr_dims dims;
    if (!condition || !a || !b)
        return NULL;
    mr_array *const all[] = {condition, a, b};
    if (!broadcast_all("cannot choose between arrays", all, 3, &dims))
        return NULL;
    mr_element element = wider(a->element, b->element);
    mr_array *truth = create_unary(MR_TRUTH, condition);
    mr_array *operands[] = {truth, cast_operand(a, element), cast_operand(b, element)};
    mr_array *result = NULL;
    if (truth && operands[1] && operands[2])
        result = mr_array_create(a->job, &where_kind, element, dims, operands, 3);
    mr_array_free(&truth);
    release_cast(operands[1], a);
    release_cast(operands[2], b);
    return result;
}

/* ---- Functions of one's own ---- */

typedef struct application {
    mr_array_function *function;
    void *context;
} application;

/* As many values as the function expects of an operand that has but one. */
static void repeat(const void *value, size_t element, uint64_t count, void *into)
{
    for (uint64_t i = 0; i < count; i++)
        memcpy((char *)into + i * element, value, element);
}

static mr_status fill_application(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                                  const void *const *values, void *into, mr_error *error)
{
    const application *f = self->own;
    const void *in[MR_ARRAY_OPERANDS];
    double repeated[MR_ARRAY_OPERANDS][2 * MR_STRIP];
    bool single[MR_ARRAY_OPERANDS];
    uint64_t count = mr_box_count(box);
    (void)evaluator, (void)error;
    find_single(self, box, single);
    for (unsigned i = 0; i < self->operand_count; i++) {
        in[i] = values[i];
        if (!single[i] || count == 1)
            continue;
        repeat(values[i], mr_element_size(self->operands[i]->element), count, repeated[i]);
        in[i] = repeated[i];
    }
    f->function(f->context, count, in, into);
    return MR_OK;
}

static const mr_array_kind application_kind = {
    .name = "function", .fill = fill_application, .destroy = mr_array_free_own, .fused = true};

mr_array *mr_array_apply(mr_array_function *function, void *context, mr_element element,
                         mr_array *const *operands, size_t count)
{
    const application f = {function, context};
    mr_dims dims;
    for (size_t i = 0; i < count; i++)
        if (!operands[i])
            return NULL;
    if (count < 1)
        return NULL;
    if (count > MR_ARRAY_OPERANDS)
        return mr_array_refuse("cannot apply a function", "it may have up to four operands",
                               operands[0], NULL);
    if (!broadcast_all("cannot apply a function to arrays", operands, count, &dims))
        return NULL;
    return create_fused(&application_kind, element, dims, operands, (unsigned)count, &f, sizeof f);
}

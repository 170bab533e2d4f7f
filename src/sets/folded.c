/*
 * sets/folded.c: accumulators as the values of a set: how they lie there, how they are shown, and
 * how those of a key become one.
 */
#include "sets/fold.h"

#include <stdlib.h>

bool mr_folded_has_tail(const mr_fold *fold)
{
    return (fold->flags & MR_FOLD_FIRST) != 0;
}

size_t mr_folded_size(const mr_fold *fold, const void *accumulator)
{
    const mr_first *first = accumulator;
    return mr_fold_room(fold) + (mr_folded_has_tail(fold) ? first->size : 0);
}

void mr_folded_put(const mr_fold *fold, const void *accumulator, unsigned char *at)
{
    const mr_first *first = accumulator;
    memcpy(at, accumulator, mr_fold_room(fold));
    if (mr_folded_has_tail(fold) && first->size)
        memcpy(at + mr_fold_room(fold), first->data, first->size);
}

void mr_folded_get(const mr_fold *fold, mr_bytes value, void *accumulator)
{
    mr_first *first = accumulator;
    memcpy(accumulator, value.data, mr_fold_room(fold));
    if (mr_folded_has_tail(fold))
        first->data = value.data + mr_fold_room(fold);
}

void mr_folded_show(const mr_fold *fold, mr_bytes value, mr_row *row)
{
    uint64_t small[64];
    void *accumulator = mr_fold_room(fold) <= sizeof small ? small : calloc(1, mr_fold_room(fold));
    if (!accumulator)
        return;
    mr_folded_get(fold, value, accumulator);
    fold->show(fold, accumulator, row);
    if (accumulator != small)
        free(accumulator);
}

int mr_folded_compare(void *context, const mr_pair *a, const mr_pair *b)
{
    const mr_fold *fold = context;
    mr_row x, y;
    x.count = y.count = 0;
    mr_folded_show(fold, a->value, &x);
    mr_folded_show(fold, b->value, &y);
    if (x.count == 0 || y.count == 0)
        return 0;
    const mr_cell *left = &x.cells[0], *right = &y.cells[0];
    if (left->type == MR_TYPE_F64) {
        mr_image one = mr_image_of_f64(left->as.f64), two = mr_image_of_f64(right->as.f64);
        return memcmp(one.bytes, two.bytes, sizeof one.bytes);
    }
    if (left->type == MR_TYPE_BYTES)
        return mr_bytes_compare(left->as.bytes, right->as.bytes);
    return (left->as.i64 > right->as.i64) - (left->as.i64 < right->as.i64);
}

mr_shape mr_folded_shape(const mr_fold *fold, mr_shape keys)
{
    keys.value = MR_VALUE_BYTES;
    keys.value_size = mr_folded_has_tail(fold) ? 0 : (uint32_t)mr_fold_room(fold);
    return keys;
}

/* The values of a key become one. Bytes that the accumulator points to are copied when they change:
 * values do not stay. */
static mr_status merge_values(mr_out *out, mr_bytes key, mr_values *values)
{
    const mr_fold *fold = mr_out_context(out);
    mr_out_self *self = out->self;
    size_t room = mr_fold_room(fold);
    mr_first *sum = calloc(2, room + sizeof(mr_first)), *other = NULL;
    char *tail = NULL;
    mr_bytes value;
    if (!sum)
        return mr_error_set(&self->error, MR_NO_MEMORY, "out of memory: merging values");
    other = (mr_first *)(void *)((char *)sum + mr_round8(room + sizeof(mr_first)));
    mr_status status = MR_OK;
    for (bool first = true; status == MR_OK && mr_values_next(values, &value); first = false) {
        mr_folded_get(fold, value, first ? sum : other);
        const char *before = first ? NULL : sum->data;
        if (!first)
            fold->merge(fold, sum, other);
        if (!mr_folded_has_tail(fold) || (!first && sum->data == before))
            continue;
        char *copy = malloc(sum->size + 1);
        if (copy && sum->size)
            memcpy(copy, sum->data, sum->size);
        if (!copy)
            status = mr_error_set(&self->error, MR_NO_MEMORY, "out of memory: merging values");
        free(tail);
        sum->data = tail = copy;
    }
    size_t size = status == MR_OK ? mr_folded_size(fold, sum) : 0;
    unsigned char *bytes = mr_folded_has_tail(fold) ? malloc(size + 1) : (unsigned char *)sum;
    if (status == MR_OK && bytes && mr_folded_has_tail(fold))
        mr_folded_put(fold, sum, bytes);
    if (status == MR_OK)
        status = bytes ? mr_out_pair(out, key, mr_bytes_at(bytes, size)) : MR_NO_MEMORY;
    if (mr_folded_has_tail(fold))
        free(bytes);
    free(tail);
    free(sum);
    return status;
}

mr_status mr_set_merge_folded(mr_set *partial, mr_set **to)
{
    mr_set_options options = {.shape = partial->shape,
                              .same_keys = true,
                              .consume = true,
                              .values = MR_VALUES_ANY,
                              .context = (void *)(uintptr_t)partial->fold,
                              .name = partial->name};
    const mr_fold *fold = partial->fold;
    MR_TRY(mr_set_reduce(partial, merge_values, &options, to));
    (*to)->fold = fold;
    return MR_OK;
}

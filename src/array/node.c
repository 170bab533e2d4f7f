/*
 * array/node.c: nodes of expressions: making them, how long they live, and what is said when
 * operands do not go together.
 */
#include "array/grid.h"

#include <stdio.h>
#include <stdlib.h>

mr_element mr_array_element(const mr_array *array)
{
    return array ? array->element : 0;
}

mr_dims mr_array_dims(const mr_array *array)
{
    return array ? array->dims : (mr_dims){0};
}

/* Puts a node in front of the job's list, which has a reference of it from now on. */
static void enlist(mr_array *array)
{
    mr_job *job = array->job;
    array->serial = job->arrays_made++;
    array->next = job->arrays;
    if (array->next)
        array->next->previous = array;
    job->arrays = array;
}

static void delist(mr_array *array)
{
    if (array->previous)
        array->previous->next = array->next;
    else
        array->job->arrays = array->next;
    if (array->next)
        array->next->previous = array->previous;
    array->next = array->previous = NULL;
}

/* What others made of it may hold on to it; what it was made of may end with it. */
static void release(mr_array *array)
{
    if (--array->references > 0)
        return;
    for (unsigned i = 0; i < array->operand_count; i++) {
        array->operands[i]->uses--;
        release(array->operands[i]);
    }
    if (array->kind->destroy)
        array->kind->destroy(array);
    free(array);
}

void mr_array_free(mr_array **array)
{
    if (!array || !*array)
        return;
    delist(*array);
    release(*array);
    *array = NULL;
}

static void free_all(mr_job *job)
{
    while (job->arrays) {
        mr_array *last = job->arrays;
        mr_array_free(&last);
    }
}

/* Tiles as somebody has asked for, for an operand of the same shape; or what suits the work. */
static void choose_chunk(mr_array *array)
{
    array->chunk.axes = array->dims.axes;
    for (unsigned i = 0; i < array->operand_count; i++) {
        const mr_array *operand = array->operands[i];
        array->moves = array->moves || operand->moves;
        array->spread = array->spread || operand->spread;
        if (!operand->chunked || array->chunked ||
            memcmp(&operand->dims, &array->dims, sizeof array->dims) != 0)
            continue;
        array->chunk = operand->chunk;
        array->chunked = true;
    }
    if (array->chunked)
        return;
    uint64_t room = MR_CHUNK_BYTES / mr_element_size(array->element);
    array->chunk =
        array->moves ? mr_chunk_square(&array->dims, room) : mr_chunk_long(&array->dims, room);
}

mr_array *mr_array_create(mr_job *job, const mr_array_kind *kind, mr_element element, mr_dims dims,
                          mr_array *const *operands, unsigned count)
{
    mr_array *array = calloc(1, sizeof *array);
    if (!array) {
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making an array");
        return NULL;
    }
    array->job = job;
    array->kind = kind;
    array->element = element;
    array->dims.axes = dims.axes;
    memcpy(array->dims.size, dims.size, dims.axes * sizeof *dims.size);
    array->references = 1;
    for (unsigned i = 0; i < count; i++) {
        array->operands[array->operand_count++] = operands[i];
        operands[i]->references++;
        operands[i]->uses++;
    }
    choose_chunk(array);
    enlist(array);
    job->free_arrays = free_all;
    return array;
}

mr_arrays_mark mr_arrays_begin(mr_job *job)
{
    return job->arrays_made;
}

static bool is_among(const mr_array *array, mr_array *const *keep, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keep[i] == array)
            return true;
    return false;
}

/* The list is in the order of making, the last one first. */
void mr_arrays_end(mr_job *job, mr_arrays_mark mark, mr_array *const *keep, size_t count)
{
    for (mr_array *array = job->arrays, *next; array && array->serial >= mark; array = next) {
        next = array->next;
        if (!is_among(array, keep, count))
            mr_array_free(&array);
    }
}

/* `f64 (10, 20)`. */
static void describe(const mr_array *array, char *text, size_t room)
{
    int size = snprintf(text, room, "%s (", mr_element_name(array->element));
    for (unsigned axis = 0; axis < array->dims.axes; axis++)
        size += snprintf(text + size, room - (size_t)size, axis ? ", %llu" : "%llu",
                         (unsigned long long)array->dims.size[axis]);
    snprintf(text + size, room - (size_t)size, array->dims.axes == 1 ? ",)" : ")");
}

mr_array *mr_array_refuse(const char *what, const char *todo, const mr_array *a, const mr_array *b)
{
    char first[256], second[256] = "";
    describe(a, first, sizeof first);
    if (b)
        describe(b, second, sizeof second);
    mr_error_set(a->job->error, MR_USAGE, "%s: %s%s%s: %s", what, first, b ? " and " : "", second,
                 todo);
    return NULL;
}

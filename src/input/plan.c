/*
 * input/plan.c: the virtual space of all inputs, its division into splits, and the plan as bytes.
 * What comes from outside as bytes is checked before it is believed.
 */
#include "input/plan.h"

#include "base/memory.h"
#include "input/paths.h"
#include "input/sheet.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "mrpl2", so that a message of another sort is not taken for a plan. */
#define PLAN_MAGIC 0x6d72706c32ull

/* A packed plan: this, for each file an entry and its name, and what rows look like. */
typedef struct packed_plan {
    uint64_t magic, block, count, element, sheet;
} packed_plan;

typedef struct packed_file {
    uint64_t size;
    uint32_t kind, length;
} packed_file;

/* Bytes that are still to be unpacked. */
typedef struct packed_rest {
    const char *at;
    size_t size;
} packed_rest;

/* Fills in all that follows from the files. False when they are larger than can be counted. */
static bool lay_out(mr_plan *plan)
{
    uint64_t end = 0;
    plan->starts[0] = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (__builtin_add_overflow(end, plan->files[i].size, &end))
            return false;
        plan->starts[i + 1] = end;
        plan->streams += plan->files[i].kind == MR_FILE_STREAM;
    }
    plan->splits = end / plan->block + (end % plan->block != 0);
    return true;
}

/* Makes a plan of a list of files, which it takes over; the list is empty afterwards. */
static mr_status make_plan(mr_plan **result, mr_paths *paths, uint64_t block, mr_error *error)
{
    uint64_t usual = paths->wanted == MR_INPUT_ROWS ? MR_PLAN_BLOCK_ROWS : MR_PLAN_BLOCK;
    mr_plan *plan = calloc(1, sizeof *plan);
    mr_status status = MR_OK;
    if (!plan) {
        status = mr_error_set(error, MR_NO_MEMORY,
                              "out of memory: making the plan: use a node with more memory");
        goto out;
    }
    plan->block = block ? block : usual;
    plan->starts =
        mr_memory_allocate((paths->count + 1) * sizeof *plan->starts, "the list of inputs", error);
    if (!plan->starts) {
        status = MR_NO_MEMORY;
        goto out;
    }
    plan->count = paths->count;
    plan->files =
        mr_memory_resize(paths->files, paths->capacity * sizeof *paths->files,
                         paths->count * sizeof *paths->files, "the list of inputs", error);
    if (!plan->files) {
        mr_memory_free(plan->starts, (plan->count + 1) * sizeof *plan->starts);
        status = MR_NO_MEMORY;
        goto out;
    }
    *paths = (mr_paths){0};
    if (lay_out(plan))
        *result = plan;
    else {
        status = mr_error_set(error, MR_BAD_INPUT,
                              "cannot plan: the inputs have more than 2^64 bytes: name fewer");
        mr_plan_destroy(&plan);
    }
    plan = NULL;
out:
    free(plan);
    mr_paths_clear(paths);
    return status;
}

mr_status mr_plan_create(mr_plan **plan, const char *const *inputs, size_t count, uint64_t block,
                         mr_wanted wanted, mr_error *error)
{
    *plan = NULL;
    mr_paths paths = {.wanted = wanted.records};
    for (size_t i = 0; i < count; i++) {
        mr_status status = mr_paths_add(&paths, inputs[i], error);
        if (status != MR_OK) {
            mr_paths_clear(&paths);
            return status;
        }
    }
    MR_TRY(make_plan(plan, &paths, block, error));
    if (wanted.records != MR_INPUT_ROWS)
        return MR_OK;
    (*plan)->element = wanted.element;
    mr_status status = mr_sheet_create(&(*plan)->sheet, *plan, error);
    if (status != MR_OK)
        mr_plan_destroy(plan);
    return status;
}

void mr_plan_destroy(mr_plan **plan)
{
    mr_plan *gone = *plan;
    if (!gone)
        return;
    mr_paths paths = {.files = gone->files, .count = gone->count, .capacity = gone->count};
    mr_sheet_destroy(&gone->sheet);
    mr_paths_clear(&paths);
    mr_memory_free(gone->starts, (gone->count + 1) * sizeof *gone->starts);
    free(gone);
    *plan = NULL;
}

static char *put(char *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

mr_status mr_plan_pack(const mr_plan *plan, void **bytes, size_t *size, mr_error *error)
{
    void *sheet = NULL;
    size_t sheet_size = 0;
    if (plan->sheet)
        MR_TRY(mr_sheet_pack(plan->sheet, &sheet, &sheet_size, error));
    const packed_plan head = {PLAN_MAGIC, plan->block, plan->count, plan->element, sheet_size};
    *size = sizeof head + plan->count * sizeof(packed_file) + sheet_size;
    for (size_t i = 0; i < plan->count; i++)
        *size += strlen(plan->files[i].path);
    char *at = *bytes = malloc(*size);
    if (!at)
        free(sheet);
    if (!at)
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: packing the plan needs %zu bytes: name fewer inputs",
                            *size);
    at = put(at, &head, sizeof head);
    for (size_t i = 0; i < plan->count; i++) {
        const mr_file *file = &plan->files[i];
        const packed_file entry = {file->size, (uint32_t)file->kind, (uint32_t)strlen(file->path)};
        at = put(at, &entry, sizeof entry);
        at = put(at, file->path, entry.length);
    }
    if (sheet)
        put(at, sheet, sheet_size);
    free(sheet);
    return MR_OK;
}

static bool take(packed_rest *rest, void *into, size_t size)
{
    if (rest->size < size)
        return false;
    memcpy(into, rest->at, size);
    rest->at += size;
    rest->size -= size;
    return true;
}

static mr_status damaged(mr_error *error)
{
    return mr_error_set(error, MR_FAILED,
                        "cannot unpack the plan: its bytes are damaged: run the job again");
}

static mr_status unpack_file(mr_paths *paths, packed_rest *rest, mr_error *error)
{
    packed_file entry;
    if (!take(rest, &entry, sizeof entry) || entry.length == 0 || entry.length > rest->size ||
        memchr(rest->at, '\0', entry.length) || entry.kind > MR_FILE_NUMBERS ||
        (entry.kind == MR_FILE_STREAM && entry.size != 0))
        return damaged(error);
    MR_TRY(
        mr_paths_push(paths, rest->at, entry.length, entry.size, (mr_file_kind)entry.kind, error));
    rest->at += entry.length;
    rest->size -= entry.length;
    return MR_OK;
}

mr_status mr_plan_unpack(mr_plan **plan, const void *bytes, size_t size, mr_error *error)
{
    *plan = NULL;
    packed_rest rest = {bytes, size};
    packed_plan head;
    if (!take(&rest, &head, sizeof head) || head.magic != PLAN_MAGIC || head.block == 0)
        return damaged(error);
    mr_paths paths = {0};
    mr_status status = MR_OK;
    for (uint64_t i = 0; status == MR_OK && i < head.count; i++)
        status = unpack_file(&paths, &rest, error);
    if (status == MR_OK && rest.size != head.sheet)
        status = damaged(error);
    if (status != MR_OK) {
        mr_paths_clear(&paths);
        return status;
    }
    MR_TRY(make_plan(plan, &paths, head.block, error));
    (*plan)->element = (mr_element)head.element;
    if (head.sheet == 0)
        return MR_OK;
    status = mr_sheet_unpack(&(*plan)->sheet, (*plan)->count, rest.at, rest.size, error);
    if (status != MR_OK)
        mr_plan_destroy(plan);
    return status;
}

uint64_t mr_plan_bytes(const mr_plan *plan)
{
    return plan->starts[plan->count];
}

size_t mr_plan_first_file(const mr_plan *plan, uint64_t split)
{
    return split < plan->splits ? mr_plan_file_at(plan, split * plan->block) : plan->count;
}

/* The first file that ends behind the byte. */
size_t mr_plan_file_at(const mr_plan *plan, uint64_t at)
{
    size_t low = 0, high = plan->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->starts[middle + 1] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

#define PLACE_BITS  53
#define STREAM_BITS 46

uint64_t mr_plan_place(const mr_plan *plan, uint64_t file)
{
    uint64_t streams = 0, units = plan->starts[plan->count] + plan->count;
    for (uint64_t i = 0; plan->streams > 0 && i < file; i++)
        streams += plan->files[i].kind == MR_FILE_STREAM;
    uint64_t scale = (UINT64_C(1) << PLACE_BITS) / (units + 1);
    return (plan->starts[file] + file) * scale + (streams << STREAM_BITS);
}

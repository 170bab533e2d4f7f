/*
 * tests/numbers/rows.c: an app that writes down what its kernels get of rows: a line a row, in the
 * order of the input: file, place, element, shape of a row, names, and the numbers, each exactly.
 */
#include <mapred.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct state {
    const char *element;
    int64_t fail, crash; /* at the row with that place */
} state;

static size_t show_number(mr_element element, const char *at, char *to, size_t room)
{
    double f64[2];
    float f32;
    int64_t i64;
    int32_t i32;
    switch (element) {
    case MR_F64:
        memcpy(f64, at, sizeof *f64);
        return (size_t)snprintf(to, room, " %a", f64[0]);
    case MR_F32:
        memcpy(&f32, at, sizeof f32);
        return (size_t)snprintf(to, room, " %a", (double)f32);
    case MR_I64:
        memcpy(&i64, at, sizeof i64);
        return (size_t)snprintf(to, room, " %lld", (long long)i64);
    case MR_I32:
        memcpy(&i32, at, sizeof i32);
        return (size_t)snprintf(to, room, " %d", i32);
    case MR_C128:
        memcpy(f64, at, sizeof f64);
        return (size_t)snprintf(to, room, " %a,%a", f64[0], f64[1]);
    }
    return 0;
}

/* What is the same for all rows of a grid. */
static size_t show_grid(const mr_block *block, char *to, size_t room)
{
    const mr_grid *grid = block->grid;
    size_t used = (size_t)snprintf(to, room, " %s", mr_element_name(grid->element));
    for (unsigned i = 1; i < grid->axes; i++)
        used +=
            (size_t)snprintf(to + used, room - used, " %llu", (unsigned long long)grid->size[i]);
    for (uint64_t i = 0; grid->names && i < grid->columns; i++)
        used += (size_t)snprintf(to + used, room - used, " %s", grid->names[i]);
    return used;
}

static mr_status show_row(mr_out *out, mr_block *block, const char *row)
{
    static _Thread_local char line[1 << 16];
    const mr_grid *grid = block->grid;
    const state *s = mr_out_state(out);
    uint64_t place = mr_block_offset_of(block, row);
    if (s->fail >= 0 && place == (uint64_t)s->fail)
        return mr_out_fail(out, MR_FAILED, "wrong row");
    if (s->crash >= 0 && place == (uint64_t)s->crash)
        raise(SIGSEGV);
    size_t used =
        (size_t)snprintf(line, sizeof line, "%s %llu", block->file, (unsigned long long)place);
    used += show_grid(block, line + used, sizeof line - used);
    for (uint64_t i = 0; i < grid->columns; i++)
        used += show_number(grid->element, row + i * mr_element_size(grid->element), line + used,
                            sizeof line - used);
    return mr_out_add_line(out, mr_bytes_at(line, used));
}

static mr_status map(mr_out *out, mr_block *block)
{
    for (size_t i = 0; i < MR_BLOCK_PADDING; i++)
        if (block->end[i] != 0)
            return mr_out_fail(out, MR_FAILED, "no zeros behind a block");
    if (block->data != (const char *)block->grid->values ||
        (uint64_t)(block->end - block->data) != block->grid->size[0] * block->record_size)
        return mr_out_fail(out, MR_FAILED, "a block is not its grid");
    for (const char *row; (row = mr_block_next_row(block));)
        MR_TRY(show_row(out, block, row));
    return MR_OK;
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    for (int element = MR_F64; element <= MR_C128; element++)
        if (strcmp(s->element, mr_element_name((mr_element)element)) == 0)
            mr_job_app(job)->element = (mr_element)element;
    return MR_OK;
}

static const mr_option options[] = {
    {"element", MR_OPTION_TEXT, offsetof(state, element), "", "what rows are wanted as", false},
    {"fail", MR_OPTION_I64, offsetof(state, fail), "-1", "place of the row to fail at", false},
    {"crash", MR_OPTION_I64, offsetof(state, crash), "-1", "place of the row to crash at", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "rows",
    .summary = "what kernels get of rows",
    .input = MR_INPUT_ROWS,
    .map = map,
    .fold = MR_TEXT,
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
};

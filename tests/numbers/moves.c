/*
 * numbers/moves.c: a plugin that runs programs of a few words on a stack of arrays, for tests of
 * what moves data: `open a.npy; open b.npy; matmul; write c.npy`.
 */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define DEEPEST 16
#define WORDS   16

typedef struct machine {
    mr_job *job;
    mr_array *stack[DEEPEST];
    int depth;
    char *words[WORDS];
    int count;
} machine;

typedef struct state {
    const char *program;
} state;

static const char *word(const machine *m, int number)
{
    return number < m->count ? m->words[number] : "";
}

static double number(const machine *m, int at)
{
    return strtod(word(m, at), NULL);
}

static uint64_t whole(const machine *m, int at)
{
    return strtoull(word(m, at), NULL, 10);
}

static mr_array *pop(machine *m)
{
    return m->depth > 0 ? m->stack[--m->depth] : NULL;
}

static void push(machine *m, mr_array *array)
{
    if (m->depth < DEEPEST)
        m->stack[m->depth++] = array;
}

static mr_dims dims_from(const machine *m, int first)
{
    mr_dims dims = {0};
    for (int i = first; i < m->count; i++)
        dims.size[dims.axes++] = whole(m, i);
    return dims;
}

/* Sum of all neighbours, each times its number: a neighbour in the wrong place shows. */
static void weigh(void *context, const mr_box *box, const void *grown, void *out)
{
    const mr_stencil *s = context;
    uint64_t size[MR_AXES], wide[MR_AXES], count = 1, near = 1;
    for (unsigned axis = 0; axis < box->axes; axis++) {
        size[axis] = box->size[axis] + 2 * s->width[axis];
        wide[axis] = 1 + 2 * s->width[axis];
        count *= box->size[axis];
        near *= wide[axis];
    }
    for (uint64_t i = 0; i < count; i++) {
        double sum = 0;
        for (uint64_t j = 0; j < near; j++) {
            uint64_t at = 0, step = 1, rest_i = i, rest_j = j;
            for (unsigned axis = box->axes; axis-- > 0;) {
                at += (rest_i % box->size[axis] + rest_j % wide[axis]) * step;
                step *= size[axis];
                rest_i /= box->size[axis];
                rest_j /= wide[axis];
            }
            sum += (double)(j + 1) * ((const double *)grown)[at];
        }
        ((double *)out)[i] = sum;
    }
}

/* `stencil BORDER VALUE WIDTH...`. It has to outlive the array. */
static mr_array *stencil_of(machine *m, mr_stencil *s)
{
    const mr_dims width = dims_from(m, 3);
    *s = (mr_stencil){.border = (mr_border)whole(m, 1), .value = number(m, 2), .kernel = weigh};
    memcpy(s->width, width.size, sizeof s->width);
    s->context = s;
    return mr_array_stencil(pop(m), s);
}

static mr_status write_array(machine *m)
{
    const mr_array_file file = {word(m, 1), m->count > 2 ? word(m, 2) : NULL,
                                (unsigned)whole(m, 3)};
    return mr_array_write(pop(m), &file);
}

/* All of the stack, into one file: dataset names are 0, 1 and so on. */
static mr_status write_all(machine *m)
{
    static const char *const names[] = {"0", "1", "group/2", "3", "4"};
    mr_array_file files[5];
    for (int i = 0; i < m->depth && i < 5; i++)
        files[i] = (mr_array_file){word(m, 1), names[i], i % 2 ? 3 : 0};
    const int count = m->depth;
    m->depth = 0;
    return mr_arrays_write(m->stack, files, (size_t)count);
}

static bool is(const machine *m, const char *name)
{
    return strcmp(word(m, 0), name) == 0;
}

static mr_element element_of(const char *name)
{
    for (mr_element element = MR_F64; element <= MR_C128; element++)
        if (strcmp(mr_element_name(element), name) == 0)
            return element;
    return 0;
}

static mr_array *made(machine *m, mr_stencil *stencil)
{
    if (is(m, "open"))
        return mr_array_open(m->job, word(m, 1));
    if (is(m, "uniform"))
        return mr_array_uniform(m->job, dims_from(m, 2), -1, 1, whole(m, 1));
    if (is(m, "keep"))
        return mr_array_keep(pop(m));
    if (is(m, "cast"))
        return mr_array_cast(pop(m), element_of(word(m, 1)));
    if (is(m, "twice")) {
        mr_array *a = pop(m);
        return mr_array_add(a, a);
    }
    if (is(m, "transpose"))
        return mr_array_transpose(pop(m), NULL);
    if (is(m, "rechunk"))
        return mr_array_rechunk(pop(m), dims_from(m, 1));
    if (is(m, "sum"))
        return mr_array_reduce(pop(m), MR_SUM, (unsigned)whole(m, 1));
    if (is(m, "matmul")) {
        mr_array *b = pop(m);
        return mr_array_matmul(pop(m), b);
    }
    if (is(m, "sort"))
        return mr_array_sort(pop(m), (unsigned)whole(m, 1));
    if (is(m, "cumsum"))
        return mr_array_cumsum(pop(m), (unsigned)whole(m, 1));
    if (is(m, "histogram"))
        return mr_array_histogram(pop(m), whole(m, 1), number(m, 2), number(m, 3));
    if (is(m, "stencil"))
        return stencil_of(m, stencil);
    mr_job_fail(m->job, MR_USAGE, "no such word: %s", word(m, 0));
    return NULL;
}

static mr_status step(machine *m, mr_stencil *stencil)
{
    if (is(m, "write"))
        return write_array(m);
    if (is(m, "writeall"))
        return write_all(m);
    if (is(m, "picture"))
        return mr_array_picture(pop(m), word(m, 1));
    push(m, made(m, stencil));
    return mr_job_agree(m->job);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    mr_stencil stencils[64];
    machine m = {.job = job};
    char *program = strdup(s->program), *rest = program, *line;
    mr_status status = program ? MR_OK : MR_NO_MEMORY;
    for (int steps = 0; status == MR_OK && (line = strsep(&rest, ";")); steps++) {
        m.count = 0;
        for (char *at; m.count < WORDS && (at = strsep(&line, " "));)
            if (*at)
                m.words[m.count++] = at;
        if (m.count > 0)
            status = step(&m, &stencils[steps % 64]);
    }
    if (status == MR_OK && job && mr_job_rank(job) == 0 && m.depth > 0)
        fprintf(stderr, "left on the stack: %d\n", m.depth);
    free(program);
    return status;
}

static const mr_option options[] = {
    {"program", MR_OPTION_TEXT, offsetof(state, program), NULL, "what to do", true}, {0}};

MR_APP = {
    MR_APP_ABI,  .name = "moves",    .summary = "run programs of arrays",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};

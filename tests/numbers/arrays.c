/*
 * numbers/arrays.c: a driver that runs programs over a stack of arrays, for arrays.py: a line is
 * `NAME word; word; ...`. A word takes the arrays that it needs off the stack and puts its own
 * there; in the end rank 0 writes the values of the last one to the folder. All programs of a file
 * run in one job.
 */
#include <mapred.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH 16

typedef struct state {
    const char *programs, *folder;
} state;

typedef struct machine {
    mr_job *job;
    const state *s;
    const char *name;
    mr_array *stack[DEPTH];
    int depth;
    char word[256];
} machine;

/* The text behind `key=`, up to the next blank, in a buffer that the next call but three takes. */
static const char *text(const machine *m, const char *key, const char *fallback)
{
    static char found[4][256];
    static int turn;
    char *into = found[turn++ % 4];
    size_t size = strlen(key);
    for (const char *at = m->word; (at = strstr(at, key)); at += size)
        if (at[-1] == ' ' && at[size] == '=') {
            snprintf(into, 256, "%.*s", (int)strcspn(at + size + 1, " "), at + size + 1);
            return into;
        }
    return fallback;
}

static double number(const machine *m, const char *key, double fallback)
{
    const char *found = text(m, key, NULL);
    return found ? strtod(found, NULL) : fallback;
}

static mr_dims dims(const machine *m, const char *key)
{
    mr_dims found = {0};
    for (const char *at = text(m, key, ""); *at; at += *at == ',') {
        char *end;
        found.size[found.axes++] = strtoull(at, &end, 10);
        at = end;
    }
    return found;
}

static mr_element element(const machine *m)
{
    const char *name = text(m, "el", "f64");
    for (mr_element e = MR_F64; e <= MR_C128; e++)
        if (strcmp(name, mr_element_name(e)) == 0)
            return e;
    return 0;
}

static mr_array *pop(machine *m)
{
    return m->depth > 0 ? m->stack[--m->depth] : NULL;
}

static void push(machine *m, mr_array *array)
{
    if (m->depth < DEPTH)
        m->stack[m->depth++] = array;
}

/* Values from a file. */
static mr_array *of_file(machine *m)
{
    mr_dims shape = dims(m, "dims");
    size_t bytes = mr_dims_count(&shape) * mr_element_size(element(m));
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", m->s->folder, text(m, "file", ""));
    void *values = calloc(1, bytes + 1);
    FILE *file = fopen(path, "rb");
    if (!values || !file || fread(values, 1, bytes, file) != bytes)
        mr_job_fail(m->job, MR_FAILED, "cannot read %s", path);
    if (file)
        fclose(file);
    mr_array *array = mr_array_of(m->job, element(m), shape, values);
    free(values);
    return array;
}

/* A value for each place: the sum of place * (axis + 1), minus 50 now and then. */
static mr_status source(void *context, const mr_box *box, void *values)
{
    double *into = values;
    uint64_t at[MR_AXES], count = mr_box_count(box);
    (void)context;
    memcpy(at, box->from, sizeof at);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sum = 0;
        for (unsigned axis = 0; axis < box->axes; axis++)
            sum += at[axis] * (axis + 1);
        into[i] = (double)sum - (sum % 3 ? 0 : 50);
        for (unsigned axis = box->axes;
             axis-- > 0 && ++at[axis] == box->from[axis] + box->size[axis];)
            at[axis] = box->from[axis];
    }
    return MR_OK;
}

/* Fails where row 3000 is asked for: on one rank alone. */
static mr_status fail(void *context, const mr_box *box, void *values)
{
    if (box->from[0] <= 3000 && box->from[0] + box->size[0] > 3000)
        return MR_BAD_INPUT;
    return source(context, box, values);
}

static mr_status fail_at_tile(void *context, const mr_tile *tile)
{
    (void)context;
    return tile->box.from[0] == 3 * MR_TILE_ROWS ? MR_FAILED : MR_OK;
}

/* a - 2 b + c of what operands there are, all f64. */
static void function(void *context, size_t count, const void *const *in, void *out)
{
    const double weights[] = {1, -2, 1, 3};
    size_t operands = *(size_t *)context;
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t k = 0; k < operands; k++)
            sum += weights[k] * ((const double *)in[k])[i];
        ((double *)out)[i] = sum;
    }
}

static mr_array *apply(machine *m)
{
    static size_t counts[] = {0, 1, 2, 3, 4};
    size_t count = (size_t)number(m, "n", 1);
    mr_array *operands[4];
    for (size_t i = count; i-- > 0;)
        operands[i] = pop(m);
    return mr_array_apply(function, &counts[count], MR_F64, operands, count);
}

static mr_array *slice(machine *m)
{
    mr_slice slices[MR_AXES];
    unsigned axes = 0;
    for (const char *at = text(m, "of", ""); *at && axes < MR_AXES; at += *at == ',') {
        int used = 0;
        mr_slice *s = &slices[axes++];
        *s = MR_SLICE_ALL;
        if (*at == ':')
            used = 1;
        else
            sscanf(at, "%ld:%ld:%ld%n", &s->begin, &s->end, &s->step, &used);
        at += used;
    }
    return mr_array_slice(pop(m), slices);
}

static mr_array *transpose(machine *m)
{
    unsigned axes[MR_AXES];
    mr_dims order = dims(m, "axes");
    for (unsigned i = 0; i < order.axes; i++)
        axes[i] = (unsigned)order.size[i];
    return mr_array_transpose(pop(m), order.axes ? axes : NULL);
}

/* Each tile's sum of whole numbers, into the place of its first row: so tiles show. */
static mr_status add_tile(void *context, const mr_tile *tile)
{
    int64_t *sums = context;
    double sum = 0;
    for (uint64_t i = 0; i < mr_box_count(&tile->box); i++)
        sum += ((const double *)tile->values)[i];
    sums[tile->box.from[0] / MR_TILE_ROWS] = (int64_t)sum + (int64_t)tile->box.size[0];
    return MR_OK;
}

static mr_array *each(machine *m)
{
    mr_array *a = pop(m);
    mr_dims shape = mr_array_dims(a);
    uint64_t tiles = (shape.size[0] + MR_TILE_ROWS - 1) / MR_TILE_ROWS;
    int64_t *sums = calloc(tiles + 1, sizeof *sums);
    mr_tile_kernel *kernel = number(m, "fail", 0) != 0 ? fail_at_tile : add_tile;
    mr_status status = mr_array_each(a, kernel, sums);
    if (status == MR_OK)
        mr_all_sum_i64(m->job, sums, tiles);
    mr_array *result = status == MR_OK ? mr_array_of(m->job, MR_I64, MR_DIMS1(tiles), sums) : NULL;
    free(sums);
    return result;
}

static mr_array *all(machine *m)
{
    double value = 0;
    if (mr_array_reduce_all(pop(m), (mr_reduction)number(m, "how", MR_SUM), &value) != MR_OK)
        return NULL;
    return mr_array_of(m->job, MR_F64, (mr_dims){0}, &value);
}

static mr_array *make(machine *m, const char *verb)
{
    mr_job *job = m->job;
    uint64_t n = (uint64_t)number(m, "n", 10), stream = (uint64_t)number(m, "stream", 0);
    if (strcmp(verb, "full") == 0)
        return mr_array_full(job, element(m), dims(m, "dims"), number(m, "value", 0));
    if (strcmp(verb, "zeros") == 0)
        return mr_array_zeros(job, element(m), dims(m, "dims"));
    if (strcmp(verb, "number") == 0)
        return mr_array_number(job, number(m, "value", 0));
    if (strcmp(verb, "arange") == 0)
        return mr_array_arange(job, element(m), number(m, "first", 0), number(m, "step", 1), n);
    if (strcmp(verb, "linspace") == 0)
        return mr_array_linspace(job, number(m, "first", 0), number(m, "last", 1), n);
    if (strcmp(verb, "uniform") == 0)
        return mr_array_uniform(job, dims(m, "dims"), number(m, "low", 0), number(m, "high", 1),
                                stream);
    if (strcmp(verb, "normal") == 0)
        return mr_array_normal(job, dims(m, "dims"), number(m, "mean", 0), number(m, "dev", 1),
                               stream);
    if (strcmp(verb, "of") == 0)
        return of_file(m);
    mr_array_source *from = number(m, "fail", 0) != 0 ? fail : source;
    return mr_array_made(job, MR_F64, dims(m, "dims"), from, NULL);
}

static mr_array *change(machine *m, const char *verb)
{
    if (strcmp(verb, "unary") == 0)
        return mr_array_unary((mr_array_op)number(m, "op", 0), pop(m));
    if (strcmp(verb, "cast") == 0)
        return mr_array_cast(pop(m), element(m));
    if (strcmp(verb, "broadcast") == 0)
        return mr_array_broadcast(pop(m), dims(m, "dims"));
    if (strcmp(verb, "reshape") == 0)
        return mr_array_reshape(pop(m), dims(m, "dims"));
    if (strcmp(verb, "rechunk") == 0)
        return mr_array_rechunk(pop(m), dims(m, "dims"));
    if (strcmp(verb, "keep") == 0)
        return mr_array_keep(pop(m));
    if (strcmp(verb, "reduce") == 0)
        return mr_array_reduce(pop(m), (mr_reduction)number(m, "how", MR_SUM),
                               (unsigned)number(m, "axes", MR_ALL_AXES));
    mr_array *b = pop(m), *a = pop(m);
    if (strcmp(verb, "where") == 0)
        return mr_array_where(pop(m), a, b);
    return mr_array_binary((mr_array_op)number(m, "op", 0), a, b);
}

static void run_word(machine *m)
{
    static const char *const makers = " full zeros number arange linspace uniform normal of made ";
    char verb[32], padded[40];
    sscanf(m->word, "%31s", verb);
    snprintf(padded, sizeof padded, " %s ", verb);
    if (strcmp(verb, "dup") == 0)
        push(m, m->stack[m->depth - 1 - (int)number(m, "at", 0)]);
    else if (strcmp(verb, "slice") == 0)
        push(m, slice(m));
    else if (strcmp(verb, "transpose") == 0)
        push(m, transpose(m));
    else if (strcmp(verb, "apply") == 0)
        push(m, apply(m));
    else if (strcmp(verb, "each") == 0)
        push(m, each(m));
    else if (strcmp(verb, "all") == 0)
        push(m, all(m));
    else
        push(m, strstr(makers, padded) ? make(m, verb) : change(m, verb));
}

/* `f64 3,4` and a newline, then the values. */
static mr_status write_result(machine *m, mr_array *a)
{
    mr_dims shape = mr_array_dims(a);
    size_t bytes = mr_dims_count(&shape) * mr_element_size(mr_array_element(a));
    void *values = calloc(1, bytes + 1);
    mr_status status = mr_array_get(a, values);
    if (status == MR_OK && mr_job_rank(m->job) == 0) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s.out", m->s->folder, m->name);
        FILE *file = fopen(path, "wb");
        fprintf(file, "%s ", mr_element_name(mr_array_element(a)));
        for (unsigned axis = 0; axis < shape.axes; axis++)
            fprintf(file, "%llu,", (unsigned long long)shape.size[axis]);
        fputc('\n', file);
        fwrite(values, 1, bytes, file);
        fclose(file);
    }
    free(values);
    return status;
}

static mr_status run_program(machine *m, char *line)
{
    mr_arrays_mark mark = mr_arrays_begin(m->job);
    char *words = strchr(line, ' '), *rest = NULL;
    *words++ = 0;
    m->name = line;
    m->depth = 0;
    for (char *word = strtok_r(words, ";\n", &rest); word; word = strtok_r(NULL, ";\n", &rest)) {
        snprintf(m->word, sizeof m->word, "%s", word);
        run_word(m);
    }
    mr_status status = write_result(m, pop(m));
    mr_arrays_end(m->job, mark, NULL, 0);
    return status == MR_OK ? mr_job_agree(m->job) : status;
}

static mr_status run(mr_job *job)
{
    machine m = {.job = job, .s = mr_job_state(job)};
    char line[4096];
    FILE *file = fopen(m.s->programs, "r");
    if (!file)
        return mr_job_fail(job, MR_FAILED, "no programs: %s", m.s->programs);
    mr_status status = MR_OK;
    while (status == MR_OK && fgets(line, sizeof line, file))
        status = run_program(&m, line);
    fclose(file);
    return status;
}

static const mr_option options[] = {
    {"programs", MR_OPTION_TEXT, offsetof(state, programs), NULL, "a file", true},
    {"folder", MR_OPTION_TEXT, offsetof(state, folder), ".", "for results", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "arrays",   .summary = "programs of arrays",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};

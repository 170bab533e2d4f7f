/*
 * apps/heat.c: how heat spreads over a square plate: the heat equation in two dimensions, by
 * explicit steps. In each, a point becomes u + alpha * (north + south + west + east - 4 * u), in
 * this order of additions, which makes the result the same everywhere.
 */
#include <mapred.h>

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME 24 /* room for a dataset's name */

typedef struct state {
    int64_t n, steps, every;
    double alpha;
    const char *initial, *border;
    mr_border beyond;
    mr_dims dims;
} state;

/* ---- How it begins ---- */

/* A hot square in the middle of a cold plate; a hot edge; a hill. */
static double spot(double x, double y)
{
    return fabs(x - 0.5) < 0.1 && fabs(y - 0.5) < 0.1 ? 1 : 0;
}

static double edge(double x, double y)
{
    (void)x;
    return y < 0.05 ? 1 : 0;
}

static double hill(double x, double y)
{
    return (x - x * x) * (y - y * y) * 16;
}

typedef struct beginning {
    const char *name;
    double (*at)(double x, double y); /* from 0 to 1 */
} beginning;

static const beginning beginnings[] = {{"spot", spot}, {"edge", edge}, {"hill", hill}};

static const beginning *find_beginning(const char *name)
{
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strcmp(beginnings[i].name, name) == 0)
            return &beginnings[i];
    return NULL;
}

static mr_status fill(void *context, const mr_box *box, void *values)
{
    const state *s = context;
    const beginning *b = find_beginning(s->initial);
    double *u = values;
    for (uint64_t i = 0; i < box->size[0]; i++)
        for (uint64_t j = 0; j < box->size[1]; j++)
            *u++ = b->at(((double)(box->from[1] + j) + 0.5) / (double)s->n,
                         ((double)(box->from[0] + i) + 0.5) / (double)s->n);
    return MR_OK;
}

static mr_array *begin(mr_job *job, state *s)
{
    if (mr_job_input_count(job) == 0) {
        s->dims = MR_DIMS2((uint64_t)s->n, (uint64_t)s->n);
        return mr_array_made(job, MR_F64, s->dims, fill, s);
    }
    mr_array *u = mr_array_open(job, mr_job_input(job, 0));
    if (!u)
        return NULL;
    s->dims = mr_array_dims(u);
    if (s->dims.axes != 2 || mr_array_element(u) == MR_C128) {
        mr_job_fail(job, MR_BAD_INPUT, "no plate: %s: give real numbers with two axes",
                    mr_job_input(job, 0));
        return NULL;
    }
    return mr_array_cast(u, MR_F64);
}

/* ---- Steps ---- */

static void spread(void *context, const mr_box *box, const void *grown, void *out)
{
    const state *s = context;
    const uint64_t columns = box->size[1], wide = columns + 2;
    const double *u = grown;
    double *to = out, alpha = s->alpha;
    for (uint64_t i = 0; i < box->size[0]; i++, u += wide, to += columns) {
        const double *north = u + 1, *here = north + wide, *south = here + wide;
        for (uint64_t j = 0; j < columns; j++)
            to[j] =
                here[j] + alpha * (north[j] + south[j] + here[j - 1] + here[j + 1] - 4 * here[j]);
    }
}

/* One step on; the plate before it is given up. */
static mr_status advance(state *s, mr_array **u)
{
    const mr_stencil stencil = {
        .width = {1, 1}, .border = s->beyond, .kernel = spread, .context = s};
    mr_array *next = mr_array_stencil(*u, &stencil), *kept = mr_array_keep(next);
    mr_array_free(&next);
    mr_array_free(u);
    *u = kept;
    return kept ? MR_OK : MR_FAILED;
}

/* ---- What is written ---- */

typedef struct results {
    mr_array_output *output;
    mr_array_plan *plans; /* the last one is of the end */
    char (*names)[NAME];
    size_t count;
} results;

static mr_status open_results(mr_job *job, const state *s, results *r)
{
    const int64_t shown = s->every ? s->steps / s->every : 0;
    r->count = (size_t)shown + 1;
    r->plans = calloc(r->count, sizeof *r->plans);
    r->names = calloc(r->count, sizeof *r->names);
    if (!r->plans || !r->names)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: names of %lld datasets", (long long)shown);
    MR_TRY(mr_job_agree(job));
    for (size_t i = 0; i < r->count; i++) {
        const bool is_end = i + 1 == r->count;
        snprintf(r->names[i], NAME, "u_%06lld", (long long)((int64_t)(i + 1) * s->every));
        r->plans[i] = (mr_array_plan){
            .dataset = is_end ? "u" : r->names[i], .element = MR_F64, .dims = s->dims};
    }
    return mr_array_output_begin(job, NULL, r->plans, r->count, &r->output);
}

static mr_status close_results(results *r)
{
    mr_status status = mr_array_output_end(&r->output);
    free(r->plans);
    free(r->names);
    return status;
}

static mr_status simulate(mr_job *job, state *s, mr_array **u)
{
    int64_t step = 0;
    mr_loop *loop;
    MR_TRY(mr_loop_begin(job, "steps", &loop));
    mr_loop_value(loop, "step", &step, sizeof step);
    mr_loop_array(loop, "u", u);
    MR_TRY(mr_loop_load(loop, NULL));
    while (step < s->steps) {
        MR_TRY(advance(s, u));
        step++;
        mr_job_add(job, "steps", mr_job_rank(job) == 0);
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

/* What is shown on the way is in a file that a job which is resumed makes anew: it begins again. */
static mr_status show(mr_job *job, state *s, results *r, mr_array **u)
{
    for (int64_t step = 1; step <= s->steps; step++) {
        MR_TRY(advance(s, u));
        mr_job_add(job, "steps", mr_job_rank(job) == 0);
        if (step % s->every == 0)
            MR_TRY(mr_array_output_put(r->output, (size_t)(step / s->every) - 1, *u));
        MR_TRY(mr_job_agree(job));
    }
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    results r = {0};
    mr_array *u = mr_array_keep(begin(job, s));
    MR_TRY(mr_job_agree(job));
    mr_status status = open_results(job, s, &r);
    if (status == MR_OK)
        status = s->every ? show(job, s, &r, &u) : simulate(job, s, &u);
    if (status == MR_OK)
        status = mr_array_output_put(r.output, r.count - 1, u);
    mr_status closed = close_results(&r);
    return status == MR_OK ? closed : status;
}

/* ---- Options ---- */

static mr_status read_border(mr_job *job, state *s)
{
    static const char *const names[] = {"cold", "insulated", "periodic"};
    for (int i = 0; i < 3; i++)
        if (strcmp(s->border, names[i]) == 0) {
            s->beyond = (mr_border)i;
            return MR_OK;
        }
    return mr_job_fail(job, MR_USAGE, "wrong --border: %s: give cold, insulated or periodic",
                       s->border);
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    if (mr_job_input_count(job) > 1)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: %zu of them: give one plate, or none",
                           mr_job_input_count(job));
    if (s->n < 1 || s->steps < 0 || s->every < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --%s: give %d or more",
                           s->n < 1       ? "n"
                           : s->steps < 0 ? "steps"
                                          : "every",
                           s->n < 1);
    if (!isfinite(s->alpha))
        return mr_job_fail(job, MR_USAGE, "wrong --alpha: give a number, up to 0.25");
    if (!find_beginning(s->initial))
        return mr_job_fail(job, MR_USAGE, "wrong --initial: %s: give spot, edge or hill",
                           s->initial);
    if (!mr_job_output(job))
        return mr_job_fail(job, MR_USAGE, "no output: heat: give --output a name, as u.h5");
    return read_border(job, s);
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "512", "points along a side, without an input", false},
    {"steps", MR_OPTION_I64, offsetof(state, steps), "100", "how many", false},
    {"alpha", MR_OPTION_F64, offsetof(state, alpha), "0.2",
     "how fast heat spreads; above 0.25 it does not stay within bounds", false},
    {"every", MR_OPTION_I64, offsetof(state, every), "0",
     "also write the plate after each so many steps; 0: only at the end", false},
    {"initial", MR_OPTION_TEXT, offsetof(state, initial), "spot",
     "how it begins, without an input: spot, edge or hill", false},
    {"border", MR_OPTION_TEXT, offsetof(state, border), "cold",
     "what lies around it: cold (0), insulated (as at the edge) or periodic (the other edge)",
     false},
    {0},
};

MR_APP = {
    MR_APP_ABI,         .name = "heat",     .summary = "how heat spreads over a plate",
    .usage = "[PLATE]", .options = options, .state_size = sizeof(state),
    .setup = setup,     .run = run,
};

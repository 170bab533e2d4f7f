/*
 * apps/quadrature.c: the integral of a function, by adaptive Gauss-Kronrod quadrature with 7 and 15
 * points. A task is an interval with what is known of it; where both rules differ by too much it is
 * divided in two halves. Sums are made up the tree, so the result is the same bits everywhere.
 */
#include <mapred.h>

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define DEEP     60   /* from here on an interval is so short that little of the error will do */
#define DEEPEST  1000 /* and from here on it will not get better */
#define PARTS    ((uint64_t)1 << 24) /* intervals a thread divides before the app gives up */
#define ROUNDING (50 * DBL_EPSILON)

/* ---- Functions ---- */

static double square(double x)
{
    return x * x;
}

static double cube(double x)
{
    return x * x * x;
}

static double inverse(double x)
{
    return 1 / x;
}

static double runge(double x)
{
    return 1 / (1 + 25 * x * x);
}

static double gauss(double x)
{
    return exp(-x * x);
}

static double oscillating(double x)
{
    return sin(1 / x);
}

static double quarter(double x)
{
    return 4 / (1 + x * x);
}

typedef struct function {
    const char *name;
    double (*at)(double x);
} function;

static const function functions[] = {
    {"sin", sin},           {"cos", cos},
    {"tan", tan},           {"exp", exp},
    {"log", log},           {"sqrt", sqrt},
    {"abs", fabs},          {"1/x", inverse},
    {"x^2", square},        {"x^3", cube},
    {"runge", runge},       {"gauss", gauss},
    {"4/(1+x^2)", quarter}, {"sin(1/x)", oscillating},
    {"inverse", inverse},   {"square", square},
    {"cube", cube},         {"oscillating", oscillating},
};

#define NAMES                                                                                      \
    "sin, cos, tan, exp, log, sqrt, abs, 1/x, x^2, x^3, runge (1/(1+25x^2)), gauss (exp(-x^2)), "  \
    "4/(1+x^2), sin(1/x)"

static const function *find_function(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

/* ---- Both rules on an interval ---- */

/* Points of the rule with 15, from the end to the middle; every second one is of that with 7. */
static const double points[8] = {
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144838710,    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0};
static const long double weights[8] = {
    0.022935322010529224963732008058970L, 0.063092092629978553290700663189204L,
    0.104790010322250183839876322541518L, 0.140653259715525918745189590510238L,
    0.169004726639267902826583426598550L, 0.190350578064785409913256402421014L,
    0.204432940075298892414161999234649L, 0.209482141084727828012999174891714L};
static const long double few_weights[4] = {
    0.129484966168869693270611432679082L, 0.279705391489276667901467771423780L,
    0.381830050505118944950369775488975L, 0.417959183673469387755102040816327L};

/* Sums are long doubles: so many terms would cost the last digits of doubles. */
typedef struct interval {
    double from, to;
    long double value;
    double error;
    double tolerance; /* this interval's share */
} interval;

typedef struct state {
    const char *name;
    double from, to, tolerance;
    const function *f;
} state;

/* How far the larger rule is off, from how far the smaller one is off, as QUADPACK has it. */
static double error_of(double difference, double deviation, double size)
{
    double error = fabs(difference);
    if (error <= ROUNDING * size)
        return 0;
    if (deviation > 0)
        error = deviation * fmin(1, pow(200 * error / deviation, 1.5));
    return error;
}

/* False: the function is not finite at *where. */
static bool measure(const function *f, interval *i, double *where)
{
    const double middle = i->from / 2 + i->to / 2, half = i->to / 2 - i->from / 2;
    double left[8], right[8], size = 0, deviation = 0;
    long double sum = 0, few = 0;
    for (int p = 0; p < 8; p++) {
        left[p] = f->at(*where = middle - half * points[p]);
        if (!isfinite(left[p]))
            return false;
        right[p] = p < 7 ? f->at(*where = middle + half * points[p]) : 0;
        if (!isfinite(right[p]))
            return false;
        sum += weights[p] * ((long double)left[p] + right[p]);
        size += (double)weights[p] * (fabs(left[p]) + fabs(right[p]));
        few += p % 2 ? few_weights[p / 2] * ((long double)left[p] + right[p]) : 0;
    }
    const double mean = (double)sum / 2;
    for (int p = 0; p < 8; p++)
        deviation +=
            (double)weights[p] * (fabs(left[p] - mean) + (p < 7 ? fabs(right[p] - mean) : 0));
    i->value = sum * half;
    i->error = error_of((double)(sum - few) * half, deviation * fabs(half), size * fabs(half));
    return true;
}

/* ---- Kernels ---- */

static mr_status put_half(mr_fork *fork, const state *s, interval half)
{
    double where;
    if (!measure(s->f, &half, &where))
        return mr_fork_fail(fork, MR_FAILED,
                            "not finite: %s at %.17g: leave it out of the interval", s->name,
                            where);
    return mr_fork_put(fork, MR_BYTES(half));
}

static bool is_good(const interval *i, unsigned depth, double tolerance)
{
    return i->error <= i->tolerance || (depth >= DEEP && i->error <= tolerance * 1e-3);
}

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    interval i;
    memcpy(&i, task.data, sizeof i);
    const double middle = i.from / 2 + i.to / 2;
    if (is_good(&i, mr_fork_depth(fork), s->tolerance))
        return MR_OK;
    uint64_t *parts = mr_fork_local(fork);
    if (mr_fork_depth(fork) > DEEPEST || middle == i.from || middle == i.to || ++*parts > PARTS)
        return mr_fork_fail(fork, MR_FAILED,
                            "it does not converge: %s near %.17g: raise --tolerance, or leave that "
                            "out of the interval",
                            s->name, middle);
    MR_TRY(put_half(fork, s, (interval){i.from, middle, 0, 0, i.tolerance / 2}));
    return put_half(fork, s, (interval){middle, i.to, 0, 0, i.tolerance / 2});
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    interval i;
    memcpy(&i, task.data, sizeof i);
    return mr_fork_return(fork, &i.value, sizeof i.value);
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    long double sum = 0;
    (void)task;
    for (size_t i = 0; i < count; i++) {
        long double part;
        memcpy(&part, results[i].data, sizeof part);
        sum += part;
    }
    return mr_fork_return(fork, &sum, sizeof sum);
}

/* ---- The job ---- */

static mr_status integrate(mr_job *job, state *s, double *value)
{
    const mr_fork_join how = {.size = sizeof how,
                              .name = "quadrature",
                              .split = split,
                              .solve = solve,
                              .join = join,
                              .context = s,
                              .local_size = sizeof(uint64_t)};
    interval all = {s->from, s->to, 0, 0, s->tolerance};
    double where;
    mr_item result = {0};
    *value = 0;
    if (s->from == s->to)
        return MR_OK;
    if (!measure(s->f, &all, &where))
        mr_job_fail(job, MR_FAILED, "not finite: %s at %.17g: leave it out of the interval",
                    s->name, where);
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_fork_run(job, &how, MR_BYTES(all), &result));
    long double sum = 0;
    if (result.bytes.size == sizeof sum)
        memcpy(&sum, result.bytes.data, sizeof sum);
    *value = (double)sum;
    mr_item_free(&result);
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    char text[MR_NUMBER_TEXT + 1];
    double value;
    MR_TRY(integrate(job, mr_job_state(job), &value));
    size_t size = mr_number_of_f64(value, text);
    text[size++] = '\n';
    return mr_job_write_text(job, text, size);
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    s->f = find_function(s->name);
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: quadrature reads none");
    if (!s->f)
        return mr_job_fail(job, MR_USAGE, "wrong --f: %s: give one of " NAMES, s->name);
    if (!isfinite(s->from) || !isfinite(s->to))
        return mr_job_fail(job, MR_USAGE, "wrong --%s: give a finite number",
                           isfinite(s->from) ? "to" : "from");
    if (!(s->tolerance > 0) || !isfinite(s->tolerance))
        return mr_job_fail(job, MR_USAGE, "wrong --tolerance: give a finite number above 0");
    return MR_OK;
}

static const mr_option options[] = {
    {"f", MR_OPTION_TEXT, offsetof(state, name), NULL, NAMES, true},
    {"from", MR_OPTION_F64, offsetof(state, from), "0", "where the interval begins", false},
    {"to", MR_OPTION_F64, offsetof(state, to), "1", "where it ends", false},
    {"tolerance", MR_OPTION_F64, offsetof(state, tolerance), "1e-10",
     "how far the result may be off, as far as rounding allows", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "quadrature", .summary = "the integral of a function",
    .usage = "",    .options = options,   .state_size = sizeof(state),
    .setup = setup, .run = run,
};

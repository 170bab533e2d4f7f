/*
 * apps/linreg.c: a linear model of one column by the others, by least squares.
 *
 * One pass finds the means of columns, a second one the sums of products of all pairs of them, less
 * their means (see gram.h). The equations, scaled to correlations, are solved by Cholesky's method.
 * A third pass goes over what the model leaves unexplained and corrects the coefficients by it,
 * until they do not change: as that is computed from the data and not from sums of products, the
 * last digits that squaring has cost come back. All are the same bits for any ranks and threads;
 * sums are off by less than 2^-43 of their absolute terms.
 *
 * A column of which less than LEAST is left when those before it have explained what they can is
 * refused, as nothing can be told about it: its coefficient would be made of rounding errors.
 */
#include "gram.h"
#include "small_matrix.h"

#include <stdlib.h>

#define LEAST    0x1p-40
#define ENOUGH   0x1p-46 /* a correction that is smaller, compared with the largest, is the last */
#define PASSES   6
#define CONSTANT 0x1p-48 /* a deviation that is no larger, compared with the mean, is rounding */

typedef struct state {
    const char *target, *summary;
    bool no_intercept;
} state;

typedef struct fit {
    const state *options;
    table t;
    gram g;
    uint64_t target, features; /* a column; how many others */
    double *memory;            /* what follows is in it */
    uint64_t memory_size;
    double *shifts;         /* of columns: means, or zeros without an intercept */
    double *deviations;     /* of features: roots of sums of squares */
    double *l;              /* Cholesky's of their correlations */
    double *slopes, *wrong; /* coefficients of features; what is left to explain by each */
    double *errors;         /* of coefficients, the intercept's last */
    mr_dense *left;         /* sums of columns' products with residuals; and of residuals */
    double squares, rest;   /* of the target, and of residuals, summed up */
    double intercept, mean_left;
} fit;

static uint64_t column_of(const fit *f, uint64_t feature)
{
    return feature + (feature >= f->target);
}

static uint64_t coefficients_of(const fit *f)
{
    return f->features + !f->options->no_intercept;
}

/* ---- Which column is the target ---- */

static mr_status refuse_target(const fit *f)
{
    char names[512];
    size_t used = 0;
    for (uint64_t j = 0; j < f->t.columns && used < sizeof names - 8; j++) {
        int size =
            snprintf(names + used, sizeof names - used, "%s%s", j ? ", " : "", f->t.names[j]);
        if (size < 0 || (size_t)size >= sizeof names - used - 8) {
            snprintf(names + used, sizeof names - used, "...");
            break;
        }
        used += (size_t)size;
    }
    return mr_job_fail(f->t.job, MR_BAD_INPUT, "no such column: %s: there are %" PRIu64 ": %s",
                       f->options->target, f->t.columns, names);
}

/* By its name, or by its number, from 0. */
static mr_status find_target(fit *f)
{
    char *end;
    for (uint64_t j = 0; j < f->t.columns; j++)
        if (strcmp(f->t.names[j], f->options->target) == 0) {
            f->target = j;
            return MR_OK;
        }
    unsigned long long number = strtoull(f->options->target, &end, 10);
    if (*end || end == f->options->target || number >= f->t.columns)
        return refuse_target(f);
    f->target = number;
    return MR_OK;
}

/* ---- The equations ---- */

static mr_status refuse_column(const fit *f, uint64_t feature, const char *why)
{
    return mr_job_fail(f->t.job, MR_BAD_INPUT, "%s: column %s: leave it out", why,
                       f->t.names[column_of(f, feature)]);
}

static mr_status measure_deviations(fit *f, const void *sums)
{
    double rows = (double)f->t.rows;
    f->squares = sums_get(sums, gram_number(f->target, f->target));
    for (uint64_t j = 0; j < f->features; j++) {
        uint64_t column = column_of(f, j);
        f->deviations[j] = sqrt(sums_get(sums, gram_number(column, column)));
        if (f->deviations[j] <= CONSTANT * sqrt(rows) * fabs(f->shifts[column]))
            return refuse_column(f, j,
                                 f->options->no_intercept ? "nothing but zeros"
                                                          : "the same value in all rows");
    }
    return MR_OK;
}

static mr_status factor(fit *f, const void *sums)
{
    uint64_t n = f->features;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j <= i; j++)
            f->l[i * n + j] = i == j
                                  ? 1
                                  : sums_get(sums, gram_number(column_of(f, i), column_of(f, j))) /
                                        (f->deviations[i] * f->deviations[j]);
    uint64_t bad = matrix_cholesky(f->l, n, LEAST);
    return bad == n ? MR_OK : refuse_column(f, bad, "depends on the columns before it");
}

/* Adds what `wrong` asks for to the slopes; returns how large that is, compared with them. */
static double correct(fit *f)
{
    double most = 0, largest = 0;
    for (uint64_t j = 0; j < f->features; j++)
        f->errors[j] = f->wrong[j] / f->deviations[j];
    matrix_solve(f->l, f->features, f->errors);
    for (uint64_t j = 0; j < f->features; j++) {
        double change = f->errors[j] / f->deviations[j];
        f->rest -= change * f->wrong[j];
        f->slopes[j] += change;
        most = fmax(most, fabs(f->errors[j]));
        largest = fmax(largest, fabs(f->slopes[j] * f->deviations[j]));
    }
    return largest > 0 ? most / largest : 0;
}

static mr_status solve(fit *f)
{
    const void *sums;
    MR_TRY(gram_run(&f->g, &sums));
    MR_TRY(measure_deviations(f, sums));
    MR_TRY(factor(f, sums));
    for (uint64_t j = 0; j < f->features; j++)
        f->wrong[j] = sums_get(sums, gram_number(column_of(f, j), f->target));
    correct(f);
    return MR_OK;
}

/* ---- What is left to explain ---- */

/* Residuals take the place of the target among the columns; their sums go to `lanes`. */
static void leave(const fit *f, uint64_t rows, double *columns, double *lanes)
{
    double *left = columns + f->target * f->g.stride;
    for (uint64_t j = 0; j < f->features; j++) {
        const double *x = columns + column_of(f, j) * f->g.stride;
        double slope = f->slopes[j];
        for (uint64_t r = 0; r < rows; r++)
            left[r] -= slope * x[r];
    }
    for (uint64_t r = 0; r < rows; r++)
        lanes[r % LANES] += left[r];
}

/* Products of residuals with all columns, themselves as well, of a strip of rows. */
static void leave_strip(const fit *f, const mr_tile *tile, uint64_t first, const gram_room *room,
                        double *lanes)
{
    const gram *g = &f->g;
    uint64_t left = tile->box.size[0] - first, rows = left < g->strip ? left : g->strip;
    gram_fill(g, tile, first, rows, room->columns);
    leave(f, rows, room->columns, lanes);
    for (uint64_t b = 0; b < g->blocks; b++)
        g->multiply(gram_block(g, room, f->target / GRAM_BLOCK), gram_block(g, room, b), g->stride,
                    rows, room->products + b * GRAM_PRODUCTS);
}

static mr_status leave_tile(void *context, const mr_tile *tile)
{
    const fit *f = context;
    const gram *g = &f->g;
    gram_room room = gram_room_of(g, tile->thread);
    double lanes[LANES] = {0};
    void *sums = mr_dense_mine(f->left, tile->thread);
    if (!sums)
        return MR_OK;
    memset(room.products, 0, g->blocks * GRAM_PRODUCTS * sizeof *room.products);
    for (uint64_t first = 0; first < tile->box.size[0]; first += g->strip)
        leave_strip(f, tile, first, &room, lanes);
    sums_add(sums, g->columns, lanes_sum(lanes));
    const double *row = room.products + f->target % GRAM_BLOCK * GRAM_BLOCK * LANES;
    for (uint64_t j = 0; j < g->columns; j++)
        sums_add(sums, j, lanes_sum(row + j / GRAM_BLOCK * GRAM_PRODUCTS + j % GRAM_BLOCK * LANES));
    return MR_OK;
}

static mr_status look_at_rest(fit *f)
{
    mr_dense_clear(f->left);
    MR_TRY(mr_array_each(f->t.values, leave_tile, f));
    const void *sums = mr_dense_all(f->left);
    MR_TRY(mr_job_agree(f->t.job));
    for (uint64_t j = 0; j < f->features; j++)
        f->wrong[j] = sums_get(sums, column_of(f, j));
    f->rest = sums_get(sums, f->target);
    f->mean_left = 0;
    if (!f->options->no_intercept) {
        f->mean_left = sums_get(sums, f->t.columns) / (double)f->t.rows;
        f->rest -= f->mean_left * f->mean_left * (double)f->t.rows;
    }
    return MR_OK;
}

static mr_status refine_slopes(fit *f)
{
    double change = 1;
    int pass = 0;
    mr_loop *loop;
    MR_TRY(mr_loop_begin(f->t.job, "refine", &loop));
    mr_loop_value(loop, "pass", &pass, sizeof pass);
    mr_loop_value(loop, "change", &change, sizeof change);
    mr_loop_value(loop, "rest", &f->rest, sizeof f->rest);
    mr_loop_value(loop, "mean_left", &f->mean_left, sizeof f->mean_left);
    mr_loop_whole(loop, "slopes", f->slopes, f->features * sizeof *f->slopes);
    MR_TRY(mr_loop_load(loop, NULL));
    while (pass < PASSES && change > ENOUGH) {
        MR_TRY(look_at_rest(f));
        change = correct(f);
        pass++;
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

static mr_status refine(fit *f)
{
    MR_TRY(refine_slopes(f));
    f->rest = fmax(f->rest, 0);
    f->intercept = f->shifts[f->target] + f->mean_left;
    for (uint64_t j = 0; j < f->features; j++)
        f->intercept -= f->slopes[j] * f->shifts[column_of(f, j)];
    return MR_OK;
}

/* ---- Errors of coefficients ---- */

static double square_of(const double *x, uint64_t count)
{
    double sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Of rows, less what the coefficients take. */
static double freedom(const fit *f)
{
    return (double)(f->t.rows - coefficients_of(f));
}

/* `wrong` is room now. */
static void estimate_errors(fit *f)
{
    uint64_t n = f->features;
    double deviation = sqrt(f->rest / freedom(f)), *x = f->wrong;
    for (uint64_t j = 0; j < n; j++) {
        memset(x, 0, n * sizeof *x);
        x[j] = 1;
        matrix_forward(f->l, n, x);
        f->errors[j] = deviation * sqrt(square_of(x, n)) / f->deviations[j];
    }
    for (uint64_t j = 0; j < n; j++)
        x[j] = f->shifts[column_of(f, j)] / f->deviations[j];
    matrix_forward(f->l, n, x);
    f->errors[n] = deviation * sqrt(1 / (double)f->t.rows + square_of(x, n));
}

/* ---- The result ---- */

static void show_coefficient(void *context, uint64_t number, mr_row *row)
{
    const fit *f = context;
    bool first = number == 0 && !f->options->no_intercept;
    uint64_t j = first ? f->features : number - !f->options->no_intercept;
    double value = first ? f->intercept : f->slopes[j];
    const char *name = first ? "intercept" : f->t.names[column_of(f, j)];
    mr_row_add_bytes(row, mr_bytes_of(name));
    mr_row_add_f64(row, value);
    mr_row_add_f64(row, f->errors[j]);
    mr_row_add_f64(row, value / f->errors[j]);
}

static void show_summary(void *context, uint64_t number, mr_row *row)
{
    const fit *f = context;
    static const char *const names[] = {"rows", "r2", "residual_std"};
    const double values[] = {(double)f->t.rows, 1 - f->rest / f->squares,
                             sqrt(f->rest / freedom(f))};
    mr_row_add_bytes(row, mr_bytes_of(names[number]));
    mr_row_add_f64(row, values[number]);
}

static mr_status write_result(fit *f)
{
    if (f->options->summary)
        MR_TRY(table_write(&f->t, f->options->summary, "name", "value", 3, show_summary, f));
    return table_write(&f->t, NULL, "name", "coefficient,std_error,t", coefficients_of(f),
                       show_coefficient, f);
}

/* ---- All of it ---- */

static mr_status fit_in_room(fit *f)
{
    uint64_t n = f->features, columns = f->t.columns;
    f->memory_size = (columns + n * (n + 4) + 1) * sizeof *f->memory;
    f->memory = table_room(&f->t, f->memory_size, "sums of products");
    MR_TRY(mr_job_agree(f->t.job));
    f->shifts = f->memory;
    f->deviations = f->shifts + columns;
    f->l = f->deviations + n;
    f->slopes = f->l + n * n;
    f->wrong = f->slopes + n;
    f->errors = f->wrong + n;
    if (!f->options->no_intercept)
        memcpy(f->shifts, f->t.means, columns * sizeof *f->shifts);
    MR_TRY(gram_make(&f->g, &f->t, f->shifts));
    MR_TRY(mr_dense_create(f->t.job, MR_SUM_F64, columns + 1, &f->left));
    MR_TRY(solve(f));
    MR_TRY(refine(f));
    estimate_errors(f);
    return write_result(f);
}

static mr_status fit_table(fit *f)
{
    MR_TRY(find_target(f));
    f->features = f->t.columns - 1;
    if (f->features == 0)
        return mr_job_fail(f->t.job, MR_BAD_INPUT,
                           "nothing to explain it by: %s is the only column: give others as well",
                           f->t.names[f->target]);
    if (f->t.rows < coefficients_of(f))
        return mr_job_fail(f->t.job, MR_BAD_INPUT,
                           "too few rows: %" PRIu64 " for %" PRIu64
                           " coefficients: give more rows or fewer columns",
                           f->t.rows, coefficients_of(f));
    return fit_in_room(f);
}

static mr_status run(mr_job *job)
{
    fit f = {.options = mr_job_state(job)};
    mr_status status = table_load(job, &f.t);
    if (status == MR_OK)
        status = fit_table(&f);
    mr_dense_destroy(&f.left);
    gram_free(&f.g);
    mr_job_release(job, f.memory, f.memory_size);
    table_free(&f.t);
    return status;
}

static const mr_option options[] = {
    {"target", MR_OPTION_TEXT, offsetof(state, target), NULL,
     "the column to explain: its name or number, from 0", true},
    {"no-intercept", MR_OPTION_FLAG, offsetof(state, no_intercept), NULL,
     "the model is 0 where all columns are", false},
    {"summary", MR_OPTION_TEXT, offsetof(state, summary), NULL,
     "also write how well it fits to this file", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "linreg",
    .summary = "explain a column by the others: least squares",
    .usage = "TABLE...",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};

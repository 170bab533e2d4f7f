/*
 * apps/mandelbrot.c: how many steps of z -> z * z + c it takes until z is farther than 2 from 0,
 * for each point c of a picture. How long a point takes is not known beforehand: bands of rows are
 * done by whoever is idle.
 */
#include <mapred.h>

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Rows that are done together where numbers are written. */
#define BAND 8
/* The most points of a side, and steps of a point. */
#define LONGEST (1 << 24)
#define MOST    (1 << 24)
/* Points that are done together, side by side. */
#define LANES 16

typedef struct state {
    mr_job *job;
    int64_t width, height, iterations;
    double center_x, center_y, zoom;
    const char *png;
    int32_t **rows;   /* what this rank has done already, for a second file; NULL: there is none */
    int32_t *colours; /* of each number of steps: red, green, blue */
} state;

/* The same code for CPUs that do more of it at once; the one that fits is chosen at the start. */
#if defined(__x86_64__) && !defined(__clang__)
#define FAST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FAST
#endif

/* ---- Steps ---- */

/* `count` points of a row beginning at `column`: all lanes go on until each of them is out. Those
 * that are out go on too, unseen: there they can only become larger, or no numbers at all. */
FAST static void escape(const state *s, double step, uint64_t row, uint64_t column, uint64_t count,
                        int32_t *steps)
{
    double x[LANES] = {0}, y[LANES] = {0}, cx[LANES], cy[LANES];
    int64_t taken[LANES] = {0};
    for (int i = 0; i < LANES; i++) {
        cx[i] = s->center_x + ((double)column + i + 0.5 - (double)s->width / 2) * step;
        cy[i] = s->center_y - ((double)row + 0.5 - (double)s->height / 2) * step;
    }
    int64_t left = 1;
    for (int64_t n = 0; n < s->iterations && left; n++) {
        left = 0;
        for (int i = 0; i < LANES; i++) {
            double xx = x[i] * x[i], yy = y[i] * y[i];
            double xy = x[i] * y[i];
            int64_t in = xx + yy <= 4 && taken[i] == n;
            taken[i] += in;
            left |= in;
            x[i] = xx - yy + cx[i];
            y[i] = xy + xy + cy[i];
        }
    }
    for (uint64_t i = 0; i < count; i++)
        steps[i] = (int32_t)taken[i];
}

static void compute_row(const state *s, uint64_t row, uint64_t column, uint64_t count,
                        int32_t *steps)
{
    const double step = 4 / s->zoom / (double)s->width;
    for (uint64_t i = 0; i < count; i += LANES)
        escape(s, step, row, column + i, count - i < LANES ? count - i : LANES, steps + i);
}

/* Rows that this rank has done before are there still. Nobody else does one at the same time. */
static mr_status fill(void *context, const mr_box *box, void *values)
{
    const state *s = context;
    const uint64_t columns = box->size[1];
    const bool is_whole = s->rows && columns == (uint64_t)s->width;
    int32_t *steps = values;
    for (uint64_t i = 0; i < box->size[0]; i++, steps += columns) {
        int32_t **row = is_whole ? &s->rows[box->from[0] + i] : NULL;
        if (row && *row) {
            memcpy(steps, *row, columns * sizeof *steps);
            continue;
        }
        compute_row(s, box->from[0] + i, box->from[1], columns, steps);
        if (row && (*row = mr_job_allocate(s->job, columns * sizeof *steps)))
            memcpy(*row, steps, columns * sizeof *steps);
    }
    return MR_OK;
}

/* ---- Colours ---- */

/* With more steps: deep blue, white, gold, black, and back to blue, the slower the more there are.
 */
static void make_palette(const state *s)
{
    static const double stops[][4] = {{0, 0, 7, 100},        {0.16, 32, 107, 203},
                                      {0.42, 237, 255, 255}, {0.6425, 255, 170, 0},
                                      {0.8575, 0, 2, 0},     {1, 0, 7, 100}};
    for (int64_t n = 1; n < s->iterations; n++) {
        const double turns = log2((double)n) / 6, at = turns - floor(turns);
        int i = 0;
        while (at > stops[i + 1][0])
            i++;
        const double part = (at - stops[i][0]) / (stops[i + 1][0] - stops[i][0]);
        for (int c = 0; c < 3; c++)
            s->colours[3 * n + c] =
                (int32_t)lround(stops[i][c + 1] + part * (stops[i + 1][c + 1] - stops[i][c + 1]));
    }
}

static mr_status paint(void *context, const mr_box *box, void *values)
{
    const state *s = context;
    const mr_box points = {2, {box->from[0], box->from[1]}, {box->size[0], box->size[1]}};
    const uint64_t count = mr_box_count(&points);
    int32_t *steps = malloc(count * sizeof *steps), *colours = values;
    if (!steps)
        return MR_NO_MEMORY;
    mr_status status = fill(context, &points, steps);
    /* Those that never got out are black: the palette ends with them. */
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t c = 0; c < box->size[2]; c++)
            colours[i * box->size[2] + c] = s->colours[3 * steps[i] + (int64_t)(box->from[2] + c)];
    free(steps);
    return status;
}

static mr_status write_picture(mr_job *job, state *s)
{
    const mr_dims dims = MR_DIMS3((uint64_t)s->height, (uint64_t)s->width, 3);
    s->colours = calloc(3 * ((size_t)s->iterations + 1), sizeof *s->colours);
    if (!s->colours)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: colours");
    MR_TRY(mr_job_agree(job));
    make_palette(s);
    return mr_array_picture(mr_array_made(job, MR_I32, dims, paint, s), s->png);
}

/* ---- The job ---- */

/* The file is begun before the work is: what can't be written is told at once. */
static mr_status write_steps(mr_job *job, state *s)
{
    const mr_dims dims = MR_DIMS2((uint64_t)s->height, (uint64_t)s->width);
    const mr_array_plan plan = {"iterations", MR_I32, dims, MR_DIMS2(BAND, dims.size[1]), 0};
    mr_array_output *output = NULL;
    mr_status status = mr_array_output_begin(job, NULL, &plan, 1, &output);
    if (status == MR_OK && s->png)
        status = write_picture(job, s);
    if (status == MR_OK)
        status = mr_array_output_put(output, 0, mr_array_made(job, MR_I32, dims, fill, s));
    mr_status ended = mr_array_output_end(&output);
    return status == MR_OK ? ended : status;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const uint64_t bytes = (uint64_t)s->width * (uint64_t)s->height * sizeof(int32_t);
    s->job = job;
    if (s->png && mr_job_output(job) && bytes < mr_job_memory_left(job) / 2)
        s->rows = calloc((size_t)s->height, sizeof *s->rows);
    return mr_job_output(job) ? write_steps(job, s) : write_picture(job, s);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->width < 1 || s->height < 1 || s->width > LONGEST || s->height > LONGEST)
        return mr_job_fail(job, MR_USAGE, "wrong --%s: give 1 to %d",
                           s->width < 1 || s->width > LONGEST ? "width" : "height", LONGEST);
    if (s->iterations < 1 || s->iterations > MOST)
        return mr_job_fail(job, MR_USAGE, "wrong --iterations: give 1 to %d", MOST);
    if (!(s->zoom > 0) || !isfinite(s->zoom) || !isfinite(s->center_x) || !isfinite(s->center_y))
        return mr_job_fail(job, MR_USAGE, "wrong --zoom or --center: give numbers, --zoom above 0");
    if (!s->png && !mr_job_output(job))
        return mr_job_fail(job, MR_USAGE, "no output: mandelbrot: give --output or --png a name");
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "wrong input: %s: mandelbrot takes none",
                           mr_job_input(job, 0));
    return MR_OK;
}

static void teardown(mr_job *job, void *data)
{
    state *s = data;
    for (int64_t i = 0; s->rows && i < s->height; i++)
        mr_job_release(job, s->rows[i], (uint64_t)s->width * sizeof **s->rows);
    free(s->rows);
    free(s->colours);
}

static const mr_option options[] = {
    {"width", MR_OPTION_I64, offsetof(state, width), "1920", "of the picture, in points", false},
    {"height", MR_OPTION_I64, offsetof(state, height), "1080", "the same", false},
    {"iterations", MR_OPTION_I64, offsetof(state, iterations), "1000", "the most steps of a point",
     false},
    {"center-x", MR_OPTION_F64, offsetof(state, center_x), "-0.6", "the point in the middle",
     false},
    {"center-y", MR_OPTION_F64, offsetof(state, center_y), "0", "the same", false},
    {"zoom", MR_OPTION_F64, offsetof(state, zoom), "1", "1: the picture is 4 wide", false},
    {"png", MR_OPTION_TEXT, offsetof(state, png), NULL, "a picture of it, as PNG", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "mandelbrot",
    .summary = "steps of the Mandelbrot set, as numbers or as a picture",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .teardown = teardown,
    .run = run,
};

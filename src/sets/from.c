/* sets/from.c: sets from inputs, from numbers, and from memory. */
#include "sets/saved.h"

#include "base/clock.h"
#include "input/sheet.h"

#include <stdlib.h>

/* A kernel over an input. */
typedef struct reading {
    mr_making making;
    const mr_plan *plan;
    mr_plan *own; /* the same, where it is to be freed */
    mr_records records;
    mr_map_kernel *kernel;
} reading;

/* A map over files has its own state in `self`: what threads have to know comes by way of
 * local_open.
 */
typedef struct reading_app {
    mr_app app; /* first: the app of every mr_out here */
    const reading *reading;
} reading_app;

static mr_status open_reading(mr_out *out, void *local)
{
    mr_out_self *self = out->self;
    const reading *r = ((const reading_app *)(const void *)self->app)->reading;
    mr_worker worker = {.self = self};
    (void)local;
    mr_making_open(&r->making, &worker);
    self->plan = r->plan;
    return MR_OK;
}

/* A plan of rows is the job's; another one is the caller's, in `own`. */
static mr_status make_plan(mr_job *job, const mr_input_options *input, const mr_plan **plan,
                           mr_plan **own)
{
    const char *const *paths = input->paths ? input->paths : job->inputs;
    size_t count = input->paths ? input->count : job->input_count;
    *own = NULL;
    if (input->records == MR_INPUT_ROWS)
        return mr_plan_rows(job, paths, count, input->element, plan);
    mr_status status = mr_plan_make(job, paths, count, (mr_wanted){input->records, 0}, own);
    *plan = *own;
    return status;
}

mr_status mr_input_rows(mr_job *job, const mr_input_options *input, mr_grid *rows)
{
    const mr_input_options plain = {.records = MR_INPUT_ROWS};
    mr_input_options wanted = input ? *input : plain;
    const mr_plan *plan;
    mr_plan *own;
    *rows = (mr_grid){.axes = 0};
    wanted.records = MR_INPUT_ROWS;
    MR_TRY(make_plan(job, &wanted, &plan, &own));
    const mr_sheet *sheet = plan->sheet;
    rows->element = plan->element;
    rows->axes = sheet->row.axes + 1;
    memcpy(rows->size + 1, sheet->row.size, sheet->row.axes * sizeof *rows->size);
    rows->columns = sheet->columns;
    rows->names = (const char *const *)sheet->names;
    return MR_OK;
}

/* Runs the kernel over the whole plan. */
static mr_status read_all(reading *r)
{
    reading_app app = {.app = {.name = r->making.job->app.name, .local_open = open_reading},
                       .reading = r};
    r->making.feed.app = &app.app;
    return mr_map_input(&r->making.feed, r->plan, r->records, r->kernel);
}

#define SAMPLED_SPLITS 64 /* a rank, at most */

/* A plan whose splits are a few of another one's, spread over it evenly. */
static mr_status read_some(reading *r)
{
    uint64_t most = SAMPLED_SPLITS * (uint64_t)mr_comm_size(r->making.job->comm);
    r->making.feed.every = r->plan->splits > most ? r->plan->splits / most : 1;
    mr_status status = read_all(r);
    r->making.feed.every = 0;
    return status;
}

/* Where ranges will be cut, and in which order: by what the kernel puts for a part of the input. */
static mr_status sample_input(reading *r, const mr_set_options *options, mr_set *like)
{
    mr_job *job = r->making.job;
    reading try = *r;
    mr_set_options plain = *options;
    mr_set *none = NULL;
    plain.spread = MR_SPREAD_LOCAL;
    mr_out_counter counters[MR_JOB_COUNTERS];
    int counter_count = job->counter_count;
    memcpy(counters, job->counters, sizeof counters);
    MR_TRY(mr_making_begin(&try.making, job, &plain, NULL, false, "sample"));
    mr_shuffle_only_sample(try.making.shuffle);
    mr_status status = read_some(&try);
    const mr_set *set = try.making.set;
    like->shape = set->shape;
    like->layout = set->layout;
    like->sorted = options->sorted != NULL;
    like->order = mr_set_order_of(set, options->sorted);
    if (status == MR_OK)
        status = mr_ranges_create(&like->ranges, job, &like->order,
                                  mr_shuffle_sample(try.making.shuffle), set->total, !like->sorted);
    /* The real run will count again. */
    memcpy(job->counters, counters, sizeof counters);
    job->counter_count = counter_count;
    status = mr_making_end(&try.making, status, &none);
    mr_set_destroy(&none);
    return status;
}

static bool can_be_sampled(const mr_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->files[i].kind != MR_FILE_PLAIN && plan->files[i].kind != MR_FILE_NUMBERS)
            return false;
    return true;
}

static mr_status read_into(reading *r, const mr_set_options *options, mr_set **set)
{
    mr_step step;
    MR_TRY(mr_making_begin(&r->making, r->making.job, options, NULL, false, "map"));
    mr_status status = mr_making_step(&r->making, &step, r->plan->block);
    if (status == MR_OK)
        status = mr_making_step_end(&r->making, &step, read_all(r));
    return mr_making_end(&r->making, status, set);
}

static mr_status read_ranges(reading *r, const mr_set_options *options, mr_set **set)
{
    mr_set like = {.spread = MR_SPREAD_RANGE};
    mr_set_options known = *options;
    if (!can_be_sampled(r->plan))
        return read_into(r, options, set);
    MR_TRY(sample_input(r, options, &like));
    known.like = &like;
    mr_status status = read_into(r, &known, set);
    mr_ranges_release(&like.ranges);
    return status;
}

static void begin_reading(mr_job *job, const mr_plan *plan)
{
    job->read.files += plan->count;
    job->read.bytes += mr_plan_bytes(plan);
    job->read.splits += plan->splits;
    job->read.block = plan->block;
    const mr_settings *settings = job->settings;
    if (mr_comm_rank(job->comm) == 0)
        mr_progress_start(&job->progress, settings->progress, settings->quiet,
                          plan->streams ? 0 : mr_plan_bytes(plan));
}

mr_status mr_set_from_input(mr_job *job, const mr_input_options *input, mr_map_kernel *kernel,
                            const mr_set_options *options, mr_set **set)
{
    const mr_input_options plain = {.paths = NULL};
    input = input ? input : &plain;
    reading r = {
        .making.job = job, .records = {input->records, input->record_size}, .kernel = kernel};
    *set = NULL;
    double start = mr_clock_now();
    MR_TRY(make_plan(job, input, &r.plan, &r.own));
    mr_status status;
    begin_reading(job, r.plan);
    if (options->fold)
        status = mr_set_fold_input(job, r.plan, r.records, kernel, options, set);
    else if (options->spread == MR_SPREAD_RANGE && !options->like)
        status = read_ranges(&r, options, set);
    else
        status = read_into(&r, options, set);
    if (mr_comm_rank(job->comm) == 0)
        mr_progress_finish(&job->progress, mr_plan_bytes(r.plan));
    mr_plan_destroy(&r.own);
    job->report.seconds[MR_PHASE_MAP] += mr_clock_now() - start;
    return status;
}

/* A kernel over numbers. */
typedef struct counting {
    mr_making making;
    mr_range_kernel *kernel;
    uint64_t begin, end, piece;
} counting;

static mr_status open_counting(mr_worker *w)
{
    const counting *c = w->feed->self;
    mr_making_open(&c->making, w);
    return MR_OK;
}

static mr_status run_piece(mr_worker *w, uint64_t unit)
{
    const counting *c = w->feed->self;
    uint64_t begin = unit * c->piece, all = c->end - c->begin,
             end = all - begin > c->piece ? begin + c->piece : all;
    for (mr_range part; mr_step_next(w->feed->step, begin, end, &part); begin = part.end) {
        mr_feed_begin(w, NULL);
        MR_TRY(
            mr_feed_end(w, c->kernel(&w->self->out, c->begin + part.begin, c->begin + part.end)));
    }
    return MR_OK;
}

/* Pieces: enough for balance, large enough that a call costs nothing. */
uint64_t mr_range_piece(const mr_job *job, uint64_t count)
{
    uint64_t threads = (uint64_t)mr_comm_size(job->comm) * job->threads;
    uint64_t piece = count / (threads * 64) + 1, most = 65536, budget = mr_memory_budget();
    if (budget && budget / 1024 < most) /* a fold makes room between two of them */
        most = budget / 1024 + 1;
    return piece < most ? piece : most;
}

mr_status mr_set_from_range(mr_job *job, uint64_t begin, uint64_t end, mr_range_kernel *kernel,
                            const mr_set_options *options, mr_set **set)
{
    counting c = {.kernel = kernel, .begin = begin, .end = end};
    uint64_t count = end > begin ? end - begin : 0;
    *set = NULL;
    c.piece = mr_range_piece(job, count);
    if (options->fold)
        return mr_set_fold_range(job, begin, end, kernel, options, set);
    MR_TRY(mr_making_begin(&c.making, job, options, NULL, false, "range"));
    c.making.feed.share = mr_feed_share(job, count / c.piece + (count % c.piece != 0));
    c.making.feed.steal = true;
    c.making.feed.open = open_counting;
    c.making.feed.run = run_piece;
    c.making.feed.self = &c;
    mr_step step;
    mr_status status = mr_making_step(&c.making, &step, c.piece);
    if (status == MR_OK)
        status = mr_making_step_end(&c.making, &step, mr_feed_run(&c.making.feed));
    return mr_making_end(&c.making, status, set);
}

/* Pairs in memory: one unit. */
typedef struct given {
    mr_making making;
    const mr_pair *pairs;
    size_t count;
    uint64_t before;
} given;

static mr_status open_given(mr_worker *w)
{
    const given *g = w->feed->self;
    mr_making_open(&g->making, w);
    return MR_OK;
}

static mr_status put_given(mr_worker *w, uint64_t unit)
{
    const given *g = w->feed->self;
    mr_status status = MR_OK;
    (void)unit;
    mr_feed_begin(w, NULL);
    for (size_t i = 0; i < g->count && status == MR_OK; i++) {
        mr_out_at(&w->self->out, g->before + i);
        status = mr_out_pair(&w->self->out, g->pairs[i].key, g->pairs[i].value);
    }
    return mr_feed_end(w, status);
}

mr_status mr_set_from_memory(mr_job *job, const mr_pair *pairs, size_t count,
                             const mr_set_options *options, mr_set **set)
{
    given g = {.pairs = pairs, .count = count};
    uint64_t mine = count, total;
    *set = NULL;
    MR_TRY(mr_job_agree(job));
    mr_comm_scan(job->comm, &mine, 1, &g.before, &total);
    MR_TRY(mr_making_begin(&g.making, job, options, NULL, false, "memory"));
    g.making.feed.share = (mr_range){0, count > 0};
    g.making.feed.open = open_given;
    g.making.feed.run = put_given;
    g.making.feed.self = &g;
    return mr_making_end(&g.making, mr_feed_run(&g.making.feed), set);
}

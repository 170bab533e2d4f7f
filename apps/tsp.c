/*
 * apps/tsp.c: the shortest round trip through a few cities, by branch and bound. Of all trips that
 * are equally short it is the first in the order of cities, so it is always the same one.
 *
 * A trip begins at city 0 and is the one of its two directions that begins with the smaller number.
 * A task is how it begins. What is still to come costs at least a tree over the cities that are
 * left and the cheapest ways into it, in distances that are shifted by a number for each city:
 * those make no trip better than another, but the bound (Held and Karp, 1970).
 */
#include <mapred.h>

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "tsp_bound.h"

/* Cities of a task at most, before it is searched by one thread. */
#define DEEPEST 4
/* Beginnings that are looked at before something is given away (again). */
#define PATIENCE 256

typedef struct state {
    int64_t cities;
    bool is_matrix;
    tsp_problem problem;
    tsp_trip first; /* a good one, to begin with */
} state;

/* Of a thread: the best trip that it has found itself. */
typedef struct local {
    bool is_begun;
    tsp_trip best;
} local;

/* A trip so far. At each place of it, the cities that are still to be tried there. */
typedef struct way {
    tsp_trip trip;
    unsigned size;
    uint64_t left;             /* cities that it has not been to */
    uint64_t choice[TSP_MOST]; /* by place */
} way;

/* ---- What is worth going on with ---- */

static local *thread_local_of(mr_fork *fork)
{
    const state *s = mr_fork_context(fork);
    local *mine = mr_fork_local(fork);
    if (!mine->is_begun)
        *mine = (local){true, s->first};
    return mine;
}

/* The smaller of the two directions: somebody has to be left who may be the last one. */
static bool may_turn(const way *w)
{
    return w->size < 2 || w->left == 0 || w->left >> w->trip.city[1] != 0;
}

/* Whether a trip that begins so may be better than the best, or as good and before it. */
static bool is_hopeful(mr_fork *fork, const tsp_problem *p, const local *mine, const way *w)
{
    if (!may_turn(w))
        return false;
    const int64_t least = tsp_bound(p, &w->trip, w->size, w->left), best = mr_fork_best(fork);
    if (least > best || least > mine->best.length)
        return false;
    return least < mine->best.length || memcmp(w->trip.city, mine->best.city, w->size) <= 0;
}

static mr_status finish(mr_fork *fork, const tsp_problem *p, local *mine, way *w)
{
    tsp_trip trip = w->trip;
    trip.length += tsp_distance(p, trip.city[p->count - 1], trip.city[0]);
    if (!tsp_is_better(p, &trip, &mine->best))
        return MR_OK;
    mine->best = trip;
    return mr_fork_improve(fork, trip.length, mr_bytes_at((const char *)trip.city, p->count));
}

/* ---- Walking ---- */

static void step(const tsp_problem *p, way *w, unsigned city)
{
    w->trip.length += tsp_distance(p, w->trip.city[w->size - 1], city);
    w->trip.city[w->size++] = (uint8_t)city;
    w->left &= ~(UINT64_C(1) << city);
}

static void step_back(const tsp_problem *p, way *w)
{
    const unsigned city = w->trip.city[--w->size];
    w->trip.length -= tsp_distance(p, w->trip.city[w->size - 1], city);
    w->left |= UINT64_C(1) << city;
}

static way begin(const tsp_problem *p, mr_bytes task)
{
    way w = {.size = 1, .left = tsp_all(p) & ~UINT64_C(1)};
    for (size_t i = 1; i < task.size; i++)
        step(p, &w, (uint8_t)task.data[i]);
    return w;
}

static mr_status put(mr_fork *fork, const way *w, unsigned size, unsigned city)
{
    char task[TSP_MOST];
    memcpy(task, w->trip.city, size);
    task[size] = (char)city;
    return mr_fork_put(fork, mr_bytes_at(task, size + 1));
}

/* All that is still to be tried at the first place where there is something. */
static mr_status give(mr_fork *fork, way *w, unsigned from)
{
    unsigned place = from;
    while (place < w->size && w->choice[place] == 0)
        place++;
    for (uint64_t *rest = &w->choice[place]; place < w->size && *rest; *rest &= *rest - 1)
        MR_TRY(put(fork, w, place, (unsigned)__builtin_ctzll(*rest)));
    return MR_OK;
}

/* All that is still to be tried anywhere. */
static mr_status give_all(mr_fork *fork, const way *w, unsigned from)
{
    for (unsigned place = from; place <= w->size; place++)
        for (uint64_t rest = w->choice[place]; rest; rest &= rest - 1)
            MR_TRY(put(fork, w, place, (unsigned)__builtin_ctzll(rest)));
    return MR_OK;
}

/* Depth first, in the order of cities. `from`: what the task begins with stays. */
static mr_status walk(mr_fork *fork, const tsp_problem *p, local *mine, way *w)
{
    const mr_fork_signs *signs = mr_fork_look(fork);
    const unsigned from = w->size;
    unsigned since = 0;
    w->choice[from] = w->left;
    while (!mr_fork_cancelled(signs)) {
        if (++since >= PATIENCE && mr_fork_wanted(signs)) {
            MR_TRY(give(fork, w, from));
            since = 0;
        }
        if (mr_fork_stopping(signs))
            return give_all(fork, w, from);
        uint64_t *choice = &w->choice[w->size];
        if (*choice == 0) {
            if (w->size == from)
                break;
            step_back(p, w);
            continue;
        }
        step(p, w, (unsigned)__builtin_ctzll(*choice));
        *choice &= *choice - 1;
        if (w->left == 0)
            MR_TRY(finish(fork, p, mine, w));
        if (w->left != 0 && is_hopeful(fork, p, mine, w))
            w->choice[w->size] = w->left;
        else
            step_back(p, w);
    }
    return MR_OK;
}

/* ---- Kernels ---- */

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    const tsp_problem *p = &s->problem;
    const local *mine = thread_local_of(fork);
    way w = begin(p, task);
    if (w.size == 1)
        MR_TRY(mr_fork_improve(fork, s->first.length,
                               mr_bytes_at((const char *)s->first.city, p->count)));
    if (w.size >= DEEPEST || w.size + 2 >= p->count || !is_hopeful(fork, p, mine, &w))
        return MR_OK;
    for (uint64_t rest = w.left; rest; rest &= rest - 1)
        MR_TRY(put(fork, &w, w.size, (unsigned)__builtin_ctzll(rest)));
    return MR_OK;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    local *mine = thread_local_of(fork);
    way w = begin(&s->problem, task);
    if (w.left != 0 && is_hopeful(fork, &s->problem, mine, &w))
        MR_TRY(walk(fork, &s->problem, mine, &w));
    return mr_fork_return(fork, NULL, 0);
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t parts)
{
    (void)task;
    (void)results;
    (void)parts;
    return mr_fork_return(fork, NULL, 0);
}

/* ---- Cities ---- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Points of a square of 1000 x 1000, one as likely as another. */
static void draw_points(mr_job *job, tsp_problem *p)
{
    double points[2 * TSP_MOST];
    for (unsigned i = 0; i < 2 * p->count; i++)
        points[i] = (double)(mix(mix(mr_job_seed(job)) ^ mix(i + 1)) % 1000);
    tsp_measure(p, points);
}

static mr_status check_shape(mr_job *job, const state *s, mr_dims dims)
{
    const char *path = mr_job_input(job, 0);
    const bool is_right =
        dims.axes == 2 && (s->is_matrix ? dims.size[1] == dims.size[0] : dims.size[1] == 2);
    if (!is_right)
        return mr_job_fail(job, MR_BAD_INPUT, "wrong cities: %s: give %s", path,
                           s->is_matrix ? "as many numbers a row as there are rows"
                                        : "two numbers a row, or --matrix");
    if (dims.size[0] < 1 || dims.size[0] > TSP_MOST)
        return mr_job_fail(job, MR_BAD_INPUT, "wrong cities: %s: %" PRIu64 " of them: give 1 to %d",
                           path, dims.size[0], TSP_MOST);
    return MR_OK;
}

static mr_status take_values(mr_job *job, state *s, mr_array *table)
{
    const mr_dims dims = mr_array_dims(table);
    double values[TSP_MOST * TSP_MOST];
    MR_TRY(check_shape(job, s, dims));
    MR_TRY(mr_array_get(table, values));
    s->problem.count = (unsigned)dims.size[0];
    const char *wrong =
        s->is_matrix ? tsp_take_matrix(&s->problem, values) : tsp_take_points(&s->problem, values);
    return wrong
               ? mr_job_fail(job, MR_BAD_INPUT, "wrong cities: %s: %s", mr_job_input(job, 0), wrong)
               : MR_OK;
}

static mr_status read_cities(mr_job *job, state *s)
{
    if (mr_job_input_count(job) == 0) {
        s->problem.count = (unsigned)s->cities;
        draw_points(job, &s->problem);
        return MR_OK;
    }
    const char *path = mr_job_input(job, 0);
    mr_array *table = mr_array_load(job, &path, 1, NULL);
    MR_TRY(mr_job_agree(job));
    mr_status status = take_values(job, s, table);
    mr_array_free(&table);
    return status;
}

/* ---- The job ---- */

static mr_status write_trip(mr_job *job, const tsp_problem *p, const tsp_trip *trip)
{
    char text[64 + 4 * TSP_MOST];
    int size = snprintf(text, sizeof text, "length\t%" PRId64 "\ntour\t", trip->length);
    for (unsigned i = 0; i < p->count; i++)
        size +=
            snprintf(text + size, sizeof text - (size_t)size, "%s%u", i ? " " : "", trip->city[i]);
    text[size++] = '\n';
    return mr_job_write_text(job, text, (size_t)size);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    MR_TRY(read_cities(job, s));
    MR_TRY(mr_job_agree(job));
    s->first = tsp_guess(&s->problem);
    tsp_shift(&s->problem, s->first.length);
    const mr_fork_join how = {.size = sizeof how,
                              .name = "tsp",
                              .split = split,
                              .solve = solve,
                              .join = join,
                              .context = s,
                              .local_size = sizeof(local),
                              .smallest = true};
    mr_fork_found found = {.is_found = false};
    MR_TRY(mr_fork_search(job, &how, mr_bytes_at("", 1), &found));
    tsp_trip best = {.length = found.value};
    memcpy(best.city, found.item.bytes.data, s->problem.count);
    mr_item_free(&found.item);
    return write_trip(job, &s->problem, &best);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    const size_t inputs = mr_job_input_count(job);
    if (inputs > 1)
        return mr_job_fail(job, MR_USAGE, "wrong inputs: %zu of them: give one, or none", inputs);
    if (inputs == 1 ? s->cities != 0 : s->cities < 1 || s->cities > TSP_MOST)
        return mr_job_fail(job, MR_USAGE, "wrong --cities: %" PRId64 ": give 1 to %d, or a file",
                           s->cities, TSP_MOST);
    if (inputs == 0 && s->is_matrix)
        return mr_job_fail(job, MR_USAGE, "wrong --matrix: there is no file: leave out --matrix");
    return MR_OK;
}

static const mr_option options[] = {
    {"cities", MR_OPTION_I64, offsetof(state, cities), NULL,
     "random ones, by --seed, instead of a file", false},
    {"matrix", MR_OPTION_FLAG, offsetof(state, is_matrix), NULL,
     "the file holds distances, not points", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "tsp",
    .summary = "the shortest round trip through a few cities",
    .usage = "[CITIES]",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};

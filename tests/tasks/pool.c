/*
 * tests/tasks/pool.c: random programs of calls, maps, waits and cancelled tasks, run by all ranks
 * at the same time against one pool. What each future has to become is known to who calls: it is
 * computed beside the call, in this file, by one thread.
 */
#include <mapred.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FUTURES 48
#define ITEMS   3000

typedef struct state {
    int64_t programs, workers, steps;
} state;

static uint64_t next(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t end)
{
    return next(seed) % end;
}

/* ---- Kinds ---- */

static uint64_t hash(uint64_t from, mr_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        from = (from ^ (unsigned char)bytes.data[i]) * 0x100000001b3U;
    return (from ^ bytes.size) * 0x100000001b3U;
}

static mr_status mix(mr_task *task)
{
    uint64_t all = 17;
    for (size_t i = 0; i < mr_task_argument_count(task); i++) {
        mr_bytes bytes = mr_task_argument(task, i);
        if ((uintptr_t)bytes.data % 16 != 0)
            return mr_task_fail(task, MR_FAILED, "argument %zu is not aligned", i);
        all = hash(all, bytes);
    }
    return mr_task_return(task, &all, sizeof all);
}

typedef struct order {
    uint64_t seed, size, nap;
} order;

static void fill(char *bytes, const order *o)
{
    for (uint64_t i = 0; i < o->size; i++)
        bytes[i] = (char)((o->seed >> i % 8 * 8) + i);
}

static mr_status grow(mr_task *task)
{
    order o;
    memcpy(&o, mr_task_argument(task, 0).data, sizeof o);
    if (o.nap > 0)
        usleep((useconds_t)o.nap);
    char *room = mr_task_result(task, o.size);
    if (!room)
        return MR_NO_MEMORY;
    fill(room, &o);
    return MR_OK;
}

static mr_status fail(mr_task *task)
{
    return mr_task_fail(task, MR_BAD_INPUT, "as it should");
}

/* Fails the first time on each rank. */
static mr_status flaky(mr_task *task)
{
    static atomic_uint seen[4096];
    uint64_t number;
    memcpy(&number, mr_task_argument(task, 0).data, sizeof number);
    if (atomic_fetch_add(&seen[number % 4096], 1) == 0)
        return mr_task_fail(task, MR_FAILED, "not the first time");
    return mr_task_return(task, &number, sizeof number);
}

static uint64_t leaves(uint64_t seed, uint64_t depth)
{
    uint64_t count = 1;
    if (depth > 0)
        for (uint64_t i = 0, n = seed % 3; i <= n; i++)
            count += leaves(seed * 31 + i, depth - 1);
    return count;
}

/* Waits for its own tasks, which do the same. */
static mr_status tree(mr_task *task)
{
    uint64_t at[2], count = 1;
    memcpy(at, mr_task_argument(task, 0).data, sizeof at);
    mr_future *parts[3] = {0};
    mr_status status = MR_OK;
    for (uint64_t i = 0, n = at[0] % 3; at[1] > 0 && i <= n; i++) {
        const uint64_t part[2] = {at[0] * 31 + i, at[1] - 1};
        parts[i] = mr_pool_submit(mr_task_pool(task), tree, part, sizeof part);
        if (!parts[i])
            status = MR_FAILED;
    }
    for (int i = 0; i < 3; i++) {
        mr_bytes got;
        uint64_t one;
        if (parts[i] && status == MR_OK)
            status = mr_future_get(parts[i], i % 2 ? 1e6 : MR_FOREVER, &got);
        if (parts[i] && status == MR_OK) {
            memcpy(&one, got.data, sizeof one);
            count += one;
        }
        mr_future_free(&parts[i]);
    }
    return status == MR_OK ? mr_task_return(task, &count, sizeof count) : status;
}

static uint64_t twisted(uint64_t item)
{
    return item * 0x9e3779b97f4a7c15U ^ item >> 7;
}

typedef struct local {
    uint64_t magic, tasks;
    atomic_int busy;
} local;

/* No two at the same time have the same state. */
static mr_status twist(mr_task *task, const void *item, void *result)
{
    local *l = mr_task_local(task);
    uint64_t x;
    memcpy(&x, item, sizeof x);
    if (l->magic != 4711 || atomic_exchange(&l->busy, 1) != 0)
        return mr_task_fail(task, MR_FAILED, "its state is another one's");
    l->tasks++;
    x = twisted(x);
    memcpy(result, &x, sizeof x);
    atomic_store(&l->busy, 0);
    return MR_OK;
}

static mr_status open_local(mr_task *task, void *data)
{
    local *l = data;
    if (l->magic != 0)
        return mr_task_fail(task, MR_FAILED, "its state is not zeroed");
    l->magic = 4711;
    return MR_OK;
}

static const mr_task_kind kinds[] = {
    {.name = "mix", .run = mix},
    {.name = "grow", .run = grow},
    {.name = "fail", .run = fail},
    {.name = "flaky", .run = flaky, .idempotent = true, .retries = 40},
    {.name = "tree", .run = tree},
    {.name = "twist", .each = twist, .timeout = 100},
    {.name = "quick", .each = twist},
    {0},
};

/* ---- What there is, and what it has to be ---- */

typedef struct known {
    mr_future *future;
    mr_status status;
    char *bytes;
    size_t size;
    uint64_t needs; /* a bit for each future it was given */
    bool repeats;   /* it is run again, unless it is not wanted any more */
} known;

typedef struct program {
    mr_job *job;
    mr_pool *pool;
    uint64_t seed, called;
    atomic_uint_fast64_t then;
    known all[FUTURES];
} program;

static mr_status wrong(program *p, const char *what, int i)
{
    return mr_job_fail(p->job, MR_FAILED, "wrong: %s: %d on rank %d", what, i, mr_job_rank(p->job));
}

static void count_then(mr_future *future, void *context)
{
    program *p = context;
    if (mr_future_is_done(future))
        atomic_fetch_add(&p->then, 1);
}

static void forget(known *k)
{
    mr_future_free(&k->future);
    free(k->bytes);
    *k = (known){0};
}

static mr_status check(program *p, int i, double seconds)
{
    known *k = &p->all[i];
    mr_bytes got;
    if (!k->future)
        return MR_OK;
    mr_status status = mr_future_get(k->future, seconds, &got);
    if (status == MR_TIMED_OUT)
        return MR_OK;
    if (status != k->status)
        return mr_job_fail(p->job, MR_FAILED, "wrong: status %d, not %d: %s", status, k->status,
                           mr_future_error(k->future));
    const char *text = mr_future_error(k->future);
    if (status == MR_BAD_INPUT &&
        (strncmp(text, "task failed: fail ", 18) != 0 || !strstr(text, ": as it should")))
        return wrong(p, text, i);
    if (status == MR_OK && (got.size != k->size || (uintptr_t)got.data % 16 != 0 ||
                            (k->size > 0 && memcmp(got.data, k->bytes, k->size) != 0)))
        return wrong(p, "a result", i);
    return MR_OK;
}

/* ---- Calls ---- */

static mr_submit_options options_for(program *p)
{
    mr_submit_options o = {.size = sizeof o, .rank = -1};
    if (below(&p->seed, 4) == 0 && mr_pool_workers(p->pool) >= (unsigned)mr_job_ranks(p->job))
        o.rank = (int)below(&p->seed, (uint64_t)mr_job_ranks(p->job));
    if (below(&p->seed, 3) == 0)
        o.priority = (double)below(&p->seed, 9) - 4;
    if (below(&p->seed, 2) == 0) {
        o.then = count_then;
        o.context = p;
        p->called++;
    }
    return o;
}

static void expect(known *k, const void *bytes, size_t size)
{
    k->bytes = malloc(size + 1);
    k->size = size;
    if (size > 0)
        memcpy(k->bytes, bytes, size);
}

static mr_status call(program *p, int i, mr_task_run *run, const mr_argument *arguments,
                      size_t count)
{
    const mr_submit_options o = options_for(p);
    p->all[i].future = mr_pool_call(p->pool, run, arguments, count, &o);
    return p->all[i].future ? MR_OK : MR_FAILED;
}

/* Of bytes, and of futures before it. */
static mr_status call_mix(program *p, int i)
{
    static const char zeros[200000];
    known *k = &p->all[i];
    mr_argument arguments[5];
    const size_t count = below(&p->seed, 6);
    uint64_t all = 17;
    for (size_t a = 0; a < count; a++) {
        const int of = (int)below(&p->seed, FUTURES);
        const known *from = &p->all[of];
        arguments[a] = (mr_argument){.data = zeros, .size = below(&p->seed, 60)};
        if (below(&p->seed, 20) == 0)
            arguments[a].size = below(&p->seed, sizeof zeros);
        if (of != i && from->future && below(&p->seed, 2)) {
            arguments[a] = (mr_argument){.future = from->future};
            k->status = k->status == MR_OK ? from->status : k->status;
        }
        all = hash(all, arguments[a].future ? (mr_bytes){from->bytes, from->size}
                                            : (mr_bytes){zeros, arguments[a].size});
    }
    /* Of several that fail in different ways the first to do so counts: let there be one. */
    for (size_t a = 0; a < count; a++)
        for (int of = 0; arguments[a].future && of < FUTURES; of++) {
            if (p->all[of].future != arguments[a].future)
                continue;
            if (k->status == MR_OK || p->all[of].status == k->status)
                k->needs |= UINT64_C(1) << of;
            else
                arguments[a] = (mr_argument){0};
        }
    expect(k, &all, sizeof all);
    return call(p, i, mix, arguments, count);
}

static mr_status call_grow(program *p, int i)
{
    static const uint64_t most[] = {1, 40, 5000, 20000, 700000};
    const order o = {next(&p->seed), below(&p->seed, most[below(&p->seed, 5)]),
                     below(&p->seed, 3) ? 0 : below(&p->seed, 300)};
    p->all[i].bytes = malloc(o.size + 1);
    p->all[i].size = o.size;
    fill(p->all[i].bytes, &o);
    return call(p, i, grow, &(mr_argument){.data = &o, .size = sizeof o}, 1);
}

static mr_status call_other(program *p, int i)
{
    const uint64_t numbers[2] = {next(&p->seed) >> 8, below(&p->seed, 5)};
    const mr_argument argument = {.data = numbers, .size = sizeof numbers};
    uint64_t want = numbers[0];
    switch (below(&p->seed, 3)) {
    case 0:
        p->all[i].status = MR_BAD_INPUT;
        return call(p, i, fail, &argument, 1);
    case 1:
        expect(&p->all[i], &want, sizeof want);
        p->all[i].repeats = true;
        return call(p, i, flaky, &argument, 1);
    default:
        want = leaves(numbers[0], numbers[1]);
        expect(&p->all[i], &want, sizeof want);
        return call(p, i, tree, &argument, 1);
    }
}

/* It, and all that need it. */
static void set_cancelled(program *p, int i)
{
    p->all[i].status = MR_CANCELLED;
    for (int other = 0; other < FUTURES; other++)
        if (p->all[other].future && p->all[other].status == MR_OK &&
            (p->all[other].needs & UINT64_C(1) << i))
            set_cancelled(p, other);
}

static mr_status cancel(program *p, int i)
{
    if (!p->all[i].future || p->all[i].status != MR_OK || p->all[i].repeats)
        return MR_OK;
    if (mr_future_cancel(p->all[i].future))
        set_cancelled(p, i);
    return check(p, i, MR_FOREVER);
}

/* What needs it is not to be mistaken for one that needs its successor. */
static void free_one(program *p, int i)
{
    if (p->all[i].future && p->all[i].status != MR_OK)
        mr_future_get(p->all[i].future, MR_FOREVER, NULL);
    forget(&p->all[i]);
    for (int other = 0; other < FUTURES; other++)
        p->all[other].needs &= ~(UINT64_C(1) << i);
}

/* ---- Maps ---- */

static mr_status map(program *p, mr_task_each *each)
{
    uint64_t *items = malloc(2 * ITEMS * sizeof *items), *results = items + ITEMS;
    const uint64_t count = below(&p->seed, ITEMS + 1);
    const mr_map_options o = {.size = sizeof o,
                              .chunk = below(&p->seed, 3) ? 0 : 1 + below(&p->seed, 100)};
    for (uint64_t i = 0; i < count; i++)
        items[i] = next(&p->seed);
    mr_status status =
        mr_pool_map(p->pool, each, items, count, sizeof *items, results, sizeof *results, &o);
    for (uint64_t i = 0; i < count && status == MR_OK; i++)
        if (results[i] != twisted(items[i]))
            status = wrong(p, "a map's result", (int)i);
    free(items);
    return status;
}

static mr_status take_results(program *p, mr_imap *imap, const uint64_t *items, uint64_t count,
                              bool in_order)
{
    static char seen[ITEMS];
    const void *result;
    uint64_t number, taken = 0, got;
    const uint64_t most = below(&p->seed, 4) ? UINT64_MAX : below(&p->seed, count + 1);
    mr_status status = MR_OK;
    memset(seen, 0, sizeof seen);
    while (taken < most && (status = mr_imap_next(imap, MR_FOREVER, &result, &number)) == MR_OK) {
        memcpy(&got, result, sizeof got);
        if (number >= count || seen[number]++ || (in_order && number != taken) ||
            got != twisted(items[number]))
            return wrong(p, "a result of an imap", (int)number);
        taken++;
    }
    if (status == MR_CLOSED && taken != count)
        return wrong(p, "results of an imap are missing", (int)taken);
    return status == MR_CLOSED ? MR_OK : status;
}

static mr_status imap(program *p, mr_task_each *each)
{
    uint64_t *items = malloc(ITEMS * sizeof *items);
    const uint64_t count = below(&p->seed, ITEMS + 1);
    const bool in_order = below(&p->seed, 2);
    const mr_map_options o = {.size = sizeof o,
                              .chunk = below(&p->seed, 3) ? 0 : 1 + below(&p->seed, 100),
                              .as_completed = !in_order};
    mr_imap *all;
    for (uint64_t i = 0; i < count; i++)
        items[i] = next(&p->seed);
    mr_status status =
        mr_pool_imap(p->pool, each, items, count, sizeof *items, sizeof *items, &o, &all);
    if (status == MR_OK)
        status = take_results(p, all, items, count, in_order);
    mr_imap_free(&all);
    free(items);
    return status;
}

/* ---- Waiting ---- */

static mr_status wait(program *p)
{
    mr_future *futures[FUTURES];
    bool is_any = false;
    for (int i = 0; i < FUTURES; i++) {
        futures[i] = below(&p->seed, 2) ? p->all[i].future : NULL;
        is_any = is_any || futures[i];
    }
    size_t which = FUTURES;
    if (below(&p->seed, 4) == 0) {
        mr_status status = mr_wait_all(futures, FUTURES, MR_FOREVER);
        for (int i = 0; i < FUTURES; i++)
            if (futures[i] && !mr_future_is_done(futures[i]))
                return wrong(p, "not done, and was waited for", i);
        return status;
    }
    mr_status status = mr_wait_any(futures, FUTURES, MR_FOREVER, &which);
    if (!is_any)
        return status == MR_CLOSED ? MR_OK : wrong(p, "waited for nothing", 0);
    if (status == MR_OK && (which >= FUTURES || !mr_future_is_done(futures[which])))
        return wrong(p, "any is not done", (int)which);
    return status;
}

static mr_status step(program *p)
{
    const int i = (int)below(&p->seed, FUTURES);
    const uint64_t what = below(&p->seed, 40);
    mr_task_each *each = twist;
    if (what < 26)
        free_one(p, i);
    if (what < 14)
        return call_mix(p, i);
    if (what < 20)
        return call_grow(p, i);
    if (what < 26)
        return call_other(p, i);
    if (what < 32)
        return check(p, i, below(&p->seed, 3) ? MR_FOREVER : 1e-4);
    if (what < 34)
        return cancel(p, i);
    if (what < 36)
        return map(p, each);
    if (what < 38)
        return imap(p, each);
    return what < 39 ? wait(p) : mr_pool_join(p->pool, MR_FOREVER);
}

static mr_status run_program(mr_job *job, mr_pool *pool, uint64_t seed, int64_t steps)
{
    program *p = calloc(1, sizeof *p);
    mr_status status = MR_OK;
    p->job = job;
    p->pool = pool;
    p->seed = seed;
    for (int64_t i = 0; i < steps && status == MR_OK; i++)
        status = step(p);
    for (int i = 0; i < FUTURES && status == MR_OK; i++)
        status = check(p, i, MR_FOREVER);
    if (status == MR_OK && (status = mr_pool_join(pool, MR_FOREVER)) == MR_OK &&
        atomic_load(&p->then) != p->called)
        status = wrong(p, "calls of then", (int)atomic_load(&p->then));
    for (int i = 0; i < FUTURES; i++)
        forget(&p->all[i]);
    if (status == MR_OK)
        free(p);
    return status;
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const mr_pool_options options = {.size = sizeof options,
                                     .kinds = kinds,
                                     .workers = (unsigned)s->workers,
                                     .local_size = sizeof(local),
                                     .local_open = open_local};
    mr_pool *pool;
    mr_status status = MR_OK;
    MR_TRY(mr_pool_open(job, &options, &pool));
    for (int64_t i = 0; i < s->programs && status == MR_OK; i++) {
        uint64_t seed = mr_job_seed(job) * 1000003 + (uint64_t)i * 64 + (uint64_t)mr_job_rank(job);
        status = run_program(job, pool, seed, s->steps);
    }
    if (status != MR_OK)
        mr_job_fail(job, status, "wrong: status %d", (int)status);
    mr_job_add(job, "workers", mr_pool_workers(pool) * (mr_job_rank(job) == 0));
    MR_TRY(mr_job_agree(job));
    return mr_pool_close(&pool);
}

static const mr_option options[] = {
    {"programs", MR_OPTION_I64, offsetof(state, programs), "10", "how many on each rank", false},
    {"steps", MR_OPTION_I64, offsetof(state, steps), "150", "of each", false},
    {"workers", MR_OPTION_I64, offsetof(state, workers), "0", "on all ranks", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "pool",     .summary = "random programs for a pool",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};

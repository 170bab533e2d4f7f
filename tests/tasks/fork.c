/*
 * tasks/fork.c: a plugin that runs random trees by fork-join, and compares what comes out with what
 * a plain recursion makes of the same tree. Joins are not commutative: strings are put together. A
 * tree is a function of its seed: a node knows from its own number what hangs below it.
 */
#include <mapred.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct state {
    const char *what, *at;
    int64_t cases;
    double seconds;
} state;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint64_t child_of(uint64_t number, uint64_t index)
{
    return mix(number * 0x9E3779B97F4A7C15u + index + 1);
}

/* ---- The tree ---- */

/* What a task begins with; bytes that follow from its number may come behind it. */
typedef struct task_head {
    uint64_t number;
    int32_t depth, deepest;
    uint64_t padding;
} task_head;

/* Mostly some parts, sometimes very many, sometimes one; a leaf now and then at any depth. */
static uint64_t parts_of(const task_head *t)
{
    uint64_t dice = mix(t->number ^ 0x55) % 100;
    if (t->depth >= t->deepest || (t->depth > 1 && dice < 25))
        return 0;
    if (dice < 90)
        return 1 + mix(t->number) % 4;
    return dice < 99 ? 1 : 40;
}

static uint64_t padding_of(uint64_t number)
{
    uint64_t dice = mix(number ^ 0xAA) % 1000;
    return dice < 900 ? dice % 5 : dice < 998 ? dice * 3 : 700000 + dice;
}

static task_head head_of(mr_bytes task)
{
    task_head t;
    memcpy(&t, task.data, sizeof t);
    return t;
}

static task_head part_of(const task_head *t, uint64_t index)
{
    task_head part = {child_of(t->number, index), t->depth + 1, t->deepest, 0};
    part.padding = padding_of(part.number);
    return part;
}

static mr_status check_padding(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    if (task.size != sizeof t + t.padding || ((uintptr_t)task.data & 15) != 0)
        return mr_fork_fail(fork, MR_FAILED, "a task of %zu bytes", task.size);
    for (size_t i = sizeof t; i < task.size; i++)
        if (task.data[i] != (char)(t.number + i))
            return mr_fork_fail(fork, MR_FAILED, "byte %zu of a task is wrong", i);
    return MR_OK;
}

static mr_status put(mr_fork *fork, const task_head *t)
{
    if (t->padding == 0)
        return mr_fork_put(fork, (mr_bytes){(const char *)t, sizeof *t});
    char *room = mr_fork_put_room(fork, sizeof *t + t->padding);
    if (!room)
        return MR_NO_MEMORY;
    memcpy(room, t, sizeof *t);
    for (size_t i = sizeof *t; i < sizeof *t + t->padding; i++)
        room[i] = (char)(t->number + i);
    return MR_OK;
}

static mr_status split(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    if ((int32_t)mr_fork_depth(fork) != t.depth)
        return mr_fork_fail(fork, MR_FAILED, "depth %u, not %d", mr_fork_depth(fork), t.depth);
    MR_TRY(check_padding(fork, task));
    for (uint64_t i = 0; i < parts_of(&t); i++) {
        task_head part = part_of(&t, i);
        MR_TRY(put(fork, &part));
    }
    return MR_OK;
}

/* ---- Text that grows ---- */

typedef struct text {
    char *bytes;
    size_t size, room;
} text;

static void add(text *out, const char *bytes, size_t size)
{
    if (out->size + size > out->room) {
        out->room = 2 * (out->size + size) + 64;
        out->bytes = realloc(out->bytes, out->room);
    }
    if (size > 0)
        memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* ---- Brackets: "(a,b,(c,d))". Neither commutative nor associative. ---- */

static void write_leaf(text *out, const task_head *t)
{
    char digits[32];
    uint64_t dice = mix(t->number ^ 0x33) % 1000;
    if (dice < 100)
        return;
    int size =
        snprintf(digits, sizeof digits, "%llx", (unsigned long long)(t->number >> (dice % 60)));
    for (uint64_t i = 0; i < (dice < 995 ? 1u : 30000u); i++)
        add(out, digits, (size_t)size);
}

static mr_status solve_brackets(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    text out = {0};
    MR_TRY(check_padding(fork, task));
    write_leaf(&out, &t);
    mr_status status = mr_fork_return(fork, out.bytes, out.size);
    free(out.bytes);
    return status;
}

static mr_status join_brackets(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    task_head t = head_of(task);
    size_t size = count + 1;
    MR_TRY(check_padding(fork, task));
    if (count != parts_of(&t))
        return mr_fork_fail(fork, MR_FAILED, "%zu results", count);
    for (size_t i = 0; i < count; i++)
        size += results[i].size;
    char *at = mr_fork_return_room(fork, size);
    if (!at)
        return MR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        *at++ = i ? ',' : '(';
        if (results[i].size > 0)
            memcpy(at, results[i].data, results[i].size);
        at += results[i].size;
    }
    *at = ')';
    return MR_OK;
}

static void walk_brackets(text *out, const task_head *t)
{
    uint64_t parts = parts_of(t);
    if (parts == 0)
        write_leaf(out, t);
    for (uint64_t i = 0; i < parts; i++) {
        task_head part = part_of(t, i);
        add(out, i ? "," : "(", 1);
        walk_brackets(out, &part);
    }
    if (parts > 0)
        add(out, ")", 1);
}

/* ---- Maps x -> a * x + b, one after the other: associative, and not commutative ---- */

typedef struct map {
    uint64_t a, b;
} map;

static map after(map first, map second)
{
    return (map){second.a * first.a, second.a * first.b + second.b};
}

static map leaf_map(const task_head *t)
{
    return (map){mix(t->number) | 1, mix(t->number + 1)};
}

static mr_status solve_map(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    map m = leaf_map(&t);
    return mr_fork_return(fork, &m, sizeof m);
}

static mr_status join_map(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    map all = {1, 0};
    (void)task;
    for (size_t i = 0; i < count; i++) {
        map m;
        memcpy(&m, results[i].data, sizeof m);
        all = after(all, m);
    }
    return mr_fork_return(fork, &all, sizeof all);
}

static map walk_map(const task_head *t)
{
    map all = {1, 0};
    uint64_t parts = parts_of(t);
    for (uint64_t i = 0; i < parts; i++) {
        task_head part = part_of(t, i);
        all = after(all, walk_map(&part));
    }
    return parts ? all : leaf_map(t);
}

/* ---- Ranges whose solve gives away what it has left when somebody wants some ---- */

typedef struct range {
    uint64_t from, to;
} range;

static void add_item(text *out, uint64_t item)
{
    char digits[32];
    add(out, digits, (size_t)snprintf(digits, sizeof digits, "%llu.", (unsigned long long)item));
}

static void spin(double seconds)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    do
        clock_gettime(CLOCK_MONOTONIC, &b);
    while ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < seconds);
}

/* The further half goes to two others. */
static mr_status give_away(mr_fork *fork, range *r)
{
    uint64_t half = r->from + (r->to - r->from) / 2, middle = half + (r->to - half) / 2;
    range first = {half, middle}, second = {middle, r->to};
    MR_TRY(mr_fork_put(fork, (mr_bytes){(const char *)&first, sizeof first}));
    char *room = mr_fork_put_room(fork, sizeof second);
    if (!room)
        return MR_NO_MEMORY;
    memcpy(room, &second, sizeof second);
    r->to = half;
    return MR_OK;
}

static mr_status solve_range(mr_fork *fork, mr_bytes task)
{
    range r;
    text out = {0};
    const mr_fork_signs *signs = mr_fork_look(fork);
    bool gave = false;
    mr_status status = MR_OK;
    memcpy(&r, task.data, sizeof r);
    for (uint64_t i = r.from; i < r.to && status == MR_OK; i++) {
        add_item(&out, i);
        spin(2e-6);
        if (mr_fork_wanted(signs) && r.to - i > 4 && !gave) {
            range left = {i + 1, r.to};
            status = give_away(fork, &left);
            r.to = left.to;
            gave = true;
        }
    }
    if (status == MR_OK)
        status = mr_fork_return(fork, out.bytes, out.size);
    free(out.bytes);
    return status;
}

static mr_status join_range(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    text out = {0};
    (void)task;
    for (size_t i = 0; i < count; i++)
        add(&out, results[i].data, results[i].size);
    mr_status status = mr_fork_return(fork, out.bytes, out.size);
    free(out.bytes);
    return status;
}

/* ---- A search: the smallest number of a leaf, cut to few values so that many are equal ---- */

static int64_t value_of(const task_head *t)
{
    return (int64_t)(mix(t->number ^ 0x77) % 64);
}

/* Below a node nothing is smaller than this. */
static int64_t bound_of(const task_head *t)
{
    uint64_t parts = parts_of(t);
    int64_t least = parts ? INT64_MAX : value_of(t);
    for (uint64_t i = 0; i < parts; i++) {
        task_head part = part_of(t, i);
        int64_t bound = bound_of(&part);
        least = bound < least ? bound : least;
    }
    return least;
}

static mr_status split_search(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    if (t.depth > 2 && t.deepest - t.depth < 4 && bound_of(&t) > mr_fork_best(fork))
        return MR_OK;
    return split(fork, task);
}

static mr_status solve_search(mr_fork *fork, mr_bytes task)
{
    task_head t = head_of(task);
    char name[32];
    size_t size = (size_t)snprintf(name, sizeof name, "%llx", (unsigned long long)t.number);
    return parts_of(&t) ? MR_OK : mr_fork_improve(fork, value_of(&t), (mr_bytes){name, size});
}

typedef struct best {
    bool is_found;
    int64_t value;
    char name[32];
} best;

static void walk_search(const task_head *t, best *b)
{
    uint64_t parts = parts_of(t);
    char name[32];
    for (uint64_t i = 0; i < parts; i++) {
        task_head part = part_of(t, i);
        walk_search(&part, b);
    }
    if (parts > 0)
        return;
    int64_t value = value_of(t);
    snprintf(name, sizeof name, "%llx", (unsigned long long)t->number);
    if (!b->is_found || value < b->value || (value == b->value && strcmp(name, b->name) < 0)) {
        *b = (best){.is_found = true, .value = value};
        memcpy(b->name, name, sizeof name);
    }
}

/* ---- One task that ends all ---- */

static mr_status solve_some(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    const mr_fork_signs *signs = mr_fork_look(fork);
    task_head t = head_of(task);
    bool is_it = t.number == strtoull(s->at, NULL, 16);
    if (is_it && strcmp(s->what, "fail") == 0)
        return mr_fork_fail(fork, MR_BAD_INPUT, "leaf %s: as it was told", s->at);
    if (is_it && strcmp(s->what, "status") == 0)
        return MR_FAILED;
    if (is_it && strcmp(s->what, "crash") == 0)
        *(volatile int *)NULL = 1;
    if (is_it && strcmp(s->what, "cancel") == 0) {
        MR_TRY(mr_fork_improve(fork, 7, mr_bytes_of("found")));
        mr_fork_cancel(fork);
        return MR_OK;
    }
    if (is_it && strcmp(s->what, "greedy") == 0)
        for (t.depth++, t.padding = 1 << 20;; t.number++)
            MR_TRY(put(fork, &t));
    for (double left = s->seconds; left > 0 && !mr_fork_cancelled(signs); left -= 1e-3)
        spin(1e-3);
    return solve_map(fork, task);
}

/* ---- Cases ---- */

static bool same(mr_bytes got, mr_bytes want)
{
    return mr_bytes_equal(got, want);
}

static mr_fork_join base(state *s)
{
    return (mr_fork_join){
        .size = sizeof(mr_fork_join), .name = "trees", .split = split, .context = s};
}

static task_head root_of(uint64_t seed, int32_t deepest, uint64_t padding)
{
    return (task_head){mix(seed), 0, deepest, padding};
}

/* With its padding, to be freed. */
static mr_bytes root_task(const task_head *t)
{
    char *bytes = malloc(sizeof *t + t->padding);
    memcpy(bytes, t, sizeof *t);
    for (size_t i = sizeof *t; i < sizeof *t + t->padding; i++)
        bytes[i] = (char)(t->number + i);
    return (mr_bytes){bytes, sizeof *t + t->padding};
}

static mr_status compare(mr_job *job, const char *what, uint64_t seed, mr_item *got, mr_bytes want,
                         bool everywhere)
{
    bool has = mr_job_rank(job) == 0 || everywhere;
    bool ok = has ? same(got->bytes, want) : got->bytes.size == 0;
    if (!ok)
        mr_job_fail(job, MR_FAILED, "wrong: %s %llu: %zu bytes, not %zu", what,
                    (unsigned long long)seed, got->bytes.size, want.size);
    mr_item_free(got);
    return mr_job_agree(job);
}

static mr_status case_brackets(mr_job *job, state *s, uint64_t seed)
{
    mr_fork_join how = base(s);
    how.solve = solve_brackets;
    how.join = join_brackets;
    how.everywhere = seed % 3 == 0;
    how.local_size = seed % 2 * 100;
    task_head t = root_of(seed, (int32_t)(seed % 9), seed % 5 == 4 ? 200000 : 0);
    mr_bytes task = root_task(&t);
    mr_item item;
    text want = {0};
    mr_status status = mr_fork_run(job, &how, mr_job_rank(job) == 0 ? task : (mr_bytes){0}, &item);
    walk_brackets(&want, &t);
    if (status == MR_OK)
        status = compare(job, "brackets", seed, &item, (mr_bytes){want.bytes, want.size},
                         how.everywhere);
    free(want.bytes);
    free((char *)task.data);
    return status;
}

static mr_status case_map(mr_job *job, state *s, uint64_t seed)
{
    mr_fork_join how = base(s);
    how.solve = solve_map;
    how.join = join_map;
    how.everywhere = true;
    task_head t = root_of(seed, (int32_t)(4 + seed % 7), 0);
    mr_item item;
    MR_TRY(mr_fork_run(job, &how, (mr_bytes){(const char *)&t, sizeof t}, &item));
    map want = walk_map(&t);
    return compare(job, "map", seed, &item, (mr_bytes){(const char *)&want, sizeof want}, true);
}

static mr_status case_range(mr_job *job, state *s, uint64_t seed)
{
    mr_fork_join how = base(s);
    how.split = NULL;
    how.solve = solve_range;
    how.join = join_range;
    range r = {seed, seed + (seed % 4 ? 700 : 5)};
    mr_item item;
    text want = {0};
    MR_TRY(mr_fork_run(job, &how, (mr_bytes){(const char *)&r, sizeof r}, &item));
    for (uint64_t i = r.from; i < r.to; i++)
        add_item(&want, i);
    mr_status status = compare(job, "range", seed, &item, (mr_bytes){want.bytes, want.size}, false);
    free(want.bytes);
    return status;
}

static mr_status case_search(mr_job *job, state *s, uint64_t seed)
{
    mr_fork_join how = base(s);
    how.split = split_search;
    how.solve = solve_search;
    how.smallest = true;
    task_head t = root_of(seed, (int32_t)(4 + seed % 7), 0);
    mr_fork_found found;
    best want = {0};
    MR_TRY(mr_fork_search(job, &how, (mr_bytes){(const char *)&t, sizeof t}, &found));
    walk_search(&t, &want);
    if (found.is_found != want.is_found || found.value != want.value)
        mr_job_fail(job, MR_FAILED, "wrong: search %llu: %lld, not %lld", (unsigned long long)seed,
                    (long long)found.value, (long long)want.value);
    return compare(job, "search", seed, &found.item, mr_bytes_of(want.name), true);
}

/* Hardly a tree: deeper than any stack. */
static mr_status split_deep(mr_fork *fork, mr_bytes task)
{
    uint64_t left;
    memcpy(&left, task.data, sizeof left);
    if (left == 0)
        return MR_OK;
    const uint64_t none = 0, next = left - 1;
    if (left % 3 == 0)
        MR_TRY(mr_fork_put(fork, (mr_bytes){(const char *)&none, sizeof none}));
    MR_TRY(mr_fork_put(fork, (mr_bytes){(const char *)&next, sizeof next}));
    if (left % 1000 == 0)
        MR_TRY(mr_fork_put(fork, (mr_bytes){(const char *)&none, sizeof none}));
    return MR_OK;
}

static mr_status solve_deep(mr_fork *fork, mr_bytes task)
{
    const map m = {1, 1};
    (void)task;
    return mr_fork_return(fork, &m, sizeof m);
}

static mr_status case_deep(mr_job *job, state *s, uint64_t seed)
{
    const uint64_t deep = seed % 2 == 0 ? 200000 : 1000 * (seed % 30);
    mr_fork_join how = base(s);
    how.split = split_deep;
    how.solve = solve_deep;
    how.join = join_map;
    mr_item item;
    MR_TRY(mr_fork_run(job, &how, (mr_bytes){(const char *)&deep, sizeof deep}, &item));
    const map want = {1, 1 + deep / 3 + deep / 1000};
    return compare(job, "deep", seed, &item, (mr_bytes){(const char *)&want, sizeof want}, false);
}

/* A leaf that ends all; its path is printed before. */
static mr_status case_some(mr_job *job, state *s, uint64_t seed)
{
    mr_fork_join how = base(s);
    how.solve = solve_some;
    how.join = join_map;
    task_head t = root_of(seed, 9, 0);
    mr_fork_found found;
    mr_item item;
    mr_bytes task = {(const char *)&t, sizeof t};
    if (strcmp(s->what, "cancel") != 0) {
        MR_TRY(mr_fork_run(job, &how, task, &item));
        mr_item_free(&item);
        return MR_OK;
    }
    MR_TRY(mr_fork_run(job, &how, task, &item));
    MR_TRY(compare(job, "cancelled", seed, &item, (mr_bytes){0}, true));
    MR_TRY(mr_fork_search(job, &how, task, &found));
    if (!found.is_found || found.value != 7)
        mr_job_fail(job, MR_FAILED, "wrong: nothing found");
    return compare(job, "cancel", seed, &found.item, mr_bytes_of("found"), true);
}

/* "number path" of each leaf, for who wants to name one. */
static void list_leaves(text *out, const task_head *t, const char *path)
{
    char line[512];
    uint64_t parts = parts_of(t);
    if (parts == 0)
        add(out, line,
            (size_t)snprintf(line, sizeof line, "%llx %s\n", (unsigned long long)t->number, path));
    for (uint64_t i = 0; i < parts; i++) {
        task_head part = part_of(t, i);
        snprintf(line, sizeof line, "%.400s.%llu", path, (unsigned long long)i);
        list_leaves(out, &part, line);
    }
}

static mr_status list(mr_job *job)
{
    task_head t = root_of(mr_job_seed(job), 9, 0);
    text out = {0};
    list_leaves(&out, &t, "root");
    mr_status status = mr_job_write_text(job, out.bytes, out.size);
    free(out.bytes);
    return status;
}

static mr_status run(mr_job *job)
{
    static const struct {
        const char *name;
        mr_status (*run)(mr_job *job, state *s, uint64_t seed);
    } kinds[] = {{"brackets", case_brackets}, {"map", case_map},    {"range", case_range},
                 {"search", case_search},     {"deep", case_deep},  {"fail", case_some},
                 {"status", case_some},       {"crash", case_some}, {"cancel", case_some},
                 {"greedy", case_some},       {"sleep", case_some}};
    state *s = mr_job_state(job);
    char told[64];
    if (strcmp(s->what, "list") == 0)
        return list(job);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(s->what, kinds[k].name) == 0 || (strcmp(s->what, "all") == 0 && k < 5))
            for (int64_t i = 0; i < (k == 4 ? 2 : s->cases); i++)
                MR_TRY(kinds[k].run(job, s, mr_job_seed(job) + (uint64_t)i));
    int size = snprintf(told, sizeof told, "%s: good\n", s->what);
    return mr_job_write_text(job, told, (size_t)size);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "all", "which cases", false},
    {"at", MR_OPTION_TEXT, offsetof(state, at), "0", "the number of a leaf", false},
    {"cases", MR_OPTION_I64, offsetof(state, cases), "1", "how many of a kind", false},
    {"seconds", MR_OPTION_F64, offsetof(state, seconds), "0", "that a leaf takes", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "fork",     .summary = "random trees",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};

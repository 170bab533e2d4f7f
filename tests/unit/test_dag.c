/*
 * tests/unit/test_dag.c: graphs of tasks, run by a runner that is no pool: random ones against what
 * a plain loop finds, circles, failures, the order in which tasks are begun, and what is freed
 * when.
 */
#include "random.h"

#include "base/memory.h"
#include "tasks/dag.h"

#include <CUnit/Basic.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- A runner of one thread, which ends tasks in any order ---- */

#define MOST 4096

static mr_status one(mr_task *task)
{
    (void)task;
    return MR_OK;
}
static mr_status two(mr_task *task)
{
    (void)task;
    return MR_FAILED;
}
static const mr_task_kind kinds[] = {{.name = "one", .run = one}, {.name = "two", .run = two}, {0}};

typedef struct bench {
    uint64_t random, begun, clock;
    mr_delayed *lying[MOST];
    double priority[MOST];
    size_t lies, most;
    unsigned hands;       /* tasks that run at once; 0: any that lies there may end next */
    bool *fails;          /* by number */
    uint64_t *runs;       /* by number */
    double *begins;       /* by number: turn at which it began */
    bool is_wrong;        /* something was not as it has to be */
    uint64_t alive, seen; /* results */
} bench;

static int64_t own_value(uint64_t number)
{
    return (int64_t)(number * 2654435761u % 1000003);
}

static int64_t mixed(int64_t value, int64_t more)
{
    return (int64_t)((uint64_t)value * 31 + (uint64_t)more);
}

/* What a task makes of its arguments, which are here or the test has failed. */
static void compute(bench *b, mr_delayed *task)
{
    int64_t value = own_value(task->number);
    for (size_t i = 0; i < task->count; i++) {
        const mr_delayed_argument *a = &task->arguments[i];
        if (a->from && !a->from->handle)
            b->is_wrong = true;
        else
            value = mixed(value, *(const int64_t *)(a->from ? a->from->handle : a->data));
    }
    for (const mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to)
        b->is_wrong |= !edge->reads && !edge->from->has_run;
    int64_t *result = malloc(sizeof *result);
    *result = value;
    task->handle = result;
    if (++b->alive > b->seen)
        b->seen = b->alive;
}

static bool submit(void *context, mr_delayed *task, double priority, mr_error *error)
{
    bench *b = context;
    (void)error;
    b->is_wrong |= b->lies == MOST || task->handle;
    b->priority[b->lies] = priority;
    b->lying[b->lies++] = task;
    if (b->lies > b->most)
        b->most = b->lies;
    return true;
}

static void release(void *context, mr_delayed *task)
{
    bench *b = context;
    b->alive -= task->handle ? 1 : 0;
    free(task->handle);
    task->handle = NULL;
}

static void cancel(void *context, mr_delayed *task)
{
    (void)context;
    (void)task;
}

static const char *what(void *context, mr_delayed *task)
{
    (void)context;
    (void)task;
    return "it does not like it";
}

static size_t choose(bench *b)
{
    size_t best = 0;
    if (b->hands == 0)
        return random_below(&b->random, b->lies);
    for (size_t i = 1; i < b->lies; i++)
        if (b->priority[i] > b->priority[best])
            best = i;
    return best;
}

static void end_one(bench *b)
{
    const size_t at = choose(b);
    mr_delayed *task = b->lying[at];
    b->lying[at] = b->lying[--b->lies];
    b->priority[at] = b->priority[b->lies];
    const bool fails = b->fails && b->fails[task->number];
    if (b->runs)
        b->runs[task->number]++;
    if (!fails)
        compute(b, task);
    b->clock++;
    mr_dag_finish(task, fails ? MR_BAD_INPUT : MR_OK, 0, 1 + (double)random_below(&b->random, 5));
}

/* With hands: so many of those that lie there begin at once, the others have to wait until all of
 * these are done. */
static void turn(bench *b)
{
    mr_delayed *begun[16];
    size_t count = 0;
    for (; count < b->hands && b->lies > 0; count++) {
        const size_t at = choose(b);
        begun[count] = b->lying[at];
        b->begins[begun[count]->number] = (double)b->clock;
        b->lying[at] = b->lying[--b->lies];
        b->priority[at] = b->priority[b->lies];
    }
    for (size_t i = 0; i < count; i++) {
        compute(b, begun[i]);
        mr_dag_finish(begun[i], MR_OK, 0, 1);
    }
    b->clock++;
}

static mr_status wait_until(void *context, bool (*ready)(void *), void *of)
{
    bench *b = context;
    while (!ready(of)) {
        if (b->lies == 0) {
            b->is_wrong = true;
            return MR_FAILED;
        }
        if (b->hands > 0)
            turn(b);
        else
            end_one(b);
    }
    return MR_OK;
}

static const mr_dag_runner runner = {submit, release, cancel, what, wait_until, 2, NULL};

static mr_dag *make(bench *b, bool eager)
{
    mr_dag *dag = NULL;
    mr_error error = {.code = MR_OK};
    CU_ASSERT_EQUAL_FATAL(mr_dag_create("test", eager, kinds, &runner, b, &dag, &error), MR_OK);
    return dag;
}

static void destroy(bench *b, mr_dag *dag)
{
    for (mr_delayed *task = dag->first; task; task = task->next)
        release(b, task);
    CU_ASSERT_EQUAL(b->alive, 0);
    CU_ASSERT_FALSE(b->is_wrong);
    mr_dag_destroy(dag);
}

/* As mapred/delayed.h does it. */
static mr_delayed *add(mr_dag *dag, mr_task_run *run, const mr_delayed_argument *arguments,
                       size_t count, const mr_delayed_options *options)
{
    mr_dag_enter(dag);
    const uint64_t tasks = dag->count;
    mr_delayed *task = mr_dag_add_task(dag, run, arguments, count, options);
    if (dag->eager && dag->count > tasks)
        mr_dag_begin(task);
    mr_dag_leave(dag);
    return task;
}

static mr_delayed *after(mr_dag *dag, mr_delayed *a, mr_delayed *b)
{
    const mr_delayed_argument arguments[2] = {{.from = a}, {.from = b}};
    return add(dag, one, arguments, (size_t)(a != NULL) + (b != NULL), NULL);
}

/* ---- Random graphs ---- */

#define TASKS 120

/* The same graph, for the plain loop. Arguments are numbers of tasks, or values. */
typedef struct model {
    size_t count, arguments[TASKS], orders[TASKS];
    bool is_task[TASKS][4];
    int64_t argument[TASKS][4], value[TASKS];
    size_t order[TASKS][4];
    bool keep[TASKS], needed[TASKS], fails[TASKS], fell[TASKS];
    uint64_t runs[TASKS];
    mr_delayed *task[TASKS];
} model;

static void add_random(bench *b, mr_dag *dag, model *m)
{
    const size_t number = m->count;
    mr_delayed_argument arguments[4];
    m->arguments[number] = random_below(&b->random, 5);
    m->value[number] = own_value(number);
    for (size_t i = 0; i < m->arguments[number]; i++) {
        bool is_task = number > 0 && random_below(&b->random, 4) > 0;
        size_t near = number < 12 ? number : 12;
        int64_t value = is_task ? (int64_t)(number - 1 - random_below(&b->random, near))
                                : (int64_t)random_below(&b->random, 1000);
        m->is_task[number][i] = is_task;
        m->argument[number][i] = value;
        m->value[number] = mixed(m->value[number], is_task ? m->value[value] : value);
        arguments[i] = is_task ? (mr_delayed_argument){.from = m->task[value]}
                               : (mr_delayed_argument){&m->argument[number][i], 8, NULL};
    }
    m->keep[number] = random_below(&b->random, 6) == 0;
    const mr_delayed_options options = {
        .size = sizeof options,
        .keep = m->keep[number],
        .cost = (double)random_below(&b->random, 3),
    };
    m->task[number] = add(dag, random_below(&b->random, 2) ? one : two, arguments,
                          m->arguments[number], &options);
    m->count++;
}

static void order_random(bench *b, mr_dag *dag, model *m, bool any)
{
    const size_t later = random_below(&b->random, m->count);
    const size_t earlier = random_below(&b->random, any ? m->count : later + 1);
    if ((!any && earlier == later) || m->orders[later] == 4 ||
        m->task[later]->state > MR_DAG_WAITING || m->task[later]->has_run)
        return;
    mr_dag_enter(dag);
    CU_ASSERT_EQUAL(mr_dag_add_order(dag, m->task[earlier], m->task[later]), MR_OK);
    mr_dag_leave(dag);
    m->order[later][m->orders[later]++] = earlier;
}

/* What has to run for those that are kept, given which results are there. */
static void expect(model *m, const bool *there, const bool *ran)
{
    for (size_t i = 0; i < m->count; i++)
        m->needed[i] = m->keep[i] && !there[i];
    for (size_t pass = 0; pass < m->count; pass++)
        for (size_t i = m->count; i-- > 0;) {
            if (!m->needed[i])
                continue;
            for (size_t k = 0; k < m->arguments[i]; k++)
                if (m->is_task[i][k] && !there[m->argument[i][k]])
                    m->needed[m->argument[i][k]] = true;
            for (size_t k = 0; k < m->orders[i]; k++)
                if (!ran[m->order[i][k]])
                    m->needed[m->order[i][k]] = true;
        }
}

static void check_results(const model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const int64_t *result = m->task[i]->handle;
        CU_ASSERT_EQUAL(result != NULL, m->keep[i]);
        if (result)
            CU_ASSERT_EQUAL(*result, m->value[i]);
    }
}

static void test_lazy(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        bench b = {.random = seed};
        model m = {0};
        bool there[TASKS] = {false}, ran[TASKS] = {false};
        b.runs = m.runs;
        mr_dag *dag = make(&b, false);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < TASKS / 3; i++)
                add_random(&b, dag, &m);
            for (int i = 0; i < 12; i++)
                order_random(&b, dag, &m, false);
            expect(&m, there, ran);
            memset(m.runs, 0, sizeof m.runs);
            mr_error error;
            CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, NULL, 0, &error), MR_OK);
            for (size_t i = 0; i < m.count; i++) {
                CU_ASSERT_EQUAL(m.runs[i], m.needed[i]);
                ran[i] |= m.needed[i];
                there[i] = m.keep[i];
            }
            check_results(&m);
            CU_ASSERT_EQUAL(dag->results, b.alive);
        }
        destroy(&b, dag);
    }
}

static void test_wanted(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        bench b = {.random = seed};
        model m = {0};
        mr_dag *dag = make(&b, false);
        for (int i = 0; i < TASKS; i++)
            add_random(&b, dag, &m);
        memset(m.keep, 0, sizeof m.keep);
        for (mr_delayed *task = dag->first; task; task = task->next)
            task->keep = false;
        for (int round = 0; round < 5; round++) {
            mr_delayed *wanted[3];
            for (int i = 0; i < 3; i++) {
                const size_t number = random_below(&b.random, TASKS);
                wanted[i] = m.task[number];
                m.keep[number] = true;
            }
            mr_error error;
            CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, wanted, 3, &error), MR_OK);
            check_results(&m);
        }
        destroy(&b, dag);
    }
}

/* Tasks are run, and end, while others are still being added. */
static void test_eager(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        bench b = {.random = seed};
        model m = {0};
        b.runs = m.runs;
        mr_dag *dag = make(&b, true);
        for (int round = 0; round < 3; round++) {
            const uint64_t again = dag->again;
            for (int i = 0; i < TASKS / 3; i++) {
                add_random(&b, dag, &m);
                if (random_below(&b.random, 3) == 0)
                    order_random(&b, dag, &m, false);
                while (b.lies > 0 && random_below(&b.random, 2))
                    end_one(&b);
            }
            mr_error error;
            CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, NULL, 0, &error), MR_OK);
            check_results(&m);
            for (size_t i = 0; i < m.count; i++)
                CU_ASSERT(m.runs[i] >= 1);
            if (round == 0)
                CU_ASSERT_EQUAL(dag->again, again);
        }
        destroy(&b, dag);
    }
}

/* ---- Circles ---- */

/* Whether a task can be reached from itself, by edges or orders, among those that are needed. */
static bool has_circle(const model *m)
{
    static bool before[TASKS][TASKS];
    memset(before, 0, sizeof before);
    for (size_t i = 0; i < m->count; i++) {
        for (size_t k = 0; k < m->arguments[i]; k++)
            if (m->is_task[i][k])
                before[m->argument[i][k]][i] = true;
        for (size_t k = 0; k < m->orders[i]; k++)
            before[m->order[i][k]][i] = true;
    }
    for (size_t k = 0; k < m->count; k++)
        for (size_t i = 0; i < m->count; i++)
            for (size_t j = 0; before[i][k] && j < m->count; j++)
                before[i][j] |= before[k][j];
    bool has = false;
    for (size_t i = 0; i < m->count; i++)
        for (size_t j = 0; before[i][i] && j < m->count; j++)
            has |= m->keep[j] && (i == j || before[i][j]);
    return has;
}

static bool is_before(const mr_dag *dag, unsigned long from, unsigned long to)
{
    const mr_delayed *task = dag->first;
    while (task && task->number != to)
        task = task->next;
    for (const mr_dag_edge *edge = task ? task->before : NULL; edge; edge = edge->next_of_to)
        if (edge->from->number == from)
            return true;
    return false;
}

/* "circle of 3 tasks: graph test: one 4 -> two 7 -> one 2 -> one 4: ..." */
static void check_circle(const mr_dag *dag, const char *text)
{
    unsigned long tasks = 0, named = 0, before = 0, number = 0;
    const char *at = strstr(text, "graph test: ");
    CU_ASSERT_EQUAL_FATAL(sscanf(text, "circle of %lu tasks", &tasks), 1);
    CU_ASSERT_FATAL(at != NULL);
    bool is_known = false;
    for (at += 12; at; named++) {
        if (strncmp(at, "...", 3) == 0) {
            is_known = false;
        } else {
            CU_ASSERT_EQUAL_FATAL(sscanf(at, "%*s %lu", &number), 1);
            CU_ASSERT(!is_known || is_before(dag, before, number));
            is_known = true;
            before = number;
        }
        at = strstr(at, " -> ");
        at = at ? at + 4 : NULL;
    }
    CU_ASSERT(named == tasks + 1 || (tasks > 10 && named <= 14));
}

static void test_circles(void)
{
    int circles = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        bench b = {.random = seed};
        model m = {0};
        mr_dag *dag = make(&b, seed % 3 == 0);
        const size_t count = 3 + seed % (TASKS - 3);
        while (m.count < count) {
            add_random(&b, dag, &m);
            while (b.lies > 0 && random_below(&b.random, 3) == 0)
                end_one(&b);
        }
        for (uint64_t i = 0; i < 1 + seed % 5; i++)
            order_random(&b, dag, &m, true);
        if (dag->eager)
            memset(m.keep, 1, sizeof m.keep);
        for (mr_delayed *task = dag->first; task && dag->eager; task = task->next)
            mr_dag_keep_task(task);
        mr_error error;
        const bool has = has_circle(&m);
        circles += has;
        CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, NULL, 0, &error), has ? MR_USAGE : MR_OK);
        if (has)
            check_circle(dag, error.text);
        else
            check_results(&m);
        destroy(&b, dag);
    }
    CU_ASSERT(circles > 50 && circles < 250);
}

/* ---- Failures ---- */

static void test_failures(void)
{
    int failed = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        bench b = {.random = seed};
        model m = {0};
        b.runs = m.runs;
        b.fails = m.fails;
        mr_dag *dag = make(&b, seed % 2);
        for (int i = 0; i < TASKS; i++) {
            m.fails[i] = random_below(&b.random, 60) == 0;
            add_random(&b, dag, &m);
            while (dag->eager && b.lies > 0 && random_below(&b.random, 2))
                end_one(&b);
        }
        mr_error error;
        mr_status status = mr_dag_run_tasks(dag, NULL, 0, &error);
        bool any = false;
        for (size_t i = 0; i < m.count; i++) {
            m.fell[i] = m.fails[i] && m.runs[i] > 0;
            any |= m.fell[i];
            for (size_t k = 0; k < m.arguments[i]; k++)
                if (m.is_task[i][k] && m.fell[m.argument[i][k]]) {
                    m.fell[i] = true;
                    CU_ASSERT_EQUAL(m.runs[i], 0);
                }
        }
        CU_ASSERT_EQUAL(status, any ? MR_BAD_INPUT : MR_OK);
        failed += any;
        if (any) {
            char name[32];
            size_t first = 0;
            while (!(m.fails[first] && m.runs[first]))
                first++;
            snprintf(name, sizeof name, " %zu: it does not", first);
            CU_ASSERT(strstr(error.text, name) != NULL);
        }
        /* What is missing can be run when it has been mended. */
        memset(m.fails, 0, sizeof m.fails);
        CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, NULL, 0, &error), MR_OK);
        check_results(&m);
        destroy(&b, dag);
    }
    CU_ASSERT(failed > 50);
}

/* ---- What comes first ---- */

/* One long chain, added last, and many leaves: two hands, all tasks of a turn. */
static void test_chain_first(void)
{
    enum { LEAVES = 200, LENGTH = 60 };
    double begins[LEAVES + LENGTH + 2];
    bench b = {.hands = 2, .begins = begins};
    mr_dag *dag = make(&b, false);
    mr_delayed *leaves[LEAVES], *chain = NULL;
    mr_delayed_argument all[LEAVES + 1];
    for (int i = 0; i < LEAVES; i++) {
        leaves[i] = add(dag, one, NULL, 0, NULL);
        all[i] = (mr_delayed_argument){.from = leaves[i]};
    }
    for (int i = 0; i < LENGTH; i++)
        chain = after(dag, chain, NULL);
    all[LEAVES] = (mr_delayed_argument){.from = chain};
    mr_delayed *end = add(dag, two, all, LEAVES + 1, NULL);
    mr_error error;
    CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, &end, 1, &error), MR_OK);
    for (int i = 0; i < LENGTH; i++)
        CU_ASSERT(begins[LEAVES + i] <= i + 1); /* one after the other, from the start */
    CU_ASSERT(begins[end->number] <= (LEAVES + LENGTH) / 2 + 2);
    destroy(&b, dag);
}

/* A chain that nothing else hangs on, wanted after a wide tree: it is begun in time. */
static void test_chain_in_time(void)
{
    enum { LEAVES = 300, LENGTH = 100 };
    static double begins[2 * LEAVES + LENGTH];
    bench b = {.hands = 2, .begins = begins};
    mr_dag *dag = make(&b, false);
    mr_delayed *wanted[LEAVES + 1], *chain = NULL;
    for (int i = 0; i < LEAVES; i++)
        wanted[i] = after(dag, after(dag, NULL, NULL), NULL);
    for (int i = 0; i < LENGTH; i++)
        chain = after(dag, chain, NULL);
    wanted[LEAVES] = chain;
    mr_error error;
    CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, wanted, LEAVES + 1, &error), MR_OK);
    CU_ASSERT(b.clock <= (2 * LEAVES + LENGTH) / 2 + 4); /* as fast as two hands can */
    destroy(&b, dag);
}

/* A tree's results are read soon after they are made. */
static void test_tree_is_lean(void)
{
    enum { LEAVES = 2048 };
    mr_delayed *level[LEAVES];
    static double begins[2 * LEAVES];
    bench b = {.hands = 2, .begins = begins};
    mr_dag *dag = make(&b, false);
    for (int i = 0; i < LEAVES; i++)
        level[i] = after(dag, NULL, NULL);
    for (int width = LEAVES; width > 1; width /= 2)
        for (int i = 0; i < width / 2; i++)
            level[i] = after(dag, level[2 * i], level[2 * i + 1]);
    mr_error error;
    CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, level, 1, &error), MR_OK);
    CU_ASSERT(dag->most_results <= 3 * 11 + b.most); /* its depth, and some: not its width */
    CU_ASSERT_EQUAL(dag->results, 1);
    destroy(&b, dag);
}

/* ---- The rest ---- */

static void test_keys(void)
{
    bench b = {0};
    mr_dag *dag = make(&b, false);
    mr_delayed *tasks[1000];
    char key[32];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "key %d", i);
            const mr_delayed_options options = {.size = sizeof options, .key = key};
            mr_delayed *task = add(dag, one, NULL, 0, &options);
            CU_ASSERT_PTR_NOT_NULL_FATAL(task);
            if (pass)
                CU_ASSERT_PTR_EQUAL(task, tasks[i]);
            tasks[i] = task;
        }
    CU_ASSERT_EQUAL(dag->count, 1000);
    const mr_delayed_options options = {.size = sizeof options, .key = "key 17"};
    CU_ASSERT_PTR_NULL(add(dag, two, NULL, 0, &options));
    CU_ASSERT_EQUAL(dag->error.code, MR_USAGE);
    CU_ASSERT_STRING_EQUAL(dag->error.text,
                           "same key, other function: key 17: it is one of one and of two");
    destroy(&b, dag);
}

static void test_wrong_use(void)
{
    bench b = {0}, c = {0};
    mr_dag *dag = make(&b, false), *other = make(&c, false);
    CU_ASSERT_PTR_NULL(add(dag, NULL, NULL, 0, NULL));
    CU_ASSERT_EQUAL(dag->error.code, MR_USAGE);
    dag->error.code = MR_OK;
    mr_delayed *mine = after(dag, NULL, NULL), *stranger = after(other, NULL, NULL);
    CU_ASSERT_PTR_NULL(after(dag, mine, stranger));
    CU_ASSERT(strstr(dag->error.text, "argument 1: it is a task of another graph") != NULL);
    CU_ASSERT_EQUAL(mr_dag_add_order(dag, mine, stranger), MR_USAGE);
    mr_error error;
    CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, &mine, 1, &error), MR_OK);
    mr_delayed *more = after(dag, NULL, NULL);
    CU_ASSERT_EQUAL(mr_dag_add_order(dag, more, mine), MR_USAGE);
    destroy(&c, other);
    destroy(&b, dag);
}

/* The longest chain, by what tasks took, against a loop over all edges in the order of numbers. */
static void test_path(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        bench b = {.random = seed};
        model m = {0};
        double path[TASKS], longest = 0, seconds = 0;
        mr_dag *dag = make(&b, false);
        for (int i = 0; i < TASKS; i++)
            add_random(&b, dag, &m);
        for (int i = 0; i < TASKS; i++)
            mr_dag_keep_task(m.task[i]);
        mr_error error;
        CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, NULL, 0, &error), MR_OK);
        for (size_t i = 0; i < TASKS; i++) {
            path[i] = 0;
            for (size_t k = 0; k < m.arguments[i]; k++)
                if (m.is_task[i][k] && path[m.argument[i][k]] > path[i])
                    path[i] = path[m.argument[i][k]];
            path[i] += m.task[i]->seconds;
            longest = path[i] > longest ? path[i] : longest;
        }
        CU_ASSERT_EQUAL(dag->longest->path, longest);
        for (const mr_delayed *task = dag->longest; task; task = task->path_from)
            seconds += task->seconds;
        CU_ASSERT_EQUAL(seconds, longest);
        char *json = mr_dag_path_json(dag);
        mr_text text = {0};
        mr_dag_path_text(dag, &text);
        CU_ASSERT(json && strstr(json, "\"ran\":120") != NULL);
        CU_ASSERT(text.size > 0 && !memchr(text.data, '\n', text.size));
        mr_text_free(&text);
        free(json);
        destroy(&b, dag);
    }
}

static void test_dot(void)
{
    bench b = {0};
    mr_dag *dag = make(&b, false);
    const mr_delayed_options options = {.size = sizeof options, .key = "a\"\\\n", .keep = true};
    mr_delayed *first = add(dag, one, NULL, 0, &options);
    mr_delayed *second = after(dag, first, NULL);
    mr_dag_add_order(dag, first, second);
    mr_text text = {0};
    mr_dag_draw(dag, &text);
    mr_text_add(&text, "", 1);
    CU_ASSERT_STRING_EQUAL(text.data, "digraph \"test\" {\n"
                                      "    node [shape=box];\n"
                                      "    t0 [label=\"one\\na\\\"\\\\?\", peripheries=2];\n"
                                      "    t1 [label=\"one\"];\n"
                                      "    t0 -> t1;\n"
                                      "    t0 -> t1 [style=dashed];\n"
                                      "}\n");
    mr_text_free(&text);
    destroy(&b, dag);
}

/* Deeper than any stack, and as many tasks at once. */
static void test_deep(void)
{
    enum { TASKS_DEEP = 300000 };
    bench b = {.random = 1};
    const uint64_t used = mr_memory_used();
    mr_dag *dag = make(&b, false);
    mr_delayed *task = NULL;
    for (int i = 0; i < TASKS_DEEP; i++)
        task = after(dag, task, NULL);
    mr_error error;
    CU_ASSERT_EQUAL(mr_dag_run_tasks(dag, &task, 1, &error), MR_OK);
    CU_ASSERT_EQUAL(dag->most_results, 2);
    CU_ASSERT_EQUAL(dag->ran, TASKS_DEEP);
    mr_dag_enter(dag);
    CU_ASSERT_EQUAL(mr_dag_add_order(dag, task, dag->first), MR_USAGE);
    mr_dag_leave(dag);
    destroy(&b, dag);
    CU_ASSERT_EQUAL(mr_memory_used(), used);
}

/* ---- Many threads that end tasks ---- */

#define HANDS 4

typedef struct shop {
    pthread_mutex_t lock;
    pthread_cond_t more;
    mr_delayed *lying[MOST];
    size_t lies;
    bool is_closed;
    atomic_uint_fast64_t ran;
} shop;

static bool shop_submit(void *context, mr_delayed *task, double priority, mr_error *error)
{
    shop *s = context;
    (void)priority;
    (void)error;
    pthread_mutex_lock(&s->lock);
    s->lying[s->lies++] = task;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void shop_release(void *context, mr_delayed *task)
{
    (void)context;
    task->handle = NULL;
}

static mr_status shop_wait(void *context, bool (*ready)(void *), void *of)
{
    (void)context;
    while (!ready(of))
        sched_yield();
    return MR_OK;
}

static void *hand(void *context)
{
    shop *s = context;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (s->lies == 0 && !s->is_closed)
            pthread_cond_wait(&s->more, &s->lock);
        mr_delayed *task = s->lies > 0 ? s->lying[--s->lies] : NULL;
        pthread_mutex_unlock(&s->lock);
        if (!task)
            return NULL;
        atomic_fetch_add(&s->ran, 1);
        mr_dag_finish(task, MR_OK, 0, 1e-6);
    }
}

static void test_threads(void)
{
    static shop s = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    const mr_dag_runner threads = {shop_submit, shop_release, cancel, what, shop_wait, HANDS, NULL};
    pthread_t thread[HANDS];
    uint64_t random = 3, added = 0;
    for (int i = 0; i < HANDS; i++)
        pthread_create(&thread[i], NULL, hand, &s);
    for (int round = 0; round < 40; round++) {
        mr_dag *dag = NULL;
        mr_delayed *tasks[500];
        mr_error error = {.code = MR_OK};
        mr_dag_create("test", round % 2, kinds, &threads, &s, &dag, &error);
        for (uint64_t i = 0; i < 500; i++, added++)
            tasks[i] =
                i ? after(dag, tasks[random_below(&random, i)], NULL) : after(dag, NULL, NULL);
        mr_delayed *all = NULL;
        CU_ASSERT_EQUAL(
            mr_dag_run_tasks(dag, dag->eager ? &all : tasks, dag->eager ? 0 : 500, &error), MR_OK);
        mr_dag_destroy(dag);
    }
    pthread_mutex_lock(&s.lock);
    s.is_closed = true;
    pthread_cond_broadcast(&s.more);
    pthread_mutex_unlock(&s.lock);
    for (int i = 0; i < HANDS; i++)
        pthread_join(thread[i], NULL);
    CU_ASSERT_EQUAL(s.ran, added);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("dag", NULL, NULL);
    CU_add_test(suite, "lazy", test_lazy);
    CU_add_test(suite, "wanted", test_wanted);
    CU_add_test(suite, "eager", test_eager);
    CU_add_test(suite, "circles", test_circles);
    CU_add_test(suite, "failures", test_failures);
    CU_add_test(suite, "chain first", test_chain_first);
    CU_add_test(suite, "chain in time", test_chain_in_time);
    CU_add_test(suite, "tree is lean", test_tree_is_lean);
    CU_add_test(suite, "keys", test_keys);
    CU_add_test(suite, "wrong use", test_wrong_use);
    CU_add_test(suite, "path", test_path);
    CU_add_test(suite, "dot", test_dot);
    CU_add_test(suite, "deep", test_deep);
    CU_add_test(suite, "threads", test_threads);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

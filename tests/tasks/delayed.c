/*
 * tasks/delayed.c: a driver that builds and runs graphs of tasks as a file says, for delayed.py. A
 * line is a word and what belongs to it:
 *
 *     graph lazy|eager         a new graph; the one before is closed
 *     add KIND KEY COST KEEP ARGUMENT...   KEY may be -, an argument is t and a number or a number
 *     order T T                the first before the second
 *     run T... | run all       writes "run STATUS"
 *     get T                    writes "get VALUE"
 *     starts                   writes the tasks that were kept in the order in which they began
 *     path                     writes what the longest chain was
 *     dot                      writes the graph
 *
 * --rank R: rank R builds; -1: all do, and have to come to the same.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST      200000 /* tasks of a graph */
#define ARGUMENTS 256
#define LARGE     ((size_t)1 << 20)

typedef struct state {
    const char *file;
    int64_t rank;
} state;

/* ---- Kernels ---- */

static atomic_int_fast64_t kernels; /* that have run on this rank */

typedef struct stamped {
    int64_t value;
    double start;
} stamped;

static double now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec * 1e-9;
}

/* Large ones have the low byte of their value all over. */
static bool value_of(mr_bytes bytes, uint64_t *value)
{
    if (bytes.size < sizeof *value)
        return false;
    memcpy(value, bytes.data, sizeof *value);
    for (size_t i = sizeof *value; bytes.size == LARGE && i < LARGE; i += 4093)
        if ((unsigned char)bytes.data[i] != (*value & 255))
            return false;
    return true;
}

static bool mix_arguments(mr_task *task, uint64_t *mixed)
{
    *mixed = 17;
    for (size_t i = 0; i < mr_task_argument_count(task); i++) {
        uint64_t value;
        mr_bytes bytes = mr_task_argument(task, i);
        if (((uintptr_t)bytes.data & 15) != 0 || !value_of(bytes, &value))
            return false;
        *mixed = (*mixed * 31 + value) % 1000000007;
    }
    atomic_fetch_add(&kernels, 1);
    return true;
}

static mr_status mix(mr_task *task)
{
    uint64_t value;
    if (!mix_arguments(task, &value))
        return mr_task_fail(task, MR_FAILED, "its arguments are not what they were");
    return mr_task_return(task, &value, sizeof value);
}

static mr_status large(mr_task *task)
{
    uint64_t value;
    char *result = mr_task_result(task, LARGE);
    if (!result)
        return MR_NO_MEMORY;
    if (!mix_arguments(task, &value))
        return mr_task_fail(task, MR_FAILED, "its arguments are not what they were");
    memset(result, (int)(value & 255), LARGE);
    memcpy(result, &value, sizeof value);
    return MR_OK;
}

static void nap(long microseconds)
{
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
}

static mr_status slow(mr_task *task)
{
    nap((long)(mr_task_number(task) % 7) * 100);
    return mix(task);
}

static mr_status stamp(mr_task *task)
{
    stamped result = {.start = now()};
    uint64_t value;
    nap(3000);
    if (!mix_arguments(task, &value))
        return mr_task_fail(task, MR_FAILED, "its arguments are not what they were");
    result.value = (int64_t)value;
    return mr_task_return(task, &result, sizeof result);
}

static mr_task_run nest;

static mr_status fail(mr_task *task)
{
    return mr_task_fail(task, MR_BAD_INPUT, "it is a bad one");
}

static const mr_task_kind kinds[] = {
    {.name = "mix", .run = mix},
    {.name = "large", .run = large},
    {.name = "slow", .run = slow},
    {.name = "stamp", .run = stamp},
    {.name = "fail", .run = fail},
    {.name = "nest", .run = nest},
    {0},
};

/* A graph within a task: the same as mix of its own arguments. */
static mr_status nest(mr_task *task)
{
    mr_delayed_argument arguments[8];
    mr_dag *dag;
    mr_bytes result;
    const size_t count = mr_task_argument_count(task);
    MR_TRY(mr_dag_open(mr_task_pool(task), NULL, &dag));
    for (size_t i = 0; i < count; i++) {
        mr_bytes bytes = mr_task_argument(task, i);
        arguments[i] = (mr_delayed_argument){bytes.data, bytes.size, NULL};
    }
    mr_delayed *inner = mr_dag_add(dag, mix, arguments, count, NULL);
    mr_status status = inner ? mr_dag_run(dag, &inner, 1) : MR_FAILED;
    if (status == MR_OK)
        status = mr_delayed_get(inner, &result);
    if (status == MR_OK)
        status = mr_task_return(task, result.data, sizeof(uint64_t));
    mr_dag_close(&dag);
    return status;
}

/* ---- What the file says ---- */

typedef struct machine {
    mr_pool *pool;
    mr_dag *dag;
    mr_delayed **tasks;
    size_t count;
    char *text;
    size_t used, room;
} machine;

static void say(machine *m, const char *text, size_t size)
{
    if (m->used + size > m->room) {
        m->room = (m->used + size) * 2;
        m->text = realloc(m->text, m->room);
    }
    memcpy(m->text + m->used, text, size);
    m->used += size;
}

static void say_number(machine *m, const char *word, int64_t number)
{
    char line[64];
    say(m, line, (size_t)snprintf(line, sizeof line, "%s %" PRId64 "\n", word, number));
}

static mr_status begin(machine *m, const char *how)
{
    mr_dag_close(&m->dag);
    m->count = 0;
    const mr_dag_options options = {
        .size = sizeof options, .name = "told", .eager = strcmp(how, "eager") == 0};
    return mr_dag_open(m->pool, &options, &m->dag);
}

static mr_task_run *run_of(const char *name)
{
    for (const mr_task_kind *kind = kinds; kind->name; kind++)
        if (strcmp(kind->name, name) == 0)
            return kind->run;
    return NULL;
}

static mr_delayed *task_of(const machine *m, const char *word)
{
    return word ? m->tasks[strtoull(word + 1, NULL, 10)] : NULL;
}

static mr_status add(machine *m, char **rest)
{
    static mr_delayed_argument arguments[ARGUMENTS];
    static int64_t numbers[ARGUMENTS];
    size_t count = 0;
    mr_task_run *run = run_of(strtok_r(NULL, " ", rest));
    const char *key = strtok_r(NULL, " ", rest);
    mr_delayed_options options = {.size = sizeof options};
    options.key = strcmp(key, "-") == 0 ? NULL : key;
    options.cost = strtod(strtok_r(NULL, " ", rest), NULL);
    options.keep = strcmp(strtok_r(NULL, " ", rest), "keep") == 0;
    for (char *word; count < ARGUMENTS && (word = strtok_r(NULL, " ", rest)); count++) {
        numbers[count] = *word == 't' ? 0 : strtoll(word, NULL, 10);
        arguments[count] = *word == 't'
                               ? (mr_delayed_argument){.from = task_of(m, word)}
                               : (mr_delayed_argument){&numbers[count], sizeof(int64_t), NULL};
    }
    m->tasks[m->count] = mr_dag_add(m->dag, run, arguments, count, &options);
    return m->tasks[m->count++] ? MR_OK : MR_FAILED;
}

static mr_status run_tasks(machine *m, char **rest)
{
    static mr_delayed *wanted[ARGUMENTS];
    size_t count = 0;
    const char *word = strtok_r(NULL, " ", rest);
    const bool all = strcmp(word, "all") == 0;
    for (; !all && word; word = strtok_r(NULL, " ", rest))
        wanted[count++] = task_of(m, word);
    mr_status status = mr_dag_run(m->dag, all ? NULL : wanted, count);
    say_number(m, "run", status);
    return status;
}

static mr_status get(machine *m, const char *word)
{
    mr_bytes result;
    uint64_t value;
    MR_TRY(mr_delayed_get(task_of(m, word), &result));
    if (!value_of(result, &value))
        return MR_FAILED;
    say_number(m, "get", (int64_t)value);
    return MR_OK;
}

static mr_status say_starts(machine *m)
{
    double last = 0;
    for (size_t shown = 0; shown < m->count; shown++) {
        size_t best = m->count;
        double begun = 0;
        for (size_t i = 0; i < m->count; i++) {
            mr_bytes result;
            MR_TRY(mr_delayed_get(m->tasks[i], &result));
            const stamped *s = (const stamped *)(const void *)result.data;
            if (s->start > last && (best == m->count || s->start < begun)) {
                best = i;
                begun = s->start;
            }
        }
        last = begun;
        say_number(m, "start", (int64_t)best);
    }
    return MR_OK;
}

static mr_status say_item(machine *m, mr_status (*make)(const mr_dag *, mr_item *))
{
    mr_item text;
    MR_TRY(make(m->dag, &text));
    say(m, text.bytes.data, text.bytes.size);
    say(m, "\n", 1);
    mr_item_free(&text);
    return MR_OK;
}

static mr_status obey(machine *m, char *line)
{
    char *rest;
    const char *word = strtok_r(line, " ", &rest);
    if (strcmp(word, "graph") == 0)
        return begin(m, strtok_r(NULL, " ", &rest));
    if (strcmp(word, "add") == 0)
        return add(m, &rest);
    if (strcmp(word, "order") == 0) {
        mr_delayed *earlier = task_of(m, strtok_r(NULL, " ", &rest));
        return mr_dag_order(m->dag, earlier, task_of(m, strtok_r(NULL, " ", &rest)));
    }
    if (strcmp(word, "run") == 0)
        return run_tasks(m, &rest);
    if (strcmp(word, "get") == 0)
        return get(m, strtok_r(NULL, " ", &rest));
    if (strcmp(word, "starts") == 0)
        return say_starts(m);
    return say_item(m, strcmp(word, "dot") == 0 ? mr_dag_dot : mr_dag_critical_path);
}

static mr_status obey_file(machine *m, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    mr_status status = file ? MR_OK : MR_BAD_INPUT;
    while (status == MR_OK && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        status = obey(m, line);
    }
    free(line);
    if (file)
        fclose(file);
    return status;
}

/* ---- The driver ---- */

/* Rank 0's text is the builder's; where all build it has to be the same everywhere. */
static mr_status agree_on_text(mr_job *job, machine *m, int builder)
{
    int64_t size = (int64_t)m->used;
    mr_all_max_i64(job, &size, 1);
    char *text = calloc(1, (size_t)size + 1);
    if (mr_job_rank(job) == builder)
        memcpy(text, m->text, m->used);
    mr_all_broadcast(job, builder, text, (uint64_t)size);
    const state *s = mr_job_state(job);
    if (s->rank < 0 && ((size_t)size != m->used || memcmp(text, m->text, m->used) != 0))
        mr_job_fail(job, MR_FAILED, "ranks have come to different results");
    free(m->text);
    m->text = text;
    m->used = (size_t)size;
    m->room = (size_t)size + 1;
    return mr_job_agree(job);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    const int builder = s->rank < 0 ? 0 : (int)s->rank % mr_job_ranks(job);
    machine m = {.tasks = calloc(MOST, sizeof(mr_delayed *))};
    atomic_store(&kernels, 0);
    MR_TRY(mr_pool_open(job, &(mr_pool_options){.size = sizeof(mr_pool_options), .kinds = kinds},
                        &m.pool));
    mr_status status = MR_OK;
    if (s->rank < 0 || builder == mr_job_rank(job))
        status = obey_file(&m, s->file);
    if (status == MR_OK) {
        mr_dag_close(&m.dag);
        status = mr_pool_close(&m.pool);
    }
    free(m.tasks);
    if (status == MR_OK)
        status = agree_on_text(job, &m, builder);
    int64_t ran = (int64_t)atomic_load(&kernels);
    if (status == MR_OK) {
        mr_all_sum_i64(job, &ran, 1);
        say_number(&m, "ran", ran);
        status = mr_job_write_text(job, m.text, m.used);
    }
    free(m.text);
    return status;
}

static const mr_option options[] = {
    {"file", MR_OPTION_TEXT, offsetof(state, file), NULL, "what to do", true},
    {"rank", MR_OPTION_I64, offsetof(state, rank), "0", "who builds; -1: all", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "tell-delayed", .summary = "graphs of tasks as a file says",
    .usage = "", .options = options,     .state_size = sizeof(state),
    .run = run,
};

/* tasks/dag.c: a graph of tasks being built: tasks, their arguments, and what comes after what. */
#include "tasks/dag.h"

#include "base/memory.h"

#include <stdlib.h>

#define WHAT  "a graph of tasks"
#define FIRST 1024 /* tasks there is room for at first */

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY, "out of memory: making " WHAT);
}

static mr_status take_kinds(mr_dag *dag, const mr_task_kind *kinds, mr_error *error)
{
    while (kinds && kinds[dag->kind_count].name)
        dag->kind_count++;
    dag->kinds = calloc(dag->kind_count + 1, sizeof *dag->kinds);
    if (!dag->kinds)
        return no_memory(error);
    for (size_t i = 0; i < dag->kind_count; i++)
        dag->kinds[i] = (mr_dag_kind){.name = kinds[i].name, .run = kinds[i].run};
    return MR_OK;
}

mr_status mr_dag_create(const char *name, bool eager, const mr_task_kind *kinds,
                        const mr_dag_runner *runner, void *context, mr_dag **result,
                        mr_error *error)
{
    *result = NULL;
    mr_dag *dag = calloc(1, sizeof *dag);
    if (!dag)
        return no_memory(error);
    dag->eager = eager;
    dag->runner = runner;
    dag->context = context;
    dag->name = strdup(name ? name : "unnamed");
    pthread_mutex_init(&dag->lock, NULL);
    mr_status status = dag->name ? take_kinds(dag, kinds, error) : no_memory(error);
    if (status == MR_OK)
        *result = dag;
    else
        mr_dag_destroy(dag);
    return status;
}

static void free_lists(mr_delayed **sorted, mr_dag_entry *places, mr_dag_entry *levels,
                       uint64_t count)
{
    mr_memory_free(sorted, count * sizeof *sorted);
    mr_memory_free(places, count * sizeof *places);
    mr_memory_free(levels, count * sizeof *levels);
}

void mr_dag_destroy(mr_dag *dag)
{
    free_lists(dag->sorted, dag->by_place.entries, dag->by_level.entries, dag->capacity);
    mr_memory_free(dag->slots, dag->slot_count * sizeof *dag->slots);
    mr_arena_free(&dag->arena);
    pthread_mutex_destroy(&dag->lock);
    free(dag->kinds);
    free(dag->name);
    free(dag);
}

/* ---- Tasks ---- */

/* A larger piece with what was in the old one; the old one is left to the caller. */
static void *copy(const void *old, uint64_t from, uint64_t to, size_t of_one, mr_error *error)
{
    void *room = mr_memory_allocate(to * of_one, WHAT, error);
    if (room && from > 0)
        memcpy(room, old, from * of_one);
    return room;
}

/* What has room for all tasks grows with them, so nothing can go wrong when they run. */
static mr_status reserve(mr_dag *dag)
{
    const uint64_t from = dag->capacity, to = from ? from * 2 : FIRST;
    const size_t entry = sizeof(mr_dag_entry), pointer = sizeof *dag->sorted;
    if (dag->count < from)
        return MR_OK;
    mr_delayed **sorted = copy(dag->sorted, from, to, pointer, &dag->error);
    mr_dag_entry *places = copy(dag->by_place.entries, from, to, entry, &dag->error);
    mr_dag_entry *levels = copy(dag->by_level.entries, from, to, entry, &dag->error);
    if (!sorted || !places || !levels) {
        free_lists(sorted, places, levels, to);
        return MR_NO_MEMORY;
    }
    free_lists(dag->sorted, dag->by_place.entries, dag->by_level.entries, from);
    dag->sorted = sorted;
    dag->by_place.entries = places;
    dag->by_level.entries = levels;
    dag->capacity = to;
    return MR_OK;
}

static mr_dag_kind *kind_of(const mr_dag *dag, mr_task_run *run)
{
    for (size_t i = 0; i < dag->kind_count; i++)
        if (dag->kinds[i].run == run && run)
            return &dag->kinds[i];
    return NULL;
}

static mr_status link_tasks(mr_dag *dag, mr_delayed *from, mr_delayed *to, bool reads)
{
    mr_dag_edge *edge =
        (mr_dag_edge *)(void *)mr_arena_take(&dag->arena, sizeof *edge, WHAT, &dag->error);
    if (!edge)
        return MR_NO_MEMORY;
    *edge = (mr_dag_edge){.from = from, .to = to, .next_of_from = from->after, .reads = reads};
    from->after = edge;
    if (to->last_before)
        to->last_before->next_of_to = edge;
    else
        to->before = edge;
    to->last_before = edge;
    return MR_OK;
}

static mr_status copy_bytes(mr_dag *dag, mr_delayed_argument *to, const mr_delayed_argument *from)
{
    char *room = mr_arena_keep(&dag->arena, from->data, from->size, WHAT, &dag->error);
    *to = (mr_delayed_argument){.data = room, .size = from->size};
    return room ? MR_OK : MR_NO_MEMORY;
}

static mr_status take_arguments(mr_dag *dag, mr_delayed *task, const mr_delayed_argument *arguments,
                                size_t count)
{
    task->arguments = (mr_delayed_argument *)(void *)mr_arena_take(
        &dag->arena, count * sizeof *arguments, WHAT, &dag->error);
    if (!task->arguments)
        return MR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (!arguments[i].from) {
            MR_TRY(copy_bytes(dag, &task->arguments[i], &arguments[i]));
            continue;
        }
        task->arguments[i] = (mr_delayed_argument){.from = arguments[i].from};
        MR_TRY(link_tasks(dag, arguments[i].from, task, true));
    }
    task->count = count;
    return MR_OK;
}

static mr_status take_key(mr_dag *dag, mr_delayed *task, const char *key, uint64_t hash)
{
    const size_t size = strlen(key);
    MR_TRY(mr_dag_key_reserve(dag));
    task->key.data = mr_arena_keep(&dag->arena, key, size + 1, WHAT, &dag->error);
    if (!task->key.data)
        return MR_NO_MEMORY;
    task->key.size = size;
    task->hash = hash;
    mr_dag_key_add(dag, task);
    return MR_OK;
}

static void append(mr_dag *dag, mr_delayed *task)
{
    task->number = dag->count++;
    if (dag->last)
        dag->last->next = task;
    else
        dag->first = task;
    dag->last = task;
    if (task->cost > 0) {
        dag->given_seconds += task->cost;
        dag->given_count++;
    }
}

static mr_delayed *make_task(mr_dag *dag, mr_dag_kind *kind, const mr_delayed_argument *arguments,
                             size_t count, const mr_delayed_options *options, uint64_t hash)
{
    mr_delayed *task =
        reserve(dag) == MR_OK
            ? (mr_delayed *)(void *)mr_arena_take(&dag->arena, sizeof *task, WHAT, &dag->error)
            : NULL;
    if (!task)
        return NULL;
    *task = (mr_delayed){.dag = dag, .kind = kind, .rank = -1, .cost = options->cost};
    if (take_arguments(dag, task, arguments, count) != MR_OK)
        return NULL;
    if (options->key && take_key(dag, task, options->key, hash) != MR_OK)
        return NULL;
    append(dag, task);
    return task;
}

static mr_status check_arguments(mr_dag *dag, const mr_dag_kind *kind,
                                 const mr_delayed_argument *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (arguments[i].from && arguments[i].from->dag != dag)
            return mr_error_set(&dag->error, MR_USAGE,
                                "bad argument: %s, argument %zu: it is a task of another graph",
                                kind->name, i);
    return MR_OK;
}

static mr_delayed *other_kind(mr_dag *dag, const mr_delayed *known, const mr_dag_kind *kind)
{
    mr_error_set(&dag->error, MR_USAGE, "same key, other function: %s: it is one of %s and of %s",
                 known->key.data, known->kind->name, kind->name);
    return NULL;
}

mr_delayed *mr_dag_add_task(mr_dag *dag, mr_task_run *run, const mr_delayed_argument *arguments,
                            size_t count, const mr_delayed_options *given)
{
    mr_delayed_options options = {.size = sizeof options};
    if (given)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    mr_dag_kind *kind = kind_of(dag, run);
    if (!kind) {
        mr_error_set(&dag->error, MR_USAGE,
                     "unknown function: graph %s: a task's function has to be among the pool's "
                     "kinds",
                     dag->name);
        return NULL;
    }
    const uint64_t hash = options.key ? mr_dag_key_hash(mr_bytes_of(options.key)) : 0;
    mr_delayed *task = options.key ? mr_dag_key_find(dag, mr_bytes_of(options.key), hash) : NULL;
    if (task && task->kind != kind)
        return other_kind(dag, task, kind);
    if (!task && check_arguments(dag, kind, arguments, count) == MR_OK)
        task = make_task(dag, kind, arguments, count, &options, hash);
    if (task && options.keep)
        mr_dag_keep_task(task);
    return task;
}

/* In a list of what may have to run until it did. */
void mr_dag_keep_task(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    task->keep = true;
    if (task->is_listed)
        return;
    task->is_listed = true;
    task->next_kept = NULL;
    if (dag->last_kept)
        dag->last_kept->next_kept = task;
    else
        dag->first_kept = task;
    dag->last_kept = task;
}

mr_status mr_dag_add_order(mr_dag *dag, mr_delayed *earlier, mr_delayed *later)
{
    char name[MR_DAG_NAME];
    if (earlier->dag != dag || later->dag != dag)
        return mr_error_set(&dag->error, MR_USAGE,
                            "cannot order tasks: graph %s: they are of another graph", dag->name);
    if (later->state > MR_DAG_WAITING || later->has_run) {
        mr_dag_name_task(later, name);
        return mr_error_set(&dag->error, MR_USAGE,
                            "cannot order tasks: %s has begun: say so before it runs", name);
    }
    MR_TRY(link_tasks(dag, earlier, later, false));
    if (later->state == MR_DAG_WAITING && mr_dag_edge_is_open(later->last_before)) {
        later->last_before->waits = true;
        later->waits++;
        if (earlier->state == MR_DAG_IDLE)
            mr_dag_begin(earlier);
    }
    return MR_OK;
}

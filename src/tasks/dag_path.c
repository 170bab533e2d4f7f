/*
 * tasks/dag_path.c: the longest chain of tasks that ran, by the seconds they took: no number of
 * workers makes the graph faster than that. It is known as soon as its last task is done.
 */
#include "tasks/dag.h"

#include <jansson.h>
#include <stdlib.h>

#define SHOWN 1000 /* tasks of the chain that are in the report */

void mr_dag_path_add(mr_dag *dag, mr_delayed *task)
{
    task->path = 0;
    task->path_from = NULL;
    for (const mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to)
        if (edge->from->path >= task->path) {
            task->path = edge->from->path;
            task->path_from = edge->from;
        }
    task->path += task->seconds;
    if (!dag->longest || task->path >= dag->longest->path)
        dag->longest = task;
}

/* From its first task on: turns the chain round, `up` being free between searches. */
static uint64_t chain(const mr_dag *dag, mr_delayed **first)
{
    uint64_t tasks = 0;
    *first = NULL;
    for (mr_delayed *task = dag->longest; task; task = task->path_from, tasks++) {
        task->up = *first;
        *first = task;
    }
    return tasks;
}

static double share(const mr_dag *dag)
{
    return dag->longest && dag->seconds > 0 ? dag->longest->path / dag->seconds : 0;
}

/* ---- In words ---- */

/* Tasks of one kind, one after the other, are told together. Returns the first that is not told. */
static const mr_delayed *add_some(mr_text *text, const mr_delayed *task)
{
    char name[MR_DAG_NAME];
    const mr_delayed *from = task;
    double seconds = 0;
    uint64_t tasks = 0;
    for (; task && task->kind == from->kind; task = task->up, tasks++)
        seconds += task->seconds;
    if (tasks > 1) {
        mr_text_printf(text, "%s (%llu tasks) %.3g s", from->kind->name, (unsigned long long)tasks,
                       seconds);
    } else {
        mr_dag_name_task(from, name);
        mr_text_printf(text, "%s %.3g s", name, seconds);
    }
    return task;
}

void mr_dag_path_text(const mr_dag *dag, mr_text *text)
{
    mr_delayed *first;
    const uint64_t tasks = chain(dag, &first);
    mr_text_printf(text, "graph %s: %llu tasks ran in %.3g s, %.3g s of work", dag->name,
                   (unsigned long long)dag->ran, dag->seconds, dag->busy_seconds);
    if (!first)
        return;
    mr_text_printf(text, "; longest chain: %llu of them, %.3g s, %.0f%% of the time: ",
                   (unsigned long long)tasks, dag->longest->path, 100 * share(dag));
    int shown = 0;
    for (const mr_delayed *task = first; task; shown++) {
        if (shown > 0)
            mr_text_printf(text, ", ");
        if (shown == 10) {
            mr_text_printf(text, "and so on");
            return;
        }
        task = add_some(text, task);
    }
}

/* ---- In the report ---- */

static json_t *task_json(const mr_delayed *task)
{
    json_t *object =
        json_pack("{s:s, s:I, s:i, s:f}", "kind", task->kind->name, "number",
                  (json_int_t)task->number, "rank", task->rank, "seconds", task->seconds);
    if (object && task->key.data)
        json_object_set_new(object, "key", json_string(task->key.data));
    return object;
}

static json_t *chain_json(const mr_dag *dag)
{
    mr_delayed *first;
    const uint64_t tasks = chain(dag, &first);
    json_t *list = json_array();
    uint64_t shown = 0;
    for (const mr_delayed *task = first; task && shown < SHOWN; task = task->up, shown++)
        json_array_append_new(list, task_json(task));
    return json_pack("{s:I, s:f, s:f, s:o}", "tasks", (json_int_t)tasks, "seconds",
                     dag->longest ? dag->longest->path : 0.0, "share", share(dag), "of", list);
}

char *mr_dag_path_json(const mr_dag *dag)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:i, s:f, s:f, s:I, s:o}", "name", dag->name, "tasks",
        (json_int_t)dag->count, "ran", (json_int_t)dag->ran, "again", (json_int_t)dag->again,
        "workers", (int)dag->runner->workers, "seconds", dag->seconds, "busy", dag->busy_seconds,
        "most_results", (json_int_t)dag->most_results, "chain", chain_json(dag));
    char *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return json;
}

/*
 * tasks/dag_sort.c: what has to be done for a task, in an order in which it can be done, by a
 * search from the task backwards. Where the search comes back to a task that it has not left there
 * is a circle. Its way lies in the tasks themselves: graphs may be deeper than any stack.
 */
#include "tasks/dag.h"

#include <stdio.h>

#define SHOWN 10 /* tasks of a circle that are named */

void mr_dag_search_begin(mr_dag *dag)
{
    dag->pass++;
    dag->sorted_count = 0;
}

void mr_dag_name_task(const mr_delayed *task, char name[MR_DAG_NAME])
{
    if (task->key.data)
        snprintf(name, MR_DAG_NAME, "%.28s \"%.28s\"", task->kind->name, task->key.data);
    else
        snprintf(name, MR_DAG_NAME, "%.28s %llu", task->kind->name,
                 (unsigned long long)task->number);
}

/* From the task where it was noticed along the way that led there: each has to run before the one
 * that is named behind it. */
static mr_status tell_circle(const mr_delayed *from, const mr_delayed *to, mr_error *error)
{
    char text[(SHOWN + 2) * (MR_DAG_NAME + 4)], name[MR_DAG_NAME];
    size_t used = 0, tasks = 1;
    for (const mr_delayed *task = from; task != to; task = task->up, tasks++) {
        if (tasks > SHOWN)
            continue;
        mr_dag_name_task(task, name);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s -> ", name);
    }
    mr_dag_name_task(to, name);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s -> ",
                             tasks > SHOWN + 1 ? "... -> " : "", name);
    mr_dag_name_task(from, name);
    snprintf(text + used, sizeof text - used, "%s", name);
    return mr_error_set(error, MR_USAGE,
                        "circle of %zu tasks: graph %s: %s: none of them can run first", tasks,
                        from->dag->name, text);
}

static void enter(mr_delayed *task, mr_delayed *up)
{
    task->pass = task->dag->pass;
    task->is_open = true;
    task->up = up;
    task->at = task->before;
}

/* What is there already, by a run before this one, needs nothing before it. */
static bool is_restored(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    if (!dag->runner || !dag->runner->restore || task->was_sought || task->state != MR_DAG_IDLE)
        return false;
    task->was_sought = true;
    if (!dag->runner->restore(dag->context, task))
        return false;
    task->state = MR_DAG_DONE;
    task->has_run = true;
    if (++dag->results > dag->most_results)
        dag->most_results = dag->results;
    return true;
}

static mr_delayed *leave(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    task->is_open = false;
    dag->sorted[dag->sorted_count++] = task;
    return task->up;
}

/* The next one that has to be done before `task`: first what the longest chain leads to. It needs
 * most memory, too, when there are trees: what it leaves is one result. */
static mr_delayed *next_before(mr_delayed *task, bool deep)
{
    mr_delayed *heavy = task->heavy;
    task->heavy = NULL;
    if (heavy)
        return heavy;
    while (task->at) {
        const mr_dag_edge *edge = task->at;
        task->at = edge->next_of_to;
        if (mr_dag_edge_is_open(edge) && (deep || edge->from->state == MR_DAG_IDLE))
            return edge->from;
    }
    return NULL;
}

mr_status mr_dag_search(mr_delayed *task, bool deep, mr_error *error)
{
    const uint64_t pass = task->dag->pass;
    if (task->pass == pass || task->state == MR_DAG_DONE || (!deep && task->state != MR_DAG_IDLE) ||
        is_restored(task))
        return MR_OK;
    enter(task, NULL);
    while (task) {
        mr_delayed *before = next_before(task, deep);
        if (!before) {
            task = leave(task);
        } else if (before->pass != pass) {
            if (is_restored(before))
                continue;
            enter(before, task);
            task = before;
        } else if (before->is_open) {
            tell_circle(task, before, error);
            for (; task; task = task->up)
                task->is_open = false;
            return MR_USAGE;
        }
    }
    return MR_OK;
}

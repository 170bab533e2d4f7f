/*
 * tasks/dag_order.c: which of the tasks that are ready comes next. There are two wishes. Few
 * results should lie around: so in general tasks come in the order of a search, which finishes one
 * branch before it begins another. And all should be done soon: so a task comes before all others
 * when the chain behind it is about as long as everything that is left will take.
 */
#include "tasks/dag.h"

/* A chain is urgent when it takes more than this part of the time that is left at least: costs are
 * guesses. */
#define URGENT 0.5

/* ---- Costs ---- */

static double kind_cost(const mr_dag_kind *kind)
{
    return kind->seconds / (double)kind->ran;
}

/* What is not known yet costs as much as what is known does. */
static double usual_cost(const mr_dag *dag)
{
    if (dag->ran > 0)
        return dag->busy_seconds / (double)dag->ran;
    return dag->given_count ? dag->given_seconds / (double)dag->given_count : 1;
}

static double cost_of(const mr_delayed *task, double usual)
{
    if (task->cost > 0)
        return task->cost;
    return task->kind->ran ? kind_cost(task->kind) : usual;
}

static bool is_to_do(const mr_delayed *task)
{
    return task->state != MR_DAG_DONE && task->state != MR_DAG_IDLE;
}

void mr_dag_measure_before(mr_dag *dag)
{
    const double usual = usual_cost(dag);
    for (uint64_t i = 0; i < dag->sorted_count; i++) {
        mr_delayed *task = dag->sorted[i];
        task->reach = 0;
        for (const mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to)
            if (mr_dag_edge_is_open(edge) && (!task->heavy || edge->from->reach > task->reach)) {
                task->heavy = edge->from;
                task->reach = edge->from->reach;
            }
        task->reach += cost_of(task, usual);
    }
}

void mr_dag_measure_behind(mr_dag *dag)
{
    const double usual = usual_cost(dag);
    dag->work = 0;
    for (uint64_t i = 0; i < dag->sorted_count; i++)
        dag->sorted[i]->level = 0;
    for (uint64_t i = dag->sorted_count; i-- > 0;) {
        mr_delayed *task = dag->sorted[i];
        if (!is_to_do(task))
            continue;
        task->weight = cost_of(task, usual);
        task->level += task->weight;
        dag->work += task->weight;
        for (const mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to)
            if (edge->waits && edge->from->level < task->level)
                edge->from->level = task->level;
    }
}

void mr_dag_number_places(mr_dag *dag)
{
    for (uint64_t i = 0; i < dag->sorted_count; i++)
        dag->sorted[i]->place = i;
}

/* ---- Heaps ---- */

static bool is_before(const mr_dag_entry *a, const mr_dag_entry *b)
{
    return a->first != b->first ? a->first < b->first : a->second < b->second;
}

static void push(mr_dag_heap *heap, mr_dag_entry entry)
{
    mr_dag_entry *all = heap->entries;
    uint64_t at = heap->count++;
    for (; at > 0 && is_before(&entry, &all[(at - 1) / 2]); at = (at - 1) / 2)
        all[at] = all[(at - 1) / 2];
    all[at] = entry;
}

static void remove_top(mr_dag_heap *heap)
{
    mr_dag_entry *all = heap->entries;
    const mr_dag_entry last = all[--heap->count];
    uint64_t at = 0;
    for (uint64_t child; (child = at * 2 + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && is_before(&all[child + 1], &all[child]))
            child++;
        if (!is_before(&all[child], &last))
            break;
        all[at] = all[child];
    }
    all[at] = last;
}

static void push_by_level(mr_dag *dag, mr_delayed *task)
{
    push(&dag->by_level, (mr_dag_entry){-task->level, task->place, task});
}

/* Leaves out what is not ready any more. */
static void sweep(mr_dag_heap *heap)
{
    const uint64_t count = heap->count;
    heap->count = heap->stale = 0;
    for (uint64_t i = 0; i < count; i++)
        if (heap->entries[i].task->state == MR_DAG_READY)
            push(heap, heap->entries[i]);
}

static mr_delayed *top(mr_dag_heap *heap)
{
    while (heap->count > 0 && heap->entries[0].task->state != MR_DAG_READY) {
        if (heap->stale > heap->count / 2) {
            sweep(heap);
            continue;
        }
        heap->stale -= heap->stale > 0;
        remove_top(heap);
    }
    return heap->count > 0 ? heap->entries[0].task : NULL;
}

/* ---- Ready ---- */

void mr_dag_ready_push(mr_dag *dag, mr_delayed *task)
{
    push(&dag->by_place, (mr_dag_entry){0, task->place, task});
    if (dag->is_planned)
        push_by_level(dag, task);
}

void mr_dag_ready_again(mr_dag *dag)
{
    dag->by_place.count = dag->by_level.count = 0;
    dag->by_place.stale = dag->by_level.stale = 0;
    dag->next_sorted = 0;
    for (uint64_t i = 0; i < dag->sorted_count; i++)
        if (dag->sorted[i]->state == MR_DAG_READY)
            push_by_level(dag, dag->sorted[i]);
}

/* The entry on top may be of a task that was taken already: then those behind it are no more urgent
 * than that. */
static mr_delayed *urgent(mr_dag *dag)
{
    const double level = URGENT * dag->work / dag->runner->workers;
    if (!dag->is_planned || dag->by_level.count == 0 || -dag->by_level.entries[0].first <= level)
        return NULL;
    mr_delayed *task = top(&dag->by_level);
    return task && task->level > level ? task : NULL;
}

/* Of those that became ready since, and those that were when it was planned. */
static mr_delayed *first_by_place(mr_dag *dag)
{
    mr_delayed *since = top(&dag->by_place);
    while (dag->is_planned && dag->next_sorted < dag->sorted_count &&
           dag->sorted[dag->next_sorted]->state != MR_DAG_READY)
        dag->next_sorted++;
    if (!dag->is_planned || dag->next_sorted == dag->sorted_count ||
        (since && since->place <= dag->next_sorted))
        return since;
    return dag->sorted[dag->next_sorted];
}

mr_delayed *mr_dag_ready_pop(mr_dag *dag, double *priority)
{
    mr_delayed *task = urgent(dag);
    if (task) {
        *priority = task->level;
        remove_top(&dag->by_level);
        dag->by_place.stale++;
        return task;
    }
    task = first_by_place(dag);
    if (task) {
        *priority = -1 - (double)task->place;
        dag->by_level.stale++;
    }
    return task;
}

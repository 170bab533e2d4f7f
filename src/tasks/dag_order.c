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

bool mr_dag_place_before(const mr_delayed *a, const mr_delayed *b)
{
    return a->place < b->place;
}

bool mr_dag_level_before(const mr_delayed *a, const mr_delayed *b)
{
    return a->level != b->level ? a->level > b->level : a->place < b->place;
}

static void push(mr_dag_heap *heap, mr_delayed *task)
{
    uint64_t at = heap->count++;
    for (; at > 0 && heap->before(task, heap->tasks[(at - 1) / 2]); at = (at - 1) / 2)
        heap->tasks[at] = heap->tasks[(at - 1) / 2];
    heap->tasks[at] = task;
}

static void remove_top(mr_dag_heap *heap)
{
    mr_delayed *task = heap->tasks[--heap->count];
    uint64_t at = 0;
    for (uint64_t child; (child = at * 2 + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->before(heap->tasks[child + 1], heap->tasks[child]))
            child++;
        if (!heap->before(heap->tasks[child], task))
            break;
        heap->tasks[at] = heap->tasks[child];
    }
    heap->tasks[at] = task;
}

/* A task that was taken from one heap is still in the other one. */
static mr_delayed *top(mr_dag_heap *heap)
{
    while (heap->count > 0 && heap->tasks[0]->state != MR_DAG_READY)
        remove_top(heap);
    return heap->count > 0 ? heap->tasks[0] : NULL;
}

void mr_dag_ready_push(mr_dag *dag, mr_delayed *task)
{
    push(&dag->by_place, task);
    if (dag->is_planned)
        push(&dag->by_level, task);
}

void mr_dag_ready_again(mr_dag *dag)
{
    dag->by_place.count = dag->by_level.count = 0;
    for (uint64_t i = 0; i < dag->sorted_count; i++)
        if (dag->sorted[i]->state == MR_DAG_READY)
            mr_dag_ready_push(dag, dag->sorted[i]);
}

mr_delayed *mr_dag_ready_pop(mr_dag *dag, double *priority)
{
    mr_delayed *urgent = dag->is_planned ? top(&dag->by_level) : NULL;
    if (urgent && urgent->level > URGENT * dag->work / dag->runner->workers) {
        remove_top(&dag->by_level);
        *priority = urgent->level;
        return urgent;
    }
    mr_delayed *task = top(&dag->by_place);
    if (task) {
        remove_top(&dag->by_place);
        *priority = -1 - (double)task->place;
    }
    return task;
}

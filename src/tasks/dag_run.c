/*
 * tasks/dag_run.c: running a graph: tasks that are ready go to the runner, a few more than there
 * are workers; one that is done makes those ready that waited for it alone, and frees the results
 * it was the last to read.
 *
 * The end of a task is told by any thread, which must not wait: it leaves word in a list, and takes
 * in what is there if nobody else is at it.
 */
#include "tasks/dag.h"

#include "base/clock.h"

#define BEFORE_REPLAN                                                                              \
    64                     /* tasks that have run before costs are looked at anew; then four times \
                            */
#define AHEAD_SECONDS 3e-4 /* work of a worker that lies ready for it */
#define AHEAD_MOST    64   /* tasks a worker */
#define AHEAD_LEAST   2

/* ---- What becomes of tasks ---- */

static void release_unless_wanted(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    if (!dag->frees || task->state != MR_DAG_DONE || task->keep || task->readers > 0)
        return;
    dag->runner->release(dag->context, task);
    task->state = MR_DAG_IDLE;
    dag->results--;
}

/* It has read what it wanted, or won't. */
static void let_go(mr_delayed *task)
{
    for (mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to) {
        edge->waits = false;
        if (!edge->will_read)
            continue;
        edge->will_read = false;
        edge->from->readers--;
        release_unless_wanted(edge->from);
    }
}

static void await(mr_delayed *task)
{
    for (mr_dag_edge *edge = task->before; edge; edge = edge->next_of_to) {
        edge->waits = mr_dag_edge_is_open(edge);
        edge->will_read = edge->reads;
        task->waits += edge->waits;
        edge->from->readers += edge->reads;
    }
    task->state = task->waits ? MR_DAG_WAITING : MR_DAG_READY;
    atomic_fetch_add(&task->dag->busy, 1);
}

static void awaken(mr_delayed *later)
{
    if (--later->waits > 0)
        return;
    later->state = MR_DAG_READY;
    mr_dag_ready_push(later->dag, later);
}

/* Costs that are known better now may change what is urgent. With one kind they can't. */
static void replan(mr_dag *dag)
{
    if (!dag->is_planned || dag->ran < dag->next_plan)
        return;
    dag->next_plan = dag->ran * 4;
    if (dag->kind_count < 2 || dag->given_count == dag->count)
        return;
    mr_dag_measure_behind(dag);
    mr_dag_ready_again(dag);
}

static void account(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    task->kind->ran++;
    task->kind->seconds += task->seconds;
    dag->ran++;
    dag->again += task->has_run;
    dag->busy_seconds += task->seconds;
    dag->work -= task->weight;
    if (++dag->results > dag->most_results)
        dag->most_results = dag->results;
    mr_dag_path_add(dag, task);
}

static void succeed(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    account(task);
    task->state = MR_DAG_DONE;
    task->has_run = true;
    for (mr_dag_edge *edge = task->after; edge; edge = edge->next_of_from)
        if (edge->waits) {
            edge->waits = false;
            awaken(edge->to);
        }
    let_go(task);
    release_unless_wanted(task);
    if (!dag->frees) {
        task->next_finished = dag->unread;
        dag->unread = task;
    }
}

/* After a failure nothing is begun any more. What runs is waited for. */
static void give_up(mr_dag *dag)
{
    for (mr_delayed *task = dag->first; task; task = task->next) {
        if (task->state == MR_DAG_SUBMITTED)
            dag->runner->cancel(dag->context, task);
        if (task->state != MR_DAG_WAITING && task->state != MR_DAG_READY)
            continue;
        task->state = MR_DAG_IDLE;
        task->waits = 0;
        let_go(task);
        atomic_fetch_sub(&dag->busy, 1);
    }
}

/* What a pool says of its task begins with a number of its own: not of interest here. */
static void tell(mr_delayed *task, mr_status status)
{
    mr_dag *dag = task->dag;
    char name[MR_DAG_NAME];
    const char *text = dag->runner->error(dag->context, task);
    const char *place = strncmp(text, "task failed: ", 13) == 0 ? strstr(text, " on rank ") : NULL;
    mr_dag_name_task(task, name);
    dag->failed = task;
    dag->failure.code = MR_OK;
    mr_error_set(&dag->failure, status, "graph %s failed: %s%s%s", dag->name, name,
                 place ? "" : ": ", place ? place : text);
}

/* Of several that fail before all stand still the one that was added first is told: which are begun
 * depends on time, and so does this, but less. Those called off for it don't count. */
static void fail(mr_delayed *task, mr_status status)
{
    mr_dag *dag = task->dag;
    const bool is_first = dag->failure.code == MR_OK;
    task->state = MR_DAG_IDLE;
    let_go(task);
    if (is_first || (status != MR_CANCELLED && dag->failed && task->number < dag->failed->number))
        tell(task, status);
    dag->runner->release(dag->context, task);
    if (is_first)
        give_up(dag);
}

static void take_in(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    dag->submitted--;
    if (task->status == MR_OK)
        succeed(task);
    else
        fail(task, task->status);
    atomic_fetch_sub(&dag->busy, 1);
}

/* ---- Word from the runner ---- */

static bool take_finished(mr_dag *dag)
{
    mr_delayed *newest = atomic_exchange(&dag->finished, NULL), *oldest = NULL;
    const bool any = newest;
    while (newest) {
        mr_delayed *next = newest->next_finished;
        newest->next_finished = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        mr_delayed *task = oldest;
        oldest = task->next_finished;
        take_in(task);
    }
    return any;
}

/* So many that no worker has to wait until it is known here that it is idle. Few, where tasks take
 * long: what is urgent may come later. */
static uint64_t ahead(const mr_dag *dag)
{
    double tasks = AHEAD_SECONDS * (double)dag->ran / (dag->busy_seconds + 1e-9);
    if (tasks > AHEAD_MOST)
        tasks = AHEAD_MOST;
    return dag->runner->workers * (uint64_t)(tasks < AHEAD_LEAST ? AHEAD_LEAST : tasks);
}

static void submit(mr_delayed *task, double priority)
{
    mr_dag *dag = task->dag;
    mr_error error = {.code = MR_OK};
    task->state = MR_DAG_SUBMITTED;
    dag->submitted++;
    if (dag->runner->submit(dag->context, task, priority, &error))
        return;
    dag->submitted--;
    if (dag->failure.code == MR_OK)
        mr_error_set(&dag->failure, error.code, "%s", error.text);
    task->state = MR_DAG_IDLE;
    let_go(task);
    give_up(dag);
    atomic_fetch_sub(&dag->busy, 1);
}

static void submit_ready(mr_dag *dag)
{
    double priority;
    mr_delayed *task;
    while (dag->failure.code == MR_OK && dag->submitted < ahead(dag) &&
           (task = mr_dag_ready_pop(dag, &priority)))
        submit(task, priority);
}

static void work(mr_dag *dag)
{
    do {
        submit_ready(dag);
    } while (take_finished(dag));
    replan(dag);
}

void mr_dag_enter(mr_dag *dag)
{
    pthread_mutex_lock(&dag->lock);
}

/* Who came while the graph was locked has left word and gone. */
static void look_again(mr_dag *dag)
{
    for (;;) {
        atomic_thread_fence(memory_order_seq_cst);
        if (!atomic_load(&dag->finished) || pthread_mutex_trylock(&dag->lock) != 0)
            return;
        work(dag);
        pthread_mutex_unlock(&dag->lock);
    }
}

void mr_dag_leave(mr_dag *dag)
{
    work(dag);
    pthread_mutex_unlock(&dag->lock);
    look_again(dag);
}

bool mr_dag_finish(mr_delayed *task, mr_status status, int rank, double seconds)
{
    mr_dag *dag = task->dag;
    atomic_fetch_add(&dag->visitors, 1);
    task->status = status;
    task->rank = rank;
    task->seconds = seconds;
    task->next_finished = atomic_load(&dag->finished);
    while (!atomic_compare_exchange_weak(&dag->finished, &task->next_finished, task)) {
    }
    look_again(dag);
    const bool was_last = atomic_load(&dag->busy) == 0;
    atomic_fetch_sub(&dag->visitors, 1);
    return was_last;
}

/* ---- Runs ---- */

static void begin_listed(mr_dag *dag)
{
    for (uint64_t i = 0; i < dag->sorted_count; i++)
        if (dag->sorted[i]->state == MR_DAG_IDLE)
            await(dag->sorted[i]);
}

void mr_dag_begin(mr_delayed *task)
{
    mr_dag *dag = task->dag;
    if (dag->failure.code != MR_OK)
        return;
    if (dag->started == 0)
        dag->started = mr_clock_now();
    mr_dag_search_begin(dag);
    if (mr_dag_search(task, false, &dag->failure) != MR_OK) {
        give_up(dag);
        return;
    }
    begin_listed(dag);
    for (uint64_t i = 0; i < dag->sorted_count; i++) {
        dag->sorted[i]->place = dag->sorted[i]->number;
        if (dag->sorted[i]->state == MR_DAG_READY)
            mr_dag_ready_push(dag, dag->sorted[i]);
    }
}

/* What is kept and not there. Those that are there leave the list: they will stay. */
static mr_status search_kept(mr_dag *dag)
{
    mr_status status = MR_OK;
    mr_delayed **at = &dag->first_kept;
    dag->last_kept = NULL;
    for (mr_delayed *task; (task = *at);) {
        task->is_listed = task->state != MR_DAG_DONE;
        if (!task->is_listed) {
            *at = task->next_kept;
            continue;
        }
        if (status == MR_OK)
            status = mr_dag_search(task, true, &dag->failure);
        dag->last_kept = task;
        at = &task->next_kept;
    }
    return status;
}

/* An eager graph runs all that was added, and has all that is kept. */
static mr_status search_added(mr_dag *dag)
{
    mr_delayed *task = dag->settled ? dag->settled->next : dag->first;
    for (; task && dag->eager; task = task->next)
        MR_TRY(mr_dag_search(task, true, &dag->failure));
    return MR_OK;
}

static mr_status search_all(mr_dag *dag, mr_delayed *const *wanted, size_t count)
{
    mr_dag_search_begin(dag);
    MR_TRY(search_added(dag));
    for (size_t i = 0; i < count; i++)
        MR_TRY(mr_dag_search(wanted[i], true, &dag->failure));
    return wanted && !dag->eager ? MR_OK : search_kept(dag);
}

/* Searched twice: when it is known where the longest chains are, the search follows them first. */
static mr_status plan(mr_dag *dag, mr_delayed *const *wanted, size_t count)
{
    MR_TRY(search_all(dag, wanted, count));
    begin_listed(dag);
    mr_dag_measure_before(dag);
    MR_TRY(search_all(dag, wanted, count));
    mr_dag_measure_behind(dag);
    mr_dag_number_places(dag);
    dag->is_planned = true;
    dag->next_plan = dag->ran + BEFORE_REPLAN;
    mr_dag_ready_again(dag);
    return MR_OK;
}

static bool stands_still(void *context)
{
    mr_dag *dag = context;
    return atomic_load(&dag->busy) == 0 && atomic_load(&dag->visitors) == 0;
}

static void begin_run(mr_dag *dag, mr_delayed *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_dag_keep_task(wanted[i]);
    if (dag->started == 0)
        dag->started = mr_clock_now();
    if (dag->failure.code == MR_OK && plan(dag, wanted, count) != MR_OK)
        give_up(dag);
    dag->frees = true;
    for (; dag->unread; dag->unread = dag->unread->next_finished)
        release_unless_wanted(dag->unread);
}

static mr_status end_run(mr_dag *dag, mr_error *error)
{
    dag->seconds += mr_clock_now() - dag->started;
    dag->started = 0;
    dag->is_planned = dag->frees = false;
    dag->by_place.count = dag->by_level.count = 0;
    if (dag->failure.code == MR_OK)
        dag->settled = dag->last;
    else
        *error = dag->failure;
    dag->failure.code = MR_OK;
    dag->failed = NULL;
    return error->code;
}

mr_status mr_dag_run_tasks(mr_dag *dag, mr_delayed *const *wanted, size_t count, mr_error *error)
{
    error->code = MR_OK;
    mr_dag_enter(dag);
    begin_run(dag, wanted, count);
    mr_dag_leave(dag);
    mr_status status = dag->runner->wait(dag->context, stands_still, dag);
    dag->is_stuck = status != MR_OK;
    if (dag->is_stuck)
        return status;
    mr_dag_enter(dag);
    status = end_run(dag, error);
    pthread_mutex_unlock(&dag->lock);
    return status;
}

static bool is_settled(void *context)
{
    mr_delayed *task = context;
    mr_dag *dag = task->dag;
    if (pthread_mutex_trylock(&dag->lock) != 0)
        return false;
    const bool is = task->state == MR_DAG_DONE || task->state == MR_DAG_IDLE;
    pthread_mutex_unlock(&dag->lock);
    look_again(dag);
    return is;
}

mr_status mr_dag_wait_for(mr_delayed *task)
{
    return task->dag->runner->wait(task->dag->context, is_settled, task);
}

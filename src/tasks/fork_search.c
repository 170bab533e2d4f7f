/*
 * tasks/fork_search.c: the best that was found. Its value is known to all ranks, some later than
 * others; what it is stays where it was found until the end.
 */
#include "tasks/fork.h"

#include "base/memory.h"
#include "comm/vector.h"
#include "sync/item.h"

#include <string.h>

void mr_fork_search_begin(fork_run *run)
{
    atomic_store(&run->best, run->how.smallest ? INT64_MAX : INT64_MIN);
}

static bool is_better(const fork_run *run, int64_t a, int64_t b)
{
    return run->how.smallest ? a < b : a > b;
}

int64_t mr_fork_best(const mr_fork *fork)
{
    return atomic_load_explicit(&fork->run->best, memory_order_relaxed);
}

void mr_fork_best_came(fork_run *run, int64_t value)
{
    int64_t best = atomic_load(&run->best);
    while (is_better(run, value, best) && !atomic_compare_exchange_weak(&run->best, &best, value))
        ;
}

/* With `finding` held. */
static bool is_wanted(const fork_run *run, int64_t value, mr_bytes found)
{
    if (is_better(run, atomic_load(&run->best), value))
        return false;
    return !run->is_found || value != run->value ||
           mr_bytes_compare(found, (mr_bytes){run->found, run->found_size}) < 0;
}

static bool keep(fork_run *run, int64_t value, mr_bytes found, mr_error *error)
{
    char *kept = mr_memory_resize(run->found, run->found_size, found.size, "a search", error);
    if (!kept)
        return false;
    if (found.size > 0)
        memcpy(kept, found.data, found.size);
    run->found = kept;
    run->found_size = found.size;
    run->value = value;
    run->is_found = true;
    return true;
}

bool mr_fork_search_restore(fork_run *run, int64_t value, mr_bytes found, mr_error *error)
{
    if (is_better(run, atomic_load(&run->best), value))
        return true;
    const bool kept = !is_wanted(run, value, found) || keep(run, value, found, error);
    mr_fork_best_came(run, value);
    return kept;
}

mr_status mr_fork_improve(mr_fork *fork, int64_t value, mr_bytes found)
{
    fork_run *run = fork->run;
    if (is_better(run, mr_fork_best(fork), value))
        return MR_OK;
    mr_error error = {.code = MR_OK};
    fork_lock_take(&run->finding);
    bool wanted = is_wanted(run, value, found);
    bool better = wanted && (is_better(run, value, atomic_load(&run->best)));
    bool ok = !wanted || keep(run, value, found, &error);
    if (ok && better)
        mr_fork_best_came(run, value);
    fork_lock_give(&run->finding);
    if (!ok) {
        mr_fork_no_memory(fork, &error);
        return fork->status;
    }
    if (better && !run->at_top)
        mr_fork_send_best(run, value);
    return MR_OK;
}

/* ---- The end: of all ranks' best ones the best ---- */

static bool has_best(const fork_run *run, int64_t best)
{
    return run->is_found && run->value == best;
}

static mr_status choose_smallest(fork_run *run, const char *all, const uint64_t *starts,
                                 const int64_t *has, mr_fork_found *found)
{
    mr_bytes smallest = {NULL, 0};
    bool any = false;
    for (int rank = 0; rank < run->ranks; rank++) {
        mr_bytes one = {all + starts[rank], (size_t)(starts[rank + 1] - starts[rank])};
        if (has[rank] && (!any || mr_bytes_compare(one, smallest) < 0))
            smallest = one;
        any = any || has[rank];
    }
    char *room = mr_item_make(&found->item, smallest.size, "a search", run->job->error);
    if (room && smallest.size > 0)
        memcpy(room, smallest.data, smallest.size);
    return run->job->error->code;
}

/* `sizes`: one more than what the rank found takes, 0 where that is not the best. */
static mr_status gather_best(fork_run *run, int64_t *sizes, uint64_t *starts, mr_fork_found *found)
{
    for (int rank = 0; rank < run->ranks; rank++)
        starts[rank + 1] = starts[rank] + (sizes[rank] ? (uint64_t)sizes[rank] - 1 : 0);
    const uint64_t total = starts[run->ranks];
    char *all = mr_memory_allocate(total, "a search", run->job->error);
    mr_status status = mr_job_agree(run->job);
    if (status == MR_OK) {
        if (sizes[run->rank] > 1)
            memcpy(all + starts[run->rank], run->found, run->found_size);
        mr_vector_gather(run->comm, all, starts, 0);
        choose_smallest(run, all, starts, sizes, found);
        status = mr_job_agree(run->job);
    }
    mr_memory_free(all, all ? total : 0);
    return status;
}

mr_status mr_fork_search_end(fork_run *run, mr_fork_found *found)
{
    const bool smallest = run->how.smallest;
    const size_t ranks = (size_t)run->ranks;
    int64_t best[2] = {run->is_found, run->is_found ? run->value : atomic_load(&run->best)};
    mr_vector_reduce(run->comm, best, 1, MR_NUMBER_I64, MR_COMBINE_MAX, 0);
    mr_vector_reduce(run->comm, best + 1, 1, MR_NUMBER_I64,
                     smallest ? MR_COMBINE_MIN : MR_COMBINE_MAX, 0);
    found->is_found = best[0] != 0;
    found->value = best[1];
    if (!found->is_found)
        return MR_OK;
    const size_t room = (2 * ranks + 1) * sizeof(uint64_t);
    uint64_t *numbers = mr_memory_allocate(room, "a search", run->job->error);
    mr_status status = mr_job_agree(run->job);
    if (status == MR_OK) {
        memset(numbers, 0, room);
        int64_t *sizes = (int64_t *)numbers;
        sizes[run->rank] = has_best(run, best[1]) ? (int64_t)run->found_size + 1 : 0;
        mr_vector_reduce(run->comm, sizes, ranks, MR_NUMBER_I64, MR_COMBINE_SUM, 0);
        status = gather_best(run, sizes, numbers + ranks, found);
    }
    mr_memory_free(numbers, numbers ? room : 0);
    return status;
}

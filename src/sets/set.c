/* sets/set.c: a set by itself: its shape, its size, its order, its end. */
#include "sets/fold.h"

#include <stdio.h>
#include <stdlib.h>

/* Piles of all ranks together: enough that one of them is small, few enough that a page for each is
 * little. */
#define PILES_LARGE 512
#define PILES_SMALL 256
#define SMALL       ((uint64_t)1 << 30) /* budget */

static uint32_t pile_count(const mr_job *job)
{
    uint32_t ranks = (uint32_t)mr_comm_size(job->comm);
    uint32_t all = mr_memory_budget() < SMALL ? PILES_SMALL : PILES_LARGE;
    return all > ranks ? all / ranks * ranks : ranks;
}

mr_pair_order mr_set_key_order(const mr_set *set)
{
    return (mr_pair_order){.layout = set->layout,
                           .value = set->shape.value,
                           .by = MR_BY_KEY,
                           .ties = set->ordered ? MR_TIES_PLACE : MR_TIES_VALUE};
}

mr_pair_order mr_set_order_of(const mr_set *set, const mr_sort_options *options)
{
    mr_pair_order order = mr_set_key_order(set);
    if (!options)
        return order;
    order.by = options->by;
    order.descending = options->descending;
    order.compare = options->compare;
    order.context = options->context;
    if (order.by == MR_BY_VALUE && set->fold) {
        order.by = MR_BY_COMPARE;
        order.compare = mr_folded_compare;
        order.context = (void *)(uintptr_t)set->fold;
    }
    if (order.by != MR_BY_KEY)
        order.ties = set->ordered ? MR_TIES_KEY_PLACE : MR_TIES_KEY_VALUE;
    return order;
}

mr_status mr_set_new(mr_set **result, mr_job *job, const mr_set_options *options, const char *what)
{
    mr_set *set = *result = calloc(1, sizeof *set);
    if (!set)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: making a set");
    set->job = job;
    snprintf(set->name, sizeof set->name, "%s", options->name ? options->name : what);
    set->shape = options->shape;
    set->ordered = options->ordered;
    set->layout = mr_pair_layout_of(&set->shape, set->ordered);
    set->fold = options->fold;
    set->spread = options->spread;
    set->total = pile_count(job);
    set->order = mr_set_key_order(set);
    uint32_t own = set->total / (uint32_t)mr_comm_size(job->comm);
    return mr_piles_create(&set->piles, own, set->layout, job->scratch, job->error);
}

void mr_set_destroy(mr_set **result)
{
    mr_set *set = *result;
    if (!set)
        return;
    mr_piles_free(&set->piles);
    mr_pair_sample_free(&set->sample);
    mr_ranges_release(&set->ranges);
    free(set);
    *result = NULL;
}

uint64_t mr_set_count(const mr_set *set)
{
    return set->count;
}

uint64_t mr_set_bytes(const mr_set *set)
{
    return set->bytes;
}

uint64_t mr_set_count_here(const mr_set *set)
{
    return mr_piles_count(&set->piles);
}

uint64_t mr_set_bytes_here(const mr_set *set)
{
    return mr_piles_bytes(&set->piles);
}

uint64_t mr_set_spilled_here(const mr_set *set)
{
    return mr_piles_spilled(&set->piles);
}

double mr_set_balance(const mr_set *set)
{
    return set->balance;
}

mr_shape mr_set_shape(const mr_set *set)
{
    return set->shape;
}

bool mr_set_alike(const mr_set *left, const mr_set *right)
{
    if (left->spread != right->spread || left->total != right->total)
        return false;
    if (left->spread == MR_SPREAD_HASH)
        return true;
    return left->spread == MR_SPREAD_RANGE && left->ranges == right->ranges && !left->sorted;
}

size_t mr_set_thread_memory(const mr_job *job, unsigned at_once)
{
    uint64_t budget = mr_memory_budget();
    return budget ? budget / 4 / job->threads / at_once : 0;
}

/*
 * sets/uneven.c: reducing where a few keys have a large part of all values. By hash these lie in a
 * few piles of a few ranks. When parts of a key's values may be reduced for themselves, the pages
 * of such piles are dealt out to all piles of all ranks, reduced there, and what comes out, a few
 * values a key, is reduced where the key belongs.
 */
#include "sets/reduce.h"

#include <stdlib.h>

#define TIMES_MEAN  4 /* a pile with more than so many times the mean is dealt out */
#define LEAST_PAIRS 65536

static uint64_t most_even(const mr_set *set)
{
    uint64_t most = set->count / set->total * TIMES_MEAN;
    return most > LEAST_PAIRS ? most : LEAST_PAIRS;
}

static bool same_shape(const mr_shape *a, const mr_shape *b)
{
    return a->key == b->key && a->key_size == b->key_size && a->value == b->value &&
           a->value_size == b->value_size;
}

mr_status mr_set_is_uneven(mr_set *set, const mr_set_options *options, bool *uneven)
{
    mr_job *job = set->job;
    uint64_t most = most_even(set);
    bool mine = false;
    if (!same_shape(&set->shape, &options->shape))
        mr_error_set(
            job->error, MR_BAD_PLUGIN,
            "wrong reduce: %s: associative, and makes pairs of another shape than it takes",
            job->app.name);
    MR_TRY(mr_job_agree(set->job));
    for (uint32_t p = 0; p < set->piles.count; p++)
        mine = mine || set->piles.piles[p].count > most;
    *uneven = mr_comm_any(set->job->comm, mine);
    return MR_OK;
}

/* The parts that were dealt out, each pile for itself, to where their keys belong. */
static mr_status reduce_parts(mr_set *parts, mr_reduce_kernel *kernel,
                              const mr_set_options *options, mr_set *like, mr_set **to)
{
    mr_set_options partial = *options;
    partial.spread = like->spread;
    partial.like = like->spread == MR_SPREAD_RANGE ? like : NULL;
    partial.same_keys = false;
    partial.consume = true;
    *to = NULL;
    return mr_reduce_piles(parts, kernel, &partial, UINT64_MAX, to);
}

mr_status mr_reduce_uneven(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                           mr_set **to)
{
    mr_set *parts = NULL, *partial = NULL;
    mr_set_options rest = *options;
    uint64_t most = most_even(set);
    mr_status status = mr_set_deal(set, most, options->consume, &parts);
    if (status == MR_OK)
        status = reduce_parts(parts, kernel, options, set, &partial);
    mr_set_destroy(&parts);
    if (status == MR_OK)
        status = mr_reduce_piles(set, kernel, options, most, to);
    rest.consume = true;
    if (status == MR_OK)
        status = mr_reduce_piles(partial, kernel, &rest, UINT64_MAX, to);
    mr_set_destroy(&partial);
    if (status != MR_OK)
        mr_set_destroy(to);
    return status;
}

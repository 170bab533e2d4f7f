/*
 * store/pair_sort.c: sorting pairs a word at a time. A radix sort puts them in order by one word
 * without looking at them; runs that share it are sorted by the next, and so on from field to
 * field. What a long run has in common is skipped, so keys with long common beginnings cost one
 * look more, not one look more a comparison; and pairs that are all the same cost a look a word.
 */
#include "store/pair_fields.h"

/* How often a run is looked at a word further on before whole comparisons take over: keys like a,
 * aa, aaa, ... would nest without end. */
#define DEEPEST 200

/* How many refs ahead of where it works it asks for pairs. */
#define AHEAD 48

static void sort_run(const mr_pair_fields *fields, mr_pair_ref *refs, mr_pair_ref *scratch,
                     size_t count, mr_pair_step at, int level);

/* By the whole order, or by the user's function alone. */
static int compare(const mr_pair_order *order, bool whole, const mr_pair_ref *a,
                   const mr_pair_ref *b)
{
    mr_placed x = mr_placed_read(&order->layout, a->pair);
    mr_placed y = mr_placed_read(&order->layout, b->pair);
    if (whole)
        return mr_placed_compare(order, &x, &y);
    return order->descending ? order->compare(order->context, &y.pair, &x.pair)
                             : order->compare(order->context, &x.pair, &y.pair);
}

static void insert_sort(const mr_pair_order *order, bool whole, mr_pair_ref *refs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        mr_pair_ref ref = refs[i];
        size_t at = i;
        for (; at > 0 && compare(order, whole, &ref, &refs[at - 1]) < 0; at--)
            refs[at] = refs[at - 1];
        refs[at] = ref;
    }
}

/* By comparing, where there is nothing else. */
static void merge_sort(const mr_pair_order *order, bool whole, mr_pair_ref *refs,
                       mr_pair_ref *scratch, size_t count)
{
    size_t half = count / 2, left = 0, right = half, to = 0;
    if (count <= 8) {
        insert_sort(order, whole, refs, count);
        return;
    }
    merge_sort(order, whole, refs, scratch, half);
    merge_sort(order, whole, refs + half, scratch, count - half);
    if (compare(order, whole, &refs[half - 1], &refs[half]) <= 0)
        return;
    memcpy(scratch, refs, half * sizeof *refs);
    while (left < half && right < count)
        if (compare(order, whole, &refs[right], &scratch[left]) < 0)
            refs[to++] = refs[right++];
        else
            refs[to++] = scratch[left++];
    memcpy(refs + to, scratch + left, (half - left) * sizeof *refs);
}

/* A run of the same word: by the next ones in which any differ. For two, a comparison is less. */
static void settle(const mr_pair_fields *fields, mr_pair_ref *refs, mr_pair_ref *scratch,
                   size_t count, mr_pair_step at, int level)
{
    if (count == 2 || level == DEEPEST) {
        merge_sort(fields->order, true, refs, scratch, count);
        return;
    }
    for (bool skip = false; mr_pair_step_next(fields, refs, count, &at, skip); skip = true)
        if (mr_pair_step_fill(fields, refs, count, at)) {
            sort_run(fields, refs, scratch, count, at, level + 1);
            return;
        }
}

/* Asks for the pairs that will be looked at soon; returns how far it came. */
static size_t fetch(const mr_pair_ref *refs, size_t count, size_t from, size_t to)
{
    for (; from < to && from + 1 < count; from++)
        if (refs[from].prefix == refs[from + 1].prefix)
            __builtin_prefetch(refs[from].pair);
    return from;
}

/* Refs in order by one word: runs of the same by what comes behind. */
static void settle_runs(const mr_pair_fields *fields, mr_pair_ref *refs, mr_pair_ref *scratch,
                        size_t count, mr_pair_step at, int level)
{
    if (mr_pair_step_is_last(fields, at))
        return;
    for (size_t i = 0, end, ahead = 0; i + 1 < count; i = end) {
        uint64_t prefix = refs[i].prefix;
        end = i + 1;
        if (refs[end].prefix != prefix)
            continue;
        ahead = fetch(refs, count, ahead > i ? ahead : i, i + AHEAD);
        while (end < count && refs[end].prefix == prefix)
            end++;
        settle(fields, refs + i, scratch, end - i, at, level);
    }
}

static void sort_run(const mr_pair_fields *fields, mr_pair_ref *refs, mr_pair_ref *scratch,
                     size_t count, mr_pair_step at, int level)
{
    mr_radix_sort(refs, scratch, count);
    settle_runs(fields, refs, scratch, count, at, level);
}

/* Sorts by the user's function, and makes of those it calls equal runs of one prefix. */
static void sort_by_compare(const mr_pair_fields *fields, mr_pair_ref *refs, mr_pair_ref *scratch,
                            size_t count)
{
    const mr_pair_order *order = fields->order;
    uint64_t run = 0;
    merge_sort(order, false, refs, scratch, count);
    if (fields->count == 1)
        return;
    for (size_t i = 0; i < count; i++) {
        run += i > 0 && compare(order, false, &refs[i - 1], &refs[i]) != 0;
        refs[i].prefix = run;
    }
    settle_runs(fields, refs, scratch, count, (mr_pair_step){0}, 0);
}

void mr_pair_sort(const mr_pair_order *order, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count)
{
    const mr_pair_fields fields = mr_pair_fields_of(order);
    if (order->by == MR_BY_COMPARE)
        sort_by_compare(&fields, refs, scratch, count);
    else
        sort_run(&fields, refs, scratch, count, (mr_pair_step){0}, 0);
}

/*
 * store/pair_cuts.c: points that cut an order into ranges, and finding the range of a pair. All
 * that cuts are made of lies in one piece of memory, as it is sent to other ranks:
 *
 *     head | where equal pairs go | where points' pairs lie | ranges below | points' pairs
 */
#include "store/pair_cuts.h"

#include "base/memory.h"

#include <stdlib.h>

typedef struct head {
    uint64_t size, points, count, whole;
} head;

/* Pairs equal to a point are spread evenly from one place to another, in ranges: what the sample
 * had of them. */
struct mr_spread_at {
    double from, to;
};

/* Pairs of the sample that the order does not tell apart: `from` to `to` of it, sorted. */
typedef struct group {
    size_t from, to, cuts; /* how many cuts fall on it */
} group;

typedef struct maker {
    mr_pair_order order; /* on pairs of the sample */
    size_t ranges;
    mr_pair_ref *refs; /* two of them a pair */
    group *groups;
    size_t pairs, count; /* of groups */
} maker;

static void sort_sample(maker *m, const mr_pair_sample *sample)
{
    mr_pair_refs(&m->order, sample->bytes, m->pairs, m->refs);
    mr_pair_sort(&m->order, m->refs, m->refs + m->pairs, m->pairs);
}

static void find_groups(maker *m)
{
    mr_placed last = {0};
    for (size_t i = 0; i < m->pairs; i++) {
        mr_placed here = mr_placed_read(&m->order.layout, m->refs[i].pair);
        if (i == 0 || mr_placed_compare(&m->order, &last, &here) != 0)
            m->groups[m->count++] = (group){.from = i};
        m->groups[m->count - 1].to = i + 1;
        last = here;
    }
}

/* Each range gets as much of the sample, and some groups get several cuts. */
static void cut_evenly(maker *m)
{
    size_t g = 0;
    for (size_t range = 1; range < m->ranges && m->pairs > 0; range++) {
        size_t at = (size_t)((double)range * (double)m->pairs / (double)m->ranges);
        at = at < m->pairs ? at : m->pairs - 1;
        while (m->groups[g].to <= at)
            g++;
        m->groups[g].cuts++;
    }
}

/* A range is closed before the group that would make it too large rather than too small; what is
 * too large alone has its own, and the others share what is left. */
static void cut_between(maker *m)
{
    double left = (double)m->pairs, open = 0;
    size_t ranges = m->ranges;
    for (size_t g = 0; g < m->count; g++) {
        double size = (double)(m->groups[g].to - m->groups[g].from);
        if (ranges > 1 && open > 0 && open + size / 2 > left / (double)ranges) {
            m->groups[g].cuts = 1;
            left -= open;
            open = 0;
            ranges--;
        }
        open += size;
    }
}

static void set_pointers(mr_pair_cuts *cuts, const head *begin)
{
    cuts->size = begin->size;
    cuts->points = begin->points;
    cuts->count = begin->count;
    cuts->whole = begin->whole;
    cuts->equal = (struct mr_spread_at *)(void *)(cuts->memory + sizeof *begin);
    cuts->pairs = (uint64_t *)(void *)(cuts->equal + cuts->points);
    cuts->below = (uint32_t *)(void *)(cuts->pairs + cuts->points);
}

/* Bytes of what comes before the pairs. */
static size_t fixed_size(size_t points)
{
    size_t point = sizeof(struct mr_spread_at) + sizeof(uint64_t);
    return sizeof(head) + points * point + mr_round8((points + 1) * sizeof(uint32_t));
}

static size_t pair_size(const maker *m, const group *g)
{
    mr_pair pair;
    const unsigned char *at = m->refs[g->from].pair;
    return (size_t)(mr_pair_read(&m->order.layout, at, &pair) - at);
}

static head measure(const maker *m, bool whole)
{
    head begin = {.whole = whole};
    for (size_t g = 0; g < m->count; g++) {
        if (!m->groups[g].cuts)
            continue;
        begin.points++;
        begin.count += m->groups[g].cuts;
        begin.size += pair_size(m, &m->groups[g]);
    }
    begin.size += fixed_size(begin.points);
    return begin;
}

static void put_points(const maker *m, mr_pair_cuts *cuts)
{
    size_t at = fixed_size(cuts->points), point = 0;
    double scale = (double)m->ranges / (double)m->pairs;
    for (size_t g = 0; g < m->count; g++) {
        const group *here = &m->groups[g];
        double from = (double)here->from * scale, to = (double)here->to * scale;
        if (!here->cuts)
            continue;
        memcpy(cuts->memory + at, m->refs[here->from].pair, pair_size(m, here));
        cuts->equal[point] = (struct mr_spread_at){from, to};
        cuts->pairs[point] = at;
        cuts->below[point + 1] = cuts->below[point] + (uint32_t)here->cuts;
        at += pair_size(m, here);
        point++;
    }
}

static mr_status put_cuts(const maker *m, mr_pair_cuts *cuts, bool whole, mr_error *error)
{
    head begin = measure(m, whole);
    cuts->memory = mr_memory_allocate(begin.size, "cuts between ranges", error);
    if (!cuts->memory)
        return MR_NO_MEMORY;
    memset(cuts->memory, 0, fixed_size(begin.points));
    memcpy(cuts->memory, &begin, sizeof begin);
    set_pointers(cuts, &begin);
    put_points(m, cuts);
    return MR_OK;
}

/* What of an order cuts go by. */
static mr_pair_order cutting_order(const mr_pair_order *order, bool whole)
{
    mr_pair_order cutting = *order;
    if (whole)
        cutting.ties = MR_TIES_NONE;
    return cutting;
}

static mr_status start_search(mr_pair_cuts *cuts, const mr_pair_order *order, mr_error *error)
{
    mr_pair_order cutting = cutting_order(order, cuts->whole);
    mr_status status = mr_pair_search_create(&cuts->search, &cutting, mr_pair_sample_layout(),
                                             cuts->memory, cuts->pairs, cuts->points, error);
    if (status != MR_OK)
        mr_pair_cuts_free(cuts);
    return status;
}

mr_status mr_pair_cuts_create(mr_pair_cuts *cuts, const mr_pair_order *order,
                              const mr_pair_sample *sample, size_t ranges, bool whole_keys,
                              mr_error *error)
{
    maker m = {.ranges = ranges, .pairs = sample->count};
    size_t bytes = m.pairs * (2 * sizeof *m.refs + sizeof *m.groups);
    *cuts = (mr_pair_cuts){0};
    m.order = cutting_order(order, whole_keys);
    m.order.layout = mr_pair_sample_layout();
    m.refs = mr_memory_allocate(bytes, "sorting a sample of pairs", error);
    if (!m.refs)
        return MR_NO_MEMORY;
    m.groups = (group *)(void *)(m.refs + 2 * m.pairs);
    memset(m.groups, 0, m.pairs * sizeof *m.groups);
    sort_sample(&m, sample);
    find_groups(&m);
    if (whole_keys)
        cut_between(&m);
    else
        cut_evenly(&m);
    mr_status status = put_cuts(&m, cuts, whole_keys, error);
    mr_memory_free(m.refs, bytes);
    return status == MR_OK ? start_search(cuts, order, error) : status;
}

mr_status mr_pair_cuts_pack(const mr_pair_cuts *cuts, void **bytes, size_t *size, mr_error *error)
{
    *bytes = malloc(cuts->size);
    if (!*bytes)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: %zu cuts between ranges",
                            cuts->points);
    memcpy(*bytes, cuts->memory, cuts->size);
    *size = cuts->size;
    return MR_OK;
}

mr_status mr_pair_cuts_unpack(mr_pair_cuts *cuts, const mr_pair_order *order, const void *bytes,
                              size_t size, mr_error *error)
{
    head begin = {0};
    *cuts = (mr_pair_cuts){0};
    if (size >= sizeof begin)
        memcpy(&begin, bytes, sizeof begin);
    if (size < sizeof begin || begin.size != size || begin.points > size ||
        fixed_size(begin.points) > size)
        return mr_error_set(error, MR_FAILED, "cuts between ranges came in %zu bytes: cut off",
                            size);
    cuts->memory = mr_memory_allocate(size, "cuts between ranges", error);
    if (!cuts->memory)
        return MR_NO_MEMORY;
    memcpy(cuts->memory, bytes, size);
    set_pointers(cuts, &begin);
    return start_search(cuts, order, error);
}

void mr_pair_cuts_free(mr_pair_cuts *cuts)
{
    mr_pair_search_destroy(&cuts->search);
    mr_memory_free(cuts->memory, cuts->size);
    *cuts = (mr_pair_cuts){0};
}

/* Where the next of the pairs goes that are equal to a point: a series that fills its places evenly
 * however long it is. */
static size_t spread(const mr_pair_cuts *cuts, size_t point, uint64_t *turn)
{
    if (cuts->whole)
        return cuts->below[point + 1];
    uint64_t series = (*turn)++ * UINT64_C(0x9e3779b97f4a7c15);
    double part = (double)(series >> 11) * 0x1p-53;
    double at = cuts->equal[point].from + part * (cuts->equal[point].to - cuts->equal[point].from);
    size_t range = (size_t)at, first = cuts->below[point], last = cuts->below[point + 1];
    return range < first ? first : range > last ? last : range;
}

size_t mr_pair_cuts_find(const mr_pair_cuts *cuts, const unsigned char *pair, uint64_t *turn)
{
    bool equal;
    size_t point = mr_pair_search_find(cuts->search, pair, &equal);
    return equal ? spread(cuts, point, turn) : cuts->below[point];
}

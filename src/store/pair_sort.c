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

/* Which word refs have as their prefix. */
typedef struct step {
    unsigned field; /* of the order's fields */
    size_t depth;   /* into bytes */
    bool size;      /* it is their size: all of them were the same but for zeros at their end */
} step;

typedef struct sorter {
    const mr_pair_order *order;
    mr_pair_fields fields;
} sorter;

static void sort_run(const sorter *s, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count,
                     step at, int level);

/* By the whole order, or by the user's function alone. */
static int compare(const sorter *s, bool whole, const mr_pair_ref *a, const mr_pair_ref *b)
{
    const mr_pair_order *order = s->order;
    mr_placed x = mr_placed_read(&order->layout, a->pair);
    mr_placed y = mr_placed_read(&order->layout, b->pair);
    if (whole)
        return mr_placed_compare(order, &x, &y);
    return order->descending ? order->compare(order->context, &y.pair, &x.pair)
                             : order->compare(order->context, &x.pair, &y.pair);
}

static void insert_sort(const sorter *s, bool whole, mr_pair_ref *refs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        mr_pair_ref ref = refs[i];
        size_t at = i;
        for (; at > 0 && compare(s, whole, &ref, &refs[at - 1]) < 0; at--)
            refs[at] = refs[at - 1];
        refs[at] = ref;
    }
}

/* By comparing, where there is nothing else: `whole`, or by the user's function alone. */
static void merge_sort(const sorter *s, bool whole, mr_pair_ref *refs, mr_pair_ref *scratch,
                       size_t count)
{
    size_t half = count / 2, left = 0, right = half, to = 0;
    if (count <= 8) {
        insert_sort(s, whole, refs, count);
        return;
    }
    merge_sort(s, whole, refs, scratch, half);
    merge_sort(s, whole, refs + half, scratch, count - half);
    if (compare(s, whole, &refs[half - 1], &refs[half]) <= 0)
        return;
    memcpy(scratch, refs, half * sizeof *refs);
    while (left < half && right < count)
        if (compare(s, whole, &refs[right], &scratch[left]) < 0)
            refs[to++] = refs[right++];
        else
            refs[to++] = scratch[left++];
    memcpy(refs + to, scratch + left, (half - left) * sizeof *refs);
}

static mr_bytes field_bytes(const sorter *s, step at, const unsigned char *pair)
{
    mr_pair read;
    mr_pair_read(&s->order->layout, pair, &read);
    return s->fields.fields[at.field] == MR_FIELD_KEY ? read.key : read.value;
}

/* How many bytes of a field a run has in common, in whole words. */
static size_t common_bytes(const sorter *s, const mr_pair_ref *refs, size_t count, step at)
{
    mr_bytes first = field_bytes(s, at, refs[0].pair);
    size_t common = first.size;
    for (size_t i = 1; i < count && common > at.depth; i++) {
        mr_bytes other = field_bytes(s, at, refs[i].pair);
        size_t depth = at.depth;
        if (other.size < common)
            common = other.size;
        while (depth + 8 <= common && memcmp(first.data + depth, other.data + depth, 8) == 0)
            depth += 8;
        common = depth + 8 <= common ? depth : common;
    }
    return common & ~(size_t)7;
}

typedef struct extremes {
    size_t least, most;
} extremes;

static extremes field_sizes(const sorter *s, const mr_pair_ref *refs, size_t count, step at)
{
    size_t size = field_bytes(s, at, refs[0].pair).size;
    extremes sizes = {size, size};
    for (size_t i = 1; i < count && !s->order->layout.stride; i++) {
        size = field_bytes(s, at, refs[i].pair).size;
        sizes.least = size < sizes.least ? size : sizes.least;
        sizes.most = size > sizes.most ? size : sizes.most;
    }
    return sizes;
}

static bool is_bytes(const sorter *s, step at)
{
    mr_pair_field field = s->fields.fields[at.field];
    return field == MR_FIELD_KEY || field == MR_FIELD_VALUE;
}

/* What may tell apart a run that has the same word; false when nothing can. `skip` also looks for
 * the words that the whole run has in common. */
static bool next_step(const sorter *s, const mr_pair_ref *refs, size_t count, step *at, bool skip)
{
    if (is_bytes(s, *at) && !at->size) {
        extremes sizes = field_sizes(s, refs, count, *at);
        if (sizes.most > at->depth + 8) {
            size_t common = skip ? common_bytes(s, refs, count, *at) : 0;
            at->depth = common > at->depth + 8 ? common : at->depth + 8;
            return true;
        }
        at->size = sizes.least != sizes.most;
        if (at->size)
            return true;
    }
    *at = (step){.field = at->field + 1};
    return at->field < s->fields.count;
}

/* Gives refs the words of a step; false when they are all the same. */
static bool refill(const sorter *s, mr_pair_ref *refs, size_t count, step at)
{
    uint64_t flip = s->order->descending && at.field == 0 ? ~UINT64_C(0) : 0, differ = 0;
    mr_pair_field field = s->fields.fields[at.field];
    for (size_t i = 0; i < count; i++) {
        const unsigned char *pair = refs[i].pair;
        uint64_t word =
            at.size ? field_bytes(s, at, pair).size : mr_pair_word(s->order, field, pair, at.depth);
        refs[i].prefix = word ^ flip;
        differ |= refs[i].prefix ^ refs[0].prefix;
    }
    return differ != 0;
}

/* A run of the same word: by the next ones in which any differ. */
static void settle(const sorter *s, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count, step at,
                   int level)
{
    if (level == DEEPEST) {
        merge_sort(s, true, refs, scratch, count);
        return;
    }
    for (bool skip = false; next_step(s, refs, count, &at, skip); skip = true)
        if (refill(s, refs, count, at)) {
            sort_run(s, refs, scratch, count, at, level + 1);
            return;
        }
}

/* Whether nothing comes behind this word, so that pairs need no look. */
static bool is_last(const sorter *s, step at)
{
    const mr_pair_layout *layout = &s->order->layout;
    if (at.field + 1 < s->fields.count)
        return false;
    if (!is_bytes(s, at) || at.size)
        return true;
    bool key = s->fields.fields[at.field] == MR_FIELD_KEY;
    return layout->stride && at.depth + 8 >= (key ? layout->key_size : layout->value_size);
}

/* Refs in order by one word: runs of the same by what comes behind. */
static void settle_runs(const sorter *s, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count,
                        step at, int level)
{
    if (is_last(s, at))
        return;
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t prefix = refs[i].prefix;
        for (end = i + 1; end < count && refs[end].prefix == prefix;)
            end++;
        if (end - i > 1)
            settle(s, refs + i, scratch, end - i, at, level);
    }
}

static void sort_run(const sorter *s, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count,
                     step at, int level)
{
    mr_radix_sort(refs, scratch, count);
    settle_runs(s, refs, scratch, count, at, level);
}

/* Sorts by the user's function, and makes of those it calls equal runs of one prefix. */
static void sort_by_compare(const sorter *s, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count)
{
    uint64_t run = 0;
    merge_sort(s, false, refs, scratch, count);
    for (size_t i = 0; i < count; i++) {
        run += i > 0 && compare(s, false, &refs[i - 1], &refs[i]) != 0;
        refs[i].prefix = run;
    }
    settle_runs(s, refs, scratch, count, (step){0}, 0);
}

void mr_pair_sort(const mr_pair_order *order, mr_pair_ref *refs, mr_pair_ref *scratch, size_t count)
{
    sorter s = {.order = order};
    mr_pair_fields_of(order, &s.fields);
    if (order->by == MR_BY_COMPARE)
        sort_by_compare(&s, refs, scratch, count);
    else
        sort_run(&s, refs, scratch, count, (step){0}, 0);
}

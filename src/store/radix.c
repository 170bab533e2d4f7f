/*
 * store/radix.c: a radix sort from the highest bits down. Refs are dealt out between two arrays to
 * and fro, by the highest bits in which any of a run differ, and by as many of them as make runs of
 * a few refs; these are put in order by insertion, on their way to where they belong.
 */
#include "store/radix.h"

#include <stdbool.h>
#include <string.h>

#define FEW       24
#define MOST_BITS 11

/* From where they are to where they belong, which may be the same place. */
static void insert_sort(const mr_pair_ref *from, mr_pair_ref *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mr_pair_ref ref = from[i];
        size_t at = i;
        for (; at > 0 && to[at - 1].prefix > ref.prefix; at--)
            to[at] = to[at - 1];
        to[at] = ref;
    }
}

/* The bits in which any two of the prefixes differ. */
static uint64_t differences(const mr_pair_ref *refs, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= refs[i].prefix ^ refs[0].prefix;
    return differ;
}

/* How many bits to deal a run out by: in as few equal passes as can be, so that in the end there
 * are twice as many places as refs. Wider digits miss the caches more than they save. */
static unsigned digit_bits(size_t count)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(count);
    unsigned passes = (bits + MOST_BITS - 1) / MOST_BITS;
    return (bits + passes - 1) / passes;
}

typedef struct digit {
    unsigned shift;
    uint64_t mask;
} digit;

/* Deals refs out by a digit; `ends` says where each run ends. Returns the longest run's count. */
static size_t deal(const mr_pair_ref *from, mr_pair_ref *to, size_t count, digit d, uint32_t *ends)
{
    uint32_t sum = 0, longest = 0;
    memset(ends, 0, (d.mask + 1) * sizeof *ends);
    for (size_t i = 0; i < count; i++)
        ends[from[i].prefix >> d.shift & d.mask]++;
    for (size_t i = 0; i <= d.mask; i++) {
        uint32_t here = ends[i];
        longest = here > longest ? here : longest;
        ends[i] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[ends[from[i].prefix >> d.shift & d.mask]++] = from[i];
    return longest;
}

/* The same for refs in no order at all: where each belongs is counted, without a branch. */
static void rank_sort(const mr_pair_ref *from, mr_pair_ref *to, size_t count)
{
    mr_pair_ref refs[FEW];
    uint64_t words[FEW];
    for (size_t i = 0; i < count; i++) {
        refs[i] = from[i];
        words[i] = from[i].prefix;
    }
    for (size_t i = 0; i < count; i++) {
        size_t rank = 0;
        for (size_t j = 0; j < i; j++)
            rank += words[j] <= words[i];
        for (size_t j = i + 1; j < count; j++)
            rank += words[j] < words[i];
        to[rank] = refs[i];
    }
}

/* Sorts what is in `from`; it is to `stay` there, or to come to be in `other`. */
static void sort_run(mr_pair_ref *from, mr_pair_ref *other, size_t count, bool stay)
{
    mr_pair_ref *to = stay ? from : other;
    if (count <= FEW) {
        insert_sort(from, to, count);
        return;
    }
    uint64_t differ = differences(from, count);
    if (!differ) {
        if (!stay)
            memcpy(other, from, count * sizeof *from);
        return;
    }
    uint32_t ends[1u << MOST_BITS];
    unsigned top = 64 - (unsigned)__builtin_clzll(differ), bits = digit_bits(count);
    digit d = {top > bits ? top - bits : 0, (UINT64_C(1) << bits) - 1};
    if (deal(from, other, count, d, ends) <= FEW) {
        insert_sort(other, to, count);
        return;
    }
    for (size_t i = 0, begin = 0; i <= d.mask; begin = ends[i++])
        sort_run(other + begin, from + begin, ends[i] - begin, !stay);
}

/* Where pairs were in order before, they often still are; where not, this is over soon. */
static bool is_sorted(const mr_pair_ref *refs, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (refs[i - 1].prefix > refs[i].prefix)
            return false;
    return true;
}

void mr_radix_sort(mr_pair_ref *refs, mr_pair_ref *scratch, size_t count)
{
    if (count > 2 && count <= FEW)
        rank_sort(refs, refs, count);
    else if (!is_sorted(refs, count))
        sort_run(refs, scratch, count, true);
}

/*
 * store/losers.h: a tree of losers: finds the first of many sources again when one of them has
 * moved on, with one comparison a level. Sources are ordered by 64 bits; who owns the tree says
 * which of two with the same bits comes first.
 */
#ifndef MR_STORE_LOSERS_H
#define MR_STORE_LOSERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_loser {
    uint64_t prefix;
    uint64_t source;
} mr_loser;

/* Node 1 is the root, 2n and 2n + 1 are below n, and source s is the leaf count + s. A node holds
 * who lost there. */
typedef struct mr_losers {
    mr_loser *nodes; /* `count` of them, the first of which is not used */
    size_t count;
} mr_losers;

/* Whether `a` comes before `b`, which has the same prefix. */
typedef bool mr_losers_tie(const void *context, mr_loser a, mr_loser b);

/* Who wins a match is as good as random, so nothing may branch on it: sources change places by a
 * mask. */
static inline void mr_losers_swap(mr_loser *a, mr_loser *b, bool swap)
{
    uint64_t differ = (a->source ^ b->source) & -(uint64_t)swap;
    a->source ^= differ;
    b->source ^= differ;
}

/* `moved` has a new prefix, not below its last: plays against those it meets on its way up. Returns
 * who is first now. */
static inline mr_loser mr_losers_replay(mr_losers *losers, mr_loser moved, mr_losers_tie *tie,
                                        const void *context)
{
    for (size_t n = (losers->count + moved.source) / 2; n > 0; n /= 2) {
        mr_loser *node = &losers->nodes[n], other = *node;
        if (__builtin_expect(other.prefix == moved.prefix, 0)) {
            mr_losers_swap(node, &moved, tie(context, other, moved));
            continue;
        }
        bool before = other.prefix < moved.prefix;
        mr_losers_swap(node, &moved, before);
        node->prefix = before ? moved.prefix : other.prefix;
        moved.prefix = before ? other.prefix : moved.prefix;
    }
    return moved;
}

/* Plays all matches below node `n` of a new tree; `prefixes` of all sources. Returns the winner. */
mr_loser mr_losers_play(mr_losers *losers, size_t n, const uint64_t *prefixes, mr_losers_tie *tie,
                        const void *context);

#endif

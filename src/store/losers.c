/* store/losers.c: how a tree of losers begins. */
#include "store/losers.h"

mr_loser mr_losers_play(mr_losers *losers, size_t n, const uint64_t *prefixes, mr_losers_tie *tie,
                        const void *context)
{
    if (n >= losers->count)
        return (mr_loser){prefixes[n - losers->count], n - losers->count};
    mr_loser a = mr_losers_play(losers, 2 * n, prefixes, tie, context);
    mr_loser b = mr_losers_play(losers, 2 * n + 1, prefixes, tie, context);
    bool before = a.prefix != b.prefix ? a.prefix < b.prefix : tie(context, a, b);
    losers->nodes[n] = before ? b : a;
    return before ? a : b;
}

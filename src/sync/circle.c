/* sync/circle.c: a thread waits for one thing, which one thread holds: so it is enough to go on. */
#include "sync/circle.h"

static const mr_sync_fact *holder_of(const mr_sync_fact *facts, size_t count, uint32_t object)
{
    for (size_t i = 0; i < count; i++)
        if (facts[i].what == MR_SYNC_HOLDS && facts[i].object == object)
            return &facts[i];
    return NULL;
}

/* `count`: it does not wait. */
static size_t wait_of(const mr_sync_fact *facts, size_t count, const mr_sync_fact *who)
{
    size_t i = 0;
    while (i < count && (facts[i].what != MR_SYNC_WAITS || !facts[i].counts ||
                         facts[i].rank != who->rank || facts[i].thread != who->thread))
        i++;
    return i;
}

static size_t follow(const mr_sync_fact *facts, size_t count, size_t start, size_t *circle,
                     size_t most)
{
    size_t length = 0;
    for (size_t at = start; at < count && length < most;) {
        circle[length++] = at;
        const mr_sync_fact *holder = holder_of(facts, count, facts[at].object);
        if (!holder)
            return 0;
        at = wait_of(facts, count, holder);
        if (at == start)
            return length;
    }
    return 0;
}

size_t mr_sync_circle(const mr_sync_fact *facts, size_t count, size_t *circle, size_t most)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length == 0; i++)
        if (facts[i].what == MR_SYNC_WAITS && facts[i].counts)
            length = follow(facts, count, i, circle, most);
    return length;
}

/*
 * observe/watchdog.h: who does not get on. It looks at the flight records of a node's ranks, now
 * and then, and says which of them have done nothing for too long: those that are at work in vain,
 * and not those that wait for them. It only tells; nobody is ended.
 */
#ifndef MR_OBSERVE_WATCHDOG_H
#define MR_OBSERVE_WATCHDOG_H

#include "base/flight.h"

/* What is known of a rank from one look to the next. */
typedef struct mr_watched {
    const mr_flight *flight;
    uint64_t progress;
    double since; /* it was seen to get on */
    bool has_waited; /* since then, as one without work of its own */
    bool is_told, is_blamed;
} mr_watched;

typedef struct mr_watchdog {
    mr_watched ranks[MR_FLIGHT_PEERS];
    int count;
} mr_watchdog;

void mr_watchdog_add(mr_watchdog *watchdog, const mr_flight *flight, double now);

/*
 * One look, at a moment of base/clock.h: true when there is something to be told, in `text` (one
 * line without its end); the ranks that it is about are those with `is_blamed`. Each stretch
 * without progress is told once. When all ranks wait, for each other or for another node's, that is
 * told after twice the time, so that who is to blame is told first.
 */
bool mr_watchdog_look(mr_watchdog *watchdog, double limit, double now, char *text, size_t room);

#endif

/* observe/watchdog.c: comparing what was with what is. No state but the caller's. */
#include "observe/watchdog.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_THREADS = 8, MOST_RANKS = 16 };

/* Text that ends where the room does. */
typedef struct line {
    char *text;
    size_t room, size;
} line;

static void add(line *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(line *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(to->text + to->size, to->room - to->size, format, arguments);
    va_end(arguments);
    to->size += size > 0 ? (size_t)size : 0;
    if (to->size >= to->room)
        to->size = to->room - 1;
}

static unsigned places_of(const mr_flight *flight)
{
    unsigned used = atomic_load(&((mr_flight *)(uintptr_t)flight)->used);
    return used < MR_FLIGHT_THREADS ? used : MR_FLIGHT_THREADS;
}

/* Everything that changes while a rank gets on. A kernel that goes from record to record does, too,
 * however long its block takes. */
static uint64_t progress_of(const mr_flight *flight)
{
    uint64_t sum = flight->progress;
    for (unsigned i = 0; i < places_of(flight); i++) {
        const mr_flight_thread *thread = &flight->threads[i];
        sum += thread->progress + (uint64_t)(uintptr_t)thread->block.at +
               (uint64_t)(uintptr_t)thread->block.record;
    }
    return sum;
}

static bool is_stopped(const mr_flight *flight)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", flight->process);
    FILE *file = fopen(path, "re");
    if (file && !fgets(text, sizeof text, file))
        text[0] = '\0';
    if (file)
        fclose(file);
    const char *state = strrchr(text, ')');
    return state && (strncmp(state, ") T", 3) == 0 || strncmp(state, ") t", 3) == 0);
}

static bool is_at_work(const mr_flight_thread *thread)
{
    return thread->is_taken && thread->is_working && thread->waits == 0;
}

static bool has_work(const mr_flight *flight)
{
    for (unsigned i = 0; i < places_of(flight); i++)
        if (is_at_work(&flight->threads[i]))
            return true;
    return false;
}

/* A thread is in a kernel, or the main thread does something of its own and never waited: one that
 * waits looks up now and then. */
static bool is_to_blame(const mr_watched *w)
{
    return !w->has_waited || has_work(w->flight) || is_stopped(w->flight);
}

static void add_threads(line *to, const mr_flight *flight)
{
    char work[2 * MR_FLIGHT_FILE];
    int shown = 0, more = 0;
    for (unsigned i = 0; i < places_of(flight); i++) {
        const mr_flight_thread *thread = &flight->threads[i];
        if (!is_at_work(thread) || !mr_flight_work(thread, work, sizeof work))
            continue;
        if (shown == MOST_THREADS)
            more++;
        else
            add(to, "%s thread %d works on %s", shown++ ? "," : ":", thread->number, work);
    }
    if (more)
        add(to, " and %d more threads", more);
    if (is_stopped(flight))
        add(to, ": it was stopped by a signal: SIGCONT lets it go on");
    else if (!shown && flight->threads[0].waits == 0)
        add(to, ": its main thread is not in a kernel");
}

static void add_rank(line *to, const mr_flight *flight)
{
    add(to, "rank %d (%s), phase %s", flight->rank, flight->host, flight->phase);
}

void mr_watchdog_add(mr_watchdog *watchdog, const mr_flight *flight, double now)
{
    if (watchdog->count < MR_FLIGHT_PEERS)
        watchdog->ranks[watchdog->count++] =
            (mr_watched){.flight = flight, .progress = progress_of(flight), .since = now};
}

/* How many have done nothing for so long and were not told; those that have left do not count. */
static int find_stuck(mr_watchdog *watchdog, double limit, double now, bool only_blamed)
{
    int stuck = 0;
    for (int i = 0; i < watchdog->count; i++) {
        mr_watched *w = &watchdog->ranks[i];
        const bool is_late = !w->flight->is_over && !w->is_told && now - w->since >= limit;
        w->is_blamed = is_late && (!only_blamed || is_to_blame(w));
        stuck += w->is_blamed;
    }
    return stuck;
}

static void take_note(mr_watchdog *watchdog, double now)
{
    for (int i = 0; i < watchdog->count; i++) {
        mr_watched *w = &watchdog->ranks[i];
        const uint64_t progress = progress_of(w->flight);
        const bool waits = w->flight->threads[0].waits > 0 && !has_work(w->flight);
        w->has_waited = waits || (w->has_waited && progress == w->progress);
        if (progress == w->progress)
            continue;
        w->progress = progress;
        w->since = now;
        w->is_told = false;
    }
}

static int count_left(const mr_watchdog *watchdog)
{
    int left = 0;
    for (int i = 0; i < watchdog->count; i++)
        left += !watchdog->ranks[i].flight->is_over;
    return left;
}

static void add_blamed(line *to, mr_watchdog *watchdog, bool with_threads)
{
    int shown = 0;
    for (int i = 0; i < watchdog->count; i++) {
        mr_watched *w = &watchdog->ranks[i];
        if (!w->is_blamed)
            continue;
        w->is_told = true;
        if (shown++ >= MOST_RANKS)
            continue;
        add(to, shown > 1 ? "; " : "");
        add_rank(to, w->flight);
        if (with_threads)
            add_threads(to, w->flight);
    }
    if (shown > MOST_RANKS)
        add(to, "; and %d more ranks", shown - MOST_RANKS);
}

bool mr_watchdog_look(mr_watchdog *watchdog, double limit, double now, char *text, size_t room)
{
    line l = {text, room, 0};
    take_note(watchdog, now);
    const int blamed = find_stuck(watchdog, limit, now, true);
    const int left = count_left(watchdog);
    if (blamed > 0) {
        add(&l, "mapred: watchdog: no progress for %g s: ", limit);
        add_blamed(&l, watchdog, true);
        if (left > blamed)
            add(&l, "; the other %d of the node wait or get on", left - blamed);
        add(&l, ": the job goes on: look at the stacks below, and end it if it hangs");
        return true;
    }
    if (left == 0 || find_stuck(watchdog, 2 * limit, now, false) < left)
        return false;
    add(&l, "mapred: watchdog: no progress for %g s: all ranks here wait for others: ", 2 * limit);
    add_blamed(&l, watchdog, false);
    add(&l, ": the job goes on: look for ranks that hang on other nodes, or at the stacks below");
    return true;
}

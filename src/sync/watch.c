/* sync/watch.c: all of it happens in handlers, so nobody needs a lock. */
#include "sync/watch.h"

#include "base/clock.h"
#include "observe/note.h"
#include "sync/circle.h"
#include "sync/object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define USUAL_LIMIT 60.0
#define LOOK_EACH   20e-3 /* seconds */

enum { LONG_WAIT, TELL, TOLD, CIRCLE };
enum { MOST_FACTS = 4096, MOST_SHOWN = 40, MOST_CIRCLE = 64 };

typedef struct host_name {
    char host[64];
} host_name;

struct mr_sync_watch {
    double limit; /* seconds; 0: nobody watches */
    double looked, told;
    /* rank 0 */
    bool is_asking, has_printed;
    int answers;
    host_name *hosts;
    mr_sync_fact *facts;
    size_t count, room;
};

/* Who waits for a lock is looked at in any case: a circle of them never ends by itself. */
static double limit_of(const mr_sync_room *room)
{
    const mr_settings *settings = room->job->settings;
    return settings->watchdog_given ? settings->watchdog : USUAL_LIMIT;
}

mr_status mr_sync_watch_make(struct mr_sync_watch **result, mr_sync_room *room, mr_error *error)
{
    struct mr_sync_watch *watch = *result = calloc(1, sizeof *watch);
    if (watch)
        watch->hosts = calloc((size_t)room->ranks, sizeof(host_name));
    if (!watch || !watch->hosts)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the watchdog");
    watch->limit = limit_of(room);
    return MR_OK;
}

void mr_sync_watch_free(struct mr_sync_watch *watch)
{
    if (!watch)
        return;
    free(watch->hosts);
    free(watch->facts);
    free(watch);
}

/* ---- What a rank knows ---- */

static void add_fact(struct mr_sync_watch *watch, const mr_sync_fact *fact)
{
    if (watch->count == watch->room) {
        size_t room = watch->room ? 2 * watch->room : 64;
        mr_sync_fact *grown = realloc(watch->facts, room * sizeof *grown);
        if (!grown)
            return;
        watch->facts = grown;
        watch->room = room;
    }
    watch->facts[watch->count++] = *fact;
}

static size_t put_waits(const mr_sync_room *room, mr_sync_fact *facts, size_t most)
{
    const double now = mr_clock_now(), enough = room->watch->limit / 2;
    size_t count = 0;
    for (int i = 0; i < MR_SYNC_HANDS; i++)
        for (mr_sync_hand *h = atomic_load(&room->hands[i]); h && count < most; h = h->next) {
            const mr_sync_object *object = atomic_load(&h->waits_for);
            const double seconds = now - atomic_load(&h->since);
            if (object)
                facts[count++] = (mr_sync_fact){MR_SYNC_WAITS,
                                                room->rank,
                                                h->number,
                                                object->number,
                                                seconds,
                                                atomic_load(&h->is_patient) && seconds >= enough,
                                                0};
        }
    return count;
}

static size_t put_holders(mr_sync_room *room, mr_sync_fact *facts, size_t most)
{
    size_t count = 0;
    pthread_mutex_lock(&room->lock);
    for (mr_sync_object *o = room->objects; o && count < most; o = o->next) {
        if (!o->kind->holder || o->home != room->rank)
            continue;
        const mr_sync_holder holder = o->kind->holder(o);
        if (holder.rank >= 0)
            facts[count++] = (mr_sync_fact){.what = MR_SYNC_HOLDS,
                                            .rank = holder.rank,
                                            .thread = holder.thread,
                                            .object = o->number};
    }
    pthread_mutex_unlock(&room->lock);
    return count;
}

static void tell_facts(mr_sync_room *room)
{
    host_name host = {""};
    mr_sync_fact *facts = malloc(MOST_FACTS * sizeof *facts);
    size_t count = 0;
    if (facts) {
        count = put_waits(room, facts, MOST_FACTS - 1);
        count += put_holders(room, facts + count, MOST_FACTS - 1 - count);
        if (atomic_load(&room->job->left))
            facts[count++] = (mr_sync_fact){.what = MR_SYNC_LEFT, .rank = room->rank};
    }
    snprintf(host.host, sizeof host.host, "%s", room->job->report.host);
    mr_post_send(room->post, 0, room->box, TOLD, (mr_bytes){host.host, sizeof host},
                 (mr_bytes){(const char *)facts, count * sizeof *facts});
    free(facts);
}

/* ---- Rank 0 ---- */

typedef struct line {
    char text[900];
    size_t size;
} line;

static void add(line *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(line *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(to->text + to->size, sizeof to->text - to->size, format, arguments);
    va_end(arguments);
    to->size += size > 0 ? (size_t)size : 0;
    if (to->size >= sizeof to->text)
        to->size = sizeof to->text - 1;
}

/* All ranks have the same objects under the same numbers. */
static void add_object(line *to, mr_sync_room *room, uint32_t number)
{
    pthread_mutex_lock(&room->lock);
    const mr_sync_object *object = room->objects;
    while (object && object->number != number)
        object = object->next;
    add(to, "%s %s", object ? object->kind->name : "object", object ? object->name : "closed");
    pthread_mutex_unlock(&room->lock);
}

static void add_thread(line *to, const mr_sync_room *room, const mr_sync_fact *fact)
{
    add(to, "rank %d (%s), ", fact->rank, room->watch->hosts[fact->rank].host);
    if (fact->thread == 0)
        add(to, "main thread");
    else
        add(to, "thread %u", fact->thread);
}

static void print_fact(mr_sync_room *room, const mr_sync_fact *fact)
{
    line l = {"", 0};
    if (fact->what == MR_SYNC_LEFT) {
        mr_note("  rank %d (%s): its driver has ended", fact->rank,
                room->watch->hosts[fact->rank].host);
        return;
    }
    add_object(&l, room, fact->object);
    add(&l, fact->what == MR_SYNC_HOLDS ? ": held by " : ": ");
    add_thread(&l, room, fact);
    if (fact->what == MR_SYNC_WAITS)
        add(&l, " waits for %.1f s", fact->seconds);
    mr_note("  %s", l.text);
}

static int by_object(const void *a, const void *b)
{
    const mr_sync_fact *x = a, *y = b;
    if ((x->what == MR_SYNC_LEFT) != (y->what == MR_SYNC_LEFT))
        return x->what == MR_SYNC_LEFT ? 1 : -1;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    if (x->what != y->what)
        return x->what == MR_SYNC_HOLDS ? -1 : 1;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static void print_facts(mr_sync_room *room)
{
    struct mr_sync_watch *watch = room->watch;
    mr_note("somebody has waited for %g s (--watchdog): who holds and who waits:",
            watch->limit);
    for (size_t i = 0; i < watch->count && i < MOST_SHOWN; i++)
        print_fact(room, &watch->facts[i]);
    if (watch->count > MOST_SHOWN)
        mr_note("  and %zu more", watch->count - MOST_SHOWN);
}

static void describe_circle(mr_sync_room *room, const size_t *circle, size_t length, line *text)
{
    const mr_sync_fact *facts = room->watch->facts;
    add(text, "deadlock: ");
    for (size_t i = 0; i < length; i++) {
        add_thread(text, room, &facts[circle[i]]);
        add(text, " holds ");
        add_object(text, room, facts[circle[(i + length - 1) % length]].object);
        add(text, " and waits for ");
        add_object(text, room, facts[circle[i]].object);
        add(text, i + 1 < length ? "; " : ": take locks in the same order everywhere");
    }
}

static void judge(mr_sync_room *room)
{
    struct mr_sync_watch *watch = room->watch;
    size_t circle[MOST_CIRCLE];
    if (watch->count == 0)
        return;
    qsort(watch->facts, watch->count, sizeof *watch->facts, by_object);
    size_t length = mr_sync_circle(watch->facts, watch->count, circle, MOST_CIRCLE);
    if (length > 0) {
        line text = {"", 0};
        describe_circle(room, circle, length, &text);
        mr_post_send(room->post, watch->facts[circle[0]].rank, room->box, CIRCLE,
                     (mr_bytes){text.text, text.size}, (mr_bytes){0});
    } else if (!watch->has_printed) {
        watch->has_printed = true;
        print_facts(room);
    }
}

static void ask_all(mr_sync_room *room)
{
    struct mr_sync_watch *watch = room->watch;
    if (watch->is_asking || mr_post_stopped(room->post))
        return;
    watch->is_asking = true;
    watch->answers = 0;
    watch->count = 0;
    for (int rank = 0; rank < room->ranks; rank++)
        mr_post_send(room->post, rank, room->box, TELL, (mr_bytes){0}, (mr_bytes){0});
}

static void take_facts(mr_sync_room *room, int from, mr_bytes letter)
{
    struct mr_sync_watch *watch = room->watch;
    mr_sync_fact fact;
    memcpy(&watch->hosts[from], letter.data, sizeof(host_name));
    for (size_t at = sizeof(host_name); at + sizeof fact <= letter.size; at += sizeof fact) {
        memcpy(&fact, letter.data + at, sizeof fact);
        add_fact(watch, &fact);
    }
    if (++watch->answers < room->ranks)
        return;
    watch->is_asking = false;
    judge(room);
}

/* ---- The box ---- */

/* A rank whose thread is in the circle ends the job, because its main thread will come and tell
 * why: another one's may be waiting for it in an agreement. */
static void end_job(mr_sync_room *room, mr_bytes text)
{
    mr_error error = {.code = MR_OK};
    mr_error_set(&error, MR_FAILED, "%.*s", (int)text.size, text.data);
    mr_post_fail(room->post, &error);
}

void mr_sync_watch_handle(void *context, int from, uint32_t kind, mr_bytes letter)
{
    mr_sync_room *room = context;
    if (kind == LONG_WAIT)
        ask_all(room);
    else if (kind == TELL)
        tell_facts(room);
    else if (kind == TOLD)
        take_facts(room, from, letter);
    else
        end_job(room, letter);
}

static bool waits_too_long(const mr_sync_room *room, double now)
{
    for (int i = 0; i < MR_SYNC_HANDS; i++)
        for (mr_sync_hand *h = atomic_load(&room->hands[i]); h; h = h->next)
            if (atomic_load(&h->waits_for) && atomic_load(&h->is_patient) &&
                now - atomic_load(&h->since) > room->watch->limit)
                return true;
    return false;
}

void mr_sync_watch_tick(void *context)
{
    mr_sync_room *room = context;
    struct mr_sync_watch *watch = room->watch;
    const double now = mr_clock_now();
    if (watch->limit <= 0 || now - watch->looked < LOOK_EACH)
        return;
    watch->looked = now;
    if (now - watch->told < watch->limit || !waits_too_long(room, now))
        return;
    watch->told = now;
    mr_post_send(room->post, 0, room->box, LONG_WAIT, (mr_bytes){0}, (mr_bytes){0});
}

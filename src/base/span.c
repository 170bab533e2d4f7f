/*
 * base/span.c: one recorder a thread, in a list that the process has: what records is deep inside
 * of rooms that know of no job. When a recorder is full, neighbours that are short are folded
 * together, and what is short is twice as long each time that this was not enough.
 */
#include "base/span.h"

#include "base/clock.h"
#include "base/stray.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_FIRST 1e-6 /* seconds */
#define STRETCH     4    /* times what is short: as long as folded spans may be moved */
#define MOST_LEAST  16

typedef struct recorder {
    struct recorder *next;
    mr_spans spans;
    size_t capacity;
    double is_short, since;
    mr_span_kind kind;
    uint64_t at;
    char about[MR_SPAN_ABOUT];
    bool is_about, has_number;
    atomic_bool writes, is_left;
} recorder;

/* All of a process. Threads that are left behind in a kernel may come back at any time: who records
 * says so first, and looks whether it is still wanted. */
static struct {
    atomic_uint turn; /* odd: recording */
    recorder *_Atomic first;
    size_t most;
    bool wants_files;
    atomic_uint nameless;
    double meetings[MR_SPAN_MEETINGS];
    size_t meeting_count;
    uint64_t meetings_each, meetings_here;
} all;

static _Thread_local struct {
    recorder *recorder;
    unsigned turn;
} mine __attribute__((tls_model("initial-exec")));

const char *mr_span_name(mr_span_kind kind)
{
    static const char *const names[MR_SPAN_KINDS] = {"none",     "read",  "map",        "fold",
                                                     "exchange", "spill", "merge",      "reduce",
                                                     "write",    "wait",  "checkpoint", "task"};
    return names[kind];
}

/* One whose thread has ended. */
static recorder *find_left(void)
{
    for (recorder *r = atomic_load(&all.first); r; r = r->next) {
        bool is_left = true;
        if (atomic_compare_exchange_strong(&r->is_left, &is_left, false))
            return r;
    }
    return NULL;
}

static recorder *make(void)
{
    recorder *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->capacity = 2 * all.most;
    r->is_short = SHORT_FIRST;
    r->spans.list = malloc(r->capacity * sizeof *r->spans.list);
    if (all.wants_files)
        r->spans.about = malloc(r->capacity * sizeof *r->spans.about);
    if (!r->spans.list || (all.wants_files && !r->spans.about)) {
        free(r->spans.list);
        free(r->spans.about);
        free(r);
        return NULL;
    }
    r->next = atomic_load(&all.first);
    while (!atomic_compare_exchange_weak(&all.first, &r->next, r))
        ;
    return r;
}

/* The calling thread's; NULL when nobody records. */
static recorder *find(void)
{
    unsigned turn = atomic_load_explicit(&all.turn, memory_order_relaxed);
    if (turn % 2 == 0)
        return NULL;
    if (mine.turn != turn) {
        mine.recorder = find_left();
        if (!mine.recorder)
            mine.recorder = make();
        mine.turn = turn;
    }
    return mine.recorder;
}

/* ---- Folding ---- */

static double length_of(const mr_span *span)
{
    return span->end - span->begin;
}

/* Spans [from, to) become one of each kind that is among them, one behind the other, at `*put`. */
static void fold_stretch(mr_spans *s, size_t from, size_t to, size_t *put)
{
    mr_span sums[MR_SPAN_KINDS] = {{0}};
    uint8_t order[MR_SPAN_KINDS];
    size_t kinds = 0;
    const double end = s->list[to - 1].end;
    double at = s->list[from].begin;
    for (size_t i = from; i < to; i++) {
        const mr_span *span = &s->list[i];
        mr_span *sum = &sums[span->kind];
        if (sum->count == 0)
            order[kinds++] = span->kind;
        sum->end += length_of(span);
        sum->count += span->count;
    }
    for (size_t k = 0; k < kinds; k++) {
        const mr_span *sum = &sums[order[k]];
        double next = at + sum->end < end ? at + sum->end : end;
        s->list[(*put)++] =
            (mr_span){.begin = at, .end = next, .count = sum->count, .kind = order[k]};
        at = next;
    }
}

/* The end of a stretch of short spans from `from` on. */
static size_t stretch_end(const mr_spans *s, size_t from, double is_short)
{
    size_t to = from;
    while (to < s->count && length_of(&s->list[to]) < is_short &&
           s->list[to].end - s->list[from].begin <= STRETCH * is_short)
        to++;
    return to;
}

static void fold_once(mr_spans *s, double is_short)
{
    size_t put = 0;
    for (size_t i = 0; i < s->count;) {
        size_t to = stretch_end(s, i, is_short);
        if (to - i > 1) {
            fold_stretch(s, i, to, &put);
            i = to;
            continue;
        }
        if (put < i && s->about)
            memcpy(s->about[put], s->about[i], sizeof *s->about);
        s->list[put++] = s->list[i++];
    }
    s->count = put;
}

/* To `most` spans, or one of each kind. */
static void fold(recorder *r, size_t most)
{
    mr_spans *s = &r->spans;
    while (s->count > most && s->count > 1) {
        const double all_of_it = s->list[s->count - 1].end - s->list[0].begin;
        fold_once(s, r->is_short);
        if (s->count <= most || r->is_short > 2 * all_of_it)
            return;
        r->is_short *= 2;
    }
}

/* ---- Recording ---- */

/* The span that ends now, if it has a name. */
static void add(recorder *r, double now)
{
    mr_spans *s = &r->spans;
    if (r->kind == MR_SPAN_NONE || now <= r->since)
        return;
    s->seconds[r->kind] += now - r->since;
    if (s->count == r->capacity)
        fold(r, r->capacity / 2);
    if (s->count == r->capacity)
        return;
    s->list[s->count] = (mr_span){.begin = r->since,
                                  .end = now,
                                  .at = r->at,
                                  .count = 1,
                                  .kind = (uint8_t)r->kind,
                                  .is_about = r->is_about};
    if (r->is_about)
        memcpy(s->about[s->count], r->about, sizeof r->about);
    s->count++;
}

static mr_span_kind turn_to(recorder *r, mr_span_kind kind, double now)
{
    const mr_span_kind before = r->kind;
    now = now < r->since ? r->since : now; /* who looked at the clock before the last one did */
    atomic_store(&r->writes, true);
    if (atomic_load(&all.turn) == mine.turn)
        add(r, now);
    r->kind = kind;
    r->since = now;
    r->is_about = false;
    atomic_store_explicit(&r->writes, false, memory_order_release);
    return before;
}

mr_span_kind mr_span_begin_at(mr_span_kind kind, double now)
{
    recorder *r = find();
    if (!r || r->kind == kind)
        return kind;
    return turn_to(r, kind, now);
}

mr_span_kind mr_span_begin(mr_span_kind kind)
{
    recorder *r = find();
    if (!r || r->kind == kind)
        return kind;
    return turn_to(r, kind, mr_clock_now());
}

void mr_span_end(mr_span_kind before)
{
    mr_span_begin(before);
}

void mr_span_end_at(mr_span_kind before, double now)
{
    mr_span_begin_at(before, now);
}

void mr_span_about(const char *file, uint64_t at)
{
    recorder *r = find();
    if (!r || !r->spans.about || !file)
        return;
    size_t size = strlen(file), most = sizeof r->about - 1;
    if (size > most)
        file += size - most;
    memcpy(r->about, file, size > most ? most + 1 : size + 1);
    r->at = at;
    r->is_about = true;
}

void mr_span_thread(unsigned number)
{
    recorder *r = find();
    if (!r || r->has_number)
        return;
    r->spans.thread = number;
    r->has_number = true;
}

void mr_span_thread_end(void)
{
    recorder *r = find();
    mr_span_begin(MR_SPAN_NONE);
    mine.turn = 0;
    if (r)
        atomic_store(&r->is_left, true);
}

void mr_span_met(double seconds)
{
    if (atomic_load_explicit(&all.turn, memory_order_relaxed) % 2 == 0)
        return;
    if (all.meeting_count == MR_SPAN_MEETINGS && all.meetings_here == 0) {
        for (size_t i = 0; i < MR_SPAN_MEETINGS / 2; i++)
            all.meetings[i] = all.meetings[2 * i] + all.meetings[2 * i + 1];
        all.meeting_count /= 2;
        all.meetings_each *= 2;
    }
    if (all.meetings_here == 0)
        all.meetings[all.meeting_count++] = 0;
    all.meetings[all.meeting_count - 1] += seconds;
    all.meetings_here = (all.meetings_here + 1) % all.meetings_each;
}

/* ---- Looking ---- */

bool mr_span_start(size_t most, bool wants_files)
{
    all.most = most < MOST_LEAST ? MOST_LEAST : most;
    all.wants_files = wants_files;
    all.meeting_count = 0;
    all.meetings_each = 1;
    all.meetings_here = 0;
    atomic_store(&all.first, NULL);
    atomic_fetch_add(&all.turn, 1);
    mr_span_thread(0);
    return find() != NULL;
}

/* Whether a thread that came earlier has the same number. */
static bool is_taken(const recorder *r)
{
    for (const recorder *older = r->next; older; older = older->next)
        if (older->has_number && older->spans.thread == r->spans.thread)
            return true;
    return false;
}

/* Numbers for those that have none, and the list in the order of numbers. */
static void put_in_order(void)
{
    unsigned next = 0;
    recorder *sorted = NULL, *r = atomic_load(&all.first);
    for (recorder *one = r; one; one = one->next) {
        one->has_number = one->has_number && !is_taken(one);
        if (one->has_number && one->spans.thread >= next)
            next = one->spans.thread + 1;
    }
    for (recorder *rest; r; r = rest) {
        rest = r->next;
        if (!r->has_number)
            r->spans.thread = next++;
        recorder **link = &sorted;
        while (*link && (*link)->spans.thread < r->spans.thread)
            link = &(*link)->next;
        r->next = *link;
        *link = r;
    }
    atomic_store(&all.first, sorted);
}

void mr_span_stop(void)
{
    if (atomic_load(&all.turn) % 2 == 0)
        return;
    mr_span_begin(MR_SPAN_NONE);
    atomic_fetch_add(&all.turn, 1);
    for (recorder *r = atomic_load(&all.first); r; r = r->next)
        while (atomic_load(&r->writes))
            sched_yield();
    put_in_order();
}

void mr_span_free(void)
{
    mr_span_stop();
    recorder *r = mr_stray_count() ? NULL : atomic_load(&all.first);
    for (recorder *next; r; r = next) {
        next = r->next;
        free(r->spans.list);
        free(r->spans.about);
        free(r);
    }
    atomic_store(&all.first, NULL);
}

mr_spans *mr_span_look(size_t index, size_t most)
{
    recorder *r = atomic_load(&all.first);
    while (r && index--)
        r = r->next;
    if (!r)
        return NULL;
    fold(r, most);
    return &r->spans;
}

size_t mr_span_meetings(const double **seconds, uint64_t *each)
{
    *seconds = all.meetings;
    *each = all.meetings_each;
    return all.meeting_count;
}

/* test_span.c: what is recorded of threads, folded as often as it takes, against plain sums. */
#include "base/span.h"
#include "random.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <string.h>

enum { MOST = 200, STEPS = 200000, THREADS = 3 };

typedef struct script {
    uint64_t seed;
    unsigned number;
    double first, last, seconds[MR_SPAN_KINDS];
} script;

/* Mostly short spans, some long, some nested in others; gaps between. */
static void play(script *s)
{
    uint64_t random = s->seed;
    double now = s->first = 1000;
    mr_span_kind kind = MR_SPAN_NONE;
    for (int i = 0; i < STEPS; i++) {
        mr_span_kind next =
            (mr_span_kind)(random_below(&random, 4) ? random_below(&random, 5) : MR_SPAN_NONE);
        mr_span_begin_at(next, now);
        kind = next;
        double step = (double)(1 + random_below(&random, 1000)) * 1e-7;
        if (random_below(&random, 5000) == 0)
            step += 0.5;
        now += step;
        s->seconds[kind] += step;
    }
    mr_span_begin_at(MR_SPAN_NONE, now);
    s->last = now;
}

static void *run(void *context)
{
    script *s = context;
    mr_span_thread(s->number);
    play(s);
    return NULL;
}

static bool is_tidy(const mr_spans *spans, double first, double last)
{
    for (size_t i = 0; i < spans->count; i++) {
        const mr_span *span = &spans->list[i];
        if (span->begin < first || span->end < span->begin || span->end > last)
            return false;
        first = span->end;
    }
    return true;
}

static void check(const mr_spans *spans, const script *s, size_t most)
{
    double sums[MR_SPAN_KINDS] = {0};
    CU_ASSERT(spans->count <= most);
    CU_ASSERT(is_tidy(spans, s->first, s->last));
    for (size_t i = 0; i < spans->count; i++)
        sums[spans->list[i].kind] += spans->list[i].end - spans->list[i].begin;
    for (int kind = MR_SPAN_NONE + 1; kind < MR_SPAN_KINDS; kind++) {
        CU_ASSERT_DOUBLE_EQUAL(spans->seconds[kind], s->seconds[kind], 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(sums[kind], s->seconds[kind], 1e-6);
    }
}

static void test_folding(void)
{
    CU_ASSERT(mr_span_start(MOST, false));
    script scripts[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        scripts[i] = (script){.seed = i + 1, .number = 5 + i};
        pthread_create(&threads[i], NULL, run, &scripts[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    mr_span_stop();
    for (unsigned i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(mr_span_look(1 + i, MOST)->thread, 5 + i);
        check(mr_span_look(1 + i, MOST), &scripts[i], MOST);
        check(mr_span_look(1 + i, 20), &scripts[i], 20);
        check(mr_span_look(1 + i, 1), &scripts[i], MR_SPAN_KINDS);
    }
    CU_ASSERT_PTR_NULL(mr_span_look(1 + THREADS, MOST));
    mr_span_free();
}

/* Who ends a kind goes on with the one before; a kind within itself is no span of its own. */
static void test_nesting(void)
{
    static const struct {
        mr_span_kind kind;
        double begin, end;
    } want[] = {{MR_SPAN_READ, 1, 2}, {MR_SPAN_MAP, 2, 3},  {MR_SPAN_FOLD, 3, 4},
                {MR_SPAN_MAP, 4, 6},  {MR_SPAN_READ, 6, 7}, {MR_SPAN_WAIT, 9, 10}};
    CU_ASSERT(mr_span_start(MOST, true));
    mr_span_begin_at(MR_SPAN_READ, 1);
    mr_span_kind outer = mr_span_begin_at(MR_SPAN_MAP, 2);
    mr_span_about("a/file", 17);
    mr_span_kind inner = mr_span_begin_at(MR_SPAN_FOLD, 3);
    mr_span_end_at(inner, 4);
    mr_span_kind same = mr_span_begin_at(MR_SPAN_MAP, 5);
    mr_span_end_at(same, 5.5);
    mr_span_end_at(outer, 6);
    mr_span_begin_at(MR_SPAN_NONE, 7);
    mr_span_begin_at(MR_SPAN_WAIT, 9);
    mr_span_begin_at(MR_SPAN_NONE, 10);
    mr_span_stop();
    const mr_spans *spans = mr_span_look(0, MOST);
    CU_ASSERT_EQUAL_FATAL(spans->count, sizeof want / sizeof *want);
    for (size_t i = 0; i < spans->count; i++) {
        CU_ASSERT_EQUAL(spans->list[i].kind, want[i].kind);
        CU_ASSERT_EQUAL(spans->list[i].begin, want[i].begin);
        CU_ASSERT_EQUAL(spans->list[i].end, want[i].end);
        CU_ASSERT_EQUAL(spans->list[i].is_about, i == 1);
    }
    CU_ASSERT_STRING_EQUAL(spans->about[1], "a/file");
    CU_ASSERT_EQUAL(spans->list[1].at, 17);
    mr_span_free();
}

/* Long names lose their beginning. */
static void test_names(void)
{
    char name[200];
    memset(name, 'x', sizeof name);
    memcpy(name + 190, "/the-file", 10);
    CU_ASSERT(mr_span_start(MOST, true));
    mr_span_begin_at(MR_SPAN_MAP, 1);
    mr_span_about(name, 1);
    mr_span_begin_at(MR_SPAN_NONE, 2);
    mr_span_stop();
    CU_ASSERT_STRING_EQUAL(mr_span_look(0, MOST)->about[0], name + 200 - MR_SPAN_ABOUT);
    mr_span_free();
}

static void test_off(void)
{
    CU_ASSERT_EQUAL(mr_span_begin(MR_SPAN_MAP), MR_SPAN_MAP);
    mr_span_about("file", 1);
    mr_span_thread(3);
    mr_span_met(1);
    CU_ASSERT_PTR_NULL(mr_span_look(0, MOST));
    mr_span_stop();
    mr_span_free();
}

static void *one_span(void *context)
{
    const double *when = context;
    mr_span_thread(1);
    mr_span_begin_at(MR_SPAN_TASK, *when);
    mr_span_begin_at(MR_SPAN_NONE, *when + 1);
    mr_span_thread_end();
    return NULL;
}

/* Threads that come and go take no more memory than as many as there are at a time. */
static void test_threads_that_go(void)
{
    CU_ASSERT(mr_span_start(MOST, false));
    for (double when = 0; when < 20; when += 2) {
        pthread_t thread;
        pthread_create(&thread, NULL, one_span, &when);
        pthread_join(thread, NULL);
    }
    mr_span_stop();
    CU_ASSERT_EQUAL(mr_span_look(1, MOST)->count, 10);
    CU_ASSERT_EQUAL(mr_span_look(1, MOST)->seconds[MR_SPAN_TASK], 10);
    CU_ASSERT_PTR_NULL(mr_span_look(2, MOST));
    mr_span_free();
}

/* Two threads that say the same number become two rows. */
static void test_numbers_are_unique(void)
{
    static const double when = 3;
    CU_ASSERT(mr_span_start(MOST, false));
    pthread_t thread;
    script s = {.seed = 9, .number = 0};
    pthread_create(&thread, NULL, run, &s);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, one_span, (void *)(uintptr_t)&when);
    pthread_join(thread, NULL);
    mr_span_stop();
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(mr_span_look(i, MOST)->thread, i);
    mr_span_free();
}

/* However many meetings there are, their waits add up, and the numbers are the same for who met as
 * often. */
static void test_meetings(void)
{
    for (int count = 0; count < 50000; count = count * 2 + 1) {
        const double *seconds;
        uint64_t each;
        double sum = 0;
        CU_ASSERT(mr_span_start(MOST, false));
        for (int i = 0; i < count; i++)
            mr_span_met(i);
        size_t kept = mr_span_meetings(&seconds, &each);
        CU_ASSERT(kept <= MR_SPAN_MEETINGS);
        CU_ASSERT((uint64_t)count <= kept * each && kept * each < (uint64_t)count + each);
        for (size_t i = 0; i < kept; i++)
            sum += seconds[i];
        CU_ASSERT_EQUAL(sum, (double)count * (count - 1) / 2);
        mr_span_free();
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("span", NULL, NULL);
    CU_add_test(suite, "folding", test_folding);
    CU_add_test(suite, "nesting", test_nesting);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "off", test_off);
    CU_add_test(suite, "threads that go", test_threads_that_go);
    CU_add_test(suite, "numbers are unique", test_numbers_are_unique);
    CU_add_test(suite, "meetings", test_meetings);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

/*
 * tasks/pool_report.c: what a pool did: in the report, a part "pools"; with -v, a line for each
 * kind of task. Each rank counts what it has submitted.
 */
#include "tasks/pool.h"

#include "observe/note.h"

#include <mapred/driver.h>

#include <stdlib.h>

/* Of each kind, in one array that is added up over all ranks. */
enum { COUNT, FAILED, RETRIED, ELSEWHERE, ITEMS, SECONDS, LATENCY, NUMBERS };

static double *numbers_of(mr_pool *pool, unsigned kind)
{
    return pool->told + kind * (size_t)NUMBERS;
}

void mr_pool_count_begin(mr_pool *pool)
{
    if (mr_job_is_told(pool->job))
        pool->told = calloc((size_t)pool->kind_count * NUMBERS + 1, sizeof *pool->told);
}

void mr_pool_count(mr_pool *pool, const mr_future *record, const mr_outcome *outcome)
{
    if (!pool->told)
        return;
    pthread_mutex_lock(&pool->lock);
    double *numbers = numbers_of(pool, record->kind);
    numbers[COUNT]++;
    numbers[FAILED] += record->status != MR_OK && record->status != MR_CANCELLED;
    numbers[RETRIED] += record->attempt;
    numbers[ELSEWHERE] += outcome->rank != pool->rank;
    numbers[SECONDS] += (double)outcome->seconds;
    numbers[LATENCY] += mr_clock_now() - record->submitted;
    pthread_mutex_unlock(&pool->lock);
}

void mr_pool_count_items(mr_pool *pool, unsigned kind, uint64_t items, int rank, double seconds)
{
    if (!pool->told)
        return;
    double *numbers = numbers_of(pool, kind);
    numbers[ITEMS] += (double)items;
    numbers[ELSEWHERE] += rank != pool->rank ? (double)items : 0;
    numbers[SECONDS] += seconds;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void note_kind(const char *name, const double *numbers)
{
    mr_note("pool: %s: %.0f tasks, %.0f items, %.0f failed, %.0f retries, %.3f s, %.0f%% on other "
            "ranks, %.1f us from call to result",
            name, numbers[COUNT], numbers[ITEMS], numbers[FAILED], numbers[RETRIED],
            numbers[SECONDS], 100 * share(numbers[ELSEWHERE], numbers[COUNT] + numbers[ITEMS]),
            1e6 * share(numbers[LATENCY], numbers[COUNT]));
}

/* A name as JSON has it; bytes that would need more than that are left out. */
static void add_name(mr_text *json, const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name >= ' ' && *name != '"' && *name != '\\')
            mr_text_add(json, name, 1);
}

static void write_kind(mr_text *json, const char *name, const double *numbers, bool is_first)
{
    const double all = numbers[COUNT] + numbers[ITEMS];
    mr_text_printf(json, "%s{\"name\": \"", is_first ? "" : ", ");
    add_name(json, name);
    mr_text_printf(json,
                   "\", \"tasks\": %.0f, \"items\": %.0f, \"failed\": %.0f, "
                   "\"retries\": %.0f, \"seconds\": %.6f, \"elsewhere\": %.4f, "
                   "\"mean_latency\": %.9f}",
                   numbers[COUNT], numbers[ITEMS], numbers[FAILED], numbers[RETRIED],
                   numbers[SECONDS], share(numbers[ELSEWHERE], all),
                   share(numbers[LATENCY], numbers[COUNT]));
}

static void write_part(mr_pool *pool)
{
    mr_text json = {0};
    mr_text_printf(&json, "{\"workers\": %u, \"kinds\": [", pool->workers);
    for (unsigned kind = 0; kind < pool->kind_count; kind++) {
        if (pool->job->settings->verbose)
            note_kind(pool->kinds[kind].name, numbers_of(pool, kind));
        write_kind(&json, pool->kinds[kind].name, numbers_of(pool, kind), kind == 0);
    }
    mr_text_add(&json, "]}", sizeof "]}"); /* with its zero */
    if (!json.failed)
        mr_job_report_part(pool->job, "pools", json.data);
    mr_text_free(&json);
}

mr_status mr_pool_report(mr_pool *pool)
{
    mr_job *job = pool->job;
    if (pool->submitted > 0)
        mr_job_add(job, "pool tasks", (int64_t)pool->submitted);
    if (!mr_job_is_told(job))
        return MR_OK;
    if (!pool->told)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: the report of a pool");
    MR_TRY(mr_job_agree(job));
    mr_all_sum_f64(job, pool->told, (size_t)pool->kind_count * NUMBERS);
    MR_TRY(mr_job_agree(job));
    if (pool->rank == 0)
        write_part(pool);
    return MR_OK;
}

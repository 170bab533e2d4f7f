/* sync/report.c: one object is one element of the report's list "sync", and a line of -v. */
#include "sync/report.h"

#include "observe/note.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct numbers {
    int64_t operations, waits;
    double mean, longest; /* seconds an operation waited */
} numbers;

static void tell(mr_sync_object *object, const numbers *n)
{
    mr_job *job = object->room->job;
    if (job->settings->verbose)
        mr_note("%s %s: %lld operations, %lld of them waited; %.3g s on average, %.3g s at most",
                object->kind->name, object->name, (long long)n->operations, (long long)n->waits,
                n->mean, n->longest);
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(object->name));
    json_object_set_new(json, "kind", json_string(object->kind->name));
    json_object_set_new(json, "home", json_integer(object->home));
    json_object_set_new(json, "operations", json_integer(n->operations));
    json_object_set_new(json, "waits", json_integer(n->waits));
    json_object_set_new(json, "mean_wait", json_real(n->mean));
    json_object_set_new(json, "max_wait", json_real(n->longest));
    json_object_set_new(json, "contention",
                        json_real(n->operations ? (double)n->waits / (double)n->operations : 0));
    char *text = json_dumps(json, 0);
    if (text)
        mr_job_report_part(job, "sync", text);
    free(text);
    json_decref(json);
}

void mr_sync_report(mr_sync_object *object)
{
    mr_job *job = object->room->job;
    mr_sync_counts *counts = &object->counts;
    if (!mr_job_is_told(job))
        return;
    int64_t sums[] = {(int64_t)atomic_load(&counts->operations),
                      (int64_t)atomic_load(&counts->waits),
                      (int64_t)atomic_load(&counts->nanoseconds)};
    int64_t longest = (int64_t)atomic_load(&counts->longest);
    mr_all_sum_i64(job, sums, 3);
    mr_all_max_i64(job, &longest, 1);
    const double operations = (double)(sums[0] ? sums[0] : 1);
    const numbers n = {sums[0], sums[1], (double)sums[2] * 1e-9 / operations,
                       (double)longest * 1e-9};
    if (object->room->rank == 0)
        tell(object, &n);
}

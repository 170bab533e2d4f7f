/* tasks/fork_tell.c: what a run has done, for the report and -v. */
#include "tasks/fork.h"

#include "comm/vector.h"
#include "observe/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIVIDED, SOLVED, JOINED, FROM_THREADS, FROM_RANKS, ASKED, SUMS };

static void count(const fork_run *run, uint64_t *sums, double *busy, double seconds)
{
    for (unsigned i = 0; i <= run->threads; i++) {
        const mr_fork *hand = run->hands[i];
        sums[DIVIDED] += hand->counts.divided;
        sums[SOLVED] += hand->counts.solved;
        sums[JOINED] += hand->counts.joined;
        sums[FROM_THREADS] += hand->counts.from_threads;
        sums[FROM_RANKS] += hand->counts.from_ranks;
        if (i < run->threads && seconds > hand->idle)
            busy[run->rank] += seconds - hand->idle;
    }
    sums[ASKED] += run->letters;
}

typedef struct text {
    char *bytes;
    size_t size, room;
} text;

static void add_number(text *out, const char *before, double number)
{
    if (out->room - out->size > 32)
        out->size += (size_t)snprintf(out->bytes + out->size, out->room - out->size, "%s%.3f",
                                      before, number);
}

static void tell(fork_run *run, const uint64_t *sums, const double *busy, double seconds)
{
    double most = 0, mean = 0;
    const size_t room = 1024 + 32 * (size_t)run->ranks;
    text out = {malloc(room), 0, room};
    if (!out.bytes)
        return;
    for (int r = 0; r < run->ranks; r++) {
        most = busy[r] > most ? busy[r] : most;
        mean += busy[r] / run->ranks;
    }
    const char *name = run->how.name ? run->how.name : "fork-join";
    out.size = (size_t)snprintf(
        out.bytes, room,
        "{\"name\": \"%.64s\", \"divided\": %llu, \"solved\": %llu, \"joined\": %llu, "
        "\"stolen_between_threads\": %llu, \"stolen_between_ranks\": %llu, \"asked\": %llu, "
        "\"workers\": %u, \"seconds\": %.6f, \"busy_max_over_mean\": %.3f, \"busy\": ",
        name, (unsigned long long)sums[DIVIDED], (unsigned long long)sums[SOLVED],
        (unsigned long long)sums[JOINED], (unsigned long long)sums[FROM_THREADS],
        (unsigned long long)sums[FROM_RANKS], (unsigned long long)sums[ASKED], run->workers,
        seconds, mean > 0 ? most / mean : 1);
    for (int r = 0; r < run->ranks; r++)
        add_number(&out, r ? ", " : "[", busy[r]);
    memcpy(out.bytes + out.size, "]}", 3);
    mr_job_report_part(run->job, "forks", out.bytes);
    free(out.bytes);
    if (run->job->settings->verbose)
        mr_note("%s: %llu tasks divided, %llu solved; taken by other threads %llu, by other ranks "
                "%llu; %u workers, %.3f s, busy %.3f s a rank, the busiest %.2f times the mean",
                name, (unsigned long long)sums[DIVIDED], (unsigned long long)sums[SOLVED],
                (unsigned long long)sums[FROM_THREADS], (unsigned long long)sums[FROM_RANKS],
                run->workers, seconds, mean, mean > 0 ? most / mean : 1);
}

mr_status mr_fork_tell(fork_run *run, double seconds)
{
    uint64_t sums[SUMS] = {0};
    if (!mr_job_is_told(run->job))
        return MR_OK;
    double *busy = calloc((size_t)run->ranks, sizeof *busy);
    if (!busy)
        mr_error_set(run->job->error, MR_NO_MEMORY, "out of memory: telling about fork-join");
    mr_status status = mr_job_agree(run->job);
    if (status == MR_OK) {
        count(run, sums, busy, seconds);
        mr_vector_reduce(run->comm, sums, SUMS, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
        mr_vector_reduce(run->comm, busy, (uint64_t)run->ranks, MR_NUMBER_F64, MR_COMBINE_SUM, 0);
        if (run->rank == 0)
            tell(run, sums, busy, seconds);
    }
    free(busy);
    return status;
}

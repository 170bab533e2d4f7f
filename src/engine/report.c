/* engine/report.c: a job's counters and numbers, from all ranks to rank 0, and from there to who
 * asked. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/bad.h"
#include "engine/job.h"
#include "observe/note.h"

#include <stdlib.h>

void mr_job_count(mr_job *job, const char *name, int64_t value)
{
    mr_counter_add(job->counters, &job->counter_count, name, value);
}

/* Counters as bytes: the value, then the name with its zero. */
static mr_text pack_counters(const mr_job *job)
{
    mr_text text = {0};
    for (int i = 0; i < job->counter_count; i++) {
        mr_text_add(&text, (const char *)&job->counters[i].value, sizeof job->counters[i].value);
        mr_text_add(&text, job->counters[i].name, strlen(job->counters[i].name) + 1);
    }
    return text;
}

/* Adds up what all sent. The names point into `all`. */
static void unpack_counters(const char *all, uint64_t size, mr_out_counter *sums, int *count)
{
    for (uint64_t at = 0; at + sizeof(int64_t) < size;) {
        int64_t value;
        memcpy(&value, all + at, sizeof value);
        mr_counter_add(sums, count, all + at + sizeof value, value);
        at += sizeof value + strlen(all + at + sizeof value) + 1;
    }
}

mr_status mr_job_counters(mr_job *job, mr_out_counter *sums, int *count, char **names)
{
    uint64_t *sizes = NULL, size = 0;
    mr_text mine = pack_counters(job);
    *count = 0;
    mr_status status =
        mr_comm_gather_sizes(job->comm, mine.data, mine.size, names, &sizes, job->error);
    if (status == MR_OK && mr_comm_rank(job->comm) == 0) {
        for (int rank = 0; rank < mr_comm_size(job->comm); rank++)
            size += sizes[rank];
        unpack_counters(*names, size, sums, count);
    }
    mr_text_free(&mine);
    free(sizes);
    return status;
}

static void explain(const mr_job *job)
{
    mr_note("result: %llu rows, %llu bytes in %.3f s", (unsigned long long)job->rows,
            (unsigned long long)job->bytes, mr_clock_now() - job->start);
    for (int i = 0; i < job->counter_count; i++)
        mr_note("counter: %s: %lld", job->counters[i].name, (long long)job->counters[i].value);
    for (int i = 0; i < job->hot_count; i++)
        mr_note("hot key: %s in %s: %.0f%% of the pairs, on rank %d", job->hot[i].key,
                job->hot[i].set, 100 * job->hot[i].share, job->hot[i].rank);
}

static mr_status write_file(const mr_job *job, const mr_rank_report *ranks)
{
    const mr_plan *plan = job->plan;
    mr_inputs inputs = job->read;
    if (plan && inputs.files == 0)
        inputs = (mr_inputs){plan->count, mr_plan_bytes(plan), plan->splits, plan->block};
    mr_counter counters[MR_JOB_COUNTERS];
    char *command = mr_job_command(job);
    for (int i = 0; i < job->counter_count; i++)
        counters[i] = (mr_counter){job->counters[i].name, job->counters[i].value};
    mr_job_report report = {
        .app = job->app.name,
        .version = MR_VERSION,
        .output = job->settings->output,
        .seconds = mr_clock_now() - job->start,
        .inputs = inputs.files,
        .input_bytes = inputs.bytes,
        .splits = inputs.splits,
        .block = inputs.block ? inputs.block : job->settings->block,
        .rows = job->rows,
        .output_bytes = job->bytes,
        .ranks = ranks,
        .rank_count = mr_comm_size(job->comm),
        .counters = counters,
        .counter_count = job->counter_count,
        .hot = job->hot,
        .hot_count = job->hot_count,
        .parts = job->parts,
        .part_count = job->part_count,
        .bad_count = job->bad->known,
        .command = command,
    };
    mr_report_write(job->settings->report, &report, job->error);
    free(command);
    return job->error->code;
}

mr_status mr_job_tell(mr_job *job)
{
    bool root = mr_comm_rank(job->comm) == 0;
    if (!job->settings->report && !job->settings->verbose)
        return MR_OK;
    job->report.memory_peak = mr_memory_peak();
    job->report.rss_peak = mr_topology_peak_rss();
    mr_rank_report *ranks = NULL;
    char *names = NULL;
    mr_out_counter sums[MR_JOB_COUNTERS];
    int count = 0;
    if (root && !(ranks = calloc((size_t)mr_comm_size(job->comm), sizeof *ranks)))
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the report");
    mr_bad_tell(job);
    mr_status status = mr_job_counters(job, sums, &count, &names);
    if (status == MR_OK) {
        mr_comm_gather(job->comm, &job->report, sizeof job->report, ranks);
        if (root) {
            memcpy(job->counters, sums, sizeof sums);
            job->counter_count = count;
        }
        if (root && job->settings->verbose)
            explain(job);
        if (root && job->settings->report)
            write_file(job, ranks);
        status = mr_comm_agree(job->comm, job->error);
    }
    free(ranks);
    free(names);
    return status;
}

/* engine/report.c: a job's counters and numbers, from all ranks to rank 0, and from there to who
 * asked. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/span.h"
#include "engine/bad.h"
#include "engine/seeing.h"
#include "observe/note.h"
#include "observe/summary.h"

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

static void explain(const mr_job *job, const mr_job_report *report)
{
    mr_summary_tell(report);
    for (int i = 0; i < job->counter_count; i++)
        mr_note("counter: %s: %lld", job->counters[i].name, (long long)job->counters[i].value);
}

/* For -v, and into the file. */
static void tell(const mr_job *job, const mr_rank_report *ranks, const mr_sight *seen)
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
        .seconds = job->seconds,
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
        .seen = seen,
    };
    if (job->settings->verbose)
        explain(job, &report);
    if (job->settings->report)
        mr_report_write(job->settings->report, &report, job->error);
    free(command);
}

/* What one thread would have to do as well. Where there are more threads than cores, they take
 * longer by the clock than they work. */
static double alone(const mr_job *job)
{
    static const mr_span_kind kinds[] = {MR_SPAN_READ,   MR_SPAN_MAP,   MR_SPAN_FOLD, MR_SPAN_MERGE,
                                         MR_SPAN_REDUCE, MR_SPAN_WRITE, MR_SPAN_TASK};
    const mr_rank_report *report = &job->report;
    double sum = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        sum += report->spent[kinds[i]];
    bool crowded = report->threads * (uint64_t)mr_comm_node_size(job->comm) > report->node_cpus;
    return crowded && report->cpu < sum ? report->cpu : sum;
}

/* What this rank's threads were at, and what the process took. */
static void measure_rank(mr_job *job)
{
    mr_spans *spans;
    job->report.memory_peak = mr_memory_peak();
    job->report.rss_peak = mr_topology_peak_rss();
    job->report.cpu += mr_clock_process();
    for (size_t i = 0; (spans = mr_span_look(i, SIZE_MAX)); i++)
        for (int kind = 0; kind < MR_SPAN_KINDS; kind++)
            job->report.spent[kind] += spans->seconds[kind];
    job->report.alone = alone(job);
}

/* On rank 0 the counters and numbers of all ranks. */
static mr_status gather_numbers(mr_job *job, char **names, mr_rank_report **ranks)
{
    const bool root = mr_comm_rank(job->comm) == 0;
    mr_out_counter sums[MR_JOB_COUNTERS];
    int count = 0;
    if (root && !(*ranks = calloc((size_t)mr_comm_size(job->comm), sizeof **ranks)))
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: writing the report");
    MR_TRY(mr_job_counters(job, sums, &count, names));
    mr_comm_gather(job->comm, &job->report, sizeof job->report, *ranks);
    if (root) {
        memcpy(job->counters, sums, sizeof sums);
        job->counter_count = count;
    }
    return MR_OK;
}

mr_status mr_job_tell(mr_job *job)
{
    char *names = NULL;
    mr_sight seen = {.threads = NULL};
    mr_rank_report *ranks = NULL;
    if (!mr_job_is_told(job))
        return MR_OK;
    measure_rank(job);
    mr_bad_tell(job);
    mr_status status = gather_numbers(job, &names, &ranks);
    if (status == MR_OK)
        status = mr_job_seen(job, ranks, &seen);
    if (status == MR_OK) {
        if (mr_comm_rank(job->comm) == 0)
            tell(job, ranks, &seen);
        status = mr_comm_agree(job->comm, job->error);
    }
    mr_job_seen_free(&seen);
    free(ranks);
    free(names);
    return status;
}

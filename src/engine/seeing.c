/* engine/seeing.c: collecting what ranks saw. Nothing that a rank sends grows with the job's
 * length: spans are folded, waits and slow blocks are lists of one size. */
#include "engine/seeing.h"

#include "base/clock.h"
#include "base/span.h"
#include "comm/clock.h"
#include "comm/vector.h"
#include "engine/feed.h"
#include "observe/trace.h"

#include <stdlib.h>

#define SPANS_ALL   400000 /* of all threads together, in a report */
#define RANKS_SHOWN 64     /* more than these are shown by node */
#define NODES_SHOWN 512

static bool is_root(const mr_job *job)
{
    return mr_comm_rank(job->comm) == 0;
}

static mr_status no_memory(mr_job *job)
{
    return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: collecting what ranks did");
}

/* ---- The slowest blocks ---- */

void mr_worker_took(mr_worker *worker, double seconds)
{
    const mr_block *at = worker->at;
    if (!worker->slowest || !at || !at->file || !mr_slowest_takes(worker->slowest, seconds))
        return;
    mr_slow_block block = {.seconds = seconds,
                           .begin = at->offset,
                           .end = at->offset + (uint64_t)(at->end - at->data),
                           .block = worker->unit,
                           .rank = (uint32_t)mr_comm_rank(worker->feed->job->comm),
                           .thread = (uint32_t)worker->self->thread,
                           .is_rows = at->grid && !at->grid->places};
    if (block.is_rows) {
        block.begin = at->grid->first;
        block.end = at->grid->first + at->grid->size[0];
    }
    mr_slow_block_name(&block, at->file);
    mr_slowest_offer(worker->slowest, &block);
}

static mr_status gather_slowest(mr_job *job, mr_sight *seen)
{
    const mr_slowest none = {.count = 0}, *mine = job->slowest ? job->slowest : &none;
    int ranks = mr_comm_size(job->comm);
    mr_slowest *all = is_root(job) ? calloc((size_t)ranks, sizeof *all) : NULL;
    if (is_root(job) && !all)
        no_memory(job);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    mr_comm_gather(job->comm, mine, sizeof *mine, all);
    for (int rank = 0; all && rank < ranks; rank++)
        mr_slowest_merge(&seen->slowest, &all[rank]);
    mr_slowest_sort(&seen->slowest);
    free(all);
    return MR_OK;
}

/* ---- The timeline ---- */

static size_t spans_a_thread(const mr_job *job)
{
    uint64_t threads = job->threads, before, all;
    mr_comm_scan(job->comm, &threads, 1, &before, &all);
    uint64_t most = SPANS_ALL / (all ? all : 1);
    return most < 1 ? 1 : most < MR_SEEN_SPANS ? most : MR_SEEN_SPANS;
}

/* Ranks begin within some milliseconds: the job begins when rank 0 does. */
static double since_start(double seconds)
{
    return seconds > 0 ? seconds : 0;
}

static void pack_thread(mr_text *text, const mr_spans *spans, int rank, double shift)
{
    mr_seen_thread head = {(uint32_t)rank, spans->thread, spans->count};
    mr_text_add(text, (const char *)&head, sizeof head);
    for (size_t i = 0; i < spans->count; i++) {
        const mr_span *span = &spans->list[i];
        mr_seen_span packed = {since_start(span->begin + shift), since_start(span->end + shift),
                               span->kind};
        mr_text_add(text, (const char *)&packed, sizeof packed);
    }
}

/* What to add to this rank's clock to have seconds since the job's start on rank 0. */
static double shift_of(const mr_job *job)
{
    double start = job->start;
    mr_vector_broadcast(job->comm, 0, &start, sizeof start, 0);
    return mr_comm_clock_shift(job->comm) - start;
}

static mr_status gather_timeline(mr_job *job, mr_sight *seen)
{
    mr_text mine = {0};
    char *all = NULL;
    uint64_t *sizes = NULL;
    const double shift = shift_of(job);
    const size_t most = spans_a_thread(job);
    mr_spans *spans;
    for (size_t i = 0; (spans = mr_span_look(i, most)); i++)
        pack_thread(&mine, spans, mr_comm_rank(job->comm), shift);
    if (mine.failed)
        no_memory(job);
    mr_status status =
        mr_comm_gather_sizes(job->comm, mine.data, mine.size, &all, &sizes, job->error);
    seen->threads = all;
    for (int rank = 0; sizes && status == MR_OK && rank < mr_comm_size(job->comm); rank++)
        seen->threads_size += sizes[rank];
    mr_text_free(&mine);
    free(sizes);
    return status;
}

/* ---- Who waited for whom ---- */

/* The rank that others waited for longest, by the places where all met: who waited least there came
 * last. -1: this one waited for nobody, or ranks did not meet at the same places. */
static int64_t waited_for(mr_job *job, double *least, int64_t *who)
{
    const double *mine;
    uint64_t each;
    const int ranks = mr_comm_size(job->comm), me = mr_comm_rank(job->comm);
    const size_t count = mr_span_meetings(&mine, &each);
    int64_t same[2] = {(int64_t)(count * each), -(int64_t)(count * each)};
    mr_vector_reduce(job->comm, same, 2, MR_NUMBER_I64, MR_COMBINE_MIN, 0);
    if (same[0] != -same[1] || count == 0)
        return -1;
    memcpy(least, mine, count * sizeof *least);
    mr_vector_reduce(job->comm, least, count, MR_NUMBER_F64, MR_COMBINE_MIN, 0);
    for (size_t i = 0; i < count; i++)
        who[i] = mine[i] <= least[i] ? me : ranks;
    mr_vector_reduce(job->comm, who, count, MR_NUMBER_I64, MR_COMBINE_MIN, 0);
    double *sums = calloc((size_t)ranks, sizeof *sums), most = 0;
    int64_t on = -1;
    for (size_t i = 0; sums && i < count; i++)
        if (who[i] != me && (sums[who[i]] += mine[i] - least[i]) > most) {
            most = sums[who[i]];
            on = who[i];
        }
    free(sums);
    return on;
}

static mr_status gather_waits(mr_job *job, mr_sight *seen)
{
    double *least = calloc(MR_SPAN_MEETINGS, sizeof *least);
    int64_t *who = calloc(MR_SPAN_MEETINGS, sizeof *who);
    mr_seen_wait *all = NULL;
    if (is_root(job))
        seen->waits = all = calloc((size_t)mr_comm_size(job->comm), sizeof *all);
    if (!least || !who || (is_root(job) && !all))
        no_memory(job);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK) {
        const mr_spans *main_thread = mr_span_look(0, SIZE_MAX);
        mr_seen_wait mine = {.seconds = main_thread ? main_thread->seconds[MR_SPAN_WAIT] : 0,
                             .on = waited_for(job, least, who)};
        mr_comm_gather(job->comm, &mine, sizeof mine, all);
    }
    free(least);
    free(who);
    return status;
}

/* ---- Who sent how much to whom ---- */

/* In which row of the matrix each rank stands, and how many rows there are. `firsts` are the first
 * ranks of the nodes that ranks are on. */
static size_t rows_of(const int64_t *firsts, int ranks, uint32_t *rows)
{
    size_t side = 0;
    for (int rank = 0; rank < ranks; rank++)
        rows[rank] =
            ranks <= RANKS_SHOWN || firsts[rank] == rank ? (uint32_t)side++ : rows[firsts[rank]];
    return side;
}

static mr_status name_nodes(mr_job *job, mr_sight *seen, const mr_rank_report *ranks,
                            const uint32_t *rows)
{
    char(*nodes)[64] = calloc(seen->side, sizeof *nodes);
    seen->nodes = (const char(*)[64])nodes;
    if (!nodes)
        return no_memory(job);
    for (int rank = mr_comm_size(job->comm) - 1; rank >= 0; rank--)
        memcpy(nodes[rows[rank]], ranks[rank].host, sizeof *nodes);
    return MR_OK;
}

static void add_up_matrix(mr_job *job, uint64_t *matrix, size_t side, const uint32_t *rows)
{
    const uint64_t *sent = mr_comm_sent(job->comm);
    uint64_t *row = matrix + rows[mr_comm_rank(job->comm)] * side;
    for (int rank = 0; rank < mr_comm_size(job->comm); rank++)
        row[rows[rank]] += sent[rank];
    mr_vector_reduce(job->comm, matrix, side * side, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
}

static mr_status gather_matrix(mr_job *job, const mr_rank_report *ranks, mr_sight *seen)
{
    const int count = mr_comm_size(job->comm);
    int64_t *firsts = calloc((size_t)count, sizeof *firsts);
    uint32_t *rows = calloc((size_t)count, sizeof *rows);
    if (!firsts || !rows)
        no_memory(job);
    else
        firsts[mr_comm_rank(job->comm)] = mr_comm_node_ranks(job->comm)[0];
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status != MR_OK)
        goto out;
    mr_vector_reduce(job->comm, firsts, (uint64_t)count, MR_NUMBER_I64, MR_COMBINE_SUM, 0);
    seen->side = rows_of(firsts, count, rows);
    if (seen->side > NODES_SHOWN)
        goto out;
    seen->matrix = calloc(seen->side * seen->side, sizeof *seen->matrix);
    if (!seen->matrix)
        no_memory(job);
    else if (ranks && count > RANKS_SHOWN)
        name_nodes(job, seen, ranks, rows);
    status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        add_up_matrix(job, seen->matrix, seen->side, rows);
out:
    free(firsts);
    free(rows);
    return status;
}

/* ---- All of it ---- */

mr_status mr_job_watch(mr_job *job)
{
    const mr_settings *settings = job->settings;
    const size_t most = settings->trace ? MR_TRACE_SPANS : MR_SEEN_SPANS;
    if (!mr_job_is_told(job) && !settings->trace)
        return MR_OK;
    if (settings->report)
        job->slowest = calloc(1, sizeof *job->slowest);
    if (!mr_span_start(most, settings->trace != NULL) || (settings->report && !job->slowest))
        return no_memory(job);
    return MR_OK;
}

void mr_job_watched(mr_job *job)
{
    mr_span_stop();
    if (mr_job_is_told(job) || job->is_traced)
        mr_comm_barrier(job->comm);
    job->seconds = mr_clock_now() - job->start;
}

static mr_seen_cost cost_of(const mr_job *job, const mr_rank_report *ranks)
{
    double serial = 0;
    uint64_t cores = 0;
    for (int rank = 0; rank < mr_comm_size(job->comm); rank++) {
        serial += ranks[rank].alone;
        cores += ranks[rank].threads;
    }
    return mr_seen_cost_of(serial, job->seconds, cores);
}

mr_status mr_job_seen(mr_job *job, const mr_rank_report *ranks, mr_sight *seen)
{
    *seen = (mr_sight){.threads = NULL};
    if (ranks)
        seen->cost = cost_of(job, ranks);
    MR_TRY(gather_waits(job, seen));
    if (!job->settings->report)
        return MR_OK;
    MR_TRY(gather_timeline(job, seen));
    MR_TRY(gather_slowest(job, seen));
    return gather_matrix(job, ranks, seen);
}

void mr_job_seen_free(mr_sight *seen)
{
    free((void *)(uintptr_t)seen->threads);
    free((void *)(uintptr_t)seen->waits);
    free((void *)(uintptr_t)seen->nodes);
    free(seen->matrix);
    *seen = (mr_sight){.threads = NULL};
}

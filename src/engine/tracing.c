/*
 * engine/tracing.c: the trace of all ranks, in one file. Rank 0 asks one rank after the other for
 * its events, which come as text, piece by piece: so nobody holds more than a piece.
 */
#include "engine/seeing.h"

#include "base/span.h"
#include "comm/clock.h"
#include "comm/vector.h"
#include "observe/trace.h"

#include <stdlib.h>

#define PIECE ((size_t)256 << 10) /* bytes of events that go together, and a few more */
#define SPANS 256                 /* between two looks at how many these are */

/* Where a rank's events go: to the file, or to rank 0. */
typedef struct sink {
    mr_job *job;
    mr_trace_file *file; /* rank 0 */
    mr_text text;
} sink;

static void hand_over(sink *to)
{
    if (to->file)
        mr_trace_put(to->file, to->text.data, to->text.size);
    else if (to->text.size > 0)
        mr_comm_hand(to->job->comm, 0, to->text.data, to->text.size);
    mr_text_clear(&to->text);
}

static void write_thread(sink *to, const mr_spans *spans, double shift)
{
    const int rank = mr_comm_rank(to->job->comm);
    mr_trace_name_thread(&to->text, rank, spans->thread);
    for (size_t from = 0; from < spans->count; from += SPANS) {
        size_t end = spans->count - from < SPANS ? spans->count : from + SPANS;
        mr_trace_spans(&to->text, rank, spans, from, end, shift);
        if (to->text.size >= PIECE)
            hand_over(to);
    }
}

static void write_rank(sink *to, size_t most, double shift)
{
    mr_spans *spans;
    mr_trace_name_rank(&to->text, mr_comm_rank(to->job->comm), mr_comm_host(to->job->comm));
    for (size_t i = 0; (spans = mr_span_look(i, most)); i++)
        write_thread(to, spans, shift);
    hand_over(to);
}

#define LONGEST (PIECE + (size_t)(SPANS + 4) * MR_TRACE_EVENT)

/* Rank 0: what another rank has to say; the end is a piece of nothing. A rank that is not wanted
 * says nothing else. */
static void fetch(sink *to, int rank, char *room)
{
    char wanted = to->file && room;
    mr_comm_hand(to->job->comm, rank, &wanted, 1);
    for (size_t size; (size = mr_comm_take(to->job->comm, rank, room, LONGEST)) > 0;)
        mr_trace_put(to->file, room, size);
}

static void answer(sink *to, size_t most, double shift)
{
    char wanted;
    mr_comm_take(to->job->comm, 0, &wanted, 1);
    if (wanted)
        write_rank(to, most, shift);
    mr_comm_hand(to->job->comm, 0, "", 0);
}

static void write_all(sink *to, size_t most, double shift)
{
    static const char head[] = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
    const int ranks = mr_comm_size(to->job->comm);
    char *room = malloc(LONGEST);
    if (to->file) {
        mr_trace_put(to->file, head, sizeof head - 1);
        write_rank(to, most, shift);
    }
    for (int rank = 1; rank < ranks; rank++)
        fetch(to, rank, room);
    free(room);
}

static size_t spans_a_thread(const mr_job *job)
{
    uint64_t threads = job->threads, before, all;
    mr_comm_scan(job->comm, &threads, 1, &before, &all);
    uint64_t most = MR_TRACE_BYTES / MR_TRACE_EVENT / (all ? all : 1);
    return most < 1 ? 1 : most < MR_TRACE_SPANS ? most : MR_TRACE_SPANS;
}

mr_status mr_job_trace(mr_job *job, mr_status status)
{
    mr_error error = {.code = MR_OK};
    double start = job->start;
    if (!job->is_traced)
        return status;
    mr_vector_broadcast(job->comm, 0, &start, sizeof start, 0);
    const double shift = mr_comm_clock_shift(job->comm) - start;
    const size_t most = spans_a_thread(job);
    sink to = {.job = job};
    if (mr_comm_rank(job->comm) == 0) {
        mr_trace_open(&to.file, job->settings->trace, &error);
        write_all(&to, most, shift);
        if (to.file)
            mr_trace_end(&to.file, job->app.name, &error);
    } else {
        answer(&to, most, shift);
    }
    mr_text_free(&to.text);
    if (status != MR_OK)
        return status;
    *job->error = error;
    return mr_comm_agree(job->comm, job->error);
}

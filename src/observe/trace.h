/*
 * observe/trace.h: a job's spans as a file that Perfetto and Chrome open: one object of JSON with a
 * list of events, a rank being a process and a thread a thread.
 */
#ifndef MR_OBSERVE_TRACE_H
#define MR_OBSERVE_TRACE_H

#include "base/error.h"
#include "base/span.h"
#include "output/format.h"

/* Spans of a thread at most; and bytes of the whole file, which makes them fewer where there are
 * many threads. An event takes EVENT bytes at the most. */
#define MR_TRACE_SPANS 4096
#define MR_TRACE_BYTES ((uint64_t)64 << 20)
#define MR_TRACE_EVENT 320

/* Before any work: MR_BAD_OUTPUT when there can be no trace at `path`. */
mr_status mr_trace_try(const char *path, mr_error *error);

/* Events, each with a comma behind it: what a rank and a thread are called, and spans [from, to).
 * `shift` is added to their seconds. */
void mr_trace_name_rank(mr_text *text, int rank, const char *host);
void mr_trace_name_thread(mr_text *text, int rank, unsigned thread);
void mr_trace_spans(mr_text *text, int rank, const mr_spans *spans, size_t from, size_t to,
                    double shift);

/* The file, under a temporary name until it is whole. `end` renames it, or takes it away where
 * anything went wrong: MR_BAD_OUTPUT says what. */
typedef struct mr_trace_file mr_trace_file;
mr_status mr_trace_open(mr_trace_file **file, const char *path, mr_error *error);
bool mr_trace_put(mr_trace_file *file, const char *events, size_t size);
mr_status mr_trace_end(mr_trace_file **file, const char *app, mr_error *error);

#endif

/*
 * tasks/failing.c: a job for failures.py that looks inside: one rank goes wrong, in one of many
 * ways, while the others wait for letters that never come, with their main threads and with threads
 * beside them.
 */
#include <mapred.h>

#include "base/clock.h"
#include "base/stray.h"
#include "comm/post.h"
#include "engine/job.h"
#include "observe/crash.h"
#include "sets/run.h"
#include "tasks/crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct state {
    const char *how, *waits;
    int at;
} state;

enum { HANDS = 2 };

typedef struct room {
    mr_job *job;
    mr_post *post;
    uint32_t box;
    mr_crew *crew;
    bool is_stray;
} room;

static bool never(void *context)
{
    (void)context;
    return false;
}

static void take(void *context, int from, uint32_t kind, mr_bytes letter)
{
    (void)context;
    (void)from;
    (void)kind;
    (void)letter;
}

/* What goes wrong beside the main thread. */
static void work(void *context, unsigned thread)
{
    room *r = context;
    mr_error error = {.code = MR_OK};
    const state *s = mr_job_state(r->job);
    const bool is_bad = mr_job_rank(r->job) == s->at && thread == 1;
    if (is_bad && strcmp(s->how, "beside") == 0) {
        mr_clock_nap(100000);
        mr_error_set(&error, MR_BAD_INPUT, "does not like it: beside rank %d", s->at);
        mr_post_fail(r->post, &error);
    }
    while (is_bad && strcmp(s->how, "stray") == 0)
        mr_clock_nap(1000);
    mr_post_wait(r->post, never, NULL, MR_POST_NEVER);
}

static void halt(void *context)
{
    room *r = context;
    if (!mr_crew_end(&r->crew, 0.1))
        r->is_stray = true;
}

static void destroy(void *context)
{
    room *r = context;
    if (!r->is_stray)
        free(r);
}

static mr_status open_room(mr_job *job, room **result)
{
    room *r = *result = calloc(1, sizeof *r);
    mr_post *post;
    MR_TRY(mr_job_post(job, &post));
    *r = (room){.job = job, .post = post};
    mr_post_box_open(post, &(mr_post_room){.handler = take, .halt = halt, .destroy = destroy}, r,
                     &r->box, job->error);
    MR_TRY(mr_job_agree(job));
    mr_crew_start(&r->crew, 1, HANDS, work, r, job->error);
    return mr_job_agree(job);
}

static size_t describe(const void *context, char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%s", (const char *)context);
}

/* More than all the memory that there is. */
static void write_too_much(room *r)
{
    static char letter[64 << 20];
    mr_post_send(r->post, mr_job_ranks(r->job) - 1, r->box, 0, (mr_bytes){letter, sizeof letter},
                 (mr_bytes){NULL, 0});
}

static mr_status go_wrong(mr_job *job, room *r, const char *how)
{
    mr_clock_nap(100000);
    if (strcmp(how, "error") == 0)
        return mr_job_fail(job, MR_BAD_INPUT, "does not like it: rank %d", mr_job_rank(job));
    if (strcmp(how, "silent") == 0)
        return MR_FAILED;
    if (strcmp(how, "stray") == 0)
        return mr_job_fail(job, MR_BAD_INPUT, "a thread is lost: rank %d", mr_job_rank(job));
    if (strcmp(how, "memory") == 0)
        write_too_much(r);
    if (strcmp(how, "crash") == 0) {
        mr_crash_thread_work(describe, "task square 17");
        raise(SIGSEGV);
    }
    return mr_post_wait(r->post, never, NULL, MR_POST_NEVER);
}

static mr_status wait_and_see(mr_job *job, const state *s)
{
    mr_text_output *output;
    room *r;
    MR_TRY(open_room(job, &r));
    MR_TRY(mr_text_output_begin(job, &output));
    if (mr_job_rank(job) == 0)
        mr_text_output_write(output, "half ", 5);
    if (mr_job_rank(job) == s->at)
        return go_wrong(job, r, s->how);
    return strcmp(s->waits, "agree") == 0 ? mr_job_agree(job)
                                          : mr_post_wait(r->post, never, NULL, MR_POST_NEVER);
}

static mr_status tell_parts(mr_job *job)
{
    if (mr_job_rank(job) > 0)
        return MR_OK;
    mr_job_report_part(job, "stages", "{\"name\": \"first\", \"items\": 3}");
    mr_job_report_part(job, "path", "[1, 2.5, \"x\"]");
    mr_job_report_part(job, "stages", "{\"name\": \"second\", \"items\": 4}");
    return mr_job_is_told(job) ? MR_OK : mr_job_fail(job, MR_FAILED, "who asked");
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    return strcmp(s->how, "parts") == 0 ? tell_parts(job) : wait_and_see(job, s);
}

/* HOW AT WAITS OUTPUT MEMORY [REPORT] */
int main(int count, char **arguments)
{
    const mr_app app = {MR_APP_ABI, .name = "failing", .state_size = sizeof(state), .run = run};
    mr_error error = {.code = MR_OK};
    mr_comm *comm = NULL;
    if (count < 6 || mr_comm_start(&comm, &error) != MR_OK)
        return 99;
    state s = {.how = arguments[1], .at = atoi(arguments[2]), .waits = arguments[3]};
    const mr_settings settings = {.output = *arguments[4] ? arguments[4] : NULL,
                                  .overwrite = true,
                                  .memory = strtoull(arguments[5], NULL, 10),
                                  .report = arguments[6]};
    mr_status status = mr_run_main(comm, &app, &s, &settings, NULL, 0, &error);
    if (status != MR_OK && mr_comm_rank(comm) == 0)
        fprintf(stderr, "mapred: %s\n", error.text);
    mr_comm_finish(&comm);
    if (mr_stray_count() > 0)
        _exit((int)status);
    return (int)status;
}

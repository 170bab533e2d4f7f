/* engine/office.c: the job's post office, and what rooms that use it tell about themselves. */
#include <mapred/driver.h>

#include "comm/post.h"
#include "engine/job.h"
#include "observe/signals.h"
#include "resume/keep.h"

#include <stdlib.h>
#include <string.h>

/* A signal that has come is recorded by the main thread, when all agree; here it ends the waiting.
 */
static bool has_signal(void *context)
{
    mr_error error = {.code = MR_OK};
    const mr_job *job = context;
    if (job->keep)
        mr_keep_wish_now(job->keep); /* the job's time may be nearly over */
    return mr_job_signals(job, &error) != MR_OK;
}

mr_status mr_job_signals(const mr_job *job, mr_error *error)
{
    if (atomic_load(&job->saves) > 0 && mr_signals_stopping())
        return MR_OK;
    return mr_signals_check(error);
}

mr_status mr_job_post(mr_job *job, mr_post **post)
{
    MR_TRY(mr_job_agree(job));
    if (!job->post) {
        mr_status status = mr_post_open(&job->post, job->comm, job->error);
        job->failed = status != MR_OK;
        MR_TRY(status);
        mr_post_watch(job->post, has_signal, job);
    }
    *post = job->post;
    return MR_OK;
}

bool mr_job_is_told(const mr_job *job)
{
    return job->settings->report || job->settings->verbose;
}

void mr_job_report_part(mr_job *job, const char *name, const char *json)
{
    mr_report_part part = {strdup(name), strdup(json)};
    mr_report_part *grown =
        realloc(job->parts, ((size_t)job->part_count + 1) * sizeof(mr_report_part));
    if (grown)
        job->parts = grown;
    if (grown && part.name && part.json) {
        job->parts[job->part_count++] = part;
        return;
    }
    free(part.name);
    free(part.json);
}

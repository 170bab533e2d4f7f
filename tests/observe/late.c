/* observe/late.c: a driver whose rank 1 comes late to where all meet. */
#include <mapred.h>

#include <time.h>

static mr_status run(mr_job *job)
{
    int64_t one = 1;
    for (int turn = 0; turn < 3; turn++) {
        if (mr_job_rank(job) == 1)
            nanosleep(&(struct timespec){0, 200000000}, NULL);
        mr_all_sum_i64(job, &one, 1);
    }
    return MR_OK;
}

MR_APP = {
    MR_APP_ABI,
    .name = "late",
    .summary = "one rank lets the others wait",
    .run = run,
};

/*
 * cli/driver.c: a driver for drivers.py. It checks what all ranks have agreed on against what each
 * can compute for itself, and counts what came out; or it fails as it is told to.
 */
#include <mapred.h>

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1000 };

typedef struct state {
    const char *how;
    int64_t at;
} state;

static int64_t term(int rank, int i)
{
    return (int64_t)(rank + 1) * (i % 7 - 3) * 1000003;
}

/* Sum, smallest and largest of everybody's terms. */
static mr_status integers(mr_job *job)
{
    int64_t sum[COUNT], min[COUNT], max[COUNT];
    uint64_t bits = UINT64_C(1) << (mr_job_rank(job) * 3);
    int64_t ranks = mr_job_ranks(job);
    for (int i = 0; i < COUNT; i++)
        sum[i] = min[i] = max[i] = term(mr_job_rank(job), i);
    mr_all_sum_i64(job, sum, COUNT);
    mr_all_min_i64(job, min, COUNT);
    mr_all_max_i64(job, max, COUNT);
    mr_all_or_u64(job, &bits, 1);
    for (int i = 0; i < COUNT; i++) {
        int64_t one = term(0, i), most = one * ranks;
        if (sum[i] != one * ranks * (ranks + 1) / 2 || min[i] != (one < most ? one : most) ||
            max[i] != (one > most ? one : most))
            return mr_job_fail(job, MR_FAILED, "integers are wrong: %d", i);
    }
    mr_job_add(job, "bits", mr_job_rank(job) == 0 ? (int64_t)bits : 0);
    return MR_OK;
}

static mr_status doubles(mr_job *job)
{
    int rank = mr_job_rank(job), ranks = mr_job_ranks(job);
    double sum[2] = {0.5 * rank, 1}, min[2] = {rank, -rank}, max[2] = {rank, -rank};
    if (rank == ranks - 1)
        max[1] = NAN;
    mr_all_sum_f64(job, sum, 2);
    mr_all_min_f64(job, min, 2);
    mr_all_max_f64(job, max, 2);
    if (sum[0] != 0.25 * ranks * (ranks - 1) || sum[1] != ranks || min[0] != 0 ||
        min[1] != 1 - ranks || max[0] != ranks - 1 || !isnan(max[1]))
        return mr_job_fail(job, MR_FAILED, "doubles are wrong");
    mr_all_sum_f64(job, NULL, 0);
    return MR_OK;
}

static mr_status places(mr_job *job)
{
    uint64_t rank = (uint64_t)mr_job_rank(job), huge = UINT64_C(1) << 40;
    uint64_t before = mr_all_before(job, (rank + 1) * huge);
    if (before != rank * (rank + 1) / 2 * huge)
        return mr_job_fail(job, MR_FAILED, "what is before is wrong");
    return MR_OK;
}

/* Each rank's number of bytes is another; one in three has none. */
static mr_status bytes(mr_job *job)
{
    int ranks = mr_job_ranks(job), rank = mr_job_rank(job);
    unsigned char all[4 * 3000];
    uint64_t starts[5] = {0};
    for (int r = 0; r < ranks; r++)
        starts[r + 1] = starts[r] + (r % 3 == 1 ? 0 : (uint64_t)(1000 * r + 10));
    memset(all, 0, sizeof all);
    memset(all + starts[rank], 'a' + rank, starts[rank + 1] - starts[rank]);
    mr_all_gather(job, all, starts);
    for (int r = 0; r < ranks; r++)
        for (uint64_t i = starts[r]; i < starts[r + 1]; i++)
            if (all[i] != 'a' + r)
                return mr_job_fail(job, MR_FAILED, "what is gathered is wrong");
    for (int from = 0; from < ranks; from++) {
        char text[32] = "";
        if (rank == from)
            snprintf(text, sizeof text, "rank %d says so", from);
        mr_all_broadcast(job, from, text, sizeof text);
        if (text[5] != '0' + from)
            return mr_job_fail(job, MR_FAILED, "what is broadcast is wrong");
    }
    return MR_OK;
}

/* The job's options, as the command line has them, and threads that are there. */
static mr_status about(mr_job *job)
{
    int threads = 0;
#pragma omp parallel
#pragma omp atomic
    threads++;
    mr_job_add(job, "threads", threads);
    if (threads != (int)mr_job_threads(job) || omp_get_max_threads() != threads)
        return mr_job_fail(job, MR_FAILED, "threads are wrong: %d", threads);
    mr_job_add(job, "seed", mr_job_rank(job) == 0 ? (int64_t)mr_job_seed(job) : 0);
    mr_job_add(job, "memory", mr_job_rank(job) == 0 ? (int64_t)mr_job_memory_left(job) : 0);
    for (size_t i = 0; i < mr_job_input_count(job); i++) {
        char name[64];
        snprintf(name, sizeof name, "input %zu is %s", i, mr_job_input(job, i));
        mr_job_add(job, name, 1);
        mr_job_add(job, name, 1);
    }
    if (mr_job_input(job, mr_job_input_count(job)))
        return mr_job_fail(job, MR_FAILED, "there is an input too many");
    return MR_OK;
}

static mr_status check(mr_job *job)
{
    mr_status (*const parts[])(mr_job *) = {integers, doubles, places, bytes, about};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        parts[i](job);
        MR_TRY(mr_job_agree(job));
    }
    return MR_OK;
}

/* What the others do while a rank fails, or has already left. */
static mr_status others(mr_job *job, const state *s)
{
    int64_t number = 1;
    double large[COUNT] = {0};
    char text[8] = "unset";
    uint64_t starts[5] = {0, 2, 4, 6, 8};
    if (strcmp(s->how, "sums") == 0)
        for (int i = 0; i < 10; i++)
            mr_all_sum_f64(job, large, COUNT);
    if (strcmp(s->how, "broadcast") == 0) {
        mr_all_broadcast(job, (int)s->at, text, sizeof text);
        if (text[0] != '\0')
            abort();
    }
    if (strcmp(s->how, "gather") == 0) {
        mr_all_gather(job, text, starts);
        if (text[s->at * 2] != '\0')
            abort();
    }
    if (strcmp(s->how, "before") == 0 && mr_all_before(job, 1) != 0)
        abort();
    while (strcmp(s->how, "loop") == 0) {
        mr_all_max_i64(job, &number, 1);
        MR_TRY(mr_job_agree(job));
    }
    return strcmp(s->how, "agree") == 0 ? mr_job_agree(job) : MR_OK;
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    if (strcmp(s->how, "well") == 0)
        return check(job);
    if (mr_job_rank(job) != s->at)
        return others(job, s);
    if (strcmp(s->how, "silent") == 0)
        return MR_FAILED;
    mr_status status = mr_job_fail(
        job, MR_BAD_INPUT, "driver does not like it: rank %d: ask another", mr_job_rank(job));
    if (strcmp(s->how, "ignored") == 0)
        return MR_OK;
    if (strcmp(s->how, "agree") == 0)
        return mr_job_agree(job);
    return status;
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "well", "how it goes", false},
    {"at", MR_OPTION_I64, offsetof(state, at), "-1", "the rank that fails", false},
    {0},
};

MR_APP = {MR_APP_ABI, .name = "driver", .options = options, .state_size = sizeof(state),
          .run = run};

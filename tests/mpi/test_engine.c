/*
 * mpi/test_engine.c: whole jobs, one after the other in one process, without the command line:
 * right results, and errors that one rank alone has and all must end with.
 */
#include "../unit/random.h"
#include "ranks.h"
#include "sets/run.h"
#include "sets/sets.h"

#include <mapred/driver.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES  4000
#define VALUES 250 /* numbers in the input are below it */

static char folder[64], input[96], output[96];

/* What a job of these tests is told; its state. */
typedef struct orders {
    int fails_in_setup; /* the rank that does; -1: none */
    int64_t fails_at;   /* the number the kernel fails at; -1: none */
    bool dense;
    bool drives;      /* the same by way of a driver */
    int fails_at_end; /* the rank whose driver does, when all is written; -1: none */
} orders;

static mr_status map(mr_out *out, mr_block *block)
{
    const orders *wanted = mr_out_state(out);
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        int64_t value;
        if (!mr_bytes_to_i64(word, &value))
            return mr_out_fail(out, MR_BAD_INPUT, "not an integer");
        if (value == wanted->fails_at)
            return mr_out_fail(out, MR_FAILED, "an unlucky number");
        if (wanted->dense)
            MR_TRY(mr_out_dense_add_i64(out, (uint64_t)value, 1));
        else
            MR_TRY(mr_out_int_add_i64(out, value, 1));
        mr_out_count(out, "numbers", 1);
    }
    return MR_OK;
}

/* What a job without a driver does, in the driver's hands. */
static mr_status drive(mr_job *job)
{
    const orders *wanted = mr_job_state(job);
    const char *path = mr_job_input(job, 0);
    CU_ASSERT_PTR_NULL(job->plan);
    MR_TRY(mr_plan_make(job, &path, 1, (mr_wanted){job->app.input, 0}, &job->plan));
    CU_ASSERT(job->plan->count == 1 && mr_plan_bytes(job->plan) > LINES);
    MR_TRY(mr_sets_run_fold(job));
    CU_ASSERT_TRUE(job->written);
    if (wanted->fails_at_end == mr_job_rank(job))
        return mr_job_fail(job, MR_FAILED, "all was written, and then rank %d failed",
                           mr_job_rank(job));
    return MR_OK;
}

static mr_status setup(mr_job *job, void *state)
{
    const orders *wanted = state;
    if (wanted->drives)
        mr_job_app(job)->run = drive;
    if (wanted->dense)
        mr_job_app(job)->key = MR_KEY_DENSE;
    CU_ASSERT_EQUAL(mr_job_ranks(job), mr_comm_size(comm));
    CU_ASSERT_PTR_EQUAL(mr_job_state(job), state);
    if (wanted->fails_in_setup == mr_job_rank(job))
        return mr_job_fail(job, MR_USAGE, "wrong options: rank %d does not like them",
                           mr_job_rank(job));
    return MR_OK;
}

static const mr_app app = {MR_APP_ABI,
                           .name = "numbers",
                           .input = MR_INPUT_WORDS,
                           .map = map,
                           .key = MR_KEY_I64,
                           .dense_count = VALUES + 1,
                           .fold = MR_SUM_I64,
                           .state_size = sizeof(orders),
                           .setup = setup};

/* The numbers, from a series of their own; the one that jobs may fail at stands in line `LINES / 2`
 * alone. */
static int64_t number_of_line(uint64_t *state, int line)
{
    int64_t value = (int64_t)random_below(state, VALUES);
    return line == LINES / 2 ? VALUES : value;
}

static void write_input(void)
{
    uint64_t state = 5;
    FILE *file = fopen(input, "w");
    if (!file)
        mr_comm_abort(comm, 1, "a test failed");
    for (int line = 0; line < LINES; line++)
        fprintf(file, "%lld\n", (long long)number_of_line(&state, line));
    fclose(file);
}

/* The result of the job: what each number came to. -1 where there is no such line. */
static bool read_output(int64_t counts[VALUES + 1])
{
    long long key, count, last = -1;
    FILE *file = fopen(output, "r");
    memset(counts, 0, (VALUES + 1) * sizeof *counts);
    if (!file)
        return false;
    while (fscanf(file, "%lld\t%lld\n", &key, &count) == 2) {
        CU_ASSERT(key > last && key <= VALUES); /* in the order of numbers, none twice */
        if (key >= 0 && key <= VALUES)
            counts[key] = count;
        last = key;
    }
    CU_ASSERT(feof(file));
    fclose(file);
    return true;
}

static mr_status run_job(const orders *wanted, mr_settings *settings, mr_error *error)
{
    const char *inputs[] = {input};
    orders state = *wanted;
    settings->output = output;
    settings->quiet = true;
    *error = (mr_error){0};
    return mr_run_main(comm, &app, &state, settings, inputs, 1, error);
}

static void expect_counts(const mr_settings *asked, const orders *wanted)
{
    mr_settings settings = *asked;
    mr_error error;
    CU_ASSERT_EQUAL(run_job(wanted, &settings, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    if (mr_comm_rank(comm) == 0) {
        int64_t counts[VALUES + 1], want[VALUES + 1] = {0};
        uint64_t state = 5;
        for (int line = 0; line < LINES; line++)
            want[number_of_line(&state, line)]++;
        CU_ASSERT_TRUE(read_output(counts));
        CU_ASSERT_EQUAL(memcmp(counts, want, sizeof want), 0);
        CU_ASSERT_EQUAL(unlink(output), 0);
    }
    mr_comm_barrier(comm);
}

static void test_results(void)
{
    static const uint64_t blocks[] = {1, 64, 4096, 0};
    for (uint64_t threads = 1; threads <= 3; threads++)
        for (int i = 0; i < 4; i++) {
            mr_settings settings = {.threads = threads, .block = blocks[i], .no_steal = i == 1};
            expect_counts(&settings, &(orders){.fails_in_setup = -1, .fails_at = -1});
            expect_counts(&settings,
                          &(orders){.fails_in_setup = -1, .fails_at = -1, .dense = true});
        }
}

static int files_in_folder(void)
{
    int count = 0;
    DIR *open = opendir(folder);
    while (open && readdir(open))
        count++;
    if (open)
        closedir(open);
    return count;
}

/* All ranks end alike, and the folder has nothing in it but the input. */
static void expect_failure(const orders *wanted, mr_status code, const char *text)
{
    mr_settings settings = {.threads = 2, .block = 64};
    mr_error error;
    CU_ASSERT_EQUAL(run_job(wanted, &settings, &error), code);
    CU_ASSERT_EQUAL(error.code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
    mr_comm_barrier(comm);
    CU_ASSERT_EQUAL(files_in_folder(), 3); /* itself and the one above */
    mr_comm_barrier(comm);
}

static void test_setup_fails(void)
{
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        char text[64];
        snprintf(text, sizeof text, "rank %d does not like them", rank);
        expect_failure(&(orders){.fails_in_setup = rank, .fails_at = -1}, MR_USAGE, text);
    }
}

/* The number is there once, so that one rank alone meets it. Its place is told. */
static void test_kernel_fails(void)
{
    uint64_t state = 5;
    unsigned long offset = 0;
    char text[160];
    for (int line = 0; line < LINES / 2; line++)
        offset += (unsigned long)snprintf(text, sizeof text, "%lld\n",
                                          (long long)number_of_line(&state, line));
    snprintf(text, sizeof text, "an unlucky number: %s at byte %lu", input, offset);
    for (int i = 0; i < 5; i++)
        expect_failure(&(orders){.fails_in_setup = -1, .fails_at = VALUES}, MR_FAILED, text);
}

static void test_existing_output(void)
{
    static const char old[] = "an old result\n";
    char read[sizeof old] = "";
    mr_settings settings = {.threads = 1};
    mr_error error;
    FILE *file = mr_comm_rank(comm) == 0 ? fopen(output, "w") : NULL;
    if (file) {
        fputs(old, file);
        fclose(file);
    }
    mr_comm_barrier(comm);
    orders wanted = {.fails_in_setup = -1, .fails_at = -1};
    CU_ASSERT_EQUAL(run_job(&wanted, &settings, &error), MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, output));
    file = fopen(output, "r");
    CU_ASSERT(file && fread(read, 1, sizeof read, file) == sizeof old - 1);
    CU_ASSERT_STRING_EQUAL(read, old);
    if (file)
        fclose(file);
    mr_comm_barrier(comm);
    settings.overwrite = true;
    expect_counts(&settings, &(orders){.fails_in_setup = -1, .fails_at = -1});
}

static void test_driver(void)
{
    for (int dense = 0; dense < 2; dense++) {
        mr_settings settings = {.threads = 2, .block = 512};
        expect_counts(&settings, &(orders){-1, -1, dense, .drives = true, .fails_at_end = -1});
    }
}

/* What is written is not the result before the driver has ended well on all ranks. */
static void test_driver_fails(void)
{
    expect_failure(&(orders){-1, VALUES, false, .drives = true, .fails_at_end = -1}, MR_FAILED,
                   "an unlucky number");
    for (int rank = 0; rank < mr_comm_size(comm); rank++) {
        char text[64];
        snprintf(text, sizeof text, "and then rank %d failed", rank);
        expect_failure(&(orders){-1, -1, false, .drives = true, .fails_at_end = rank}, MR_FAILED,
                       text);
    }
}

/* A folder of rank 0's that all know. */
static void test_begin(void)
{
    char made[sizeof folder] = "/tmp/mapred-engine-XXXXXX";
    void *bytes = made;
    size_t size = sizeof made;
    mr_error error = {0};
    if (mr_comm_rank(comm) == 0 && !mkdtemp(made))
        mr_error_set(&error, MR_FAILED, "no temporary folder");
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_comm_broadcast(comm, &bytes, &size, &error), MR_OK);
    memcpy(folder, bytes, sizeof folder);
    if (bytes != made)
        free(bytes);
    snprintf(input, sizeof input, "%s/input", folder);
    snprintf(output, sizeof output, "%s/output", folder);
    if (mr_comm_rank(comm) == 0)
        write_input();
    mr_comm_barrier(comm);
}

static void test_end(void)
{
    mr_comm_barrier(comm);
    if (mr_comm_rank(comm) == 0) {
        CU_ASSERT_EQUAL(unlink(input), 0);
        CU_ASSERT_EQUAL(rmdir(folder), 0);
    }
}

int main(void)
{
    static const ranks_test tests[] = {
        {"an input", test_begin},
        {"results at all threads and blocks", test_results},
        {"setup fails on one rank", test_setup_fails},
        {"a kernel fails on one rank", test_kernel_fails},
        {"an output that exists", test_existing_output},
        {"a driver writes", test_driver},
        {"a driver fails on one rank", test_driver_fails},
        {"nothing is left", test_end},
    };
    return run_on_ranks("engine", tests, sizeof tests / sizeof *tests);
}

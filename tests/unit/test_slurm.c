/*
 * tests/unit/test_slurm.c: what Slurm's environment is read as, and what becomes of squeue's
 * answer: a true one, none, nonsense, or one that never comes.
 */
#include "base/clock.h"
#include "base/slurm.h"

#include <CUnit/Basic.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/mapred-slurm-XXXXXX";
static char squeue[64];

/* Nothing of a cluster that this test may be running on. */
static void forget(void)
{
    static const char *const names[] = {
        "MAPRED_END_TIME",      "SLURM_JOB_END_TIME",   "SLURM_JOB_ID",       "SLURM_JOB_NUM_NODES",
        "SLURM_CPUS_ON_NODE",   "SLURM_CPUS_PER_TASK",  "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU",
        "SLURM_RESTART_COUNT",  "SLURM_TMPDIR",         "SLURM_PROCID",       "SLURM_STEP_ID",
        "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

/* A squeue that is this script. */
static void write_squeue(const char *script)
{
    FILE *file = fopen(squeue, "w");
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    chmod(squeue, 0755);
}

static void test_nothing(void)
{
    mr_slurm about;
    mr_error error = {0};
    forget();
    mr_slurm_read(&about);
    CU_ASSERT(about.job == 0 && about.nodes == 0 && about.tasks == 0 && !about.scratch);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 0);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_OK);
}

static void test_all(void)
{
    mr_slurm about;
    char text[256];
    forget();
    setenv("SLURM_JOB_ID", "42", 1);
    setenv("SLURM_JOB_NUM_NODES", "3", 1);
    setenv("SLURM_CPUS_ON_NODE", "16", 1);
    setenv("SLURM_CPUS_PER_TASK", "8", 1);
    setenv("SLURM_MEM_PER_NODE", "4000", 1);
    setenv("SLURM_MEM_PER_CPU", "250", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    setenv("SLURM_TMPDIR", "/local/42", 1);
    setenv("SLURM_PROCID", "1", 1);
    setenv("SLURM_STEP_NUM_TASKS", "6", 1);
    mr_slurm_read(&about);
    CU_ASSERT(about.job == 42 && about.nodes == 3 && about.cpus_on_node == 16);
    CU_ASSERT(about.cpus_per_task == 8 && about.restarts == 2);
    CU_ASSERT_EQUAL(about.memory_per_node, UINT64_C(4000) << 20);
    CU_ASSERT_EQUAL(about.memory_per_cpu, UINT64_C(250) << 20);
    CU_ASSERT_STRING_EQUAL(about.scratch, "/local/42");
    CU_ASSERT(about.task == 0 && about.tasks == 0); /* a batch script is no step */
    setenv("SLURM_STEP_ID", "0", 1);
    mr_slurm_read(&about);
    CU_ASSERT(about.task == 1 && about.tasks == 6);
    mr_slurm_describe(&about, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "job 42, 3 nodes, 16 CPUs here, 8 CPUs a task, 4000 MiB a node, "
                                 "250 MiB a CPU, 2 restarts");
    char small[24];
    mr_slurm_describe(&about, small, sizeof small);
    CU_ASSERT_NSTRING_EQUAL(small, text, sizeof small - 1);
}

static void test_wrong_numbers(void)
{
    mr_slurm about;
    forget();
    setenv("SLURM_JOB_ID", "x", 1);
    setenv("SLURM_MEM_PER_NODE", "99999999999999999", 1);
    setenv("SLURM_TMPDIR", "", 1);
    mr_slurm_read(&about);
    CU_ASSERT(about.job == 0 && about.memory_per_node == 0 && !about.scratch);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 0);
}

static void test_end_by_environment(void)
{
    forget();
    write_squeue("echo 1111111111");
    setenv("SLURM_JOB_ID", "42", 1);
    setenv("SLURM_JOB_END_TIME", "1800000000", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1800000000);
    setenv("MAPRED_END_TIME", "1700000000", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1700000000);
    setenv("MAPRED_END_TIME", "soon", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1800000000);
    setenv("MAPRED_END_TIME", "99999999999999999999", 1);
    setenv("SLURM_JOB_END_TIME", "0", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1111111111);
    unsetenv("SLURM_JOB_ID");
    setenv("MAPRED_END_TIME", "1700000000", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1700000000);
}

static void test_end_by_squeue(void)
{
    forget();
    setenv("SLURM_JOB_ID", "42", 1);
    write_squeue("[ \"$SLURM_TIME_FORMAT $*\" = '%s -h -j 42 -o %e' ] && echo 1700000000");
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1700000000);
    setenv("TZ", "UTC", 1);
    tzset();
    write_squeue("echo 2023-11-14T22:13:20");
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 1700000000);
    static const char *const silent[] = {"echo NONE", "echo N/A",  "echo",       "true",
                                         "exit 1",    "echo 17x0", "kill -9 $$", "exec >&-; exit"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        write_squeue(silent[i]);
        CU_ASSERT_EQUAL(mr_slurm_end_time(), 0);
    }
}

/* Nothing can be started at all. */
static void test_no_squeue(void)
{
    char *path = strdup(getenv("PATH"));
    forget();
    setenv("SLURM_JOB_ID", "42", 1);
    setenv("PATH", "/nowhere", 1);
    CU_ASSERT_EQUAL(mr_slurm_end_time(), 0);
    setenv("PATH", path, 1);
    free(path);
}

static double ask(const char *script, int64_t answer)
{
    write_squeue(script);
    double start = mr_clock_now();
    CU_ASSERT_EQUAL(mr_slurm_ask_end(42, 0.3), answer);
    return mr_clock_now() - start;
}

static void test_late_answers(void)
{
    forget();
    CU_ASSERT(ask("trap '' TERM; sleep 60", 0) < 30);
    CU_ASSERT(ask("sleep 60 & sleep 60", 0) < 30);
    CU_ASSERT(ask("yes 1 | tr -d '\\n'", 0) < 30);
    /* Said in time, though it does not come to its end. */
    write_squeue("echo 1700000000; sleep 60");
    double start = mr_clock_now();
    CU_ASSERT_EQUAL(mr_slurm_ask_end(42, 30), 1700000000);
    CU_ASSERT(mr_clock_now() - start < 30);
}

static void test_launch(void)
{
    mr_error error = {0};
    forget();
    setenv("SLURM_JOB_ID", "42", 1);
    setenv("SLURM_PROCID", "0", 1);
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_OK);
    setenv("SLURM_STEP_ID", "0", 1);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "4 tasks"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "srun --mpi=pmix"));
    error = (mr_error){0};
    setenv("PMIX_RANK", "0", 1);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_OK);
    unsetenv("PMIX_RANK");
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_OK);
    unsetenv("OMPI_COMM_WORLD_SIZE");
    setenv("SLURM_STEP_NUM_TASKS", "1", 1);
    CU_ASSERT_EQUAL(mr_slurm_check_launch(&error), MR_OK);
}

static int make_folder(void)
{
    char path[4096];
    if (!mkdtemp(folder))
        return -1;
    snprintf(squeue, sizeof squeue, "%s/squeue", folder);
    const char *old = getenv("PATH");
    snprintf(path, sizeof path, "%s:%s", folder, old ? old : "/usr/bin:/bin");
    return setenv("PATH", path, 1);
}

static int remove_folder(void)
{
    unlink(squeue);
    return rmdir(folder);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("slurm", make_folder, remove_folder);
    CU_add_test(suite, "no Slurm", test_nothing);
    CU_add_test(suite, "all that it tells", test_all);
    CU_add_test(suite, "numbers that are none", test_wrong_numbers);
    CU_add_test(suite, "the end, by the environment", test_end_by_environment);
    CU_add_test(suite, "the end, by squeue", test_end_by_squeue);
    CU_add_test(suite, "no squeue", test_no_squeue);
    CU_add_test(suite, "answers that are late", test_late_answers);
    CU_add_test(suite, "started in the wrong way", test_launch);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

/*
 * tests/unit/test_topology.c: shares of a node's CPUs and memory. Each case runs in a child,
 * because binding lasts; a child that plays the launcher has its name.
 */
#include "base/limits.h"
#include "base/topology.h"

#include <CUnit/Basic.h>

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child found out, in memory shared with the test. */
typedef struct result {
    mr_status status;
    mr_share share;
    cpu_set_t cpus;
} result;

static result *shared_result(void)
{
    static result *results;
    if (!results)
        results = mmap(NULL, sizeof *results * 64, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(results, 0, sizeof *results * 64);
    return results;
}

static void share_here(result *found, unsigned rank, unsigned ranks, bool keep)
{
    mr_error error = {0};
    found->status = mr_topology_share(&found->share, rank, ranks, keep, &error);
    sched_getaffinity(0, sizeof found->cpus, &found->cpus);
}

static void wait_for(pid_t child)
{
    int how = -1;
    CU_ASSERT_EQUAL(waitpid(child, &how, 0), child);
    CU_ASSERT(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void share_in_child(result *found, unsigned rank, unsigned ranks, bool keep,
                           const cpu_set_t *bind)
{
    pid_t child = fork();
    if (child == 0) {
        if (bind)
            sched_setaffinity(0, sizeof *bind, bind);
        share_here(found, rank, ranks, keep);
        _exit(0);
    }
    wait_for(child);
}

/* A launcher with all CPUs, perhaps a shell, and a rank that the launcher bound to `bind`. */
static void share_under(const char *launcher, const char *between, result *found,
                        const cpu_set_t *bind, bool keep)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, launcher);
        setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
        pid_t rank = between ? fork() : 1;
        if (rank == 0)
            prctl(PR_SET_NAME, between);
        if (rank == 0 || !between) {
            rank = fork();
            if (rank == 0) {
                prctl(PR_SET_NAME, "mapred");
                sched_setaffinity(0, sizeof *bind, bind);
                share_here(found, 0, 1, keep);
                _exit(0);
            }
        }
        int how = -1;
        waitpid(rank, &how, 0);
        _exit(WIFEXITED(how) ? WEXITSTATUS(how) : 1);
    }
    wait_for(child);
}

static unsigned count_of(const cpu_set_t *cpus)
{
    return (unsigned)CPU_COUNT(cpus);
}

static cpu_set_t own_cpus(void)
{
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof cpus, &cpus);
    return cpus;
}

static cpu_set_t first_cpu(void)
{
    cpu_set_t all = own_cpus(), one;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && !count_of(&one); i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    return one;
}

/* For any number of ranks: disjoint, complete, as even as can be; too many share all. */
static void test_parts(void)
{
    cpu_set_t all = own_cpus();
    unsigned count = count_of(&all);
    for (unsigned ranks = 1; ranks <= 9; ranks++) {
        result *found = shared_result();
        cpu_set_t together;
        unsigned sum = 0;
        CPU_ZERO(&together);
        for (unsigned rank = 0; rank < ranks; rank++) {
            share_in_child(&found[rank], rank, ranks, false, NULL);
            CU_ASSERT_EQUAL(found[rank].status, MR_OK);
            CU_ASSERT_EQUAL(found[rank].share.node_cpus, count);
            CU_ASSERT_EQUAL(found[rank].share.bound, ranks <= count);
            CPU_OR(&together, &together, &found[rank].cpus);
            sum += count_of(&found[rank].cpus);
            if (ranks > count) {
                CU_ASSERT_EQUAL(found[rank].share.cpus, 1);
                CU_ASSERT(CPU_EQUAL(&found[rank].cpus, &all));
                CU_ASSERT_PTR_NOT_NULL(strstr(found[rank].share.text, "shared"));
            } else {
                CU_ASSERT_EQUAL(found[rank].share.cpus, count_of(&found[rank].cpus));
                CU_ASSERT(found[rank].share.cpus >= count / ranks);
                CU_ASSERT(found[rank].share.cpus <= (count + ranks - 1) / ranks);
            }
        }
        CU_ASSERT(CPU_EQUAL(&together, &all));
        CU_ASSERT_EQUAL(sum, ranks > count ? ranks * count : count);
    }
}

/* What taskset gave is all there is. */
static void test_taskset(void)
{
    cpu_set_t one = first_cpu();
    result *found = shared_result();
    share_in_child(found, 0, 1, false, &one);
    CU_ASSERT_EQUAL(found->share.cpus, 1);
    CU_ASSERT_EQUAL(found->share.node_cpus, 1);
    CU_ASSERT(CPU_EQUAL(&found->cpus, &one));
}

static void test_launcher(void)
{
    static const char *const names[] = {"mpirun", "mpirun.openmpi", "orted", "prted", "prterun"};
    cpu_set_t all = own_cpus(), one = first_cpu();
    bool tight = count_of(&all) > 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int shell = 0; shell < 2; shell++) {
            result *found = shared_result();
            share_under(names[i], shell ? "sh" : NULL, found, &one, false);
            CU_ASSERT_EQUAL(found->share.cpus, count_of(&all));
            CU_ASSERT(CPU_EQUAL(&found->cpus, &all));
            CU_ASSERT(found->share.bound);
            CU_ASSERT(!tight || strstr(found->share.text, names[i]));
        }
}

/* Kept: the rank's own CPUs, and the truth about the node's. Not started by mpirun: its own too. */
static void test_launcher_kept(void)
{
    cpu_set_t all = own_cpus(), one = first_cpu();
    result *found = shared_result();
    share_under("mpirun", NULL, found, &one, true);
    CU_ASSERT_EQUAL(found->share.cpus, 1);
    CU_ASSERT_EQUAL(found->share.node_cpus, count_of(&all));
    CU_ASSERT_FALSE(found->share.bound);
    CU_ASSERT(CPU_EQUAL(&found->cpus, &one));
    share_under("make", NULL, found, &one, false);
    CU_ASSERT_EQUAL(found->share.cpus, 1);
    CU_ASSERT(CPU_EQUAL(&found->cpus, &one));
}

/* srun gave each of two ranks its own CPU: that is not divided again. */
static void test_srun(void)
{
    cpu_set_t all = own_cpus(), one = first_cpu();
    result *found = shared_result();
    if (count_of(&all) < 2)
        return;
    setenv("SLURM_PROCID", "1", 1);
    setenv("SLURM_CPUS_ON_NODE", "2", 1);
    share_in_child(found, 1, 2, false, &one);
    unsetenv("SLURM_PROCID");
    unsetenv("SLURM_CPUS_ON_NODE");
    CU_ASSERT_EQUAL(found->share.cpus, 1);
    CU_ASSERT_EQUAL(found->share.node_cpus, 2);
    CU_ASSERT_FALSE(found->share.bound);
    CU_ASSERT(CPU_EQUAL(&found->cpus, &one));
}

static void test_cache_and_memory(void)
{
    result *found = shared_result();
    share_in_child(&found[0], 0, 1, true, NULL);
    share_in_child(&found[1], 0, 4, true, NULL);
    CU_ASSERT(found[0].share.cache >= 64 * 1024);
    CU_ASSERT(found[0].share.cache <= 256 * 1024 * 1024);
    uint64_t all = mr_limits_memory("", found[0].share.node_cpus);
    CU_ASSERT(all > 0);
    CU_ASSERT_EQUAL(found[0].share.memory, all / 5 * 4);
    CU_ASSERT_EQUAL(found[1].share.memory, all / 5 * 4 / 4);
}

static void test_peak(void)
{
    uint64_t before = mr_topology_peak_rss();
    size_t size = 64 * 1024 * 1024;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(memory != MAP_FAILED);
    memset(memory, 1, size);
    munmap(memory, size);
    CU_ASSERT(before > 0);
    CU_ASSERT(mr_topology_peak_rss() >= before + size / 2);
}

/* A made-up /proc and /sys under a folder of the test's. */
static char root[] = "/tmp/mapred-limits-XXXXXX";

static void put_file(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    CU_ASSERT_EQUAL(remove(path), 0);
}

#define MIB 1048576ULL

static void test_limits_v1(void)
{
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 0);
    put_file("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:  5 kB\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
    put_file("proc/self/cgroup", "9:memoryish:/a\n4:cpu,memory:/a/b\n0::/\n");
    put_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put_file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576000\n");
    put_file("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "2097152000\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 1000 * MIB);
    remove_file("sys/fs/cgroup/memory/a/memory.limit_in_bytes");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 2000 * MIB);
    /* A container sees its own group at the mount point. */
    put_file("proc/self/cgroup", "4:memory:/docker/0123\n");
    put_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "524288000\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 500 * MIB);
    remove_file("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes");
    remove_file("sys/fs/cgroup/memory/memory.limit_in_bytes");
}

static void test_limits_v2(void)
{
    put_file("proc/self/cgroup", "0::/user.slice/job\n");
    put_file("sys/fs/cgroup/user.slice/job/memory.max", "max\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
    put_file("sys/fs/cgroup/user.slice/memory.max", "734003200\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 700 * MIB);
    put_file("sys/fs/cgroup/unified/user.slice/job/memory.max", "629145600\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 600 * MIB);
    remove_file("sys/fs/cgroup/unified/user.slice/job/memory.max");
    remove_file("sys/fs/cgroup/user.slice/memory.max");
    put_file("proc/self/cgroup", "nonsense\n::\n\n");
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
}

static void test_limits_slurm(void)
{
    setenv("SLURM_MEM_PER_NODE", "300", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 300 * MIB);
    setenv("SLURM_MEM_PER_NODE", "0", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
    setenv("SLURM_MEM_PER_NODE", "12x", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
    setenv("SLURM_MEM_PER_NODE", "99999999999999999999999", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 2), 8192 * MIB);
    unsetenv("SLURM_MEM_PER_NODE");
    setenv("SLURM_MEM_PER_CPU", "100", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 3), 300 * MIB);
    setenv("SLURM_CPUS_ON_NODE", "7", 1);
    CU_ASSERT_EQUAL(mr_limits_memory(root, 3), 700 * MIB);
    unsetenv("SLURM_CPUS_ON_NODE");
    unsetenv("SLURM_MEM_PER_CPU");
}

static void test_environment(void)
{
    static const struct {
        const char *text;
        uint64_t number;
    } cases[] = {{"17", 17}, {"0", 0}, {"", 0}, {"-1", 0}, {" 4", 0}, {"4 ", 0}, {"2(x2)", 0}};
    CU_ASSERT_EQUAL(mr_limits_environment("MAPRED_TEST_NOT_SET"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("MAPRED_TEST_NUMBER", cases[i].text, 1);
        CU_ASSERT_EQUAL(mr_limits_environment("MAPRED_TEST_NUMBER"), cases[i].number);
    }
    unsetenv("MAPRED_TEST_NUMBER");
}

static void clear_environment(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "SLURM_PROCID",
                                        "SLURM_CPUS_ON_NODE",   "SLURM_MEM_PER_NODE",
                                        "SLURM_MEM_PER_CPU",    "HWLOC_XMLFILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static void remove_root(void)
{
    static const char *const names[] = {
        "proc/meminfo",
        "proc/self/cgroup",
        "proc/self",
        "proc",
        "sys/fs/cgroup/memory/a/b",
        "sys/fs/cgroup/memory/a",
        "sys/fs/cgroup/memory",
        "sys/fs/cgroup/user.slice/job/memory.max",
        "sys/fs/cgroup/user.slice/job",
        "sys/fs/cgroup/user.slice",
        "sys/fs/cgroup/unified/user.slice/job",
        "sys/fs/cgroup/unified/user.slice",
        "sys/fs/cgroup/unified",
        "sys/fs/cgroup",
        "sys/fs",
        "sys",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove_file(names[i]);
    CU_ASSERT_EQUAL(rmdir(root), 0);
}

int main(void)
{
    clear_environment();
    if (!mkdtemp(root) || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("topology", NULL, NULL);
    CU_add_test(suite, "parts of a node", test_parts);
    CU_add_test(suite, "taskset", test_taskset);
    CU_add_test(suite, "launcher", test_launcher);
    CU_add_test(suite, "launcher, kept", test_launcher_kept);
    CU_add_test(suite, "srun", test_srun);
    CU_add_test(suite, "cache and memory", test_cache_and_memory);
    CU_add_test(suite, "peak", test_peak);
    CU_add_test(suite, "limits of cgroup v1", test_limits_v1);
    CU_add_test(suite, "limits of cgroup v2", test_limits_v2);
    CU_add_test(suite, "limits of Slurm", test_limits_slurm);
    CU_add_test(suite, "environment", test_environment);
    CU_add_test(suite, "clean up", remove_root);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

/*
 * base/topology.c: this rank's part of its node. Asks hwloc for cores and caches, /proc for what
 * the launcher may use, and binds the process. Knows nothing of MPI but the names of its launchers.
 */
#include "base/topology.h"

#include "base/limits.h"
#include "base/slurm.h"

#include <hwloc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_CACHE (512 * 1024)
/* Between a rank and its launcher may stand a shell, a debugger, a profiler. */
#define MOST_PARENTS 6

/* What /proc/PID/status says of a process, as far as it matters here. */
typedef struct process {
    char name[16];
    long parent;
    uint64_t peak_kib;
} process;

typedef struct node {
    hwloc_topology_t topology;
    hwloc_bitmap_t mine;    /* what this process may use now */
    hwloc_bitmap_t allowed; /* what the job may use here */
    hwloc_bitmap_t part;    /* what this rank is to use */
    char launcher[16];      /* whose CPUs `allowed` are; "" when they are the process's own */
    uint64_t
        job_cpus; /* the CPUs of the job here: more than `allowed` when srun has divided them */
} node;

static void read_field(const char *line, process *about, hwloc_bitmap_t cpus)
{
    const char *value = strchr(line, ':');
    if (!value)
        return;
    value += 1 + strspn(value + 1, " \t");
    if (strncmp(line, "Name:", 5) == 0)
        snprintf(about->name, sizeof about->name, "%s", value);
    else if (strncmp(line, "PPid:", 5) == 0)
        about->parent = strtol(value, NULL, 10);
    else if (strncmp(line, "VmHWM:", 6) == 0)
        about->peak_kib = strtoull(value, NULL, 10);
    else if (cpus && strncmp(line, "Cpus_allowed_list:", 18) == 0)
        hwloc_bitmap_list_sscanf(cpus, value);
}

/* False when there is no such process, or nothing is told of it. `cpus` may be NULL. */
static bool read_process(long id, process *about, hwloc_bitmap_t cpus)
{
    char path[64], *line = NULL;
    size_t room = 0;
    *about = (process){0};
    snprintf(path, sizeof path, "/proc/%ld/status", id);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        read_field(line, about, cpus);
    }
    free(line);
    fclose(file);
    return true;
}

/* mpirun, mpirun.openmpi, mpiexec, orterun, orted, prterun, prted, prte */
static bool is_launcher(const char *name)
{
    static const char *const starts[] = {"mpirun", "mpiexec", "orte", "prte"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* Fills `allowed` and `launcher` when Open MPI's mpirun started this process and can be seen. */
static void ask_launcher(node *here)
{
    if (!getenv("OMPI_COMM_WORLD_SIZE"))
        return;
    process about = {.parent = getppid()};
    for (int i = 0; i < MOST_PARENTS && about.parent > 1; i++) {
        hwloc_bitmap_zero(here->allowed);
        if (!read_process(about.parent, &about, here->allowed))
            return;
        if (!is_launcher(about.name))
            continue;
        hwloc_bitmap_and(here->allowed, here->allowed,
                         hwloc_topology_get_topology_cpuset(here->topology));
        if (!hwloc_bitmap_iszero(here->allowed))
            snprintf(here->launcher, sizeof here->launcher, "%s", about.name);
        return;
    }
}

static void ask_cpus(node *here)
{
    hwloc_const_cpuset_t all = hwloc_topology_get_topology_cpuset(here->topology);
    if (hwloc_get_cpubind(here->topology, here->mine, HWLOC_CPUBIND_THREAD) == 0)
        hwloc_bitmap_and(here->mine, here->mine, all);
    if (hwloc_bitmap_iszero(here->mine))
        hwloc_bitmap_copy(here->mine, all);
    ask_launcher(here);
    if (!here->launcher[0])
        hwloc_bitmap_copy(here->allowed, here->mine);
    here->job_cpus = (uint64_t)hwloc_bitmap_weight(here->allowed);
    mr_slurm slurm;
    mr_slurm_read(&slurm);
    uint64_t all_cpus = (uint64_t)hwloc_bitmap_weight(all);
    if (!here->launcher[0] && getenv("SLURM_PROCID") && slurm.cpus_on_node > here->job_cpus)
        here->job_cpus = slurm.cpus_on_node < all_cpus ? slurm.cpus_on_node : all_cpus;
}

/* Loads cores and their caches and nothing else: this stands in the way of every start. */
static bool node_open(node *here)
{
    here->mine = hwloc_bitmap_alloc();
    here->allowed = hwloc_bitmap_alloc();
    here->part = hwloc_bitmap_alloc();
    if (!here->mine || !here->allowed || !here->part || hwloc_topology_init(&here->topology) != 0)
        return false;
    static const hwloc_obj_type_t wanted[] = {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_L3CACHE,
                                              HWLOC_OBJ_L2CACHE, HWLOC_OBJ_CORE};
    hwloc_topology_set_all_types_filter(here->topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        hwloc_topology_set_type_filter(here->topology, wanted[i], HWLOC_TYPE_FILTER_KEEP_ALL);
    /* The x86 backend visits each CPU in turn to ask it; the kernel knows the same. */
    hwloc_topology_set_components(here->topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    hwloc_topology_set_flags(here->topology, HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
                                                 HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                                                 HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS);
    return hwloc_topology_load(here->topology) == 0;
}

static void node_close(node *here)
{
    if (here->topology)
        hwloc_topology_destroy(here->topology);
    hwloc_bitmap_free(here->part);
    hwloc_bitmap_free(here->allowed);
    hwloc_bitmap_free(here->mine);
}

/* The L2 cache of the first CPU of the part, divided when several cores share it. */
static uint64_t core_cache(const node *here)
{
    hwloc_obj_t cpu =
        hwloc_get_pu_obj_by_os_index(here->topology, (unsigned)hwloc_bitmap_first(here->part));
    hwloc_obj_t cache =
        cpu ? hwloc_get_ancestor_obj_by_type(here->topology, HWLOC_OBJ_L2CACHE, cpu) : NULL;
    if (!cache || !cache->attr->cache.size)
        return DEFAULT_CACHE;
    int cores =
        hwloc_get_nbobjs_inside_cpuset_by_type(here->topology, cache->cpuset, HWLOC_OBJ_CORE);
    return cache->attr->cache.size / (unsigned)(cores > 1 ? cores : 1);
}

/* CPUs `first` to before `last` of the allowed ones, in hwloc's order: neighbours share caches. */
static void take_part(node *here, unsigned first, unsigned last)
{
    hwloc_obj_t cpu = NULL;
    hwloc_bitmap_zero(here->part);
    for (unsigned i = 0; i < last; i++) {
        cpu = hwloc_get_next_obj_inside_cpuset_by_type(here->topology, here->allowed, HWLOC_OBJ_PU,
                                                       cpu);
        if (cpu && i >= first)
            hwloc_bitmap_set(here->part, cpu->os_index);
    }
}

/* A set of CPUs as text, shortened where it is long. */
static void describe(char *text, size_t size, hwloc_const_bitmap_t cpus)
{
    int length = hwloc_bitmap_list_snprintf(text, size, cpus);
    if (length >= 0 && (size_t)length >= size)
        snprintf(text + size - 4, 4, "...");
}

static void tell(mr_share *share, const node *here, const char *why)
{
    char part[60], allowed[60];
    describe(part, sizeof part, here->part);
    describe(allowed, sizeof allowed, here->allowed);
    snprintf(share->text, sizeof share->text, "cpus %s of %s%s", part, allowed, why);
}

/* The process stays where it is: as it was asked for, or because srun gave it its own part. */
static void stay(mr_share *share, node *here, unsigned ranks, bool keep)
{
    uint64_t mine = (uint64_t)hwloc_bitmap_weight(here->mine);
    uint64_t sharing = (ranks * mine + here->job_cpus / 2) / here->job_cpus;
    share->cpus = (unsigned)(sharing > 1 ? mine / sharing : mine);
    hwloc_bitmap_copy(here->part, here->mine);
    tell(share, here, keep ? " (left as it was)" : " (srun has given each rank its own)");
}

static void divide(mr_share *share, node *here, unsigned rank, unsigned ranks)
{
    char why[128] = "", was[60];
    unsigned all = (unsigned)hwloc_bitmap_weight(here->allowed);
    if (ranks > all) {
        hwloc_bitmap_copy(here->part, here->allowed);
        snprintf(why, sizeof why, " (shared: %u ranks are here)", ranks);
    } else {
        take_part(here, (unsigned)((uint64_t)all * rank / ranks),
                  (unsigned)((uint64_t)all * (rank + 1) / ranks));
    }
    share->cpus = ranks > all ? 1 : (unsigned)hwloc_bitmap_weight(here->part);
    bool bound = hwloc_set_cpubind(here->topology, here->part, HWLOC_CPUBIND_PROCESS) == 0;
    share->bound = bound && ranks <= all;
    describe(was, sizeof was, here->mine);
    if (!bound) {
        unsigned mine = (unsigned)hwloc_bitmap_weight(here->mine);
        share->cpus = share->cpus < mine ? share->cpus : mine;
        snprintf(why, sizeof why, " (could not be bound: %s; it stays on %s)", strerror(errno),
                 was);
    } else if (here->launcher[0] && ranks <= all &&
               !hwloc_bitmap_isequal(here->mine, here->allowed)) {
        snprintf(why, sizeof why, " (%s had bound it to %s)", here->launcher, was);
    }
    tell(share, here, why);
}

mr_status mr_topology_share(mr_share *share, unsigned node_rank, unsigned node_size, bool keep,
                            mr_error *error)
{
    node here = {0};
    mr_status status = MR_OK;
    unsigned ranks = node_size ? node_size : 1;
    *share = (mr_share){0};
    if (!node_open(&here)) {
        status = mr_error_set(error, MR_FAILED,
                              "cannot read the node's CPUs: hwloc: %s: see whether `lstopo` works",
                              strerror(errno));
        goto out;
    }
    ask_cpus(&here);
    share->node_cpus = (unsigned)here.job_cpus;
    if (keep || here.job_cpus > (uint64_t)hwloc_bitmap_weight(here.allowed))
        stay(share, &here, ranks, keep);
    else
        divide(share, &here, node_rank % ranks, ranks);
    if (!share->cpus)
        share->cpus = 1;
    share->cache = core_cache(&here);
    share->memory = mr_limits_memory("", share->node_cpus) / 5 * 4 / ranks;
out:
    node_close(&here);
    return status;
}

uint64_t mr_topology_peak_rss(void)
{
    /* Not ru_maxrss first: across exec that keeps the peak of whoever started this program. */
    process about;
    struct rusage usage;
    if (read_process(getpid(), &about, NULL) && about.peak_kib)
        return about.peak_kib * 1024;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

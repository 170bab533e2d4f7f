/*
 * base/topology.h: the CPUs, caches and memory of this node, and which of them are this rank's.
 */
#ifndef MR_BASE_TOPOLOGY_H
#define MR_BASE_TOPOLOGY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_share {
    unsigned cpus;      /* this rank's CPUs on the node */
    unsigned node_cpus; /* all that the job may use there */
    bool bound;         /* whether the rank was bound to them */
    uint64_t cache;     /* bytes of the cache that belongs to one core (L2) */
    uint64_t memory;    /* a safe share of the node's memory, in bytes */
    char
        text[256]; /* what was done and why, for -v: "cpus 0-1 of 0-1 (mpirun had bound it to 0)" */
} mr_share;

/*
 * Finds this rank's fair share of what the job may use on its node, and binds the process to it
 * unless `keep`. What the job may use: the CPUs of the launcher (mpirun, orted, prted: the parent
 * process, or above it where a shell or a debugger stands between) when the rank was started by
 * Open MPI's mpirun, because Open MPI binds ranks more tightly than the user asked for; else the
 * CPUs that this process may use already (taskset, srun, cgroups). Rank `node_rank` of `node_size`
 * gets a contiguous part; more ranks than CPUs share them unbound. A rank that srun has bound to
 * fewer CPUs than the job has on the node (SLURM_CPUS_ON_NODE) has its part already, and keeps it.
 * Memory: the least of physical memory, the cgroup's limit (v1 and v2) and Slurm's
 * (SLURM_MEM_PER_NODE, SLURM_MEM_PER_CPU, in MiB), of which 80%, divided by the ranks on the node.
 * Must run before the first OpenMP region: threads inherit the binding.
 */
mr_status mr_topology_share(mr_share *share, unsigned node_rank, unsigned node_size, bool keep,
                            mr_error *error);

/* The most memory this process ever had resident, in bytes. */
uint64_t mr_topology_peak_rss(void);

#endif

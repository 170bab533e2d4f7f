/*
 * base/limits.h: how much memory this process may use on its node, as the kernel and Slurm tell it.
 */
#ifndef MR_BASE_LIMITS_H
#define MR_BASE_LIMITS_H

#include <stdint.h>

/*
 * The least of physical memory, of the limits of the process's cgroup and all above it (v1 and v2),
 * and of Slurm's (per node, or per CPU times the CPUs it gave, else `node_cpus`). In bytes; 0 when
 * nothing is known. `root` stands before /proc and /sys: "", or a test's folder.
 */
uint64_t mr_limits_memory(const char *root, unsigned node_cpus);

/* A whole number from the environment; 0 when it is not there or is not one. */
uint64_t mr_limits_environment(const char *name);

#endif

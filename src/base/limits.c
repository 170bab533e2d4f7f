/*
 * base/limits.c: the limits on memory. Reads /proc, /sys/fs/cgroup and the environment; changes
 * nothing. Whatever is missing or unreadable is no limit.
 */
#include "base/limits.h"

#include "base/slurm.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT UINT64_MAX

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The digits at the start of `text`: "max" and the like have none and limit nothing. */
static uint64_t number_of(const char *text)
{
    if (*text < '0' || *text > '9')
        return NO_LIMIT;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    return errno ? NO_LIMIT : (uint64_t)number;
}

uint64_t mr_limits_environment(const char *name)
{
    const char *text = getenv(name);
    if (!text || !*text || text[strspn(text, "0123456789")])
        return 0;
    uint64_t number = number_of(text);
    return number == NO_LIMIT ? 0 : number;
}

static uint64_t times(uint64_t number, uint64_t unit)
{
    return number > NO_LIMIT / unit ? NO_LIMIT : number * unit;
}

static uint64_t physical(const char *root)
{
    char path[PATH_MAX], line[256];
    uint64_t bytes = NO_LIMIT;
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "r");
    if (!file)
        return bytes;
    while (bytes == NO_LIMIT && fgets(line, sizeof line, file))
        if (strncmp(line, "MemTotal:", 9) == 0)
            bytes = times(number_of(line + 9 + strspn(line + 9, " \t")), 1024);
    fclose(file);
    return bytes;
}

static uint64_t limit_in(const char *path)
{
    char line[64];
    FILE *file = fopen(path, "r");
    if (!file)
        return NO_LIMIT;
    uint64_t bytes = fgets(line, sizeof line, file) ? number_of(line) : NO_LIMIT;
    fclose(file);
    return bytes;
}

/*
 * The least of the limits in `folder` and all above it up to the mount point. A container often
 * sees its own group at the mount point while /proc still names the host's path: the missing
 * folders on the way are passed over and the walk ends at the right file. Shortens `folder`.
 */
static uint64_t limit_along(const char *root, const char *mount, char *folder, const char *name)
{
    uint64_t bytes = NO_LIMIT;
    for (;;) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s%s%s/%s", root, mount, folder, name);
        if (length > 0 && (size_t)length < sizeof path)
            bytes = least(bytes, limit_in(path));
        char *slash = strrchr(folder, '/');
        if (!slash)
            return bytes;
        *slash = 0;
    }
}

static bool names_memory(const char *controllers)
{
    for (const char *at = controllers; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, "memory", 6) == 0 && (at[6] == ',' || !at[6]))
            return true;
    return false;
}

/* One line of /proc/self/cgroup: "4:cpu,memory:/path" (v1) or "0::/path" (v2). */
static uint64_t limit_of_line(const char *root, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *folder = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!folder)
        return NO_LIMIT;
    *folder++ = 0;
    controllers++;
    if (names_memory(controllers))
        return limit_along(root, "/sys/fs/cgroup/memory", folder, "memory.limit_in_bytes");
    if (*controllers)
        return NO_LIMIT;
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", folder);
    return least(limit_along(root, "/sys/fs/cgroup", folder, "memory.max"),
                 limit_along(root, "/sys/fs/cgroup/unified", copy, "memory.max"));
}

static uint64_t cgroup(const char *root)
{
    char path[PATH_MAX], *line = NULL;
    size_t room = 0;
    uint64_t bytes = NO_LIMIT;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    if (!file)
        return bytes;
    while (getline(&line, &room, file) > 0)
        bytes = least(bytes, limit_of_line(root, line));
    free(line);
    fclose(file);
    return bytes;
}

/* 0 is all of the node. */
static uint64_t slurm(unsigned node_cpus)
{
    mr_slurm about;
    mr_slurm_read(&about);
    uint64_t cpus = about.cpus_on_node ? about.cpus_on_node : node_cpus ? node_cpus : 1;
    uint64_t bytes = about.memory_per_node ? about.memory_per_node : NO_LIMIT;
    if (about.memory_per_cpu)
        bytes = least(bytes, times(about.memory_per_cpu, cpus));
    return bytes;
}

uint64_t mr_limits_memory(const char *root, unsigned node_cpus)
{
    uint64_t bytes = least(least(physical(root), cgroup(root)), slurm(node_cpus));
    return bytes == NO_LIMIT ? 0 : bytes;
}

/* observe/oom.c: small files of the kernel, read and compared. */
#include "observe/oom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The number behind a word at the start of a line; of a file with one number, without a word. */
static bool read_number(const char *path, const char *word, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    char line[256];
    bool found = false;
    const size_t size = strlen(word);
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *digits = line + size + (size > 0);
        if (strncmp(line, word, size) != 0 || (size > 0 && line[size] != ' ') || *digits < '0' ||
            *digits > '9')
            continue;
        *value = strtoull(digits, NULL, 10);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* In a container the path may be that of the host, which nobody sees here: then the group is what
 * is mounted. */
static bool try_folder(mr_oom *oom, const char *base, const char *path)
{
    char name[PATH_MAX], probe[PATH_MAX + 32];
    const char *count = oom->is_first ? "memory.oom_control" : "memory.events";
    for (int whole = 1; whole >= 0; whole--) {
        snprintf(name, sizeof name, "%s/sys/fs/cgroup%s%s", oom->root, base, whole ? path : "");
        size_t length = strlen(name);
        while (length > 0 && name[length - 1] == '/')
            name[--length] = '\0';
        snprintf(probe, sizeof probe, "%s/%s", name, count);
        FILE *file = is_folder(name) ? fopen(probe, "re") : NULL;
        if (!file || length >= sizeof oom->folder) {
            if (file)
                fclose(file);
            continue;
        }
        fclose(file);
        memcpy(oom->folder, name, length + 1);
        return true;
    }
    return false;
}

/* Whether one of the controllers, with commas between, is memory. */
static bool has_memory(const char *controllers, const char *end)
{
    static const char word[] = "memory";
    const size_t size = sizeof word - 1;
    for (const char *at = controllers; at < end; at += strcspn(at, ",:") + 1)
        if ((size_t)(end - at) >= size && memcmp(at, word, size) == 0 &&
            (at[size] == ',' || at[size] == ':'))
            return true;
    return false;
}

/* A line is ID:CONTROLLERS:PATH; version 2 has no controllers. */
static bool try_line(mr_oom *oom, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    const char *controllers = strchr(line, ':');
    const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return false;
    oom->is_first = path > controllers + 1;
    if (!oom->is_first)
        return try_folder(oom, "", path + 1);
    return has_memory(controllers + 1, path) && try_folder(oom, "/memory", path + 1);
}

static void find_group(mr_oom *oom)
{
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", oom->root);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file))
        found = try_line(oom, line);
    if (file)
        fclose(file);
}

static mr_oom_counts count_kills(const mr_oom *oom)
{
    char path[PATH_MAX];
    mr_oom_counts counts = {0, 0};
    snprintf(path, sizeof path, "%s/%s", oom->folder,
             oom->is_first ? "memory.oom_control" : "memory.events");
    if (oom->folder[0])
        read_number(path, "oom_kill", &counts.group);
    snprintf(path, sizeof path, "%s/proc/vmstat", oom->root);
    read_number(path, "oom_kill", &counts.machine);
    return counts;
}

void mr_oom_start(mr_oom *oom, const char *root)
{
    *oom = (mr_oom){.is_first = false};
    snprintf(oom->root, sizeof oom->root, "%s", root);
    find_group(oom);
    oom->before = oom->lately = count_kills(oom);
}

/* A death is seen some time after the kill, as memory is given back first: so two steps. */
void mr_oom_go_on(mr_oom *oom)
{
    oom->before = oom->lately;
    oom->lately = count_kills(oom);
}

static void add_size(char *text, size_t room, double bytes)
{
    static const char units[] = "BKMGTP";
    size_t unit = 0;
    for (; bytes >= 1023.5 && unit < 5; unit++)
        bytes /= 1024;
    snprintf(text, room, bytes < 9.95 && unit ? "%.1f%c" : "%.0f%c", bytes, units[unit]);
}

/* The nearest group with a limit, which may be one above: the most it had, and the limit. */
static bool find_limit(const mr_oom *oom, uint64_t *peak, uint64_t *limit)
{
    char folder[sizeof oom->folder], path[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", oom->folder);
    while (strlen(folder) > strlen(oom->root) + strlen("/sys/fs/cgroup")) {
        snprintf(path, sizeof path, "%s/%s", folder,
                 oom->is_first ? "memory.limit_in_bytes" : "memory.max");
        /* Version 1 has a number without end for none. */
        if (read_number(path, "", limit) && *limit < UINT64_MAX / 4) {
            snprintf(path, sizeof path, "%s/%s", folder,
                     oom->is_first ? "memory.max_usage_in_bytes" : "memory.peak");
            if (!read_number(path, "", peak))
                *peak = 0;
            return true;
        }
        *strrchr(folder, '/') = '\0';
    }
    return false;
}

static void add_memory(const mr_oom *oom, uint64_t peak_of_rank, char *text, size_t room)
{
    uint64_t peak = 0, limit;
    char most[16], allowed[16];
    const bool is_limited = oom->folder[0] && find_limit(oom, &peak, &limit);
    peak = peak ? peak : peak_of_rank;
    add_size(most, sizeof most, (double)peak);
    if (is_limited)
        add_size(allowed, sizeof allowed, (double)limit);
    if (is_limited && peak)
        snprintf(text, room, ", peak %s of limit %s", most, allowed);
    else if (is_limited)
        snprintf(text, room, ", limit %s", allowed);
    else if (peak)
        snprintf(text, room, ", peak %s", most);
}

bool mr_oom_tell(const mr_oom *oom, uint64_t peak, char *text, size_t room)
{
    const mr_oom_counts now = count_kills(oom);
    const uint64_t here = now.group - oom->before.group;
    const uint64_t machine = now.machine - oom->before.machine;
    int size;
    if (here > 0)
        size = snprintf(text, room, "out of memory (oom_kill of %s rose by %llu)", oom->folder,
                        (unsigned long long)here);
    else if (machine > 0)
        size = snprintf(text, room,
                        "out of memory, most likely (oom_kill of the machine rose by %llu)",
                        (unsigned long long)machine);
    else
        return false;
    if (size > 0 && (size_t)size < room)
        add_memory(oom, peak, text + size, room - (size_t)size);
    return true;
}

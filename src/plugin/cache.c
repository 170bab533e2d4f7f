/*
 * plugin/cache.c: the folder of compiled plugins. A plugin is KEY.so, its headers' hashes are in
 * KEY.deps, and KEY.lock is held by whoever compiles it. All of it may be deleted at any time.
 */
#include "plugin/cache.h"

#include "plugin/build.h"
#include "plugin/depends.h"

#include <mapred/app.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef struct cache_entry {
    char plugin[MR_PATH], list[MR_PATH], lock[MR_PATH], rules[MR_PATH];
} cache_entry;

/* Makes `path` and what is above it. Whether it worked shows when the folder is used. */
static void make_folders(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* Code is run from here: the folder must be ours and only ours to write. */
static bool is_safe(const char *path)
{
    struct stat about;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return false;
    bool safe = fstat(folder, &about) == 0 && about.st_uid == geteuid() &&
                (about.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
                faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
    close(folder);
    return safe;
}

static bool try_folder(char path[MR_PATH], const char *base, const char *rest)
{
    mr_error ignored = {MR_OK, ""};
    if (!base || base[0] != '/' ||
        mr_path_format(path, MR_BAD_OUTPUT, &ignored, "%s/%s", base, rest) != MR_OK)
        return false;
    make_folders(path);
    return is_safe(path);
}

mr_status mr_cache_folder(char path[MR_PATH], mr_error *error)
{
    char own[64];
    snprintf(own, sizeof own, "mapred-%lu", (unsigned long)geteuid());
    if (try_folder(path, getenv("XDG_CACHE_HOME"), "mapred") ||
        try_folder(path, getenv("HOME"), ".cache/mapred") ||
        try_folder(path, getenv("TMPDIR"), own) || try_folder(path, "/tmp", own))
        return MR_OK;
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "no cache folder: %s: not a folder that only you can write: set "
                        "XDG_CACHE_HOME to one",
                        path);
}

/* -march=native makes code for one CPU: what tells it from others goes into the key. */
static void hash_cpu(XXH64_state_t *hash)
{
    static const char *const telling[] = {"model name", "flags", "CPU part", "Features", "cpu\t"};
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file) && line[0] != '\n')
        for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
            if (strncmp(line, telling[i], strlen(telling[i])) == 0)
                XXH64_update(hash, line, strlen(line));
    if (file)
        fclose(file);
}

static void hash_text(XXH64_state_t *hash, const char *text)
{
    XXH64_update(hash, text, strlen(text) + 1);
}

/* The path counts, since headers are looked for beside the source. */
static mr_status make_key(uint64_t *key, const char *source, const mr_places *places,
                          mr_error *error)
{
    uint64_t content, abi = MR_ABI;
    char *real = realpath(source, NULL);
    XXH64_state_t *hash = XXH64_createState();
    mr_status status = MR_OK;
    if (!real || !mr_file_hash(source, &content)) {
        status = mr_error_set(error, MR_BAD_PLUGIN, "cannot read plugin's source: %s: %s", source,
                              strerror(errno));
    } else if (!hash) {
        status = mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot compile %s", source);
    } else {
        XXH64_reset(hash, 0);
        XXH64_update(hash, &content, sizeof content);
        XXH64_update(hash, &abi, sizeof abi);
        hash_text(hash, real);
        hash_text(hash, mr_build_compiler());
        hash_text(hash, MR_BUILD_FLAGS);
        hash_text(hash, places->include);
        hash_text(hash, places->library);
        hash_text(hash, MR_VERSION);
        hash_cpu(hash);
        *key = XXH64_digest(hash);
    }
    XXH64_freeState(hash);
    free(real);
    return status;
}

static mr_status name_entry(cache_entry *entry, const char *folder, uint64_t key, mr_error *error)
{
    const char *endings[] = {"so", "deps", "lock", "d"};
    char *paths[] = {entry->plugin, entry->list, entry->lock, entry->rules};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        MR_TRY(mr_path_format(paths[i], MR_BAD_OUTPUT, error, "%s/%016llx.%s", folder,
                              (unsigned long long)key, endings[i]));
    return MR_OK;
}

static bool is_fresh(const cache_entry *entry)
{
    return access(entry->plugin, R_OK) == 0 && mr_depends_unchanged(entry->list);
}

static mr_status compile(const cache_entry *entry, const char *source, const mr_places *places,
                         mr_error *error)
{
    mr_build build = {
        .source = source, .target = entry->plugin, .dependencies = entry->rules, .native = true};
    /* Without its list a plugin counts as stale: so it does until all of it is written. */
    unlink(entry->list);
    mr_status status = mr_plugin_build(&build, places, error);
    if (status == MR_OK)
        status = mr_depends_record(entry->rules, entry->list, error);
    unlink(entry->rules);
    return status;
}

/* Where a lock can't be had (some network file systems), all compile: the renames keep it correct.
 */
static mr_status compile_once(const cache_entry *entry, const char *source, const mr_places *places,
                              mr_error *error)
{
    int lock = open(entry->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return mr_error_set(error, MR_BAD_OUTPUT, "cannot write the plugin cache: %s: %s",
                            entry->lock, strerror(errno));
    while (flock(lock, LOCK_EX) != 0 && errno == EINTR)
        ;
    mr_status status = is_fresh(entry) ? MR_OK : compile(entry, source, places, error);
    close(lock);
    return status;
}

mr_status mr_cache_plugin(char path[MR_PATH], const char *source, const mr_places *places,
                          mr_error *error)
{
    char folder[MR_PATH];
    uint64_t key = 0;
    cache_entry *entry = malloc(sizeof *entry);
    if (!entry)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot compile %s", source);
    mr_status status = make_key(&key, source, places, error);
    if (status == MR_OK)
        status = mr_cache_folder(folder, error);
    if (status == MR_OK)
        status = name_entry(entry, folder, key, error);
    if (status == MR_OK && !is_fresh(entry))
        status = compile_once(entry, source, places, error);
    if (status == MR_OK)
        status = mr_path_format(path, MR_BAD_OUTPUT, error, "%s", entry->plugin);
    free(entry);
    return status;
}

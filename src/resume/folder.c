/* resume/folder.c: the folder of a checkpoint: what is in it, and what is taken away. Rank 0. */
#include "resume/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *mr_keep_slurp(const char *path, size_t *size, int *cause)
{
    FILE *file = fopen(path, "rbe");
    char *text = NULL;
    size_t capacity = 0;
    *size = 0;
    *cause = file ? 0 : errno;
    while (file && !feof(file) && !*cause) {
        if (*size + 1 >= capacity) {
            char *more = realloc(text, capacity = capacity * 2 + 65536);
            if (!more) {
                *cause = ENOMEM;
                break;
            }
            text = more;
        }
        *size += fread(text + *size, 1, capacity - 1 - *size, file);
        if (ferror(file))
            *cause = errno ? errno : EIO;
    }
    if (file)
        fclose(file);
    if (*cause) {
        free(text);
        return NULL;
    }
    text[*size] = 0;
    return text;
}

/* 0, or what stood in the way. */
static int write_synced(const char *path, const char *text, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), cause = 0;
    if (file < 0)
        return errno;
    for (size_t done = 0; done < size && !cause;) {
        ssize_t wrote = write(file, text + done, size - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            cause = wrote < 0 ? errno : ENOSPC;
    }
    if (!cause && fsync(file) != 0)
        cause = errno;
    if (close(file) != 0 && !cause)
        cause = errno;
    return cause;
}

mr_status mr_keep_replace(const mr_keep *keep, const char *name, const char *text, size_t size,
                          mr_error *error)
{
    char path[MR_KEEP_PATH], temporary[MR_KEEP_PATH + 8];
    snprintf(path, sizeof path, "%s/%s", keep->folder, name);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int cause = write_synced(temporary, text, size);
    if (!cause && rename(temporary, path) != 0)
        cause = errno;
    if (!cause)
        cause = mr_keep_folder_sync(keep->folder);
    if (cause)
        unlink(temporary);
    return cause ? mr_keep_cannot(path, cause, error) : MR_OK;
}

/* The number of a manifest's name; 0: it is none. */
static uint64_t number_of(const char *name)
{
    char *end;
    size_t size = sizeof MR_MANIFEST - 1;
    if (strncmp(name, MR_MANIFEST, size) != 0)
        return 0;
    uint64_t number = strtoull(name + size, &end, 10);
    return *end ? 0 : number;
}

static int later(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

mr_status mr_keep_list(const mr_keep *keep, uint64_t **numbers, size_t *count, mr_error *error)
{
    DIR *folder = opendir(keep->folder);
    size_t capacity = 0;
    *numbers = NULL;
    *count = 0;
    if (!folder)
        return mr_keep_cannot(keep->folder, errno, error);
    for (struct dirent *at; error->code == MR_OK && (at = readdir(folder));) {
        uint64_t number = number_of(at->d_name);
        if (!number)
            continue;
        if (*count == capacity) {
            uint64_t *more = realloc(*numbers, (capacity = capacity * 2 + 8) * sizeof *more);
            if (more)
                *numbers = more;
            else
                mr_error_set(error, MR_NO_MEMORY, "out of memory: reading a checkpoint's folder");
        }
        if (error->code == MR_OK)
            (*numbers)[(*count)++] = number;
    }
    closedir(folder);
    if (*count)
        qsort(*numbers, *count, sizeof **numbers, later);
    return error->code;
}

/* Names of data files that a kept manifest mentions. */
static bool is_named(const mr_book *book, const char *name)
{
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->entries[i].file, name) == 0)
            return true;
    return false;
}

/* False: what one of them names is not known. */
static bool read_kept(const mr_keep *keep, const uint64_t *numbers, size_t count, mr_book *book)
{
    bool known = true;
    for (size_t i = 0; i < count; i++) {
        char path[MR_KEEP_PATH], *facts;
        size_t size;
        int cause;
        snprintf(path, sizeof path, "%s/" MR_MANIFEST "%06llu", keep->folder,
                 (unsigned long long)numbers[i]);
        char *text = mr_keep_slurp(path, &size, &cause);
        facts = NULL;
        known = known && text && mr_manifest_unpack(text, size, book, &facts);
        free(facts);
        free(text);
    }
    return known;
}

static void unlink_in(const mr_keep *keep, const char *name)
{
    char path[MR_KEEP_PATH];
    snprintf(path, sizeof path, "%s/%s", keep->folder, name);
    unlink(path);
}

static void unlink_unnamed(const mr_keep *keep, const char *name, const mr_book *kept)
{
    if (strncmp(name, MR_KEEP_DATA, sizeof MR_KEEP_DATA - 1) == 0 && !is_named(kept, name))
        unlink_in(keep, name);
}

/* All data that is not named: only while nobody writes any. */
static void sweep(const mr_keep *keep, const mr_book *kept)
{
    DIR *folder = opendir(keep->folder);
    for (struct dirent *at; folder && (at = readdir(folder));)
        unlink_unnamed(keep, at->d_name, kept);
    if (folder)
        closedir(folder);
}

void mr_keep_prune(mr_keep *keep, bool all)
{
    mr_error error = {.code = MR_OK};
    mr_book kept = {.count = 0}, old = {.count = 0};
    uint64_t *numbers;
    size_t count, most = MR_KEEP_NEWEST;
    char name[64];
    if (mr_keep_list(keep, &numbers, &count, &error) == MR_OK) {
        size_t keeps = count < most ? count : most;
        bool known = read_kept(keep, numbers, keeps, &kept);
        read_kept(keep, numbers + keeps, count - keeps, &old);
        for (size_t i = keeps; i < count; i++) {
            snprintf(name, sizeof name, MR_MANIFEST "%06llu", (unsigned long long)numbers[i]);
            unlink_in(keep, name);
        }
        /* A manifest that could not be read may name any of the data. */
        for (size_t i = 0; known && i < old.count; i++)
            unlink_unnamed(keep, old.entries[i].file, &kept);
        if (all && known)
            sweep(keep, &kept);
        free(numbers);
    }
    mr_book_free(&kept);
    mr_book_free(&old);
}

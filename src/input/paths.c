/*
 * input/paths.c: files, globs, folders and lists, turned into one list of files. Touches the file
 * system; opens each file once to see what kind it is.
 */
#include "input/paths.h"

#include "base/memory.h"
#include "base/read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lists may name lists, but one that names itself must come to an end. */
enum { DEEPEST_LIST = 16 };

/* A folder that is being walked, and those above it: links can lead back into one of them. */
typedef struct folder {
    const struct folder *parent;
    dev_t device;
    ino_t inode;
} folder;

static mr_status add_input(mr_paths *paths, const char *input, int depth, mr_error *error);

const char *mr_paths_shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

mr_file_kind mr_paths_kind(const unsigned char *bytes, size_t size)
{
    static const unsigned char gzip[] = {0x1f, 0x8b};
    static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[] = {0x2a, 0x4d, 0x18};
    if (size >= sizeof gzip && memcmp(bytes, gzip, sizeof gzip) == 0)
        return MR_FILE_GZIP;
    if (size >= sizeof zstd && memcmp(bytes, zstd, sizeof zstd) == 0)
        return MR_FILE_ZSTD;
    /* What pzstd writes begins with a frame of no content, whose magic ends in any half byte. */
    if (size > sizeof skippable && bytes[0] >> 4 == 5 &&
        memcmp(bytes + 1, skippable, sizeof skippable) == 0)
        return MR_FILE_ZSTD;
    return MR_FILE_PLAIN;
}

static mr_status unreadable(const char *path, int number, mr_error *error)
{
    const char *advice = number == ENOENT || number == ENOTDIR ? "check its name"
                         : number == EACCES                    ? "check who may read it"
                                                               : "check the file";
    return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s: %s: %s", mr_paths_shown(path),
                        strerror(number), advice);
}

mr_status mr_paths_push(mr_paths *paths, const char *path, size_t length, uint64_t size,
                        mr_file_kind kind, mr_error *error)
{
    if (paths->count == paths->capacity) {
        size_t more = paths->capacity ? paths->capacity * 2 : 16;
        mr_file *files = mr_memory_resize(paths->files, paths->capacity * sizeof *files,
                                          more * sizeof *files, "the list of inputs", error);
        if (!files)
            return MR_NO_MEMORY;
        paths->files = files;
        paths->capacity = more;
    }
    char *copy = mr_memory_allocate(length + 1, "the list of inputs", error);
    if (!copy)
        return MR_NO_MEMORY;
    memcpy(copy, path, length);
    copy[length] = '\0';
    paths->files[paths->count++] = (mr_file){.path = copy, .size = size, .kind = kind};
    return MR_OK;
}

void mr_paths_clear(mr_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        mr_memory_free((char *)paths->files[i].path, strlen(paths->files[i].path) + 1);
    mr_memory_free(paths->files, paths->capacity * sizeof *paths->files);
    *paths = (mr_paths){.wanted = paths->wanted};
}

static mr_status add_stream(mr_paths *paths, const char *path, mr_error *error)
{
    if (paths->wanted == MR_INPUT_ROWS)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read rows: %s: it is a pipe, and rows are read from files: "
                            "write it to one first",
                            mr_paths_shown(path));
    return mr_paths_push(paths, path, strlen(path), 0, MR_FILE_STREAM, error);
}

/* A name for something that this process has open: other ranks would find another file there. */
static bool is_descriptor(const char *path)
{
    static const char *const names[] = {"/dev/stdin", "/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(path, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static mr_status add_regular(mr_paths *paths, const char *path, mr_error *error)
{
    if (is_descriptor(path))
        return add_stream(paths, path, error);
    mr_status status = MR_OK;
    unsigned char magic[4];
    struct stat info;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0 || (got = mr_read_at(fd, magic, sizeof magic, 0)) < 0)
        status = unreadable(path, errno, error);
    else if (mr_paths_is_dataset_file(paths, path, magic, (size_t)got))
        status = mr_paths_add_datasets(paths, path, error);
    else if (info.st_size == 0 && got > 0) /* as in /proc: its size is known once it is read */
        status = add_stream(paths, path, error);
    else
        status = mr_paths_push(paths, path, strlen(path), (uint64_t)info.st_size,
                               mr_paths_kind(magic, (size_t)got), error);
    if (fd >= 0)
        close(fd);
    return status;
}

static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_name[0] != '_';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static mr_status add_folder(mr_paths *paths, const char *path, const struct stat *info,
                            const folder *parent, mr_error *error);

/* Pipes and devices are left out here: nobody named them, and reading them could wait for ever. */
static mr_status add_entry(mr_paths *paths, const char *in, const char *name, const folder *parent,
                           mr_error *error)
{
    char *path = NULL;
    const char *slash = in[strlen(in) - 1] == '/' ? "" : "/";
    if (asprintf(&path, "%s%s%s", in, slash, name) < 0)
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: listing %s: use a node with more memory", in);
    struct stat info;
    mr_status status = MR_OK;
    if (stat(path, &info) != 0)
        status = unreadable(path, errno, error);
    else if (S_ISDIR(info.st_mode))
        status = add_folder(paths, path, &info, parent, error);
    else if (S_ISREG(info.st_mode))
        status = add_regular(paths, path, error);
    free(path);
    return status;
}

static mr_status add_folder(mr_paths *paths, const char *path, const struct stat *info,
                            const folder *parent, mr_error *error)
{
    for (const folder *above = parent; above; above = above->parent)
        if (above->device == info->st_dev && above->inode == info->st_ino)
            return MR_OK;
    const folder self = {parent, info->st_dev, info->st_ino};
    struct dirent **entries;
    int count = scandir(path, &entries, is_wanted, by_bytes);
    if (count < 0)
        return unreadable(path, errno, error);
    mr_status status = MR_OK;
    for (int i = 0; i < count; i++) {
        if (status == MR_OK)
            status = add_entry(paths, path, entries[i]->d_name, &self, error);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static mr_status add_file(mr_paths *paths, const char *path, const struct stat *info,
                          mr_error *error)
{
    if (S_ISDIR(info->st_mode))
        return add_folder(paths, path, info, NULL, error);
    if (S_ISREG(info->st_mode))
        return add_regular(paths, path, error);
    if (access(path, R_OK) != 0)
        return unreadable(path, errno, error);
    return add_stream(paths, path, error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* glob(3) would sort as the locale says, which need not be the same everywhere. */
static mr_status add_glob(mr_paths *paths, const char *pattern, mr_error *error)
{
    glob_t found = {0};
    mr_status status = MR_OK;
    errno = 0;
    int rc = glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &found);
    if (rc == GLOB_NOSPACE)
        status = unreadable(pattern, ENOMEM, error);
    else if (rc == GLOB_ABORTED)
        status = unreadable(pattern, errno ? errno : EIO, error);
    if (rc == 0)
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name);
    for (size_t i = 0; rc == 0 && status == MR_OK && i < found.gl_pathc; i++) {
        struct stat info;
        if (stat(found.gl_pathv[i], &info) != 0)
            status = unreadable(found.gl_pathv[i], errno, error);
        else
            status = add_file(paths, found.gl_pathv[i], &info, error);
    }
    globfree(&found);
    return status;
}

/* One line of a list: an input, or a comment, or nothing. */
static mr_status add_line(mr_paths *paths, const char *list, char *line, size_t length, int depth,
                          mr_error *error)
{
    if (strlen(line) != length)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read list: %s: a name in it holds a zero byte: is it a list?",
                            list);
    line[strcspn(line, "\n")] = '\0';
    length = strlen(line);
    if (length > 0 && line[length - 1] == '\r')
        line[--length] = '\0';
    if (line[0] == '#' || strspn(line, " \t\v\f\r") == length)
        return MR_OK;
    return add_input(paths, line, depth + 1, error);
}

static mr_status add_list(mr_paths *paths, const char *list, int depth, mr_error *error)
{
    if (depth == DEEPEST_LIST)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read list: %s: lists in lists in lists: does it name itself?",
                            list);
    FILE *file = fopen(list, "re");
    if (!file)
        return unreadable(list, errno, error);
    char *line = NULL;
    size_t room = 0;
    mr_status status = MR_OK;
    ssize_t length = 0;
    while (status == MR_OK && (length = getline(&line, &room, file)) >= 0)
        status = add_line(paths, list, line, (size_t)length, depth, error);
    if (status == MR_OK && !feof(file))
        status = unreadable(list, errno, error);
    free(line);
    fclose(file);
    return status;
}

static mr_status add_input(mr_paths *paths, const char *input, int depth, mr_error *error)
{
    size_t before = paths->count;
    struct stat info;
    if (strcmp(input, "-") == 0)
        return add_stream(paths, input, error);
    if (input[0] == '@')
        MR_TRY(add_list(paths, input + 1, depth, error));
    else if (stat(input, &info) == 0)
        MR_TRY(add_file(paths, input, &info, error));
    else if (mr_paths_is_dataset(input))
        MR_TRY(mr_paths_add_datasets(paths, input, error));
    else if (strpbrk(input, "*?["))
        MR_TRY(add_glob(paths, input, error));
    else
        return unreadable(input, errno, error);
    if (paths->count == before)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read input: %s: there is no file to read: check what it names",
                            input);
    return MR_OK;
}

mr_status mr_paths_add(mr_paths *paths, const char *input, mr_error *error)
{
    return add_input(paths, input, 0, error);
}

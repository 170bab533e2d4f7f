/*
 * hdf5/find.c: from a path to the datasets that it means.
 */
#include "hdf5/find.h"

#include "base/nearest.h"
#include "hdf5/internal.h"
#include "hdf5/name.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN 10 /* names that a message has room for */

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: listing datasets: use a node with more memory");
}

/* What the library would say in its own words, said in ours: whether there is a file at all. */
static mr_status look_at(const char *path, mr_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int cause = errno;
        if (fd >= 0)
            close(fd);
        return mr_error_set(error, MR_BAD_INPUT, "cannot open HDF5 file: %s: %s", path,
                            strerror(cause));
    }
    close(fd);
    if (!S_ISREG(status.st_mode))
        return mr_error_set(error, MR_BAD_INPUT, "cannot open HDF5 file: %s: it is no plain file",
                            path);
    return MR_OK;
}

mr_status mr_h5_find_file(hid_t *file, const char *path, mr_error *error)
{
    *file = -1;
    if (look_at(path, error) != MR_OK)
        return error->code;
    htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 == 0)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot open HDF5 file: %s: it is none: check what it is", path);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, true, true); /* file systems without locks are none the worse */
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    mr_status status = MR_OK;
    if (*file < 0)
        status = mr_h5_fail(error, MR_BAD_INPUT,
                            "cannot open HDF5 file: %s: it is damaged, cut off or in use", path);
    H5Pclose(access);
    return status;
}

/* ---- All datasets of a file ---- */

typedef struct listing {
    char **path;
    size_t count, room;
    bool is_short; /* of memory */
} listing;

static herr_t keep_dataset(hid_t object, const char *name, const H5O_info_t *info, void *context)
{
    (void)object;
    listing *all = context;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 16;
        char **more = realloc(all->path, room * sizeof *more);
        if (!more)
            return all->is_short = true, -1;
        all->path = more;
        all->room = room;
    }
    if (asprintf(&all->path[all->count], "/%s", name) < 0)
        return all->is_short = true, -1;
    all->count++;
    return 0;
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void listing_free(listing *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->path[i]);
    free(all->path);
}

static mr_status list_all(listing *all, hid_t file, const char *file_name, mr_error *error)
{
    *all = (listing){0};
    herr_t status =
        H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, keep_dataset, all, H5O_INFO_BASIC);
    if (all->is_short)
        return no_memory(error);
    if (status < 0)
        return mr_h5_fail(error, MR_BAD_INPUT,
                          "cannot list HDF5 file: %s: it is damaged: restore it", file_name);
    if (all->count)
        qsort(all->path, all->count, sizeof *all->path, by_bytes);
    return MR_OK;
}

/* ---- What to say when nothing is meant ---- */

/* The nearest of those from `first` on comes to stand there; the others keep their order. */
static void nearest_first(listing *all, size_t first, const char *path)
{
    size_t best = first, least = SIZE_MAX;
    for (size_t i = first; i < all->count; i++) {
        size_t distance = mr_nearest_distance(path, all->path[i]);
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    char *moved = all->path[best];
    memmove(all->path + first + 1, all->path + first, (best - first) * sizeof *all->path);
    all->path[first] = moved;
}

/* ": /a, /b and 3 more": what there is, the nearest to `path` first. */
static void describe(char *text, size_t size, listing *all, const char *path)
{
    size_t used = 0, shown = 0;
    *text = '\0';
    for (; shown < all->count && shown < SHOWN; shown++) {
        if (path)
            nearest_first(all, shown, path);
        int more = snprintf(text + used, size - used, shown ? ", %s" : "%s", all->path[shown]);
        if (more < 0 || used + (size_t)more >= size)
            break;
        used += (size_t)more;
    }
    text[used] = '\0';
    if (shown < all->count)
        snprintf(text + used, size - used, "%s%zu more", shown ? " and " : "", all->count - shown);
}

static mr_status none_so(listing *all, const char *file_name, const char *path, mr_error *error)
{
    char there[MR_ERROR_TEXT / 2];
    describe(there, sizeof there, all, path);
    if (all->count == 0)
        return mr_error_set(error, MR_BAD_INPUT, "no dataset: %s: the file has none", file_name);
    return mr_error_set(error, MR_BAD_INPUT, "no such dataset: %s:%s: there %s %s", file_name, path,
                        all->count == 1 ? "is" : "are", there);
}

/* ---- Matches ---- */

static mr_status add(mr_h5_matches *matches, const char *path, const char *field, const char *slab,
                     mr_error *error)
{
    mr_h5_match *more = realloc(matches->match, (matches->count + 1) * sizeof *more);
    if (!more)
        return no_memory(error);
    matches->match = more;
    more[matches->count].path = strdup(path);
    more[matches->count].field = field;
    more[matches->count].slab = slab;
    if (!more[matches->count].path)
        return no_memory(error);
    matches->count++;
    return MR_OK;
}

static bool is_dataset(hid_t file, const char *path)
{
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Eclear2(H5E_DEFAULT);
    return dataset >= 0;
}

/* The last dot before `end` that can divide a path from a field; NULL: there is none. */
static char *dot_before(const char *path, const char *end)
{
    for (const char *at = end - 1; at > path && *at != '/'; at--)
        if (*at == '.')
            return (char *)at;
    return NULL;
}

static mr_status match_exact(mr_h5_matches *matches, hid_t file, const char *path, char *body,
                             const char *slab, mr_error *error)
{
    if (is_dataset(file, path))
        return add(matches, path, "", "", error);
    if (is_dataset(file, body))
        return add(matches, body, "", slab, error);
    for (char *dot = dot_before(body, body + strlen(body)); dot; dot = dot_before(body, dot)) {
        *dot = '\0';
        bool is = is_dataset(file, body);
        mr_status status = is ? add(matches, body, dot + 1, slab, error) : MR_OK;
        if (is)
            return status;
        *dot = '.';
    }
    return MR_OK;
}

static mr_status match_all(mr_h5_matches *matches, const listing *all, const char *pattern,
                           const char *field, const char *slab, mr_error *error)
{
    mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < all->count; i++)
        if (fnmatch(pattern, all->path[i], FNM_PATHNAME) == 0)
            status = add(matches, all->path[i], field, slab, error);
    return status;
}

static mr_status match_globs(mr_h5_matches *matches, const listing *all, char *body,
                             const char *slab, mr_error *error)
{
    mr_status status = match_all(matches, all, body, "", slab, error);
    char *dot = dot_before(body, body + strlen(body));
    while (status == MR_OK && matches->count == 0 && dot) {
        *dot = '\0';
        status = match_all(matches, all, body, dot + 1, slab, error);
        if (matches->count == 0)
            *dot = '.';
        dot = dot_before(body, dot);
    }
    return status;
}

/* What is there under this very name and could not be opened: the library knows why. */
static mr_status explain(hid_t file, const listing *all, const char *file_name, const char *body,
                         mr_error *error)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->path[i], body) == 0 && H5Dopen2(file, body, H5P_DEFAULT) < 0)
            return mr_h5_fail(error, MR_BAD_INPUT,
                              "cannot open dataset: %s:%s: the file is damaged or newer than this "
                              "HDF5",
                              file_name, body);
    return MR_OK;
}

static mr_status match_listed(mr_h5_matches *matches, hid_t file, const char *file_name, char *body,
                              const char *slab, mr_error *error)
{
    listing all;
    mr_status status = list_all(&all, file, file_name, error);
    if (status == MR_OK)
        status = explain(file, &all, file_name, body, error);
    if (status == MR_OK)
        status = match_globs(matches, &all, body, slab, error);
    if (status == MR_OK && matches->count == 0)
        status = none_so(&all, file_name, body, error);
    listing_free(&all);
    return status;
}

static mr_status match_only(mr_h5_matches *matches, hid_t file, const char *file_name,
                            mr_error *error)
{
    listing all;
    mr_status status = list_all(&all, file, file_name, error);
    if (status == MR_OK && all.count == 0)
        status = none_so(&all, file_name, "", error);
    if (status == MR_OK && all.count == 1)
        status = add(matches, all.path[0], "", "", error);
    if (status == MR_OK && all.count > 1) {
        char there[MR_ERROR_TEXT / 2];
        describe(there, sizeof there, &all, NULL);
        status = mr_error_set(error, MR_BAD_INPUT,
                              "which dataset: %s: it has %zu: name one as %s:/...: %s", file_name,
                              all.count, file_name, there);
    }
    listing_free(&all);
    return status;
}

mr_status mr_h5_find(mr_h5_matches *matches, hid_t file, const char *file_name, const char *path,
                     mr_error *error)
{
    *matches = (mr_h5_matches){0};
    if (!path)
        return match_only(matches, file, file_name, error);
    size_t body = mr_h5_name_slab(path), size = strlen(path);
    matches->text = malloc(body + 1 + size - body + 1);
    if (!matches->text)
        return no_memory(error);
    char *slab = matches->text + body + 1;
    memcpy(matches->text, path, body);
    matches->text[body] = '\0';
    memcpy(slab, path + body, size - body + 1);
    mr_status status = match_exact(matches, file, path, matches->text, slab, error);
    if (status == MR_OK && matches->count == 0)
        status = match_listed(matches, file, file_name, matches->text, slab, error);
    return status;
}

void mr_h5_matches_free(mr_h5_matches *matches)
{
    for (size_t i = 0; i < matches->count; i++)
        free(matches->match[i].path);
    free(matches->match);
    free(matches->text);
    *matches = (mr_h5_matches){0};
}

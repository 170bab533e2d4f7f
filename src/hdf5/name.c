/*
 * hdf5/name.c: names of datasets, as far as their text alone says what they mean.
 */
#include "hdf5/name.h"

#include "base/read.h"
#include "hdf5/hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_so(const char *file, size_t size)
{
    static const char *const suffixes[] = {".h5", ".hdf5", ".he5", ".nc"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(suffixes[i]);
        if (size > length && memcmp(file + size - length, suffixes[i], length) == 0)
            return true;
    }
    return false;
}

static bool has_signature(const char *file, size_t size)
{
    char *path = strndup(file, size);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    free(path);
    if (fd < 0)
        return false;
    char first[8];
    struct stat status;
    bool has = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
               mr_read_at(fd, first, sizeof first, 0) == sizeof first &&
               memcmp(first, "\211HDF\r\n\032\n", sizeof first) == 0;
    close(fd);
    return has;
}

static bool is_folder(const char *file)
{
    struct stat status;
    return stat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

const char *mr_h5_name_colon(const char *name)
{
    for (const char *at = strstr(name, ":/"); at; at = strstr(at + 1, ":/")) {
        size_t size = (size_t)(at - name);
        if (size > 0 && (ends_so(name, size) || has_signature(name, size)))
            return at;
    }
    return NULL;
}

bool mr_h5_is_name(const char *name)
{
    if (mr_h5_name_colon(name))
        return true;
    size_t size = strlen(name);
    return ends_so(name, size) ? !is_folder(name) : has_signature(name, size);
}

/* Whether this is begin:end of one axis, where either may be missing; goes past it. */
static bool skip_range(const char **at)
{
    for (int side = 0; side < 2; side++) {
        *at += strspn(*at, " ");
        if (**at == '-')
            ++*at;
        *at += strspn(*at, "0123456789");
        *at += strspn(*at, " ");
        if (side == 0 && *(*at)++ != ':')
            return false;
    }
    return true;
}

size_t mr_h5_name_slab(const char *path)
{
    size_t size = strlen(path);
    const char *open = strrchr(path, '[');
    if (!open || path[size - 1] != ']')
        return size;
    const char *at = open;
    do {
        at++;
        if (!skip_range(&at))
            return size;
    } while (*at == ',');
    return at == path + size - 1 ? (size_t)(open - path) : size;
}

/* A number of an axis of `size`; `missing` where there is none. False when it lies outside. */
static bool read_place(const char **at, uint64_t size, uint64_t missing, uint64_t *place)
{
    *at += strspn(*at, " ");
    *place = missing;
    if (**at == ':' || **at == ',' || **at == ']')
        return true;
    char *end;
    errno = 0;
    long long value = strtoll(*at, &end, 10);
    bool is_number = end != *at && errno == 0;
    *at = end + strspn(end, " ");
    uint64_t distance = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *place = value < 0 ? size - distance : distance;
    return is_number && distance <= size;
}

static mr_status outside(const char *name, const mr_dims *dims, const char *why, mr_error *error)
{
    char shape[MR_AXES * 22 + 4] = "(";
    size_t used = 1;
    for (unsigned axis = 0; axis < dims->axes; axis++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, axis ? ", %llu" : "%llu",
                                 (unsigned long long)dims->size[axis]);
    return mr_error_set(error, MR_BAD_INPUT,
                        "hyperslab %s: %s: the dataset is %s): give begin:end within each axis",
                        why, name, shape);
}

mr_status mr_h5_name_cut(const char *slab, const mr_dims *dims, mr_box *box, const char *name,
                         mr_error *error)
{
    *box = (mr_box){.axes = dims->axes};
    memcpy(box->size, dims->size, sizeof box->size);
    for (unsigned axis = 0; *slab && *slab != ']'; axis++) {
        if (axis == dims->axes)
            return outside(name, dims, "of too many axes", error);
        slab++;
        uint64_t begin, end;
        if (!read_place(&slab, dims->size[axis], 0, &begin) || *slab++ != ':' ||
            !read_place(&slab, dims->size[axis], dims->size[axis], &end) || begin > end)
            return outside(name, dims, "lies outside", error);
        box->from[axis] = begin;
        box->size[axis] = end - begin;
    }
    return MR_OK;
}

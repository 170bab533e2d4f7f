/*
 * hdf5/open.c: opening a dataset: what it is, how it will be read, and whether it can be.
 */
#include "hdf5/find.h"
#include "hdf5/internal.h"
#include "hdf5/name.h"
#include "hdf5/set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (1u << 20) /* of what has no chunks and goes through the library */

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: opening a dataset: use a node with more memory");
}

static mr_status damaged(const mr_h5_set *set, const char *why, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT, "cannot read dataset: %s: %s: restore the file",
                        set->name, why);
}

/* ---- Shape ---- */

static mr_status read_dims(mr_h5_set *set, mr_error *error)
{
    hid_t space = H5Dget_space(set->dataset);
    hsize_t size[H5S_MAX_RANK];
    H5S_class_t class = H5Sget_simple_extent_type(space);
    int axes = H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    if (axes < 0)
        return mr_h5_fail(error, MR_BAD_INPUT, "cannot read dataset: %s: its shape is damaged",
                          set->name);
    if (class == H5S_NULL)
        return mr_error_set(error, MR_BAD_INPUT, "wrong rank: %s: it has no elements at all",
                            set->name);
    if (axes > MR_AXES)
        return mr_error_set(error, MR_BAD_INPUT,
                            "wrong rank: %s: it has %d axes and %d are the most", set->name, axes,
                            MR_AXES);
    set->dims.axes = (unsigned)axes;
    for (int axis = 0; axis < axes; axis++)
        set->dims.size[axis] = size[axis];
    return MR_OK;
}

/* Sizes of a damaged file may be anything: bytes must be countable in 63 bits. */
static mr_status check_size(const mr_h5_set *set, const mr_dims *dims, uint64_t each,
                            mr_error *error)
{
    uint64_t bytes = each;
    for (unsigned axis = 0; axis < dims->axes; axis++)
        if (__builtin_mul_overflow(bytes, dims->size[axis] ? dims->size[axis] : 1, &bytes) ||
            bytes > INT64_MAX)
            return damaged(set, "it would have more than 2^63 bytes", error);
    return MR_OK;
}

/* ---- Filters ---- */

static mr_status unknown(const mr_h5_set *set, H5Z_filter_t filter, const char *name,
                         mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "unknown filter: %s: it was packed with filter %d (%s), which is not "
                        "installed: set HDF5_PLUGIN_PATH to where it is, or repack it (h5repack)",
                        set->name, (int)filter, *name ? name : "without a name");
}

/* *is_ours: all of them can be undone without the library. */
static mr_status read_filters(mr_h5_set *set, hid_t plist, bool *is_ours, mr_error *error)
{
    int count = H5Pget_nfilters(plist);
    *is_ours = count <= MR_H5_FILTERS;
    for (unsigned i = 0; count > 0 && i < (unsigned)count; i++) {
        unsigned flags, values[20] = {0};
        size_t used = sizeof values / sizeof *values;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(plist, i, &flags, &used, values, sizeof name, name, NULL);
        bool is_known = filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
                        filter == H5Z_FILTER_FLETCHER32;
        if (!is_known && H5Zfilter_avail(filter) <= 0)
            return unknown(set, filter, name, error);
        if (used > 2 && (filter == H5Z_FILTER_SCALEOFFSET || filter == H5Z_FILTER_NBIT) &&
            values[2] != mr_dims_count(&set->chunk)) /* which the library believes */
            return damaged(set, "its filters were made for another chunk", error);
        set->info.is_compressed |= filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32;
        *is_ours = *is_ours && is_known;
        if (!*is_ours)
            continue;
        set->filters.filter[i] = (mr_h5_filter)filter;
        set->filters.element[i] = used ? values[0] : 1;
        set->filters.count = i + 1;
    }
    return MR_OK;
}

/* ---- Ways of reading ---- */

static mr_status use_chunks(mr_h5_set *set, hid_t plist, mr_error *error)
{
    hsize_t size[H5S_MAX_RANK];
    unsigned options = 0;
    bool is_ours = false;
    int axes = H5Pget_chunk(plist, H5S_MAX_RANK, size);
    if (axes < 0 || (unsigned)axes != set->dims.axes)
        return damaged(set, "its chunks have another shape than it", error);
    set->chunk.axes = (unsigned)axes;
    for (int axis = 0; axis < axes; axis++)
        if ((set->chunk.size[axis] = size[axis]) == 0)
            return damaged(set, "its chunks are empty", error);
    H5Pget_chunk_opts(plist, &options);
    set->filters.but_edges = options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS;
    if (read_filters(set, plist, &is_ours, error) != MR_OK)
        return error->code;
    set->way = is_ours ? MR_H5_BY_CHUNK : MR_H5_BY_LIBRARY;
    set->is_absent = set->stored == 0;
    return MR_OK;
}

/* What has no chunks is read in pieces as if it had: as many of the last axes as a piece holds. */
static void use_pieces(mr_h5_set *set)
{
    uint64_t bytes = set->type.size ? set->type.size : 1;
    set->way = MR_H5_BY_LIBRARY;
    set->chunk.axes = set->dims.axes;
    for (unsigned axis = set->dims.axes; axis-- > 0;) {
        uint64_t room = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
        uint64_t size = set->dims.size[axis] < room ? set->dims.size[axis] : room;
        set->chunk.size[axis] = size ? size : 1;
        bytes *= set->chunk.size[axis];
    }
}

static mr_status use_address(mr_h5_set *set, hid_t plist, mr_error *error)
{
    if (H5Pget_external_count(plist) > 0)
        return MR_OK;
    haddr_t address = H5Dget_offset(set->dataset);
    uint64_t bytes = mr_dims_count(&set->dims) * set->type.size;
    if (address == HADDR_UNDEF || set->stored == 0) {
        use_pieces(set);
        set->is_absent = true;
        set->way = MR_H5_BY_CHUNK;
        return MR_OK;
    }
    if (set->stored < bytes)
        return damaged(set, "it has fewer bytes than its shape says", error);
    if (address > set->file_bytes || bytes > set->file_bytes - address)
        return damaged(set, "it reaches beyond the end of the file: the file is cut off", error);
    set->way = MR_H5_BY_ADDRESS;
    set->address = address;
    return MR_OK;
}

static mr_status choose_way(mr_h5_set *set, hid_t plist, mr_error *error)
{
    H5D_layout_t layout = H5Pget_layout(plist);
    mr_status status = MR_OK;
    set->stored = H5Dget_storage_size(set->dataset);
    if (set->stored == 0 && H5Eget_num(H5E_DEFAULT) > 0)
        return mr_h5_fail(
            error, MR_BAD_INPUT,
            "cannot read dataset: %s: where its bytes are is damaged: restore the file", set->name);
    set->way = MR_H5_BY_LIBRARY;
    if (layout == H5D_CHUNKED)
        status = use_chunks(set, plist, error);
    else if (layout == H5D_CONTIGUOUS)
        status = use_address(set, plist, error);
    else if (layout == H5D_COMPACT && set->stored < mr_dims_count(&set->dims) * set->type.size)
        status = damaged(set, "it has fewer bytes than its shape says", error);
    if (set->type.is_odd)
        set->way = MR_H5_BY_LIBRARY;
    return status;
}

/* What the library reads comes as types of this machine. */
static mr_status finish_way(mr_h5_set *set, hid_t file_type, const char *field, mr_error *error)
{
    if (set->way != MR_H5_BY_LIBRARY)
        return MR_OK;
    if (mr_h5_type_relay(&set->type, file_type, field, error) != MR_OK)
        return error->code;
    if (set->chunk.axes != set->dims.axes || set->dims.axes == 0)
        use_pieces(set);
    return MR_OK;
}

static bool has_references(hid_t type)
{
    return H5Tdetect_class(type, H5T_VLEN) > 0 || H5Tdetect_class(type, H5T_STRING) > 0;
}

/* A string as fill value: the file has no reference to it, so one that can be none stands for it.
 * (The library itself cannot read such a chunk of a file that it may not write.) */
static mr_status read_fill_string(mr_h5_set *set, hid_t plist, hid_t file_type, mr_error *error)
{
    char *string = NULL;
    if (H5Pget_fill_value(plist, file_type, &string) < 0)
        return mr_h5_fail(error, MR_BAD_INPUT, "cannot read dataset: %s: its fill value is damaged",
                          set->name);
    memset(set->fill, 0xff, set->type.size);
    set->fill_string = strdup(string ? string : "");
    H5free_memory(string);
    return set->fill_string ? MR_OK : no_memory(error);
}

static mr_status read_fill(mr_h5_set *set, hid_t plist, hid_t file_type, mr_error *error)
{
    H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
    H5Pfill_value_defined(plist, &defined);
    if (set->way != MR_H5_BY_CHUNK)
        return MR_OK;
    set->fill = calloc(1, set->type.size);
    if (!set->fill)
        return no_memory(error);
    if (defined != H5D_FILL_VALUE_USER_DEFINED)
        return MR_OK;
    if (H5Tis_variable_str(file_type) > 0)
        return read_fill_string(set, plist, file_type, error);
    if (has_references(file_type))
        set->way = MR_H5_BY_LIBRARY; /* pointers where the file has references */
    else if (H5Pget_fill_value(plist, file_type, set->fill) < 0)
        return mr_h5_fail(error, MR_BAD_INPUT, "cannot read dataset: %s: its fill value is damaged",
                          set->name);
    return MR_OK;
}

/* ---- What there is to say ---- */

static mr_status cut_out(mr_h5_set *set, const char *slab, mr_error *error)
{
    mr_dims all = set->dims;
    if (all.axes + set->type.inner.axes > MR_AXES)
        return mr_error_set(error, MR_BAD_INPUT,
                            "wrong rank: %s: with the axes of its type it has more than %d",
                            set->name, MR_AXES);
    for (unsigned axis = 0; axis < set->type.inner.axes; axis++)
        all.size[all.axes++] = set->type.inner.size[axis];
    if (check_size(set, &all, 16, error) != MR_OK)
        return error->code;
    mr_status status = mr_h5_name_cut(slab, &all, &set->cut, set->name, error);
    set->info.dims.axes = all.axes;
    memcpy(set->info.dims.size, set->cut.size, sizeof set->cut.size);
    return status;
}

static void describe_bands(mr_h5_set *set, bool is_chunked)
{
    mr_h5_info *info = &set->info;
    info->band = is_chunked && set->dims.axes ? set->chunk.size[0] : 1;
    info->band_begin = (info->band - set->cut.from[0] % info->band) % info->band;
}

static void describe_bytes(mr_h5_set *set)
{
    double all = 1, cut = (double)mr_dims_count(&set->info.dims);
    for (unsigned axis = 0; axis < set->dims.axes; axis++)
        all *= (double)set->dims.size[axis];
    for (unsigned axis = 0; axis < set->type.inner.axes; axis++)
        all *= (double)set->type.inner.size[axis];
    set->info.bytes = all > 0 ? (uint64_t)((double)set->stored * (cut / all)) : 0;
}

static void describe(mr_h5_set *set, bool is_chunked)
{
    set->info.strings = set->type.strings;
    set->info.element = set->type.element;
    if (set->type.names)
        set->info.names = set->type.names + set->cut.from[set->dims.axes];
    describe_bands(set, is_chunked);
    describe_bytes(set);
}

/* ---- Opening ---- */

static mr_status describe_dataset(mr_h5_set *set, hid_t file_type, hid_t plist,
                                  const mr_h5_match *match, mr_error *error)
{
    set->type.address_width = set->address_width;
    mr_status status = mr_h5_type_of(&set->type, file_type, match->field, set->name, error);
    if (status == MR_OK)
        status = read_dims(set, error);
    if (status == MR_OK)
        status = check_size(set, &set->dims, set->type.size, error);
    if (status == MR_OK)
        status = choose_way(set, plist, error);
    bool is_chunked = H5Pget_layout(plist) == H5D_CHUNKED;
    if (status == MR_OK)
        status = check_size(set, &set->chunk, set->type.size, error);
    if (status == MR_OK)
        status = read_fill(set, plist, file_type, error);
    if (status == MR_OK)
        status = finish_way(set, file_type, match->field, error);
    if (status == MR_OK)
        status = cut_out(set, match->slab, error);
    if (status == MR_OK)
        describe(set, is_chunked);
    return status;
}

static mr_status open_dataset(mr_h5_set *set, const mr_h5_match *match, mr_error *error)
{
    set->path = strdup(match->path);
    if (!set->path)
        return no_memory(error);
    set->dataset = H5Dopen2(set->file, match->path, H5P_DEFAULT);
    hid_t file_type = H5Dget_type(set->dataset), plist = H5Dget_create_plist(set->dataset);
    mr_status status;
    if (set->dataset < 0 || file_type < 0 || plist < 0)
        status = mr_h5_fail(error, MR_BAD_INPUT, "cannot open dataset: %s: the file is damaged",
                            set->name);
    else
        status = describe_dataset(set, file_type, plist, match, error);
    H5Tclose(file_type);
    H5Pclose(plist);
    H5Eclear2(H5E_DEFAULT);
    return status;
}

static mr_status open_bytes(mr_h5_set *set, mr_error *error)
{
    set->fd = open(set->file_name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (set->fd < 0 || fstat(set->fd, &status) != 0)
        return mr_error_set(error, MR_BAD_INPUT, "cannot open HDF5 file: %s: %s", set->file_name,
                            strerror(errno));
    set->file_bytes = (uint64_t)status.st_size;
    return MR_OK;
}

/* How addresses in the file are written, and what they count from. */
static mr_status read_widths(mr_h5_set *set, mr_error *error)
{
    hid_t plist = H5Fget_create_plist(set->file);
    hsize_t base = 0;
    size_t address = 0, length = 0;
    bool is_read =
        H5Pget_userblock(plist, &base) >= 0 && H5Pget_sizes(plist, &address, &length) >= 0;
    H5Pclose(plist);
    if (!is_read || address == 0 || address > 8 || length == 0 || length > 8)
        return mr_h5_fail(error, MR_BAD_INPUT, "cannot open HDF5 file: %s: it is damaged",
                          set->file_name);
    set->base = base;
    set->address_width = (unsigned)address;
    set->length_width = (unsigned)length;
    return MR_OK;
}

static mr_status find_one(mr_h5_set *set, const char *path, mr_error *error)
{
    mr_h5_matches matches = {0};
    mr_status status = mr_h5_find_file(&set->file, set->file_name, error);
    if (status == MR_OK)
        status = open_bytes(set, error);
    if (status == MR_OK)
        status = read_widths(set, error);
    if (status == MR_OK)
        status = mr_h5_find(&matches, set->file, set->file_name, path, error);
    if (status == MR_OK && matches.count > 1)
        status =
            mr_error_set(error, MR_BAD_INPUT, "which dataset: %s: %zu have that name: name one",
                         set->name, matches.count);
    if (status == MR_OK)
        status = open_dataset(set, &matches.match[0], error);
    mr_h5_matches_free(&matches);
    return status;
}

mr_status mr_h5_open(mr_h5_set **set, const char *name, mr_error *error)
{
    mr_h5_set *opened = calloc(1, sizeof *opened);
    *set = opened;
    if (!opened)
        return no_memory(error);
    opened->file = opened->dataset = opened->type.memory = -1;
    opened->fd = -1;
    const char *colon = mr_h5_name_colon(name);
    opened->name = strdup(name);
    opened->file_name = colon ? strndup(name, (size_t)(colon - name)) : strdup(name);
    mr_h5_lock();
    mr_status status = opened->name && opened->file_name
                           ? find_one(opened, colon ? colon + 1 : NULL, error)
                           : no_memory(error);
    mr_h5_unlock();
    if (status != MR_OK)
        mr_h5_close(set);
    return status;
}

void mr_h5_close(mr_h5_set **set)
{
    mr_h5_set *old = *set;
    *set = NULL;
    if (!old)
        return;
    mr_h5_lock();
    mr_h5_type_free(&old->type);
    if (old->dataset >= 0)
        H5Dclose(old->dataset);
    if (old->file >= 0)
        H5Fclose(old->file);
    mr_h5_unlock();
    if (old->fd >= 0)
        close(old->fd);
    free(old->fill);
    free(old->fill_string);
    free(old->name);
    free(old->file_name);
    free(old->path);
    free(old);
}

const mr_h5_info *mr_h5_info_of(const mr_h5_set *set)
{
    return &set->info;
}

/* ---- Listing ---- */

static mr_status tell(const mr_h5_match *match, const char *file_name, mr_h5_found *found,
                      void *context, mr_error *error)
{
    char *name;
    if (asprintf(&name, "%s:%s%s%s%s", file_name, match->path, *match->field ? "." : "",
                 match->field, match->slab) < 0)
        return no_memory(error);
    mr_status status = found(context, name, error);
    free(name);
    return status;
}

mr_status mr_h5_list(const char *name, mr_h5_found *found, void *context, mr_error *error)
{
    const char *colon = mr_h5_name_colon(name);
    char *file_name = colon ? strndup(name, (size_t)(colon - name)) : strdup(name);
    if (!file_name)
        return no_memory(error);
    mr_h5_matches matches = {0};
    hid_t file = -1;
    mr_h5_lock();
    mr_status status = mr_h5_find_file(&file, file_name, error);
    if (status == MR_OK)
        status = mr_h5_find(&matches, file, file_name, colon ? colon + 1 : NULL, error);
    if (file >= 0)
        H5Fclose(file);
    mr_h5_unlock();
    for (size_t i = 0; status == MR_OK && i < matches.count; i++)
        status = tell(&matches.match[i], file_name, found, context, error);
    mr_h5_matches_free(&matches);
    free(file_name);
    return status;
}

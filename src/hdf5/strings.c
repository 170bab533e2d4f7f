/*
 * hdf5/strings.c: datasets of strings, as lines of text.
 */
#include "base/memory.h"
#include "hdf5/internal.h"
#include "hdf5/reader.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE (256u << 10) /* bytes of elements */

/* Text on its way out. */
typedef struct lines {
    char **text;
    size_t *size, *capacity;
} lines;

static mr_status add_line(const lines *to, const char *line, size_t size, mr_error *error)
{
    size_t needed = *to->size + size + 1;
    if (needed > *to->capacity) {
        size_t capacity = 2 * *to->capacity > needed ? 2 * *to->capacity : needed + 4096;
        char *more = realloc(*to->text, capacity);
        if (!more)
            return mr_error_set(error, MR_NO_MEMORY,
                                "out of memory: reading strings: use a node with more memory");
        *to->text = more;
        *to->capacity = capacity;
    }
    memcpy(*to->text + *to->size, line, size);
    (*to->text)[needed - 1] = '\n';
    *to->size = needed;
    return MR_OK;
}

/* The largest box that begins with element number `first` and has at most `count` in C order. */
static uint64_t cut_box(const mr_dims *dims, uint64_t first, uint64_t count, mr_box *box)
{
    uint64_t below = 1; /* elements in one step along the axis */
    bool is_cut = false;
    box->axes = dims->axes;
    for (unsigned axis = dims->axes; axis-- > 0;) {
        uint64_t size = dims->size[axis], at = first / below % size;
        uint64_t most = is_cut ? 1 : count / below;
        box->from[axis] = at;
        box->size[axis] = size - at < most ? size - at : most > 0 ? most : 1;
        is_cut = is_cut || box->size[axis] < size;
        below *= size;
    }
    return mr_box_count(box);
}

/* ---- Fixed size ---- */

static size_t length_of(const mr_h5_type *type, const char *string)
{
    size_t size = strnlen(string, type->parts->number.size);
    while (type->has_spaces && size > 0 && string[size - 1] == ' ')
        size--;
    return size;
}

static mr_status read_fixed(mr_h5_reader *reader, const mr_box *box, char *buffer, const lines *to,
                            mr_error *error)
{
    const mr_h5_type *type = &reader->set->type;
    mr_status status = mr_h5_read_box(reader, box, 0, buffer, error);
    uint64_t count = mr_box_count(box);
    for (uint64_t i = 0; status == MR_OK && i < count; i++) {
        const char *string = buffer + i * type->parts->number.size;
        status = add_line(to, string, length_of(type, string), error);
    }
    return status;
}

/* ---- Variable size ---- */

static mr_status read_referred(mr_h5_reader *reader, const mr_box *box, char *buffer,
                               const lines *to, mr_error *error)
{
    const mr_h5_set *set = reader->set;
    mr_status status = mr_h5_read_box(reader, box, 0, buffer, error);
    uint64_t count = mr_box_count(box);
    for (uint64_t i = 0; status == MR_OK && i < count; i++) {
        const unsigned char *element = (unsigned char *)buffer + i * set->type.parts->number.size;
        const char *string;
        size_t size;
        status = mr_h5_heap_get(&reader->heap, set, element, &string, &size, error);
        if (status == MR_OK)
            status = add_line(to, string, size, error);
    }
    return status;
}

/* ---- Through the library ---- */

/* Under the lock. */
static mr_status fetch_variable(mr_h5_reader *reader, const mr_box *box, char **string,
                                hid_t memory, mr_error *error)
{
    const mr_h5_set *set = reader->set;
    hsize_t from[MR_AXES], size[MR_AXES];
    for (unsigned axis = 0; axis < box->axes; axis++) {
        from[axis] = box->from[axis] + set->cut.from[axis];
        size[axis] = box->size[axis];
    }
    hid_t disk = H5Dget_space(set->dataset);
    if (box->axes > 0)
        H5Sselect_hyperslab(disk, H5S_SELECT_SET, from, NULL, size, NULL);
    mr_status status = MR_OK;
    if (H5Dread(set->dataset, set->type.memory, memory, disk, H5P_DEFAULT, string) < 0)
        status = mr_h5_fail(error, MR_BAD_INPUT,
                            "cannot read dataset: %s: its strings are damaged: restore the file",
                            set->name);
    H5Sclose(disk);
    return status;
}

/* The strings are the library's: they are copied and given back under the lock. */
static mr_status read_relayed(mr_h5_reader *reader, const mr_box *box, char *buffer,
                              const lines *to, mr_error *error)
{
    char **string = (char **)(void *)buffer;
    hsize_t count = mr_box_count(box);
    memset(buffer, 0, count * sizeof *string);
    mr_h5_lock();
    hid_t memory = H5Screate_simple(1, &count, NULL);
    mr_status status = fetch_variable(reader, box, string, memory, error);
    for (uint64_t i = 0; status == MR_OK && i < count; i++) {
        size_t size = string[i] ? strlen(string[i]) : 0;
        reader->chunks.bytes += size;
        status = add_line(to, string[i] ? string[i] : "", size, error);
    }
    H5Dvlen_reclaim(reader->set->type.memory, memory, H5P_DEFAULT, string);
    H5Sclose(memory);
    mr_h5_unlock();
    return status;
}

/* ---- All ways ---- */

static mr_status read_some(mr_h5_reader *reader, const mr_box *box, char *buffer, const lines *to,
                           mr_error *error)
{
    const mr_h5_set *set = reader->set;
    if (!set->type.variable)
        return read_fixed(reader, box, buffer, to, error);
    return set->way == MR_H5_BY_LIBRARY ? read_relayed(reader, box, buffer, to, error)
                                        : read_referred(reader, box, buffer, to, error);
}

mr_status mr_h5_read_strings(mr_h5_reader *reader, uint64_t first, uint64_t count, char **text,
                             size_t *size, size_t *capacity, mr_error *error)
{
    const mr_h5_set *set = reader->set;
    const mr_dims *dims = &set->info.dims;
    if (!set->type.strings || first > mr_dims_count(dims) || count > mr_dims_count(dims) - first)
        return mr_error_set(error, MR_BAD_INPUT,
                            "wrong shape: %s: there are no such strings in it: name others",
                            set->name);
    if (count == 0)
        return MR_OK;
    size_t each = set->type.parts->number.size;
    uint64_t most = AT_ONCE / (each ? each : 1) + 1;
    most = count < most ? count : most;
    char *buffer = mr_memory_allocate(most * each + 1, "reading strings", error);
    mr_status status = buffer ? MR_OK : error->code;
    const lines to = {text, size, capacity};
    for (mr_box box; status == MR_OK && count > 0;) {
        uint64_t some = cut_box(dims, first, count < most ? count : most, &box);
        status = read_some(reader, &box, buffer, &to, error);
        first += some;
        count -= some;
    }
    if (buffer)
        mr_memory_free(buffer, most * each + 1);
    return status;
}

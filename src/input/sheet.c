/*
 * input/sheet.c: what rows look like: found out by a look at each file, and compared.
 */
#include "input/sheet.h"

#include "base/memory.h"
#include "input/dataset.h"
#include "input/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: looking at the inputs: use a node with more memory");
}

/* ---- The first bytes of a CSV file ---- */

typedef struct sample {
    char *data;
    size_t size, capacity;
    bool whole;
} sample;

static mr_status grow(sample *s, mr_error *error)
{
    size_t more = s->capacity ? s->capacity * 2 : MR_CSV_SAMPLE + 1;
    char *data = mr_memory_resize(s->data, s->capacity, more, "the first lines of a file", error);
    if (!data)
        return MR_NO_MEMORY;
    s->data = data;
    s->capacity = more;
    return MR_OK;
}

/* Some bytes more, from wherever they come. */
static mr_status read_some(const mr_file *file, int fd, mr_source *source, sample *s, size_t *got,
                           mr_error *error)
{
    size_t room = s->capacity - s->size;
    if (source)
        return mr_source_read(source, s->data + s->size, room, got, error);
    ssize_t done;
    do
        done = pread(fd, s->data + s->size, room, (off_t)s->size);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s at byte %zu: %s: check it",
                            file->path, s->size, strerror(errno));
    *got = (size_t)done;
    return MR_OK;
}

static mr_status fill(const mr_file *file, int fd, mr_source *source, sample *s, mr_error *error)
{
    while (!s->whole && !mr_csv_is_enough((mr_bytes){s->data, s->size})) {
        size_t got = 0;
        if (s->size == s->capacity)
            MR_TRY(grow(s, error));
        MR_TRY(read_some(file, fd, source, s, &got, error));
        s->size += got;
        s->whole = got == 0;
    }
    return MR_OK;
}

static mr_status read_sample(const mr_file *file, sample *s, mr_error *error)
{
    mr_source *source = NULL;
    int fd = -1;
    if (file->kind != MR_FILE_PLAIN)
        MR_TRY(mr_source_open(&source, file, error));
    else if ((fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
        return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s: %s: check it", file->path,
                            strerror(errno));
    mr_status status = fill(file, fd, source, s, error);
    mr_source_close(&source);
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- One file after the other ---- */

/* The rows of one file. `names` are somebody else's. */
typedef struct rows {
    const char *file;
    mr_dims row;
    uint64_t columns;
    const char *const *names;
} rows;

static char **copy_names(const char *const *names, uint64_t count)
{
    char **copy = calloc(count + 1, sizeof *copy);
    for (uint64_t i = 0; copy && i < count; i++)
        if (!(copy[i] = strdup(names[i]))) {
            while (i-- > 0)
                free(copy[i]);
            free(copy);
            return NULL;
        }
    return copy;
}

static void free_names(char **names, uint64_t count)
{
    for (uint64_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

static bool is_same_row(const mr_dims *a, const mr_dims *b)
{
    if (mr_dims_count(a) == 1 && mr_dims_count(b) == 1)
        return true;
    return a->axes == b->axes && memcmp(a->size, b->size, a->axes * sizeof *a->size) == 0;
}

/* A shape as Python has it: `(3, 4)`. */
static void show_row(const mr_dims *row, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "(");
    for (unsigned i = 0; i < row->axes && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, i ? ", %llu" : "%llu",
                                 (unsigned long long)row->size[i]);
    if (used < room)
        snprintf(text + used, room - used, row->axes == 1 ? ",)" : ")");
}

/* All files have to agree with the first one that has rows. */
static mr_status compare(const rows *first, const rows *next, mr_error *error)
{
    char one[160], two[160];
    if (!is_same_row(&first->row, &next->row)) {
        show_row(&first->row, one, sizeof one);
        show_row(&next->row, two, sizeof two);
        return mr_error_set(error, MR_BAD_INPUT,
                            "rows differ: %s has rows of shape %s, %s of %s: name inputs whose "
                            "rows are alike",
                            first->file, one, next->file, two);
    }
    for (uint64_t i = 0; first->names && next->names && i < first->columns; i++)
        if (strcmp(first->names[i], next->names[i]) != 0)
            return mr_error_set(error, MR_BAD_INPUT,
                                "columns differ: column %llu is %s in %s and %s in %s: name inputs "
                                "whose columns are alike",
                                (unsigned long long)i, first->names[i], first->file, next->names[i],
                                next->file);
    return MR_OK;
}

static mr_status add_rows(mr_sheet *sheet, rows *first, const rows *next, mr_error *error)
{
    if (first->file)
        MR_TRY(compare(first, next, error));
    if (!first->file) {
        *first = *next;
        first->names = NULL;
        sheet->row = next->row;
        sheet->columns = next->columns;
    }
    if (next->names && !sheet->names) {
        sheet->names = copy_names(next->names, next->columns);
        if (!sheet->names)
            return no_memory(error);
        first->names = (const char *const *)sheet->names;
    }
    return MR_OK;
}

static mr_status add_csv(mr_sheet *sheet, rows *first, const mr_file *file, mr_csv **csv,
                         mr_error *error)
{
    sample s = {NULL, 0, 0, false};
    mr_status status = read_sample(file, &s, error);
    if (status == MR_OK)
        status = mr_csv_tell(csv, file->path, (mr_bytes){s.data, s.size}, s.whole, error);
    mr_memory_free(s.data, s.capacity);
    if (status != MR_OK || !*csv)
        return status;
    const rows next = {.file = file->path,
                       .row = MR_DIMS1((*csv)->columns),
                       .columns = (*csv)->columns,
                       .names = (const char *const *)(*csv)->names};
    return add_rows(sheet, first, &next, error);
}

static mr_status add_dataset(mr_sheet *sheet, rows *first, const mr_file *file, mr_error *error)
{
    mr_dataset *dataset;
    MR_TRY(mr_dataset_open(&dataset, file->path, error));
    const mr_dataset_info *about = mr_dataset_info_of(dataset);
    rows next = {.file = file->path, .names = about->names};
    next.row.axes = about->dims.axes ? about->dims.axes - 1 : 0;
    for (unsigned i = 0; i < next.row.axes; i++)
        next.row.size[i] = about->dims.size[i + 1];
    next.columns = mr_dims_count(&next.row);
    mr_status status = add_rows(sheet, first, &next, error);
    mr_dataset_close(&dataset);
    return status;
}

mr_status mr_sheet_create(mr_sheet **result, const mr_plan *plan, mr_error *error)
{
    *result = NULL;
    mr_sheet *sheet = calloc(1, sizeof *sheet);
    rows first = {.file = NULL};
    if (!sheet || !(sheet->csv = calloc(plan->count + 1, sizeof(mr_csv *)))) {
        free(sheet);
        return no_memory(error);
    }
    sheet->files = plan->count;
    mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < plan->count; i++) {
        const mr_file *file = &plan->files[i];
        if (file->kind == MR_FILE_NUMBERS)
            status = add_dataset(sheet, &first, file, error);
        else
            status = add_csv(sheet, &first, file, &sheet->csv[i], error);
    }
    if (status == MR_OK)
        *result = sheet;
    else
        mr_sheet_destroy(&sheet);
    return status;
}

void mr_sheet_destroy(mr_sheet **sheet)
{
    mr_sheet *gone = *sheet;
    if (!gone)
        return;
    for (size_t i = 0; i < gone->files; i++)
        mr_csv_free(&gone->csv[i]);
    free(gone->csv);
    free_names(gone->names, gone->columns);
    free(gone);
    *sheet = NULL;
}

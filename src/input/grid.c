/* input/grid.c: which rows a piece of a dataset holds, and blocks made of rows. */
#include "input/grid.h"

#include "base/memory.h"
#include "input/dataset.h"
#include "input/raw.h"
#include "input/sheet.h"

#include <stdio.h>
#include <stdlib.h>

struct mr_gridder {
    const mr_plan *plan;
    mr_dataset *dataset; /* of the last piece; NULL: none yet */
    mr_dataset_reader *reader;
    size_t file;
    uint64_t bytes; /* of readers that are closed */
    char *buffer;
    size_t capacity;
    mr_csv_rows rows;
    mr_grid grid;
};

mr_status mr_gridder_create(mr_gridder **result, const mr_plan *plan, mr_error *error)
{
    mr_gridder *g = *result = calloc(1, sizeof *g);
    if (!g)
        return mr_error_set(error, MR_NO_MEMORY,
                            "out of memory: making a reader: use a node with more memory");
    g->plan = plan;
    return MR_OK;
}

uint64_t mr_gridder_bytes(const mr_gridder *g)
{
    return g->bytes + (g->reader ? mr_dataset_reader_bytes(g->reader) : 0);
}

static void close_dataset(mr_gridder *g)
{
    g->bytes = mr_gridder_bytes(g);
    mr_dataset_reader_destroy(&g->reader);
    mr_dataset_close(&g->dataset);
}

void mr_gridder_destroy(mr_gridder **gridder)
{
    mr_gridder *gone = *gridder;
    if (!gone)
        return;
    close_dataset(gone);
    mr_memory_free(gone->buffer, gone->capacity);
    mr_csv_rows_free(&gone->rows);
    free(gone);
    *gridder = NULL;
}

static mr_status reserve(mr_gridder *g, uint64_t size, mr_error *error)
{
    size_t wanted = (size_t)size + MR_BLOCK_PADDING;
    if (wanted <= g->capacity)
        return MR_OK;
    mr_memory_free(g->buffer, g->capacity);
    g->capacity = 0;
    g->buffer = mr_memory_allocate(wanted, "a block of rows", error);
    if (!g->buffer)
        return MR_NO_MEMORY;
    g->capacity = wanted;
    return MR_OK;
}

void mr_gridder_refuse(mr_gridder *g, mr_row_refuse *refuse, void *context)
{
    g->rows.refuse = refuse;
    g->rows.context = context;
}

/* ---- Datasets ---- */

static mr_status open_dataset(mr_gridder *g, size_t file, mr_error *error)
{
    if (g->reader && g->file == file)
        return MR_OK;
    close_dataset(g);
    MR_TRY(mr_dataset_open(&g->dataset, g->plan->files[file].path, error));
    g->file = file;
    return mr_dataset_reader_create(&g->reader, g->dataset, error);
}

/* The plan was made a while ago. */
static mr_status check_size(const mr_gridder *g, const mr_dataset_info *about, mr_error *error)
{
    const mr_file *file = &g->plan->files[g->file];
    if (mr_dims_count(&about->dims) * mr_element_size(about->element) == file->size)
        return MR_OK;
    return mr_error_set(error, MR_BAD_INPUT,
                        "input changed: %s: it has another shape than it had: run again when "
                        "nobody writes to it",
                        file->path);
}

static uint64_t rows_of(const mr_dims *dims)
{
    return dims->axes ? dims->size[0] : 1;
}

/* The first row from `row` on at which a band begins; the number of rows where none does. */
static uint64_t band_from(const mr_dataset_info *about, uint64_t row)
{
    uint64_t rows = rows_of(&about->dims), at = about->band_begin;
    if (row == 0)
        return 0;
    if (row > at)
        at += ((row - at - 1) / about->band + 1) * about->band;
    return at < rows ? at : rows;
}

static void fill_block(mr_gridder *g, size_t file, const char *values, mr_block *block)
{
    size_t row = (size_t)g->grid.columns * mr_element_size(g->grid.element);
    const char *end = values + g->grid.size[0] * row;
    g->grid.values = values;
    g->grid.names = (const char *const *)g->plan->sheet->names;
    *block = (mr_block){.at = values,
                        .end = end,
                        .record = values,
                        .data = values,
                        .file = g->plan->files[file].path,
                        .file_index = file,
                        .offset = g->grid.first,
                        .record_size = row,
                        .grid = &g->grid};
}

static mr_status read_rows(mr_gridder *g, const mr_dataset_info *about, uint64_t first,
                           uint64_t count, mr_error *error)
{
    mr_box box = {.axes = about->dims.axes};
    mr_element element = g->plan->element ? g->plan->element : about->element;
    memcpy(box.size, about->dims.size, sizeof box.size);
    g->grid = (mr_grid){.element = element, .axes = box.axes ? box.axes : 1, .first = first};
    if (box.axes > 0) {
        box.from[0] = first;
        box.size[0] = count;
    }
    memcpy(g->grid.size, box.size, sizeof box.size);
    g->grid.size[0] = count;
    g->grid.columns = mr_box_count(&box) / count;
    uint64_t size = mr_box_count(&box) * mr_element_size(element);
    MR_TRY(reserve(g, size, error));
    memset(g->buffer + size, 0, MR_BLOCK_PADDING);
    return mr_dataset_read(g->reader, &box, element, g->buffer, error);
}

mr_status mr_gridder_read(mr_gridder *g, size_t file, uint64_t begin, uint64_t end, mr_block *block,
                          mr_error *error)
{
    *block = (mr_block){.grid = NULL};
    MR_TRY(open_dataset(g, file, error));
    const mr_dataset_info *about = mr_dataset_info_of(g->dataset);
    MR_TRY(check_size(g, about, error));
    uint64_t rows = rows_of(&about->dims), row = g->plan->files[file].size / rows;
    uint64_t first = band_from(about, begin / row + (begin % row != 0));
    uint64_t stop = band_from(about, end / row + (end % row != 0));
    if (first >= stop)
        return MR_OK;
    MR_TRY(read_rows(g, about, first, stop - first, error));
    fill_block(g, file, g->buffer, block);
    return MR_OK;
}

/* ---- CSV ---- */

static mr_status refuse_row(mr_gridder *g, const char *path, size_t row, mr_error *error)
{
    char reason[64];
    const char *element = mr_element_name(g->grid.element);
    uint64_t place = g->rows.places[row];
    snprintf(reason, sizeof reason, "a number in it is no %s", element);
    mr_csv_rows_drop(&g->rows, row);
    if (g->rows.refuse)
        return g->rows.refuse(g->rows.context, path, place, reason);
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read row: %s at byte %llu: %s, which the app wants: correct it",
                        path, (unsigned long long)place, reason);
}

/* The rows as elements that the app wants, into the buffer. */
static mr_status convert(mr_gridder *g, const mr_csv *csv, const char *path, mr_error *error)
{
    static const mr_raw doubles = {MR_RAW_FLOAT, sizeof(double), false};
    mr_element element = g->grid.element;
    size_t width = csv->columns * mr_element_size(element);
    MR_TRY(reserve(g, g->rows.count * width, error));
    for (size_t row = 0; row < g->rows.count;) {
        const double *from = g->rows.values + row * csv->columns;
        size_t count = (g->rows.count - row) * csv->columns;
        size_t done = mr_raw_convert(doubles, from, count, element, g->buffer + row * width, 1);
        row += done / csv->columns;
        if (done < count)
            MR_TRY(refuse_row(g, path, row, error));
    }
    memset(g->buffer + g->rows.count * width, 0, MR_BLOCK_PADDING);
    return MR_OK;
}

mr_status mr_gridder_parse(mr_gridder *g, mr_block *block, mr_error *error)
{
    size_t file = (size_t)block->file_index;
    const char *path = block->file;
    const mr_csv *csv = g->plan->sheet->csv[file];
    mr_bytes text = mr_bytes_between(block->data, block->end);
    uint64_t offset = block->offset;
    *block = (mr_block){.grid = NULL};
    if (!csv)
        return MR_OK;
    MR_TRY(mr_csv_read(csv, path, text, offset, &g->rows, error));
    g->grid = (mr_grid){.element = g->plan->element ? g->plan->element : MR_F64};
    if (g->grid.element != MR_F64)
        MR_TRY(convert(g, csv, path, error));
    if (g->rows.count == 0)
        return MR_OK;
    g->grid.axes = 2;
    g->grid.size[0] = g->rows.count;
    g->grid.size[1] = g->grid.columns = csv->columns;
    g->grid.first = g->rows.places[0];
    g->grid.places = g->rows.places;
    const char *values = g->buffer;
    if (g->grid.element == MR_F64) {
        memset(g->rows.values + g->rows.count * csv->columns, 0, MR_BLOCK_PADDING);
        values = (const char *)g->rows.values;
    }
    fill_block(g, file, values, block);
    return MR_OK;
}

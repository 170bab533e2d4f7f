/*
 * input/dataset.c: which kind of file a dataset is in, and the same questions to either kind.
 */
#include "input/dataset.h"

#include "base/memory.h"
#include "base/read.h"
#include "hdf5/hdf5.h"
#include "input/npy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct mr_dataset {
    mr_dataset_info info;
    char *name;
    mr_h5_set *h5; /* one of the two */
    mr_npy *npy;
};

struct mr_dataset_reader {
    mr_dataset *dataset;
    mr_h5_reader *h5;
    char *room; /* of .npy */
    uint64_t bytes;
};

static bool is_npy(const char *name)
{
    char bytes[8];
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0)
        return true;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = mr_read_at(fd, bytes, sizeof bytes, 0);
    close(fd);
    return got > 0 && mr_npy_is(bytes, (size_t)got);
}

bool mr_dataset_is_name(const char *name)
{
    return mr_h5_is_name(name) || is_npy(name);
}

static mr_status open_h5(mr_dataset *dataset, mr_error *error)
{
    MR_TRY(mr_h5_open(&dataset->h5, dataset->name, error));
    const mr_h5_info *about = mr_h5_info_of(dataset->h5);
    dataset->info = (mr_dataset_info){
        .name = dataset->name,
        .element = about->strings ? (mr_element)0 : about->element,
        .dims = about->dims,
        .names = (const char *const *)about->names,
        .band = about->band ? about->band : 1,
        .band_begin = about->band_begin,
        .bytes = about->bytes,
    };
    return MR_OK;
}

static mr_status open_npy(mr_dataset *dataset, mr_error *error)
{
    MR_TRY(mr_npy_open(&dataset->npy, dataset->name, error));
    const mr_npy *npy = dataset->npy;
    dataset->info = (mr_dataset_info){
        .name = dataset->name,
        .element = mr_raw_element(npy->raw),
        .dims = npy->dims,
        .band = 1,
        .bytes = mr_dims_count(&npy->dims) * npy->raw.size,
    };
    return MR_OK;
}

mr_status mr_dataset_open(mr_dataset **result, const char *name, mr_error *error)
{
    *result = NULL;
    mr_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset || !(dataset->name = strdup(name))) {
        free(dataset);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening %s", name);
    }
    mr_status status = (mr_h5_is_name(name) ? open_h5 : open_npy)(dataset, error);
    if (status == MR_OK)
        *result = dataset;
    else
        mr_dataset_close(&dataset);
    return status;
}

void mr_dataset_close(mr_dataset **dataset)
{
    mr_dataset *gone = *dataset;
    if (!gone)
        return;
    mr_h5_close(&gone->h5);
    mr_npy_close(&gone->npy);
    free(gone->name);
    free(gone);
    *dataset = NULL;
}

const mr_dataset_info *mr_dataset_info_of(const mr_dataset *dataset)
{
    return &dataset->info;
}

mr_status mr_dataset_reader_create(mr_dataset_reader **result, mr_dataset *dataset, mr_error *error)
{
    *result = NULL;
    mr_dataset_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading %s", dataset->name);
    reader->dataset = dataset;
    mr_status status = MR_OK;
    if (dataset->h5)
        status = mr_h5_reader_create(&reader->h5, dataset->h5, error);
    else if (!(reader->room = mr_memory_allocate(MR_NPY_ROOM, "numbers of a file", error)))
        status = MR_NO_MEMORY;
    if (status == MR_OK)
        *result = reader;
    else
        mr_dataset_reader_destroy(&reader);
    return status;
}

void mr_dataset_reader_destroy(mr_dataset_reader **reader)
{
    mr_dataset_reader *gone = *reader;
    if (!gone)
        return;
    mr_h5_reader_destroy(&gone->h5);
    if (gone->room)
        mr_memory_free(gone->room, MR_NPY_ROOM);
    free(gone);
    *reader = NULL;
}

mr_status mr_dataset_read(mr_dataset_reader *reader, const mr_box *box, mr_element as, void *into,
                          mr_error *error)
{
    const mr_npy *npy = reader->dataset->npy;
    if (reader->h5)
        return mr_h5_read(reader->h5, box, as, into, error);
    reader->bytes += mr_box_count(box) * npy->raw.size;
    return mr_npy_read(npy, box, as, into, reader->room, error);
}

uint64_t mr_dataset_reader_bytes(const mr_dataset_reader *reader)
{
    return reader->h5 ? mr_h5_reader_bytes(reader->h5) : reader->bytes;
}

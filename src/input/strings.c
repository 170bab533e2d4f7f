/* input/strings.c: strings of a dataset, some at a time, handed out as bytes. */
#include "input/strings.h"

#include "hdf5/hdf5.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 4096 };

struct mr_strings {
    mr_h5_set *set;
    mr_h5_reader *reader;
    uint64_t next, count; /* of strings */
    char *text;           /* some of them, as lines */
    size_t size, capacity, at;
};

mr_status mr_strings_open(mr_strings **result, const char *name, mr_error *error)
{
    *result = NULL;
    mr_strings *strings = calloc(1, sizeof *strings);
    if (!strings)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening %s", name);
    mr_status status = mr_h5_open(&strings->set, name, error);
    if (status == MR_OK)
        status = mr_h5_reader_create(&strings->reader, strings->set, error);
    if (status != MR_OK) {
        mr_strings_close(&strings);
        return status;
    }
    strings->count = mr_dims_count(&mr_h5_info_of(strings->set)->dims);
    *result = strings;
    return MR_OK;
}

void mr_strings_close(mr_strings **strings)
{
    mr_strings *gone = *strings;
    if (!gone)
        return;
    mr_h5_reader_destroy(&gone->reader);
    mr_h5_close(&gone->set);
    free(gone->text);
    free(gone);
    *strings = NULL;
}

mr_status mr_strings_read(mr_strings *strings, char *into, size_t size, size_t *got,
                          mr_error *error)
{
    *got = 0;
    if (strings->at == strings->size && strings->next < strings->count) {
        uint64_t left = strings->count - strings->next, batch = left < BATCH ? left : BATCH;
        strings->at = strings->size = 0;
        MR_TRY(mr_h5_read_strings(strings->reader, strings->next, batch, &strings->text,
                                  &strings->size, &strings->capacity, error));
        strings->next += batch;
    }
    size_t there = strings->size - strings->at;
    *got = there < size ? there : size;
    if (*got > 0)
        memcpy(into, strings->text + strings->at, *got);
    strings->at += *got;
    return MR_OK;
}

uint64_t mr_strings_taken(const mr_strings *strings)
{
    return strings->reader ? mr_h5_reader_bytes(strings->reader) : 0;
}

/*
 * tests/fuzz/fuzz_numbers.c: any bytes as CSV and as a .npy file: an error or rows, never a byte
 * beyond what there is. The first byte chooses which, and where the text is cut.
 */
#include "input/csv.h"
#include "input/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

/* Rows are the same, however lines are shared out. */
static void try_csv(const char *text, size_t size, size_t cut)
{
    mr_error error = {0};
    mr_csv *csv = NULL;
    mr_csv_rows all = {.count = 0}, first = {.count = 0}, rest = {.count = 0};
    require((mr_csv_tell(&csv, "a", (mr_bytes){text, size}, true, &error) == MR_OK) ==
            (error.code == MR_OK));
    cut = cut < size ? cut : size;
    while (cut > 0 && cut < size && text[cut - 1] != '\n')
        cut++;
    if (csv && mr_csv_read(csv, "a", (mr_bytes){text, size}, 0, &all, &error) == MR_OK) {
        require(mr_csv_read(csv, "a", (mr_bytes){text, cut}, 0, &first, &error) == MR_OK);
        require(mr_csv_read(csv, "a", (mr_bytes){text + cut, size - cut}, cut, &rest, &error) ==
                MR_OK);
        require(first.count + rest.count == all.count);
    }
    mr_csv_rows_free(&all);
    mr_csv_rows_free(&first);
    mr_csv_rows_free(&rest);
    mr_csv_free(&csv);
}

static void read_npy(const mr_npy *npy)
{
    uint64_t count = mr_dims_count(&npy->dims);
    mr_error error = {0};
    mr_box box = {.axes = npy->dims.axes};
    if (count > 1 << 16)
        return;
    memcpy(box.size, npy->dims.size, sizeof box.size);
    char *room = malloc(MR_NPY_ROOM), *into = malloc(count * 16 + 1);
    mr_npy_read(npy, &box, MR_C128, into, room, &error);
    mr_npy_read(npy, &box, MR_I32, into, room, &error);
    free(room);
    free(into);
}

static void try_npy(const uint8_t *data, size_t size)
{
    char path[32];
    mr_error error = {0};
    mr_npy *npy = NULL;
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (mr_npy_open(&npy, path, &error) == MR_OK)
        read_npy(npy);
    mr_npy_close(&npy);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2)
        try_csv((const char *)data + 1, size - 1, data[0] / 2);
    else
        try_npy(data + 1, size - 1);
    return 0;
}

/*
 * bench/limits/h5read.c: how a dataset of doubles is read without us: `h5read FILE` with H5Dread,
 * 128 rows at a time, by one thread as the library wants it; `h5read -r FILE` reads the bytes of a
 * contiguous one with read(2), 1 MiB at a time. Prints all words, xored.
 */
#include "limit.h"

#include <hdf5.h>

#define ROWS  128
#define BLOCK (1u << 20)

static uint64_t mix(const void *bytes, size_t size)
{
    const uint64_t *word = bytes;
    uint64_t mixed = 0;
    for (size_t i = 0; i < size / 8; i++)
        mixed ^= word[i];
    return mixed;
}

static hid_t need(hid_t id)
{
    if (id < 0)
        exit(1);
    return id;
}

static uint64_t read_rows(hid_t set, const hsize_t *dims)
{
    hsize_t from[2] = {0, 0}, size[2] = {ROWS, dims[1]};
    double *rows = malloc(ROWS * dims[1] * sizeof *rows);
    hid_t disk = need(H5Dget_space(set));
    uint64_t mixed = 0;
    for (; rows && from[0] < dims[0]; from[0] += ROWS) {
        size[0] = dims[0] - from[0] < ROWS ? dims[0] - from[0] : ROWS;
        hid_t memory = need(H5Screate_simple(2, size, NULL));
        H5Sselect_hyperslab(disk, H5S_SELECT_SET, from, NULL, size, NULL);
        need(H5Dread(set, H5T_NATIVE_DOUBLE, memory, disk, H5P_DEFAULT, rows));
        mixed ^= mix(rows, size[0] * size[1] * sizeof *rows);
        H5Sclose(memory);
    }
    free(rows);
    return mixed;
}

static uint64_t read_bytes(const char *path, hid_t set, uint64_t left)
{
    uint64_t size, mixed = 0;
    int fd = limit_open(path, &size);
    char *block = aligned_alloc(4096, BLOCK);
    lseek(fd, (off_t)H5Dget_offset(set), SEEK_SET);
    while (block && left > 0) {
        ssize_t got = read(fd, block, left < BLOCK ? left : BLOCK);
        if (got <= 0)
            limit_fail(path);
        mixed ^= mix(block, (size_t)got);
        left -= (uint64_t)got;
    }
    free(block);
    close(fd);
    return mixed;
}

int main(int argc, char **argv)
{
    int is_raw = argc == 3 && strcmp(argv[1], "-r") == 0;
    if (argc != 2 + is_raw)
        limit_usage("h5read [-r] FILE");
    const char *path = argv[argc - 1];
    hid_t file = need(H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT));
    hid_t set = need(H5Dopen2(file, "x", H5P_DEFAULT)), space = need(H5Dget_space(set));
    hsize_t dims[2];
    need(H5Sget_simple_extent_dims(space, dims, NULL));
    double begin = limit_now();
    uint64_t mixed = is_raw ? read_bytes(path, set, dims[0] * dims[1] * 8) : read_rows(set, dims);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - begin);
    printf("%016llx\n", (unsigned long long)mixed);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    return 0;
}

/*
 * bench/h5read.c: the dataset of limits/h5read.c through the library's own reading of HDF5:
 * `h5read [-t THREADS] FILE`, 128 rows at a time.
 */
#include "limits/limit.h"

#include "hdf5/hdf5.h"

#include <omp.h>
#include <stdatomic.h>

#define ROWS 128

static void need(const mr_error *error)
{
    if (error->code == MR_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static uint64_t mix(const uint64_t *word, size_t words)
{
    uint64_t mixed = 0;
    for (size_t i = 0; i < words; i++)
        mixed ^= word[i];
    return mixed;
}

static uint64_t read_some(mr_h5_set *set, atomic_ullong *next)
{
    const mr_dims *dims = &mr_h5_info_of(set)->dims;
    mr_h5_reader *reader = NULL;
    mr_error error = {0};
    uint64_t mixed = 0, first;
    uint64_t *rows = aligned_alloc(4096, ROWS * dims->size[1] * 8);
    mr_h5_reader_create(&reader, set, &error);
    need(&error);
    while (rows && (first = atomic_fetch_add(next, ROWS)) < dims->size[0]) {
        uint64_t left = dims->size[0] - first, some = left < ROWS ? left : ROWS;
        mr_box box = {2, {first, 0}, {some, dims->size[1]}};
        mr_h5_read(reader, &box, MR_F64, rows, &error);
        need(&error);
        mixed ^= mix(rows, some * dims->size[1]);
    }
    mr_h5_reader_destroy(&reader);
    free(rows);
    return mixed;
}

int main(int argc, char **argv)
{
    int is_given = argc == 4 && strcmp(argv[1], "-t") == 0;
    if (argc != 2 + 2 * is_given)
        limit_usage("h5read [-t THREADS] FILE");
    omp_set_num_threads(is_given ? limit_threads(argv[2]) : 2);
    mr_h5_set *set = NULL;
    mr_error error = {0};
    mr_h5_open(&set, argv[argc - 1], &error);
    need(&error);
    double begin = limit_now();
    atomic_ullong next = 0;
    uint64_t mixed = 0;
#pragma omp parallel reduction(^ : mixed)
    mixed ^= read_some(set, &next);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - begin);
    printf("%016llx\n", (unsigned long long)mixed);
    mr_h5_close(&set);
    return 0;
}

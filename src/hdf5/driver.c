/* hdf5/driver.c: a file driver of the HDF5 library that leaves the bytes of chunks to others. */
#include "hdf5/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct opened {
    H5FD_t head; /* the library's own; first */
    mr_h5_writes *writes;
    int file;
    haddr_t end, size; /* of what is given out, and of what the library thinks is written */
} opened;

/* What a list holds for `open_file`; copied by the library as bytes. */
typedef struct given {
    mr_h5_writes *writes;
} given;

static opened *of(H5FD_t *file)
{
    return (opened *)(void *)file;
}

static const opened *of_const(const H5FD_t *file)
{
    return (const opened *)(const void *)file;
}

static H5FD_t *open_file(const char *name, unsigned flags, hid_t list, haddr_t most)
{
    const given *g = H5Pget_driver_info(list);
    (void)flags;
    (void)most;
    if (!g)
        return NULL;
    opened *o = calloc(1, sizeof *o);
    if (!o) {
        g->writes->failure = ENOMEM;
        return NULL;
    }
    o->writes = g->writes;
    o->file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->file >= 0)
        return &o->head;
    o->writes->failure = errno;
    free(o);
    return NULL;
}

static herr_t close_file(H5FD_t *file)
{
    close(of(file)->file);
    free(file);
    return 0;
}

static herr_t query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA;
    return 0;
}

static haddr_t get_end(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return of_const(file)->end;
}

static herr_t set_end(H5FD_t *file, H5FD_mem_t type, haddr_t end)
{
    (void)type;
    of(file)->end = end;
    return 0;
}

static haddr_t get_size(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return of_const(file)->size;
}

/* What lies behind the end reads as zeros. */
static herr_t read_bytes(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address, size_t size,
                         void *bytes)
{
    (void)type;
    (void)list;
    char *at = bytes;
    while (size > 0) {
        ssize_t done = pread(of(file)->file, at, size, (off_t)address);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        if (done == 0) {
            memset(at, 0, size);
            return 0;
        }
        at += done;
        size -= (size_t)done;
        address += (haddr_t)done;
    }
    return 0;
}

static int write_all(int file, const char *at, size_t size, haddr_t address)
{
    while (size > 0) {
        ssize_t done = pwrite(file, at, size, (off_t)address);
        if (done < 0 && errno != EINTR)
            return errno;
        if (done > 0) {
            at += done;
            size -= (size_t)done;
            address += (haddr_t)done;
        }
    }
    return 0;
}

static herr_t write_bytes(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address, size_t size,
                          const void *bytes)
{
    opened *o = of(file);
    (void)list;
    (void)type;
    mr_h5_writes *writes = o->writes;
    if (bytes == writes->nothing)
        *writes = (mr_h5_writes){bytes, true, address, size, writes->failure};
    else if (!writes->failure)
        writes->failure = write_all(o->file, bytes, size, address);
    if (address + size > o->size)
        o->size = address + size;
    return 0;
}

/* To the end of all that was given out: nothing that others wrote lies behind it, and what they
 * have yet to write is a hole until then. */
static herr_t set_file_size(H5FD_t *file, hid_t list, hbool_t closing)
{
    opened *o = of(file);
    (void)list;
    (void)closing;
    if (!o->writes->failure && ftruncate(o->file, (off_t)o->end) != 0)
        o->writes->failure = errno;
    o->size = o->end;
    return 0;
}

static const H5FD_class_t driver = {
    .name = "mapred",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(given),
    .open = open_file,
    .close = close_file,
    .query = query,
    .get_eoa = get_end,
    .set_eoa = set_end,
    .get_eof = get_size,
    .read = read_bytes,
    .write = write_bytes,
    .truncate = set_file_size,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t mr_h5_driver_list(mr_h5_writes *writes)
{
    static hid_t number = H5I_INVALID_HID; /* of the driver, for as long as the process lives */
    const given g = {writes};
    if (number < 0)
        number = H5FDregister(&driver);
    hid_t list = number < 0 ? H5I_INVALID_HID : H5Pcreate(H5P_FILE_ACCESS);
    if (list >= 0 && H5Pset_driver(list, number, &g) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

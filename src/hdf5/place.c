/* hdf5/place.c: where in a new file the bytes of datasets belong. */
#include "hdf5/writing.h"

#include <sys/mman.h>

mr_status mr_h5_address(mr_h5_file *file, unsigned number, uint64_t *address, mr_error *error)
{
    const mr_h5_made *made = &file->made[number];
    *address = 0;
    if (mr_dims_count(&made->plan.dims) == 0)
        return MR_OK;
    mr_h5_lock();
    haddr_t found = H5Dget_offset(made->set);
    mr_status status = MR_OK;
    if (found == HADDR_UNDEF)
        status = mr_h5_cannot(file, error);
    else
        *address = found;
    mr_h5_unlock();
    return status;
}

void mr_h5_nothing_free(mr_h5_file *file)
{
    if (file->nothing)
        munmap((void *)(uintptr_t)file->writes.nothing, file->nothing);
    file->writes.nothing = NULL;
    file->nothing = 0;
}

/* The library wants bytes to write, and hands them to the driver, which knows them. */
static bool make_nothing(mr_h5_file *file, size_t size)
{
    if (size <= file->nothing)
        return true;
    mr_h5_nothing_free(file);
    void *made = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return false;
    file->writes.nothing = made;
    file->nothing = size;
    return true;
}

/* The first element of a chunk. */
static void begin_of(const mr_h5_plan *plan, uint64_t chunk, hsize_t begin[MR_AXES])
{
    for (unsigned axis = plan->dims.axes; axis-- > 0;) {
        uint64_t size = plan->chunk.size[axis];
        uint64_t along = (plan->dims.size[axis] + size - 1) / size;
        begin[axis] = chunk % along * size;
        chunk /= along;
    }
}

mr_status mr_h5_place(mr_h5_file *file, unsigned number, uint64_t chunk, uint64_t size,
                      uint64_t *address, mr_error *error)
{
    const mr_h5_made *made = &file->made[number];
    hsize_t begin[MR_AXES];
    if (!make_nothing(file, size))
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a chunk of the output");
    begin_of(&made->plan, chunk, begin);
    mr_h5_lock();
    file->writes.placed = false;
    bool done = H5Dwrite_chunk(made->set, H5P_DEFAULT, 0, begin, size, file->writes.nothing) >= 0 &&
                file->writes.placed && file->writes.size == size && !file->writes.failure;
    mr_status status = done ? MR_OK : mr_h5_cannot(file, error);
    *address = file->writes.address;
    mr_h5_unlock();
    return status;
}

/* hdf5/file.c: a new HDF5 file and the datasets in it, as far as the library has to know of them.
 */
#include "hdf5/writing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mr_status mr_h5_cannot(mr_h5_file *file, mr_error *error)
{
    if (!file->writes.failure)
        return mr_h5_fail(error, MR_BAD_OUTPUT, "cannot write output: %s", file->path);
    H5Eclear2(H5E_DEFAULT);
    if (file->writes.failure == ENOMEM)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the output");
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write output: %s: %s", file->path,
                        strerror(file->writes.failure));
}

/* Nothing in the file tells when it was made: the same data is the same bytes. */
static hid_t create_file(mr_h5_file *file)
{
    hid_t access = mr_h5_driver_list(&file->writes), how = H5Pcreate(H5P_FILE_CREATE);
    hid_t made = H5I_INVALID_HID;
    if (access >= 0 && how >= 0 && H5Pset_obj_track_times(how, false) >= 0)
        made = H5Fcreate(file->path, H5F_ACC_TRUNC, how, access);
    if (access >= 0)
        H5Pclose(access);
    if (how >= 0)
        H5Pclose(how);
    return made;
}

mr_status mr_h5_create(mr_h5_file **file, const char *path, mr_error *error)
{
    mr_h5_file *made = calloc(1, sizeof *made);
    *file = NULL;
    if (!made)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the output");
    snprintf(made->path, sizeof made->path, "%s", path);
    mr_h5_lock();
    made->file = create_file(made);
    mr_status status = made->file < 0 ? mr_h5_cannot(made, error) : MR_OK;
    mr_h5_unlock();
    if (status == MR_OK)
        *file = made;
    else
        free(made);
    return status;
}

mr_status mr_h5_finish(mr_h5_file **file, mr_error *error)
{
    mr_h5_file *f = *file;
    if (!f)
        return MR_OK;
    mr_h5_lock();
    bool closed = true;
    for (unsigned i = 0; i < f->count; i++)
        closed = H5Dclose(f->made[i].set) >= 0 && closed;
    closed = H5Fclose(f->file) >= 0 && closed;
    mr_status status = closed && !f->writes.failure ? MR_OK : mr_h5_cannot(f, error);
    mr_h5_unlock();
    mr_h5_nothing_free(f);
    free(f->made);
    free(f);
    *file = NULL;
    return status;
}

/* Numbers lie in the file as they do in memory. A complex one is what h5py takes for one. */
static hid_t complex_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double));
    if (type >= 0 && H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE) >= 0 &&
        H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE) >= 0)
        return type;
    if (type >= 0)
        H5Tclose(type);
    return H5I_INVALID_HID;
}

static hid_t string_type(const mr_h5_plan *plan)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5T_cset_t set = plan->kind == MR_H5_STRINGS ? H5T_CSET_UTF8 : H5T_CSET_ASCII;
    if (type >= 0 && H5Tset_size(type, plan->string_size) >= 0 &&
        H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, set) >= 0)
        return type;
    if (type >= 0)
        H5Tclose(type);
    return H5I_INVALID_HID;
}

static hid_t number_type(mr_element element)
{
    switch (element) {
    case MR_F64:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case MR_F32:
        return H5Tcopy(H5T_NATIVE_FLOAT);
    case MR_I64:
        return H5Tcopy(H5T_NATIVE_INT64);
    case MR_I32:
        return H5Tcopy(H5T_NATIVE_INT32);
    case MR_C128:
        return complex_type();
    }
    return H5I_INVALID_HID;
}

static hid_t type_of(const mr_h5_plan *plan)
{
    if (plan->kind == MR_H5_NUMBERS)
        return number_type(plan->element);
    return plan->kind == MR_H5_U64 ? H5Tcopy(H5T_NATIVE_UINT64) : string_type(plan);
}

static hid_t space_of(const mr_dims *dims)
{
    hsize_t size[MR_AXES];
    for (unsigned axis = 0; axis < dims->axes; axis++)
        size[axis] = dims->size[axis];
    return dims->axes == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple((int)dims->axes, size, NULL);
}

/* Contiguous ones get their place now. */
static bool set_layout(hid_t how, const mr_h5_plan *plan)
{
    hsize_t size[MR_AXES];
    if (H5Pset_obj_track_times(how, false) < 0 || H5Pset_fill_time(how, H5D_FILL_TIME_NEVER) < 0)
        return false;
    if (plan->chunk.axes == 0)
        return H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY) >= 0;
    for (unsigned axis = 0; axis < plan->chunk.axes; axis++)
        size[axis] = plan->chunk.size[axis];
    if (H5Pset_chunk(how, (int)plan->chunk.axes, size) < 0 ||
        H5Pset_alloc_time(how, H5D_ALLOC_TIME_INCR) < 0)
        return false;
    return !plan->compress ||
           (H5Pset_shuffle(how) >= 0 && H5Pset_deflate(how, plan->compress) >= 0);
}

static hid_t create_set(hid_t file, const mr_h5_plan *plan)
{
    hid_t type = type_of(plan), space = space_of(&plan->dims), set = H5I_INVALID_HID;
    hid_t how = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    if (type >= 0 && space >= 0 && how >= 0 && links >= 0 &&
        H5Pset_create_intermediate_group(links, 1) >= 0 &&
        H5Pset_char_encoding(links, H5T_CSET_UTF8) >= 0 && set_layout(how, plan))
        set = H5Dcreate2(file, plan->name, type, space, links, how, H5P_DEFAULT);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (how >= 0)
        H5Pclose(how);
    if (links >= 0)
        H5Pclose(links);
    return set;
}

mr_status mr_h5_add(mr_h5_file *file, const mr_h5_plan *plan, unsigned *number, mr_error *error)
{
    mr_h5_made *made = realloc(file->made, (file->count + 1) * sizeof *made);
    if (!made)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a dataset of the output");
    file->made = made;
    made += file->count;
    *made = (mr_h5_made){.plan = *plan};
    made->plan.name = NULL;
    mr_h5_lock();
    made->set = create_set(file->file, plan);
    mr_status status = made->set < 0 || file->writes.failure ? mr_h5_cannot(file, error) : MR_OK;
    mr_h5_unlock();
    if (made->set >= 0)
        *number = file->count++;
    return status;
}

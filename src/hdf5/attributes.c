/* hdf5/attributes.c: what is said about a new file and its datasets. */
#include "hdf5/writing.h"

static bool add(hid_t about, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR), made = H5I_INVALID_HID;
    if (space >= 0)
        made = H5Acreate2(about, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool done = made >= 0 && H5Awrite(made, type, value) >= 0;
    if (made >= 0)
        H5Aclose(made);
    if (space >= 0)
        H5Sclose(space);
    return done;
}

static hid_t about(const mr_h5_file *file, int number)
{
    return number < 0 ? file->file : file->made[number].set;
}

/* Strings of any size: those are what h5py reads as text. */
mr_status mr_h5_text(mr_h5_file *file, int number, const char *name, const char *text,
                     mr_error *error)
{
    mr_h5_lock();
    hid_t type = H5Tcopy(H5T_C_S1);
    bool done = type >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 &&
                H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
                add(about(file, number), name, type, &text);
    if (type >= 0)
        H5Tclose(type);
    mr_status status = done && !file->writes.failure ? MR_OK : mr_h5_cannot(file, error);
    mr_h5_unlock();
    return status;
}

mr_status mr_h5_integer(mr_h5_file *file, int number, const char *name, int64_t value,
                        mr_error *error)
{
    mr_h5_lock();
    bool done = add(about(file, number), name, H5T_NATIVE_INT64, &value);
    mr_status status = done && !file->writes.failure ? MR_OK : mr_h5_cannot(file, error);
    mr_h5_unlock();
    return status;
}

/*
 * hdf5/types.c: from the library's description of a type to ours.
 */
#include "hdf5/types.h"

#include "hdf5/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MOST  65536 /* numbers in one element */
#define NUMBER_MOST 32    /* bytes of a number; what is larger comes from a damaged file */

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: describing a type: use a node with more memory");
}

/* ---- Bytes ---- */

/* The library says how large a type is in memory. Strings and sequences of variable length are
 * pointers there, and in the file a length, an address and a number; what holds them differs too.
 */
static size_t stored_size(const mr_h5_type *of, hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    if (class == H5T_VLEN || (class == H5T_STRING && H5Tis_variable_str(type) > 0))
        return 8 + of->address_width;
    if (class == H5T_ARRAY) {
        hid_t super = H5Tget_super(type);
        size_t step = H5Tget_size(super);
        size = step ? size / step * stored_size(of, super) : 0;
        H5Tclose(super);
    }
    int members = class == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
    for (int i = 0; i < members; i++) {
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        size += stored_size(of, member) - H5Tget_size(member);
        H5Tclose(member);
    }
    return size;
}

/* Members before this one may be larger in the file, or smaller. */
static size_t stored_offset(const mr_h5_type *of, hid_t type, unsigned member)
{
    size_t offset = H5Tget_member_offset(type, member), stored = offset;
    int members = H5Tget_nmembers(type);
    for (int i = 0; i < members; i++) {
        if (H5Tget_member_offset(type, (unsigned)i) >= offset)
            continue;
        hid_t before = H5Tget_member_type(type, (unsigned)i);
        stored += stored_size(of, before) - H5Tget_size(before);
        H5Tclose(before);
    }
    return stored;
}

/* Whether members lie within what they are members of: the library believes damaged files. */
static bool is_sound(hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_ARRAY) {
        hid_t super = H5Tget_super(type);
        bool is = is_sound(super);
        H5Tclose(super);
        return is;
    }
    bool is = true;
    size_t size = H5Tget_size(type);
    int members = class == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
    for (int i = 0; is && i < members; i++) {
        size_t offset = H5Tget_member_offset(type, (unsigned)i);
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        is = offset <= size && H5Tget_size(member) <= size - offset && is_sound(member);
        H5Tclose(member);
    }
    return is;
}

/* ---- One number ---- */

static bool is_half(hid_t type)
{
    size_t sign, exponent, exponent_size, mantissa, mantissa_size;
    return H5Tget_size(type) == 2 &&
           H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) >= 0 &&
           sign == 15 && exponent == 10 && exponent_size == 5 && mantissa == 0 &&
           mantissa_size == 10 && H5Tget_ebias(type) == 15 && H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

static bool is_ieee(hid_t type)
{
    return H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0 ||
           H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0 ||
           is_half(type);
}

/* What fills its bytes, without padding. */
static bool is_whole(hid_t type)
{
    size_t size = H5Tget_size(type);
    return (size == 1 || size == 2 || size == 4 || size == 8) && H5Tget_offset(type) == 0 &&
           H5Tget_precision(type) == 8 * size;
}

static mr_h5_number number_of_float(hid_t type, bool *is_odd)
{
    *is_odd = !is_ieee(type);
    size_t size = *is_odd ? 8 : H5Tget_size(type);
    return (mr_h5_number){MR_H5_FLOAT, size, H5Tget_order(type) == H5T_ORDER_BE};
}

static mr_h5_number number_of_integer(hid_t type, bool *is_odd)
{
    *is_odd = !is_whole(type);
    bool is_signed = H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
    return (mr_h5_number){is_signed ? MR_H5_SIGNED : MR_H5_UNSIGNED,
                          *is_odd ? 8 : H5Tget_size(type), H5Tget_order(type) == H5T_ORDER_BE};
}

/* False: it is no number. An odd one is described as what the library will make of it. */
static bool number_of(hid_t type, mr_h5_number *number, bool *is_odd)
{
    hid_t super = -1;
    if (H5Tget_size(type) > NUMBER_MOST)
        return false;
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
        *number = number_of_float(type, is_odd);
        return true;
    case H5T_INTEGER:
    case H5T_BITFIELD:
        *number = number_of_integer(type, is_odd);
        return !*is_odd || (H5Tget_size(type) <= 8 && H5Tget_class(type) == H5T_INTEGER);
    case H5T_ENUM:
        super = H5Tget_super(type);
        *number = number_of_integer(super, is_odd);
        H5Tclose(super);
        return true;
    default:
        return false;
    }
}

static mr_element nearest_to(const mr_h5_number *number)
{
    if (number->sort == MR_H5_FLOAT)
        return number->size == 8 ? MR_F64 : MR_F32;
    return number->size + (number->sort == MR_H5_UNSIGNED) <= 4 ? MR_I32 : MR_I64;
}

/* ---- Elements ---- */

static bool grow(mr_h5_type *type, size_t more)
{
    mr_h5_part *parts = realloc(type->parts, (type->count + more) * sizeof *parts);
    if (parts)
        type->parts = parts;
    return parts != NULL;
}

/* The imaginary part of a compound type of two floats, r and i; -1: it is none. */
static int imaginary_member(hid_t type)
{
    static const char *const names[][2] = {{"r", "i"}, {"re", "im"}, {"real", "imag"}};
    if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2)
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int real = H5Tget_member_index(type, names[i][0]);
        int imaginary = H5Tget_member_index(type, names[i][1]);
        if (real >= 0 && imaginary >= 0 && H5Tget_member_class(type, (unsigned)real) == H5T_FLOAT &&
            H5Tget_member_class(type, (unsigned)imaginary) == H5T_FLOAT)
            return imaginary;
    }
    return -1;
}

/* A number or a complex one; false: neither. */
static bool part_of(hid_t type, size_t offset, mr_h5_part *part, bool *is_odd)
{
    *part = (mr_h5_part){.offset = offset};
    int imaginary = imaginary_member(type);
    if (imaginary < 0)
        return number_of(type, &part->number, is_odd);
    hid_t real = H5Tget_member_type(type, imaginary ? 0 : 1);
    hid_t other = H5Tget_member_type(type, (unsigned)imaginary);
    part->is_complex = H5Tequal(real, other) > 0 && number_of(real, &part->number, is_odd);
    part->offset = offset + H5Tget_member_offset(type, imaginary ? 0 : 1);
    part->imaginary = offset + H5Tget_member_offset(type, (unsigned)imaginary);
    H5Tclose(real);
    H5Tclose(other);
    return part->is_complex;
}

static mr_status refuse(const char *name, const char *what, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "wrong type: %s: its elements are %s: name a dataset, or a field as "
                        "dataset.field, of numbers or strings",
                        name, what);
}

static mr_status describe_string(mr_h5_type *type, hid_t from, size_t offset)
{
    type->strings = true;
    type->variable = H5Tis_variable_str(from) > 0;
    type->has_spaces = H5Tget_strpad(from) == H5T_STR_SPACEPAD;
    type->parts[0] = (mr_h5_part){{MR_H5_RAW, stored_size(type, from), false}, offset, false, 0};
    type->count = 1;
    return MR_OK;
}

static mr_status describe_one(mr_h5_type *type, hid_t from, size_t offset, const char *what,
                              const char *name, mr_error *error)
{
    if (!grow(type, 1))
        return no_memory(error);
    if (H5Tget_class(from) == H5T_STRING)
        return describe_string(type, from, offset);
    if (!part_of(from, offset, &type->parts[0], &type->is_odd))
        return refuse(name, what, error);
    type->count = 1;
    type->element = type->parts[0].is_complex ? MR_C128 : nearest_to(&type->parts[0].number);
    return MR_OK;
}

/* An array type: its axes stand behind those of the dataset. */
static mr_status describe_array(mr_h5_type *type, hid_t from, size_t offset, const char *name,
                                mr_error *error)
{
    hsize_t sizes[H5S_MAX_RANK];
    int axes = H5Tget_array_dims2(from, sizes);
    hid_t super = H5Tget_super(from);
    size_t step = stored_size(type, super), count = step ? stored_size(type, from) / step : 0;
    if (axes < 0 || axes > MR_AXES || count == 0 || count > PARTS_MOST) {
        H5Tclose(super);
        return refuse(name, "arrays with too many axes or numbers", error);
    }
    type->inner.axes = (unsigned)axes;
    for (int axis = 0; axis < axes; axis++)
        type->inner.size[axis] = sizes[axis];
    mr_status status = describe_one(type, super, offset, "arrays of other things", name, error);
    H5Tclose(super);
    if (status != MR_OK || type->strings)
        return status != MR_OK ? status : refuse(name, "arrays of strings", error);
    if (!grow(type, count - 1))
        return no_memory(error);
    for (; type->count < count; type->count++) {
        type->parts[type->count] = type->parts[type->count - 1];
        type->parts[type->count].offset += step;
        type->parts[type->count].imaginary += step;
    }
    return MR_OK;
}

static mr_status add_column(mr_h5_type *type, hid_t from, unsigned member, mr_error *error)
{
    hid_t field = H5Tget_member_type(from, member);
    bool is_odd = false;
    mr_h5_part part = {.offset = stored_offset(type, from, member)};
    bool is_number = number_of(field, &part.number, &is_odd);
    H5Tclose(field);
    if (!is_number)
        return MR_OK;
    if (!grow(type, 1))
        return no_memory(error);
    char *name = H5Tget_member_name(from, member);
    type->names[type->count] = name ? strdup(name) : NULL;
    H5free_memory(name);
    if (!type->names[type->count])
        return no_memory(error);
    type->parts[type->count++] = part;
    type->is_odd = type->is_odd || is_odd;
    return MR_OK;
}

/* A compound type: its numeric fields are columns. */
static mr_status describe_table(mr_h5_type *type, hid_t from, const char *name, mr_error *error)
{
    int members = H5Tget_nmembers(from);
    type->names = members > 0 ? calloc((size_t)members, sizeof *type->names) : NULL;
    if (!type->names)
        return no_memory(error);
    for (unsigned i = 0; i < (unsigned)members; i++)
        if (add_column(type, from, i, error) != MR_OK)
            return error->code;
    if (type->count == 0)
        return refuse(name, "compound without a numeric field", error);
    type->element = MR_F64;
    type->inner = MR_DIMS1(type->count);
    return MR_OK;
}

static const char *class_text(H5T_class_t class)
{
    switch (class) {
    case H5T_TIME:
        return "times";
    case H5T_BITFIELD:
        return "bit fields";
    case H5T_OPAQUE:
        return "opaque bytes";
    case H5T_COMPOUND:
        return "compound";
    case H5T_REFERENCE:
        return "references";
    case H5T_VLEN:
        return "sequences of variable length";
    default:
        return "of an unknown type";
    }
}

static mr_status describe_whole(mr_h5_type *type, hid_t from, size_t offset, const char *name,
                                mr_error *error)
{
    H5T_class_t class = H5Tget_class(from);
    if (class == H5T_ARRAY)
        return describe_array(type, from, offset, name, error);
    if (class == H5T_COMPOUND && imaginary_member(from) < 0 && offset == 0)
        return describe_table(type, from, name, error);
    return describe_one(type, from, offset, class_text(class), name, error);
}

/* ---- Fields ---- */

/* The member that `field` begins with, and what is left of it behind a dot. */
static int member_of(hid_t type, const char *field, const char **rest)
{
    int member = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_member_index(type, field) : -1;
    *rest = "";
    for (const char *dot = strchr(field, '.'); member < 0 && dot; dot = strchr(dot + 1, '.')) {
        char *first = strndup(field, (size_t)(dot - field));
        *rest = dot + 1;
        member =
            first && H5Tget_class(type) == H5T_COMPOUND ? H5Tget_member_index(type, first) : -1;
        free(first);
    }
    return member;
}

static void list_members(hid_t type, char *text, size_t size)
{
    size_t used = 0;
    int members = H5Tget_nmembers(type);
    *text = '\0';
    for (int i = 0; i < members && i < 10 && used < size; i++) {
        char *name = H5Tget_member_name(type, (unsigned)i);
        used += (size_t)snprintf(text + used, size - used, i ? ", %s" : "%s", name ? name : "?");
        H5free_memory(name);
    }
    if (members > 10 && used < size)
        snprintf(text + used, size - used, " and %d more", members - 10);
}

static mr_status no_field(hid_t type, const char *field, const char *name, mr_error *error)
{
    char there[MR_ERROR_TEXT / 2];
    if (H5Tget_class(type) != H5T_COMPOUND)
        return mr_error_set(error, MR_BAD_INPUT,
                            "no such field: %s: %s: the dataset's type has no fields", name, field);
    list_members(type, there, sizeof there);
    return mr_error_set(error, MR_BAD_INPUT, "no such field: %s: %s: there are %s", name, field,
                        there);
}

static mr_status describe(mr_h5_type *type, hid_t from, const char *field, size_t offset,
                          const char *name, mr_error *error)
{
    if (!*field)
        return describe_whole(type, from, offset, name, error);
    const char *rest;
    int member = member_of(from, field, &rest);
    if (member < 0)
        return no_field(from, field, name, error);
    hid_t inner = H5Tget_member_type(from, (unsigned)member);
    mr_status status = describe(type, inner, rest,
                                offset + stored_offset(type, from, (unsigned)member), name, error);
    H5Tclose(inner);
    return status;
}

mr_status mr_h5_type_of(mr_h5_type *type, hid_t file_type, const char *field, const char *name,
                        mr_error *error)
{
    type->memory = -1;
    type->size = stored_size(type, file_type);
    if (!is_sound(file_type))
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read dataset: %s: its type is damaged: restore the file", name);
    mr_status status = describe(type, file_type, field, 0, name, error);
    H5Eclear2(H5E_DEFAULT);
    return status;
}

void mr_h5_type_free(mr_h5_type *type)
{
    for (size_t i = 0; type->names && i < type->count; i++)
        free(type->names[i]);
    free(type->names);
    free(type->parts);
    if (type->memory >= 0)
        H5Tclose(type->memory);
    *type = (mr_h5_type){.memory = -1};
}

/* ---- Through the library ---- */

static hid_t native_of(const mr_h5_number *number, hid_t from)
{
    if (H5Tget_class(from) == H5T_BITFIELD)
        return H5Tget_native_type(from, H5T_DIR_DEFAULT);
    if (number->sort == MR_H5_FLOAT && number->size == 2) {
        hid_t half = H5Tcopy(from);
        H5Tset_order(half, H5T_ORDER_LE);
        return half;
    }
    bool is_signed = number->sort == MR_H5_SIGNED;
    switch (number->size) {
    case 1:
        return H5Tcopy(is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8);
    case 2:
        return H5Tcopy(is_signed ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16);
    case 4:
        return H5Tcopy(number->sort == MR_H5_FLOAT ? H5T_NATIVE_FLOAT
                       : is_signed                 ? H5T_NATIVE_INT32
                                                   : H5T_NATIVE_UINT32);
    default:
        return H5Tcopy(number->sort == MR_H5_FLOAT ? H5T_NATIVE_DOUBLE
                       : is_signed                 ? H5T_NATIVE_INT64
                                                   : H5T_NATIVE_UINT64);
    }
}

static hid_t memory_of(mr_h5_type *type, hid_t from, const char *field, size_t *part);

/* A compound type of one member of `from`. */
static hid_t memory_of_member(mr_h5_type *type, hid_t from, unsigned member, const char *rest,
                              size_t *part)
{
    hid_t member_type = H5Tget_member_type(from, member);
    hid_t inner = memory_of(type, member_type, rest, part);
    char *name = H5Tget_member_name(from, member);
    hid_t whole = inner < 0 ? -1 : H5Tcreate(H5T_COMPOUND, H5Tget_size(inner));
    if (whole >= 0 && name)
        H5Tinsert(whole, name, 0, inner);
    H5free_memory(name);
    H5Tclose(inner);
    H5Tclose(member_type);
    return whole;
}

static hid_t memory_of_complex(mr_h5_type *type, hid_t from, size_t *part)
{
    mr_h5_part *complex = &type->parts[(*part)++];
    int imaginary = imaginary_member(from);
    hid_t field = H5Tget_member_type(from, 0);
    hid_t number = native_of(&complex->number, field);
    hid_t whole = H5Tcreate(H5T_COMPOUND, 2 * H5Tget_size(number));
    for (int i = 0; i < 2; i++) {
        char *name = H5Tget_member_name(from, (unsigned)i);
        if (name)
            H5Tinsert(whole, name, i == imaginary ? H5Tget_size(number) : 0, number);
        H5free_memory(name);
    }
    H5Tclose(number);
    H5Tclose(field);
    return whole;
}

/* The fields that are columns, side by side. */
static hid_t memory_of_table(mr_h5_type *type, hid_t from, size_t *part)
{
    size_t at = 0;
    hid_t whole = H5Tcreate(H5T_COMPOUND, 8 * type->count);
    for (; *part < type->count; ++*part) {
        int member = H5Tget_member_index(from, type->names[*part]);
        hid_t field = H5Tget_member_type(from, (unsigned)member);
        hid_t number = native_of(&type->parts[*part].number, field);
        H5Tinsert(whole, type->names[*part], at, number);
        at += H5Tget_size(number);
        H5Tclose(number);
        H5Tclose(field);
    }
    H5Tset_size(whole, at);
    return whole;
}

static hid_t memory_of_array(mr_h5_type *type, hid_t from, size_t *part)
{
    hsize_t sizes[H5S_MAX_RANK];
    int axes = H5Tget_array_dims2(from, sizes);
    hid_t super = H5Tget_super(from);
    hid_t one = memory_of(type, super, "", part);
    hid_t whole = one < 0 ? -1 : H5Tarray_create2(one, (unsigned)axes, sizes);
    *part = type->count;
    H5Tclose(one);
    H5Tclose(super);
    return whole;
}

static hid_t memory_of(mr_h5_type *type, hid_t from, const char *field, size_t *part)
{
    const char *rest;
    if (*field) {
        int member = member_of(from, field, &rest);
        return member < 0 ? -1 : memory_of_member(type, from, (unsigned)member, rest, part);
    }
    if (type->strings)
        return H5Tcopy(from);
    if (H5Tget_class(from) == H5T_ARRAY)
        return memory_of_array(type, from, part);
    if (type->names)
        return memory_of_table(type, from, part);
    if (type->parts[*part].is_complex)
        return memory_of_complex(type, from, part);
    return native_of(&type->parts[(*part)++].number, from);
}

mr_status mr_h5_type_relay(mr_h5_type *type, hid_t file_type, const char *field, mr_error *error)
{
    size_t part = 0, at = 0;
    type->memory = memory_of(type, file_type, field, &part);
    if (type->memory < 0)
        return mr_h5_fail(error, MR_BAD_INPUT, "cannot convert a type: %s",
                          *field ? field : "of elements");
    for (size_t i = 0; i < type->count; i++) {
        mr_h5_part *moved = &type->parts[i];
        moved->number.is_swapped = false;
        if (type->variable)
            moved->number.size = sizeof(char *);
        moved->offset = at;
        at += moved->number.size;
        moved->imaginary = at;
        at += moved->is_complex ? moved->number.size : 0;
    }
    type->size = H5Tget_size(type->memory);
    return MR_OK;
}

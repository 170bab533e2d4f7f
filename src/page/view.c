/* page/view.c: reading what may not be there. */
#include "page/view.h"

#include <math.h>

#define MOST 1e30 /* so that sums and products stay finite whatever a report says */

double mr_view_real(const json_t *value)
{
    const double number = json_number_value(value);
    return isfinite(number) ? fmin(fmax(number, -MOST), MOST) : 0;
}

double mr_view_number(const json_t *object, const char *name)
{
    return mr_view_real(json_object_get(object, name));
}

bool mr_view_has_number(const json_t *object, const char *name)
{
    return json_is_number(json_object_get(object, name));
}

const char *mr_view_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

const json_t *mr_view_object(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_object(value) ? value : NULL;
}

const json_t *mr_view_list(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_array(value) ? value : NULL;
}

double mr_view_sum(const json_t *list, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        sum += mr_view_number(json_array_get(list, i), name);
    return sum;
}

double mr_view_most(const json_t *list, const char *name)
{
    double most = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        most = fmax(most, mr_view_number(json_array_get(list, i), name));
    return most;
}

long mr_view_index(const json_t *object, const char *name, size_t count)
{
    const json_t *value = json_object_get(object, name);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (unsigned long long)number >= count)
        return -1;
    return (long)number;
}

/* base/element.c: names of elements. */
#include <mapred/element.h>

const char *mr_element_name(mr_element element)
{
    switch (element) {
    case MR_F64:
        return "f64";
    case MR_F32:
        return "f32";
    case MR_I64:
        return "i64";
    case MR_I32:
        return "i32";
    case MR_C128:
        return "c128";
    }
    return "?";
}

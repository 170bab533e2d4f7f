/* sets/cells.c: keys and values as cells. */
#include "sets/cells.h"

#include "sets/fold.h"

static void tuple_cells(const char *kinds, mr_bytes rest, char *room, mr_row *row)
{
    mr_bytes field;
    int64_t i64;
    uint64_t u64;
    double f64;
    for (; kinds && *kinds; kinds++) {
        if (*kinds == 'b' && mr_tuple_next_bytes(&rest, room, &field)) {
            mr_row_add_bytes(row, field);
            room += field.size;
        } else if (*kinds == 'i' && mr_tuple_next_i64(&rest, &i64)) {
            mr_row_add_i64(row, i64);
        } else if (*kinds == 'u' && mr_tuple_next_u64(&rest, &u64)) {
            mr_row_add_u64(row, u64);
        } else if (*kinds == 'f' && mr_tuple_next_f64(&rest, &f64)) {
            mr_row_add_f64(row, f64);
        }
    }
}

void mr_cells_of_key(const mr_shape *shape, mr_bytes key, char *room, mr_row *row)
{
    switch (shape->key) {
    case MR_KEY_I64:
        mr_row_add_i64(row, mr_key_i64(key));
        break;
    case MR_KEY_U64:
        mr_row_add_u64(row, mr_key_u64(key));
        break;
    case MR_KEY_F64:
        mr_row_add_f64(row, mr_key_f64(key));
        break;
    case MR_KEY_TUPLE:
        tuple_cells(shape->tuple, key, room, row);
        break;
    default:
        mr_row_add_bytes(row, key);
    }
}

void mr_cells_of_value(const mr_set *set, mr_bytes value, mr_row *row)
{
    if (set->fold) {
        mr_folded_show(set->fold, value, row);
        return;
    }
    switch (set->shape.value) {
    case MR_VALUE_I64:
        mr_row_add_i64(row, mr_value_i64(value));
        break;
    case MR_VALUE_U64:
        mr_row_add_u64(row, mr_value_u64(value));
        break;
    case MR_VALUE_F64:
        mr_row_add_f64(row, mr_value_f64(value));
        break;
    case MR_VALUE_NONE:
        break;
    default:
        mr_row_add_bytes(row, value);
    }
}

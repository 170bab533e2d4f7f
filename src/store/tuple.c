/* store/tuple.c: fields into a tuple and out of it again. mapred/pair.h says how they are written.
 */
#include <mapred/pair.h>

#include <stdlib.h>

void mr_tuple_free(mr_tuple *tuple)
{
    if (tuple->data != tuple->room)
        free(tuple->data);
    mr_tuple_begin(tuple);
}

/* Room for `more` bytes; NULL when there is none, now or before. */
static char *more_room(mr_tuple *tuple, size_t more)
{
    size_t need = tuple->size + more;
    if (!tuple->failed && need > tuple->capacity) {
        bool first = tuple->data == tuple->room;
        char *data = realloc(first ? NULL : tuple->data, 2 * need);
        tuple->failed = !data;
        if (data) {
            if (first)
                memcpy(data, tuple->room, tuple->size);
            tuple->data = data;
            tuple->capacity = 2 * need;
        }
    }
    return tuple->failed ? NULL : tuple->data + tuple->size;
}

void mr_tuple_add_bytes(mr_tuple *tuple, mr_bytes field)
{
    char *at = more_room(tuple, 2 * field.size + 2);
    if (!at)
        return;
    for (size_t i = 0; i < field.size; i++) {
        *at++ = field.data[i];
        if (!field.data[i])
            *at++ = 1;
    }
    *at++ = 0;
    *at++ = 0;
    tuple->size = (size_t)(at - tuple->data);
}

static void add_image(mr_tuple *tuple, mr_image image)
{
    char *at = more_room(tuple, sizeof image);
    if (at) {
        memcpy(at, &image, sizeof image);
        tuple->size += sizeof image;
    }
}

void mr_tuple_add_i64(mr_tuple *tuple, int64_t field)
{
    add_image(tuple, mr_image_of_i64(field));
}

void mr_tuple_add_u64(mr_tuple *tuple, uint64_t field)
{
    add_image(tuple, mr_image_of_u64(field));
}

void mr_tuple_add_f64(mr_tuple *tuple, double field)
{
    add_image(tuple, mr_image_of_f64(field));
}

bool mr_tuple_next_bytes(mr_bytes *rest, char *room, mr_bytes *field)
{
    const char *at = rest->data, *end = at + rest->size;
    size_t size = 0;
    for (; end - at >= 2; at++) {
        if (at[0]) {
            room[size++] = at[0];
            continue;
        }
        if (!at[1]) {
            *field = mr_bytes_at(room, size);
            *rest = mr_bytes_between(at + 2, end);
            return true;
        }
        if (at[1] != 1)
            return false;
        room[size++] = 0;
        at++;
    }
    return false;
}

/* The next 8 bytes, taken off the front. */
static bool next_image(mr_bytes *rest, mr_bytes *image)
{
    if (rest->size < 8)
        return false;
    *image = mr_bytes_at(rest->data, 8);
    *rest = mr_bytes_at(rest->data + 8, rest->size - 8);
    return true;
}

bool mr_tuple_next_i64(mr_bytes *rest, int64_t *field)
{
    mr_bytes image;
    if (!next_image(rest, &image))
        return false;
    *field = mr_key_i64(image);
    return true;
}

bool mr_tuple_next_u64(mr_bytes *rest, uint64_t *field)
{
    mr_bytes image;
    if (!next_image(rest, &image))
        return false;
    *field = mr_key_u64(image);
    return true;
}

bool mr_tuple_next_f64(mr_bytes *rest, double *field)
{
    mr_bytes image;
    if (!next_image(rest, &image))
        return false;
    *field = mr_key_f64(image);
    return true;
}

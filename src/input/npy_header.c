/* input/npy_header.c: the header of a .npy file: a dictionary of Python's, as text. */
#include "input/npy.h"

static bool next_is(mr_bytes *rest, char byte)
{
    *rest = mr_bytes_trim(*rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    rest->data++;
    rest->size--;
    return true;
}

static bool take_word(mr_bytes *rest, const char *word)
{
    size_t size = strlen(word);
    *rest = mr_bytes_trim(*rest);
    if (rest->size < size || memcmp(rest->data, word, size) != 0)
        return false;
    rest->data += size;
    rest->size -= size;
    return true;
}

static bool take_string(mr_bytes *rest, mr_bytes *string)
{
    char quote = next_is(rest, '\'') ? '\'' : next_is(rest, '"') ? '"' : 0;
    if (!quote)
        return false;
    const char *end = rest->data + rest->size, *stop = mr_bytes_seek(rest->data, end, quote);
    *string = mr_bytes_between(rest->data, stop);
    *rest = mr_bytes_between(stop, end);
    return next_is(rest, quote);
}

static bool take_size(mr_bytes *rest, uint64_t *size)
{
    size_t digits = 0;
    int64_t value;
    *rest = mr_bytes_trim(*rest);
    while (digits < rest->size && rest->data[digits] >= '0' && rest->data[digits] <= '9')
        digits++;
    if (!mr_bytes_to_i64((mr_bytes){rest->data, digits}, &value))
        return false;
    *size = (uint64_t)value;
    rest->data += digits;
    rest->size -= digits;
    next_is(rest, 'L'); /* as Python 2 wrote them */
    return true;
}

static bool take_shape(mr_bytes *rest, mr_dims *dims)
{
    if (!next_is(rest, '('))
        return false;
    for (dims->axes = 0; !next_is(rest, ')'); dims->axes++) {
        uint64_t size;
        if (!take_size(rest, &size))
            return false;
        if (dims->axes < MR_AXES)
            dims->size[dims->axes] = size;
        if (!next_is(rest, ',') && !(rest->size > 0 && rest->data[0] == ')'))
            return false;
    }
    return true;
}

static bool is_size_of(mr_raw_kind kind, int64_t size)
{
    if (kind == MR_RAW_COMPLEX)
        return size == 8 || size == 16;
    return (size == 1 && kind != MR_RAW_FLOAT) || size == 2 || size == 4 || size == 8;
}

/* `<f8`, `>i4`, `|b1`...: byte order, kind and bytes of each. */
static mr_raw raw_of(mr_bytes text)
{
    static const char letters[] = "iufcb";
    static const mr_raw_kind kinds[] = {MR_RAW_SIGNED, MR_RAW_UNSIGNED, MR_RAW_FLOAT,
                                        MR_RAW_COMPLEX, MR_RAW_UNSIGNED};
    const mr_raw none = {MR_RAW_NONE, 0, false};
    int64_t size;
    bool ordered = text.size > 0 && memchr("<>=|", text.data[0], 4);
    char order = ordered ? text.data[0] : '=';
    mr_bytes rest = {text.data + ordered, text.size - ordered};
    const char *letter = rest.size > 0 && rest.data[0] ? strchr(letters, rest.data[0]) : NULL;
    if (!letter || !mr_bytes_to_i64((mr_bytes){rest.data + 1, rest.size - 1}, &size))
        return none;
    mr_raw_kind kind = kinds[letter - letters];
    if (!is_size_of(kind, size) || (*letter == 'b' && size != 1))
        return none;
    bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    return (mr_raw){kind, (unsigned)size, order == (big ? '<' : '>')};
}

/* The kind: text of a plain one; of others (records are a list) all that is known is the end. */
static bool take_kind(mr_bytes *rest, mr_raw *raw)
{
    mr_bytes text;
    *raw = (mr_raw){MR_RAW_NONE, 0, false};
    if (take_string(rest, &text)) {
        *raw = raw_of(text);
        return true;
    }
    if (!next_is(rest, '['))
        return false;
    for (size_t depth = 1; depth > 0 && rest->size > 0; rest->data++, rest->size--)
        depth = rest->data[0] == '[' ? depth + 1 : rest->data[0] == ']' ? depth - 1 : depth;
    return true;
}

bool mr_npy_understand(const char *text, size_t size, mr_npy *npy)
{
    mr_bytes rest = {text, size}, key;
    bool has_kind = false, has_order = false, has_shape = false;
    if (!next_is(&rest, '{'))
        return false;
    while (!next_is(&rest, '}')) {
        if (!take_string(&rest, &key) || !next_is(&rest, ':'))
            return false;
        if (mr_bytes_equal(key, mr_bytes_of("descr")) && !has_kind)
            has_kind = take_kind(&rest, &npy->raw);
        else if (mr_bytes_equal(key, mr_bytes_of("shape")) && !has_shape)
            has_shape = take_shape(&rest, &npy->dims);
        else if (mr_bytes_equal(key, mr_bytes_of("fortran_order")) && !has_order)
            has_order = (npy->is_fortran = take_word(&rest, "True")) || take_word(&rest, "False");
        else
            return false;
        if (!next_is(&rest, ',') && !(rest.size > 0 && rest.data[0] == '}'))
            return false;
    }
    return has_kind && has_order && has_shape && mr_bytes_trim(rest).size == 0;
}

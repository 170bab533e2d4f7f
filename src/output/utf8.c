/* output/utf8.c: which bytes are characters. */
#include "output/rows.h"

/* Whether `size` bytes follow the first and go on with a character of UTF-8. */
static bool goes_on(const unsigned char *at, size_t left, size_t size)
{
    if (left <= size)
        return false;
    for (size_t i = 1; i <= size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return false;
    return true;
}

size_t mr_utf8_character(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return goes_on(at, left, 1) ? 2 : 0;
    if (first >= 0xe0 && first < 0xf0) {
        bool fits = goes_on(at, left, 2) && !(first == 0xe0 && at[1] < 0xa0) &&
                    !(first == 0xed && at[1] >= 0xa0);
        return fits ? 3 : 0;
    }
    if (first >= 0xf0 && first < 0xf5) {
        bool fits = goes_on(at, left, 3) && !(first == 0xf0 && at[1] < 0x90) &&
                    !(first == 0xf4 && at[1] >= 0x90);
        return fits ? 4 : 0;
    }
    return 0;
}

bool mr_utf8_is(mr_bytes bytes)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t at = 0, size; at < bytes.size; at += size) {
        size = mr_utf8_character(data + at, bytes.size - at);
        if (size == 0)
            return false;
    }
    return true;
}

/* output/npy.c: headers of numpy's own files. */
#include "output/npy.h"

#include <string.h>

#define ALIGNMENT 64

char mr_npy_order(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1 ? '<' : '>';
}

static bool is_ascii(mr_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if ((unsigned char)bytes.data[i] >= 0x80)
            return false;
    return true;
}

static void put_words(const char *words, mr_text *text)
{
    mr_text_add(text, words, strlen(words));
}

static void put_shape(const mr_dims *dims, mr_text *text)
{
    put_words("(", text);
    for (unsigned axis = 0; axis < dims->axes; axis++)
        mr_text_printf(text, axis > 0 ? ", %llu" : "%llu", (unsigned long long)dims->size[axis]);
    put_words(dims->axes == 1 ? ",)" : ")", text);
}

/* Magic, version and the size of what follows: two bytes, or four from version 2.0 on. */
static void put_start(unsigned char version, size_t size, mr_text *text)
{
    unsigned char start[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0};
    for (size_t i = 0; i < 4; i++, size >>= 8)
        start[8 + i] = (unsigned char)(size & 255);
    mr_text_add(text, (const char *)start, version == 1 ? 10 : 12);
}

void mr_npy_header(mr_bytes type, const mr_dims *dims, mr_text *text)
{
    mr_text said = {0};
    put_words("{'descr': ", &said);
    mr_text_add(&said, type.data, type.size);
    put_words(", 'fortran_order': False, 'shape': ", &said);
    put_shape(dims, &said);
    put_words(", }", &said);
    unsigned char version = !is_ascii(type) ? 3 : said.size + ALIGNMENT > UINT16_MAX ? 2 : 1;
    size_t start = version == 1 ? 10 : 12;
    while ((start + said.size + 1) % ALIGNMENT)
        put_words(" ", &said);
    put_words("\n", &said);
    put_start(version, said.size, text);
    mr_text_add(text, said.data, said.size);
    text->failed = text->failed || said.failed;
    mr_text_free(&said);
}

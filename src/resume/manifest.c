/*
 * resume/manifest.c: a generation as text: JSON, and behind it the checksum of every byte before,
 * so that nothing in it is believed that was not written.
 */
#include "resume/internal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define CHECK      "\nxxh3 "
#define CHECK_SIZE (sizeof CHECK - 1 + 16 + 1) /* with the digits and a newline */

char *mr_manifest_entries(const mr_book *book)
{
    char hex[20];
    json_t *list = json_array();
    for (size_t i = 0; list && i < book->count; i++) {
        const mr_keep_entry *entry = &book->entries[i];
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)entry->checksum);
        json_array_append_new(list,
                              json_pack("[ssIIs]", entry->name, entry->file,
                                        (json_int_t)entry->offset, (json_int_t)entry->size, hex));
    }
    bool whole = list && json_array_size(list) == book->count;
    char *text = whole ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

static bool read_entries(const json_t *list, mr_book *book)
{
    mr_error error = {.code = MR_OK};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name, *file, *hex;
        json_int_t offset, size;
        if (json_unpack(json_array_get(list, i), "[ssIIs]", &name, &file, &offset, &size, &hex))
            return false;
        mr_keep_entry entry = {name, file, (uint64_t)offset, (uint64_t)size,
                               strtoull(hex, NULL, 16)};
        if (mr_book_add(book, &entry, &error) != MR_OK)
            return false;
    }
    return json_is_array(list);
}

bool mr_manifest_read_entries(const char *text, size_t size, mr_book *book)
{
    json_t *list = json_loadb(text, size, 0, NULL);
    bool read = list && read_entries(list, book);
    json_decref(list);
    return read;
}

char *mr_manifest_pack(const mr_keep *keep, uint64_t generation, const char *entries)
{
    json_t *facts = json_loads(keep->facts, 0, NULL), *list = json_loads(entries, 0, NULL);
    json_t *all = facts && list
                      ? json_pack("{s:i, s:I, s:o, s:o}", "format", MR_KEEP_FORMAT, "generation",
                                  (json_int_t)generation, "job", facts, "entries", list)
                      : NULL;
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *checked = text ? malloc(size + CHECK_SIZE + 1) : NULL;
    if (checked)
        snprintf(checked, size + CHECK_SIZE + 1, "%s" CHECK "%016llx\n", text,
                 (unsigned long long)XXH3_64bits(text, size));
    free(text);
    json_decref(all);
    return checked;
}

static bool is_checked(const char *text, size_t size)
{
    char expected[CHECK_SIZE + 1];
    if (size <= CHECK_SIZE)
        return false;
    snprintf(expected, sizeof expected, CHECK "%016llx\n",
             (unsigned long long)XXH3_64bits(text, size - CHECK_SIZE));
    return memcmp(text + size - CHECK_SIZE, expected, CHECK_SIZE) == 0;
}

bool mr_manifest_unpack(const char *text, size_t size, mr_book *book, char **facts)
{
    *facts = NULL;
    if (!is_checked(text, size))
        return false;
    json_t *all = json_loadb(text, size - CHECK_SIZE, 0, NULL);
    bool read = json_integer_value(json_object_get(all, "format")) == MR_KEEP_FORMAT &&
                read_entries(json_object_get(all, "entries"), book);
    if (read)
        *facts = json_dumps(json_object_get(all, "job"), JSON_COMPACT);
    json_decref(all);
    return read && *facts;
}

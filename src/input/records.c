/* input/records.c: where records end, and what is wrong with those that do not. Touches only bytes.
 */
#include "input/records.h"

#include "input/paths.h"

mr_status mr_records_check(mr_records records, mr_error *error)
{
    if (records.kind == MR_INPUT_RECORDS && records.size == 0)
        return mr_error_set(error, MR_BAD_PLUGIN,
                            "cannot read records: their size is 0: set record_size in the app");
    return MR_OK;
}

static size_t last_space(const char *data, size_t searched, size_t size)
{
    for (; size > searched; size--)
        if (mr_byte_is_space(data[size - 1]))
            return size;
    return 0;
}

static size_t last_newline(const char *data, size_t searched, size_t size)
{
    const char *hit = size > searched ? memrchr(data + searched, '\n', size - searched) : NULL;
    return hit ? (size_t)(hit - data) + 1 : 0;
}

size_t mr_records_whole(mr_records records, const char *data, size_t searched, size_t size)
{
    switch (records.kind) {
    case MR_INPUT_LINES:
        return last_newline(data, searched, size);
    case MR_INPUT_WORDS:
        return last_space(data, searched, size);
    case MR_INPUT_RECORDS:
        return size - size % records.size;
    case MR_INPUT_FILES:
    case MR_INPUT_ROWS:
        break;
    }
    return 0;
}

mr_status mr_records_torn(mr_records records, const char *path, uint64_t offset, uint64_t size,
                          mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read input: %s at byte %llu: its last record has %llu bytes and "
                        "not %u: is this the right file?",
                        mr_paths_shown(path), (unsigned long long)offset, (unsigned long long)size,
                        records.size);
}

/*
 * engine/bad_files.c: what lies in the folder `bad` of a checkpoint. Lines of text with tabs
 * between their cells, which are escaped as results are: \t, \n, \r and \\.
 */
#include "engine/bad.h"

#include "observe/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static mr_status cannot(const char *verb, const char *path, mr_status code, mr_error *error)
{
    return mr_error_set(error, code, "cannot %s: %s: %s: check the folder of --checkpoint", verb,
                        path, strerror(errno));
}

/* DIR/bad/NAME, and the folders when they are to be written to. */
static mr_status path_of(const char *folder, const char *name, bool make, char path[PATH_MAX],
                         mr_error *error)
{
    if (snprintf(path, PATH_MAX, "%s/bad", folder) >= PATH_MAX - 64) {
        errno = ENAMETOOLONG;
        return cannot("use", folder, MR_BAD_OUTPUT, error);
    }
    if (make && mkdir(folder, 0777) != 0 && errno != EEXIST)
        return cannot("make folder", folder, MR_BAD_OUTPUT, error);
    if (make && mkdir(path, 0777) != 0 && errno != EEXIST)
        return cannot("make folder", path, MR_BAD_OUTPUT, error);
    size_t size = strlen(path);
    snprintf(path + size, PATH_MAX - size, "/%s", name);
    return MR_OK;
}

/* ---- Cells ---- */

static void put_cell(mr_text *text, const char *cell)
{
    static const char escaped[] = "\t\n\r\\", letters[] = "tnr\\";
    for (; *cell; cell++) {
        const char *hit = strchr(escaped, *cell);
        const char pair[2] = {'\\', hit ? letters[hit - escaped] : 0};
        mr_text_add(text, hit ? pair : cell, hit ? 2 : 1);
    }
}

/* In place: it gets no longer. */
static void unescape(char *cell)
{
    char *to = cell;
    for (; *cell; cell++) {
        char byte = *cell;
        if (byte == '\\' && cell[1]) {
            cell++;
            byte = *cell == 't' ? '\t' : *cell == 'n' ? '\n' : *cell == 'r' ? '\r' : *cell;
        }
        *to++ = byte;
    }
    *to = '\0';
}

/* ---- The skip list ---- */

static char *read_all(FILE *file, size_t *size)
{
    size_t capacity = 4096;
    char *text = malloc(capacity + 1);
    for (size_t got = 1; text && got > 0;) {
        got = fread(text + *size, 1, capacity - *size, file);
        *size += got;
        if (*size < capacity)
            continue;
        char *more = realloc(text, 2 * capacity + 1);
        if (!more)
            free(text);
        text = more;
        capacity *= 2;
    }
    return text;
}

mr_status mr_bad_skips_read(const char *folder, char **text, size_t *size, mr_error *error)
{
    char path[PATH_MAX];
    *text = NULL;
    *size = 0;
    MR_TRY(path_of(folder, "skip.tsv", false, path, error));
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT || errno == ENOTDIR ? MR_OK
                                                   : cannot("read", path, MR_BAD_INPUT, error);
    *text = read_all(file, size);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (!*text)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading %s", path);
    return failed ? cannot("read", path, MR_BAD_INPUT, error) : MR_OK;
}

void mr_bad_skips_remove(const char *folder)
{
    char path[PATH_MAX];
    mr_error ignored = {.code = MR_OK};
    if (path_of(folder, "skip.tsv", false, path, &ignored) == MR_OK)
        unlink(path);
}

static int compare(const void *a, const void *b)
{
    const mr_skip *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* A line, its newline a zero by now: file, offset, reason. */
static bool take_line(char *line, mr_skip *skip)
{
    char *offset = strchr(line, '\t'), *end;
    if (!offset || offset == line)
        return false;
    *offset++ = '\0';
    errno = 0;
    skip->offset = strtoull(offset, &end, 10);
    if (errno || end == offset || *end != '\t')
        return false;
    skip->file = line;
    skip->reason = end + 1;
    unescape(line);
    unescape(end + 1);
    return true;
}

/* The last line may lack its newline: then it was not written to its end. */
mr_status mr_bad_skips_parse(mr_bad *bad, char *text, size_t size, mr_error *error)
{
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    bad->skips = calloc(lines + 1, sizeof *bad->skips);
    if (!bad->skips)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the list of bad records");
    for (char *end; size > 0 && (end = memchr(text, '\n', size)); text = end + 1) {
        *end = '\0';
        size -= (size_t)(end + 1 - text);
        bad->skip_count += take_line(text, &bad->skips[bad->skip_count]);
    }
    qsort(bad->skips, bad->skip_count, sizeof *bad->skips, compare);
    return MR_OK;
}

/* ---- What was set aside ---- */

mr_status mr_bad_records_write(const char *folder, const mr_text *list, mr_error *error)
{
    char path[PATH_MAX];
    mr_text text = {.data = NULL};
    MR_TRY(path_of(folder, "records.tsv", true, path, error));
    for (const char *at = list->data, *end = at + list->size; at < end;) {
        mr_bad_entry entry;
        at = mr_bad_entry_read(at, &entry);
        put_cell(&text, entry.file);
        mr_text_printf(&text, "\t%llu\t", (unsigned long long)entry.offset);
        put_cell(&text, entry.reason);
        mr_text_add(&text, "\n", 1);
    }
    const mr_file_piece piece = {text.data, text.size};
    mr_status status = MR_OK;
    if (text.failed)
        status = mr_error_set(error, MR_NO_MEMORY, "out of memory: writing %s", path);
    else if (!mr_file_write(path, &piece, 1))
        status = cannot("write", path, MR_BAD_OUTPUT, error);
    mr_text_free(&text);
    return status;
}

mr_status mr_bad_record_keep(const char *folder, uint64_t file_index, uint64_t offset,
                             mr_bytes record, mr_error *error)
{
    char path[PATH_MAX], name[64];
    snprintf(name, sizeof name, "record-%llu-%llu", (unsigned long long)file_index,
             (unsigned long long)offset);
    MR_TRY(path_of(folder, name, true, path, error));
    const mr_file_piece piece = {record.data, record.size};
    return mr_file_write(path, &piece, 1) ? MR_OK : cannot("write", path, MR_BAD_OUTPUT, error);
}

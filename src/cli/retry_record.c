/*
 * cli/retry_record.c: which records a job crashed at, by the lines that crashes are told in
 * (observe/crash.c), and the list of those that the next start leaves out (engine/bad_files.c).
 */
#include "cli/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK " while working on "

void mr_culprits_begin(mr_culprits *culprits)
{
    culprits->start++;
    culprits->is_new = false;
    culprits->place[0] = '\0';
}

/* The last ` bytes A-B` or ` rows A-B` before `end`; NULL: there is none. */
static const char *find_span(const char *text, const char *end)
{
    const char *last = NULL;
    for (const char *at = text; at < end; at++) {
        size_t word = strncmp(at, " bytes ", 7) == 0 ? 7 : strncmp(at, " rows ", 6) == 0 ? 6 : 0;
        size_t digits = word ? strspn(at + word, "0123456789") : 0;
        if (digits && at[word + digits] == '-' && strspn(at + word + digits + 1, "0123456789"))
            last = at;
    }
    return last;
}

/* The last `, record at N` or `, row at N`. */
static const char *find_record(const char *text, uint64_t *offset)
{
    static const char *const marks[] = {", record at ", ", row at "};
    const char *last = NULL;
    for (size_t i = 0; i < 2; i++)
        for (const char *at = text; (at = strstr(at, marks[i])); at++) {
            char *end;
            const char *number = at + strlen(marks[i]);
            unsigned long long value = strtoull(number, &end, 10);
            if (end == number || at < last)
                continue;
            last = at;
            *offset = value;
        }
    return last;
}

static void add(mr_culprits *culprits, const char *file, size_t size, uint64_t offset,
                const char *cause)
{
    for (size_t i = 0; i < culprits->count; i++) {
        mr_culprit *old = &culprits->list[i];
        if (old->offset != offset || strlen(old->file) != size ||
            strncmp(old->file, file, size) != 0)
            continue;
        old->named += old->start != culprits->start;
        old->start = culprits->start;
        return;
    }
    mr_culprit *list = realloc(culprits->list, (culprits->count + 1) * sizeof *list);
    if (!list)
        return;
    culprits->list = list;
    mr_culprit fresh = {.file = strndup(file, size),
                        .cause = strdup(cause),
                        .offset = offset,
                        .named = 1,
                        .start = culprits->start};
    if (!fresh.file || !fresh.cause) {
        free(fresh.file);
        free(fresh.cause);
        return;
    }
    list[culprits->count++] = fresh;
    culprits->is_new = true;
}

/* The signal's name stands before what was worked on. */
static void find_cause(const char *line, const char *work, char cause[32])
{
    const char *from = NULL;
    snprintf(cause, 32, "a crash");
    for (const char *at = line; (at = strstr(at, ": SIG")) && at < work; at++)
        from = at + 2;
    if (from)
        snprintf(cause, 32, "%.*s", (int)strcspn(from, " :"), from);
}

/* ` while working on FILE bytes A-B, record at N: ...` and the like. */
void mr_culprits_line(void *context, const char *line)
{
    mr_culprits *culprits = context;
    const char *work = strstr(line, WORK);
    char cause[32];
    uint64_t offset = 0;
    if (!work || !strstr(line, "mapred: "))
        return;
    const char *file = work + strlen(WORK), *record = find_record(file, &offset);
    if (!culprits->place[0])
        snprintf(culprits->place, sizeof culprits->place, "%s", file);
    const char *span = record ? find_span(file, record) : NULL;
    if (!span)
        return;
    find_cause(line, work, cause);
    add(culprits, file, (size_t)(span - file), offset, cause);
}

mr_culprit *mr_culprits_find(mr_culprits *culprits)
{
    for (size_t i = 0; i < culprits->count; i++)
        if (culprits->list[i].named > 1 && !culprits->list[i].dropped)
            return &culprits->list[i];
    return NULL;
}

size_t mr_culprits_dropped(const mr_culprits *culprits)
{
    size_t dropped = 0;
    for (size_t i = 0; i < culprits->count; i++)
        dropped += culprits->list[i].dropped;
    return dropped;
}

static mr_status cannot(const char *path, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "cannot write: %s: %s: check the folder of "
                        "--checkpoint",
                        path, strerror(errno));
}

/* A name as its cell has it; the crash's line holds no byte but plain ones and UTF-8. */
static void put_name(FILE *file, const char *name)
{
    for (; *name; name++)
        fprintf(file, *name == '\\' ? "\\\\" : "%c", *name);
}

mr_status mr_culprit_drop(mr_culprit *culprit, const char *folder, mr_error *error)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/bad", folder);
    if (size < 0 || (size_t)size + 16 > sizeof path) {
        errno = ENAMETOOLONG;
        return cannot(folder, error);
    }
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) ||
        (mkdir(path, 0777) != 0 && errno != EEXIST))
        return cannot(path, error);
    snprintf(path + size, sizeof path - (size_t)size, "/skip.tsv");
    FILE *file = fopen(path, "ae");
    if (!file)
        return cannot(path, error);
    put_name(file, culprit->file);
    fprintf(file, "\t%llu\tit crashed the app twice: %s\n", (unsigned long long)culprit->offset,
            culprit->cause);
    bool ok = fflush(file) == 0 && fsync(fileno(file)) == 0;
    ok = fclose(file) == 0 && ok;
    culprit->dropped = ok;
    return ok ? MR_OK : cannot(path, error);
}

void mr_culprits_free(mr_culprits *culprits)
{
    for (size_t i = 0; i < culprits->count; i++) {
        free(culprits->list[i].file);
        free(culprits->list[i].cause);
    }
    free(culprits->list);
    *culprits = (mr_culprits){.list = NULL};
}

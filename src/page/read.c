/* page/read.c: the file of a report. Files are taken as they come: pipes, too. */
#include "output/rows.h"
#include "page/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static mr_status cannot_read(const char *path, int cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT, "cannot read report: %s: %s", path, strerror(cause));
}

static mr_status read_all(FILE *file, const char *path, mr_text *text, mr_error *error)
{
    char piece[65536];
    struct stat about;
    size_t size;
    if (fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode))
        return cannot_read(path, EISDIR, error);
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        mr_text_add(text, piece, size);
    if (ferror(file))
        return cannot_read(path, errno, error);
    if (text->failed)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading report: %s", path);
    return MR_OK;
}

/* In place, so that bytes stay where they are for whoever looks for the place of an error. */
static void mend(char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const size_t step = mr_utf8_character((const unsigned char *)data + at, size - at);
        if (step == 0)
            data[at] = '?';
        at += step ? step : 1;
    }
}

static mr_status parse(const char *path, mr_text *text, json_t **report, mr_error *error)
{
    json_error_t cause;
    mend(text->data, text->size);
    *report = json_loadb(text->size ? text->data : "", text->size, 0, &cause);
    if (!*report)
        return mr_error_set(error, MR_BAD_INPUT, "not JSON: %s at byte %d: %s", path,
                            cause.position, cause.text);
    if (json_object_get(*report, "traceEvents"))
        return mr_error_set(error, MR_BAD_INPUT,
                            "no report: %s: it is a trace: open it in https://ui.perfetto.dev",
                            path);
    if (!json_is_object(*report) || !json_object_get(*report, "seconds"))
        return mr_error_set(error, MR_BAD_INPUT,
                            "no report: %s: it has no \"seconds\": give a file that --report wrote",
                            path);
    return MR_OK;
}

mr_status mr_page_read(const char *path, json_t **report, mr_error *error)
{
    mr_text text = {0};
    *report = NULL;
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    if (!file)
        return cannot_read(path, errno, error);
    mr_status status = read_all(file, path, &text, error);
    if (!is_stdin)
        fclose(file);
    if (status == MR_OK)
        status = parse(path, &text, report, error);
    mr_text_free(&text);
    if (status != MR_OK) {
        json_decref(*report);
        *report = NULL;
    }
    return status;
}

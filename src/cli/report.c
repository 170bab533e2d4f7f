/* cli/report.c: mapred report. The report of a job as a page of HTML. */
#include "cli/command.h"
#include "observe/file.h"
#include "page/page.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef struct report_request {
    const char *source, *target; /* NULL: standard output */
} report_request;

/* The value of -o that stands within the argument itself; NULL: there is none. */
static const char *value_within(const char *argument)
{
    if (strncmp(argument, "--output=", 9) == 0)
        return argument + 9;
    return strncmp(argument, "-o", 2) == 0 && argument[2] ? argument + 2 : NULL;
}

static mr_status take_option(report_request *request, const mr_call *call, int *at, mr_error *error)
{
    const char *argument = call->arguments[*at];
    request->target = value_within(argument);
    if (request->target)
        return MR_OK;
    if (strcmp(argument, "-o") != 0 && strcmp(argument, "--output") != 0)
        return mr_error_set(error, MR_USAGE, "unknown option: %s: see 'mapred help report'",
                            argument);
    if (*at + 1 == call->count)
        return mr_error_set(error, MR_USAGE, "option needs a value: %s: give it a file", argument);
    request->target = call->arguments[++*at];
    return MR_OK;
}

static mr_status parse(report_request *request, const mr_call *call, mr_error *error)
{
    for (int i = 0; i < call->count; i++) {
        const char *argument = call->arguments[i];
        if (argument[0] == '-' && argument[1])
            MR_TRY(take_option(request, call, &i, error));
        else if (request->source)
            return mr_error_set(error, MR_USAGE, "too many files: %s: one report at a time",
                                argument);
        else
            request->source = argument;
    }
    if (!request->source)
        return mr_error_set(error, MR_USAGE,
                            "no report given: give the file that --report wrote: see 'mapred help "
                            "report'");
    return MR_OK;
}

static bool is_same_file(const report_request *request)
{
    struct stat source, target;
    return request->target && stat(request->source, &source) == 0 &&
           stat(request->target, &target) == 0 && S_ISREG(source.st_mode) &&
           source.st_dev == target.st_dev && source.st_ino == target.st_ino;
}

static mr_status write_page(const mr_call *call, const char *target, const mr_text *html,
                            mr_error *error)
{
    const mr_file_piece page = {html->data, html->size};
    if (!target) {
        fwrite(html->data, 1, html->size, call->out); /* who called looks for errors */
        return MR_OK;
    }
    if (!mr_file_write(target, &page, 1))
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "cannot write page: %s: %s: choose a -o that can be written", target,
                            strerror(errno));
    return MR_OK;
}

mr_status mr_command_report(mr_call *call, mr_error *error)
{
    report_request request = {NULL, NULL};
    json_t *report;
    mr_text html = {0};
    MR_TRY(parse(&request, call, error));
    if (is_same_file(&request))
        return mr_error_set(error, MR_USAGE, "page is the report: %s: give -o another file",
                            request.source);
    MR_TRY(mr_page_read(request.source, &report, error));
    mr_status status = mr_page_make(report, &html, error);
    if (status == MR_OK)
        status = write_page(call, request.target, &html, error);
    mr_text_free(&html);
    json_decref(report);
    return status;
}

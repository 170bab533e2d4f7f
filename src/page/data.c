/* page/data.c: the report within the page, as JSON that cannot end the element it stands in. */
#include "page/section.h"

#include <stdlib.h>
#include <string.h>

/* More than this is left out, part by part, the largest first. */
enum { MOST_DATA = 64 << 10 };

/* < > and & stand only within strings in JSON, where they may be written in this way, too. */
static void put_json(mr_text *html, const char *json)
{
    for (const char *at = json; *at;) {
        const size_t size = strcspn(at, "<>&");
        mr_text_add(html, at, size);
        at += size;
        if (*at)
            mr_text_printf(html, "\\u%04x", (unsigned)*at++);
    }
}

static size_t size_of(const json_t *value)
{
    return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
}

static const char *find_largest(json_t *report, size_t *all)
{
    const char *largest = NULL;
    size_t most = 0;
    *all = 0;
    for (void *at = json_object_iter(report); at; at = json_object_iter_next(report, at)) {
        const size_t size = size_of(json_object_iter_value(at));
        *all += size + strlen(json_object_iter_key(at)) + 4;
        if (size > most) {
            most = size;
            largest = json_object_iter_key(at);
        }
    }
    return largest;
}

/* A shallow copy of what is kept; the names of what is not go to `left_out`. */
static json_t *cut(const json_t *report, mr_text *left_out)
{
    json_t *kept = json_copy((json_t *)report); /* only its count of users is changed */
    size_t all;
    const char *largest;
    while (kept && (largest = find_largest(kept, &all)) && all > MOST_DATA) {
        if (left_out->size > 0)
            mr_html_put(left_out, ", ");
        mr_html_say(left_out, largest);
        json_object_del(kept, largest);
    }
    return kept;
}

void mr_section_data(mr_text *html, const json_t *report)
{
    mr_text left_out = {0};
    json_t *kept = cut(report, &left_out);
    char *json = kept ? json_dumps(kept, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (json) {
        if (left_out.size > 0)
            mr_text_printf(html,
                           "<p class=\"note\">This page holds the data of the report but for what "
                           "is large: %.*s.</p>\n",
                           (int)left_out.size, left_out.data);
        mr_html_put(html, "<script type=\"application/json\" id=\"report\">");
        put_json(html, json);
        mr_html_put(html, "</script>\n");
    } else
        html->failed = true;
    mr_text_free(&left_out);
    json_decref(kept);
    free(json);
}

/* page/pipelines.c: pipelines, their stages, and which of them held the others up. */
#include "page/amount.h"
#include "page/section.h"

#include <string.h>

enum { MOST_PIPELINES = 16, MOST_STAGES = 64 };

static void put_stage(mr_page *page, const json_t *stage, const char *bottleneck)
{
    const char *name = mr_view_text(stage, "name");
    const bool slowest = name && bottleneck && strcmp(name, bottleneck) == 0;
    const double use = mr_view_number(stage, "utilisation");
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, name);
    mr_html_cell(&page->body, mr_view_text(stage, "kind"));
    mr_html_bar(&page->body, use, slowest ? "k-spill" : "k-map", mr_amount_share(use).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(stage, "workers")).text);
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(stage, "busy_seconds")).text);
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(stage, "waited_seconds")).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(stage, "items_in")).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(stage, "items_out")).text);
    mr_html_number(&page->body, mr_amount_bytes(mr_view_number(stage, "bytes_out")).text);
    mr_html_row_end(&page->body);
}

static void put_summary(mr_page *page, const json_t *pipeline)
{
    mr_html_put(&page->body, "<h3>");
    mr_html_say(&page->body, mr_view_text(pipeline, "name"));
    mr_text_printf(&page->body, "</h3>\n<p>%s; ",
                   mr_amount_seconds(mr_view_number(pipeline, "seconds")).text);
    mr_html_put(&page->body, "the others went at the pace of stage ");
    mr_html_code(&page->body, mr_view_text(pipeline, "bottleneck"));
    mr_html_put(&page->body, " (");
    mr_html_say(&page->body, mr_view_text(pipeline, "reason"));
    mr_html_put(&page->body, ").</p>\n");
}

static void put_pipeline(mr_page *page, const json_t *pipeline)
{
    const json_t *stages = mr_view_list(pipeline, "stages");
    put_summary(page, pipeline);
    mr_html_table_begin(&page->body, "Stages of a pipeline",
                        (const char *const[]){"Stage", "Kind", "=Busy, of its workers' time",
                                              "#Workers", "#Busy", "#Waited for room", "#Items in",
                                              "#Items out", "#Bytes out", NULL});
    for (size_t i = 0; i < json_array_size(stages) && i < MOST_STAGES; i++)
        put_stage(page, json_array_get(stages, i), mr_view_text(pipeline, "bottleneck"));
    mr_html_table_end(&page->body);
}

void mr_section_pipelines(mr_page *page)
{
    const json_t *pipelines = mr_view_list(page->facts->report, "pipelines");
    const size_t count = json_array_size(pipelines);
    if (count == 0)
        return;
    mr_section_begin(page, "pipelines", "Pipelines", "Pipelines", NULL);
    for (size_t i = 0; i < count && i < MOST_PIPELINES; i++)
        put_pipeline(page, json_array_get(pipelines, i));
    if (count > MOST_PIPELINES)
        mr_text_printf(&page->body, "<p class=\"note\">The first %d of %zu are shown.</p>\n",
                       MOST_PIPELINES, count);
    mr_section_end(page);
}

/* page/page.c: the page around its sections. */
#include "page/page.h"

#include "page/amount.h"
#include "page/section.h"
#include "page_css.h"
#include "page_js.h"

static void put_head(mr_text *html, const json_t *report)
{
    const char *app = mr_view_text(report, "app");
    mr_html_put(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    mr_html_say(html, app ? app : "mapred");
    mr_text_printf(html, ": %s</title>\n<style>\n",
                   mr_amount_seconds(mr_view_number(report, "seconds")).text);
    mr_text_add(html, mr_page_css, sizeof mr_page_css);
    mr_html_put(html, "</style>\n</head>\n<body>\n<header>\n<h1>");
    mr_html_say(html, app ? app : "a job");
    mr_html_put(html, "</h1>\n<p>report of mapred ");
    mr_html_say(html, mr_view_text(report, "mapred"));
    mr_html_put(html, "</p>\n</header>\n");
}

static void put_sections(mr_page *page)
{
    mr_section_advice(page);
    mr_section_time(page);
    mr_section_timeline(page);
    mr_section_balance(page);
    mr_section_exchange(page);
    mr_section_memory(page);
    mr_section_slowest(page);
    mr_section_keys(page);
    mr_section_tasks(page);
    mr_section_graphs(page);
    mr_section_pipelines(page);
    mr_section_shared(page);
    mr_section_counters(page);
    mr_section_bad(page);
    mr_section_table(page);
    mr_section_rest(page);
}

static void put_text(mr_text *html, const mr_text *text)
{
    mr_text_add(html, text->data, text->size);
    html->failed |= text->failed;
}

mr_status mr_page_make(const json_t *report, mr_text *html, mr_error *error)
{
    const mr_facts facts = mr_facts_of(report);
    mr_page head = {.facts = &facts}, page = {.facts = &facts};
    mr_section_head(&head);
    put_sections(&page);
    put_head(html, report);
    put_text(html, &head.body);
    mr_html_put(html, "<nav aria-label=\"Sections\">\n");
    put_text(html, &page.links);
    mr_html_put(html, "</nav>\n<main>\n");
    put_text(html, &page.body);
    mr_html_put(html, "</main>\n<footer>\n");
    mr_section_data(html, report);
    mr_html_put(html, "</footer>\n<script>\n");
    mr_text_add(html, mr_page_js, sizeof mr_page_js);
    mr_html_put(html, "</script>\n</body>\n</html>\n");
    mr_text_free(&head.body);
    mr_text_free(&page.body);
    mr_text_free(&page.links);
    if (html->failed)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: making the page of a report");
    return MR_OK;
}

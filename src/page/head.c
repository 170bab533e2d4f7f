/* page/head.c: which job it was, and its numbers at a glance. */
#include "page/amount.h"
#include "page/section.h"

#include <stdio.h>

static void put_figure(mr_page *page, const char *name, const char *value, const char *more)
{
    mr_html_put(&page->body, "<div><dt>");
    mr_html_say(&page->body, name);
    mr_html_put(&page->body, "</dt><dd>");
    mr_html_say(&page->body, value);
    if (more && *more) {
        mr_html_put(&page->body, " <small>");
        mr_html_say(&page->body, more);
        mr_html_put(&page->body, "</small>");
    }
    mr_html_put(&page->body, "</dd></div>\n");
}

static void put_machine(mr_page *page)
{
    const mr_facts *facts = page->facts;
    char more[96];
    snprintf(more, sizeof more, "%.0f thread%s", facts->workers, facts->workers == 1 ? "" : "s");
    if (facts->hosts > 1)
        snprintf(more, sizeof more, "%.0f threads on %zu hosts", facts->workers, facts->hosts);
    if (facts->rank_count > 0)
        put_figure(page, facts->rank_count == 1 ? "rank" : "ranks",
                   mr_amount_count((double)facts->rank_count).text, more);
}

/* Apps that drive themselves do not say how much they read: their ranks do. */
static void put_input(mr_page *page)
{
    const mr_facts *facts = page->facts;
    const json_t *input = mr_view_object(facts->report, "input");
    double bytes = mr_view_number(input, "bytes");
    char more[64] = "";
    if (!(bytes > 0))
        bytes = mr_facts_sum(facts, "bytes_read");
    if (bytes > 0 && facts->seconds > 0)
        snprintf(more, sizeof more, "%s/s", mr_amount_bytes(bytes / facts->seconds).text);
    if (bytes > 0)
        put_figure(page, "read", mr_amount_bytes(bytes).text, more);
}

static void put_output(mr_page *page)
{
    const json_t *output = mr_view_object(page->facts->report, "output");
    const double rows = mr_view_number(output, "rows"), bytes = mr_view_number(output, "bytes");
    char more[64];
    snprintf(more, sizeof more, "%s row%s", mr_amount_count(rows).text, rows == 1 ? "" : "s");
    if (rows > 0 || bytes > 0)
        put_figure(page, "written", mr_amount_bytes(bytes).text, rows > 0 ? more : "");
}

static void put_memory(mr_page *page)
{
    const json_t *memory = mr_view_object(page->facts->report, "memory");
    const double peak = mr_view_number(memory, "rss_peak_max");
    if (peak > 0)
        put_figure(page, "memory, largest rank", mr_amount_bytes(peak).text, "");
}

static void put_cost(mr_page *page)
{
    const json_t *cost = mr_view_object(page->facts->report, "cost");
    const double serial = mr_view_number(cost, "serial_seconds");
    const double beat = mr_view_number(cost, "cores_to_beat_one");
    char more[96] = "";
    if (!(serial > 0) || !(page->facts->seconds > 0))
        return;
    if (beat > 0)
        snprintf(more, sizeof more, "%s core%s beat it", mr_amount_count(beat).text,
                 beat == 1 ? "" : "s");
    char times[64];
    snprintf(times, sizeof times, "%s× as fast",
             mr_amount_times(serial / page->facts->seconds).text);
    put_figure(page, "against one thread", times, more);
}

static void put_command(mr_page *page)
{
    const json_t *command = mr_view_object(page->facts->report, "command");
    const json_t *arguments = mr_view_list(command, "arguments");
    const char *app = mr_view_text(command, "app");
    if (!app && !arguments)
        return;
    mr_html_put(&page->body, "<p class=\"command\"><code><bdi>mapred ");
    mr_html_say(&page->body, app);
    for (size_t i = 0; i < json_array_size(arguments) && i < 64; i++) {
        mr_html_put(&page->body, " ");
        mr_html_say(&page->body, json_string_value(json_array_get(arguments, i)));
    }
    mr_html_put(&page->body, json_array_size(arguments) > 64 ? " …</bdi></code>" : "</bdi></code>");
    if (mr_view_text(command, "folder")) {
        mr_html_put(&page->body, " in ");
        mr_html_code(&page->body, mr_view_text(command, "folder"));
    }
    mr_html_put(&page->body, "</p>\n");
}

void mr_section_head(mr_page *page)
{
    const json_t *report = page->facts->report;
    const double sent = mr_facts_sum(page->facts, "bytes_sent");
    mr_html_put(&page->body, "<dl class=\"figures\">\n");
    put_figure(page, "time", mr_amount_seconds(page->facts->seconds).text, "");
    put_machine(page);
    put_input(page);
    if (sent > 0)
        put_figure(page, "between ranks", mr_amount_bytes(sent).text, "");
    put_output(page);
    put_memory(page);
    put_cost(page);
    mr_html_put(&page->body, "</dl>\n");
    put_command(page);
    const char *path = mr_view_text(mr_view_object(report, "output"), "path");
    if (path) {
        mr_html_put(&page->body, "<p class=\"command\">result: ");
        mr_html_code(&page->body, path);
        mr_html_put(&page->body, "</p>\n");
    }
}

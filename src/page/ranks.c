/* page/ranks.c: all numbers of all ranks, and parts of the report that no other section knows. */
#include "page/amount.h"
#include "page/section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 2000 };

typedef enum form { COUNT, BYTES, SECONDS } form;

static const struct {
    const char *name, *title;
    form form;
} columns[] = {
    {"threads", "#Threads", COUNT},
    {"blocks", "#Blocks", COUNT},
    {"busy", "#In kernels", SECONDS},
    {"reduce", "#Reducing", SECONDS},
    {"cpu", "#CPU time", SECONDS},
    {"bytes_read", "#Read", BYTES},
    {"pairs", "#Pairs", COUNT},
    {"keys", "#Keys after map", COUNT},
    {"keys_owned", "#Keys owned", COUNT},
    {"bytes_sent", "#Sent", BYTES},
    {"bytes_received", "#Received", BYTES},
    {"messages_sent", "#Messages", COUNT},
    {"spilled", "#Spilled", BYTES},
    {"rows", "#Rows", COUNT},
    {"bytes_written", "#Written", BYTES},
    {"memory_peak", "#Counted memory", BYTES},
    {"rss_peak", "#Process", BYTES},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static mr_amount amount_of(form as, double number)
{
    return as == BYTES     ? mr_amount_bytes(number)
           : as == SECONDS ? mr_amount_seconds(number)
                           : mr_amount_count(number);
}

/* Columns that are 0 for all ranks are left out. */
static size_t find_columns(const mr_facts *facts, int *shown)
{
    size_t count = 0;
    for (int i = 0; i < COLUMNS; i++)
        if (mr_view_most(facts->ranks, columns[i].name) > 0)
            shown[count++] = i;
    return count;
}

static void put_headings(mr_page *page, const int *shown, size_t count)
{
    const char *headings[COLUMNS + 3];
    headings[0] = "Rank";
    for (size_t i = 0; i < count; i++)
        headings[i + 1] = columns[shown[i]].title;
    headings[count + 1] = "Host";
    headings[count + 2] = NULL;
    mr_html_table_begin(&page->body, "All numbers of the ranks", headings);
}

static void put_rank(mr_page *page, size_t rank, const int *shown, size_t count)
{
    const json_t *object = json_array_get(page->facts->ranks, rank);
    char name[32];
    snprintf(name, sizeof name, "%zu", rank);
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    for (size_t i = 0; i < count; i++)
        mr_html_number(
            &page->body,
            amount_of(columns[shown[i]].form, mr_view_number(object, columns[shown[i]].name)).text);
    mr_html_cell(&page->body, mr_view_text(object, "host"));
    mr_html_row_end(&page->body);
}

void mr_section_table(mr_page *page)
{
    int columns_shown[COLUMNS];
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(page->facts, "busy", shown);
    const size_t width = find_columns(page->facts, columns_shown);
    if (count == 0)
        return;
    mr_section_begin(page, "ranks", "Ranks", "Ranks, all numbers", NULL);
    put_headings(page, columns_shown, width);
    for (size_t i = 0; i < count; i++)
        put_rank(page, shown[i], columns_shown, width);
    mr_html_table_end(&page->body);
    mr_section_left_out(page, count, "time in kernels");
    mr_section_end(page);
}

static bool is_known(const char *name)
{
    static const char *const known[] = {
        "mapred", "app",      "seconds",   "phases", "input",   "output",   "balance",   "exchange",
        "memory", "counters", "hot_keys",  "ranks",  "command", "timeline", "slowest",   "waits",
        "cost",   "bad",      "bad_count", "forks",  "pools",   "graphs",   "pipelines", "sync"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

static void put_part(mr_page *page, const char *name, const json_t *part)
{
    char *text = json_dumps(part, JSON_ENCODE_ANY | JSON_INDENT(1));
    const bool is_long = text && strlen(text) > MOST_TEXT;
    mr_html_put(&page->body, "<details><summary>");
    mr_html_say(&page->body, name);
    mr_html_put(&page->body, "</summary><pre tabindex=\"0\">");
    if (is_long)
        memcpy(text + MOST_TEXT - 4, "...", 4);
    mr_html_lines(&page->body, text);
    mr_html_put(&page->body, "</pre></details>\n");
    free(text);
}

void mr_section_rest(mr_page *page)
{
    json_t *report = (json_t *)page->facts->report; /* jansson's iterators do not know const */
    bool is_begun = false;
    for (void *at = json_object_iter(report); at; at = json_object_iter_next(report, at)) {
        if (is_known(json_object_iter_key(at)))
            continue;
        if (!is_begun)
            mr_section_begin(page, "rest", "Other parts", "Other parts of the report", NULL);
        is_begun = true;
        put_part(page, json_object_iter_key(at), json_object_iter_value(at));
    }
    if (is_begun)
        mr_section_end(page);
}

/* page/graphs.c: graphs of tasks, and the longest chain of each. */
#include "page/amount.h"
#include "page/section.h"

#include <math.h>

enum { MOST_GRAPHS = 16, MOST_LINKS = 24 };

static void put_summary(mr_page *page, const json_t *graph)
{
    mr_html_put(&page->body, "<h3>");
    mr_html_say(&page->body, mr_view_text(graph, "name"));
    mr_html_put(&page->body, "</h3>\n<p>");
    mr_text_printf(&page->body, "<b>%s</b> tasks, %s run (%s of them again) by %s workers in %s; ",
                   mr_amount_count(mr_view_number(graph, "tasks")).text,
                   mr_amount_count(mr_view_number(graph, "ran")).text,
                   mr_amount_count(mr_view_number(graph, "again")).text,
                   mr_amount_count(mr_view_number(graph, "workers")).text,
                   mr_amount_seconds(mr_view_number(graph, "seconds")).text);
    mr_text_printf(&page->body, "%s in tasks, at most %s results at once.</p>\n",
                   mr_amount_seconds(mr_view_number(graph, "busy")).text,
                   mr_amount_count(mr_view_number(graph, "most_results")).text);
}

static void put_link(mr_page *page, const json_t *task, double most)
{
    const double seconds = mr_view_number(task, "seconds");
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(task, "kind"));
    mr_html_code_cell(&page->body, mr_view_text(task, "key"));
    mr_html_number(&page->body, mr_amount_count(mr_view_number(task, "number")).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(task, "rank")).text);
    mr_html_bar(&page->body, most > 0 ? seconds / most : 0, "k-map",
                mr_amount_seconds(seconds).text);
    mr_html_row_end(&page->body);
}

static void put_chain(mr_page *page, const json_t *chain)
{
    const json_t *links = mr_view_list(chain, "of");
    const double count = fmax(mr_view_number(chain, "tasks"), (double)json_array_size(links));
    const double most = mr_view_most(links, "seconds");
    mr_text_printf(&page->body,
                   "<p>Longest chain: <b>%s</b> task%s, <b>%s</b>, %s of the graph's time: however "
                   "many workers there are, it takes no less.</p>\n",
                   mr_amount_count(count).text, count == 1 ? "" : "s",
                   mr_amount_seconds(mr_view_number(chain, "seconds")).text,
                   mr_amount_share(mr_view_number(chain, "share")).text);
    if (json_array_size(links) == 0)
        return;
    mr_html_table_begin(&page->body, "Longest chain",
                        (const char *const[]){"Task", "Key", "#Number", "#Rank", "=Time", NULL});
    for (size_t i = 0; i < json_array_size(links) && i < MOST_LINKS; i++)
        put_link(page, json_array_get(links, i), most);
    mr_html_table_end(&page->body);
    if (count > MOST_LINKS)
        mr_text_printf(&page->body, "<p class=\"note\">The first %d of %s are shown.</p>\n",
                       MOST_LINKS, mr_amount_count(count).text);
}

void mr_section_graphs(mr_page *page)
{
    const json_t *graphs = mr_view_list(page->facts->report, "graphs");
    const size_t count = json_array_size(graphs);
    if (count == 0)
        return;
    mr_section_begin(page, "graphs", "Graphs of tasks", "Graphs of tasks", NULL);
    for (size_t i = 0; i < count && i < MOST_GRAPHS; i++) {
        put_summary(page, json_array_get(graphs, i));
        put_chain(page, mr_view_object(json_array_get(graphs, i), "chain"));
    }
    if (count > MOST_GRAPHS)
        mr_text_printf(&page->body, "<p class=\"note\">The first %d of %zu are shown.</p>\n",
                       MOST_GRAPHS, count);
    mr_section_end(page);
}

/* page/shared.c: locks, queues and whatever else ranks share. */
#include "page/amount.h"
#include "page/section.h"

enum { MOST_SHOWN = 64 };

static void put_object(mr_page *page, const json_t *object)
{
    const double contention = mr_view_number(object, "contention");
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(object, "name"));
    mr_html_cell(&page->body, mr_view_text(object, "kind"));
    mr_html_number(&page->body, mr_amount_count(mr_view_number(object, "home")).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(object, "operations")).text);
    mr_html_bar(&page->body, contention, "k-wait", mr_amount_share(contention).text);
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(object, "mean_wait")).text);
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(object, "max_wait")).text);
    mr_html_row_end(&page->body);
}

void mr_section_shared(mr_page *page)
{
    const json_t *objects = mr_view_list(page->facts->report, "sync");
    const size_t count = json_array_size(objects);
    if (count == 0)
        return;
    mr_section_begin(page, "shared", "Shared", "What ranks shared",
                     "Queues, pipes, locks and the like: how many of the operations had to wait.");
    mr_html_table_begin(&page->body, "What ranks shared",
                        (const char *const[]){"Name", "Kind", "#On rank", "#Operations",
                                              "=Had to wait", "#Mean wait", "#Longest", NULL});
    for (size_t i = 0; i < count && i < MOST_SHOWN; i++)
        put_object(page, json_array_get(objects, i));
    mr_html_table_end(&page->body);
    if (count > MOST_SHOWN)
        mr_text_printf(&page->body, "<p class=\"note\">The first %d of %zu are shown.</p>\n",
                       MOST_SHOWN, count);
    mr_section_end(page);
}

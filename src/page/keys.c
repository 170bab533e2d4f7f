/* page/keys.c: keys that many pairs have, and what the kernels counted. */
#include "page/amount.h"
#include "page/section.h"

enum { MOST_COUNTERS = 200 };

static void put_key(mr_page *page, const json_t *key)
{
    const double share = mr_view_number(key, "share");
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(key, "key"));
    mr_html_bar(&page->body, share, "k-reduce", mr_amount_share(share).text);
    mr_html_number(&page->body, mr_amount_count(mr_view_number(key, "rank")).text);
    mr_html_code_cell(&page->body, mr_view_text(key, "set"));
    mr_html_row_end(&page->body);
}

void mr_section_keys(mr_page *page)
{
    const json_t *keys = mr_view_list(page->facts->report, "hot_keys");
    if (json_array_size(keys) == 0)
        return;
    mr_section_begin(page, "keys", "Hot keys", "Hot keys",
                     "Keys that 5% or more of the pairs of a set have. All values of a key are "
                     "reduced by one rank.");
    mr_html_table_begin(
        &page->body, "Hot keys",
        (const char *const[]){"Key", "=Share of the pairs", "#Reduced by rank", "Set", NULL});
    for (size_t i = 0; i < json_array_size(keys) && i < 64; i++)
        put_key(page, json_array_get(keys, i));
    mr_html_table_end(&page->body);
    mr_section_end(page);
}

static void put_counter(mr_page *page, const char *name, const json_t *value)
{
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    mr_html_number(&page->body, mr_amount_count(mr_view_real(value)).text);
    mr_html_row_end(&page->body);
}

void mr_section_counters(mr_page *page)
{
    /* jansson's iterators do not know const */
    json_t *counters = (json_t *)mr_view_object(page->facts->report, "counters");
    const size_t count = json_object_size(counters);
    size_t shown = 0;
    if (count == 0)
        return;
    mr_section_begin(page, "counters", "Counters", "Counters",
                     "What the app counted, on all ranks together.");
    mr_html_table_begin(&page->body, "Counters", (const char *const[]){"Counter", "#Number", NULL});
    for (void *at = json_object_iter(counters); at && shown < MOST_COUNTERS; shown++) {
        put_counter(page, json_object_iter_key(at), json_object_iter_value(at));
        at = json_object_iter_next(counters, at);
    }
    mr_html_table_end(&page->body);
    if (shown < count)
        mr_text_printf(&page->body, "<p class=\"note\">%zu of %zu are shown.</p>\n", shown, count);
    mr_section_end(page);
}

/* page/blocks.c: the blocks that took longest, and the records that were left out. */
#include "page/amount.h"
#include "page/section.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SHOWN = 16, MOST_BAD = 100 };

/* Datasets are cut by rows. */
static void put_size(mr_page *page, const json_t *block, double size)
{
    const char *unit = mr_view_text(block, "unit");
    char rows[64];
    snprintf(rows, sizeof rows, "%s rows", mr_amount_count(size).text);
    if (unit && strcmp(unit, "rows") == 0)
        mr_html_number(&page->body, rows);
    else
        mr_html_number(&page->body, size > 0 ? mr_amount_bytes(size).text : "");
}

static void put_block(mr_page *page, const json_t *block, double most)
{
    const double begin = mr_view_number(block, "begin"), end = mr_view_number(block, "end");
    const double seconds = mr_view_number(block, "seconds");
    char rank[96];
    snprintf(rank, sizeof rank, "%s.%s", mr_amount_count(mr_view_number(block, "rank")).text,
             mr_amount_count(mr_view_number(block, "thread")).text);
    mr_html_row_begin(&page->body);
    mr_html_bar(&page->body, most > 0 ? seconds / most : 0, "k-map",
                mr_amount_seconds(seconds).text);
    mr_html_code_cell(&page->body, mr_view_text(block, "file"));
    mr_html_number(&page->body, mr_amount_count(begin).text);
    put_size(page, block, end - begin);
    mr_html_number(&page->body, mr_view_has_number(block, "block")
                                    ? mr_amount_count(mr_view_number(block, "block")).text
                                    : "");
    mr_html_number(&page->body, rank);
    mr_html_row_end(&page->body);
}

void mr_section_slowest(mr_page *page)
{
    const mr_facts *facts = page->facts;
    const size_t count = json_array_size(facts->slowest);
    const double blocks = mr_facts_sum(facts, "blocks"), busy = mr_facts_sum(facts, "busy");
    if (count == 0)
        return;
    mr_section_begin(
        page, "slowest", "Slowest blocks", "Slowest blocks",
        "The calls of the kernel that took longest, and what they were called with: bytes, or "
        "rows, of a file.");
    if (blocks > 0)
        mr_text_printf(&page->body, "<p>Mean of all %s blocks: <b>%s</b>.</p>\n",
                       mr_amount_count(blocks).text, mr_amount_seconds(busy / blocks).text);
    mr_html_table_begin(
        &page->body, "Slowest blocks",
        (const char *const[]){"=Time", "File", "#From", "#Size", "#Block", "#Rank.thread", NULL});
    for (size_t i = 0; i < count && i < MOST_SHOWN; i++)
        put_block(page, json_array_get(facts->slowest, i), mr_view_most(facts->slowest, "seconds"));
    mr_html_table_end(&page->body);
    mr_section_end(page);
}

static void put_bad(mr_page *page, const json_t *record)
{
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(record, "file"));
    mr_html_number(&page->body, mr_amount_count(mr_view_number(record, "offset")).text);
    mr_html_cell(&page->body, mr_view_text(record, "reason"));
    mr_html_row_end(&page->body);
}

void mr_section_bad(mr_page *page)
{
    const json_t *list = mr_view_list(page->facts->report, "bad");
    const size_t count = json_array_size(list);
    double all = mr_view_number(page->facts->report, "bad_count");
    all = all > (double)count ? all : (double)count;
    if (!(all > 0))
        return;
    mr_section_begin(page, "bad", "Bad records", "Bad records",
                     "Records that the kernel refused: they are not in the result.");
    mr_text_printf(&page->body, "<p><b>%s</b> of them", mr_amount_count(all).text);
    const size_t shown = count < MOST_BAD ? count : MOST_BAD;
    if ((double)shown < all)
        mr_text_printf(&page->body, "; %zu are shown", shown);
    mr_html_put(&page->body, ".</p>\n");
    if (count > 0)
        mr_html_table_begin(&page->body, "Bad records",
                            (const char *const[]){"File", "#At byte", "Reason", NULL});
    for (size_t i = 0; i < shown; i++)
        put_bad(page, json_array_get(list, i));
    if (count > 0)
        mr_html_table_end(&page->body);
    mr_section_end(page);
}

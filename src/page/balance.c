/* page/balance.c: what each rank had to do, and how long it waited for others. */
#include "page/amount.h"
#include "page/section.h"

#include <math.h>
#include <stdio.h>

/* What the waits say of a rank; NULL: nothing. */
static const json_t *wait_of(const mr_facts *facts, size_t rank)
{
    const json_t *waits = mr_view_list(facts->report, "waits");
    const json_t *likely = json_array_get(waits, rank);
    if (mr_view_index(likely, "rank", facts->rank_count) == (long)rank)
        return likely;
    for (size_t i = 0; i < json_array_size(waits); i++)
        if (mr_view_index(json_array_get(waits, i), "rank", facts->rank_count) == (long)rank)
            return json_array_get(waits, i);
    return NULL;
}

static void put_wait(mr_page *page, size_t rank)
{
    const json_t *wait = wait_of(page->facts, rank);
    const double seconds = mr_view_number(wait, "seconds");
    const double share = page->facts->seconds > 0 ? seconds / page->facts->seconds : 0;
    const long on = mr_view_index(wait, "on", page->facts->rank_count);
    char text[64];
    mr_html_bar(&page->body, share, "k-wait", wait ? mr_amount_share(share).text : "");
    snprintf(text, sizeof text, "%ld", on);
    mr_html_number(&page->body, wait && on >= 0 ? text : "");
}

static void put_busy(mr_page *page, size_t rank, double most)
{
    const double busy = mr_facts_of_rank(page->facts, (long)rank, "busy");
    mr_html_bar(&page->body, most > 0 ? busy / most : 0, "k-map", mr_amount_seconds(busy).text);
}

static void put_read(mr_page *page, size_t rank, double most)
{
    const double bytes = mr_facts_of_rank(page->facts, (long)rank, "bytes_read");
    mr_html_bar(&page->body, most > 0 ? bytes / most : 0, "k-read", mr_amount_bytes(bytes).text);
}

static void put_splits(mr_page *page, size_t rank)
{
    const double stolen = mr_facts_of_rank(page->facts, (long)rank, "splits_stolen");
    const double splits = mr_facts_of_rank(page->facts, (long)rank, "splits");
    mr_html_number(&page->body, mr_amount_count(splits).text);
    mr_html_number(&page->body, stolen > 0 ? mr_amount_count(stolen).text : "");
}

/* The longest bar is of the rank that has most. */
typedef struct scale {
    double busy, read;
    bool has_waits;
} scale;

static void put_rank(mr_page *page, size_t rank, const scale *of)
{
    const mr_facts *facts = page->facts;
    char name[32];
    snprintf(name, sizeof name, "%zu", rank);
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    put_busy(page, rank, of->busy);
    if (of->has_waits)
        put_wait(page, rank);
    put_read(page, rank, of->read);
    put_splits(page, rank);
    if (facts->hosts > 1)
        mr_html_cell(&page->body, mr_view_text(json_array_get(facts->ranks, rank), "host"));
    mr_html_row_end(&page->body);
}

static void put_headings(mr_page *page, bool has_waits)
{
    const char *headings[9];
    int count = 0;
    headings[count++] = "Rank";
    headings[count++] = "=In kernels, all its threads";
    if (has_waits)
        headings[count++] = "=Waited";
    if (has_waits)
        headings[count++] = "#On rank";
    headings[count++] = "=Read";
    headings[count++] = "#Splits";
    headings[count++] = "#Taken from others";
    if (page->facts->hosts > 1)
        headings[count++] = "Host";
    headings[count] = NULL;
    mr_html_table_begin(&page->body, "Balance of the ranks", headings);
}

/* "The busiest rank had 1.2 times the mean": of kernels, reducing and reading. */
static void put_summary(mr_page *page)
{
    const json_t *balance = mr_view_object(page->facts->report, "balance");
    if (!balance || page->facts->rank_count < 2)
        return;
    mr_text_printf(&page->body,
                   "<p>Most of a rank over the mean of all (1 is even): kernels <b>%.2f</b>, "
                   "reducing <b>%.2f</b>, bytes read <b>%.2f</b>.</p>\n",
                   fmin(mr_view_number(balance, "busy_max_over_mean"), 1e6),
                   fmin(mr_view_number(balance, "reduce_max_over_mean"), 1e6),
                   fmin(mr_view_number(balance, "bytes_max_over_mean"), 1e6));
}

void mr_section_balance(mr_page *page)
{
    const bool has_waits = json_array_size(mr_view_list(page->facts->report, "waits")) > 0;
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(page->facts, "busy", shown);
    if (count == 0)
        return;
    mr_section_begin(page, "balance", "Balance", "Balance",
                     has_waits ? "What each rank had to do, what part of the job it waited for "
                                 "others, and for whom longest. Splits are pieces of the input."
                               : "What each rank had to do. Splits are pieces of the input.");
    const scale all = {mr_view_most(page->facts->ranks, "busy"),
                       mr_view_most(page->facts->ranks, "bytes_read"), has_waits};
    put_summary(page);
    put_headings(page, has_waits);
    for (size_t i = 0; i < count; i++)
        put_rank(page, shown[i], &all);
    mr_html_table_end(&page->body);
    mr_section_left_out(page, count, "time in kernels");
    mr_section_end(page);
}

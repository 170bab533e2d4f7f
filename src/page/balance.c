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

static void put_count(mr_page *page, size_t rank, const char *name)
{
    const double count = mr_facts_of_rank(page->facts, (long)rank, name);
    mr_html_number(&page->body, count > 0 ? mr_amount_count(count).text : "");
}

/* What there is of any rank; the longest bar is of the rank that has most. */
typedef struct columns {
    double busy, read, splits, stolen;
    bool waits, hosts;
} columns;

static columns columns_of(const mr_facts *facts)
{
    return (columns){.busy = mr_view_most(facts->ranks, "busy"),
                     .read = mr_view_most(facts->ranks, "bytes_read"),
                     .splits = mr_view_most(facts->ranks, "splits"),
                     .stolen = mr_view_most(facts->ranks, "splits_stolen"),
                     .waits = json_array_size(mr_view_list(facts->report, "waits")) > 0,
                     .hosts = facts->hosts > 1};
}

static void put_rank(mr_page *page, size_t rank, const columns *has)
{
    char name[32];
    snprintf(name, sizeof name, "%zu", rank);
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    if (has->busy > 0)
        put_busy(page, rank, has->busy);
    if (has->waits)
        put_wait(page, rank);
    if (has->read > 0)
        put_read(page, rank, has->read);
    if (has->splits > 0)
        put_count(page, rank, "splits");
    if (has->stolen > 0)
        put_count(page, rank, "splits_stolen");
    if (has->hosts)
        mr_html_cell(&page->body, mr_view_text(json_array_get(page->facts->ranks, rank), "host"));
    mr_html_row_end(&page->body);
}

static void put_headings(mr_page *page, const columns *has)
{
    const char *headings[9];
    int count = 0;
    headings[count++] = "Rank";
    if (has->busy > 0)
        headings[count++] = "=In kernels, all its threads";
    if (has->waits)
        headings[count++] = "=Waited";
    if (has->waits)
        headings[count++] = "#On rank";
    if (has->read > 0)
        headings[count++] = "=Read";
    if (has->splits > 0)
        headings[count++] = "#Splits";
    if (has->stolen > 0)
        headings[count++] = "#Taken from others";
    if (has->hosts)
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
    const columns has = columns_of(page->facts);
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(page->facts, "busy", shown);
    if (count == 0 || (!has.waits && !(has.busy > 0) && !(has.read > 0)))
        return;
    mr_section_begin(page, "balance", "Balance", "Balance",
                     has.waits ? "What each rank had to do, what part of the job its main thread "
                                 "waited for others, and for whom longest."
                               : "What each rank had to do.");
    if (has.busy > 0)
        put_summary(page);
    put_headings(page, &has);
    for (size_t i = 0; i < count; i++)
        put_rank(page, shown[i], &has);
    mr_html_table_end(&page->body);
    mr_section_left_out(page, count, "time in kernels");
    mr_section_end(page);
}

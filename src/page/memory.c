/* page/memory.c: what each rank took of its budget, and what it wrote to its scratch disk. */
#include "page/amount.h"
#include "page/section.h"

#include <stdio.h>

static void put_rank(mr_page *page, long rank, double most_rss, bool spills)
{
    const mr_facts *facts = page->facts;
    const double peak = mr_facts_of_rank(facts, rank, "memory_peak");
    const double budget = mr_facts_of_rank(facts, rank, "memory_budget");
    const double rss = mr_facts_of_rank(facts, rank, "rss_peak");
    char name[32];
    snprintf(name, sizeof name, "%ld", rank);
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    mr_html_bar(&page->body, budget > 0 ? peak / budget : 0, "k-map", mr_amount_bytes(peak).text);
    mr_html_number(&page->body, budget > 0 ? mr_amount_share(peak / budget).text : "");
    mr_html_number(&page->body, mr_amount_bytes(budget).text);
    mr_html_bar(&page->body, most_rss > 0 ? rss / most_rss : 0, "k-fold",
                mr_amount_bytes(rss).text);
    if (spills)
        mr_html_number(&page->body, mr_amount_bytes(mr_facts_of_rank(facts, rank, "spilled")).text);
    mr_html_row_end(&page->body);
}

void mr_section_memory(mr_page *page)
{
    const mr_facts *facts = page->facts;
    const bool spills = mr_facts_sum(facts, "spilled") > 0;
    const double most_rss = mr_view_most(facts->ranks, "rss_peak");
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(facts, "memory_peak", shown);
    if (count == 0 || (!(most_rss > 0) && !(mr_view_most(facts->ranks, "memory_budget") > 0)))
        return;
    mr_section_begin(page, "memory", "Memory", "Memory",
                     "The most that was counted against a rank's budget at a time (the bar is "
                     "full where the budget is), and the most that its process had.");
    mr_html_table_begin(&page->body, "Memory of the ranks",
                        (const char *const[]){"Rank", "=Counted, at most", "#Of budget", "#Budget",
                                              "=Process, at most",
                                              spills ? "#To scratch disk" : NULL, NULL});
    for (size_t i = 0; i < count; i++)
        put_rank(page, (long)shown[i], most_rss, spills);
    mr_html_table_end(&page->body);
    mr_section_left_out(page, count, "memory");
    mr_section_end(page);
}

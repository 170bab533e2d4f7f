/*
 * page/section.h: the page as it grows: sections, each in a file of its own. One that has nothing
 * to show leaves nothing.
 */
#ifndef MR_PAGE_SECTION_H
#define MR_PAGE_SECTION_H

#include "page/facts.h"
#include "page/html.h"

typedef struct mr_page {
    const mr_facts *facts;
    mr_text body, links; /* to the sections that there are */
} mr_page;

/* `link` is a short name for the list at the top; `caption` (may be NULL) says what is shown. */
void mr_section_begin(mr_page *page, const char *id, const char *link, const char *title,
                      const char *caption);
void mr_section_end(mr_page *page);

/* The colours of what threads were at, with their names; of those of which there is any. */
void mr_section_legend(mr_page *page, const double *kinds);

/*
 * Which ranks are shown where there are too many: those with most and with least of what `name`
 * counts, in the order of ranks. `shown` has room for MR_PAGE_RANKS; returns how many. Says so
 * below the section when some are left out.
 */
enum { MR_PAGE_RANKS = 64 };
size_t mr_section_ranks(const mr_facts *facts, const char *name, size_t *shown);
void mr_section_left_out(mr_page *page, size_t shown, const char *what);

/* In the order of the page. */
void mr_section_head(mr_page *page);
void mr_section_advice(mr_page *page);
void mr_section_time(mr_page *page);
void mr_section_timeline(mr_page *page);
void mr_section_balance(mr_page *page);
void mr_section_exchange(mr_page *page);
void mr_section_memory(mr_page *page);
void mr_section_slowest(mr_page *page);
void mr_section_bad(mr_page *page);
void mr_section_keys(mr_page *page);
void mr_section_counters(mr_page *page);
void mr_section_tasks(mr_page *page);
void mr_section_graphs(mr_page *page);
void mr_section_pipelines(mr_page *page);
void mr_section_shared(mr_page *page);
void mr_section_table(mr_page *page);
void mr_section_rest(mr_page *page);

/* The report itself, for the script and for who saves the page: not a section. */
void mr_section_data(mr_text *html, const json_t *report);

#endif

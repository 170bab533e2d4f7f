/* page/tasks.c: fork-join and pools. */
#include "page/amount.h"
#include "page/section.h"

enum { MOST_SHOWN = 64 };

static void put_count(mr_page *page, const json_t *object, const char *name)
{
    mr_html_number(&page->body, mr_amount_count(mr_view_number(object, name)).text);
}

static void put_fork(mr_page *page, const json_t *fork)
{
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(fork, "name"));
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(fork, "seconds")).text);
    put_count(page, fork, "workers");
    put_count(page, fork, "divided");
    put_count(page, fork, "solved");
    put_count(page, fork, "stolen_between_threads");
    put_count(page, fork, "stolen_between_ranks");
    mr_html_number(&page->body, mr_amount_times(mr_view_number(fork, "busy_max_over_mean")).text);
    mr_html_row_end(&page->body);
}

static void put_forks(mr_page *page, const json_t *forks)
{
    mr_html_put(&page->body, "<h3>Fork-join</h3>\n");
    mr_html_table_begin(&page->body, "Fork-join",
                        (const char *const[]){"Name", "#Time", "#Workers", "#Divided", "#Solved",
                                              "#Taken by threads", "#Taken by ranks",
                                              "#Most over mean", NULL});
    for (size_t i = 0; i < json_array_size(forks) && i < MOST_SHOWN; i++)
        put_fork(page, json_array_get(forks, i));
    mr_html_table_end(&page->body);
}

static void put_kind(mr_page *page, const json_t *kind)
{
    const double tasks = mr_view_number(kind, "tasks"), items = mr_view_number(kind, "items");
    const double seconds = mr_view_number(kind, "seconds");
    mr_html_row_begin(&page->body);
    mr_html_code_cell(&page->body, mr_view_text(kind, "name"));
    put_count(page, kind, "tasks");
    put_count(page, kind, "items");
    put_count(page, kind, "failed");
    put_count(page, kind, "retries");
    mr_html_number(&page->body, mr_amount_seconds(seconds).text);
    mr_html_number(&page->body,
                   tasks + items > 0 ? mr_amount_seconds(seconds / (tasks + items)).text : "");
    mr_html_number(&page->body, mr_amount_share(mr_view_number(kind, "elsewhere")).text);
    mr_html_number(&page->body,
                   tasks > 0 ? mr_amount_seconds(mr_view_number(kind, "mean_latency")).text : "");
    mr_html_row_end(&page->body);
}

static void put_pool(mr_page *page, const json_t *pool)
{
    const json_t *kinds = mr_view_list(pool, "kinds");
    mr_text_printf(&page->body, "<h3>Pool of %s workers</h3>\n",
                   mr_amount_count(mr_view_number(pool, "workers")).text);
    mr_html_table_begin(&page->body, "Tasks of a pool",
                        (const char *const[]){"Kind", "#Tasks", "#Items", "#Failed", "#Retries",
                                              "#Time of all", "#Mean", "#On other ranks",
                                              "#Call to result", NULL});
    for (size_t i = 0; i < json_array_size(kinds) && i < MOST_SHOWN; i++)
        put_kind(page, json_array_get(kinds, i));
    mr_html_table_end(&page->body);
}

void mr_section_tasks(mr_page *page)
{
    const json_t *forks = mr_view_list(page->facts->report, "forks");
    const json_t *pools = mr_view_list(page->facts->report, "pools");
    if (json_array_size(forks) == 0 && json_array_size(pools) == 0)
        return;
    mr_section_begin(page, "tasks", "Tasks", "Tasks", NULL);
    if (json_array_size(forks) > 0)
        put_forks(page, forks);
    for (size_t i = 0; i < json_array_size(pools) && i < MOST_SHOWN; i++)
        put_pool(page, json_array_get(pools, i));
    mr_section_end(page);
}

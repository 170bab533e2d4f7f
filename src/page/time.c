/* page/time.c: where the time went: what all threads were at, and the phases of the job. */
#include "page/amount.h"
#include "page/section.h"

#include <math.h>
#include <stdio.h>

static const struct {
    const char *name, *kind;
} phases[] = {
    {"plan", "k-read"},   {"map", "k-map"},     {"combine", "k-exchange"},
    {"sort", "k-reduce"}, {"write", "k-write"},
};
enum { PHASES = sizeof phases / sizeof *phases };
#define SHORTEST 1e-6 /* seconds of a phase that is shown */

/* All of the threads' time in one bar; what no span tells of stays open at its end. */
static void put_stack(mr_page *page)
{
    mr_html_put(&page->body, "<div class=\"stack\" role=\"img\" aria-label=\"shares of the "
                             "threads' time; the table has the numbers\">");
    for (int kind = 0; kind < MR_KINDS; kind++)
        if (page->facts->kinds[kind] > 0)
            mr_text_printf(&page->body, "<i class=\"k-%s\" style=\"width:%.2f%%\"></i>",
                           mr_kind_name(kind), 100 * fmin(mr_facts_kind(page->facts, kind), 1));
    mr_html_put(&page->body, "</div>\n");
}

static void put_kind(mr_page *page, const char *name, const char *kind, double seconds,
                     double share)
{
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, name);
    mr_html_bar(&page->body, share, kind, mr_amount_share(share).text);
    mr_html_number(&page->body, mr_amount_seconds(seconds).text);
    mr_html_row_end(&page->body);
}

static void put_kinds(mr_page *page)
{
    const mr_facts *facts = page->facts;
    double untold = facts->threads_seconds;
    put_stack(page);
    mr_html_table_begin(
        &page->body, "What the threads were at",
        (const char *const[]){"Threads", "=Share of their time", "#All threads", NULL});
    for (int kind = 0; kind < MR_KINDS; kind++) {
        char class[32];
        snprintf(class, sizeof class, "k-%s", mr_kind_name(kind));
        untold -= facts->kinds[kind];
        if (facts->kinds[kind] > 0)
            put_kind(page, mr_kind_name(kind), class, facts->kinds[kind],
                     mr_facts_kind(facts, kind));
    }
    if (untold > 0)
        put_kind(page, "none of these", "k-none", untold, untold / facts->threads_seconds);
    mr_html_table_end(&page->body);
}

static void put_phase(mr_page *page, const json_t *phase, int i)
{
    const double most = mr_view_number(phase, "max");
    mr_html_row_begin(&page->body);
    mr_html_title_cell(&page->body, phases[i].name);
    mr_html_bar(&page->body, mr_facts_phase(page->facts, phases[i].name), phases[i].kind,
                mr_amount_share(mr_facts_phase(page->facts, phases[i].name)).text);
    mr_html_number(&page->body, mr_amount_seconds(most).text);
    mr_html_number(&page->body, mr_amount_seconds(mr_view_number(phase, "mean")).text);
    mr_html_row_end(&page->body);
}

/* Apps that drive themselves do not go through all of them. */
static bool is_there(const json_t *all, int phase)
{
    return mr_view_number(mr_view_object(all, phases[phase].name), "max") >= SHORTEST;
}

static bool any_is_there(const json_t *all)
{
    for (int i = 0; i < PHASES; i++)
        if (is_there(all, i))
            return true;
    return false;
}

static void put_phases(mr_page *page, const json_t *all)
{
    mr_html_table_begin(
        &page->body, "Phases",
        (const char *const[]){"Phase", "=Share of the job", "#Slowest rank", "#Mean", NULL});
    for (int i = 0; i < PHASES; i++)
        if (is_there(all, i))
            put_phase(page, mr_view_object(all, phases[i].name), i);
    mr_html_table_end(&page->body);
}

static void put_cost(mr_page *page)
{
    const json_t *cost = mr_view_object(page->facts->report, "cost");
    const double beat = mr_view_number(cost, "cores_to_beat_one");
    if (!(mr_view_number(cost, "serial_seconds") > 0))
        return;
    mr_text_printf(&page->body,
                   "<p>One thread would take about %s for all that these did; %s thread%s took "
                   "%s.",
                   mr_amount_seconds(mr_view_number(cost, "serial_seconds")).text,
                   mr_amount_count(mr_view_number(cost, "cores")).text,
                   mr_view_number(cost, "cores") == 1 ? "" : "s",
                   mr_amount_seconds(page->facts->seconds).text);
    if (beat > 0)
        mr_text_printf(&page->body, " It takes %s core%s to beat one thread.",
                       mr_amount_count(beat).text, beat == 1 ? "" : "s");
    mr_html_put(&page->body, "</p>\n");
}

void mr_section_time(mr_page *page)
{
    const json_t *all = mr_view_object(page->facts->report, "phases");
    const bool has_phases = any_is_there(all);
    if (!has_phases && !(page->facts->threads_seconds > 0))
        return;
    mr_section_begin(page, "time", "Time", "Where the time went",
                     page->facts->threads_seconds > 0
                         ? "What threads were at, and the phases that all ranks go through "
                           "together: plan lists the input, map reads it and calls kernels, "
                           "combine exchanges and merges, sort reduces and puts in order."
                         : "The phases that all ranks go through together: plan lists the input, "
                           "map reads it and calls kernels, combine exchanges and merges, sort "
                           "reduces and puts in order. What is between them is in none.");
    if (page->facts->threads_seconds > 0)
        put_kinds(page);
    if (has_phases)
        put_phases(page, all);
    put_cost(page);
    mr_section_end(page);
}

/* page/timeline.c: when each thread was at what; where there are too many threads, each rank. */
#include "page/timeline.h"

#include "page/amount.h"
#include "page/section.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_THREADS = 96, MOST_BINS = 800, LEAST_BINS = 48, ALL_BINS = 4200, TICKS = 8 };

static const json_t *row_of(const mr_facts *facts, size_t row)
{
    return json_array_get(facts->timeline, row);
}

static void add_row(const mr_bins *bins, const json_t *row)
{
    const json_t *spans = mr_view_list(row, "spans");
    mr_span span;
    for (size_t i = 0; i < json_array_size(spans); i++)
        if (mr_facts_span(json_array_get(spans, i), &span))
            mr_bins_add(bins, &span);
}

static void put_row(mr_page *page, const mr_bins *bins, const char *name, bool is_first)
{
    mr_text_printf(&page->body,
                   "<div class=\"row%s\"><span>%s</span><svg viewBox=\"0 0 %zu %d\" "
                   "preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                   is_first ? " first" : "", name, bins->count, MR_TIMELINE_HEIGHT);
    mr_bins_draw(bins, &page->body);
    mr_html_put(&page->body, "</svg></div>\n");
}

static void put_threads(mr_page *page, mr_bins *bins)
{
    double before = -1;
    for (size_t i = 0; i < json_array_size(page->facts->timeline); i++) {
        const json_t *row = row_of(page->facts, i);
        const double rank = mr_view_number(row, "rank");
        char name[64];
        snprintf(name, sizeof name, "rank %.0f.%.0f", fmin(fmax(rank, 0), 1e9),
                 fmin(fmax(mr_view_number(row, "thread"), 0), 1e9));
        mr_bins_clear(bins);
        bins->threads = 1;
        add_row(bins, row);
        put_row(page, bins, name, rank > before || rank < before);
        before = rank;
    }
}

static void put_rank(mr_page *page, mr_bins *bins, size_t rank)
{
    char name[32];
    mr_bins_clear(bins);
    bins->threads = 0;
    for (size_t i = 0; i < json_array_size(page->facts->timeline); i++)
        if (mr_view_index(row_of(page->facts, i), "rank", page->facts->rank_count) == (long)rank) {
            bins->threads++;
            add_row(bins, row_of(page->facts, i));
        }
    snprintf(name, sizeof name, "rank %zu", rank);
    bins->threads = fmax(bins->threads, 1);
    put_row(page, bins, name, true);
}

static void put_ranks(mr_page *page, mr_bins *bins, const size_t *shown, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_rank(page, bins, shown[i]);
}

/* 1, 2 or 5 and zeros, so that there are at most TICKS of them. */
static double tick_of(double seconds)
{
    const double least = seconds / TICKS, ten = pow(10, floor(log10(least)));
    return least <= ten ? ten : least <= 2 * ten ? 2 * ten : least <= 5 * ten ? 5 * ten : 10 * ten;
}

/* 0.25 s and 90 s alike. */
static void put_tick(mr_page *page, double at, double seconds)
{
    const double left = 100 * at / seconds;
    char text[48];
    if (at > 0 && seconds < 120)
        snprintf(text, sizeof text, seconds < 1 ? "%.4g ms" : "%.4g s",
                 seconds < 1 ? at * 1e3 : at);
    else
        snprintf(text, sizeof text, "%s", at > 0 ? mr_amount_seconds(at).text : "0");
    mr_text_printf(&page->body, "<span style=\"left:%.2f%%\">%s</span>", left, text);
}

static void put_axis(mr_page *page)
{
    const double seconds = page->facts->seconds, step = tick_of(seconds);
    mr_html_put(&page->body, "<div class=\"axis\" aria-hidden=\"true\"><div>");
    for (int i = 0; i * step <= seconds * 0.95 && i <= TICKS; i++)
        put_tick(page, i * step, seconds);
    mr_html_put(&page->body, "</div></div>\n");
}

static void put_rows(mr_page *page, bool by_threads, const size_t *shown, size_t count)
{
    const size_t rows = by_threads ? json_array_size(page->facts->timeline) : count;
    const size_t wished = ALL_BINS / rows;
    mr_bins bins = {.count = wished < LEAST_BINS  ? LEAST_BINS
                             : wished > MOST_BINS ? MOST_BINS
                                                  : wished,
                    .seconds = page->facts->seconds};
    bins.parts = malloc(bins.count * MR_KINDS * sizeof *bins.parts);
    if (!bins.parts) {
        page->body.failed = true;
        return;
    }
    mr_text_printf(&page->body,
                   "<div class=\"timeline%s\" data-seconds=\"%.9g\" role=\"img\" "
                   "aria-label=\"what each %s was at, by time; the table above has the sums\">\n",
                   rows > 32 ? " many" : "", page->facts->seconds, by_threads ? "thread" : "rank");
    if (by_threads)
        put_threads(page, &bins);
    else
        put_ranks(page, &bins, shown, count);
    put_axis(page);
    mr_html_put(&page->body, "</div>\n<p class=\"readout\" aria-hidden=\"true\">&nbsp;</p>\n");
    free(bins.parts);
}

void mr_section_timeline(mr_page *page)
{
    const mr_facts *facts = page->facts;
    const size_t rows = json_array_size(facts->timeline);
    const bool by_threads = rows <= MOST_THREADS;
    size_t shown[MR_PAGE_RANKS];
    const size_t count = mr_section_ranks(facts, "busy", shown);
    if (rows == 0 || facts->seconds < 1e-9 || (!by_threads && count == 0))
        return;
    mr_section_begin(page, "timeline", "Timeline", "Timeline",
                     by_threads
                         ? "A row for each thread (rank.thread), from the start of the job to its "
                           "end. A colour is as high as its part of that moment's time."
                         : "A row for each rank, from the start of the job to its end: a colour "
                           "is as high as its part of all the rank's threads at that moment.");
    mr_section_legend(page, facts->kinds);
    put_rows(page, by_threads, shown, count);
    if (!by_threads)
        mr_section_left_out(page, count, "time in kernels");
    mr_section_end(page);
}

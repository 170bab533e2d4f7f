/* page/bins.c: drawing a row of the timeline. */
#include "page/timeline.h"

#include <math.h>
#include <string.h>

void mr_bins_clear(mr_bins *bins)
{
    memset(bins->parts, 0, bins->count * MR_KINDS * sizeof *bins->parts);
}

void mr_bins_add(const mr_bins *bins, const mr_span *span)
{
    const double width = bins->seconds / (double)bins->count;
    const double end = fmin(span->end, bins->seconds);
    const double density = span->busy / (span->end - span->begin);
    if (!(span->begin < end))
        return;
    const size_t last = (size_t)fmin(end / width, (double)bins->count - 1);
    for (size_t bin = (size_t)(span->begin / width); bin <= last; bin++) {
        const double from = fmax(span->begin, (double)bin * width);
        const double to = fmin(end, (double)(bin + 1) * width);
        if (to > from)
            bins->parts[bin * MR_KINDS + (size_t)span->kind] += density * (to - from);
    }
}

/* How high kinds 0 to `kind` reach in a bin. */
static int top(const mr_bins *bins, size_t bin, int kind)
{
    const double whole = bins->threads * bins->seconds / (double)bins->count;
    double sum = 0;
    for (int i = 0; i <= kind; i++)
        sum += bins->parts[bin * MR_KINDS + (size_t)i];
    return (int)(MR_TIMELINE_HEIGHT * fmin(sum / whole, 1) + 0.5);
}

static bool is_there(const mr_bins *bins, int kind)
{
    for (size_t bin = 0; bin < bins->count; bin++)
        if (bins->parts[bin * MR_KINDS + (size_t)kind] > 0)
            return true;
    return false;
}

/* The outline of kinds 0 to `kind` together: bins of the same height are one step. */
static void draw(const mr_bins *bins, int kind, mr_text *html)
{
    int before = 0;
    mr_text_printf(html, "<path class=\"k-%s\" d=\"M0 %d", mr_kind_name(kind), MR_TIMELINE_HEIGHT);
    for (size_t bin = 0; bin < bins->count;) {
        const int height = top(bins, bin, kind);
        size_t end = bin + 1;
        while (end < bins->count && top(bins, end, kind) == height)
            end++;
        if (height != before)
            mr_text_printf(html, "V%d", MR_TIMELINE_HEIGHT - height);
        mr_text_printf(html, "H%zu", end);
        before = height;
        bin = end;
    }
    if (before != 0)
        mr_text_printf(html, "V%d", MR_TIMELINE_HEIGHT);
    mr_html_put(html, "z\"/>");
}

void mr_bins_draw(const mr_bins *bins, mr_text *html)
{
    for (int kind = MR_KINDS - 1; kind >= 0; kind--)
        if (is_there(bins, kind))
            draw(bins, kind, html);
}

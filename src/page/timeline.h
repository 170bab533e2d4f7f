/*
 * page/timeline.h: a row of the timeline as a drawing: its time is cut into bins, and each kind has
 * that part of a bin's height that it had of the bin's time.
 */
#ifndef MR_PAGE_TIMELINE_H
#define MR_PAGE_TIMELINE_H

#include "page/facts.h"
#include "page/html.h"

enum { MR_TIMELINE_HEIGHT = 12 }; /* units of the drawing */

typedef struct mr_bins {
    size_t count;
    double seconds; /* of all of them */
    double threads; /* how many are drawn into one row */
    double *parts;  /* count x MR_KINDS seconds */
} mr_bins;

void mr_bins_clear(mr_bins *bins);
/* Deals a span out to the bins that it lies in. */
void mr_bins_add(const mr_bins *bins, const mr_span *span);
/* One path for each kind of which there is any, the ones behind first. */
void mr_bins_draw(const mr_bins *bins, mr_text *html);

#endif

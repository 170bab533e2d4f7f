/* engine/map.h: kernels over files. */
#ifndef MR_ENGINE_MAP_H
#define MR_ENGINE_MAP_H

#include "engine/feed.h"
#include "input/reader.h"

/* Collective. Runs a feed whose units are the splits of a plan: fills in what the feed needs for
 * that, and leaves job, app, store, shuffle and context to the caller. */
typedef struct mr_step mr_step;
mr_status mr_map_input(mr_feed *feed, const mr_plan *plan, mr_records records,
                       mr_map_kernel *kernel);

/* Local, while it stands still: whether a compressed file was begun and not ended; puts how far
 * compressed files were read. */
bool mr_map_is_reading(const mr_step *step);
mr_status mr_map_save(mr_step *step);

#endif

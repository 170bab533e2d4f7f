/*
 * sets/kept.h: values that are gone through more than once, and may be more than memory holds: what
 * does not fit goes to the scratch disk.
 */
#ifndef MR_SETS_KEPT_H
#define MR_SETS_KEPT_H

#include "base/page.h"
#include "store/spill.h"

#include <mapred/pair.h>

typedef struct mr_kept {
    size_t memory; /* bytes it may hold */
    const char *scratch;
    unsigned char *bytes; /* those in memory, and those being read: u32 size, value, padded to 8 */
    size_t size, capacity;
    mr_spill *spill;
    mr_spill_buffer buffer;
    mr_extent *extents;
    size_t extent_count, extent_capacity;
    /* Reading: the extent, and what is left of its frame or of memory. */
    size_t extent;
    mr_spill_reader reader;
    bool open;
    const unsigned char *at, *end;
} mr_kept;

void mr_kept_start(mr_kept *kept, size_t memory, const char *scratch);
void mr_kept_end(mr_kept *kept);
mr_status mr_kept_add_all(mr_kept *kept, mr_values *values, mr_error *error);
/* From the first value on. */
void mr_kept_rewind(mr_kept *kept);
/* The next value, valid until the one after it is asked for; NULL data at the end. */
mr_status mr_kept_next(mr_kept *kept, mr_bytes *value, mr_error *error);

#endif

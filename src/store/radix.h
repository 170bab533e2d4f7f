/*
 * store/radix.h: refs in the order of their prefixes, without a look at what they refer to. The
 * innermost loop of all sorting of pairs.
 */
#ifndef MR_STORE_RADIX_H
#define MR_STORE_RADIX_H

#include <mapred/pair.h>

/* Upwards and stable. Fewer than 2^32 refs; `scratch` holds as many. */
void mr_radix_sort(mr_pair_ref *refs, mr_pair_ref *scratch, size_t count);

#endif

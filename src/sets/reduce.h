/* sets/reduce.h: between reduce.c and uneven.c. */
#ifndef MR_SETS_REDUCE_H
#define MR_SETS_REDUCE_H

#include "sets/set.h"

/* Collective. Reduces the piles that have `most` pairs or fewer, each by itself, into a new set,
 * or, where `*to` is one already, into that. */
mr_status mr_reduce_piles(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                          uint64_t most, mr_set **to);

/* The order of a set by key in which values stand as a kernel wants them. */
mr_pair_order mr_group_order(const mr_set *set, mr_values_order values);

/* Collective. Whether some piles have so much more than others that a rank would wait for them. An
 * error where the result of such a reduce could not be reduced again. */
mr_status mr_set_is_uneven(mr_set *set, const mr_set_options *options, bool *uneven);
/* Collective. Reduces such a set with an associative kernel. */
mr_status mr_reduce_uneven(mr_set *set, mr_reduce_kernel *kernel, const mr_set_options *options,
                           mr_set **to);

#endif

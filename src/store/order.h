/*
 * store/order.h: the order that rows come out in: by key or by the first cell of the value, upwards
 * or downwards. Rows of the same value stand in the order of their keys, upwards either way.
 */
#ifndef MR_STORE_ORDER_H
#define MR_STORE_ORDER_H

#include "base/settings.h"
#include "store/record.h"

typedef struct mr_order {
    mr_sort sort;
    bool reverse;
    const mr_fold *fold;
} mr_order;

/* A record with the first 64 bits of what it is ordered by. */
typedef struct mr_ref {
    uint64_t prefix;
    const mr_record *record;
} mr_ref;

/* Records with a smaller prefix come first; of those with the same, mr_order_compare knows. */
uint64_t mr_order_prefix(const mr_order *order, const mr_record *record);
int mr_order_compare(const mr_order *order, mr_ref a, mr_ref b);

/* Sorts fewer than 2^32 refs; what their prefixes are afterwards is nobody's business. `scratch`
 * holds as many. */
void mr_order_sort(const mr_order *order, mr_ref *refs, mr_ref *scratch, size_t count);

#endif

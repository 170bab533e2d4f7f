/* store/many.c: entries by partition. Holds one partition at a time and never waits while holding
 * it. */
#include "store/many.h"

#include <sched.h>

typedef struct places {
    uint32_t ends[1u << MR_STORE_BITS_MOST]; /* of each partition's part of the order */
    uint64_t done[(1u << MR_STORE_BITS_MOST) / 64];
} places;

static void order_by_partition(const mr_store *store, const mr_many *many, uint32_t *ends)
{
    for (size_t i = 0; i < many->count; i++)
        ends[mr_store_partition_of(store, many->hashes[i])]++;
    uint32_t sum = 0;
    for (unsigned p = 0; p < store->count; p++) {
        uint32_t here = ends[p];
        ends[p] = sum;
        sum += here;
    }
    for (size_t i = 0; i < many->count; i++)
        many->order[ends[mr_store_partition_of(store, many->hashes[i])]++] = many->names[i];
}

static mr_status fold_run(mr_store *store, mr_partition *partition, const mr_many *many,
                          const uint32_t *names, size_t count, mr_error *error)
{
    mr_entry batch[MR_STORE_BATCH];
    while (count > 0) {
        size_t some = count < MR_STORE_BATCH ? count : MR_STORE_BATCH;
        many->list(many->context, names, some, batch);
        MR_TRY(mr_store_fold(store, partition, batch, some, error));
        names += some;
        count -= some;
    }
    return MR_OK;
}

mr_status mr_store_fold_many(mr_store *store, const mr_many *many, mr_error *error)
{
    places at = {0};
    order_by_partition(store, many, at.ends);
    unsigned left = store->count;
    for (unsigned turn = 0; left > 0; turn++) {
        unsigned p = (many->turn + turn) & (store->count - 1);
        if (at.done[p / 64] >> p % 64 & 1)
            continue;
        uint32_t begin = p ? at.ends[p - 1] : 0;
        mr_partition *partition = &store->partitions[p];
        if (begin < at.ends[p]) {
            if (!mr_partition_claim(partition)) {
                if (turn > store->count)
                    sched_yield();
                continue;
            }
            mr_status status =
                fold_run(store, partition, many, many->order + begin, at.ends[p] - begin, error);
            mr_partition_release(partition);
            MR_TRY(status);
        }
        at.done[p / 64] |= UINT64_C(1) << p % 64;
        left--;
    }
    return MR_OK;
}

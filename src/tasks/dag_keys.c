/* tasks/dag_keys.c: tasks by their keys: open addressing, at most half full. */
#include "tasks/dag.h"

#include "base/memory.h"

#include <xxhash.h>

#define FIRST 256
#define WHAT  "keys of tasks"

uint64_t mr_dag_key_hash(mr_bytes key)
{
    return XXH3_64bits(key.data, key.size);
}

static mr_delayed **slot_of(mr_delayed **slots, uint64_t count, mr_bytes key, uint64_t hash)
{
    uint64_t at = hash & (count - 1);
    while (slots[at] && !(slots[at]->hash == hash && mr_bytes_equal(slots[at]->key, key)))
        at = (at + 1) & (count - 1);
    return &slots[at];
}

mr_delayed *mr_dag_key_find(const mr_dag *dag, mr_bytes key, uint64_t hash)
{
    return dag->slot_count ? *slot_of(dag->slots, dag->slot_count, key, hash) : NULL;
}

mr_status mr_dag_key_reserve(mr_dag *dag)
{
    if (dag->key_count * 2 < dag->slot_count)
        return MR_OK;
    const uint64_t count = dag->slot_count ? dag->slot_count * 2 : FIRST;
    mr_delayed **slots = mr_memory_allocate(count * sizeof *slots, WHAT, &dag->error);
    if (!slots)
        return MR_NO_MEMORY;
    memset(slots, 0, count * sizeof *slots);
    for (uint64_t i = 0; i < dag->slot_count; i++)
        if (dag->slots[i])
            *slot_of(slots, count, dag->slots[i]->key, dag->slots[i]->hash) = dag->slots[i];
    mr_memory_free(dag->slots, dag->slot_count * sizeof *slots);
    dag->slots = slots;
    dag->slot_count = count;
    return MR_OK;
}

void mr_dag_key_add(mr_dag *dag, mr_delayed *task)
{
    *slot_of(dag->slots, dag->slot_count, task->key, task->hash) = task;
    dag->key_count++;
}

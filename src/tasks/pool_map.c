/* tasks/pool_map.c */
#include "tasks/pool.h"

mr_chunk_late mr_chunk_take_late(mr_task *frame)
{
    (void)frame;
    return (mr_chunk_late){0};
}

void mr_chunk_end_late(mr_pool *pool, const mr_chunk_late *late)
{
    (void)pool;
    (void)late;
}

void mr_map_stop_all(mr_pool *pool)
{
    (void)pool;
}

/* tasks/pool_report.c: what a pool did, in the report and with -v. */
#include "tasks/pool.h"

void mr_pool_count(mr_pool *pool, const mr_future *record, const mr_outcome *outcome)
{
    (void)pool;
    (void)record;
    (void)outcome;
}

mr_status mr_pool_report(mr_pool *pool)
{
    (void)pool;
    return MR_OK;
}

/* base/stray.c: the one number of the process that says how many threads were left behind. */
#include "base/stray.h"

#include <stdatomic.h>

static atomic_int strays;

void mr_stray_add(int count)
{
    atomic_fetch_add(&strays, count);
}

int mr_stray_count(void)
{
    return atomic_load(&strays);
}

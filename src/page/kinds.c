/* page/kinds.c: the names of what threads are at. */
#include "page/kinds.h"

#include <stddef.h>
#include <string.h>

static const char *const names[MR_KINDS] = {
    [MR_KIND_TASK] = "task",   [MR_KIND_READ] = "read",   [MR_KIND_MAP] = "map",
    [MR_KIND_FOLD] = "fold",   [MR_KIND_MERGE] = "merge", [MR_KIND_EXCHANGE] = "exchange",
    [MR_KIND_SPILL] = "spill", [MR_KIND_WRITE] = "write", [MR_KIND_CHECKPOINT] = "checkpoint",
    [MR_KIND_OTHER] = "other", [MR_KIND_WAIT] = "wait",   [MR_KIND_REDUCE] = "reduce",
};

const char *mr_kind_name(int kind)
{
    return names[kind];
}

int mr_kind_find(const char *name)
{
    for (int kind = 0; name && kind < MR_KINDS; kind++)
        if (strcmp(name, names[kind]) == 0)
            return kind;
    return MR_KIND_OTHER;
}

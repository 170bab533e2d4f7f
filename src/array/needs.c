/* array/needs.c: walking down an expression with a box. A node that is met again with the same box
 * is not gone into again: expressions may have many more paths than nodes. */
#include "array/needs.h"

#include "array/evaluate.h"

#include <stdlib.h>

void mr_needs_free(mr_needs *needs)
{
    free(needs->list);
    *needs = (mr_needs){0};
}

static mr_status add(mr_needs *needs, const mr_array *array, const mr_box *box, mr_error *error)
{
    for (size_t i = needs->count; i-- > 0;)
        if (needs->list[i].array == array && mr_box_is(&needs->list[i].box, box))
            return MR_OK;
    if (needs->count == needs->room) {
        size_t room = needs->room * 2 + 16;
        mr_need *list = realloc(needs->list, room * sizeof *list);
        if (!list)
            return mr_error_set(error, MR_NO_MEMORY, "out of memory: looking at an expression");
        needs->list = list;
        needs->room = room;
    }
    needs->list[needs->count++] = (mr_need){array, *box};
    return MR_OK;
}

mr_status mr_needs_of(mr_needs *needs, const mr_array *array, const mr_box *box, mr_error *error)
{
    needs->count = 0;
    MR_TRY(add(needs, array, box, error));
    for (size_t i = 0; i < needs->count; i++) {
        mr_box boxes[MR_ARRAY_OPERANDS];
        const mr_array *node = needs->list[i].array;
        mr_box at = needs->list[i].box;
        if (mr_box_count(&at) == 0)
            continue;
        mr_array_needs(node, &at, boxes);
        for (unsigned k = 0; k < node->operand_count; k++)
            MR_TRY(add(needs, node->operands[k], &boxes[k], error));
    }
    return MR_OK;
}

bool mr_array_is_spread(const mr_array *array)
{
    const mr_kept_array *kept = mr_array_memory(array);
    return kept && !kept->everywhere;
}

/* tasks/fork_node.c: nodes of the tree, and results. */
#include "tasks/fork.h"

/* The node by which the way up from the parts of `parent` is cut short. */
static fork_node *anchor_below(fork_node *parent)
{
    if (parent->depth < FORK_STEPS)
        return NULL;
    return parent->depth == FORK_STEPS || (parent->flags & FORK_FOREIGN) ? parent : parent->anchor;
}

fork_node *mr_fork_node_new(mr_fork *fork, fork_node *parent, size_t size)
{
    fork_node *node = mr_fork_take(fork, sizeof *node + size);
    if (!node)
        return NULL;
    node->parent = parent;
    node->next = node->first = NULL;
    node->anchor = parent ? anchor_below(parent) : NULL;
    node->size = size;
    node->index = parent ? parent->count : 0;
    node->depth = parent ? parent->depth + 1 : 0;
    node->count = 0;
    node->flags = 0;
    node->has_result = false;
    node->result.size = 0;
    node->result.far = NULL;
    return node;
}

/* Only a checkpoint asks which foreign nodes there are. */
static void list(fork_run *run, fork_origin *origin)
{
    fork_lock_take(&run->listing);
    origin->next = run->origins;
    origin->link = &run->origins;
    if (origin->next)
        origin->next->link = &origin->next;
    run->origins = origin;
    fork_lock_give(&run->listing);
}

static void unlist(fork_run *run, fork_origin *origin)
{
    fork_lock_take(&run->listing);
    *origin->link = origin->next;
    if (origin->next)
        origin->next->link = origin->link;
    fork_lock_give(&run->listing);
}

bool mr_fork_node_origin(mr_fork *fork, fork_node *node, int rank, uint64_t there)
{
    fork_origin *origin = mr_fork_take(fork, sizeof *origin);
    if (!origin)
        return false;
    origin->rank = rank;
    origin->node = there;
    origin->here = node;
    node->origin = origin;
    node->flags |= FORK_FOREIGN;
    if (fork->run->keeps)
        list(fork->run, origin);
    return true;
}

void mr_fork_node_free(mr_fork *fork, fork_node *node)
{
    if (!(node->flags & FORK_BORROWS))
        mr_fork_result_free(fork, &node->result);
    if (node->flags & FORK_FOREIGN) {
        if (fork->run->keeps)
            unlist(fork->run, node->origin);
        mr_fork_give(fork, node->origin, sizeof *node->origin);
    }
    mr_fork_give(fork, node, sizeof *node + node->size);
}

char *mr_fork_result_room(mr_fork *fork, fork_result *result, size_t size)
{
    mr_fork_result_free(fork, result);
    if (size > FORK_NEAR) {
        result->far = mr_fork_take(fork, size);
        if (!result->far)
            return NULL;
    }
    result->size = size;
    return result->far ? result->far : result->near;
}

void mr_fork_result_free(mr_fork *fork, fork_result *result)
{
    if (result->far)
        mr_fork_give(fork, result->far, result->size);
    result->far = NULL;
    result->size = 0;
}

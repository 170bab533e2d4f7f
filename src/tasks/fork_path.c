/*
 * tasks/fork_path.c: what a task is called: the way to it from the root, as numbers of parts. Used
 * within the handler of a crash, so it reads memory and does nothing else.
 */
#include "tasks/fork.h"

#include <string.h>

/* Of the steps above `node` those that the path keeps, from below. */
static void note(fork_path *path, const fork_node *node, uint32_t top)
{
    for (const fork_node *at = node; at && at->depth > top && at->parent; at = at->parent) {
        uint32_t step = at->depth - 1;
        if (step < FORK_STEPS)
            path->first[step] = at->index;
        if (step + FORK_STEPS >= path->depth)
            path->last[step % FORK_STEPS] = at->index;
    }
}

/* The foreign node that is above `node` or is it, near enough to be found; NULL: none is. */
static const fork_node *start_of(const fork_node *node)
{
    for (uint32_t i = 0; node->parent && i <= FORK_STEPS; i++)
        node = node->parent;
    return node->flags & FORK_FOREIGN ? node : NULL;
}

static void inherit(fork_path *path, const fork_path *from)
{
    memcpy(path->first, from->first, sizeof path->first);
    for (uint32_t step = from->depth > FORK_STEPS ? from->depth - FORK_STEPS : 0;
         step < from->depth; step++)
        if (step + FORK_STEPS >= path->depth)
            path->last[step % FORK_STEPS] = from->last[step % FORK_STEPS];
}

void mr_fork_path(const fork_node *node, fork_path *path)
{
    path->depth = node->depth;
    const fork_node *anchor =
        node->depth > FORK_STEPS && !(node->flags & FORK_FOREIGN) ? node->anchor : node;
    const fork_node *start = start_of(anchor);
    if (start)
        inherit(path, &start->origin->path);
    note(path, anchor, 0);
    if (anchor != node)
        note(path, node, node->depth > FORK_STEPS ? node->depth - FORK_STEPS : 0);
}

typedef struct text {
    char *at, *end;
} text;

static void add(text *out, const char *what)
{
    while (*what && out->at < out->end)
        *out->at++ = *what++;
}

static void add_step(text *out, uint32_t number)
{
    char digits[12];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    add(out, ".");
    while (count > 0 && out->at < out->end)
        *out->at++ = digits[--count];
}

size_t mr_fork_path_text(const fork_path *path, char *bytes, size_t room)
{
    text out = {bytes, bytes + room};
    const uint32_t depth = path->depth, head = depth < FORK_STEPS ? depth : FORK_STEPS;
    add(&out, "root");
    for (uint32_t step = 0; step < head; step++)
        add_step(&out, path->first[step]);
    if (depth > 2 * FORK_STEPS)
        add(&out, "...");
    for (uint32_t step = depth - head > FORK_STEPS ? depth - FORK_STEPS : head; step < depth;
         step++)
        add_step(&out, path->last[step % FORK_STEPS]);
    return (size_t)(out.at - bytes);
}

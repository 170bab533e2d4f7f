/*
 * apps/uts.c: the Unbalanced Tree Search benchmark: counts the nodes and leaves of a tree, and how
 * deep it is. Nobody knows beforehand how large a part of it is; finding a node takes some 50 ns.
 *
 * So a task is not a node but a set of nodes, of which all that is below is counted. A thread keeps
 * them on a stack of its own and walks depth first. When somebody wants work it gives every second
 * one away, from the bottom, where the largest are, to the top: of any tree that is about half.
 */
#include <mapred.h>

#include "uts_tree.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* Nodes with children that are looked at before something is given away (again): some 50
 * microseconds, or 100 times what it takes. */
#define PATIENCE 256
/* Nodes that a stack has room for at first. */
#define ROOM 4096

/* Of one thread; in a cache line that no other thread writes to. */
typedef struct stack {
    _Alignas(64) uts_node *nodes;
    size_t size, room;
} stack;

typedef struct state {
    const char *name, *type, *shape;
    double branching, q, shift;
    int64_t depth, m;
    uts_tree tree;
    mr_job *job;
    stack *stacks; /* one a thread */
} state;

/* ---- Stacks ---- */

static mr_status make_room(mr_fork *fork, stack *nodes, size_t more)
{
    mr_job *job = ((state *)mr_fork_context(fork))->job;
    size_t room = nodes->room ? nodes->room : ROOM;
    while (room < nodes->size + more)
        room *= 2;
    if (room == nodes->room)
        return MR_OK;
    uts_node *larger = mr_job_allocate(job, room * sizeof *larger);
    if (!larger)
        return mr_fork_fail(fork, MR_NO_MEMORY, "out of memory: a stack of %zu nodes", room);
    if (nodes->size > 0)
        memcpy(larger, nodes->nodes, nodes->size * sizeof *larger);
    mr_job_release(job, nodes->nodes, nodes->room * sizeof *larger);
    nodes->nodes = larger;
    nodes->room = room;
    return MR_OK;
}

/* Every second node, the one at the bottom first. They are brought together above the stack. */
static mr_status give_half(mr_fork *fork, stack *nodes)
{
    const size_t given = (nodes->size + 1) / 2, kept = nodes->size / 2;
    MR_TRY(make_room(fork, nodes, given));
    uts_node *top = nodes->nodes + nodes->size;
    for (size_t i = 0; i < given; i++)
        top[i] = nodes->nodes[2 * i];
    for (size_t i = 0; i < kept; i++)
        nodes->nodes[i] = nodes->nodes[2 * i + 1];
    nodes->size = kept;
    return mr_fork_put(fork, mr_bytes_at((const char *)top, given * sizeof *top));
}

/* ---- Kernels ---- */

/* The children of a node: counted, and those that have some themselves left at the top. */
static void visit(const uts_tree *tree, const uts_node *node, stack *nodes, uts_counts *counts)
{
    uts_node *children = nodes->nodes + nodes->size, *kept = children;
    uts_spawn(tree, node, 0, node->children, children);
    for (uint32_t i = 0; i < node->children; i++) {
        const uint32_t count = uts_count(tree, &children[i]);
        *kept = children[i];
        kept->children = count;
        kept += count > 0;
    }
    const uint64_t inner = (uint64_t)(kept - children);
    nodes->size += inner;
    counts->nodes += node->children;
    counts->leaves += node->children - inner;
    if (node->depth >= counts->depth)
        counts->depth = (uint64_t)node->depth + 1;
}

static mr_status walk(mr_fork *fork, const uts_tree *tree, stack *nodes, uts_counts *counts)
{
    const mr_fork_signs *signs = mr_fork_look(fork);
    unsigned since = 0;
    while (nodes->size > 0 && !mr_fork_cancelled(signs)) {
        if (mr_fork_stopping(signs))
            return mr_fork_put(
                fork, mr_bytes_at((const char *)nodes->nodes, nodes->size * sizeof *nodes->nodes));
        if (++since >= PATIENCE && mr_fork_wanted(signs) && nodes->size > 1) {
            MR_TRY(give_half(fork, nodes));
            since = 0;
        }
        const uts_node node = nodes->nodes[--nodes->size];
        if (nodes->room - nodes->size < node.children)
            MR_TRY(make_room(fork, nodes, node.children));
        visit(tree, &node, nodes, counts);
    }
    return MR_OK;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    state *s = mr_fork_context(fork);
    stack *nodes = &s->stacks[mr_fork_thread(fork)];
    uts_counts counts = {0};
    nodes->size = 0;
    MR_TRY(make_room(fork, nodes, task.size / sizeof *nodes->nodes));
    memcpy(nodes->nodes, task.data, task.size);
    nodes->size = task.size / sizeof *nodes->nodes;
    MR_TRY(walk(fork, &s->tree, nodes, &counts));
    return mr_fork_return(fork, &counts, sizeof counts);
}

static void add(uts_counts *to, mr_bytes result)
{
    uts_counts more;
    memcpy(&more, result.data, sizeof more);
    to->nodes += more.nodes;
    to->leaves += more.leaves;
    to->depth = more.depth > to->depth ? more.depth : to->depth;
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t parts)
{
    uts_counts counts = {0};
    (void)task;
    for (size_t i = 0; i < parts; i++)
        add(&counts, results[i]);
    return mr_fork_return(fork, &counts, sizeof counts);
}

/* ---- The job ---- */

static mr_status write_counts(mr_job *job, const uts_counts *counts)
{
    char text[128];
    const int size =
        snprintf(text, sizeof text, "nodes\t%" PRIu64 "\nleaves\t%" PRIu64 "\ndepth\t%" PRIu64 "\n",
                 counts->nodes, counts->leaves, counts->depth);
    return mr_job_write_text(job, text, (size_t)size);
}

static mr_status search(mr_job *job, state *s)
{
    const uts_node root = uts_root(&s->tree);
    const mr_fork_join how = {
        .size = sizeof how, .name = "uts", .solve = solve, .join = join, .context = s};
    uts_counts counts = {.nodes = 1, .leaves = root.children == 0};
    mr_item result = {0};
    if (root.children > 0)
        MR_TRY(mr_fork_run(job, &how, mr_bytes_at((const char *)&root, sizeof root), &result));
    if (result.bytes.size == sizeof counts)
        add(&counts, result.bytes);
    mr_item_free(&result);
    return write_counts(job, &counts);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const unsigned threads = mr_job_threads(job);
    s->job = job;
    s->stacks = mr_job_allocate(job, threads * sizeof *s->stacks);
    if (!s->stacks)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: stacks of %u threads", threads);
    MR_TRY(mr_job_agree(job));
    uts_prepare(&s->tree);
    mr_status status = search(job, s);
    for (unsigned i = 0; i < threads; i++)
        mr_job_release(job, s->stacks[i].nodes, s->stacks[i].room * sizeof *s->stacks[i].nodes);
    mr_job_release(job, s->stacks, threads * sizeof *s->stacks);
    return status;
}

/* ---- Options ---- */

/* A word of a list, by its place in it; *number stays what it is where there is none. */
static mr_status find_word(mr_job *job, const char *option, const char *word,
                           const char *const words[], int *number)
{
    if (!word)
        return MR_OK;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0) {
            *number = i;
            return MR_OK;
        }
    return mr_job_fail(job, MR_USAGE, "wrong --%s: %s: see mapred help uts", option, word);
}

/* What is said on the command line, over what the sample has. */
static mr_status read_tree(mr_job *job, state *s)
{
    static const char *const types[] = {"binomial", "geometric", "hybrid", NULL};
    static const char *const shapes[] = {"linear", "exponential", "cyclic", "fixed", NULL};
    uts_tree *t = &s->tree;
    int type, shape;
    *t = (uts_tree){UTS_GEOMETRIC, UTS_LINEAR, 4, 6, 0.5, 15.0 / 64, 4, 0, {0}, false};
    if (s->name && !uts_find_sample(s->name, t))
        return mr_job_fail(job, MR_USAGE, "no such tree: %s: give t1 to t5, or t1l to t3l",
                           s->name);
    type = (int)t->type;
    shape = (int)t->shape;
    MR_TRY(find_word(job, "type", s->type, types, &type));
    MR_TRY(find_word(job, "shape", s->shape, shapes, &shape));
    t->type = (uts_type)type;
    t->shape = (uts_shape)shape;
    t->branching = s->branching != 0 ? s->branching : t->branching;
    t->depth = s->depth != 0 ? s->depth : t->depth;
    t->shift = s->shift != 0 ? s->shift : t->shift;
    t->q = s->q != 0 ? s->q : t->q;
    t->m = s->m != 0 ? s->m : t->m;
    t->seed = mr_job_seed(job) ? (int64_t)mr_job_seed(job) : t->seed;
    return MR_OK;
}

/* Trees that may have no end are refused. */
static mr_status check_tree(mr_job *job, const uts_tree *t)
{
    if (!(t->branching > 0 && t->branching <= 1e6))
        return mr_job_fail(job, MR_USAGE, "wrong --branching: %g: give one up to 1000000",
                           t->branching);
    if (t->depth < 1 || t->depth > 1000000)
        return mr_job_fail(job, MR_USAGE, "wrong --depth: %" PRId64 ": give one from 1 to 1000000",
                           t->depth);
    if (!(t->shift > 0 && t->shift <= 1))
        return mr_job_fail(job, MR_USAGE, "wrong --shift: %g: give one above 0, up to 1", t->shift);
    if (t->m < 1 || t->m > UTS_CHILDREN)
        return mr_job_fail(job, MR_USAGE, "wrong --m: %" PRId64 ": give one from 1 to %d", t->m,
                           UTS_CHILDREN);
    if (!(t->q > 0 && t->q <= 1) || (t->type != UTS_GEOMETRIC && t->q * (double)t->m >= 1))
        return mr_job_fail(job, MR_USAGE,
                           "wrong --q: %g: give one above 0; times --m it has to be below 1, or "
                           "the tree may have no end",
                           t->q);
    if (t->type != UTS_BINOMIAL && t->shape == UTS_EXPONENTIAL &&
        (t->depth < 2 || t->branching < 1))
        return mr_job_fail(job, MR_USAGE,
                           "wrong tree: exponential: --depth has to be 2 or more, --branching 1");
    if (t->seed < 0 || t->seed > INT32_MAX)
        return mr_job_fail(job, MR_USAGE, "wrong --seed: give one below 2^31");
    return MR_OK;
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "wrong input: %s: uts takes none", mr_job_input(job, 0));
    MR_TRY(read_tree(job, s));
    return check_tree(job, &s->tree);
}

static const mr_option options[] = {
    {"tree", MR_OPTION_TEXT, offsetof(state, name), NULL,
     "a sample of the benchmark: t1 to t5 (4 million nodes), t1l to t3l (100 million)", false},
    {"type", MR_OPTION_TEXT, offsetof(state, type), NULL,
     "binomial, geometric or hybrid (geometric above, binomial below); else geometric", false},
    {"shape", MR_OPTION_TEXT, offsetof(state, shape), NULL,
     "how a geometric one narrows: linear, exponential, cyclic or fixed; else linear", false},
    {"depth", MR_OPTION_I64, offsetof(state, depth), NULL,
     "where a geometric one ends (exponential, cyclic: its scale); else 6", false},
    {"branching", MR_OPTION_F64, offsetof(state, branching), NULL,
     "children of the root: all of a binomial one, the mean of others; else 4", false},
    {"q", MR_OPTION_F64, offsetof(state, q), NULL,
     "of a binomial one: probability that a node has children; else 15/64", false},
    {"m", MR_OPTION_I64, offsetof(state, m), NULL, "how many it has then; else 4", false},
    {"shift", MR_OPTION_F64, offsetof(state, shift), NULL,
     "part of the depth at which a hybrid one becomes binomial; else 0.5", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "uts",      .summary = "count the nodes of an unbalanced tree: UTS",
    .usage = "",    .options = options, .state_size = sizeof(state),
    .setup = setup, .run = run,
};

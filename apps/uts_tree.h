/*
 * apps/uts_tree.h: the trees of the Unbalanced Tree Search benchmark (Olivier and others, 2006): of
 * a node 20 bytes say all, how many children it has and, by SHA-1, what their 20 bytes are.
 */
#ifndef APPS_UTS_TREE_H
#define APPS_UTS_TREE_H

#include "sha1.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Depths of which it is kept how the numbers of children are spread. */
#define UTS_DEPTHS 512
/* No other node than the root of a binomial tree has more children. */
#define UTS_CHILDREN 100

typedef enum uts_type { UTS_BINOMIAL, UTS_GEOMETRIC, UTS_HYBRID } uts_type;
typedef enum uts_shape { UTS_LINEAR, UTS_EXPONENTIAL, UTS_CYCLIC, UTS_FIXED } uts_shape;

typedef struct uts_node {
    uint32_t state[5]; /* 20 bytes, the first one highest in its word */
    uint32_t depth, children;
} uts_node;

typedef struct uts_tree {
    uts_type type;
    uts_shape shape;  /* of a geometric one, and the upper part of a hybrid one */
    double branching; /* children of the root: all of a binomial one, else the mean */
    int64_t depth;    /* where a geometric one ends, or bends */
    double shift;     /* part of `depth` at which a hybrid one becomes binomial */
    double q;         /* of a binomial one: probability of having children */
    int64_t m;        /* and how many they are then */
    int64_t seed;
    double spread[UTS_DEPTHS]; /* by depth: uts_spread */
    bool is_fast;
} uts_tree;

/* What a search finds; depth is that of the deepest node, the root's being 0. */
typedef struct uts_counts {
    uint64_t nodes, leaves, depth;
} uts_counts;

/* ---- How many children ---- */

/* The mean number of children at a depth. */
static inline double uts_mean(const uts_tree *tree, double depth)
{
    const double most = (double)tree->depth;
    if (depth <= 0)
        return tree->branching;
    switch (tree->shape) {
    case UTS_EXPONENTIAL:
        return tree->branching * pow(depth, -log(tree->branching) / log(most));
    case UTS_CYCLIC:
        return depth > 5 * most ? 0
                                : pow(tree->branching, sin(2.0 * 3.141592653589793 * depth / most));
    case UTS_FIXED:
        return depth < most ? tree->branching : 0;
    default:
        return tree->branching * (1.0 - depth / most);
    }
}

/* A node has k children or more with a probability of e^(k * spread). */
static inline double uts_spread(const uts_tree *tree, double depth)
{
    const double p = 1.0 / (1.0 + uts_mean(tree, depth));
    return log(1 - p);
}

static inline uint32_t uts_count_geometric(const uts_tree *tree, const uts_node *node, double u)
{
    const double spread = node->depth < UTS_DEPTHS ? tree->spread[node->depth]
                                                   : uts_spread(tree, (double)node->depth);
    const double count = floor(log(1 - u) / spread);
    return count < UTS_CHILDREN ? (uint32_t)count : UTS_CHILDREN;
}

static inline uint32_t uts_count(const uts_tree *tree, const uts_node *node)
{
    const double u = (double)(node->state[4] & 0x7fffffff) / 2147483648.0;
    if (tree->type == UTS_GEOMETRIC ||
        (tree->type == UTS_HYBRID && node->depth < tree->shift * (double)tree->depth))
        return uts_count_geometric(tree, node, u);
    if (tree->type == UTS_BINOMIAL && node->depth == 0)
        return (uint32_t)tree->branching;
    return u < tree->q ? (uint32_t)tree->m : 0;
}

/* ---- Which ones ---- */

/* SHA-1 of a node's 20 bytes and the number of a child. */
static inline void uts_fill(uint32_t block[16], const uint32_t state[5], uint32_t number)
{
    memcpy(block, state, 5 * sizeof *block);
    block[5] = number;
    block[6] = 0x80000000;
    memset(block + 7, 0, 8 * sizeof *block);
    block[15] = 24 * 8;
}

#ifdef SHA1_HAS_FAST
SHA1_FAST static inline void uts_spawn_fast(const uts_node *parent, uint32_t first, uint32_t count,
                                            uts_node *children)
{
    uint32_t block[16];
    uts_fill(block, parent->state, first);
    for (uint32_t i = 0; i < count; i++) {
        block[5] = first + i;
        sha1_block_fast(block, children[i].state);
    }
}
#endif

static inline void uts_spawn_plain(const uts_node *parent, uint32_t first, uint32_t count,
                                   uts_node *children)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block[16];
        uts_fill(block, parent->state, first + i);
        sha1_block_plain(block, children[i].state);
    }
}

/* Children `first` to `first + count - 1`, but for their own numbers of children. */
static inline void uts_spawn(const uts_tree *tree, const uts_node *parent, uint32_t first,
                             uint32_t count, uts_node *children)
{
#ifdef SHA1_HAS_FAST
    if (tree->is_fast)
        uts_spawn_fast(parent, first, count, children);
    else
#endif
        uts_spawn_plain(parent, first, count, children);
    for (uint32_t i = 0; i < count; i++)
        children[i].depth = parent->depth + 1;
    (void)tree;
}

/* ---- The tree ---- */

static inline uts_node uts_root(const uts_tree *tree)
{
    uts_node root = {.depth = 0};
    uint32_t block[16] = {[4] = (uint32_t)tree->seed, [5] = 0x80000000, [15] = 20 * 8};
    sha1_block_plain(block, root.state);
    root.children = uts_count(tree, &root);
    return root;
}

static inline void uts_prepare(uts_tree *tree)
{
    tree->is_fast = sha1_knows_fast();
    for (uint32_t depth = 0; depth < UTS_DEPTHS; depth++)
        tree->spread[depth] = uts_spread(tree, depth);
}

/* Those of the benchmark's samples with about 4 million nodes. */
static inline bool uts_find_sample(const char *name, uts_tree *tree)
{
    static const struct {
        const char *name;
        uts_tree tree;
    } samples[] = {
        {"t1", {UTS_GEOMETRIC, UTS_FIXED, 4, 10, 0.5, 15.0 / 64, 4, 19, {0}, false}},
        {"t2", {UTS_GEOMETRIC, UTS_CYCLIC, 6, 16, 0.5, 15.0 / 64, 4, 502, {0}, false}},
        {"t3", {UTS_BINOMIAL, UTS_LINEAR, 2000, 6, 0.5, 0.124875, 8, 42, {0}, false}},
        {"t4", {UTS_HYBRID, UTS_LINEAR, 6, 16, 0.5, 0.234375, 4, 1, {0}, false}},
        {"t1l", {UTS_GEOMETRIC, UTS_FIXED, 4, 13, 0.5, 15.0 / 64, 4, 29, {0}, false}},
        {"t2l", {UTS_GEOMETRIC, UTS_CYCLIC, 7, 23, 0.5, 15.0 / 64, 4, 220, {0}, false}},
        {"t3l", {UTS_BINOMIAL, UTS_LINEAR, 2000, 6, 0.5, 0.200014, 5, 7, {0}, false}},
        {"t5", {UTS_GEOMETRIC, UTS_LINEAR, 4, 20, 0.5, 15.0 / 64, 4, 34, {0}, false}},
    };
    for (unsigned i = 0; i < sizeof samples / sizeof *samples; i++)
        if (strcmp(samples[i].name, name) == 0) {
            *tree = samples[i].tree;
            return true;
        }
    return false;
}

#endif

/*
 * bench/limits/uts.c: counts a tree of the Unbalanced Tree Search benchmark by plain recursion, a
 * node a call: `uts t1`. It shares with mapred's app what the tree is, but not how it is walked.
 */
#include "../../apps/uts_tree.h"

#include "limit.h"

#include <inttypes.h>

static void visit(const uts_tree *tree, const uts_node *node, uts_counts *counts)
{
    counts->nodes++;
    counts->leaves += node->children == 0;
    counts->depth = node->depth > counts->depth ? node->depth : counts->depth;
    for (uint32_t i = 0; i < node->children; i++) {
        uts_node child;
        uts_spawn(tree, node, i, 1, &child);
        child.children = uts_count(tree, &child);
        visit(tree, &child, counts);
    }
}

int main(int argc, char **argv)
{
    uts_tree tree;
    uts_counts counts = {0};
    if (argc != 2 || !uts_find_sample(argv[1], &tree))
        limit_usage("uts t1|t2|t3|t4|t5");
    double since = limit_now();
    uts_prepare(&tree);
    uts_node root = uts_root(&tree);
    visit(&tree, &root, &counts);
    fprintf(stderr, "seconds: %.6f\n", limit_now() - since);
    printf("nodes\t%" PRIu64 "\nleaves\t%" PRIu64 "\ndepth\t%" PRIu64 "\n", counts.nodes,
           counts.leaves, counts.depth);
    return 0;
}

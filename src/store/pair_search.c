/* store/pair_search.c: building trees of words, and the way down through them. */
#include "store/pair_search.h"

#include "base/memory.h"
#include "store/pair_fields.h"

/* How many words one after the other have trees. Behind them, whole comparisons tell. */
#define DEEPEST 16

/* Points next to each other by the word of one step. */
typedef struct node node;
struct node {
    mr_pair_step at;
    uint64_t flip;
    size_t first, count;
    size_t size;     /* of this in memory */
    unsigned levels; /* of the tree */
    uint64_t *tree;  /* words, the children of i at 2 i and 2 i + 1 */
    uint64_t *words; /* the same, sorted */
    node **children; /* for each word that is the first of several that are the same */
};

struct mr_pair_search {
    mr_pair_order order, points_order; /* the same on pairs and, in their layout, on points */
    mr_pair_fields fields, points_fields;
    node *root;
    size_t count;
    mr_pair_ref points[];
};

/* The levels of a tree that has room for all words. */
static unsigned levels_of(size_t count)
{
    return count ? 64 - (unsigned)__builtin_clzll(count) : 0;
}

/* Where there are fewer words than the tree has room for, the largest number fills it up. */
static void plant(node *tree)
{
    for (unsigned level = 0; level < tree->levels; level++) {
        size_t first = (size_t)1 << level, step = (size_t)1 << (tree->levels - level);
        for (size_t i = 0; i < first; i++) {
            size_t word = i * step + step / 2 - 1;
            tree->tree[first + i] = word < tree->count ? tree->words[word] : UINT64_MAX;
        }
    }
}

static node *create_node(const mr_pair_search *search, mr_pair_step at, size_t first, size_t count,
                         mr_error *error)
{
    unsigned levels = levels_of(count);
    size_t room = (size_t)1 << levels, size = sizeof(node) + (room + 2 * count) * sizeof(uint64_t);
    node *made = mr_memory_allocate(size, "a search among pairs", error);
    if (!made)
        return NULL;
    *made = (node){.at = at, .first = first, .count = count, .size = size, .levels = levels};
    made->flip = mr_pair_step_flip(&search->fields, at);
    made->tree = (uint64_t *)(void *)(made + 1);
    made->words = made->tree + room;
    made->children = (node **)(void *)(made->words + count);
    for (size_t i = 0; i < count; i++) {
        made->words[i] = search->points[first + i].prefix;
        made->children[i] = NULL;
    }
    plant(made);
    return made;
}

/* Where the points end that have the same word as the one at `from`. */
static size_t same_until(const node *in, size_t from)
{
    size_t end = from + 1;
    while (end < in->count && in->words[end] == in->words[from])
        end++;
    return end;
}

/* The first step behind `at` in which points differ; false where there is none. */
static bool find_step(mr_pair_search *search, size_t first, size_t count, mr_pair_step *at)
{
    const mr_pair_fields *fields = &search->points_fields;
    mr_pair_ref *points = search->points + first;
    for (bool skip = false; mr_pair_step_next(fields, points, count, at, skip); skip = true)
        if (mr_pair_step_fill(fields, points, count, *at))
            return true;
    return false;
}

/* A node, and what hangs below it, of points that have the words of a step as their prefixes. */
static mr_status build(mr_pair_search *search, mr_pair_step at, size_t first, size_t count,
                       int level, node **made, mr_error *error)
{
    node *here = *made = create_node(search, at, first, count, error);
    if (!here)
        return MR_NO_MEMORY;
    if (search->order.by == MR_BY_COMPARE || level == DEEPEST)
        return MR_OK;
    for (size_t i = 0, end; i < count; i = end) {
        mr_pair_step next = at;
        end = same_until(here, i);
        if (end - i > 1 && find_step(search, first + i, end - i, &next))
            MR_TRY(build(search, next, first + i, end - i, level + 1, &here->children[i], error));
    }
    return MR_OK;
}

mr_status mr_pair_search_create(mr_pair_search **search, const mr_pair_order *order,
                                mr_pair_layout layout, const unsigned char *memory,
                                const uint64_t *points, size_t count, mr_error *error)
{
    size_t size = sizeof **search + count * sizeof(mr_pair_ref);
    mr_pair_search *made = *search = mr_memory_allocate(size, "a search among pairs", error);
    if (!made)
        return MR_NO_MEMORY;
    *made = (mr_pair_search){.order = *order, .points_order = *order, .count = count};
    made->points_order.layout = layout;
    made->fields = mr_pair_fields_of(&made->order);
    made->points_fields = made->fields;
    made->points_fields.order = &made->points_order;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *pair = memory + points[i];
        made->points[i] = (mr_pair_ref){mr_pair_prefix(&made->points_order, pair), pair};
    }
    mr_status status = build(made, (mr_pair_step){0}, 0, count, 0, &made->root, error);
    if (status != MR_OK)
        mr_pair_search_destroy(search);
    return status;
}

static void destroy_node(node *old)
{
    if (!old)
        return;
    for (size_t i = 0; i < old->count; i++)
        destroy_node(old->children[i]);
    mr_memory_free(old, old->size);
}

void mr_pair_search_destroy(mr_pair_search **search)
{
    if (*search) {
        destroy_node((*search)->root);
        mr_memory_free(*search, sizeof **search + (*search)->count * sizeof(mr_pair_ref));
    }
    *search = NULL;
}

/* How many words of a node are smaller: a way down the tree, on which no branch depends on the
 * outcome of a comparison. */
static size_t words_below(const node *in, uint64_t word)
{
    size_t at = 1;
    for (unsigned level = 0; level < in->levels; level++)
        at = 2 * at + (in->tree[at] < word);
    return at - ((size_t)1 << in->levels);
}

static bool has_word(const node *in, size_t at, uint64_t word)
{
    return at < in->count && in->words[at] == word;
}

/* Compares bytes up to `size`, as if zeros stood behind their end. */
static int compare_padded(mr_bytes a, mr_bytes b, size_t size)
{
    a.size = a.size < size ? a.size : size;
    b.size = b.size < size ? b.size : size;
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least ? memcmp(a.data, b.data, least) : 0;
    for (size_t i = least; i < a.size && !order; i++)
        order = a.data[i] != 0;
    for (size_t i = least; i < b.size && !order; i++)
        order = -(b.data[i] != 0);
    return order;
}

static int compare_field(const mr_pair_search *search, mr_pair_field field, size_t size,
                         const mr_placed *a, const mr_placed *b)
{
    mr_value_type value = search->order.value;
    if (field == MR_FIELD_PLACE)
        return mr_words_compare(a->place, b->place);
    if (field == MR_FIELD_NUMBER)
        return mr_words_compare(mr_value_image(value, a->pair.value),
                                mr_value_image(value, b->pair.value));
    mr_bytes x = field == MR_FIELD_KEY ? a->pair.key : a->pair.value;
    mr_bytes y = field == MR_FIELD_KEY ? b->pair.key : b->pair.value;
    return size == SIZE_MAX ? mr_bytes_compare(x, y) : compare_padded(x, y, size);
}

/* Compares a pair with what all points of a node have in common: whole fields, and bytes before its
 * step. */
static int compare_common(const mr_pair_search *search, const node *in, const mr_placed *pair)
{
    mr_placed point = mr_placed_read(&search->points_order.layout, search->points[in->first].pair);
    size_t known = in->at.size ? in->at.depth + 8 : in->at.depth;
    int order = 0;
    for (unsigned f = 0; f <= in->at.field && !order; f++) {
        size_t size = f < in->at.field ? SIZE_MAX : known;
        if (size == 0)
            break;
        order = compare_field(search, search->fields.fields[f], size, pair, &point);
        if (f == 0 && search->order.descending)
            order = -order;
    }
    return order;
}

/* Among points that have the same words as far as there are nodes; mostly that is a single one. */
static size_t find_among(const mr_pair_search *search, size_t low, size_t high,
                         const mr_placed *pair, bool *equal)
{
    while (low < high && !*equal) {
        size_t middle = low + (high - low) / 2;
        mr_placed point = mr_placed_read(&search->points_order.layout, search->points[middle].pair);
        int order = mr_placed_compare(&search->order, pair, &point);
        *equal = order == 0;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return *equal ? high : low;
}

/* From a word of the root on that is the pair's. */
__attribute__((noinline)) static size_t find_deeper(const mr_pair_search *search, size_t at,
                                                    const unsigned char *pair, bool *equal)
{
    const node *in = search->root;
    mr_placed placed = mr_placed_read(&search->order.layout, pair);
    while (in->children[at]) {
        in = in->children[at];
        int order = compare_common(search, in, &placed);
        if (order != 0)
            return order < 0 ? in->first : in->first + in->count;
        uint64_t word = mr_pair_step_word(&search->fields, in->at, pair) ^ in->flip;
        at = words_below(in, word);
        if (!has_word(in, at, word))
            return in->first + at;
    }
    return find_among(search, in->first + at, in->first + same_until(in, at), &placed, equal);
}

size_t mr_pair_search_find(const mr_pair_search *search, const unsigned char *pair, bool *equal)
{
    uint64_t word = mr_pair_prefix(&search->order, pair);
    size_t at = words_below(search->root, word);
    *equal = false;
    return has_word(search->root, at, word) ? find_deeper(search, at, pair, equal) : at;
}

/* store/pair_order.c: prefixes of pairs, and whole comparisons. Sorting is in pair_sort.c. */
#include "store/pair_fields.h"

uint64_t mr_pair_prefix(const mr_pair_order *order, const unsigned char *pair)
{
    if (order->by == MR_BY_COMPARE)
        return 0;
    uint64_t word = mr_pair_word(order, mr_pair_first_field(order), pair, 0);
    return order->descending ? ~word : word;
}

const unsigned char *mr_pair_refs(const mr_pair_order *order, const unsigned char *pairs,
                                  size_t count, mr_pair_ref *refs)
{
    const mr_pair_layout *layout = &order->layout;
    if (order->by == MR_BY_KEY && layout->stride && layout->key_size >= 8) {
        uint64_t flip = order->descending ? ~UINT64_C(0) : 0;
        for (size_t i = 0; i < count; i++, pairs += layout->stride)
            refs[i] = (mr_pair_ref){mr_word_at(pairs + layout->place) ^ flip, pairs};
        return pairs;
    }
    for (size_t i = 0; i < count; i++) {
        mr_pair pair;
        refs[i] = (mr_pair_ref){mr_pair_prefix(order, pairs), pairs};
        pairs = mr_pair_read(layout, pairs, &pair);
    }
    return pairs;
}

/* By what `by` says, and upwards. */
static int compare_by(const mr_pair_order *order, const mr_placed *a, const mr_placed *b)
{
    if (order->by == MR_BY_COMPARE)
        return order->compare(order->context, &a->pair, &b->pair);
    if (order->by == MR_BY_KEY)
        return mr_bytes_compare(a->pair.key, b->pair.key);
    if (mr_value_is_number(order->value))
        return mr_words_compare(mr_value_image(order->value, a->pair.value),
                                mr_value_image(order->value, b->pair.value));
    return mr_bytes_compare(a->pair.value, b->pair.value);
}

/* By value down to its last byte: numbers may be equal and yet differ there. */
static int compare_values(mr_value_type value, mr_bytes a, mr_bytes b)
{
    if (mr_value_is_number(value)) {
        int order = mr_words_compare(mr_value_image(value, a), mr_value_image(value, b));
        if (order || value != MR_VALUE_F64)
            return order;
    }
    return mr_bytes_compare(a, b);
}

static int compare_ties(const mr_pair_order *order, const mr_placed *a, const mr_placed *b)
{
    int found = 0, by_place = mr_words_compare(a->place, b->place);
    if (order->ties == MR_TIES_NONE)
        return 0;
    if (order->ties == MR_TIES_KEY_VALUE || order->ties == MR_TIES_KEY_PLACE)
        found = mr_bytes_compare(a->pair.key, b->pair.key);
    if (!found && (order->ties == MR_TIES_PLACE || order->ties == MR_TIES_KEY_PLACE))
        found = by_place;
    if (!found)
        found = compare_values(order->value, a->pair.value, b->pair.value);
    return found ? found : by_place;
}

int mr_placed_compare(const mr_pair_order *order, const mr_placed *a, const mr_placed *b)
{
    int found = order->descending ? compare_by(order, b, a) : compare_by(order, a, b);
    return found ? found : compare_ties(order, a, b);
}

/* Whether pairs whose prefixes are the same are the same in what `by` says. */
static bool prefix_is_all(const mr_pair_order *order)
{
    if (order->by == MR_BY_KEY)
        return order->layout.stride && order->layout.key_size <= 8;
    return order->by == MR_BY_VALUE && mr_value_is_number(order->value);
}

int mr_pair_compare(const mr_pair_order *order, mr_pair_ref a, mr_pair_ref b)
{
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix ? -1 : 1;
    if (order->ties == MR_TIES_NONE && prefix_is_all(order))
        return 0;
    mr_placed x = mr_placed_read(&order->layout, a.pair);
    mr_placed y = mr_placed_read(&order->layout, b.pair);
    return prefix_is_all(order) ? compare_ties(order, &x, &y) : mr_placed_compare(order, &x, &y);
}

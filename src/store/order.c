/*
 * store/order.c: comparing and sorting records. Most are told apart by 64 bits, which a radix sort
 * puts in order without looking at the records; runs that share them are ordered by what comes
 * next, again 64 bits at a time, having skipped what the whole run has in common. So keys with long
 * common beginnings cost one look more, not one look more a comparison.
 */
#include "store/order.h"

#include <stdlib.h>

static uint64_t sign_bit(void)
{
    return UINT64_C(1) << 63;
}

static uint64_t image_of_f64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & sign_bit() ? ~bits : bits | sign_bit();
}

/* 64 bits from `depth` on of bytes that nobody padded. */
static uint64_t prefix_of_bytes(mr_bytes bytes, size_t depth)
{
    unsigned char word[8] = {0};
    uint64_t prefix = 0;
    if (depth < bytes.size)
        memcpy(word, bytes.data + depth, bytes.size - depth < 8 ? bytes.size - depth : 8);
    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | word[i];
    return prefix;
}

static mr_cell value_cell(const mr_order *order, const mr_record *record)
{
    mr_row row;
    row.count = 0;
    order->fold->show(order->fold, mr_record_value(record), &row);
    return row.count ? row.cells[0] : (mr_cell){.type = MR_TYPE_I64};
}

static uint64_t value_prefix(const mr_order *order, const mr_record *record)
{
    mr_cell cell = value_cell(order, record);
    if (cell.type == MR_TYPE_I64)
        return (uint64_t)cell.as.i64 ^ sign_bit();
    if (cell.type == MR_TYPE_U64)
        return cell.as.u64;
    if (cell.type == MR_TYPE_F64)
        return image_of_f64(cell.as.f64);
    return prefix_of_bytes(cell.as.bytes, 0);
}

static uint64_t key_prefix(const mr_record *record, size_t depth)
{
    return mr_key_prefix(mr_record_key(record), record->size, depth);
}

uint64_t mr_order_prefix(const mr_order *order, const mr_record *record)
{
    uint64_t prefix =
        order->sort == MR_SORT_VALUE ? value_prefix(order, record) : key_prefix(record, 0);
    return order->reverse ? ~prefix : prefix;
}

static int compare_keys(const mr_record *a, const mr_record *b)
{
    return mr_bytes_compare(mr_record_key_bytes(a), mr_record_key_bytes(b));
}

int mr_order_compare(const mr_order *order, mr_ref a, mr_ref b)
{
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix ? -1 : 1;
    if (order->sort != MR_SORT_VALUE) {
        int by_key = compare_keys(a.record, b.record);
        return order->reverse ? -by_key : by_key;
    }
    mr_cell x = value_cell(order, a.record), y = value_cell(order, b.record);
    if (x.type == MR_TYPE_BYTES) {
        int by_value = mr_bytes_compare(x.as.bytes, y.as.bytes);
        if (by_value)
            return order->reverse ? -by_value : by_value;
    }
    return compare_keys(a.record, b.record);
}

#define SMALL_RUN 24

/* How often a run is looked at 64 bits further on before whole comparisons take over: keys like a,
 * aa, aaa, ... would nest without end. */
#define DEEPEST 64

typedef struct sorter {
    const mr_order *order;
    mr_ref *scratch;
} sorter;

static int compare_refs(const void *a, const void *b, void *order)
{
    return mr_order_compare(order, *(const mr_ref *)a, *(const mr_ref *)b);
}

static void compare_sort(const mr_order *order, mr_ref *refs, size_t count)
{
    qsort_r(refs, count, sizeof *refs, compare_refs, (void *)(uintptr_t)order);
}

/* Small runs: by insertion, with whole comparisons. */
static void insert_sort(const mr_order *order, mr_ref *refs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        mr_ref ref = refs[i];
        size_t at = i;
        for (; at > 0 && mr_order_compare(order, ref, refs[at - 1]) < 0; at--)
            refs[at] = refs[at - 1];
        refs[at] = ref;
    }
}

/* The highest byte in which the prefixes differ, as a shift; -1 when they are all the same. */
static int highest_difference(const mr_ref *refs, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= refs[i].prefix ^ refs[0].prefix;
    return differ ? (63 - __builtin_clzll(differ)) & ~7 : -1;
}

static void sort_ties(sorter s, mr_ref *refs, size_t count, size_t depth, int level);

/* Deals refs out by the byte of the prefix at `shift`; `ends` says where each run ends. */
static void deal(sorter s, mr_ref *refs, size_t count, int shift, uint32_t *ends)
{
    size_t sum = 0;
    memset(ends, 0, 256 * sizeof *ends);
    for (size_t i = 0; i < count; i++)
        ends[refs[i].prefix >> shift & 255]++;
    for (int digit = 0; digit < 256; digit++) {
        size_t here = ends[digit];
        ends[digit] = (uint32_t)sum;
        sum += here;
    }
    memcpy(s.scratch, refs, count * sizeof *refs);
    for (size_t i = 0; i < count; i++)
        refs[ends[s.scratch[i].prefix >> shift & 255]++] = s.scratch[i];
}

/* Sorts by prefix, one byte at a time from the top; the prefix is of the key's bytes from `depth`
 * on, and where it is the same for a run, what comes after it decides. */
static void radix_sort(sorter s, mr_ref *refs, size_t count, size_t depth, int level)
{
    int shift = highest_difference(refs, count);
    if (shift < 0) {
        sort_ties(s, refs, count, depth, level);
        return;
    }
    uint32_t ends[256];
    deal(s, refs, count, shift, ends);
    for (uint32_t digit = 0, from = 0; digit < 256; from = ends[digit++]) {
        uint32_t run = ends[digit] - from;
        if (run > SMALL_RUN)
            radix_sort(s, refs + from, run, depth, level);
        else
            insert_sort(s.order, refs + from, run);
    }
}

/* How many bytes the keys of a run have in common with the first one's, `depth` at least. */
static size_t common_bytes(const mr_ref *refs, size_t count, size_t depth)
{
    mr_bytes first = mr_record_key_bytes(refs[0].record);
    size_t common = first.size;
    for (size_t i = 1; i < count && common > depth; i++) {
        mr_bytes key = mr_record_key_bytes(refs[i].record);
        size_t most = key.size < common ? key.size : common, at = depth;
        while (at < most && key.data[at] == first.data[at])
            at++;
        common = at;
    }
    return common > depth ? common : depth;
}

/* A run of the same value: by key, upwards. Values that are bytes may still differ. */
static void sort_same_values(sorter s, mr_ref *refs, size_t count)
{
    if (value_cell(s.order, refs[0].record).type == MR_TYPE_BYTES) {
        compare_sort(s.order, refs, count);
        return;
    }
    mr_order by_key = {.sort = MR_SORT_KEY, .fold = s.order->fold};
    uint64_t prefix = refs[0].prefix;
    for (size_t i = 0; i < count; i++)
        refs[i].prefix = key_prefix(refs[i].record, 0);
    radix_sort((sorter){&by_key, s.scratch}, refs, count, 0, 0);
    for (size_t i = 0; i < count; i++)
        refs[i].prefix = prefix;
}

/* A run of the same prefix: by the next bytes of the key in which any of them differ. */
static void sort_ties(sorter s, mr_ref *refs, size_t count, size_t depth, int level)
{
    if (s.order->sort == MR_SORT_VALUE) {
        sort_same_values(s, refs, count);
        return;
    }
    size_t next = common_bytes(refs, count, depth);
    bool longer = false;
    for (size_t i = 0; i < count; i++) {
        refs[i].prefix = key_prefix(refs[i].record, next);
        if (s.order->reverse)
            refs[i].prefix = ~refs[i].prefix;
        longer |= refs[i].record->size > next + 8;
    }
    bool differ = highest_difference(refs, count) >= 0;
    if (level == DEEPEST || !(differ || longer))
        compare_sort(s.order, refs, count);
    else if (differ)
        radix_sort(s, refs, count, next, level + 1);
    else
        sort_ties(s, refs, count, next + 8, level + 1);
}

void mr_order_sort(const mr_order *order, mr_ref *refs, mr_ref *scratch, size_t count)
{
    if (count > SMALL_RUN)
        radix_sort((sorter){order, scratch}, refs, count, 0, 0);
    else
        insert_sort(order, refs, count);
}

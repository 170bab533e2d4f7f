/*
 * mapred/out.h: where a kernel puts what it found. Each thread has an `mr_out` of its own; every
 * function here is local to the calling thread and must be called by the kernel it was handed to.
 *
 * A key's accumulator lives in a table of the thread, which begins at the size of the core's cache
 * and grows to a bound. Finding a key that is there is inline and takes no call. New keys of a
 * table that can grow no more go to a log, which is folded into the rank's partitions whenever it
 * is full. Keys are borrowed: they are copied when first seen.
 */
#ifndef MAPRED_OUT_H
#define MAPRED_OUT_H

#include <mapred/block.h>
#include <mapred/fold.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_job mr_job;

/* The longest key that is kept inside a slot. */
#define MR_KEY_INLINE 15

/*
 * A short key as two words: its bytes, zeros behind them, and in the last byte its size plus one. A
 * long one, in a slot, is its hash and, marked by MR_KEY_LONG in that byte, where its bytes are
 * kept.
 */
typedef struct mr_words {
    uint64_t low, high;
} mr_words;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MR_KEY_SHIFT 56 /* of the last byte in `high` */
#else
#define MR_KEY_SHIFT 0
#endif
#define MR_KEY_LONG 255

/* A slot of the table: this, then the accumulator. Where `key.high` is 0 it is empty. */
typedef struct mr_slot {
    mr_words key;
} mr_slot;

/* An integer on its way into the table: see mr_out_add_i64. */
typedef struct mr_pending {
    mr_words key;
    uint64_t at; /* the slot to look in first */
    int64_t value;
} mr_pending;

#define MR_PENDING 32 /* a power of two */

/* What the inline functions below need; the rest of it is behind `self`. Not to be touched. */
typedef struct mr_out {
    unsigned char *slots;
    uint64_t count;     /* of slots; even */
    uint64_t slot_size; /* header and accumulator */
    uint64_t turn;      /* in `pending` */
    uint32_t deferred;  /* whether sums are put off: the table is larger than the cache */
    uint32_t plain_sum; /* whether adding an int64_t is a plain sum */
    unsigned char *dense;
    uint64_t dense_count;
    const mr_fold *fold;
    const mr_block *block;
    void *self;
    mr_pending pending[MR_PENDING];
} mr_out;

/* Local. The same byte by byte, for keys behind which memory may end. */
static inline mr_words mr_key_words_near_end(mr_bytes key)
{
    mr_words words = {0, (uint64_t)(key.size + 1) << MR_KEY_SHIFT};
    unsigned char bytes[16] = {0};
    uint64_t high;
    memcpy(bytes, key.data, key.size);
    memcpy(&words.low, bytes, 8);
    memcpy(&high, bytes + 8, 8);
    words.high |= high;
    return words;
}

/* Local. A key of up to MR_KEY_INLINE bytes as words. */
static inline mr_words mr_key_words(mr_bytes key)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(MR_CAREFUL)
    /* Reading 16 bytes is safe unless it would touch the next page, or there are none at NULL. */
    if (__builtin_expect((((uintptr_t)key.data - 1) & 4095) < 4096 - 16, 1)) {
        static const unsigned char masks[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                255, 255, 255, 255, 255, 255, 255, 255};
        const unsigned char *mask = masks + 16 - key.size;
        uint64_t low, high, low_mask, high_mask;
        memcpy(&low, key.data, 8);
        memcpy(&high, key.data + 8, 8);
        memcpy(&low_mask, mask, 8);
        memcpy(&high_mask, mask + 8, 8);
        uint64_t tag = (uint64_t)(key.size + 1) << MR_KEY_SHIFT;
        mr_words words = {low & low_mask, (high & high_mask) | tag};
        return words;
    }
#endif
    const mr_words empty = {0, (uint64_t)1 << MR_KEY_SHIFT};
    return key.size ? mr_key_words_near_end(key) : empty;
}

/* Local. An integer as key, for apps with MR_KEY_I64: eight bytes whose order is that of numbers.
 */
static inline mr_words mr_key_of_i64(int64_t key)
{
    uint64_t image = (uint64_t)key ^ UINT64_C(1) << 63;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    image = __builtin_bswap64(image);
#endif
    mr_words words = {image, (uint64_t)(8 + 1) << MR_KEY_SHIFT};
    return words;
}

/* Local. The hash of a short key: every byte of it, and its size, count. */
static inline uint64_t mr_key_hash(mr_words key)
{
    __extension__ typedef unsigned __int128 wide;
    wide product =
        (wide)(key.low ^ UINT64_C(0x9e3779b97f4a7c15)) * (key.high ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The paths that are not inline: a key that is new, or longer than a slot holds. */
MR_API void *mr_out_insert(mr_out *out, mr_words key);
MR_API void *mr_out_slot_long(mr_out *out, mr_bytes key);
MR_API mr_status mr_out_fold_i64(mr_out *out, void *accumulator, int64_t value);
MR_API mr_status mr_out_fold_f64(mr_out *out, void *accumulator, double value);
MR_API mr_status mr_out_dense_range(mr_out *out, uint64_t index);

static inline bool mr_slot_holds(const mr_slot *slot, mr_words key)
{
    return ((slot->key.low ^ key.low) | (slot->key.high ^ key.high)) == 0;
}

/* Local. The slot that a key is looked for in first, in the order of hashes: slots are looked at in
 * pairs. */
static inline uint64_t mr_out_place(const mr_out *out, uint64_t hash)
{
    return (hash >> 32) * out->count >> 32 & ~UINT64_C(1);
}

static inline mr_slot *mr_out_slot_number(const mr_out *out, uint64_t at)
{
    return (mr_slot *)(void *)(out->slots + at * out->slot_size);
}

/*
 * Local. Finds a short key from the pair at `at` on. Both slots of a pair are compared before
 * anything is decided: which of the two it is cannot be predicted in a table that is half full.
 */
static inline void *mr_out_search(mr_out *out, uint64_t at, mr_words key)
{
    for (;;) {
        mr_slot *one = mr_out_slot_number(out, at), *two = mr_out_slot_number(out, at + 1);
        bool is_one = mr_slot_holds(one, key), is_two = mr_slot_holds(two, key);
        if (__builtin_expect(is_one | is_two, 1))
            return (is_one ? one : two) + 1;
        if (one->key.high == 0 || two->key.high == 0)
            return mr_out_insert(out, key);
        at = at + 2 < out->count ? at + 2 : 0;
    }
}

/* Local. Finds a short key. Use mr_out_slot. */
static inline void *mr_out_slot_words(mr_out *out, mr_words key)
{
    uint64_t at = mr_out_place(out, mr_key_hash(key));
    mr_slot *slot = mr_out_slot_number(out, at);
    if (__builtin_expect(mr_slot_holds(slot, key), 1))
        return slot + 1;
    return mr_out_search(out, at, key);
}

/*
 * Local. The accumulator of a key, for kernels that fold into it in their own way; a new one holds
 * the fold's identity. It is valid until the next call with this `out`. NULL on failure, and
 * mr_out_status says which: return that.
 */
static inline void *mr_out_slot(mr_out *out, mr_bytes key)
{
    if (__builtin_expect(key.size > MR_KEY_INLINE, 0))
        return mr_out_slot_long(out, key);
    return mr_out_slot_words(out, mr_key_words(key));
}

/* Local. The same as mr_out_slot, for an integer key. */
static inline void *mr_out_int_slot(mr_out *out, int64_t key)
{
    return mr_out_slot_words(out, mr_key_of_i64(key));
}

/* Local. Why the last call on this `out` failed; MR_OK if it did not. */
MR_API mr_status mr_out_status(const mr_out *out);

static inline mr_status mr_out_put_i64(mr_out *out, void *accumulator, int64_t value)
{
    if (__builtin_expect(accumulator == NULL, 0))
        return mr_out_status(out);
    if (__builtin_expect(out->plain_sum == 0, 0))
        return mr_out_fold_i64(out, accumulator, value);
    int64_t *sum = (int64_t *)accumulator;
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)value);
    return MR_OK;
}

/*
 * Local. Folds an integer into a short key. When the table is larger than the cache, the key's slot
 * is asked for now and looked at some calls later: by then it has arrived.
 */
static inline mr_status mr_out_add_words(mr_out *out, mr_words key, int64_t value)
{
    if (!out->deferred)
        return mr_out_put_i64(out, mr_out_slot_words(out, key), value);
    uint64_t at = mr_out_place(out, mr_key_hash(key));
    const unsigned char *slot = (const unsigned char *)mr_out_slot_number(out, at);
    __builtin_prefetch(slot, 1);
    __builtin_prefetch(slot + 2 * out->slot_size - 1, 1);
    mr_pending *place = &out->pending[out->turn++ & (MR_PENDING - 1)], due = *place;
    const mr_pending next = {key, at, value};
    *place = next;
    if (__builtin_expect(due.key.high == 0, 0))
        return MR_OK;
    uint64_t *sum = (uint64_t *)mr_out_search(out, due.at, due.key);
    if (__builtin_expect(sum == NULL, 0))
        return mr_out_status(out);
    *sum += (uint64_t)due.value;
    return MR_OK;
}

/* Local. Folds an integer into a key, by the app's fold. */
static inline mr_status mr_out_add_i64(mr_out *out, mr_bytes key, int64_t value)
{
    if (__builtin_expect(key.size > MR_KEY_INLINE, 0))
        return mr_out_put_i64(out, mr_out_slot_long(out, key), value);
    return mr_out_add_words(out, mr_key_words(key), value);
}

/* Local. Folds a number into a key, by the app's fold. */
static inline mr_status mr_out_add_f64(mr_out *out, mr_bytes key, double value)
{
    void *accumulator = mr_out_slot(out, key);
    return accumulator ? mr_out_fold_f64(out, accumulator, value) : mr_out_status(out);
}

/* Local. The same for integer keys. */
static inline mr_status mr_out_int_add_i64(mr_out *out, int64_t key, int64_t value)
{
    return mr_out_add_words(out, mr_key_of_i64(key), value);
}

static inline mr_status mr_out_int_add_f64(mr_out *out, int64_t key, double value)
{
    void *accumulator = mr_out_int_slot(out, key);
    return accumulator ? mr_out_fold_f64(out, accumulator, value) : mr_out_status(out);
}

/* Local. Offers bytes for a key to MR_FIRST: the ones that stand first in the input are kept. */
MR_API mr_status mr_out_add_bytes(mr_out *out, mr_bytes key, mr_bytes value);

/* Local. The accumulators of a dense job (MR_KEY_DENSE), one after the other, the thread's own. */
static inline void *mr_out_dense(mr_out *out)
{
    return out->dense;
}

/* Local. Folds an integer into a dense key, 0 to the app's dense_count less one. */
static inline mr_status mr_out_dense_add_i64(mr_out *out, uint64_t index, int64_t value)
{
    if (__builtin_expect(index >= out->dense_count, 0))
        return mr_out_dense_range(out, index);
    return mr_out_put_i64(out, out->dense + index * out->fold->size, value);
}

static inline mr_status mr_out_dense_add_f64(mr_out *out, uint64_t index, double value)
{
    if (__builtin_expect(index >= out->dense_count, 0))
        return mr_out_dense_range(out, index);
    return mr_out_fold_f64(out, out->dense + index * out->fold->size, value);
}

/* Local. Writes a line of text, for jobs whose fold is MR_TEXT: all of them come out in the order
 * of the input. The newline is added. */
MR_API mr_status mr_out_add_line(mr_out *out, mr_bytes line);

/* Local. The app's state and this thread's own (see mr_app). */
MR_API void *mr_out_state(const mr_out *out);
MR_API void *mr_out_local(const mr_out *out);

/* Local. Adds to a named counter of the job, shown with -v and in the report. */
MR_API void mr_out_count(mr_out *out, const char *counter, int64_t value);

/*
 * Local. Ends the job with a message of the kernel's own; the place of the current record is added.
 * Returns `status`, for `return mr_out_fail(...)`.
 */
MR_API mr_status mr_out_fail(mr_out *out, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Local. Says that the current record of the block (block->record) is bad, and why; returns
 * MR_BAD_RECORD, for `return mr_out_bad(...)`. With --skip-bad the record is set aside and the
 * kernel is called again with the rest of the block; else the job ends with MR_BAD_INPUT. What the
 * kernel has put so far stays: decide before anything of the record is put, and put what was held
 * back of the records before it.
 */
MR_API mr_status mr_out_bad(mr_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif

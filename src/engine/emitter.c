/* engine/emitter.c: what a thread does with a pair: finds the pile it belongs to, writes it into
 * that pile's page, and hands the page over when it is full. */
#include "engine/emitter.h"

#include "base/clock.h"
#include "base/span.h"
#include "engine/job.h"

#include <omp.h>
#include <stdlib.h>

#define OUTBOX_MOST 128 /* pages waiting to be sent */
#define PAUSE       20  /* microseconds between looks at them */

/* A page being filled. */
typedef struct filling {
    unsigned char *at, *end;
    mr_page *page;
    uint64_t count;
} filling;

struct mr_emitter {
    mr_shuffle *shuffle;
    mr_pair_layout layout;
    filling *fillings; /* one a pile of the set; one alone for MR_SPREAD_LOCAL */
    uint32_t count;
    bool main;
    uint64_t turn; /* among equal cuts */
    mr_pair_sample sample;
    unsigned char *scratch; /* a pair before its pile is known */
    size_t scratch_capacity;
    mr_spill_buffer buffer;
};

mr_status mr_emitter_create(mr_emitter **result, mr_shuffle *shuffle, mr_error *error)
{
    mr_emitter *e = *result = calloc(1, sizeof *e);
    bool one = shuffle->plan.spread == MR_SPREAD_LOCAL && !shuffle->plan.here;
    uint32_t count = one ? 1 : shuffle->plan.piles;
    filling *fillings = calloc(count, sizeof *fillings);
    if (!e || !fillings) {
        free(e);
        free(fillings);
        *result = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: %u open pages", count);
    }
    *e = (mr_emitter){.shuffle = shuffle,
                      .layout = shuffle->plan.layout,
                      .fillings = fillings,
                      .count = count,
                      .main = omp_get_thread_num() == 0,
                      .turn =
                          (uint64_t)omp_get_thread_num() * 7919 + (uint64_t)shuffle->rank * 104729};
    e->buffer.stride = e->layout.stride;
    mr_pair_sample_start(&e->sample, &shuffle->plan.sample_by, shuffle->sample_most);
    return MR_OK;
}

void mr_emitter_destroy(mr_emitter **result)
{
    mr_emitter *e = *result;
    if (!e)
        return;
    for (uint32_t i = 0; i < e->count; i++)
        mr_page_destroy(e->fillings[i].page);
    free(e->fillings);
    mr_memory_free(e->scratch, e->scratch_capacity);
    mr_pair_sample_free(&e->sample);
    mr_spill_buffer_free(&e->buffer);
    free(e);
    *result = NULL;
}

static void wait_a_little(void)
{
    const mr_span_kind before = mr_span_begin(MR_SPAN_WAIT);
    mr_clock_nap(PAUSE);
    mr_span_end(before);
}

/* To another rank. Who fills pages faster than they leave waits here. */
static mr_status post(mr_emitter *e, mr_page *page, uint32_t pile, mr_error *error)
{
    mr_shuffle *shuffle = e->shuffle;
    page->to = (int)(pile / shuffle->own);
    mr_shuffle_push(shuffle, &shuffle->outbox, page);
    for (;;) {
        if (e->main)
            MR_TRY(mr_shuffle_poll(shuffle, error));
        if (shuffle->outbox.count < OUTBOX_MOST &&
            shuffle->outbox.bytes < OUTBOX_MOST * shuffle->page_size)
            return MR_OK;
        if (!e->main)
            wait_a_little();
    }
}

/* Pages that may go anywhere: to one pile after the other, dealt out beginning with the next rank.
 */
static uint32_t next_local(mr_shuffle *shuffle)
{
    uint32_t turn = atomic_fetch_add(&shuffle->next_local, 1), piles = shuffle->plan.piles;
    if (!shuffle->plan.deal)
        return shuffle->first + turn % shuffle->own;
    uint32_t ranks = piles / shuffle->own, rank = ((uint32_t)shuffle->rank + 1 + turn) % ranks;
    return rank * shuffle->own + turn / ranks % shuffle->own;
}

/* A full page joins its pile, here or on another rank. */
static mr_status seal(mr_emitter *e, filling *f, uint32_t pile, mr_error *error)
{
    mr_shuffle *shuffle = e->shuffle;
    mr_page *page = f->page;
    page->size = (size_t)(f->at - page->bytes);
    if (e->count == 1 && shuffle->plan.spread == MR_SPREAD_LOCAL)
        pile = next_local(shuffle);
    *mr_page_leaf(page) = (mr_leaf){.pile = pile, .count = (uint32_t)f->count};
    *f = (filling){.at = NULL};
    uint32_t here = pile - shuffle->first;
    if (here >= shuffle->own)
        return post(e, page, pile, error);
    mr_pile_push(shuffle->plan.into, here, mr_page_trim(page));
    return MR_OK;
}

/* A fresh page of `capacity` bytes. */
static mr_status open_page(mr_emitter *e, filling *f, size_t capacity, mr_error *error)
{
    mr_shuffle *shuffle = e->shuffle;
    mr_page *page =
        capacity == shuffle->page_size ? mr_shuffle_pop(shuffle, &shuffle->spare) : NULL;
    if (!page)
        page = mr_piles_page(shuffle->plan.into, capacity, &e->buffer, error);
    if (!page)
        return error->code;
    *f = (filling){.page = page, .at = mr_page_pairs(page), .end = page->bytes + page->capacity};
    return MR_OK;
}

static mr_status next_page(mr_emitter *e, filling *f, uint32_t pile, mr_error *error)
{
    if (f->page)
        MR_TRY(seal(e, f, pile, error));
    return open_page(e, f, e->shuffle->page_size, error);
}

#define BUNDLE                                                                                     \
    (((size_t)64 << 10) - MR_EXCHANGE_ENVELOPE -                                                   \
     sizeof(mr_leaf)) /* bytes of pages that go to a rank together */

/* Where a bundle is that takes another page of so many bytes. */
static mr_page *bundle_for(mr_emitter *e, mr_page *bundle, uint32_t pile, size_t size,
                           mr_error *error)
{
    if (bundle && bundle->capacity - bundle->size >= size)
        return bundle;
    if (bundle && post(e, bundle, pile, error) != MR_OK)
        return NULL;
    size_t capacity = sizeof(mr_leaf) + (size > BUNDLE ? size : BUNDLE);
    bundle = mr_piles_page(e->shuffle->plan.into, capacity, &e->buffer, error);
    if (!bundle)
        return NULL;
    bundle->size = sizeof(mr_leaf);
    *mr_page_leaf(bundle) = (mr_leaf){.pile = MR_LEAF_BUNDLE};
    return bundle;
}

/* Pages that are not full go to a rank together: one message instead of one for each pile. */
static mr_status close_rank(mr_emitter *e, uint32_t first, mr_error *error)
{
    mr_page *bundle = NULL;
    uint32_t pile = first;
    for (; pile < first + e->shuffle->own; pile++) {
        filling *f = &e->fillings[pile];
        if (!f->page)
            continue;
        size_t used = (size_t)(f->at - f->page->bytes), size = sizeof(size_t) + mr_round8(used);
        bundle = bundle_for(e, bundle, pile, size, error);
        if (!bundle)
            return error->code;
        *mr_page_leaf(f->page) = (mr_leaf){.pile = pile, .count = (uint32_t)f->count};
        memcpy(bundle->bytes + bundle->size, &used, sizeof used);
        memcpy(bundle->bytes + bundle->size + sizeof used, f->page->bytes, used);
        bundle->size += size;
        mr_page_destroy(f->page);
        *f = (filling){.at = NULL};
    }
    return bundle ? post(e, bundle, first, error) : MR_OK;
}

static mr_status close_pages(mr_emitter *e, mr_error *error)
{
    const mr_shuffle *shuffle = e->shuffle;
    bool one = e->count == 1;
    for (uint32_t i = 0; i < e->count; i += one ? 1 : shuffle->own) {
        if (!one && i != shuffle->first) {
            MR_TRY(close_rank(e, i, error));
            continue;
        }
        for (uint32_t pile = i; pile < (one ? 1 : i + shuffle->own); pile++) {
            if (!e->fillings[pile].page)
                continue;
            MR_TRY(seal(e, &e->fillings[pile], pile, error));
        }
    }
    return MR_OK;
}

mr_status mr_emitter_close(mr_emitter *e, mr_error *error)
{
    MR_TRY(close_pages(e, error));
    pthread_mutex_lock(&e->shuffle->lock);
    mr_status status = mr_pair_sample_merge(&e->shuffle->sample, &e->sample, error);
    pthread_mutex_unlock(&e->shuffle->lock);
    return status;
}

/* Two numbers are the pairs that there are most of. */
static inline void put(const mr_pair_layout *layout, unsigned char *at, mr_pair pair,
                       uint64_t place)
{
    if (layout->stride == 16 && layout->key_size == 8 && layout->value_size == 8) {
        memcpy(at, pair.key.data, 8);
        memcpy(at + 8, pair.value.data, 8);
    } else {
        mr_pair_put(layout, at, pair.key, pair.value, place);
    }
}

static bool fits_a_page(const mr_emitter *e, size_t size)
{
    return sizeof(mr_leaf) + size <= e->shuffle->page_size;
}

/* A pair that no page has room for gets one of its own, which leaves at once: an open one of those
 * for each pile would be much. */
static mr_status emit_long(mr_emitter *e, uint32_t pile, mr_pair pair, uint64_t place,
                           mr_error *error)
{
    filling alone = {.page = NULL};
    size_t size = mr_pair_size(&e->layout, pair.key, pair.value);
    MR_TRY(open_page(e, &alone, sizeof(mr_leaf) + size, error));
    unsigned char *at = alone.at;
    mr_pair_put(&e->layout, at, pair.key, pair.value, place);
    alone.at = at + size;
    alone.count = 1;
    mr_status status = mr_pair_sample_offer(&e->sample, at, error);
    if (status == MR_OK)
        return seal(e, &alone, pile, error);
    mr_page_destroy(alone.page);
    return status;
}

static mr_status emit_at(mr_emitter *e, uint32_t slot, uint32_t pile, mr_pair pair, uint64_t place,
                         mr_error *error)
{
    filling *f = &e->fillings[slot];
    size_t size = mr_pair_size(&e->layout, pair.key, pair.value);
    if (__builtin_expect((size_t)(f->end - f->at) < size || !f->page, 0)) {
        if (!fits_a_page(e, size))
            return emit_long(e, pile, pair, place, error);
        MR_TRY(next_page(e, f, pile, error));
    }
    unsigned char *at = f->at;
    put(&e->layout, at, pair, place);
    f->at = at + size;
    f->count++;
    return mr_pair_sample_offer(&e->sample, at, error);
}

/* The pair as it will lie in a page. */
static mr_status lay_out(mr_emitter *e, mr_pair pair, uint64_t place, mr_error *error)
{
    size_t size = mr_pair_size(&e->layout, pair.key, pair.value);
    if (size > e->scratch_capacity) {
        void *scratch =
            mr_memory_resize(e->scratch, e->scratch_capacity, size * 2, "a long pair", error);
        if (!scratch)
            return MR_NO_MEMORY;
        e->scratch = scratch;
        e->scratch_capacity = size * 2;
    }
    mr_pair_put(&e->layout, e->scratch, pair.key, pair.value, place);
    return MR_OK;
}

static uint64_t hash_of(const mr_pair_layout *layout, mr_bytes key)
{
    if (layout->stride && key.size == 8) {
        mr_words words = {0, (uint64_t)(8 + 1) << MR_KEY_SHIFT};
        memcpy(&words.low, key.data, 8);
        return mr_key_hash(words);
    }
    return mr_key_hash_bytes(key);
}

uint32_t mr_hash_pile(const mr_pair_layout *layout, mr_bytes key, uint32_t piles)
{
    return (uint32_t)((hash_of(layout, key) >> 32) * piles >> 32);
}

static uint32_t owned_pile(const mr_emitter *e, mr_bytes key)
{
    const mr_shuffle *shuffle = e->shuffle;
    uint64_t ranks = (uint64_t)mr_comm_size(shuffle->job->comm);
    uint64_t owner = shuffle->plan.owner(shuffle->plan.context, key, ranks);
    uint64_t within =
        shuffle->plan.one_pile ? 0 : (hash_of(&e->layout, key) >> 32) * shuffle->own >> 32;
    return (uint32_t)(owner < ranks ? owner : ranks - 1) * shuffle->own + (uint32_t)within;
}

/* Where there are fewer ranges than piles, as with few keys, they are dealt out evenly. */
static uint32_t range_pile(const mr_shuffle_plan *plan, size_t range)
{
    return (uint32_t)(range * plan->piles / (plan->cuts->count + 1));
}

static mr_status only_sample(mr_emitter *e, mr_pair pair, uint64_t place, mr_error *error)
{
    MR_TRY(lay_out(e, pair, place, error));
    return mr_pair_sample_offer(&e->sample, e->scratch, error);
}

mr_status mr_emit(mr_emitter *e, mr_bytes key, mr_bytes value, uint64_t place, mr_error *error)
{
    const mr_shuffle_plan *plan = &e->shuffle->plan;
    mr_pair pair = {key, value};
    uint32_t pile = 0;
    if (plan->sample_only)
        return only_sample(e, pair, place, error);
    switch (plan->spread) {
    case MR_SPREAD_LOCAL:
        break;
    case MR_SPREAD_HASH:
        pile = mr_hash_pile(&e->layout, key, plan->piles);
        break;
    case MR_SPREAD_RANGE:
        MR_TRY(lay_out(e, pair, place, error));
        pile = range_pile(plan, mr_pair_cuts_find(plan->cuts, e->scratch, &e->turn));
        break;
    case MR_SPREAD_OWNER:
        pile = owned_pile(e, key);
        break;
    }
    return emit_at(e, pile, pile, pair, place, error);
}

mr_status mr_emit_here(mr_emitter *e, uint32_t pile, mr_bytes key, mr_bytes value, uint64_t place,
                       mr_error *error)
{
    pile += e->shuffle->first;
    return emit_at(e, pile, pile, (mr_pair){key, value}, place, error);
}

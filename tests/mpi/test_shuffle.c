/*
 * mpi/test_shuffle.c: pairs from all threads of all ranks into the piles of all ranks. Each pair
 * has a number, and all the rest of it follows from that: whoever finds one knows whether it is
 * whole, where it comes from and where it belongs.
 *
 * With the argument `large`: a set of more than 2^31 pairs and bytes on one rank, for real.
 */
#include "../unit/random.h"
#include "comm/vector.h"
#include "engine/job.h"
#include "engine/shuffle.h"
#include "ranks.h"
#include "sets/run.h"
#include "sets/set.h"

#include <mapred/driver.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3, OWN = 6, ALL = 48000, LONGEST = 20000 };

#define PAGE    8192 /* at the most, with so much memory */
#define BUDGET  ((uint64_t)16 << 20)
#define BALLAST (BUDGET / 8 * 5 - ((uint64_t)128 << 10))

/* One shuffle. Sizes of keys and values: 8 and 8, or any. */
typedef struct way {
    mr_spread spread;
    bool fixed, places, verify, deal, one_pile, here, only_sample, divided;
    bool on_disk;        /* memory is taken by something else */
    uint32_t value_size; /* where they are fixed; 0: 8 */
    uint64_t keys;       /* how many different ones there are */
    uint64_t pairs;      /* of each rank; 0: as many as ALL is on all ranks */
    int rounds;          /* so often, into the same piles; 0: once */
    int fails;           /* the rank, counted from 1, that cannot write to its scratch */
} way;

/* What a shuffle needs of a job. */
typedef struct setting {
    mr_job job;
    mr_settings settings;
    mr_error error;
    mr_shape shape;
    mr_pair_order order;
    mr_pair_cuts cuts;
    mr_piles piles;
    mr_shuffle_plan plan;
    void *ballast;
} setting;

static uint64_t pairs_of(const way *w)
{
    return w->pairs ? w->pairs : ALL / (uint64_t)mr_comm_size(comm);
}

/* ---- pairs ---- */

typedef struct room {
    uint64_t value[LONGEST / 8 + 2];
    mr_image key;
    char text[64];
} room;

static uint64_t key_number(const way *w, uint64_t id)
{
    return random_next(&id) % w->keys;
}

static mr_bytes key_of(const way *w, uint64_t id, room *r)
{
    r->key = mr_image_of_u64(key_number(w, id));
    if (w->fixed)
        return MR_BYTES(r->key);
    memcpy(r->text, &r->key, 8);
    memset(r->text + 8, 'k', sizeof r->text - 8);
    return mr_bytes_at(r->text, 8 + key_number(w, id) % 41);
}

static uint32_t value_size(const way *w)
{
    return w->value_size ? w->value_size : 8;
}

/* The number, and what else follows from it. Few values are longer than a page. */
static mr_bytes value_of(const way *w, uint64_t id, room *r)
{
    uint64_t random = id, size = 8;
    r->value[0] = id;
    if (w->fixed)
        size = value_size(w);
    else
        size += random_below(&random, id % 1000 == 0 ? LONGEST : 30);
    for (size_t i = 1; i * 8 < size; i++)
        r->value[i] = random_next(&random);
    return mr_bytes_at(r->value, size);
}

static uint64_t place_of(uint64_t id)
{
    return id * 3 + 1;
}

static uint64_t owner(void *context, mr_bytes key, uint64_t owners)
{
    (void)context;
    return mr_key_u64(mr_bytes_at(key.data, 8)) % owners;
}

/* ---- the setting ---- */

/* Ranges are cut the same on all ranks: all have the same sample. */
static void cut(const way *w, setting *s)
{
    mr_pair_sample sample;
    room r;
    unsigned char *pair = malloc(2 * LONGEST);
    mr_pair_sample_start(&sample, &s->order, 4000);
    for (uint64_t id = 0; id < 4000; id++) {
        mr_bytes key = key_of(w, id, &r), value = value_of(w, id, &r);
        mr_pair_put(&s->plan.layout, pair, key, value, place_of(id));
        CU_ASSERT_EQUAL(mr_pair_sample_offer(&sample, pair, &s->error), MR_OK);
    }
    CU_ASSERT_EQUAL(
        mr_pair_cuts_create(&s->cuts, &s->order, &sample, s->plan.piles, !w->divided, &s->error),
        MR_OK);
    mr_pair_sample_free(&sample);
    free(pair);
}

static void begin(const way *w, setting *s)
{
    memset(s, 0, sizeof *s);
    s->settings.verify = w->verify;
    s->shape = w->fixed ? (mr_shape){.key = MR_KEY_U64, .value_size = value_size(w)}
                        : (mr_shape){.key = MR_KEY_BYTES};
    /* So many threads make pages small. */
    s->job = (mr_job){.comm = comm, .settings = &s->settings, .error = &s->error, .threads = 64};
    s->plan = (mr_shuffle_plan){.shape = s->shape,
                                .layout = mr_pair_layout_of(&s->shape, w->places),
                                .spread = w->spread,
                                .owner = owner,
                                .piles = OWN * (uint32_t)mr_comm_size(comm),
                                .into = &s->piles,
                                .here = w->here,
                                .deal = w->deal,
                                .one_pile = w->one_pile,
                                .sample_only = w->only_sample};
    s->order = (mr_pair_order){.layout = s->plan.layout, .ties = MR_TIES_VALUE};
    s->plan.sample_by = s->order;
    if (w->spread == MR_SPREAD_RANGE) {
        cut(w, s);
        s->plan.cuts = &s->cuts;
    }
    const char *scratch = w->fails == mr_comm_rank(comm) + 1 ? "/there/is/none" : "/tmp";
    CU_ASSERT_EQUAL(mr_piles_create(&s->piles, OWN, s->plan.layout, scratch, &s->error), MR_OK);
    mr_memory_set_budget(BUDGET);
    if (w->on_disk)
        s->ballast = mr_memory_allocate(BALLAST, "ballast", &s->error);
}

static void end(setting *s)
{
    mr_piles_free(&s->piles);
    mr_pair_cuts_free(&s->cuts);
    mr_memory_free(s->ballast, BALLAST);
    mr_memory_set_budget(0);
    CU_ASSERT_EQUAL(mr_memory_used(), 0);
}

/* ---- putting ---- */

static mr_status put_some(const way *w, setting *s, mr_emitter *e, mr_error *error)
{
    uint64_t count = pairs_of(w), first = count * (uint64_t)mr_comm_rank(comm);
    room *r = malloc(sizeof *r);
    mr_status status = MR_OK;
    (void)s;
    for (uint64_t i = (uint64_t)omp_get_thread_num(); i < count && status == MR_OK;
         i += (uint64_t)omp_get_num_threads()) {
        uint64_t id = first + i;
        mr_bytes key = key_of(w, id, r), value = value_of(w, id, r);
        status = w->here ? mr_emit_here(e, (uint32_t)(id % OWN), key, value, place_of(id), error)
                         : mr_emit(e, key, value, place_of(id), error);
    }
    free(r);
    return status;
}

static mr_status put_as_a_thread(const way *w, setting *s, mr_shuffle *shuffle, mr_error *error)
{
    mr_emitter *e;
    mr_status status = mr_emitter_create(&e, shuffle, error);
    if (status == MR_OK)
        status = put_some(w, s, e, error);
    if (status == MR_OK)
        status = mr_emitter_close(e, error);
    mr_emitter_destroy(&e);
    return status;
}

/* All threads; the main one moves pages as long as one of them is at work. */
static mr_status put_all(const way *w, setting *s, mr_shuffle *shuffle)
{
    atomic_int done = 0, failed = 0;
#pragma omp parallel num_threads(THREADS)
    {
        mr_error error = {0};
        if (put_as_a_thread(w, s, shuffle, &error) != MR_OK)
            atomic_store(&failed, (int)error.code);
        atomic_fetch_add(&done, 1);
        while (omp_get_thread_num() == 0 && atomic_load(&done) < omp_get_num_threads()) {
            if (mr_shuffle_poll(shuffle, &error) != MR_OK)
                atomic_store(&failed, (int)error.code);
            nap(20);
        }
    }
    return (mr_status)atomic_load(&failed);
}

/* What was put is what there is a sample of, and one in so many of it. */
static void check_sample(const way *w, mr_shuffle *shuffle)
{
    const mr_pair_sample *sample = mr_shuffle_sample(shuffle);
    uint64_t count = pairs_of(w), stands_for = sample->count * sample->stride;
    CU_ASSERT(sample->count <= BUDGET / 4096);
    CU_ASSERT(stands_for >= count / 2 && stands_for <= count * 2);
    if (sample->stride == 1)
        CU_ASSERT_EQUAL(sample->count, count);
}

static mr_status put_round(const way *w, setting *s, mr_shuffle *shuffle)
{
    mr_error error = {0};
    mr_status status = put_all(w, s, shuffle);
    while (!mr_shuffle_end(shuffle, &error))
        nap(20);
    if (status == MR_OK && error.code == MR_OK)
        check_sample(w, shuffle);
    return status == MR_OK ? error.code : status;
}

static mr_status put(const way *w, setting *s)
{
    mr_shuffle *shuffle, *again;
    CU_ASSERT_EQUAL(mr_shuffle_create(&shuffle, &s->job, &s->plan), MR_OK);
    mr_status status = put_round(w, s, shuffle);
    for (int round = 1; round < w->rounds && status == MR_OK; round++) {
        CU_ASSERT_EQUAL(mr_shuffle_again(&again, shuffle), MR_OK);
        mr_shuffle_destroy(&shuffle);
        shuffle = again;
        status = put_round(w, s, shuffle);
    }
    mr_shuffle_destroy(&shuffle);
    CU_ASSERT_PTR_NULL(shuffle);
    return status;
}

/* ---- what has come ---- */

typedef struct arrivals {
    uint64_t *seen;         /* how often each pair has come here */
    uint64_t *least, *most; /* key of a pile */
    uint64_t wrong, misplaced, count, bytes, from_others;
} arrivals;

static bool belongs(const way *w, const setting *s, uint64_t id, mr_bytes key, uint32_t p)
{
    uint64_t rank = (uint64_t)mr_comm_rank(comm), ranks = (uint64_t)mr_comm_size(comm);
    uint32_t all = (uint32_t)rank * OWN + p;
    if (w->here)
        return id / pairs_of(w) == rank && id % OWN == p;
    switch (w->spread) {
    case MR_SPREAD_HASH:
        return mr_hash_pile(&s->plan.layout, key, s->plan.piles) == all;
    case MR_SPREAD_LOCAL:
        return w->deal || id / pairs_of(w) == rank;
    case MR_SPREAD_OWNER:
        return key_number(w, id) % ranks == rank && (!w->one_pile || p == 0);
    default:
        return true; /* see check_ranges */
    }
}

static void look_at(const way *w, const setting *s, const unsigned char *at, uint32_t p,
                    arrivals *a, room *r)
{
    mr_pair pair;
    uint64_t id = 0, all = pairs_of(w) * (uint64_t)mr_comm_size(comm);
    uint32_t pile = OWN * (uint32_t)mr_comm_rank(comm) + p;
    a->bytes += (size_t)(mr_pair_read(&s->plan.layout, at, &pair) - at);
    a->count++;
    if (pair.value.size >= 8)
        memcpy(&id, pair.value.data, 8);
    if (pair.value.size < 8 || id >= all || !mr_bytes_equal(pair.key, key_of(w, id, r)) ||
        !mr_bytes_equal(pair.value, value_of(w, id, r)) ||
        mr_pair_place(&s->plan.layout, at) != (w->places ? place_of(id) : 0)) {
        a->wrong++;
        return;
    }
    uint64_t key = key_number(w, id);
    a->seen[id]++;
    a->misplaced += !belongs(w, s, id, pair.key, p);
    a->from_others += id / pairs_of(w) != (uint64_t)mr_comm_rank(comm);
    a->least[pile] = key < a->least[pile] ? key : a->least[pile];
    a->most[pile] = key + 1 > a->most[pile] ? key + 1 : a->most[pile];
}

static void look_at_pile(const way *w, setting *s, uint32_t p, arrivals *a)
{
    mr_pile_reader reader;
    const unsigned char *begin, *end;
    room *r = malloc(sizeof *r);
    mr_pile_reader_start(&reader, &s->piles, p, true);
    while (mr_pile_reader_next(&reader, &begin, &end, &s->error) == MR_OK && begin)
        while (begin < end) {
            mr_pair pair;
            look_at(w, s, begin, p, a, r);
            begin = mr_pair_read(&s->plan.layout, begin, &pair);
        }
    mr_pile_reader_end(&reader);
    free(r);
}

/* Keys of a range are below those of the next: equal at the most, where a key may be divided. */
static void check_ranges(const way *w, const setting *s, arrivals *a)
{
    uint64_t above = 0, wrong = 0, empty = 0;
    mr_vector_reduce(comm, a->least, s->plan.piles, MR_NUMBER_U64, MR_COMBINE_MIN, 0);
    mr_vector_reduce(comm, a->most, s->plan.piles, MR_NUMBER_U64, MR_COMBINE_MAX, 0);
    for (uint32_t p = 0; p < s->plan.piles; p++) {
        if (a->most[p] == 0) {
            empty++;
            continue;
        }
        wrong += a->least[p] + w->divided < above;
        above = a->most[p];
    }
    if (w->spread == MR_SPREAD_RANGE) {
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT(empty * w->keys <= s->plan.piles * 10 || w->keys < s->plan.piles);
    }
}

/* The report's figures: what all have sent has arrived, and it is no more than it has to be. */
static void check_volume(const way *w, const setting *s, const arrivals *a)
{
    const mr_rank_report *report = &s->job.report;
    uint64_t mine[3] = {report->bytes_sent, report->bytes_received, report->messages_sent};
    uint64_t before[3], total[3], moved[1] = {a->from_others}, unused[1], all_moved[1];
    uint64_t rounds = w->rounds ? (uint64_t)w->rounds : 1;
    mr_comm_scan(comm, mine, 3, before, total);
    mr_comm_scan(comm, moved, 1, unused, all_moved);
    CU_ASSERT_EQUAL(total[0], total[1]);
    CU_ASSERT_EQUAL(total[0] > 0, all_moved[0] > 0);
    if (w->spread == MR_SPREAD_OWNER && w->keys == 1)
        CU_ASSERT_EQUAL(mr_comm_rank(comm) == 0 ? mine[0] : mine[1], 0);
    if (!w->fixed || w->only_sample)
        return;
    uint64_t payload = all_moved[0] * s->plan.layout.stride;
    uint64_t heads = (uint64_t)THREADS * s->plan.piles * (uint64_t)mr_comm_size(comm) * rounds * 40;
    CU_ASSERT(total[0] >= payload && total[0] <= payload + total[2] * 64 + heads);
}

/* Pages that go from pile to pile leave none behind by more than one of each thread that there is.
 */
static void check_dealt(const way *w, const setting *s)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t p = 0; p < OWN; p++) {
        uint64_t bytes = s->piles.piles[p].bytes;
        least = bytes < least ? bytes : least;
        most = bytes > most ? bytes : most;
    }
    if (w->fixed && w->spread == MR_SPREAD_LOCAL)
        CU_ASSERT(most - least <= (uint64_t)(THREADS + 1) * (uint64_t)mr_comm_size(comm) * PAGE);
}

static void check_arrivals(const way *w, setting *s)
{
    uint64_t all = pairs_of(w) * (uint64_t)mr_comm_size(comm), not_once = 0;
    uint64_t rounds = w->only_sample ? 0 : w->rounds ? (uint64_t)w->rounds : 1;
    uint64_t counted[2] = {mr_piles_count(&s->piles), mr_piles_bytes(&s->piles)};
    arrivals a = {.seen = calloc(all, sizeof *a.seen),
                  .least = malloc(s->plan.piles * sizeof *a.least),
                  .most = calloc(s->plan.piles, sizeof *a.most)};
    memset(a.least, 0xff, s->plan.piles * sizeof *a.least);
    check_dealt(w, s);
    CU_ASSERT_EQUAL(w->on_disk && counted[1] > 1 << 20, mr_piles_spilled(&s->piles) > 1 << 20);
    for (uint32_t p = 0; p < OWN; p++)
        look_at_pile(w, s, p, &a);
    CU_ASSERT_EQUAL(s->error.code, MR_OK);
    CU_ASSERT_EQUAL(a.wrong + a.misplaced, 0);
    CU_ASSERT_EQUAL(a.count, counted[0]);
    CU_ASSERT_EQUAL(a.bytes, counted[1]);
    mr_vector_reduce(comm, a.seen, all, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
    for (uint64_t id = 0; id < all; id++)
        not_once += a.seen[id] != rounds;
    CU_ASSERT_EQUAL(not_once, 0);
    check_ranges(w, s, &a);
    check_volume(w, s, &a);
    free(a.seen);
    free(a.least);
    free(a.most);
}

static void expect(const way *w)
{
    setting *s = malloc(sizeof *s);
    begin(w, s);
    CU_ASSERT_EQUAL(put(w, s), MR_OK);
    check_arrivals(w, s);
    end(s);
    free(s);
}

/* ---- the tests ---- */

static void test_hash(void)
{
    expect(&(way){.fixed = true, .keys = 10000});
    expect(&(way){.fixed = true, .keys = 3, .places = true});
    expect(&(way){.fixed = true, .keys = 9999, .value_size = 11});
    expect(&(way){.keys = 5000});
    expect(&(way){.keys = 700, .places = true, .verify = true});
}

static void test_ranges(void)
{
    const mr_spread range = MR_SPREAD_RANGE;
    expect(&(way){.spread = range, .fixed = true, .keys = 100000});
    expect(&(way){.spread = range, .fixed = true, .keys = 2, .divided = true});
    expect(&(way){.spread = range, .fixed = true, .keys = 900, .divided = true, .places = true});
    expect(&(way){.spread = range, .keys = 3000});
}

static void test_owner(void)
{
    const mr_spread by = MR_SPREAD_OWNER;
    expect(&(way){.spread = by, .fixed = true, .keys = 10000});
    expect(&(way){.spread = by, .keys = 10000, .places = true});
    expect(&(way){.spread = by, .fixed = true, .keys = 10000, .one_pile = true});
    expect(&(way){.spread = by, .fixed = true, .keys = 1}); /* all to rank 0 */
}

static void test_local(void)
{
    const mr_spread local = MR_SPREAD_LOCAL;
    expect(&(way){.spread = local, .fixed = true, .keys = 10000, .pairs = 50000});
    expect(&(way){.spread = local, .keys = 10000, .places = true});
    expect(&(way){.spread = local, .fixed = true, .keys = 10, .deal = true, .pairs = 50000});
    expect(&(way){.spread = local, .keys = 10000, .deal = true});
    expect(&(way){.spread = local, .keys = 10000, .here = true});
    expect(&(way){.fixed = true, .keys = 10000, .here = true});
}

static void test_few(void)
{
    expect(&(way){.keys = 10, .pairs = 1});
    expect(&(way){.keys = 10, .pairs = 7, .fixed = true, .verify = true});
    expect(&(way){.keys = 10000, .pairs = 2000, .fixed = true, .only_sample = true});
}

static void test_rounds(void)
{
    expect(&(way){.keys = 1000, .pairs = 1000, .rounds = 5});
    expect(&(way){.keys = 1000, .pairs = 900, .fixed = true, .rounds = 20});
}

static void test_on_disk(void)
{
    expect(&(way){.keys = 3000, .on_disk = true, .verify = true});
    expect(&(way){.fixed = true, .keys = 9999, .pairs = 60000, .on_disk = true});
}

/* Who cannot go on takes what the others send, and all come to the end. */
static void test_failure(void)
{
    int ranks = mr_comm_size(comm);
    for (int fails = 1; fails <= ranks; fails += ranks > 4 ? 7 : 1) {
        way w = {.keys = 9999, .pairs = 20000, .on_disk = true, .fails = fails};
        setting *s = malloc(sizeof *s);
        begin(&w, s);
        mr_status status = put(&w, s);
        CU_ASSERT_EQUAL(status, fails == mr_comm_rank(comm) + 1 ? MR_BAD_OUTPUT : MR_OK);
        end(s);
        free(s);
    }
}

/* ---- more than an int can count ---- */

static mr_status put_few(mr_out *out, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++)
        MR_TRY(mr_out_pair_u64(out, i, mr_bytes_at(NULL, 0)));
    return MR_OK;
}

static mr_status put_again(mr_out *out, mr_pairs *pairs)
{
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        MR_TRY(mr_out_pair(out, pair.key, pair.value));
    return MR_OK;
}

#define PRETENDED ((uint64_t)5 << 31)

/* Each rank's first pile says that it has more than there is; then sets are counted again. */
static mr_status count_much(mr_job *job)
{
    mr_set *set = NULL, *more = NULL;
    mr_set_options options = {.shape = {.key = MR_KEY_U64, .value = MR_VALUE_NONE}};
    uint64_t ranks = (uint64_t)mr_job_ranks(job), rank = (uint64_t)mr_job_rank(job);
    mr_status status = mr_set_from_range(job, 0, 1000, put_few, &options, &set);
    if (status == MR_OK)
        status = mr_set_from_range(job, 0, 10, put_few, &options, &more);
    if (status == MR_OK) {
        set->piles.piles[0].count += PRETENDED;
        set->piles.piles[0].bytes += PRETENDED * 8 * (rank + 1);
        status = mr_set_add(set, more, put_again);
    }
    if (status == MR_OK) {
        uint64_t bytes = PRETENDED * 8 * (ranks * (ranks + 1) / 2) + 1010 * 8;
        CU_ASSERT_EQUAL(mr_set_count(set), PRETENDED * ranks + 1010);
        CU_ASSERT_EQUAL(mr_set_bytes(set), bytes);
        CU_ASSERT(mr_set_count_here(set) >= PRETENDED);
        CU_ASSERT(job->report.pairs >= PRETENDED && job->report.pairs < PRETENDED + 1021);
        CU_ASSERT_DOUBLE_EQUAL(mr_set_balance(set), 2.0 * (double)ranks / (double)(ranks + 1),
                               1e-6);
        set->piles.piles[0].count = set->piles.piles[0].bytes = 0;
    }
    mr_set_destroy(&more);
    mr_set_destroy(&set);
    return status;
}

static mr_status run_driver(mr_status (*run)(mr_job *job), uint64_t memory, mr_error *error)
{
    mr_app app = {MR_APP_ABI, .name = "large", .run = run};
    mr_settings settings = {.quiet = true, .threads = 2, .memory = memory, .scratch = "/tmp"};
    *error = (mr_error){0};
    mr_status status = mr_run_main(comm, &app, NULL, &settings, NULL, 0, error);
    mr_memory_set_budget(0);
    return status;
}

static void test_large_counts(void)
{
    mr_error error;
    CU_ASSERT_EQUAL(run_driver(count_much, 64 << 20, &error), MR_OK);
}

/* A message is counted by an int. Nobody reads so much of these bytes before it is refused. */
static mr_status put_long(mr_out *out, uint64_t begin, uint64_t end)
{
    (void)end;
    mr_bytes half = mr_bytes_at("", (size_t)600 << 20);
    return begin == 0 ? mr_out_pair(out, half, half) : MR_OK;
}

static mr_status put_too_much(mr_job *job)
{
    mr_set *set = NULL;
    mr_status status =
        mr_set_from_range(job, 0, 10, put_long, &(mr_set_options){.name = "long"}, &set);
    CU_ASSERT_PTR_NULL(set);
    return status;
}

static void test_long_pair(void)
{
    mr_error error;
    CU_ASSERT_EQUAL(run_driver(put_too_much, 64 << 20, &error), MR_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "pair too long: 1258291200 bytes, and 1 GiB"));
}

/* ---- the same for real ---- */

#define LARGE (((uint64_t)1 << 31) + 1000003)

static mr_status put_bytes(mr_out *out, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++) {
        unsigned char key = (unsigned char)(i % 251);
        MR_TRY(mr_out_pair(out, MR_BYTES(key), mr_bytes_at(NULL, 0)));
    }
    return MR_OK;
}

static uint64_t last_rank(void *context, mr_bytes key, uint64_t owners)
{
    (void)context;
    (void)key;
    return owners - 1;
}

static mr_status tally(mr_out *out, mr_pairs *pairs)
{
    int64_t *counts = mr_out_context(out), mine[256] = {0};
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        mine[(unsigned char)pair.key.data[0]]++;
    for (int i = 0; i < 256; i++)
        atomic_fetch_add((_Atomic int64_t *)&counts[i], mine[i]);
    return MR_OK;
}

static mr_status count_for_real(mr_job *job)
{
    static int64_t counts[256];
    mr_set *set = NULL;
    mr_set_options options = {.shape = {.key_size = 1, .value = MR_VALUE_NONE},
                              .spread = MR_SPREAD_OWNER,
                              .owner = last_rank,
                              .context = counts};
    bool last = mr_job_rank(job) == mr_job_ranks(job) - 1;
    memset(counts, 0, sizeof counts);
    MR_TRY(mr_set_from_range(job, 0, LARGE, put_bytes, &options, &set));
    CU_ASSERT_EQUAL(mr_set_count(set), LARGE);
    CU_ASSERT_EQUAL(mr_set_bytes(set), LARGE);
    CU_ASSERT_EQUAL(mr_set_count_here(set), last ? LARGE : 0);
    CU_ASSERT_EQUAL(mr_set_spilled_here(set) > 0, last && mr_memory_budget() < LARGE);
    mr_status status = mr_set_map(set, tally, &options, NULL);
    for (uint64_t i = 0; i < 256 && status == MR_OK; i++)
        CU_ASSERT_EQUAL((uint64_t)counts[i], last && i < 251 ? (LARGE + 250 - i) / 251 : 0);
    mr_set_destroy(&set);
    return status;
}

static void test_large_in_memory(void)
{
    mr_error error;
    CU_ASSERT_EQUAL(run_driver(count_for_real, (uint64_t)5 << 30, &error), MR_OK);
}

static void test_large_on_disk(void)
{
    mr_error error;
    CU_ASSERT_EQUAL(run_driver(count_for_real, (uint64_t)512 << 20, &error), MR_OK);
}

int main(int count, char **arguments)
{
    static const ranks_test tests[] = {
        {"by hash", test_hash},
        {"by ranges", test_ranges},
        {"by owner", test_owner},
        {"where they are", test_local},
        {"few pairs", test_few},
        {"more for the same piles", test_rounds},
        {"piles on disk", test_on_disk},
        {"one rank fails", test_failure},
        {"more than 32 bits count", test_large_counts},
        {"a pair that no message takes", test_long_pair},
    };
    static const ranks_test large[] = {
        {"more than 2^31 pairs in memory", test_large_in_memory},
        {"more than 2^31 pairs on disk", test_large_on_disk},
    };
    if (count > 1 && strcmp(arguments[1], "large") == 0)
        return run_on_ranks("large", large, sizeof large / sizeof *large);
    return run_on_ranks("shuffle", tests, sizeof tests / sizeof *tests);
}

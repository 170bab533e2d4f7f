/*
 * bench/plugins/group.c: pairs of two u64 by key, the values of each key summed: through an
 * iterator over its values, or with --fold as they come. Rank 0 prints the seconds that took, by
 * its own clock, to stderr, and to stdout what both ways have to agree in.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include <mapred.h>

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

typedef struct group {
    int64_t pairs, keys;
    bool fold;
    atomic_uint_least64_t sums, check; /* of this rank's keys */
} group;

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The high half of the number's scramble makes the key, the low half the value. */
static uint64_t key_of(const group *g, uint64_t bits)
{
    return (bits >> 32) * (uint64_t)g->keys >> 32;
}

static uint64_t value_of(uint64_t bits)
{
    return bits & 0xffffff;
}

static mr_status put_pairs(mr_out *out, uint64_t begin, uint64_t end)
{
    const group *g = mr_out_context(out);
    for (uint64_t i = begin; i < end; i++) {
        uint64_t bits = scramble(i * 0x9e3779b97f4a7c15u), value = value_of(bits);
        MR_TRY(mr_out_pair_u64(out, key_of(g, bits), MR_BYTES(value)));
    }
    return MR_OK;
}

static mr_status fold_pairs(mr_out *out, uint64_t begin, uint64_t end)
{
    const group *g = mr_out_context(out);
    for (uint64_t i = begin; i < end; i++) {
        uint64_t bits = scramble(i * 0x9e3779b97f4a7c15u);
        mr_image key = mr_image_of_u64(key_of(g, bits));
        MR_TRY(mr_out_add_i64(out, MR_BYTES(key), (int64_t)value_of(bits)));
    }
    return MR_OK;
}

static mr_status sum_values(mr_out *out, mr_bytes key, mr_values *values)
{
    uint64_t sum = 0;
    for (mr_bytes value; mr_values_next(values, &value);)
        sum += mr_value_u64(value);
    return mr_out_pair(out, key, MR_BYTES(sum));
}

static mr_status check_pairs(mr_out *out, mr_pairs *pairs)
{
    group *g = mr_out_context(out);
    uint64_t sums = 0, check = 0;
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        uint64_t sum = mr_value_u64(pair.value);
        sums += sum;
        check += scramble(mr_key_u64(pair.key) + scramble(sum));
    }
    atomic_fetch_add(&g->sums, sums);
    atomic_fetch_add(&g->check, check);
    return MR_OK;
}

static mr_status sum_folded(mr_job *job, group *g, mr_set **sums)
{
    mr_set_options options = {
        .shape = {.key = MR_KEY_U64}, .fold = MR_SUM_I64, .context = g, .name = "sums"};
    return mr_set_from_range(job, 0, (uint64_t)g->pairs, fold_pairs, &options, sums);
}

static mr_status sum_grouped(mr_job *job, group *g, mr_set **sums)
{
    mr_set *pairs = NULL;
    mr_set_options options = {
        .shape = {.key = MR_KEY_U64, .value = MR_VALUE_U64}, .context = g, .name = "pairs"};
    MR_TRY(mr_set_from_range(job, 0, (uint64_t)g->pairs, put_pairs, &options, &pairs));
    options.name = "sums";
    options.values = MR_VALUES_ANY;
    options.same_keys = true;
    options.consume = true;
    mr_status status = mr_set_reduce(pairs, sum_values, &options, sums);
    mr_set_destroy(&pairs);
    return status;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The fold's accumulators of a set are its values, so both ways end in the same pairs. */
static mr_status tell(mr_job *job, group *g, mr_set *sums, double seconds)
{
    mr_set_options options = {.context = g};
    MR_TRY(mr_set_map(sums, check_pairs, &options, NULL));
    int64_t totals[2] = {(int64_t)atomic_load(&g->sums), (int64_t)atomic_load(&g->check)};
    mr_all_sum_i64(job, totals, 2);
    if (mr_job_rank(job) != 0)
        return MR_OK;
    fprintf(stderr, "seconds: %.6f\npairs: %lld, %.2f million a second\n", seconds,
            (long long)g->pairs, (double)g->pairs / seconds * 1e-6);
    printf("keys %llu sum %llu check %016llx\n", (unsigned long long)mr_set_count(sums),
           (unsigned long long)totals[0], (unsigned long long)totals[1]);
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    group *g = mr_job_state(job);
    mr_set *sums = NULL;
    if (g->pairs < 0 || g->keys < 1 || g->keys > UINT32_MAX)
        mr_job_fail(job, MR_USAGE, "no such groups: --pairs from 0, --keys from 1 to 2^32 - 1");
    MR_TRY(mr_job_agree(job));
    double begin = now();
    MR_TRY(g->fold ? sum_folded(job, g, &sums) : sum_grouped(job, g, &sums));
    mr_status status = tell(job, g, sums, now() - begin);
    mr_set_destroy(&sums);
    return status;
}

static const mr_option options[] = {
    {"pairs", MR_OPTION_I64, offsetof(group, pairs), "100000000", "how many pairs", false},
    {"keys", MR_OPTION_I64, offsetof(group, keys), "10000000", "how many keys they may have",
     false},
    {"fold", MR_OPTION_FLAG, offsetof(group, fold), NULL, "fold them as they come", false},
    {0}};

MR_APP = {
    MR_APP_ABI,  .name = "group",    .summary = "how fast pairs are grouped by key",
    .usage = "", .options = options, .state_size = sizeof(group),
    .run = run,
};

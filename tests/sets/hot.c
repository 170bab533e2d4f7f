/* sets/hot.c: a set in which one key has half of all values, reduced by a sum that may be done in
 * parts: see hot.py. */
#include <mapred.h>

#define PAIRS 2000000
#define HOT   7

static uint64_t mixed(uint64_t i)
{
    uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 31;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 29;
}

static mr_status put_numbers(mr_out *out, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++) {
        uint64_t x = mixed(i);
        MR_TRY(mr_out_pair_u64(out, x & 1 ? HOT : x % 100000, MR_BYTES(i)));
    }
    return MR_OK;
}

static mr_status add_up(mr_out *out, mr_bytes key, mr_values *values)
{
    uint64_t sum = 0;
    for (mr_bytes value; mr_values_next(values, &value);)
        sum += mr_value_u64(value);
    return mr_out_pair(out, key, MR_BYTES(sum));
}

static mr_status run(mr_job *job)
{
    mr_set *numbers = NULL, *sums = NULL;
    const mr_set_options pairs = {.shape = {.key = MR_KEY_U64, .value = MR_VALUE_U64},
                                  .name = "numbers"};
    mr_set_options reduced = pairs;
    reduced.associative = true;
    reduced.same_keys = true;
    mr_status status = mr_set_from_range(job, 0, PAIRS, put_numbers, &pairs, &numbers);
    if (status == MR_OK)
        status = mr_set_reduce(numbers, add_up, &reduced, &sums);
    if (status == MR_OK)
        status = mr_set_write(sums, NULL);
    mr_set_destroy(&numbers);
    mr_set_destroy(&sums);
    return status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "hot",
    .summary = "one key with half of all values",
    .run = run,
};

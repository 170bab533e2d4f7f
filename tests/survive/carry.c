/*
 * survive/carry.c: a loop that carries all there is to carry: a value, an array that all ranks
 * have, one that is spread over them, a kept array and a set with places; every few rounds there is
 * a loop within it. Each round writes a line about all of it, and appends a byte to --log.
 */
#include <mapred.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WHOLE  1001
#define SPREAD UINT64_C(3001)
#define PAIRS  500

typedef struct options {
    int64_t rounds;
    const char *log;
} options;

typedef struct carried {
    mr_job *job;
    int64_t round, inner;
    uint64_t whole[WHOLE];
    uint64_t spread[SPREAD]; /* of this rank, from the front */
    uint64_t begin, count;
    mr_array *array;
    mr_set *set;
    mr_text_output *output;
} carried;

static const mr_set_options bytes = {.ordered = true, .name = "carried"};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
    return a ^ a >> 29;
}

/* ---- The set ---- */

static mr_status put_first(mr_out *out, uint64_t begin, uint64_t end)
{
    char key[32], value[32];
    for (uint64_t i = begin; i < end; i++) {
        const int k = snprintf(key, sizeof key, "key %" PRIu64, i % 37);
        const int v = snprintf(value, sizeof value, "%" PRIu64, i * i);
        mr_out_at(out, i);
        MR_TRY(mr_out_pair(out, mr_bytes_at(key, (size_t)k), mr_bytes_at(value, (size_t)v)));
    }
    return MR_OK;
}

static mr_status put_next(mr_out *out, mr_pairs *pairs)
{
    const carried *c = mr_out_context(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        char value[128];
        const size_t size = pair.value.size < 40 ? pair.value.size : 30;
        memcpy(value, pair.value.data, size);
        value[size] = (char)('a' + c->round % 26);
        MR_TRY(mr_out_pair(out, pair.key, mr_bytes_at(value, size + 1)));
    }
    return MR_OK;
}

static mr_status hash_set(const carried *c, uint64_t *hash)
{
    mr_gathered all;
    MR_TRY(mr_set_gather(c->set, 0, &all));
    for (size_t i = 0; i < all.count; i++)
        for (size_t at = 0; at < all.pairs[i].key.size + all.pairs[i].value.size; at++)
            *hash = mix(*hash,
                        at < all.pairs[i].key.size
                            ? (unsigned char)all.pairs[i].key.data[at]
                            : (unsigned char)all.pairs[i].value.data[at - all.pairs[i].key.size]);
    mr_gathered_free(&all);
    return MR_OK;
}

/* ---- A round ---- */

static mr_status advance_set(carried *c)
{
    mr_set_options how = bytes;
    mr_set *next;
    how.context = c;
    MR_TRY(mr_set_map(c->set, put_next, &how, &next));
    mr_set_destroy(&c->set);
    c->set = next;
    return MR_OK;
}

static mr_status advance_array(carried *c)
{
    mr_array *next = mr_array_keep(mr_array_binary(
        MR_ADD, c->array, mr_array_full(c->job, MR_F64, MR_DIMS1(1), (double)c->round)));
    mr_array_free(&c->array);
    c->array = next;
    return mr_job_agree(c->job);
}

/* Within a round: with a state of its own. */
static mr_status inner_loop(carried *c)
{
    mr_loop *loop;
    int64_t left = 3;
    MR_TRY(mr_loop_begin(c->job, "inner", &loop));
    mr_loop_value(loop, "left", &left, sizeof left);
    mr_loop_value(loop, "inner", &c->inner, sizeof c->inner);
    MR_TRY(mr_loop_load(loop, NULL));
    while (left > 0) {
        c->inner = (int64_t)mix((uint64_t)c->inner, (uint64_t)(left + c->round));
        left--;
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

static mr_status tell(carried *c)
{
    double sum;
    char line[256];
    int64_t spread = 0;
    uint64_t whole = 0, pairs = 0;
    for (uint64_t i = 0; i < c->count; i++)
        spread += (int64_t)(c->spread[i] >> 20);
    mr_all_sum_i64(c->job, &spread, 1);
    for (size_t i = 0; i < WHOLE; i++)
        whole = mix(whole, c->whole[i]);
    MR_TRY(hash_set(c, &pairs));
    MR_TRY(mr_array_reduce_all(c->array, MR_SUM, &sum));
    const int size = snprintf(line, sizeof line,
                              "%" PRId64 " %" PRIx64 " %" PRId64 " %.17g %" PRIx64 " %" PRIx64 "\n",
                              c->round, whole, spread, sum, pairs, (uint64_t)c->inner);
    return mr_job_rank(c->job) == 0 ? mr_text_output_write(c->output, line, (size_t)size) : MR_OK;
}

static void note(const carried *c)
{
    const options *o = mr_job_state(c->job);
    const int file = mr_job_rank(c->job) == 0 && o->log
                         ? open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)
                         : -1;
    if (file < 0)
        return;
    if (write(file, ".", 1) != 1)
        mr_job_fail(c->job, MR_BAD_OUTPUT, "cannot write: %s", o->log);
    close(file);
}

static mr_status round_once(carried *c)
{
    const uint64_t number = (uint64_t)c->round;
    for (size_t i = 0; i < WHOLE; i++)
        c->whole[i] = mix(c->whole[i], number + i);
    for (uint64_t i = 0; i < c->count; i++)
        c->spread[i] = mix(c->spread[i], c->begin + i + c->whole[(c->begin + i) % WHOLE]);
    MR_TRY(advance_set(c));
    MR_TRY(advance_array(c));
    if (c->round % 4 == 3)
        MR_TRY(inner_loop(c));
    MR_TRY(tell(c));
    note(c);
    c->round++;
    return MR_OK;
}

/* ---- The loop ---- */

static mr_status begin(carried *c)
{
    const uint64_t ranks = (uint64_t)mr_job_ranks(c->job), rank = (uint64_t)mr_job_rank(c->job);
    c->begin = SPREAD * rank / ranks;
    c->count = SPREAD * (rank + 1) / ranks - c->begin;
    c->array = mr_array_keep(mr_array_uniform(c->job, MR_DIMS2(5000, 3), 0, 1, 0));
    MR_TRY(mr_job_agree(c->job));
    return mr_set_from_range(c->job, 0, PAIRS, put_first, &bytes, &c->set);
}

static mr_status run_loop(carried *c)
{
    const options *o = mr_job_state(c->job);
    mr_loop *loop;
    MR_TRY(mr_loop_begin(c->job, "carry", &loop));
    mr_loop_value(loop, "round", &c->round, sizeof c->round);
    mr_loop_value(loop, "inner", &c->inner, sizeof c->inner);
    mr_loop_whole(loop, "whole", c->whole, sizeof c->whole);
    mr_loop_spread(loop, "spread", c->spread, sizeof *c->spread, c->begin, c->count, SPREAD);
    mr_loop_array(loop, "array", &c->array);
    mr_loop_set(loop, "set", &c->set, &bytes);
    MR_TRY(mr_loop_load(loop, NULL));
    while (c->round < o->rounds) {
        MR_TRY(round_once(c));
        MR_TRY(mr_loop_round(loop));
    }
    return mr_loop_end(&loop);
}

static mr_status run_carried(carried *c)
{
    MR_TRY(mr_text_output_begin(c->job, &c->output));
    if (mr_job_rank(c->job) == 0)
        mr_text_output_write(c->output, "round\n", 6);
    MR_TRY(begin(c));
    MR_TRY(run_loop(c));
    if (mr_job_rank(c->job) == 0)
        mr_text_output_write(c->output, "end\n", 4);
    return mr_text_output_end(&c->output);
}

static mr_status run(mr_job *job)
{
    carried *c = calloc(1, sizeof *c);
    if (!c)
        return mr_job_fail(job, MR_NO_MEMORY, "out of memory");
    c->job = job;
    mr_status status = run_carried(c);
    mr_set_destroy(&c->set);
    free(c);
    return status;
}

static const mr_option option_list[] = {
    {"rounds", MR_OPTION_I64, offsetof(options, rounds), "12", "how many", false},
    {"log", MR_OPTION_TEXT, offsetof(options, log), NULL, "a byte for each round", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "carry",
    .summary = "a loop that carries all there is",
    .options = option_list,
    .state_size = sizeof(options),
    .run = run,
};

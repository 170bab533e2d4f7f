/*
 * apps/rmat.c: a random graph with few vertices of many edges and many of few (R-MAT: Chakrabarti,
 * Zhan and Faloutsos, 2004). An edge falls into one of the quarters of the matrix of all pairs with
 * probabilities a, b, c and 1 - a - b - c, then into a quarter of that, and so on. Edge i depends
 * on the seed and i alone, so the graph is the same however many ranks make it.
 */
#include <mapred.h>

#define GROUP 512 /* edges made at a time, and lines that lie together */

typedef struct state {
    int64_t scale, edges, weights;
    double a, b, c;
    uint64_t seed;
    uint64_t bounds[3]; /* a, a + b, a + b + c of 2^32 */
} state;

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The numbers of edge i: each call is the next one of 64 bits. */
static uint64_t next(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*random);
}

static void make_edge(const state *s, uint64_t *random, uint64_t *from, uint64_t *to)
{
    uint64_t bits = 0;
    *from = *to = 0;
    for (int64_t level = 0; level < s->scale; level++) {
        bits = level % 2 ? bits >> 32 : next(random);
        uint64_t at = bits & UINT32_MAX;
        *from = *from << 1 | (at >= s->bounds[1]);
        *to = *to << 1 | ((at >= s->bounds[0]) ^ (at >= s->bounds[1]) ^ (at >= s->bounds[2]));
    }
}

static char *put_number(char *at, uint64_t number, char behind)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count > 0)
        *at++ = digits[--count];
    *at++ = behind;
    return at;
}

static char *put_edge(const state *s, uint64_t i, char *at)
{
    uint64_t from, to, random = mix(s->seed ^ mix(i + 1));
    make_edge(s, &random, &from, &to);
    at = put_number(at, from, '\t');
    at = put_number(at, to, s->weights ? '\t' : '\n');
    if (s->weights)
        at = put_number(at, next(&random) % (uint64_t)s->weights + 1, '\n');
    return at;
}

static mr_status make_groups(mr_out *out, uint64_t begin, uint64_t end)
{
    const state *s = mr_out_context(out);
    char lines[GROUP * 64];
    for (uint64_t group = begin; group < end; group++) {
        char *at = lines;
        uint64_t last = (group + 1) * GROUP, edges = (uint64_t)s->edges;
        for (uint64_t i = group * GROUP; i < (last < edges ? last : edges); i++)
            at = put_edge(s, i, at);
        MR_TRY(mr_out_pair_u64(out, group, mr_bytes_between(lines, at)));
    }
    return MR_OK;
}

static void show(void *context, mr_pair pair, mr_text *text)
{
    (void)context;
    mr_text_add(text, pair.value.data, pair.value.size);
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    mr_set_options options = {
        .shape = {.key = MR_KEY_U64}, .spread = MR_SPREAD_LOCAL, .context = s, .name = "edges"};
    uint64_t groups = ((uint64_t)s->edges + GROUP - 1) / GROUP;
    mr_set *lines = NULL;
    MR_TRY(mr_set_from_range(job, 0, groups, make_groups, &options, &lines));
    mr_status status = mr_set_write(lines, &(mr_write_options){.text = show, .consume = true});
    mr_set_destroy(&lines);
    return status;
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    const double most = 4294967296.0;
    if (s->scale < 1 || s->scale > 62)
        return mr_job_fail(job, MR_USAGE, "wrong --scale: %lld: give one from 1 to 62",
                           (long long)s->scale);
    if (s->edges < 0 || s->weights < 0)
        return mr_job_fail(job, MR_USAGE, "wrong --edges or --weights: below 0");
    if (!(s->a >= 0 && s->b >= 0 && s->c >= 0 && s->a + s->b + s->c <= 1))
        return mr_job_fail(job, MR_USAGE,
                           "wrong --a, --b, --c: %g, %g, %g: give probabilities that sum up to at "
                           "most 1",
                           s->a, s->b, s->c);
    s->bounds[0] = (uint64_t)(s->a * most);
    s->bounds[1] = (uint64_t)((s->a + s->b) * most);
    s->bounds[2] = (uint64_t)((s->a + s->b + s->c) * most);
    s->seed = mix(mr_job_seed(job));
    return MR_OK;
}

static const mr_option options[] = {
    {"scale", MR_OPTION_I64, offsetof(state, scale), NULL,
     "vertices are numbered from 0 to 2^SCALE - 1", true},
    {"edges", MR_OPTION_I64, offsetof(state, edges), NULL, "how many edges", true},
    {"a", MR_OPTION_F64, offsetof(state, a), "0.57", "probability of the first quarter", false},
    {"b", MR_OPTION_F64, offsetof(state, b), "0.19", "of the second (larger targets)", false},
    {"c", MR_OPTION_F64, offsetof(state, c), "0.19", "of the third (larger sources)", false},
    {"weights", MR_OPTION_I64, offsetof(state, weights), "0",
     "also a random weight from 1 to this; 0: none", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,     .name = "rmat",     .summary = "make a random graph: R-MAT",
    .usage = "",    .options = options, .state_size = sizeof(state),
    .setup = setup, .run = run,
};

/*
 * tasks/pipeline.c: pipelines that only tests have. `--what random` runs many, of random stages,
 * and compares what comes out with what the same stages make of the same items one after the other;
 * the rest is one pipeline each, which Python looks at.
 */
#include <mapred.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef struct state {
    const char *what, *command, *started;
    int64_t seed, cases, items, at, workers;
    uint64_t size, room;
} state;

/* ---- Random numbers, and a hash of what an item is ---- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

static uint64_t hash(mr_bytes item, uint64_t seed)
{
    uint64_t h = mix(seed + item.size + 1);
    for (size_t i = 0; i < item.size && i < 64; i++)
        h = mix(h ^ (unsigned char)item.data[i]);
    return h;
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = mix(*random + 0x9e3779b97f4a7c15ULL);
    return *random % below;
}

static void spin(double seconds)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec) <
           seconds);
}

/* ---- Kinds of stages: what each makes of an item, wherever its output goes ---- */

typedef enum kind {
    COPY,
    FILTER,
    REPEAT,
    BURST,
    LARGE,
    EMPTY,
    SLOW,
    STOPS, /* parallel or in order */
    NUMBERS,
    LAST,
    TAKES, /* in order */
    CAT_EACH,
    CAT,
    HEAD,
    SORT, /* commands */
    KINDS
} kind;

typedef struct spec {
    kind kind;
    bool in_order;
    unsigned workers;
    uint64_t seed, limit;
} spec;

#define MOST_STAGES 6

typedef struct pipeline_case {
    spec stages[MOST_STAGES];
    int count;
    uint64_t seed, items, memory;
    bool small_only;
    uint64_t seen[MOST_STAGES]; /* by each stage in order */
    uint64_t count_out, digest; /* what has come to the end */
} pipeline_case;

/* Where what is made goes: to a stage, or to a list. */
typedef struct sink {
    mr_stage *stage;
    struct list *list;
    bool stops;
} sink;

typedef struct list {
    mr_bytes *items;
    size_t count, capacity;
} list;

static void push(list *l, mr_bytes item)
{
    if (l->count == l->capacity)
        l->items = realloc(l->items, (l->capacity = 2 * l->capacity + 64) * sizeof *l->items);
    char *copy = malloc(item.size + 1);
    memcpy(copy, item.data, item.size);
    l->items[l->count++] = (mr_bytes){copy, item.size};
}

static void clear(list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free((void *)(uintptr_t)l->items[i].data);
    free(l->items);
    *l = (list){0};
}

static mr_status give(sink *to, mr_bytes item)
{
    if (to->stage)
        return mr_stage_put(to->stage, item);
    push(to->list, item);
    return MR_OK;
}

static void letters(char *text, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (seed >> (i % 11) * 5) % 26);
}

static mr_status give_made(sink *to, size_t size, uint64_t seed)
{
    char small[64], *text = small;
    if (to->stage && size > 0 && seed % 2) {
        void *room = mr_stage_put_room(to->stage, size);
        if (!room)
            return MR_CANCELLED;
        letters(room, size, seed);
        return MR_OK;
    }
    if (size > sizeof small)
        text = malloc(size);
    letters(text, size, seed);
    const mr_status status = give(to, (mr_bytes){text, size});
    if (text != small)
        free(text);
    return status;
}

static mr_status give_tagged(sink *to, mr_bytes item, uint64_t number)
{
    char text[96];
    const size_t kept = item.size < 64 ? item.size : 64;
    memcpy(text, item.data, kept);
    for (int i = 0; i < 13; i++, number /= 26)
        text[kept + (size_t)i] = (char)('a' + number % 26);
    return give(to, (mr_bytes){text, kept + 13});
}

static mr_status apply(const spec *s, uint64_t *seen, mr_bytes item, sink *to)
{
    const uint64_t h = hash(item, s->seed);
    const uint64_t number = (*seen)++;
    size_t count = 1;
    switch (s->kind) {
    case FILTER:
        return h % 3 ? give(to, item) : MR_OK;
    case REPEAT:
        for (count = h % 4; count > 0; count--)
            MR_TRY(give_tagged(to, item, count));
        return MR_OK;
    case BURST:
        for (count = h % 61 ? 1 : s->limit; count > 0; count--)
            MR_TRY(give_tagged(to, item, count));
        return MR_OK;
    case LARGE:
        return give_made(to, h % 37 ? h % 50 : h % (100 * s->limit), h);
    case EMPTY:
        return give(to, h % 3 ? item : (mr_bytes){0});
    case SLOW:
        if (to->stage && h % 20 == 0)
            spin(100e-6 * (double)(h % 7));
        return give(to, item);
    case STOPS:
        MR_TRY(give(to, item));
        to->stops = h % s->limit == 0;
        return MR_OK;
    case NUMBERS:
        return give_tagged(to, item, number);
    case LAST:
        return number % 5 == 0 ? give(to, item) : MR_OK;
    case TAKES:
        to->stops = number + 1 == s->limit;
        return give(to, item);
    default:
        return give(to, item);
    }
}

static mr_status apply_end(const spec *s, const uint64_t *seen, sink *to)
{
    return s->kind == LAST || s->kind == TAKES ? give_made(to, 20, *seen) : MR_OK;
}

/* ---- As a pipeline ---- */

static pipeline_case *case_of(const mr_stage *stage)
{
    return mr_stage_context(stage);
}

/* One function a stage: a kernel has nothing else to know by which one it is. */
static mr_status run_at(mr_stage *stage, int at, mr_bytes item)
{
    pipeline_case *c = case_of(stage);
    uint64_t unused = 0;
    sink to = {.stage = stage};
    const spec *s = &c->stages[at];
    if (s->in_order && (mr_stage_rank(stage) != 0 || mr_stage_item(stage) != c->seen[at]))
        return mr_stage_fail(stage, MR_FAILED, "it has seen %llu", (unsigned long long)c->seen[at]);
    MR_TRY(apply(s, s->in_order ? &c->seen[at] : &unused, item, &to));
    if (to.stops)
        mr_stage_stop(stage);
    return MR_OK;
}

static mr_status end_at(mr_stage *stage, int at)
{
    pipeline_case *c = case_of(stage);
    return apply_end(&c->stages[at], &c->seen[at], &(sink){.stage = stage});
}

#define STAGE(at)                                                                                  \
    static mr_status run_##at(mr_stage *stage, mr_bytes item)                                      \
    {                                                                                              \
        return run_at(stage, at, item);                                                            \
    }                                                                                              \
    static mr_status end_##at(mr_stage *stage)                                                     \
    {                                                                                              \
        return end_at(stage, at);                                                                  \
    }
STAGE(0)
STAGE(1)
STAGE(2)
STAGE(3)
STAGE(4)
STAGE(5)

static mr_status (*const runs[])(mr_stage *, mr_bytes) = {run_0, run_1, run_2, run_3, run_4, run_5};
static mr_status (*const ends[])(mr_stage *) = {end_0, end_1, end_2, end_3, end_4, end_5};

static mr_status source(mr_stage *stage)
{
    const pipeline_case *c = case_of(stage);
    sink to = {.stage = stage};
    for (uint64_t i = 0; i < c->items; i++) {
        const uint64_t h = mix(c->seed + i);
        mr_status status = give_made(&to, h % 31 ? h % 24 : h % 3000, h);
        if (status != MR_OK)
            return status == MR_CANCELLED && i % 2 ? MR_OK : status;
    }
    return MR_OK;
}

static void add_result(pipeline_case *c, mr_bytes item)
{
    c->count_out++;
    c->digest = mix(c->digest ^ item.size);
    for (size_t i = 0; i < item.size; i++)
        c->digest = c->digest * 0x100000001b3ULL + (unsigned char)item.data[i];
}

static mr_status collect(mr_stage *stage, mr_bytes item)
{
    add_result(case_of(stage), item);
    return MR_OK;
}

static mr_status run_case(mr_job *job, pipeline_case *c)
{
    mr_stage_plan stages[MOST_STAGES + 2] = {0};
    for (int i = 0; i < c->count; i++) {
        const spec *s = &c->stages[i];
        stages[i] = (mr_stage_plan){.name = "stage",
                                    .kind = s->in_order ? MR_STAGE_IN_ORDER : MR_STAGE_PARALLEL,
                                    .run = runs[i],
                                    .end = s->in_order ? ends[i] : NULL,
                                    .workers = s->workers,
                                    .local_size = 8};
        static const char *const commands[] = {"cat", "cat", "head -n 7", "sort"};
        if (s->kind >= CAT_EACH) {
            stages[i].run = NULL;
            stages[i].end = NULL;
            stages[i].command = commands[s->kind - CAT_EACH];
        }
    }
    stages[c->count] =
        (mr_stage_plan){.name = "collect", .kind = MR_STAGE_IN_ORDER, .run = collect};
    return mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                               .name = "random",
                                               .source = source,
                                               .stages = stages,
                                               .context = c,
                                               .memory = c->memory});
}

/* ---- One after the other ---- */

static int compare(const void *a, const void *b)
{
    return mr_bytes_compare(*(const mr_bytes *)a, *(const mr_bytes *)b);
}

static void run_serial_stage(const spec *s, list *in, list *out)
{
    uint64_t seen = 0;
    sink to = {.list = out};
    if (s->kind == SORT)
        qsort(in->items, in->count, sizeof *in->items, compare);
    for (size_t i = 0; i < in->count && !to.stops && !(s->kind == HEAD && i == 7); i++)
        apply(s, &seen, in->items[i], &to);
    if (s->in_order && s->kind < CAT_EACH)
        apply_end(s, &seen, &to);
}

static void run_serial(pipeline_case *c)
{
    list now = {0}, next = {0};
    sink first = {.list = &now};
    for (uint64_t i = 0; i < c->items; i++) {
        const uint64_t h = mix(c->seed + i);
        give_made(&first, h % 31 ? h % 24 : h % 3000, h);
    }
    for (int i = 0; i < c->count; i++) {
        run_serial_stage(&c->stages[i], &now, &next);
        clear(&now);
        now = next;
        next = (list){0};
    }
    for (size_t i = 0; i < now.count; i++)
        add_result(c, now.items[i]);
    clear(&now);
}

/* ---- Random ones ---- */

static void draw_stage(pipeline_case *c, spec *s, uint64_t *random)
{
    s->kind = (kind)draw(random, KINDS);
    /* A process for each item takes its time. */
    if (s->kind == CAT_EACH && c->items > 20)
        s->kind = COPY;
    s->in_order = s->kind >= CAT        ? true
                  : s->kind == CAT_EACH ? false
                  : s->kind >= NUMBERS  ? true
                                        : draw(random, 2);
    s->workers = (unsigned)(draw(random, 3) ? 0 : 1 + draw(random, 3));
    s->seed = draw(random, UINT64_MAX);
    s->limit = 1 + draw(random, s->kind == STOPS ? 500 : s->kind == TAKES ? 40 : 2000);
}

static void draw_case(pipeline_case *c, uint64_t seed)
{
    static const uint64_t memories[] = {0, 0, 1, 5000, 200000, 2000000};
    uint64_t random = mix(seed);
    *c = (pipeline_case){.seed = seed};
    static const uint64_t counts[] = {0, 1, 2, 15, 15, 300, 300, 2000, 5000};
    c->items = counts[draw(&random, 9)];
    c->memory = memories[draw(&random, 6)];
    c->count = (int)draw(&random, MOST_STAGES);
    bool has_burst = false;
    for (int i = 0; i < c->count; i++) {
        spec *s = &c->stages[i];
        draw_stage(c, s, &random);
        /* Two bursts, or a process for each item of one, would be more than a test has time for. */
        const bool grows = s->kind == BURST || s->kind == REPEAT;
        if ((grows && c->items > 300 && has_burst) || (has_burst && s->kind == CAT_EACH))
            s->kind = FILTER, s->in_order = false;
        has_burst |= grows;
    }
}

static mr_status run_random(mr_job *job, const state *s)
{
    pipeline_case c, oracle;
    uint64_t items = 0;
    for (int64_t i = 0; i < s->cases; i++) {
        draw_case(&c, (uint64_t)(s->seed + i));
        draw_case(&oracle, (uint64_t)(s->seed + i));
        const uint64_t left = mr_job_memory_left(job);
        MR_TRY(run_case(job, &c));
        if (mr_job_ranks(job) == 1 && i > 0 && mr_job_memory_left(job) != left)
            mr_job_fail(job, MR_FAILED, "case %lld: memory is missing", (long long)(s->seed + i));
        if (mr_job_rank(job) == 0) {
            run_serial(&oracle);
            items += c.count_out;
            if (c.digest != oracle.digest || c.count_out != oracle.count_out)
                mr_job_fail(job, MR_FAILED, "case %lld: %llu items, not %llu",
                            (long long)(s->seed + i), (unsigned long long)c.count_out,
                            (unsigned long long)oracle.count_out);
        }
        MR_TRY(mr_job_agree(job));
    }
    char text[64];
    snprintf(text, sizeof text, "%lld cases, %llu items\n", (long long)s->cases,
             (unsigned long long)items);
    return mr_job_write_text(job, text, strlen(text));
}

/* ---- Single ones: numbers as text through stages that do what was asked for ---- */

static mr_text_output *output;

static mr_status count_up(mr_stage *stage)
{
    const state *s = mr_stage_context(stage);
    for (int64_t i = 0; i < s->items; i++) {
        char text[24];
        const int size = snprintf(text, sizeof text, "%lld", (long long)i);
        mr_status status = mr_stage_put(stage, (mr_bytes){text, (size_t)size});
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static int64_t number_of(mr_bytes item)
{
    int64_t number = -1;
    mr_bytes_to_i64(item, &number);
    return number;
}

static volatile int *volatile nowhere = (volatile int *)16;

static mr_status work(mr_stage *stage, mr_bytes item)
{
    const state *s = mr_stage_context(stage);
    const bool is_it = number_of(item) == s->at;
    if (s->started && number_of(item) == 5)
        close(open(s->started, O_CREAT | O_WRONLY, 0600));
    if (is_it && strcmp(s->what, "fail") == 0)
        return mr_stage_fail(stage, MR_BAD_INPUT, "this is not what it should be");
    if (is_it && strcmp(s->what, "status") == 0)
        return MR_TIMED_OUT;
    if (is_it && strcmp(s->what, "crash") == 0)
        *nowhere = 1;
    if (is_it && strcmp(s->what, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(s->what, "slow") == 0)
        usleep(20000);
    if (strcmp(s->what, "flood") == 0 && is_it)
        for (uint64_t i = 0; i < s->size; i++)
            MR_TRY(mr_stage_put(stage, item));
    return mr_stage_put(stage, item);
}

static mr_status write_line(mr_stage *stage, mr_bytes item)
{
    (void)stage;
    mr_text_output_write(output, item.data, item.size);
    return mr_text_output_write(output, "\n", 1);
}

static mr_status run_single(mr_job *job, state *s, const mr_stage_plan *stages)
{
    MR_TRY(mr_text_output_begin(job, &output));
    const mr_status status = mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                                                 .name = "single",
                                                                 .source = count_up,
                                                                 .stages = stages,
                                                                 .context = s,
                                                                 .memory = s->room});
    MR_TRY(status);
    return mr_text_output_end(&output);
}

/* ---- Who works, and whether limits are kept ---- */

static atomic_int at_once, most_at_once;

static mr_status note_worker(mr_stage *stage, mr_bytes item)
{
    (void)item;
    const int now = atomic_fetch_add(&at_once, 1) + 1;
    for (int most = atomic_load(&most_at_once);
         now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now);)
        ;
    usleep(3000);
    atomic_fetch_sub(&at_once, 1);
    char text[48];
    const int size =
        snprintf(text, sizeof text, "%d.%u", mr_stage_rank(stage), mr_stage_thread(stage));
    return mr_stage_put(stage, (mr_bytes){text, (size_t)size});
}

static mr_status write_most(mr_stage *stage)
{
    char text[32];
    const int size = snprintf(text, sizeof text, "most %d", atomic_load(&most_at_once));
    return write_line(stage, (mr_bytes){text, (size_t)size});
}

/* ---- Many items, and the memory they take ---- */

static uint64_t total;

static mr_status put_numbers(mr_stage *stage)
{
    const state *s = mr_stage_context(stage);
    for (int64_t i = 0; i < s->items; i++)
        MR_TRY(mr_stage_put(stage, (mr_bytes){(const char *)&i, sizeof i}));
    return MR_OK;
}

static mr_status twice(mr_stage *stage, mr_bytes item)
{
    int64_t number;
    memcpy(&number, item.data, sizeof number);
    number *= 2;
    return mr_stage_put(stage, (mr_bytes){(const char *)&number, sizeof number});
}

static mr_status sum(mr_stage *stage, mr_bytes item)
{
    (void)stage;
    int64_t number;
    memcpy(&number, item.data, sizeof number);
    total = total * 3 + (uint64_t)number;
    return MR_OK;
}

static mr_status write_total(mr_job *job, const state *s)
{
    uint64_t right = 0;
    for (int64_t i = 0; i < s->items; i++)
        right = right * 3 + 2 * (uint64_t)i;
    if (mr_job_rank(job) == 0 && total != right)
        mr_job_fail(job, MR_FAILED, "wrong total");
    MR_TRY(mr_job_agree(job));
    return mr_job_write_text(job, "right\n", 6);
}

static mr_status run_many(mr_job *job, state *s)
{
    const mr_stage_plan stages[] = {
        {.name = "twice", .run = twice},
        {.name = "sum", .kind = MR_STAGE_IN_ORDER, .run = sum},
        {0},
    };
    MR_TRY(mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                               .name = "many",
                                               .source = put_numbers,
                                               .stages = stages,
                                               .context = s}));
    return write_total(job, s);
}

/* ---- The job ---- */

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_stage_plan plain[] = {
        {.name = "work", .run = work, .workers = (unsigned)s->workers},
        {.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_line},
        {0},
    };
    const mr_stage_plan by_shell[] = {
        {.name = "work", .run = work},
        {.name = "shell",
         .kind = strcmp(s->what, "each") ? MR_STAGE_IN_ORDER : MR_STAGE_PARALLEL,
         .command = s->command},
        {.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_line},
        {0},
    };
    const mr_stage_plan noting[] = {
        {.name = "note", .run = note_worker, .workers = (unsigned)s->workers},
        {.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_line, .end = write_most},
        {0},
    };
    if (strcmp(s->what, "random") == 0)
        return run_random(job, s);
    if (strcmp(s->what, "many") == 0)
        return run_many(job, s);
    if (strcmp(s->what, "who") == 0)
        return run_single(job, s, noting);
    return run_single(job, s, s->command ? by_shell : plain);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "random", "which pipeline", false},
    {"command", MR_OPTION_TEXT, offsetof(state, command), NULL, "of the shell", false},
    {"started", MR_OPTION_TEXT, offsetof(state, started), NULL, "a file to make then", false},
    {"from", MR_OPTION_I64, offsetof(state, seed), "1", "the first case", false},
    {"cases", MR_OPTION_I64, offsetof(state, cases), "10", "how many", false},
    {"items", MR_OPTION_I64, offsetof(state, items), "100", "how many", false},
    {"at", MR_OPTION_I64, offsetof(state, at), "-1", "the item where something happens", false},
    {"workers", MR_OPTION_I64, offsetof(state, workers), "0", "of the parallel stage", false},
    {"size", MR_OPTION_SIZE, offsetof(state, size), "0", "of what is put", false},
    {"room", MR_OPTION_SIZE, offsetof(state, room), "0", "for what is under way", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,         .name = "pipeline",          .summary = "pipelines of tests",
    .options = options, .state_size = sizeof(state), .run = run,
};

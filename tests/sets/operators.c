/*
 * sets/operators.c: a driver that runs programs over a stack of sets, for operators.py: a line is
 * `NAME: word; word; ...`. A word takes the sets that it needs off the stack and puts its own
 * there; `write` ends a program. All programs of a file run in one job.
 */
#include "machine.h"

typedef struct state {
    const char *programs, *folder;
    bool ballast;
} state;

static mr_spread spread_of(const char *name)
{
    return is(name, "range")   ? MR_SPREAD_RANGE
           : is(name, "local") ? MR_SPREAD_LOCAL
           : is(name, "owner") ? MR_SPREAD_OWNER
                               : MR_SPREAD_HASH;
}

static mr_sort_options sort_of(machine *m, const char *how, const mr_shape *from)
{
    m->order = (work){.from = *from};
    return (mr_sort_options){.by = is(how, "value")     ? MR_BY_VALUE
                                   : is(how, "compare") ? MR_BY_COMPARE
                                                        : MR_BY_KEY,
                             .compare = compare,
                             .context = &m->order};
}

/* What stands in a step about the set that is to be made, and what kernels have to know. */
static mr_set_options options_of(machine *m, const step *s, work *w)
{
    const char *values = word(s, "values", "stable"), *fold = word(s, "fold", "");
    if (at(m, 0))
        w->from = mr_set_shape(at(m, 0));
    w->to = shape_of(word(s, "key", "u64"), word(s, "value", "u64"));
    w->how = word(s, "how", "keep");
    w->job = m->job;
    w->fold = fold_of(fold);
    w->fold_name = fold;
    w->modulus = number(s, "modulus", "3");
    w->rest = number(s, "rest", "1");
    w->numbers =
        (numbers){word(s, "data", "uniform"), number(s, "n", "1000"), number(s, "seed", "1"),
                  number(s, "keys", "300"), number(s, "numbers", "1000")};
    return (mr_set_options){.shape = w->to,
                            .spread = spread_of(word(s, "to", "hash")),
                            .ordered = number(s, "ordered", "0"),
                            .same_keys = number(s, "same", "0"),
                            .consume = number(s, "consume", "0"),
                            .values = is(values, "value") ? MR_VALUES_BY_VALUE
                                      : is(values, "any") ? MR_VALUES_ANY
                                                          : MR_VALUES_STABLE,
                            .fold = w->fold,
                            .owner = owner,
                            .like = number(s, "like", "0") ? at(m, 1) : NULL,
                            .context = w,
                            .name = m->name};
}

/* Each rank has a part of the numbers as pairs; one of them may have all of them. */
static mr_status from_memory(machine *m, const work *w, const mr_set_options *options, mr_set **set)
{
    uint64_t rank = (uint64_t)mr_job_rank(m->job), ranks = (uint64_t)mr_job_ranks(m->job);
    uint64_t begin = w->numbers.n * rank / ranks, end = w->numbers.n * (rank + 1) / ranks;
    uint64_t count = end - begin, key, value;
    mr_pair *pairs = calloc(count + 1, sizeof *pairs);
    room *rooms = calloc(2 * count + 1, sizeof *rooms);
    for (uint64_t i = 0; pairs && rooms && i < count; i++) {
        numbers_of(&w->numbers, begin + i, &key, &value);
        pairs[i].key = make_key(&w->to, key, &rooms[2 * i]);
        pairs[i].value = make_value(&w->to, value, &rooms[2 * i + 1]);
    }
    mr_status status = mr_set_from_memory(m->job, pairs, count, options, set);
    free(pairs);
    free(rooms);
    return status;
}

static mr_status do_make(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set *set = NULL;
    mr_set_options options = options_of(m, s, &w);
    const char *sorted = word(s, "sorted", NULL), *path = word(s, "path", NULL);
    mr_sort_options sort;
    mr_input_options input = {.paths = path ? &path : NULL, .count = 1};
    if (sorted) {
        sort = sort_of(m, sorted, &w.to);
        sort.descending = number(s, "descending", "0");
        options.sorted = &sort;
    }
    mr_status status = is(s->verb, "memory") ? from_memory(m, &w, &options, &set)
                       : is(s->verb, "range")
                           ? mr_set_from_range(m->job, 0, w.numbers.n, map_range, &options, &set)
                           : mr_set_from_input(m->job, &input, map_input, &options, &set);
    return replace(m, 0, status, &set);
}

static mr_status do_map(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set *set = NULL;
    mr_set_options options = options_of(m, s, &w);
    return replace(m, 1, mr_set_map(at(m, 0), map_pairs, &options, &set), &set);
}

/* A set of one pair that rank 0 has: two numbers. */
static mr_status replace_by_numbers(machine *m, uint64_t key, uint64_t value)
{
    mr_set *set = NULL;
    mr_set_options options = {.shape = shape_of("u64", "u64")};
    mr_image image = mr_image_of_u64(key);
    mr_pair pair = {MR_BYTES(image), MR_BYTES(value)};
    size_t count = mr_job_rank(m->job) == 0;
    mr_status status = mr_set_from_memory(m->job, &pair, count, &options, &set);
    return replace(m, 1, status, &set);
}

static mr_status do_look(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set_options options = options_of(m, s, &w);
    if (is(s->verb, "each"))
        MR_TRY(mr_set_reduce(at(m, 0), look_at_values, &options, NULL));
    else
        MR_TRY(mr_set_map(at(m, 0), look, &options, NULL));
    int64_t sums[2] = {(int64_t)w.count, (int64_t)w.sum};
    mr_all_sum_i64(m->job, sums, 2);
    return replace_by_numbers(m, (uint64_t)sums[0], (uint64_t)sums[1]);
}

static mr_status do_count(machine *m, const step *s)
{
    (void)s;
    return replace_by_numbers(m, mr_set_count(at(m, 0)), mr_set_bytes(at(m, 0)));
}

static mr_status do_filter(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set *set = NULL;
    options_of(m, s, &w);
    return replace(m, 1, mr_set_filter(at(m, 0), keep, &w, &set), &set);
}

static mr_status do_spread(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set *set = NULL;
    mr_set_options options = options_of(m, s, &w);
    w.to = w.from;
    return replace(m, 1, mr_set_spread(at(m, 0), &options, &set), &set);
}

static mr_status do_reduce(machine *m, const step *s)
{
    work w = {.how = NULL};
    mr_set *set = NULL;
    mr_set_options options = options_of(m, s, &w);
    w.how = word(s, "how", "hash");
    return replace(m, 1, mr_set_reduce(at(m, 0), reduce, &options, &set), &set);
}

static mr_status do_fold(machine *m, const step *s)
{
    mr_set *set = NULL;
    return replace(m, 1, mr_set_fold(at(m, 0), fold_of(word(s, "fold", "")), &set), &set);
}

static mr_status do_pairs(machine *m, const step *s)
{
    static const char *const ways[] = {"inner", "left", "right", "full", "semi", "anti"};
    work w = {.how = NULL};
    mr_set *set = NULL, *left = at(m, 1), *right = at(m, 0);
    mr_set_options options = options_of(m, s, &w);
    mr_join_how how = MR_JOIN_INNER;
    w.from = mr_set_shape(left);
    w.other = mr_set_shape(right);
    for (int i = 0; i < 6; i++)
        if (is(ways[i], w.how))
            how = (mr_join_how)i;
    mr_status status = is(s->verb, "union")  ? mr_set_union(left, right, &set)
                       : is(s->verb, "join") ? mr_set_join(left, right, how, join, &options, &set)
                                             : mr_set_cogroup(left, right, cogroup, &options, &set);
    return replace(m, 2, status, &set);
}

static mr_status do_sort(machine *m, const step *s)
{
    mr_set *set = NULL;
    mr_shape shape = mr_set_shape(at(m, 0));
    mr_sort_options sort = sort_of(m, word(s, "by", "key"), &shape);
    sort.descending = number(s, "descending", "0");
    sort.consume = number(s, "consume", "0");
    mr_status status = is(s->verb, "sort")
                           ? mr_set_sort(at(m, 0), &sort, &set)
                           : mr_set_top(at(m, 0), &sort, number(s, "count", "10"), &set);
    return replace(m, 1, status, &set);
}

static mr_status do_plain(machine *m, const step *s)
{
    mr_set *set = NULL, *from = at(m, 0);
    double fraction = strtod(word(s, "fraction", "0.5"), NULL);
    mr_status status = is(s->verb, "distinct") ? mr_set_distinct(from, &set)
                       : is(s->verb, "index")  ? mr_set_index(from, &set)
                                               : mr_set_sample(from, fraction, 77, &set);
    return replace(m, 1, status, &set);
}

/* On one rank or on all of them: each then gives what falls to it. Keys are places among all. */
static mr_status do_gather(machine *m, const step *s)
{
    mr_gathered all;
    work w = {.from = mr_set_shape(at(m, 0)), .to = shape_of("u64", "bytes")};
    mr_set *set = NULL;
    mr_set_options options = {.shape = w.to};
    int ranks = mr_job_ranks(m->job), rank = mr_job_rank(m->job);
    int to = is(word(s, "on", "0"), "all") ? -1 : (int)(number(s, "on", "0") % (uint64_t)ranks);
    MR_TRY(mr_set_gather(at(m, 0), to, &all));
    mr_pair *pairs = calloc(all.count + 1, sizeof *pairs);
    mr_image *images = calloc(all.count + 1, sizeof *images);
    size_t count = 0;
    for (size_t i = 0; pairs && images && i < all.count; i++)
        if (to >= 0 || i % (size_t)ranks == (size_t)rank) {
            images[count] = mr_image_of_u64(i);
            pairs[count] = (mr_pair){MR_BYTES(images[count]), all.pairs[i].value};
            count++;
        }
    mr_status status = mr_set_from_memory(m->job, pairs, count, &options, &set);
    free(pairs);
    free(images);
    mr_gathered_free(&all);
    return replace(m, 1, status, &set);
}

static mr_status do_dup(machine *m, const step *s)
{
    (void)s;
    m->stack[m->depth] = at(m, 0);
    m->depth++;
    return MR_OK;
}

static mr_status do_swap(machine *m, const step *s)
{
    mr_set *top = at(m, 0);
    (void)s;
    m->stack[m->depth - 1] = at(m, 1);
    m->stack[m->depth - 2] = top;
    return MR_OK;
}

/* Rows of the caller's own: numbers and, of an index, both of them. */
static void show(void *context, mr_pair pair, mr_row *row)
{
    const work *w = context;
    mr_row_add_u64(row, mr_key_u64(pair.key));
    mr_pair inner = mr_index_value(pair.value);
    mr_row_add_bytes(row, inner.key);
    mr_row_add_u64(row, value_number(&w->other, inner.value));
}

static void text(void *context, mr_pair pair, mr_text *text)
{
    const work *w = context;
    mr_text_printf(text, "%llu;%llu\n", (unsigned long long)key_number(&w->from, pair.key),
                   (unsigned long long)value_number(&w->from, pair.value));
}

static mr_status do_write(machine *m, const step *s)
{
    char path[4096];
    const char *how = word(s, "as", "cells"), *own = word(s, "own", NULL);
    work w = {.from = mr_set_shape(at(m, 0)), .other = shape_of("u64", word(s, "value", "u64"))};
    mr_write_options options = {.path = own ? NULL : path,
                                .show = is(how, "index") ? show : NULL,
                                .text = is(how, "text") ? text : NULL,
                                .context = &w,
                                .consume = number(s, "consume", "0")};
    snprintf(path, sizeof path, "%s/%s%s", m->folder, m->name, word(s, "ending", ".tsv"));
    MR_TRY(mr_set_write(at(m, 0), &options));
    drop(m, 1);
    return MR_OK;
}

static mr_status do_step(machine *m, const step *s)
{
    static const struct {
        const char *verb;
        mr_status (*run)(machine *m, const step *s);
        int needs;
    } verbs[] = {
        {"range", do_make, 0},     {"input", do_make, 0},    {"memory", do_make, 0},
        {"map", do_map, 1},        {"look", do_look, 1},     {"each", do_look, 1},
        {"filter", do_filter, 1},  {"spread", do_spread, 1}, {"reduce", do_reduce, 1},
        {"fold", do_fold, 1},      {"cogroup", do_pairs, 2}, {"join", do_pairs, 2},
        {"union", do_pairs, 2},    {"sort", do_sort, 1},     {"top", do_sort, 1},
        {"distinct", do_plain, 1}, {"index", do_plain, 1},   {"sample", do_plain, 1},
        {"gather", do_gather, 1},  {"count", do_count, 1},   {"dup", do_dup, 1},
        {"swap", do_swap, 2},      {"write", do_write, 1},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (is(verbs[i].verb, s->verb) && m->depth >= verbs[i].needs && m->depth < DEPTH)
            return verbs[i].run(m, s);
    return mr_job_fail(m->job, MR_USAGE, "%s: no such word here: %s", m->name, s->verb);
}

/* `verb NAME=VALUE ...`, taken apart where it stands. */
static step read_step(char *text)
{
    char *rest = NULL;
    step s = {.verb = strtok_r(text, " ", &rest)};
    for (char *part; s.count < 16 && (part = strtok_r(NULL, " ", &rest)); s.count++) {
        char *value = strchr(part, '=');
        s.names[s.count] = part;
        s.values[s.count] = value ? value + 1 : "1";
        if (value)
            *value = '\0';
    }
    return s;
}

/* How much of a program's sets was on disk, for who wants to know whether anything was. */
static mr_status note(const machine *m)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/spilled", m->folder);
    FILE *file = mr_job_rank(m->job) == 0 ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s %llu\n", m->name, (unsigned long long)m->spilled);
        fclose(file);
    }
    return mr_job_agree(m->job);
}

static mr_status run_program(machine *m, char *line)
{
    char *rest = NULL;
    mr_status status = MR_OK;
    m->name = strtok_r(line, ":", &rest);
    m->spilled = 0;
    for (char *text; status == MR_OK && (text = strtok_r(NULL, ";\n", &rest));) {
        step s = read_step(text);
        if (s.verb)
            status = do_step(m, &s);
    }
    drop(m, m->depth);
    return status == MR_OK ? note(m) : status;
}

#define BALLAST 8

/* Takes memory that cannot go to disk, on each rank: so much that all sets do. */
static mr_status take_memory(mr_job *job, mr_gathered *all)
{
    static const char bytes[4000];
    size_t count = mr_job_memory_left(job) / 8 * 5 / 4080 / BALLAST;
    size_t here = mr_job_rank(job) == 0 ? count : 0;
    mr_pair *pairs = calloc(count, sizeof *pairs);
    mr_set_options options = {.shape = {.key = MR_KEY_BYTES}};
    mr_set *set = NULL;
    mr_status status = MR_OK;
    for (size_t i = 0; pairs && i < count; i++)
        pairs[i].value = mr_bytes_at(bytes, sizeof bytes);
    for (int i = 0; i < BALLAST && status == MR_OK; i++) {
        status = mr_set_from_memory(job, pairs, pairs ? here : 0, &options, &set);
        if (status == MR_OK)
            status = mr_set_gather(set, -1, &all[i]);
        mr_set_destroy(&set);
    }
    free(pairs);
    return status;
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    machine m = {.job = job, .folder = s->folder};
    char line[4096];
    mr_gathered ballast[BALLAST] = {{.pairs = NULL}};
    mr_status status = s->ballast ? take_memory(job, ballast) : MR_OK;
    FILE *file = fopen(s->programs, "r");
    if (status == MR_OK && !file)
        status = mr_job_fail(job, MR_BAD_INPUT, "no programs: %s", s->programs);
    while (status == MR_OK && fgets(line, sizeof line, file))
        status = run_program(&m, line);
    if (file)
        fclose(file);
    for (int i = 0; i < BALLAST; i++)
        mr_gathered_free(&ballast[i]);
    return status;
}

static const mr_option options[] = {
    {"programs", MR_OPTION_TEXT, offsetof(state, programs), NULL, "what is run", true},
    {"folder", MR_OPTION_TEXT, offsetof(state, folder), ".", "where results go", false},
    {"ballast", MR_OPTION_FLAG, offsetof(state, ballast), NULL, "memory is taken first", false},
    {0},
};

MR_APP = {MR_APP_ABI, .name = "operators", .options = options, .state_size = sizeof(state),
          .run = run};

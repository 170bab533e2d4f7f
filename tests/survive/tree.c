/*
 * survive/tree.c: a plugin that walks an unbalanced tree by fork-join, in several ways whose
 * results depend on the order of the leaves, and writes down each leaf that it has worked on: so a
 * test can stop it anywhere, go on, and see both what came out and what was done twice. --plain is
 * the same by recursion.
 */
#include <mapred.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NAME    24
#define LARGEST 1000000

typedef struct state {
    const char *what, *log;
    int64_t depth, microseconds, runs, root;
    bool plain;
    int file;
    char task[LARGEST]; /* the root's */
} state;

typedef struct node {
    uint64_t number;
    uint32_t depth, unused;
} node;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Of a deep tree the last part goes on, down to the end. */
static uint64_t parts_of(const state *s, const node *n)
{
    const uint64_t dice = mix(n->number ^ 0x55) % 100;
    const bool deep = strcmp(s->what, "deep") == 0;
    if (n->depth >= s->depth)
        return 0;
    if (deep)
        return n->number % 2 ? 0 : 2 + dice % 2;
    return n->depth > 2 && dice < 20 ? 0 : dice < 90 ? 1 + mix(n->number) % 4 : 9;
}

static node part_of(const state *s, const node *n, uint64_t i)
{
    node part = {mix(n->number * 0x9E3779B97F4A7C15u + i + 1), n->depth + 1, 0};
    if (strcmp(s->what, "deep") == 0)
        part.number = (part.number & ~UINT64_C(1)) | (i + 1 < parts_of(s, n));
    return part;
}

static node node_at(mr_bytes task)
{
    node n;
    memcpy(&n, task.data, sizeof n);
    return n;
}

static size_t name_of(const node *n, char *text)
{
    return (size_t)snprintf(text, NAME, "%x.", (unsigned)(n->number >> 40));
}

static void work_on(const state *s, const node *n)
{
    const struct timespec time = {0, (long)s->microseconds * 1000};
    if (s->microseconds > 0)
        nanosleep(&time, NULL);
    if (s->file >= 0 && write(s->file, &n->number, sizeof n->number) < 0)
        perror("log");
}

/* ---- Brackets around the leaves ---- */

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    const node n = node_at(task);
    for (uint64_t i = 0; i < parts_of(s, &n); i++) {
        const node part = part_of(s, &n, i);
        MR_TRY(mr_fork_put(fork, MR_BYTES(part)));
    }
    return MR_OK;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    char text[NAME];
    const node n = node_at(task);
    work_on(mr_fork_context(fork), &n);
    return mr_fork_return(fork, text, name_of(&n, text));
}

static mr_status join_with(mr_fork *fork, const mr_bytes *results, size_t count, bool brackets)
{
    size_t size = brackets ? 2 : 0;
    for (size_t i = 0; i < count; i++)
        size += results[i].size;
    char *at = mr_fork_return_room(fork, size);
    if (!at)
        return MR_NO_MEMORY;
    if (brackets)
        *at++ = '(';
    for (size_t i = 0; i < count; i++) {
        if (results[i].size > 0)
            memcpy(at, results[i].data, results[i].size);
        at += results[i].size;
    }
    if (brackets)
        *at = ')';
    return MR_OK;
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    const state *s = mr_fork_context(fork);
    const node n = node_at(task);
    if (count != parts_of(s, &n))
        return mr_fork_fail(fork, MR_FAILED, "%zu results", count);
    return join_with(fork, results, count, true);
}

/* ---- Walked with a stack, in the order of the leaves; what is left is given when asked for ----
 */

typedef struct walk {
    node stack[4096];
    size_t size;
    char *text;
    size_t length, room;
} walk;

static void visit(const state *s, walk *w)
{
    const node n = w->stack[--w->size];
    const uint64_t parts = parts_of(s, &n);
    for (uint64_t i = parts; i-- > 0;)
        w->stack[w->size++] = part_of(s, &n, i);
    if (parts > 0)
        return;
    if (w->length + NAME > w->room)
        w->text = realloc(w->text, w->room = 2 * w->room + 4096);
    work_on(s, &n);
    w->length += name_of(&n, w->text + w->length);
}

static mr_status give(mr_fork *fork, walk *w)
{
    for (; w->size > 0; w->size--)
        MR_TRY(mr_fork_put(fork, mr_bytes_at((const char *)&w->stack[w->size - 1], sizeof(node))));
    return MR_OK;
}

static mr_status solve_walk(mr_fork *fork, mr_bytes task)
{
    const mr_fork_signs *signs = mr_fork_look(fork);
    walk *w = calloc(1, sizeof *w);
    mr_status status = MR_OK;
    if (!w)
        return MR_NO_MEMORY;
    w->stack[w->size++] = node_at(task);
    while (status == MR_OK && w->size > 0)
        if (mr_fork_stopping(signs) || (mr_fork_wanted(signs) && w->length > 0))
            status = give(fork, w);
        else
            visit(mr_fork_context(fork), w);
    if (status == MR_OK)
        status = mr_fork_return(fork, w->text, w->length);
    free(w->text);
    free(w);
    return status;
}

static mr_status join_walk(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t count)
{
    (void)task;
    return join_with(fork, results, count, false);
}

/* ---- A search, with few values ---- */

static int64_t value_of(const node *n)
{
    return (int64_t)(mix(n->number ^ 0x77) % 16);
}

static mr_status solve_search(mr_fork *fork, mr_bytes task)
{
    char text[NAME];
    const node n = node_at(task);
    work_on(mr_fork_context(fork), &n);
    MR_TRY(mr_fork_improve(fork, value_of(&n), mr_bytes_at(text, name_of(&n, text))));
    return MR_OK;
}

/* ---- The same by recursion ---- */

typedef struct plain {
    char *text;
    size_t size, room;
    int64_t best;
    char found[NAME];
} plain;

static void add(plain *p, const char *text, size_t size)
{
    if (p->size + size > p->room)
        p->text = realloc(p->text, p->room = 2 * p->room + 4096);
    memcpy(p->text + p->size, text, size);
    p->size += size;
}

static void recurse(const state *s, const node *n, plain *p, bool brackets)
{
    char text[NAME] = "";
    const uint64_t parts = parts_of(s, n);
    if (parts == 0) {
        const int64_t value = value_of(n);
        add(p, text, name_of(n, text));
        if (value < p->best || (value == p->best && strcmp(text, p->found) < 0))
            memcpy(p->found, text, sizeof text);
        p->best = value < p->best ? value : p->best;
        return;
    }
    if (brackets)
        add(p, "(", 1);
    for (uint64_t i = 0; i < parts; i++) {
        const node part = part_of(s, n, i);
        recurse(s, &part, p, brackets);
    }
    if (brackets)
        add(p, ")", 1);
}

/* ---- The job ---- */

static mr_status write_text(mr_job *job, mr_text_output *out, const char *text, size_t size)
{
    if (mr_job_rank(job) != 0)
        return MR_OK;
    MR_TRY(mr_text_output_write(out, text, size));
    return mr_text_output_write(out, "\n", 1);
}

static mr_status write_best(mr_job *job, mr_text_output *out, int64_t value, mr_bytes found)
{
    char line[2 * NAME];
    const int size =
        snprintf(line, sizeof line, "%d %.*s", (int)value, (int)found.size, found.data);
    return write_text(job, out, line, (size_t)size);
}

static mr_status run_plain(mr_job *job, const state *s, const node *root, mr_text_output *out)
{
    plain p = {.best = INT64_MAX};
    recurse(s, root, &p, strcmp(s->what, "walk") != 0);
    mr_status status = strcmp(s->what, "search") == 0
                           ? write_best(job, out, p.best, mr_bytes_of(p.found))
                           : write_text(job, out, p.text, p.size);
    free(p.text);
    return status;
}

static mr_status run_search(mr_job *job, const mr_fork_join *how, mr_bytes root,
                            mr_text_output *out)
{
    mr_fork_found found;
    MR_TRY(mr_fork_search(job, how, root, &found));
    mr_status status = write_best(job, out, found.value, found.item.bytes);
    mr_item_free(&found.item);
    return status;
}

static mr_status run_one(mr_job *job, state *s, uint64_t seed, mr_text_output *out)
{
    const node root = {mix(seed) & ~UINT64_C(1), 0, 0};
    const bool walks = strcmp(s->what, "walk") == 0, searches = strcmp(s->what, "search") == 0;
    mr_fork_join how = {.size = sizeof how,
                        .name = s->what,
                        .split = walks ? NULL : split,
                        .solve = walks      ? solve_walk
                                 : searches ? solve_search
                                            : solve,
                        .join = walks      ? join_walk
                                : searches ? NULL
                                           : join,
                        .context = s,
                        .smallest = true,
                        .everywhere = seed % 2};
    mr_item result;
    if (s->plain)
        return run_plain(job, s, &root, out);
    memcpy(s->task, &root, sizeof root);
    if (searches)
        return run_search(job, &how, mr_bytes_at(s->task, (size_t)s->root), out);
    MR_TRY(mr_fork_run(job, &how, mr_bytes_at(s->task, (size_t)s->root), &result));
    mr_status status = write_text(job, out, result.bytes.data, result.bytes.size);
    mr_item_free(&result);
    return status;
}

/* One tree after the other: a resumed job passes through those that are done. */
static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    mr_text_output *out;
    s->file = s->log ? open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    MR_TRY(mr_text_output_begin(job, &out));
    mr_status status = MR_OK;
    for (int64_t i = 0; i < s->runs && status == MR_OK; i++)
        status = run_one(job, s, mr_job_seed(job) + (uint64_t)i, out);
    if (s->file >= 0)
        close(s->file);
    MR_TRY(status);
    return mr_text_output_end(&out);
}

static const mr_option options[] = {
    {"what", MR_OPTION_TEXT, offsetof(state, what), "brackets", "brackets, deep, walk or search",
     false},
    {"log", MR_OPTION_TEXT, offsetof(state, log), NULL, "where leaves are written down", false},
    {"depth", MR_OPTION_I64, offsetof(state, depth), "8", "of the tree", false},
    {"us", MR_OPTION_I64, offsetof(state, microseconds), "0", "microseconds a leaf takes", false},
    {"runs", MR_OPTION_I64, offsetof(state, runs), "1", "trees", false},
    {"root", MR_OPTION_I64, offsetof(state, root), "16", "bytes of the root's task", false},
    {"plain", MR_OPTION_FLAG, offsetof(state, plain), NULL, "by recursion", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,  .name = "tree",     .summary = "trees for tests of checkpoints",
    .usage = "", .options = options, .state_size = sizeof(state),
    .run = run,
};

/*
 * tasks/fork_load.c: a tree as it was saved. All ranks read its top, whose pieces are dealt out as
 * if they were leaves; each builds what is below its own ones, wherever that was before, and has
 * its threads begin with what was to be done. The others take from there.
 */
#include "tasks/fork_saved.h"

#include "base/memory.h"
#include "engine/checkpoint.h"
#include "observe/note.h"
#include "output/format.h"
#include "sync/item.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An entry of trees that was read. */
typedef struct piece_of_file {
    uint64_t writer, entry;
    char *bytes;
} piece_of_file;

typedef struct loader {
    fork_run *run;
    mr_keep *keep;
    mr_error *error;
    mr_fork *hand;
    mr_text heads;  /* fork_head s of all ranks, sorted */
    mr_text files;  /* piece_of_file s */
    mr_text around; /* mr_bytes: trees around the one that is read, what is left of them */
    mr_bytes tree;  /* what is left of it */
} loader;

static const mr_keep_entry *find(mr_keep *keep, uint64_t piece, const char *what, size_t number)
{
    char name[FORK_NAME];
    snprintf(name, sizeof name, "fork/%" PRIu64 "/%s", piece, what);
    return mr_keep_entry_at(keep, name, number);
}

static void damaged(loader *l, const char *what)
{
    mr_error_set(
        l->error, MR_BAD_INPUT,
        "checkpoint damaged: %s: %s of fork-join is not whole: begin anew with --overwrite "
        "in place of --resume",
        mr_keep_folder(l->keep), what);
}

static void no_memory(loader *l)
{
    mr_error_set(l->error, MR_NO_MEMORY, "out of memory: resuming fork-join");
}

/* ---- Which trees there are ---- */

static int by_reference(const void *left, const void *right)
{
    const fork_head *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

static void read_heads(loader *l)
{
    const mr_keep_entry *entry;
    void *bytes;
    for (size_t i = 0; (entry = find(l->keep, l->run->piece, "heads", i)); i++) {
        if (mr_keep_load(l->keep, entry, &bytes, l->error) != MR_OK)
            return;
        mr_text_add(&l->heads, bytes, entry->size);
        free(bytes);
    }
    if (l->heads.failed)
        no_memory(l);
    else if (l->heads.size > 0)
        qsort(l->heads.data, l->heads.size / sizeof(fork_head), sizeof(fork_head), by_reference);
}

static char *read_file(loader *l, uint64_t writer, uint64_t number)
{
    char what[32];
    void *bytes = NULL;
    for (size_t at = 0; at < l->files.size; at += sizeof(piece_of_file)) {
        piece_of_file file;
        memcpy(&file, l->files.data + at, sizeof file);
        if (file.writer == writer && file.entry == number)
            return file.bytes;
    }
    snprintf(what, sizeof what, "trees/%" PRIu64, writer);
    const mr_keep_entry *entry = find(l->keep, l->run->piece, what, (size_t)number);
    if (!entry)
        damaged(l, what);
    else if (mr_keep_load(l->keep, entry, &bytes, l->error) == MR_OK) {
        const piece_of_file file = {writer, number, bytes};
        mr_text_add(&l->files, (const char *)&file, sizeof file);
    }
    return bytes;
}

/* What follows is read from that tree, until it ends. */
static bool enter(loader *l, uint64_t rank, uint64_t node)
{
    const fork_head wanted = {.rank = rank, .node = node};
    const size_t count = l->heads.size / sizeof wanted;
    const fork_head *head =
        count ? bsearch(&wanted, l->heads.data, count, sizeof wanted, by_reference) : NULL;
    if (!head) {
        damaged(l, "a tree");
        return false;
    }
    const char *bytes = read_file(l, head->writer, head->entry);
    if (l->tree.size > 0)
        mr_text_add(&l->around, (const char *)&l->tree, sizeof l->tree);
    l->tree = (mr_bytes){bytes ? bytes + head->offset : NULL, bytes ? (size_t)head->size : 0};
    if (l->around.failed || l->files.failed)
        no_memory(l);
    return l->error->code == MR_OK;
}

static void leave_ended(loader *l)
{
    while (l->tree.size == 0 && l->around.size > 0) {
        l->around.size -= sizeof l->tree;
        memcpy(&l->tree, l->around.data + l->around.size, sizeof l->tree);
    }
}

/* ---- A node ---- */

static const char *take(loader *l, size_t size)
{
    const char *bytes = l->tree.data;
    if (size > l->tree.size) {
        damaged(l, "a task");
        return NULL;
    }
    l->tree.data += size;
    l->tree.size -= size;
    return bytes;
}

static bool read_head(loader *l, fork_saved_node *saved)
{
    do {
        leave_ended(l);
        const char *bytes = take(l, sizeof *saved);
        if (!bytes)
            return false;
        memcpy(saved, bytes, sizeof *saved);
    } while (saved->state == SAVED_AWAY && enter(l, saved->task, saved->result));
    return l->error->code == MR_OK;
}

static bool read_result(loader *l, fork_node *node, const fork_saved_node *saved)
{
    const char *bytes = take(l, (size_t)saved->result);
    char *room = bytes ? mr_fork_result_room(l->hand, &node->result, (size_t)saved->result) : NULL;
    if (room && saved->result > 0)
        memcpy(room, bytes, (size_t)saved->result);
    node->has_result = true;
    return room;
}

static void hang(fork_node *parent, fork_node *last, fork_node *node)
{
    if (!parent)
        return;
    parent->count++;
    if (last)
        last->next = node;
    else
        parent->first = node;
}

/* The next node of the tree, behind `last` among the parts of `parent`. Of one that is divided
 * `missing` says how many parts are still to be read. */
static fork_node *read_node(loader *l, fork_node *parent, fork_node *last)
{
    fork_saved_node saved;
    if (!read_head(l, &saved))
        return NULL;
    const char *task = take(l, (size_t)saved.task);
    fork_node *node = task ? mr_fork_node_new(l->hand, parent, (size_t)saved.task) : NULL;
    if (!node)
        return NULL;
    if (saved.task > 0)
        memcpy(node->bytes, task, (size_t)saved.task);
    if (saved.is_small)
        node->flags |= FORK_SMALL;
    if (saved.state == SAVED_PENDING)
        node->flags |= FORK_QUEUED;
    atomic_store_explicit(&node->missing, (unsigned)saved.parts, memory_order_relaxed);
    hang(parent, last, node);
    return !saved.has_result || read_result(l, node, &saved) ? node : NULL;
}

/* ---- A tree ---- */

static bool lacks_parts(const fork_node *node)
{
    return atomic_load_explicit(&node->missing, memory_order_relaxed) > 0;
}

/* The root of the tree, below `parent`. NULL: an error. */
static fork_node *read_tree(loader *l, fork_node *parent, fork_node *before, uint64_t number)
{
    if (!enter(l, PIECE_OF_TOP, number))
        return NULL;
    fork_node *root = read_node(l, parent, before), *at = root, *last = NULL;
    while (at && (lacks_parts(at) || at != root)) {
        if (!lacks_parts(at)) {
            last = at;
            at = at->parent;
            continue;
        }
        atomic_fetch_sub_explicit(&at->missing, 1, memory_order_relaxed);
        fork_node *part = read_node(l, at, last);
        if (!part)
            return NULL;
        const bool goes_down = lacks_parts(part);
        at = goes_down ? part : at;
        last = goes_down ? NULL : part;
    }
    return at;
}

/* ---- The top ---- */

static bool make_tops(loader *l, uint64_t count)
{
    fork_run *run = l->run;
    run->tops = mr_memory_allocate(count * sizeof *run->tops, "fork-join", l->error);
    if (!run->tops)
        return false;
    run->top_count = run->top_room = count;
    memset(run->tops, 0, count * sizeof *run->tops);
    return true;
}

/* Parts stand behind their parents, one after the other. */
static bool read_shape(loader *l, mr_bytes bytes)
{
    fork_run *run = l->run;
    uint64_t parts = 1;
    l->tree = bytes;
    for (uint64_t i = 0; i < run->top_count; i++) {
        fork_saved_node saved;
        if (!read_head(l, &saved) || !take(l, (size_t)saved.task))
            return false;
        run->tops[i].count = saved.parts;
        run->tops[i].parts = saved.parts ? parts : 0;
        for (uint64_t n = 0; n < saved.parts && parts < run->top_count; n++)
            run->tops[parts++].parent = i;
    }
    return true;
}

static fork_node *read_top(loader *l, mr_bytes *rest, fork_node *parent, fork_node *last)
{
    l->tree = *rest;
    fork_node *node = read_node(l, parent, last);
    *rest = l->tree;
    l->tree = (mr_bytes){NULL, 0};
    return node;
}

/* In order, as a part hangs behind the one before it. */
static bool read_nodes(loader *l, mr_bytes rest)
{
    fork_run *run = l->run;
    for (uint64_t i = 0; i < run->top_count; i++) {
        fork_top *top = &run->tops[i];
        const fork_top *above = &run->tops[top->parent];
        const bool mine = top->count == 0 && top->holder == run->rank;
        fork_node *parent = i ? above->node : NULL;
        fork_node *last = i && i > above->parts ? run->tops[i - 1].node : NULL;
        if (mine) {
            fork_saved_node saved;
            memcpy(&saved, rest.data, sizeof saved);
            rest.data += sizeof saved;
            rest.size -= sizeof saved;
            top->node = read_tree(l, parent, last, i);
        } else
            top->node = read_top(l, &rest, parent, last);
        if (!top->node)
            return false;
    }
    return true;
}

static void read_tops(loader *l)
{
    const mr_keep_entry *entry = find(l->keep, l->run->piece, "top", 0);
    void *bytes;
    fork_saved_top head;
    if (mr_keep_load(l->keep, entry, &bytes, l->error) != MR_OK)
        return;
    memcpy(&head, bytes, sizeof head);
    const mr_bytes rest = {(char *)bytes + sizeof head, (size_t)entry->size - sizeof head};
    if (make_tops(l, head.count) && read_shape(l, rest)) {
        mr_fork_top_assign(l->run);
        l->tree = (mr_bytes){NULL, 0};
        if (read_nodes(l, rest))
            mr_fork_top_mark(l->run);
    }
    free(bytes);
}

/* ---- What is to be done ---- */

static bool is_open(const fork_node *node)
{
    return node->first || (node->flags & FORK_QUEUED);
}

static void count_missing(fork_node *node)
{
    unsigned missing = 0;
    for (const fork_node *part = node->first; part; part = part->next)
        missing += is_open(part);
    atomic_store_explicit(&node->missing, missing, memory_order_relaxed);
    if (missing == 0)
        node->flags |= FORK_JOINS;
}

static fork_node *next_node(fork_node *node, const fork_node *root)
{
    if (node->first)
        return node->first;
    while (node != root && !node->next)
        node = node->parent;
    return node == root ? NULL : node->next;
}

static void revive(fork_node *root, mr_text *queue)
{
    for (fork_node *node = root; node; node = next_node(node, root)) {
        if (node->first)
            count_missing(node);
        if (node->flags & (FORK_QUEUED | FORK_JOINS))
            mr_text_add(queue, (const char *)&node, sizeof(fork_node *));
        node->flags &= ~(unsigned)FORK_QUEUED;
    }
}

static void revive_all(loader *l)
{
    fork_run *run = l->run;
    mr_text queue = {0};
    for (uint64_t i = 0; i < run->top_count; i++) {
        const fork_top *top = &run->tops[i];
        if (top->holder != run->rank || !mr_fork_top_is_held(run, i))
            continue;
        if (!is_open(top->node))
            atomic_fetch_sub(&run->left, 1);
        revive(top->node, &queue);
    }
    if (queue.failed)
        no_memory(l);
    run->revived = (fork_node **)(void *)queue.data;
    run->revived_count = queue.size / sizeof(fork_node *);
}

static void read_best(loader *l)
{
    const mr_keep_entry *entry;
    void *bytes;
    int64_t value;
    for (size_t i = 0; (entry = find(l->keep, l->run->piece, "best", i)); i++) {
        if (mr_keep_load(l->keep, entry, &bytes, l->error) != MR_OK)
            return;
        memcpy(&value, bytes, sizeof value);
        const mr_bytes found = {(char *)bytes + sizeof value, (size_t)entry->size - sizeof value};
        mr_fork_search_restore(l->run, value, found, l->error);
        free(bytes);
    }
}

static void free_loader(loader *l)
{
    for (size_t at = 0; at < l->files.size; at += sizeof(piece_of_file)) {
        piece_of_file file;
        memcpy(&file, l->files.data + at, sizeof file);
        free(file.bytes);
    }
    mr_text_free(&l->heads);
    mr_text_free(&l->files);
    mr_text_free(&l->around);
}

mr_status mr_fork_load(fork_run *run)
{
    loader l = {
        .run = run, .keep = run->job->keep, .error = run->job->error, .hand = run->hands[0]};
    read_heads(&l);
    if (l.error->code == MR_OK)
        read_tops(&l);
    if (l.error->code == MR_OK && run->error.code == MR_OK)
        revive_all(&l);
    if (l.error->code == MR_OK)
        read_best(&l);
    if (run->error.code != MR_OK)
        mr_error_set(l.error, run->error.code, "%s", run->error.text);
    free_loader(&l);
    return mr_job_agree(run->job);
}

/* ---- Is it that? ---- */

/* Collective. What was saved begins with the hash of what it was of, which rank 0 knows. */
static bool is_same(mr_job *job, const char *name, const mr_keep_entry *entry, uint64_t hash)
{
    void *bytes = NULL;
    uint64_t saved = ~hash;
    const bool root = mr_comm_rank(job->comm) == 0;
    if (root && mr_keep_load(job->keep, entry, &bytes, job->error) == MR_OK)
        memcpy(&saved, bytes, sizeof saved);
    free(bytes);
    const bool changed = mr_comm_any(job->comm, root && saved != hash);
    if (root && changed && job->error->code == MR_OK && !job->settings->quiet)
        mr_note("fork-join changed: %s: its task is not what it was when the job was begun: done "
                "again",
                name ? name : "without a name");
    return !changed;
}

bool mr_fork_is_saved(const fork_run *run)
{
    const mr_keep_entry *entry = run->keeps ? find(run->job->keep, run->piece, "top", 0) : NULL;
    return entry && is_same(run->job, run->how.name, entry, run->hash);
}

static mr_status give(mr_job *job, const fork_saved_result *head, mr_bytes bytes, mr_item *result,
                      mr_fork_found *found)
{
    char *room = NULL;
    if (found) {
        found->is_found = head->is_found != 0;
        found->value = head->value;
    }
    if (!found || found->is_found)
        room = mr_item_make(found ? &found->item : result, bytes.size, "a result", job->error);
    if (room && bytes.size > 0)
        memcpy(room, bytes.data, bytes.size);
    return job->error->code;
}

mr_status mr_fork_load_result(mr_job *job, const mr_fork_join *how, uint64_t piece, uint64_t hash,
                              mr_item *result, mr_fork_found *found, bool *done)
{
    void *bytes = NULL;
    fork_saved_result head;
    const mr_keep_entry *entry = find(job->keep, piece, "result", 0);
    *done = entry && is_same(job, how->name, entry, hash);
    MR_TRY(mr_job_agree(job));
    if (!*done)
        return MR_OK;
    if (mr_keep_load(job->keep, entry, &bytes, job->error) == MR_OK) {
        memcpy(&head, bytes, sizeof head);
        if (found || how->everywhere || mr_comm_rank(job->comm) == 0)
            give(job, &head,
                 (mr_bytes){(char *)bytes + sizeof head, (size_t)entry->size - sizeof head}, result,
                 found);
    }
    free(bytes);
    return mr_job_agree(job);
}

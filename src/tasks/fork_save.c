/*
 * tasks/fork_save.c: what a rank has, while it stands still, into the next checkpoint: its trees
 * with all tasks that are to be done and all results that wait for others.
 */
#include "tasks/fork_saved.h"

#include "engine/checkpoint.h"
#include "output/format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER      ((size_t)64 * 1024)
#define ENTRY       ((uint64_t)4 * 1024 * 1024) /* bytes of trees that are read at once */
#define RESULT_MOST ((size_t)16 * 1024 * 1024)  /* a larger one is made again from the last parts  \
                                                 */

typedef struct writer {
    fork_run *run;
    mr_keep *keep;
    mr_keep_file *file;
    uint64_t entry, offset; /* of the trees */
    mr_text heads;
    size_t fill;
    char buffer[BUFFER];
} writer;

/* ---- Bytes ---- */

static void flush(writer *w)
{
    mr_error *error = w->run->job->error;
    if (!w->file && w->fill > 0 && mr_keep_file_create(w->keep, &w->file, error) != MR_OK)
        w->fill = 0;
    if (w->fill > 0)
        mr_keep_file_write(w->file, w->buffer, w->fill);
    w->fill = 0;
}

static void write(writer *w, const void *bytes, size_t size)
{
    if (size > BUFFER - w->fill)
        flush(w);
    if (size > BUFFER) {
        if (w->file || mr_keep_file_create(w->keep, &w->file, w->run->job->error) == MR_OK)
            mr_keep_file_write(w->file, bytes, size);
    } else if (size > 0) {
        memcpy(w->buffer + w->fill, bytes, size);
        w->fill += size;
    }
    w->offset += size;
}

/* What was written since the last one is an entry. */
static void __attribute__((format(printf, 2, 3))) end_entry(writer *w, const char *format, ...)
{
    char name[FORK_NAME];
    int size = snprintf(name, sizeof name, "fork/%" PRIu64 "/", w->run->piece);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name + size, sizeof name - (size_t)size, format, arguments);
    va_end(arguments);
    flush(w);
    if (w->file)
        mr_keep_add_file(w->keep, name, w->file, w->run->job->error);
    w->offset = 0;
}

/* ---- Trees ---- */

static fork_saved_state state_of(const fork_node *node)
{
    if (node->flags & FORK_AWAY)
        return SAVED_AWAY;
    if ((node->flags & FORK_QUEUED) && !(node->flags & FORK_JOINS))
        return SAVED_PENDING;
    return node->first ? SAVED_DIVIDED : SAVED_DONE;
}

static void write_node(writer *w, const fork_node *node)
{
    const fork_saved_state state = state_of(node);
    const bool open = state == SAVED_PENDING || state == SAVED_DIVIDED;
    const bool has_result = state == SAVED_DONE || (state == SAVED_DIVIDED && node->has_result);
    fork_saved_node saved = {.state = state,
                             .is_small = (node->flags & FORK_SMALL) != 0,
                             .has_result = has_result,
                             .parts = state == SAVED_DIVIDED ? node->count : 0,
                             .task = open ? node->size : 0,
                             .result = has_result ? node->result.size : 0};
    if (state == SAVED_AWAY) {
        saved.task = (uint64_t)w->run->rank;
        saved.result = (uintptr_t)node;
    }
    write(w, &saved, sizeof saved);
    if (open)
        write(w, node->bytes, node->size);
    if (has_result)
        write(w, fork_result_bytes(&node->result).data, node->result.size);
}

/* Each before its parts. */
static const fork_node *next_node(const fork_node *node, const fork_node *root)
{
    if (state_of(node) == SAVED_DIVIDED)
        return node->first;
    while (node != root && !node->next)
        node = node->parent;
    return node == root ? NULL : node->next;
}

static void write_tree(writer *w, const fork_node *root, uint64_t rank, uint64_t number)
{
    fork_head head = {rank, number, (uint64_t)w->run->rank, w->entry, w->offset, 0};
    for (const fork_node *node = root; node; node = next_node(node, root))
        write_node(w, node);
    head.size = w->offset - head.offset;
    mr_text_add(&w->heads, (const char *)&head, sizeof head);
    if (w->offset < ENTRY)
        return;
    end_entry(w, "trees/%d", w->run->rank);
    w->entry++;
}

static bool is_kept_top(const fork_run *run, uint64_t i)
{
    return i == 0 || run->tops[run->tops[i].parent].holder < 0;
}

static void write_trees(writer *w)
{
    const fork_run *run = w->run;
    uint64_t number = 0;
    for (uint64_t i = 0; i < run->top_count; i++) {
        if (!is_kept_top(run, i))
            continue;
        if (run->tops[i].holder == run->rank)
            write_tree(w, run->tops[i].node, PIECE_OF_TOP, number);
        number++;
    }
    for (const fork_origin *origin = run->origins; origin; origin = origin->next)
        write_tree(w, origin->here, (uint64_t)origin->rank, origin->node);
    if (w->offset > 0)
        end_entry(w, "trees/%d", run->rank);
    write(w, w->heads.data, w->heads.size);
    end_entry(w, "heads");
}

/* All ranks have the same one. */
static void write_top(writer *w)
{
    const fork_run *run = w->run;
    fork_saved_top top = {run->hash, 0};
    for (uint64_t i = 0; i < run->top_count; i++)
        top.count += is_kept_top(run, i);
    write(w, &top, sizeof top);
    for (uint64_t i = 0; i < run->top_count; i++) {
        const fork_node *node = run->tops[i].node;
        const bool above = run->tops[i].holder < 0;
        if (!is_kept_top(run, i))
            continue;
        const fork_saved_node saved = {.state = SAVED_DIVIDED,
                                       .parts = above ? run->tops[i].count : 0,
                                       .task = above ? node->size : 0};
        write(w, &saved, sizeof saved);
        write(w, node->bytes, saved.task);
    }
    end_entry(w, "top");
}

static void write_best(writer *w)
{
    const fork_run *run = w->run;
    write(w, &run->value, sizeof run->value);
    write(w, run->found, run->found_size);
    end_entry(w, "best");
}

/* ---- All of it ---- */

static void mark(fork_run *run, bool queued)
{
    for (unsigned i = 0; i <= run->threads; i++) {
        fork_deque *deque = &run->hands[i]->deque;
        for (size_t n = 0; n < atomic_load(&deque->count); n++) {
            fork_node *node = deque->ring[(deque->first + n) & (deque->room - 1)];
            if (queued)
                node->flags |= FORK_QUEUED;
            else
                node->flags &= ~(unsigned)FORK_QUEUED;
        }
    }
}

static void drop(const fork_run *run)
{
    char name[FORK_NAME];
    snprintf(name, sizeof name, "fork/%" PRIu64 "/", run->piece);
    mr_keep_drop(run->job->keep, name);
}

mr_status mr_fork_save(fork_run *run, mr_keep_file **file)
{
    mr_error *error = run->job->error;
    writer *w = calloc(1, sizeof *w);
    *file = NULL;
    if (!w)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint of fork-join");
    w->run = run;
    w->keep = run->job->keep;
    drop(run);
    mark(run, true);
    if (run->rank == 0)
        write_top(w);
    write_trees(w);
    if (run->is_found)
        write_best(w);
    mark(run, false);
    if (w->heads.failed)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint of fork-join");
    *file = w->file;
    mr_text_free(&w->heads);
    free(w);
    return error->code;
}

/* ---- The end ---- */

static void put_result(const fork_run *run, mr_bytes bytes, const mr_fork_found *found)
{
    mr_error *error = run->job->error;
    const fork_saved_result head = {run->hash, found && found->is_found, found ? found->value : 0};
    char name[FORK_NAME], *all = malloc(sizeof head + bytes.size);
    if (!all) {
        mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint of fork-join");
        return;
    }
    memcpy(all, &head, sizeof head);
    if (bytes.size > 0)
        memcpy(all + sizeof head, bytes.data, bytes.size);
    snprintf(name, sizeof name, "fork/%" PRIu64 "/result", run->piece);
    mr_keep_put(run->job->keep, name, all, sizeof head + bytes.size, error);
    free(all);
}

mr_status mr_fork_save_result(fork_run *run, const mr_item *result, const mr_fork_found *found)
{
    const mr_bytes bytes = found ? found->item.bytes : result->bytes;
    mr_job *job = run->job;
    mr_keep_wish wish;
    if (mr_comm_any(run->comm, run->rank == 0 && bytes.size > RESULT_MOST))
        return MR_OK;
    drop(run);
    if (run->rank == 0)
        put_result(run, bytes, found);
    MR_TRY(mr_checkpoint_ask(job, &wish));
    return wish == MR_KEEP_NOTHING ? MR_OK : mr_checkpoint_save(job, wish);
}

/* resume/book.c: what a rank says in the next generation, and how all of it becomes one. */
#include "resume/internal.h"

#include "base/clock.h"
#include "base/span.h"

#include <stdlib.h>
#include <string.h>

mr_status mr_book_add(mr_book *book, const mr_keep_entry *entry, mr_error *error)
{
    if (book->count == book->capacity) {
        size_t capacity = book->capacity * 2 + 16;
        mr_keep_entry *entries = realloc(book->entries, capacity * sizeof *entries);
        if (!entries)
            return mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's entries");
        book->entries = entries;
        book->capacity = capacity;
    }
    mr_keep_entry copy = *entry;
    char *name = strdup(entry->name), *file = strdup(entry->file);
    if (!name || !file) {
        free(name);
        free(file);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's entries");
    }
    copy.name = name;
    copy.file = file;
    book->entries[book->count++] = copy;
    return MR_OK;
}

static void free_entry(mr_keep_entry *entry)
{
    free((char *)(uintptr_t)entry->name);
    free((char *)(uintptr_t)entry->file);
}

bool mr_book_drop(mr_book *book, const char *name, bool whole)
{
    size_t kept = 0, size = strlen(name);
    for (size_t i = 0; i < book->count; i++) {
        mr_keep_entry *entry = &book->entries[i];
        if (strncmp(entry->name, name, size) == 0 && (!whole || entry->name[size] == 0))
            free_entry(entry);
        else
            book->entries[kept++] = *entry;
    }
    bool dropped = kept < book->count;
    book->count = kept;
    return dropped;
}

void mr_book_free(mr_book *book)
{
    mr_book_drop(book, "", false);
    free(book->entries);
    *book = (mr_book){.count = 0};
}

mr_status mr_keep_add(mr_keep *keep, const char *name, const void *bytes, size_t size,
                      mr_error *error)
{
    if (!keep->small)
        MR_TRY(mr_keep_file_create(keep, &keep->small, error));
    mr_keep_file_write(keep->small, bytes, size);
    return mr_keep_add_file(keep, name, keep->small, error);
}

/* On rank 0 an entry of that name may be another rank's of an earlier run: its callers drop. */
mr_status mr_keep_put(mr_keep *keep, const char *name, const void *bytes, size_t size,
                      mr_error *error)
{
    mr_book_drop(&keep->own, name, true);
    keep->dirty = true;
    return mr_keep_add(keep, name, bytes, size, error);
}

void mr_keep_drop(mr_keep *keep, const char *prefix)
{
    keep->dirty = mr_book_drop(&keep->own, prefix, false) || keep->dirty;
}

bool mr_keep_is_dirty(const mr_keep *keep)
{
    return keep->dirty;
}

/* Rank 0: the entries of all as one manifest, under its name. */
static mr_status write_manifest(mr_keep *keep, const char *all, const uint64_t *sizes,
                                mr_error *error)
{
    char name[64];
    mr_book book = {.count = 0};
    for (int rank = 0; rank < mr_comm_size(keep->comm); all += sizes[rank++])
        if (!mr_manifest_read_entries(all, sizes[rank], &book))
            mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's manifest");
    char *entries = error->code == MR_OK ? mr_manifest_entries(&book) : NULL;
    char *text = entries ? mr_manifest_pack(keep, keep->newest + 1, entries) : NULL;
    mr_book_free(&book);
    free(entries);
    if (!text)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's manifest");
    snprintf(name, sizeof name, MR_MANIFEST "%06llu", (unsigned long long)keep->newest + 1);
    mr_status status = mr_keep_replace(keep, name, text, strlen(text), error);
    free(text);
    return status;
}

/* What was put is on disk before anybody speaks of it. */
static mr_status sync_own(mr_keep *keep, mr_error *error)
{
    MR_TRY(mr_keep_files_sync(keep, error));
    int cause = mr_keep_folder_sync(keep->folder);
    return cause ? mr_keep_cannot(keep->folder, cause, error) : MR_OK;
}

static mr_status commit(mr_keep *keep, mr_error *error)
{
    char *mine = NULL, *all = NULL;
    uint64_t *sizes = NULL;
    if (sync_own(keep, error) == MR_OK && !(mine = mr_manifest_entries(&keep->own)))
        mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's entries");
    mr_status status = mr_comm_agree(keep->comm, error);
    if (status == MR_OK)
        status = mr_comm_gather_sizes(keep->comm, mine, strlen(mine), &all, &sizes, error);
    if (status == MR_OK && mr_comm_rank(keep->comm) == 0)
        write_manifest(keep, all, sizes, error);
    free(mine);
    free(all);
    free(sizes);
    return status == MR_OK ? mr_comm_agree(keep->comm, error) : status;
}

mr_status mr_keep_commit(mr_keep *keep, mr_error *error)
{
    double start = mr_clock_now();
    mr_span_kind before = mr_span_begin_at(MR_SPAN_CHECKPOINT, start);
    mr_status status = commit(keep, error);
    double took = mr_clock_now() - start;
    mr_span_end_at(before, start + took);
    keep->seconds += took;
    if (took > keep->worst)
        keep->worst = took;
    /* As often as there is something: but no more than half of the time. */
    keep->next = mr_clock_now() + (keep->every > took ? keep->every : took);
    if (status != MR_OK)
        return status;
    keep->generation = ++keep->newest;
    keep->dirty = false;
    if (mr_comm_rank(keep->comm) == 0)
        mr_keep_prune(keep, false);
    return MR_OK;
}

size_t mr_keep_count(const mr_keep *keep, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < keep->loaded.count; i++)
        count += strcmp(keep->loaded.entries[i].name, name) == 0;
    return count;
}

const mr_keep_entry *mr_keep_entry_at(const mr_keep *keep, const char *name, size_t number)
{
    for (size_t i = 0; i < keep->loaded.count; i++)
        if (strcmp(keep->loaded.entries[i].name, name) == 0 && number-- == 0)
            return &keep->loaded.entries[i];
    return NULL;
}

/*
 * engine/bad.c: lists of bad records. An entry is the number of its file, its offset, whether that
 * counts rows, and two texts with their zeros: lists of ranks are joined by writing one behind the
 * other, sent and saved as they are.
 */
#include "engine/bad.h"

#include "observe/json.h"
#include "observe/note.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD = 2 * sizeof(uint64_t) + 1 };

mr_status mr_bad_begin(mr_job *job)
{
    job->bad = calloc(1, sizeof *job->bad);
    if (!job->bad)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: starting the job");
    pthread_mutex_init(&job->bad->lock, NULL);
    return MR_OK;
}

void mr_bad_end(mr_job *job)
{
    mr_bad *bad = job->bad;
    if (!bad)
        return;
    pthread_mutex_destroy(&bad->lock);
    mr_text_free(&bad->list);
    free(bad->skips);
    free(bad->skip_text);
    free(bad);
    job->bad = NULL;
}

mr_status mr_bad_open(mr_job *job)
{
    mr_bad *bad = job->bad;
    const char *folder = job->settings->checkpoint;
    void *text = NULL;
    size_t size = 0;
    if (!folder || bad->is_open || job->settings->replay)
        return MR_OK;
    bad->is_open = true;
    if (mr_comm_rank(job->comm) == 0 && !job->settings->resume)
        mr_bad_skips_remove(folder); /* of another job */
    if (!job->settings->resume)
        return MR_OK;
    if (mr_comm_rank(job->comm) == 0) {
        char *found = NULL;
        mr_bad_skips_read(folder, &found, &size, job->error);
        text = found;
    }
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_comm_broadcast(job->comm, &text, &size, job->error);
    bad->skip_text = text;
    if (status == MR_OK)
        mr_bad_skips_parse(bad, text, size, job->error);
    return mr_comm_agree(job->comm, job->error);
}

/* ---- Entries ---- */

const char *mr_bad_entry_read(const char *at, mr_bad_entry *entry)
{
    memcpy(&entry->file_index, at, 8);
    memcpy(&entry->offset, at + 8, 8);
    entry->is_row = at[16] != 0;
    entry->file = at + HEAD;
    entry->reason = entry->file + strlen(entry->file) + 1;
    return entry->reason + strlen(entry->reason) + 1;
}

static void entry_write(mr_text *list, const mr_bad_entry *entry)
{
    char is_row = entry->is_row;
    mr_text_add(list, (const char *)&entry->file_index, 8);
    mr_text_add(list, (const char *)&entry->offset, 8);
    mr_text_add(list, &is_row, 1);
    mr_text_add(list, entry->file, strlen(entry->file) + 1);
    mr_text_add(list, entry->reason, strlen(entry->reason) + 1);
}

static int compare(const void *a, const void *b)
{
    const mr_bad_entry *x = a, *y = b;
    if (x->file_index != y->file_index)
        return x->file_index < y->file_index ? -1 : 1;
    int order = strcmp(x->file, y->file);
    if (order != 0)
        return order;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return strcmp(x->reason, y->reason);
}

static bool is_same(const mr_bad_entry *x, const mr_bad_entry *y)
{
    return x->file_index == y->file_index && x->offset == y->offset &&
           strcmp(x->file, y->file) == 0;
}

static uint64_t count_of(const char *at, size_t size)
{
    uint64_t count = 0;
    mr_bad_entry entry;
    for (const char *end = at + size; at < end; count++)
        at = mr_bad_entry_read(at, &entry);
    return count;
}

/* The entries in `bytes`, in the order of the input, each record once. */
static mr_status put_in_order(const char *bytes, size_t size, mr_text *list, uint64_t *count,
                              mr_error *error)
{
    uint64_t all = count_of(bytes, size), kept = 0;
    mr_bad_entry *entries = malloc((all + 1) * sizeof *entries);
    mr_text ordered = {.data = NULL};
    for (uint64_t i = 0; entries && i < all; i++)
        bytes = mr_bad_entry_read(bytes, &entries[i]);
    if (entries)
        qsort(entries, all, sizeof *entries, compare);
    for (uint64_t i = 0; entries && i < all; i++) {
        if (i > 0 && is_same(&entries[i], &entries[i - 1]))
            continue;
        entry_write(&ordered, &entries[i]);
        kept++;
    }
    free(entries);
    if (!entries || ordered.failed) {
        mr_text_free(&ordered);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the list of bad records");
    }
    mr_text_free(list);
    *list = ordered;
    *count = kept;
    return MR_OK;
}

mr_status mr_bad_add(mr_job *job, const char *file, uint64_t file_index, uint64_t offset,
                     bool is_row, const char *reason, mr_error *error)
{
    mr_bad *bad = job->bad;
    char plain[MR_BAD_REASON];
    snprintf(plain, sizeof plain, "%s", reason && *reason ? reason : "bad record");
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    const mr_bad_entry entry = {file_index, offset, is_row, file, plain};
    pthread_mutex_lock(&bad->lock);
    entry_write(&bad->list, &entry);
    bool failed = bad->list.failed, too_many = ++bad->fresh > job->settings->skip_bad;
    pthread_mutex_unlock(&bad->lock);
    if (failed)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: the list of bad records");
    if (!too_many || error->code != MR_OK)
        return error->code;
    /* Not by mr_error_set: no code that a job could end with. */
    error->code = MR_BAD_RECORD;
    snprintf(error->text, sizeof error->text, "too many bad records");
    return MR_BAD_RECORD;
}

/* ---- All ranks' ---- */

/* The user gets to know the first in the input of those that were seen before all ranks stopped. */
static void refuse(mr_job *job)
{
    uint64_t most = job->settings->skip_bad;
    mr_bad_entry first;
    mr_bad_entry_read(job->bad->list.data, &first);
    const char *unit = first.is_row ? "row" : "byte";
    unsigned long long place = first.offset;
    if (most == 0)
        mr_error_set(job->error, MR_BAD_INPUT,
                     "%s: %s at %s %llu: correct it, or set bad records aside with --skip-bad",
                     first.reason, first.file, unit, place);
    else
        mr_error_set(job->error, MR_BAD_INPUT,
                     "too many bad records: more than the %llu that --skip-bad allows: %s: %s at "
                     "%s %llu: correct them, or allow more",
                     (unsigned long long)most, first.reason, first.file, unit, place);
}

static void join_lists(mr_job *job, const char *all, size_t size, bool stopped)
{
    mr_bad *bad = job->bad;
    const char *folder = job->settings->checkpoint;
    if (put_in_order(all, size, &bad->list, &bad->known, job->error) != MR_OK)
        return;
    if (folder && bad->known > 0 && !job->settings->replay)
        mr_bad_records_write(folder, &bad->list, job->error);
    if (bad->known > 0 && (stopped || bad->known > job->settings->skip_bad))
        refuse(job);
}

mr_status mr_bad_settle(mr_job *job, mr_status status)
{
    mr_bad *bad = job->bad;
    char *all = NULL;
    uint64_t *sizes = NULL, size = 0;
    const bool none = status == MR_OK && job->settings->skip_bad == 0;
    if (none || (status != MR_OK && status != MR_BAD_RECORD))
        return status;
    job->error->code = MR_OK;
    if (bad->list.failed)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: the list of bad records");
    MR_TRY(
        mr_comm_gather_sizes(job->comm, bad->list.data, bad->list.size, &all, &sizes, job->error));
    for (int rank = 0; sizes && rank < mr_comm_size(job->comm); rank++)
        size += sizes[rank];
    mr_text_clear(&bad->list);
    if (mr_comm_rank(job->comm) == 0)
        join_lists(job, all, size, status == MR_BAD_RECORD);
    bad->fresh = 0;
    free(all);
    free(sizes);
    return mr_comm_agree(job->comm, job->error);
}

/* ---- Lists as bytes ---- */

mr_status mr_bad_pack(mr_job *job, mr_text *into)
{
    mr_bad *bad = job->bad;
    pthread_mutex_lock(&bad->lock);
    if (bad->list.size)
        mr_text_add(into, bad->list.data, bad->list.size);
    pthread_mutex_unlock(&bad->lock);
    if (!into->failed)
        return MR_OK;
    return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: saving the list of bad records");
}

/* Past a text with its zero; NULL where it has none. */
static const char *skip_text(const char *at, const char *end)
{
    const char *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
    return zero ? zero + 1 : NULL;
}

static bool is_list(const char *at, const char *end)
{
    while (at && at < end) {
        if (end - at < HEAD)
            return false;
        at = skip_text(at + HEAD, end);
        at = at ? skip_text(at, end) : NULL;
    }
    return at != NULL;
}

mr_status mr_bad_unpack(mr_job *job, mr_bytes bytes)
{
    mr_bad *bad = job->bad;
    if (!is_list(bytes.data, bytes.data + bytes.size))
        return mr_error_set(job->error, MR_BAD_INPUT,
                            "damaged checkpoint: %s: its list of bad records makes no sense: begin "
                            "anew",
                            job->settings->checkpoint);
    pthread_mutex_lock(&bad->lock);
    mr_text_add(&bad->list, bytes.data, bytes.size);
    pthread_mutex_unlock(&bad->lock);
    return MR_OK;
}

/* ---- Telling ---- */

static void put_part(mr_job *job, const mr_bad_entry *entry)
{
    json_t *object = json_object();
    json_object_set_new(object, "file", mr_json_text(entry->file));
    json_object_set_new(object, "offset", json_integer((json_int_t)entry->offset));
    json_object_set_new(object, "reason", mr_json_text(entry->reason));
    char *text = json_dumps(object, JSON_ENSURE_ASCII);
    if (text)
        mr_job_report_part(job, "bad", text);
    free(text);
    json_decref(object);
}

void mr_bad_tell(mr_job *job)
{
    mr_bad *bad = job->bad;
    const char *at = bad->list.data;
    if (mr_comm_rank(job->comm) != 0 || bad->known == 0)
        return;
    mr_job_count(job, "bad records", (int64_t)bad->known);
    for (uint64_t i = 0; i < bad->known && i < MR_BAD_TOLD; i++) {
        mr_bad_entry entry;
        at = mr_bad_entry_read(at, &entry);
        if (job->settings->report)
            put_part(job, &entry);
        if (job->settings->verbose && i < MR_BAD_NOTED)
            mr_note("bad record: %s at %s %llu: %s", entry.file, entry.is_row ? "row" : "byte",
                    (unsigned long long)entry.offset, entry.reason);
    }
    if (job->settings->verbose && bad->known > MR_BAD_NOTED)
        mr_note("bad records: %llu more: see --report",
                (unsigned long long)(bad->known - MR_BAD_NOTED));
}

/*
 * engine/loop_items.c: variables and arrays that a loop carries, as bytes of a checkpoint. A part
 * of an array says which part it is, so whoever needs others finds them.
 */
#include "engine/loop.h"

#include "comm/vector.h"

#include <stdlib.h>

#define PIECE ((size_t)1 << 20)

mr_status mr_loop_misfit(const mr_loop *loop, const char *name)
{
    return mr_error_set(loop->job->error, MR_BAD_INPUT,
                        "checkpoint does not fit: %s: loop %s has nothing like its %s: begin anew "
                        "with --overwrite in place of --resume",
                        mr_keep_folder(loop->job->keep), loop->name, name);
}

/* ---- Bytes ---- */

mr_status mr_loop_put(mr_loop *loop, const char *name, const void *bytes, size_t size)
{
    mr_keep_file_write(loop->file, bytes, size);
    return mr_keep_add_file(loop->job->keep, name, loop->file, loop->job->error);
}

mr_status mr_loop_put_part(mr_loop *loop, const char *name, const mr_loop_part *part,
                           const void *bytes)
{
    mr_keep_file_write(loop->file, part, sizeof *part);
    return mr_loop_put(loop, name, bytes, part->count * part->size);
}

mr_status mr_loop_get(mr_loop *loop, const char *name, void *bytes, size_t size)
{
    void *found = NULL;
    mr_keep *keep = loop->job->keep;
    const mr_keep_entry *entry = mr_keep_entry_at(keep, name, 0);
    if (!entry || entry->size != size)
        return mr_loop_misfit(loop, name);
    MR_TRY(mr_keep_load(keep, entry, &found, loop->job->error));
    memcpy(bytes, found, size);
    free(found);
    return MR_OK;
}

/* Bytes that nobody wants, but for their checksum. */
static mr_status pass(mr_keep_reader *reader, uint64_t size, void *room, mr_error *error)
{
    for (uint64_t left = size; left > 0;) {
        size_t piece = left < PIECE ? (size_t)left : PIECE;
        MR_TRY(mr_keep_reader_take(reader, room, piece, error));
        left -= piece;
    }
    return MR_OK;
}

static mr_status take(mr_keep_reader *reader, void *bytes, uint64_t size, mr_error *error)
{
    for (uint64_t at = 0; at < size;) {
        size_t piece = size - at < PIECE ? (size_t)(size - at) : PIECE;
        MR_TRY(mr_keep_reader_take(reader, (char *)bytes + at, piece, error));
        at += piece;
    }
    return MR_OK;
}

/* What an entry has of the part; `*got`: how many items more there are now. */
static mr_status take_common(mr_keep_reader *reader, const mr_loop_part *there,
                             const mr_loop_part *part, void *bytes, void *room, uint64_t *got,
                             mr_error *error)
{
    uint64_t end = there->begin + there->count, wanted = part->begin + part->count;
    uint64_t from = there->begin > part->begin ? there->begin : part->begin;
    uint64_t to = end < wanted ? end : wanted;
    if (from >= to)
        return MR_OK;
    *got += to - from;
    MR_TRY(pass(reader, (from - there->begin) * part->size, room, error));
    MR_TRY(take(reader, (char *)bytes + (from - part->begin) * part->size, (to - from) * part->size,
                error));
    return pass(reader, (end - to) * part->size, room, error);
}

static mr_status take_entry(mr_loop *loop, const mr_keep_entry *entry, const char *name,
                            const mr_loop_part *part, void *bytes, void *room, uint64_t *got)
{
    mr_loop_part there;
    mr_keep_reader reader;
    mr_error *error = loop->job->error;
    MR_TRY(mr_keep_reader_open(&reader, loop->job->keep, entry, error));
    mr_status status = mr_keep_reader_take(&reader, &there, sizeof there, error);
    if (status == MR_OK && (there.size != part->size || there.total != part->total ||
                            entry->size != sizeof there + there.count * there.size))
        status = mr_loop_misfit(loop, name);
    if (status == MR_OK)
        status = take_common(&reader, &there, part, bytes, room, got, error);
    mr_status closed = mr_keep_reader_close(&reader, error);
    return status == MR_OK ? closed : status;
}

mr_status mr_loop_get_part(mr_loop *loop, const char *name, const mr_loop_part *part, void *bytes)
{
    uint64_t got = 0;
    mr_keep *keep = loop->job->keep;
    size_t count = mr_keep_count(keep, name);
    mr_status status = MR_OK;
    void *room = malloc(PIECE);
    if (!room)
        return mr_error_set(loop->job->error, MR_NO_MEMORY, "out of memory: reading a checkpoint");
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = take_entry(loop, mr_keep_entry_at(keep, name, i), name, part, bytes, room, &got);
    free(room);
    return status == MR_OK && got != part->count ? mr_loop_misfit(loop, name) : status;
}

/* ---- What drivers name ---- */

static mr_status put_value(mr_loop *loop, mr_loop_item *item)
{
    if (mr_comm_rank(loop->job->comm) != 0)
        return MR_OK;
    return mr_loop_put(loop, item->name, item->object, item->part.size);
}

static mr_status load_value(mr_loop *loop, mr_loop_item *item)
{
    return mr_loop_get(loop, item->name, item->object, item->part.size);
}

static const mr_loop_kind value = {.put = put_value, .load = load_value};

void mr_loop_value(mr_loop *loop, const char *name, void *variable, size_t size)
{
    mr_loop_item *item = mr_loop_item_get(loop, name, &value, variable);
    if (item)
        item->part.size = size;
}

static mr_status put_spread(mr_loop *loop, mr_loop_item *item)
{
    return mr_loop_put_part(loop, item->name, &item->part, item->object);
}

static mr_status load_spread(mr_loop *loop, mr_loop_item *item)
{
    return mr_loop_get_part(loop, item->name, &item->part, item->object);
}

static const mr_loop_kind spread = {.put = put_spread, .load = load_spread};

void mr_loop_spread(mr_loop *loop, const char *name, void *items, size_t size, uint64_t begin,
                    uint64_t count, uint64_t total)
{
    mr_loop_item *item = mr_loop_item_get(loop, name, &spread, items);
    if (item)
        item->part = (mr_loop_part){begin, count, total, size};
}

/* Rank r's share of an array that all have. */
static uint64_t share_start(const mr_job *job, uint64_t bytes, int rank)
{
    uint64_t ranks = (uint64_t)mr_comm_size(job->comm), number = (uint64_t)rank;
    uint64_t more = bytes % ranks;
    return bytes / ranks * number + (number < more ? number : more);
}

static mr_loop_part share_of(const mr_loop *loop, const mr_loop_item *item)
{
    const mr_job *job = loop->job;
    int rank = mr_comm_rank(job->comm);
    uint64_t begin = share_start(job, item->part.total, rank);
    uint64_t end = share_start(job, item->part.total, rank + 1);
    return (mr_loop_part){begin, end - begin, item->part.total, 1};
}

static mr_status put_whole(mr_loop *loop, mr_loop_item *item)
{
    mr_loop_part share = share_of(loop, item);
    return mr_loop_put_part(loop, item->name, &share, (char *)item->object + share.begin);
}

/* Each rank reads a share, and all get all. */
static mr_status load_whole(mr_loop *loop, mr_loop_item *item)
{
    mr_job *job = loop->job;
    int ranks = mr_comm_size(job->comm);
    mr_loop_part share = share_of(loop, item);
    uint64_t *starts = calloc((size_t)ranks + 1, sizeof *starts);
    if (!starts)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: reading a checkpoint");
    for (int rank = 0; starts && rank <= ranks; rank++)
        starts[rank] = share_start(job, item->part.total, rank);
    mr_loop_get_part(loop, item->name, &share, (char *)item->object + share.begin);
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        mr_vector_gather(job->comm, item->object, starts, 0);
    free(starts);
    return status;
}

static const mr_loop_kind whole = {.put = put_whole, .load = load_whole};

void mr_loop_whole(mr_loop *loop, const char *name, void *bytes, uint64_t size)
{
    mr_loop_item *item = mr_loop_item_get(loop, name, &whole, bytes);
    if (item)
        item->part = (mr_loop_part){.total = size};
}

/*
 * engine/packed_columns.c: columns as packed chunks. A rank has its rows in order, wave after wave;
 * those that fill a chunk are packed at once. A chunk whose rows lie on several ranks is packed by
 * the one that has its first row: at the end, the others send it theirs.
 */
#include "engine/columns.h"

#include "base/memory.h"
#include "comm/vector.h"
#include "engine/waves.h"

#include <stdlib.h>
#include <string.h>

#define PIECE      ((size_t)1 << 20)
#define ROOM       ((uint64_t)32 << 20)
#define ROOM_SHARE 16 /* of the budget, at most */

typedef struct packing {
    mr_result *result;
    const mr_schema *schema;
    mr_saving *saving;
    mr_error *error;
    uint64_t chunk;      /* rows of one */
    uint64_t row, count; /* the first of those in the room, and how many */
    char *room;          /* records */
    size_t capacity;     /* bytes */
    char *head;          /* records of a chunk that another rank begins */
    uint64_t head_count;
} packing;

static mr_status grow(packing *p, uint64_t rows)
{
    size_t size = rows * p->schema->size;
    if (size <= p->capacity)
        return MR_OK;
    char *more = mr_memory_resize(p->room, p->capacity, size, "packing the result", p->error);
    if (!more)
        return MR_NO_MEMORY;
    p->room = more;
    p->capacity = size;
    return MR_OK;
}

/* The row behind the chunk that a row is in. */
static uint64_t end_of_chunk(const packing *p, uint64_t row)
{
    uint64_t end = (row / p->chunk + 1) * p->chunk;
    return end < p->schema->rows ? end : p->schema->rows;
}

static mr_status pack_one(const packing *p, uint64_t row, unsigned field, mr_error *error)
{
    uint64_t count = end_of_chunk(p, row) - row;
    size_t size = count * p->schema->fields[field].size;
    char *column = mr_memory_allocate(size, "packing the result", error);
    if (!column)
        return MR_NO_MEMORY;
    mr_columns_pick(p->schema, field, p->room + (row - p->row) * p->schema->size, count, column);
    mr_box box = {.axes = 1, .from = {row}, .size = {count}};
    mr_status status = mr_saving_box(p->saving, field, &box, column, error);
    mr_memory_free(column, size);
    return status;
}

/* Packs `chunks` whole ones that the room begins with. */
static mr_status pack_chunks(packing *p, uint64_t chunks)
{
    uint64_t pieces = chunks * p->schema->count;
#pragma omp parallel num_threads((int)p->result->job->threads)
    {
        mr_error mine = {0};
#pragma omp for schedule(dynamic)
        for (uint64_t i = 0; i < pieces; i++)
            if (mine.code == MR_OK)
                pack_one(p, p->row + i / p->schema->count * p->chunk,
                         (unsigned)(i % p->schema->count), &mine);
        if (mine.code != MR_OK) {
#pragma omp critical
            mr_error_set(p->error, mine.code, "%s", mine.text);
        }
    }
    return p->error->code;
}

static void drop(packing *p, uint64_t rows)
{
    p->row += rows;
    p->count -= rows;
    memmove(p->room, p->room + rows * p->schema->size, p->count * p->schema->size);
}

/* The room begins in the middle of a chunk: that part is another rank's. */
static mr_status cut_head(packing *p, uint64_t rows)
{
    size_t size = rows * p->schema->size;
    p->head = mr_memory_allocate(size, "packing the result", p->error);
    if (!p->head)
        return MR_NO_MEMORY;
    memcpy(p->head, p->room, size);
    p->head_count = rows;
    drop(p, rows);
    return MR_OK;
}

/* Packs what is whole; `end`: nothing more will come from this rank. */
static mr_status drain(packing *p, bool end)
{
    if (p->count > 0 && p->row % p->chunk) {
        uint64_t left = end_of_chunk(p, p->row) - p->row;
        if (p->count < left && !end)
            return MR_OK;
        MR_TRY(cut_head(p, p->count < left ? p->count : left));
    }
    uint64_t chunks = p->count / p->chunk, rows = chunks * p->chunk;
    if (p->count > 0 && p->row + p->count == p->schema->rows) {
        chunks = (p->count + p->chunk - 1) / p->chunk;
        rows = p->count;
    }
    if (chunks == 0)
        return MR_OK;
    MR_TRY(pack_chunks(p, chunks));
    drop(p, rows);
    return MR_OK;
}

/* A bucket on its way to its place in the room. */
typedef struct place {
    char *at;
} place;

static mr_status copy_piece(void *context, const char *records, size_t size, uint64_t rows)
{
    place *to = context;
    (void)rows;
    memcpy(to->at, records, size);
    to->at += size;
    return MR_OK;
}

static mr_status fill(void *context, size_t b, mr_error *error)
{
    const packing *p = context;
    uint64_t before = p->result->rows->buckets[b].first_row - p->row;
    place to = {p->room + before * p->schema->size};
    return mr_result_format(p->result, b, PIECE, copy_piece, &to, error);
}

/* Buckets that fit together: all threads. */
static mr_status take_together(packing *p, size_t from, size_t to, uint64_t rows)
{
    if (rows == 0)
        return MR_OK;
    MR_TRY(grow(p, p->count + rows));
    MR_TRY(mr_waves_share(p->result->job->threads, from, to, fill, p, p->error));
    p->count += rows;
    return drain(p, false);
}

/* A bucket that is too large: piece by piece. */
static mr_status take_piece(void *context, const char *records, size_t size, uint64_t rows)
{
    packing *p = context;
    MR_TRY(grow(p, p->count + rows));
    memcpy(p->room + p->count * p->schema->size, records, size);
    p->count += rows;
    return drain(p, false);
}

/* How many buckets from `from` on fit in the room, and their rows; 0: not even that one. */
static size_t count_fitting(const packing *p, size_t from, size_t to, uint64_t *rows)
{
    const mr_bucket *buckets = p->result->rows->buckets;
    uint64_t most = mr_memory_budget() / ROOM_SHARE;
    if (most == 0 || most > ROOM)
        most = ROOM;
    size_t b = from;
    for (*rows = 0; b < to && (*rows + buckets[b].rows) * p->schema->size <= most; b++)
        *rows += buckets[b].rows;
    return b - from;
}

static mr_status take_wave(void *context, size_t from, size_t to, mr_error *error)
{
    packing *p = context;
    for (uint64_t rows; from < to;) {
        size_t count = count_fitting(p, from, to, &rows);
        MR_TRY(count > 0 ? take_together(p, from, from + count, rows)
                         : mr_result_format(p->result, from, PIECE, take_piece, p, error));
        from += count > 0 ? count : 1;
    }
    return MR_OK;
}

/* Collective. The first row of each rank, and behind the last one the number of all. */
static uint64_t *find_firsts(packing *p, uint64_t first)
{
    mr_job *job = p->result->job;
    size_t size = (size_t)mr_comm_size(job->comm);
    uint64_t *firsts = calloc(size + 1, sizeof *firsts);
    if (!firsts)
        mr_error_set(p->error, MR_NO_MEMORY, "out of memory: packing the result");
    if (mr_comm_agree(job->comm, p->error) == MR_OK) {
        firsts[mr_comm_rank(job->comm)] = first;
        mr_vector_reduce(job->comm, firsts, size, MR_NUMBER_U64, MR_COMBINE_SUM, 0);
        firsts[size] = p->schema->rows;
        return firsts;
    }
    free(firsts);
    return NULL;
}

/* To the rank that has the first row of the chunk. */
static void send_head(const packing *p, const uint64_t *firsts)
{
    mr_comm *comm = p->result->job->comm;
    int owner = mr_comm_rank(comm);
    if (p->head_count == 0)
        return;
    uint64_t begin = firsts[owner] / p->chunk * p->chunk;
    while (firsts[owner] > begin || firsts[owner] == firsts[owner + 1])
        owner--;
    mr_comm_send(comm, owner, p->head, p->head_count * p->schema->size);
}

/* The rest of the chunk that this rank has begun; there is room for it. */
static mr_status receive_tail(packing *p, const uint64_t *firsts)
{
    mr_comm *comm = p->result->job->comm;
    if (p->count == 0)
        return MR_OK;
    uint64_t end = end_of_chunk(p, p->row);
    for (int rank = mr_comm_rank(comm) + 1; p->row + p->count < end; rank++) {
        uint64_t to = firsts[rank + 1] < end ? firsts[rank + 1] : end;
        uint64_t rows = to - firsts[rank];
        if (rows > 0)
            mr_comm_receive(comm, rank, p->room + p->count * p->schema->size,
                            rows * p->schema->size);
        p->count += rows;
    }
    return drain(p, true);
}

static void pack_rows(packing *p)
{
    mr_rows *rows = p->result->rows;
    if (mr_waves_run(rows, 0, rows->count, take_wave, p, p->error) == MR_OK &&
        drain(p, true) == MR_OK)
        grow(p, p->chunk);
}

mr_status mr_columns_pack(mr_result *result, mr_saving *saving)
{
    mr_job *job = result->job;
    const mr_rows *rows = result->rows;
    uint64_t here = 0, first, all;
    for (size_t b = 0; b < rows->count; b++)
        here += rows->buckets[b].rows;
    mr_comm_scan(job->comm, &here, 1, &first, &all);
    packing p = {.result = result,
                 .schema = rows->writer->schema,
                 .saving = saving,
                 .error = job->error,
                 .chunk = mr_columns_chunk(rows->writer->schema),
                 .row = first};
    pack_rows(&p);
    uint64_t *firsts = find_firsts(&p, first);
    if (firsts) {
        send_head(&p, firsts);
        receive_tail(&p, firsts);
    }
    mr_memory_free(p.room, p.capacity);
    mr_memory_free(p.head, p.head_count * p.schema->size);
    free(firsts);
    return mr_comm_agree(job->comm, job->error);
}

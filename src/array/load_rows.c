/*
 * array/load_rows.c: rows of text, and of anything else that is read in blocks, into an array.
 * Blocks are read by whoever is idle. What a block holds is kept where it was read, until all have
 * been; then every rank learns how many rows there are in which block, so which rows these are, and
 * sends them to the ranks that own them. For a while rows are in memory twice.
 */
#include "array/load.h"

#include "base/memory.h"
#include "comm/exchange.h"
#include "engine/map.h"

#include <mapred/set.h>

#include <sched.h>
#include <stdlib.h>

/* The rows of one block. `file` and `place` say where it stands in the input. */
typedef struct piece {
    uint64_t file, place, rows, first; /* first: of its rows among all, in the end */
} piece;

typedef struct collecting {
    mr_loading *loading;
    pthread_mutex_t lock;
    piece *pieces;   /* of this rank */
    double **values; /* of each */
    size_t count, capacity;
    uint64_t bytes;
    uint64_t *starts; /* of the ranks' rows */
} collecting;

static uint64_t row_size(const collecting *c)
{
    return c->loading->columns * sizeof(double);
}

/* ---- Reading ---- */

static bool grow(collecting *c)
{
    if (c->count < c->capacity)
        return true;
    size_t capacity = 2 * c->capacity + 64;
    piece *pieces = realloc(c->pieces, capacity * sizeof *pieces);
    c->pieces = pieces ? pieces : c->pieces;
    double **values = realloc(c->values, capacity * sizeof(double *));
    c->values = values ? values : c->values;
    if (!pieces || !values)
        return false;
    c->capacity = capacity;
    return true;
}

static mr_status take_block(mr_out *out, mr_block *block)
{
    collecting *c = mr_out_context(out);
    const mr_grid *grid = block->grid;
    mr_error error = {.code = MR_OK};
    uint64_t bytes = grid->size[0] * row_size(c);
    double *values = mr_memory_allocate(bytes, "rows of numbers", &error);
    pthread_mutex_lock(&c->lock);
    bool added = values && grow(c);
    if (added) {
        c->pieces[c->count] = (piece){block->file_index, grid->first, grid->size[0], 0};
        c->values[c->count++] = memcpy(values, grid->values, bytes);
        c->bytes += bytes;
    }
    uint64_t so_far = c->bytes;
    pthread_mutex_unlock(&c->lock);
    if (added)
        return MR_OK;
    mr_memory_free(values, bytes);
    return mr_out_fail(out, MR_NO_MEMORY,
                       "out of memory: rows of numbers take more than %llu bytes on this rank, and "
                       "twice that while they are read: use more nodes or a larger --memory",
                       (unsigned long long)so_far);
}

static mr_status read_all(collecting *c)
{
    mr_job *job = c->loading->job;
    const mr_app app = {.name = job->app.name, .input = MR_INPUT_ROWS};
    mr_feed feed = {.job = job, .app = &app, .context = c};
    mr_status status =
        mr_map_input(&feed, c->loading->plan, (mr_records){.kind = MR_INPUT_ROWS}, take_block);
    job->failed = status != MR_OK;
    return status;
}

/* ---- Which rows they are ---- */

static int compare_pieces(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* All pieces of all ranks, in the order of the input, with their first rows: on every rank. */
static mr_status share_pieces(collecting *c, piece **all, size_t *count)
{
    mr_job *job = c->loading->job;
    char *gathered = NULL;
    uint64_t *sizes = NULL;
    size_t bytes = 0;
    mr_status status = mr_comm_gather_sizes(job->comm, c->pieces, c->count * sizeof(piece),
                                            &gathered, &sizes, job->error);
    MR_TRY(mr_job_agree(job));
    (void)status;
    if (gathered) {
        for (int rank = 0; rank < mr_comm_size(job->comm); rank++)
            bytes += sizes[rank];
        piece *pieces = (piece *)(void *)gathered;
        qsort(pieces, bytes / sizeof *pieces, sizeof *pieces, compare_pieces);
        for (size_t i = 1; i < bytes / sizeof *pieces; i++)
            pieces[i].first = pieces[i - 1].first + pieces[i - 1].rows;
    }
    free(sizes);
    void *shared = gathered;
    mr_comm_broadcast(job->comm, &shared, &bytes, job->error);
    *all = shared;
    *count = bytes / sizeof(piece);
    return mr_job_agree(job);
}

static mr_status number_rows(collecting *c, uint64_t *rows)
{
    piece *all = NULL;
    size_t count = 0;
    mr_status status = share_pieces(c, &all, &count);
    for (size_t i = 0; status == MR_OK && i < c->count; i++) {
        const piece *found = bsearch(&c->pieces[i], all, count, sizeof *all, compare_pieces);
        c->pieces[i].first = found->first;
    }
    *rows = status == MR_OK && count ? all[count - 1].first + all[count - 1].rows : 0;
    free(all);
    return status;
}

/* ---- Moving them ---- */

typedef struct moving {
    collecting *c;
    mr_exchange *exchange;
    unsigned char *here; /* this rank's rows */
    uint64_t first;      /* of them */
    bool failed;
} moving;

/* What a page begins with. */
typedef struct head {
    uint64_t first, rows;
} head;

#define PAGE ((256u << 10) - MR_EXCHANGE_ENVELOPE)

static void put(moving *m, uint64_t first, uint64_t rows, const void *values)
{
    memcpy(m->here + (first - m->first) * row_size(m->c), values, rows * row_size(m->c));
}

static void take_arrived(moving *m)
{
    mr_error *error = m->c->loading->job->error;
    mr_page *page;
    head h;
    while ((page = mr_exchange_arrived(m->exchange, error))) {
        memcpy(&h, page->bytes, sizeof h);
        put(m, h.first, h.rows, page->bytes + sizeof h);
        mr_page_destroy(page);
    }
    while ((page = mr_exchange_sent(m->exchange)))
        mr_page_destroy(page);
}

static void send(moving *m, int to, uint64_t first, uint64_t rows, const double *values)
{
    mr_page *page = mr_page_create(sizeof(head) + rows * row_size(m->c), m->c->loading->job->error);
    const head h = {first, rows};
    m->failed = !page;
    if (!page)
        return;
    page->to = to;
    page->size = sizeof h + rows * row_size(m->c);
    memcpy(page->bytes, &h, sizeof h);
    memcpy(page->bytes + sizeof h, values, rows * row_size(m->c));
    while (!mr_exchange_may_send(m->exchange))
        take_arrived(m);
    mr_exchange_send(m->exchange, page);
}

static int owner_of(const collecting *c, uint64_t row)
{
    int low = 0, high = mr_comm_size(c->loading->job->comm) - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (c->starts[middle] <= row)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* One piece to the ranks that own its rows, page by page. */
static void move_piece(moving *m, const piece *p, const double *values)
{
    collecting *c = m->c;
    uint64_t most = (PAGE - sizeof(head)) / row_size(c);
    for (uint64_t done = 0, rows; done < p->rows && !m->failed; done += rows) {
        uint64_t first = p->first + done;
        int to = owner_of(c, first);
        rows = c->starts[to + 1] - first;
        rows = rows < p->rows - done ? rows : p->rows - done;
        const double *from = values + done * c->loading->columns;
        if (to == mr_comm_rank(c->loading->job->comm)) {
            put(m, first, rows, from);
            continue;
        }
        rows = rows < most ? rows : most ? most : 1;
        send(m, to, first, rows, from);
    }
}

static mr_status move_all(collecting *c, mr_array *array)
{
    mr_job *job = c->loading->job;
    moving m = {.c = c, .here = mr_array_memory(array)->values};
    c->starts = mr_array_memory(array)->starts;
    m.first = c->starts[mr_comm_rank(job->comm)];
    mr_exchange_create(&m.exchange, job->comm, job->error);
    MR_TRY(mr_job_agree(job));
    for (size_t i = 0; i < c->count; i++) {
        move_piece(&m, &c->pieces[i], c->values[i]);
        mr_memory_free(c->values[i], c->pieces[i].rows * row_size(c));
        c->values[i] = NULL;
    }
    while (!mr_exchange_end(m.exchange)) {
        take_arrived(&m);
        sched_yield();
    }
    mr_exchange_volume volume = mr_exchange_volume_of(m.exchange);
    job->report.bytes_sent += volume.bytes_sent;
    job->report.bytes_received += volume.bytes_received;
    job->report.messages_sent += volume.messages_sent;
    mr_exchange_destroy(&m.exchange);
    return mr_job_agree(job);
}

static mr_status load(collecting *c)
{
    uint64_t rows;
    MR_TRY(read_all(c));
    MR_TRY(number_rows(c, &rows));
    mr_array *array = mr_load_reserve(c->loading, rows);
    return array ? move_all(c, array) : mr_job_agree(c->loading->job);
}

mr_status mr_load_rows(mr_loading *loading)
{
    collecting c = {.loading = loading};
    pthread_mutex_init(&c.lock, NULL);
    mr_status status = load(&c);
    for (size_t i = 0; i < c.count; i++)
        if (c.values[i])
            mr_memory_free(c.values[i], c.pieces[i].rows * row_size(&c));
    free(c.pieces);
    free(c.values);
    pthread_mutex_destroy(&c.lock);
    return status;
}

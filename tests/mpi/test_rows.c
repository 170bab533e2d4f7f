/*
 * mpi/test_rows.c: writing rows that nobody stores. Row i is made from its number; ranks and
 * buckets have random ranges of them, some empty and some large. Whatever is written must be what a
 * loop over all numbers writes.
 */
#include "../unit/random.h"
#include "base/memory.h"
#include "engine/result.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS    6000
#define BUCKETS 12 /* of a rank */
#define LONGEST 3000
#define HUGE    ((size_t)7 << 18)

static char folder[64];

/* A rank's rows: bucket b has [cuts[b], cuts[b + 1]). */
typedef struct maker {
    mr_rows rows;
    mr_writer writer;
    mr_bucket buckets[BUCKETS];
    uint64_t cuts[BUCKETS + 1];
    uint64_t waves;  /* random state */
    size_t from, to; /* the wave that is open */
    bool formatted[BUCKETS];
    uint64_t wrong;   /* calls that should not have been */
    int64_t fails_at; /* a row, or -1 */
    bool longer;      /* a row longer than it was when it was measured */
} maker;

/* Rows of any size, none and a few MiB among them. */
static mr_bytes row_bytes(uint64_t number, char *space)
{
    uint64_t state = number * 77 + 1;
    size_t size = random_below(&state, random_below(&state, 10) ? 50 : LONGEST);
    if (number == ROWS / 3)
        size = HUGE;
    memset(space, 'a' + (int)(number % 26), size);
    return (mr_bytes){space, size};
}

static void add_row(const mr_writer *writer, uint64_t number, bool first, char *space,
                    mr_text *text)
{
    mr_row row;
    row.count = 0;
    mr_row_add_u64(&row, number);
    mr_row_add_bytes(&row, row_bytes(number, space));
    mr_writer_row(writer, first, &row, NULL, text);
}

static mr_status begin(mr_rows *rows, size_t from, size_t *to, mr_error *error)
{
    maker *m = rows->self;
    (void)error;
    m->wrong += m->from < m->to || from >= *to || *to > rows->count;
    size_t most = from + 1 + random_below(&m->waves, 2 * BUCKETS);
    *to = most < *to ? most : *to;
    m->from = from;
    m->to = *to;
    memset(m->formatted, 0, sizeof m->formatted);
    return MR_OK;
}

static void end(mr_rows *rows, size_t from, size_t to)
{
    maker *m = rows->self;
    m->wrong += from != m->from || to != m->to;
    m->from = m->to = 0;
}

static mr_status format(mr_rows *rows, size_t b, bool first, size_t piece, mr_rows_take *take,
                        void *context, mr_error *error)
{
    maker *m = rows->self;
    mr_status status = MR_OK;
    mr_pieces pieces = {piece, take, context, error, {0}, 0};
    char *space = malloc(HUGE);
    if (!space || b < m->from || b >= m->to || m->formatted[b])
        status = mr_error_set(error, MR_FAILED, "bucket %zu was not asked for", b);
    m->formatted[b] = true;
    for (uint64_t i = m->cuts[b]; i < m->cuts[b + 1] && status == MR_OK; i++) {
        if ((int64_t)i == m->fails_at)
            status = mr_error_set(error, MR_BAD_INPUT, "row %d cannot be made", (int)i);
        add_row(&m->writer, i, first && i == m->cuts[b], space, &pieces.text);
        if (m->longer && i == ROWS / 2)
            mr_text_add(&pieces.text, "!", 1);
        if (status == MR_OK)
            status = mr_pieces_row(&pieces);
    }
    if (status == MR_OK)
        status = mr_pieces_flush(&pieces);
    mr_text_free(&pieces.text);
    free(space);
    return status;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Many ranks with many threads would mostly wait for a core. */
static unsigned threads(void)
{
    return mr_comm_size(comm) > 2 ? 1 : 3;
}

/* Cuts the rows for all ranks alike, and takes this rank's. */
static void make(maker *m, uint64_t seed, uint64_t rows, mr_writer writer)
{
    size_t count = (size_t)mr_comm_size(comm) * BUCKETS;
    uint64_t *cuts = calloc(count + 1, sizeof *cuts);
    mr_error error = {0};
    for (size_t i = 1; i < count; i++)
        cuts[i] = random_below(&seed, 3) ? random_below(&seed, rows + 1) : cuts[i - 1];
    cuts[count] = rows;
    qsort(cuts, count + 1, sizeof *cuts, compare_numbers);
    *m = (maker){.writer = writer, .waves = seed, .fails_at = -1};
    memcpy(m->cuts, cuts + mr_comm_rank(comm) * BUCKETS, sizeof m->cuts);
    free(cuts);
    m->rows = (mr_rows){&m->writer, m->buckets, BUCKETS, begin, end, format, m};
    CU_ASSERT_EQUAL(mr_rows_measure(&m->rows, threads(), &error), MR_OK);
    for (size_t b = 0; b < BUCKETS; b++)
        CU_ASSERT_EQUAL(m->buckets[b].rows, m->cuts[b + 1] - m->cuts[b]);
}

static bool file_is(const char *path, const mr_text *text)
{
    FILE *file = fopen(path, "rb");
    char *read = malloc(text->size + 1);
    size_t size = file && read ? fread(read, 1, text->size + 1, file) : 0;
    bool same = file && mr_bytes_equal((mr_bytes){read, size}, (mr_bytes){text->data, text->size});
    if (file)
        fclose(file);
    free(read);
    return same;
}

/* The text of rows [from, to) in a file of their own. */
static mr_text expected(const mr_writer *writer, uint64_t from, uint64_t to)
{
    mr_text text = {0};
    char *space = malloc(HUGE);
    mr_writer_open(writer, &text);
    for (uint64_t i = from; i < to; i++)
        add_row(writer, i, i == 0, space, &text);
    mr_writer_close(writer, &text);
    free(space);
    CU_ASSERT_FALSE(text.failed);
    return text;
}

static bool is_part(const char *path, const mr_writer *writer, uint64_t from, uint64_t to)
{
    mr_text text = expected(writer, from, to);
    bool same = file_is(path, &text);
    mr_text_free(&text);
    return same;
}

typedef struct trial {
    mr_job job;
    mr_settings settings;
    mr_target target;
    mr_error error;
} trial;

static void set_up(trial *t, mr_target_kind kind, uint64_t partitions)
{
    *t = (trial){.settings.partitions = partitions, .target.kind = kind};
    snprintf(t->target.path, sizeof t->target.path, "%s/out", folder);
    t->job = (mr_job){.comm = comm,
                      .app.name = "rows",
                      .settings = &t->settings,
                      .error = &t->error,
                      .threads = threads()};
}

/* Writes as a job does, up to the commit. */
static mr_status write_rows(trial *t, maker *m)
{
    mr_commit *commit = NULL;
    bool root = mr_comm_rank(comm) == 0;
    FILE *device = root && t->target.kind == MR_TARGET_DEVICE ? fopen(t->target.path, "w") : NULL;
    if (device)
        fclose(device);
    if (root)
        mr_commit_begin(&commit, &t->target, &t->error);
    mr_status status = mr_rows_write(&m->rows, &t->job, &t->target, commit, false, &t->error);
    if (root && commit && status == MR_OK)
        CU_ASSERT_EQUAL(mr_commit_finish(&commit, "", &t->error), MR_OK);
    mr_commit_abandon(&commit);
    CU_ASSERT_EQUAL(m->wrong, 0);
    CU_ASSERT_EQUAL(m->from, m->to);
    mr_comm_barrier(comm);
    return status;
}

static void check_totals(const trial *t, uint64_t rows, uint64_t bytes)
{
    uint64_t mine[2] = {t->job.report.rows, t->job.report.bytes_written}, before[2], all[2];
    mr_comm_scan(comm, mine, 2, before, all);
    CU_ASSERT_EQUAL(t->job.rows, rows);
    CU_ASSERT_EQUAL(all[0], rows);
    CU_ASSERT_EQUAL(t->job.bytes, all[1]);
    if (mr_comm_rank(comm) == 0)
        CU_ASSERT_EQUAL(t->job.bytes, bytes);
}

/* One file, or a stream to what looks like a device: twice, as two outputs of one job. */
static void check_whole(mr_target_kind kind, mr_writer writer, uint64_t rows, uint64_t seed)
{
    maker m;
    trial t;
    mr_text text = {0};
    make(&m, seed, rows, writer);
    set_up(&t, kind, 0);
    if (mr_comm_rank(comm) == 0)
        text = expected(&writer, 0, rows);
    for (unsigned outputs = 1; outputs <= 2; outputs++) {
        CU_ASSERT_EQUAL(write_rows(&t, &m), MR_OK);
        check_totals(&t, outputs * rows, outputs * text.size);
        if (mr_comm_rank(comm) == 0) {
            CU_ASSERT_TRUE(file_is(t.target.path, &text));
            CU_ASSERT_EQUAL(unlink(t.target.path), 0);
        }
    }
    mr_text_free(&text);
}

/* Most rows are nothing at all. */
static void put_some(mr_text *text, mr_bytes key, const void *accumulator)
{
    (void)accumulator;
    if (key.data[key.size - 1] == '7')
        mr_text_add(text, key.data, key.size);
}

static const mr_layout layout = {"[\n", " ;\n", "\n]\n", NULL}, some = {.row = put_some};

static void test_whole(void)
{
    static const uint64_t rows[] = {ROWS, 40, 1, 0};
    uint64_t seed = 1;
    for (int i = 0; i < 4; i++) {
        check_whole(MR_TARGET_FILE, (mr_writer){.format = MR_FORMAT_CSV}, rows[i], seed++);
        check_whole(MR_TARGET_FILE, (mr_writer){.layout = &layout}, rows[i], seed++);
        check_whole(MR_TARGET_DEVICE, (mr_writer){.format = MR_FORMAT_CSV}, rows[i], seed++);
        check_whole(MR_TARGET_DEVICE, (mr_writer){.layout = &some}, rows[i], seed++);
        /* With little memory a stream has no room for more than small buckets. */
        mr_memory_set_budget((uint64_t)24 << 20);
        check_whole(MR_TARGET_DEVICE, (mr_writer){.layout = &layout}, rows[i], seed++);
        mr_memory_set_budget(0);
    }
}

static void check_parts(uint64_t rows, uint64_t parts, uint64_t seed)
{
    maker m;
    trial t;
    char path[5000];
    mr_writer writer = {.format = MR_FORMAT_CSV};
    make(&m, seed, rows, writer);
    set_up(&t, MR_TARGET_DIRECTORY, parts);
    CU_ASSERT_EQUAL(write_rows(&t, &m), MR_OK);
    for (uint64_t part = 0; part < parts && mr_comm_rank(comm) == 0; part++) {
        snprintf(path, sizeof path, "%s/part-%05d", t.target.path, (int)part);
        CU_ASSERT_TRUE(is_part(path, &writer, rows * part / parts, rows * (part + 1) / parts));
        CU_ASSERT_EQUAL(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/_SUCCESS", t.target.path);
    if (mr_comm_rank(comm) == 0) {
        CU_ASSERT_EQUAL(unlink(path), 0);
        CU_ASSERT_EQUAL(rmdir(t.target.path), 0);
    }
    mr_comm_barrier(comm);
}

static void test_parts(void)
{
    check_parts(ROWS, 1, 1);
    check_parts(ROWS, 7, 2);
    check_parts(ROWS, 60, 3);
    check_parts(20, 30, 4);
    check_parts(0, 3, 5);
}

/* Large rows that cost nothing: nobody looks at what they are. */
static uint64_t large_row(uint64_t number)
{
    uint64_t state = number + 5;
    return 1 + random_below(&state, HUGE);
}

static mr_status format_large(mr_rows *rows, size_t b, bool first, size_t piece, mr_rows_take *take,
                              void *context, mr_error *error)
{
    const maker *m = rows->self;
    (void)first;
    (void)piece;
    (void)error;
    for (uint64_t i = m->cuts[b]; i < m->cuts[b + 1]; i++)
        MR_TRY(take(context, "", large_row(i), 1));
    return MR_OK;
}

/* Parts by size begin with the first row at or behind a multiple of it. */
static void test_cuts_by_bytes(void)
{
    maker m;
    trial t;
    mr_result result;
    make(&m, 9, 0, (mr_writer){0});
    m.rows.format = format_large;
    for (size_t b = 0; b <= BUCKETS; b++)
        m.cuts[b] = 1000 * (uint64_t)((size_t)mr_comm_rank(comm) * BUCKETS + b);
    set_up(&t, MR_TARGET_DIRECTORY, 0);
    CU_ASSERT_EQUAL(mr_rows_measure(&m.rows, threads(), &t.error), MR_OK);
    CU_ASSERT_EQUAL(mr_result_place(&result, &m.rows, &t.job, &t.target, true, &t.error), MR_OK);
    uint64_t part = 0, at = 0, rows = 1000 * (uint64_t)(mr_comm_size(comm) * BUCKETS);
    for (uint64_t i = 0; i < rows; at += large_row(i++))
        for (; part * MR_PART_BYTES <= at; part++)
            CU_ASSERT_EQUAL(result.cuts[part], at);
    CU_ASSERT_EQUAL(result.all_rows, rows);
    CU_ASSERT_EQUAL(result.bytes, at);
    CU_ASSERT_EQUAL(result.parts, at / MR_PART_BYTES + 1);
    CU_ASSERT_EQUAL(result.cuts[result.parts], at);
    CU_ASSERT_EQUAL(m.wrong, 0);
    mr_result_free(&result);
}

/* A row that cannot be made, or not as it was, ends it on all ranks with one error. */
static void check_failure(mr_target_kind kind, uint64_t partitions, bool longer)
{
    maker m;
    trial t;
    make(&m, 11, ROWS, (mr_writer){0});
    set_up(&t, kind, partitions);
    m.longer = longer;
    m.fails_at = longer ? -1 : ROWS / 2;
    CU_ASSERT_EQUAL(write_rows(&t, &m), longer ? MR_FAILED : MR_BAD_INPUT);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(t.error.text, longer ? "result changed while it was written: rows" : "row 3000"));
    if (mr_comm_rank(comm) == 0)
        unlink(t.target.path);
}

static void test_failures(void)
{
    for (int longer = 0; longer < 2; longer++) {
        check_failure(MR_TARGET_FILE, 0, longer);
        check_failure(MR_TARGET_DIRECTORY, 5, longer);
        check_failure(MR_TARGET_DEVICE, 0, longer);
    }
}

/* A folder of rank 0's that all know. */
static void test_begin(void)
{
    char made[sizeof folder] = "/tmp/mapred-rows-XXXXXX";
    void *bytes = made;
    size_t size = sizeof made;
    mr_error error = {0};
    if (mr_comm_rank(comm) == 0 && !mkdtemp(made))
        mr_error_set(&error, MR_FAILED, "no temporary folder");
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_comm_broadcast(comm, &bytes, &size, &error), MR_OK);
    memcpy(folder, bytes, sizeof folder);
    if (bytes != made)
        free(bytes);
}

/* Also what failed has left nothing. */
static void test_end(void)
{
    mr_comm_barrier(comm);
    if (mr_comm_rank(comm) == 0)
        CU_ASSERT_EQUAL(rmdir(folder), 0);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"a folder", test_begin},
        {"files and streams", test_whole},
        {"parts by their number", test_parts},
        {"parts by their size", test_cuts_by_bytes},
        {"rows that fail", test_failures},
        {"nothing is left", test_end},
    };
    return run_on_ranks("rows", tests, sizeof tests / sizeof *tests);
}

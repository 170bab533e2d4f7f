/*
 * apps/table.h: what kmeans, linreg and pca share: all inputs as rows of doubles in memory, looked
 * through once for what nothing can be learned from; sums over tiles; rows of results.
 *
 * Sums over rows go two ways. Within a tile they are plain additions in an order that depends on
 * nothing but the number of the row: an error of less than MR_TILE_ROWS * 2^-53 of the sum of the
 * absolute terms. Sums of tiles are added by MR_SUM_F64, which neither cares about the order nor
 * adds an error that could be seen.
 */
#ifndef APPS_TABLE_H
#define APPS_TABLE_H

#include <mapred.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

typedef struct table {
    mr_job *job;
    mr_array *values;
    uint64_t rows, columns;
    const char *const *names; /* of the columns */
    void *made;               /* memory of those that had to be made up */
    uint64_t made_size;
    double *means; /* of the columns */
} table;

/* ---- Sums ---- */

static inline void sums_add(void *sums, uint64_t number, double value)
{
    MR_SUM_F64->add_f64(MR_SUM_F64, (char *)sums + number * MR_SUM_F64->size, value);
}

static inline double sums_get(const void *sums, uint64_t number)
{
    mr_row row = {.count = 0};
    MR_SUM_F64->show(MR_SUM_F64, (const char *)sums + number * MR_SUM_F64->size, &row);
    return row.cells[0].as.f64;
}

/* ---- Memory: from the budget, an error when there is none ---- */

static inline void *table_room(const table *t, uint64_t size, const char *what)
{
    void *memory = mr_job_allocate(t->job, size);
    if (!memory)
        mr_job_fail(t->job, MR_NO_MEMORY,
                    "out of memory: %s needs %" PRIu64 " bytes: use more nodes or fewer columns",
                    what, size);
    return memory;
}

/* ---- Columns ---- */

#define MADE_NAME 24

/* Columns without names are 0, 1, 2, ... */
static inline void table_make_names(table *t)
{
    t->made_size = t->columns * (sizeof *t->names + MADE_NAME);
    t->made = table_room(t, t->made_size, "names of columns");
    if (!t->made)
        return;
    const char **names = t->made;
    char *text = (char *)(names + t->columns);
    for (uint64_t j = 0; j < t->columns; j++, text += MADE_NAME) {
        snprintf(text, MADE_NAME, "%" PRIu64, j);
        names[j] = text;
    }
    t->names = names;
}

/* Room in a row for all columns and `more` cells? Datasets have room for any. */
static inline mr_status table_fits_rows(const table *t, uint64_t more)
{
    if (t->columns + more <= MR_ROW_CELLS || mr_job_writes_arrays(t->job))
        return MR_OK;
    return mr_job_fail(
        t->job, MR_USAGE,
        "too many columns for rows: %" PRIu64 ": write datasets instead: -o result.h5", t->columns);
}

/* Names of cells: `before`, all columns, `after` (may be NULL), with commas between. Owned by the
 * caller (free); NULL: no memory, recorded. */
static inline char *table_columns(const table *t, const char *before, const char *after)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        fputs(before, file);
        for (uint64_t j = 0; j < t->columns; j++) {
            fputc(',', file);
            for (const char *at = t->names[j]; *at; at++)
                fputc(*at == ',' ? ' ' : *at, file);
        }
        if (after)
            fprintf(file, ",%s", after);
        fclose(file);
    }
    if (!text)
        mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: names of columns: use more nodes");
    return text;
}

/* ---- Loading ---- */

/* Squares of larger ones, summed up, may be no numbers any more. */
#define TABLE_LARGEST 1e140

typedef struct table_check {
    const table *table;
    mr_dense *sums;
    uint64_t bad; /* place of the first value that is no good */
} table_check;

static void table_find_bad(table_check *check, const mr_tile *tile)
{
    uint64_t columns = check->table->columns, count = tile->box.size[0] * columns;
    const double *values = tile->values;
    for (uint64_t i = 0; i < count; i++)
        if (!(fabs(values[i]) <= TABLE_LARGEST)) {
            uint64_t place = tile->box.from[0] * columns + i;
            uint64_t first = __atomic_load_n(&check->bad, __ATOMIC_RELAXED);
            while (place < first &&
                   !__atomic_compare_exchange_n(&check->bad, &first, place, true, __ATOMIC_RELAXED,
                                                __ATOMIC_RELAXED)) {
            }
            return;
        }
}

static mr_status table_check_tile(void *context, const mr_tile *tile)
{
    table_check *check = context;
    uint64_t columns = check->table->columns, rows = tile->box.size[0];
    const double *values = tile->values;
    void *sums = mr_dense_mine(check->sums, tile->thread);
    if (!sums)
        return MR_OK;
    for (uint64_t j = 0; j < columns; j++) {
        double first = rows ? values[j] : 0, sum = 0, size = 0;
        for (uint64_t i = 0; i < rows; i++) {
            sum += values[i * columns + j] - first;
            size += fabs(values[i * columns + j]);
        }
        sums_add(sums, j, first * (double)rows); /* where all values are alike, nothing is lost */
        sums_add(sums, j, sum);
        if (!(size <= TABLE_LARGEST)) {
            table_find_bad(check, tile);
            return MR_OK;
        }
    }
    return MR_OK;
}

static mr_status table_refuse(const table *t, uint64_t place, double value)
{
    return mr_job_fail(t->job, MR_BAD_INPUT,
                       "no number to work with: row %" PRIu64
                       " of the input, the first being 1: column %s is %g: leave that row out",
                       place / t->columns + 1, t->names[place % t->columns], value);
}

/* All ranks look at the first bad value of all. */
static mr_status table_judge(const table *t, uint64_t bad)
{
    int64_t first = (int64_t)bad;
    mr_all_min_i64(t->job, &first, 1);
    MR_TRY(mr_job_agree(t->job));
    if (first == INT64_MAX)
        return MR_OK;
    int64_t row = first / (int64_t)t->columns, column = first % (int64_t)t->columns;
    double value = 0;
    mr_slice slices[] = {{row, row + 1, 1}, {column, column + 1, 1}};
    MR_TRY(mr_array_get(mr_array_slice(t->values, slices), &value));
    return table_refuse(t, (uint64_t)first, value);
}

static mr_status table_look(table *t, mr_dense *sums)
{
    table_check check = {t, sums, INT64_MAX};
    MR_TRY(mr_array_each(t->values, table_check_tile, &check));
    MR_TRY(table_judge(t, check.bad));
    const void *all = mr_dense_all(sums);
    if (!all)
        return mr_job_agree(t->job);
    for (uint64_t j = 0; j < t->columns; j++)
        t->means[j] = sums_get(all, j) / (double)t->rows;
    return MR_OK;
}

static mr_status table_read(table *t)
{
    size_t count = mr_job_input_count(t->job);
    const char **paths = table_room(t, count * sizeof *paths, "the names of inputs");
    for (size_t i = 0; paths && i < count; i++)
        paths[i] = mr_job_input(t->job, i);
    t->values = paths ? mr_array_load(t->job, paths, count, &t->names) : NULL;
    mr_job_release(t->job, paths, count * sizeof *paths);
    MR_TRY(mr_job_agree(t->job));
    mr_dims dims = mr_array_dims(t->values);
    t->rows = dims.size[0];
    t->columns = dims.size[1];
    return MR_OK;
}

/* Collective. Reads the job's inputs; `t` is to be freed also after an error. */
static inline mr_status table_load(mr_job *job, table *t)
{
    mr_dense *sums = NULL;
    *t = (table){.job = job};
    MR_TRY(table_read(t));
    t->means = table_room(t, t->columns * sizeof *t->means, "means of columns");
    if (!t->names)
        table_make_names(t);
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_dense_create(job, MR_SUM_F64, t->columns, &sums));
    mr_status status = table_look(t, sums);
    mr_dense_destroy(&sums);
    return status;
}

static inline void table_free(table *t)
{
    mr_job_release(t->job, t->means, t->columns * sizeof *t->means);
    mr_job_release(t->job, t->made, t->made_size);
    mr_array_free(&t->values);
}

/* ---- Results ---- */

/* What a row shows: called on any rank, with the number of the row. */
typedef void table_show(void *context, uint64_t number, mr_row *row);

typedef struct table_rows {
    table_show *show;
    void *context;
} table_rows;

static void table_show_pair(void *context, mr_pair pair, mr_row *row)
{
    const table_rows *rows = context;
    rows->show(rows->context, mr_key_u64(pair.key), row);
}

/* Rank 0 has the numbers of all rows. */
static mr_status table_write_numbers(mr_job *job, mr_image *numbers, mr_pair *pairs, uint64_t count,
                                     const mr_write_options *options)
{
    mr_set_options shape = {.shape = {.key = MR_KEY_U64, .value = MR_VALUE_NONE}};
    mr_set *set = NULL;
    for (uint64_t i = 0; i < count; i++) {
        numbers[i] = mr_image_of_u64(i);
        pairs[i] = (mr_pair){MR_BYTES(numbers[i]), {NULL, 0}};
    }
    MR_TRY(mr_set_from_memory(job, pairs, count, &shape, &set));
    mr_status status = mr_set_write(set, options);
    mr_set_destroy(&set);
    return status;
}

/* Collective. Writes rows number 0 to count - 1, which every rank can show, to `path` (NULL: the
 * job's own output). `columns`: their names, the first one apart. */
static inline mr_status table_write(const table *t, const char *path, const char *first,
                                    const char *columns, uint64_t count, table_show *show,
                                    void *context)
{
    table_rows rows = {show, context};
    mr_write_options options = {.path = path,
                                .key_name = first,
                                .columns = columns,
                                .show = table_show_pair,
                                .context = &rows};
    uint64_t mine = mr_job_rank(t->job) == 0 ? count : 0;
    mr_image *numbers = table_room(t, (mine + 1) * sizeof *numbers, "the result");
    mr_pair *pairs = table_room(t, (mine + 1) * sizeof *pairs, "the result");
    mr_status status = mr_job_agree(t->job);
    if (status == MR_OK)
        status = table_write_numbers(t->job, numbers, pairs, mine, &options);
    mr_job_release(t->job, numbers, (mine + 1) * sizeof *numbers);
    mr_job_release(t->job, pairs, (mine + 1) * sizeof *pairs);
    return status;
}

/* Collective. The same to the job's own output, with all columns of the table among the rows':
 * those in `before` stand before them, those in `after` (may be NULL) behind them. */
static inline mr_status table_write_wide(const table *t, const char *first, const char *before,
                                         const char *after, uint64_t count, table_show *show,
                                         void *context)
{
    char *columns = table_columns(t, before, after);
    mr_status status = mr_job_agree(t->job);
    if (status == MR_OK)
        status = table_write(t, NULL, first, columns, count, show, context);
    free(columns);
    return status;
}

#endif

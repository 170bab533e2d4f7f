/*
 * apps/stats.c: for each column of tables of numbers how many there are, their mean, deviation,
 * smallest and largest, and about their median. NaN are not counted.
 *
 * Sums are exact and rounded once (mapred/exact.h). The median is that of a sample: the rows whose
 * hashes are the smallest. A hash is made of a row's place in the input and nothing else, so the
 * sample is the same however the work was shared; up to its size it is all rows.
 */
#include <mapred.h>
#include <mapred/dense.h>
#include <mapred/driver.h>
#include <mapred/exact.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* Rows of the sample: this many, or fewer of wide ones, so that it stays below these values. */
#define SAMPLE_ROWS   65536u
#define SAMPLE_VALUES (UINT64_C(1) << 20)
#define SAMPLE_LEAST  64u

/* ---- Columns ---- */

typedef struct column {
    mr_exact sum, squares;
    uint64_t count;
    double least, largest;
} column;

static void column_init(const mr_fold *self, void *accumulator)
{
    column *c = accumulator;
    (void)self;
    *c = (column){.least = INFINITY, .largest = -INFINITY};
}

static void column_merge(const mr_fold *self, void *accumulator, const void *other)
{
    column *c = accumulator;
    const column *more = other;
    (void)self;
    mr_exact_merge(&c->sum, &more->sum);
    mr_exact_merge(&c->squares, &more->squares);
    c->count += more->count;
    c->least = c->least < more->least ? c->least : more->least;
    c->largest = c->largest > more->largest ? c->largest : more->largest;
}

static const mr_fold fold = {
    .name = "column",
    .size = sizeof(column),
    .init = column_init,
    .merge = column_merge,
};

static void add_values(column *c, const double *values, size_t count)
{
    double least = c->least, largest = c->largest;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
    }
    c->least = least;
    c->largest = largest;
    c->count += count;
    mr_exact_add_all(&c->sum, values, count);
    mr_exact_add_products(&c->squares, values, values, count);
}

/* Values of a column lie a row apart: some columns of some rows at a time, so that each piece of a
 * row is read once and stays in the cache. */
enum { TILE_ROWS = 512, TILE_COLUMNS = 8 };

static void add_tile(column *columns, const double *at, size_t stride, size_t rows, size_t wide)
{
    double values[TILE_COLUMNS][TILE_ROWS];
    size_t counts[TILE_COLUMNS] = {0};
    for (size_t row = 0; row < rows; row++, at += stride)
        for (size_t c = 0; c < wide; c++) {
            values[c][counts[c]] = at[c];
            counts[c] += isnan(at[c]) ? 0 : 1;
        }
    for (size_t c = 0; c < wide; c++)
        add_values(&columns[c], values[c], counts[c]);
}

static void add_grid(column *columns, const mr_grid *grid)
{
    const double *values = grid->values;
    for (uint64_t row = 0; row < grid->size[0]; row += TILE_ROWS)
        for (uint64_t c = 0; c < grid->columns; c += TILE_COLUMNS) {
            uint64_t rows = grid->size[0] - row, wide = grid->columns - c;
            add_tile(columns + c, values + row * grid->columns + c, grid->columns,
                     rows < TILE_ROWS ? rows : TILE_ROWS,
                     wide < TILE_COLUMNS ? wide : TILE_COLUMNS);
        }
}

/* ---- The sample ---- */

/* A row of it: its order, and where its values are. */
typedef struct pick {
    uint64_t hash, input, place;
    const double *values;
} pick;

/* One thread's: up to twice as many rows as are wanted. All beyond the smallest are dropped when
 * there is no room, and what is above those is not looked at again. */
typedef struct sample {
    pick *picks; /* each has a row of `values`, also those behind `count` */
    double *values;
    size_t count, capacity;
    uint64_t limit; /* hashes above are of no use */
} sample;

typedef struct table {
    mr_job *job;
    mr_grid rows;
    mr_dense *dense;
    size_t most;     /* rows of the sample */
    sample *samples; /* one a thread */
    column *result;  /* rank 0 */
    double *medians;
} table;

static bool is_before(const pick *a, const pick *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash;
    return a->input != b->input ? a->input < b->input : a->place < b->place;
}

/* Puts the `wanted` smallest first. */
static void select_picks(pick *picks, size_t count, size_t wanted)
{
    size_t low = 0, high = count;
    while (high - low > 1 && wanted > low && wanted < high) {
        pick pivot = picks[low + (high - low - 1) / 2];
        size_t i = low, j = high - 1;
        for (;; i++, j--) {
            while (is_before(&picks[i], &pivot))
                i++;
            while (is_before(&pivot, &picks[j]))
                j--;
            if (i >= j)
                break;
            pick other = picks[i];
            picks[i] = picks[j];
            picks[j] = other;
        }
        if (wanted <= j + 1)
            high = j + 1;
        else
            low = j + 1;
    }
}

static uint64_t largest_hash(const pick *picks, size_t count)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = picks[i].hash > largest ? picks[i].hash : largest;
    return largest;
}

/* Room for twice as many as there are, or for as many as there will ever be: rows move. */
static bool grow(sample *s, size_t most, size_t columns)
{
    size_t capacity = s->capacity ? s->capacity * 2 : 256;
    if (capacity > 2 * most)
        capacity = 2 * most;
    double *values = malloc(capacity * columns * sizeof *values);
    pick *picks = malloc(capacity * sizeof *picks);
    if (!values || !picks) {
        free(values);
        free(picks);
        return false;
    }
    for (size_t i = 0; i < capacity; i++) {
        double *row = values + i * columns;
        if (i < s->count) {
            picks[i] = s->picks[i];
            memcpy(row, s->picks[i].values, columns * sizeof *row);
        }
        picks[i].values = row;
    }
    free(s->values);
    free(s->picks);
    s->values = values;
    s->picks = picks;
    s->capacity = capacity;
    return true;
}

static bool make_room(sample *s, size_t most, size_t columns)
{
    if (s->capacity < 2 * most)
        return grow(s, most, columns);
    select_picks(s->picks, s->count, most);
    s->count = most;
    s->limit = largest_hash(s->picks, most);
    return true;
}

/* Bits well mixed (the finish of MurmurHash3): a permutation of all numbers. */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 33) * UINT64_C(0xff51afd7ed558ccd);
    bits = (bits ^ bits >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return bits ^ bits >> 33;
}

static bool sample_grid(table *t, sample *s, const mr_grid *grid, uint64_t input)
{
    const double *values = grid->values;
    uint64_t seed = mix(input + UINT64_C(0x9e3779b97f4a7c15));
    for (uint64_t row = 0; row < grid->size[0]; row++) {
        uint64_t place = mr_grid_place(grid, row), hash = mix(place ^ seed);
        if (hash > s->limit)
            continue;
        if (s->count == s->capacity && !make_room(s, t->most, grid->columns))
            return false;
        pick *p = &s->picks[s->count++];
        size_t at = (size_t)(p->values - s->values);
        *p = (pick){hash, input, place, p->values};
        memcpy(s->values + at, values + row * grid->columns, grid->columns * sizeof *values);
    }
    return true;
}

/* ---- Reading ---- */

static mr_status map(mr_out *out, mr_block *block)
{
    table *t = mr_out_context(out);
    unsigned thread = (unsigned)omp_get_thread_num();
    column *columns = mr_dense_mine(t->dense, thread);
    if (!columns)
        return mr_out_fail(out, MR_NO_MEMORY, "out of memory: sums of columns");
    add_grid(columns, block->grid);
    if (!sample_grid(t, &t->samples[thread], block->grid, block->file_index))
        return mr_out_fail(out, MR_NO_MEMORY, "out of memory: a sample of the rows");
    return MR_OK;
}

static const mr_input_options input = {.records = MR_INPUT_ROWS, .element = MR_F64};

static mr_status read_all(table *t)
{
    mr_set *none = NULL;
    mr_set_options options = {.spread = MR_SPREAD_LOCAL, .context = t, .name = "columns"};
    mr_status status = mr_set_from_input(t->job, &input, map, &options, &none);
    mr_set_destroy(&none);
    return status;
}

/* ---- The median ---- */

/* The smallest rows of all threads, at the front of one array. *count: how many. */
static pick *gather_picks(const table *t, size_t *count)
{
    size_t all = 0;
    for (unsigned i = 0; i < mr_job_threads(t->job); i++)
        all += t->samples[i].count;
    pick *picks = malloc((all + 1) * sizeof *picks), *to = picks;
    for (unsigned i = 0; picks && i < mr_job_threads(t->job); i++) {
        const sample *s = &t->samples[i];
        if (s->count > 0)
            memcpy(to, s->picks, s->count * sizeof *to);
        to += s->count;
    }
    *count = all;
    if (picks && all > t->most) {
        select_picks(picks, all, t->most);
        *count = t->most;
    }
    return picks;
}

/* No rank needs to send what is above the limit of another one. */
static size_t drop_above_limits(const table *t, pick *picks, size_t count)
{
    int64_t limit = INT64_MAX;
    if (count == t->most)
        limit = (int64_t)(largest_hash(picks, count) ^ UINT64_C(1) << 63);
    mr_all_min_i64(t->job, &limit, 1);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if ((int64_t)(picks[i].hash ^ UINT64_C(1) << 63) <= limit)
            picks[kept++] = picks[i];
    return kept;
}

typedef struct pick_key {
    mr_image hash, input, place;
} pick_key;

static mr_status make_set(const table *t, const pick *picks, size_t count, mr_set **set)
{
    pick_key *keys = malloc((count + 1) * sizeof *keys);
    mr_pair *pairs = malloc((count + 1) * sizeof *pairs);
    size_t row = t->rows.columns * sizeof(double);
    if (!keys || !pairs)
        mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: a sample of the rows");
    for (size_t i = 0; keys && pairs && i < count; i++) {
        keys[i] = (pick_key){mr_image_of_u64(picks[i].hash), mr_image_of_u64(picks[i].input),
                             mr_image_of_u64(picks[i].place)};
        pairs[i] =
            (mr_pair){mr_bytes_at(&keys[i], sizeof keys[i]), {(const char *)picks[i].values, row}};
    }
    mr_set_options options = {.spread = MR_SPREAD_LOCAL, .name = "sample"};
    mr_status status = mr_set_from_memory(t->job, pairs, count, &options, set);
    free(keys);
    free(pairs);
    return status;
}

/* The value that would stand at `wanted` if they were in order: those below it stand before it
 * then.
 */
static double select_value(double *values, size_t count, size_t wanted)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        double pivot = values[low + (high - low - 1) / 2];
        size_t i = low, j = high - 1;
        for (;; i++, j--) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i >= j)
                break;
            double other = values[i];
            values[i] = values[j];
            values[j] = other;
        }
        if (wanted <= j)
            high = j + 1;
        else
            low = j + 1;
    }
    return values[wanted];
}

/* Of an even number the mean of the two in the middle, also where their sum is too large. */
static double median(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    double upper = select_value(values, count, count / 2), lower = -INFINITY;
    if (count % 2 == 1)
        return upper;
    for (size_t i = 0; i < count / 2; i++)
        lower = values[i] > lower ? values[i] : lower;
    double sum = lower + upper;
    bool is_too_large = isinf(sum) && !isinf(lower) && !isinf(upper);
    return is_too_large ? lower / 2 + upper / 2 : sum / 2;
}

static double median_of(const mr_gathered *rows, uint64_t c, double *room)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        memcpy(&room[count], rows->pairs[i].value.data + c * sizeof *room, sizeof *room);
        count += isnan(room[count]) ? 0 : 1;
    }
    return median(room, count);
}

static mr_status find_medians(table *t, const mr_gathered *rows)
{
    bool failed = false;
    t->medians = malloc((t->rows.columns + 1) * sizeof *t->medians);
    if (!t->medians)
        return mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: medians");
#pragma omp parallel reduction(|| : failed)
    {
        double *room = malloc((rows->count + 1) * sizeof *room);
        failed = !room;
#pragma omp for
        for (uint64_t c = 0; c < t->rows.columns; c++)
            if (room)
                t->medians[c] = median_of(rows, c, room);
        free(room);
    }
    return failed ? mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: medians") : MR_OK;
}

/* The sample of all ranks goes to rank 0. */
static mr_status take_sample(table *t)
{
    mr_set *mine = NULL, *best = NULL;
    mr_gathered rows = {.count = 0};
    size_t count = 0;
    pick *picks = gather_picks(t, &count);
    if (!picks)
        mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: a sample of the rows");
    mr_status status = mr_job_agree(t->job);
    if (status == MR_OK) {
        count = drop_above_limits(t, picks, count);
        status = make_set(t, picks, count, &mine);
    }
    free(picks);
    if (status == MR_OK)
        status = mr_set_top(mine, &(mr_sort_options){.by = MR_BY_KEY}, t->most, &best);
    mr_set_destroy(&mine);
    if (status == MR_OK)
        status = mr_set_gather(best, 0, &rows);
    mr_set_destroy(&best);
    if (status == MR_OK && mr_job_rank(t->job) == 0)
        find_medians(t, &rows);
    mr_gathered_free(&rows);
    return status == MR_OK ? mr_job_agree(t->job) : status;
}

/* ---- The result ---- */

static void show(void *context, mr_pair pair, mr_row *row)
{
    const table *t = context;
    uint64_t c = mr_key_u64(pair.key);
    double cells[5];
    uint64_t count;
    row->count = 0;
    if (t->rows.names)
        mr_row_add_bytes(row, mr_bytes_of(t->rows.names[c]));
    else
        mr_row_add_u64(row, c);
    memcpy(&count, pair.value.data, sizeof count);
    memcpy(cells, pair.value.data + sizeof count, sizeof cells);
    mr_row_add_u64(row, count);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        mr_row_add_f64(row, cells[i]);
}

typedef struct line {
    uint64_t count;
    double mean, deviation, least, largest, median;
} line;

static line line_of(const column *c, double median_value)
{
    line l = {c->count,
              mr_exact_mean(&c->sum, c->count),
              mr_exact_deviation(&c->sum, &c->squares, c->count, 1),
              c->count ? c->least : NAN,
              c->count ? c->largest : NAN,
              median_value};
    return l;
}

static mr_status write_lines(table *t, const column *columns)
{
    uint64_t count = columns ? t->rows.columns : 0;
    line *lines = malloc((count + 1) * sizeof *lines);
    mr_image *keys = malloc((count + 1) * sizeof *keys);
    mr_pair *pairs = malloc((count + 1) * sizeof *pairs);
    if (!lines || !keys || !pairs)
        mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: the result");
    for (uint64_t c = 0; lines && keys && pairs && c < count; c++) {
        lines[c] = line_of(&columns[c], t->medians[c]);
        keys[c] = mr_image_of_u64(c);
        pairs[c] = (mr_pair){MR_BYTES(keys[c]), mr_bytes_at(&lines[c], sizeof *lines)};
    }
    mr_set_options options = {.shape = {.key = MR_KEY_U64}, .name = "result"};
    mr_write_options how = {
        .key_name = "name", .columns = "count,mean,std,min,max,p50", .show = show, .context = t};
    mr_set *result = NULL;
    mr_status status = mr_set_from_memory(t->job, pairs, count, &options, &result);
    if (status == MR_OK)
        status = mr_set_write(result, &how);
    mr_set_destroy(&result);
    free(lines);
    free(keys);
    free(pairs);
    return status;
}

static mr_status make_room_for(table *t)
{
    uint64_t most = t->rows.columns ? SAMPLE_VALUES / t->rows.columns : 0;
    t->most = most > SAMPLE_ROWS ? SAMPLE_ROWS : most < SAMPLE_LEAST ? SAMPLE_LEAST : (size_t)most;
    t->samples = calloc(mr_job_threads(t->job), sizeof *t->samples);
    for (unsigned i = 0; t->samples && i < mr_job_threads(t->job); i++)
        t->samples[i].limit = UINT64_MAX;
    if (!t->samples)
        mr_job_fail(t->job, MR_NO_MEMORY, "out of memory: a sample of the rows");
    return mr_dense_create(t->job, &fold, t->rows.columns, &t->dense);
}

static mr_status work(table *t)
{
    const void *columns = NULL;
    MR_TRY(mr_input_rows(t->job, &input, &t->rows));
    if (t->rows.columns > 0) {
        MR_TRY(make_room_for(t));
        MR_TRY(read_all(t));
        MR_TRY(take_sample(t));
        MR_TRY(mr_dense_on(t->dense, 0, &columns));
    }
    return write_lines(t, columns);
}

static mr_status run(mr_job *job)
{
    table t = {.job = job};
    mr_status status = work(&t);
    for (unsigned i = 0; t.samples && i < mr_job_threads(job); i++) {
        free(t.samples[i].picks);
        free(t.samples[i].values);
    }
    free(t.samples);
    free(t.medians);
    mr_dense_destroy(&t.dense);
    return status;
}

static mr_status setup(mr_job *job, void *state)
{
    (void)state;
    if (mr_job_input_count(job) > 0)
        return MR_OK;
    return mr_job_fail(job, MR_USAGE, "no input: stats: name datasets, .npy or CSV files");
}

MR_APP = {
    MR_APP_ABI,
    .name = "stats",
    .summary = "count, mean, deviation, extremes and median of columns of numbers",
    .usage = "TABLE...",
    .input = MR_INPUT_ROWS,
    .element = MR_F64,
    .setup = setup,
    .run = run,
};

/* engine/columns.c: agreeing on columns, and writing those that are not compressed. */
#include "engine/columns.h"

#include "base/memory.h"
#include "comm/vector.h"
#include "engine/waves.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of records at once. */
#define PIECE ((size_t)1 << 20)
/* Bytes of records whose columns are a chunk each. */
#define CHUNK      ((uint64_t)4 << 20)
#define CHUNK_ROWS ((uint64_t)1 << 16)

static mr_status cannot(mr_job *job, const mr_schema *schema, bool plain)
{
    if (plain)
        return mr_error_set(job->error, MR_USAGE,
                            "wrong options: %s: it writes lines of text: leave out --format, and "
                            "give --output a name that ends in .txt",
                            job->app.name);
    if (!schema)
        return mr_error_set(job->error, MR_NO_MEMORY, "out of memory: columns of the result");
    return MR_OK;
}

/* What any rank has noted. */
static void join(mr_comm *comm, mr_noted *noted)
{
    mr_vector_reduce(comm, noted->types, MR_ROW_CELLS, MR_NUMBER_U64, MR_COMBINE_OR, 0);
    mr_vector_reduce(comm, noted->widths, MR_ROW_CELLS, MR_NUMBER_U64, MR_COMBINE_MAX, 0);
    uint64_t both[2] = {noted->cells, noted->missing};
    mr_vector_reduce(comm, both, 2, MR_NUMBER_U64, MR_COMBINE_MAX, 0);
    noted->cells = both[0];
    noted->missing = both[1];
}

mr_status mr_columns_decide(mr_rows *rows, mr_job *job, bool plain)
{
    mr_schema *schema = rows->writer->schema;
    uint64_t here = 0, before, all;
    cannot(job, schema, plain);
    MR_TRY(mr_comm_agree(job->comm, job->error));
    for (size_t b = 0; b < rows->count; b++)
        here += rows->buckets[b].rows;
    mr_comm_scan(job->comm, &here, 1, &before, &all);
    if (!schema->sealed) {
        join(job->comm, &schema->noted);
        mr_schema_seal(schema, rows->writer, all, job->error);
    }
    for (size_t b = 0; b < rows->count; b++)
        rows->buckets[b].bytes = rows->buckets[b].rows * schema->size;
    return mr_comm_agree(job->comm, job->error);
}

void mr_columns_pick(const mr_schema *schema, unsigned field, const char *records, uint64_t count,
                     char *to)
{
    size_t size = schema->fields[field].size;
    records += schema->fields[field].at;
    if (size == 8)
        for (uint64_t i = 0; i < count; i++)
            memcpy(to + i * 8, records + i * schema->size, 8);
    else
        for (uint64_t i = 0; i < count; i++)
            memcpy(to + i * size, records + i * schema->size, size);
}

uint64_t mr_columns_chunk(const mr_schema *schema)
{
    uint64_t rows = CHUNK / schema->size;
    return rows < 1 ? 1 : rows > CHUNK_ROWS ? CHUNK_ROWS : rows;
}

/* A bucket being written column by column. */
typedef struct writing {
    const mr_schema *schema;
    mr_saving *saving;
    uint64_t row; /* of its next piece */
    char *column;
    size_t capacity;
    mr_error *error;
} writing;

static mr_status write_piece(void *context, const char *records, size_t size, uint64_t rows)
{
    writing *w = context;
    if (size > w->capacity) {
        char *more = mr_memory_resize(w->column, w->capacity, size, "a column", w->error);
        if (!more)
            return MR_NO_MEMORY;
        w->column = more;
        w->capacity = size;
    }
    mr_box box = {.axes = 1, .from = {w->row}, .size = {rows}};
    for (unsigned i = 0; i < w->schema->count; i++) {
        mr_columns_pick(w->schema, i, records, rows, w->column);
        MR_TRY(mr_saving_box(w->saving, i, &box, w->column, w->error));
    }
    w->row += rows;
    return MR_OK;
}

typedef struct whole {
    mr_result *result;
    mr_saving *saving;
} whole;

static mr_status write_bucket(void *context, size_t b, mr_error *error)
{
    const whole *all = context;
    const mr_rows *rows = all->result->rows;
    writing w = {.schema = rows->writer->schema,
                 .saving = all->saving,
                 .row = rows->buckets[b].first_row,
                 .error = error};
    mr_status status = mr_result_format(all->result, b, PIECE, write_piece, &w, error);
    mr_memory_free(w.column, w.capacity);
    return status;
}

static mr_status write_plain(mr_result *result, mr_saving *saving)
{
    mr_job *job = result->job;
    whole all = {result, saving};
    mr_waves_buckets(result->rows, job->threads, 0, result->rows->count, write_bucket, &all,
                     job->error);
    return mr_comm_agree(job->comm, job->error);
}

static mr_h5_plan plan_of(const mr_result *result, const mr_field *field)
{
    const mr_schema *schema = result->rows->writer->schema;
    mr_h5_plan plan = {.name = field->name,
                       .kind = MR_H5_NUMBERS,
                       .element = field->type == MR_TYPE_I64 ? MR_I64 : MR_F64,
                       .dims = MR_DIMS1(schema->rows),
                       .compress = (unsigned)result->job->settings->compress};
    if (field->type == MR_TYPE_U64)
        plan.kind = MR_H5_U64;
    if (field->type == MR_TYPE_BYTES) {
        plan.kind = field->utf8 ? MR_H5_STRINGS : MR_H5_BYTES;
        plan.string_size = field->size;
    }
    if (plan.compress)
        plan.chunk = MR_DIMS1(mr_columns_chunk(schema));
    return plan;
}

/* Readers list datasets by name: this is their order. */
static void note_columns(mr_saving *saving, const mr_schema *schema)
{
    mr_text text = {0};
    for (unsigned i = 0; i < schema->count; i++)
        mr_text_printf(&text, "%s%s", i > 0 ? "\n" : "", schema->fields[i].name);
    mr_text_add(&text, "", 1);
    if (!text.failed)
        mr_saving_note_text(saving, "columns", text.data);
    mr_text_free(&text);
}

mr_status mr_columns_write(mr_result *result, const mr_commit *commit)
{
    mr_job *job = result->job;
    const mr_schema *schema = result->rows->writer->schema;
    mr_saving *saving = NULL;
    mr_h5_plan *plans = calloc(schema->count + 1, sizeof *plans);
    if (!plans)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: columns of the result");
    for (unsigned i = 0; plans && i < schema->count; i++)
        plans[i] = plan_of(result, &schema->fields[i]);
    mr_status status = mr_comm_agree(job->comm, job->error);
    if (status == MR_OK)
        status = mr_saving_begin(&saving, job, result->target, commit, plans, schema->count);
    if (status == MR_OK) {
        mr_saving_note(saving, "rows", (int64_t)schema->rows);
        note_columns(saving, schema);
        status =
            job->settings->compress ? mr_columns_pack(result, saving) : write_plain(result, saving);
        status = mr_saving_end(&saving, status);
    }
    free(plans);
    return status;
}

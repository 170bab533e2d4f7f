/* input/csv.c: lines of CSV made into rows of numbers. */
#include "input/csv.h"

#include "base/memory.h"
#include "base/parse.h"
#include "input/cells.h"

#include <math.h>
#include <stdio.h>

enum { FIRST_ROWS = 1024 };

/* With what may be read behind the last one. */
static size_t bytes_of(const mr_csv_rows *rows, size_t count)
{
    return count ? count * rows->columns * sizeof *rows->values + MR_BLOCK_PADDING : 0;
}

void mr_csv_rows_free(mr_csv_rows *rows)
{
    mr_memory_free(rows->values, bytes_of(rows, rows->capacity));
    mr_memory_free(rows->places, rows->capacity * sizeof *rows->places);
    *rows = (mr_csv_rows){.refuse = rows->refuse, .context = rows->context};
}

void mr_csv_rows_drop(mr_csv_rows *rows, size_t row)
{
    size_t left = rows->count - row - 1;
    double *at = rows->values + row * rows->columns;
    memmove(at, at + rows->columns, left * rows->columns * sizeof *at);
    memmove(rows->places + row, rows->places + row + 1, left * sizeof *rows->places);
    rows->count--;
}

/* Files of one job have the same number of columns, but a first one may be empty. */
static mr_status grow(mr_csv_rows *rows, uint32_t columns, mr_error *error)
{
    static const char what[] = "rows of numbers";
    if (rows->columns != columns)
        mr_csv_rows_free(rows);
    rows->columns = columns;
    size_t old = rows->capacity, more = old ? old * 2 : FIRST_ROWS;
    size_t before = bytes_of(rows, old), after = bytes_of(rows, more);
    double *values = mr_memory_resize(rows->values, before, after, what, error);
    if (!values)
        return MR_NO_MEMORY;
    rows->values = values;
    uint64_t *places = mr_memory_resize(rows->places, old * 8, more * 8, what, error);
    if (!places) { /* so that both have one size */
        rows->values = mr_memory_resize(values, after, before, what, error);
        return MR_NO_MEMORY;
    }
    rows->places = places;
    rows->capacity = more;
    return MR_OK;
}

static const char *column_name(const mr_csv *csv, uint32_t column, char *room, size_t size)
{
    if (csv->names)
        return csv->names[column];
    snprintf(room, size, "%u", csv->column[column]);
    return room;
}

static mr_status bad_cell(const mr_csv *csv, const char *path, uint32_t column, mr_bytes cell,
                          uint64_t place, mr_error *error)
{
    char room[16];
    int shown = cell.size < 40 ? (int)cell.size : 40;
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read cell: %s at byte %llu: column %s: \"%.*s\" is no number: "
                        "correct it, or leave the cell empty",
                        path, (unsigned long long)place,
                        column_name(csv, column, room, sizeof room), shown, cell.data);
}

/* Where lines are: for errors. */
typedef struct place_of {
    const char *path, *text;
    uint64_t offset;
} place_of;

static uint64_t place(const place_of *of, const char *at)
{
    return of->offset + (uint64_t)(at - of->text);
}

/* A cell that is not just a number: missing, quoted, or wrong. */
static mr_status read_other(const mr_csv *csv, const place_of *of, uint32_t column, const char *at,
                            const char *end, const char **stop, double *value, mr_error *error)
{
    mr_bytes cell;
    if (!mr_cell_take(at, end, csv->separator, &cell, stop))
        return mr_cell_open_quote(of->path, place(of, at), error);
    if (mr_cell_is_number(cell, value))
        return MR_OK;
    *value = NAN;
    return mr_cell_is_missing(cell) ? MR_OK
                                    : bad_cell(csv, of->path, column, cell, place(of, at), error);
}

/* Goes over the cells up to number `to`, which are not wanted; *at is NULL when the line ends. */
static mr_status skip_cells(const mr_csv *csv, const place_of *of, uint32_t from, uint32_t to,
                            const char **at, const char *end, mr_error *error)
{
    for (; *at && from < to; from++) {
        mr_bytes cell;
        const char *stop;
        if (!mr_cell_take(*at, end, csv->separator, &cell, &stop))
            return mr_cell_open_quote(of->path, place(of, *at), error);
        *at = stop < end ? stop + 1 : NULL;
    }
    return MR_OK;
}

static mr_status too_many(const mr_csv *csv, const place_of *of, const char *at, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read line: %s at byte %llu: it has more cells than the %u of the "
                        "first line: correct it",
                        of->path, (unsigned long long)place(of, at), csv->cells);
}

static mr_status read_line(const mr_csv *csv, const place_of *of, mr_bytes line, double *row,
                           mr_error *error)
{
    const char *at = line.data, *end = line.data + line.size;
    uint32_t cell = 0;
    for (uint32_t i = 0; i < csv->columns; i++) {
        if (cell < csv->column[i])
            MR_TRY(skip_cells(csv, of, cell, csv->column[i], &at, end, error));
        cell = csv->column[i] + 1;
        if (!at) {
            row[i] = NAN;
            continue;
        }
        const char *stop = mr_parse_f64(at, end, &row[i]);
        if (!stop || (stop < end && *stop != csv->separator))
            MR_TRY(read_other(csv, of, i, at, end, &stop, &row[i], error));
        at = stop < end ? stop + 1 : NULL;
    }
    MR_TRY(skip_cells(csv, of, cell, csv->cells, &at, end, error));
    return at ? too_many(csv, of, line.data, error) : MR_OK;
}

/* What an error says between the place and the advice. */
static void reason_of(const mr_error *why, char *reason, size_t size)
{
    const char *place = strstr(why->text, " at byte "), *from = place ? strstr(place, ": ") : NULL;
    from = from ? from + 2 : why->text;
    const char *to = from + strlen(from);
    for (const char *at = from; (at = strstr(at, ": ")); at++)
        to = at;
    snprintf(reason, size, "%.*s", (int)(to - from), from);
}

/* A line that is no row: left out, or the end. */
static mr_status refuse_line(mr_csv_rows *rows, const place_of *of, mr_bytes line, mr_error *error)
{
    char reason[MR_ERROR_TEXT];
    if (!rows->refuse || error->code != MR_BAD_INPUT)
        return error->code;
    reason_of(error, reason, sizeof reason);
    error->code = MR_OK;
    return rows->refuse(rows->context, of->path, place(of, line.data), reason);
}

mr_status mr_csv_read(const mr_csv *csv, const char *path, mr_bytes text, uint64_t offset,
                      mr_csv_rows *rows, mr_error *error)
{
    uint64_t skipped = csv->body > offset ? csv->body - offset : 0;
    skipped = skipped < text.size ? skipped : text.size;
    mr_bytes rest = {text.data + skipped, text.size - skipped}, line;
    const place_of of = {path, text.data, offset};
    rows->count = 0;
    while (mr_cells_next_line(&rest, &line)) {
        if (line.size == 0 ||
            (mr_byte_is_space(line.data[0]) && mr_cells_is_blank(line, csv->separator)))
            continue;
        if (rows->count == rows->capacity || rows->columns != csv->columns)
            MR_TRY(grow(rows, csv->columns, error));
        rows->places[rows->count] = place(&of, line.data);
        double *row = rows->values + rows->count * csv->columns;
        if (read_line(csv, &of, line, row, error) == MR_OK)
            rows->count++;
        else
            MR_TRY(refuse_line(rows, &of, line, error));
    }
    return MR_OK;
}

/* input/csv.c: lines into cells, and cells into numbers. */
#include "input/csv.h"

#include "base/memory.h"
#include "base/parse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ROWS = 1024 };

/* ---- Cells ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/*
 * The cell at `at`: *stop is the separator behind it, or the end of the line; false when a quote is
 * not closed. What is in the cell is without quotes and the blanks around it; two quotes in a
 * quoted cell stay as they are.
 */
static bool take_cell(const char *at, const char *end, char separator, mr_bytes *cell,
                      const char **stop)
{
    const char *from = at;
    while (from < end && is_blank(*from) && *from != separator)
        from++;
    if (from == end || *from != '"') {
        *stop = mr_bytes_seek(from, end, separator);
        *cell = mr_bytes_trim(mr_bytes_between(from, *stop));
        return true;
    }
    const char *close = from;
    do {
        close = mr_bytes_seek(close + 1, end, '"');
        if (close == end)
            return false;
        if (close + 1 < end && close[1] == '"')
            close++;
        else
            break;
    } while (true);
    *stop = mr_bytes_seek(close, end, separator);
    bool more = mr_bytes_trim(mr_bytes_between(close + 1, *stop)).size > 0;
    *cell = more ? mr_bytes_between(from, *stop) : mr_bytes_trim(mr_bytes_between(from + 1, close));
    return true;
}

static bool is_missing(mr_bytes cell)
{
    static const char *const words[] = {"", "NA", "N/A", "null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (mr_bytes_equal(cell, mr_bytes_of(words[i])))
            return true;
    return false;
}

/* nan and inf, with a sign or without, in any case. */
static bool is_word(mr_bytes cell)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    if (cell.size > 0 && (cell.data[0] == '-' || cell.data[0] == '+')) {
        cell.data++;
        cell.size--;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cell.size == strlen(words[i]) && strncasecmp(cell.data, words[i], cell.size) == 0)
            return true;
    return false;
}

static bool is_number(mr_bytes cell, double *value)
{
    const char *end = cell.data + cell.size;
    return mr_parse_f64(cell.data, end, value) == end ||
           (is_word(cell) && mr_bytes_to_f64(cell, value));
}

/* ---- What a file is ---- */

/* A line of the text, without what ends it; false when there is none left. */
static bool next_line(mr_bytes *rest, mr_bytes *line)
{
    if (rest->size == 0)
        return false;
    const char *end = rest->data + rest->size, *stop = mr_bytes_seek(rest->data, end, '\n');
    *line = mr_bytes_chomp(mr_bytes_between(rest->data, stop));
    *rest = mr_bytes_between(stop < end ? stop + 1 : end, end);
    return true;
}

/* Tabs between cells are cells, all missing. */
static bool is_blank_line(mr_bytes line, char separator)
{
    if (separator == '\t' && memchr(line.data, '\t', line.size))
        return false;
    return mr_bytes_trim(line).size == 0;
}

static bool next_full_line(mr_bytes *rest, mr_bytes *line, char separator)
{
    while (next_line(rest, line))
        if (!is_blank_line(*line, separator))
            return true;
    return false;
}

bool mr_csv_is_enough(mr_bytes sample)
{
    mr_bytes line;
    const char *last = sample.size ? memrchr(sample.data, '\n', sample.size) : NULL;
    mr_bytes rest = {sample.data, last ? (size_t)(last - sample.data) + 1 : 0};
    return sample.size >= MR_CSV_SAMPLE && next_full_line(&rest, &line, 0) &&
           next_full_line(&rest, &line, 0);
}

/* The separator that the line has most of, outside of quotes. */
static char find_separator(mr_bytes line)
{
    static const char separators[] = ",;\t";
    size_t counts[sizeof separators] = {0};
    bool quoted = false;
    for (size_t i = 0; i < line.size; i++) {
        const char *hit = line.data[i] ? strchr(separators, line.data[i]) : NULL;
        quoted ^= line.data[i] == '"';
        if (hit && !quoted)
            counts[hit - separators]++;
    }
    size_t best = 0;
    for (size_t i = 1; separators[i]; i++)
        if (counts[i] > counts[best])
            best = i;
    return separators[best];
}

static mr_status open_quote(const char *path, uint64_t place, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read line: %s at byte %llu: a quote is not closed in it: a cell "
                        "may not hold a newline",
                        path, (unsigned long long)place);
}

static mr_status no_memory(const char *path, mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY, "out of memory: looking at %s", path);
}

/* What a column's cells were, as flags. */
enum { SAW_NUMBER = 1, SAW_OTHER = 2 };

/* Adds up what the cells of a line are. False: a quote is not closed. */
static bool look_at(mr_bytes line, char separator, unsigned char *seen, uint32_t cells)
{
    const char *at = line.data, *end = line.data + line.size, *stop;
    for (uint32_t i = 0; i < cells && at <= end; i++, at = stop + 1) {
        mr_bytes cell;
        double value;
        if (!take_cell(at, end, separator, &cell, &stop))
            return false;
        if (is_number(cell, &value))
            seen[i] |= SAW_NUMBER;
        else if (!is_missing(cell))
            seen[i] |= SAW_OTHER;
    }
    return true;
}

static uint32_t count_cells(mr_bytes line, char separator)
{
    const char *at = line.data, *end = line.data + line.size, *stop;
    uint32_t cells = 0;
    mr_bytes cell;
    for (; at <= end && take_cell(at, end, separator, &cell, &stop); at = stop + 1)
        cells++;
    return cells ? cells : 1;
}

static char *number_name(uint32_t number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return strdup(text);
}

/* The name of a cell, which may be quoted, or empty: then its number is its name. */
static char *name_of(const mr_csv *csv, mr_bytes header, uint32_t wanted)
{
    const char *at = header.data, *end = header.data + header.size, *stop = at;
    mr_bytes cell = {NULL, 0};
    for (uint32_t i = 0; i <= wanted && at <= end; i++, at = stop + 1)
        if (!take_cell(at, end, csv->separator, &cell, &stop))
            return NULL;
    if (!csv->has_header || cell.size == 0)
        return number_name(wanted);
    char *name = malloc(cell.size + 1), *to = name;
    for (size_t i = 0; name && i < cell.size; i++) {
        *to++ = cell.data[i];
        i += cell.data[i] == '"' && i + 1 < cell.size && cell.data[i + 1] == '"';
    }
    if (name)
        *to = '\0';
    return name;
}

static mr_status name_columns(mr_csv *csv, const char *path, mr_bytes header, mr_error *error)
{
    if (!csv->has_header && csv->columns == csv->cells)
        return MR_OK;
    csv->names = calloc(csv->columns + 1, sizeof *csv->names);
    for (uint32_t i = 0; csv->names && i < csv->columns; i++)
        if (!(csv->names[i] = name_of(csv, header, csv->column[i])))
            return no_memory(path, error);
    return csv->names ? MR_OK : no_memory(path, error);
}

/* A first line without a number, above lines of which some column is one of numbers. */
static bool is_header(const unsigned char *first, const unsigned char *rest, uint32_t cells,
                      bool alone)
{
    bool has_text = false, has_numbers = false, below = alone;
    for (uint32_t i = 0; i < cells; i++) {
        has_text = has_text || first[i] == SAW_OTHER;
        has_numbers = has_numbers || (first[i] & SAW_NUMBER);
        below = below || rest[i] == SAW_NUMBER;
    }
    return has_text && !has_numbers && below;
}

/* Which columns hold numbers, and whether there is a header. */
static mr_status tell_columns(mr_csv *csv, const char *path, mr_bytes first, mr_bytes rest,
                              unsigned char *seen, mr_error *error)
{
    unsigned char *below = seen + csv->cells;
    uint64_t size = (uint64_t)(rest.data - first.data);
    mr_bytes line;
    bool alone = true;
    if (!look_at(first, csv->separator, seen, csv->cells))
        return open_quote(path, 0, error);
    for (; next_full_line(&rest, &line, csv->separator); alone = false)
        if (!look_at(line, csv->separator, below, csv->cells))
            return open_quote(path, csv->body + (uint64_t)(line.data - first.data), error);
    csv->has_header = is_header(seen, below, csv->cells, alone);
    for (uint32_t i = 0; i < csv->cells; i++)
        if (!((csv->has_header ? 0 : seen[i] & SAW_OTHER) || below[i] & SAW_OTHER))
            csv->column[csv->columns++] = i;
    if (csv->columns == 0)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read numbers: %s: no column of it holds numbers only: is it "
                            "CSV with cells between commas, semicolons or tabs?",
                            path);
    if (csv->has_header)
        csv->body += size;
    return name_columns(csv, path, first, error);
}

static mr_status tell(mr_csv *csv, const char *path, mr_bytes sample, mr_error *error)
{
    mr_bytes rest = sample, first;
    next_full_line(&rest, &first, 0);
    csv->body += (uint64_t)(first.data - sample.data);
    csv->separator = find_separator(first);
    csv->cells = count_cells(first, csv->separator);
    csv->column = malloc(csv->cells * sizeof *csv->column);
    unsigned char *seen = calloc(2, csv->cells);
    mr_status status = MR_OK;
    if (!csv->column || !seen)
        status = no_memory(path, error);
    else
        status = tell_columns(csv, path, first, rest, seen, error);
    free(seen);
    return status;
}

mr_status mr_csv_tell(mr_csv **result, const char *path, mr_bytes sample, bool whole,
                      mr_error *error)
{
    static const char mark[] = "\xef\xbb\xbf"; /* that some programs put before UTF-8 */
    uint64_t skipped = sample.size >= 3 && memcmp(sample.data, mark, 3) == 0 ? 3 : 0;
    sample.data += skipped;
    sample.size -= skipped;
    *result = NULL;
    const char *last = whole || sample.size == 0 ? NULL : memrchr(sample.data, '\n', sample.size);
    if (last)
        sample.size = (size_t)(last - sample.data) + 1;
    mr_bytes rest = sample, line;
    if (!next_full_line(&rest, &line, 0))
        return MR_OK;
    mr_csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return no_memory(path, error);
    csv->body = skipped;
    mr_status status = tell(csv, path, sample, error);
    if (status == MR_OK)
        *result = csv;
    else
        mr_csv_free(&csv);
    return status;
}

void mr_csv_free(mr_csv **csv)
{
    mr_csv *gone = *csv;
    if (!gone)
        return;
    for (uint32_t i = 0; gone->names && i < gone->columns; i++)
        free(gone->names[i]);
    free(gone->names);
    free(gone->column);
    free(gone);
    *csv = NULL;
}

/* ---- Rows ---- */

/* With what may be read behind the last one. */
static size_t bytes_of(const mr_csv_rows *rows, size_t count)
{
    return count ? count * rows->columns * sizeof *rows->values + MR_BLOCK_PADDING : 0;
}

void mr_csv_rows_free(mr_csv_rows *rows)
{
    mr_memory_free(rows->values, bytes_of(rows, rows->capacity));
    mr_memory_free(rows->places, rows->capacity * sizeof *rows->places);
    *rows = (mr_csv_rows){.count = 0};
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
    if (!take_cell(at, end, csv->separator, &cell, stop))
        return open_quote(of->path, place(of, at), error);
    if (is_number(cell, value))
        return MR_OK;
    *value = NAN;
    return is_missing(cell) ? MR_OK : bad_cell(csv, of->path, column, cell, place(of, at), error);
}

/* Goes over the cells up to number `to`, which are not wanted; *at is NULL when the line ends. */
static mr_status skip_cells(const mr_csv *csv, const place_of *of, uint32_t from, uint32_t to,
                            const char **at, const char *end, mr_error *error)
{
    for (; *at && from < to; from++) {
        mr_bytes cell;
        const char *stop;
        if (!take_cell(*at, end, csv->separator, &cell, &stop))
            return open_quote(of->path, place(of, *at), error);
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

mr_status mr_csv_read(const mr_csv *csv, const char *path, mr_bytes text, uint64_t offset,
                      mr_csv_rows *rows, mr_error *error)
{
    uint64_t skipped = csv->body > offset ? csv->body - offset : 0;
    skipped = skipped < text.size ? skipped : text.size;
    mr_bytes rest = {text.data + skipped, text.size - skipped}, line;
    const place_of of = {path, text.data, offset};
    rows->count = 0;
    while (next_line(&rest, &line)) {
        if (line.size == 0 ||
            (mr_byte_is_space(line.data[0]) && is_blank_line(line, csv->separator)))
            continue;
        if (rows->count == rows->capacity || rows->columns != csv->columns)
            MR_TRY(grow(rows, csv->columns, error));
        rows->places[rows->count] = place(&of, line.data);
        MR_TRY(read_line(csv, &of, line, rows->values + rows->count * csv->columns, error));
        rows->count++;
    }
    return MR_OK;
}

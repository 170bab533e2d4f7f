/* input/csv_tell.c: what a CSV file is, told by its first lines. */
#include "input/cells.h"
#include "input/csv.h"

#include <stdio.h>
#include <stdlib.h>

static bool next_full_line(mr_bytes *rest, mr_bytes *line, char separator)
{
    while (mr_cells_next_line(rest, line))
        if (!mr_cells_is_blank(*line, separator))
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
        if (!mr_cell_take(at, end, separator, &cell, &stop))
            return false;
        if (mr_cell_is_number(cell, &value))
            seen[i] |= SAW_NUMBER;
        else if (!mr_cell_is_missing(cell))
            seen[i] |= SAW_OTHER;
    }
    return true;
}

static uint32_t count_cells(mr_bytes line, char separator)
{
    const char *at = line.data, *end = line.data + line.size, *stop;
    uint32_t cells = 0;
    mr_bytes cell;
    for (; at <= end && mr_cell_take(at, end, separator, &cell, &stop); at = stop + 1)
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
        if (!mr_cell_take(at, end, csv->separator, &cell, &stop))
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
        return mr_cell_open_quote(path, 0, error);
    for (; next_full_line(&rest, &line, csv->separator); alone = false)
        if (!look_at(line, csv->separator, below, csv->cells))
            return mr_cell_open_quote(path, csv->body + (uint64_t)(line.data - first.data), error);
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

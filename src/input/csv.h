/*
 * input/csv.h: tables of numbers as text: what a file's first lines tell about it (separator,
 * header, which columns hold numbers), and lines made into rows of doubles. Touches nothing but
 * bytes.
 *
 * Files are cut at newlines, so a cell may not hold one, quoted or not. A column is one of numbers
 * when all of its cells in the sample are numbers or missing (empty, NA, null, nan); the others are
 * left out.
 */
#ifndef MR_INPUT_CSV_H
#define MR_INPUT_CSV_H

#include "base/error.h"

#include <mapred/block.h>

/* How much of a file is looked at to find out what it is. */
#define MR_CSV_SAMPLE ((size_t)1 << 20)

typedef struct mr_csv {
    char separator; /* one of , ; and tab */
    bool has_header;
    uint64_t body;    /* where lines with numbers begin */
    uint32_t cells;   /* of a line */
    uint32_t columns; /* of them hold numbers */
    uint32_t *column; /* which: cell numbers, upwards */
    char **names;     /* of these; NULL: there is no header, and all columns are numbers */
} mr_csv;

/*
 * Tells what a file is by its first bytes; `whole`: they are all there are. *csv is NULL for a file
 * without any line. Owned by the caller. MR_BAD_INPUT: no column holds numbers, or a line can't be
 * taken apart.
 */
mr_status mr_csv_tell(mr_csv **csv, const char *path, mr_bytes sample, bool whole, mr_error *error);
void mr_csv_free(mr_csv **csv);

/* Whether a sample has enough lines to tell. */
bool mr_csv_is_enough(mr_bytes sample);

/* What becomes of a line that is no row, and why it is none: MR_OK leaves it out, anything else is
 * the end, with an error of its own. */
typedef mr_status mr_row_refuse(void *context, const char *path, uint64_t place,
                                const char *reason);

/* Rows of csv->columns doubles, and where in the file each begins. Grows as needed, within the
 * budget; all zeros is empty. MR_BLOCK_PADDING bytes behind the last one may be read. */
typedef struct mr_csv_rows {
    double *values;
    uint64_t *places;
    size_t count, capacity;
    uint32_t columns;
    mr_row_refuse *refuse; /* NULL: such a line is MR_BAD_INPUT */
    void *context;
} mr_csv_rows;
void mr_csv_rows_free(mr_csv_rows *rows); /* `refuse` stays */
/* Takes a row out. */
void mr_csv_rows_drop(mr_csv_rows *rows, size_t row);

/* Replaces what is in `rows` by the rows in `text`, whole lines which begin at byte `offset` of the
 * file: missing cells are NaN, blank lines no rows. A cell that is no number is MR_BAD_INPUT, and
 * so is a line with more cells than the first one, unless rows->refuse leaves the line out. */
mr_status mr_csv_read(const mr_csv *csv, const char *path, mr_bytes text, uint64_t offset,
                      mr_csv_rows *rows, mr_error *error);

#endif

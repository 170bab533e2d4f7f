/*
 * input/cells.h: lines of CSV, and the cells of a line. Touches nothing but bytes.
 */
#ifndef MR_INPUT_CELLS_H
#define MR_INPUT_CELLS_H

#include "base/error.h"

#include <mapred/bytes.h>

/* A line off the front of the text, without what ends it; false when there is none left. */
bool mr_cells_next_line(mr_bytes *rest, mr_bytes *line);
/* Whether there is no cell in a line. Tabs between cells are cells, all missing. */
bool mr_cells_is_blank(mr_bytes line, char separator);

/*
 * The cell at `at`: *stop is the separator behind it, or the end of the line; false when a quote is
 * not closed. What is in the cell is without quotes and the blanks around it; two quotes in a
 * quoted cell stay as they are.
 */
bool mr_cell_take(const char *at, const char *end, char separator, mr_bytes *cell,
                  const char **stop);
/* What a cell says: nothing, or a number (nan and inf are some). */
bool mr_cell_is_missing(mr_bytes cell);
bool mr_cell_is_number(mr_bytes cell, double *value);

/* The error when a quote is not closed in the line. */
mr_status mr_cell_open_quote(const char *path, uint64_t place, mr_error *error);

#endif

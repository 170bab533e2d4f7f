/*
 * input/grid.h: rows of numbers as blocks: from a piece of a dataset, or from lines of CSV. One a
 * thread: it keeps the dataset of its last piece open, and buffers that it uses again and again.
 */
#ifndef MR_INPUT_GRID_H
#define MR_INPUT_GRID_H

#include "input/csv.h"
#include "input/plan.h"

typedef struct mr_gridder mr_gridder;

/* `plan` is one of rows, borrowed. */
mr_status mr_gridder_create(mr_gridder **gridder, const mr_plan *plan, mr_error *error);
void mr_gridder_destroy(mr_gridder **gridder);

/*
 * Both fill `block` with rows; block->grid is NULL where there are none. Valid until the next call.
 * Of a dataset: the bands of rows that begin in bytes [begin, end) of it, as elements that the
 * plan's `element` asks for. Of CSV: what the lines in `block` hold.
 */
mr_status mr_gridder_read(mr_gridder *gridder, size_t file, uint64_t begin, uint64_t end,
                          mr_block *block, mr_error *error);
mr_status mr_gridder_parse(mr_gridder *gridder, mr_block *block, mr_error *error);

/* What becomes of lines that are no rows: see mr_csv_rows. */
void mr_gridder_refuse(mr_gridder *gridder, mr_row_refuse *refuse, void *context);

/* Bytes read from datasets so far. */
uint64_t mr_gridder_bytes(const mr_gridder *gridder);

#endif

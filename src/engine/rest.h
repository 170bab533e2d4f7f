/*
 * engine/rest.h: parts of a block: what is before a record, what is behind it. Touches nothing but
 * the block it is given and the bytes behind its end.
 */
#ifndef MR_ENGINE_REST_H
#define MR_ENGINE_REST_H

#include <mapred/block.h>

/* Where the next record begins; the block's end behind the last one. Rows where the block has a
 * grid, else records of `kind`. */
const char *mr_rest_next(const mr_block *block, mr_input kind, const char *record);

/* The record that begins at `offset` (or is row `offset`) of the file; NULL when none in this block
 * does. */
const char *mr_rest_find(const mr_block *block, mr_input kind, uint64_t offset);

/* Makes of a block the part of it from `from` up to `to`, whole records; `grid` takes what its rows
 * are. */
void mr_rest_cut(mr_block *block, mr_grid *grid, const char *from, const char *to);

/* Zeros behind the end of a block that was cut, as every block has them; and what stood there back.
 */
void mr_rest_cover(const mr_block *block, char hidden[MR_BLOCK_PADDING]);
void mr_rest_uncover(const mr_block *block, const char hidden[MR_BLOCK_PADDING]);

#endif

/* sets/cells.h: pairs as rows: what their shape says they are. */
#ifndef MR_SETS_CELLS_H
#define MR_SETS_CELLS_H

#include "sets/set.h"

/* Appends the cells of a key and of a value. `room` holds as many bytes as the key: fields of
 * tuples are put there. */
void mr_cells_of_key(const mr_shape *shape, mr_bytes key, char *room, mr_row *row);
void mr_cells_of_value(const mr_set *set, mr_bytes value, mr_row *row);

#endif

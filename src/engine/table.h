/* engine/table.h: the parts of a thread's table that out.c and emit.c share. */
#ifndef MR_ENGINE_TABLE_H
#define MR_ENGINE_TABLE_H

#include "engine/out.h"

/* Copies bytes that the table has to keep until it is flushed; NULL when memory runs out. */
char *mr_table_keep(mr_out_self *self, mr_bytes bytes);
/* Frees the pieces that were too large for the table's own room. */
void mr_table_free_large(mr_out_self *self);

#endif

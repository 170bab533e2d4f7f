/*
 * engine/columns.h: rows to a typed format. All ranks decide what columns there are, by what was
 * noted while the rows were measured; from then on a row is a record (output/schema.h). To npy
 * records are written as any text is; in HDF5 each column is a dataset of its own.
 */
#ifndef MR_ENGINE_COLUMNS_H
#define MR_ENGINE_COLUMNS_H

#include "engine/result.h"
#include "engine/saving.h"
#include "output/schema.h"

/* Collective. Seals the schema of measured rows, and gives buckets the sizes of their records. */
mr_status mr_columns_decide(mr_rows *rows, mr_job *job, bool plain);

/* Collective. Writes an HDF5 file. */
mr_status mr_columns_write(mr_result *result, const mr_commit *commit);

/* Local, any thread. Takes column `field` out of records. */
void mr_columns_pick(const mr_schema *schema, unsigned field, const char *records, uint64_t count,
                     char *to);

/* Rows of each chunk, by the size of a record alone: the same for any ranks. */
uint64_t mr_columns_chunk(const mr_schema *schema);

/* Collective. The rows as chunks that are packed: each by the rank that has its first row. */
mr_status mr_columns_pack(mr_result *result, mr_saving *saving);

#endif

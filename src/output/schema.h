/*
 * output/schema.h: the columns of a result in a typed format. Rows may have any cells; what types
 * and widths a column has is noted while they are measured. Once all of it is known the schema is
 * sealed, and from then on each row is a record of one size: its columns, one behind the other.
 */
#ifndef MR_OUTPUT_SCHEMA_H
#define MR_OUTPUT_SCHEMA_H

#include "output/format.h"

/* What was met in a column, as bits: 1 << mr_type, and this one. */
#define MR_NOTED_NOT_UTF8 1u

/* All that is noted. Each of two schemas may be joined with another: types by or, the rest by the
 * larger one. */
typedef struct mr_noted {
    uint64_t types[MR_ROW_CELLS];
    uint64_t widths[MR_ROW_CELLS]; /* bytes of the longest string */
    uint64_t cells;                /* of the longest row */
    uint64_t missing;              /* MR_ROW_CELLS + 1 less those of the shortest; 0: no row */
} mr_noted;

typedef struct mr_field {
    char *name;   /* no two are the same */
    mr_type type; /* what all of the column is */
    bool utf8;    /* strings that all are */
    size_t at, size;
} mr_field;

typedef struct mr_schema {
    mr_noted noted; /* by any threads at once */
    bool sealed;
    uint64_t rows;
    mr_field *fields;
    unsigned count;
    size_t size; /* of a record */
} mr_schema;

/* NULL when there is no memory. */
void mr_schema_create(mr_schema **schema);
void mr_schema_destroy(mr_schema **schema);

/* Before it is sealed: notes the row, thread-safe. Afterwards appends it as a record; one that has
 * other cells than were noted gets a wrong size, which is noticed by who counts. */
void mr_schema_row(mr_schema *schema, const mr_row *row, mr_text *text);

/* With `schema->noted` of all rows there are. MR_BAD_OUTPUT names a column that is too wide. */
mr_status mr_schema_seal(mr_schema *schema, const mr_writer *writer, uint64_t rows,
                         mr_error *error);

/* Appends the header of a file of numpy for a sealed schema. */
void mr_schema_npy(const mr_schema *schema, mr_text *text);

#endif

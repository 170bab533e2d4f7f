/*
 * output/format.h: rows as text or bytes. Knows nothing of files or ranks.
 */
#ifndef MR_OUTPUT_FORMAT_H
#define MR_OUTPUT_FORMAT_H

#include "base/error.h"

#include <mapred/app.h>

typedef enum mr_format {
    MR_FORMAT_TSV = 0,
    MR_FORMAT_CSV = 1,
    MR_FORMAT_JSON = 2,   /* one object a line */
    MR_FORMAT_BINARY = 3, /* see docs/cli.md */
    MR_FORMAT_HDF5 = 4,   /* columns: see output/schema.h */
    MR_FORMAT_NPY = 5
} mr_format;

/* Whether all rows of a format have the same columns, each of one type: a file then begins with how
 * many rows there are, or is more than rows, so that it can only be one file. */
bool mr_format_is_typed(mr_format format);

/*
 * The binary format. All numbers are little-endian, nothing is padded.
 *
 *   file:  8 bytes "MRBIN01\n", then rows up to the end of the file (each part has the 8 bytes)
 *   row:   u32 number of cells, the key's included; then the cells, the key first
 *   cell:  u8 type, then
 *            type 1: i64, 8 bytes, two's complement
 *            type 2: f64, 8 bytes, IEEE 754
 *            type 3: u32 size, then that many bytes as they are
 *            type 4: u64, 8 bytes
 *
 * A cell of 4 GiB or more does not fit: the text is marked as failed.
 */

/* A growing piece of text; all zeros is an empty one. When memory runs out `failed` is set, and
 * what is added after that is dropped: callers look once, at the end. */
struct mr_text {
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
};
void mr_text_clear(mr_text *text); /* keeps the memory */
void mr_text_free(mr_text *text);

/* How the rows of one job are written. All borrowed. */
typedef struct mr_writer {
    mr_format format;
    const char *key_name;     /* of cell 0 */
    const char *columns;      /* of the others, with commas between; see below */
    const mr_layout *layout;  /* only for tsv; NULL: plain */
    struct mr_column *named;  /* all names, found once: see mr_writer_prepare */
    struct mr_schema *schema; /* of a typed format: see output/schema.h */
    unsigned named_count;
} mr_writer;

/*
 * Names: a key without one is called "key", cells without one "value", "value2" and so on; of
 * several columns with the same name the second is shown as NAME2. Columns NULL is one cell without
 * a name, "" is no cell but the key. Csv has a header line and fills short rows up with empty
 * cells; json leaves cells out that a row does not have.
 */

/* Finds the names of all columns, once instead of for each row; what is shown stays the same, also
 * without it or when there is no memory. A typed format gets its schema here, or none when there is
 * no memory. Undone by mr_writer_release. */
void mr_writer_prepare(mr_writer *writer);
void mr_writer_release(mr_writer *writer);

/* What stands before the first row of a part, between two rows, and behind the last row. */
void mr_writer_open(const mr_writer *writer, mr_text *text);
void mr_writer_close(const mr_writer *writer, mr_text *text);

/*
 * Appends a row. Row 0 of a part has nothing before it; with a layout that has a `between`, every
 * other row has that, and a row that the layout leaves to us then has no newline at its end.
 * cells[0] is the key, which a layout gets as text; `accumulator` is for layouts.
 */
void mr_writer_row(const mr_writer *writer, bool first, const mr_row *row, const void *accumulator,
                   mr_text *text);

/* The name of a format, and back; false where there is none of that name. */
bool mr_format_of_name(const char *name, mr_format *format);
/* The format that a path's ending asks for: tsv txt csv json jsonl bin h5 hdf5 npy; tsv for others.
 */
mr_format mr_format_of_path(const char *path);

#endif

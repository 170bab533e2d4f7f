/*
 * input/sheet.h: what the rows of a plan look like: how many values each has, their names, and how
 * each CSV file is to be read. One process finds it out, and it goes to the others with the plan.
 */
#ifndef MR_INPUT_SHEET_H
#define MR_INPUT_SHEET_H

#include "input/csv.h"
#include "input/plan.h"

#include <mapred/element.h>

typedef struct mr_sheet {
    mr_dims row;      /* shape of a row: no axes for single values, one for those of CSV */
    uint64_t columns; /* values of a row */
    char **names;     /* of them; NULL: they have none */
    mr_csv **csv;     /* one a file; NULL: it is a dataset, or has no lines */
    size_t files;
} mr_sheet;

/* Looks at all files of a plan. MR_BAD_INPUT: files whose rows are of different
 * shapes, or that hold no rows of numbers. */
mr_status mr_sheet_create(mr_sheet **sheet, const mr_plan *plan, mr_error *error);
void mr_sheet_destroy(mr_sheet **sheet);

/* As bytes, owned by the caller (free), and back again. */
mr_status mr_sheet_pack(const mr_sheet *sheet, void **bytes, size_t *size, mr_error *error);
mr_status mr_sheet_unpack(mr_sheet **sheet, size_t files, const void *bytes, size_t size,
                          mr_error *error);

#endif

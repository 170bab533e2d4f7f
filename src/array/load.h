/* array/load.h: inputs as rows of f64, spread over the ranks: the two ways there. */
#ifndef MR_ARRAY_LOAD_H
#define MR_ARRAY_LOAD_H

#include "array/array.h"
#include "input/plan.h"

typedef struct mr_loading {
    mr_job *job;
    const mr_plan *plan;
    uint64_t columns;
    mr_array *array; /* the result; NULL: not yet, or there is no memory */
} mr_loading;

/* Collective. Makes room for so many rows; NULL: there is none. */
mr_array *mr_load_reserve(mr_loading *loading, uint64_t rows);

/* Collective. Datasets: each rank knows which rows are its own, and reads them. */
mr_status mr_load_datasets(mr_loading *loading);

/* Collective. Anything: rows are taken where they are read, counted, and moved. */
mr_status mr_load_rows(mr_loading *loading);

#endif

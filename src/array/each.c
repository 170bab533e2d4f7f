/* array/each.c: whole rows of an array, tile by tile, through a function. */
#include "array/evaluate.h"

typedef struct walk {
    mr_sweep sweep; /* first */
    mr_tile_kernel *kernel;
    void *context;
} walk;

static mr_status visit(mr_sweep *sweep, unsigned thread, const mr_box *box, const void *values,
                       mr_error *error)
{
    const walk *w = (const walk *)(const void *)sweep;
    const mr_tile tile = {.box = *box, .values = values, .thread = thread};
    mr_status status = w->kernel(w->context, &tile);
    if (status != MR_OK)
        mr_error_set(error, status, "kernel failed: %s: on a tile of an array",
                     sweep->array->job->app.name);
    return status;
}

mr_status mr_array_each(mr_array *a, mr_tile_kernel *kernel, void *context)
{
    walk w = {.sweep = {.array = a, .take = visit, .phase = "each"},
              .kernel = kernel,
              .context = context};
    if (!a)
        return MR_FAILED;
    w.sweep.tile = a->dims;
    if (a->dims.axes > 0 && a->dims.size[0] > MR_TILE_ROWS)
        w.sweep.tile.size[0] = MR_TILE_ROWS;
    return mr_sweep_run(&w.sweep);
}

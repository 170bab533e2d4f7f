/*
 * engine/out.c: a thread's table, and how it empties into the rank's partitions. What kernels call
 * and what is not inline in mapred/out.h is in emit.c.
 */
#include "engine/out.h"

#include "base/memory.h"
#include "engine/table.h"

#include <stdlib.h>

void mr_fold_fill(const mr_fold *fold, unsigned char *accumulators, uint64_t count)
{
    memset(accumulators, 0, count * fold->size);
    for (uint64_t i = 0; fold->init && i < count; i++)
        fold->init(fold, accumulators + i * fold->size);
}

void mr_out_set_dense(mr_out_self *self, void *accumulators)
{
    self->out.dense = accumulators;
    self->out.dense_count = self->app->dense_count;
}

mr_status mr_out_create(mr_out_self **result, const mr_app *app, mr_store *store, uint64_t cache,
                        uint64_t most, int thread, int threads, mr_error *error)
{
    mr_out_self *self = *result = calloc(1, sizeof *self);
    size_t value = app->fold ? mr_fold_room(app->fold) : 0;
    unsigned char *identity = calloc(1, value + 8);
    void *local = calloc(1, app->local_size + 1);
    if (!self || !identity || !local) {
        free(self);
        free(identity);
        free(local);
        *result = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting a thread");
    }
    self->app = app;
    self->store = store;
    self->thread = thread;
    self->threads = threads;
    self->value = value;
    self->identity = identity;
    self->local = local;
    self->out.self = self;
    mr_table_none(self);
    if (!app->fold)
        return MR_OK;
    mr_fold_fill(app->fold, identity, 1);
    self->out.fold = app->fold;
    self->out.plain_sum = (app->fold->flags & MR_FOLD_PLAIN_SUM) != 0;
    if (app->key == MR_KEY_DENSE)
        return MR_OK;
    return mr_table_create(self, cache, most, error);
}

void mr_out_destroy(mr_out_self **self)
{
    if (!*self)
        return;
    mr_table_free(*self);
    mr_memory_free((*self)->text, (*self)->text_capacity);
    free((*self)->identity);
    free((*self)->local);
    free(*self);
    *self = NULL;
}

/*
 * mapred/pipeline.h: items that go through stages, all of which work at the same time, on threads
 * and ranks.
 *
 * A stage is parallel (any worker takes any item) or in order (one item at a time, in the order of
 * the source). However items are worked on, what a stage gives on has the order in which it came
 * in. A bounded number of items is under way, so memory stays the same whatever the input.
 *
 * Items that are cheap travel together, those of a quick source too: one may wait for some that
 * follow it. They lie at multiples of 8 bytes.
 */
#ifndef MAPRED_PIPELINE_H
#define MAPRED_PIPELINE_H

#include <mapred/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel has: of the stage and the thread that calls it. */
typedef struct mr_stage mr_stage;

typedef enum mr_stage_kind {
    MR_STAGE_PARALLEL = 0,
    MR_STAGE_IN_ORDER = 1 /* on rank 0 */
} mr_stage_kind;

typedef struct mr_stage_plan {
    const char *name;
    mr_stage_kind kind;
    /* Gets an item and gives on none, one or many (mr_stage_put). */
    mr_status (*run)(mr_stage *stage, mr_bytes item);
    /* In order only: once, after the last item; may put more. */
    mr_status (*end)(mr_stage *stage);
    /* Instead of `run`: a command of the shell. A parallel stage runs it for each item (its
     * standard input; its standard output is the item that follows); one in order runs it once,
     * with items as lines, and each line it writes is an item. Ends badly: an error, with what it
     * said. */
    const char *command;
    unsigned workers; /* of a parallel stage, on all ranks; 0: as many as help */
    /* Bytes of state, zeroed: one of a stage in order; of a parallel one each of its threads has
     * one, and one more for kernels that it runs while another one waits within mr_stage_put. They
     * are closed on the main thread, after the work. */
    size_t local_size;
    mr_status (*local_open)(mr_stage *stage, void *local);
    void (*local_close)(mr_stage *stage, void *local);
    /* For pipelines that go on from a checkpoint (`resumes`), in order only. `save` hands over what
     * the stage has come to (mr_stage_keep), between two items; `load` gets all of that, before the
     * first item. */
    mr_status (*save)(mr_stage *stage);
    mr_status (*load)(mr_stage *stage, mr_bytes state);
    /* A command in order that remembers nothing from one line to the next, such as sed: it may be
     * ended after any item, and started again for the others. */
    bool stateless;
} mr_stage_plan;

typedef struct mr_pipeline {
    size_t size; /* sizeof(mr_pipeline) */
    const char *name;
    /* On rank 0: puts all items (mr_stage_put), which waits while too many are under way. */
    mr_status (*source)(mr_stage *stage);
    const mr_stage_plan *stages; /* up to one without a name; the last one may put nothing */
    void *context;               /* of this rank: mr_stage_context */
    uint64_t memory;             /* bytes of items under way, on all ranks; 0: 16 MiB a rank */
    /* With --checkpoint, the pipeline is saved by items that are done, and goes on behind them.
     * That is right where all that kernels leave behind is what stages in order `save`, and the
     * text that is the job's result (mr_text_output_begin). A command in order has to be
     * `stateless`. Without, or otherwise, a resumed job runs the pipeline from its beginning. */
    bool resumes;
    /* The source can begin with that item, counted from 0: called before it. NULL: its first items,
     * which have to be those they were, are dropped. */
    mr_status (*seek)(mr_stage *stage, uint64_t item);
} mr_pipeline;

/* Collective. Runs it to its end. The first error ends it on all ranks, and names stage and item.
 */
MR_API mr_status mr_pipeline_run(mr_job *job, const mr_pipeline *pipeline);

/* ---- Within a kernel ---- */

/* Gives an item on, copied. MR_CANCELLED: a later stage has had enough; a source should return. */
MR_API mr_status mr_stage_put(mr_stage *stage, mr_bytes item);
/* Room for one, to be filled in before the next call; NULL: no memory (recorded). */
MR_API void *mr_stage_put_room(mr_stage *stage, size_t size);
MR_API mr_status mr_stage_fail(mr_stage *stage, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Enough: the stream ends with what this call puts. The source is told, items after this one are
 * dropped, those before it go on to the end, and the pipeline ends well. Where several items make
 * stages stop, the first of them counts, whoever was faster. A command in order that ends early,
 * and well, has had enough, too. */
MR_API void mr_stage_stop(mr_stage *stage);
/* Within `save`: bytes that `load` will get, behind those of earlier calls. */
MR_API mr_status mr_stage_keep(mr_stage *stage, const void *bytes, size_t size);
MR_API void *mr_stage_context(const mr_stage *stage);
MR_API void *mr_stage_local(const mr_stage *stage);
MR_API int mr_stage_rank(const mr_stage *stage);
MR_API unsigned mr_stage_thread(const mr_stage *stage);
/* Which item of those that came into the stage this is, from 0; of a parallel stage only where
 * parallel ones right before it put exactly one for each. */
MR_API uint64_t mr_stage_item(const mr_stage *stage);

#ifdef __cplusplus
}
#endif

#endif

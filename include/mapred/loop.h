/*
 * mapred/loop.h: loops of drivers that survive: what a loop carries from round to round is saved
 * with the job's checkpoints (--checkpoint), and a job that is resumed goes on after the last round
 * that was saved, with any other number of ranks, threads and blocks.
 *
 *     int64_t round = 0;
 *     mr_loop *loop;
 *     MR_TRY(mr_loop_begin(job, "ranks", &loop));
 *     mr_loop_value(loop, "round", &round, sizeof round);
 *     mr_loop_whole(loop, "ranks", ranks, vertices * sizeof *ranks);
 *     MR_TRY(mr_loop_load(loop, &resumed));
 *     while (round < most) {
 *         ...
 *         round++;
 *         MR_TRY(mr_loop_round(loop));
 *     }
 *     MR_TRY(mr_loop_end(&loop));
 *
 * All that decides whether there is another round has to be among what is saved: then a resumed job
 * passes through a loop that was over. What was made before the loop (an input that was read, a
 * graph) is made again by the resumed job. Where a driver writes text (mr_text_output_begin), what
 * was written up to a round is saved with it, and written again before the next one.
 *
 * Without --checkpoint nothing is saved, and a round costs one agreement. All functions are
 * collective: all ranks name the same things in the same order, also where the job has one rank.
 * A rank that leaves a loop with an error need not end it.
 */
#ifndef MAPRED_LOOP_H
#define MAPRED_LOOP_H

#include <mapred/array.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_loop mr_loop;

/* Begins a loop. Loops may follow one another, or one be a part of another one's rounds. */
MR_API mr_status mr_loop_begin(mr_job *job, const char *name, mr_loop **loop);

/*
 * What the loop carries: borrowed until its end, read at the end of a round, filled in by
 * mr_loop_load. A name that was given before is given a new place. Errors are told by mr_loop_load
 * and mr_loop_round.
 *
 * A variable that has the same value on all ranks: rank 0's is saved.
 */
MR_API void mr_loop_value(mr_loop *loop, const char *name, void *value, size_t size);
/* An array that every rank has all of; each saves a share of it. `size`: bytes, never others. */
MR_API void mr_loop_whole(mr_loop *loop, const char *name, void *bytes, uint64_t size);
/* An array of `total` items of `size` bytes, of which this rank has `count` from `begin` on, and
 * the other ranks the rest. A resumed job may be cut in another way. */
MR_API void mr_loop_spread(mr_loop *loop, const char *name, void *items, size_t size,
                           uint64_t begin, uint64_t count, uint64_t total);
/* A kept array. The loop may put another one there each round; mr_loop_load frees what is there. */
MR_API void mr_loop_array(mr_loop *loop, const char *name, mr_array **array);
/* A set, likewise, which mr_loop_load makes as `options` say: those it was made with, without
 * `like`. NULL is saved as no set. */
MR_API void mr_loop_set(mr_loop *loop, const char *name, mr_set **set,
                        const mr_set_options *options);

/* Fills in what a checkpoint has of this loop. `*resumed` (may be NULL): it has something. */
MR_API mr_status mr_loop_load(mr_loop *loop, bool *resumed);
/* The end of a round. Saves it when it is time; MR_STOPPED, once it is saved, where the job was
 * asked to stop; other errors of any rank, as mr_job_agree. */
MR_API mr_status mr_loop_round(mr_loop *loop);
/* The loop is over. */
MR_API mr_status mr_loop_end(mr_loop **loop);

#ifdef __cplusplus
}
#endif

#endif

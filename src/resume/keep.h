/*
 * resume/keep.h: the folder of a job's checkpoints. What a rank has to say for itself it puts under
 * names; a commit, which all ranks make together, turns all that was put into the next generation:
 * files are synced, then rank 0 renames a manifest that names every one of them with its size and
 * checksum. So a generation is whole or it is not there, and the one before stays until then. Knows
 * nothing of jobs.
 *
 *   DIR/job.json            what runs here: the command, and what a resumed job must have in common
 *   DIR/manifest-000007     a generation: entries (name, file, place, size, checksum); the newest
 *   DIR/manifest-000006     two are kept
 *   DIR/data-000007-3-0     bytes that rank 3 put for it
 *   DIR/journal-4-2-1       what rank 2 has done of piece 4 (resume/journal.h)
 *   DIR/placing             the result is about to take its place
 *   DIR/done                instead of all manifests: the job ended well
 *   DIR/bad/                records that were set aside (engine/bad.h)
 *
 * An entry belongs to nobody: a resumed job may have other ranks, and each rank may read any of
 * them. Entries that were loaded stay part of later generations until they are dropped.
 */
#ifndef MR_RESUME_KEEP_H
#define MR_RESUME_KEEP_H

#include "comm/comm.h"

typedef struct mr_keep mr_keep;

/* Something that must be the same when the job is resumed: "--k" and "5". */
typedef struct mr_keep_fact {
    const char *name, *value;
} mr_keep_fact;

/* Borrowed for the call. */
typedef struct mr_keep_plan {
    const char *folder;
    double every; /* seconds between two generations */
    bool resume, overwrite, quiet;
    double ends;         /* when the job will be killed, in seconds since 1970; 0: nobody knows */
    const char *command; /* JSON: what was started */
    const char *result;  /* what a job that ends well leaves: without it there was none; or NULL */
    const mr_keep_fact *facts; /* rank 0's count */
    size_t fact_count;
} mr_keep_plan;

/*
 * Collective. Makes the folder, or, to resume, loads the newest generation whose every byte is as
 * it was written (`*resumed`; all ranks check a share; where a newer one is damaged a line says
 * so). MR_BAD_OUTPUT: there are checkpoints and nobody said resume or overwrite, another job is at
 * work here, or it can't be written. MR_USAGE: facts are others. MR_BAD_INPUT: there are
 * generations, and none is whole. `*done`: the job had ended well before; nothing is loaded.
 */
mr_status mr_keep_open(mr_keep **keep, mr_comm *comm, const mr_keep_plan *plan, bool *done,
                       mr_error *error);
/* Local. Ends it; what was put and not committed is forgotten. Takes NULL. */
void mr_keep_close(mr_keep **keep);
/* Rank 0. What is made takes its place now: who finds this word when he resumes knows that a result
 * which is there is this job's. And whether it was found. */
mr_status mr_keep_announce(mr_keep *keep, mr_error *error);
bool mr_keep_was_announced(const mr_keep *keep);
/* Rank 0. The job has ended well: nothing is left but that word. */
mr_status mr_keep_finish(mr_keep *keep, mr_error *error);

const char *mr_keep_folder(const mr_keep *keep);
/* The last generation that was committed or loaded; 0: none. And how long a commit took, at most.
 */
uint64_t mr_keep_generation(const mr_keep *keep);
bool mr_keep_resumed(const mr_keep *keep);
double mr_keep_every(const mr_keep *keep); /* seconds */

/* What somebody wants of the job: thread-safe, cheap, may be asked once a block. */
typedef enum mr_keep_wish {
    MR_KEEP_NOTHING = 0,
    MR_KEEP_SAVE = 1, /* on rank 0: it is time for a checkpoint */
    MR_KEEP_STOP = 2  /* on any rank: a checkpoint, and the end of the job (mr_signals_stop) */
} mr_keep_wish;
mr_keep_wish mr_keep_wish_now(const mr_keep *keep);
/* Collective. The strongest wish of all ranks. Ends in agreement. */
mr_status mr_keep_ask(mr_keep *keep, mr_keep_wish *wish, mr_error *error);

/*
 * Local, main thread. What the next generations say under `name`. `put` replaces what this rank has
 * put under it (other ranks' is theirs), `add` stands beside it. Bytes are copied. Names of a room
 * begin with the room's: "step/3/store". `drop` forgets all whose names begin so, loaded ones as
 * well: to be called on all ranks. What belongs together is put without an agreement in between:
 * the job may be stopped, and what was put so far be committed, in any agreement.
 */
mr_status mr_keep_put(mr_keep *keep, const char *name, const void *bytes, size_t size,
                      mr_error *error);
mr_status mr_keep_add(mr_keep *keep, const char *name, const void *bytes, size_t size,
                      mr_error *error);
void mr_keep_drop(mr_keep *keep, const char *prefix);

/* The same for what is large, or grows: a file of its own. `write` is thread-safe; `add_file` makes
 * what was written so far part of the next generation (an entry more) and begins anew. */
typedef struct mr_keep_file mr_keep_file;
mr_status mr_keep_file_create(mr_keep *keep, mr_keep_file **file, mr_error *error);
mr_status mr_keep_file_write(mr_keep_file *file, const void *bytes, size_t size);
uint64_t mr_keep_file_size(const mr_keep_file *file);
/* The same behind its size, in one: what mr_keep_reader_frame gets back. */
mr_status mr_keep_file_frame(mr_keep_file *file, const void *bytes, size_t size);
mr_status mr_keep_add_file(mr_keep *keep, const char *name, mr_keep_file *file, mr_error *error);
/* Takes NULL. What was not added is lost. */
void mr_keep_file_destroy(mr_keep_file **file);

/* Collective. Everything that was put, by all ranks, is the next generation. `*seconds` (may be
 * NULL) is how long it took. */
mr_status mr_keep_commit(mr_keep *keep, mr_error *error);
/* Local. Whether anything was put or dropped since. */
bool mr_keep_is_dirty(const mr_keep *keep);

/* What was loaded; the same on all ranks, in one order. */
typedef struct mr_keep_entry {
    const char *name, *file;
    uint64_t offset, size, checksum;
} mr_keep_entry;
size_t mr_keep_count(const mr_keep *keep, const char *name);
/* The `number`th of that name. */
const mr_keep_entry *mr_keep_entry_at(const mr_keep *keep, const char *name, size_t number);
/* All of it, at once (free), with a zero byte behind; checked. */
mr_status mr_keep_load(mr_keep *keep, const mr_keep_entry *entry, void **bytes, mr_error *error);

/* Piece by piece: what has been read is only to be believed when `next` has come to its end
 * (`*size` 0) with MR_OK, where the checksum is looked at. */
typedef struct mr_keep_reader {
    mr_keep *keep;
    const mr_keep_entry *entry;
    int file;
    uint64_t at;
    void *sum;
} mr_keep_reader;
mr_status mr_keep_reader_open(mr_keep_reader *reader, mr_keep *keep, const mr_keep_entry *entry,
                              mr_error *error);
/* Exactly `size` bytes. */
mr_status mr_keep_reader_take(mr_keep_reader *reader, void *bytes, size_t size, mr_error *error);
/* The next frame, into memory that is used again (`*capacity` bytes of it; free). */
mr_status mr_keep_reader_frame(mr_keep_reader *reader, void **bytes, size_t *capacity, size_t *size,
                               mr_error *error);
uint64_t mr_keep_reader_left(const mr_keep_reader *reader);
mr_status mr_keep_reader_close(mr_keep_reader *reader, mr_error *error);

/* Seconds that checkpoints took so far: for the report. */
double mr_keep_seconds(const mr_keep *keep);
uint64_t mr_keep_bytes(const mr_keep *keep);

#endif

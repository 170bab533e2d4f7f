/*
 * engine/bad.h: the records that a job sets aside: those that a kernel says are bad (mr_out_bad),
 * lines that are no rows, and those that killed a kernel in an earlier run (the skip list). Each
 * rank keeps a list of its own while it maps. At the end of each map rank 0 takes all of them
 * together, each record once however often it was read, and looks whether there are too many.
 */
#ifndef MR_ENGINE_BAD_H
#define MR_ENGINE_BAD_H

#include "engine/job.h"
#include "output/format.h"

#include <pthread.h>

/* As many of them are in the report, and as many in what -v says. */
#define MR_BAD_TOLD  1000
#define MR_BAD_NOTED 10

/* A record to be left out unseen. */
typedef struct mr_skip {
    const char *file, *reason;
    uint64_t offset; /* or row: as mr_block_offset_of has it */
} mr_skip;

typedef struct mr_bad {
    pthread_mutex_t lock; /* list and fresh */
    mr_text list;         /* entries, one behind the other: see bad.c */
    uint64_t fresh;       /* of them since the last settling; all are different */
    uint64_t known;       /* rank 0: in the list since the last settling */
    bool is_open;
    char *skip_text; /* what the skips point into */
    mr_skip *skips;  /* by file, then offset */
    size_t skip_count;
} mr_bad;

/* Local. The job's list; `end` takes a job without one. */
mr_status mr_bad_begin(mr_job *job);
void mr_bad_end(mr_job *job);

/* Collective, before a map: the skip list of the checkpoint's folder, read once. */
mr_status mr_bad_open(mr_job *job);

/*
 * Thread-safe. Sets a record aside: MR_OK. MR_BAD_RECORD when this rank has too many of them now:
 * `error` then has that code, which mr_bad_settle makes one for the user of.
 */
mr_status mr_bad_add(mr_job *job, const char *file, uint64_t file_index, uint64_t offset,
                     bool is_row, const char *reason, mr_error *error);

/* Collective, after each map, with the status that all ranks agreed on: the lists come together on
 * rank 0. MR_BAD_INPUT when they are too many. May be called at any agreement. */
mr_status mr_bad_settle(mr_job *job, mr_status status);

/* Local. This rank's list as bytes behind what `into` holds; and back: added to the list. Records
 * that more than one piece names count once. MR_NO_MEMORY, MR_BAD_INPUT. */
mr_status mr_bad_pack(mr_job *job, mr_text *into);
mr_status mr_bad_unpack(mr_job *job, mr_bytes bytes);

/* Rank 0, before the job is told about: counter, parts of the report, notes. */
void mr_bad_tell(mr_job *job);

/* An entry of a list, in place; `next` is behind it. */
typedef struct mr_bad_entry {
    uint64_t file_index, offset;
    bool is_row;
    const char *file, *reason;
} mr_bad_entry;
const char *mr_bad_entry_read(const char *at, mr_bad_entry *entry);

/* ---- bad_files.c: DIR/bad ---- */

/* Local. DIR/bad/skip.tsv, as it is (free); NULL and MR_OK where there is none. */
mr_status mr_bad_skips_read(const char *folder, char **text, size_t *size, mr_error *error);
void mr_bad_skips_remove(const char *folder);
/* Local. Takes it apart, in place. Lines that make no sense are left out. */
mr_status mr_bad_skips_parse(mr_bad *bad, char *text, size_t size, mr_error *error);
/* Local. DIR/bad/records.tsv: file, offset, reason. */
mr_status mr_bad_records_write(const char *folder, const mr_text *list, mr_error *error);
/* Local. DIR/bad/record-FILE-OFFSET: the bytes of a record that was left out. */
mr_status mr_bad_record_keep(const char *folder, uint64_t file_index, uint64_t offset,
                             mr_bytes record, mr_error *error);

#endif

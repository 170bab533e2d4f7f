/*
 * resume/journal.h: records of what is done, written one behind the other to a file of a rank's own
 * as they come: for work that has no moment at which all ranks stand still. A record counts when it
 * is whole: it has its sizes and a checksum, and what stands behind a damaged or torn one is not
 * believed. So nobody has to agree on anything, and what a killed process had not written yet is
 * done again.
 *
 *   DIR/journal-4-2-1    what rank 2 wrote for piece 4 of the job, the first time it ran
 */
#ifndef MR_RESUME_JOURNAL_H
#define MR_RESUME_JOURNAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_JOURNAL      "journal-"
#define MR_JOURNAL_HEAD 256 /* bytes of a record's head, at most */

typedef struct mr_journal mr_journal;

typedef struct mr_journal_name {
    uint64_t piece, rank, run;
} mr_journal_name;

/* Local. Begins a file that must not be there yet; it is made with the first record. A thread of
 * its own brings it to the disk about every `every` seconds. */
mr_status mr_journal_create(mr_journal **journal, const char *folder, mr_journal_name name,
                            double every, mr_error *error);
/* Thread-safe. What goes wrong is told by `end`. */
void mr_journal_write(mr_journal *journal, const void *head, size_t head_size, const void *bytes,
                      size_t size);
/* Local. All that was written is on the disk; more is not taken any more (and may be offered by
 * threads that come late). */
mr_status mr_journal_end(mr_journal *journal, mr_error *error);
/* Takes NULL. */
void mr_journal_destroy(mr_journal **journal);

/* Local. The journals of a piece (free), in no order. */
mr_status mr_journal_list(const char *folder, uint64_t piece, mr_journal_name **names,
                          size_t *count, mr_error *error);

/* Local. A journal to be read. NULL: it can't be opened. */
typedef struct mr_journal_reader mr_journal_reader;
mr_journal_reader *mr_journal_open(const char *folder, mr_journal_name name);
/* The next record's head and where the record is (for `load`); false: there is none that is whole.
 */
bool mr_journal_next(mr_journal_reader *reader, void *head, size_t *head_size, uint64_t *place,
                     uint64_t *size);
/* The bytes of a record (free). NULL: it is damaged by now, or there is no memory. */
void *mr_journal_load(mr_journal_reader *reader, uint64_t place, uint64_t *size);
void mr_journal_close(mr_journal_reader **reader);

#endif

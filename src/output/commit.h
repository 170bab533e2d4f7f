/*
 * output/commit.h: where a result goes, and how it gets there whole or not at all. Everything is
 * written under a temporary name beside the target and renamed when all of it is safely on disk;
 * until then an old result stays as it was. Knows nothing of ranks: one process checks, begins,
 * finishes or abandons; any number of processes write parts in between.
 */
#ifndef MR_OUTPUT_COMMIT_H
#define MR_OUTPUT_COMMIT_H

#include "output/format.h"

typedef enum mr_target_kind {
    MR_TARGET_STDOUT = 0,
    MR_TARGET_FILE = 1,      /* one file: PATH */
    MR_TARGET_DIRECTORY = 2, /* PATH/part-00000... and PATH/_SUCCESS */
    MR_TARGET_DEVICE = 3     /* an existing pipe or device: written straight through, like stdout */
} mr_target_kind;

typedef struct mr_target {
    mr_target_kind kind;
    mr_format format;
    bool overwrite;
    char path[4096]; /* without the trailing slash */
} mr_target;

/*
 * What `-o path` and `-f format` (either may be NULL) mean. A path with a trailing slash, or that
 * is an existing directory, is a directory. Looks at the file system, changes nothing. MR_USAGE for
 * an unknown format.
 */
mr_status mr_target_of(mr_target *target, const char *path, const char *format, bool overwrite,
                       mr_error *error);

/*
 * Before any work: MR_BAD_OUTPUT when the target exists and may not be overwritten (a directory
 * counts as existing when it holds anything), when it holds things that are not a result of mapred
 * and would be overwritten, when its parent is missing or may not be written.
 */
mr_status mr_target_check(const mr_target *target, mr_error *error);

/* A result being written; nothing (NULL, whose path is "") for STDOUT and DEVICE. */
typedef struct mr_commit mr_commit;

/* Creates the temporary file or directory. Owned by the caller. */
mr_status mr_commit_begin(mr_commit **commit, const mr_target *target, mr_error *error);
/* The temporary path: what other processes need to open parts. */
const char *mr_commit_path(const mr_commit *commit);
/*
 * Syncs, renames, and for a directory writes _SUCCESS (`summary` is its text) last. Frees *commit,
 * and on failure removes what was written. What cannot be removed of a directory that was replaced
 * (a file in use over NFS, say) stays beside it under a hidden name.
 */
mr_status mr_commit_finish(mr_commit **commit, const char *summary, mr_error *error);
/* Removes what was written. Takes NULL. Frees *commit. Safe to call from an exit path. */
void mr_commit_abandon(mr_commit **commit);

/* One part being written, by any process: the file itself for FILE (part 0), a DEVICE too, whose
 * bytes go through mr_stream_write. Not for STDOUT. */
typedef struct mr_part {
    int file;
    char path[4200];
} mr_part;
mr_status mr_part_open(mr_part *part, const mr_target *target, const char *temporary,
                       uint64_t number, mr_error *error);
mr_status mr_part_write(mr_part *part, const void *bytes, size_t size, uint64_t offset,
                        mr_error *error);
/* Syncs to disk and closes; every error of the disk shows here at the latest. */
mr_status mr_part_close(mr_part *part, mr_error *error);

/* Straight to a descriptor (stdout, a device), all of it. *gone is set, and MR_OK returned, when
 * the reader of a pipe has left: nobody wants the rest. */
mr_status mr_stream_write(int file, const char *name, const void *bytes, size_t size, bool *gone,
                          mr_error *error);

#endif

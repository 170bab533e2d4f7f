/*
 * input/plan.h: which files there are, and how they are cut into splits. Knows nothing of ranks:
 * one process makes the plan from the file system, packs it into bytes, and everybody else unpacks
 * it.
 *
 * All plain inputs lie end to end in one virtual space of bytes, file i at [starts[i],
 * starts[i+1]), and split k is [k * block, (k + 1) * block) of it. So a split may cover many small
 * files or a piece of a huge one, their number is a division, and nothing grows with it. A record
 * belongs to the split in which its first byte lies. A compressed file, or a dataset of strings, is
 * read whole by the split that holds its first byte. A dataset of numbers takes the bytes of its
 * elements: rows that are read together (a band) belong to the split of their first byte. Streams
 * (stdin, pipes, devices) have no size and take no space: see mr_reader_stream.
 */
#ifndef MR_INPUT_PLAN_H
#define MR_INPUT_PLAN_H

#include "base/error.h"

#include <mapred/block.h>

#include <stddef.h>
#include <stdint.h>

typedef enum mr_file_kind {
    MR_FILE_PLAIN = 0,
    MR_FILE_GZIP = 1,
    MR_FILE_ZSTD = 2,
    MR_FILE_STREAM = 3,
    MR_FILE_STRINGS = 4, /* a dataset, each string a line */
    MR_FILE_NUMBERS = 5  /* a dataset, its first axis rows */
} mr_file_kind;

typedef struct mr_file {
    const char *path; /* as it is shown; "-" is standard input */
    uint64_t size;    /* on disk; 0 for a stream; of numbers, their elements' bytes */
    mr_file_kind kind;
} mr_file;

typedef struct mr_plan {
    mr_file *files;
    size_t count;
    uint64_t *starts; /* count + 1 of them */
    uint64_t block;   /* bytes a split */
    uint64_t splits;
    size_t streams;         /* how many files are streams */
    mr_element element;     /* of rows: what they are wanted as; 0: as they are */
    struct mr_sheet *sheet; /* of rows: what they look like (input/sheet.h); NULL: text */
} mr_plan;

/* What inputs are wanted for. */
typedef struct mr_wanted {
    mr_input records;
    mr_element element; /* of MR_INPUT_ROWS; 0: as it is */
} mr_wanted;

/* Bytes a split when the user does not say: of text, and of rows. */
#define MR_PLAN_BLOCK      (256u << 10)
#define MR_PLAN_BLOCK_ROWS (1u << 20)

/*
 * Makes a plan of what the user named: files, globs (where no file has that very name), directories
 * (recursively, names in byte order, hidden ones and those beginning with an underscore left out),
 * "@list" (a file with one input a line, blank lines and # comments skipped), "-". Kinds are told
 * by the first bytes of a file (gzip 1f 8b, zstd 28 b5 2f fd), not by its name. `FILE.h5:/...`
 * are datasets, of strings where text is wanted, of numbers where rows are; FILE may be a glob.
 * Where rows are wanted so are .npy and HDF5 files by themselves; other files are CSV. `block` 0 is
 * the default. Owned by the caller; MR_BAD_INPUT names the input that is missing, unreadable, of
 * another kind than is wanted, or matches nothing.
 */
mr_status mr_plan_create(mr_plan **plan, const char *const *inputs, size_t count, uint64_t block,
                         mr_wanted wanted, mr_error *error);
void mr_plan_destroy(mr_plan **plan);

/* The plan as bytes, owned by the caller (free), and back again. */
mr_status mr_plan_pack(const mr_plan *plan, void **bytes, size_t *size, mr_error *error);
mr_status mr_plan_unpack(mr_plan **plan, const void *bytes, size_t size, mr_error *error);

/* All bytes that the plan covers. */
uint64_t mr_plan_bytes(const mr_plan *plan);

/* The first file with a byte of this split in it; count when there is none. Empty files are in no
 * split: they have no records. */
size_t mr_plan_first_file(const mr_plan *plan, uint64_t split);
/* The file that byte `at` of all input lies in; count when there is none. */
size_t mr_plan_file_at(const mr_plan *plan, uint64_t at);

/*
 * A number for the first byte of a file; that of another byte is so much larger. It grows along all
 * of the input, and stays below 2^54. Files whose size nobody knows are given room: compressed ones
 * a large multiple of their size on disk, streams 2^46 bytes.
 */
uint64_t mr_plan_place(const mr_plan *plan, uint64_t file);

#endif

/*
 * resume/internal.h: what the files of this folder know of each other.
 */
#ifndef MR_RESUME_INTERNAL_H
#define MR_RESUME_INTERNAL_H

#include "resume/keep.h"

#include <stdio.h>

#define MR_KEEP_PATH   4096
#define MR_KEEP_NEWEST 2 /* generations that are kept */
#define MR_KEEP_FORMAT 1
#define MR_MANIFEST    "manifest-"
#define MR_KEEP_DATA   "data-"

/* Entries, with their texts; grows. */
typedef struct mr_book {
    mr_keep_entry *entries; /* name and file are owned */
    size_t count, capacity;
} mr_book;

mr_status mr_book_add(mr_book *book, const mr_keep_entry *entry, mr_error *error);
/* Those whose name begins so, or, when `whole`, is that; all of them without a name. */
bool mr_book_drop(mr_book *book, const char *name, bool whole);
void mr_book_free(mr_book *book);

struct mr_keep {
    mr_comm *comm;
    char *folder;
    double every, next, ends;
    double worst, seconds; /* a commit took at most; all of them together */
    uint64_t bytes;
    uint64_t generation; /* the last one that is whole */
    uint64_t newest;     /* the largest number that any has, damaged ones too */
    bool resumed, dirty, announced;
    int lock;
    mr_book loaded; /* what was found at the start; on all ranks */
    mr_book own;    /* what this rank says in the next generation; rank 0: also what was loaded */
    mr_keep_file *small; /* what is put */
    mr_keep_file *files; /* all that are open */
    uint64_t serial;
    char *facts; /* rank 0: as JSON */
};

/* Before the head and the bytes of a journal's record. */
#define MR_JOURNAL_MAGIC 0x6c6e6a4dU
typedef struct mr_journal_record {
    uint32_t magic, head_size;
    uint64_t size, checksum;
} mr_journal_record;

/* "cannot write checkpoint: PATH: CAUSE: ..." */
mr_status mr_keep_cannot(const char *path, int cause, mr_error *error);

/* Data files. */
mr_status mr_keep_files_sync(mr_keep *keep, mr_error *error);
int mr_keep_folder_sync(const char *folder);

/* A generation as text, with its checksum behind it (free); and back: false when it is damaged. */
char *mr_manifest_pack(const mr_keep *keep, uint64_t generation, const char *entries);
bool mr_manifest_unpack(const char *text, size_t size, mr_book *book, char **facts);
/* Entries as JSON text (free); added to a book. */
char *mr_manifest_entries(const mr_book *book);
bool mr_manifest_read_entries(const char *text, size_t size, mr_book *book);

/* Numbers of the manifests in the folder, the largest first (free). */
mr_status mr_keep_list(const mr_keep *keep, uint64_t **numbers, size_t *count, mr_error *error);
/* Removes older manifests than are kept, and data that only those name; before anybody writes,
 * `all` that no kept one names. */
void mr_keep_prune(mr_keep *keep, bool all);
/* A whole file (free); NULL: `*cause` says why. */
char *mr_keep_slurp(const char *path, size_t *size, int *cause);
/* Writes a file under a temporary name, syncs and renames it. */
mr_status mr_keep_replace(const mr_keep *keep, const char *name, const char *text, size_t size,
                          mr_error *error);
/* Whether the bytes of an entry are what they were. */
bool mr_keep_verify(mr_keep *keep, const mr_keep_entry *entry);

#endif

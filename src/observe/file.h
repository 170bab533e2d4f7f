/* observe/file.h: a file for people that is written whole or not at all. */
#ifndef MR_OBSERVE_FILE_H
#define MR_OBSERVE_FILE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mr_file_piece {
    const char *data;
    size_t size;
} mr_file_piece;

/* Writes the pieces under a temporary name, syncs and renames; through a symbolic link, as a plain
 * write would go; straight through where `path` is a pipe or a device. False: errno says why, and
 * what was there before is still there. */
bool mr_file_write(const char *path, const mr_file_piece *pieces, size_t count);

/* A new file in the folder of `path`; its name goes to `temporary`. -1: errno says why. */
int mr_file_open_beside(const char *path, char *temporary, size_t size);

#endif

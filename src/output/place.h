/*
 * output/place.h: what commit.c and target.c need to know of the file system. Not for other rooms.
 */
#ifndef MR_OUTPUT_PLACE_H
#define MR_OUTPUT_PLACE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define MR_PLACE_PATH 4096

/* The folder that a path stands in, "." where the path names none. */
void mr_place_parent(const char *path, char parent[MR_PLACE_PATH]);
/* The last part of a path. */
const char *mr_place_name(const char *path);

/* What a folder holds. Only things that mapred makes are a result: files called part-NNNNN and
 * _SUCCESS. */
typedef struct mr_place {
    bool empty;
    bool other;     /* whether there is something that is no result */
    char name[256]; /* one of those */
} mr_place;
mr_status mr_place_look(const char *path, mr_place *place, mr_error *error);

/* Removes a folder with a result in it. Whatever else is in there stays, and then so does the
 * folder. */
void mr_place_remove(const char *path);

/* Makes what was created or renamed in a folder last. */
mr_status mr_place_sync(const char *path, mr_error *error);

#endif

/*
 * plugin/places.h: where this installation lies. Everything is found from the running executable,
 * so that an installation may be moved, and a build tree be used without installing it.
 */
#ifndef MR_PLUGIN_PLACES_H
#define MR_PLUGIN_PLACES_H

#include "base/error.h"

#include <stdbool.h>

#define MR_PATH 4096

typedef struct mr_places {
    char apps[MR_PATH];    /* the folder of the apps */
    char include[MR_PATH]; /* of mapred.h */
    char library[MR_PATH]; /* of libmapred.so */
    bool build_tree;       /* whether all that belongs to a build tree */
} mr_places;

/* Finds the places for `executable`; NULL: the one that runs. The folders may be missing. */
mr_status mr_places_find(mr_places *places, const char *executable, mr_error *error);

/* printf into a path. Too long a path fails with `code`. */
mr_status mr_path_format(char path[MR_PATH], mr_status code, mr_error *error, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

#endif

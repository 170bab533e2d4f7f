/*
 * plugin/find.h: from what a user calls an app to the file that holds it.
 */
#ifndef MR_PLUGIN_FIND_H
#define MR_PLUGIN_FIND_H

#include "plugin/places.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct mr_found {
    bool is_source; /* a C file, to be compiled first */
    char path[MR_PATH];
} mr_found;

/*
 * A name with a slash, or one that ends in .so, is a plugin's file; one that ends in .c and has a
 * slash or exists is a source. Any other is looked for as NAME.so in the folders of `search` (with
 * colons between, NULL: none), then in the apps folder. MR_BAD_PLUGIN.
 */
mr_status mr_app_find(mr_found *found, const mr_places *places, const char *search,
                      const char *name, mr_error *error);

/* All apps that can be called by name. */
typedef struct mr_listed {
    char *name;
    char *path;
} mr_listed;

typedef struct mr_listing {
    mr_listed *apps;
    size_t count;
} mr_listing;

/* Sorted by name; of the same name only the one that mr_app_find would take. */
mr_status mr_listing_read(mr_listing *listing, const mr_places *places, const char *search,
                          mr_error *error);
void mr_listing_free(mr_listing *listing);

#endif

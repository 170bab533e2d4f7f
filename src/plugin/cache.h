/*
 * plugin/cache.h: plugins that are run straight from their C file: compiled once for each kind of
 * node, and again when the source, a header of it, the compiler or mapred has changed.
 */
#ifndef MR_PLUGIN_CACHE_H
#define MR_PLUGIN_CACHE_H

#include "plugin/places.h"

/*
 * The plugin made from `source`, compiled now if it must be. Of many ranks on a node one compiles
 * and the others wait for it. MR_BAD_PLUGIN.
 */
mr_status mr_cache_plugin(char path[MR_PATH], const char *source, const mr_places *places,
                          mr_error *error);

/* The user's cache folder, made if it has to be: nobody else may write there. MR_BAD_OUTPUT. */
mr_status mr_cache_folder(char path[MR_PATH], mr_error *error);

#endif

/*
 * plugin/build.h: from a C file to a plugin, with the compiler that is there.
 */
#ifndef MR_PLUGIN_BUILD_H
#define MR_PLUGIN_BUILD_H

#include "plugin/places.h"

#define MR_BUILD_FLAGS "-std=gnu17 -O3 -fPIC -shared -fopenmp -Wall"

typedef struct mr_build {
    const char *source;
    const char *target;
    const char *dependencies; /* where to write what the source includes; NULL: nowhere */
    const char *compiler;     /* with its own options; NULL: mr_build_compiler() */
    bool native;              /* for this machine's CPU alone */
} mr_build;

/* $CC, or else the compiler that mapred was built with. */
const char *mr_build_compiler(void);

/*
 * Compiles under a temporary name and renames, so that `target` is always whole. The compiler's
 * output goes to TARGET.log, which stays only when it failed. MR_BAD_PLUGIN; MR_BAD_OUTPUT when
 * the files can't be written.
 */
mr_status mr_plugin_build(const mr_build *build, const mr_places *places, mr_error *error);

#endif

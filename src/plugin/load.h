/*
 * plugin/load.h: loading a plugin, and making sure that it is one and fits before it is trusted.
 */
#ifndef MR_PLUGIN_LOAD_H
#define MR_PLUGIN_LOAD_H

#include "base/error.h"

#include <mapred/app.h>

/* A loaded plugin. Its code and descriptor live as long as this. */
typedef struct mr_plugin mr_plugin;

/* `path` needs a slash in it. Whatever is wrong with the file is MR_BAD_PLUGIN and names it. */
mr_status mr_plugin_load(mr_plugin **plugin, const char *path, mr_error *error);
/* Leaves its code loaded where threads are still in it (base/stray.h). */
void mr_plugin_destroy(mr_plugin **plugin);

const mr_app *mr_plugin_app(const mr_plugin *plugin);
const char *mr_plugin_path(const mr_plugin *plugin);

/* Checks a descriptor whose ABI and size are known to fit. `path` is for messages. */
mr_status mr_app_check(const mr_app *app, const char *path, mr_error *error);

#endif

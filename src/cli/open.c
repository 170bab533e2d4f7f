/* cli/open.c: from what the user calls an app to a plugin that can be trusted. */
#include "cli/command.h"

#include "cli/options.h"
#include "plugin/cache.h"
#include "plugin/find.h"
#include "plugin/load.h"

#include <stdlib.h>

mr_status mr_app_open(mr_plugin **plugin, const mr_call *call, const char *called, mr_error *error)
{
    *plugin = NULL;
    mr_found found;
    char compiled[MR_PATH];
    const char *path = found.path;
    MR_TRY(mr_app_find(&found, call->places, call->search, called, error));
    if (found.is_source) {
        MR_TRY(mr_cache_plugin(compiled, found.path, call->places, error));
        path = compiled;
    }
    MR_TRY(mr_plugin_load(plugin, path, error));
    mr_status status = mr_options_check(mr_plugin_app(*plugin), path, error);
    if (status != MR_OK)
        mr_plugin_destroy(plugin);
    return status;
}

/* cli/apps.c: mapred apps. A line for each app that can be called by name. */
#include "cli/command.h"

#include "cli/options.h"
#include "plugin/find.h"
#include "plugin/load.h"

#include <string.h>

static void print_app(FILE *out, const mr_listed *listed, int width)
{
    mr_error error = {MR_OK, ""};
    mr_plugin *plugin;
    if (mr_plugin_load(&plugin, listed->path, &error) != MR_OK)
        fprintf(out, "%-*s  (cannot be loaded: see 'mapred help %s')\n", width, listed->name,
                listed->name);
    else if (mr_plugin_app(plugin)->summary)
        fprintf(out, "%-*s  %s\n", width, listed->name, mr_plugin_app(plugin)->summary);
    else
        fprintf(out, "%s\n", listed->name);
    mr_plugin_destroy(&plugin);
}

mr_status mr_command_apps(mr_call *call, mr_error *error)
{
    mr_listing listing;
    int width = 0;
    if (call->count > 0)
        return mr_error_set(error, MR_USAGE, "too many arguments: %s: 'mapred apps' takes none",
                            call->arguments[0]);
    MR_TRY(mr_listing_read(&listing, call->places, call->search, error));
    for (size_t i = 0; i < listing.count; i++)
        if ((int)strlen(listing.apps[i].name) > width)
            width = (int)strlen(listing.apps[i].name);
    for (size_t i = 0; i < listing.count; i++)
        print_app(call->out, &listing.apps[i], width);
    mr_listing_free(&listing);
    return MR_OK;
}

/*
 * plugin/load.c: opening a shared object and reading its descriptor, from the outside in: the file,
 * the symbol, the ABI and the size come first, because without them nothing else means anything.
 */
#include "plugin/load.h"

#include "base/read.h"
#include "base/stray.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mr_plugin {
    void *handle;
    const mr_app *app;
    char *path;
};

#define BAD(...) mr_error_set(error, MR_BAD_PLUGIN, __VA_ARGS__)

static mr_status unreadable(const char *path, mr_error *error)
{
    return BAD("cannot read plugin: %s: %s", path, strerror(errno));
}

/* dlopen crashes on a file whose end is missing: its headers must not promise more than there is.
 */
static mr_status check_segments(int file, uint64_t size, const Elf64_Ehdr *header, const char *path,
                                mr_error *error)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        uint64_t at = header->e_phoff + (uint64_t)i * sizeof segment;
        ssize_t got = mr_read_at(file, &segment, sizeof segment, at);
        if (got < 0)
            return unreadable(path, error);
        if (got < (ssize_t)sizeof segment ||
            (segment.p_type == PT_LOAD &&
             (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)))
            return BAD("plugin is cut off: %s: build or copy it again", path);
    }
    return MR_OK;
}

static mr_status check_open_file(int file, const char *path, mr_error *error)
{
    struct stat about;
    Elf64_Ehdr header;
    if (fstat(file, &about) != 0)
        return unreadable(path, error);
    if (S_ISDIR(about.st_mode))
        return BAD("not a plugin: %s: it is a folder, not a shared object", path);
    ssize_t got = mr_read_at(file, &header, sizeof header, 0);
    if (got < 0)
        return unreadable(path, error);
    if (got < (ssize_t)sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return BAD("not a plugin: %s: it is not a shared object: build one with 'mapred build'",
                   path);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN)
        return BAD(
            "not a plugin: %s: it is a program or object file of another kind: build it with "
            "'mapred build'",
            path);
    return check_segments(file, (uint64_t)about.st_size, &header, path, error);
}

static mr_status check_file(const char *path, mr_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno == ENOENT)
        return BAD("no such plugin: %s: see 'mapred apps' for those installed", path);
    if (file < 0)
        return unreadable(path, error);
    mr_status status = check_open_file(file, path, error);
    close(file);
    return status;
}

/* What dlopen says, without the path that it repeats. */
static mr_status open_object(mr_plugin *plugin, mr_error *error)
{
    plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle)
        return MR_OK;
    const char *reason = dlerror();
    size_t size = strlen(plugin->path);
    if (!reason)
        reason = "no reason is known";
    if (strncmp(reason, plugin->path, size) == 0 && strncmp(reason + size, ": ", 2) == 0)
        reason += size + 2;
    return BAD("cannot load plugin: %s: %s", plugin->path, reason);
}

static mr_status read_descriptor(mr_plugin *plugin, mr_error *error)
{
    const mr_app *app = dlsym(plugin->handle, "mr_app_descriptor");
    if (!app)
        return BAD("not a plugin: %s: it lacks the symbol mr_app_descriptor: describe the app with "
                   "MR_APP",
                   plugin->path);
    if (app->abi != MR_ABI)
        return BAD("plugin does not fit: %s: it was built for ABI %u, this mapred has %u: begin it "
                   "with MR_APP_ABI and build it again",
                   plugin->path, app->abi, (unsigned)MR_ABI);
    if (app->size != sizeof(mr_app))
        return BAD("plugin does not fit: %s: its descriptor has %u bytes, this mapred's %zu: begin "
                   "it with MR_APP_ABI and build it again",
                   plugin->path, app->size, sizeof(mr_app));
    plugin->app = app;
    return mr_app_check(app, plugin->path, error);
}

mr_status mr_plugin_load(mr_plugin **plugin, const char *path, mr_error *error)
{
    *plugin = NULL;
    MR_TRY(check_file(path, error));
    mr_plugin *made = calloc(1, sizeof *made);
    if (made)
        made->path = strdup(path);
    if (!made || !made->path) {
        free(made);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot load plugin %s", path);
    }
    mr_status status = open_object(made, error);
    if (status == MR_OK)
        status = read_descriptor(made, error);
    if (status != MR_OK)
        mr_plugin_destroy(&made);
    *plugin = made;
    return status;
}

void mr_plugin_destroy(mr_plugin **plugin)
{
    if (!*plugin)
        return;
    if ((*plugin)->handle && mr_stray_count() == 0)
        dlclose((*plugin)->handle);
    free((*plugin)->path);
    free(*plugin);
    *plugin = NULL;
}

const mr_app *mr_plugin_app(const mr_plugin *plugin)
{
    return plugin->app;
}

const char *mr_plugin_path(const mr_plugin *plugin)
{
    return plugin->path;
}

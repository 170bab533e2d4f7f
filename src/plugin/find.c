/*
 * plugin/find.c: the search path of apps: finding one, listing all. Reads folders, loads nothing.
 */
#include "plugin/find.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* The next folder of a list with colons between; empty ones are skipped. False at the end. */
static bool next_folder(const char **list, char folder[MR_PATH])
{
    while (*list && **list) {
        size_t size = strcspn(*list, ":");
        const char *start = *list;
        *list += size + (start[size] == ':');
        if (size > 0 && size < MR_PATH) {
            memcpy(folder, start, size);
            folder[size] = '\0';
            return true;
        }
    }
    return false;
}

static bool is_app_in(mr_found *found, const char *folder, const char *name)
{
    mr_error ignored = {MR_OK, ""};
    struct stat file;
    return mr_path_format(found->path, MR_BAD_PLUGIN, &ignored, "%s/%s.so", folder, name) ==
               MR_OK &&
           stat(found->path, &file) == 0 && S_ISREG(file.st_mode);
}

static mr_status find_by_name(mr_found *found, const mr_places *places, const char *search,
                              const char *name, mr_error *error)
{
    char folder[MR_PATH];
    while (*name && next_folder(&search, folder))
        if (is_app_in(found, folder, name))
            return MR_OK;
    if (*name && is_app_in(found, places->apps, name))
        return MR_OK;
    return mr_error_set(error, MR_BAD_PLUGIN,
                        "no such app: %s: see 'mapred apps', or give a path to a plugin", name);
}

mr_status mr_app_find(mr_found *found, const mr_places *places, const char *search,
                      const char *name, mr_error *error)
{
    bool has_slash = strchr(name, '/') != NULL;
    found->is_source = ends_with(name, ".c") && (has_slash || access(name, F_OK) == 0);
    if (!found->is_source && !has_slash && !ends_with(name, ".so"))
        return find_by_name(found, places, search, name, error);
    /* With a slash in it, dlopen takes the path as it is. */
    return mr_path_format(found->path, MR_BAD_PLUGIN, error, "%s%s", has_slash ? "" : "./", name);
}

static mr_status out_of_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot list the apps");
}

static bool is_listed(const mr_listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->apps[i].name, name) == 0)
            return true;
    return false;
}

static mr_status list_app(mr_listing *listing, const char *folder, const char *file,
                          mr_error *error)
{
    char path[MR_PATH];
    MR_TRY(mr_path_format(path, MR_BAD_PLUGIN, error, "%s/%s", folder, file));
    mr_listed *apps = realloc(listing->apps, (listing->count + 1) * sizeof *apps);
    if (!apps)
        return out_of_memory(error);
    listing->apps = apps;
    mr_listed *app = &apps[listing->count];
    app->name = strndup(file, strlen(file) - strlen(".so"));
    app->path = strdup(path);
    if (!app->name || !app->path) {
        free(app->name);
        free(app->path);
        return out_of_memory(error);
    }
    listing->count++;
    return MR_OK;
}

static mr_status list_folder(mr_listing *listing, const char *path, mr_error *error)
{
    DIR *folder = opendir(path);
    if (!folder)
        return MR_OK;
    mr_status status = MR_OK;
    for (struct dirent *entry; status == MR_OK && (entry = readdir(folder));) {
        char name[sizeof entry->d_name];
        size_t size = strlen(entry->d_name);
        if (!ends_with(entry->d_name, ".so"))
            continue;
        memcpy(name, entry->d_name, size - 3);
        name[size - 3] = '\0';
        if (!is_listed(listing, name))
            status = list_app(listing, path, entry->d_name, error);
    }
    closedir(folder);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const mr_listed *)a)->name, ((const mr_listed *)b)->name);
}

mr_status mr_listing_read(mr_listing *listing, const mr_places *places, const char *search,
                          mr_error *error)
{
    *listing = (mr_listing){NULL, 0};
    mr_status status = MR_OK;
    char folder[MR_PATH];
    while (status == MR_OK && next_folder(&search, folder))
        status = list_folder(listing, folder, error);
    if (status == MR_OK)
        status = list_folder(listing, places->apps, error);
    if (status != MR_OK)
        mr_listing_free(listing);
    else if (listing->count > 1)
        qsort(listing->apps, listing->count, sizeof *listing->apps, compare_names);
    return status;
}

void mr_listing_free(mr_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->apps[i].name);
        free(listing->apps[i].path);
    }
    free(listing->apps);
    *listing = (mr_listing){NULL, 0};
}

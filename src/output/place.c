/* output/place.c: folders: what is in them, removing them, syncing them. */
#include "output/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *mr_place_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void mr_place_parent(const char *path, char parent[MR_PLACE_PATH])
{
    int size = (int)(mr_place_name(path) - path);
    if (size > 1)
        size--;
    snprintf(parent, MR_PLACE_PATH, "%.*s", size, path);
    if (size == 0)
        snprintf(parent, MR_PLACE_PATH, ".");
}

static bool is_part(const char *name)
{
    if (strncmp(name, "part-", 5) != 0)
        return false;
    size_t digits = strspn(name + 5, "0123456789");
    return digits >= 5 && name[5 + digits] == '\0';
}

static bool is_result(int folder, const char *name)
{
    struct stat found;
    if (strcmp(name, "_SUCCESS") != 0 && !is_part(name))
        return false;
    return fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode);
}

/* The next entry that is not the folder itself or the one above; NULL at the end, with errno. */
static struct dirent *next_entry(DIR *folder)
{
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(folder);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

static DIR *open_folder(const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = file < 0 ? NULL : fdopendir(file);
    if (file >= 0 && !folder)
        close(file);
    return folder;
}

mr_status mr_place_look(const char *path, mr_place *place, mr_error *error)
{
    *place = (mr_place){.empty = true};
    DIR *folder = open_folder(path);
    if (!folder)
        return mr_error_set(error, MR_BAD_OUTPUT, "cannot read output folder: %s: %s", path,
                            strerror(errno));
    struct dirent *entry;
    while ((entry = next_entry(folder)) != NULL) {
        place->empty = false;
        if (is_result(dirfd(folder), entry->d_name))
            continue;
        place->other = true;
        snprintf(place->name, sizeof place->name, "%s", entry->d_name);
        break;
    }
    int cause = entry ? 0 : errno;
    closedir(folder);
    if (cause)
        return mr_error_set(error, MR_BAD_OUTPUT, "cannot read output folder: %s: %s", path,
                            strerror(cause));
    return MR_OK;
}

void mr_place_remove(const char *path)
{
    DIR *folder = open_folder(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = next_entry(folder)) != NULL;)
        if (is_result(dirfd(folder), entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

mr_status mr_place_sync(const char *path, mr_error *error)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int cause = file < 0 || fsync(file) != 0 ? errno : 0;
    if (file >= 0)
        close(file);
    /* Some file systems cannot sync a folder, or let one write into a folder but not read it. */
    if (cause == 0 || cause == EINVAL || cause == ENOTSUP || cause == EACCES)
        return MR_OK;
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot sync output folder: %s: %s", path,
                        strerror(cause));
}

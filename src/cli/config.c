/*
 * cli/config.c: reading a config file and taking its lines apart. Knows no option.
 */
#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_LIMIT (1u << 20)

static mr_status refuse(const char *path, const char *why, mr_error *error)
{
    return mr_error_set(error, MR_USAGE, "cannot read config file: %s: %s", path, why);
}

mr_status mr_config_read(char **text, const char *path, bool must_exist, mr_error *error)
{
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT && !must_exist ? MR_OK : refuse(path, strerror(errno), error);
    mr_status status = MR_OK;
    char *read = malloc(CONFIG_LIMIT + 1);
    size_t size = read ? fread(read, 1, CONFIG_LIMIT + 1, file) : 0;
    if (!read)
        status = mr_error_set(error, MR_NO_MEMORY, "out of memory: cannot read %s", path);
    else if (ferror(file))
        status = refuse(path, strerror(errno), error);
    else if (size > CONFIG_LIMIT)
        status = refuse(path, "larger than 1 MiB", error);
    else if (memchr(read, '\0', size))
        status = refuse(path, "not a text file", error);
    else
        read[size] = '\0';
    fclose(file);
    if (status == MR_OK)
        *text = read;
    else
        free(read);
    return status;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

static mr_status parse_line(char *line, const char *place, mr_config_take *take, void *context,
                            mr_error *error)
{
    char *name = trim(line);
    if (!*name || *name == '#')
        return MR_OK;
    char *equals = strchr(name, '=');
    if (!equals || equals == name)
        return mr_error_set(error, MR_USAGE, "bad config line: %s: write name = value", place);
    *equals = '\0';
    return take(context, trim(name), trim(equals + 1), place);
}

mr_status mr_config_parse(char *text, const char *name, mr_config_take *take, void *context,
                          mr_error *error)
{
    char place[256];
    for (unsigned long number = 1; text; number++) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        snprintf(place, sizeof place, "%.200s line %lu", name, number);
        MR_TRY(parse_line(text, place, take, context, error));
        text = next;
    }
    return MR_OK;
}

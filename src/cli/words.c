/* cli/words.c: options of subcommands that have only a few. */
#include "cli/words.h"

#include "cli/value.h"

#include <string.h>

bool mr_word_option(char *const *words, int count, int *at, const char *name, const char **value)
{
    const char *word = words[*at];
    size_t size = strlen(name);
    *value = NULL;
    if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, size) != 0)
        return false;
    if (word[2 + size] == '=')
        *value = word + 3 + size;
    else if (word[2 + size] != '\0')
        return false;
    else if (*at + 1 < count)
        *value = words[++*at];
    return true;
}

static mr_status wrong(const char *name, const char *text, mr_error *error)
{
    return mr_error_set(error, MR_USAGE, "wrong value: --%s %s: give a number", name,
                        text ? text : "");
}

mr_status mr_word_whole(const char *name, const char *text, uint64_t *value, mr_error *error)
{
    return text && mr_value_whole(text, value) ? MR_OK : wrong(name, text, error);
}

mr_status mr_word_size(const char *name, const char *text, uint64_t *value, mr_error *error)
{
    return text && mr_value_size(text, value) ? MR_OK : wrong(name, text, error);
}

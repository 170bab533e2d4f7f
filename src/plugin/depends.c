/*
 * plugin/depends.c: reading a compiler's dependency rules, and a list of hashes to hold files
 * against. The list has a line a file: its hash in 16 digits, a blank, its path.
 */
#include "plugin/depends.h"

#include "plugin/places.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static bool hash_file(int file, XXH64_state_t *state, uint64_t *hash)
{
    char bytes[16384];
    ssize_t size;
    XXH64_reset(state, 0);
    while ((size = read(file, bytes, sizeof bytes)) != 0) {
        if (size > 0)
            XXH64_update(state, bytes, (size_t)size);
        else if (errno != EINTR)
            return false;
    }
    *hash = XXH64_digest(state);
    return true;
}

bool mr_file_hash(const char *path, uint64_t *hash)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    XXH64_state_t *state = XXH64_createState();
    bool done = state && hash_file(file, state, hash);
    int code = errno;
    XXH64_freeState(state);
    close(file);
    errno = code;
    return done;
}

enum { RULE_BLANK = 256, RULE_END };

/*
 * The next character of a makefile rule: a backslash takes the meaning from what follows, at the
 * end of a line it continues it, and $$ is a dollar.
 */
static int next_character(FILE *rules)
{
    int c = getc(rules), next;
    if (c == EOF || c == '\n')
        return RULE_END;
    if (c == ' ')
        return RULE_BLANK;
    if (c != '\\' && c != '$')
        return c;
    next = getc(rules);
    if (c == '\\' && next == '\n')
        return RULE_BLANK;
    if (c == '$' ? next == '$' : next == ' ' || next == '#' || next == '\\')
        return next;
    ungetc(next, rules);
    return c;
}

/* The next name of a rule, as far as it fits. False at the end of the rule. */
static bool next_name(FILE *rules, char name[MR_PATH])
{
    size_t size = 0;
    int c = next_character(rules);
    while (c == RULE_BLANK)
        c = next_character(rules);
    for (; c != RULE_END && c != RULE_BLANK; c = next_character(rules))
        if (size + 1 < MR_PATH)
            name[size++] = (char)c;
    name[size] = '\0';
    return size > 0;
}

static bool write_list(FILE *rules, FILE *list)
{
    char name[MR_PATH];
    uint64_t hash;
    next_name(rules, name); /* what is made from the rest, and a colon */
    while (next_name(rules, name))
        if (!mr_file_hash(name, &hash) || fprintf(list, "%016" PRIx64 " %s\n", hash, name) < 0)
            return false;
    return true;
}

mr_status mr_depends_record(const char *rules, const char *list, mr_error *error)
{
    FILE *in = fopen(rules, "re"), *out = fopen(list, "we");
    bool done = in && out && write_list(in, out);
    int code = errno;
    if (in)
        fclose(in);
    if (out && fclose(out) != 0)
        done = false;
    if (done)
        return MR_OK;
    unlink(list);
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write the plugin cache: %s: %s", list,
                        strerror(code));
}

bool mr_depends_unchanged(const char *list)
{
    char line[MR_PATH + 32];
    FILE *file = fopen(list, "re");
    bool same = file != NULL;
    size_t files = 0;
    while (same && fgets(line, sizeof line, file)) {
        char *path;
        uint64_t hash, then = strtoull(line, &path, 16);
        line[strcspn(line, "\n")] = '\0';
        same = *path == ' ' && mr_file_hash(path + 1, &hash) && hash == then;
        files++;
    }
    if (file)
        fclose(file);
    return same && files > 0;
}

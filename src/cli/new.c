/* cli/new.c: mapred new. A small app that works, to be changed into one's own. */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NAME_LIMIT 64

/* Each %s is the name. */
static const char template[] =
    "/* %s.c: counts the words of text files that have at least --length letters. */\n"
    "#include <mapred.h>\n"
    "\n"
    "/* What the options are read into. */\n"
    "typedef struct state {\n"
    "    int64_t length;\n"
    "} state;\n"
    "\n"
    "static const mr_option options[] = {\n"
    "    {\"length\", MR_OPTION_I64, offsetof(state, length), \"1\", \"the least length\", "
    "false},\n"
    "    {0},\n"
    "};\n"
    "\n"
    "/* Called in many threads, each time with many whole records: keep nothing in globals. */\n"
    "static mr_status map(mr_out *out, mr_block *block)\n"
    "{\n"
    "    const state *wanted = mr_out_state(out);\n"
    "    for (mr_bytes word; mr_block_next_word(block, &word);)\n"
    "        if ((int64_t)word.size >= wanted->length)\n"
    "            MR_TRY(mr_out_add_i64(out, word, 1)); /* the key, and what is folded into it */\n"
    "    return MR_OK;\n"
    "}\n"
    "\n"
    "MR_APP = {\n"
    "    MR_APP_ABI,\n"
    "    .name = \"%s\",\n"
    "    .summary = \"count the words of text files\",\n"
    "    .input = MR_INPUT_WORDS, /* what a record is: mapred/app.h has the others */\n"
    "    .map = map,\n"
    "    .fold = MR_SUM_I64, /* how the values of a key become one: see mapred/fold.h */\n"
    "    .options = options,\n"
    "    .state_size = sizeof(state),\n"
    "};\n";

static bool is_identifier(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t size = strlen(name);
    return size > 0 && size <= NAME_LIMIT && strchr(letters, name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == size;
}

static mr_status write_app(const char *path, const char *name, mr_error *error)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST)
        return mr_error_set(error, MR_BAD_OUTPUT, "file exists: %s: take another name", path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (file) {
        fprintf(file, template, name, name);
        bool failed = ferror(file);
        if (fclose(file) == 0 && !failed)
            return MR_OK;
    }
    return mr_error_set(error, MR_BAD_OUTPUT, "cannot write app: %s: %s", path, strerror(errno));
}

mr_status mr_command_new(mr_call *call, mr_error *error)
{
    char path[NAME_LIMIT + 3];
    if (call->count != 1)
        return mr_error_set(error, MR_USAGE, "one name is needed: see 'mapred help new'");
    const char *name = call->arguments[0];
    if (!is_identifier(name))
        return mr_error_set(error, MR_USAGE,
                            "bad name: %s: take letters, digits and _, a letter first, %d at most",
                            name, NAME_LIMIT);
    snprintf(path, sizeof path, "%s.c", name);
    MR_TRY(write_app(path, name, error));
    fprintf(call->out,
            "%s is written.\n"
            "build it:      mapred build %s\n"
            "run it:        mapred ./%s.so INPUT...\n"
            "do both:       mapred ./%s INPUT...\n"
            "on four ranks: mpirun -np 4 mapred ./%s.so INPUT...\n",
            path, path, name, path, name);
    return MR_OK;
}

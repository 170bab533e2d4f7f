/*
 * tests/unit/test_plugin.c: finding, building, caching and loading apps. Plugins that are broken in
 * one way each are compiled on the fly into a folder of the test's own.
 */
#include "plugin/build.h"
#include "plugin/cache.h"
#include "plugin/depends.h"
#include "plugin/find.h"
#include "plugin/load.h"

#include <CUnit/Basic.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANKS 6

static char root[] = "/tmp/mapred-plugin-XXXXXX";
static mr_places places;

static const char beginning[] =
    "#include <mapred.h>\n"
    "static mr_status map(mr_out *out, mr_block *block)\n"
    "{ (void)out; (void)block; return MR_OK; }\n"
    "static void merge(const mr_fold *f, void *a, const void *b) { (void)f; (void)a; (void)b; }\n"
    "static void show(const mr_fold *f, const void *a, mr_row *r) { (void)f; (void)a; (void)r; }\n"
    "static const mr_fold fold = {.name = \"f\", .size = 8, .merge = merge, .show = show};\n";

/* A path in the test's folder, valid until the fourth call from now. */
static const char *in_root(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *in_root(const char *format, ...)
{
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    va_list arguments;
    va_start(arguments, format);
    int size = snprintf(path, sizeof paths[0], "%s/", root);
    vsnprintf(path + size, sizeof paths[0] - (size_t)size, format, arguments);
    va_end(arguments);
    return path;
}

static void write_file(const char *path, const char *first, const char *second)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(first, file);
    fputs(second, file);
    CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inside[1024];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        remove_tree(inside);
    }
    if (folder)
        closedir(folder);
    remove(path);
}

static mr_status build(const char *name, const char *first, const char *second, mr_error *error)
{
    mr_build job = {.source = in_root("%s.c", name), .target = in_root("%s.so", name)};
    write_file(job.source, first, second);
    *error = (mr_error){MR_OK, ""};
    return mr_plugin_build(&job, &places, error);
}

/* Loads NAME and expects it to be refused with the file's path and these words. */
static void expect_refusal(const char *name, const char *what, const char *why)
{
    mr_plugin *plugin;
    mr_error error = {MR_OK, ""};
    const char *path = in_root("%s", name);
    CU_ASSERT_EQUAL(mr_plugin_load(&plugin, path, &error), MR_BAD_PLUGIN);
    CU_ASSERT_EQUAL(error.code, MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NULL(plugin);
    bool fits = strncmp(error.text, what, strlen(what)) == 0 && strstr(error.text, path) &&
                strstr(error.text, why);
    if (!fits)
        printf("\n  '%s' is not about %s: %s ... %s", error.text, path, what, why);
    CU_ASSERT_TRUE(fits);
    mr_plugin_destroy(&plugin);
}

static void test_good(void)
{
    mr_error error;
    mr_plugin *plugin;
    CU_ASSERT_EQUAL_FATAL(build("good", beginning,
                                "MR_APP = {MR_APP_ABI, .name = \"good\", .map = map, "
                                ".fold = &fold};\n",
                                &error),
                          MR_OK);
    CU_ASSERT_NOT_EQUAL(access(in_root("good.so.log"), F_OK), 0);
    CU_ASSERT_EQUAL_FATAL(mr_plugin_load(&plugin, in_root("good.so"), &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(mr_plugin_app(plugin)->name, "good");
    CU_ASSERT_STRING_EQUAL(mr_plugin_path(plugin), in_root("good.so"));
    mr_plugin_destroy(&plugin);
    CU_ASSERT_PTR_NULL(plugin);
    mr_plugin_destroy(&plugin);
}

/* What stands in the descriptor besides a good one's fields. ABI and size come before all else. */
static void test_broken_descriptors(void)
{
    static const char *const cases[][3] = {
        {".abi = 99, .map = 0", "plugin does not fit", "ABI 99, this mapred has 4"},
        {".size = 16, .map = 0", "plugin does not fit", "its descriptor has 16 bytes"},
        {".map = 0", "plugin is not whole", "no map kernel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], name[32];
        mr_error error;
        snprintf(name, sizeof name, "broken%zu", i);
        snprintf(text, sizeof text,
                 "MR_APP = {MR_APP_ABI, .name = \"x\", .map = map, .fold = &fold, %s};\n",
                 cases[i][0]);
        CU_ASSERT_EQUAL_FATAL(build(name, beginning, text, &error), MR_OK);
        snprintf(name, sizeof name, "broken%zu.so", i);
        expect_refusal(name, cases[i][1], cases[i][2]);
    }
}

/* The first `size` bytes of the good plugin. */
static void write_part(const char *name, size_t size)
{
    static char bytes[1 << 16];
    FILE *in = fopen(in_root("good.so"), "r"), *out = fopen(in_root("%s", name), "w");
    CU_ASSERT_TRUE_FATAL(in && out);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, fread(bytes, 1, size, in), out), size);
    fclose(in);
    fclose(out);
}

static void test_broken_files(void)
{
    mr_error error;
    expect_refusal("absent.so", "no such plugin", "see 'mapred apps'");
    write_file(in_root("text.so"), "this is no shared object, but text, and there is enough of it ",
               "to fill the header of one: that is 64 bytes\n");
    expect_refusal("text.so", "not a plugin", "it is not a shared object");
    write_file(in_root("empty.so"), "", "");
    expect_refusal("empty.so", "not a plugin", "it is not a shared object");
    CU_ASSERT_EQUAL(mkdir(in_root("folder.so"), 0700), 0);
    expect_refusal("folder.so", "not a plugin", "it is a folder");
    CU_ASSERT_EQUAL_FATAL(build("bare", "int answer = 42;\n", "", &error), MR_OK);
    expect_refusal("bare.so", "not a plugin", "it lacks the symbol mr_app_descriptor");
    CU_ASSERT_EQUAL_FATAL(build("needy", "void nobody_has_this(void);\n",
                                "void call(void) { nobody_has_this(); }\n", &error),
                          MR_OK);
    expect_refusal("needy.so", "cannot load plugin", "undefined symbol: nobody_has_this");
}

/* A plugin that was copied in part must not crash whoever loads it, wherever it ends. */
static void test_cut_off_files(void)
{
    struct stat about;
    CU_ASSERT_EQUAL_FATAL(stat(in_root("good.so"), &about), 0);
    for (size_t size = 0; size < (size_t)about.st_size; size += size / 7 + 13) {
        mr_plugin *plugin;
        mr_error error = {MR_OK, ""};
        write_part("part.so", size);
        mr_status status = mr_plugin_load(&plugin, in_root("part.so"), &error);
        /* Only the tables for linkers and debuggers stand at the end, and may be missing. */
        CU_ASSERT_TRUE(status == MR_BAD_PLUGIN || size > (size_t)about.st_size / 2);
        mr_plugin_destroy(&plugin);
    }
}

static mr_status sample_map(mr_out *out, mr_block *block)
{
    (void)out;
    (void)block;
    return MR_OK;
}

static void sample_merge(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    (void)accumulator;
    (void)other;
}

static void sample_show(const mr_fold *self, const void *accumulator, mr_row *row)
{
    (void)self;
    (void)accumulator;
    (void)row;
}

static mr_fold sample_fold;
static mr_option sample_options[3];

static mr_app sample_app(void)
{
    sample_fold = (mr_fold){.size = 12, .merge = sample_merge, .show = sample_show};
    sample_options[0] = (mr_option){"one", MR_OPTION_I64, 0, NULL, "", false};
    sample_options[1] = (mr_option){"two", MR_OPTION_FLAG, 8, NULL, "", false};
    return (mr_app){MR_APP_ABI,           .name = "sample",          .map = sample_map,
                    .fold = &sample_fold, .options = sample_options, .state_size = 9};
}

static void check(const mr_app *app, const char *why)
{
    mr_error error = {MR_OK, ""};
    mr_status status = mr_app_check(app, "x.so", &error);
    CU_ASSERT_EQUAL(status, why ? MR_BAD_PLUGIN : MR_OK);
    if (why && !strstr(error.text, why))
        printf("\n  '%s' is not about '%s'", error.text, why);
    CU_ASSERT_TRUE(!why || (strstr(error.text, why) && strstr(error.text, ": x.so: ")));
}

static void test_check_of_kinds(void)
{
    mr_app app = sample_app();
    check(&app, NULL);
    app.name = "";
    check(&app, "no name");
    app = sample_app();
    app.map = NULL;
    check(&app, "no map kernel");
    app = sample_app();
    app.input = MR_INPUT_RECORDS;
    check(&app, "records have no size");
    app.record_size = 4;
    check(&app, NULL);
    app.key = MR_KEY_DENSE;
    check(&app, "dense keys, but no count");
    app.dense_count = 1;
    check(&app, NULL);
    app.input = (mr_input)77;
    check(&app, "unknown kind of input: 77");
    app = sample_app();
    app.key = (mr_key)77;
    check(&app, "unknown kind of key: 77");
}

static mr_status sample_reduce(mr_out *out, mr_bytes key, mr_values *values)
{
    (void)out;
    (void)key;
    (void)values;
    return MR_OK;
}

static mr_status sample_run(mr_job *job)
{
    (void)job;
    return MR_OK;
}

static void test_check_of_drivers(void)
{
    mr_app app = {MR_APP_ABI, .name = "sample", .run = sample_run};
    check(&app, NULL);
    app.input = (mr_input)77; /* which nobody looks at */
    check(&app, NULL);
    app.map = sample_map;
    check(&app, "a driver and a map kernel: set .run alone");
    app.map = NULL;
    app.reduce = sample_reduce;
    check(&app, "a driver and a reduce kernel");
    app = sample_app();
    app.map = NULL;
    app.run = sample_run;
    check(&app, "a driver and a fold");
    app.fold = NULL;
    check(&app, NULL);
    app.state_size = 8;
    check(&app, "--two: its offset lies outside");
    app.name = NULL;
    check(&app, "no name");
}

static void check_shape_of(mr_shape shape, const char *why)
{
    mr_app app = {MR_APP_ABI, .name = "sample", .map = sample_map, .reduce = sample_reduce};
    app.pairs = shape;
    check(&app, why);
    app.pairs = (mr_shape){.key = MR_KEY_BYTES};
    app.result = shape;
    check(&app, why);
}

static void test_check_of_reduces(void)
{
    static const mr_key keys[] = {MR_KEY_BYTES, MR_KEY_I64, MR_KEY_U64, MR_KEY_F64};
    mr_app app = {MR_APP_ABI, .name = "sample", .map = sample_map, .reduce = sample_reduce};
    check(&app, NULL);
    app.input = MR_INPUT_RECORDS;
    check(&app, "records have no size");
    app = sample_app();
    app.reduce = sample_reduce;
    check(&app, "a reduce and a fold: set one of them");
    app.fold = NULL;
    app.map = NULL;
    check(&app, "no map kernel");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (int value = MR_VALUE_BYTES; value <= MR_VALUE_NONE; value++)
            check_shape_of((mr_shape){.key = keys[i], .value = (mr_value_type)value}, NULL);
    check_shape_of((mr_shape){.key = MR_KEY_DENSE}, "has dense keys");
    check_shape_of((mr_shape){.key = (mr_key)6}, "unknown kind of key: 6");
    check_shape_of((mr_shape){.value = (mr_value_type)5}, "unknown kind of value: 5");
    check_shape_of((mr_shape){.key = MR_KEY_TUPLE}, "no fields: set .tuple");
    check_shape_of((mr_shape){.key = MR_KEY_TUPLE, .tuple = ""}, "no fields: set .tuple");
    check_shape_of((mr_shape){.key = MR_KEY_TUPLE, .tuple = "bx"}, "tuples of 'bx'");
    check_shape_of((mr_shape){.key = MR_KEY_TUPLE, .tuple = "biuf"}, NULL);
}

/* Which of the two shapes is wrong is told. */
static void test_names_of_shapes(void)
{
    mr_app app = {MR_APP_ABI, .name = "sample", .map = sample_map, .reduce = sample_reduce};
    app.pairs.key = MR_KEY_DENSE;
    check(&app, ": .pairs has");
    app.pairs.key = MR_KEY_BYTES;
    app.result.key = MR_KEY_DENSE;
    check(&app, ": .result has");
}

/* Kinds of keys that a fold can't have. */
static void test_check_of_folded_keys(void)
{
    static const mr_key keys[] = {MR_KEY_U64, MR_KEY_F64, MR_KEY_TUPLE};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        mr_app app = sample_app();
        app.key = keys[i];
        check(&app, "set .key to one of them");
    }
}

static void test_check_of_folds(void)
{
    mr_app app = sample_app();
    app.fold = NULL;
    check(&app, "no fold");
    app = sample_app();
    sample_fold.merge = NULL;
    check(&app, "no merge function");
    app = sample_app();
    sample_fold.show = NULL;
    check(&app, "no show function");
    app = sample_app();
    sample_fold.size = 0;
    check(&app, "accumulator has no size");
    app = sample_app();
    sample_fold.flags = MR_FOLD_PLAIN_SUM;
    check(&app, "plain sum of 12 bytes");
}

static void test_check_of_options(void)
{
    static const char *const names[] = {"", "-x", "a b", "1st", "x=y", "ä"};
    mr_app app = sample_app();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sample_options[0].name = names[i];
        check(&app, "a name is letters, digits and dashes");
    }
    app = sample_app();
    sample_options[1].name = "one";
    check(&app, "--one: there are two of it");
    app = sample_app();
    sample_options[0].type = (mr_option_type)9;
    check(&app, "--one: unknown type 9");
    app = sample_app();
    app.state_size = 8;
    check(&app, "--two: its offset lies outside the app's state");
    app = sample_app();
    sample_options[1].offset = SIZE_MAX;
    check(&app, "--two: its offset lies outside the app's state");
    app = sample_app();
    sample_options[0].offset = 1;
    check(&app, "--one: its offset fits no value of its type");
    app = sample_app();
    sample_options[1].required = true;
    check(&app, "--two: a flag can't be required");
}

static void test_build_errors(void)
{
    mr_error error;
    char wanted[1200];
    CU_ASSERT_EQUAL(build("wrong", "\n\nint x = ;\n", "", &error), MR_BAD_PLUGIN);
    snprintf(wanted, sizeof wanted, "cannot compile plugin: %s:3:", in_root("wrong.c"));
    CU_ASSERT_EQUAL(strncmp(error.text, wanted, strlen(wanted)), 0);
    snprintf(wanted, sizeof wanted, ": fix it; the whole log is in %s", in_root("wrong.so.log"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, wanted));
    CU_ASSERT_EQUAL(access(in_root("wrong.so.log"), R_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(in_root("wrong.so"), F_OK), 0);

    mr_build job = {.source = in_root("good.c"), .target = in_root("none/good.so")};
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_plugin_build(&job, &places, &error), MR_BAD_OUTPUT);
    job = (mr_build){.source = in_root("absent.c"), .target = in_root("absent.so")};
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_plugin_build(&job, &places, &error), MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "absent.c: No such file"));
    job = (mr_build){.source = in_root("good.c"),
                     .target = in_root("absent.so"),
                     .compiler = "no-such-compiler -x"};
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_plugin_build(&job, &places, &error), MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot run 'no-such-compiler'"));
}

/* A compiler that counts how often it is called. */
static void use_counting_compiler(void)
{
    char script[1024];
    const char *path = in_root("cc.sh");
    snprintf(script, sizeof script, "#!/bin/sh\necho >>'%s'\nexec cc \"$@\"\n", in_root("calls"));
    write_file(path, script, "");
    CU_ASSERT_EQUAL(chmod(path, 0700), 0);
    setenv("CC", path, 1);
}

static long compilations(void)
{
    struct stat calls;
    return stat(in_root("calls"), &calls) == 0 ? (long)calls.st_size : 0;
}

static void expect_compilations(char path[MR_PATH], const char *source, long count)
{
    mr_error error = {MR_OK, ""};
    long before = compilations();
    CU_ASSERT_EQUAL(mr_cache_plugin(path, source, &places, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    CU_ASSERT_EQUAL(access(path, R_OK), 0);
    CU_ASSERT_EQUAL(compilations() - before, count);
}

static void test_cache(void)
{
    char first[MR_PATH], second[MR_PATH], source[256], header[256];
    CU_ASSERT_EQUAL(mkdir(in_root("a b"), 0700), 0);
    snprintf(source, sizeof source, "%s", in_root("a b/with header.c"));
    snprintf(header, sizeof header, "%s", in_root("a b/an odd$#\\ one.h"));
    write_file(header, "#define VALUE 1\n", "");
    write_file(source, "#include \"an odd$#\\ one.h\"\n", "int value = VALUE;\n");
    expect_compilations(first, source, 1);
    expect_compilations(second, source, 0);
    CU_ASSERT_STRING_EQUAL(first, second);
    write_file(header, "#define VALUE 2\n", "");
    expect_compilations(second, source, 1);
    expect_compilations(second, source, 0);
    write_file(source, "#include \"an odd$#\\ one.h\"\n", "int other = VALUE;\n");
    expect_compilations(second, source, 1);
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    unlink(header);
    mr_error error = {MR_OK, ""};
    CU_ASSERT_EQUAL(mr_cache_plugin(second, source, &places, &error), MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot compile plugin: "));
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_cache_plugin(second, in_root("absent.c"), &places, &error), MR_BAD_PLUGIN);
}

/* Many at once compile once. */
static void test_cache_of_many(void)
{
    const char *source = in_root("many.c");
    pid_t children[RANKS];
    long before = compilations();
    write_file(source, "int many = 1;\n", "");
    for (int i = 0; i < RANKS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char path[MR_PATH];
            mr_error error = {MR_OK, ""};
            _exit(mr_cache_plugin(path, source, &places, &error) == MR_OK && access(path, R_OK) == 0
                      ? 0
                      : 1);
        }
    }
    for (int i = 0; i < RANKS; i++) {
        int state = -1;
        CU_ASSERT_EQUAL(waitpid(children[i], &state, 0), children[i]);
        CU_ASSERT_EQUAL(state, 0);
    }
    CU_ASSERT_EQUAL(compilations() - before, 1);
}

/* Code is run from the cache: a folder that others can write is passed over. */
static void test_cache_folder(void)
{
    char path[MR_PATH], wanted[256];
    mr_error error = {MR_OK, ""};
    CU_ASSERT_EQUAL(mr_cache_folder(path, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(path, in_root("cache/mapred"));
    struct stat about;
    CU_ASSERT_EQUAL(stat(path, &about), 0);
    CU_ASSERT_EQUAL(about.st_mode & 0777, 0700);
    CU_ASSERT_EQUAL(chmod(path, 0770), 0);
    setenv("HOME", in_root("home"), 1);
    CU_ASSERT_EQUAL(mr_cache_folder(path, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(path, in_root("home/.cache/mapred"));
    CU_ASSERT_EQUAL(rename(path, in_root("home/real")), 0);
    CU_ASSERT_EQUAL(symlink(in_root("home/real"), path), 0);
    setenv("TMPDIR", root, 1);
    CU_ASSERT_EQUAL(mr_cache_folder(path, &error), MR_OK);
    snprintf(wanted, sizeof wanted, "%s/mapred-%lu", root, (unsigned long)geteuid());
    CU_ASSERT_STRING_EQUAL(path, wanted);
    unsetenv("TMPDIR");
    CU_ASSERT_EQUAL(chmod(in_root("cache/mapred"), 0700), 0);
}

static void expect_found(const char *search, const char *name, bool is_source, const char *path)
{
    mr_found found;
    mr_error error = {MR_OK, ""};
    mr_status status = mr_app_find(&found, &places, search, name, &error);
    if (!path) {
        CU_ASSERT_EQUAL(status, MR_BAD_PLUGIN);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no such app: "));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, name));
        return;
    }
    CU_ASSERT_EQUAL_FATAL(status, MR_OK);
    CU_ASSERT_STRING_EQUAL(found.path, path);
    CU_ASSERT_EQUAL(found.is_source, is_source);
}

static void test_find(void)
{
    char search[512];
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(mkdir(in_root("path%d", i), 0700), 0);
        write_file(in_root("path%d/both.so", i), "", "");
    }
    write_file(in_root("path1/second.so"), "", "");
    write_file(in_root("path1/no-app.txt"), "", "");
    write_file(in_root("path1/.so"), "", "");
    snprintf(search, sizeof search, "::%s:/nowhere:%s:", in_root("path0"), in_root("path1"));
    expect_found(search, "both", false, in_root("path0/both.so"));
    expect_found(search, "second", false, in_root("path1/second.so"));
    expect_found(search, "third", false, NULL);
    expect_found(search, "", false, NULL);
    expect_found(NULL, "no-such-app", false, NULL);
    expect_found("", "absent.c", false, NULL);
    expect_found(NULL, "here.so", false, "./here.so");
    expect_found(NULL, "./a", false, "./a");
    expect_found(NULL, "a/b.c", true, "a/b.c");
    expect_found(NULL, in_root("good.c"), true, in_root("good.c"));

    mr_listing listing;
    mr_error error = {MR_OK, ""};
    mr_places nowhere = {.apps = "/nowhere"};
    CU_ASSERT_EQUAL_FATAL(mr_listing_read(&listing, &nowhere, search, &error), MR_OK);
    CU_ASSERT_EQUAL_FATAL(listing.count, 2);
    CU_ASSERT_STRING_EQUAL(listing.apps[0].name, "both");
    CU_ASSERT_STRING_EQUAL(listing.apps[0].path, in_root("path0/both.so"));
    CU_ASSERT_STRING_EQUAL(listing.apps[1].name, "second");
    mr_listing_free(&listing);
    CU_ASSERT_EQUAL_FATAL(mr_listing_read(&listing, &nowhere, NULL, &error), MR_OK);
    CU_ASSERT_EQUAL(listing.count, 0);
    mr_listing_free(&listing);
}

static void test_places(void)
{
    mr_places found;
    mr_error error = {MR_OK, ""};
    CU_ASSERT_TRUE(places.build_tree);
    CU_ASSERT_EQUAL_FATAL(mr_places_find(&found, in_root("prefix/bin/mapred"), &error), MR_OK);
    CU_ASSERT_FALSE(found.build_tree);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.apps, "/mapred/apps"));
    CU_ASSERT_EQUAL_FATAL(mr_places_find(&found, NULL, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_places_find(&found, "mapred", &error), MR_FAILED);
}

static bool prepare(void)
{
    mr_error error = {MR_OK, ""};
    if (!mkdtemp(root) || mr_places_find(&places, MR_TEST_BUILD "/src/mapred", &error) != MR_OK)
        return false;
    unsetenv("CC");
    unsetenv("TMPDIR");
    return setenv("XDG_CACHE_HOME", in_root("cache"), 1) == 0;
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a good plugin", test_good},
        {"broken descriptors", test_broken_descriptors},
        {"broken files", test_broken_files},
        {"cut off files", test_cut_off_files},
        {"check of kinds", test_check_of_kinds},
        {"check of folds", test_check_of_folds},
        {"check of folded keys", test_check_of_folded_keys},
        {"check of reduces", test_check_of_reduces},
        {"names of shapes", test_names_of_shapes},
        {"check of drivers", test_check_of_drivers},
        {"check of options", test_check_of_options},
        {"build errors", test_build_errors},
        {"a counting compiler", use_counting_compiler},
        {"cache", test_cache},
        {"cache of many", test_cache_of_many},
        {"cache folder", test_cache_folder},
        {"find", test_find},
        {"places", test_places},
        CU_TEST_INFO_NULL,
    };
    if (!prepare() || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("plugin", NULL, NULL);
    for (const CU_TestInfo *test = tests; test->pName; test++)
        CU_add_test(suite, test->pName, test->pTestFunc);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    remove_tree(root);
    return failures > 0 || run == 0;
}

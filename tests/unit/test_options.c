/*
 * tests/unit/test_options.c: options from the command line, the environment and a config file:
 * against a table of cases, against a simple model for random ones, and the documents against the
 * table.
 */
#include "base/nearest.h"
#include "cli/options.h"
#include "cli/value.h"

#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 64

typedef struct state {
    bool count;
    int64_t least;
    double scale;
    uint64_t width;
    const char *pattern;
} state;

static const mr_option own[] = {
    {"count", MR_OPTION_FLAG, offsetof(state, count), NULL, "count", false},
    {"least", MR_OPTION_I64, offsetof(state, least), "-7", "least", false},
    {"scale", MR_OPTION_F64, offsetof(state, scale), "0.5", "scale", false},
    {"width", MR_OPTION_SIZE, offsetof(state, width), "2K", "width", false},
    {"pattern", MR_OPTION_TEXT, offsetof(state, pattern), NULL, "pattern", true},
    {.name = NULL},
};

static const mr_app app = {MR_APP_ABI, .name = "sample", .options = own,
                           .state_size = sizeof(state)};
static const mr_app plain = {MR_APP_ABI, .name = "plain"};

/* Words of `line` (blanks between, at most MOST) as arguments; they live in `line`. */
static int split(char *line, char **words)
{
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word && count < MOST;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    return count;
}

typedef struct outcome {
    char line[512], environment[512], config[512];
    char *words[MOST], *variables[MOST + 1];
    mr_request request;
    state state;
    mr_error error;
    mr_status status;
} outcome;

static void parse(outcome *out, const mr_app *with, const char *line, const char *environment,
                  const char *config)
{
    memset(out, 0, sizeof *out);
    snprintf(out->line, sizeof out->line, "%s", line);
    snprintf(out->environment, sizeof out->environment, "%s", environment ? environment : "");
    snprintf(out->config, sizeof out->config, "%s", config ? config : "");
    split(out->environment, out->variables);
    mr_request_source source = {.app = with,
                                .called = with->name,
                                .count = split(out->line, out->words),
                                .arguments = out->words,
                                .environment = out->variables};
    out->status = mr_options_parse_with(&out->request, &source, &out->state, "a.conf",
                                        config ? out->config : NULL, &out->error);
}

static void test_command_line(void)
{
    outcome out;
    parse(&out, &app,
          "in1 --pattern=a=b -o out.tsv --threads 3 -m4G --top=10 - --sort value --reverse -f csv "
          "--count --least -12 --scale 2.5e3 --width 3M --bind keep --no-steal -q -- --top",
          NULL, NULL);
    const mr_settings *set = &out.request.settings;
    CU_ASSERT_EQUAL_FATAL(out.status, MR_OK);
    CU_ASSERT_STRING_EQUAL(set->output, "out.tsv");
    CU_ASSERT_STRING_EQUAL(set->format, "csv");
    CU_ASSERT_EQUAL(set->threads, 3);
    CU_ASSERT_EQUAL(set->memory, UINT64_C(4) << 30);
    CU_ASSERT_EQUAL(set->top, 10);
    CU_ASSERT_EQUAL(set->sort, MR_SORT_VALUE);
    CU_ASSERT_TRUE(set->sort_given && set->reverse && set->bind_keep && set->no_steal);
    CU_ASSERT_TRUE(set->quiet && !set->verbose && !set->overwrite && !set->dry_run);
    CU_ASSERT_EQUAL_FATAL(out.request.input_count, 3);
    CU_ASSERT_STRING_EQUAL(out.request.inputs[0], "in1");
    CU_ASSERT_STRING_EQUAL(out.request.inputs[1], "-");
    CU_ASSERT_STRING_EQUAL(out.request.inputs[2], "--top");
    CU_ASSERT_TRUE(out.state.count);
    CU_ASSERT_EQUAL(out.state.least, -12);
    CU_ASSERT_EQUAL(out.state.scale, 2500);
    CU_ASSERT_EQUAL(out.state.width, UINT64_C(3) << 20);
    CU_ASSERT_STRING_EQUAL(out.state.pattern, "a=b");
    mr_request_free(&out.request);
}

static void test_defaults(void)
{
    outcome out;
    static const mr_settings zeros;
    parse(&out, &app, "x --pattern p", NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(out.status, MR_OK);
    CU_ASSERT_EQUAL(memcmp(&out.request.settings, &zeros, sizeof zeros), 0);
    CU_ASSERT_EQUAL(out.state.least, -7);
    CU_ASSERT_EQUAL(out.state.scale, 0.5);
    CU_ASSERT_EQUAL(out.state.width, 2048);
    CU_ASSERT_FALSE(out.state.count);
    mr_request_free(&out.request);
}

static void test_sources(void)
{
    outcome out;
    parse(
        &out, &app, "x --pattern p --threads 5",
        "MAPRED_THREADS=6 MAPRED_TOP=6 MAPRED_NO_STEAL=1 MAPRED_QUIET=0 MAPRED_LEAST=3 "
        "MAPRED_PATH=/nowhere MAPRED_BLOCK= MAPRED_HELP=1 MAPREDTOP=1",
        "# threads\nthreads = 7\r\n\n top=7\nseed =7\nleast= 7\nno-steal = no\nscratch = /a b \n");
    const mr_settings *set = &out.request.settings;
    CU_ASSERT_EQUAL_FATAL(out.status, MR_OK);
    CU_ASSERT_EQUAL(set->threads, 5);
    CU_ASSERT_EQUAL(set->top, 6);
    CU_ASSERT_EQUAL(set->seed, 7);
    CU_ASSERT_TRUE(set->no_steal);
    CU_ASSERT_FALSE(set->quiet || out.request.help);
    CU_ASSERT_EQUAL(set->block, 0);
    CU_ASSERT_EQUAL(out.state.least, 7);
    CU_ASSERT_STRING_EQUAL(set->scratch, "/a b");
    mr_request_free(&out.request);
    parse(&out, &app, "x", NULL, "pattern = from file\n");
    CU_ASSERT_EQUAL_FATAL(out.status, MR_OK);
    CU_ASSERT_STRING_EQUAL(out.state.pattern, "from file");
    mr_request_free(&out.request);
}

static void test_help_stops(void)
{
    outcome out;
    parse(&out, &app, "--help --bogus", NULL, "bogus\n");
    CU_ASSERT_TRUE(out.status == MR_OK && out.request.help && !out.request.version);
    mr_request_free(&out.request);
    parse(&out, &app, "--version", NULL, NULL);
    CU_ASSERT_TRUE(out.status == MR_OK && out.request.version && !out.request.help);
    mr_request_free(&out.request);
    parse(&out, &app, "x --pattern --help", NULL, NULL);
    CU_ASSERT_TRUE(out.status == MR_OK && !out.request.help);
    mr_request_free(&out.request);
}

static void test_errors(void)
{
    static const struct {
        const char *line, *environment, *config, *text;
    } cases[] = {
        {"x --bogus", NULL, NULL, "unknown option: --bogus: see 'mapred help plain'"},
        {"x --treads 3", NULL, NULL,
         "unknown option: --treads: did you mean --threads? see 'mapred help plain'"},
        {"x -z", NULL, NULL, "unknown option: -z: see 'mapred help plain'"},
        {"x --resume", NULL, NULL,
         "missing option: --checkpoint: --resume and --checkpoint-every need it: name the folder of "
         "the checkpoints"},
        {"x --checkpoint-every 5", NULL, NULL,
         "missing option: --checkpoint: --resume and --checkpoint-every need it: name the folder of "
         "the checkpoints"},
        {"x --=3", NULL, NULL, "unknown option: --: see 'mapred help plain'"},
        {"x -t 0", NULL, NULL, "bad value: --threads 0: give a whole number from 1 to 4096"},
        {"x -t4097", NULL, NULL, "bad value: --threads 4097: give a whole number from 1 to 4096"},
        {"x --threads=", NULL, NULL, "bad value: --threads : give a whole number from 1 to 4096"},
        {"x -t -1", NULL, NULL, "bad value: --threads -1: give a whole number from 1 to 4096"},
        {"x -m 4X", NULL, NULL, "bad value: --memory 4X: give a size such as 64K or 2G"},
        {"x -m 17179869184G", NULL, NULL,
         "bad value: --memory 17179869184G: give a size such as 64K or 2G"},
        {"x --block 0", NULL, NULL, "bad value: --block 0: give a size such as 64K or 2G"},
        {"x --top 0x10", NULL, NULL, "bad value: --top 0x10: give a whole number from 1 on"},
        {"x --seed 18446744073709551616", NULL, NULL,
         "bad value: --seed 18446744073709551616: give a whole number from 0 on"},
        {"x --sort keys", NULL, NULL, "bad value: --sort keys: give one of key|value|none"},
        {"x --sort key|value", NULL, NULL,
         "bad value: --sort key|value: give one of key|value|none"},
        {"x -f xml", NULL, NULL,
         "bad value: --format xml: give one of tsv|csv|json|binary|hdf5|npy"},
        {"x --output=", NULL, NULL, "bad value: --output : give a PATH"},
        {"x -o", NULL, NULL, "option needs a value: -o: give it a PATH"},
        {"x --quiet=1", NULL, NULL, "option takes no value: --quiet: leave '1' out"},
        {"x -qv", NULL, NULL, "option takes no value: --quiet: leave 'v' out"},
        {"", NULL, NULL, "no input: plain: name files or folders, or - for standard input"},
        {"x", "MAPRED_THREADS=many", NULL,
         "bad value: MAPRED_THREADS=many: give a whole number from 1 to 4096"},
        {"x", "MAPRED_QUIET=maybe", NULL, "bad value: MAPRED_QUIET=maybe: give yes or no"},
        {"x", NULL, "\n\nthreads = 0\n",
         "bad value: a.conf line 3: threads = 0: give a whole number from 1 to 4096"},
        {"x", NULL, "treads = 1",
         "unknown option: a.conf line 1: treads: did you mean --threads? see 'mapred help plain'"},
        {"x", NULL, "#\nthreads 4", "bad config line: a.conf line 2: write name = value"},
        {"x", NULL, "= 4", "bad config line: a.conf line 1: write name = value"},
        {"x", NULL, "help = yes", "unknown option: a.conf line 1: help: see 'mapred help plain'"},
        {"x", NULL, "config = b", "unknown option: a.conf line 1: config: see 'mapred help plain'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome out;
        parse(&out, &plain, cases[i].line, cases[i].environment, cases[i].config);
        CU_ASSERT_EQUAL(out.status, MR_USAGE);
        CU_ASSERT_STRING_EQUAL(out.error.text, cases[i].text);
        mr_request_free(&out.request);
    }
}

static void test_own_errors(void)
{
    static const char *const cases[][2] = {
        {"x", "missing option: --pattern: see 'mapred help sample'"},
        {"x --pattern", "option needs a value: --pattern: give it some text"},
        {"x --pattern p --least 9223372036854775808",
         "bad value: --least 9223372036854775808: give a whole number"},
        {"x --pattern p --least 1.5", "bad value: --least 1.5: give a whole number"},
        {"x --pattern p --scale 1e999", "bad value: --scale 1e999: give a number"},
        {"x --pattern p --scale 1,5", "bad value: --scale 1,5: give a number"},
        {"x --pattern p --width -1", "bad value: --width -1: give a size such as 64K or 2G"},
        {"x --patern p",
         "unknown option: --patern: did you mean --pattern? see 'mapred help sample'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome out;
        parse(&out, &app, cases[i][0], "MAPRED_PATTERN=not-read", NULL);
        CU_ASSERT_EQUAL(out.status, MR_USAGE);
        CU_ASSERT_STRING_EQUAL(out.error.text, cases[i][1]);
        mr_request_free(&out.request);
    }
}

static mr_status drive(mr_job *job)
{
    (void)job;
    return MR_OK;
}

static void test_need_for_input(void)
{
    mr_app other = plain;
    outcome out;
    other.usage = "";
    CU_ASSERT_FALSE(mr_options_need_input(&other));
    other.usage = "[INPUT...]";
    CU_ASSERT_FALSE(mr_options_need_input(&other));
    parse(&out, &other, "", NULL, NULL);
    CU_ASSERT_EQUAL(out.status, MR_OK);
    mr_request_free(&out.request);
    other.usage = "A B";
    CU_ASSERT_TRUE(mr_options_need_input(&other));
    other.run = drive;
    CU_ASSERT_FALSE(mr_options_need_input(&other));
}

/* Every number around every power, with every unit, against 128-bit arithmetic. */
static void test_sizes(void)
{
    __extension__ typedef unsigned __int128 wide;
    static const char units[] = "\0KMGTkmgt";
    for (unsigned power = 0; power < 64; power++)
        for (int delta = -2; delta <= 2; delta++)
            for (size_t unit = 0; unit < sizeof units - 1; unit++) {
                char text[32];
                uint64_t number = (UINT64_C(1) << power) + (uint64_t)(int64_t)delta, read = 42;
                wide value = (wide)number << 10 * (unit == 0 ? 0 : 1 + (unit - 1) % 4);
                bool fits = value <= UINT64_MAX;
                snprintf(text, sizeof text, "%" PRIu64 "%.1s", number, units + unit);
                CU_ASSERT_EQUAL_FATAL(mr_value_size(text, &read), fits);
                CU_ASSERT_EQUAL_FATAL(read, fits ? (uint64_t)value : 42);
            }
    uint64_t read;
    static const char *const bad[] = {"",
                                      "K",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1KB",
                                      "1.5G",
                                      "1KK",
                                      "0x1",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(mr_value_size(bad[i], &read));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Three whole-number options in all sources, in any form and order; the model is an array. */
static void check_random(uint64_t *seed)
{
    static const char *const names[] = {"threads", "top", "partitions"};
    static const char *const upper[] = {"THREADS", "TOP", "PARTITIONS"};
    uint64_t model[3] = {0, 0, 0}, from[3] = {0, 0, 0};
    char text[3][512] = {"", "", ""};
    size_t inputs = 1;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t which = next_random(seed) % 3, source = next_random(seed) % 3;
        uint64_t value = 1 + next_random(seed) % 4096, form = next_random(seed) % 3;
        char *at = text[source] + strlen(text[source]);
        size_t room = sizeof text[0] - strlen(text[source]);
        if (source == 0)
            snprintf(at, room, "%s = %" PRIu64 "\n", names[which], value);
        else if (source == 1)
            snprintf(at, room, "MAPRED_%s=%" PRIu64 " ", upper[which], value);
        else if (form == 0 && which == 0)
            snprintf(at, room, "-t%" PRIu64 " in ", value);
        else
            snprintf(at, room, "--%s%c%" PRIu64 " in ", names[which], form == 1 ? ' ' : '=', value);
        inputs += source == 2;
        if (source >= from[which]) {
            from[which] = source;
            model[which] = value;
        }
    }
    outcome out;
    strncat(text[2], "in", sizeof text[2] - strlen(text[2]) - 1);
    parse(&out, &plain, text[2], text[1], text[0]);
    CU_ASSERT_EQUAL_FATAL(out.status, MR_OK);
    CU_ASSERT_EQUAL(out.request.settings.threads, model[0]);
    CU_ASSERT_EQUAL(out.request.settings.top, model[1]);
    CU_ASSERT_EQUAL(out.request.settings.partitions, model[2]);
    CU_ASSERT_EQUAL(out.request.input_count, inputs);
    mr_request_free(&out.request);
}

static void test_random(void)
{
    uint64_t seed = 1;
    for (unsigned i = 0; i < 5000; i++)
        check_random(&seed);
}

static void test_nearest(void)
{
    static const char *const cases[][3] = {
        {"bogus", "block", NULL},
        {"sort", "sort", "sort"},
        {"srot", "sort", NULL},
        {"sorte", "sort", "sort"},
        {"to", "top", NULL},
        {"tpo", "top", NULL},
        {"partition", "partitions", "partitions"},
        {"overwirte", "overwrite", "overwrite"},
        {"", "top", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_nearest nearest = {.name = cases[i][0]};
        mr_nearest_try(&nearest, cases[i][1]);
        CU_ASSERT_EQUAL(nearest.best == NULL, cases[i][2] == NULL);
        if (nearest.best && cases[i][2])
            CU_ASSERT_STRING_EQUAL(nearest.best, cases[i][2]);
    }
}

static void test_table(void)
{
    for (const mr_job_option *a = mr_job_options; a->name; a++) {
        CU_ASSERT_PTR_NOT_NULL(a->help);
        CU_ASSERT_EQUAL(a->type == MR_JOB_FLAG, a->value == NULL);
        CU_ASSERT_TRUE(a->offset < sizeof(mr_request));
        for (const mr_job_option *b = mr_job_options; b != a; b++) {
            CU_ASSERT_STRING_NOT_EQUAL(a->name, b->name);
            CU_ASSERT_TRUE(!a->letter || a->letter != b->letter);
            CU_ASSERT_NOT_EQUAL(a->offset, b->offset);
        }
    }
}

static void test_check(void)
{
    mr_option options[] = {{"top", MR_OPTION_I64, 0, NULL, "", false}, {.name = NULL}};
    mr_app taken = {MR_APP_ABI, .name = "x", .options = options, .state_size = 8};
    mr_error error = {MR_OK, ""};
    CU_ASSERT_EQUAL(mr_options_check(&taken, "x.so", &error), MR_BAD_PLUGIN);
    CU_ASSERT_STRING_EQUAL(
        error.text, "plugin does not fit: x.so: option --top: the name is taken by a job option");
    options[0].name = "mine";
    options[0].fallback = "ten";
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_options_check(&taken, "x.so", &error), MR_BAD_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--mine: its default 'ten' is no value of its type"));
    options[0].fallback = "10";
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_options_check(&taken, "x.so", &error), MR_OK);
    CU_ASSERT_EQUAL(mr_options_check(&app, "x.so", &error), MR_OK);
}

/* A config file on disk: found, missing, not text. */
static void test_config_file(void)
{
    char path[] = "/tmp/mapred-test-XXXXXX";
    int file = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    CU_ASSERT_EQUAL_FATAL(write(file, "threads = 9\nscratch = /s", 24), 24);
    char *words[] = {"x", "--config", path};
    char *variables[] = {NULL, NULL};
    mr_request_source source = {
        .app = &plain, .called = "plain", .count = 3, .arguments = words, .environment = variables};
    mr_request request;
    mr_error error = {MR_OK, ""};
    CU_ASSERT_EQUAL(mr_options_parse(&request, &source, NULL, &error), MR_OK);
    CU_ASSERT_EQUAL(request.settings.threads, 9);
    CU_ASSERT_STRING_EQUAL(request.settings.scratch, "/s");
    mr_request_free(&request);
    CU_ASSERT_EQUAL_FATAL(write(file, "\0", 1), 1);
    CU_ASSERT_EQUAL(mr_options_parse(&request, &source, NULL, &error), MR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "not a text file"));
    mr_request_free(&request);
    close(file);
    unlink(path);
    error = (mr_error){MR_OK, ""};
    CU_ASSERT_EQUAL(mr_options_parse(&request, &source, NULL, &error), MR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot read config file: /tmp/mapred-test-"));
    mr_request_free(&request);
}

static char *read_document(const char *name)
{
    static char text[1 << 17];
    char path[512];
    snprintf(path, sizeof path, "%s/docs/%s", MR_TEST_SOURCE, name);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

static void check_document(const char *name, const char *wanted)
{
    bool is_there = strstr(read_document(name), wanted) != NULL;
    if (!is_there)
        printf("\n  docs/%s lacks: %s", name, wanted + 1);
    CU_ASSERT_TRUE(is_there);
}

/* Each option stands in both documents, with its letter and what it takes. */
static void test_documents(void)
{
    for (const mr_job_option *option = mr_job_options; option->name; option++) {
        char wanted[128], letter[] = {option->letter, '\0'};
        const char *value = option->value ? option->value : "";
        snprintf(wanted, sizeof wanted, "\n- %s%s%s`--%s%s%s`: ", *letter ? "`-" : "", letter,
                 *letter ? "`, " : "", option->name, *value ? " " : "", value);
        check_document("cli.md", wanted);
        snprintf(wanted, sizeof wanted, "\n.It Fl %s%s-%s%s%s\n", letter, *letter ? " , Fl " : "",
                 option->name, *value ? " Ar " : "", value);
        check_document("mapred.1", wanted);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"command line", test_command_line},
        {"defaults", test_defaults},
        {"sources", test_sources},
        {"help stops", test_help_stops},
        {"errors", test_errors},
        {"an app's errors", test_own_errors},
        {"need for input", test_need_for_input},
        {"sizes", test_sizes},
        {"random", test_random},
        {"nearest", test_nearest},
        {"table", test_table},
        {"check of an app", test_check},
        {"config file", test_config_file},
        {"documents", test_documents},
        CU_TEST_INFO_NULL,
    };
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("options", NULL, NULL);
    for (const CU_TestInfo *test = tests; test->pName; test++)
        CU_add_test(suite, test->pName, test->pTestFunc);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failures > 0 || run == 0;
}

/*
 * tests/unit/test_report.c: reports are written, read back and compared with what went in; and what
 * is left behind when they can't be written.
 */
#include "observe/report.h"

#include <CUnit/Basic.h>

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANKS = 5 };

static char folder[] = "/tmp/mapred-report-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int entries_in_folder(void)
{
    int count = 0;
    DIR *directory = opendir(folder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

/* Every number different, so that none can stand in another's place. */
static void fill(mr_rank_report *ranks)
{
    memset(ranks, 0, sizeof *ranks * RANKS);
    for (unsigned i = 0; i < RANKS; i++) {
        mr_rank_report *rank = &ranks[i];
        uint64_t base = 1000 * (i + 1);
        snprintf(rank->host, sizeof rank->host, "node%u", i);
        for (int phase = 0; phase < MR_PHASES; phase++)
            rank->seconds[phase] = (double)(base + (uint64_t)phase) / 8;
        rank->busy = (double)base + 0.5;
        rank->reduce = (double)base + 0.25;
        uint64_t *const counts[] = {
            &rank->threads,       &rank->blocks,         &rank->bytes_read,    &rank->splits,
            &rank->splits_stolen, &rank->flushes,        &rank->keys,          &rank->keys_owned,
            &rank->bytes_sent,    &rank->bytes_received, &rank->messages_sent, &rank->pairs,
            &rank->spilled,       &rank->rows,           &rank->bytes_written, &rank->memory_peak,
            &rank->rss_peak,      &rank->memory_budget,  &rank->node_cpus,
        };
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
            *counts[j] = base + 10 + j;
    }
}

static mr_job_report job_of(const mr_rank_report *ranks, int count)
{
    static const mr_counter counters[] = {{"bad dates", 7}, {"net", -3}};
    static const mr_hot_key hot[] = {{"words", "the", 0.25, 1}, {"words", "of", 0.125, 0}};
    return (mr_job_report){.app = "wordcount",
                           .version = "1.2.3",
                           .output = "out.tsv",
                           .seconds = 2.5,
                           .inputs = 3,
                           .input_bytes = 1ULL << 40,
                           .splits = 17,
                           .block = 1 << 20,
                           .rows = 99,
                           .output_bytes = 1234,
                           .ranks = ranks,
                           .rank_count = count,
                           .counters = counters,
                           .counter_count = 2,
                           .hot = hot,
                           .hot_count = 2};
}

static json_int_t integer(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    CU_ASSERT(json_is_integer(value));
    return json_integer_value(value);
}

static double real(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    CU_ASSERT(json_is_real(value));
    return json_real_value(value);
}

static const char *string(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    return value;
}

static json_t *write_and_read(const char *path, const mr_job_report *report)
{
    mr_error error = {0};
    CU_ASSERT_EQUAL(mr_report_write(path, report, &error), MR_OK);
    CU_ASSERT_EQUAL(error.code, MR_OK);
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    return json;
}

static void check_job(const json_t *json)
{
    CU_ASSERT_EQUAL(json_object_size(json), 13);
    CU_ASSERT_STRING_EQUAL(string(json, "mapred"), "1.2.3");
    CU_ASSERT_STRING_EQUAL(string(json, "app"), "wordcount");
    CU_ASSERT_EQUAL(real(json, "seconds"), 2.5);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json, "bad_count")), 0);
    const json_t *input = json_object_get(json, "input");
    CU_ASSERT_EQUAL(integer(input, "files"), 3);
    CU_ASSERT_EQUAL(integer(input, "bytes"), 1LL << 40);
    CU_ASSERT_EQUAL(integer(input, "splits"), 17);
    CU_ASSERT_EQUAL(integer(input, "block"), 1 << 20);
    const json_t *output = json_object_get(json, "output");
    CU_ASSERT_STRING_EQUAL(string(output, "path"), "out.tsv");
    CU_ASSERT_EQUAL(integer(output, "rows"), 99);
    CU_ASSERT_EQUAL(integer(output, "bytes"), 1234);
    const json_t *counters = json_object_get(json, "counters");
    CU_ASSERT_EQUAL(json_object_size(counters), 2);
    CU_ASSERT_EQUAL(integer(counters, "bad dates"), 7);
    CU_ASSERT_EQUAL(integer(counters, "net"), -3);
}

/* Sums and maxima over ranks of 1000, 2000, ... 5000 and a little more each. */
static void check_sums(const json_t *json)
{
    static const char *const phases[] = {"plan", "map", "combine", "sort", "write"};
    for (int i = 0; i < MR_PHASES; i++) {
        const json_t *phase = json_object_get(json_object_get(json, "phases"), phases[i]);
        CU_ASSERT_EQUAL(real(phase, "max"), (5000.0 + i) / 8);
        CU_ASSERT_EQUAL(real(phase, "mean"), (3000.0 + i) / 8);
    }
    const json_t *balance = json_object_get(json, "balance");
    CU_ASSERT_DOUBLE_EQUAL(real(balance, "busy_max_over_mean"), 5000.5 / 3000.5, 1e-8);
    CU_ASSERT_DOUBLE_EQUAL(real(balance, "bytes_max_over_mean"), 5012.0 / 3012.0, 1e-8);
    const json_t *exchange = json_object_get(json, "exchange");
    CU_ASSERT_EQUAL(integer(exchange, "bytes"), 15000 + 5 * 18);
    CU_ASSERT_EQUAL(integer(exchange, "messages"), 15000 + 5 * 20);
    const json_t *hot = json_object_get(json, "hot_keys"), *second = json_array_get(hot, 1);
    CU_ASSERT_EQUAL(json_array_size(hot), 2);
    CU_ASSERT_STRING_EQUAL(string(second, "set"), "words");
    CU_ASSERT_STRING_EQUAL(string(second, "key"), "of");
    CU_ASSERT_EQUAL(real(second, "share"), 0.125);
    CU_ASSERT_EQUAL(integer(second, "rank"), 0);
    const json_t *memory = json_object_get(json, "memory");
    CU_ASSERT_EQUAL(integer(memory, "counted_peak_max"), 5025);
    CU_ASSERT_EQUAL(integer(memory, "rss_peak_max"), 5026);
    CU_ASSERT_EQUAL(integer(memory, "budget"), 5027);
}

static void check_rank(const json_t *rank, int number)
{
    static const char *const phases[] = {"plan", "map", "combine", "sort", "write"};
    static const char *const counts[] = {
        "threads",       "blocks",   "bytes_read",    "splits",     "splits_stolen",
        "flushes",       "keys",     "keys_owned",    "bytes_sent", "bytes_received",
        "messages_sent", "pairs",    "spilled",       "rows",       "bytes_written",
        "memory_peak",   "rss_peak", "memory_budget", "node_cpus"};
    char host[16];
    int base = 1000 * (number + 1);
    snprintf(host, sizeof host, "node%d", number);
    CU_ASSERT_EQUAL(json_object_size(rank), 7 + sizeof counts / sizeof *counts);
    CU_ASSERT_EQUAL(integer(rank, "rank"), number);
    CU_ASSERT_STRING_EQUAL(string(rank, "host"), host);
    CU_ASSERT_EQUAL(real(rank, "busy"), base + 0.5);
    CU_ASSERT_EQUAL(real(rank, "reduce"), base + 0.25);
    for (int i = 0; i < MR_PHASES; i++)
        CU_ASSERT_EQUAL(real(json_object_get(rank, "seconds"), phases[i]), (base + i) / 8.0);
    for (int i = 0; i < (int)(sizeof counts / sizeof *counts); i++)
        CU_ASSERT_EQUAL(integer(rank, counts[i]), base + 10 + i);
}

static void test_round_trip(void)
{
    mr_rank_report ranks[RANKS];
    fill(ranks);
    mr_job_report report = job_of(ranks, RANKS);
    json_t *json = write_and_read(in_folder("report.json"), &report);
    check_job(json);
    check_sums(json);
    const json_t *array = json_object_get(json, "ranks");
    CU_ASSERT_EQUAL(json_array_size(array), RANKS);
    for (int i = 0; i < RANKS; i++)
        check_rank(json_array_get(array, (size_t)i), i);
    json_decref(json);
    CU_ASSERT_EQUAL(entries_in_folder(), 1);
}

/* Nothing but zeros, no ranks, no strings: a report all the same. */
static void test_empty(void)
{
    mr_job_report report = {0};
    json_t *json = write_and_read(in_folder("report.json"), &report);
    CU_ASSERT(json_is_null(json_object_get(json, "app")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "ranks")), 0);
    CU_ASSERT_EQUAL(real(json_object_get(json, "balance"), "busy_max_over_mean"), 1);
    json_decref(json);
}

/* What JSON can't hold: names that are not UTF-8, infinities, counts past 63 bits, a host's name
 * that fills its field. */
static void test_odd_values(void)
{
    static const mr_counter counter = {"caf\xe9", 1};
    mr_rank_report rank = {.busy = INFINITY, .blocks = UINT64_MAX, .seconds = {NAN}};
    memset(rank.host, 'h', sizeof rank.host);
    mr_job_report report = job_of(&rank, 1);
    report.output = "\xff\x01 \"quoted\" \xc3\xa9";
    report.app = "sch\xc3\xb6n";
    report.counters = &counter;
    report.counter_count = 1;
    json_t *json = write_and_read(in_folder("report.json"), &report);
    const json_t *first = json_array_get(json_object_get(json, "ranks"), 0);
    CU_ASSERT_STRING_EQUAL(string(json_object_get(json, "output"), "path"), "?\x01 \"quoted\" ??");
    CU_ASSERT_STRING_EQUAL(string(json, "app"), "sch\xc3\xb6n");
    CU_ASSERT_EQUAL(integer(json_object_get(json, "counters"), "caf?"), 1);
    CU_ASSERT(json_is_null(json_object_get(first, "busy")));
    CU_ASSERT(json_is_null(json_object_get(json_object_get(first, "seconds"), "plan")));
    CU_ASSERT_EQUAL(integer(first, "blocks"), INT64_MAX);
    CU_ASSERT_EQUAL(strlen(string(first, "host")), 64);
    json_decref(json);
}

/* An old report is replaced, also through a symbolic link, and the umask is obeyed. */
static void test_replace(void)
{
    struct stat about;
    mr_job_report report = job_of(NULL, 0);
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s", in_folder("report.json"));
    CU_ASSERT_EQUAL(unlink(target), 0);
    mode_t before = umask(027);
    json_decref(write_and_read(target, &report));
    umask(before);
    CU_ASSERT(stat(target, &about) == 0 && (about.st_mode & 0777) == 0640);
    CU_ASSERT_EQUAL(symlink("report.json", in_folder("link")), 0);
    report.app = "second";
    json_decref(write_and_read(in_folder("link"), &report));
    CU_ASSERT(lstat(in_folder("link"), &about) == 0 && S_ISLNK(about.st_mode));
    json_t *json = json_load_file(target, 0, NULL);
    CU_ASSERT_STRING_EQUAL(string(json, "app"), "second");
    json_decref(json);
    CU_ASSERT_EQUAL(unlink(in_folder("link")), 0);
    CU_ASSERT_EQUAL(entries_in_folder(), 1);
}

static void check_refused(const char *path, const char *cause)
{
    mr_error error = {0};
    mr_job_report report = job_of(NULL, 0);
    CU_ASSERT_EQUAL(mr_report_write(path, &report, &error), MR_BAD_OUTPUT);
    CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cause));
}

static void test_refused(void)
{
    int before = entries_in_folder();
    check_refused(in_folder("no/such/report.json"), "No such file or directory");
    check_refused(in_folder("report.json/below"), "Not a directory");
    check_refused(folder, "Is a directory");
    CU_ASSERT_EQUAL(entries_in_folder(), before);
}

/* Devices are written, never replaced; a full one is an error. */
static void test_devices(void)
{
    struct stat about;
    mr_error error = {0};
    mr_job_report report = job_of(NULL, 0);
    CU_ASSERT_EQUAL(mr_report_write("/dev/null", &report, &error), MR_OK);
    CU_ASSERT(stat("/dev/null", &about) == 0 && S_ISCHR(about.st_mode));
    check_refused("/dev/full", "No space left on device");
    CU_ASSERT(stat("/dev/full", &about) == 0 && S_ISCHR(about.st_mode));
}

static void clean_up(void)
{
    CU_ASSERT_EQUAL(unlink(in_folder("report.json")), 0);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

int main(void)
{
    if (!mkdtemp(folder) || CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("report", NULL, NULL);
    CU_add_test(suite, "round trip", test_round_trip);
    CU_add_test(suite, "empty", test_empty);
    CU_add_test(suite, "odd values", test_odd_values);
    CU_add_test(suite, "replace", test_replace);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "devices", test_devices);
    CU_add_test(suite, "clean up", clean_up);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

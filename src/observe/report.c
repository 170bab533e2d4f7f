/* observe/report.c: the numbers of a job as JSON. */
#include "observe/report.h"

#include "observe/file.h"
#include "observe/json.h"
#include "output/format.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PHASE_NAMES                                                                                \
    {                                                                                              \
        "plan", "map", "combine", "sort", "write"                                                  \
    }

/* The counts of a rank, as they are called in the file. */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"threads", offsetof(mr_rank_report, threads)},
    {"blocks", offsetof(mr_rank_report, blocks)},
    {"bytes_read", offsetof(mr_rank_report, bytes_read)},
    {"splits", offsetof(mr_rank_report, splits)},
    {"splits_stolen", offsetof(mr_rank_report, splits_stolen)},
    {"flushes", offsetof(mr_rank_report, flushes)},
    {"keys", offsetof(mr_rank_report, keys)},
    {"keys_owned", offsetof(mr_rank_report, keys_owned)},
    {"bytes_sent", offsetof(mr_rank_report, bytes_sent)},
    {"bytes_received", offsetof(mr_rank_report, bytes_received)},
    {"messages_sent", offsetof(mr_rank_report, messages_sent)},
    {"pairs", offsetof(mr_rank_report, pairs)},
    {"spilled", offsetof(mr_rank_report, spilled)},
    {"rows", offsetof(mr_rank_report, rows)},
    {"bytes_written", offsetof(mr_rank_report, bytes_written)},
    {"memory_peak", offsetof(mr_rank_report, memory_peak)},
    {"rss_peak", offsetof(mr_rank_report, rss_peak)},
    {"memory_budget", offsetof(mr_rank_report, memory_budget)},
    {"node_cpus", offsetof(mr_rank_report, node_cpus)},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static uint64_t field(const mr_rank_report *rank, size_t offset)
{
    uint64_t value;
    memcpy(&value, (const char *)rank + offset, sizeof value);
    return value;
}

static json_t *text_of(const char *text)
{
    return text ? mr_json_text(text) : json_null();
}

static json_t *count_of(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

/* JSON has no infinity and no NaN. */
static json_t *real_of(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

/* Takes `value` over; a piece that could not be made fails the whole. */
static void put(json_t *object, const char *name, json_t *value, bool *ok)
{
    if (json_object_set_new(object, name, value) != 0)
        *ok = false;
}

static json_t *seconds_of(const mr_rank_report *rank, bool *ok)
{
    static const char *const names[MR_PHASES] = PHASE_NAMES;
    json_t *seconds = json_object();
    for (int i = 0; i < MR_PHASES; i++)
        put(seconds, names[i], real_of(rank->seconds[i]), ok);
    return seconds;
}

/* What threads were at, as far as they were at anything of this kind. */
static json_t *spent_of(const mr_rank_report *rank, bool *ok)
{
    json_t *spent = json_object();
    for (int kind = MR_SPAN_NONE + 1; kind < MR_SPAN_KINDS; kind++)
        if (rank->spent[kind] > 0)
            put(spent, mr_span_name((mr_span_kind)kind), real_of(rank->spent[kind]), ok);
    return spent;
}

static json_t *rank_of(const mr_rank_report *rank, int number, bool *ok)
{
    char host[sizeof rank->host + 1];
    snprintf(host, sizeof host, "%.*s", (int)sizeof rank->host, rank->host);
    json_t *object = json_object();
    put(object, "rank", json_integer(number), ok);
    put(object, "host", text_of(host), ok);
    put(object, "seconds", seconds_of(rank, ok), ok);
    put(object, "busy", real_of(rank->busy), ok);
    put(object, "reduce", real_of(rank->reduce), ok);
    put(object, "cpu", real_of(rank->cpu), ok);
    put(object, "spent", spent_of(rank, ok), ok);
    for (size_t i = 0; i < FIELDS; i++)
        put(object, fields[i].name, count_of(field(rank, fields[i].offset)), ok);
    return object;
}

static json_t *ranks_of(const mr_job_report *report, bool *ok)
{
    json_t *ranks = json_array();
    for (int i = 0; i < report->rank_count; i++)
        if (json_array_append_new(ranks, rank_of(&report->ranks[i], i, ok)) != 0)
            *ok = false;
    return ranks;
}

static json_t *phases_of(const mr_job_report *report, bool *ok)
{
    static const char *const names[MR_PHASES] = PHASE_NAMES;
    json_t *phases = json_object();
    for (int phase = 0; phase < MR_PHASES; phase++) {
        double most = 0, sum = 0;
        for (int i = 0; i < report->rank_count; i++) {
            sum += report->ranks[i].seconds[phase];
            most = fmax(most, report->ranks[i].seconds[phase]);
        }
        json_t *object = json_object();
        put(object, "max", real_of(most), ok);
        put(object, "mean", real_of(report->rank_count ? sum / report->rank_count : 0), ok);
        put(phases, names[phase], object, ok);
    }
    return phases;
}

/* 1 is perfect, the number of ranks is the worst; with nothing to do nobody is behind. */
static double max_over_mean(double most, double sum, int count)
{
    return sum > 0 ? most * count / sum : 1;
}

static json_t *balance_of(const mr_job_report *report, bool *ok)
{
    double busy_most = 0, busy_sum = 0, bytes_most = 0, bytes_sum = 0;
    double reduce_most = 0, reduce_sum = 0;
    for (int i = 0; i < report->rank_count; i++) {
        double bytes = (double)report->ranks[i].bytes_read;
        busy_sum += report->ranks[i].busy;
        busy_most = fmax(busy_most, report->ranks[i].busy);
        reduce_sum += report->ranks[i].reduce;
        reduce_most = fmax(reduce_most, report->ranks[i].reduce);
        bytes_sum += bytes;
        bytes_most = fmax(bytes_most, bytes);
    }
    json_t *object = json_object();
    put(object, "busy_max_over_mean",
        real_of(max_over_mean(busy_most, busy_sum, report->rank_count)), ok);
    put(object, "reduce_max_over_mean",
        real_of(max_over_mean(reduce_most, reduce_sum, report->rank_count)), ok);
    put(object, "bytes_max_over_mean",
        real_of(max_over_mean(bytes_most, bytes_sum, report->rank_count)), ok);
    return object;
}

static uint64_t sum_of(const mr_job_report *report, size_t offset)
{
    uint64_t sum = 0;
    for (int i = 0; i < report->rank_count; i++)
        sum += field(&report->ranks[i], offset);
    return sum;
}

static uint64_t most_of(const mr_job_report *report, size_t offset)
{
    uint64_t most = 0;
    for (int i = 0; i < report->rank_count; i++) {
        uint64_t value = field(&report->ranks[i], offset);
        most = value > most ? value : most;
    }
    return most;
}

static json_t *input_of(const mr_job_report *report, bool *ok)
{
    json_t *object = json_object();
    put(object, "files", count_of(report->inputs), ok);
    put(object, "bytes", count_of(report->input_bytes), ok);
    put(object, "splits", count_of(report->splits), ok);
    put(object, "block", count_of(report->block), ok);
    return object;
}

static json_t *output_of(const mr_job_report *report, bool *ok)
{
    json_t *object = json_object();
    put(object, "path", text_of(report->output), ok);
    put(object, "rows", count_of(report->rows), ok);
    put(object, "bytes", count_of(report->output_bytes), ok);
    return object;
}

static json_t *exchange_of(const mr_job_report *report, bool *ok)
{
    json_t *object = json_object();
    put(object, "bytes", count_of(sum_of(report, offsetof(mr_rank_report, bytes_sent))), ok);
    put(object, "messages", count_of(sum_of(report, offsetof(mr_rank_report, messages_sent))), ok);
    return object;
}

static json_t *memory_of(const mr_job_report *report, bool *ok)
{
    json_t *object = json_object();
    put(object, "budget", count_of(most_of(report, offsetof(mr_rank_report, memory_budget))), ok);
    put(object, "counted_peak_max",
        count_of(most_of(report, offsetof(mr_rank_report, memory_peak))), ok);
    put(object, "rss_peak_max", count_of(most_of(report, offsetof(mr_rank_report, rss_peak))), ok);
    return object;
}

static json_t *counters_of(const mr_job_report *report, bool *ok)
{
    json_t *object = json_object();
    for (int i = 0; i < report->counter_count; i++) {
        const mr_counter *counter = &report->counters[i];
        json_t *name = text_of(counter->name);
        if (name)
            put(object, json_string_value(name), json_integer(counter->value), ok);
        else
            *ok = false;
        json_decref(name);
    }
    return object;
}

static json_t *hot_of(const mr_job_report *report, bool *ok)
{
    json_t *keys = json_array();
    for (int i = 0; i < report->hot_count; i++) {
        const mr_hot_key *hot = &report->hot[i];
        json_t *object = json_object();
        put(object, "set", text_of(hot->set), ok);
        put(object, "key", text_of(hot->key), ok);
        put(object, "share", real_of(hot->share), ok);
        put(object, "rank", json_integer(hot->rank), ok);
        if (json_array_append_new(keys, object) != 0)
            *ok = false;
    }
    return keys;
}

/* What rooms have told: lists, under their names. */
static void put_parts(json_t *root, const mr_job_report *report, bool *ok)
{
    for (int i = 0; i < report->part_count; i++) {
        const mr_report_part *part = &report->parts[i];
        if (!json_object_get(root, part->name))
            put(root, part->name, json_array(), ok);
        json_t *list = json_object_get(root, part->name);
        if (json_array_append_new(list, json_loads(part->json, JSON_DECODE_ANY, NULL)) != 0)
            *ok = false;
    }
}

/* The whole report as text (free); NULL when there is no memory for it. */
static char *compose(const mr_job_report *report)
{
    bool ok = true;
    json_t *root = json_object();
    put(root, "mapred", text_of(report->version), &ok);
    put(root, "app", text_of(report->app), &ok);
    if (report->command)
        put(root, "command", json_loads(report->command, 0, NULL), &ok);
    put(root, "seconds", real_of(report->seconds), &ok);
    put(root, "phases", phases_of(report, &ok), &ok);
    put(root, "input", input_of(report, &ok), &ok);
    put(root, "output", output_of(report, &ok), &ok);
    put(root, "balance", balance_of(report, &ok), &ok);
    put(root, "exchange", exchange_of(report, &ok), &ok);
    put(root, "memory", memory_of(report, &ok), &ok);
    put(root, "counters", counters_of(report, &ok), &ok);
    put(root, "hot_keys", hot_of(report, &ok), &ok);
    put(root, "bad_count", count_of(report->bad_count), &ok);
    put_parts(root, report, &ok);
    if (report->seen)
        ok = mr_seen_put(root, report->seen, report->rank_count) && ok;
    put(root, "ranks", ranks_of(report, &ok), &ok);
    char *text = ok ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    return text;
}

/* The timeline, which may be long, stands behind all that is `text`, within its last brace. */
static bool write_report(const char *path, const char *text, const mr_text *timeline)
{
    static const char name[] = ",\n \"timeline\": ", brace[] = "\n}\n";
    mr_file_piece pieces[] = {
        {text, strlen(text) - 2},
        {name, timeline->size ? sizeof name - 1 : 0},
        {timeline->data, timeline->size},
        {brace, sizeof brace - 1},
    };
    return mr_file_write(path, pieces, sizeof pieces / sizeof *pieces);
}

static mr_status cannot_write(const char *path, int cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "cannot write report: %s: %s: choose a --report that can be written", path,
                        strerror(cause));
}

mr_status mr_report_try(const char *path, mr_error *error)
{
    struct stat about;
    char temporary[PATH_MAX];
    bool exists = stat(path, &about) == 0;
    if (exists && S_ISDIR(about.st_mode))
        return cannot_write(path, EISDIR, error);
    if (exists && !S_ISREG(about.st_mode))
        return access(path, W_OK) == 0 ? MR_OK : cannot_write(path, errno, error);
    char *real = realpath(path, NULL);
    int file = mr_file_open_beside(real ? real : path, temporary, sizeof temporary), cause = errno;
    free(real);
    if (file < 0)
        return cannot_write(path, cause, error);
    close(file);
    unlink(temporary);
    return MR_OK;
}

mr_status mr_report_write(const char *path, const mr_job_report *report, mr_error *error)
{
    mr_status status = MR_OK;
    mr_text timeline = {0};
    char *text = compose(report);
    if (report->seen)
        mr_seen_timeline(&timeline, report->seen);
    if (!text || timeline.failed)
        status = mr_error_set(error, MR_NO_MEMORY,
                              "out of memory: the report of %d ranks: run without --report",
                              report->rank_count);
    else if (!write_report(path, text, &timeline))
        status = cannot_write(path, errno, error);
    free(text);
    mr_text_free(&timeline);
    return status;
}

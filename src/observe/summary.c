/*
 * observe/summary.c: where time and memory went. A line for each question that is asked when a job
 * took longer than it should have; lines with nothing to say are left out.
 */
#include "observe/summary.h"

#include "observe/note.h"

#include <stdarg.h>
#include <stdio.h>

/* A line that grows. What does not fit is left out. */
typedef struct line {
    char text[1024];
    size_t size;
} line;

static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(l->text + l->size, sizeof l->text - l->size, format, arguments);
    va_end(arguments);
    size_t size = wrote < 0 ? 0 : (size_t)wrote, left = sizeof l->text - 1 - l->size;
    l->size += size < left ? size : left;
}

static void add_bytes(line *l, double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    for (; bytes >= 1023.5 && unit < 5; unit++)
        bytes /= 1024;
    add(l, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static double part_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* ---- Time ---- */

static void tell_phases(const mr_job_report *report)
{
    static const char *const names[MR_PHASES] = {"plan", "map", "combine", "sort", "write"};
    line l = {.size = 0};
    double rest = report->seconds;
    for (int phase = 0; phase < MR_PHASES; phase++) {
        double most = 0;
        for (int i = 0; i < report->rank_count; i++)
            if (report->ranks[i].seconds[phase] > most)
                most = report->ranks[i].seconds[phase];
        add(&l, "%s %.3f s, ", names[phase], most);
        rest -= most;
    }
    add(&l, "other %.3f s", rest > 0 ? rest : 0);
    mr_note("time: %s", l.text);
}

static double spent(const mr_job_report *report, int kind)
{
    double sum = 0;
    for (int i = 0; i < report->rank_count; i++)
        sum += report->ranks[i].spent[kind];
    return sum;
}

static double thread_seconds(const mr_job_report *report)
{
    double threads = 0;
    for (int i = 0; i < report->rank_count; i++)
        threads += (double)report->ranks[i].threads;
    return threads * report->seconds;
}

/* The kinds of work that took most, largest first. */
static void tell_kinds(const mr_job_report *report)
{
    line l = {.size = 0};
    const double all = thread_seconds(report);
    double left = all, sums[MR_SPAN_KINDS];
    for (int kind = MR_SPAN_NONE + 1; kind < MR_SPAN_KINDS; kind++)
        left -= sums[kind] = spent(report, kind);
    for (;;) {
        int most = MR_SPAN_NONE;
        for (int kind = MR_SPAN_NONE + 1; kind < MR_SPAN_KINDS; kind++)
            if (most == MR_SPAN_NONE || sums[kind] > sums[most])
                most = kind;
        if (part_of(sums[most], all) < 0.5)
            break;
        add(&l, "%s %.0f%%, ", mr_span_name((mr_span_kind)most), part_of(sums[most], all));
        sums[most] = -1;
    }
    add(&l, "idle %.0f%%", left > 0 ? part_of(left, all) : 0);
    mr_note("threads: %s", l.text);
}

/* ---- Ranks ---- */

static double work_of(const mr_rank_report *rank)
{
    double sum = 0;
    for (int kind = MR_SPAN_NONE + 1; kind < MR_SPAN_KINDS; kind++)
        sum += kind == MR_SPAN_WAIT ? 0 : rank->spent[kind];
    return sum;
}

static void tell_balance(const mr_job_report *report)
{
    int slowest = 0;
    double sum = 0;
    for (int i = 0; i < report->rank_count; i++) {
        sum += work_of(&report->ranks[i]);
        if (work_of(&report->ranks[i]) > work_of(&report->ranks[slowest]))
            slowest = i;
    }
    const mr_rank_report *rank = &report->ranks[slowest];
    if (report->rank_count > 1 && sum > 0)
        mr_note("balance: rank %d (%.63s) worked longest, %.2f times the mean", slowest, rank->host,
                work_of(rank) * report->rank_count / sum);
}

static void tell_waits(const mr_job_report *report)
{
    line l = {.size = 0};
    int longest = 0;
    const mr_seen_wait *waits = report->seen->waits;
    for (int i = 1; i < report->rank_count; i++)
        if (waits[i].seconds > waits[longest].seconds)
            longest = i;
    if (report->rank_count == 1 || waits[longest].seconds <= 0)
        return;
    add(&l, "waits: rank %d waited longest, %.3f s (%.0f%%)", longest, waits[longest].seconds,
        part_of(waits[longest].seconds, report->seconds));
    if (waits[longest].on >= 0)
        add(&l, ", most of it for rank %d", (int)waits[longest].on);
    mr_note("%s", l.text);
}

static void tell_exchange(const mr_job_report *report)
{
    line l = {.size = 0};
    double bytes = 0, messages = 0;
    for (int i = 0; i < report->rank_count; i++) {
        bytes += (double)report->ranks[i].bytes_sent;
        messages += (double)report->ranks[i].messages_sent;
    }
    if (report->rank_count == 1)
        return;
    add_bytes(&l, bytes);
    mr_note("exchange: %s in %.0f messages; %.0f%% of the threads' time", l.text, messages,
            part_of(spent(report, MR_SPAN_EXCHANGE), thread_seconds(report)));
}

/* ---- Memory and disk ---- */

static void tell_memory(const mr_job_report *report)
{
    line l = {.size = 0};
    const mr_rank_report *most = &report->ranks[0];
    double rss = 0;
    for (int i = 0; i < report->rank_count; i++) {
        const mr_rank_report *rank = &report->ranks[i];
        most = rank->memory_peak > most->memory_peak ? rank : most;
        rss = (double)rank->rss_peak > rss ? (double)rank->rss_peak : rss;
    }
    add_bytes(&l, (double)most->memory_peak);
    if (most->memory_budget) {
        add(&l, " of a budget of ");
        add_bytes(&l, (double)most->memory_budget);
        add(&l, " (%.0f%%)", part_of((double)most->memory_peak, (double)most->memory_budget));
    }
    add(&l, " counted in a rank; ");
    add_bytes(&l, rss);
    add(&l, " with all that is not");
    mr_note("peak: %s", l.text);
}

static void tell_disk(const mr_job_report *report)
{
    line l = {.size = 0};
    double spilled = 0, saved = 0, count = 0, seconds = 0;
    for (int i = 0; i < report->rank_count; i++) {
        const mr_rank_report *rank = &report->ranks[i];
        spilled += (double)rank->spilled;
        saved += (double)rank->checkpoint_bytes;
        count = (double)rank->checkpoints > count ? (double)rank->checkpoints : count;
        seconds = rank->checkpoint_seconds > seconds ? rank->checkpoint_seconds : seconds;
    }
    add_bytes(&l, spilled);
    mr_note("spill: %s went to the scratch disk; %.0f%% of the threads' time",
            spilled > 0 ? l.text : "nothing",
            part_of(spent(report, MR_SPAN_SPILL), thread_seconds(report)));
    if (count <= 0)
        return;
    l = (line){.size = 0};
    if (saved > 0)
        add(&l, ", ");
    if (saved > 0)
        add_bytes(&l, saved);
    mr_note("checkpoints: %.0f%s; the job stood still for %.3f s (%.1f%%)", count, l.text, seconds,
            part_of(seconds, report->seconds));
}

/* ---- The rest ---- */

static void tell_hot_keys(const mr_job_report *report)
{
    for (int i = 0; i < report->hot_count; i++)
        mr_note("hot key: %s in %s: %.0f%% of the pairs, on rank %d", report->hot[i].key,
                report->hot[i].set, 100 * report->hot[i].share, report->hot[i].rank);
}

static void tell_cost(const mr_job_report *report)
{
    line l = {.size = 0};
    const mr_seen_cost *cost = &report->seen->cost;
    const unsigned long long cores = (unsigned long long)cost->cores;
    if (cost->serial <= 0)
        return;
    add(&l, "%llu %s took %.3f s, one would take about %.3f s", cores,
        cores == 1 ? "thread" : "threads", report->seconds, cost->serial);
    if (cores > 1)
        add(&l, ": %.2gx; ", cost->serial / report->seconds);
    if (cost->beats_from)
        add(&l, "%llu are enough to beat one", (unsigned long long)cost->beats_from);
    else if (cores > 1)
        add(&l, "so many do not beat one");
    mr_note("cost: %s", l.text);
}

void mr_summary_tell(const mr_job_report *report)
{
    mr_note("result: %llu rows, %llu bytes in %.3f s", (unsigned long long)report->rows,
            (unsigned long long)report->output_bytes, report->seconds);
    tell_phases(report);
    tell_kinds(report);
    tell_balance(report);
    tell_waits(report);
    tell_exchange(report);
    tell_memory(report);
    tell_disk(report);
    tell_hot_keys(report);
    tell_cost(report);
}

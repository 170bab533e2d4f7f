/*
 * observe/progress.c: the progress line on stderr. The one place of the library that writes to a
 * terminal, and only for a job that asked for it or was started at one.
 */
#include "observe/progress.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TTY_SECONDS   0.5
#define PLAIN_SECONDS 10.0
#define WIDTH         256

/* Under mpirun stderr is a pipe to it: what counts is where mpirun's own stderr goes. */
static bool launcher_at_terminal(void)
{
    char path[64];
    if (!getenv("OMPI_COMM_WORLD_SIZE"))
        return false;
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    int file = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return false;
    bool terminal = isatty(file);
    close(file);
    return terminal;
}

static void human_bytes(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    for (; bytes >= 1023.5 && unit < 5; unit++)
        bytes /= 1024;
    snprintf(text, size, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void human_time(char *text, size_t size, double seconds)
{
    uint64_t whole = (uint64_t)(seconds + 0.5);
    if (seconds < 9.95)
        snprintf(text, size, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(text, size, "%u s", (unsigned)whole);
    else if (whole < 3600)
        snprintf(text, size, "%u min %02u s", (unsigned)(whole / 60), (unsigned)(whole % 60));
    else
        snprintf(text, size, "%llu h %02u min", (unsigned long long)(whole / 3600),
                 (unsigned)(whole / 60 % 60));
}

/* In one write, so that the lines of others can stand before or behind it but not within. A line
 * that the terminal does not take is not worth an error. */
static void show(const mr_progress *progress, const char *text, const char *end)
{
    char line[WIDTH + 16];
    int length = snprintf(line, sizeof line, "%s%s%s", progress->tty ? "\r\033[K" : "", text, end);
    ssize_t wrote = write(STDERR_FILENO, line, (size_t)length);
    (void)wrote;
}

void mr_progress_start(mr_progress *progress, mr_progress_mode mode, bool quiet, uint64_t total)
{
    bool tty = isatty(STDERR_FILENO) || launcher_at_terminal();
    double now = mr_clock_now();
    *progress = (mr_progress){
        .shown = mode == MR_PROGRESS_ALWAYS || (mode == MR_PROGRESS_AUTO && tty && !quiet),
        .tty = tty,
        .start = now,
        .last = now,
        .total = total,
    };
}

static void compose(char *text, size_t size, const mr_progress *progress, const char *phase,
                    uint64_t done, double seconds)
{
    char so_far[32], all[32], rate[32], left[32];
    double speed = (double)done / (seconds > 1e-6 ? seconds : 1e-6);
    human_bytes(so_far, sizeof so_far, (double)done);
    human_bytes(rate, sizeof rate, speed);
    if (!progress->total) {
        snprintf(text, size, "mapred: %s %s, %s/s", phase, so_far, rate);
        return;
    }
    /* Compressed input can turn out longer than it was on disk. */
    uint64_t shown = done < progress->total ? done : progress->total;
    human_bytes(all, sizeof all, (double)progress->total);
    int length = snprintf(text, size, "mapred: %s %s of %s (%u%%), %s/s", phase, so_far, all,
                          (unsigned)(100.0 * (double)shown / (double)progress->total), rate);
    if (!done || length < 0 || (size_t)length >= size)
        return;
    human_time(left, sizeof left, (double)(progress->total - shown) / speed);
    snprintf(text + length, size - (size_t)length, ", %s left", left);
}

void mr_progress_update(mr_progress *progress, const char *phase, uint64_t done)
{
    if (!progress->shown)
        return;
    double now = mr_clock_now();
    if (now - progress->last < (progress->tty ? TTY_SECONDS : PLAIN_SECONDS))
        return;
    char text[WIDTH];
    compose(text, sizeof text, progress, phase, done, now - progress->start);
    show(progress, text, progress->tty ? "" : "\n");
    progress->dirty = progress->tty;
    progress->last = now;
}

void mr_progress_finish(mr_progress *progress, uint64_t done)
{
    if (!progress->shown)
        return;
    char text[WIDTH], all[32], rate[32], took[32];
    double seconds = mr_clock_now() - progress->start;
    human_bytes(all, sizeof all, (double)done);
    human_bytes(rate, sizeof rate, (double)done / (seconds > 1e-6 ? seconds : 1e-6));
    human_time(took, sizeof took, seconds);
    snprintf(text, sizeof text, "mapred: done %s in %s, %s/s", all, took, rate);
    show(progress, text, "\n");
    progress->dirty = false;
    progress->shown = false;
}

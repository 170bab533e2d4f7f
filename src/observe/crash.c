/*
 * observe/crash.c: the last words of a crashing process. A signal handler has no arguments of ours,
 * so what it needs lies in one static record, and in one thread-local record a thread. Within the
 * handler only async-signal-safe calls are made, and nothing is written but stderr.
 */
#include "observe/crash.h"

#include "base/flight.h"

#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FRAMES 64
/* Room for the handler and the unwinder beside what the kernel puts on the stack. */
#define HANDLER_STACK (64 * 1024)
/* A backtrace can wait for a lock of the loader that the crash left closed: not for ever. */
#define BACKTRACE_SECONDS 10

typedef struct line {
    size_t length;
    char text[4096];
} line;

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
    {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"},
};
enum { SIGNALS = sizeof signals / sizeof *signals };

static struct {
    bool installed;
    int rank;
    char host[64];
    char app[128];
    struct sigaction before[SIGNALS];
    atomic_int reporter; /* the thread that crashed first; 0 while none has */
    line line;           /* the reporter's: on a small stack it would not fit */
} crash;

/* Initial-exec: reached without a call of the loader, which could allocate within the handler. */
static _Thread_local struct {
    const mr_block *block;
    mr_crash_describe *describe;
    const void *context;
    int thread;
    bool is_known;
    void *stack;
    stack_t before;
} self __attribute__((tls_model("initial-exec")));

static void add_byte(line *out, char byte)
{
    if (out->length < sizeof out->text - 1)
        out->text[out->length++] = byte;
}

static void add(line *out, const char *text)
{
    while (*text)
        add_byte(out, *text++);
}

/* Text of others: as long as it is reasonable, and without what a terminal would obey. */
static void add_name(line *out, const char *text)
{
    for (size_t i = 0; text && text[i] && i < 1024; i++)
        add_byte(out, (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i]);
}

static void add_number(line *out, uint64_t number, unsigned base)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (count)
        add_byte(out, digits[--count]);
}

static void write_line(line *out)
{
    out->text[out->length++] = '\n';
    for (size_t at = 0; at < out->length;) {
        ssize_t wrote = write(STDERR_FILENO, out->text + at, out->length - at);
        if (wrote <= 0)
            break;
        at += (size_t)wrote;
    }
    out->length = 0;
}

static void add_signal(line *out, int number, const siginfo_t *about)
{
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i].number == number)
            add(out, signals[i].name);
    /* The kernel knows no address for some faults, such as pointers that no address can be. */
    if (about->si_code == SI_KERNEL)
        return;
    if (about->si_code > 0 && number != SIGABRT) {
        add(out, " at address 0x");
        add_number(out, (uint64_t)(uintptr_t)about->si_addr, 16);
    } else if (about->si_pid != getpid()) {
        add(out, " sent by process ");
        add_number(out, (uint64_t)about->si_pid, 10);
    }
}

static void add_rows(line *out, const mr_block *block)
{
    const mr_grid *grid = block->grid;
    add(out, grid->places ? " bytes " : " rows ");
    add_number(out, grid->first, 10);
    add(out, "-");
    add_number(out, mr_grid_place(grid, grid->size[0] - 1) + !grid->places, 10);
}

static void add_bytes(line *out, const mr_block *block)
{
    uint64_t size = block->end > block->data ? (uint64_t)(block->end - block->data) : 0;
    add(out, " bytes ");
    add_number(out, block->offset, 10);
    add(out, "-");
    add_number(out, block->offset + size, 10);
}

static void add_block(line *out, const mr_block *block)
{
    add(out, " while working on ");
    add_name(out, block->file);
    if (block->grid)
        add_rows(out, block);
    else
        add_bytes(out, block);
    if (block->record >= block->data && block->record <= block->end) {
        add(out, block->grid ? ", row at " : ", record at ");
        add_number(out, mr_block_offset_of(block, block->record), 10);
    }
}

static void add_work(line *out)
{
    char text[1024];
    size_t size = self.describe(self.context, text, sizeof text);
    add(out, " while working on ");
    for (size_t i = 0; i < size; i++)
        add_byte(out, (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i]);
}

/* Where the job was, and the block's number: what `mapred replay --block` takes. */
static void add_place(line *out, const mr_block *block)
{
    const mr_flight_thread *mine = mr_flight_mine();
    const char *phase = mr_flight_here()->phase;
    if (!phase[0])
        return;
    add(out, " (phase ");
    add_name(out, phase);
    if (block && mine && block == &mine->block && mine->split != MR_FLIGHT_NO_NUMBER) {
        add(out, ", block ");
        add_number(out, mine->split, 10);
    }
    add(out, ")");
}

static void compose(line *out, int number, const siginfo_t *about)
{
    const mr_block *block = self.block && self.block->data ? self.block : NULL;
    bool working = block || self.describe;
    add(out, working ? "mapred: kernel crashed: rank " : "mapred: crashed outside kernels: rank ");
    add_number(out, (uint64_t)crash.rank, 10);
    add(out, " (");
    add_name(out, crash.host);
    add(out, ")");
    if (self.is_known) {
        add(out, ", thread ");
        add_number(out, (uint64_t)self.thread, 10);
    }
    add(out, ": ");
    add_name(out, crash.app);
    add(out, ": ");
    add_signal(out, number, about);
    if (block)
        add_block(out, block);
    else if (working)
        add_work(out);
    if (block || !working)
        add_place(out, block);
    add(out, ": run it under gdb, or look at the backtrace below");
}

static void give_up(int number)
{
    (void)number;
    _exit(1);
}

static void write_backtrace(void)
{
    void *frames[FRAMES];
    sigset_t alarms;
    struct sigaction late = {.sa_handler = give_up};
    sigaction(SIGALRM, &late, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(BACKTRACE_SECONDS);
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
}

/* With a core file where the user wants one, else with the status of a failed job. */
static _Noreturn void end_process(int number)
{
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(number, &plain, NULL);
        raise(number);
    }
    _exit(1);
}

static void handle(int number, siginfo_t *about, void *context)
{
    (void)context;
    int me = (int)gettid(), first = 0;
    if (!atomic_compare_exchange_strong(&crash.reporter, &first, me)) {
        while (first != me)
            pause();
        /* The report crashed itself, for example on a block that was overwritten: what there is. */
        if (crash.line.length)
            write_line(&crash.line);
        _exit(1);
    }
    compose(&crash.line, number, about);
    atomic_store(&mr_flight_here()->is_told, true); /* the guard has nothing to add */
    write_line(&crash.line);
    write_backtrace();
    end_process(number);
}

void mr_crash_install(int rank, const char *host, const char *app)
{
    void *frame;
    crash.rank = rank;
    snprintf(crash.host, sizeof crash.host, "%s", host);
    snprintf(crash.app, sizeof crash.app, "%s", app);
    if (crash.installed)
        return;
    /* The first call loads the unwinder, which the handler must not do. */
    backtrace(&frame, 1);
    struct sigaction action = {.sa_sigaction = handle,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &action, &crash.before[i]);
    crash.installed = true;
}

void mr_crash_remove(void)
{
    if (!crash.installed)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i].number, &crash.before[i], NULL);
    crash.installed = false;
}

void mr_crash_thread_begin(int thread, const mr_block *block)
{
    self.thread = thread;
    self.block = block;
    self.is_known = true;
    if (self.stack)
        return;
    long needed = sysconf(_SC_MINSIGSTKSZ);
    size_t size = HANDLER_STACK + (needed > 0 ? (size_t)needed : 0);
    /* Without a stack of its own a crash is told all the same, unless it is the stack's overflow.
     */
    self.stack = malloc(size);
    stack_t stack = {.ss_sp = self.stack, .ss_size = size};
    if (self.stack && sigaltstack(&stack, &self.before) != 0) {
        free(self.stack);
        self.stack = NULL;
    }
}

void mr_crash_thread_end(void)
{
    self.block = NULL;
    self.describe = NULL;
    self.is_known = false;
    if (!self.stack)
        return;
    sigaltstack(&self.before, NULL);
    free(self.stack);
    self.stack = NULL;
}

void mr_crash_thread_work(mr_crash_describe *describe, const void *context)
{
    self.context = context;
    self.describe = describe;
}

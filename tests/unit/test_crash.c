/*
 * tests/unit/test_crash.c: what a crash looks like from outside. Children crash in every way there
 * is; their stderr and how they ended are looked at.
 */
#include "observe/crash.h"

#include <CUnit/Basic.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TELL "mapred: kernel crashed: rank 1 (node7), thread 3: wordcount: "
#define WORK " while working on data/x.txt bytes 4096-4106, record at 4101: "
#define HELP "run it under gdb, or look at the backtrace below\n"

/* How a child ended and what it said. */
typedef struct ending {
    int how;
    char text[65536];
} ending;

static const char text[] = "word word\n";

static mr_block block_of_text(void)
{
    return (mr_block){.at = text + 5,
                      .end = text + 10,
                      .record = text + 5,
                      .data = text,
                      .file = "data/x.txt",
                      .offset = 4096};
}

static void read_all(int from, ending *seen)
{
    size_t length = 0;
    for (;;) {
        ssize_t got = read(from, seen->text + length, sizeof seen->text - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    seen->text[length] = 0;
}

/* Runs `crash` in a child of its own; what hangs is ended by an alarm, which no case expects. */
static void run(ending *seen, void (*crash)(void))
{
    int ends[2];
    memset(seen, 0, sizeof *seen);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(60);
        crash();
        _exit(99);
    }
    close(ends[1]);
    read_all(ends[0], seen);
    close(ends[0]);
    CU_ASSERT_EQUAL(waitpid(child, &seen->how, 0), child);
}

static bool ended_with(const ending *seen, int code)
{
    return WIFEXITED(seen->how) && WEXITSTATUS(seen->how) == code;
}

static size_t times_in(const char *where, const char *what)
{
    size_t count = 0;
    for (; (where = strstr(where, what)); where++)
        count++;
    return count;
}

/* The first line is `line`, there is no other like it, and a backtrace of this program follows. */
static void check_line(const ending *seen, const char *line)
{
    CU_ASSERT_NSTRING_EQUAL(seen->text, line, strlen(line));
    CU_ASSERT_EQUAL(times_in(seen->text, "mapred: "), 1);
    const char *rest = strchr(seen->text, '\n');
    CU_ASSERT(rest && strstr(rest, program_invocation_short_name));
    CU_ASSERT(ended_with(seen, 1));
}

static void begin(const mr_block *block)
{
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &core);
    mr_crash_install(1, "node7", "wordcount");
    mr_crash_thread_begin(3, block);
}

__attribute__((no_sanitize("undefined", "address"))) static void touch(uintptr_t address)
{
    volatile uintptr_t place = address;
    *(volatile char *)place = 1;
}

static void crash_segv(void)
{
    mr_block block = block_of_text();
    begin(&block);
    touch(0x10);
}

static void crash_bus(void)
{
    mr_block block = block_of_text();
    FILE *empty = tmpfile();
    char *memory = mmap((void *)0x7e0000000000, 4096, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED_NOREPLACE, fileno(empty), 0);
    begin(&block);
    touch((uintptr_t)memory);
}

static void crash_abort(void)
{
    mr_block block = block_of_text();
    begin(&block);
    abort();
}

static void crash_divide(void)
{
    mr_block block = block_of_text();
    begin(&block);
#if defined(__x86_64__)
    __asm__ volatile("xor %%edx, %%edx\n\tmov $1, %%eax\n\txor %%ecx, %%ecx\n\tdiv %%ecx" ::
                         : "eax", "ecx", "edx", "cc");
#else
    raise(SIGFPE);
#endif
}

static void crash_illegal(void)
{
    mr_block block = block_of_text();
    begin(&block);
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#else
    raise(SIGILL);
#endif
}

static void crash_killed(void)
{
    mr_block block = block_of_text();
    begin(&block);
    kill(getpid(), SIGSEGV);
    pause();
}

static void test_signals(void)
{
    static ending seen;
    run(&seen, crash_segv);
    check_line(&seen, TELL "SIGSEGV at address 0x10" WORK HELP);
    run(&seen, crash_bus);
    check_line(&seen, TELL "SIGBUS at address 0x7e0000000000" WORK HELP);
    run(&seen, crash_abort);
    check_line(&seen, TELL "SIGABRT" WORK HELP);
    run(&seen, crash_divide);
    check_line(&seen, TELL "SIGFPE");
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.text, WORK HELP));
    run(&seen, crash_illegal);
    check_line(&seen, TELL "SIGILL");
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.text, WORK HELP));
    run(&seen, crash_killed);
    check_line(&seen, TELL "SIGSEGV" WORK HELP);
}

static void crash_by_another(void)
{
    mr_block block = block_of_text();
    begin(&block);
    pid_t parent = getpid();
    if (fork() == 0) {
        kill(parent, SIGSEGV);
        _exit(0);
    }
    for (;;)
        pause();
}

static void test_sent(void)
{
    static ending seen;
    run(&seen, crash_by_another);
    check_line(&seen, TELL "SIGSEGV sent by process ");
}

/* Never returns before the stack ends. The sanitizers' own checks of the stack are kept out. */
__attribute__((noinline, no_sanitize("undefined", "address"))) static int dive(volatile int *depth)
{
    volatile int deeper = *depth + 1;
    return deeper > 0 ? dive(&deeper) + *depth : 0;
}

static void crash_overflow(void)
{
    mr_block block = block_of_text();
    volatile int depth = 0;
    begin(&block);
    dive(&depth);
}

static void *overflow_in_thread(void *nothing)
{
    crash_overflow();
    return nothing;
}

static void crash_overflow_in_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, overflow_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void test_overflow(void)
{
    static ending seen;
    run(&seen, crash_overflow);
    check_line(&seen, TELL "SIGSEGV at address 0x");
    run(&seen, crash_overflow_in_thread);
    check_line(&seen, TELL "SIGSEGV at address 0x");
}

static void crash_between_blocks(void)
{
    mr_block block = {0};
    begin(&block);
    touch(0x10);
}

static void crash_unknown_thread(void)
{
    begin(NULL);
    mr_crash_thread_end();
    touch(0x10);
}

static void test_outside(void)
{
    static ending seen;
    run(&seen, crash_between_blocks);
    check_line(&seen,
               "mapred: crashed outside kernels: rank 1 (node7), thread 3: wordcount: SIGSEGV "
               "at address 0x10: " HELP);
    run(&seen, crash_unknown_thread);
    check_line(&seen, "mapred: crashed outside kernels: rank 1 (node7): wordcount: SIGSEGV at "
                      "address 0x10: " HELP);
}

/* The report itself crashes on it: what is known until then is told, and there is an end. */
static void crash_bad_block(void)
{
    begin((const mr_block *)0x30);
    touch(0x10);
}

static void crash_bad_name(void)
{
    mr_block block = block_of_text();
    block.file = (const char *)0x20;
    begin(&block);
    touch(0x10);
}

static void crash_odd_block(void)
{
    mr_block block = block_of_text();
    block.file = "a\nb\033[2J";
    block.record = NULL;
    block.end = block.data;
    begin(&block);
    touch(0x10);
}

static void test_bad_blocks(void)
{
    static ending seen;
    run(&seen, crash_bad_block);
    CU_ASSERT(ended_with(&seen, 1));
    run(&seen, crash_bad_name);
    CU_ASSERT(ended_with(&seen, 1));
    CU_ASSERT_STRING_EQUAL(seen.text, TELL "SIGSEGV at address 0x10 while working on \n");
    run(&seen, crash_odd_block);
    check_line(&seen,
               TELL "SIGSEGV at address 0x10 while working on a?b?[2J bytes 4096-4096: " HELP);
}

static void *crash_in_thread(void *barrier)
{
    mr_block block = block_of_text();
    mr_crash_thread_begin(3, &block);
    pthread_barrier_wait(barrier);
    touch(0x10);
    return NULL;
}

static void crash_together(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS);
    begin(NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, crash_in_thread, &barrier);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_many_threads(void)
{
    static ending seen;
    for (int i = 0; i < 20; i++) {
        run(&seen, crash_together);
        check_line(&seen, TELL "SIGSEGV at address 0x10" WORK HELP);
    }
}

/* Where core files are wanted the process ends by the signal itself. The limit is one byte: the
 * kernel then dumps nothing, and the end is the same. */
static void crash_for_core(void)
{
    mr_block block = block_of_text();
    struct rlimit some = {1, 1};
    begin(&block);
    if (setrlimit(RLIMIT_CORE, &some) != 0)
        _exit(77);
    touch(0x10);
}

static void test_core(void)
{
    static ending seen;
    run(&seen, crash_for_core);
    /* Where core files are forbidden for good there is nothing to see. */
    if (ended_with(&seen, 77))
        return;
    CU_ASSERT_NSTRING_EQUAL(seen.text, TELL "SIGSEGV", strlen(TELL "SIGSEGV"));
    CU_ASSERT_EQUAL(times_in(seen.text, "mapred: "), 1);
    CU_ASSERT(WIFSIGNALED(seen.how) && WTERMSIG(seen.how) == SIGSEGV);
}

/* What a thread of a pool would say. */
static size_t describe(const void *context, char *out, size_t room)
{
    const int *number = context;
    return (size_t)snprintf(out, room, "task square\n %d", *number);
}

static size_t describe_at_length(const void *context, char *out, size_t room)
{
    memset(out, *(const char *)context, room);
    return room;
}

static void crash_in_task(void)
{
    static const int number = 17;
    begin(NULL);
    mr_crash_thread_work(describe, &number);
    touch(0x10);
}

static void crash_after_task(void)
{
    static const int number = 17;
    begin(NULL);
    mr_crash_thread_work(describe, &number);
    mr_crash_thread_work(NULL, NULL);
    touch(0x10);
}

static void crash_in_next_task(void)
{
    static const int number = 17;
    begin(NULL);
    mr_crash_thread_work(describe_at_length, "x");
    mr_crash_thread_end();
    mr_crash_thread_begin(3, NULL);
    mr_crash_thread_work(describe, &number);
    touch(0x10);
}

static void crash_in_long_task(void)
{
    begin(NULL);
    mr_crash_thread_work(describe_at_length, "x");
    touch(0x10);
}

/* A description that crashes itself: the line as far as it came. */
static size_t describe_badly(const void *context, char *out, size_t room)
{
    (void)out;
    (void)room;
    touch((uintptr_t)context);
    return 0;
}

static void crash_in_bad_task(void)
{
    begin(NULL);
    mr_crash_thread_work(describe_badly, NULL);
    touch(0x10);
}

/* Tasks are no blocks: they say themselves what they are. */
static void test_tasks(void)
{
    static const char task[] =
        TELL "SIGSEGV at address 0x10 while working on task square? 17: " HELP;
    static const char outside[] = "mapred: crashed outside kernels: rank 1 (node7), thread 3: "
                                  "wordcount: SIGSEGV at address 0x10: " HELP;
    static ending seen;
    run(&seen, crash_in_task);
    check_line(&seen, task);
    run(&seen, crash_in_next_task);
    check_line(&seen, task);
    run(&seen, crash_after_task);
    check_line(&seen, outside);
    run(&seen, crash_in_long_task);
    check_line(&seen, TELL "SIGSEGV at address 0x10 while working on xxxxxxxx");
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.text, "xxxxxx: " HELP));
    run(&seen, crash_in_bad_task);
    CU_ASSERT_NSTRING_EQUAL(seen.text, TELL "SIGSEGV", strlen(TELL "SIGSEGV"));
    CU_ASSERT(ended_with(&seen, 1));
}

static void note(int number)
{
    _exit(number == SIGSEGV ? 42 : 43);
}

static void crash_after_remove(void)
{
    signal(SIGSEGV, note);
    begin(NULL);
    mr_crash_thread_end();
    mr_crash_remove();
    mr_crash_remove();
    raise(SIGSEGV);
}

static void crash_after_both(void)
{
    mr_block block = block_of_text();
    begin(NULL);
    mr_crash_thread_begin(2, NULL);
    mr_crash_remove();
    begin(&block);
    touch(0x10);
}

static void test_remove(void)
{
    static ending seen;
    run(&seen, crash_after_remove);
    CU_ASSERT(ended_with(&seen, 42));
    CU_ASSERT_STRING_EQUAL(seen.text, "");
    run(&seen, crash_after_both);
    check_line(&seen, TELL "SIGSEGV at address 0x10" WORK HELP);
}

/* The stack for signals is as it was before. */
static void test_thread_stack(void)
{
    stack_t before, within, after;
    sigaltstack(NULL, &before);
    mr_crash_thread_begin(0, NULL);
    sigaltstack(NULL, &within);
    mr_crash_thread_end();
    mr_crash_thread_end();
    sigaltstack(NULL, &after);
    CU_ASSERT_FALSE(within.ss_flags & SS_DISABLE);
    CU_ASSERT(within.ss_size >= 64 * 1024);
    CU_ASSERT_PTR_NOT_EQUAL(within.ss_sp, before.ss_sp);
    CU_ASSERT_EQUAL(after.ss_flags, before.ss_flags);
    CU_ASSERT((before.ss_flags & SS_DISABLE) || after.ss_sp == before.ss_sp);
}

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("crash", NULL, NULL);
    CU_add_test(suite, "every signal", test_signals);
    CU_add_test(suite, "a signal of another process", test_sent);
    CU_add_test(suite, "overflow of the stack", test_overflow);
    CU_add_test(suite, "outside kernels", test_outside);
    CU_add_test(suite, "broken blocks", test_bad_blocks);
    CU_add_test(suite, "tasks", test_tasks);
    CU_add_test(suite, "many threads at once", test_many_threads);
    CU_add_test(suite, "core files", test_core);
    CU_add_test(suite, "remove", test_remove);
    CU_add_test(suite, "signal stack", test_thread_stack);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? 1 : 0;
}

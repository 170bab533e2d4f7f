/*
 * observe/crash.h: what a crash in a kernel looks like: one line that says where, a backtrace, the
 * end.
 */
#ifndef MR_OBSERVE_CRASH_H
#define MR_OBSERVE_CRASH_H

#include <mapred/block.h>

/* Handles SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT of this process from now on. `app` is copied.
 */
void mr_crash_install(int rank, const char *host, const char *app);
/* Puts the signals back as they were. */
void mr_crash_remove(void);

/*
 * In each thread that runs kernels: an alternate stack (so that an overflow of the stack is told
 * too) and where the block lies that the thread works on. `block` may change all the time; its
 * `data` is NULL while there is none. `end` frees the stack.
 */
void mr_crash_thread_begin(int thread, const mr_block *block);
void mr_crash_thread_end(void);

/* What the calling thread works on when it is no block: `describe` writes it down ("task square
 * 17"), at most `room` bytes, no zero, and returns how many; it runs within the handler, so it may
 * only read memory. NULL: nothing any more. */
typedef size_t mr_crash_describe(const void *context, char *text, size_t room);
void mr_crash_thread_work(mr_crash_describe *describe, const void *context);

#endif

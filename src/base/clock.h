/* base/clock.h: seconds since some fixed moment, never going back; and letting some go by. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <time.h>

static inline double mr_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds of CPU that the calling thread has had. */
static inline double mr_clock_thread(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void mr_clock_nap(long microseconds)
{
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
}

#endif

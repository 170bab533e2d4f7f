/*
 * base/stray.h: threads of this process that are in a user's kernel and don't come back. A thread
 * can't be ended from outside without harm, so the process has to end around it: nothing that the
 * thread may touch is freed, plugins stay loaded, and main ends by _exit.
 */
#ifndef MR_BASE_STRAY_H
#define MR_BASE_STRAY_H

/* Thread-safe. */
void mr_stray_add(int count);
int mr_stray_count(void);

#endif

/* base/read.h: all of some bytes of a file, where the system may give fewer at a time. */
#ifndef MR_BASE_READ_H
#define MR_BASE_READ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How many of `size` bytes there are at `offset`: all of them, unless the file ends there; -1 and
 * errno where they could not be read. A signal does not count as an error. */
ssize_t mr_read_at(int file, void *bytes, size_t size, uint64_t offset);

#endif

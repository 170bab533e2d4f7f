/* unit/scratch.h: a folder for scratch files, and a way to the files in it that have no name. */
#ifndef MR_UNIT_SCRATCH_H
#define MR_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];

static inline int scratch_make(void)
{
    strcpy(scratch, "/tmp/mapred-scratch-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove(void)
{
    return rmdir(scratch);
}

/* The file that is open in the folder; -1 where there is none. */
static inline int scratch_file(void)
{
    char path[64], target[256];
    for (int file = 3; file < 256; file++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        ssize_t size = readlink(path, target, sizeof target);
        if (size > 0 && strncmp(target, scratch, strlen(scratch)) == 0)
            return file;
    }
    return -1;
}

/* How many bytes of the disk that file takes. */
static inline size_t scratch_taken(void)
{
    struct stat about = {0};
    fstat(scratch_file(), &about);
    return (size_t)about.st_blocks * 512;
}

/* Whether disk space can be given back there, as all but simple file systems can. */
static inline bool scratch_can_give_back(void)
{
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return fallocate(scratch_file(), mode, 0, 4096) == 0;
}

/* Changes one byte of it, or changes it back. */
static inline void scratch_flip(size_t at)
{
    unsigned char byte;
    int file = scratch_file();
    bool done = pread(file, &byte, 1, (off_t)at) == 1;
    byte ^= 0x20;
    if (!done || pwrite(file, &byte, 1, (off_t)at) != 1)
        abort();
}

/* No file may become larger than this: what a full disk looks like. */
static inline void scratch_limit(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

#endif

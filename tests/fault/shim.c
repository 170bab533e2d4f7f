/*
 * tests/fault/shim.c: makes one call of one rank fail. Preloaded into a rank (LD_PRELOAD), it
 * stands between the program and the C library and reads MR_FAULT:
 *
 *     rank=1 call=pread path=words.txt skip=2 errno=5
 *
 * On that rank the call fails with that errno for paths that hold the text, but for the first
 * `skip` of them. For realloc the path is left out and `least` and `most` say which sizes fail.
 * What has failed once goes on to fail, as a broken disk would. With `call=flip` pread works, but
 * one byte of what it reads turns over, once.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

int MPI_Init_thread(int *count, char ***arguments, int wanted, int *provided);
int MPI_Mrecv(void *bytes, int count, void *type, void *message, void *status);

#define EXPORT __attribute__((visibility("default")))

static struct {
    bool active;
    char call[16], path[256];
    long error;
    atomic_long skip;
    atomic_bool is_up;   /* MPI */
    atomic_bool flipped; /* a byte, once */
} fault;

/* The number behind `name` in MR_FAULT. */
static long number_of(const char *text, const char *name, long fallback)
{
    const char *at = strstr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : fallback;
}

static void word_of(const char *text, const char *name, char *word, size_t size)
{
    const char *at = strstr(text, name);
    if (at)
        snprintf(word, size, "%.*s", (int)strcspn(at + strlen(name), " "), at + strlen(name));
}

static __attribute__((constructor)) void read_fault(void)
{
    const char *text = getenv("MR_FAULT"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!text || number_of(text, "rank=", 0) != (rank ? strtol(rank, NULL, 10) : 0))
        return;
    word_of(text, "call=", fault.call, sizeof fault.call);
    word_of(text, "path=", fault.path, sizeof fault.path);
    fault.error = number_of(text, "errno=", EIO);
    atomic_store(&fault.skip, number_of(text, "skip=", 0));
    fault.active = true;
}

static bool strikes(const char *call)
{
    if (strcmp(fault.call, call) != 0 || atomic_fetch_sub(&fault.skip, 1) > 0)
        return false;
    errno = (int)fault.error;
    return true;
}

static bool strikes_path(const char *call, const char *path)
{
    return fault.active && path && fault.path[0] && strstr(path, fault.path) && strikes(call);
}

static bool strikes_file(const char *call, int file)
{
    char link[64], path[4096];
    if (!fault.active || strcmp(fault.call, call) != 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return false;
    path[size] = '\0';
    return strikes_path(call, path);
}

/* The next function of that name: the C library's, or a sanitizer's. */
#define NEXT(type, name)                                                                           \
    static __typeof__(type) next;                                                                  \
    if (!next)                                                                                     \
    *(void **)(void *)&next = dlsym(RTLD_NEXT, name)

EXPORT int open64(const char *path, int flags, ...)
{
    NEXT(int (*)(const char *, int, ...), "open64");
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return strikes_path("open", path) ? -1 : next(path, flags, mode);
}

EXPORT ssize_t pread64(int file, void *bytes, size_t size, off64_t at)
{
    NEXT(ssize_t(*)(int, void *, size_t, off64_t), "pread64");
    if (strikes_file("pread", file))
        return -1;
    ssize_t got = next(file, bytes, size, at);
    if (got > 0 && strikes_file("flip", file) && !atomic_exchange(&fault.flipped, true))
        ((unsigned char *)bytes)[got / 2] ^= 16;
    return got;
}

EXPORT ssize_t read(int file, void *bytes, size_t size)
{
    NEXT(ssize_t(*)(int, void *, size_t), "read");
    return strikes_file("read", file) ? -1 : next(file, bytes, size);
}

EXPORT ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    NEXT(ssize_t(*)(int, const void *, size_t, off64_t), "pwrite64");
    return strikes_file("pwrite", file) ? -1 : next(file, bytes, size, at);
}

EXPORT ssize_t write(int file, const void *bytes, size_t size)
{
    NEXT(ssize_t(*)(int, const void *, size_t), "write");
    return strikes_file("write", file) ? -1 : next(file, bytes, size);
}

EXPORT int fsync(int file)
{
    NEXT(int (*)(int), "fsync");
    return strikes_file("fsync", file) ? -1 : next(file);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    NEXT(int (*)(const char *, mode_t), "mkdir");
    return strikes_path("mkdir", path) ? -1 : next(path, mode);
}

EXPORT int rename(const char *from, const char *to)
{
    NEXT(int (*)(const char *, const char *), "rename");
    return strikes_path("rename", from) ? -1 : next(from, to);
}

EXPORT int renameat2(int in, const char *from, int at, const char *to, unsigned flags)
{
    NEXT(int (*)(int, const char *, int, const char *, unsigned), "renameat2");
    return strikes_path("rename", from) ? -1 : next(in, from, at, to, flags);
}

/* The address sanitizer has its own, which it needs before anything else is up. */
#ifndef __SANITIZE_ADDRESS__

static bool strikes_memory(const char *call, const void *caller)
{
    Dl_info object;
    if (!fault.active || strcmp(fault.call, call) != 0 || !atomic_load(&fault.is_up))
        return false;
    if (!dladdr(caller, &object) || !strstr(object.dli_fname, fault.path))
        return false;
    errno = ENOMEM;
    return atomic_fetch_sub(&fault.skip, 1) == 0;
}

EXPORT void *malloc(size_t size)
{
    NEXT(void *(*)(size_t), "malloc");
    return strikes_memory("malloc", __builtin_return_address(0)) ? NULL : next(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    NEXT(void *(*)(size_t, size_t), "calloc");
    return strikes_memory("calloc", __builtin_return_address(0)) ? NULL : next(count, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
    NEXT(void *(*)(void *, size_t), "realloc");
    return strikes_memory("realloc", __builtin_return_address(0)) ? NULL : next(memory, size);
}

#endif

EXPORT int MPI_Init_thread(int *count, char ***arguments, int wanted, int *provided)
{
    NEXT(int (*)(int *, char ***, int, int *), "MPI_Init_thread");
    int result = next(count, arguments, wanted, provided);
    atomic_store(&fault.is_up, true);
    return result;
}

/* A byte of each message turns over on its way. */
EXPORT int MPI_Mrecv(void *bytes, int count, void *type, void *message, void *status)
{
    NEXT(int (*)(void *, int, void *, void *, void *), "MPI_Mrecv");
    int result = next(bytes, count, type, message, status);
    if (fault.active && count > 0 && strcmp(fault.call, "mrecv") == 0)
        ((unsigned char *)bytes)[count / 2] ^= 16;
    return result;
}

/* The reason that dlerror would give is of no more use than that there is none. */
EXPORT void *dlopen(const char *path, int flags)
{
    NEXT(void *(*)(const char *, int), "dlopen");
    return strikes_path("dlopen", path) ? NULL : next(path, flags);
}

/*
 * tests/fault/nth.c: makes the n-th call of a kind fail. Preloaded into a rank (LD_PRELOAD), it
 * stands between mapred and the C library, and between mapred and MPI, counts the calls of each
 * kind that mapred makes, and reads MR_NTH:
 *
 *     note=/tmp/note rank=1 kind=write nth=17 how=short
 *
 * On that rank the 17th write is short. `how` is fail (the default), short (half of a read or a
 * write) or intr (EINTR); `lasting=1` makes all that follow fail as well. Without a kind nothing
 * fails. Every rank counts in the file that note= names, with its number behind, which is shared
 * memory: it is right however the process ends.
 *
 * Calls count that come from our own code: the library, the program and its apps. What Open MPI,
 * HDF5, the compiler's OpenMP and the C library itself ask for is theirs: nothing could be done
 * here about how they bear it. An error of MPI goes to the communicator's error handler first, as
 * all errors of MPI do.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <mpi.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { MEMORY, OPEN, READ, WRITE, SIZE, SYNC, NAME, CLOSE, LOOK, THREAD, MPI, KINDS };

static const struct {
    const char *name;
    int error;
} kinds[KINDS] = {
    {"memory", ENOMEM}, {"open", EMFILE},   {"read", EIO}, {"write", ENOSPC},
    {"size", ENOSPC},   {"sync", EIO},      {"name", EIO}, {"close", EIO},
    {"look", EIO},      {"thread", EAGAIN}, {"mpi", 0},
};

/* How often each kind was called, and what has failed first: tests/fault/nth.py reads it. */
typedef struct note {
    _Atomic uint64_t counts[KINDS];
    _Atomic uint64_t struck;
    char where[512];
} note;

static struct {
    note *note;
    const struct link_map *self;
    int kind; /* -1: none */
    uint64_t nth;
    bool lasting, is_short, interrupts;
} fault = {.kind = -1};

/* The next function of that name: the C library's, MPI's, or a sanitizer's. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (!next)                                                                                     \
    *(void **)(void *)&next = dlsym(RTLD_NEXT, #name)

static const struct link_map *object_of(const void *address)
{
    struct dl_find_object found;
    return _dl_find_object((void *)(uintptr_t)address, &found) == 0 ? found.dlfo_link_map : NULL;
}

static bool is_ours(const void *caller)
{
    const struct link_map *object = object_of(caller);
    if (!object || object == fault.self)
        return false;
    if (!object->l_name[0])
        return strcmp(program_invocation_short_name, "mapred") == 0;
    return strncmp(object->l_name, "/lib", 4) != 0 && strncmp(object->l_name, "/usr/lib", 8) != 0;
}

/* For addr2line: the call, the object and the place in it. */
static void write_down(const char *call, const void *caller)
{
    const struct link_map *object = object_of(caller);
    if (atomic_fetch_add(&fault.note->struck, 1) == 0)
        snprintf(fault.note->where, sizeof fault.note->where, "%s at %s+0x%llx", call,
                 object->l_name, (unsigned long long)((uintptr_t)caller - object->l_addr));
}

/* Counts a call, and says whether it is one that fails; errno is set then. */
static bool strikes(int kind, const char *call, const void *caller)
{
    if (!fault.note || !is_ours(caller))
        return false;
    uint64_t n = atomic_fetch_add(&fault.note->counts[kind], 1) + 1;
    if (kind != fault.kind || n < fault.nth || (n > fault.nth && !fault.lasting))
        return false;
    write_down(call, caller);
    errno = fault.interrupts ? EINTR : kinds[kind].error;
    return true;
}

#define STRIKES(kind) strikes(kind, __func__, __builtin_return_address(0))

/* A call of which nothing is special but its name. */
#define WRAP(kind, type, failure, name, parameters, arguments)                                     \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        NEXT(name);                                                                                \
        return STRIKES(kind) ? (failure) : next arguments;                                         \
    }

/* ---- how it is set up ---- */

static const char *word_of(const char *text, const char *name, char *word, size_t size)
{
    const char *at = strstr(text, name);
    word[0] = '\0';
    if (at)
        snprintf(word, size, "%.*s", (int)strcspn(at + strlen(name), " "), at + strlen(name));
    return word;
}

static uint64_t number_of(const char *text, const char *name)
{
    char word[32];
    return strtoull(word_of(text, name, word, sizeof word), NULL, 10);
}

static note *map_note(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0 || ftruncate(file, sizeof(note)) != 0)
        return NULL;
    void *mapped = mmap(NULL, sizeof(note), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? NULL : mapped;
}

static __attribute__((constructor)) void read_fault(void)
{
    char word[1024], path[1100];
    const char *text = getenv("MR_NTH"), *number = getenv("OMPI_COMM_WORLD_RANK");
    uint64_t rank = number ? strtoull(number, NULL, 10) : 0;
    if (!text || strcmp(program_invocation_short_name, "mapred") != 0)
        return;
    fault.self = object_of((const void *)(uintptr_t)&read_fault);
    fault.nth = number_of(text, "nth=");
    fault.lasting = number_of(text, "lasting=") != 0;
    word_of(text, "how=", word, sizeof word);
    fault.is_short = strcmp(word, "short") == 0;
    fault.interrupts = strcmp(word, "intr") == 0;
    word_of(text, "kind=", word, sizeof word);
    for (int kind = 0; kind < KINDS; kind++)
        if (rank == number_of(text, "rank=") && strcmp(kinds[kind].name, word) == 0)
            fault.kind = kind;
    snprintf(path, sizeof path, "%s.%d", word_of(text, "note=", word, sizeof word), (int)rank);
    fault.note = map_note(path);
}

/* ---- memory ---- */

/* The address sanitizer has its own, which it needs before anything else is up. */
#ifndef __SANITIZE_ADDRESS__
WRAP(MEMORY, void *, NULL, malloc, (size_t size), (size))
WRAP(MEMORY, void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(MEMORY, void *, NULL, realloc, (void *memory, size_t size), (memory, size))
WRAP(MEMORY, void *, NULL, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(MEMORY, char *, NULL, strdup, (const char *text), (text))
WRAP(MEMORY, char *, NULL, strndup, (const char *text, size_t size), (text, size))
WRAP(MEMORY, FILE *, NULL, open_memstream, (char **text, size_t *size), (text, size))

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size)
{
    NEXT(posix_memalign);
    return STRIKES(MEMORY) ? ENOMEM : next(memory, alignment, size);
}

EXPORT int asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    if (STRIKES(MEMORY))
        return -1;
    va_start(arguments, format);
    int size = vasprintf(text, format, arguments);
    va_end(arguments);
    return size;
}
#endif

WRAP(MEMORY, void *, MAP_FAILED, mmap64,
     (void *at, size_t size, int access, int flags, int file, off64_t offset),
     (at, size, access, flags, file, offset))

/* ---- files ---- */

EXPORT int open64(const char *path, int flags, ...)
{
    NEXT(open64);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return STRIKES(OPEN) ? -1 : next(path, flags, mode);
}

WRAP(OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(OPEN, FILE *, NULL, fdopen, (int file, const char *mode), (file, mode))
WRAP(OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(OPEN, DIR *, NULL, fdopendir, (int file), (file))
WRAP(OPEN, int, -1, mkostemp64, (char *path, int flags), (path, flags))

/* What is left of the size when a call moves less than it was asked for. */
static size_t half(size_t size)
{
    return size > 1 ? size / 2 : size;
}

#define WRAP_MOVING(kind, name, parameters, arguments)                                             \
    EXPORT ssize_t name parameters                                                                 \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (STRIKES(kind)) {                                                                       \
            if (!fault.is_short)                                                                   \
                return -1;                                                                         \
            size = half(size);                                                                     \
        }                                                                                          \
        return next arguments;                                                                     \
    }

WRAP_MOVING(READ, read, (int file, void *bytes, size_t size), (file, bytes, size))
WRAP_MOVING(READ, pread64, (int file, void *bytes, size_t size, off64_t at),
            (file, bytes, size, at))
WRAP_MOVING(WRITE, write, (int file, const void *bytes, size_t size), (file, bytes, size))
WRAP_MOVING(WRITE, pwrite64, (int file, const void *bytes, size_t size, off64_t at),
            (file, bytes, size, at))

WRAP(SIZE, int, -1, ftruncate64, (int file, off64_t size), (file, size))
WRAP(SIZE, int, -1, fallocate64, (int file, int mode, off64_t at, off64_t size),
     (file, mode, at, size))
WRAP(SYNC, int, -1, fsync, (int file), (file))
WRAP(SYNC, int, -1, fdatasync, (int file), (file))
WRAP(NAME, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(NAME, int, -1, renameat2, (int in, const char *from, int at, const char *to, unsigned flags),
     (in, from, at, to, flags))
WRAP(NAME, int, -1, link, (const char *from, const char *to), (from, to))
WRAP(NAME, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(NAME, int, -1, unlink, (const char *path), (path))
WRAP(NAME, int, -1, unlinkat, (int in, const char *path, int flags), (in, path, flags))
WRAP(NAME, int, -1, rmdir, (const char *path), (path))
WRAP(LOOK, int, -1, stat64, (const char *path, struct stat64 *about), (path, about))
WRAP(LOOK, int, -1, lstat64, (const char *path, struct stat64 *about), (path, about))
WRAP(LOOK, int, -1, fstat64, (int file, struct stat64 *about), (file, about))
WRAP(LOOK, int, -1, fstatat64, (int in, const char *path, struct stat64 *about, int flags),
     (in, path, about, flags))
WRAP(LOOK, char *, NULL, realpath, (const char *path, char *whole), (path, whole))

/* The file is closed all the same, as it is after an error of a real one. */
EXPORT int close(int file)
{
    NEXT(close);
    bool failed = STRIKES(CLOSE);
    int cause = errno, result = next(file);
    if (failed)
        errno = cause;
    return failed ? -1 : result;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *context)
{
    NEXT(pthread_create);
    return STRIKES(THREAD) ? EAGAIN : next(thread, how, run, context);
}

/* ---- MPI ---- */

static int tell_mpi(MPI_Comm comm)
{
    static int (*call)(MPI_Comm, int);
    if (!call)
        *(void **)(void *)&call = dlsym(RTLD_NEXT, "MPI_Comm_call_errhandler");
    call(comm, MPI_ERR_OTHER);
    return MPI_ERR_OTHER;
}

/* Where the handle of the world is in the library, which this one is not linked with. */
static MPI_Comm world(void)
{
    return (MPI_Comm)dlsym(RTLD_DEFAULT, "ompi_mpi_comm_world");
}

#define WRAP_MPI(comm, name, parameters, arguments)                                                \
    WRAP(MPI, int, tell_mpi(comm), name, parameters, arguments)

#define FROM const void *out, int out_count, MPI_Datatype out_type
#define TO   void *in, int in_count, MPI_Datatype in_type
#define BOTH out, out_count, out_type, in, in_count, in_type

WRAP_MPI(comm, MPI_Comm_dup, (MPI_Comm comm, MPI_Comm *made), (comm, made))
WRAP_MPI(comm, MPI_Comm_split_type,
         (MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *made),
         (comm, type, key, info, made))
WRAP_MPI(comm, MPI_Barrier, (MPI_Comm comm), (comm))
WRAP_MPI(comm, MPI_Bcast, (void *bytes, int count, MPI_Datatype type, int root, MPI_Comm comm),
         (bytes, count, type, root, comm))
WRAP_MPI(comm, MPI_Allreduce,
         (const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
         (out, in, count, type, op, comm))
WRAP_MPI(comm, MPI_Iallreduce,
         (const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
          MPI_Request *request),
         (out, in, count, type, op, comm, request))
WRAP_MPI(comm, MPI_Exscan,
         (const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
         (out, in, count, type, op, comm))
WRAP_MPI(comm, MPI_Gather, (FROM, TO, int root, MPI_Comm comm), (BOTH, root, comm))
WRAP_MPI(comm, MPI_Allgather, (FROM, TO, MPI_Comm comm), (BOTH, comm))
WRAP_MPI(comm, MPI_Alltoall, (FROM, TO, MPI_Comm comm), (BOTH, comm))
WRAP_MPI(comm, MPI_Ibarrier, (MPI_Comm comm, MPI_Request *request), (comm, request))
WRAP_MPI(comm, MPI_Ibcast,
         (void *bytes, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request),
         (bytes, count, type, root, comm, request))
WRAP_MPI(comm, MPI_Send,
         (const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm),
         (bytes, count, type, to, tag, comm))
WRAP_MPI(comm, MPI_Issend,
         (const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
          MPI_Request *request),
         (bytes, count, type, to, tag, comm, request))
WRAP_MPI(comm, MPI_Irecv,
         (void *bytes, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
          MPI_Request *request),
         (bytes, count, type, from, tag, comm, request))
WRAP_MPI(comm, MPI_Recv,
         (void *bytes, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
          MPI_Status *status),
         (bytes, count, type, from, tag, comm, status))
WRAP_MPI(comm, MPI_Iprobe, (int from, int tag, MPI_Comm comm, int *found, MPI_Status *status),
         (from, tag, comm, found, status))
WRAP_MPI(comm, MPI_Improbe,
         (int from, int tag, MPI_Comm comm, int *found, MPI_Message *message, MPI_Status *status),
         (from, tag, comm, found, message, status))
WRAP_MPI(world(), MPI_Mrecv,
         (void *bytes, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status),
         (bytes, count, type, message, status))
WRAP_MPI(world(), MPI_Test, (MPI_Request * request, int *done, MPI_Status *status),
         (request, done, status))
WRAP_MPI(world(), MPI_Testsome,
         (int count, MPI_Request *requests, int *done, int *which, MPI_Status *statuses),
         (count, requests, done, which, statuses))
WRAP_MPI(world(), MPI_Wait, (MPI_Request * request, MPI_Status *status), (request, status))
WRAP_MPI(world(), MPI_Waitall, (int count, MPI_Request *requests, MPI_Status *statuses),
         (count, requests, statuses))

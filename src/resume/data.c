/* resume/data.c: files of bytes: written piece by piece by any thread, read and checked. */
#include "resume/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

struct mr_keep_file {
    mr_keep *keep;
    mr_keep_file *next;
    pthread_mutex_t lock; /* all of what follows */
    int file;
    int cause; /* of the first write that failed */
    uint64_t begin, end;
    bool synced;
    XXH3_state_t *sum; /* of [begin, end) */
    char name[64];
};

mr_status mr_keep_cannot(const char *path, int cause, mr_error *error)
{
    return mr_error_set(error, MR_BAD_OUTPUT,
                        "cannot write checkpoint: %s: %s: choose another folder, or make room",
                        path, strerror(cause));
}

static const char *path_of(const mr_keep *keep, const char *name, char path[MR_KEEP_PATH])
{
    snprintf(path, MR_KEEP_PATH, "%s/%s", keep->folder, name);
    return path;
}

mr_status mr_keep_file_create(mr_keep *keep, mr_keep_file **result, mr_error *error)
{
    char path[MR_KEEP_PATH];
    mr_keep_file *file = *result = calloc(1, sizeof *file);
    if (file)
        file->sum = XXH3_createState();
    if (!file || !file->sum) {
        free(file);
        *result = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a checkpoint's file");
    }
    snprintf(file->name, sizeof file->name, MR_KEEP_DATA "%06llu-%d-%llu",
             (unsigned long long)keep->newest + 1, mr_comm_rank(keep->comm),
             (unsigned long long)keep->serial++);
    path_of(keep, file->name, path);
    file->keep = keep;
    file->synced = true;
    XXH3_64bits_reset(file->sum);
    file->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->file < 0) {
        mr_status status = mr_keep_cannot(path, errno, error);
        XXH3_freeState(file->sum);
        free(file);
        *result = NULL;
        return status;
    }
    pthread_mutex_init(&file->lock, NULL);
    file->next = keep->files;
    keep->files = file;
    return MR_OK;
}

/* 0, or what stood in the way. */
static int write_all(int file, const void *bytes, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = pwrite(file, (const char *)bytes + done, size - done, (off_t)(at + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote < 0 ? errno : ENOSPC;
        done += (size_t)wrote;
    }
    return 0;
}

static void append(mr_keep_file *file, const void *bytes, size_t size)
{
    if (!file->cause)
        file->cause = write_all(file->file, bytes, size, file->end);
    if (!file->cause) {
        XXH3_64bits_update(file->sum, bytes, size);
        file->end += size;
        file->synced = false;
    }
}

mr_status mr_keep_file_write(mr_keep_file *file, const void *bytes, size_t size)
{
    pthread_mutex_lock(&file->lock);
    append(file, bytes, size);
    mr_status status = file->cause ? MR_BAD_OUTPUT : MR_OK;
    pthread_mutex_unlock(&file->lock);
    return status;
}

mr_status mr_keep_file_frame(mr_keep_file *file, const void *bytes, size_t size)
{
    uint64_t head = size;
    pthread_mutex_lock(&file->lock);
    append(file, &head, sizeof head);
    append(file, bytes, size);
    mr_status status = file->cause ? MR_BAD_OUTPUT : MR_OK;
    pthread_mutex_unlock(&file->lock);
    return status;
}

uint64_t mr_keep_file_size(const mr_keep_file *file)
{
    return file->end - file->begin;
}

mr_status mr_keep_add_file(mr_keep *keep, const char *name, mr_keep_file *file, mr_error *error)
{
    mr_keep_entry entry = {.name = name,
                           .file = file->name,
                           .offset = file->begin,
                           .size = file->end - file->begin,
                           .checksum = XXH3_64bits_digest(file->sum)};
    if (file->cause)
        return mr_keep_cannot(file->name, file->cause, error);
    if (entry.size == 0)
        return MR_OK;
    MR_TRY(mr_book_add(&keep->own, &entry, error));
    keep->dirty = true;
    keep->bytes += entry.size;
    file->begin = file->end;
    XXH3_64bits_reset(file->sum);
    return MR_OK;
}

void mr_keep_file_destroy(mr_keep_file **result)
{
    char path[MR_KEEP_PATH];
    mr_keep_file *file = *result;
    if (!file)
        return;
    *result = NULL;
    mr_keep_file **at = &file->keep->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    /* What was added is synced by the next commit: that needs it open no more, but on disk. */
    if (!file->synced && file->begin > 0)
        fsync(file->file);
    if (file->begin == 0)
        unlinkat(AT_FDCWD, path_of(file->keep, file->name, path), 0);
    close(file->file);
    pthread_mutex_destroy(&file->lock);
    XXH3_freeState(file->sum);
    free(file);
}

mr_status mr_keep_files_sync(mr_keep *keep, mr_error *error)
{
    for (mr_keep_file *file = keep->files; file; file = file->next) {
        if (file->synced)
            continue;
        if (fsync(file->file) != 0)
            return mr_keep_cannot(file->name, errno, error);
        file->synced = true;
    }
    return MR_OK;
}

int mr_keep_folder_sync(const char *folder)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return errno;
    /* Some file systems know no such thing, and need none. */
    int cause = fsync(file) == 0 || errno == EINVAL ? 0 : errno;
    close(file);
    return cause;
}

static mr_status damaged(const mr_keep *keep, const mr_keep_entry *entry, const char *why,
                         mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "checkpoint damaged: %s/%s at byte %llu: %s: remove the newest manifest to "
                        "go on from the one before",
                        keep->folder, entry->file, (unsigned long long)entry->offset, why);
}

mr_status mr_keep_reader_open(mr_keep_reader *reader, mr_keep *keep, const mr_keep_entry *entry,
                              mr_error *error)
{
    char path[MR_KEEP_PATH];
    *reader = (mr_keep_reader){.keep = keep, .entry = entry, .sum = XXH3_createState()};
    if (!reader->sum)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading a checkpoint");
    XXH3_64bits_reset(reader->sum);
    reader->file = open(path_of(keep, entry->file, path), O_RDONLY | O_CLOEXEC);
    if (reader->file >= 0)
        return MR_OK;
    mr_status status = damaged(keep, entry, strerror(errno), error);
    XXH3_freeState(reader->sum);
    reader->sum = NULL;
    return status;
}

mr_status mr_keep_reader_take(mr_keep_reader *reader, void *bytes, size_t size, mr_error *error)
{
    const mr_keep_entry *entry = reader->entry;
    if (size > entry->size - reader->at)
        return damaged(reader->keep, entry, "it ends too early", error);
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(reader->file, (char *)bytes + done, size - done,
                            (off_t)(entry->offset + reader->at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return damaged(reader->keep, entry, got < 0 ? strerror(errno) : "it was cut off",
                           error);
        done += (size_t)got;
    }
    XXH3_64bits_update(reader->sum, bytes, size);
    reader->at += size;
    return MR_OK;
}

mr_status mr_keep_reader_frame(mr_keep_reader *reader, void **bytes, size_t *capacity, size_t *size,
                               mr_error *error)
{
    uint64_t head;
    MR_TRY(mr_keep_reader_take(reader, &head, sizeof head, error));
    if (head > mr_keep_reader_left(reader))
        return damaged(reader->keep, reader->entry, "it ends too early", error);
    if (head > *capacity) {
        void *more = realloc(*bytes, head * 2);
        if (!more)
            return mr_error_set(error, MR_NO_MEMORY, "out of memory: reading a checkpoint");
        *bytes = more;
        *capacity = head * 2;
    }
    *size = head;
    return mr_keep_reader_take(reader, *bytes, head, error);
}

uint64_t mr_keep_reader_left(const mr_keep_reader *reader)
{
    return reader->entry->size - reader->at;
}

mr_status mr_keep_reader_close(mr_keep_reader *reader, mr_error *error)
{
    if (!reader->sum)
        return MR_OK;
    bool whole = reader->at == reader->entry->size;
    bool same = XXH3_64bits_digest(reader->sum) == reader->entry->checksum;
    close(reader->file);
    XXH3_freeState(reader->sum);
    reader->sum = NULL;
    if (whole && !same)
        return damaged(reader->keep, reader->entry, "its checksum is another", error);
    return MR_OK;
}

bool mr_keep_verify(mr_keep *keep, const mr_keep_entry *entry)
{
    enum { PIECE = 256 << 10 };
    mr_error error = {.code = MR_OK};
    mr_keep_reader reader;
    char *piece = malloc(PIECE);
    if (!piece || mr_keep_reader_open(&reader, keep, entry, &error) != MR_OK) {
        free(piece);
        return false;
    }
    while (error.code == MR_OK && mr_keep_reader_left(&reader) > 0) {
        uint64_t left = mr_keep_reader_left(&reader);
        mr_keep_reader_take(&reader, piece, left < PIECE ? (size_t)left : PIECE, &error);
    }
    mr_keep_reader_close(&reader, &error);
    free(piece);
    return error.code == MR_OK;
}

mr_status mr_keep_load(mr_keep *keep, const mr_keep_entry *entry, void **bytes, mr_error *error)
{
    mr_keep_reader reader;
    char *memory = malloc(entry->size + 1);
    *bytes = NULL;
    if (!memory)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: %llu bytes of a checkpoint",
                            (unsigned long long)entry->size);
    mr_status status = mr_keep_reader_open(&reader, keep, entry, error);
    if (status == MR_OK) {
        status = mr_keep_reader_take(&reader, memory, entry->size, error);
        mr_status closed = mr_keep_reader_close(&reader, error);
        status = status == MR_OK ? closed : status;
    }
    if (status != MR_OK) {
        free(memory);
        return status;
    }
    memory[entry->size] = 0;
    *bytes = memory;
    return MR_OK;
}

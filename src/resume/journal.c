/* resume/journal.c: records into a file, by any thread; a clerk brings them to the disk. */
#include "resume/journal.h"

#include "base/clock.h"
#include "resume/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define BUFFER ((size_t)256 * 1024)
#define NAP    0.5 /* seconds until what was written can be lost no more by the death of a process */

struct mr_journal {
    char *folder, path[MR_KEEP_PATH];
    pthread_mutex_t lock; /* all of what follows */
    pthread_cond_t call;
    pthread_t clerk;
    bool has_clerk, has_ended;
    double every;
    int file;  /* -1: nothing was written yet */
    int cause; /* of the first thing that went wrong */
    bool is_synced;
    size_t fill;
    char buffer[BUFFER];
};

static void name_file(char *path, const char *folder, mr_journal_name name)
{
    snprintf(path, MR_KEEP_PATH, "%s/" MR_JOURNAL "%" PRIu64 "-%" PRIu64 "-%" PRIu64, folder,
             name.piece, name.rank, name.run);
}

static uint64_t checksum_of(const mr_journal_record *r, const void *head, const void *bytes)
{
    const uint64_t seed = XXH3_64bits_withSeed(head, r->head_size, r->size);
    return XXH3_64bits_withSeed(bytes, (size_t)r->size, seed);
}

/* ---- Writing; with the lock ---- */

static void open_file(mr_journal *journal)
{
    if (journal->file >= 0 || journal->cause)
        return;
    journal->file = open(journal->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (journal->file < 0)
        journal->cause = errno;
    else
        journal->cause = mr_keep_folder_sync(journal->folder);
}

static void write_out(mr_journal *journal, const char *bytes, size_t size)
{
    open_file(journal);
    while (size > 0 && !journal->cause) {
        ssize_t wrote = write(journal->file, bytes, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            journal->cause = wrote < 0 ? errno : ENOSPC;
            break;
        }
        bytes += wrote;
        size -= (size_t)wrote;
    }
    journal->is_synced = false;
}

static void flush(mr_journal *journal)
{
    if (journal->fill > 0)
        write_out(journal, journal->buffer, journal->fill);
    journal->fill = 0;
}

static void add(mr_journal *journal, const void *bytes, size_t size)
{
    if (size > BUFFER - journal->fill)
        flush(journal);
    if (size > BUFFER)
        write_out(journal, bytes, size);
    else if (size > 0) {
        memcpy(journal->buffer + journal->fill, bytes, size);
        journal->fill += size;
    }
}

void mr_journal_write(mr_journal *journal, const void *head, size_t head_size, const void *bytes,
                      size_t size)
{
    mr_journal_record r = {MR_JOURNAL_MAGIC, (uint32_t)head_size, size, 0};
    r.checksum = checksum_of(&r, head, bytes);
    pthread_mutex_lock(&journal->lock);
    if (!journal->has_ended && !journal->cause) {
        add(journal, &r, sizeof r);
        add(journal, head, head_size);
        add(journal, bytes, size);
    }
    pthread_mutex_unlock(&journal->lock);
}

/* ---- The clerk ---- */

/* Without the lock, so that nobody has to wait for the disk. */
static void sync_file(mr_journal *journal)
{
    const int file = journal->file;
    const bool needed = file >= 0 && !journal->is_synced && !journal->cause;
    journal->is_synced = true;
    pthread_mutex_unlock(&journal->lock);
    const int cause = needed && fdatasync(file) != 0 ? errno : 0;
    pthread_mutex_lock(&journal->lock);
    if (cause && !journal->cause)
        journal->cause = cause;
}

static void *work(void *context)
{
    mr_journal *journal = context;
    double synced = mr_clock_now();
    pthread_mutex_lock(&journal->lock);
    while (!journal->has_ended) {
        const double pause = journal->every < NAP ? journal->every : NAP;
        const struct timespec moment = mr_clock_moment(mr_clock_now() + pause);
        pthread_cond_timedwait(&journal->call, &journal->lock, &moment);
        flush(journal);
        if (mr_clock_now() - synced < journal->every)
            continue;
        sync_file(journal);
        synced = mr_clock_now();
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* ---- Begin and end ---- */

mr_status mr_journal_create(mr_journal **result, const char *folder, mr_journal_name name,
                            double every, mr_error *error)
{
    mr_journal *journal = *result = calloc(1, sizeof *journal);
    if (journal)
        journal->folder = strdup(folder);
    if (!journal || !journal->folder) {
        free(journal);
        *result = NULL;
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: a journal");
    }
    name_file(journal->path, folder, name);
    journal->file = -1;
    journal->is_synced = true;
    journal->every = every < 0.1 ? 0.1 : every;
    pthread_mutex_init(&journal->lock, NULL);
    mr_clock_condition_init(&journal->call);
    journal->has_clerk = pthread_create(&journal->clerk, NULL, work, journal) == 0;
    return journal->has_clerk ? MR_OK
                              : mr_error_set(error, MR_NO_MEMORY,
                                             "cannot start threads: of a journal: lower --threads");
}

mr_status mr_journal_end(mr_journal *journal, mr_error *error)
{
    pthread_mutex_lock(&journal->lock);
    journal->has_ended = true;
    pthread_cond_signal(&journal->call);
    pthread_mutex_unlock(&journal->lock);
    if (journal->has_clerk)
        pthread_join(journal->clerk, NULL);
    journal->has_clerk = false;
    pthread_mutex_lock(&journal->lock);
    flush(journal);
    sync_file(journal);
    if (journal->file >= 0)
        close(journal->file);
    journal->file = -1;
    const int cause = journal->cause;
    pthread_mutex_unlock(&journal->lock);
    return cause ? mr_keep_cannot(journal->path, cause, error) : MR_OK;
}

void mr_journal_destroy(mr_journal **result)
{
    mr_error error = {.code = MR_OK};
    mr_journal *journal = *result;
    if (!journal)
        return;
    mr_journal_end(journal, &error);
    pthread_mutex_destroy(&journal->lock);
    pthread_cond_destroy(&journal->call);
    free(journal->folder);
    free(journal);
    *result = NULL;
}

/* sync/semaphore.c: mr_semaphore: a number at home, and who waits for it to be more than none. */
#include "sync/object.h"

enum { ACQUIRE = MR_SYNC_OWN, RELEASE };

struct mr_semaphore {
    mr_sync_object object;
    uint64_t count; /* at home */
};

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_semaphore *semaphore = (mr_semaphore *)object;
    const mr_sync_ask ask = mr_sync_read(letter);
    mr_sync_asker who = mr_sync_asker_of(from, &ask);
    if (kind == RELEASE) {
        if (mr_sync_next(object, &who, NULL))
            mr_sync_answer(object, &who, MR_OK, 0, 0);
        else
            semaphore->count++;
    } else if (semaphore->count == 0)
        mr_sync_line_up(object, from, &ask, 0);
    else {
        semaphore->count--;
        mr_sync_answer(object, &who, MR_OK, 0, 0);
    }
}

static const mr_sync_kind kind_of_semaphore = {
    .name = "semaphore", .size = sizeof(mr_semaphore), .handle = handle};

mr_status mr_semaphore_open(mr_job *job, const char *name, uint64_t count, mr_semaphore **semaphore)
{
    mr_sync_object *object;
    *semaphore = NULL;
    MR_TRY(mr_sync_open(job, name, &kind_of_semaphore, -1, &object));
    ((mr_semaphore *)object)->count = count;
    return mr_sync_opened(object, MR_OK, (mr_sync_object **)semaphore);
}

mr_status mr_semaphore_acquire(mr_semaphore *semaphore, double seconds)
{
    return mr_sync_call(&semaphore->object, ACQUIRE, NULL, seconds);
}

mr_status mr_semaphore_release(mr_semaphore *semaphore)
{
    return mr_sync_tell(&semaphore->object, RELEASE, 0);
}

mr_status mr_semaphore_close(mr_semaphore **semaphore)
{
    return mr_sync_end((mr_sync_object **)semaphore);
}

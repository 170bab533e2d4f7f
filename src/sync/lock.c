/*
 * sync/lock.c: mr_lock. Home knows who has it and who waits; a release passes it on with one
 * letter. A rank knows which of its threads has it, if any: who takes it twice, or releases what is
 * another's, is told so without a letter.
 */
#include "sync/object.h"

enum { ACQUIRE = MR_SYNC_OWN, RELEASE };

struct mr_lock {
    mr_sync_object object;
    _Atomic(mr_sync_hand *) mine; /* this rank's thread that has it */
    bool is_held;                 /* at home */
    mr_sync_asker holder;
};

static void grant(mr_lock *lock, const mr_sync_asker *who)
{
    lock->is_held = true;
    lock->holder = *who;
    mr_sync_answer(&lock->object, who, MR_OK, 0, 0);
}

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_lock *lock = (mr_lock *)object;
    const mr_sync_ask ask = mr_sync_read(letter);
    mr_sync_asker who = mr_sync_asker_of(from, &ask);
    if (kind == RELEASE) {
        lock->is_held = false;
        if (mr_sync_next(object, &who, NULL))
            grant(lock, &who);
    } else if (lock->is_held)
        mr_sync_line_up(object, from, &ask, 0);
    else
        grant(lock, &who);
}

static mr_sync_holder holder(mr_sync_object *object)
{
    const mr_lock *lock = (mr_lock *)object;
    return (mr_sync_holder){lock->is_held ? lock->holder.rank : -1, lock->holder.thread};
}

static const mr_sync_kind kind_of_lock = {
    .name = "lock", .size = sizeof(mr_lock), .handle = handle, .holder = holder};

mr_status mr_lock_open(mr_job *job, const char *name, mr_lock **lock)
{
    return mr_sync_make(job, name, &kind_of_lock, (mr_sync_object **)lock);
}

mr_status mr_lock_acquire(mr_lock *lock, double seconds)
{
    mr_sync_hand *hand = mr_sync_hand_of(lock->object.room);
    if (!hand)
        return MR_NO_MEMORY;
    if (atomic_load(&lock->mine) == hand)
        return MR_USAGE;
    MR_TRY(mr_sync_call(&lock->object, ACQUIRE, NULL, seconds));
    atomic_store(&lock->mine, hand);
    return MR_OK;
}

mr_status mr_lock_release(mr_lock *lock)
{
    mr_sync_hand *hand = mr_sync_hand_of(lock->object.room);
    if (!hand)
        return MR_NO_MEMORY;
    if (atomic_load(&lock->mine) != hand)
        return MR_USAGE;
    atomic_store(&lock->mine, NULL);
    return mr_sync_tell(&lock->object, RELEASE, 0);
}

mr_status mr_lock_close(mr_lock **lock)
{
    return mr_sync_end((mr_sync_object **)lock);
}

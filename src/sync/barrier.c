/* sync/barrier.c: mr_barrier: those that have come wait in line at home until the last one does. */
#include "sync/object.h"

enum { WAIT = MR_SYNC_OWN, RESET };

struct mr_barrier {
    mr_sync_object object;
    uint64_t parties;
    bool is_broken; /* at home */
};

static void let_go(mr_barrier *barrier, mr_status status)
{
    mr_sync_asker who;
    uint64_t turn;
    while (mr_sync_next(&barrier->object, &who, &turn))
        mr_sync_answer(&barrier->object, &who, status, (int64_t)turn, 0);
}

static void give_up(mr_sync_object *object, const mr_sync_asker *who)
{
    mr_barrier *barrier = (mr_barrier *)object;
    (void)who;
    barrier->is_broken = true;
    let_go(barrier, MR_CANCELLED);
}

static void come(mr_barrier *barrier, int from, const mr_sync_ask *ask)
{
    mr_sync_object *object = &barrier->object;
    const mr_sync_asker who = mr_sync_asker_of(from, ask);
    const uint64_t turn = object->line.count;
    if (barrier->is_broken) {
        mr_sync_answer(object, &who, MR_CANCELLED, 0, 0);
        return;
    }
    if (turn + 1 >= barrier->parties) {
        let_go(barrier, MR_OK);
        mr_sync_answer(object, &who, MR_OK, (int64_t)turn, 0);
        return;
    }
    mr_sync_line_up(object, from, ask, turn);
    if (ask->once)
        give_up(object, &who);
}

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_barrier *barrier = (mr_barrier *)object;
    const mr_sync_ask ask = mr_sync_read(letter);
    const mr_sync_asker who = mr_sync_asker_of(from, &ask);
    if (kind == WAIT) {
        come(barrier, from, &ask);
        return;
    }
    let_go(barrier, MR_CANCELLED);
    barrier->is_broken = false;
    mr_sync_answer(object, &who, MR_OK, 0, 0);
}

static const mr_sync_kind kind_of_barrier = {
    .name = "barrier", .size = sizeof(mr_barrier), .handle = handle, .withdraw = give_up};

mr_status mr_barrier_open(mr_job *job, const char *name, uint64_t parties, mr_barrier **barrier)
{
    mr_sync_object *object;
    *barrier = NULL;
    MR_TRY(mr_sync_open(job, name, &kind_of_barrier, -1, &object));
    ((mr_barrier *)object)->parties = parties ? parties : (uint64_t)mr_job_ranks(job);
    return mr_sync_opened(object, MR_OK, (mr_sync_object **)barrier);
}

mr_status mr_barrier_wait(mr_barrier *barrier, double seconds, uint64_t *turn)
{
    int64_t numbers[2] = {0, 0};
    MR_TRY(mr_sync_call(&barrier->object, WAIT, numbers, seconds));
    if (turn)
        *turn = (uint64_t)numbers[0];
    return MR_OK;
}

mr_status mr_barrier_reset(mr_barrier *barrier)
{
    return mr_sync_call(&barrier->object, RESET, NULL, MR_FOREVER);
}

mr_status mr_barrier_close(mr_barrier **barrier)
{
    return mr_sync_end((mr_sync_object **)barrier);
}

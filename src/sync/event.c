/* sync/event.c: mr_event: a flag at home. Who sets it goes on when that is known there. */
#include "sync/object.h"

enum { SET = MR_SYNC_OWN, CLEAR, LOOK, WAIT };

struct mr_event {
    mr_sync_object object;
    bool is_set; /* at home */
};

static void set(mr_event *event)
{
    mr_sync_asker who;
    event->is_set = true;
    while (mr_sync_next(&event->object, &who, NULL))
        mr_sync_answer(&event->object, &who, MR_OK, 0, 0);
}

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_event *event = (mr_event *)object;
    const mr_sync_ask ask = mr_sync_read(letter);
    const mr_sync_asker who = mr_sync_asker_of(from, &ask);
    if (kind == WAIT && !event->is_set) {
        mr_sync_line_up(object, from, &ask, 0);
        return;
    }
    if (kind == SET)
        set(event);
    else if (kind == CLEAR)
        event->is_set = false;
    mr_sync_answer(object, &who, MR_OK, event->is_set, 0);
}

static const mr_sync_kind kind_of_event = {
    .name = "event", .size = sizeof(mr_event), .handle = handle};

mr_status mr_event_open(mr_job *job, const char *name, mr_event **event)
{
    return mr_sync_make(job, name, &kind_of_event, (mr_sync_object **)event);
}

mr_status mr_event_set(mr_event *event)
{
    return mr_sync_call(&event->object, SET, NULL, MR_FOREVER);
}

mr_status mr_event_clear(mr_event *event)
{
    return mr_sync_call(&event->object, CLEAR, NULL, MR_FOREVER);
}

mr_status mr_event_is_set(mr_event *event, bool *is_set)
{
    int64_t numbers[2] = {0, 0};
    MR_TRY(mr_sync_call(&event->object, LOOK, numbers, MR_FOREVER));
    *is_set = numbers[0] != 0;
    return MR_OK;
}

mr_status mr_event_wait(mr_event *event, double seconds)
{
    return mr_sync_call(&event->object, WAIT, NULL, seconds);
}

mr_status mr_event_close(mr_event **event)
{
    return mr_sync_end((mr_sync_object **)event);
}

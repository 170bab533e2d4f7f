/* sync/value.c: mr_value: a number at home. */
#include "sync/object.h"

enum { GET = MR_SYNC_OWN, SET, ADD, SWAP };

struct mr_value {
    mr_sync_object object;
    int64_t number; /* at home */
};

/* As with all integers here, sums wrap around. */
static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void handle(mr_sync_object *object, int from, uint32_t kind, mr_bytes letter)
{
    mr_value *value = (mr_value *)object;
    const mr_sync_ask ask = mr_sync_read(letter);
    const mr_sync_asker who = mr_sync_asker_of(from, &ask);
    const int64_t before = value->number;
    const bool swapped = kind == SWAP && before == ask.numbers[0];
    if (kind == SET)
        value->number = ask.numbers[0];
    else if (kind == ADD)
        value->number = sum(before, ask.numbers[0]);
    else if (swapped)
        value->number = ask.numbers[1];
    if (ask.ticket)
        mr_sync_answer(object, &who, MR_OK, before, swapped);
}

static const mr_sync_kind kind_of_value = {
    .name = "value", .size = sizeof(mr_value), .handle = handle};

mr_status mr_value_open(mr_job *job, const char *name, int64_t first, mr_value **value)
{
    mr_sync_object *object;
    *value = NULL;
    MR_TRY(mr_sync_open(job, name, &kind_of_value, -1, &object));
    ((mr_value *)object)->number = first;
    return mr_sync_opened(object, MR_OK, (mr_sync_object **)value);
}

mr_status mr_value_get(mr_value *value, int64_t *number)
{
    int64_t numbers[2] = {0, 0};
    MR_TRY(mr_sync_call(&value->object, GET, numbers, MR_FOREVER));
    *number = numbers[0];
    return MR_OK;
}

mr_status mr_value_set(mr_value *value, int64_t number)
{
    return mr_sync_call(&value->object, SET, (int64_t[2]){number, 0}, MR_FOREVER);
}

mr_status mr_value_add(mr_value *value, int64_t more, int64_t *before)
{
    int64_t numbers[2] = {more, 0};
    if (!before)
        return mr_sync_tell(&value->object, ADD, more);
    MR_TRY(mr_sync_call(&value->object, ADD, numbers, MR_FOREVER));
    *before = numbers[0];
    return MR_OK;
}

mr_status mr_value_swap(mr_value *value, int64_t *expected, int64_t wanted, bool *swapped)
{
    int64_t numbers[2] = {*expected, wanted};
    MR_TRY(mr_sync_call(&value->object, SWAP, numbers, MR_FOREVER));
    *expected = numbers[0];
    *swapped = numbers[1] != 0;
    return MR_OK;
}

mr_status mr_value_close(mr_value **value)
{
    return mr_sync_end((mr_sync_object **)value);
}

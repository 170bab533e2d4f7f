/*
 * apps/terasort.c: sorts records of 100 bytes by their first 10. Records of the same key stand in
 * the order of their other 90 bytes: so the result depends on the records alone, not on where they
 * stood, and is what sorting whole records byte by byte gives.
 */
#include <mapred.h>

#define KEY    10
#define RECORD 100

static mr_status cut_records(mr_out *out, mr_block *block)
{
    for (mr_bytes record; mr_block_next_record(block, &record);)
        MR_TRY(mr_out_pair(out, mr_bytes_at(record.data, KEY),
                           mr_bytes_at(record.data + KEY, RECORD - KEY)));
    return MR_OK;
}

static void write_record(void *context, mr_pair pair, mr_text *text)
{
    (void)context;
    mr_text_add(text, pair.key.data, pair.key.size);
    mr_text_add(text, pair.value.data, pair.value.size);
}

static mr_status run(mr_job *job)
{
    const mr_input_options input = {.records = MR_INPUT_RECORDS, .record_size = RECORD};
    /* Sorted rather than spread by ranges of keys: all keys may be the same. */
    const mr_sort_options by_key = {.by = MR_BY_KEY};
    const mr_set_options options = {.shape = {.key_size = KEY, .value_size = RECORD - KEY},
                                    .spread = MR_SPREAD_RANGE,
                                    .sorted = &by_key,
                                    .name = "records"};
    const mr_write_options as_records = {.text = write_record, .consume = true};
    mr_set *records = NULL;
    mr_status status = mr_set_from_input(job, &input, cut_records, &options, &records);
    if (status == MR_OK)
        status = mr_set_write(records, &as_records);
    mr_set_destroy(&records);
    return status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "terasort",
    .summary = "sort records of 100 bytes by their first 10",
    .run = run,
};

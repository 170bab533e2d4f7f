/*
 * apps/dedup.c: the lines of the input without those that stood before: the first of each kind, in
 * the order of the input, over all its files. Lines are compared byte by byte, without the newline.
 */
#include <mapred.h>

/* Where a line stands: the file's number and the byte in it. */
typedef struct place {
    uint64_t file, offset;
} place;

static bool is_before(place a, place b)
{
    return a.file != b.file ? a.file < b.file : a.offset < b.offset;
}

static void nowhere(const mr_fold *self, void *accumulator)
{
    memset(accumulator, 255, self->size);
}

static void keep_first(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    place *first = accumulator;
    const place *offer = other;
    if (is_before(*offer, *first))
        *first = *offer;
}

static const mr_fold first_place = {
    .name = "first place", .size = sizeof(place), .init = nowhere, .merge = keep_first};

/* line -> where it first stands */
static mr_status find_lines(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        place here = {block->file_index, mr_block_offset_of(block, block->record)};
        place *first = mr_out_slot(out, line);
        if (!first)
            return mr_out_status(out);
        if (is_before(here, *first))
            *first = here;
    }
    return MR_OK;
}

/* The other way round: place -> line */
static mr_status turn_round(mr_out *out, mr_pairs *pairs)
{
    for (mr_pair pair; mr_pairs_next(pairs, &pair);) {
        place first;
        memcpy(&first, pair.value.data, sizeof first);
        const mr_image key[] = {mr_image_of_u64(first.file), mr_image_of_u64(first.offset)};
        MR_TRY(mr_out_pair(out, MR_BYTES(key), pair.key));
    }
    return MR_OK;
}

static void write_line(void *context, mr_pair pair, mr_text *text)
{
    (void)context;
    mr_text_add(text, pair.value.data, pair.value.size);
    mr_text_add(text, "\n", 1);
}

static mr_status run(mr_job *job)
{
    const mr_input_options input = {.records = MR_INPUT_LINES};
    const mr_set_options by_line = {.fold = &first_place, .name = "lines"};
    const mr_set_options by_place = {.shape = {.key_size = 2 * sizeof(mr_image)},
                                     .spread = MR_SPREAD_LOCAL,
                                     .consume = true,
                                     .name = "first lines"};
    const mr_write_options as_lines = {.text = write_line, .consume = true};
    mr_set *lines = NULL, *first = NULL;
    mr_status status = mr_set_from_input(job, &input, find_lines, &by_line, &lines);
    if (status == MR_OK)
        status = mr_set_map(lines, turn_round, &by_place, &first);
    mr_set_destroy(&lines);
    if (status == MR_OK)
        status = mr_set_write(first, &as_lines);
    mr_set_destroy(&first);
    return status;
}

MR_APP = {
    MR_APP_ABI,
    .name = "dedup",
    .summary = "the first of all equal lines, in the order of the input",
    .run = run,
};

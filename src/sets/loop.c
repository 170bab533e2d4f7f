/*
 * sets/loop.c: sets that a loop carries (mapred/loop.h). Each rank saves the pages of its pairs as
 * they lie, places with them; they are put again into a set that is made anew.
 */
#include "engine/loop.h"
#include "sets/set.h"

#include <stdio.h>
#include <stdlib.h>

/* What a set looks like, and whether there is one. */
typedef struct about {
    uint64_t is_there, ordered;
    uint32_t key, key_size, value, value_size;
} about;

static void about_name(const mr_loop_item *item, char *name)
{
    snprintf(name, MR_LOOP_NAME, "%.80s/about", item->name);
}

/* ---- Saving ---- */

/* A write that fails is told when the file is added. */
static mr_status save_page(mr_out *out, mr_pairs *pairs)
{
    mr_keep_file *file = mr_out_context(out);
    mr_keep_file_frame(file, pairs->at, (size_t)(pairs->end - pairs->at));
    pairs->at = pairs->end;
    return MR_OK;
}

static mr_status prepare_set(mr_loop *loop, mr_loop_item *item)
{
    mr_set *set = *(mr_set **)item->object;
    if (!set)
        return MR_OK;
    mr_keep_file_create(loop->job->keep, &item->file, loop->job->error);
    MR_TRY(mr_job_agree(loop->job));
    return mr_set_map(set, save_page, &(mr_set_options){.context = item->file}, NULL);
}

static mr_status put_set(mr_loop *loop, mr_loop_item *item)
{
    char name[MR_LOOP_NAME];
    const mr_set *set = *(mr_set **)item->object;
    about what = {.is_there = set != NULL};
    if (set)
        what = (about){true,
                       set->ordered,
                       set->shape.key,
                       set->shape.key_size,
                       set->shape.value,
                       set->shape.value_size};
    about_name(item, name);
    if (mr_comm_rank(loop->job->comm) == 0)
        MR_TRY(mr_loop_put(loop, name, &what, sizeof what));
    return set ? mr_keep_add_file(loop->job->keep, item->name, item->file, loop->job->error)
               : MR_OK;
}

/* ---- Loading: a unit is an entry ---- */

typedef struct loading {
    mr_making making; /* first: the feed's self */
    mr_keep *keep;
    const char *name;
    mr_pair_layout layout;
} loading;

static mr_status open_loading(mr_worker *w)
{
    const loading *l = w->feed->self;
    mr_making_open(&l->making, w);
    return MR_OK;
}

static mr_status put_page(mr_worker *w, const loading *l, const unsigned char *bytes, uint64_t size)
{
    mr_out *out = &w->self->out;
    mr_pairs pairs = {.at = bytes, .end = bytes + size, .layout = &l->layout};
    mr_status status = MR_OK;
    mr_feed_begin(w, NULL);
    for (mr_pair pair; status == MR_OK && mr_pairs_next(&pairs, &pair);) {
        mr_out_at(out, mr_pair_place(&l->layout, pairs.pair));
        status = mr_out_pair(out, pair.key, pair.value);
    }
    return mr_feed_end(w, status);
}

static mr_status put_entry(mr_worker *w, uint64_t unit)
{
    const loading *l = w->feed->self;
    mr_keep_reader reader;
    void *room = NULL;
    size_t capacity = 0, size;
    const mr_keep_entry *entry = mr_keep_entry_at(l->keep, l->name, unit);
    MR_TRY(mr_keep_reader_open(&reader, l->keep, entry, &w->error));
    mr_status status = MR_OK;
    while (status == MR_OK && mr_keep_reader_left(&reader) > 0 && !mr_feed_stopped(w->feed)) {
        status = mr_keep_reader_frame(&reader, &room, &capacity, &size, &w->error);
        if (status == MR_OK)
            status = put_page(w, l, room, size);
        mr_feed_serve(w);
    }
    mr_status closed = mr_keep_reader_close(&reader, &w->error);
    free(room);
    return status == MR_OK ? closed : status;
}

static mr_status put_again(mr_loop *loop, const mr_loop_item *item, const mr_set_options *options,
                           mr_set **set)
{
    mr_job *job = loop->job;
    loading l = {.name = item->name};
    MR_TRY(mr_making_begin(&l.making, job, options, NULL, false, "load"));
    l.keep = job->keep;
    l.name = item->name;
    l.layout = mr_pair_layout_of(&options->shape, options->ordered);
    l.making.feed.share = mr_feed_share(job, mr_keep_count(job->keep, item->name));
    l.making.feed.open = open_loading;
    l.making.feed.run = put_entry;
    l.making.feed.self = &l;
    return mr_making_end(&l.making, mr_feed_run(&l.making.feed), set);
}

static mr_status load_set(mr_loop *loop, mr_loop_item *item)
{
    about what;
    char name[MR_LOOP_NAME];
    mr_set **set = item->object;
    mr_set_options options = item->options;
    about_name(item, name);
    mr_loop_get(loop, name, &what, sizeof what);
    MR_TRY(mr_job_agree(loop->job));
    mr_set_destroy(set);
    if (!what.is_there)
        return MR_OK;
    options.shape = (mr_shape){.key = (mr_key)what.key,
                               .key_size = what.key_size,
                               .value = (mr_value_type)what.value,
                               .value_size = what.value_size,
                               .tuple = options.shape.tuple};
    options.ordered = what.ordered;
    options.fold = NULL;
    MR_TRY(put_again(loop, item, &options, set));
    (*set)->fold = item->options.fold;
    return MR_OK;
}

static const mr_loop_kind set_kind = {.prepare = prepare_set, .put = put_set, .load = load_set};

void mr_loop_set(mr_loop *loop, const char *name, mr_set **set, const mr_set_options *options)
{
    mr_loop_item *item = mr_loop_item_get(loop, name, &set_kind, set);
    if (item)
        item->options = *options;
}

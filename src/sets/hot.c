/*
 * sets/hot.c: keys that many pairs have: found in the sample that every set comes with, told in the
 * report. Which pairs are in a sample is left to chance, so a share is right to a percent or two.
 */
#include "sets/cells.h"

#include "engine/emitter.h"

#include <stdio.h>
#include <stdlib.h>

#define LEAST_SHARE 0.05 /* of the pairs: keys below it are not hot */
#define LEAST_PAIRS 256  /* a set with fewer has no hot keys worth a word */

/* A key as text, cut where it is long. */
static void show_key(const mr_set *set, mr_bytes key, char *text, size_t size)
{
    char room[4096];
    mr_row row;
    size_t at = 0;
    row.count = 0;
    text[0] = '\0';
    if (key.size > sizeof room)
        key.size = sizeof room;
    mr_cells_of_key(&set->shape, key, room, &row);
    for (unsigned i = 0; i < row.count && at + 1 < size; i++) {
        const mr_cell *cell = &row.cells[i];
        int length = 0;
        if (i > 0)
            text[at++] = ' ';
        if (cell->type == MR_TYPE_BYTES)
            length = snprintf(text + at, size - at, "%.*s", (int)cell->as.bytes.size,
                              cell->as.bytes.data);
        else if (cell->type == MR_TYPE_F64)
            length = snprintf(text + at, size - at, "%g", cell->as.f64);
        else if (cell->type == MR_TYPE_U64)
            length = snprintf(text + at, size - at, "%llu", (unsigned long long)cell->as.u64);
        else
            length = snprintf(text + at, size - at, "%lld", (long long)cell->as.i64);
        at += length > 0 ? (size_t)length : 0;
    }
}

static void add_hot(mr_set *set, mr_bytes key, double share)
{
    mr_job *job = set->job;
    if (job->hot_count == MR_HOT_KEYS)
        return;
    mr_hot_key *hot = &job->hot[job->hot_count++];
    *hot = (mr_hot_key){.share = share};
    snprintf(hot->set, sizeof hot->set, "%s", set->name);
    show_key(set, key, hot->key, sizeof hot->key);
    uint32_t own = set->total / (uint32_t)mr_comm_size(job->comm);
    hot->rank = (int)(mr_hash_pile(&set->layout, key, set->total) / own);
}

static int compare_keys(const void *a, const void *b)
{
    return mr_bytes_compare(*(const mr_bytes *)a, *(const mr_bytes *)b);
}

/* Runs of the same key among all sampled ones. */
static mr_status count_keys(mr_set *set, const mr_pair_sample *sample)
{
    const mr_pair_layout layout = mr_pair_sample_layout();
    mr_bytes *keys = malloc((sample->count + 1) * sizeof *keys);
    const unsigned char *at = sample->bytes;
    if (!keys)
        return mr_error_set(set->job->error, MR_NO_MEMORY, "out of memory: looking for hot keys");
    for (size_t i = 0; i < sample->count; i++) {
        mr_pair pair;
        at = mr_pair_read(&layout, at, &pair);
        keys[i] = pair.key;
    }
    qsort(keys, sample->count, sizeof *keys, compare_keys);
    for (size_t from = 0, to; from < sample->count; from = to) {
        for (to = from + 1; to < sample->count && mr_bytes_equal(keys[from], keys[to]);)
            to++;
        double share = (double)(to - from) / (double)sample->count;
        if (share >= LEAST_SHARE)
            add_hot(set, keys[from], share);
    }
    free(keys);
    return MR_OK;
}

mr_status mr_set_tell_hot(mr_set *set)
{
    mr_job *job = set->job;
    mr_pair_sample sample;
    bool wanted = job->settings->report || job->settings->verbose;
    if (!wanted || set->count < LEAST_PAIRS || set->spread != MR_SPREAD_HASH)
        return MR_OK;
    MR_TRY(mr_sample_gather(job, &set->order, &set->sample, &sample));
    if (mr_comm_rank(job->comm) == 0)
        count_keys(set, &sample);
    mr_pair_sample_free(&sample);
    return mr_job_agree(job);
}

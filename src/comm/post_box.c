/* comm/post_box.c: boxes, and how all ranks find out that no letter of a box is left anywhere. */
#include "comm/post_internal.h"

#include <stdlib.h>

#define FIRST_PAUSE   20e-6 /* between two counts while letters are still under way */
#define LONGEST_PAUSE 1e-3

/* The first that is free: the same one on all ranks. */
static uint32_t find_free(const mr_post *post)
{
    uint32_t number = 0;
    while (number < post->box_count && post->boxes[number]->room.handler)
        number++;
    return number;
}

static post_box *add_box(mr_post *post)
{
    post_box **grown = realloc(post->boxes, (post->box_count + 1) * sizeof(post_box *));
    if (grown)
        post->boxes = grown;
    post_box *box = grown ? calloc(1, sizeof *box) : NULL;
    if (box)
        post->boxes[post->box_count++] = box;
    return box;
}

mr_status mr_post_box_open(mr_post *post, const mr_post_room *room, void *context, uint32_t *number,
                           mr_error *error)
{
    pthread_mutex_lock(&post->looking);
    pthread_mutex_lock(&post->out);
    *number = find_free(post);
    post_box *box = *number < post->box_count ? post->boxes[*number] : add_box(post);
    if (box) {
        box->room = *room;
        box->context = context;
        atomic_fetch_add(&post->ticking, room->tick != NULL);
    }
    pthread_mutex_unlock(&post->out);
    pthread_mutex_unlock(&post->looking);
    return box ? MR_OK : mr_error_set(error, MR_NO_MEMORY, "out of memory: a box for letters");
}

/* What was handled first: so of no letter that counts as handled what it has sent is missing. */
static void count(mr_post *post, uint32_t number, uint64_t counts[3])
{
    uint64_t sent = 0, handled = 0;
    for (uint32_t i = 0; i < post->box_count; i++)
        if (i == number || number == POST_ALL_BOXES)
            handled += atomic_load(&post->boxes[i]->handled);
    for (uint32_t i = 0; i < post->box_count; i++)
        if (i == number || number == POST_ALL_BOXES)
            sent += atomic_load(&post->boxes[i]->sent);
    counts[0] = sent;
    counts[1] = handled;
    counts[2] = mr_post_stopped(post);
}

/* All is handled when as many were handled as were sent, twice in a row: one count alone may have
 * seen a letter arrive whose sender it had asked before. */
mr_status mr_post_settle(mr_post *post, uint32_t number, bool is_end)
{
    uint64_t mine[3], all[3], before = UINT64_MAX;
    double pause = FIRST_PAUSE;
    for (;;) {
        MPI_Request request;
        count(post, number, mine);
        MPI_Iallreduce(mine, all, 3, MPI_UINT64_T, MPI_SUM, post->counts, &request);
        mr_post_wait_for_mpi(post, &request);
        if (all[2] && !is_end)
            return MR_FAILED;
        if (all[0] == all[1] && all[0] == before)
            return MR_OK;
        before = all[0] == all[1] ? all[0] : UINT64_MAX;
        if (before != UINT64_MAX)
            continue;
        mr_post_pause(post, pause);
        pause = pause * 1.5 < LONGEST_PAUSE ? pause * 1.5 : LONGEST_PAUSE;
    }
}

mr_status mr_post_box_settle(mr_post *post, uint32_t box)
{
    return mr_post_settle(post, box, false);
}

mr_status mr_post_box_close(mr_post *post, uint32_t number)
{
    MR_TRY(mr_post_settle(post, number, false));
    pthread_mutex_lock(&post->looking);
    atomic_fetch_sub(&post->ticking, post->boxes[number]->room.tick != NULL);
    post->boxes[number]->room.handler = NULL;
    pthread_mutex_unlock(&post->looking);
    return MR_OK;
}

/* comm/post_office.c: the opening and closing of the office. */
#include "comm/post_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stray.h"

#include <sched.h>
#include <stdlib.h>

mr_comm *mr_post_comm(const mr_post *post)
{
    return post->comm;
}

mr_post_counts mr_post_count(mr_post *post)
{
    pthread_mutex_lock(&post->looking);
    pthread_mutex_lock(&post->out);
    mr_post_counts totals = {.letters_sent = post->letters_sent,
                             .letters_handled = post->letters_handled,
                             .bytes_sent = post->bytes_sent,
                             .pages_sent = post->pages_sent};
    pthread_mutex_unlock(&post->out);
    pthread_mutex_unlock(&post->looking);
    return totals;
}

void mr_post_tell(mr_post *post, mr_error *error)
{
    pthread_mutex_lock(&post->out);
    if (!error->text[0] && post->failure.code != MR_OK)
        *error = post->failure;
    pthread_mutex_unlock(&post->out);
}

static void handle_office(void *context, int from, uint32_t kind, mr_bytes letter)
{
    (void)from;
    (void)letter;
    if (kind == POST_OFFICE_STOP)
        mr_post_stop_here(context);
}

/* ---- Opening ---- */

static void start_receiving(mr_post *post)
{
    MPI_Comm_dup(post->comm->world, &post->letters);
    MPI_Comm_dup(post->comm->world, &post->counts);
    for (int i = 0; i < POST_RECEIVES && post->comm->size > 1; i++)
        mr_post_receive(post, i);
}

static void init_locks(mr_post *post)
{
    pthread_mutex_init(&post->out, NULL);
    pthread_mutex_init(&post->looking, NULL);
    pthread_mutex_init(&post->sleep, NULL);
    mr_clock_condition_init(&post->awake);
    mr_clock_condition_init(&post->unwatched);
}

static void free_post(mr_post *post)
{
    if (post->lanes)
        mr_post_lanes_free(post);
    for (int i = 0; i < POST_RECEIVES; i++)
        mr_memory_free(post->receiving[i], sizeof *post->receiving[i]);
    for (uint32_t i = 0; i < post->box_count; i++)
        free(post->boxes[i]);
    free(post->boxes);
    pthread_mutex_destroy(&post->out);
    pthread_mutex_destroy(&post->looking);
    pthread_mutex_destroy(&post->sleep);
    pthread_cond_destroy(&post->awake);
    pthread_cond_destroy(&post->unwatched);
    free(post);
}

static mr_status make_post(mr_post **result, mr_comm *comm, mr_error *error)
{
    mr_post *post = *result = calloc(1, sizeof *post);
    if (!post)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the post office");
    init_locks(post);
    post->comm = comm;
    post->lanes = calloc((size_t)comm->size, sizeof *post->lanes);
    if (!post->lanes)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening the post office");
    for (int i = 0; i < POST_RECEIVES; i++)
        if (!(post->receiving[i] =
                  mr_memory_allocate(sizeof *post->receiving[i], "the post office", error)))
            return error->code;
    uint32_t office;
    return mr_post_box_open(post, &(mr_post_room){.handler = handle_office}, post, &office, error);
}

mr_status mr_post_open(mr_post **result, mr_comm *comm, mr_error *error)
{
    mr_post *post = NULL;
    *result = NULL;
    if (comm->threads_provided < MPI_THREAD_MULTIPLE)
        mr_error_set(error, MR_FAILED,
                     "cannot open the post office: MPI lets only one thread call it: use an MPI "
                     "with MPI_THREAD_MULTIPLE");
    else
        make_post(&post, comm, error);
    mr_status status = mr_comm_agree(comm, error);
    if (status != MR_OK) {
        if (post)
            free_post(post);
        return status;
    }
    start_receiving(post);
    if (pthread_create(&post->postman, NULL, mr_post_postman, post) == 0)
        post->has_postman = true;
    else
        mr_error_set(error, MR_FAILED, "cannot start a thread: the post office");
    *result = comm->office = post;
    status = mr_comm_agree(comm, error);
    if (status != MR_OK)
        mr_post_close(result);
    return status;
}

/* ---- Closing ---- */

static void for_open_boxes(mr_post *post, bool destroys)
{
    for (uint32_t i = 0; i < post->box_count; i++) {
        const mr_post_room *room = &post->boxes[i]->room;
        void (*call)(void *) = destroys ? room->destroy : room->halt;
        if (room->handler && call)
            call(post->boxes[i]->context);
    }
}

/* After all is settled: nothing is under way any more but MPI's own word that it has arrived. */
static void stop_looking(mr_post *post)
{
    atomic_store(&post->is_closing, true);
    mr_post_wake_postman(post);
    if (post->has_postman)
        pthread_join(post->postman, NULL);
    pthread_mutex_lock(&post->looking);
    for (; post->flying_count > 0; sched_yield())
        mr_post_finish_flights(post);
    for (int i = 0; i < POST_RECEIVES && post->comm->size > 1; i++) {
        MPI_Cancel(&post->receives[i]);
        MPI_Wait(&post->receives[i], MPI_STATUS_IGNORE);
    }
    MPI_Comm_free(&post->letters);
    MPI_Comm_free(&post->counts);
}

void mr_post_close(mr_post **result)
{
    mr_post *post = *result;
    if (!post)
        return;
    for_open_boxes(post, false);
    mr_post_stop_here(post); /* threads that were left behind may not write any more */
    mr_post_settle(post, POST_ALL_BOXES, true);
    stop_looking(post);
    post->comm->office = NULL;
    for_open_boxes(post, true);
    *result = NULL;
    /* One that was left behind may still come by: it finds a closed office, in which nobody looks.
     */
    if (mr_stray_count() > 0)
        return;
    pthread_mutex_unlock(&post->looking);
    free_post(post);
}

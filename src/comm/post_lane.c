/*
 * comm/post_lane.c: a lane is the letters to a rank, in pages, and what came from it, put together
 * again. A letter of up to half a page lies in one page; a larger one begins a page, and goes on
 * into as many as it needs. No MPI here.
 */
#include "comm/post_internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_PAGES 32

/* ---- Pages ---- */

/* With `out` held. NULL: no memory, which is noted. */
static post_page *take_page(mr_post *post)
{
    post_page *page = post->spare;
    if (page) {
        post->spare = page->next;
        post->spare_count--;
    } else {
        mr_error error = {.code = MR_OK};
        page = mr_memory_allocate(sizeof *page, "a letter to another rank", &error);
        if (!page && post->failure.code == MR_OK)
            post->failure = error;
    }
    if (page) {
        page->next = NULL;
        page->size = 0;
    }
    return page;
}

/* With `out` held. */
static void give_page(mr_post *post, post_page *page)
{
    if (post->spare_count >= SPARE_PAGES) {
        mr_memory_free(page, sizeof *page);
        return;
    }
    page->next = post->spare;
    post->spare = page;
    post->spare_count++;
}

static void free_pages(post_page *first)
{
    for (post_page *page = first, *next; page; page = next) {
        next = page->next;
        mr_memory_free(page, sizeof *page);
    }
}

static void append(post_pages *pages, post_page *first, post_page *last)
{
    if (pages->last)
        pages->last->next = first;
    else
        pages->first = first;
    pages->last = last;
}

static size_t room_of(const post_page *page)
{
    return page ? POST_PAGE - page->size : 0;
}

static mr_bytes cut(mr_bytes *from, size_t size)
{
    mr_bytes part = {from->data, from->size < size ? from->size : size};
    if (part.size > 0)
        from->data += part.size; /* nothing may be nowhere */
    from->size -= part.size;
    return part;
}

/* As much as there is room for. */
static void fill(post_page *page, mr_bytes *bytes)
{
    mr_bytes part = cut(bytes, room_of(page));
    if (part.size > 0)
        memcpy(page->bytes + page->size, part.data, part.size);
    page->size += part.size;
}

/* ---- Leaving ---- */

/* A page that is not full stays while others are under way: letters that follow go along with it.
 */
static bool may_leave(const post_lane *lane)
{
    const post_page *page = lane->pages.first;
    if (!page)
        return lane->tells_stop;
    const bool is_done = page->next || page->size == POST_PAGE;
    return lane->flying == 0 || (is_done && lane->flying < POST_WINDOW);
}

/* The last of those that leave, so that each has its turn. With `out` held. */
static void list(mr_post *post, post_lane *lane)
{
    if (lane->is_listed || !may_leave(lane))
        return;
    lane->is_listed = true;
    lane->next = NULL;
    if (post->leaving)
        post->last_one->next = lane;
    else
        post->leaving = lane;
    post->last_one = lane;
    atomic_fetch_add(&post->leaving_count, 1);
}

static void count_queued(mr_post *post, post_lane *lane, const post_header *header)
{
    const size_t size = sizeof *header + header->size;
    atomic_fetch_add_explicit(&lane->queued, size, memory_order_relaxed);
    atomic_fetch_add_explicit(&post->queued, size, memory_order_relaxed);
    atomic_fetch_add_explicit(&post->boxes[header->box]->sent, 1, memory_order_relaxed);
    post->letters_sent++;
    post->bytes_sent += header->size;
    list(post, lane);
}

static bool put_small(mr_post *post, post_lane *lane, const post_header *header, mr_bytes head,
                      mr_bytes body)
{
    mr_bytes first = {(const char *)header, sizeof *header};
    pthread_mutex_lock(&post->out);
    post_page *page = lane->pages.last;
    if (room_of(page) < sizeof *header + header->size) {
        page = take_page(post);
        if (page)
            append(&lane->pages, page, page);
    }
    if (page) {
        fill(page, &first);
        fill(page, &head);
        fill(page, &body);
        count_queued(post, lane, header);
    }
    pthread_mutex_unlock(&post->out);
    return page != NULL;
}

/* NULL: no memory. What has to be copied takes long: others may use the lanes meanwhile. */
static post_page *take_page_alone(mr_post *post)
{
    pthread_mutex_lock(&post->out);
    post_page *page = take_page(post);
    pthread_mutex_unlock(&post->out);
    return page;
}

static bool put_large(mr_post *post, post_lane *lane, const post_header *header, mr_bytes head,
                      mr_bytes body)
{
    mr_bytes parts[] = {{(const char *)header, sizeof *header}, head, body};
    post_pages pages = {NULL, NULL};
    for (int i = 0; i < 3; i++)
        while (parts[i].size > 0) {
            if (room_of(pages.last) == 0) {
                post_page *page = take_page_alone(post);
                if (!page) {
                    free_pages(pages.first);
                    return false;
                }
                append(&pages, page, page);
            }
            fill(pages.last, &parts[i]);
        }
    pthread_mutex_lock(&post->out);
    append(&lane->pages, pages.first, pages.last);
    count_queued(post, lane, header);
    pthread_mutex_unlock(&post->out);
    return true;
}

bool mr_post_lane_put(mr_post *post, int to, const post_header *header, mr_bytes head,
                      mr_bytes body)
{
    const bool is_small = sizeof *header + header->size <= POST_PAGE / 2;
    return (is_small ? put_small : put_large)(post, &post->lanes[to], header, head, body);
}

void mr_post_lane_tell_stop(mr_post *post, int to)
{
    pthread_mutex_lock(&post->out);
    post->lanes[to].tells_stop = true;
    atomic_fetch_add(&post->boxes[POST_OFFICE]->sent, 1);
    list(post, &post->lanes[to]);
    pthread_mutex_unlock(&post->out);
}

static post_page *first_page(mr_post *post, post_lane *lane)
{
    post_page *page = lane->pages.first;
    if (!page) {
        lane->tells_stop = false;
        return NULL;
    }
    lane->pages.first = page->next;
    if (!page->next)
        lane->pages.last = NULL;
    page->next = NULL;
    atomic_fetch_sub(&lane->queued, page->size);
    atomic_fetch_sub(&post->queued, page->size);
    post->pages_sent++;
    return page;
}

bool mr_post_lane_leave(mr_post *post, post_page **page, int *to)
{
    post_lane *lane = post->leaving;
    if (!lane)
        return false;
    post->leaving = lane->next;
    lane->is_listed = false;
    atomic_fetch_sub(&post->leaving_count, 1);
    *to = (int)(lane - post->lanes);
    *page = first_page(post, lane);
    lane->flying++;
    list(post, lane);
    return true;
}

void mr_post_lane_landed(mr_post *post, post_page *page, int to)
{
    post->lanes[to].flying--;
    if (page)
        give_page(post, page);
    list(post, &post->lanes[to]);
}

void mr_post_lanes_free(mr_post *post)
{
    for (int rank = 0; post->lanes && rank < post->comm->size; rank++) {
        free_pages(post->lanes[rank].pages.first);
        mr_memory_free(post->lanes[rank].partial, post->lanes[rank].need);
    }
    free(post->lanes);
    free_pages(post->spare);
}

/* ---- Arriving ---- */

static void begin_partial(mr_post *post, post_lane *lane, const post_header *header)
{
    mr_error error = {.code = MR_OK};
    lane->kind = header->kind;
    lane->box = header->box;
    lane->have = 0;
    lane->need = header->size;
    lane->partial = mr_memory_allocate(lane->need, "a letter from another rank", &error);
    if (!lane->partial)
        mr_post_fail(post, &error);
}

/* Without memory it is passed over, but counts: who waits for the end has to see it. */
static void go_on_with_partial(mr_post *post, int from, mr_bytes *bytes)
{
    post_lane *lane = &post->lanes[from];
    mr_bytes part = cut(bytes, lane->need - lane->have);
    if (lane->partial)
        memcpy(lane->partial + lane->have, part.data, part.size);
    lane->have += part.size;
    if (lane->have < lane->need)
        return;
    const post_header header = {.size = (uint32_t)lane->need, .kind = lane->kind, .box = lane->box};
    mr_post_deliver(post, from, &header, (mr_bytes){lane->partial, lane->partial ? lane->need : 0});
    mr_memory_free(lane->partial, lane->need);
    lane->partial = NULL;
    lane->have = lane->need = 0;
}

void mr_post_lane_take(mr_post *post, int from, mr_bytes page)
{
    post_lane *lane = &post->lanes[from];
    while (page.size > 0) {
        post_header header;
        if (lane->need > 0) {
            go_on_with_partial(post, from, &page);
            continue;
        }
        memcpy(&header, cut(&page, sizeof header).data, sizeof header);
        if (header.size > page.size)
            begin_partial(post, lane, &header);
        else
            mr_post_deliver(post, from, &header, cut(&page, header.size));
    }
}

/*
 * comm/post_lane.c: a lane is the stream of letters to a rank, cut into pages, and the one from it,
 * put together again. No MPI here.
 */
#include "comm/post_internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_PAGES 32

post_page *mr_post_page_take(mr_post *post)
{
    post_page *page = post->spare;
    if (page) {
        post->spare = page->next;
        post->spare_count--;
    } else {
        mr_error error = {.code = MR_OK};
        page = mr_memory_allocate(sizeof *page, "letters", &error);
    }
    if (page) {
        page->next = NULL;
        page->size = 0;
    }
    return page;
}

void mr_post_page_give(mr_post *post, post_page *page)
{
    if (post->spare_count >= SPARE_PAGES) {
        mr_memory_free(page, sizeof *page);
        return;
    }
    page->next = post->spare;
    post->spare = page;
    post->spare_count++;
}

post_lane *mr_post_lane(mr_post *post, int rank)
{
    if (!post->lanes[rank]) {
        post->lanes[rank] = calloc(1, sizeof *post->lanes[rank]);
        if (post->lanes[rank])
            post->lanes[rank]->rank = rank;
    }
    return post->lanes[rank];
}

void mr_post_lane_list(mr_post *post, post_lane *lane)
{
    if (lane->is_listed)
        return;
    lane->is_listed = true;
    lane->next = post->lanes_waiting;
    post->lanes_waiting = lane;
}

bool mr_post_lane_put(mr_post *post, post_lane *lane, mr_bytes bytes)
{
    while (bytes.size > 0) {
        if (!lane->last || lane->last->size == POST_PAGE) {
            post_page *page = mr_post_page_take(post);
            if (!page)
                return false;
            page->to = lane->rank;
            if (lane->last)
                lane->last->next = page;
            else
                lane->first = page;
            lane->last = page;
        }
        size_t room = POST_PAGE - lane->last->size, part = bytes.size < room ? bytes.size : room;
        memcpy(lane->last->bytes + lane->last->size, bytes.data, part);
        lane->last->size += part;
        atomic_fetch_add(&lane->queued, part);
        bytes.data += part;
        bytes.size -= part;
    }
    return true;
}

void mr_post_lanes_free(mr_post *post)
{
    for (int rank = 0; post->lanes && rank < post->comm->size; rank++) {
        post_lane *lane = post->lanes[rank];
        if (!lane)
            continue;
        for (post_page *page = lane->first, *next; page; page = next) {
            next = page->next;
            mr_memory_free(page, sizeof *page);
        }
        if (lane->partial)
            mr_memory_free(lane->partial, lane->need);
        free(lane);
    }
    free(post->lanes);
    for (post_page *page = post->spare, *next; page; page = next) {
        next = page->next;
        mr_memory_free(page, sizeof *page);
    }
}

static mr_bytes cut(mr_bytes *from, size_t size)
{
    mr_bytes part = {from->data, from->size < size ? from->size : size};
    from->data += part.size;
    from->size -= part.size;
    return part;
}

/* Goes on with a letter of which a part came before. `have` counts its header as well. */
static void add_to_partial(mr_post *post, post_lane *lane, mr_bytes *bytes)
{
    post_header header;
    if (lane->have < sizeof header) {
        mr_bytes part = cut(bytes, sizeof header - lane->have);
        memcpy(lane->head + lane->have, part.data, part.size);
        lane->have += part.size;
        if (lane->have < sizeof header)
            return;
    }
    memcpy(&header, lane->head, sizeof header);
    if (!lane->partial && header.size > 0) {
        mr_error error = {.code = MR_OK};
        lane->need = header.size;
        lane->partial = mr_memory_allocate(lane->need, "a letter", &error);
        if (!lane->partial)
            mr_post_stop(post);
    }
    mr_bytes part = cut(bytes, sizeof header + header.size - lane->have);
    if (lane->partial)
        memcpy(lane->partial + lane->have - sizeof header, part.data, part.size);
    lane->have += part.size;
    if (lane->have < sizeof header + header.size)
        return;
    mr_post_deliver(post, lane->rank, &header,
                    (mr_bytes){lane->partial, lane->partial ? header.size : 0});
    if (lane->partial)
        mr_memory_free(lane->partial, lane->need);
    lane->partial = NULL;
    lane->have = 0;
}

void mr_post_lane_take(mr_post *post, post_lane *lane, mr_bytes bytes)
{
    while (bytes.size > 0) {
        post_header header;
        if (lane->have > 0 || bytes.size < sizeof header) {
            add_to_partial(post, lane, &bytes);
            continue;
        }
        memcpy(&header, bytes.data, sizeof header);
        if (bytes.size - sizeof header < header.size) {
            add_to_partial(post, lane, &bytes);
            continue;
        }
        cut(&bytes, sizeof header);
        mr_post_deliver(post, lane->rank, &header, cut(&bytes, header.size));
    }
}

/* sync/queue_page.c: items in pages, pieces of pages in lists, and how they travel. */
#include "base/memory.h"
#include "sync/queue.h"

#include <stdlib.h>

#define PART ((size_t)1 << 20) /* of what is too large for one letter */

static void release(mr_item_owner *owner)
{
    mr_queue_page *page = (mr_queue_page *)owner;
    if (atomic_fetch_sub(&page->refs, 1) == 1)
        mr_memory_free(page, sizeof *page + page->room);
}

void mr_queue_page_drop(mr_queue_page *page)
{
    release(&page->owner);
}

mr_queue_page *mr_queue_page_make(size_t room)
{
    mr_error error = {.code = MR_OK};
    const size_t size = sizeof(mr_queue_page) + room;
    if (size < room)
        return NULL;
    mr_queue_page *page = mr_memory_allocate_aligned(size, 64, "items of a queue", &error);
    if (!page)
        return NULL;
    page->owner.release = release;
    page->next = NULL;
    atomic_init(&page->refs, 1);
    page->room = room;
    page->size = 0;
    return page;
}

void mr_queue_page_append(mr_queue_page *page, mr_bytes item)
{
    const uint64_t size = item.size;
    memcpy(page->bytes + page->size, &size, sizeof size);
    if (size > 0)
        memcpy(page->bytes + page->size + 8, item.data, item.size);
    page->size += mr_queue_record(size);
}

static uint64_t size_at(const mr_queue_page *page, size_t at)
{
    uint64_t size;
    memcpy(&size, page->bytes + at, sizeof size);
    return size;
}

static void append_piece(mr_queue_pieces *pieces, mr_queue_piece *piece)
{
    piece->next = NULL;
    if (pieces->last)
        pieces->last->next = piece;
    else
        pieces->first = piece;
    pieces->last = piece;
}

bool mr_queue_pieces_add(mr_queue *queue, mr_queue_pieces *pieces, mr_queue_page *page, size_t at,
                         size_t end)
{
    mr_queue_piece *last = pieces->last;
    for (size_t i = at; i < end; i += mr_queue_record(size_at(page, i))) {
        pieces->items++;
        pieces->charge += mr_queue_charge(queue, size_at(page, i));
    }
    if (last && last->page == page && last->end == at) {
        last->end = end;
        mr_queue_page_drop(page);
        return true;
    }
    mr_queue_piece *piece = malloc(sizeof *piece);
    if (!piece) {
        mr_sync_no_memory(queue->object.room, "items of a queue");
        mr_queue_page_drop(page);
        return false;
    }
    *piece = (mr_queue_piece){NULL, page, at, end};
    append_piece(pieces, piece);
    return true;
}

static void drop_first(mr_queue_pieces *pieces)
{
    mr_queue_piece *piece = pieces->first;
    pieces->first = piece->next;
    if (!pieces->first)
        pieces->last = NULL;
    free(piece);
}

void mr_queue_pieces_take(mr_queue *queue, mr_queue_pieces *pieces, mr_item *item)
{
    mr_queue_piece *piece = pieces->first;
    const uint64_t size = size_at(piece->page, piece->at);
    *item = (mr_item){{piece->page->bytes + piece->at + 8, (size_t)size}, piece->page};
    piece->at += mr_queue_record(size);
    pieces->items--;
    pieces->charge -= mr_queue_charge(queue, size);
    if (piece->at == piece->end)
        drop_first(pieces); /* its reference goes with the item */
    else
        atomic_fetch_add_explicit(&piece->page->refs, 1, memory_order_relaxed);
}

void mr_queue_pieces_free(mr_queue_pieces *pieces)
{
    while (pieces->first) {
        mr_queue_page_drop(pieces->first->page);
        drop_first(pieces);
    }
    *pieces = (mr_queue_pieces){0};
}

void mr_queue_pieces_join(mr_queue_pieces *pieces, mr_queue_pieces *more, bool before)
{
    mr_queue_pieces *front = before ? more : pieces, *back = before ? pieces : more;
    mr_queue_pieces all = {front->first ? front->first : back->first,
                           back->last ? back->last : front->last, front->items + back->items,
                           front->charge + back->charge};
    if (front->last)
        front->last->next = back->first;
    *pieces = all;
    *more = (mr_queue_pieces){0};
}

/* How much of a piece `items` items are, within a page's bytes. */
static size_t end_of(const mr_queue_piece *piece, uint64_t items)
{
    size_t end = piece->at;
    while (end < piece->end && items-- > 0) {
        const size_t next = end + mr_queue_record(size_at(piece->page, end));
        if (next - piece->at > MR_QUEUE_PAGE && end > piece->at)
            break;
        end = next;
    }
    return end;
}

mr_queue_pieces mr_queue_pieces_cut(mr_queue *queue, mr_queue_pieces *pieces, uint64_t items)
{
    mr_queue_pieces part = {0};
    size_t bytes = 0;
    while (pieces->first && items > 0 && bytes < MR_QUEUE_PAGE) {
        mr_queue_piece *piece = pieces->first;
        const size_t at = piece->at, end = end_of(piece, items);
        const uint64_t items_before = part.items, charge_before = part.charge;
        atomic_fetch_add_explicit(&piece->page->refs, 1, memory_order_relaxed);
        if (!mr_queue_pieces_add(queue, &part, piece->page, at, end))
            break;
        pieces->items -= part.items - items_before;
        pieces->charge -= part.charge - charge_before;
        items -= part.items - items_before;
        bytes += end - at;
        piece->at = end;
        if (end == piece->end) {
            mr_queue_page_drop(piece->page);
            drop_first(pieces);
        }
    }
    return part;
}

/* ---- On their way ---- */

void mr_queue_send_items(mr_queue *queue, int to, uint32_t kind, mr_queue_page *page, size_t at,
                         size_t end)
{
    mr_sync_object *object = &queue->object;
    mr_queue_head head = {end - at, 0, 0};
    const mr_bytes head_bytes = {(const char *)&head, sizeof head};
    if (mr_post_stopped(object->post)) { /* letters are dropped, and pages with them */
        mr_queue_page_drop(page);
        return;
    }
    if (to == object->room->rank) {
        head = (mr_queue_head){end, at, (uintptr_t)page};
        mr_post_send(object->post, to, object->box, kind, head_bytes, (mr_bytes){0});
        return;
    }
    while (head.offset < head.total) {
        const size_t left = (size_t)(head.total - head.offset), part = left < PART ? left : PART;
        mr_post_send(object->post, to, object->box, kind, head_bytes,
                     (mr_bytes){page->bytes + at + head.offset, part});
        head.offset += part;
    }
    mr_queue_page_drop(page);
}

void mr_queue_send_pieces(mr_queue *queue, int to, uint32_t kind, mr_queue_pieces *pieces)
{
    while (pieces->first) {
        mr_queue_piece *piece = pieces->first;
        mr_queue_send_items(queue, to, kind, piece->page, piece->at, piece->end);
        drop_first(pieces);
    }
    *pieces = (mr_queue_pieces){0};
}

/* Behind the last piece, where its page has room and nobody else writes; else in a page of its own.
 */
static void copy_in(mr_queue *queue, mr_queue_pieces *pieces, mr_bytes items)
{
    mr_queue_piece *last = pieces->last;
    mr_queue_page *page = last ? last->page : NULL;
    if (page && last->end == page->size && page->room - page->size >= items.size)
        atomic_fetch_add(&page->refs, 1);
    else
        page = mr_queue_page_make(items.size < MR_QUEUE_PAGE ? MR_QUEUE_PAGE : items.size);
    if (!page) {
        mr_sync_no_memory(queue->object.room, "items of a queue");
        return;
    }
    const size_t at = page->size;
    memcpy(page->bytes + at, items.data, items.size);
    page->size += items.size;
    mr_queue_pieces_add(queue, pieces, page, at, page->size);
}

static bool take_part(mr_queue *queue, mr_queue_parts *parts, const mr_queue_head *head,
                      mr_bytes items, mr_queue_pieces *pieces)
{
    if (head->offset == 0)
        parts->page = mr_queue_page_make((size_t)head->total);
    if (!parts->page) {
        mr_sync_no_memory(queue->object.room, "a large item of a queue");
        return false;
    }
    memcpy(parts->page->bytes + head->offset, items.data, items.size);
    parts->page->size += items.size;
    if (parts->page->size < head->total)
        return false;
    mr_queue_pieces_add(queue, pieces, parts->page, 0, parts->page->size);
    parts->page = NULL;
    return true;
}

bool mr_queue_receive(mr_queue *queue, mr_queue_parts *parts, mr_bytes letter,
                      mr_queue_pieces *pieces)
{
    mr_queue_head head;
    memcpy(&head, letter.data, sizeof head);
    const mr_bytes items = {letter.data + sizeof head, letter.size - sizeof head};
    if (head.here) {
        mr_queue_page *page = (mr_queue_page *)(uintptr_t)head.here;
        return mr_queue_pieces_add(queue, pieces, page, (size_t)head.offset, (size_t)head.total);
    }
    if (items.size < head.total)
        return take_part(queue, parts, &head, items, pieces);
    copy_in(queue, pieces, items);
    return true;
}

void mr_queue_send(mr_queue *queue, int to, uint32_t kind, uint64_t a, uint64_t b, uint64_t c)
{
    const mr_queue_note note = {a, b, c};
    mr_post_send(queue->object.post, to, queue->object.box, kind,
                 (mr_bytes){(const char *)&note, sizeof note}, (mr_bytes){0});
}

mr_queue_note mr_queue_read(mr_bytes letter)
{
    mr_queue_note note;
    memcpy(&note, letter.data, sizeof note);
    return note;
}

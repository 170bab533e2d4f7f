/* observe/seen.c: what was seen, as JSON; and the list of the slowest blocks. */
#include "observe/seen.h"

#include "base/span.h"
#include "observe/json.h"
#include "output/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The slowest blocks ---- */

static size_t fastest(const mr_slowest *slowest)
{
    size_t at = 0;
    for (size_t i = 1; i < slowest->count; i++)
        if (slowest->blocks[i].seconds < slowest->blocks[at].seconds)
            at = i;
    return at;
}

void mr_slowest_offer(mr_slowest *slowest, const mr_slow_block *block)
{
    if (!mr_slowest_takes(slowest, block->seconds))
        return;
    bool is_full = slowest->count == MR_SLOW_BLOCKS;
    slowest->blocks[is_full ? fastest(slowest) : slowest->count++] = *block;
    if (slowest->count == MR_SLOW_BLOCKS)
        slowest->least = slowest->blocks[fastest(slowest)].seconds;
}

void mr_slowest_merge(mr_slowest *slowest, const mr_slowest *other)
{
    for (size_t i = 0; i < other->count; i++)
        mr_slowest_offer(slowest, &other->blocks[i]);
}

static int compare(const void *a, const void *b)
{
    const mr_slow_block *x = a, *y = b;
    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? 1 : -1;
    return (x->block > y->block) - (x->block < y->block);
}

void mr_slowest_sort(mr_slowest *slowest)
{
    qsort(slowest->blocks, slowest->count, sizeof *slowest->blocks, compare);
}

void mr_slow_block_name(mr_slow_block *block, const char *file)
{
    size_t size = strlen(file), most = sizeof block->file - 1;
    const char *from = size > most ? file + (size - most) : file;
    memcpy(block->file, from, (size > most ? most : size) + 1);
}

/* ---- The cost of being many ---- */

/* With fewer cores each has more to do, and all together the same: overhead goes with the work. */
mr_seen_cost mr_seen_cost_of(double serial, double seconds, uint64_t cores)
{
    mr_seen_cost cost = {.serial = serial, .cores = cores};
    if (serial <= 0 || seconds <= 0)
        return cost;
    double needed = floor(seconds * (double)cores / serial) + 1;
    if (needed <= (double)cores)
        cost.beats_from = (uint64_t)needed;
    return cost;
}

/* ---- JSON ---- */

/* Microseconds are enough. */
static json_t *real_of(double number)
{
    return isfinite(number) ? json_real(round(number * 1e6) / 1e6) : json_null();
}

static json_t *count_of(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

static json_t *slowest_of(const mr_sight *seen, bool *ok)
{
    json_t *list = json_array();
    for (size_t i = 0; i < seen->slowest.count; i++) {
        const mr_slow_block *block = &seen->slowest.blocks[i];
        json_t *one =
            json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "rank", (int)block->rank, "thread",
                      (int)block->thread, "file", mr_json_text(block->file), "begin",
                      count_of(block->begin), "end", count_of(block->end), "block",
                      count_of(block->block), "seconds", real_of(block->seconds));
        if (one && block->is_rows)
            json_object_set_new(one, "unit", json_string("rows"));
        *ok = json_array_append_new(list, one) == 0 && *ok;
    }
    return list;
}

static json_t *waits_of(const mr_sight *seen, int ranks, bool *ok)
{
    json_t *list = json_array();
    for (int i = 0; i < ranks; i++) {
        const mr_seen_wait *wait = &seen->waits[i];
        json_t *one =
            json_pack("{s:i, s:o, s:o}", "rank", i, "seconds", real_of(wait->seconds), "on",
                      wait->on >= 0 ? json_integer((json_int_t)wait->on) : json_null());
        *ok = json_array_append_new(list, one) == 0 && *ok;
    }
    return list;
}

static json_t *cost_of(const mr_seen_cost *cost)
{
    return json_pack("{s:o, s:o, s:o}", "serial_seconds", real_of(cost->serial), "cores",
                     count_of(cost->cores), "cores_to_beat_one",
                     cost->beats_from ? count_of(cost->beats_from) : json_null());
}

static json_t *row_of(const uint64_t *numbers, size_t count, bool *ok)
{
    json_t *row = json_array();
    for (size_t i = 0; i < count; i++)
        *ok = json_array_append_new(row, count_of(numbers[i])) == 0 && *ok;
    return row;
}

/* Beside the totals, which are there already. */
static void put_matrix(json_t *exchange, const mr_sight *seen, bool *ok)
{
    json_t *matrix = json_array(), *nodes = json_array();
    for (size_t i = 0; i < seen->side; i++) {
        json_t *row = row_of(seen->matrix + i * seen->side, seen->side, ok);
        *ok = json_array_append_new(matrix, row) == 0 && *ok;
        if (seen->nodes)
            *ok = json_array_append_new(nodes, mr_json_text(seen->nodes[i])) == 0 && *ok;
    }
    *ok = json_object_set_new(exchange, "matrix", matrix) == 0 && *ok;
    if (seen->nodes)
        *ok = json_object_set(exchange, "nodes", nodes) == 0 && *ok;
    json_decref(nodes);
}

bool mr_seen_put(json_t *report, const mr_sight *seen, int ranks)
{
    bool ok = true;
    if (seen->matrix)
        put_matrix(json_object_get(report, "exchange"), seen, &ok);
    ok = json_object_set_new(report, "cost", cost_of(&seen->cost)) == 0 && ok;
    ok = json_object_set_new(report, "waits", waits_of(seen, ranks, &ok)) == 0 && ok;
    ok = json_object_set_new(report, "slowest", slowest_of(seen, &ok)) == 0 && ok;
    return ok;
}

/* ---- The timeline: by hand, as there may be many spans ---- */

static void add_microseconds(mr_text *text, uint64_t time)
{
    char fraction[] = ".000000";
    for (size_t i = 6; i > 0; i--, time /= 10)
        fraction[i] = (char)('0' + time % 10);
    mr_text_add(text, ",", 1);
    mr_text_add_u64(text, time);
    mr_text_add(text, fraction, 7);
}

/* Rounded alike: spans that touch still do. */
static uint64_t microseconds(double seconds)
{
    return seconds > 0 ? (uint64_t)(seconds * 1e6 + 0.5) : 0;
}

static void add_span(mr_text *text, mr_seen_span span)
{
    const char *name = mr_span_name((mr_span_kind)span.kind);
    const uint64_t begin = microseconds(span.begin), end = microseconds(span.end);
    mr_text_add(text, "[\"", 2);
    mr_text_add(text, name, strlen(name));
    mr_text_add(text, "\"", 1);
    add_microseconds(text, begin);
    add_microseconds(text, end);
    add_microseconds(text, end - begin);
    mr_text_add(text, "]", 1);
}

void mr_seen_timeline(mr_text *text, const mr_sight *seen)
{
    const char *at = seen->threads, *end = at + seen->threads_size;
    mr_text_printf(text, "[");
    for (bool first = true; at < end; first = false) {
        mr_seen_thread thread;
        memcpy(&thread, at, sizeof thread);
        at += sizeof thread;
        mr_text_printf(text, "%s\n  {\"rank\": %u, \"thread\": %u, \"spans\": [", first ? "" : ",",
                       thread.rank, thread.thread);
        for (uint64_t i = 0; i < thread.count; i++, at += sizeof(mr_seen_span)) {
            mr_seen_span span;
            memcpy(&span, at, sizeof span);
            mr_text_add(text, ",", i > 0);
            add_span(text, span);
        }
        mr_text_add(text, "]}", 2);
    }
    mr_text_printf(text, "\n ]");
}

/*
 * hdf5/spans.c: a box of a contiguous dataset, cut into spans of the file.
 */
#include "hdf5/spans.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STRAIGHT 16384       /* bytes: shorter runs are worth more together than without a copy */
#define SPARSE   16          /* a span is read whole when this part of it is wanted */
#define AT_ONCE  (1ul << 30) /* bytes that one pread is asked for */

typedef struct spans {
    mr_h5_reader *reader;
    const mr_h5_goal *goal;
    size_t step[MR_AXES]; /* bytes from one element to the next in the file */
} spans;

mr_status mr_h5_spans_bytes(const mr_h5_set *set, uint64_t address, void *to, uint64_t size,
                            mr_error *error)
{
    unsigned char *next = to;
    while (size > 0) {
        ssize_t got = pread(set->fd, next, size < AT_ONCE ? size : AT_ONCE, (off_t)address);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return mr_error_set(error, MR_BAD_INPUT,
                                "cannot read dataset: %s: at byte %llu of the file: %s", set->name,
                                (unsigned long long)address,
                                got < 0 ? strerror(errno) : "the file is cut off: restore it");
        next += got;
        address += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return MR_OK;
}

static mr_status read_bytes(mr_h5_reader *reader, uint64_t offset, unsigned char *to, uint64_t size,
                            mr_error *error)
{
    const mr_h5_set *set = reader->set;
    reader->chunks.bytes += size;
    return mr_h5_spans_bytes(set, set->address + offset, to, size, error);
}

static uint64_t offset_of(const spans *of, const mr_box *region)
{
    uint64_t offset = 0;
    for (unsigned axis = 0; axis < region->axes; axis++)
        offset += region->from[axis] * of->step[axis];
    return offset;
}

/* Bytes from the region's first element to behind its last, as far as axes from `axis` on go. */
static uint64_t span_of(const spans *of, const mr_box *region, unsigned axis)
{
    uint64_t span = of->reader->set->type.size;
    for (; axis < region->axes; axis++)
        span += (region->size[axis] - 1) * of->step[axis];
    return span;
}

static uint64_t wanted_of(const spans *of, const mr_box *region, unsigned axis)
{
    uint64_t wanted = of->reader->set->type.size;
    for (; axis < region->axes; axis++)
        wanted *= region->size[axis];
    return wanted;
}

static bool is_straight(const spans *of, const mr_box *region, unsigned axis)
{
    uint64_t wanted = wanted_of(of, region, axis);
    return mr_h5_goal_is_plain(of->goal) && wanted >= STRAIGHT &&
           wanted == span_of(of, region, axis);
}

static mr_status read_span(const spans *of, const mr_box *region, mr_error *error)
{
    unsigned char *buffer = of->reader->span;
    uint64_t size = span_of(of, region, 0);
    if (read_bytes(of->reader, offset_of(of, region), buffer, size, error) != MR_OK)
        return error->code;
    return mr_h5_copy(of->goal, region, buffer, of->step, error);
}

/* How many steps along `axis` a span takes in. */
static uint64_t rows_together(const spans *of, const mr_box *region, unsigned axis)
{
    uint64_t span = span_of(of, region, axis + 1), wanted = wanted_of(of, region, axis + 1);
    if (span > of->reader->span_room || is_straight(of, region, axis + 1))
        return 1;
    uint64_t rows = (of->reader->span_room - span) / of->step[axis] + 1;
    return wanted < of->step[axis] / SPARSE ? 1 : rows;
}

/* Axes before `axis` have one element. */
static mr_status read_region(const spans *of, const mr_box *region, unsigned axis, mr_error *error)
{
    uint64_t span = span_of(of, region, axis), wanted = wanted_of(of, region, axis);
    if (is_straight(of, region, axis))
        return read_bytes(of->reader, offset_of(of, region), mr_h5_goal_at(of->goal, region), span,
                          error);
    if (axis == region->axes || (span <= of->reader->span_room && wanted >= span / SPARSE))
        return read_span(of, region, error);
    mr_status status = MR_OK;
    uint64_t rows = rows_together(of, region, axis);
    for (uint64_t done = 0; status == MR_OK && done < region->size[axis]; done += rows) {
        mr_box some = *region;
        some.from[axis] += done;
        some.size[axis] = rows < region->size[axis] - done ? rows : region->size[axis] - done;
        status = some.size[axis] == 1 ? read_region(of, &some, axis + 1, error)
                                      : read_span(of, &some, error);
    }
    return status;
}

mr_status mr_h5_spans_read(mr_h5_reader *reader, const mr_h5_goal *goal, mr_error *error)
{
    spans plan = {reader, goal, {0}};
    size_t step = reader->set->type.size;
    for (unsigned axis = goal->box.axes; axis-- > 0;) {
        plan.step[axis] = step;
        step *= reader->set->dims.size[axis];
    }
    return read_region(&plan, &goal->box, 0, error);
}

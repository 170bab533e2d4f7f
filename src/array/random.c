/*
 * array/random.c: random arrays. An element's number is a function of the seed, the stream and the
 * element's place in C order, so it does not matter who makes it, or how often.
 */
#include "array/box.h"
#include "array/philox.h"

#include <math.h>

typedef struct stream {
    uint64_t seed, number;
    double low, width, most; /* uniform: `most` is the largest double below the end */
    double mean, deviation;
} stream;

/* The upper 53 bits, times 2^-53. The two halves are put behind the ones of 2^84 and 2^52, which
 * takes no conversion of integers: few CPUs have one for more than one at a time. */
static inline double fraction(uint64_t word)
{
    uint64_t bits = word >> 11;
    uint64_t high = bits >> 32 | UINT64_C(0x4530000000000000);
    uint64_t low = (bits & UINT32_MAX) | UINT64_C(0x4330000000000000);
    double upper, lower;
    memcpy(&upper, &high, sizeof upper);
    memcpy(&lower, &low, sizeof lower);
    return (upper - 0x1.00000001p84 + lower) * 0x1p-53;
}

#define WORDS 256 /* at a time */

/* The words of places first to first + WORDS - 1 at most; `first` is a multiple of 4. */
static void make_words(const stream *s, uint64_t first, uint64_t count, uint64_t words[WORDS])
{
    const uint64_t key[2] = {s->seed, s->number};
    mr_philox_run(key, first / 4, (count + 3) / 4, words);
}

static void scale(const stream *s, const uint64_t *words, uint64_t count, double *into)
{
    if (s->low == 0 && s->width == 1) {
        for (uint64_t i = 0; i < count; i++)
            into[i] = fraction(words[i]);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        double value = s->low + fraction(words[i]) * s->width;
        into[i] = value < s->most ? value : s->most;
    }
}

/* Box and Muller's: the first word of a pair makes the radius, the second one the angle; even
 * places get the cosine. */
static double normal_at(const stream *s, const uint64_t *pair, bool odd)
{
    const double turn = 6.283185307179586476925;
    double radius = sqrt(-2 * log(fraction(pair[0]) + 0x1p-53)), angle = turn * fraction(pair[1]);
    return s->mean + s->deviation * (radius * (odd ? sin(angle) : cos(angle)));
}

static void bend(const stream *s, const uint64_t *words, uint64_t skip, uint64_t count,
                 double *into)
{
    for (uint64_t i = skip; i < skip + count; i++)
        *into++ = normal_at(s, words + (i & ~UINT64_C(1)), i & 1);
}

/* A run of places. */
static void fill_run(const stream *s, bool normal, uint64_t place, uint64_t count, double *into)
{
    uint64_t words[WORDS];
    while (count > 0) {
        uint64_t skip = place % 4, now = WORDS - skip < count ? WORDS - skip : count;
        make_words(s, place - skip, skip + now, words);
        if (normal)
            bend(s, words, skip, now, into);
        else
            scale(s, words + skip, now, into);
        place += now;
        into += now;
        count -= now;
    }
}

/* Line by line, but for those that follow each other in the whole array too. */
static void fill_box(const mr_array *self, const mr_box *box, double *into, bool normal)
{
    uint64_t run = 1, at[MR_AXES] = {0}, count = mr_box_count(box);
    unsigned inner = box->axes;
    while (inner > 0 && (inner == box->axes || box->size[inner] == self->dims.size[inner]))
        run *= box->size[--inner];
    for (uint64_t done = 0; done < count; done += run) {
        uint64_t place = 0;
        for (unsigned axis = 0; axis < box->axes; axis++)
            place = place * self->dims.size[axis] + box->from[axis] + at[axis];
        fill_run(self->own, normal, place, run, into + done);
        for (unsigned axis = inner; axis-- > 0 && ++at[axis] == box->size[axis];)
            at[axis] = 0;
    }
}

static mr_status fill_uniform(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                              const void *const *values, void *into, mr_error *error)
{
    (void)evaluator, (void)values, (void)error;
    fill_box(self, box, into, false);
    return MR_OK;
}

static mr_status fill_normal(const mr_array *self, mr_evaluator *evaluator, const mr_box *box,
                             const void *const *values, void *into, mr_error *error)
{
    (void)evaluator, (void)values, (void)error;
    fill_box(self, box, into, true);
    return MR_OK;
}

static const mr_array_kind uniform_kind = {
    .name = "uniform", .fill = fill_uniform, .destroy = mr_array_free_own, .strips = true};
static const mr_array_kind normal_kind = {
    .name = "normal", .fill = fill_normal, .destroy = mr_array_free_own, .strips = true};

mr_array *mr_array_uniform(mr_job *job, mr_dims dims, double low, double high, uint64_t number)
{
    if (!(low <= high)) {
        mr_error_set(job->error, MR_USAGE,
                     "cannot make random numbers: from %g to below %g: give the smaller one first",
                     low, high);
        return NULL;
    }
    const stream s = {.seed = mr_job_seed(job),
                      .number = number,
                      .low = low,
                      .width = high - low,
                      .most = low < high ? nextafter(high, low) : low};
    return mr_array_create_with(job, &uniform_kind, MR_F64, dims, &s, sizeof s);
}

mr_array *mr_array_normal(mr_job *job, mr_dims dims, double mean, double deviation, uint64_t number)
{
    const stream s = {
        .seed = mr_job_seed(job), .number = number, .mean = mean, .deviation = deviation};
    return mr_array_create_with(job, &normal_kind, MR_F64, dims, &s, sizeof s);
}

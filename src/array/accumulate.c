/*
 * array/accumulate.c: see accumulate.h. Exact sums take doubles: what is none is made into one, or
 * into two whose sum it is, some hundred at a time.
 */
#include "array/accumulate.h"

#include <math.h>

#define RUN 512 /* terms that are converted at a time */

static bool is_whole(mr_element element)
{
    return element == MR_I32 || element == MR_I64;
}

static bool is_extreme(mr_reduction reduction)
{
    return reduction >= MR_LEAST && reduction <= MR_ARG_LARGEST;
}

static bool is_largest(mr_reduction reduction)
{
    return reduction == MR_LARGEST || reduction == MR_ARG_LARGEST;
}

static bool is_variance(mr_reduction reduction)
{
    return reduction >= MR_VARIANCE && reduction <= MR_DEVIATION_1;
}

static bool is_fast(mr_reduction reduction)
{
    return reduction == MR_SUM_FAST || reduction == MR_MEAN_FAST;
}

/* ---- Merging ---- */

static void merge_exact(const mr_fold *self, void *accumulator, const void *other)
{
    mr_exact *sums = accumulator;
    const mr_exact *more = other;
    for (uint32_t i = 0; i < self->parameter; i++)
        mr_exact_merge(&sums[i], &more[i]);
}

static void merge_whole(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    *(uint64_t *)accumulator += *(const uint64_t *)other;
}

static void merge_fast(const mr_fold *self, void *accumulator, const void *other)
{
    (void)self;
    ((double *)accumulator)[0] += ((const double *)other)[0];
    ((double *)accumulator)[1] += ((const double *)other)[1];
}

#define LARGEST 1u
#define WHOLE   2u

/* Below 0: `a` comes before `b`; of what is equal the first place does. */
static int compare(const mr_fold *self, const mr_extreme *a, const mr_extreme *b)
{
    int order = 0;
    if (a->state != b->state)
        return a->state > b->state ? -1 : 1;
    if (a->state == 1 && self->parameter & WHOLE)
        order = (a->value.i64 > b->value.i64) - (a->value.i64 < b->value.i64);
    else if (a->state == 1)
        order = (a->value.f64 > b->value.f64) - (a->value.f64 < b->value.f64);
    if (self->parameter & LARGEST)
        order = -order;
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static void merge_extreme(const mr_fold *self, void *accumulator, const void *other)
{
    if (compare(self, other, accumulator) < 0)
        memcpy(accumulator, other, sizeof(mr_extreme));
}

/* ---- Which ---- */

static uint32_t exact_sums(mr_reduction reduction, mr_element element)
{
    uint32_t parts = element == MR_C128 && reduction != MR_NORM ? 2 : 1;
    return is_variance(reduction) ? 2 * parts : parts;
}

static mr_element result_of(mr_reduction reduction, mr_element element)
{
    bool sum = reduction == MR_SUM || reduction == MR_SUM_FAST;
    bool mean = reduction == MR_MEAN || reduction == MR_MEAN_FAST;
    if (reduction == MR_LEAST || reduction == MR_LARGEST)
        return element;
    if (is_extreme(reduction) || (sum && is_whole(element)))
        return MR_I64;
    return (sum || mean) && element == MR_C128 ? MR_C128 : MR_F64;
}

/* Sums of integers are exact anyway, and so are their means here. */
static mr_reduction without_fast(mr_reduction reduction, mr_element element)
{
    if (is_whole(element) && is_fast(reduction))
        return reduction == MR_SUM_FAST ? MR_SUM : MR_MEAN;
    return reduction;
}

bool mr_accumulating_of(mr_accumulating *how, mr_reduction reduction, mr_element element)
{
    if (reduction < MR_SUM || reduction > MR_MEAN_FAST)
        return false;
    if (is_extreme(reduction) && element == MR_C128)
        return false;
    reduction = without_fast(reduction, element);
    *how = (mr_accumulating){.reduction = reduction,
                             .element = element,
                             .result = result_of(reduction, element),
                             .fast = is_fast(reduction),
                             .places = is_extreme(reduction),
                             .fold.name = "reduction"};
    mr_fold *fold = &how->fold;
    if (is_extreme(reduction)) {
        fold->size = sizeof(mr_extreme);
        fold->parameter = (is_largest(reduction) ? LARGEST : 0) | (is_whole(element) ? WHOLE : 0);
        fold->merge = merge_extreme;
    } else if (reduction == MR_SUM && is_whole(element)) {
        fold->size = sizeof(int64_t);
        fold->merge = merge_whole;
    } else if (is_fast(reduction)) {
        fold->size = 2 * sizeof(double);
        fold->merge = merge_fast;
    } else {
        fold->parameter = exact_sums(reduction, element);
        fold->size = fold->parameter * (uint32_t)sizeof(mr_exact);
        fold->merge = merge_exact;
    }
    return true;
}

/* ---- Exact sums ---- */

/* Terms as doubles: complex numbers by part, large integers as two whose sum they are. */
typedef struct run {
    double part[2][RUN];
    uint64_t count;
    bool two;
} run;

static void convert_whole(run *r, const int64_t *terms)
{
    for (uint64_t i = 0; i < r->count; i++) {
        double high = (double)terms[i];
        /* The nearest double may be 2^63, which is no integer of 64 bits. */
        int64_t back = high < 0x1p63 ? (int64_t)high : INT64_MAX;
        double more = high < 0x1p63 ? 0 : -1;
        r->part[0][i] = high;
        r->part[1][i] = (double)(terms[i] - back) + more;
        r->two = r->two || r->part[1][i] != 0;
    }
}

static void convert(run *r, mr_element element, const void *terms, uint64_t first, uint64_t count)
{
    r->count = count;
    r->two = false;
    switch (element) {
    case MR_F64:
        memcpy(r->part[0], (const double *)terms + first, count * sizeof(double));
        break;
    case MR_F32:
        for (uint64_t i = 0; i < count; i++)
            r->part[0][i] = (double)((const float *)terms)[first + i];
        break;
    case MR_I32:
        for (uint64_t i = 0; i < count; i++)
            r->part[0][i] = (double)((const int32_t *)terms)[first + i];
        break;
    case MR_I64:
        convert_whole(r, (const int64_t *)terms + first);
        break;
    case MR_C128:
        r->two = true;
        for (uint64_t i = 0; i < count; i++) {
            r->part[0][i] = ((const double *)terms)[2 * (first + i)];
            r->part[1][i] = ((const double *)terms)[2 * (first + i) + 1];
        }
        break;
    }
}

static void add_squares(const run *r, bool is_complex, mr_exact *first, mr_exact *second)
{
    mr_exact_add_products(first, r->part[0], r->part[0], r->count);
    if (!r->two)
        return;
    mr_exact_add_products(second, r->part[1], r->part[1], r->count);
    for (int twice = 0; !is_complex && twice < 2; twice++)
        mr_exact_add_products(first, r->part[0], r->part[1], r->count);
}

/* Of complex numbers each part has sums of its own, but for the norm. */
static void add_run(const mr_accumulating *how, mr_exact *sums, const run *r)
{
    bool is_complex = how->element == MR_C128;
    uint32_t half = is_complex ? how->fold.parameter / 2 : 0;
    if (how->reduction == MR_NORM) {
        add_squares(r, is_complex, sums, sums);
        return;
    }
    mr_exact_add_all(sums, r->part[0], r->count);
    if (r->two)
        mr_exact_add_all(sums + half, r->part[1], r->count);
    if (is_variance(how->reduction))
        add_squares(r, is_complex, sums + 1, sums + half + 1);
}

static void add_exact(const mr_accumulating *how, mr_exact *sums, const void *terms, uint64_t count)
{
    if (how->element == MR_F64 && how->reduction != MR_NORM) {
        mr_exact_add_all(sums, terms, count);
        if (is_variance(how->reduction))
            mr_exact_add_products(sums + 1, terms, terms, count);
        return;
    }
    for (uint64_t first = 0; first < count; first += RUN) {
        run r;
        convert(&r, how->element, terms, first, count - first < RUN ? count - first : RUN);
        add_run(how, sums, &r);
    }
}

/* ---- Plain sums ---- */

double mr_sum_tree(const double *terms, uint64_t count, uint64_t step)
{
    if (count == 0)
        return 0;
    if (count == 1)
        return *terms;
    uint64_t half = (count + 1) / 2;
    return mr_sum_tree(terms, half, step) + mr_sum_tree(terms + half * step, count - half, step);
}

#define LANES 16

/* Term i goes to lane i % LANES. */
static void add_fast(const mr_accumulating *how, double *sums, const void *terms, uint64_t count)
{
    double lanes[2][LANES] = {{0}};
    unsigned parts = how->element == MR_C128 ? 2 : 1;
    for (uint64_t first = 0; first < count; first += RUN) {
        run r;
        convert(&r, how->element, terms, first, count - first < RUN ? count - first : RUN);
        for (unsigned part = 0; part < parts; part++) {
            memset(r.part[part] + r.count, 0, (RUN - r.count) * sizeof(double));
            for (uint64_t i = 0; i < RUN; i += LANES)
                for (unsigned lane = 0; lane < LANES; lane++)
                    lanes[part][lane] += r.part[part][i + lane];
        }
    }
    for (unsigned part = 0; part < parts; part++)
        sums[part] += mr_sum_tree(lanes[part], LANES, 1);
}

static void add_whole(uint64_t *sum, mr_element element, const void *terms, uint64_t count)
{
    if (element == MR_I64)
        for (uint64_t i = 0; i < count; i++)
            *sum += (uint64_t)((const int64_t *)terms)[i];
    else
        for (uint64_t i = 0; i < count; i++)
            *sum += (uint64_t)(int64_t)((const int32_t *)terms)[i];
}

/* ---- Extremes ---- */

/* Lane by lane, then over the lanes; the first of what is equal is looked for afterwards. */
#define FIND(type, BETTER)                                                                         \
    do {                                                                                           \
        const type *x = terms;                                                                     \
        type lanes[LANES];                                                                         \
        uint64_t i = 0;                                                                            \
        for (unsigned lane = 0; lane < LANES; lane++)                                              \
            lanes[lane] = x[0];                                                                    \
        for (; i + LANES <= count; i += LANES)                                                     \
            for (unsigned lane = 0; lane < LANES; lane++) {                                        \
                lanes[lane] = x[i + lane] BETTER lanes[lane] ? x[i + lane] : lanes[lane];          \
                nan |= x[i + lane] != x[i + lane];                                                 \
            }                                                                                      \
        for (; i < count; i++) {                                                                   \
            lanes[0] = x[i] BETTER lanes[0] ? x[i] : lanes[0];                                     \
            nan |= x[i] != x[i];                                                                   \
        }                                                                                          \
        for (unsigned lane = 1; lane < LANES; lane++)                                              \
            lanes[0] = lanes[lane] BETTER lanes[0] ? lanes[lane] : lanes[0];                       \
        for (i = 0; nan ? x[i] == x[i] : x[i] != lanes[0];)                                        \
            i++;                                                                                   \
        place = i;                                                                                 \
    } while (0)

#define FIND_ONE(type)                                                                             \
    do {                                                                                           \
        if (largest)                                                                               \
            FIND(type, >);                                                                         \
        else                                                                                       \
            FIND(type, <);                                                                         \
    } while (0)

static void find_extreme(const mr_accumulating *how, mr_extreme *extreme, const void *terms,
                         uint64_t count, uint64_t *first)
{
    bool largest = is_largest(how->reduction);
    uint64_t place = 0;
    int nan = 0;
    switch (how->element) {
    case MR_F64:
        FIND_ONE(double);
        extreme->value.f64 = ((const double *)terms)[place];
        break;
    case MR_F32:
        FIND_ONE(float);
        extreme->value.f64 = (double)((const float *)terms)[place];
        break;
    case MR_I64:
        FIND_ONE(int64_t);
        extreme->value.i64 = ((const int64_t *)terms)[place];
        break;
    default:
        FIND_ONE(int32_t);
        extreme->value.i64 = ((const int32_t *)terms)[place];
    }
    extreme->state = nan ? 2 : 1;
    *first = place;
}

void mr_accumulate(const mr_accumulating *how, void *accumulator, const void *terms, uint64_t count,
                   uint64_t *place)
{
    if (count == 0)
        return;
    if (is_extreme(how->reduction))
        find_extreme(how, accumulator, terms, count, place);
    else if (is_fast(how->reduction))
        add_fast(how, accumulator, terms, count);
    else if (how->fold.merge == merge_whole)
        add_whole(accumulator, how->element, terms, count);
    else
        add_exact(how, accumulator, terms, count);
}

/* ---- Ends ---- */

static void end_extreme(const mr_accumulating *how, const mr_extreme *extreme, void *value)
{
    bool value_wanted = how->reduction == MR_LEAST || how->reduction == MR_LARGEST;
    int64_t number = value_wanted ? extreme->value.i64 : extreme->place;
    if (how->result == MR_F64)
        *(double *)value = extreme->value.f64;
    else if (how->result == MR_F32)
        *(float *)value = (float)extreme->value.f64;
    else if (how->result == MR_I64)
        *(int64_t *)value = number;
    else
        *(int32_t *)value = (int32_t)number;
}

static void end_fast(const mr_accumulating *how, const double *sums, uint64_t count, double *value)
{
    double divisor = how->reduction == MR_MEAN_FAST ? (double)count : 1;
    value[0] = sums[0] / divisor;
    if (how->result == MR_C128)
        value[1] = sums[1] / divisor;
}

static double variance_of(const mr_accumulating *how, const mr_exact *sums, uint64_t count)
{
    bool sample = how->reduction == MR_VARIANCE_1 || how->reduction == MR_DEVIATION_1;
    bool root = how->reduction == MR_DEVIATION || how->reduction == MR_DEVIATION_1;
    double variance = 0;
    for (uint32_t i = 0; i < how->fold.parameter; i += 2)
        variance += mr_exact_variance(&sums[i], &sums[i + 1], count, sample);
    return root ? sqrt(variance) : variance;
}

static void end_exact(const mr_accumulating *how, const mr_exact *sums, uint64_t count,
                      double *value)
{
    if (how->reduction == MR_NORM)
        value[0] = sqrt(mr_exact_round(sums));
    else if (is_variance(how->reduction))
        value[0] = variance_of(how, sums, count);
    else
        for (uint32_t i = 0; i < how->fold.parameter; i++)
            value[i] = how->reduction == MR_MEAN ? mr_exact_mean(&sums[i], count)
                                                 : mr_exact_round(&sums[i]);
}

void mr_accumulated(const mr_accumulating *how, const void *accumulator, uint64_t count,
                    void *value)
{
    if (is_extreme(how->reduction))
        end_extreme(how, accumulator, value);
    else if (is_fast(how->reduction))
        end_fast(how, accumulator, count, value);
    else if (how->fold.merge == merge_whole)
        memcpy(value, accumulator, sizeof(int64_t));
    else
        end_exact(how, accumulator, count, value);
}

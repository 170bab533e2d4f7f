/*
 * apps/tsp_bound.h: what tsp knows of a set of cities: distances, a good round trip to begin with,
 * and a bound below what a trip costs that begins in a certain way. All in whole numbers: a bound
 * that is rounded could cut off the best.
 */
#ifndef APPS_TSP_BOUND_H
#define APPS_TSP_BOUND_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Cities are bits of a word. */
#define TSP_MOST 64
/* Shifts of distances are in units of 1 / TSP_UNIT. */
#define TSP_UNIT 256
/* The longest distance. */
#define TSP_FARTHEST 1e9
/* Attempts at better shifts. */
#define TSP_ROUNDS 400

typedef struct tsp_problem {
    unsigned count;
    int64_t distance[TSP_MOST][TSP_MOST];
    int64_t shift[TSP_MOST];
    int64_t shifted[TSP_MOST][TSP_MOST]; /* TSP_UNIT * distance + both shifts */
} tsp_problem;

/* It ends where it begins; of one that is not complete: so far. */
typedef struct tsp_trip {
    int64_t length;
    uint8_t city[TSP_MOST];
} tsp_trip;

static inline int64_t tsp_distance(const tsp_problem *p, unsigned a, unsigned b)
{
    return p->distance[a][b];
}

static inline uint64_t tsp_all(const tsp_problem *p)
{
    return UINT64_MAX >> (64 - p->count);
}

static inline bool tsp_is_better(const tsp_problem *p, const tsp_trip *a, const tsp_trip *b)
{
    if (a->length != b->length)
        return a->length < b->length;
    return memcmp(a->city, b->city, p->count) < 0;
}

/* ---- Distances ---- */

/* Rounded to the nearest whole number, as TSPLIB's EUC_2D. */
static inline void tsp_measure(tsp_problem *p, const double *points)
{
    for (unsigned a = 0; a < p->count; a++)
        for (unsigned b = 0; b < p->count; b++) {
            const double x = points[2 * a] - points[2 * b];
            const double y = points[2 * a + 1] - points[2 * b + 1];
            p->distance[a][b] = (int64_t)(sqrt(x * x + y * y) + 0.5);
        }
}

/* Both return what is wrong, or NULL. */
static inline const char *tsp_take_points(tsp_problem *p, const double *points)
{
    for (unsigned i = 0; i < 2 * p->count; i++)
        if (!(fabs(points[i]) <= TSP_FARTHEST / 4))
            return "a coordinate is missing, or beyond 2.5e8";
    tsp_measure(p, points);
    return NULL;
}

static inline const char *tsp_take_matrix(tsp_problem *p, const double *values)
{
    const unsigned n = p->count;
    for (unsigned a = 0; a < n; a++)
        for (unsigned b = 0; b < n; b++) {
            const double d = values[a * n + b];
            if (!(d >= 0 && d <= TSP_FARTHEST) || d != floor(d))
                return "distances have to be whole numbers from 0 to 1e9";
            if (d != values[b * n + a])
                return "the way back has to be as long as the way there";
            p->distance[a][b] = (int64_t)d;
        }
    return NULL;
}

/* ---- A good trip ---- */

static inline int64_t tsp_length(const tsp_problem *p, const uint8_t *city)
{
    int64_t length = 0;
    for (unsigned i = 0; i < p->count; i++)
        length += tsp_distance(p, city[i], city[(i + 1) % p->count]);
    return length;
}

/* Always on to the nearest city that is left. */
static inline void tsp_go_nearest(const tsp_problem *p, unsigned from, uint8_t *city)
{
    uint64_t left = tsp_all(p);
    for (unsigned i = 0; i < p->count; i++) {
        city[i] = (uint8_t)from;
        left &= ~(UINT64_C(1) << from);
        int64_t nearest = INT64_MAX;
        unsigned next = from;
        for (uint64_t rest = left; rest; rest &= rest - 1) {
            const unsigned c = (unsigned)__builtin_ctzll(rest);
            if (tsp_distance(p, from, c) < nearest)
                nearest = tsp_distance(p, from, c), next = c;
        }
        from = next;
    }
}

static inline void tsp_reverse(uint8_t *city, unsigned begin, unsigned end)
{
    for (; begin + 1 < end; begin++, end--) {
        const uint8_t other = city[begin];
        city[begin] = city[end - 1];
        city[end - 1] = other;
    }
}

/* Turns a part around where that makes it shorter; whether there was one. */
static inline bool tsp_turn_part(const tsp_problem *p, uint8_t *city)
{
    const unsigned n = p->count;
    bool is_better = false;
    for (unsigned i = 0; i + 1 < n; i++)
        for (unsigned j = i + 2; j <= n; j++) {
            const unsigned before = city[(i + n - 1) % n], behind = city[j % n];
            if (j - i < n - 1 &&
                tsp_distance(p, before, city[j - 1]) + tsp_distance(p, city[i], behind) <
                    tsp_distance(p, before, city[i]) + tsp_distance(p, city[j - 1], behind)) {
                tsp_reverse(city, i, j);
                is_better = true;
            }
        }
    return is_better;
}

/* Moves one to three cities elsewhere where that makes it shorter. Rotating makes a move of what is
 * one of turning three parts around. */
static inline bool tsp_move_part(const tsp_problem *p, uint8_t *city)
{
    const unsigned n = p->count;
    uint8_t tried[TSP_MOST];
    int64_t length = tsp_length(p, city);
    bool is_better = false;
    for (unsigned size = 1; size <= 3 && size + 2 <= n; size++)
        for (unsigned turn = 0; turn < n; turn++) {
            const uint8_t first = city[0];
            memmove(city, city + 1, n - 1);
            city[n - 1] = first;
            for (unsigned to = size + 1; to < n; to++) {
                memcpy(tried, city, n);
                memmove(tried, city + size, to - size);
                memcpy(tried + to - size, city, size);
                const int64_t new_length = tsp_length(p, tried);
                if (new_length < length) {
                    memcpy(city, tried, n);
                    length = new_length;
                    is_better = true;
                }
            }
        }
    return is_better;
}

/* The same trip, from city 0 in the direction that has the smaller number first. */
static inline tsp_trip tsp_normal(const tsp_problem *p, const uint8_t *city)
{
    const unsigned n = p->count;
    tsp_trip trip = {.length = tsp_length(p, city)};
    unsigned zero = 0;
    while (city[zero] != 0)
        zero++;
    const bool is_back = city[(zero + n - 1) % n] < city[(zero + 1) % n];
    for (unsigned i = 0; i < n; i++)
        trip.city[i] = city[(zero + (is_back ? n - i : i)) % n];
    return trip;
}

static inline tsp_trip tsp_guess(const tsp_problem *p)
{
    tsp_trip best = {.length = INT64_MAX};
    for (unsigned from = 0; from < p->count; from++) {
        uint8_t city[TSP_MOST];
        tsp_go_nearest(p, from, city);
        while (tsp_turn_part(p, city) || tsp_move_part(p, city)) {
        }
        const tsp_trip trip = tsp_normal(p, city);
        if (tsp_is_better(p, &trip, &best))
            best = trip;
    }
    return best;
}

/* ---- The bound ---- */

/* The least tree over a set of cities, in shifted distances. `degree`: of each city, or NULL. */
static inline int64_t tsp_tree(const tsp_problem *p, uint64_t cities, int64_t *degree)
{
    int64_t nearest[TSP_MOST], sum = 0;
    uint8_t parent[TSP_MOST];
    unsigned last = (unsigned)__builtin_ctzll(cities);
    cities &= cities - 1;
    for (uint64_t rest = cities; rest; rest &= rest - 1)
        nearest[__builtin_ctzll(rest)] = INT64_MAX;
    while (cities) {
        unsigned next = 0;
        int64_t least = INT64_MAX;
        for (uint64_t rest = cities; rest; rest &= rest - 1) {
            const unsigned c = (unsigned)__builtin_ctzll(rest);
            if (p->shifted[last][c] < nearest[c])
                nearest[c] = p->shifted[last][c], parent[c] = (uint8_t)last;
            if (nearest[c] < least)
                least = nearest[c], next = c;
        }
        sum += least;
        if (degree)
            degree[next]++, degree[parent[next]]++;
        cities &= ~(UINT64_C(1) << next);
        last = next;
    }
    return sum;
}

static inline int64_t tsp_cheapest(const tsp_problem *p, unsigned from, uint64_t to)
{
    int64_t least = INT64_MAX;
    for (; to; to &= to - 1) {
        const int64_t d = p->shifted[from][__builtin_ctzll(to)];
        least = d < least ? d : least;
    }
    return least;
}

/* Rounded up: lengths are whole numbers. */
static inline int64_t tsp_unshift(int64_t sum)
{
    return sum > 0 ? (sum + TSP_UNIT - 1) / TSP_UNIT : -(-sum / TSP_UNIT);
}

/* No trip that begins with `size` cities of `trip` and has `left` still to come is shorter. */
static inline int64_t tsp_bound(const tsp_problem *p, const tsp_trip *trip, unsigned size,
                                uint64_t left)
{
    const unsigned last = trip->city[size - 1];
    if (left == 0)
        return trip->length + tsp_distance(p, last, 0);
    int64_t sum = tsp_tree(p, left, NULL) + tsp_cheapest(p, last, left) + tsp_cheapest(p, 0, left) -
                  p->shift[last] - p->shift[0];
    for (uint64_t rest = left; rest; rest &= rest - 1)
        sum -= 2 * p->shift[__builtin_ctzll(rest)];
    return trip->length + tsp_unshift(sum);
}

static inline void tsp_apply_shift(tsp_problem *p)
{
    for (unsigned a = 0; a < p->count; a++)
        for (unsigned b = 0; b < p->count; b++)
            p->shifted[a][b] = TSP_UNIT * p->distance[a][b] + p->shift[a] + p->shift[b];
}

/* A tree over all cities but 0, which has two ways into it: no trip is shorter. */
static inline int64_t tsp_one_tree(const tsp_problem *p, int64_t *degree)
{
    const uint64_t others = tsp_all(p) & ~UINT64_C(1);
    int64_t sum = tsp_tree(p, others, degree);
    uint64_t left = others;
    for (int i = 0; i < 2; i++) {
        const int64_t way = tsp_cheapest(p, 0, left);
        uint64_t rest = left;
        while (p->shifted[0][__builtin_ctzll(rest)] != way)
            rest &= rest - 1;
        degree[__builtin_ctzll(rest)]++;
        left &= ~(rest & (~rest + 1));
        sum += way;
    }
    for (unsigned i = 0; i < p->count; i++)
        sum -= 2 * p->shift[i];
    return sum;
}

/* Cities that the tree goes to too often become farther away, those that it ends at nearer, by
 * steps that become smaller; what has the largest bound is kept. */
static inline void tsp_shift(tsp_problem *p, int64_t length)
{
    int64_t kept[TSP_MOST] = {0}, best = INT64_MIN;
    int64_t step = TSP_UNIT * length / p->count / 2;
    memset(p->shift, 0, sizeof p->shift);
    for (int round = 0; p->count > 3 && round < TSP_ROUNDS; round++) {
        int64_t degree[TSP_MOST] = {[0] = 2};
        tsp_apply_shift(p);
        const int64_t bound = tsp_one_tree(p, degree);
        if (bound > best) {
            best = bound;
            memcpy(kept, p->shift, sizeof kept);
        }
        for (unsigned i = 0; i < p->count; i++)
            p->shift[i] += step * (degree[i] - 2);
        step -= step / 50;
    }
    memcpy(p->shift, kept, sizeof kept);
    tsp_apply_shift(p);
}

#endif

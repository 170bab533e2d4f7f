/*
 * sets/machine.h: a stack of sets and the words of a program: what operators.c is made of.
 */
#ifndef MR_TESTS_SETS_MACHINE_H
#define MR_TESTS_SETS_MACHINE_H

#include "kernels.h"

#define DEPTH 40

/* One word and what stands behind it: NAME=VALUE. */
typedef struct step {
    const char *verb, *names[16], *values[16];
    int count;
} step;

typedef struct machine {
    mr_job *job;
    const char *folder, *name;
    mr_set *stack[DEPTH];
    int depth;
    uint64_t spilled;
    work order; /* of the last sort: sets keep it */
} machine;

static const mr_fold top_3 = MR_FOLD_TOP_I64(3);

static inline const char *word(const step *s, const char *name, const char *fallback)
{
    for (int i = 0; i < s->count; i++)
        if (is(s->names[i], name))
            return s->values[i];
    return fallback;
}

static inline uint64_t number(const step *s, const char *name, const char *fallback)
{
    return strtoull(word(s, name, fallback), NULL, 10);
}

static inline const mr_fold *fold_of(const char *name)
{
    static const struct {
        const char *name;
        const mr_fold *fold;
    } folds[] = {
        {"count", MR_COUNT},       {"sum", MR_SUM_I64},     {"min", MR_MIN_I64},
        {"max", MR_MAX_I64},       {"mean", MR_MEAN_I64},   {"stats", MR_STATS_I64},
        {"sum_f64", MR_SUM_F64},   {"min_f64", MR_MIN_F64}, {"max_f64", MR_MAX_F64},
        {"mean_f64", MR_MEAN_F64}, {"first", MR_FIRST},     {"top", &top_3},
    };
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (is(folds[i].name, name))
            return folds[i].fold;
    return NULL;
}

static inline mr_set *at(const machine *m, int below)
{
    return m->depth > below ? m->stack[m->depth - 1 - below] : NULL;
}

/* Takes sets off the stack, and frees those that are not there a second time. */
static inline void drop(machine *m, int count)
{
    for (; count > 0; count--) {
        mr_set *set = m->stack[--m->depth];
        bool again = false;
        for (int i = 0; i < m->depth; i++)
            again |= m->stack[i] == set;
        if (!again)
            mr_set_destroy(&set);
    }
}

/* Counts of one rank have to add up to those of all, and balance has to be possible. */
static inline mr_status check(machine *m, const mr_set *set)
{
    int64_t here[3] = {(int64_t)mr_set_count_here(set), (int64_t)mr_set_bytes_here(set),
                       (int64_t)mr_set_spilled_here(set)};
    double balance = mr_set_balance(set);
    bool wrong = here[2] > here[1] || !(balance >= 1 && balance <= mr_job_ranks(m->job) + 1e-6);
    mr_all_sum_i64(m->job, here, 3);
    wrong |= (uint64_t)here[0] != mr_set_count(set) || (uint64_t)here[1] != mr_set_bytes(set);
    m->spilled += (uint64_t)here[2];
    return wrong ? mr_job_fail(m->job, MR_FAILED, "%s: a set does not know its size", m->name)
                 : MR_OK;
}

/* The new set in the place of `count` old ones; it must be there when all is well, and only then.
 */
static inline mr_status replace(machine *m, int count, mr_status status, mr_set **made)
{
    mr_set *set = *made;
    if ((status == MR_OK) != (set != NULL))
        return mr_job_fail(m->job, MR_FAILED, "%s: a set and no status, or no set", m->name);
    MR_TRY(status);
    drop(m, count);
    m->stack[m->depth++] = set;
    return check(m, set);
}

#endif

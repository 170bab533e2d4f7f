/* page/advice_ranks.c: ranks that wait for each other, and work that is dealt unevenly. */
#include "page/advice.h"
#include "page/amount.h"

#include <stdio.h>

/* What a rank may have had more of than the mean, so that others had to wait for it. */
static const struct {
    const char *name, *did, *therefore;
} excesses[] = {
    {"bytes_read", "read",
     "Inputs that cannot be divided (compressed files, pipes) are read by "
     "one rank each"},
    {"busy", "was in kernels",
     "A smaller --block leaves more for others to take from it; the "
     "slowest blocks show one that cannot be divided"},
    {"reduce", "reduced",
     "Its keys have more values than others, or longer ones: see the hot keys"},
    {"spilled", "spilled", "More --memory keeps it from that"},
    {"bytes_received", "got from others", "Few keys, or hot ones, are its own"},
    {"bytes_written", "wrote", "Its keys make more of the result than others"},
};
enum { EXCESSES = sizeof excesses / sizeof *excesses };

static void say_why(const mr_facts *facts, mr_advice *advice, long rank)
{
    for (int i = 0; i < EXCESSES; i++) {
        const double mean = mr_facts_mean(facts, excesses[i].name);
        const double times = mean > 0 ? mr_facts_of_rank(facts, rank, excesses[i].name) / mean : 0;
        if (times >= MR_ADVICE_BEHIND) {
            mr_advice_say(advice, "Rank %ld %s %s times as much as the mean of all. %s.", rank,
                          excesses[i].did, mr_amount_times(times).text, excesses[i].therefore);
            return;
        }
    }
    mr_advice_say(advice,
                  "Rank %ld had no more to do than others. The timeline shows what it did "
                  "meanwhile; perhaps something else runs on its host.",
                  rank);
}

/* Its main thread waited, and its others had to do all the while: pools and pipelines are so. */
static bool is_at_work(const mr_facts *facts, long rank)
{
    const json_t *object = rank < 0 ? NULL : json_array_get(facts->ranks, (size_t)rank);
    const json_t *spent = mr_view_object(object, "spent");
    double seconds = 0;
    for (int kind = 0; kind < MR_KINDS; kind++)
        if (kind != MR_KIND_WAIT)
            seconds += mr_view_number(spent, mr_kind_name(kind));
    const double all = facts->seconds * mr_view_number(object, "threads");
    return all > 0 && seconds >= MR_ADVICE_AT_WORK * all;
}

/* How many ranks waited so long; *worst has the element of the one that waited longest. */
static size_t find_waits(const mr_facts *facts, const json_t **worst)
{
    const json_t *waits = mr_view_list(facts->report, "waits");
    size_t count = 0;
    *worst = NULL;
    for (size_t i = 0; i < json_array_size(waits) && facts->seconds > 0; i++) {
        const json_t *wait = json_array_get(waits, i);
        const double seconds = mr_view_number(wait, "seconds");
        if (is_at_work(facts, mr_view_index(wait, "rank", facts->rank_count)))
            continue;
        count += seconds >= MR_ADVICE_WAIT * facts->seconds;
        if (seconds > mr_view_number(*worst, "seconds"))
            *worst = wait;
    }
    return count;
}

static void say_wait(const mr_facts *facts, mr_advices *advices, const json_t *wait, size_t count)
{
    const long rank = mr_view_index(wait, "rank", facts->rank_count);
    const long on = mr_view_index(wait, "on", facts->rank_count);
    const double share = mr_view_number(wait, "seconds") / facts->seconds;
    char others[96] = "";
    if (count > 1)
        snprintf(others, sizeof others, "; %zu ranks waited for %s or more", count,
                 mr_amount_share(MR_ADVICE_WAIT).text);
    if (on >= 0 && on != rank) {
        say_why(facts,
                mr_advice_add(advices, "wait", "balance", share,
                              "Rank %ld waited %s of the time on rank %ld%s", rank,
                              mr_amount_share(share).text, on, others),
                on);
        return;
    }
    mr_advice *advice =
        mr_advice_add(advices, "wait", "balance", share, "Rank %ld waited %s of the time%s", rank,
                      mr_amount_share(share).text, others);
    mr_advice_say(advice, "It had nothing to do while others worked: a smaller --block divides the "
                          "work further; with less work than that, fewer ranks would do.");
}

static bool has_waits(const mr_facts *facts, mr_advices *advices)
{
    const json_t *worst;
    const size_t count = find_waits(facts, &worst);
    if (count > 0)
        say_wait(facts, advices, worst, count);
    return count > 0;
}

/* Without waits being known, or where threads within the ranks make up for them. */
static bool is_uneven(const mr_facts *facts, mr_advices *advices, const char *name,
                      const char *what)
{
    double times;
    const long rank = mr_facts_most(facts, name, &times);
    const double lost = mr_facts_of_rank(facts, rank, name) * (1 - 1 / times);
    if (facts->rank_count < 2 || times < MR_ADVICE_UNEVEN)
        return false;
    mr_advice *advice = mr_advice_add(
        advices, "uneven", "balance",
        facts->seconds > 0 && facts->workers > 0
            ? lost * (double)facts->rank_count / (facts->workers * facts->seconds)
            : 0,
        "%s is uneven: rank %ld had %s times the mean", what, rank, mr_amount_times(times).text);
    say_why(facts, advice, rank);
    return true;
}

void mr_advise_ranks(const mr_facts *facts, mr_advices *advices)
{
    if (facts->rank_count < 2)
        return;
    if (!has_waits(facts, advices) && !is_uneven(facts, advices, "busy", "The work in kernels"))
        is_uneven(facts, advices, "reduce", "Reducing");
}

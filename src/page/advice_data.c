/* page/advice_data.c: where the pairs go: hot keys, the exchange, memory, scratch disks, the
 * output, and records that were left out. */
#include "page/advice.h"
#include "page/amount.h"

#include <math.h>
#include <stdio.h>

static void say_hot_key(const mr_facts *facts, mr_advices *advices)
{
    const json_t *keys = mr_view_list(facts->report, "hot_keys"), *hottest = NULL;
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (mr_view_number(json_array_get(keys, i), "share") > mr_view_number(hottest, "share"))
            hottest = json_array_get(keys, i);
    const double share = mr_view_number(hottest, "share");
    const char *key = mr_view_text(hottest, "key"), *set = mr_view_text(hottest, "set");
    if (share < MR_ADVICE_HOT || facts->rank_count < 2)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "hot-key", "keys", share, "One key has %s of the pairs: %.64s",
                      mr_amount_share(share).text, key ? key : "(no name)");
    mr_advice_say(advice,
                  "All values of a key are reduced by one rank, here by rank %.0f, in %.64s. Fold "
                  "while mapping if the values can be combined, or spread the key over several (a "
                  "number behind it) and join their results in a second step.",
                  mr_view_number(hottest, "rank"), set ? set : "the set");
}

/* Of all threads by the timeline; of the slowest rank by the phases. */
static double share_of(const mr_facts *facts, int kind, const char *phase)
{
    return facts->threads_seconds > 0 ? mr_facts_kind(facts, kind) : mr_facts_phase(facts, phase);
}

static void say_exchange(const mr_facts *facts, mr_advices *advices)
{
    const double share = share_of(facts, MR_KIND_EXCHANGE, "combine");
    if (share < MR_ADVICE_EXCHANGE || facts->rank_count < 2)
        return;
    mr_advice *advice = mr_advice_add(advices, "exchange", "exchange", share,
                                      "%s of the time is exchange", mr_amount_share(share).text);
    mr_advice_say(advice,
                  "%s went between ranks. Folding while mapping sends each key once; filtering and "
                  "cutting values early sends less; fewer ranks with more threads each exchange "
                  "less of it.",
                  mr_amount_bytes(mr_facts_sum(facts, "bytes_sent")).text);
}

/* What a rank would have needed to keep all: stores spill at five eighths of the budget. */
static double needed(const mr_facts *facts, long rank)
{
    const double kept =
        mr_facts_of_rank(facts, rank, "memory_peak") + mr_facts_of_rank(facts, rank, "spilled");
    return kept / 5 * 8;
}

static void say_spilled(const mr_facts *facts, mr_advices *advices, double spilled)
{
    const long worst = mr_facts_most(facts, "spilled", NULL);
    const double share = mr_facts_kind(facts, MR_KIND_SPILL);
    mr_advice *advice = mr_advice_add(advices, "spilled", "memory", fmax(share, 0.15),
                                      "%s went to scratch disks", mr_amount_bytes(spilled).text);
    mr_advice_say(advice,
                  "A rank has %s. Give more: with --memory %s all would stay in memory; or spread "
                  "the job over more nodes. If that cannot be, --scratch on a fast disk of the "
                  "node helps.",
                  mr_amount_bytes(mr_facts_of_rank(facts, worst, "memory_budget")).text,
                  mr_amount_size(needed(facts, worst)).text);
}

static void say_memory(const mr_facts *facts, mr_advices *advices)
{
    const double spilled = mr_facts_sum(facts, "spilled");
    if (spilled >= MR_ADVICE_SPILLED) {
        say_spilled(facts, advices, spilled);
        return;
    }
    const long rank = mr_facts_most(facts, "memory_peak", NULL);
    const double peak = mr_facts_of_rank(facts, rank, "memory_peak");
    const double budget = mr_facts_of_rank(facts, rank, "memory_budget");
    if (!(budget > 0) || peak < MR_ADVICE_FULL * budget)
        return;
    mr_advice *advice = mr_advice_add(advices, "full", "memory", 0.1,
                                      "Memory was nearly full: rank %ld took %s of "
                                      "its budget",
                                      rank, mr_amount_share(peak / budget).text);
    mr_advice_say(advice,
                  "%s of %s. A little more data goes to the scratch disk, or ends with "
                  "exit code 5 where it cannot: more --memory, or more nodes.",
                  mr_amount_bytes(peak).text, mr_amount_bytes(budget).text);
}

static void say_output(const mr_facts *facts, mr_advices *advices)
{
    const double share = share_of(facts, MR_KIND_WRITE, "write");
    const double all = mr_facts_sum(facts, "bytes_written");
    const long rank = mr_facts_most(facts, "bytes_written", NULL);
    const double most = all > 0 ? mr_facts_of_rank(facts, rank, "bytes_written") / all : 0;
    if (share < MR_ADVICE_WRITE)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "write", "time", share, "%s of the time is writing the output",
                      mr_amount_share(share).text);
    if (facts->rank_count > 1 && most >= MR_ADVICE_ONE_WRITER)
        mr_advice_say(advice,
                      "Rank %ld wrote %s of its %s alone. A folder as output (-o DIR/) is written "
                      "by all ranks at the same time.",
                      rank, mr_amount_share(most).text, mr_amount_bytes(all).text);
    else
        mr_advice_say(advice,
                      "%s were written and made safe on the disk. A parallel file system, "
                      "--format binary, or fewer rows (--top) help; where the output is small, "
                      "that is what syncing it takes.",
                      mr_amount_bytes(all).text);
}

static void say_bad(const mr_facts *facts, mr_advices *advices)
{
    const json_t *list = mr_view_list(facts->report, "bad"), *first = json_array_get(list, 0);
    const double count =
        fmax(mr_view_number(facts->report, "bad_count"), (double)json_array_size(list));
    if (count < 1)
        return;
    mr_advice *advice = mr_advice_add(advices, "bad", "bad", 0.5, "%s bad record%s left out",
                                      mr_amount_count(count).text, count == 1 ? " was" : "s were");
    if (first)
        mr_advice_say(advice, "The first one is in %.256s at byte %s: %.256s.",
                      mr_view_text(first, "file") ? mr_view_text(first, "file") : "the input",
                      mr_amount_count(mr_view_number(first, "offset")).text,
                      mr_view_text(first, "reason") ? mr_view_text(first, "reason")
                                                    : "no reason given");
}

static void say_checkpoint(const mr_facts *facts, mr_advices *advices)
{
    const double share = mr_facts_kind(facts, MR_KIND_CHECKPOINT);
    if (share < MR_ADVICE_CHECKPOINT)
        return;
    mr_advice *advice = mr_advice_add(advices, "checkpoint", "time", share,
                                      "%s of the threads' time is writing checkpoints",
                                      mr_amount_share(share).text);
    mr_advice_say(advice, "A longer --checkpoint-every, or a faster disk for --checkpoint.");
}

void mr_advise_data(const mr_facts *facts, mr_advices *advices)
{
    say_bad(facts, advices);
    say_hot_key(facts, advices);
    say_exchange(facts, advices);
    say_memory(facts, advices);
    say_output(facts, advices);
    say_checkpoint(facts, advices);
}

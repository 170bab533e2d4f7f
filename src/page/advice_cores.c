/* page/advice_cores.c: what the cores did for the job: too many threads, too many cores, a job too
 * short to tell. */
#include "page/advice.h"
#include "page/amount.h"

#include <math.h>
#include <string.h>

enum { MOST_RANKS = 2048 }; /* of which all hosts are compared */

static void say_short(const mr_facts *facts, mr_advices *advices)
{
    if (!(facts->seconds > 0) || facts->seconds >= MR_ADVICE_SHORT)
        return;
    mr_advice *advice = mr_advice_add(advices, "short", "time", 2, "The job took only %s",
                                      mr_amount_seconds(facts->seconds).text);
    mr_advice_say(
        advice, "Starting and ending are a large part of that: what stands below may be noise.%s",
        facts->rank_count > 1 ? " A single rank (mapred without mpirun) starts fastest." : "");
}

/* Threads that all ranks of this rank's host have. */
static double threads_on_host(const mr_facts *facts, const json_t *rank)
{
    const char *host = mr_view_text(rank, "host");
    double threads = 0;
    for (size_t i = 0; host && i < facts->rank_count; i++) {
        const json_t *other = json_array_get(facts->ranks, i);
        const char *name = mr_view_text(other, "host");
        if (name && strcmp(name, host) == 0)
            threads += mr_view_number(other, "threads");
    }
    return threads;
}

/* Of all hosts the first that has more threads than CPUs. */
static void say_crowded(const mr_facts *facts, mr_advices *advices)
{
    for (size_t i = 0; i < facts->rank_count && i < MOST_RANKS; i++) {
        const json_t *rank = json_array_get(facts->ranks, i);
        const double cpus = mr_view_number(rank, "node_cpus");
        const double threads = cpus > 0 ? threads_on_host(facts, rank) : 0;
        if (threads <= cpus)
            continue;
        mr_advice *advice =
            mr_advice_add(advices, "crowded", "ranks", 1 - cpus / threads,
                          "Host %.64s had %.0f threads on %.0f CPU%s", mr_view_text(rank, "host"),
                          threads, cpus, cpus == 1 ? "" : "s");
        mr_advice_say(advice, "They take turns, and ranks wait for others that are not running. "
                              "Start fewer ranks, or give them fewer threads (--threads): one "
                              "rank a node, or one for each of its sockets, does well.");
        return;
    }
}

/* Threads that take turns are no more cores than their hosts have. */
static double cores_of(const mr_facts *facts, double threads)
{
    double cpus = 0;
    for (size_t i = 0; i < facts->rank_count && i < MOST_RANKS; i++) {
        const json_t *rank = json_array_get(facts->ranks, i);
        const double here = mr_view_number(rank, "node_cpus");
        const double all = here > 0 ? threads_on_host(facts, rank) : 0;
        if (!(all > 0))
            return threads;
        cpus += fmin(here, all) * mr_view_number(rank, "threads") / all;
    }
    return facts->rank_count > 0 && facts->rank_count <= MOST_RANKS
               ? fmin(threads, floor(cpus + 0.5))
               : threads;
}

/* How many cores would be as fast, were each made good use of. */
static double enough(double speedup)
{
    return fmax(1, ceil(speedup / MR_ADVICE_USED - 1e-9));
}

static void say_cost(const mr_facts *facts, mr_advices *advices)
{
    const json_t *cost = mr_view_object(facts->report, "cost");
    const double serial = mr_view_number(cost, "serial_seconds");
    const double cores = cores_of(facts, mr_view_number(cost, "cores"));
    const double speedup = facts->seconds > 0 ? serial / facts->seconds : 0;
    if (!(speedup > 0) || cores < 2 || speedup >= MR_ADVICE_WORTH * cores)
        return;
    mr_advice *advice;
    if (speedup <= 1)
        advice = mr_advice_add(advices, "cost", "time", 1 - speedup / cores,
                               "One thread would have been as fast as these %.0f cores", cores);
    else
        advice = mr_advice_add(advices, "cost", "time", 1 - speedup / cores,
                               "%.0f core%s would do: the job was %s times as fast as one thread",
                               enough(speedup), enough(speedup) == 1 ? "" : "s",
                               mr_amount_times(speedup).text);
    mr_advice_say(advice,
                  "One thread is reckoned to take %s for the same; %.0f cores took %s. "
                  "More data, or fewer cores, make better use of them.",
                  mr_amount_seconds(serial).text, cores, mr_amount_seconds(facts->seconds).text);
}

/* Only where reading stands for itself in the timeline. */
static void say_read(const mr_facts *facts, mr_advices *advices)
{
    const double share = mr_facts_kind(facts, MR_KIND_READ);
    if (share < MR_ADVICE_READ)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "read", "time", share, "%s of the threads' time is reading",
                      mr_amount_share(share).text);
    mr_advice_say(advice,
                  "The kernels wait for the input: more nodes read faster than more threads; keep "
                  "the input on a parallel file system or a disk of the node, and compress it "
                  "with zstd rather than gzip.");
}

void mr_advise_cores(const mr_facts *facts, mr_advices *advices)
{
    say_short(facts, advices);
    say_crowded(facts, advices);
    say_cost(facts, advices);
    say_read(facts, advices);
}

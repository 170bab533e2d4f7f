/* page/advice_tasks.c: fork-join, pools, graphs of tasks, pipelines, and what ranks share. */
#include "page/advice.h"
#include "page/amount.h"

#include <string.h>

static const char *name_of(const json_t *object)
{
    const char *name = mr_view_text(object, "name");
    return name ? name : "(no name)";
}

static double share_of_job(const mr_facts *facts, double seconds)
{
    return facts->seconds > 0 && seconds > 0 ? seconds / facts->seconds : 0;
}

static void look_at_fork(const mr_facts *facts, mr_advices *advices, const json_t *fork)
{
    const double times = mr_view_number(fork, "busy_max_over_mean");
    if (times < MR_ADVICE_UNEVEN)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "fork", "tasks",
                      share_of_job(facts, mr_view_number(fork, "seconds")) * (1 - 1 / times),
                      "Fork-join %.64s is uneven: the busiest rank had %s times the mean",
                      name_of(fork), mr_amount_times(times).text);
    mr_advice_say(advice,
                  "%s tasks were solved for %s workers. Dividing further leaves more for idle "
                  "ranks to take.",
                  mr_amount_count(mr_view_number(fork, "solved")).text,
                  mr_amount_count(mr_view_number(fork, "workers")).text);
}

/* A kind of task of a pool. */
static void look_at_kind(mr_advices *advices, const json_t *kind)
{
    const double tasks = mr_view_number(kind, "tasks");
    const double mean = tasks > 0 ? mr_view_number(kind, "seconds") / tasks : 0;
    const double failed = mr_view_number(kind, "failed");
    if (failed > 0)
        mr_advice_say(
            mr_advice_add(advices, "failed-tasks", "tasks", 0.5, "%s of %s tasks %.64s failed",
                          mr_amount_count(failed).text, mr_amount_count(tasks).text, name_of(kind)),
            "%s were tried again.", mr_amount_count(mr_view_number(kind, "retries")).text);
    if (tasks < MR_ADVICE_MANY || mean > MR_ADVICE_TINY_TASK)
        return;
    mr_advice *advice = mr_advice_add(advices, "tiny-tasks", "tasks", 0.2,
                                      "Tasks %.64s are small: %s each, and %s from call to result",
                                      name_of(kind), mr_amount_seconds(mean).text,
                                      mr_amount_seconds(mr_view_number(kind, "mean_latency")).text);
    mr_advice_say(advice,
                  "%s of them: give each more to do, or hand them over as a map "
                  "(mr_pool_map), which packs many into a message.",
                  mr_amount_count(tasks).text);
}

static void look_at_pool(const mr_facts *facts, mr_advices *advices, const json_t *pool)
{
    (void)facts;
    const json_t *kinds = mr_view_list(pool, "kinds");
    for (size_t i = 0; i < json_array_size(kinds); i++)
        look_at_kind(advices, json_array_get(kinds, i));
}

static void look_at_graph(const mr_facts *facts, mr_advices *advices, const json_t *graph)
{
    const json_t *chain = mr_view_object(graph, "chain");
    const double share = mr_view_number(chain, "share");
    if (share < MR_ADVICE_CHAIN)
        return;
    mr_advice *advice = mr_advice_add(advices, "chain", "graphs",
                                      share_of_job(facts, mr_view_number(graph, "seconds")) * share,
                                      "The longest chain of graph %.64s takes %s of its time",
                                      name_of(graph), mr_amount_share(share).text);
    mr_advice_say(advice,
                  "%s tasks that wait for each other take %s, however many workers there are (%s "
                  "here): divide the long ones among them.",
                  mr_amount_count(mr_view_number(chain, "tasks")).text,
                  mr_amount_seconds(mr_view_number(chain, "seconds")).text,
                  mr_amount_count(mr_view_number(graph, "workers")).text);
}

static double use_of_bottleneck(const json_t *pipeline, const char *bottleneck)
{
    const json_t *stages = mr_view_list(pipeline, "stages");
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);
        if (strcmp(name_of(stage), bottleneck) == 0)
            return mr_view_number(stage, "utilisation");
    }
    return 0;
}

static void look_at_pipeline(const mr_facts *facts, mr_advices *advices, const json_t *pipeline)
{
    const char *bottleneck = mr_view_text(pipeline, "bottleneck");
    const char *reason = mr_view_text(pipeline, "reason");
    const double use = bottleneck ? use_of_bottleneck(pipeline, bottleneck) : 0;
    if (use < MR_ADVICE_STAGE)
        return;
    mr_advice *advice = mr_advice_add(
        advices, "stage", "pipelines",
        share_of_job(facts, mr_view_number(pipeline, "seconds")) * use,
        "Pipeline %.64s is held up by its stage %.64s", name_of(pipeline), bottleneck);
    mr_advice_say(advice,
                  "Stage %.64s: %.256s. What it does for an item is what the pipeline takes.",
                  bottleneck, reason ? reason : "It was busy for most of the time");
}

static void look_at_shared(const mr_facts *facts, mr_advices *advices, const json_t *object)
{
    const double share = mr_view_number(object, "contention");
    const double operations = mr_view_number(object, "operations");
    const double waited = operations * mr_view_number(object, "mean_wait");
    const char *kind = mr_view_text(object, "kind");
    if (share < MR_ADVICE_CONTENDED || !(facts->workers > 0) ||
        share_of_job(facts, waited) < MR_ADVICE_LONG_WAIT * facts->workers)
        return;
    mr_advice *advice =
        mr_advice_add(advices, "contended", "shared", share_of_job(facts, waited) / facts->workers,
                      "%s of the operations on %.32s %.64s had to wait",
                      mr_amount_share(share).text, kind ? kind : "the object", name_of(object));
    mr_advice_say(
        advice, "%s together, %s at most. Hold it for a shorter time, or have several of them.",
        mr_amount_seconds(waited).text, mr_amount_seconds(mr_view_number(object, "max_wait")).text);
}

typedef void look(const mr_facts *facts, mr_advices *advices, const json_t *element);

static void look_at_each(const mr_facts *facts, mr_advices *advices, const char *name,
                         look *look_at)
{
    const json_t *list = mr_view_list(facts->report, name);
    for (size_t i = 0; i < json_array_size(list); i++)
        look_at(facts, advices, json_array_get(list, i));
}

void mr_advise_tasks(const mr_facts *facts, mr_advices *advices)
{
    look_at_each(facts, advices, "forks", look_at_fork);
    look_at_each(facts, advices, "pools", look_at_pool);
    look_at_each(facts, advices, "graphs", look_at_graph);
    look_at_each(facts, advices, "pipelines", look_at_pipeline);
    look_at_each(facts, advices, "sync", look_at_shared);
}

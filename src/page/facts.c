/* page/facts.c: what a report comes down to. */
#include "page/facts.h"

#include <math.h>
#include <string.h>

bool mr_facts_span(const json_t *span, mr_span *out)
{
    const double begin = mr_view_real(json_array_get(span, 1));
    const double end = mr_view_real(json_array_get(span, 2));
    const json_t *busy = json_array_get(span, 3);
    if (json_array_size(span) < 3 || begin < 0 || !(end > begin))
        return false;
    *out = (mr_span){mr_kind_find(json_string_value(json_array_get(span, 0))), begin, end,
                     end - begin};
    if (json_is_number(busy))
        out->busy = fmin(fmax(mr_view_real(busy), 0), end - begin);
    return true;
}

static void add_up_timeline(mr_facts *facts)
{
    for (size_t row = 0; row < json_array_size(facts->timeline); row++) {
        const json_t *spans = mr_view_list(json_array_get(facts->timeline, row), "spans");
        mr_span span;
        for (size_t i = 0; i < json_array_size(spans); i++)
            if (mr_facts_span(json_array_get(spans, i), &span))
                facts->kinds[span.kind] += span.busy;
    }
    facts->threads_seconds = facts->seconds * (double)json_array_size(facts->timeline);
}

/* Without a timeline: what ranks say of all their threads together. */
static void add_up_spent(mr_facts *facts)
{
    double sum = 0;
    for (size_t i = 0; i < facts->rank_count; i++) {
        const json_t *spent = mr_view_object(json_array_get(facts->ranks, i), "spent");
        for (int kind = 0; kind < MR_KINDS; kind++) {
            const double seconds = fmax(mr_view_number(spent, mr_kind_name(kind)), 0);
            facts->kinds[kind] += seconds;
            sum += seconds;
        }
    }
    if (sum > 0)
        facts->threads_seconds = fmax(sum, facts->seconds * facts->workers);
}

/* Ranks of a host stand together, or take turns: a host is new when none before has its name. */
static size_t count_hosts(const json_t *ranks)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(ranks) && i < 4096; i++) {
        const char *host = mr_view_text(json_array_get(ranks, i), "host");
        size_t before = 0;
        for (; host && before < i; before++) {
            const char *other = mr_view_text(json_array_get(ranks, before), "host");
            if (other && strcmp(other, host) == 0)
                break;
        }
        count += host && before == i;
    }
    return count;
}

mr_facts mr_facts_of(const json_t *report)
{
    mr_facts facts = {.report = report,
                      .ranks = mr_view_list(report, "ranks"),
                      .timeline = mr_view_list(report, "timeline"),
                      .matrix = mr_view_list(mr_view_object(report, "exchange"), "matrix"),
                      .slowest = mr_view_list(report, "slowest"),
                      .seconds = fmax(mr_view_number(report, "seconds"), 0)};
    facts.rank_count = json_array_size(facts.ranks);
    facts.hosts = count_hosts(facts.ranks);
    facts.workers = mr_view_sum(facts.ranks, "threads");
    if (json_array_size(facts.timeline) > 0)
        add_up_timeline(&facts);
    else
        add_up_spent(&facts);
    return facts;
}

double mr_facts_kind(const mr_facts *facts, int kind)
{
    return facts->threads_seconds > 0 ? facts->kinds[kind] / facts->threads_seconds : 0;
}

double mr_facts_phase(const mr_facts *facts, const char *name)
{
    const json_t *phase = mr_view_object(mr_view_object(facts->report, "phases"), name);
    return facts->seconds > 0 ? mr_view_number(phase, "max") / facts->seconds : 0;
}

double mr_facts_of_rank(const mr_facts *facts, long rank, const char *name)
{
    return rank < 0 ? 0 : mr_view_number(json_array_get(facts->ranks, (size_t)rank), name);
}

double mr_facts_sum(const mr_facts *facts, const char *name)
{
    return mr_view_sum(facts->ranks, name);
}

double mr_facts_mean(const mr_facts *facts, const char *name)
{
    return facts->rank_count ? mr_facts_sum(facts, name) / (double)facts->rank_count : 0;
}

long mr_facts_most(const mr_facts *facts, const char *name, double *over_mean)
{
    long most = facts->rank_count ? 0 : -1;
    for (size_t i = 1; i < facts->rank_count; i++)
        if (mr_facts_of_rank(facts, (long)i, name) > mr_facts_of_rank(facts, most, name))
            most = (long)i;
    const double mean = mr_facts_mean(facts, name);
    if (over_mean)
        *over_mean = mean > 0 ? mr_facts_of_rank(facts, most, name) / mean : 1;
    return most;
}

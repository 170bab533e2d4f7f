/* graph/scan.c: threads read chunks of neighbours, pile by pile, from memory and disk. */
#include "graph/neighbours.h"

#include "observe/signals.h"
#include "sets/set.h"

static mr_bucket_id bucket_of(mr_pair chunk)
{
    mr_bucket_id bucket;
    memcpy(&bucket, chunk.key.data, sizeof bucket);
    return bucket;
}

static bool is_wanted(const mr_scan *s, uint32_t pile)
{
    const mr_neighbours *nb = s->neighbours;
    if (!nb->piles_known)
        return true;
    for (mr_bucket_id b = s->begin; b < s->end; b++)
        if (nb->pile[b - mr_neighbours_own(nb)] == pile)
            return true;
    return false;
}

static void scan_page(const mr_scan *s, uint32_t pile, mr_pairs pairs)
{
    mr_neighbours *nb = s->neighbours;
    for (mr_pair chunk; mr_pairs_next(&pairs, &chunk);) {
        mr_bucket_id bucket = bucket_of(chunk);
        nb->pile[bucket - mr_neighbours_own(nb)] = pile;
        if (bucket >= s->begin && bucket < s->end)
            s->chunk(s->context, mr_chunk_edges(nb->graph, chunk.value));
    }
}

static void scan_pile(const mr_scan *s, uint32_t pile, mr_error *error)
{
    mr_set *set = s->neighbours->set;
    mr_pile_reader reader;
    mr_pairs pairs = {.layout = &set->layout};
    mr_pile_reader_start(&reader, &set->piles, pile, s->consume);
    while (mr_pile_reader_next(&reader, &pairs.at, &pairs.end, error) == MR_OK && pairs.at)
        scan_page(s, pile, pairs);
    mr_pile_reader_end(&reader);
}

mr_status mr_scan_run(const mr_scan *s)
{
    mr_job *job = s->neighbours->graph->job;
    mr_signals_check(job->error);
#pragma omp parallel num_threads((int)job->threads)
    {
        mr_error error = {.code = MR_OK};
#pragma omp for schedule(dynamic)
        for (uint32_t pile = 0; pile < s->neighbours->set->piles.count; pile++)
            if (error.code == MR_OK && is_wanted(s, pile))
                scan_pile(s, pile, &error);
#pragma omp critical
        if (error.code != MR_OK && job->error->code == MR_OK)
            *job->error = error;
    }
    s->neighbours->piles_known = true;
    return mr_job_agree(job);
}

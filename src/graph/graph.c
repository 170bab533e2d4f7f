/* graph/graph.c: a graph from its input to its end. */
#include "graph/graph.h"

#include "graph/array.h"

#include <stdlib.h>

mr_status mr_graph_load(mr_job *job, const mr_graph_options *options, mr_graph **result)
{
    mr_set *raw = NULL;
    mr_graph *graph = *result = calloc(1, sizeof *graph);
    if (!graph)
        mr_error_set(job->error, MR_NO_MEMORY, "out of memory: a graph");
    mr_status status = mr_job_agree(job);
    if (status == MR_OK) {
        graph->job = job;
        graph->weighted = options && options->weighted;
        status = mr_graph_read(graph, options ? options->input : NULL, &raw);
    }
    if (status == MR_OK)
        status = mr_graph_number(graph, raw);
    mr_set_destroy(&raw);
    if (status != MR_OK)
        mr_graph_destroy(result);
    return status;
}

void mr_graph_destroy(mr_graph **result)
{
    mr_graph *graph = *result;
    if (!graph)
        return;
    while (graph->arrays)
        mr_graph_array_free(graph, graph->arrays + 1);
    mr_set_destroy(&graph->edges);
    mr_set_destroy(&graph->names);
    mr_marks_free(&graph->marks);
    free(graph);
    *result = NULL;
}

uint64_t mr_graph_vertices(const mr_graph *graph)
{
    return graph->vertices;
}

uint64_t mr_graph_edges(const mr_graph *graph)
{
    return graph->seen.edges;
}

bool mr_graph_weights_are_f64(const mr_graph *graph)
{
    return graph->seen.f64;
}

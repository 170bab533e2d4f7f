/*
 * mpi/test_graph.c: what drivers get from mapred/graph.h, on real ranks, against arrays of the same
 * edges that every rank has: degrees, loops over edges, neighbours as lists, in one part and in
 * several, sums over them, and vertices by id.
 */
#include "../unit/random.h"
#include "ranks.h"
#include "sets/run.h"

#include <mapred/graph.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERTICES 700u
#define EDGES    6000
#define SPACING  3u /* ids are numbers times this, less OFFSET: so vertices are in their order */
#define OFFSET   500

static char folder[64], input[96], output[96];

/* Edges by numbers of vertices, the same on all ranks. */
static mr_edge edges[EDGES];
static int64_t weights[EDGES];

/* A few vertices have many edges. The last ones make sure that each vertex has one. */
static void make_edges(void)
{
    uint64_t state = 11;
    for (unsigned i = 0; i < EDGES; i++) {
        uint64_t from = random_below(&state, VERTICES);
        edges[i].from = (mr_vertex)(from * from / VERTICES);
        edges[i].to = (mr_vertex)random_below(&state, random_below(&state, 4) ? VERTICES : 5);
        weights[i] = (int64_t)random_below(&state, 50);
        if (i < VERTICES)
            edges[i].from = i;
    }
}

static void write_input(void)
{
    FILE *file = fopen(input, "w");
    if (!file)
        mr_comm_abort(comm, 1, "a test failed");
    for (unsigned i = 0; i < EDGES; i++)
        fprintf(file, "%d %d %d\n", (int)(edges[i].from * SPACING) - OFFSET,
                (int)(edges[i].to * SPACING) - OFFSET, (int)weights[i]);
    fclose(file);
}

/* What a test's driver does to its graph. */
typedef struct orders {
    mr_status (*run)(mr_job *job, mr_graph *graph);
    bool weighted;
} orders;

static bool same_number(void *context, mr_vertex vertex, mr_weight *value)
{
    (void)context;
    value->i64 = vertex;
    return vertex % 2 == 0;
}

static mr_status drive(mr_job *job)
{
    const orders *wanted = mr_job_state(job);
    mr_graph_options options = {.weighted = wanted->weighted};
    mr_graph *graph = NULL;
    MR_TRY(mr_graph_load(job, &options, &graph));
    CU_ASSERT_EQUAL(mr_graph_vertices(graph), VERTICES);
    CU_ASSERT_EQUAL(mr_graph_edges(graph), EDGES);
    CU_ASSERT_FALSE(mr_graph_weights_are_f64(graph));
    mr_status status = wanted->run(job, graph);
    if (status == MR_OK)
        status = mr_graph_write(graph, "number", MR_SHOWN_I64, same_number, NULL);
    mr_graph_destroy(&graph);
    return status;
}

static void run_graph(mr_status (*run)(mr_job *, mr_graph *), bool weighted)
{
    static const mr_app app = {MR_APP_ABI, .name = "graph", .state_size = sizeof(orders),
                               .run = drive};
    const char *inputs[] = {input};
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        orders state = {run, weighted};
        mr_settings settings = {
            .output = output, .quiet = true, .overwrite = true, .threads = threads, .block = 512};
        mr_error error = {0};
        CU_ASSERT_EQUAL(mr_run_main(comm, &app, &state, &settings, inputs, 1, &error), MR_OK);
        CU_ASSERT_STRING_EQUAL(error.text, "");
    }
}

static mr_status check_degrees(mr_job *job, mr_graph *graph)
{
    static const unsigned ends[] = {MR_DEGREE_OUT, MR_DEGREE_IN, MR_DEGREE_OUT | MR_DEGREE_IN};
    int64_t *degrees = mr_graph_array(graph, VERTICES, sizeof *degrees, "degrees");
    MR_TRY(mr_job_agree(job));
    for (int i = 0; i < 3; i++) {
        int64_t wanted[VERTICES] = {0};
        for (int e = 0; e < EDGES; e++) {
            wanted[edges[e].from] += (ends[i] & MR_DEGREE_OUT) != 0;
            wanted[edges[e].to] += (ends[i] & MR_DEGREE_IN) != 0;
        }
        MR_TRY(mr_graph_degrees(graph, ends[i], degrees));
        CU_ASSERT_EQUAL(memcmp(degrees, wanted, sizeof wanted), 0);
    }
    mr_graph_array_free(graph, degrees);
    return MR_OK;
}

/* A number for a bag of edges: the sum of a hash of each. */
static uint64_t hash_edge(mr_edge edge, int64_t weight)
{
    uint64_t state = (uint64_t)edge.from << 40 ^ (uint64_t)edge.to << 10 ^ (uint64_t)weight;
    return random_next(&state);
}

typedef struct bag {
    uint64_t sum, count;
    const mr_neighbours *neighbours; /* NULL: edges may be anywhere */
    bool by_to, away;
    int rank;
} bag;

static void put_edges(void *context, mr_edges some)
{
    bag *b = context;
    for (size_t i = 0; i < some.count; i++) {
        int64_t weight = some.weights ? some.weights[i].i64 : 0;
        __atomic_fetch_add(&b->sum, hash_edge(some.edges[i], weight), __ATOMIC_RELAXED);
        if (!b->neighbours)
            continue;
        mr_vertex home = b->by_to ? some.edges[i].to : some.edges[i].from;
        const uint64_t *starts = mr_neighbours_starts(b->neighbours);
        if (home < starts[b->rank] || home >= starts[b->rank + 1])
            __atomic_store_n(&b->away, true, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&b->count, some.count, __ATOMIC_RELAXED);
}

static void expect_bag(mr_job *job, bag *found, bool weighted)
{
    uint64_t sum = 0;
    for (int e = 0; e < EDGES; e++)
        sum += hash_edge(edges[e], weighted ? weights[e] : 0);
    int64_t all[2] = {(int64_t)found->sum, (int64_t)found->count};
    mr_all_sum_i64(job, all, 2);
    CU_ASSERT_EQUAL((uint64_t)all[0], sum);
    CU_ASSERT_EQUAL(all[1], EDGES);
    CU_ASSERT_FALSE(found->away);
}

static mr_status check_each(mr_job *job, mr_graph *graph)
{
    for (int i = 0; i < 2; i++) {
        bag found = {.sum = 0};
        MR_TRY(mr_graph_each(graph, put_edges, &found));
        expect_bag(job, &found, ((const orders *)mr_job_state(job))->weighted);
    }
    return MR_OK;
}

static int by_end(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Neighbours of a vertex with weights, in order; returns how many. */
static size_t expected_list(const mr_neighbours_options *how, bool weighted, mr_vertex vertex,
                            uint64_t list[EDGES][2])
{
    size_t count = 0, kept = 0;
    for (int e = 0; e < EDGES; e++) {
        mr_edge edge = edges[e];
        if (how->change && !how->change(how->context, &edge))
            continue;
        if ((how->by_to ? edge.to : edge.from) != vertex)
            continue;
        list[count][0] = how->by_to ? edge.from : edge.to;
        list[count++][1] = weighted ? (uint64_t)weights[e] : 0;
    }
    qsort(list, count, sizeof *list, by_end);
    for (size_t i = 0; how->distinct && i < count; i++)
        if (i == 0 || list[i][0] != list[kept - 1][0]) {
            list[kept][0] = list[i][0];
            list[kept++][1] = 0;
        }
    return how->distinct ? kept : count;
}

static void expect_list(const mr_neighbours_options *how, bool weighted, const mr_lists *lists,
                        uint64_t v)
{
    static uint64_t wanted[EDGES][2], found[EDGES][2];
    size_t count = expected_list(how, weighted, (mr_vertex)(lists->first + v), wanted), got = 0;
    uint64_t begin = lists->offsets[v], end = lists->offsets[v + 1];
    CU_ASSERT_EQUAL(end - begin, count);
    for (uint64_t i = begin; i < end && got < EDGES; i++) {
        found[got][0] = lists->ends[i];
        found[got++][1] = lists->weights ? (uint64_t)lists->weights[i].i64 : 0;
    }
    if (!how->distinct)
        qsort(found, got, sizeof *found, by_end);
    CU_ASSERT(got == count && memcmp(found, wanted, got * sizeof *found) == 0);
}

static void expect_sums(mr_job *job, const mr_neighbours_options *how, const uint64_t *numbers,
                        const uint64_t *sums, const uint64_t *starts)
{
    uint64_t wanted[VERTICES] = {0};
    int rank = mr_job_rank(job);
    for (int e = 0; e < EDGES; e++)
        wanted[how->by_to ? edges[e].to : edges[e].from] +=
            numbers[how->by_to ? edges[e].from : edges[e].to];
    CU_ASSERT_EQUAL(memcmp(sums, wanted + starts[rank], (starts[rank + 1] - starts[rank]) * 8), 0);
}

static mr_status check_lists(mr_job *job, mr_neighbours *nb, const mr_neighbours_options *how)
{
    const uint64_t *starts = mr_neighbours_starts(nb);
    uint64_t next = starts[mr_job_rank(job)];
    bool weighted = ((const orders *)mr_job_state(job))->weighted;
    CU_ASSERT_EQUAL(mr_neighbours_parts(nb) > 1, how->beside > 0);
    CU_ASSERT(starts[0] == 0 && starts[mr_job_ranks(job)] == VERTICES);
    for (uint32_t part = 0; part < mr_neighbours_parts(nb); part++) {
        mr_lists lists;
        MR_TRY(mr_neighbours_lists(nb, part, &lists));
        CU_ASSERT_EQUAL(lists.first, next);
        next += lists.count;
        CU_ASSERT_EQUAL(lists.weights != NULL, weighted && !how->distinct);
        for (uint64_t v = 0; v < lists.count; v++)
            expect_list(how, lists.weights != NULL, &lists, v);
        mr_lists_free(nb, &lists);
    }
    CU_ASSERT_EQUAL(next, starts[mr_job_rank(job) + 1]);
    return MR_OK;
}

/* Loops that take the edges as they are. */
static mr_status check_loops(mr_job *job, mr_neighbours *nb, const mr_neighbours_options *how)
{
    static uint64_t numbers[VERTICES], sums[VERTICES];
    bool weighted = ((const orders *)mr_job_state(job))->weighted;
    bag found = {.neighbours = nb, .by_to = how->by_to, .rank = mr_job_rank(job)};
    for (uint64_t v = 0, state = 3; v < VERTICES; v++)
        numbers[v] = random_next(&state);
    memset(sums, 1, sizeof sums);
    MR_TRY(mr_neighbours_sum(nb, numbers, sums));
    expect_sums(job, how, numbers, sums, mr_neighbours_starts(nb));
    MR_TRY(mr_neighbours_each(nb, put_edges, &found));
    expect_bag(job, &found, weighted);
    return MR_OK;
}

/* Each edge from its smaller end, and none from a vertex to itself or to one of a context. */
static bool turn(void *context, mr_edge *edge)
{
    mr_edge turned = {edge->to, edge->from};
    if (edge->from > edge->to)
        *edge = turned;
    return edge->from != edge->to && edge->to != *(const mr_vertex *)context;
}

static mr_status check_neighbours(mr_job *job, mr_graph *graph)
{
    mr_vertex unwanted = 7;
    for (unsigned how = 0; how < 16; how++) {
        mr_neighbours_options options = {.by_to = how & 1,
                                         .distinct = how & 2,
                                         .change = how & 4 ? turn : NULL,
                                         .context = &unwanted,
                                         .beside = how & 8 ? (size_t)1 << 44 : 0,
                                         .consume = how == 15};
        mr_neighbours *nb = NULL;
        MR_TRY(mr_neighbours_create(graph, &options, &nb));
        mr_status status = check_lists(job, nb, &options);
        if (status == MR_OK && !options.distinct && !options.change)
            status = check_loops(job, nb, &options);
        mr_neighbours_destroy(&nb);
        MR_TRY(status);
    }
    return MR_OK;
}

static mr_status check_find(mr_job *job, mr_graph *graph)
{
    static const char *const absent[] = {"x", "-501", "-499", "1601", "", "9223372036854775808"};
    (void)job;
    for (unsigned v = 0; v < VERTICES; v += 97) {
        char id[32];
        mr_vertex found;
        snprintf(id, sizeof id, "%d", (int)(v * SPACING) - OFFSET);
        MR_TRY(mr_graph_find(graph, mr_bytes_of(id), &found));
        CU_ASSERT_EQUAL(found, v);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        mr_vertex found;
        MR_TRY(mr_graph_find(graph, mr_bytes_of(absent[i]), &found));
        CU_ASSERT_EQUAL(found, MR_VERTEX_NONE);
    }
    return MR_OK;
}

static void test_degrees(void)
{
    run_graph(check_degrees, false);
}

static void test_each(void)
{
    run_graph(check_each, false);
    run_graph(check_each, true);
}

static void test_neighbours(void)
{
    run_graph(check_neighbours, false);
    run_graph(check_neighbours, true);
}

/* The last test's result: every second vertex with its number. */
static void test_find_and_write(void)
{
    run_graph(check_find, false);
    int id, number, next = 0;
    FILE *file = fopen(output, "r");
    CU_ASSERT_PTR_NOT_NULL(file);
    while (file && fscanf(file, "%d\t%d\n", &id, &number) == 2) {
        CU_ASSERT(number == next && id == next * (int)SPACING - OFFSET);
        next += 2;
    }
    CU_ASSERT_EQUAL(next, VERTICES);
    if (file)
        fclose(file);
    mr_comm_barrier(comm);
}

/* A folder of rank 0's that all know. */
static void test_begin(void)
{
    char made[sizeof folder] = "/tmp/mapred-graph-XXXXXX";
    void *bytes = made;
    size_t size = sizeof made;
    mr_error error = {0};
    if (mr_comm_rank(comm) == 0 && !mkdtemp(made))
        mr_error_set(&error, MR_FAILED, "no temporary folder");
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_comm_broadcast(comm, &bytes, &size, &error), MR_OK);
    memcpy(folder, bytes, sizeof folder);
    if (bytes != made)
        free(bytes);
    snprintf(input, sizeof input, "%s/input", folder);
    snprintf(output, sizeof output, "%s/output", folder);
    make_edges();
    if (mr_comm_rank(comm) == 0)
        write_input();
    mr_comm_barrier(comm);
}

static void test_end(void)
{
    mr_comm_barrier(comm);
    if (mr_comm_rank(comm) == 0) {
        CU_ASSERT_EQUAL(unlink(output), 0);
        CU_ASSERT_EQUAL(unlink(input), 0);
        CU_ASSERT_EQUAL(rmdir(folder), 0);
    }
}

int main(void)
{
    static const ranks_test tests[] = {
        {"an input", test_begin},
        {"degrees", test_degrees},
        {"each edge", test_each},
        {"neighbours in one part and in several", test_neighbours},
        {"vertices by id, and written", test_find_and_write},
        {"nothing is left", test_end},
    };
    return run_on_ranks("graph", tests, sizeof tests / sizeof *tests);
}

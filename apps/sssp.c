/*
 * apps/sssp.c: the shortest way from one vertex to each that can be reached: the sum of the weights
 * of its edges. Sums of integers are integers, sums of doubles are those of the way from its
 * beginning on. The result is the one least fixed point, so it is the same for any number of ranks.
 *
 * Distances are 64 bits whose order is that of the numbers, both for integers and for doubles. Each
 * rank follows the edges of its own vertices, the near ones first, until nothing there gets any
 * shorter; then it tells other ranks what it found for theirs, and they go on from there. Where the
 * edges do not fit in memory, all of them are looked at again and again instead.
 */
#include <mapred.h>

#define FAR INT64_MAX

typedef struct state {
    const char *source;
} state;

/* A distance that was found for a vertex of another rank; and how many are told at a time. */
typedef struct news {
    mr_image vertex;
    int64_t distance;
} news;

#define NEWS 131072

#define TOGETHER 1024 /* vertices that one thread follows: for fewer no other is woken up */

/* Vertices to be followed; `count` is atomic while threads add. */
typedef struct queue {
    mr_vertex *vertices;
    uint64_t count;
} queue;

typedef struct search {
    mr_job *job;
    mr_graph *graph;
    mr_neighbours *neighbours;
    mr_lists lists;
    bool f64;
    int64_t *distances;    /* of all vertices, as far as this rank knows */
    uint64_t first, count; /* this rank's vertices */
    uint8_t *waiting;      /* which of them are in a queue */
    queue now, soon, later;
    int64_t bound;     /* what is nearer is followed soon, the rest later */
    mr_weight step;    /* by how much it grows */
    uint64_t *changed; /* bits: vertices of other ranks to be told about */
    news *news;
    mr_pair *pairs;
    bool moved; /* without lists: whether anything got shorter */
    bool too_far, over;
} search;

static double as_f64(int64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static int64_t as_bits(double number)
{
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* FAR where integers run over: found out at the end. Doubles never get there. */
static int64_t plus(const search *s, int64_t distance, mr_weight weight)
{
    if (s->f64)
        return as_bits(as_f64(distance) + weight.f64);
    int64_t sum;
    return __builtin_add_overflow(distance, weight.i64, &sum) ? FAR : sum;
}

/* Whether it is shorter than what was known. */
static bool shorten(int64_t *known, int64_t distance)
{
    int64_t before = __atomic_load_n(known, __ATOMIC_SEQ_CST);
    while (distance < before)
        if (__atomic_compare_exchange_n(known, &before, distance, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* A vertex of this rank waits in one queue at most, so each has room for all. */
static void enqueue(search *s, mr_vertex vertex)
{
    uint8_t *waits = &s->waiting[vertex - s->first];
    if (__atomic_exchange_n(waits, 1, __ATOMIC_SEQ_CST))
        return;
    bool near = __atomic_load_n(&s->distances[vertex], __ATOMIC_SEQ_CST) < s->bound;
    queue *to = near ? &s->soon : &s->later;
    to->vertices[__atomic_fetch_add(&to->count, 1, __ATOMIC_RELAXED)] = vertex;
}

static void found(search *s, mr_vertex vertex, int64_t distance)
{
    if (!shorten(&s->distances[vertex], distance))
        return;
    if (vertex - s->first < s->count)
        enqueue(s, vertex);
    else
        __atomic_fetch_or(&s->changed[vertex / 64], UINT64_C(1) << vertex % 64, __ATOMIC_RELAXED);
}

/* Follows the edges of some vertices that wait in `now`. */
static void follow(void *context, unsigned thread, uint64_t begin, uint64_t end)
{
    search *s = context;
    const mr_lists *lists = &s->lists;
    (void)thread;
    for (uint64_t i = begin; i < end; i++) {
        mr_vertex vertex = s->now.vertices[i];
        uint64_t own = vertex - s->first;
        __atomic_store_n(&s->waiting[own], 0, __ATOMIC_SEQ_CST);
        int64_t distance = __atomic_load_n(&s->distances[vertex], __ATOMIC_SEQ_CST);
        for (uint64_t e = lists->offsets[own]; e < lists->offsets[own + 1]; e++)
            found(s, lists->ends[e], plus(s, distance, lists->weights[e]));
    }
}

/* Nothing is near any more: moves the bound on behind the nearest that waits. When that sets too
 * few of many free, steps get longer. */
static void advance(search *s)
{
    int64_t nearest = FAR;
    uint64_t kept = 0, all = s->later.count;
    for (uint64_t i = 0; i < all; i++) {
        int64_t distance = s->distances[s->later.vertices[i]];
        nearest = distance < nearest ? distance : nearest;
    }
    s->bound = plus(s, nearest, s->step);
    for (uint64_t i = 0; i < all; i++) {
        mr_vertex vertex = s->later.vertices[i];
        if (s->distances[vertex] <= s->bound)
            s->soon.vertices[s->soon.count++] = vertex;
        else
            s->later.vertices[kept++] = vertex;
    }
    s->later.count = kept;
    if (s->soon.count >= 1024 || s->soon.count > kept / 16)
        return;
    if (s->f64)
        s->step.f64 *= 2;
    else if (s->step.i64 < INT64_MAX / 2)
        s->step.i64 *= 2;
}

/* Until no edge of this rank's makes anything shorter. */
static void exhaust(search *s)
{
    for (;;) {
        while (s->soon.count > 0) {
            queue done = s->now;
            s->now = s->soon;
            s->soon = (queue){.vertices = done.vertices};
            mr_graph_parallel(s->graph, 0, s->now.count, TOGETHER, follow, s);
        }
        if (s->later.count == 0)
            return;
        advance(s);
    }
}

/* What this rank found for vertices of others, up to NEWS of them: those behind have to wait. */
static size_t collect(search *s)
{
    size_t count = 0;
    uint64_t words = mr_graph_vertices(s->graph) / 64 + 1;
    for (uint64_t word = 0; word < words; word++)
        for (; s->changed[word] && count < NEWS; count++) {
            uint64_t vertex = word * 64 + (uint64_t)__builtin_ctzll(s->changed[word]);
            s->changed[word] &= s->changed[word] - 1;
            s->news[count] = (news){mr_image_of_u64(vertex), s->distances[vertex]};
            s->pairs[count].key = MR_BYTES(s->news[count].vertex);
            s->pairs[count].value = MR_BYTES(s->news[count].distance);
        }
    return count;
}

static uint64_t owner(void *context, mr_bytes key, uint64_t owners)
{
    const search *s = context;
    const uint64_t *starts = mr_neighbours_starts(s->neighbours);
    uint64_t low = 0, high = owners, vertex = mr_key_u64(key);
    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        if (starts[middle] <= vertex)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static mr_status hear(mr_out *out, mr_pairs *pairs)
{
    search *s = mr_out_context(out);
    for (mr_pair pair; mr_pairs_next(pairs, &pair);)
        found(s, (mr_vertex)mr_key_u64(pair.key), mr_value_i64(pair.value));
    return MR_OK;
}

/* Collective. Each rank tells the others what it found for their vertices; `*told`: how much that
 * was on all ranks. */
static mr_status tell(search *s, uint64_t *told)
{
    mr_set_options options = {.shape = {.key = MR_KEY_U64, .value = MR_VALUE_I64},
                              .spread = MR_SPREAD_OWNER,
                              .owner = owner,
                              .context = s,
                              .name = "news"};
    mr_set *set = NULL;
    MR_TRY(mr_set_from_memory(s->job, s->pairs, collect(s), &options, &set));
    *told = mr_set_count(set);
    s->bound = 0;
    mr_status status = mr_set_map(set, hear, &options, NULL);
    mr_set_destroy(&set);
    return status;
}

/* A step to begin with: the mean weight. */
static mr_weight first_step(const search *s)
{
    mr_weight step = {.i64 = 1};
    uint64_t edges = s->lists.offsets[s->lists.count];
    double sum = 0;
    for (uint64_t e = 0; e < edges; e++)
        sum += s->f64 ? s->lists.weights[e].f64 : (double)s->lists.weights[e].i64;
    double mean = edges ? sum / (double)edges : 0;
    if (s->f64)
        step.f64 = mean > 0 && mean < 1e300 ? mean : 1;
    else if (mean > 1)
        step.i64 = (int64_t)(mean / 4 < 1e18 ? mean : 4e18);
    return step;
}

static mr_status take_arrays(search *s)
{
    s->waiting = mr_graph_array(s->graph, s->count, sizeof *s->waiting, "distances");
    queue *queues[] = {&s->now, &s->soon, &s->later};
    for (int i = 0; i < 3; i++)
        queues[i]->vertices =
            mr_graph_array(s->graph, s->count, sizeof(mr_vertex), "vertices to follow");
    return mr_job_agree(s->job);
}

/* What has a distance is followed: the source, or what a job that is resumed had found. */
static mr_status follow_lists(search *s, mr_loop *loop)
{
    MR_TRY(mr_neighbours_lists(s->neighbours, 0, &s->lists));
    MR_TRY(take_arrays(s));
    s->step = first_step(s);
    for (uint64_t i = 0; i < s->count && !s->over; i++)
        if (s->distances[s->first + i] < FAR)
            enqueue(s, (mr_vertex)(s->first + i));
    while (!s->over) {
        uint64_t told = 0;
        exhaust(s);
        MR_TRY(tell(s, &told));
        s->over = told == 0;
        mr_job_add(s->job, "rounds", mr_job_rank(s->job) == 0);
        MR_TRY(mr_loop_round(loop));
    }
    return MR_OK;
}

/* Without lists: makes distances shorter along some edges. */
static void look(void *context, mr_edges edges)
{
    search *s = context;
    bool moved = false;
    for (size_t i = 0; i < edges.count; i++) {
        int64_t *ends = s->distances,
                from = __atomic_load_n(&ends[edges.edges[i].from], __ATOMIC_RELAXED);
        if (from < FAR)
            moved |= shorten(&ends[edges.edges[i].to], plus(s, from, edges.weights[i]));
    }
    if (moved)
        __atomic_store_n(&s->moved, true, __ATOMIC_RELAXED);
}

static mr_status look_at_all(search *s, mr_loop *loop)
{
    mr_all_min_i64(s->job, s->distances, mr_graph_vertices(s->graph));
    while (!s->over) {
        s->moved = false;
        MR_TRY(mr_neighbours_each(s->neighbours, look, s));
        int64_t moved = s->moved;
        mr_all_max_i64(s->job, &moved, 1);
        mr_all_min_i64(s->job, s->distances, mr_graph_vertices(s->graph));
        s->over = !moved;
        MR_TRY(mr_loop_round(loop));
    }
    return MR_OK;
}

/* Each rank carries the distances of its own vertices: after a round it knows all there is to know
 * of them. */
static mr_status find_all(search *s)
{
    mr_loop *loop;
    const uint64_t *starts = mr_neighbours_starts(s->neighbours);
    s->first = starts[mr_job_rank(s->job)];
    s->count = starts[mr_job_rank(s->job) + 1] - s->first;
    MR_TRY(mr_loop_begin(s->job, "sssp", &loop));
    mr_loop_value(loop, "over", &s->over, sizeof s->over);
    mr_loop_spread(loop, "distances", s->distances + s->first, sizeof *s->distances, s->first,
                   s->count, mr_graph_vertices(s->graph));
    MR_TRY(mr_loop_load(loop, NULL));
    bool in_memory = mr_neighbours_parts(s->neighbours) == 1;
    MR_TRY(in_memory ? follow_lists(s, loop) : look_at_all(s, loop));
    return mr_loop_end(&loop);
}

/* A vertex that has a way to it and no distance: the sum was too large. */
static void check(void *context, mr_edges edges)
{
    search *s = context;
    for (size_t i = 0; i < edges.count; i++)
        if (s->distances[edges.edges[i].from] < FAR && s->distances[edges.edges[i].to] == FAR)
            __atomic_store_n(&s->too_far, true, __ATOMIC_RELAXED);
}

static bool distance_of(void *context, mr_vertex vertex, mr_weight *value)
{
    const search *s = context;
    value->i64 = s->distances[vertex];
    return value->i64 < FAR;
}

static mr_status search_all(search *s, mr_vertex source)
{
    uint64_t n = mr_graph_vertices(s->graph);
    s->distances[source] = 0; /* as a double, too */
    MR_TRY(find_all(s));
    mr_all_min_i64(s->job, s->distances, n);
    if (s->f64)
        return MR_OK;
    MR_TRY(mr_neighbours_each(s->neighbours, check, s));
    if (s->too_far)
        mr_job_fail(s->job, MR_BAD_INPUT,
                    "distance too large: it does not fit 64 bits: write weights as 1.0");
    return mr_job_agree(s->job);
}

static mr_status prepare(search *s)
{
    uint64_t n = mr_graph_vertices(s->graph), each = sizeof *s->waiting + 3 * sizeof(mr_vertex);
    const mr_neighbours_options from = {.consume = true, .beside = n * each};
    s->f64 = mr_graph_weights_are_f64(s->graph);
    s->distances = mr_graph_array(s->graph, n, sizeof *s->distances, "distances of vertices");
    s->changed = mr_graph_array(s->graph, n / 64 + 1, sizeof *s->changed, "distances to tell");
    s->news = mr_graph_array(s->graph, NEWS, sizeof *s->news, "distances to tell");
    s->pairs = mr_graph_array(s->graph, NEWS, sizeof *s->pairs, "distances to tell");
    MR_TRY(mr_job_agree(s->job));
    for (uint64_t v = 0; v < n; v++)
        s->distances[v] = FAR;
    return mr_neighbours_create(s->graph, &from, &s->neighbours);
}

static mr_status run(mr_job *job)
{
    const state *options = mr_job_state(job);
    const mr_graph_options weighted = {.weighted = true};
    search s = {.job = job};
    mr_vertex source;
    MR_TRY(mr_graph_load(job, &weighted, &s.graph));
    mr_status status = mr_graph_find(s.graph, mr_bytes_of(options->source), &source);
    if (status == MR_OK && source == MR_VERTEX_NONE)
        status =
            mr_job_fail(job, MR_BAD_INPUT, "no such vertex: --source %s: name one of the graph's",
                        options->source);
    if (status == MR_OK)
        status = prepare(&s);
    if (status == MR_OK)
        status = search_all(&s, source);
    mr_neighbours_destroy(&s.neighbours);
    if (status == MR_OK)
        status = mr_graph_write(s.graph, "distance", s.f64 ? MR_SHOWN_F64 : MR_SHOWN_I64,
                                distance_of, &s);
    mr_graph_destroy(&s.graph);
    return status;
}

static const mr_option options[] = {
    {"source", MR_OPTION_TEXT, offsetof(state, source), NULL, "the vertex to begin at", true},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "sssp",
    .summary = "shortest ways from one vertex of a graph with weights",
    .usage = "EDGES...",
    .options = options,
    .state_size = sizeof(state),
    .run = run,
};

/*
 * apps/nqueens.c: in how many ways n queens stand on a board of n x n fields without one attacking
 * another. A task is a board with its first rows filled; what is small enough is counted by plain
 * recursion. Boards whose first queen stands in the left half count for their mirror images, too.
 */
#include <mapred.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* The largest board whose number is known to the world, and fits. */
#define LARGEST 27
/* Rows that tasks fill at most, and that they leave to the recursion: some 100 microseconds. On
 * larger boards they fill more, so that none takes longer than some tenths of a second. */
#define DEEPEST   6
#define LEFT      11
#define LEFT_MOST 14

typedef struct state {
    int64_t n;
} state;

/* Bits are columns: of queens, and of fields of the next row attacked along either diagonal. */
typedef struct board {
    uint32_t columns, left, right;
    uint32_t row, weight;
} board;

static uint64_t count(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == all)
        return 1;
    uint64_t ways = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        const uint32_t queen = free & (~free + 1);
        ways += count(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return ways;
}

static board place(const board *b, uint32_t queen, uint32_t weight)
{
    return (board){b->columns | queen, (b->left | queen) << 1, (b->right | queen) >> 1, b->row + 1,
                   weight};
}

static mr_status put(mr_fork *fork, const board *b)
{
    return mr_fork_put(fork, mr_bytes_at((const char *)b, sizeof *b));
}

/* ---- Kernels ---- */

/* The first queen: those of the left half twice, and the one in the middle. */
static mr_status split_first(mr_fork *fork, const board *b, unsigned n)
{
    for (unsigned column = 0; column < (n + 1) / 2; column++) {
        const board next = place(b, UINT32_C(1) << column, column < n / 2 ? 2 : 1);
        MR_TRY(put(fork, &next));
    }
    return MR_OK;
}

static mr_status split(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    const unsigned n = (unsigned)s->n;
    const uint32_t all = (UINT32_C(1) << n) - 1;
    board b;
    memcpy(&b, task.data, sizeof b);
    if (b.row == 0)
        return split_first(fork, &b, n);
    if (n - b.row <= (b.row >= DEEPEST ? LEFT_MOST : LEFT))
        return MR_OK;
    for (uint32_t free = all & ~(b.columns | b.left | b.right); free; free &= free - 1) {
        const board next = place(&b, free & (~free + 1), b.weight);
        MR_TRY(put(fork, &next));
    }
    return MR_OK;
}

static mr_status solve(mr_fork *fork, mr_bytes task)
{
    const state *s = mr_fork_context(fork);
    board b;
    memcpy(&b, task.data, sizeof b);
    const uint32_t all = (UINT32_C(1) << s->n) - 1;
    const uint64_t ways = b.weight * count(all, b.columns, b.left, b.right);
    return mr_fork_return(fork, &ways, sizeof ways);
}

static mr_status join(mr_fork *fork, mr_bytes task, const mr_bytes *results, size_t parts)
{
    uint64_t sum = 0;
    (void)task;
    for (size_t i = 0; i < parts; i++) {
        uint64_t ways;
        memcpy(&ways, results[i].data, sizeof ways);
        sum += ways;
    }
    return mr_fork_return(fork, &sum, sizeof sum);
}

/* ---- The job ---- */

static mr_status run(mr_job *job)
{
    const board empty = {0};
    const mr_fork_join how = {.size = sizeof how,
                              .name = "nqueens",
                              .split = split,
                              .solve = solve,
                              .join = join,
                              .context = mr_job_state(job)};
    mr_item result = {0};
    MR_TRY(mr_fork_run(job, &how, mr_bytes_at((const char *)&empty, sizeof empty), &result));
    uint64_t ways = 0;
    char line[32];
    if (result.bytes.size == sizeof ways)
        memcpy(&ways, result.bytes.data, sizeof ways);
    mr_item_free(&result);
    const int size = snprintf(line, sizeof line, "%" PRIu64 "\n", ways);
    return mr_job_write_text(job, line, (size_t)size);
}

static mr_status setup(mr_job *job, void *data)
{
    const state *s = data;
    if (s->n < 1 || s->n > LARGEST)
        return mr_job_fail(job, MR_USAGE, "wrong --n: %" PRId64 ": give one from 1 to %d", s->n,
                           LARGEST);
    if (mr_job_input_count(job) > 0)
        return mr_job_fail(job, MR_USAGE, "wrong input: %s: nqueens takes none",
                           mr_job_input(job, 0));
    return MR_OK;
}

static const mr_option options[] = {
    {"n", MR_OPTION_I64, offsetof(state, n), "8", "queens, and rows and columns of the board",
     false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "nqueens",
    .summary = "ways to place n queens that do not attack each other",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};

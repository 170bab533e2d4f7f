/*
 * tests/fault/plugins/fault.c: word count that goes wrong as it is told to: in `setup`, when a
 * thread starts (then all ranks wait until the damage is done, behind a gate), or at a word.
 */
#include <mapred.h>

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct state {
    const char *how, *word, *path, *gate;
    int64_t at_rank, rank;
    atomic_int begun;
} state;

static bool is(const state *s, const char *how)
{
    return strcmp(s->how, how) == 0;
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    s->rank = mr_job_rank(job);
    if (s->rank != s->at_rank)
        return MR_OK;
    if (is(s, "setup"))
        return mr_job_fail(job, MR_USAGE, "setup says no: %s: ask for something else", s->path);
    if (is(s, "setup-silent"))
        return MR_FAILED;
    if (is(s, "limit")) {
        struct rlimit limit = {4096, 4096};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    return MR_OK;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static bool damage(const state *s)
{
    if (is(s, "unlink"))
        return unlink(s->path) == 0;
    if (is(s, "truncate"))
        return truncate(s->path, 100) == 0;
    if (is(s, "vanish"))
        return nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
    return true;
}

/* One thread of one rank does it; nobody reads before it is done. */
static mr_status local_open(mr_out *out, void *local)
{
    state *s = mr_out_state(out);
    (void)local;
    if (!s->gate)
        return MR_OK;
    if (s->rank == s->at_rank && atomic_exchange(&s->begun, 1) == 0) {
        if (!damage(s))
            return mr_out_fail(out, MR_FAILED, "cannot do damage: %s", s->path);
        close(open(s->gate, O_WRONLY | O_CREAT, 0666));
    }
    while (access(s->gate, F_OK) != 0)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    return MR_OK;
}

static int deeper(volatile char *above)
{
    volatile char room[4096];
    room[0] = *above;
    return *above ? deeper(room) + room[0] : 0;
}

static mr_status go_wrong(mr_out *out, const state *s, mr_bytes word)
{
    volatile int nought = 0;
    if (is(s, "fail"))
        return mr_out_fail(out, MR_BAD_INPUT, "bad word: %.*s", (int)word.size, word.data);
    if (is(s, "fail-silent"))
        return MR_FAILED;
    if (is(s, "null"))
        *(volatile int *)(uintptr_t)nought = 1;
    if (is(s, "abort"))
        abort();
    if (is(s, "divide"))
        return (mr_status)(1234 / nought);
    if (is(s, "overflow"))
        return (mr_status)deeper(&(volatile char){1});
    if (is(s, "kill"))
        raise(SIGKILL);
    return MR_OK;
}

static mr_status map(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    mr_bytes bad = mr_bytes_of(s->word ? s->word : "");
    for (mr_bytes word; mr_block_next_word(block, &word);) {
        if (s->word && s->rank == s->at_rank && mr_bytes_equal(word, bad))
            MR_TRY(go_wrong(out, s, word));
        MR_TRY(mr_out_add_i64(out, word, 1));
    }
    return MR_OK;
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "", "what goes wrong", false},
    {"rank", MR_OPTION_I64, offsetof(state, at_rank), "0", "on which rank", false},
    {"word", MR_OPTION_TEXT, offsetof(state, word), NULL, "at which word", false},
    {"path", MR_OPTION_TEXT, offsetof(state, path), "", "what is damaged", false},
    {"gate", MR_OPTION_TEXT, offsetof(state, gate), NULL, "a file that says it is done", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "fault",
    .summary = "word count that goes wrong",
    .input = MR_INPUT_WORDS,
    .map = map,
    .fold = MR_SUM_I64,
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .local_open = local_open,
};

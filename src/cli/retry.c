/*
 * cli/retry.c: mapred retry. Starts a job, and again from its last checkpoint when it was killed or
 * crashed: up to a limit, and only as long as it gets on. A record that crashes it twice is left
 * out where that is allowed. Knows the job by its command, its exit code, what it says and its
 * folder of checkpoints alone.
 */
#include "cli/retry.h"

#include "cli/command.h"
#include "cli/words.h"
#include "observe/note.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_WAIT 60 /* seconds, unless --wait is more */
#define STUCK        2  /* starts in a row that get nowhere */

typedef struct retry {
    uint64_t limit, wait, skip_bad;
    bool skip_given, from_start;
    char **words; /* of the command; ours, up to a NULL */
    int count;
    const char *folder; /* of checkpoints; NULL: there is none */
    mr_watch watch;
    mr_culprits culprits;
    int64_t starts; /* again, since the last record was dropped */
    unsigned stuck;
    double pause;
    char place[MR_PLACE_TEXT]; /* where the start before crashed */
} retry;

/* ---- The command ---- */

static mr_status read_limit(retry *r, const char *value, mr_error *error)
{
    MR_TRY(mr_word_whole("limit", value, &r->limit, error));
    if (r->limit > UINT32_MAX)
        r->limit = UINT32_MAX;
    return MR_OK;
}

static mr_status read_own(retry *r, const mr_call *call, int *at, mr_error *error)
{
    const char *value, *word = call->arguments[*at];
    if (mr_word_option(call->arguments, call->count, at, "limit", &value))
        return read_limit(r, value, error);
    if (mr_word_option(call->arguments, call->count, at, "wait", &value))
        return mr_word_whole("wait", value, &r->wait, error);
    if (mr_word_option(call->arguments, call->count, at, "skip-bad", &value)) {
        r->skip_given = true;
        return mr_word_whole("skip-bad", value, &r->skip_bad, error);
    }
    r->from_start = strcmp(word, "--from-start") == 0;
    if (r->from_start)
        return MR_OK;
    return mr_error_set(error, MR_USAGE,
                        "unknown argument: %s: the job's command stands behind --: see 'mapred "
                        "help retry'",
                        word);
}

static mr_status read_words(retry *r, const mr_call *call, mr_error *error)
{
    int at = 0;
    for (; at < call->count && strcmp(call->arguments[at], "--") != 0; at++)
        MR_TRY(read_own(r, call, &at, error));
    at++;
    if (at >= call->count)
        return mr_error_set(error, MR_USAGE,
                            "no command: mapred retry -- mpirun ... mapred APP ...: see 'mapred "
                            "help retry'");
    r->count = call->count - at;
    /* --resume and --skip-bad N may come in. */
    r->words = calloc((size_t)r->count + 4, sizeof *r->words);
    if (!r->words)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting the job");
    memcpy(r->words, call->arguments + at, (size_t)r->count * sizeof *r->words);
    return MR_OK;
}

/* The value of an option in the command; NULL: it is not there. */
static const char *find_option(const retry *r, const char *name, int *place)
{
    const char *value;
    for (int at = 0; at < r->count; at++) {
        int first = at;
        if (mr_word_option(r->words, r->count, &at, name, &value) && value) {
            if (place)
                *place = first;
            return value;
        }
    }
    return NULL;
}

/* A word where options may stand: before --checkpoint, or else at the end, but before a "--". */
static void insert(retry *r, const char *word)
{
    int place = r->count;
    if (!find_option(r, "checkpoint", &place))
        for (int i = r->count - 1; i >= 0 && place == r->count; i--)
            if (strcmp(r->words[i], "--") == 0)
                place = i;
    memmove(r->words + place + 1, r->words + place, (size_t)(r->count - place) * sizeof(char *));
    r->words[place] = (char *)(uintptr_t)word;
    r->count++;
}

static bool has_word(const retry *r, const char *word)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->words[i], word) == 0)
            return true;
    return false;
}

static mr_status use_skip_bad(retry *r, mr_error *error)
{
    static char text[48];
    const char *own = find_option(r, "skip-bad", NULL);
    if (own && r->skip_given)
        return mr_error_set(
            error, MR_USAGE,
            "wrong options: --skip-bad %s: it stands before and behind the --: give "
            "it once",
            own);
    if (!own && !r->skip_given)
        own = getenv("MAPRED_SKIP_BAD");
    if (own)
        return mr_word_whole("skip-bad", own, &r->skip_bad, error);
    if (r->skip_given) {
        snprintf(text, sizeof text, "--skip-bad=%llu", (unsigned long long)r->skip_bad);
        insert(r, text);
    }
    return MR_OK;
}

static mr_status look_at_command(retry *r, mr_error *error)
{
    const char *environment = getenv("MAPRED_CHECKPOINT");
    r->folder = find_option(r, "checkpoint", NULL);
    if (!r->folder && environment && *environment)
        r->folder = environment;
    if (!r->folder && !r->from_start)
        return mr_error_set(error, MR_USAGE,
                            "no checkpoint: %s: each start would do all of the work again: give "
                            "the job --checkpoint DIR, or allow that with --from-start",
                            r->words[0]);
    return use_skip_bad(r, error);
}

/* ---- Getting on ---- */

/* The number of the last checkpoint; 0: there is none. */
static unsigned long long newest(const retry *r)
{
    static const char begin[] = "manifest-";
    unsigned long long most = 0;
    DIR *folder = r->folder ? opendir(r->folder) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *digits = entry->d_name + sizeof begin - 1;
        if (strncmp(entry->d_name, begin, sizeof begin - 1) != 0 || !*digits ||
            digits[strspn(digits, "0123456789")])
            continue;
        unsigned long long number = strtoull(digits, NULL, 10);
        most = number > most ? number : most;
    }
    if (folder)
        closedir(folder);
    return most;
}

static bool may_drop(const retry *r)
{
    return r->folder && mr_culprits_dropped(&r->culprits) < r->skip_bad;
}

/* Without any checkpoint yet nobody knows how far a start came, but whether it was stopped by the
 * same thing. */
static void judge(retry *r, unsigned long long before)
{
    unsigned long long after = newest(r);
    bool same = r->culprits.place[0] && strcmp(r->culprits.place, r->place) == 0;
    if (after > before || (r->culprits.is_new && may_drop(r)))
        r->stuck = 0;
    else if (after > 0 || same)
        r->stuck++;
    else
        r->stuck = r->culprits.place[0] != '\0';
    snprintf(r->place, sizeof r->place, "%s", r->culprits.place);
}

static mr_status cannot_drop(const retry *r, const mr_culprit *culprit, int code, mr_error *error)
{
    unsigned long long offset = culprit->offset, most = r->skip_bad;
    if (most > 0 && r->folder)
        return mr_error_set(error, MR_BAD_INPUT,
                            "too many bad records: more than the %llu that --skip-bad allows: %s "
                            "twice: %s at %llu: correct it, or allow more",
                            most, culprit->cause, culprit->file, offset);
    return mr_error_set(error, (mr_status)code,
                        "gave up: one record crashed it twice: %s at %llu: correct it, or %s",
                        culprit->file, offset,
                        r->folder ? "drop it with --skip-bad 1"
                                  : "drop it with --checkpoint DIR and --skip-bad 1");
}

/* Leaves out the records that two starts crashed at. */
static mr_status drop_records(retry *r, int code, mr_error *error)
{
    for (mr_culprit *culprit; (culprit = mr_culprits_find(&r->culprits));) {
        if (!may_drop(r))
            return cannot_drop(r, culprit, code, error);
        MR_TRY(mr_culprit_drop(culprit, r->folder, error));
        mr_note("retry: dropped a record that crashed it twice: %s at %llu", culprit->file,
                (unsigned long long)culprit->offset);
        r->stuck = 0;
        r->starts = -1; /* the next one is a first */
        r->pause = (double)r->wait;
    }
    return MR_OK;
}

/* ---- Ends ---- */

/* Another start would end in the same way, or is not wanted. */
static bool is_final(int code)
{
    static const int codes[] = {MR_OK,         MR_USAGE,   MR_BAD_INPUT,  MR_BAD_OUTPUT,
                                MR_BAD_PLUGIN, MR_STOPPED, MR_INTERRUPTED};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* What a job that was asked to end has ended with: mpirun says 1 after a SIGINT. */
static int asked_code(const retry *r, int code)
{
    bool interrupted = r->watch.asked == SIGINT;
    return code != MR_OK && code != MR_STOPPED && interrupted ? MR_INTERRUPTED : code;
}

/* Asked to end between two starts: what there is lies in the folder. */
static int pausing_code(const retry *r)
{
    return r->watch.asked != SIGINT && newest(r) > 0 ? MR_STOPPED : MR_INTERRUPTED;
}

static mr_status give_up(const retry *r, int code, mr_error *error)
{
    if (r->stuck >= STUCK)
        return mr_error_set(error, (mr_status)code,
                            "gave up: exit code %d: two starts in a row got nowhere: see what is "
                            "said above",
                            code);
    return mr_error_set(error, (mr_status)code,
                        "gave up: exit code %d: it was started again %llu times: allow more with "
                        "--limit",
                        code, (unsigned long long)r->limit);
}

/* The next start, after a while; false when somebody has asked for the end. */
static bool prepare(retry *r, int code)
{
    unsigned long long checkpoint = newest(r);
    if (checkpoint > 0)
        mr_note("retry: exit code %d: going on from checkpoint %llu in %.0f s", code, checkpoint,
                r->pause);
    else
        mr_note("retry: exit code %d: beginning again in %.0f s", code, r->pause);
    if (!mr_watch_wait(&r->watch, r->pause))
        return false;
    double most = r->wait > LONGEST_WAIT ? (double)r->wait : LONGEST_WAIT;
    r->pause = 2 * r->pause < most ? 2 * r->pause : most;
    if (r->folder && !has_word(r, "--resume"))
        insert(r, "--resume");
    r->starts++;
    return true;
}

static mr_status run(retry *r, mr_error *error)
{
    for (;;) {
        int code = 0;
        unsigned long long before = newest(r);
        mr_culprits_begin(&r->culprits);
        MR_TRY(mr_child_run(&r->watch, r->words, mr_culprits_line, &r->culprits, &code, error));
        if (r->watch.asked)
            return (mr_status)asked_code(r, code);
        if (is_final(code))
            return (mr_status)code;
        judge(r, before);
        MR_TRY(drop_records(r, code, error));
        if (r->stuck >= STUCK || r->starts >= (int64_t)r->limit)
            return give_up(r, code, error);
        if (!prepare(r, code))
            return (mr_status)pausing_code(r);
    }
}

mr_status mr_command_retry(mr_call *call, mr_error *error)
{
    retry r = {.limit = 5, .wait = 1};
    mr_status status = read_words(&r, call, error);
    if (status == MR_OK)
        status = look_at_command(&r, error);
    if (status == MR_OK)
        status = mr_watch_open(&r.watch, error);
    r.pause = (double)r.wait;
    if (status == MR_OK)
        status = run(&r, error);
    mr_culprits_free(&r.culprits);
    free(r.words);
    return status;
}

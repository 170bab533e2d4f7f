/* resume/keep.c: from the folder to a generation that can be believed, and to the end of the job.
 */
#include "resume/internal.h"

#include "base/clock.h"
#include "comm/vector.h"
#include "observe/note.h"
#include "observe/signals.h"
#include "resume/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DONE    "done"
#define PLACING "placing"

static bool is_root(const mr_keep *keep)
{
    return mr_comm_rank(keep->comm) == 0;
}

/* Two jobs that wrote to one folder would ruin both. Where locks are unknown nobody can tell. */
static mr_status lock_folder(mr_keep *keep, mr_error *error)
{
    char path[MR_KEEP_PATH];
    snprintf(path, sizeof path, "%s/lock", keep->folder);
    if (mkdir(keep->folder, 0777) != 0 && errno != EEXIST)
        return mr_keep_cannot(keep->folder, errno, error);
    keep->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (keep->lock < 0)
        return mr_keep_cannot(path, errno, error);
    if (flock(keep->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "checkpoint in use: %s: another job is at work there: wait for its "
                            "end, or choose another folder",
                            keep->folder);
    return MR_OK;
}

/* JSON holds UTF-8 only: another text is its bytes in hexadecimal. */
static json_t *text_of(const char *value)
{
    json_t *json = json_string(value);
    size_t size = strlen(value);
    char *hex = json ? NULL : malloc(2 * size + 1);
    for (size_t i = 0; hex && i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)value[i]);
    if (hex)
        json = json_string(hex);
    free(hex);
    return json;
}

static char *facts_text(const mr_keep_plan *plan)
{
    json_t *facts = json_object();
    for (size_t i = 0; i < plan->fact_count; i++)
        json_object_set_new(facts, plan->facts[i].name, text_of(plan->facts[i].value));
    char *text = facts ? json_dumps(facts, JSON_COMPACT) : NULL;
    json_decref(facts);
    return text;
}

/* The first fact that is another one. */
static mr_status compare_facts(const mr_keep *keep, const char *then_text, mr_error *error)
{
    json_t *then = json_loads(then_text, 0, NULL), *now = json_loads(keep->facts, 0, NULL);
    const char *name;
    json_t *value;
    json_object_foreach(now, name, value)
    {
        const char *was = json_string_value(json_object_get(then, name));
        const char *is = json_string_value(value);
        if (!was || !is || strcmp(was, is) != 0)
            mr_error_set(error, MR_USAGE,
                         "cannot resume: %s: %s is '%s', and was '%s' when the job was begun: give "
                         "the same, or begin anew in another folder",
                         keep->folder, name, is ? is : "", was ? was : "");
    }
    json_decref(then);
    json_decref(now);
    return error->code;
}

/* job.json is for people, and for `mapred replay`: what counts stands in the manifests. */
static mr_status write_job(const mr_keep *keep, const mr_keep_plan *plan, mr_error *error)
{
    json_t *command = json_loads(plan->command ? plan->command : "{}", 0, NULL);
    json_t *job =
        json_pack("{s:o, s:o}", "command", command, "facts", json_loads(keep->facts, 0, NULL));
    char *text = job ? json_dumps(job, JSON_INDENT(1)) : NULL;
    json_decref(job);
    if (!text)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: beginning a checkpoint");
    mr_status status = mr_keep_replace(keep, "job.json", text, strlen(text), error);
    free(text);
    return status;
}

static bool exists(const mr_keep *keep, const char *name)
{
    char path[MR_KEEP_PATH];
    snprintf(path, sizeof path, "%s/%s", keep->folder, name);
    return access(path, F_OK) == 0;
}

/* All manifests, data and journals; what they were of is over. */
static void clear(const mr_keep *keep)
{
    static const char *const ours[] = {PLACING, MR_MANIFEST, MR_KEEP_DATA, MR_JOURNAL, DONE};
    DIR *folder = opendir(keep->folder);
    for (struct dirent *at; folder && (at = readdir(folder));)
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            if (strncmp(at->d_name, ours[i], strlen(ours[i])) == 0)
                unlinkat(dirfd(folder), at->d_name, 0);
    if (folder)
        closedir(folder);
}

/* What rank 0 has found in the folder. */
typedef struct findings {
    uint64_t *numbers;
    size_t count;
    bool done;
} findings;

/* A job has ended well here: whether it was this one, and its result is there still. */
static mr_status look_at_end(const mr_keep *keep, const mr_keep_plan *plan, bool *done,
                             mr_error *error)
{
    char path[MR_KEEP_PATH];
    size_t size;
    int cause;
    snprintf(path, sizeof path, "%s/" DONE, keep->folder);
    char *facts = mr_keep_slurp(path, &size, &cause);
    if (facts)
        compare_facts(keep, facts, error);
    *done = facts && (!plan->result || access(plan->result, F_OK) == 0);
    free(facts);
    return error->code;
}

static mr_status look(mr_keep *keep, const mr_keep_plan *plan, findings *found, mr_error *error)
{
    MR_TRY(lock_folder(keep, error));
    MR_TRY(mr_keep_list(keep, &found->numbers, &found->count, error));
    if (plan->resume && exists(keep, DONE))
        MR_TRY(look_at_end(keep, plan, &found->done, error));
    if (plan->resume && (found->count > 0 || found->done))
        return MR_OK;
    if (found->count > 0 && !plan->overwrite)
        return mr_error_set(error, MR_BAD_OUTPUT,
                            "checkpoint exists: %s: give --resume to go on from it, --overwrite to "
                            "begin anew, or another folder",
                            keep->folder);
    clear(keep);
    found->count = 0;
    return MR_OK;
}

/* Collective. Whether every byte of a generation is as it was written; each rank looks at a share.
 */
static mr_status check_data(mr_keep *keep, bool *whole, mr_error *error)
{
    bool bad = false;
    int rank = mr_comm_rank(keep->comm), size = mr_comm_size(keep->comm);
    long count = (long)keep->loaded.count;
#pragma omp parallel for schedule(dynamic) reduction(|| : bad)
    for (long i = rank; i < count; i += size)
        bad = bad || !mr_keep_verify(keep, &keep->loaded.entries[i]);
    *whole = !mr_comm_any(keep->comm, bad);
    return mr_comm_agree(keep->comm, error);
}

/* Collective. The bytes of a manifest to all; `*bytes` is NULL where it is damaged or gone. */
static mr_status share_manifest(mr_keep *keep, uint64_t number, char **bytes, size_t *size,
                                mr_error *error)
{
    char path[MR_KEEP_PATH];
    int cause;
    void *text = NULL;
    *size = 0;
    snprintf(path, sizeof path, "%s/" MR_MANIFEST "%06llu", keep->folder,
             (unsigned long long)number);
    if (is_root(keep))
        text = mr_keep_slurp(path, size, &cause);
    mr_status status = mr_comm_broadcast(keep->comm, &text, size, error);
    *bytes = text;
    return status;
}

/* Collective. Tries one generation. */
static mr_status try_generation(mr_keep *keep, uint64_t number, bool *whole, mr_error *error)
{
    char *text, *facts = NULL;
    size_t size;
    *whole = false;
    MR_TRY(share_manifest(keep, number, &text, &size, error));
    mr_book_free(&keep->loaded);
    bool read = text && mr_manifest_unpack(text, size, &keep->loaded, &facts);
    free(text);
    if (read && is_root(keep))
        compare_facts(keep, facts, error);
    free(facts);
    if (mr_comm_any(keep->comm, !read))
        return mr_comm_agree(keep->comm, error);
    MR_TRY(mr_comm_agree(keep->comm, error));
    return check_data(keep, whole, error);
}

static void tell_damage(const mr_keep *keep, const mr_keep_plan *plan, uint64_t number)
{
    if (is_root(keep) && !plan->quiet)
        mr_note("checkpoint damaged: %s/" MR_MANIFEST
                "%06llu or its data: going on from the one before",
                keep->folder, (unsigned long long)number);
}

/* Collective. The newest generation that is whole. */
static mr_status load(mr_keep *keep, const mr_keep_plan *plan, const uint64_t *numbers,
                      size_t count, mr_error *error)
{
    bool whole = false;
    for (size_t i = 0; i < count && !whole; i++) {
        MR_TRY(try_generation(keep, numbers[i], &whole, error));
        if (whole)
            keep->generation = numbers[i];
        else if (i + 1 < count)
            tell_damage(keep, plan, numbers[i]);
    }
    if (!whole && is_root(keep))
        mr_error_set(error, MR_BAD_INPUT,
                     "checkpoint damaged: %s: none of its %zu generations is whole: begin anew "
                     "with --overwrite in place of --resume, or in another folder",
                     keep->folder, count);
    MR_TRY(mr_comm_agree(keep->comm, error));
    keep->announced = is_root(keep) && exists(keep, PLACING);
    keep->resumed = true;
    keep->newest = numbers[0];
    for (size_t i = 0; is_root(keep) && i < keep->loaded.count; i++)
        mr_book_add(&keep->own, &keep->loaded.entries[i], error);
    if (is_root(keep)) /* before anybody writes: afterwards what nobody names may be new */
        mr_keep_prune(keep, true);
    return mr_comm_agree(keep->comm, error);
}

/* Collective. Looks, and tells all what there is. */
static mr_status open_folder(mr_keep *keep, const mr_keep_plan *plan, bool *done, mr_error *error)
{
    findings found = {.numbers = NULL};
    if (is_root(keep) && look(keep, plan, &found, error) == MR_OK)
        write_job(keep, plan, error);
    mr_status status = mr_comm_agree(keep->comm, error);
    *done = mr_comm_any(keep->comm, found.done);
    void *bytes = found.numbers;
    size_t size = found.count * sizeof *found.numbers;
    if (status == MR_OK)
        status = mr_comm_broadcast(keep->comm, &bytes, &size, error);
    else if (!is_root(keep))
        bytes = NULL;
    if (status == MR_OK && !*done && size > 0)
        status = load(keep, plan, bytes, size / sizeof *found.numbers, error);
    free(bytes);
    return status;
}

mr_status mr_keep_open(mr_keep **result, mr_comm *comm, const mr_keep_plan *plan, bool *done,
                       mr_error *error)
{
    mr_keep *keep = *result = calloc(1, sizeof *keep);
    *done = false;
    if (keep) {
        *keep = (mr_keep){.comm = comm,
                          .every = plan->every,
                          .next = mr_clock_now() + plan->every,
                          .ends = plan->ends,
                          .lock = -1,
                          .folder = strdup(plan->folder),
                          .facts = facts_text(plan)};
    }
    if (!keep || !keep->folder || !keep->facts)
        mr_error_set(error, MR_NO_MEMORY, "out of memory: beginning a checkpoint");
    mr_status status = mr_comm_agree(comm, error);
    return status == MR_OK ? open_folder(keep, plan, done, error) : status;
}

void mr_keep_close(mr_keep **result)
{
    mr_keep *keep = *result;
    if (!keep)
        return;
    mr_keep_file_destroy(&keep->small);
    while (keep->files) {
        mr_keep_file *file = keep->files;
        mr_keep_file_destroy(&file);
    }
    mr_book_free(&keep->loaded);
    mr_book_free(&keep->own);
    if (keep->lock >= 0)
        close(keep->lock);
    free(keep->folder);
    free(keep->facts);
    free(keep);
    *result = NULL;
}

/* First the word, then what it makes superfluous. */
mr_status mr_keep_finish(mr_keep *keep, mr_error *error)
{
    char *text = keep->facts;
    MR_TRY(mr_keep_replace(keep, DONE, text, strlen(text), error));
    DIR *folder = opendir(keep->folder);
    for (struct dirent *at; folder && (at = readdir(folder));)
        if (strcmp(at->d_name, PLACING) == 0 ||
            strncmp(at->d_name, MR_MANIFEST, sizeof MR_MANIFEST - 1) == 0 ||
            strncmp(at->d_name, MR_KEEP_DATA, sizeof MR_KEEP_DATA - 1) == 0 ||
            strncmp(at->d_name, MR_JOURNAL, sizeof MR_JOURNAL - 1) == 0)
            unlinkat(dirfd(folder), at->d_name, 0);
    if (folder)
        closedir(folder);
    return MR_OK;
}

mr_status mr_keep_announce(mr_keep *keep, mr_error *error)
{
    return mr_keep_replace(keep, PLACING, "", 0, error);
}

bool mr_keep_was_announced(const mr_keep *keep)
{
    return keep->announced;
}

const char *mr_keep_folder(const mr_keep *keep)
{
    return keep->folder;
}

uint64_t mr_keep_generation(const mr_keep *keep)
{
    return keep->generation;
}

bool mr_keep_resumed(const mr_keep *keep)
{
    return keep->resumed;
}

double mr_keep_every(const mr_keep *keep)
{
    return keep->every;
}

double mr_keep_seconds(const mr_keep *keep)
{
    return keep->seconds;
}

uint64_t mr_keep_bytes(const mr_keep *keep)
{
    return keep->bytes;
}

/* Before the end there must be time for one more checkpoint, and for what is in between. */
#define MARGIN_LEAST 10.0

static bool ends_soon(const mr_keep *keep)
{
    struct timespec now;
    if (keep->ends <= 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    double margin = MARGIN_LEAST + 3 * keep->worst;
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9 + margin >= keep->ends;
}

mr_keep_wish mr_keep_wish_now(const mr_keep *keep)
{
    if (mr_signals_stopping())
        return MR_KEEP_STOP;
    if (!is_root(keep))
        return MR_KEEP_NOTHING;
    if (ends_soon(keep)) {
        mr_signals_stop("the job's time is nearly over");
        return MR_KEEP_STOP;
    }
    return mr_clock_now() >= keep->next ? MR_KEEP_SAVE : MR_KEEP_NOTHING;
}

mr_status mr_keep_ask(mr_keep *keep, mr_keep_wish *wish, mr_error *error)
{
    mr_keep_wish mine = mr_keep_wish_now(keep);
    int64_t strongest = mine;
    mr_vector_reduce(keep->comm, &strongest, 1, MR_NUMBER_I64, MR_COMBINE_MAX, 0);
    *wish = (mr_keep_wish)strongest;
    if (*wish == MR_KEEP_STOP && mine != MR_KEEP_STOP)
        mr_signals_stop(NULL);
    return mr_comm_agree(keep->comm, error);
}

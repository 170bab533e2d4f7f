/*
 * apps/logpipe.c: requests out of log files of web servers, in the order of the input: a pipeline.
 * The source cuts files into ranges; whoever is idle reads one, takes its lines apart and keeps
 * those that were asked for; rank 0 writes them. A command of the shell may stand in between.
 */
#include <mapred.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANGE ((int64_t)256 * 1024)

typedef struct state {
    mr_job *job;
    const char *status, *path, *since, *until, *through;
    int64_t from, to; /* seconds since 1970 */
    mr_bytes prefix;
    glob_t files; /* rank 0 */
    mr_text_output *output;
} state;

/* An item of the source. The name of the file follows. */
typedef struct range {
    int64_t begin, end;
    int64_t changed; /* nanoseconds: a job that is resumed must find the same file */
} range;

/* ---- Lines ---- */

typedef struct request {
    mr_bytes host, time, line, status, bytes;
} request;

static bool take_word(mr_bytes *rest, mr_bytes *word)
{
    const char *end = rest->data + rest->size, *stop = mr_bytes_seek(rest->data, end, ' ');
    *word = mr_bytes_between(rest->data, stop);
    *rest = mr_bytes_between(stop < end ? stop + 1 : end, end);
    return word->size > 0;
}

/* What stands between two marks; of the closing one not the first that has a backslash before it.
 */
static bool take_between(mr_bytes *rest, char open, char close, mr_bytes *text)
{
    const char *at = rest->data + 1, *end = rest->data + rest->size;
    if (rest->size < 2 || rest->data[0] != open)
        return false;
    while (at < end && *at != close)
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    *text = mr_bytes_between(rest->data + 1, at);
    if (at >= end || (at + 1 < end && at[1] != ' '))
        return false;
    *rest = mr_bytes_between(at + 1 < end ? at + 2 : end, end);
    return true;
}

static bool is_number(mr_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0;
}

/* HOST IDENT USER [TIME] "REQUEST" STATUS BYTES, and whatever follows. */
static bool parse(mr_bytes line, request *r)
{
    mr_bytes skipped;
    return take_word(&line, &r->host) && take_word(&line, &skipped) && take_word(&line, &skipped) &&
           take_between(&line, '[', ']', &r->time) && take_between(&line, '"', '"', &r->line) &&
           take_word(&line, &r->status) && take_word(&line, &r->bytes) && r->status.size == 3 &&
           is_number(r->status) &&
           (is_number(r->bytes) || mr_bytes_equal(r->bytes, mr_bytes_of("-")));
}

static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `count` digits. */
static bool digits(mr_bytes text, size_t at, size_t count, int64_t *number)
{
    return at + count <= text.size && is_number((mr_bytes){text.data + at, count}) &&
           mr_bytes_to_i64((mr_bytes){text.data + at, count}, number);
}

static bool find_month(mr_bytes text, size_t at, int64_t *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (*month = 1; *month <= 12; ++*month)
        if (memcmp(text.data + at, names + 3 * (*month - 1), 3) == 0)
            return true;
    return false;
}

/* 10/Oct/2000:13:55:36 -0700 */
static bool time_of_log(mr_bytes text, int64_t *seconds)
{
    int64_t day, month, year, hour, minute, second, zone;
    if (text.size != 26 || !digits(text, 0, 2, &day) || !find_month(text, 3, &month) ||
        !digits(text, 7, 4, &year) || !digits(text, 12, 2, &hour) ||
        !digits(text, 15, 2, &minute) || !digits(text, 18, 2, &second) ||
        !digits(text, 22, 4, &zone) || (text.data[21] != '+' && text.data[21] != '-'))
        return false;
    const int64_t ahead = (zone / 100 * 60 + zone % 100) * 60;
    *seconds = (days_since_1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second -
               (text.data[21] == '-' ? -ahead : ahead);
    return true;
}

/* 2000-10-10, or 2000-10-10T13:55:36; in UTC. */
static bool time_of_option(const char *option, int64_t *seconds)
{
    const mr_bytes text = mr_bytes_of(option);
    int64_t day, month, year, hour = 0, minute = 0, second = 0;
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) ||
        text.data[4] != '-' || text.data[7] != '-')
        return false;
    if (text.size != 10 && (text.size != 19 || !digits(text, 11, 2, &hour) ||
                            !digits(text, 14, 2, &minute) || !digits(text, 17, 2, &second) ||
                            text.data[10] != 'T' || text.data[13] != ':' || text.data[16] != ':'))
        return false;
    *seconds = (days_since_1970(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    return true;
}

/* ---- What was asked for ---- */

/* 404, or 4xx. */
static bool has_status(const state *s, const request *r)
{
    for (int i = 0; s->status && i < 3; i++)
        if (s->status[i] != 'x' && s->status[i] != r->status.data[i])
            return false;
    return true;
}

static bool has_path(const state *s, const request *r)
{
    mr_bytes rest = r->line, method, path;
    return !s->path ||
           (take_word(&rest, &method) && take_word(&rest, &path) && path.size >= s->prefix.size &&
            memcmp(path.data, s->prefix.data, s->prefix.size) == 0);
}

/* Where a time was asked for and the line's is none, the line is malformed. */
static bool has_time(const state *s, const request *r, bool *is_malformed)
{
    int64_t seconds;
    if (!s->since && !s->until)
        return true;
    *is_malformed = !time_of_log(r->time, &seconds);
    return !*is_malformed && seconds >= s->from && seconds < s->to;
}

/* ---- The parallel stage: from a range to rows ---- */

typedef struct reader {
    char *buffer, *row;
    uint64_t capacity, row_capacity;
    int64_t lines, malformed, kept;
} reader;

static bool grow(mr_job *job, char **buffer, uint64_t *capacity, uint64_t kept, uint64_t needed)
{
    if (needed <= *capacity)
        return true;
    char *larger = mr_job_allocate(job, 2 * needed);
    if (!larger)
        return false;
    if (kept)
        memcpy(larger, *buffer, kept);
    mr_job_release(job, *buffer, *capacity);
    *buffer = larger;
    *capacity = 2 * needed;
    return true;
}

/* A field as in any table of this program: what would end it is written as two letters. */
static char *add_field(char *at, mr_bytes field, char end)
{
    for (size_t i = 0; i < field.size; i++) {
        const char c = field.data[i];
        const char letter = c == '\t' ? 't' : c == '\r' ? 'r' : c == '\\' ? '\\' : 0;
        if (letter)
            *at++ = '\\';
        *at++ = letter ? letter : c;
    }
    *at = end;
    return at + 1;
}

static mr_status put_row(mr_stage *stage, const state *s, reader *local, const request *r)
{
    const uint64_t most = 2 * (r->host.size + r->time.size + r->line.size + r->bytes.size) + 16;
    if (!grow(s->job, &local->row, &local->row_capacity, 0, most))
        return mr_stage_fail(stage, MR_NO_MEMORY, "out of memory: a line of %llu bytes",
                             (unsigned long long)most / 2);
    char *at = add_field(local->row, r->host, '\t');
    at = add_field(at, r->time, '\t');
    at = add_field(at, r->line, '\t');
    at = add_field(at, r->status, '\t');
    at = add_field(at, r->bytes, '\n');
    local->kept++;
    return mr_stage_put(stage, mr_bytes_between(local->row, at - 1));
}

static mr_status take_line(mr_stage *stage, const state *s, reader *local, mr_bytes line)
{
    request r;
    bool is_malformed = false;
    local->lines++;
    if (!parse(mr_bytes_chomp(line), &r)) {
        local->malformed++;
        return MR_OK;
    }
    const bool is_wanted = has_status(s, &r) && has_path(s, &r) && has_time(s, &r, &is_malformed);
    local->malformed += is_malformed;
    return is_wanted ? put_row(stage, s, local, &r) : MR_OK;
}

/* Adds bytes of the file to the buffer. Fewer than asked for: it has no more. */
static mr_status read_more(mr_stage *stage, const state *s, reader *local, int file,
                           const char *name, int64_t begin, uint64_t *have, uint64_t more)
{
    const uint64_t wanted = *have + more;
    if (!grow(s->job, &local->buffer, &local->capacity, *have, wanted))
        return mr_stage_fail(stage, MR_NO_MEMORY, "out of memory: %s: a line of %llu bytes", name,
                             (unsigned long long)wanted);
    while (*have < wanted) {
        const ssize_t got =
            pread(file, local->buffer + *have, wanted - *have, begin + (int64_t)*have);
        if (got < 0 && errno != EINTR)
            return mr_stage_fail(stage, MR_BAD_INPUT, "cannot read: %s: byte %lld: %s", name,
                                 (long long)(begin + (int64_t)*have), strerror(errno));
        if (got == 0)
            return MR_OK;
        *have += got > 0 ? (uint64_t)got : 0;
    }
    return MR_OK;
}

/* Lines whose first byte lies in the range; the last one may end behind it. The byte before the
 * range is read too: it tells whether a line begins with it. */
static mr_status read_lines(mr_stage *stage, const state *s, reader *local, int file,
                            const char *name, range r)
{
    const int64_t begin = r.begin > 0 ? r.begin - 1 : 0;
    uint64_t have = 0;
    MR_TRY(read_more(stage, s, local, file, name, begin, &have, (uint64_t)(r.end - begin)));
    const uint64_t inside = have; /* a line that begins before this is ours */
    const char *end = local->buffer + have;
    uint64_t at = 0;
    if (r.begin > 0)
        at = (uint64_t)(mr_bytes_seek(local->buffer, end, '\n') - local->buffer) + 1;
    while (at < inside) {
        const char *start = local->buffer + at;
        const char *stop = mr_bytes_seek(start, local->buffer + have, '\n');
        if (stop == local->buffer + have) {
            const uint64_t before = have;
            MR_TRY(read_more(stage, s, local, file, name, begin, &have, have - at + 4096));
            if (have > before)
                continue;
            stop = local->buffer + have;
            start = local->buffer + at;
        }
        MR_TRY(take_line(stage, s, local, mr_bytes_between(start, stop)));
        at = (uint64_t)(stop - local->buffer) + 1;
    }
    return MR_OK;
}

static mr_status read_range(mr_stage *stage, mr_bytes item)
{
    range r;
    char name[4096];
    memcpy(&r, item.data, sizeof r);
    snprintf(name, sizeof name, "%.*s", (int)(item.size - sizeof r), item.data + sizeof r);
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return mr_stage_fail(stage, MR_BAD_INPUT, "cannot read: %s: %s", name, strerror(errno));
    const mr_status status =
        read_lines(stage, mr_stage_context(stage), mr_stage_local(stage), file, name, r);
    close(file);
    return status;
}

/* On the main thread, when the work is done. */
static void close_reader(mr_stage *stage, void *local)
{
    const state *s = mr_stage_context(stage);
    reader *r = local;
    mr_job_add(s->job, "lines", r->lines);
    mr_job_add(s->job, "malformed", r->malformed);
    mr_job_add(s->job, "kept", r->kept);
    mr_job_release(s->job, r->buffer, r->capacity);
    mr_job_release(s->job, r->row, r->row_capacity);
}

/* ---- The source, and the end ---- */

static mr_status cut_files(mr_stage *stage)
{
    const state *s = mr_stage_context(stage);
    for (size_t i = 0; i < s->files.gl_pathc; i++) {
        const char *name = s->files.gl_pathv[i];
        struct stat about;
        if (stat(name, &about) != 0)
            return mr_stage_fail(stage, MR_BAD_INPUT, "cannot read: %s: %s", name, strerror(errno));
        const int64_t changed = about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
        for (range r = {0, 0, changed}; r.begin < about.st_size; r.begin = r.end) {
            r.end = about.st_size - r.begin < RANGE ? about.st_size : r.begin + RANGE;
            char *room = mr_stage_put_room(stage, sizeof r + strlen(name));
            if (!room)
                return MR_CANCELLED;
            memcpy(room, &r, sizeof r);
            memcpy(room + sizeof r, name, strlen(name));
        }
    }
    return MR_OK;
}

static mr_status write_row(mr_stage *stage, mr_bytes item)
{
    const state *s = mr_stage_context(stage);
    MR_TRY(mr_text_output_write(s->output, item.data, item.size));
    return mr_text_output_write(s->output, "\n", 1);
}

/* ---- Inputs ---- */

static mr_status check_file(mr_job *job, const char *name)
{
    unsigned char first[4] = {0};
    struct stat about;
    const int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &about) != 0)
        mr_job_fail(job, MR_BAD_INPUT, "cannot read: %s: %s: check the name", name,
                    strerror(errno));
    else if (!S_ISREG(about.st_mode))
        mr_job_fail(job, MR_BAD_INPUT, "cannot read: %s: it is no file: give log files", name);
    else if (pread(file, first, sizeof first, 0) >= 2 &&
             (memcmp(first, "\x1f\x8b", 2) == 0 || memcmp(first, "\x28\xb5\x2f\xfd", 4) == 0))
        mr_job_fail(job, MR_BAD_INPUT, "cannot read: %s: it is compressed: unpack it first", name);
    if (file >= 0)
        close(file);
    return MR_OK;
}

/* So that glob takes a name as it is. */
static void escape(char *pattern, size_t room, const char *name)
{
    size_t at = 0;
    for (; *name && at + 2 < room; name++) {
        if (strchr("*?[\\", *name))
            pattern[at++] = '\\';
        pattern[at++] = *name;
    }
    pattern[at] = 0;
}

/* A name that is there, all files of a folder, or what a pattern stands for. */
static void add_files(mr_job *job, state *s, const char *name, int more)
{
    struct stat about;
    char pattern[8192];
    const bool is_there = stat(name, &about) == 0;
    if (is_there)
        escape(pattern, sizeof pattern - 2, name);
    else
        snprintf(pattern, sizeof pattern, "%s", name);
    if (is_there && S_ISDIR(about.st_mode))
        memcpy(pattern + strlen(pattern), "/*", sizeof "/*");
    const int status = glob(pattern, more, NULL, &s->files);
    if (status == GLOB_NOMATCH)
        mr_job_fail(job, MR_BAD_INPUT, "cannot read: %s: %s: check the name", name,
                    is_there ? "the folder is empty" : strerror(ENOENT));
    else if (status != 0)
        mr_job_fail(job, MR_BAD_INPUT, "cannot read: %s: it could not be listed", name);
}

static void list_files(mr_job *job, state *s)
{
    if (mr_job_input_count(job) == 0)
        mr_job_fail(job, MR_USAGE, "no input: logpipe: give log files");
    for (size_t i = 0; i < mr_job_input_count(job); i++)
        add_files(job, s, mr_job_input(job, i), i > 0 ? GLOB_APPEND : 0);
    for (size_t i = 0; i < s->files.gl_pathc; i++)
        check_file(job, s->files.gl_pathv[i]);
}

/* ---- The job ---- */

static mr_status run_pipeline(mr_job *job, state *s)
{
    mr_stage_plan stages[4] = {{.name = "read",
                                .run = read_range,
                                .local_size = sizeof(reader),
                                .local_close = close_reader}};
    int count = 1;
    if (s->through)
        stages[count++] =
            (mr_stage_plan){.name = "through", .kind = MR_STAGE_IN_ORDER, .command = s->through};
    stages[count] = (mr_stage_plan){.name = "write", .kind = MR_STAGE_IN_ORDER, .run = write_row};
    return mr_pipeline_run(job, &(mr_pipeline){.size = sizeof(mr_pipeline),
                                               .name = "logpipe",
                                               .source = cut_files,
                                               .stages = stages,
                                               .context = s,
                                               .resumes = true});
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    s->job = job;
    if (mr_job_rank(job) == 0)
        list_files(job, s);
    MR_TRY(mr_job_agree(job));
    MR_TRY(mr_text_output_begin(job, &s->output));
    MR_TRY(run_pipeline(job, s));
    return mr_text_output_end(&s->output);
}

static bool is_status(const char *text)
{
    for (int i = 0; i < 3; i++)
        if (text[i] != 'x' && (text[i] < '0' || text[i] > '9'))
            return false;
    return text[3] == 0;
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    s->from = INT64_MIN;
    s->to = INT64_MAX;
    if (s->path)
        s->prefix = mr_bytes_of(s->path);
    if (s->status && !is_status(s->status))
        return mr_job_fail(job, MR_USAGE, "wrong --status: %s: give one like 404, or 4xx",
                           s->status);
    if (s->since && !time_of_option(s->since, &s->from))
        return mr_job_fail(job, MR_USAGE, "wrong --since: %s: give 2000-12-31[T23:59:59], in UTC",
                           s->since);
    if (s->until && !time_of_option(s->until, &s->to))
        return mr_job_fail(job, MR_USAGE, "wrong --until: %s: give 2000-12-31[T23:59:59], in UTC",
                           s->until);
    return MR_OK;
}

static void teardown(mr_job *job, void *data)
{
    state *s = data;
    (void)job;
    if (s->files.gl_pathv)
        globfree(&s->files);
}

static const mr_option options[] = {
    {"status", MR_OPTION_TEXT, offsetof(state, status), NULL, "only these: 404, or 4xx", false},
    {"path", MR_OPTION_TEXT, offsetof(state, path), NULL, "only paths that begin like this", false},
    {"since", MR_OPTION_TEXT, offsetof(state, since), NULL,
     "only from then on: 2000-12-31[T23:59:59], in UTC", false},
    {"until", MR_OPTION_TEXT, offsetof(state, until), NULL, "only before then", false},
    {"through", MR_OPTION_TEXT, offsetof(state, through), NULL,
     "a command of the shell that all rows go through", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "logpipe",
    .summary = "requests out of logs of web servers, as rows",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .teardown = teardown,
    .run = run,
};

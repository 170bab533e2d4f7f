/*
 * apps/grep.c: the lines that hold a text or match a regular expression (POSIX extended), in the
 * order of the input, or how many they are. A text is looked for in the whole block, not line by
 * line.
 */
#include <mapred.h>

#include <regex.h>

typedef struct state {
    const char *pattern;
    bool regex, count;
    mr_bytes text;
} state;

static mr_status found(mr_out *out, const state *s, mr_bytes line)
{
    return s->count ? mr_out_dense_add_i64(out, 0, 1) : mr_out_add_line(out, line);
}

static mr_status map_text(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    for (mr_bytes rest; mr_block_next_all(block, &rest);) {
        const char *at = rest.data, *end = rest.data + rest.size;
        while (at < end) {
            const char *hit = memmem(at, (size_t)(end - at), s->text.data, s->text.size);
            if (!hit)
                break;
            const char *before = memrchr(at, '\n', (size_t)(hit - at));
            const char *start = before ? before + 1 : at;
            const char *stop = mr_bytes_seek(hit, end, '\n');
            MR_TRY(found(out, s, mr_bytes_between(start, stop)));
            at = stop + 1;
        }
    }
    return MR_OK;
}

static mr_status map_regex(mr_out *out, mr_block *block)
{
    const state *s = mr_out_state(out);
    const regex_t *regex = mr_out_local(out);
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        regmatch_t span = {.rm_so = 0, .rm_eo = (regoff_t)line.size};
        if (regexec(regex, line.data, 1, &span, REG_STARTEND) == 0)
            MR_TRY(found(out, s, line));
    }
    return MR_OK;
}

static mr_status compile(regex_t *regex, const char *pattern, char *why, size_t size)
{
    int code = regcomp(regex, pattern, REG_EXTENDED);
    if (code == 0)
        return MR_OK;
    regerror(code, regex, why, size);
    return MR_USAGE;
}

/* One compiled expression a thread: matching with a shared one takes turns on a lock. */
static mr_status open_thread(mr_out *out, void *local)
{
    const state *s = mr_out_state(out);
    char why[256];
    return s->regex ? compile(local, s->pattern, why, sizeof why) : MR_OK;
}

static void close_thread(mr_out *out, void *local)
{
    const state *s = mr_out_state(out);
    if (s->regex)
        regfree(local);
}

static void number_only(mr_text *text, mr_bytes key, const void *accumulator)
{
    (void)key;
    mr_text_printf(text, "%lld\n", (long long)*(const int64_t *)accumulator);
}

static const mr_layout number = {.row = number_only};

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    mr_app *app = mr_job_app(job);
    regex_t regex;
    char why[256];
    s->text = mr_bytes_of(s->pattern);
    if (memchr(s->text.data, '\n', s->text.size))
        return mr_job_fail(
            job, MR_USAGE,
            "wrong --pattern: it holds a newline, and lines do not: give --regex 'a|b'");
    if (s->regex) {
        if (compile(&regex, s->pattern, why, sizeof why) != MR_OK)
            return mr_job_fail(job, MR_USAGE, "wrong --pattern: %s: %s", s->pattern, why);
        regfree(&regex);
        app->map = map_regex;
    }
    if (s->count) {
        app->key = MR_KEY_DENSE;
        app->dense_count = 1;
        app->dense_all = true;
        app->fold = MR_SUM_I64;
        app->layout = &number;
    }
    return MR_OK;
}

static const mr_option options[] = {
    {"pattern", MR_OPTION_TEXT, offsetof(state, pattern), NULL, "what to look for", true},
    {"regex", MR_OPTION_FLAG, offsetof(state, regex), NULL,
     "the pattern is a POSIX extended regular expression", false},
    {"count", MR_OPTION_FLAG, offsetof(state, count), NULL, "only how many lines there are", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "grep",
    .summary = "lines that hold a text or match a regular expression",
    .input = MR_INPUT_LINES,
    .map = map_text,
    .fold = MR_TEXT,
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .local_size = sizeof(regex_t),
    .local_open = open_thread,
    .local_close = close_thread,
};

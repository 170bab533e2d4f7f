/*
 * tasks/text.c: a driver for text.py: text as a result, written well or in all the ways in which it
 * must not be.
 */
#include <mapred.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct state {
    const char *how;
    int64_t pieces;
} state;

/* The text of piece `i`: now and then larger than any buffer. */
static size_t piece(int64_t i, char *text)
{
    size_t size = (size_t)snprintf(text, 32, "%lld ", (long long)i);
    size_t more = i % 50 == 49 ? 300000 : (size_t)(i * 37 % 5000);
    memset(text + size, 'a' + (int)(i % 26), more);
    text[size + more] = '\n';
    return i % 10 == 3 ? 0 : size + more + 1;
}

static mr_status write_pieces(mr_job *job, mr_text_output *output, int64_t pieces)
{
    char *text = malloc(400000);
    mr_status status = MR_OK;
    for (int64_t i = 0; i < pieces && status == MR_OK && mr_job_rank(job) == 0; i++)
        status = mr_text_output_write(output, text, piece(i, text));
    if (mr_job_rank(job) > 0 && mr_text_output_write(output, "no", 2) != MR_FAILED)
        abort();
    free(text);
    return status;
}

static mr_status in_pieces(mr_job *job, const state *s)
{
    mr_text_output *output;
    MR_TRY(mr_text_output_begin(job, &output));
    write_pieces(job, output, s->pieces);
    if (strcmp(s->how, "unended") == 0)
        return MR_OK;
    if (strcmp(s->how, "fails") == 0)
        return mr_job_rank(job) < mr_job_ranks(job) - 1
                   ? MR_OK
                   : mr_job_fail(job, MR_BAD_INPUT, "no more: of this");
    if (strcmp(s->how, "nested") == 0) {
        mr_text_output *second;
        mr_text_output_begin(job, &second);
        write_pieces(job, output, 10);
    }
    return mr_text_output_end(&output);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    static const char text[] = "one\ntwo\n";
    if (mr_job_is_dry(job))
        return mr_job_write_text(job, "digraph {}\n", 11);
    if (strcmp(s->how, "whole") != 0 && strcmp(s->how, "twice") != 0)
        return in_pieces(job, s);
    MR_TRY(mr_job_write_text(job, text, sizeof text - 1));
    return strcmp(s->how, "twice") == 0 ? mr_job_write_text(job, text, 3) : MR_OK;
}

static const mr_option options[] = {
    {"how", MR_OPTION_TEXT, offsetof(state, how), "whole", "how it goes", false},
    {"pieces", MR_OPTION_I64, offsetof(state, pieces), "200", "how many", false},
    {0},
};

MR_APP = {MR_APP_ABI, .name = "text",    .options = options, .state_size = sizeof(state),
          .run = run, .tells_plan = true};

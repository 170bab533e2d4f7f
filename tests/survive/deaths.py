"""survive/deaths.py: a rank that is killed is told of in one line, whatever it was at.

Only processes that descend from the one a test started are looked at and ended.
"""

import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

# A kernel that takes a minute for what is a moment's work, and leaves a file to say that it has begun.
SLOW = """
#include <mapred.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void say_begun(void)
{
    char name[64];
    snprintf(name, sizeof name, "begun.%s", getenv("OMPI_COMM_WORLD_RANK") ? getenv("OMPI_COMM_WORLD_RANK") : "0");
    FILE *begun = fopen(name, "w");
    if (begun)
        fclose(begun);
}

static mr_status map(mr_out *out, mr_block *block)
{
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        say_begun();
        if (line.data[0] == 'x')
            exit(7);
        if (line.data[0] == 's')
            nanosleep(&(struct timespec){60, 0}, NULL);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        MR_TRY(mr_out_add_i64(out, line, 1));
    }
    return MR_OK;
}

MR_APP = {MR_APP_ABI, .name = "slow", .map = map, .fold = MR_SUM_I64};
"""

# A driver that stops where it is told to, on every rank but where it says on the last one only.
DRIVER = """
#include <mapred.h>
#include <mapred/sync.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct state {
    const char *where;
} state;

static void stay(mr_job *job, bool everywhere)
{
    char name[64];
    snprintf(name, sizeof name, "begun.%d", mr_job_rank(job));
    FILE *begun = fopen(name, "w");
    if (begun)
        fclose(begun);
    if (everywhere || mr_job_rank(job) == mr_job_ranks(job) - 1)
        nanosleep(&(struct timespec){60, 0}, NULL);
}

static mr_status run(mr_job *job)
{
    const state *s = mr_job_state(job);
    if (strcmp(s->where, "queue") == 0) {
        mr_queue *queue;
        mr_bytes got;
        mr_queue_options options = {.home = 0};
        (void)got;
        MR_TRY(mr_queue_open(job, "never", &options, &queue));
        stay(job, false);
        mr_queue_get(queue, &got, MR_FOREVER);
        return MR_OK;
    }
    stay(job, strcmp(s->where, "driver") == 0);
    return mr_job_agree(job);
}

static const mr_option options[] = {
    {"where", MR_OPTION_TEXT, .offset = offsetof(state, where), .fallback = "driver"}, {.name = NULL}};

MR_APP = {MR_APP_ABI, .name = "stays", .usage = "", .run = run, .options = options, .state_size = sizeof(state)};
"""


def children(process):
    """Its descendants, as {id: name}."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, check=True, text=True)
    table = [line.split(None, 2) for line in rows.stdout.splitlines()]
    found, new = {}, {process}
    while new:
        new = {int(pid): name for pid, parent, name in table if int(parent) in new and int(pid) not in found}
        found.update(new)
    return found

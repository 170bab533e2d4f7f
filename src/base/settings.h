/*
 * base/settings.h: what the user asked of a job, once it is understood. Plain data.
 */
#ifndef MR_BASE_SETTINGS_H
#define MR_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum mr_sort { MR_SORT_KEY = 0, MR_SORT_VALUE = 1, MR_SORT_NONE = 2 } mr_sort;
typedef enum mr_progress_mode {
    MR_PROGRESS_AUTO = 0,
    MR_PROGRESS_ALWAYS = 1,
    MR_PROGRESS_NEVER = 2
} mr_progress_mode;

/* Zeros are the defaults. Strings are borrowed. */
typedef struct mr_settings {
    const char *output;
    const char *format;
    bool overwrite;
    uint64_t compress;   /* of HDF5: deflate's level; 0: none */
    uint64_t threads;    /* 0: a fair share of the node */
    uint64_t memory;     /* 0: a safe share of the node */
    const char *scratch; /* NULL: from the environment */
    uint64_t block;      /* 0: the default */
    mr_sort sort;
    bool sort_given;
    bool reverse;
    uint64_t top;        /* 0: all rows */
    uint64_t partitions; /* 0: by size */
    mr_progress_mode progress;
    const char *report;
    const char *trace;
    const char *checkpoint;    /* the folder; NULL: none */
    uint64_t checkpoint_every; /* seconds; see checkpoint_given */
    bool checkpoint_given;     /* how often: else every 60 seconds */
    bool resume;
    uint64_t skip_bad; /* records */
    double watchdog;   /* seconds; 0: off */
    bool watchdog_given;
    uint64_t seed;
    bool dry_run;
    bool bind_keep;
    bool no_steal;
    bool verify;
    bool quiet;
    bool verbose;
    int argument_count;     /* of the command line: the app's name and what stands behind it */
    char *const *arguments; /* NULL: there was none */
    bool replay; /* of all splits only the one numbered `replay_block` is mapped */
    uint64_t replay_block;
} mr_settings;

#endif

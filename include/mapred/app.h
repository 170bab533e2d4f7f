/*
 * mapred/app.h: what a plugin is. One shared object exports one symbol, `mr_app_descriptor`,
 * written down with MR_APP; everything the framework wants to know about an app stands in it.
 */
#ifndef MAPRED_APP_H
#define MAPRED_APP_H

#include <mapred/set.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a plugin built against an older header could misread a newer library. */
#define MR_ABI 4

/* For apps that write lines in the order of the input rather than folding: mr_out_add_line. */
MR_API extern const mr_fold mr_fold_text;
#define MR_TEXT (&mr_fold_text)

/* Options of an app: `mapred APP --name VALUE`. Set in the app's state before `setup` runs. */
typedef enum mr_option_type {
    MR_OPTION_FLAG = 1, /* bool, no value */
    MR_OPTION_I64 = 2,  /* int64_t */
    MR_OPTION_F64 = 3,  /* double */
    MR_OPTION_SIZE = 4, /* uint64_t, with K, M, G, T */
    MR_OPTION_TEXT = 5  /* const char *, owned by the job */
} mr_option_type;

typedef struct mr_option {
    const char *name; /* without the dashes */
    mr_option_type type;
    size_t offset;        /* in the app's state */
    const char *fallback; /* as it would be typed; NULL: none */
    const char *help;
    bool required;
} mr_option;

/*
 * How rows are written when the format is tsv and the app has its own idea of it: text around and
 * between the rows, and a function that writes one. Only what is not NULL is used.
 */
typedef struct mr_layout {
    const char *open, *between, *close;
    void (*row)(mr_text *text, mr_bytes key, const void *accumulator);
} mr_layout;

/* The descriptor. Static and constant; the framework copies it. */
typedef struct mr_app {
    uint32_t abi;  /* MR_ABI; MR_APP_ABI fills in both */
    uint32_t size; /* sizeof(mr_app) */
    const char *name;
    const char *summary; /* one line, lower case, no full stop */
    const char *usage;   /* what stands behind the options; NULL: INPUT... */

    mr_input input;
    uint32_t record_size; /* for MR_INPUT_RECORDS */
    mr_element element;   /* for MR_INPUT_ROWS: what the kernel wants to get; 0: what is there */
    mr_status (*map)(mr_out *out, mr_block *block);

    mr_key key;
    uint64_t dense_count;            /* for MR_KEY_DENSE: how many keys there are */
    int64_t dense_first, dense_step; /* key i is shown as dense_first + i * dense_step (0: 1) */
    bool dense_all;                  /* also show those that nothing was folded into */
    const mr_fold *fold;
    const mr_layout *layout;
    const char *key_name; /* of the key's column; NULL: key */
    const char *columns;  /* of the values' columns, with commas between; NULL: the fold's */

    const mr_option *options; /* up to one whose name is NULL */
    size_t state_size;        /* of the app's state: options, and what `setup` makes of them */
    /* Local, on every rank, after the options are read and before the input is: may fill the state
     * and change the job's copy of this descriptor (mr_job_app). */
    mr_status (*setup)(mr_job *job, void *state);
    void (*teardown)(mr_job *job, void *state);
    size_t local_size; /* of each thread's own state, zeroed */
    mr_status (*local_open)(mr_out *out, void *local);
    void (*local_close)(mr_out *out, void *local);

    /* Instead of a fold: `map` puts pairs (mr_out_pair) of the shape `pairs`, `reduce` gets each
     * key with its values and puts pairs of the shape `result`, which are written. `key` is not
     * used. */
    mr_reduce_kernel *reduce;
    mr_shape pairs, result;
    mr_values_order values;
    bool ordered, associative, same_keys; /* see mr_set_options */

    /* Instead of all that: a driver, collective, on every rank (see mapred/driver.h). It reads what
     * inputs it wants and writes the result itself. `map` and `fold` are not used; `input` and
     * `element` only tell `mapred plan` about rows (MR_INPUT_ROWS). */
    mr_status (*run)(mr_job *job);
    bool tells_plan; /* `run` is called with --dry-run, too: it looks at mr_job_is_dry */
} mr_app;

#define MR_APP_ABI .abi = MR_ABI, .size = (uint32_t)sizeof(mr_app)

#ifdef __cplusplus
#define MR_APP                                                                                     \
    extern "C" MR_API const mr_app mr_app_descriptor;                                              \
    const mr_app mr_app_descriptor
#else
#define MR_APP                                                                                     \
    MR_API extern const mr_app mr_app_descriptor;                                                  \
    const mr_app mr_app_descriptor
#endif

/* Local. The job's own copy of the descriptor: for `setup`, which may change it. */
MR_API mr_app *mr_job_app(mr_job *job);

/* Local. The app's state. */
MR_API void *mr_job_state(mr_job *job);

/* Local. This rank, from 0, and how many there are. */
MR_API int mr_job_rank(const mr_job *job);
MR_API int mr_job_ranks(const mr_job *job);

/* Local. Records why `setup` fails and returns `status`; the job then ends on all ranks. */
MR_API mr_status mr_job_fail(mr_job *job, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif

/*
 * cli/table.c: the job options. Parser, help and documentation all follow this table.
 */
#include "cli/options.h"

#define AT(field)   .offset = offsetof(mr_request, field)
#define RANGE(a, b) .least = (a), .most = (b)

const mr_job_option mr_job_options[] = {
    {"output", 'o', MR_JOB_TEXT, "PATH", "standard output",
     "write there: a file, or a folder with a slash behind it", AT(settings.output)},
    {"format", 'f', MR_JOB_WORD, "tsv|csv|json|binary", "by the output's ending, else tsv",
     "how rows are written", AT(settings.format)},
    {"overwrite", 0, MR_JOB_FLAG, NULL, NULL, "replace an output that exists",
     AT(settings.overwrite)},
    {"threads", 't', MR_JOB_WHOLE, "N", "a fair share of the node", "threads of each rank",
     AT(settings.threads), RANGE(1, 4096)},
    {"memory", 'm', MR_JOB_SIZE, "SIZE", "a safe share of the node", "memory of each rank",
     AT(settings.memory), RANGE(1, UINT64_MAX)},
    {"scratch", 0, MR_JOB_TEXT, "DIR", "$SLURM_TMPDIR, $TMPDIR or /tmp",
     "where a rank puts what exceeds its memory", AT(settings.scratch)},
    {"block", 0, MR_JOB_SIZE, "SIZE", "256K", "bytes a kernel is called with", AT(settings.block),
     RANGE(1, UINT64_MAX)},
    {"sort", 0, MR_JOB_CHOICE, "key|value|none", "key", "order of the rows", AT(settings.sort)},
    {"reverse", 0, MR_JOB_FLAG, NULL, NULL, "the other way round", AT(settings.reverse)},
    {"top", 0, MR_JOB_WHOLE, "N", "all", "only the first N rows", AT(settings.top),
     RANGE(1, UINT64_MAX)},
    {"partitions", 0, MR_JOB_WHOLE, "N", "by the result's size", "parts of a folder as output",
     AT(settings.partitions), RANGE(1, 1000000)},
    {"progress", 0, MR_JOB_CHOICE, "auto|always|never", "auto",
     "a line that says how far the job is; auto: on a terminal", AT(settings.progress)},
    {"report", 0, MR_JOB_TEXT, "FILE", NULL, "write the job's numbers as JSON",
     AT(settings.report)},
    {"seed", 0, MR_JOB_WHOLE, "N", "0", "for whatever is random", AT(settings.seed),
     RANGE(0, UINT64_MAX)},
    {"dry-run", 0, MR_JOB_FLAG, NULL, NULL, "say what would be done, and stop",
     AT(settings.dry_run)},
    {"bind", 0, MR_JOB_EITHER, "auto|keep", "auto",
     "give ranks their CPUs, or keep the launcher's binding", AT(settings.bind_keep)},
    {"no-steal", 0, MR_JOB_FLAG, NULL, NULL, "idle ranks take no work from others",
     AT(settings.no_steal)},
    {"verify", 0, MR_JOB_FLAG, NULL, NULL, "checksum all that is sent between ranks",
     AT(settings.verify)},
    {"config", 0, MR_JOB_TEXT, "FILE", "mapred.conf, where there is one",
     "read options from a file", AT(config)},
    {"quiet", 'q', MR_JOB_FLAG, NULL, NULL, "say nothing but errors", AT(settings.quiet)},
    {"verbose", 'v', MR_JOB_FLAG, NULL, NULL, "explain the plan and the binding",
     AT(settings.verbose)},
    {"help", 'h', MR_JOB_FLAG, NULL, NULL, "show this", AT(help), .typed_only = true},
    {"version", 0, MR_JOB_FLAG, NULL, NULL, "show which mapred this is", AT(version),
     .typed_only = true},
    {.name = NULL},
};

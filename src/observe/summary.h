/* observe/summary.h: a job's numbers in about ten lines, for who asked with -v. */
#ifndef MR_OBSERVE_SUMMARY_H
#define MR_OBSERVE_SUMMARY_H

#include "observe/report.h"

/* Rank 0. Notes, one a line: see observe/note.h. */
void mr_summary_tell(const mr_job_report *report);

#endif

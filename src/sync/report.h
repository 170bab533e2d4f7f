/* sync/report.h: what was done with an object, for the report and -v. */
#ifndef MR_SYNC_REPORT_H
#define MR_SYNC_REPORT_H

#include "sync/object.h"

/* Collective, when it closes. */
void mr_sync_report(mr_sync_object *object);

#endif

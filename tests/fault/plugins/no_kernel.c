/* tests/fault/plugins/no_kernel.c: an app that forgot its kernel. */
#include <mapred.h>

MR_APP = {MR_APP_ABI, .name = "no_kernel", .summary = "has no kernel", .fold = MR_SUM_I64};

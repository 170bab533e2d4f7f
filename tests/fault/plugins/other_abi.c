/* tests/fault/plugins/other_abi.c: an app that was built for another ABI. */
#include <mapred.h>

MR_APP = {.abi = MR_ABI + 1, .size = (uint32_t)sizeof(mr_app), .name = "other_abi"};

/* tests/fault/plugins/other_size.c: an app whose descriptor has another size. */
#include <mapred.h>

MR_APP = {.abi = MR_ABI, .size = (uint32_t)sizeof(mr_app) - 8, .name = "other_size"};

/* output/npy.h: what a file of numpy begins with; behind it are the elements, in C order. */
#ifndef MR_OUTPUT_NPY_H
#define MR_OUTPUT_NPY_H

#include "output/format.h"

#include <mapred/element.h>

/* '<' or '>': in what order this machine has the bytes of a number. */
char mr_npy_order(void);

/* Appends the header; `type` as numpy writes it, quotes and all: '<f8', or a list of fields. Of
 * version 1.0, or 2.0 where it is long, or 3.0 where it is UTF-8. Its size is a multiple of 64. */
void mr_npy_header(mr_bytes type, const mr_dims *dims, mr_text *text);

#endif

/* array/loops.h: operations on runs of numbers of one element, each as one loop. */
#ifndef MR_ARRAY_LOOPS_H
#define MR_ARRAY_LOOPS_H

#include <mapred/array.h>

/* Not an operation that users have: 1 for what is not 0. */
#define MR_TRUTH ((unsigned)MR_IS_NAN + 1)
#define MR_OPS   ((unsigned)MR_IS_NAN + 2)

/* out[i] from a[i] and b[i]; `one_a`: it is a single number, which goes with all of the other.
 * Operations of one operand look at `a` alone. */
typedef void mr_loop(uint64_t count, const void *a, bool one_a, const void *b, bool one_b,
                     void *out);

/* NULL: there is no such operation on these elements. The result is of the operands' element, but
 * for what mr_loop_result says. */
mr_loop *mr_loop_of(unsigned op, mr_element element);
mr_element mr_loop_result(unsigned op, mr_element element);
mr_loop *mr_loop_cast(mr_element from, mr_element to);

#endif

/*
 * output/number.h: numbers as text; most of it is public: mapred/text.h.
 *
 * Doubles look as Python shows them. From 1e-35 to 1e15 the digits are found in exact integers, in
 * some tens of nanoseconds; others are tried with 15, 16 and 17 digits through printf and strtod,
 * which takes one or two microseconds.
 */
#ifndef MR_OUTPUT_NUMBER_H
#define MR_OUTPUT_NUMBER_H

#include <mapred/text.h>

/* As mr_number_of_i64. */
size_t mr_number_of_u64(uint64_t value, char *text);

#endif

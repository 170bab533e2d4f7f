/*
 * output/number.h: numbers as text. Integers in decimal, doubles in the shortest form that reads
 * back as the same bits ("0.1", "1e+300", "inf", "-inf", "nan"; 2 as "2.0", so that it stays a
 * double).
 *
 * Doubles look as Python shows them. From 1e-35 to 1e15 the digits are found in exact integers, in
 * some tens of nanoseconds; others are tried with 15, 16 and 17 digits through printf and strtod,
 * which takes one or two microseconds.
 */
#ifndef MR_OUTPUT_NUMBER_H
#define MR_OUTPUT_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define MR_NUMBER_TEXT 32

/* Write at most MR_NUMBER_TEXT bytes, no terminator, and return how many. */
size_t mr_number_of_i64(int64_t value, char *text);
size_t mr_number_of_u64(uint64_t value, char *text);
size_t mr_number_of_f64(double value, char *text);

#endif

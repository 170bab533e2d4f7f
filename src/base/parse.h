/* base/parse.h: a decimal number off the front of a text. */
#ifndef MR_BASE_PARSE_H
#define MR_BASE_PARSE_H

/*
 * Reads a decimal number (sign, digits, point, exponent) as far as it goes, and gives the nearest
 * double. Returns what is behind it; NULL where none begins at `at` (nan, inf and hexadecimal ones
 * are none here), or one has more characters than LONGEST of parse.c.
 */
const char *mr_parse_f64(const char *at, const char *end, double *value);

#endif

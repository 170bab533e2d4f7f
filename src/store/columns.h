/*
 * store/columns.h: bytes of rows put together by their place in the row, and back. Pairs of
 * numbers shrink to half the size, and three times as fast, when their first bytes stand together,
 * then their second ones, and so on: most of these columns are nearly constant.
 */
#ifndef MR_STORE_COLUMNS_H
#define MR_STORE_COLUMNS_H

#include <stddef.h>

/*
 * The length of rows to divide `size` bytes into that repeat themselves every `stride` bytes: a
 * multiple of it. 0: they are not to be divided, for there are not enough of them. Rows need not
 * begin where the bytes do.
 */
size_t mr_columns_stride(size_t size, size_t stride);

/* `stride` as above and not 0. What is behind the last whole row stays as it is. */
void mr_columns_split(const unsigned char *rows, size_t size, size_t stride,
                      unsigned char *columns);
void mr_columns_join(const unsigned char *columns, size_t size, size_t stride, unsigned char *rows);

#endif

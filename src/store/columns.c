/*
 * store/columns.c: transposing bytes, in blocks of 16 rows and 8 columns. Where the last block of a
 * row or a column would reach over the end, it lies over the one before it instead.
 */
#include "store/columns.h"

#include <string.h>

#define ROWS    16
#define COLUMNS 8

/* Longer rows are left alone: their columns would be too short to gain by. */
#define LONGEST 512

typedef unsigned char vector __attribute__((vector_size(16)));

/* 128 bytes: 7 bits of an index. */
typedef struct block {
    vector v[8];
} block;

/* Bytes of the first half and of the second one in turn: the highest bit of each byte's index
 * becomes the lowest. Seven of these are none. */
static inline block shuffle(block in)
{
    block out;
    for (int i = 0; i < 4; i++) {
        vector a = in.v[i], b = in.v[i + 4];
        out.v[2 * i] =
            __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        out.v[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                   29, 14, 30, 15, 31);
    }
    return out;
}

/* An index is 4 bits of row and 3 of column: moving the row's bits down transposes the block. */
static inline void split_block(const unsigned char *rows, size_t stride, unsigned char *columns,
                               size_t height)
{
    unsigned char bytes[ROWS * COLUMNS];
    block b;
    for (size_t i = 0; i < ROWS; i++)
        memcpy(bytes + i * COLUMNS, rows + i * stride, COLUMNS);
    memcpy(&b, bytes, sizeof b);
    b = shuffle(shuffle(shuffle(shuffle(b))));
    for (size_t i = 0; i < COLUMNS; i++)
        memcpy(columns + i * height, &b.v[i], ROWS);
}

static inline void join_block(const unsigned char *columns, size_t height, unsigned char *rows,
                              size_t stride)
{
    unsigned char bytes[ROWS * COLUMNS];
    block b;
    for (size_t i = 0; i < COLUMNS; i++)
        memcpy(&b.v[i], columns + i * height, ROWS);
    b = shuffle(shuffle(shuffle(b)));
    memcpy(bytes, &b, sizeof b);
    for (size_t i = 0; i < ROWS; i++)
        memcpy(rows + i * stride, bytes + i * COLUMNS, COLUMNS);
}

size_t mr_columns_stride(size_t size, size_t stride)
{
    if (stride == 0)
        return 0;
    while (stride < COLUMNS)
        stride *= 2;
    return stride <= LONGEST && size / stride >= ROWS ? stride : 0;
}

/* The next block behind one at `at`, of which `step` are new, or `end` behind the last. */
static inline size_t next_block(size_t at, size_t step, size_t end)
{
    if (at + step == end)
        return end;
    return at + 2 * step <= end ? at + step : end - step;
}

void mr_columns_split(const unsigned char *rows, size_t size, size_t stride, unsigned char *columns)
{
    size_t height = size / stride, whole = height * stride;
    for (size_t c = 0; c < stride; c = next_block(c, COLUMNS, stride))
        for (size_t r = 0; r < height; r = next_block(r, ROWS, height))
            split_block(rows + r * stride + c, stride, columns + c * height + r, height);
    memcpy(columns + whole, rows + whole, size - whole);
}

void mr_columns_join(const unsigned char *columns, size_t size, size_t stride, unsigned char *rows)
{
    size_t height = size / stride, whole = height * stride;
    for (size_t c = 0; c < stride; c = next_block(c, COLUMNS, stride))
        for (size_t r = 0; r < height; r = next_block(r, ROWS, height))
            join_block(columns + c * height + r, height, rows + r * stride + c, stride);
    memcpy(rows + whole, columns + whole, size - whole);
}

/*
 * array/gemm.h: products of matrices in memory, by rows, f64 or f32, on one thread at a time: by
 * the BLAS library that is installed, or by loops of our own. Knows nothing of ranks.
 *
 * C is made in tiles, a panel of B after the other. A tile is always the same call with the same
 * sizes, so its bits do not depend on who makes it. Our own loops give the same bits for tiles of
 * any size, and on any CPU that has fused multiply-adds; another BLAS may give other last bits.
 */
#ifndef MR_ARRAY_GEMM_H
#define MR_ARRAY_GEMM_H

#include "base/error.h"

#include <mapred/element.h>

#include <stdbool.h>

/* Rows and columns of a tile of C, and the most rows of a panel of B. Rows divide MR_TILE_ROWS,
 * columns are a multiple of what every innermost loop takes. */
#define MR_GEMM_ROWS    512
#define MR_GEMM_COLUMNS 1056
#define MR_GEMM_DEPTH   512

/* Elements by rows: row i begins at values + i * stride elements. */
typedef struct mr_matrix {
    void *values;
    size_t rows, columns, stride;
} mr_matrix;

typedef struct mr_gemm {
    mr_element element;
    const struct mr_micro *micro; /* NULL: BLAS does it */
    const char *name;             /* of what multiplies */
} mr_gemm;

/* Local. What multiplies matrices of f64 or f32 on this machine, with rows of up to `longest`
 * elements: BLAS counts with ints. */
void mr_gemm_choose(mr_gemm *gemm, mr_element element, uint64_t longest);
/* Local. Loops of our own. */
void mr_gemm_choose_own(mr_gemm *gemm, mr_element element);

/* Local. Bytes that a panel of B takes packed, and the scratch of a thread; 0: none is needed. */
size_t mr_gemm_packed_size(const mr_gemm *gemm, size_t depth, size_t columns);
size_t mr_gemm_scratch_size(const mr_gemm *gemm);

/* Local. Packs columns of a panel for all tiles: piece number `piece` of mr_gemm_pieces of them,
 * which threads may share. */
size_t mr_gemm_pieces(const mr_gemm *gemm, size_t columns);
void mr_gemm_pack(const mr_gemm *gemm, const mr_matrix *panel, size_t piece, void *packed);

/* Local. c += a * panel, for the columns of the panel from `first` on, as many as c has: one tile.
 * `first` is a multiple of MR_GEMM_COLUMNS. */
void mr_gemm_tile(const mr_gemm *gemm, const mr_matrix *a, const mr_matrix *panel,
                  const void *packed, size_t first, const mr_matrix *c, void *scratch);

#endif

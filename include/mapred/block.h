/*
 * mapred/block.h: what a kernel is called with: many whole records, one after the other in memory.
 *
 * The iterators are inline: reading a block record by record costs no call a record. They keep
 * `record`, the start of the current one, so that an error can name its place in the file, and so
 * that a bad record can be left out: see mr_out_bad. Loops of another kind set it themselves.
 */
#ifndef MAPRED_BLOCK_H
#define MAPRED_BLOCK_H

#include <mapred/bytes.h>
#include <mapred/element.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What one record of the input is. Blocks always hold whole ones. */
typedef enum mr_input {
    MR_INPUT_LINES = 0,   /* up to a newline; the last one may lack it */
    MR_INPUT_WORDS = 1,   /* between ASCII white space */
    MR_INPUT_RECORDS = 2, /* `record_size` bytes each */
    MR_INPUT_FILES = 3,   /* each file is one record */
    MR_INPUT_ROWS = 4     /* rows of numbers: HDF5 datasets, .npy, CSV: see mr_grid */
} mr_input;

/*
 * Rows of numbers, what a block of MR_INPUT_ROWS holds: `values` has size[0] rows of the first axis
 * in C order. A vector has rows of one value. Of CSV, and of HDF5 tables, the columns are those
 * that hold numbers, as f64; what is missing is NaN.
 */
typedef struct mr_grid {
    mr_element element;
    unsigned axes;
    uint64_t size[MR_AXES];
    const void *values;
    uint64_t columns; /* values of a row */
    uint64_t first;   /* the place of the first row among the rows of its input: their number
                         in an HDF5 dataset or .npy, their byte in CSV */
    const char *const *names; /* of the columns; NULL: they have none */
    const uint64_t *places;   /* of CSV: the byte of each row; NULL: first, first + 1... */
} mr_grid;

/* How many bytes behind the end of a block may be read (never written): they are zero. */
#define MR_BLOCK_PADDING 64

/*
 * A block. Valid until the kernel returns, and so are the bytes that its iterators hand out.
 * Kernels may read all of it, and go on elsewhere with mr_block_seek.
 */
typedef struct mr_block {
    const char *at;      /* where the next record starts */
    const char *end;     /* behind the last record */
    const char *record;  /* where the current record starts */
    const char *data;    /* the block's first byte */
    const char *file;    /* the input's name */
    uint64_t file_index; /* its place among the inputs */
    uint64_t offset;     /* of `data` in the file, after decompression */
    size_t record_size;  /* of one record, for MR_INPUT_RECORDS and MR_INPUT_ROWS */
    const mr_grid *grid; /* for MR_INPUT_ROWS; NULL otherwise */
    /* Of mr_block_next_word: the 64 bytes it looks at (NULL: none yet), where words begin and end
     * in them as bits, and whether the last of them is within a word. */
    const char *window;
    uint64_t edges, inside;
} mr_block;

/* Local. Goes on at another byte of the block: use it rather than setting `at`. */
static inline void mr_block_seek(mr_block *block, const char *at)
{
    block->at = at;
    block->window = NULL;
    block->edges = 0;
}

/* Local. The next line without its newline (a carriage return stays: see mr_bytes_chomp). */
static inline bool mr_block_next_line(mr_block *block, mr_bytes *line)
{
    if (block->at >= block->end)
        return false;
    const char *stop = mr_bytes_seek(block->at, block->end, '\n');
    *line = mr_bytes_between(block->at, stop);
    block->record = block->at;
    mr_block_seek(block, stop + 1);
    return true;
}

/* Local. One bit a byte: which of the 64 bytes at `at` are not white space. */
static inline uint64_t mr_block_word_bytes(const char *at)
{
    uint64_t spaces = 0;
#if defined(__AVX2__)
    const __m256i blank = _mm256_set1_epi8(' '), tab = _mm256_set1_epi8('\t');
    const __m256i four = _mm256_set1_epi8(4);
    for (int i = 0; i < 64; i += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
        __m256i low = _mm256_sub_epi8(bytes, tab);
        __m256i is_low = _mm256_cmpeq_epi8(_mm256_min_epu8(low, four), low);
        int mask = _mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpeq_epi8(bytes, blank), is_low));
        spaces |= (uint64_t)(unsigned)mask << i;
    }
#elif defined(__SSE2__)
    const __m128i blank = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), four = _mm_set1_epi8(4);
    for (int i = 0; i < 64; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        __m128i low = _mm_sub_epi8(bytes, tab);
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(low, four), low);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, blank), is_low));
        spaces |= (uint64_t)(unsigned)mask << i;
    }
#else
    for (int i = 0; i < 64; i++)
        spaces |= (uint64_t)mr_byte_is_space(at[i]) << i;
#endif
    return ~spaces;
}

/* Local. Looks at the next 64 bytes; false when there are none left and no word is open. */
static inline bool mr_block_next_window(mr_block *block)
{
    const char *next = block->at;
    if (block->window)
        next = block->window + 64;
    else
        block->inside = 0;
    if (next >= block->end) {
        block->edges = block->inside; /* a word that ends with the block */
        block->inside = 0;
        block->window = block->end;
        return block->edges != 0;
    }
    uint64_t bytes = mr_block_word_bytes(next);
    if (block->end - next < 64)
        bytes &= ~(~UINT64_C(0) << (block->end - next));
    block->edges = bytes ^ (bytes << 1 | block->inside);
    block->inside = bytes >> 63;
    block->window = next;
    return true;
}

/* Local. The next word: a maximal run of bytes other than ASCII white space. */
static inline bool mr_block_next_word(mr_block *block, mr_bytes *word)
{
    while (block->edges == 0)
        if (!mr_block_next_window(block))
            return false;
    const char *start = block->window + __builtin_ctzll(block->edges);
    uint64_t left = block->edges & (block->edges - 1);
    block->edges = left;
    while (left == 0) {
        mr_block_next_window(block);
        left = block->edges;
    }
    const char *stop = block->window + __builtin_ctzll(left);
    block->edges = left & (left - 1);
    *word = mr_bytes_between(start, stop);
    block->record = start;
    block->at = stop;
    return true;
}

/* Local. The next record of MR_INPUT_RECORDS. */
static inline bool mr_block_next_record(mr_block *block, mr_bytes *record)
{
    if (block->at >= block->end)
        return false;
    block->record = block->at;
    *record = mr_bytes_between(block->at, block->at + block->record_size);
    mr_block_seek(block, block->at + block->record_size);
    return true;
}

/* Local. All that is left of the block in one piece: for MR_INPUT_FILES, or for hand-made loops. */
static inline bool mr_block_next_all(mr_block *block, mr_bytes *bytes)
{
    if (block->at >= block->end)
        return false;
    block->record = block->at;
    *bytes = mr_bytes_between(block->at, block->end);
    mr_block_seek(block, block->end);
    return true;
}

/* Local. The place of a row of the grid among the rows of its input, as `first` has it. */
static inline uint64_t mr_grid_place(const mr_grid *grid, uint64_t row)
{
    return grid->places ? grid->places[row] : grid->first + row;
}

/* Local. The next row of MR_INPUT_ROWS: `grid->columns` elements; NULL when there is none left. */
static inline const void *mr_block_next_row(mr_block *block)
{
    if (block->at >= block->end)
        return NULL;
    block->record = block->at;
    mr_block_seek(block, block->at + block->record_size);
    return block->record;
}

/* Local. The offset in the file of a byte of the block; of rows, the place of that row. */
static inline uint64_t mr_block_offset_of(const mr_block *block, const char *byte)
{
    if (block->grid && byte < block->end)
        return mr_grid_place(block->grid, (uint64_t)(byte - block->data) / block->record_size);
    return block->offset + (uint64_t)(byte - block->data);
}

#ifdef __cplusplus
}
#endif

#endif

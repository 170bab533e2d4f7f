/*
 * mapred/block.h: what a kernel is called with: many whole records, one after the other in memory.
 *
 * The iterators are inline: reading a block record by record costs no call a record. They keep
 * `record`, the start of the current one, so that an error can name its place in the file.
 */
#ifndef MAPRED_BLOCK_H
#define MAPRED_BLOCK_H

#include <mapred/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many bytes behind the end of a block may be read (never written): they are zero. */
#define MR_BLOCK_PADDING 64

/*
 * A block. Valid until the kernel returns, and so are the bytes that its iterators hand out.
 * Kernels may read all of it and move `at`; the rest is set by the framework.
 */
typedef struct mr_block {
    const char *at;      /* where the next record starts */
    const char *end;     /* behind the last record */
    const char *record;  /* where the current record starts */
    const char *data;    /* the block's first byte */
    const char *file;    /* the input's name */
    uint64_t file_index; /* its place among the inputs */
    uint64_t offset;     /* of `data` in the file, after decompression */
    size_t record_size;  /* of one record, for MR_INPUT_RECORDS */
} mr_block;

/* Local. The next line without its newline (a carriage return stays: see mr_bytes_chomp). */
static inline bool mr_block_next_line(mr_block *block, mr_bytes *line)
{
    if (block->at >= block->end)
        return false;
    const char *stop = mr_bytes_seek(block->at, block->end, '\n');
    *line = mr_bytes_between(block->at, stop);
    block->record = block->at;
    block->at = stop + 1;
    return true;
}

/* Local. The next word: a maximal run of bytes other than ASCII white space. */
static inline bool mr_block_next_word(mr_block *block, mr_bytes *word)
{
    mr_bytes rest = mr_bytes_between(block->at, block->at < block->end ? block->end : block->at);
    bool found = mr_bytes_next_word(&rest, word);
    block->record = word->data;
    block->at = rest.data;
    return found;
}

/* Local. The next record of MR_INPUT_RECORDS. */
static inline bool mr_block_next_record(mr_block *block, mr_bytes *record)
{
    if (block->at >= block->end)
        return false;
    block->record = block->at;
    *record = (mr_bytes){block->at, block->record_size};
    block->at += block->record_size;
    return true;
}

/* Local. All that is left of the block in one piece: for MR_INPUT_FILES, or for hand-made loops. */
static inline bool mr_block_next_all(mr_block *block, mr_bytes *bytes)
{
    if (block->at >= block->end)
        return false;
    block->record = block->at;
    *bytes = mr_bytes_between(block->at, block->end);
    block->at = block->end;
    return true;
}

/* Local. The offset in the file of a byte of the block. */
static inline uint64_t mr_block_offset_of(const mr_block *block, const char *byte)
{
    return block->offset + (uint64_t)(byte - block->data);
}

#ifdef __cplusplus
}
#endif

#endif

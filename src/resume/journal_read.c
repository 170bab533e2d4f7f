/* resume/journal_read.c: which journals there are, and their records, as far as they are whole. */
#include "resume/internal.h"
#include "resume/journal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define BUFFER ((size_t)256 * 1024)

struct mr_journal_reader {
    FILE *file;
    uint64_t place, end;
    char piece[BUFFER];
};

/* ---- Which there are ---- */

static bool parse(const char *text, uint64_t piece, mr_journal_name *name)
{
    int end = 0;
    return sscanf(text, MR_JOURNAL "%" SCNu64 "-%" SCNu64 "-%" SCNu64 "%n", &name->piece,
                  &name->rank, &name->run, &end) == 3 &&
           !text[end] && name->piece == piece;
}

mr_status mr_journal_list(const char *folder, uint64_t piece, mr_journal_name **names,
                          size_t *count, mr_error *error)
{
    DIR *open = opendir(folder);
    mr_journal_name name;
    *names = NULL;
    *count = 0;
    if (!open)
        return mr_keep_cannot(folder, errno, error);
    for (struct dirent *at; error->code == MR_OK && (at = readdir(open));) {
        if (!parse(at->d_name, piece, &name))
            continue;
        mr_journal_name *grown = realloc(*names, (*count + 1) * sizeof *grown);
        if (grown) {
            *names = grown;
            grown[(*count)++] = name;
        } else
            mr_error_set(error, MR_NO_MEMORY, "out of memory: reading a checkpoint's folder");
    }
    closedir(open);
    return error->code;
}

mr_journal_reader *mr_journal_open(const char *folder, mr_journal_name name)
{
    char path[MR_KEEP_PATH];
    struct stat about;
    mr_journal_reader *reader = calloc(1, sizeof *reader);
    snprintf(path, sizeof path, "%s/" MR_JOURNAL "%" PRIu64 "-%" PRIu64 "-%" PRIu64, folder,
             name.piece, name.rank, name.run);
    if (reader)
        reader->file = fopen(path, "rbe");
    if (!reader || !reader->file || fstat(fileno(reader->file), &about) != 0) {
        mr_journal_close(&reader);
        return NULL;
    }
    reader->end = (uint64_t)about.st_size;
    return reader;
}

void mr_journal_close(mr_journal_reader **reader)
{
    if (*reader && (*reader)->file)
        fclose((*reader)->file);
    free(*reader);
    *reader = NULL;
}

/* ---- Records ---- */

/* What stands before the bytes. False: nothing that could be a record. */
static bool read_head(mr_journal_reader *reader, uint64_t place, mr_journal_record *r, void *head)
{
    return fread(r, sizeof *r, 1, reader->file) == 1 && r->magic == MR_JOURNAL_MAGIC &&
           r->head_size <= MR_JOURNAL_HEAD && reader->end - place >= sizeof *r + r->head_size &&
           r->size <= reader->end - place - sizeof *r - r->head_size &&
           fread(head, 1, r->head_size, reader->file) == r->head_size;
}

static uint64_t seed_of(const mr_journal_record *r, const void *head)
{
    return XXH3_64bits_withSeed(head, r->head_size, r->size);
}

static bool is_whole(mr_journal_reader *reader, const mr_journal_record *r, const void *head)
{
    XXH3_state_t *sum = XXH3_createState();
    uint64_t left = r->size;
    if (!sum)
        return false;
    XXH3_64bits_reset_withSeed(sum, seed_of(r, head));
    while (left > 0) {
        const size_t wanted = left < BUFFER ? (size_t)left : BUFFER;
        if (fread(reader->piece, 1, wanted, reader->file) != wanted)
            break;
        XXH3_64bits_update(sum, reader->piece, wanted);
        left -= wanted;
    }
    const bool whole = left == 0 && XXH3_64bits_digest(sum) == r->checksum;
    XXH3_freeState(sum);
    return whole;
}

bool mr_journal_next(mr_journal_reader *reader, void *head, size_t *head_size, uint64_t *place,
                     uint64_t *size)
{
    mr_journal_record r;
    if (!read_head(reader, reader->place, &r, head) || !is_whole(reader, &r, head))
        return false;
    *place = reader->place;
    *head_size = r.head_size;
    *size = r.size;
    reader->place += sizeof r + r.head_size + r.size;
    return true;
}

void *mr_journal_load(mr_journal_reader *reader, uint64_t place, uint64_t *size)
{
    mr_journal_record r;
    char head[MR_JOURNAL_HEAD], *bytes = NULL;
    if (fseeko(reader->file, (off_t)place, SEEK_SET) == 0 && read_head(reader, place, &r, head))
        bytes = malloc((size_t)r.size + 1);
    if (!bytes)
        return NULL;
    *size = r.size;
    if (fread(bytes, 1, (size_t)r.size, reader->file) == r.size &&
        XXH3_64bits_withSeed(bytes, (size_t)r.size, seed_of(&r, head)) == r.checksum)
        return bytes;
    free(bytes);
    return NULL;
}

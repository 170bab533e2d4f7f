/*
 * numbers/h5cat.c: src/hdf5 by hand, for hdf5_read.py: a line of words separated by tabs is a
 * question, and its answer is "ok BYTES" with that many bytes behind it, or "error CODE TEXT".
 *
 *   is NAME                         whether it is a name of HDF5
 *   list NAME                       what it stands for, one a line
 *   info NAME                       element, shape, band, columns
 *   read NAME ELEMENT THREADS SEED  all of it, by boxes in random order
 *   strings NAME PIECE              all of it, PIECE strings at a time
 */
#include "base/memory.h"
#include "hdf5/hdf5.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (*state ^ *state >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

typedef struct text {
    char *bytes;
    size_t size, capacity;
} text;

static void add(text *to, const char *line)
{
    size_t size = strlen(line);
    to->bytes = realloc(to->bytes, to->size + size + 1);
    memcpy(to->bytes + to->size, line, size + 1);
    to->size += size;
}

static void answer(const mr_error *error, const void *bytes, size_t size)
{
    if (error->code != MR_OK) {
        printf("error %d %s\n", (int)error->code, error->text);
    } else {
        printf("ok %zu\n", size);
        if (size > 0)
            fwrite(bytes, 1, size, stdout);
    }
    fflush(stdout);
}

static mr_status keep_name(void *context, const char *name, mr_error *error)
{
    (void)error;
    add(context, name);
    add(context, "\n");
    return MR_OK;
}

static void describe(const mr_h5_info *info, text *to)
{
    char line[512];
    snprintf(line, sizeof line, "%s %d %" PRIu64 " %" PRIu64 "\n",
             info->strings ? "strings" : mr_element_name(info->element), info->is_compressed,
             info->band, info->band_begin);
    add(to, line);
    for (unsigned axis = 0; axis < info->dims.axes; axis++) {
        snprintf(line, sizeof line, "%" PRIu64 " ", info->dims.size[axis]);
        add(to, line);
    }
    add(to, "\n");
    for (uint64_t i = 0; info->names && i < info->dims.size[info->dims.axes - 1]; i++) {
        add(to, info->names[i]);
        add(to, " ");
    }
    add(to, "\n");
}

/* ---- Boxes in random order ---- */

typedef struct job {
    mr_h5_set *set;
    mr_element as;
    unsigned char *into;
    mr_box *box;
    size_t boxes;
    atomic_size_t next;
    pthread_mutex_t lock;
    mr_error error;
} job;

/* Halves a box along a random axis again and again, and adds the pieces to the job's. */
static void cut(job *all, mr_box box, unsigned depth, uint64_t *seed)
{
    unsigned axis = box.axes ? (unsigned)(random_next(seed) % box.axes) : 0;
    if (depth == 0 || box.axes == 0 || box.size[axis] < 2) {
        all->box = realloc(all->box, (all->boxes + 1) * sizeof box);
        size_t place = random_next(seed) % (all->boxes + 1);
        all->box[all->boxes++] = all->box[place];
        all->box[place] = box;
        return;
    }
    uint64_t first = 1 + random_next(seed) % (box.size[axis] - 1);
    mr_box rest = box;
    rest.from[axis] += first;
    rest.size[axis] -= first;
    box.size[axis] = first;
    cut(all, box, depth - 1, seed);
    cut(all, rest, depth - 1, seed);
}

static void put(const job *all, const mr_box *box, unsigned axis, size_t at, unsigned char **from)
{
    const mr_dims *dims = &mr_h5_info_of(all->set)->dims;
    size_t size = mr_element_size(all->as);
    if (axis == box->axes) {
        memcpy(all->into + at * size, *from, size);
        *from += size;
        return;
    }
    for (uint64_t i = 0; i < box->size[axis]; i++)
        put(all, box, axis + 1, at * dims->size[axis] + box->from[axis] + i, from);
}

static void read_box(job *all, mr_h5_reader *reader, const mr_box *box, mr_error *error)
{
    unsigned char *bytes = malloc(mr_box_count(box) * mr_element_size(all->as) + 1), *from = bytes;
    if (mr_h5_read(reader, box, all->as, bytes, error) == MR_OK && mr_box_count(box) > 0)
        put(all, box, 0, 0, &from);
    free(bytes);
}

static void *work(void *context)
{
    job *all = context;
    mr_h5_reader *reader = NULL;
    mr_error error = {0};
    mr_h5_reader_create(&reader, all->set, &error);
    for (size_t i; error.code == MR_OK && (i = atomic_fetch_add(&all->next, 1)) < all->boxes;)
        read_box(all, reader, &all->box[i], &error);
    mr_h5_reader_destroy(&reader);
    pthread_mutex_lock(&all->lock);
    if (error.code != MR_OK)
        all->error = error;
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* The answer goes out when the file is closed: whoever asks may write it anew at once. */
static void read_all(mr_h5_set *set, mr_element as, unsigned threads, uint64_t seed)
{
    const mr_h5_info *info = mr_h5_info_of(set);
    size_t size = mr_dims_count(&info->dims) * mr_element_size(as);
    job all = {.set = set, .as = as, .lock = PTHREAD_MUTEX_INITIALIZER};
    all.into = mr_memory_allocate(size + 1, "the answer", &all.error);
    mr_box box = {.axes = info->dims.axes};
    memcpy(box.size, info->dims.size, sizeof box.size);
    cut(&all, box, (unsigned)(random_next(&seed) % 6), &seed);
    pthread_t thread[8];
    for (unsigned i = 0; all.into && i < threads; i++)
        pthread_create(&thread[i], NULL, work, &all);
    for (unsigned i = 0; all.into && i < threads; i++)
        pthread_join(thread[i], NULL);
    mr_h5_close(&set);
    answer(&all.error, all.into, size);
    mr_memory_free(all.into, all.into ? size + 1 : 0);
    free(all.box);
}

static void read_strings(mr_h5_set *set, uint64_t piece)
{
    mr_error error = {0};
    mr_h5_reader *reader = NULL;
    text all = {0};
    uint64_t count = mr_dims_count(&mr_h5_info_of(set)->dims);
    mr_h5_reader_create(&reader, set, &error);
    for (uint64_t at = 0; error.code == MR_OK && at < count; at += piece)
        mr_h5_read_strings(reader, at, piece < count - at ? piece : count - at, &all.bytes,
                           &all.size, &all.capacity, &error);
    mr_h5_reader_destroy(&reader);
    mr_h5_close(&set);
    answer(&error, all.bytes, all.size);
    free(all.bytes);
}

/* ---- Questions ---- */

static mr_element element_of(const char *name)
{
    for (mr_element element = MR_F64; element <= MR_C128; element++)
        if (strcmp(name, mr_element_name(element)) == 0)
            return element;
    return 0;
}

static void ask_set(char **word)
{
    mr_error error = {0};
    mr_h5_set *set = NULL;
    text said = {0};
    if (mr_h5_open(&set, word[1], &error) != MR_OK) {
        answer(&error, NULL, 0);
    } else if (strcmp(word[0], "info") == 0) {
        describe(mr_h5_info_of(set), &said);
        mr_h5_close(&set);
        answer(&error, said.bytes, said.size);
    } else if (strcmp(word[0], "strings") == 0) {
        read_strings(set, strtoull(word[2], NULL, 10));
    } else {
        mr_element as = element_of(word[2]);
        read_all(set, as ? as : mr_h5_info_of(set)->element, (unsigned)atoi(word[3]),
                 strtoull(word[4], NULL, 10));
    }
    free(said.bytes);
}

static void ask(char **word)
{
    mr_error error = {0};
    text said = {0};
    if (strcmp(word[0], "is") == 0) {
        answer(&error, mr_h5_is_name(word[1]) ? "1" : "0", 1);
    } else if (strcmp(word[0], "list") == 0) {
        mr_h5_list(word[1], keep_name, &said, &error);
        answer(&error, said.bytes, said.size);
    } else {
        ask_set(word);
    }
    free(said.bytes);
}

int main(void)
{
    static char line[65536];
    mr_memory_set_budget(64u << 20);
    while (fgets(line, sizeof line, stdin)) {
        char *word[6] = {0};
        line[strcspn(line, "\n")] = '\0';
        size_t words = 0;
        for (char *at = line, *next; (next = strsep(&at, "\t")) && words < 5;)
            word[words++] = next;
        ask(word);
    }
    return 0;
}

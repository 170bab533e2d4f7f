/*
 * input/npy.c: files of numpy's: a header, and the numbers behind it without a gap. What comes from
 * the file is checked before it is believed.
 */
#include "input/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC_SIZE = 6, LONGEST_HEADER = 1 << 20 };

bool mr_npy_is(const void *bytes, size_t size)
{
    return size >= MAGIC_SIZE && memcmp(bytes, magic, MAGIC_SIZE) == 0;
}

/* ---- Opening ---- */

static mr_status damaged(const mr_npy *npy, const char *how, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read input: %s: %s: write it again with numpy.save", npy->path,
                        how);
}

/* All of `size` bytes, or an error. */
static mr_status read_at(const mr_npy *npy, void *into, size_t size, uint64_t at, mr_error *error)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(npy->fd, (char *)into + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s at byte %llu: %s",
                                npy->path, (unsigned long long)(at + done),
                                got == 0 ? "the file ends there: write it again with numpy.save"
                                         : strerror(errno));
        done += (size_t)got;
    }
    return MR_OK;
}

/* Magic, version and length: where the text of the header lies. */
static mr_status read_prefix(const mr_npy *npy, uint64_t *start, uint64_t *size, mr_error *error)
{
    unsigned char head[12];
    if (npy->size < 10)
        return damaged(npy, "it is too short for a .npy file", error);
    bool is_short = npy->size < sizeof head;
    MR_TRY(read_at(npy, head, is_short ? 10 : sizeof head, 0, error));
    if (!mr_npy_is(head, sizeof head))
        return damaged(npy, "it does not begin as a .npy file does", error);
    if (head[MAGIC_SIZE] < 1 || head[MAGIC_SIZE] > 3)
        return damaged(npy, "its version of .npy is not known (1 to 3 are)", error);
    *start = head[MAGIC_SIZE] == 1 ? 10 : 12;
    *size = head[8] | (uint64_t)head[9] << 8;
    if (*start == 12 && !is_short)
        *size |= (uint64_t)head[10] << 16 | (uint64_t)head[11] << 24;
    if (*size > LONGEST_HEADER || *start + *size > npy->size)
        return damaged(npy, "its header is longer than the file, or than a header is", error);
    return MR_OK;
}

static mr_status check(const mr_npy *npy, mr_error *error)
{
    uint64_t bytes = npy->raw.size;
    bool fits = true, empty = false;
    if (npy->raw.kind == MR_RAW_NONE)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read input: %s: it holds no plain numbers: save integers, "
                            "floats of up to 64 bits, bools or complex numbers",
                            npy->path);
    if (npy->dims.axes > MR_AXES)
        return mr_error_set(error, MR_BAD_INPUT,
                            "cannot read input: %s: it has %u axes: %d are the most: reshape it",
                            npy->path, npy->dims.axes, MR_AXES);
    for (unsigned axis = 0; axis < npy->dims.axes; axis++) {
        empty = empty || npy->dims.size[axis] == 0;
        fits = fits && !__builtin_mul_overflow(bytes, npy->dims.size[axis], &bytes);
    }
    if (!empty && (!fits || bytes > npy->size - npy->start))
        return damaged(npy, "it is cut off: its header tells of more numbers than there are",
                       error);
    return MR_OK;
}

static mr_status read_header(mr_npy *npy, mr_error *error)
{
    uint64_t start = 0, size = 0;
    MR_TRY(read_prefix(npy, &start, &size, error));
    char *text = malloc(size + 1);
    if (!text)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening %s", npy->path);
    mr_status status = read_at(npy, text, size, start, error);
    if (status == MR_OK && !mr_npy_understand(text, size, npy))
        status = damaged(npy, "its header is damaged", error);
    free(text);
    npy->start = start + size;
    return status == MR_OK ? check(npy, error) : status;
}

static mr_status open_file(mr_npy *npy, mr_error *error)
{
    struct stat about;
    npy->fd = open(npy->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (npy->fd < 0 || fstat(npy->fd, &about) != 0)
        return mr_error_set(error, MR_BAD_INPUT, "cannot read input: %s: %s: check its name",
                            npy->path, strerror(errno));
    npy->size = (uint64_t)about.st_size;
    return read_header(npy, error);
}

mr_status mr_npy_open(mr_npy **result, const char *path, mr_error *error)
{
    *result = NULL;
    mr_npy *npy = calloc(1, sizeof *npy);
    if (!npy || !(npy->path = strdup(path))) {
        free(npy);
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: opening %s", path);
    }
    mr_status status = open_file(npy, error);
    if (status == MR_OK)
        *result = npy;
    else
        mr_npy_close(&npy);
    return status;
}

void mr_npy_close(mr_npy **npy)
{
    mr_npy *gone = *npy;
    if (!gone)
        return;
    if (gone->fd >= 0)
        close(gone->fd);
    free(gone->path);
    free(gone);
    *npy = NULL;
}

/* ---- Reading ---- */

/* A box on its way into memory: strides in elements, of file and memory, axes as the file has them:
 * the last one's neighbours lie side by side there. The first `outer` are walked; the others
 * are one run. */
typedef struct walk {
    unsigned axes, outer;
    uint64_t size[MR_AXES], in_file[MR_AXES], in_memory[MR_AXES];
    uint64_t from, run, stride;
} walk;

static void fill_strides(const mr_npy *npy, const mr_box *box, walk *w)
{
    uint64_t in_memory[MR_AXES], file = 1, memory = 1;
    for (unsigned axis = box->axes; axis-- > 0; memory *= box->size[axis])
        in_memory[axis] = memory;
    w->axes = box->axes;
    for (unsigned i = w->axes; i-- > 0;) {
        unsigned axis = npy->is_fortran ? w->axes - 1 - i : i;
        w->size[i] = box->size[axis];
        w->in_file[i] = file;
        w->in_memory[i] = in_memory[axis];
        w->from += file * box->from[axis];
        file *= npy->dims.size[axis];
    }
}

/* Axes from the last one on that are one piece in the file, and lie evenly in memory. */
static void find_run(walk *w)
{
    w->outer = w->axes;
    w->run = 1;
    w->stride = w->axes ? w->in_memory[w->axes - 1] : 1;
    while (w->outer > 0 && w->in_file[w->outer - 1] == w->run &&
           w->in_memory[w->outer - 1] == w->run * w->stride)
        w->run *= w->size[--w->outer];
}

static mr_status read_run(const mr_npy *npy, const walk *w, uint64_t from, mr_element as,
                          char *into, char *room, mr_error *error)
{
    uint64_t at = npy->start + from * npy->raw.size;
    if (w->stride == 1 && mr_raw_is(npy->raw, as))
        return read_at(npy, into, w->run * npy->raw.size, at, error);
    uint64_t most = MR_NPY_ROOM / npy->raw.size;
    for (uint64_t done = 0; done < w->run;) {
        size_t count = (size_t)(w->run - done < most ? w->run - done : most);
        MR_TRY(read_at(npy, room, count * npy->raw.size, at + done * npy->raw.size, error));
        char *to = into + done * w->stride * mr_element_size(as);
        size_t made = mr_raw_convert(npy->raw, room, count, as, to, (size_t)w->stride);
        if (made < count)
            return mr_error_set(error, MR_BAD_INPUT,
                                "cannot read input: %s at byte %llu: a number there is no %s: "
                                "convert the file",
                                npy->path, (unsigned long long)(at + (done + made) * npy->raw.size),
                                mr_element_name(as));
        done += count;
    }
    return MR_OK;
}

mr_status mr_npy_read(const mr_npy *npy, const mr_box *box, mr_element as, void *into, char *room,
                      mr_error *error)
{
    walk w = {.axes = 0};
    uint64_t at[MR_AXES] = {0}, file, memory = 0;
    if (mr_box_count(box) == 0)
        return MR_OK;
    fill_strides(npy, box, &w);
    find_run(&w);
    file = w.from;
    for (;;) {
        MR_TRY(
            read_run(npy, &w, file, as, (char *)into + memory * mr_element_size(as), room, error));
        unsigned axis = w.outer;
        while (axis > 0 && ++at[axis - 1] == w.size[axis - 1]) {
            axis--;
            at[axis] = 0;
            file -= w.in_file[axis] * (w.size[axis] - 1);
            memory -= w.in_memory[axis] * (w.size[axis] - 1);
        }
        if (axis == 0)
            return MR_OK;
        file += w.in_file[axis - 1];
        memory += w.in_memory[axis - 1];
    }
}

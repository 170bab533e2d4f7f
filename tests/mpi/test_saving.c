/*
 * mpi/test_saving.c: files of datasets, written by whoever draws a box: random shapes, chunks,
 * types and levels, boxes spread over ranks and threads in random order. The file must hold what
 * was written, as the HDF5 library reads it, and be the same bytes as when rank 0 writes it alone.
 */
#include "../unit/random.h"
#include "base/memory.h"
#include "engine/saving.h"
#include "ranks.h"

#include <hdf5.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETS     5
#define LONGEST  40
#define MOST     4096 /* boxes of a dataset */
#define STRING   7
#define HALVES   2
#define BALLAST  ((size_t)12 << 20)
#define NO_RANKS 0 /* a seed: rank 0 writes all, in order */

static char folder[64];

typedef struct trial {
    mr_job job;
    mr_settings settings;
    mr_target target;
    mr_error error;
    mr_commit *commit;
    mr_h5_plan plans[SETS];
    unsigned char *values[SETS];
    mr_box *boxes;
    size_t count; /* of boxes */
} trial;

static bool is_root(void)
{
    return mr_comm_rank(comm) == 0;
}

static size_t element_of(const mr_h5_plan *plan)
{
    return mr_h5_element_size(plan);
}

static mr_h5_plan random_plan(uint64_t *state, unsigned number)
{
    static const char *const names[SETS] = {"a", "group/b", "group/deeper/c", "d", "e"};
    mr_h5_plan plan = {.name = names[number],
                       .kind = (mr_h5_kind)random_below(state, 4),
                       .element = (mr_element)(1 + random_below(state, 5)),
                       .string_size = STRING,
                       .dims.axes = (unsigned)random_below(state, 4)};
    for (unsigned axis = 0; axis < plan.dims.axes; axis++)
        plan.dims.size[axis] = random_below(state, 20) ? 1 + random_below(state, LONGEST) : 0;
    if (random_below(state, 3) == 0)
        return plan;
    plan.chunk.axes = plan.dims.axes;
    for (unsigned axis = 0; axis < plan.dims.axes; axis++)
        plan.chunk.size[axis] = 3 + random_below(state, 2 * LONGEST);
    if (plan.chunk.axes > 0)
        plan.compress = random_below(state, 2) ? 1 + (unsigned)random_below(state, 9) : 0;
    return plan;
}

/* The bytes of an array that has some pattern, for deflate to find. */
static unsigned char *random_values(uint64_t *state, const mr_h5_plan *plan)
{
    size_t size = mr_dims_count(&plan->dims) * element_of(plan);
    unsigned char *values = calloc(size + 1, 1);
    for (size_t i = 0; i < size; i++)
        values[i] = (unsigned char)('a' + random_below(state, 3));
    return values;
}

static void set_up(trial *t, const char *name, mr_format format)
{
    t->settings = (mr_settings){0};
    t->error = (mr_error){0};
    t->target = (mr_target){.kind = MR_TARGET_FILE, .format = format};
    snprintf(t->target.path, sizeof t->target.path, "%s/%s", folder, name);
    t->job = (mr_job){.comm = comm,
                      .app.name = "saving",
                      .settings = &t->settings,
                      .error = &t->error,
                      .scratch = "/tmp",
                      .threads = mr_comm_size(comm) > 2 ? 1 : 3};
    t->commit = NULL;
    if (is_root())
        mr_commit_begin(&t->commit, &t->target, &t->error);
}

/* All chunks of an array, or for a contiguous one boxes of the same kind. */
static void cut_boxes(trial *t, const mr_h5_plan *plan)
{
    mr_dims cut = plan->chunk.axes ? plan->chunk : plan->dims;
    t->count = 0;
    for (unsigned axis = 0; axis < cut.axes && !plan->chunk.axes; axis++)
        cut.size[axis] = cut.size[axis] / (2 + axis) + 1;
    if (mr_dims_count(&plan->dims) == 0)
        return;
    mr_box box = {.axes = plan->dims.axes};
    for (;;) {
        for (unsigned axis = 0; axis < box.axes; axis++) {
            uint64_t left = plan->dims.size[axis] - box.from[axis];
            box.size[axis] = cut.size[axis] < left ? cut.size[axis] : left;
        }
        t->boxes[t->count++] = box;
        unsigned axis = box.axes;
        for (; axis > 0; axis--) {
            box.from[axis - 1] += cut.size[axis - 1];
            if (box.from[axis - 1] < plan->dims.size[axis - 1])
                break;
            box.from[axis - 1] = 0;
        }
        if (axis == 0)
            return;
    }
}

/* A box out of the whole array, element by element. */
static void copy_box(const trial *t, unsigned set, const mr_box *box, unsigned char *to)
{
    const mr_dims *dims = &t->plans[set].dims;
    size_t element = element_of(&t->plans[set]);
    for (uint64_t i = 0; i < mr_box_count(box); i++) {
        uint64_t rest = i, at = 0, stride = 1;
        for (unsigned axis = dims->axes; axis-- > 0;) {
            at += (box->from[axis] + rest % box->size[axis]) * stride;
            rest /= box->size[axis];
            stride *= dims->size[axis];
        }
        memcpy(to + i * element, t->values[set] + at * element, element);
    }
}

static void write_box(trial *t, mr_saving *saving, unsigned set, size_t box)
{
    mr_error error = {0};
    size_t size = mr_box_count(&t->boxes[box]) * element_of(&t->plans[set]);
    unsigned char *values = malloc(size + 1);
    copy_box(t, set, &t->boxes[box], values);
    if (mr_saving_box(saving, set, &t->boxes[box], values, &error) != MR_OK) {
#pragma omp critical
        mr_error_set(&t->error, error.code, "%s", error.text);
    }
    free(values);
}

/* Boxes [from, to) of a dataset: each by the rank that draws it, in an order of its own. */
static void write_some(trial *t, mr_saving *saving, unsigned set, size_t from, size_t to,
                       uint64_t seed)
{
    size_t mine[MOST], count = 0;
    uint64_t state = seed + set + from;
    for (size_t box = from; box < to; box++) {
        uint64_t owner = seed == NO_RANKS ? 0 : random_below(&state, (uint64_t)mr_comm_size(comm));
        if (owner == (uint64_t)mr_comm_rank(comm))
            mine[count++] = box;
    }
    for (size_t i = count; seed != NO_RANKS && i > 1; i--) {
        size_t other = random_below(&state, i), box = mine[i - 1];
        mine[i - 1] = mine[other];
        mine[other] = box;
    }
#pragma omp parallel for schedule(dynamic) num_threads(t->job.threads)
    for (size_t i = 0; i < count; i++)
        write_box(t, saving, set, mine[i]);
}

static mr_status write_sets(trial *t, mr_saving *saving, size_t sets, uint64_t seed)
{
    for (unsigned set = 0; set < sets; set++) {
        cut_boxes(t, &t->plans[set]);
        for (size_t half = 0; half < HALVES; half++) {
            write_some(t, saving, set, t->count * half / HALVES, t->count * (half + 1) / HALVES,
                       seed);
            MR_TRY(mr_saving_flush(saving));
        }
    }
    return MR_OK;
}

static mr_status write_file(trial *t, const char *name, mr_format format, size_t sets,
                            uint64_t seed)
{
    mr_saving *saving = NULL;
    set_up(t, name, format);
    mr_status status = mr_saving_begin(&saving, &t->job, &t->target, t->commit, t->plans, sets);
    if (status == MR_OK) {
        status = write_sets(t, saving, sets, seed);
        status = mr_saving_end(&saving, status);
    }
    CU_ASSERT_PTR_NULL(saving);
    if (status == MR_OK && is_root())
        CU_ASSERT_EQUAL(mr_commit_finish(&t->commit, "", &t->error), MR_OK);
    mr_commit_abandon(&t->commit);
    mr_comm_barrier(comm);
    return status;
}

static unsigned char *read_file(const char *name, size_t *size)
{
    char path[128];
    struct stat about = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fstat(fileno(file), &about);
    *size = (size_t)about.st_size;
    unsigned char *bytes = malloc(*size + 1);
    CU_ASSERT_EQUAL(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void remove_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static bool same_files(const char *one, const char *two)
{
    size_t sizes[2] = {0, 1};
    unsigned char *first = read_file(one, &sizes[0]), *second = read_file(two, &sizes[1]);
    bool same = first && second && sizes[0] == sizes[1] && memcmp(first, second, sizes[0]) == 0;
    free(first);
    free(second);
    return same;
}

/* As the library reads it, with the type that the file has. */
static bool set_is(hid_t file, const trial *t, unsigned number)
{
    const mr_h5_plan *plan = &t->plans[number];
    hid_t set = H5Dopen2(file, plan->name, H5P_DEFAULT);
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    hsize_t dims[MR_AXES];
    size_t size = mr_dims_count(&plan->dims) * element_of(plan);
    unsigned char *read = malloc(size + 1);
    bool same = H5Sget_simple_extent_dims(space, dims, NULL) == (int)plan->dims.axes &&
                H5Tget_size(type) == element_of(plan) &&
                H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0 &&
                memcmp(read, t->values[number], size) == 0;
    for (unsigned axis = 0; axis < plan->dims.axes && same; axis++)
        same = dims[axis] == plan->dims.size[axis];
    free(read);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return same;
}

static void check_hdf5(const trial *t, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_TRUE(file >= 0);
    for (unsigned set = 0; set < SETS && file >= 0; set++)
        CU_ASSERT_TRUE(set_is(file, t, set));
    H5Fclose(file);
}

static void make_trial(trial *t, uint64_t seed)
{
    uint64_t state = seed;
    *t = (trial){.boxes = malloc(MOST * sizeof *t->boxes)};
    for (unsigned set = 0; set < SETS; set++) {
        t->plans[set] = random_plan(&state, set);
        t->values[set] = random_values(&state, &t->plans[set]);
    }
}

static void free_trial(trial *t)
{
    for (unsigned set = 0; set < SETS; set++)
        free(t->values[set]);
    free(t->boxes);
}

static void test_hdf5(void)
{
    trial t;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        make_trial(&t, seed);
        /* With little memory left, what is packed waits on the scratch disk. */
        void *ballast = seed % 3 ? NULL : mr_memory_allocate(BALLAST, "ballast", &t.error);
        mr_memory_set_budget(ballast ? BALLAST + BALLAST / 3 : 0);
        CU_ASSERT_EQUAL(write_file(&t, "alone.h5", MR_FORMAT_HDF5, SETS, NO_RANKS), MR_OK);
        CU_ASSERT_EQUAL(write_file(&t, "all.h5", MR_FORMAT_HDF5, SETS, seed), MR_OK);
        mr_memory_set_budget(0);
        mr_memory_free(ballast, ballast ? BALLAST : 0);
        if (is_root()) {
            check_hdf5(&t, "alone.h5");
            CU_ASSERT_TRUE(same_files("alone.h5", "all.h5"));
            remove_file("alone.h5");
            remove_file("all.h5");
        }
        free_trial(&t);
    }
}

static bool ends_with(const unsigned char *bytes, size_t size, const unsigned char *end,
                      size_t end_size)
{
    return bytes && size >= end_size && (size - end_size) % 64 == 0 &&
           memcmp(bytes, "\x93NUMPY\1", 8) == 0 &&
           memcmp(bytes + size - end_size, end, end_size) == 0;
}

/* Behind a header of 64, 128... bytes (its words are for numpy to read) are the elements. */
static void test_npy(void)
{
    trial t;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        make_trial(&t, seed);
        t.plans[0].chunk.axes = t.plans[0].compress = 0;
        CU_ASSERT_EQUAL(write_file(&t, "all.npy", MR_FORMAT_NPY, 1, seed), MR_OK);
        if (is_root()) {
            size_t size = 0, wanted = mr_dims_count(&t.plans[0].dims) * element_of(&t.plans[0]);
            unsigned char *bytes = read_file("all.npy", &size);
            CU_ASSERT_TRUE(ends_with(bytes, size, t.values[0], wanted));
            free(bytes);
            remove_file("all.npy");
        }
        free_trial(&t);
    }
}

/* What cannot be is told to all ranks alike, and leaves nothing. */
static void test_failures(void)
{
    trial t;
    make_trial(&t, 1);
    CU_ASSERT_EQUAL(write_file(&t, "two.npy", MR_FORMAT_NPY, 2, 1), MR_USAGE);
    t.plans[1].name = t.plans[0].name;
    CU_ASSERT_EQUAL(write_file(&t, "twice.h5", MR_FORMAT_HDF5, 2, 1), MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.error.text, "cannot write output: "));
    free_trial(&t);
}

static void test_begin(void)
{
    char made[sizeof folder] = "/tmp/mapred-saving-XXXXXX";
    void *bytes = made;
    size_t size = sizeof made;
    mr_error error = {0};
    if (is_root() && !mkdtemp(made))
        mr_error_set(&error, MR_FAILED, "no temporary folder");
    CU_ASSERT_EQUAL(mr_comm_agree(comm, &error), MR_OK);
    CU_ASSERT_EQUAL(mr_comm_broadcast(comm, &bytes, &size, &error), MR_OK);
    memcpy(folder, bytes, sizeof folder);
    if (bytes != made)
        free(bytes);
}

/* Also what failed has left nothing. */
static void test_end(void)
{
    mr_comm_barrier(comm);
    if (is_root())
        CU_ASSERT_EQUAL(rmdir(folder), 0);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"a folder", test_begin},       {"HDF5 by all ranks", test_hdf5},
        {"npy by all ranks", test_npy}, {"what cannot be", test_failures},
        {"nothing is left", test_end},
    };
    return run_on_ranks("saving", tests, sizeof tests / sizeof *tests);
}

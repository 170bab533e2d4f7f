/*
 * mpi/test_keep.c: the folder of a checkpoint against a model of it in memory: what was committed
 * is found again, by any rank, whatever was put, dropped or left uncommitted since; and after a bit
 * of any file has flipped, or a file is cut off or gone, either what was committed or nothing is.
 */
#include "../unit/random.h"
#include "ranks.h"
#include "resume/keep.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES   6
#define ENTRIES 256
#define MOST    3000
#define ROUNDS  12

/* An entry of the model: all ranks know those of all. */
typedef struct model_entry {
    int name, rank;
    uint64_t seed;
    size_t size;
} model_entry;

typedef struct model {
    model_entry entries[ENTRIES];
    int count;
} model;

static char folder[256];
static uint64_t state = 7; /* the same on all ranks */

static uint64_t next(uint64_t below)
{
    return random_next(&state) % below;
}

static int rank(void)
{
    return mr_comm_rank(comm);
}

static const char *name_of(int name)
{
    static const char *const names[NAMES] = {"a/one", "a/two", "a/two/x", "b", "b/c", "job"};
    return names[name];
}

/* Bytes that follow from a seed. */
static unsigned char *bytes_of(uint64_t seed, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random_next(&seed) >> 32);
    return bytes;
}

static void model_drop(model *m, const char *prefix, int of_rank, bool whole)
{
    int kept = 0;
    for (int i = 0; i < m->count; i++) {
        const model_entry *e = &m->entries[i];
        bool named = whole ? strcmp(name_of(e->name), prefix) == 0
                           : strncmp(name_of(e->name), prefix, strlen(prefix)) == 0;
        if (!named || (of_rank >= 0 && e->rank != of_rank))
            m->entries[kept++] = *e;
    }
    m->count = kept;
}

static mr_keep *open_keep(bool resume, mr_status expected)
{
    mr_error error = {.code = MR_OK};
    bool done;
    mr_keep *keep;
    mr_keep_fact facts[] = {{"the app", "test"}, {"--k", "5"}};
    mr_keep_plan plan = {.folder = folder,
                         .every = 1000,
                         .resume = resume,
                         .overwrite = !resume,
                         .quiet = true,
                         .facts = facts,
                         .fact_count = 2};
    mr_status status = mr_keep_open(&keep, comm, &plan, &done, &error);
    CU_ASSERT_EQUAL(status, expected);
    CU_ASSERT(!done);
    return keep;
}

/* One thing that all ranks do, each with bytes of its own. */
static void act(mr_keep *keep, model *m, mr_keep_file *file)
{
    mr_error error = {.code = MR_OK};
    int name = (int)next(NAMES), kind = (int)next(8);
    uint64_t seed = next(UINT64_MAX);
    size_t size = 1 + (size_t)next(MOST);
    if (kind == 0) {
        static const char *const prefixes[] = {"a/", "b", "a/two"};
        const char *prefix = prefixes[next(3)];
        mr_keep_drop(keep, prefix);
        model_drop(m, prefix, -1, false);
        return;
    }
    if (m->count + mr_comm_size(comm) > ENTRIES)
        return;
    unsigned char *bytes = bytes_of(seed + (uint64_t)rank(), size);
    if (kind < 3) { /* as callers do who begin anew */
        mr_keep_drop(keep, name_of(name));
        model_drop(m, name_of(name), -1, false);
        CU_ASSERT_EQUAL(mr_keep_put(keep, name_of(name), bytes, size, &error), MR_OK);
    } else if (kind < 6) {
        CU_ASSERT_EQUAL(mr_keep_add(keep, name_of(name), bytes, size, &error), MR_OK);
    } else {
        mr_keep_file_write(file, bytes, size / 2);
        mr_keep_file_write(file, bytes + size / 2, size - size / 2);
        CU_ASSERT_EQUAL(mr_keep_add_file(keep, name_of(name), file, &error), MR_OK);
    }
    free(bytes);
    for (int r = 0; r < mr_comm_size(comm); r++)
        m->entries[m->count++] = (model_entry){name, r, seed + (uint64_t)r, size};
}

/* Whether what was loaded is exactly the model. */
static bool is_model(mr_keep *keep, const model *m)
{
    mr_error error = {.code = MR_OK};
    bool same = true;
    for (int name = 0; name < NAMES; name++) {
        int wanted = 0;
        size_t count = mr_keep_count(keep, name_of(name));
        for (int i = 0; i < m->count; i++) {
            const model_entry *e = &m->entries[i];
            if (e->name != name)
                continue;
            bool found = false;
            unsigned char *expected = bytes_of(e->seed, e->size);
            for (size_t k = 0; k < count && !found; k++) {
                const mr_keep_entry *at = mr_keep_entry_at(keep, name_of(name), k);
                void *bytes = NULL;
                if (at->size != e->size)
                    continue;
                same = same && mr_keep_load(keep, at, &bytes, &error) == MR_OK;
                found = bytes && memcmp(bytes, expected, e->size) == 0;
                free(bytes);
            }
            free(expected);
            same = same && found;
            wanted++;
        }
        same = same && (size_t)wanted == count;
    }
    return same;
}

/* Some generations; the last two that were committed are in `now` and `before`. */
static void work(mr_keep *keep, model *now, model *before)
{
    mr_error error = {.code = MR_OK};
    mr_keep_file *file = NULL;
    CU_ASSERT_EQUAL(mr_keep_file_create(keep, &file, &error), MR_OK);
    model m = *now;
    for (uint64_t commits = 1 + next(3); commits > 0; commits--) {
        for (uint64_t acts = next(10); acts > 0; acts--)
            act(keep, &m, file);
        CU_ASSERT_EQUAL(mr_keep_commit(keep, &error), MR_OK);
        *before = *now;
        *now = m;
    }
    act(keep, &m, file); /* is not committed */
    mr_keep_file_destroy(&file);
}

static void test_model(void)
{
    model now = {.count = 0}, before = {.count = 0};
    mr_keep *keep = open_keep(false, MR_OK);
    for (int round = 0; round < ROUNDS; round++) {
        work(keep, &now, &before);
        uint64_t generation = mr_keep_generation(keep);
        mr_keep_close(&keep);
        keep = open_keep(true, MR_OK);
        CU_ASSERT(mr_keep_resumed(keep));
        CU_ASSERT_EQUAL(mr_keep_generation(keep), generation);
        CU_ASSERT(is_model(keep, &now));
    }
    mr_keep_close(&keep);
}

/* Rank 0: what a bad disk does to the `number`th file of the folder. */
static void damage(uint64_t number, uint64_t kind, uint64_t where)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    char path[1024];
    int seen = 0, files = 0;
    for (int i = 0; i < count; i++)
        files += strncmp(names[i]->d_name, "data-", 5) == 0 ||
                 strncmp(names[i]->d_name, "manifest-", 9) == 0;
    for (int i = 0; i < count; i++) {
        bool ours = strncmp(names[i]->d_name, "data-", 5) == 0 ||
                    strncmp(names[i]->d_name, "manifest-", 9) == 0;
        if (ours && seen++ == (int)(number % (uint64_t)files)) {
            struct stat about;
            snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            stat(path, &about);
            if (kind == 0) {
                unlink(path);
            } else if (kind == 1) {
                CU_ASSERT_EQUAL(truncate(path, about.st_size / 2), 0);
            } else if (about.st_size > 0) {
                FILE *file = fopen(path, "r+b");
                long at = (long)(where % (uint64_t)about.st_size);
                fseek(file, at, SEEK_SET);
                int byte = fgetc(file);
                fseek(file, at, SEEK_SET);
                fputc(byte ^ (1 << (where >> 32) % 8), file);
                fclose(file);
            }
        }
        free(names[i]);
    }
    free(names);
}

/* What is loaded is the last generation or the one before; or nothing is, and that is told. */
static void test_damage(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        model now = {.count = 0}, before = {.count = 0};
        mr_error error = {.code = MR_OK};
        bool done;
        mr_keep_fact facts[] = {{"the app", "test"}, {"--k", "5"}};
        mr_keep *keep = open_keep(false, MR_OK);
        work(keep, &now, &before);
        mr_keep_close(&keep);
        uint64_t number = next(1000), kind = next(6), where = next(UINT64_MAX);
        if (rank() == 0)
            damage(number, kind, where);
        mr_comm_barrier(comm);
        mr_keep_plan plan = {.folder = folder,
                             .every = 1000,
                             .resume = true,
                             .quiet = true,
                             .facts = facts,
                             .fact_count = 2};
        mr_status status = mr_keep_open(&keep, comm, &plan, &done, &error);
        if (status == MR_OK && mr_keep_resumed(keep))
            CU_ASSERT(is_model(keep, &now) || is_model(keep, &before));
        /* The only manifest may be what is gone: then there is nothing to be resumed. */
        CU_ASSERT(status == MR_OK || status == MR_BAD_INPUT);
        mr_keep_close(&keep);
    }
}

static void test_facts(void)
{
    mr_error error = {.code = MR_OK};
    bool done;
    model m = {.count = 0}, before;
    mr_keep *keep = open_keep(false, MR_OK);
    work(keep, &m, &before);
    mr_keep_close(&keep);
    mr_keep_fact other[] = {{"the app", "test"}, {"--k", "6"}};
    mr_keep_plan plan = {
        .folder = folder, .resume = true, .quiet = true, .facts = other, .fact_count = 2};
    CU_ASSERT_EQUAL(mr_keep_open(&keep, comm, &plan, &done, &error), MR_USAGE);
    CU_ASSERT(strstr(error.text, "--k is '6', and was '5'") != NULL);
    mr_keep_close(&keep);
    error.code = MR_OK;
    plan.resume = false;
    CU_ASSERT_EQUAL(mr_keep_open(&keep, comm, &plan, &done, &error), MR_BAD_OUTPUT);
    CU_ASSERT(strstr(error.text, "checkpoint exists") != NULL);
    mr_keep_close(&keep);
}

static void test_done(void)
{
    mr_error error = {.code = MR_OK};
    bool done;
    model m = {.count = 0}, before;
    mr_keep_fact facts[] = {{"the app", "test"}, {"--k", "5"}};
    mr_keep *keep = open_keep(false, MR_OK);
    work(keep, &m, &before);
    if (rank() == 0)
        CU_ASSERT_EQUAL(mr_keep_finish(keep, &error), MR_OK);
    mr_keep_close(&keep);
    mr_comm_barrier(comm);
    mr_keep_plan plan = {
        .folder = folder, .resume = true, .quiet = true, .facts = facts, .fact_count = 2};
    CU_ASSERT_EQUAL(mr_keep_open(&keep, comm, &plan, &done, &error), MR_OK);
    CU_ASSERT(done);
    mr_keep_close(&keep);
}

static void test_end(void)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (rank() == 0)
        CU_ASSERT_EQUAL(system(command), 0);
}

int main(void)
{
    static const ranks_test tests[] = {
        {"against a model", test_model}, {"damaged", test_damage},
        {"facts", test_facts},           {"done", test_done},
        {"taken away", test_end},
    };
    const char *job = getenv("PMIX_NAMESPACE");
    snprintf(folder, sizeof folder, "%s/mapred-keep-%s",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", job ? job : "alone");
    return run_on_ranks("keep", tests, sizeof tests / sizeof *tests);
}

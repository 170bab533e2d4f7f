/*
 * unit/test_commit.c: where a result goes and how it gets there. After every failure the old result
 * must be as it was, and nothing else may be left in the folder.
 */
#include "output/commit.h"

#include <CUnit/Basic.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file system that cannot do everything: these stand in for the ones of the C library. */
static int rename_error, link_error, sync_error;

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (rename_error) {
        errno = rename_error;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    if (link_error) {
        errno = link_error;
        return -1;
    }
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int fsync(int file)
{
    if (sync_error) {
        errno = sync_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}

static char folder[] = "/tmp/mapred-commit-XXXXXX";
static mr_error error;

static int enter(void)
{
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : 1;
}

static void remove_all(const char *path)
{
    if (unlink(path) == 0)
        return;
    DIR *open = opendir(path);
    if (!open)
        return;
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        char inside[1024];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_all(inside);
    }
    closedir(open);
    rmdir(path);
}

static int leave(void)
{
    remove_all(folder);
    return chdir("/");
}

static void put_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(content, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void expect_file(const char *path, const char *expected)
{
    char content[256];
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t size = fread(content, 1, sizeof content - 1, file);
    fclose(file);
    content[size] = '\0';
    CU_ASSERT_STRING_EQUAL(content, expected);
}

/* How many things are in a folder, hidden ones too. */
static unsigned count_in(const char *path)
{
    unsigned count = 0;
    DIR *open = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(open);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open);
    return count;
}

static void start_over(void)
{
    DIR *open = opendir(".");
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_all(entry->d_name);
    closedir(open);
    error = (mr_error){0};
}

static void expect_refused(mr_status status, const char *words)
{
    CU_ASSERT_EQUAL(status, MR_BAD_OUTPUT);
    CU_ASSERT_EQUAL(error.code, MR_BAD_OUTPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    error = (mr_error){0};
}

static mr_target target_of(const char *path, bool overwrite)
{
    mr_target target;
    CU_ASSERT_EQUAL_FATAL(mr_target_of(&target, path, NULL, overwrite, &error), MR_OK);
    return target;
}

static mr_status put_part(const mr_target *target, const mr_commit *commit, uint64_t number,
                          const char *content)
{
    mr_part part;
    MR_TRY(mr_part_open(&part, target, mr_commit_path(commit), number, &error));
    mr_status status = mr_part_write(&part, content, strlen(content), 0, &error);
    mr_status closed = mr_part_close(&part, &error);
    return status ? status : closed;
}

/* A whole job: checks, writes its parts and commits. */
static mr_status write_result(const char *path, bool overwrite, const char *content)
{
    mr_commit *commit;
    mr_target target = target_of(path, overwrite);
    MR_TRY(mr_target_check(&target, &error));
    MR_TRY(mr_commit_begin(&commit, &target, &error));
    mr_status status = put_part(&target, commit, 0, content);
    if (status == MR_OK && target.kind == MR_TARGET_DIRECTORY)
        status = put_part(&target, commit, 123456, content);
    if (status == MR_OK)
        status = mr_commit_finish(&commit, "{}\n", &error);
    mr_commit_abandon(&commit);
    return status;
}

static void test_kinds(void)
{
    start_over();
    mkdir("folder", 0777);
    put_file("file", "");
    mkfifo("pipe", 0666);
    CU_ASSERT_EQUAL(symlink("folder", "to-folder"), 0);
    CU_ASSERT_EQUAL(symlink("file", "to-file"), 0);
    static const struct {
        const char *path;
        mr_target_kind kind;
        mr_format format;
        const char *shown;
    } cases[] = {
        {NULL, MR_TARGET_STDOUT, MR_FORMAT_TSV, ""},
        {"-", MR_TARGET_STDOUT, MR_FORMAT_TSV, ""},
        {"new", MR_TARGET_FILE, MR_FORMAT_TSV, "new"},
        {"new.csv", MR_TARGET_FILE, MR_FORMAT_CSV, "new.csv"},
        {"file", MR_TARGET_FILE, MR_FORMAT_TSV, "file"},
        {"file/", MR_TARGET_DIRECTORY, MR_FORMAT_TSV, "file"},
        {"new//", MR_TARGET_DIRECTORY, MR_FORMAT_TSV, "new"},
        {"folder", MR_TARGET_DIRECTORY, MR_FORMAT_TSV, "folder"},
        {"pipe", MR_TARGET_DEVICE, MR_FORMAT_TSV, "pipe"},
        {"/dev/null", MR_TARGET_DEVICE, MR_FORMAT_TSV, "/dev/null"},
        {"/", MR_TARGET_DIRECTORY, MR_FORMAT_TSV, "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_target target = target_of(cases[i].path, i % 2);
        CU_ASSERT_EQUAL(target.kind, cases[i].kind);
        CU_ASSERT_EQUAL(target.format, cases[i].format);
        CU_ASSERT_EQUAL(target.overwrite, (i % 2 == 1));
        CU_ASSERT_STRING_EQUAL(target.path, cases[i].shown);
    }
    mr_target target = target_of("to-folder", false);
    CU_ASSERT_EQUAL(target.kind, MR_TARGET_DIRECTORY);
    CU_ASSERT_STRING_EQUAL(strrchr(target.path, '/'), "/folder");
    target = target_of("to-file", false);
    CU_ASSERT_EQUAL(target.kind, MR_TARGET_FILE);
    CU_ASSERT_STRING_EQUAL(strrchr(target.path, '/'), "/file");
    CU_ASSERT_EQUAL(chdir("folder"), 0);
    target = target_of(".", false);
    CU_ASSERT_EQUAL(chdir(".."), 0);
    CU_ASSERT_STRING_EQUAL(strrchr(target.path, '/'), "/folder");
}

static void test_formats(void)
{
    mr_target target;
    error = (mr_error){0};
    CU_ASSERT_EQUAL(mr_target_of(&target, "x.json", "csv", false, &error), MR_OK);
    CU_ASSERT_EQUAL(target.format, MR_FORMAT_CSV);
    CU_ASSERT_EQUAL(mr_target_of(&target, NULL, "binary", false, &error), MR_OK);
    CU_ASSERT_EQUAL(target.format, MR_FORMAT_BINARY);
    CU_ASSERT_EQUAL(mr_target_of(&target, NULL, "xml", false, &error), MR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "xml"));
    error = (mr_error){0};
    char path[5001];
    memset(path, 'x', 5000);
    path[5000] = '\0';
    expect_refused(mr_target_of(&target, path, NULL, false, &error), "too long");
    expect_refused(mr_target_of(&target, "", NULL, false, &error), "empty");
}

static void test_refused(void)
{
    start_over();
    put_file("file", "old");
    mkdir("empty", 0777);
    mkdir("result", 0777);
    put_file("result/part-00000", "old");
    mkdir("mine", 0777);
    put_file("mine/part-00000", "old");
    put_file("mine/part-0000x", "precious");
    mkdir("short", 0777);
    put_file("short/part-0001", "precious");
    mkdir("deep", 0777);
    mkdir("deep/part-00001", 0777);
    CU_ASSERT_EQUAL(symlink("nowhere", "dangling"), 0);
    static const struct {
        const char *path;
        const char *words[2]; /* without and with overwrite; NULL: allowed */
    } cases[] = {
        {"new", {NULL, NULL}},
        {"new/", {NULL, NULL}},
        {"empty", {NULL, NULL}},
        {"file", {"output exists: file: choose another name or pass --overwrite", NULL}},
        {"dangling", {"output exists: dangling", NULL}},
        {"result", {"output exists: result: choose another name or pass --overwrite", NULL}},
        {"mine", {"output exists: mine", "other things: mine has part-0000x"}},
        {"short", {"output exists: short", "other things: short has part-0001"}},
        {"deep", {"output exists: deep", "other things: deep has part-00001"}},
        {"file/", {"not a folder", "not a folder"}},
        {"file/x", {"file", "file"}},
        {"no/where", {"there is no folder no: make it first", "there is no folder no"}},
        {"no/where/", {"there is no folder no: make it first", "there is no folder no"}},
        {"/proc/", {"cannot write output: /proc", "cannot write output: /proc"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int overwrite = 0; overwrite < 2; overwrite++) {
            const char *words = cases[i].words[overwrite];
            mr_target target = target_of(cases[i].path, overwrite);
            mr_status status = mr_target_check(&target, &error);
            if (words)
                expect_refused(status, words);
            else
                CU_ASSERT_EQUAL(status, MR_OK);
        }
    CU_ASSERT_EQUAL(count_in("."), 7);
    mr_target target = target_of("/dev/null", false);
    CU_ASSERT_EQUAL(mr_target_check(&target, &error), MR_OK);
}

static void test_file(void)
{
    start_over();
    CU_ASSERT_EQUAL(write_result("out.tsv", false, "one"), MR_OK);
    expect_file("out.tsv", "one");
    expect_refused(write_result("out.tsv", false, "two"), "output exists: out.tsv");
    expect_file("out.tsv", "one");
    CU_ASSERT_EQUAL(write_result("out.tsv", true, "three"), MR_OK);
    expect_file("out.tsv", "three");
    CU_ASSERT_EQUAL(symlink("out.tsv", "link"), 0);
    CU_ASSERT_EQUAL(write_result("link", true, "four"), MR_OK);
    expect_file("out.tsv", "four");
    CU_ASSERT_EQUAL(count_in("."), 2);
    struct stat made, plain;
    put_file("plain", "");
    CU_ASSERT(stat("out.tsv", &made) == 0 && stat("plain", &plain) == 0);
    CU_ASSERT_EQUAL(made.st_mode, plain.st_mode);
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    CU_ASSERT_EQUAL(write_result(name, false, "long"), MR_OK);
    expect_file(name, "long");
}

static void test_folder(void)
{
    start_over();
    CU_ASSERT_EQUAL(write_result("out/", false, "one"), MR_OK);
    expect_file("out/part-00000", "one");
    expect_file("out/part-123456", "one");
    expect_file("out/_SUCCESS", "{}\n");
    CU_ASSERT_EQUAL(count_in("out"), 3);
    expect_refused(write_result("out", false, "two"), "output exists: out");
    put_file("out/part-00002", "more than the next one has");
    CU_ASSERT_EQUAL(write_result("out", true, "three"), MR_OK);
    expect_file("out/part-00000", "three");
    CU_ASSERT_EQUAL(count_in("out"), 3);
    put_file("out/notes", "precious");
    expect_refused(write_result("out", true, "four"), "out has notes");
    expect_file("out/part-00000", "three");
    expect_file("out/notes", "precious");
    mkdir("empty", 0777);
    CU_ASSERT_EQUAL(write_result("empty", false, "five"), MR_OK);
    CU_ASSERT_EQUAL(count_in("empty"), 3);
    CU_ASSERT_EQUAL(count_in("."), 2);
}

/* What comes up between the check and the end. */
static void test_meanwhile(void)
{
    start_over();
    mr_commit *commit;
    for (int links = 0; links < 3; links++) {
        rename_error = links > 0 ? EINVAL : 0;
        link_error = links > 1 ? EPERM : 0;
        mr_target target = target_of("out", false);
        CU_ASSERT_EQUAL_FATAL(mr_commit_begin(&commit, &target, &error), MR_OK);
        CU_ASSERT_EQUAL(put_part(&target, commit, 0, "new"), MR_OK);
        put_file("out", "old");
        expect_refused(mr_commit_finish(&commit, NULL, &error), "output exists: out, since");
        CU_ASSERT_PTR_NULL(commit);
        expect_file("out", "old");
        CU_ASSERT_EQUAL(count_in("."), 1);
        remove("out");
        CU_ASSERT_EQUAL(write_result("out", false, "new"), MR_OK);
        expect_file("out", "new");
        CU_ASSERT_EQUAL(count_in("."), 1);
        remove("out");
    }
    rename_error = link_error = 0;
    for (int overwrite = 0; overwrite < 2; overwrite++) {
        mr_target target = target_of("out/", overwrite);
        CU_ASSERT_EQUAL_FATAL(mr_commit_begin(&commit, &target, &error), MR_OK);
        CU_ASSERT_EQUAL(put_part(&target, commit, 0, "new"), MR_OK);
        mkdir("out", 0777);
        put_file("out/notes", "precious");
        expect_refused(mr_commit_finish(&commit, "", &error),
                       overwrite ? "out has notes" : "output exists: out, since");
        expect_file("out/notes", "precious");
        CU_ASSERT_EQUAL(count_in("."), 1);
        start_over();
    }
}

/* File systems that cannot swap two folders. */
static void test_steps(void)
{
    start_over();
    CU_ASSERT_EQUAL(write_result("out/", false, "one"), MR_OK);
    rename_error = ENOSYS;
    CU_ASSERT_EQUAL(write_result("out", true, "two"), MR_OK);
    expect_file("out/part-00000", "two");
    CU_ASSERT_EQUAL(count_in("out"), 3);
    rename_error = EIO;
    expect_refused(write_result("out", true, "three"), "cannot write output: out: Input/output");
    rename_error = 0;
    expect_file("out/part-00000", "two");
    CU_ASSERT_EQUAL(count_in("."), 1);
}

static void test_bad_disk(void)
{
    start_over();
    CU_ASSERT_EQUAL(write_result("out", false, "old"), MR_OK);
    CU_ASSERT_EQUAL(write_result("folder/", false, "old"), MR_OK);
    sync_error = EIO;
    expect_refused(write_result("out", true, "new"), "Input/output error");
    expect_refused(write_result("folder", true, "new"), "Input/output error");
    expect_refused(write_result("other/", true, "new"), "Input/output error");
    sync_error = EINVAL; /* no need to sync here */
    CU_ASSERT_EQUAL(write_result("another", false, "new"), MR_OK);
    sync_error = 0;
    expect_file("out", "old");
    expect_file("folder/part-00000", "old");
    CU_ASSERT_EQUAL(count_in("."), 3);
}

/* A disk that is full half way, as a limit to the size of files makes it. */
static void test_full_disk(void)
{
    start_over();
    CU_ASSERT_EQUAL(write_result("out", false, "old"), MR_OK);
    char *content = malloc(10001);
    memset(content, 'x', 10000);
    content[10000] = '\0';
    struct rlimit limit, old;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = (struct rlimit){4096, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    mr_status status = write_result("out", true, content);
    mr_status other = write_result("folder/", true, content);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    CU_ASSERT_EQUAL(other, MR_BAD_OUTPUT);
    expect_refused(status, "at byte 4096: File too large");
    expect_file("out", "old");
    CU_ASSERT_EQUAL(count_in("."), 1);
    free(content);
}

static void test_abandon(void)
{
    start_over();
    mr_commit *commit = NULL;
    mr_commit_abandon(&commit);
    CU_ASSERT_EQUAL(mr_commit_finish(&commit, NULL, &error), MR_OK);
    CU_ASSERT_STRING_EQUAL(mr_commit_path(commit), "");
    static const char *paths[] = {"out", "folder/"};
    for (int i = 0; i < 2; i++) {
        mr_target target = target_of(paths[i], false);
        CU_ASSERT_EQUAL_FATAL(mr_commit_begin(&commit, &target, &error), MR_OK);
        CU_ASSERT_EQUAL(put_part(&target, commit, 7, "new"), MR_OK);
        CU_ASSERT_EQUAL(count_in("."), 1);
        CU_ASSERT_NOT_EQUAL(access(paths[i], F_OK), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(mr_commit_path(commit), ".mapred-"));
        mr_commit_abandon(&commit);
        CU_ASSERT_PTR_NULL(commit);
        CU_ASSERT_EQUAL(count_in("."), 0);
    }
    mr_target target = target_of(NULL, false);
    CU_ASSERT_EQUAL(mr_commit_begin(&commit, &target, &error), MR_OK);
    CU_ASSERT_PTR_NULL(commit);
    target = target_of("no/where", false);
    expect_refused(mr_commit_begin(&commit, &target, &error), "No such file");
    CU_ASSERT_PTR_NULL(commit);
}

/* Several writers of one file, each at its place, in any order. */
static void test_parallel_file(void)
{
    start_over();
    mr_commit *commit;
    mr_part parts[4];
    mr_target target = target_of("out", false);
    CU_ASSERT_EQUAL_FATAL(mr_commit_begin(&commit, &target, &error), MR_OK);
    for (int i = 0; i < 4; i++)
        mr_part_open(&parts[i], &target, mr_commit_path(commit), 0, &error);
    for (unsigned i = 4; i-- > 0;) {
        CU_ASSERT_EQUAL(mr_part_write(&parts[i], &"abcd"[i], 1, 3 * i, &error), MR_OK);
        CU_ASSERT_EQUAL(mr_part_write(&parts[i], "--", 2, 3 * i + 1, &error), MR_OK);
    }
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(mr_part_close(&parts[i], &error), MR_OK);
        CU_ASSERT_EQUAL(mr_part_close(&parts[i], &error), MR_OK);
    }
    CU_ASSERT_EQUAL(mr_commit_finish(&commit, NULL, &error), MR_OK);
    expect_file("out", "a--b--c--d--");
}

static void test_streams(void)
{
    bool gone = false;
    int ends[2];
    start_over();
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_NONBLOCK), 0);
    CU_ASSERT_EQUAL(mr_stream_write(ends[1], "pipe", "abc", 3, &gone, &error), MR_OK);
    CU_ASSERT_FALSE(gone);
    close(ends[0]);
    CU_ASSERT_EQUAL(mr_stream_write(ends[1], "pipe", "abc", 3, &gone, &error), MR_OK);
    CU_ASSERT(gone);
    close(ends[1]);
    CU_ASSERT_EQUAL(mr_stream_write(ends[1], "pipe", "abc", 3, &gone, &error), MR_OK);
    gone = false;
    int full = open("/dev/full", O_WRONLY);
    expect_refused(mr_stream_write(full, "standard output", "abc", 3, &gone, &error),
                   "cannot write output: standard output: No space left");
    CU_ASSERT_FALSE(gone);
    close(full);
}

/* More than a pipe holds, to a reader that is slow, through a descriptor that does not wait. */
static void test_slow_reader(void)
{
    enum { SIZE = 1 << 20 };
    int ends[2];
    bool gone = false;
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_NONBLOCK), 0);
    char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 >> 3);
    pid_t child = fork();
    if (child == 0) {
        mr_status status = mr_stream_write(ends[1], "pipe", bytes, SIZE, &gone, &error);
        _exit(status == MR_OK && !gone ? 0 : 1);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, 0);
    size_t seen = 0, wrong = 0;
    char piece[5000];
    for (ssize_t size; (size = read(ends[0], piece, sizeof piece)) > 0; seen += (size_t)size)
        wrong += seen + (size_t)size > SIZE || memcmp(piece, bytes + seen, (size_t)size) != 0;
    CU_ASSERT_EQUAL(seen, SIZE);
    CU_ASSERT_EQUAL(wrong, 0);
    int ended = 1;
    waitpid(child, &ended, 0);
    CU_ASSERT_EQUAL(ended, 0);
    close(ends[0]);
    free(bytes);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite("commit", enter, leave);
    CU_ADD_TEST(suite, test_kinds);
    CU_ADD_TEST(suite, test_formats);
    CU_ADD_TEST(suite, test_refused);
    CU_ADD_TEST(suite, test_file);
    CU_ADD_TEST(suite, test_folder);
    CU_ADD_TEST(suite, test_meanwhile);
    CU_ADD_TEST(suite, test_steps);
    CU_ADD_TEST(suite, test_bad_disk);
    CU_ADD_TEST(suite, test_full_disk);
    CU_ADD_TEST(suite, test_abandon);
    CU_ADD_TEST(suite, test_parallel_file);
    CU_ADD_TEST(suite, test_streams);
    CU_ADD_TEST(suite, test_slow_reader);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}

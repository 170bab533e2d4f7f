/*
 * cli/retry_child.c: one start of a command. What it writes to stderr goes on as it comes, and past
 * who listens line by line. Signals are passed on; mpirun gets SIGUSR1 in place of the first
 * SIGTERM, which it passes on to all ranks: on SIGTERM it would kill them before they can save.
 */
#include "cli/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE   16384 /* bytes of one that are listened to */
#define LINGER 500   /* milliseconds that others may hold stderr after the command's end */

static const int watched[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGCHLD};

static sigset_t watched_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(&set, watched[i]);
    return set;
}

mr_status mr_watch_open(mr_watch *watch, mr_error *error)
{
    sigset_t set = watched_set();
    sigprocmask(SIG_BLOCK, &set, NULL);
    *watch = (mr_watch){.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (watch->signals >= 0)
        return MR_OK;
    return mr_error_set(error, MR_FAILED, "cannot watch signals: %s", strerror(errno));
}

/* A signal that has come. False: none. */
static bool take_signal(mr_watch *watch, struct signalfd_siginfo *about)
{
    return read(watch->signals, about, sizeof *about) == (ssize_t)sizeof *about;
}

bool mr_watch_wait(mr_watch *watch, double seconds)
{
    struct timespec now;
    struct signalfd_siginfo about;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double end = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec + seconds;
    while (!watch->asked) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        double left = end - (double)now.tv_sec - 1e-9 * (double)now.tv_nsec;
        if (left <= 0)
            return true;
        struct pollfd look = {.fd = watch->signals, .events = POLLIN};
        poll(&look, 1, (int)ceil(fmin(left, 3600) * 1000));
        while (take_signal(watch, &about))
            if (about.ssi_signo != SIGCHLD)
                watch->asked = (int)about.ssi_signo;
    }
    return false;
}

/* ---- The child ---- */

typedef struct child {
    mr_watch *watch;
    pid_t process;
    bool is_launcher;
    int errors; /* the end of its stderr that is read; -1: closed */
    mr_child_line *line;
    void *context;
    char text[LINE]; /* of the line that has begun */
    size_t size;
} child;

static bool is_launcher(char *const *words)
{
    static const char *const names[] = {"mpirun", "mpiexec", "orterun", "prterun"};
    for (; *words; words++) {
        const char *slash = strrchr(*words, '/'), *name = slash ? slash + 1 : *words;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(name, names[i]) == 0)
                return true;
        if (strcmp(name, "mapred") == 0)
            return false;
    }
    return false;
}

static _Noreturn void become(char *const *words, pid_t parent, int errors, int report)
{
    sigset_t set = watched_set();
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody would start it again */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    dup2(errors, STDERR_FILENO);
    if (getppid() == parent)
        execvp(words[0], words);
    int cause = errno;
    if (write(report, &cause, sizeof cause) < 0)
        _exit(126);
    _exit(127);
}

/* Whether the program could be found is told through a pipe that the start of it closes. */
static mr_status start(child *c, char *const *words, mr_error *error)
{
    int errors[2], report[2], cause = 0;
    pid_t parent = getpid();
    if (pipe2(errors, O_CLOEXEC) != 0)
        return mr_error_set(error, MR_FAILED, "cannot start: %s: %s", words[0], strerror(errno));
    if (pipe2(report, O_CLOEXEC) != 0 || (c->process = fork()) < 0)
        return mr_error_set(error, MR_FAILED, "cannot start: %s: %s", words[0], strerror(errno));
    if (c->process == 0)
        become(words, parent, errors[1], report[1]);
    close(errors[1]);
    close(report[1]);
    c->errors = errors[0];
    ssize_t got = read(report[0], &cause, sizeof cause);
    close(report[0]);
    if (got <= 0)
        return MR_OK;
    waitpid(c->process, NULL, 0);
    close(c->errors);
    return mr_error_set(error, MR_USAGE, "cannot start: %s: %s: check the command behind --",
                        words[0], strerror(cause));
}

static void listen_to(child *c, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            if (c->size < LINE - 1)
                c->text[c->size++] = bytes[i];
            continue;
        }
        c->text[c->size] = '\0';
        c->line(c->context, c->text);
        c->size = 0;
    }
}

static void pass_on(child *c)
{
    char bytes[65536];
    ssize_t got = read(c->errors, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        close(c->errors);
        c->errors = -1;
        return;
    }
    for (ssize_t at = 0, wrote; at < got; at += wrote)
        if ((wrote = write(STDERR_FILENO, bytes + at, (size_t)(got - at))) <= 0)
            break;
    listen_to(c, bytes, (size_t)got);
}

/* A key of the terminal has reached the child already. */
static void pass_signal(child *c, const struct signalfd_siginfo *about)
{
    int number = (int)about->ssi_signo;
    if (number == SIGCHLD)
        return;
    bool first = c->watch->asked == 0;
    c->watch->asked = number;
    if (about->ssi_code == SI_KERNEL)
        return;
    kill(c->process, number == SIGTERM && first && c->is_launcher ? SIGUSR1 : number);
}

static int code_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Until the command has ended, and its stderr too, or a little later. */
static int attend(child *c)
{
    int status = 0;
    bool ended = false;
    for (;;) {
        struct signalfd_siginfo about;
        struct pollfd look[2] = {{.fd = c->errors, .events = POLLIN},
                                 {.fd = c->watch->signals, .events = POLLIN}};
        int found = poll(look, 2, ended ? LINGER : -1);
        if (look[0].revents && found > 0)
            pass_on(c);
        while (take_signal(c->watch, &about))
            pass_signal(c, &about);
        if (!ended)
            ended = waitpid(c->process, &status, WNOHANG) == c->process;
        if (ended && (c->errors < 0 || found == 0))
            break;
    }
    if (c->errors >= 0)
        close(c->errors);
    return code_of(status);
}

mr_status mr_child_run(mr_watch *watch, char *const *words, mr_child_line *line, void *context,
                       int *code, mr_error *error)
{
    child *c = calloc(1, sizeof *c);
    if (!c)
        return mr_error_set(error, MR_NO_MEMORY, "out of memory: starting %s", words[0]);
    c->watch = watch;
    c->is_launcher = is_launcher(words);
    c->line = line;
    c->context = context;
    mr_status status = start(c, words, error);
    if (status == MR_OK)
        *code = attend(c);
    free(c);
    return status;
}

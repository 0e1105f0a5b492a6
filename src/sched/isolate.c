/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * isolate.c: the helper processes of an isolated plug-in: started, kept while they are idle, talked to, and seen to end. They are
 * spawned, not forked: a child of a process with threads must not run code that may want what another thread held.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "isolate.h"

#define HELPER "starp-helper"
#define LOOK_MS 10       /* how often somebody who waits asks whether he is to go on */
#define LEAVE_LOOKS 2000 /* of 1 ms: what a helper has for its end */

struct sp_isolate {
    struct sp_sched *sched;
    const char *path;
    struct stat file;
    cpu_set_t cores;            /* those of the process: workers, which start helpers, may have one each */
    bool cores_known;
    pthread_mutex_t lock;
    struct sp_helper *idle;
    int nfunction;
    struct sp_isolate_function *function;
};

/* ----------------------------------------------------------------------------------------------------- talking */

void sp_helper_limit(struct sp_helper *h, const struct sp_isolate *x)
{
    h->seconds = SP_OPTION(&x->sched->options, plugin_seconds);
    h->began = sp_now();
}

void sp_helper_no_limit(struct sp_helper *h)
{
    h->seconds = 0;
}

/* Asked before each word, as one that always has something to say would never be waited for. */
static bool may_go_on(struct sp_helper *h)
{
    if (h->it && h->it->services->cancelled(h->it)) h->cancelled = true;
    else if (h->seconds > 0 && sp_now() - h->began > (double)h->seconds) h->late = true;
    return !h->cancelled && !h->late;
}

/* Until the socket is ready or some time has passed. */
static void wait_for(struct sp_helper *h, short what)
{
    struct pollfd at = { h->fd, what, 0 };
    poll(&at, 1, LOOK_MS);
}

bool sp_helper_send(struct sp_helper *h, const void *data, size_t n)
{
    for (const char *at = data; n > 0;) {
        if (!may_go_on(h)) return false;
        ssize_t sent = send(h->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent < 0) {
            wait_for(h, POLLOUT);
            continue;
        }
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool sp_helper_receive(struct sp_helper *h, void *data, size_t n)
{
    for (char *at = data; n > 0;) {
        if (!may_go_on(h)) return false;
        ssize_t got = recv(h->fd, at, n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
        if (got < 0) {
            wait_for(h, POLLIN);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- starting */

static bool is_there(char *path, const char *directory, const char *under)
{
    int n = snprintf(path, PATH_MAX, "%s%s/" HELPER, directory, under);
    return n < PATH_MAX && access(path, X_OK) == 0;
}

/* Where the user says; beside the library, as it is built; where it is installed, as seen from the library; where it was to be. */
static bool find_program(char path[PATH_MAX])
{
    const char *asked = sp_options_helper();
    char own[PATH_MAX];
    Dl_info here;
    if (asked) return snprintf(path, PATH_MAX, "%s", asked) < PATH_MAX;
    if (dladdr((void *)(uintptr_t)find_program, &here) && realpath(here.dli_fname, own)) {
        *strrchr(own, '/') = 0;
        if (is_there(path, own, "") || is_there(path, own, "/" SP_HELPER_FROM_LIBRARY)) return true;
    }
    return is_there(path, SP_HELPER_DIRECTORY, "");
}

/* With signals as in a new process, and without the session's standard input. Returns an errno. */
static int spawn(const char *program, const char *plugin, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t all, none;
    char *argv[] = { HELPER, (char *)(uintptr_t)plugin, NULL };
    sigfillset(&all);
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (posix_spawnattr_init(&how) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int status = posix_spawn_file_actions_adddup2(&files, fd, SP_ISOLATE_SOCKET);
    if (status == 0) status = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (status == 0) status = posix_spawn(pid, program, &files, &how, argv, sp_options_environment());
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return status;
}

/* Without memory for anything but the error. */
static starp_status new_process(const struct sp_isolate *x, struct sp_helper *h, struct sp_error *e)
{
    char program[PATH_MAX];
    int pair[2];
    if (!find_program(program)) {
        return sp_fail(e, STARP_ERR_RUNTIME, "there is no " HELPER " where the library is; STARP_HELPER can tell where it is");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return sp_fail(e, STARP_ERR_RUNTIME, "no socket: %s", strerror(errno));
    }
    int status = spawn(program, x->path, pair[1], &h->pid);
    close(pair[1]);
    h->fd = pair[0];
    if (status == 0) {
        if (x->cores_known) sched_setaffinity(h->pid, sizeof x->cores, &x->cores);
        return STARP_OK;
    }
    close(h->fd);
    return sp_fail(e, STARP_ERR_RUNTIME, "%.100s cannot be started: %s", program, strerror(status));
}

/* Whether these are functions that a plug-in can have: the process that says so may be out of its mind already. */
static bool are_functions(uint32_t n, struct sp_isolate_function *function)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct sp_isolate_function *f = &function[i];
        function[i].name[sizeof f->name - 1] = 0;
        if (f->nresults < 0 || f->nresults > STARP_MAXRESULTS || f->nargs < 0 || f->nargs > STARP_MAXARGS) return false;
    }
    return true;
}

/* What a new helper says of the plug-in, which is the caller's to free. False: it does not answer, or nonsense. */
static bool greet(struct sp_helper *h, struct sp_isolate_function **function, int *n, struct sp_error *e)
{
    struct sp_isolate_message m;
    if (!sp_helper_receive(h, &m, sizeof m)) return false;
    if (m.k != SP_ISOLATE_PROTOCOL) return sp_fail(e, STARP_ERR_RUNTIME, HELPER " is of another version of the library") == STARP_OK;
    m.text[sizeof m.text - 1] = 0;
    if (m.kind == SP_ISOLATE_REFUSED) return sp_fail(e, STARP_ERR_FORMAT, "%s", m.text) == STARP_OK;
    if (m.kind != SP_ISOLATE_LOADED || m.n > STARP_PLUGIN_MOST) return false;
    struct sp_isolate_function *f = sp_malloc(m.n * sizeof *f);
    if (!f) return sp_fail_memory(e) == STARP_OK;
    if (!sp_helper_receive(h, f, m.n * sizeof *f) || !are_functions(m.n, f)) return sp_free(f), false;
    *function = f;
    *n = (int)m.n;
    return true;
}

static struct sp_helper *start(const struct sp_isolate *x, const starp_iteration *it, struct sp_isolate_function **function, int *n,
                               struct sp_error *e)
{
    char how[SP_PLUGIN_TEXT];
    struct sp_helper *h = sp_calloc(1, sizeof *h);
    if (!h) return sp_fail_memory(e), NULL;
    if (new_process(x, h, e) != STARP_OK) return sp_free(h), NULL;
    h->it = it;
    sp_helper_limit(h, x);
    if (greet(h, function, n, e)) return sp_helper_no_limit(h), h;
    sp_helper_over(h, how);
    sp_fail(e, STARP_ERR_RUNTIME, "while it is loaded, %.100s", how); /* unless there is a reason already */
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- ending */

/* Its signal or exit status; -1: the program lets nobody know. */
static int wait_for_end(pid_t pid)
{
    int status;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) continue;
    return got == pid ? status : -1;
}

/* The kill does nothing to a process whose end has begun, which it has when its end of the socket is closed. */
void sp_helper_over(struct sp_helper *h, char text[SP_PLUGIN_TEXT])
{
    kill(h->pid, SIGKILL);
    int status = wait_for_end(h->pid);
    if (h->cancelled) snprintf(text, SP_PLUGIN_TEXT, "it was cancelled");
    else if (h->late) snprintf(text, SP_PLUGIN_TEXT, "the plug-in takes longer than %lld s (STARP_PLUGIN_SECONDS)", (long long)h->seconds);
    else if (status == -1) snprintf(text, SP_PLUGIN_TEXT, "the plug-in's process ended");
    else if (WIFSIGNALED(status)) snprintf(text, SP_PLUGIN_TEXT, "the plug-in crashed (signal %d)", WTERMSIG(status));
    else snprintf(text, SP_PLUGIN_TEXT, "the plug-in ended its process (exit status %d)", WEXITSTATUS(status));
    close(h->fd);
    sp_free(h);
}

/* An idle helper ends by itself when nobody talks to it any more; not for ever waited for. */
static void dismiss(struct sp_helper *h)
{
    const struct timespec pause = { 0, 1000000 };
    pid_t got = 0;
    close(h->fd);
    for (int i = 0; i < LEAVE_LOOKS && (got = waitpid(h->pid, NULL, WNOHANG)) == 0; i++) nanosleep(&pause, NULL);
    if (got == 0) {
        kill(h->pid, SIGKILL);
        wait_for_end(h->pid);
    }
    sp_free(h);
}

/* ---------------------------------------------------------------------------------------------------- in a session */

static bool is_alive(const struct sp_helper *h)
{
    struct pollfd at = { h->fd, POLLIN, 0 };
    return poll(&at, 1, 0) == 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

struct sp_helper *sp_helper_take(struct sp_isolate *x, const starp_iteration *it, char text[SP_PLUGIN_TEXT])
{
    struct sp_error e = { .status = STARP_OK };
    struct sp_isolate_function *function;
    struct stat now;
    int n;
    pthread_mutex_lock(&x->lock);
    struct sp_helper *h = x->idle;
    if (h) x->idle = h->next;
    pthread_mutex_unlock(&x->lock);
    if (h && is_alive(h)) return h->it = it, h;
    if (h) sp_helper_over(h, text);
    if (stat(x->path, &now) != 0 || !is_same_file(&now, &x->file)) sp_fail(&e, STARP_ERR_RUNTIME, "the plug-in's file has changed");
    else if ((h = start(x, it, &function, &n, &e))) return sp_free(function), h;
    snprintf(text, SP_PLUGIN_TEXT, "%.150s", e.text);
    return NULL;
}

void sp_helper_give(struct sp_isolate *x, struct sp_helper *h)
{
    h->it = NULL;
    sp_helper_no_limit(h);
    pthread_mutex_lock(&x->lock);
    h->next = x->idle;
    x->idle = h;
    pthread_mutex_unlock(&x->lock);
}

void sp_isolate_rest(struct sp_isolate *x)
{
    pthread_mutex_lock(&x->lock);
    for (struct sp_helper *h = x->idle; h; h = h->next) sp_helper_forget(h); /* who does not listen, is not taken again */
    pthread_mutex_unlock(&x->lock);
}

struct sp_isolate *sp_isolate_new(struct sp_sched *s, const char *path, struct sp_error *e)
{
    size_t n = strlen(path) + 1;
    struct sp_isolate *x = sp_calloc(1, sizeof *x + n);
    if (!x) return sp_fail_memory(e), NULL;
    x->sched = s;
    x->path = memcpy(x + 1, path, n);
    x->cores_known = sched_getaffinity(0, sizeof x->cores, &x->cores) == 0;
    pthread_mutex_init(&x->lock, NULL);
    if (stat(path, &x->file) != 0) sp_fail(e, STARP_ERR_IO, "%s", strerror(errno));
    else x->idle = start(x, NULL, &x->function, &x->nfunction, e);
    if (x->idle) return x;
    sp_isolate_free(x);
    return NULL;
}

void sp_isolate_free(struct sp_isolate *x)
{
    if (!x) return;
    while (x->idle) {
        struct sp_helper *h = x->idle;
        x->idle = h->next;
        dismiss(h);
    }
    sp_free(x->function);
    pthread_mutex_destroy(&x->lock);
    sp_free(x);
}

const struct sp_isolate_function *sp_isolate_functions(const struct sp_isolate *x, int *n)
{
    *n = x->nfunction;
    return x->function;
}

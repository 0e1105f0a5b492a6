/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * isolate_main.c: starp-helper, the program that runs the iterations of an isolated plug-in: it loads it, and does what the
 * session at the other end of its socket wants, one call after the other. It ends with the session, at the latest; what else ends
 * it, is the plug-in's doing. Not part of the library.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isolate.h"

#define LEAVE_SECONDS 1 /* after the session is gone */
#define NO_MEMORY "out of memory in the isolated plug-in"

struct call {
    starp_iteration it;
    void *result[STARP_MAXRESULTS];
    uint64_t bytes[STARP_MAXRESULTS];
};

/* --------------------------------------------------------------------------------------------------------- talking */

/* Nobody is there any more. */
static _Noreturn void leave(void)
{
    _exit(0);
}

static void put(const void *data, size_t n)
{
    for (const char *at = data; n > 0;) {
        ssize_t sent = send(SP_ISOLATE_SOCKET, at, n, MSG_NOSIGNAL);
        if (sent <= 0) leave();
        at += sent;
        n -= (size_t)sent;
    }
}

static bool try_take(void *data, size_t n)
{
    for (char *at = data; n > 0;) {
        ssize_t got = recv(SP_ISOLATE_SOCKET, at, n, MSG_WAITALL);
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static void take(void *data, size_t n)
{
    if (!try_take(data, n)) leave();
}

static void ask(struct sp_isolate_message *m)
{
    put(m, sizeof *m);
    take(m, sizeof *m);
}

static void *new_bytes(uint64_t bytes)
{
    return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

/* -------------------------------------------------------------------------------------------------------- services */

static void fail(starp_iteration *it, const char *text)
{
    struct sp_isolate_message m = { .kind = SP_ISOLATE_FAIL };
    (void)it;
    snprintf(m.text, sizeof m.text, "%s", text);
    put(&m, sizeof m);
}

static void *output(starp_iteration *it, int k, starp_dtype dtype, const starp_dims *shape)
{
    struct call *c = (struct call *)it;
    struct sp_isolate_message m = { .kind = SP_ISOLATE_OUTPUT, .k = k, .dtype = (uint32_t)dtype, .shape = { .n = -1 } };
    if (shape) m.shape = *shape;
    ask(&m);
    if (!m.k) return NULL;
    free(c->result[k]);
    c->result[k] = new_bytes(m.count);
    c->bytes[k] = m.count;
    if (!c->result[k]) fail(it, NO_MEMORY);
    return c->result[k];
}

static void draw(enum sp_isolate_kind kind, size_t n, double *to)
{
    struct sp_isolate_message m = { .kind = kind, .count = n };
    put(&m, sizeof m);
    take(to, n * sizeof *to);
}

static void uniform(starp_iteration *it, size_t n, double *to)
{
    (void)it;
    draw(SP_ISOLATE_UNIFORM, n, to);
}

static void normal(starp_iteration *it, size_t n, double *to)
{
    (void)it;
    draw(SP_ISOLATE_NORMAL, n, to);
}

static int cancelled(const starp_iteration *it)
{
    struct sp_isolate_message m = { .kind = SP_ISOLATE_CANCELLED };
    (void)it;
    ask(&m);
    return m.k;
}

static const starp_iteration_services services = { output, fail, uniform, normal, cancelled };

/* ----------------------------------------------------------------------------------------------------------- calls */

/* What stays is in pages of its own, which a plug-in that writes where it must not does not spoil for the calls that follow. */
struct kept {
    void *data;
    size_t bytes;
};

static void drop(struct kept *x)
{
    if (x->data) munmap(x->data, x->bytes);
    x->data = NULL;
}

static void forget(struct kept *kept)
{
    for (int k = 0; k < STARP_MAXARGS; k++) drop(&kept[k]);
}

static void *new_kept(struct kept *x, uint64_t bytes)
{
    drop(x);
    x->bytes = bytes + 1;
    void *data = mmap(NULL, x->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : (x->data = data);
}

static void skip(uint64_t bytes)
{
    char part[4096];
    for (uint64_t n; bytes > 0; bytes -= n) take(part, n = bytes < sizeof part ? bytes : sizeof part);
}

/* Those in data[] are to be freed. False: there is no memory for one of them, but all have been sent. */
static bool take_arguments(uint32_t n, starp_argument *in, void **data, struct kept *kept)
{
    struct sp_isolate_argument a[STARP_MAXARGS];
    bool good = true;
    take(a, n * sizeof *a);
    for (uint32_t k = 0; k < n; k++) {
        in[k] = a[k].x;
        data[k] = NULL;
        if (a[k].stay == SP_ISOLATE_STAYED) in[k].data = kept[k].data;
        if (a[k].stay == SP_ISOLATE_STAYED || !in[k].data) continue;
        void *to = a[k].stay == SP_ISOLATE_STAYS ? new_kept(&kept[k], a[k].bytes) : (data[k] = new_bytes(a[k].bytes));
        if (to) take(to, a[k].bytes);
        else skip(a[k].bytes);
        if (to && !data[k]) mprotect(to, kept[k].bytes, PROT_READ);
        in[k].data = to;
        good &= to != NULL;
    }
    return good;
}

static void iterate(const starp_function *f, const struct sp_isolate_message *m, struct kept *kept)
{
    starp_argument in[STARP_MAXARGS];
    void *data[STARP_MAXARGS];
    struct call c = { .it = { .services = &services, .index = m->index, .count = (int64_t)m->count } };
    struct sp_isolate_message done = { .kind = SP_ISOLATE_DONE };
    if (take_arguments(m->n, in, data, kept)) {
        done.k = f->iterate(&c.it, (int)m->n, in, f->user);
    } else {
        forget(kept);
        done.k = done.count = 1;
        fail(&c.it, NO_MEMORY);
    }
    for (int k = 0; k < STARP_MAXRESULTS && done.k == 0; k++) done.n |= c.result[k] ? 1u << k : 0;
    put(&done, sizeof done);
    for (int k = 0; k < STARP_MAXRESULTS; k++) {
        if (done.n >> k & 1) put(c.result[k], c.bytes[k]);
        free(c.result[k]);
    }
    for (uint32_t k = 0; k < m->n; k++) free(data[k]);
}

static void tell_shapes(const starp_function *f, const struct sp_isolate_message *m)
{
    starp_argument in[STARP_MAXARGS], out[STARP_MAXRESULTS];
    void *data[STARP_MAXARGS];
    struct sp_isolate_message done = { .kind = SP_ISOLATE_DONE, .count = m->count };
    memset(out, 0, sizeof out);
    take_arguments(m->n, in, data, NULL); /* without their data */
    done.k = f->shapes((int)m->n, in, (int)m->count, out, f->user, done.text);
    put(&done, sizeof done);
    put(out, m->count * sizeof *out);
}

/* ------------------------------------------------------------------------------------------------------- beginning */

/* What the program had open, other processes' sockets among it, is not this one's to hold. */
static void close_others(void)
{
    DIR *open = opendir("/proc/self/fd");
    for (struct dirent *x; open && (x = readdir(open));) {
        int fd = atoi(x->d_name);
        if (fd > SP_ISOLATE_SOCKET && fd != dirfd(open)) close(fd);
    }
    if (open) closedir(open);
    fcntl(SP_ISOLATE_SOCKET, F_SETFD, FD_CLOEXEC); /* programs that the plug-in starts would keep it open when this one has crashed */
}

/* Ends the process some time after the session is gone, whatever the plug-in is doing. */
static void *watch(void *arg)
{
    struct pollfd at = { SP_ISOLATE_SOCKET, 0, 0 }; /* a hangup is always told */
    while (!(at.revents & (POLLHUP | POLLERR | POLLNVAL))) poll(&at, 1, -1);
    sleep(LEAVE_SECONDS);
    leave();
    return arg;
}

/* Says what the plug-in has; false: it is of no use. */
static bool introduce(const char *path, starp_plugin *plugin, void **handle)
{
    struct sp_isolate_message m = { .kind = SP_ISOLATE_LOADED, .k = SP_ISOLATE_PROTOCOL };
    *handle = sp_plugin_open(path, plugin, m.text);
    if (*handle && plugin->nelementwise > 0) snprintf(m.text, sizeof m.text, "it has elementwise functions, which cannot be isolated");
    if (!*handle || plugin->nelementwise > 0) m.kind = SP_ISOLATE_REFUSED;
    else m.n = (uint32_t)plugin->nfunctions;
    put(&m, sizeof m);
    for (uint32_t i = 0; i < m.n; i++) {
        const starp_function *f = &plugin->functions[i].f;
        struct sp_isolate_function x = { .nresults = f->nresults, .nargs = f->nargs, .column_major = f->column_major };
        x.has_shapes = f->shapes != NULL;
        strncpy(x.name, plugin->functions[i].name, sizeof x.name - 1);
        put(&x, sizeof x);
    }
    return m.kind == SP_ISOLATE_LOADED;
}

int main(int argc, char **argv)
{
    starp_plugin plugin;
    pthread_t watcher;
    void *handle;
    struct kept kept[STARP_MAXARGS] = { { NULL, 0 } };
    struct sp_isolate_message m;
    if (argc != 2) {
        fprintf(stderr, "%s: started by starp, for plug-ins that starp_load_plugin_isolated() loads\n", argv[0]);
        return 2;
    }
    close_others();
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0) return 1; /* as in the session, for its workers and for equal bits */
    if (pthread_create(&watcher, NULL, watch, NULL) != 0 || !introduce(argv[1], &plugin, &handle)) return 1;
    while (try_take(&m, sizeof m)) {
        const starp_function *f = &plugin.functions[m.k].f;
        if (m.kind == SP_ISOLATE_CALL) iterate(f, &m, kept);
        else if (m.kind == SP_ISOLATE_FORGET) forget(kept);
        else tell_shapes(f, &m);
    }
    dlclose(handle);
    return 0;
}

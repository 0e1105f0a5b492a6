/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plugin.c: the plug-ins of a session. Every rank loads the same file by itself, or has helper processes load it, and enters its
 * functions under the same numbers; all ranks have a plug-in, or none. It stays until the session closes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "frame.h"
#include "isolate.h"

struct sp_plugin {
    struct sp_plugin *next;
    void *handle;               /* loaded into this process; NULL: */
    struct sp_isolate *isolate; /* into helpers */
    uint32_t nfunction;         /* that it has brought */
};

/* A file, wherever it is. */
struct content {
    uint64_t bytes, digest;
};

/* FNV-1a: against mistakes, as everything here. */
static starp_status read_content(const char *path, struct content *c, struct sp_error *e)
{
    unsigned char part[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *c = (struct content){ 0, UINT64_C(0xcbf29ce484222325) };
    while (fd >= 0 && (got = read(fd, part, sizeof part)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        for (ssize_t i = 0; i < got; i++) c->digest = (c->digest ^ part[i]) * UINT64_C(0x100000001b3);
        c->bytes += (uint64_t)got;
    }
    if (fd < 0 || got < 0) sp_fail(e, STARP_ERR_IO, "%s", strerror(errno));
    if (fd >= 0) close(fd);
    return e->status;
}

/* --------------------------------------------------------------------------------------------------- on this rank */

static void unload(struct sp_plugin *p)
{
    if (p->handle) dlclose(p->handle);
    sp_isolate_free(p->isolate);
    sp_free(p);
}

void sp_plugin_forget(struct sp_sched *s)
{
    struct sp_plugin *p = s->plugin;
    while (p->nfunction-- > 0) sp_function_forget(s, s->nfunction - 1);
    s->plugin = p->next;
    unload(p);
}

void sp_plugins_rest(struct sp_sched *s)
{
    for (struct sp_plugin *p = s->plugin; p; p = p->next) {
        if (p->isolate) sp_isolate_rest(p->isolate);
    }
}

void sp_plugins_free(struct sp_sched *s)
{
    while (s->plugin) {
        struct sp_plugin *p = s->plugin;
        s->plugin = p->next;
        unload(p);
    }
}

static starp_status enter_functions(struct sp_sched *s, struct sp_plugin *p, const starp_plugin *x, struct sp_error *e)
{
    for (int i = 0; i < x->nfunctions; i++, p->nfunction++) SP_TRY(sp_function_enter(s, x->functions[i].name, &x->functions[i].f, e));
    for (int i = 0; i < x->nelementwise; i++, p->nfunction++) {
        struct sp_error why = { .status = STARP_OK };
        const char *name = x->elementwise[i].name;
        if (sp_elementwise_enter(s, name, &x->elementwise[i].f, &why) == STARP_OK) continue;
        if (why.status == STARP_ERR_ARGUMENT) return sp_fail(e, STARP_ERR_FORMAT, "elementwise function %d (%.64s): %s", i, name, why.text);
        return sp_fail(e, why.status, "%s", why.text);
    }
    return STARP_OK;
}

static starp_status enter_isolated(struct sp_sched *s, struct sp_plugin *p, struct sp_error *e)
{
    int n;
    const struct sp_isolate_function *known = sp_isolate_functions(p->isolate, &n);
    for (int i = 0; i < n; i++, p->nfunction++) {
        struct sp_isolated user;
        starp_function f = sp_isolated_function(s, p->isolate, i, &user);
        SP_TRY(sp_function_enter(s, known[i].name, &f, e));
    }
    return STARP_OK;
}

/* Loads it here; x has what is in it, unless it is isolated. */
static starp_status load(struct sp_sched *s, const char *path, bool isolated, starp_plugin *x, struct sp_error *e)
{
    char text[SP_PLUGIN_TEXT];
    struct sp_plugin *p = sp_calloc(1, sizeof *p);
    if (!p) return sp_fail_memory(e);
    if (isolated) p->isolate = sp_isolate_new(s, path, e);
    else if (!(p->handle = sp_plugin_open(path, x, text))) sp_fail(e, STARP_ERR_FORMAT, "%s", text);
    if (e->status != STARP_OK) return sp_free(p), e->status;
    p->next = s->plugin;
    s->plugin = p;
    if ((isolated ? enter_isolated(s, p, e) : enter_functions(s, p, x, e)) != STARP_OK) sp_plugin_forget(s);
    return e->status;
}

/* ------------------------------------------------------------------------------------------------------ on all ranks */

struct description {
    const char *path;
    struct content content;
    bool isolated;
    uint32_t nfunction;
};

static void describe(struct sp_frame *f, const void *what)
{
    const struct description *d = what;
    sp_frame_u64(f, d->content.bytes);
    sp_frame_u64(f, d->content.digest);
    sp_frame_u32(f, d->nfunction);
    sp_frame_u8(f, d->isolated);
    sp_frame_bytes(f, d->path, strlen(d->path) + 1);
}

/* What rank 0 has loaded, as it is here. */
static starp_status load_same(struct sp_sched *s, const struct description *d, struct sp_error *e)
{
    struct content own;
    starp_plugin x;
    SP_TRY(read_content(d->path, &own, e));
    if (own.bytes != d->content.bytes || own.digest != d->content.digest) return sp_fail(e, STARP_ERR_RUNTIME, "it is another file here");
    SP_TRY(load(s, d->path, d->isolated, &x, e));
    if (s->plugin->nfunction == d->nfunction) return STARP_OK;
    sp_fail(e, STARP_ERR_RUNTIME, "it has %u functions here, and %u on rank 0", s->plugin->nfunction, d->nfunction);
    sp_plugin_forget(s);
    return e->status;
}

starp_status sp_plugin_read(struct sp_sched *s, struct sp_bytes *b, struct sp_error *e)
{
    struct description d;
    d.content.bytes = sp_bytes_u64(b);
    d.content.digest = sp_bytes_u64(b);
    d.nfunction = sp_bytes_u32(b);
    d.isolated = sp_bytes_u8(b);
    size_t n = b->bad ? 0 : sp_bytes_left(b);
    d.path = (const char *)sp_bytes_take(b, n);
    if (n == 0 || d.path[n - 1] != 0) b->bad = true;
    SP_TRY(sp_bytes_done(b, SP_FRAME_PLUGIN, e));
    return load_same(s, &d, e);
}

starp_status sp_plugin_load(struct sp_sched *s, const char *path, bool isolated, struct sp_error *e)
{
    char absolute[PATH_MAX];
    starp_plugin x;
    struct description d = { .path = absolute, .isolated = isolated };
    if (!realpath(path, absolute)) return sp_fail(e, STARP_ERR_IO, "%s", strerror(errno));
    SP_TRY(read_content(absolute, &d.content, e));
    uint32_t number = s->nfunction;
    SP_TRY(load(s, absolute, isolated, &x, e));
    d.nfunction = s->plugin->nfunction;
    if (s->ranks == 1 || sp_lead_plugin(s, number, describe, &d, e) == STARP_OK) return STARP_OK;
    sp_plugin_forget(s);
    return e->status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * isolate_call.c: an iteration of an isolated function. To the rest of the library it is one like any other: it asks for its
 * results and its random numbers as the plug-in does in its process, so these are the same, and are checked the same way.
 */
#include <string.h>

#include "engine.h"
#include "isolate.h"

#define DRAWN 512 /* random numbers at a time */

struct call {
    struct sp_helper *h;
    starp_iteration *it;
    void *result[STARP_MAXRESULTS];
    uint64_t bytes[STARP_MAXRESULTS];
    int status;
    bool confused; /* the helper says what it cannot */
};

bool sp_helper_forget(struct sp_helper *h)
{
    struct sp_isolate_message m = { .kind = SP_ISOLATE_FORGET };
    bool sent = h->has == 0 || sp_helper_send(h, &m, sizeof m);
    h->has = 0;
    return sent;
}

/* Those whose bits are in `stay` are sent as ones that stay; or, if they have stayed, not at all. */
static bool send_arguments(struct sp_helper *h, int nin, const starp_argument *in, uint32_t stay, bool stayed)
{
    struct sp_isolate_argument a[SP_MAX_READS] = { { .bytes = 0 } };
    for (int k = 0; k < nin; k++) {
        a[k].x = in[k];
        if (stay >> k & 1) a[k].stay = stayed ? SP_ISOLATE_STAYED : SP_ISOLATE_STAYS;
        a[k].bytes = in[k].data ? sp_dtypes[in[k].dtype].size : 0;
        for (int i = 0; i < in[k].ndim; i++) a[k].bytes *= (uint64_t)in[k].shape[i];
    }
    if (!sp_helper_send(h, a, (size_t)nin * sizeof *a)) return false;
    for (int k = 0; k < nin; k++) {
        if (a[k].stay != SP_ISOLATE_STAYED && !sp_helper_send(h, in[k].data, a[k].bytes)) return false;
    }
    return true;
}

/* What is whole for all iterations of an evaluation is sent to a helper once. */
static bool send_call(struct sp_helper *h, const struct sp_iterate *job, const struct sp_isolate_message *m, const starp_argument *in)
{
    bool stayed = h->has && h->has == job->evaluation;
    if (!stayed && !sp_helper_forget(h)) return false;
    if (job->whole && job->evaluation) h->has = job->evaluation;
    return sp_helper_send(h, m, sizeof *m) && send_arguments(h, (int)m->n, in, h->has ? job->whole : 0, stayed);
}

/* ---------------------------------------------------------------------------------------------- what it asks for */

static bool answer(struct call *c, struct sp_isolate_message *m)
{
    return sp_helper_send(c->h, m, sizeof *m);
}

static bool answer_output(struct call *c, struct sp_isolate_message *m)
{
    int k = m->k;
    void *data = c->it->services->output(c->it, k, (starp_dtype)m->dtype, &m->shape);
    m->k = data != NULL;
    m->count = 0;
    if (data) {
        c->result[k] = data;
        m->count = c->bytes[k] = (uint64_t)sp_shape_size(&m->shape) * sp_dtypes[m->dtype].size;
    }
    return answer(c, m);
}

static bool answer_numbers(struct call *c, const struct sp_isolate_message *m)
{
    double x[DRAWN];
    void (*draw)(starp_iteration *, size_t, double *) = m->kind == SP_ISOLATE_NORMAL ? c->it->services->normal : c->it->services->uniform;
    for (uint64_t left = m->count, n; left > 0; left -= n) {
        n = left < DRAWN ? left : DRAWN;
        draw(c->it, n, x);
        if (!sp_helper_send(c->h, x, n * sizeof *x)) return false;
    }
    return true;
}

static bool take_results(struct call *c, const struct sp_isolate_message *m)
{
    c->status = m->k;
    if (m->count > 0) c->h->has = 0;
    for (int k = 0; k < STARP_MAXRESULTS; k++) {
        if (!(m->n >> k & 1)) continue;
        c->confused = !c->result[k];
        if (c->confused || !sp_helper_receive(c->h, c->result[k], c->bytes[k])) return false;
    }
    return true;
}

/* Does what the helper asks for, until its function returns. False: it does not. */
static bool serve(struct call *c)
{
    struct sp_isolate_message m;
    bool good = true;
    while (good && sp_helper_receive(c->h, &m, sizeof m)) {
        switch (m.kind) {
        case SP_ISOLATE_OUTPUT: good = answer_output(c, &m); break;
        case SP_ISOLATE_UNIFORM:
        case SP_ISOLATE_NORMAL: good = answer_numbers(c, &m); break;
        case SP_ISOLATE_CANCELLED:
            m.k = c->it->services->cancelled(c->it);
            good = answer(c, &m);
            break;
        case SP_ISOLATE_FAIL:
            m.text[sizeof m.text - 1] = 0;
            c->it->services->set_error(c->it, m.text);
            break;
        case SP_ISOLATE_DONE: return take_results(c, &m);
        default: c->confused = true; return false;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------- functions */

static void helper_over(struct sp_helper *h, bool confused, char text[SP_PLUGIN_TEXT])
{
    sp_helper_over(h, text);
    if (confused) snprintf(text, SP_PLUGIN_TEXT, "the plug-in's process says what makes no sense");
}

static int iterate(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    const struct sp_isolated *own = user;
    char text[SP_PLUGIN_TEXT];
    struct call c = { .it = it, .h = sp_helper_take(own->isolate, it, text) };
    if (!c.h) return starp_iteration_fail(it, "%s", text);
    struct sp_isolate_message m = { .kind = SP_ISOLATE_CALL, .k = own->function, .n = (uint32_t)nin };
    m.index = it->index;
    m.count = (uint64_t)it->count;
    if (send_call(c.h, ((const struct sp_iteration *)it)->job, &m, in) && serve(&c)) {
        sp_helper_give(own->isolate, c.h);
        return c.status;
    }
    helper_over(c.h, c.confused, text);
    return starp_iteration_fail(it, "%s", text);
}

/* What asks whether it is to go on with no iteration, in the session's thread. */
struct question {
    starp_iteration it;
    struct sp_sched *sched;
};

static int is_unwanted(const starp_iteration *it)
{
    return sp_sched_unwanted(((const struct question *)it)->sched);
}

static int shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    const struct sp_isolated *own = user;
    static const starp_iteration_services services = { .cancelled = is_unwanted };
    struct question q = { .it = { .services = &services }, .sched = own->sched };
    struct sp_helper *h = sp_helper_take(own->isolate, &q.it, text);
    if (!h) return 1;
    sp_helper_limit(h, own->isolate);
    struct sp_isolate_message m = { .kind = SP_ISOLATE_SHAPES, .k = own->function, .n = (uint32_t)nin, .count = (uint64_t)nout };
    bool talks = sp_helper_send(h, &m, sizeof m) && send_arguments(h, nin, in, 0, false) && sp_helper_receive(h, &m, sizeof m);
    bool confused = talks && (m.kind != SP_ISOLATE_DONE || m.count != (uint64_t)nout);
    if (!talks || confused || !sp_helper_receive(h, out, (size_t)nout * sizeof *out)) return helper_over(h, confused, text), 1;
    sp_helper_give(own->isolate, h);
    m.text[sizeof m.text - 1] = 0;
    if (m.k && m.text[0]) memcpy(text, m.text, sizeof m.text);
    return m.k;
}

bool sp_is_isolated(const starp_function *f)
{
    return f->iterate == iterate;
}

starp_function sp_isolated_function(struct sp_sched *s, struct sp_isolate *x, int i, struct sp_isolated *user)
{
    int n;
    const struct sp_isolate_function *f = &sp_isolate_functions(x, &n)[i];
    *user = (struct sp_isolated){ .sched = s, .isolate = x, .function = i };
    return (starp_function){ .iterate = iterate, .shapes = f->has_shapes ? shapes : NULL, .nresults = f->nresults, .nargs = f->nargs,
                             .column_major = f->column_major, .user = user, .user_bytes = sizeof *user };
}

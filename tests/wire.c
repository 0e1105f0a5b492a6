/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.c: both ends of a wire, in one process and without one. */
#include <stdlib.h>
#include <string.h>

#include "random_graph.h"
#include "reference.h"
#include "wire.h"

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "the wire is broken: %s\n", what);
    abort();
}

/* -------------------------------------------------------------------------------------------------------- far end */

void far_open(struct far *f, int64_t most)
{
    *f = (struct far){ .most = most };
    rig_open_reference(&f->r);
    sp_names_init(&f->names);
}

void far_close(struct far *f)
{
    sp_plan_release(f->plan);
    sp_plan_cache_free(&f->cache);
    sp_order_free(&f->order);
    sp_frame_free(&f->again);
    sp_names_free(&f->names, &f->r.g);
    must(f->r.g.live == 0, "nodes leak");
    must(ref_executor_live(f->r.self) == 0, "values leak");
    rig_close(&f->r);
}

static starp_status receive_put(struct far *f, struct sp_bytes *b, struct sp_error *e)
{
    struct sp_put x;
    SP_TRY(sp_frame_read_put(b, &x, e));
    sp_frame_put(&f->again, &x);
    struct sp_node *n = sp_build_data(&f->r.g, &x.shape, x.dtype, NULL);
    must(n, "an array that cannot be");
    n->id = x.id;
    n->shared = true;
    n->site = (const void *)(uintptr_t)x.site;
    if (sp_shape_size(&x.shape) <= f->most) f->r.ops->put(f->r.self, n, x.data, e);
    if (sp_names_put(&f->names, x.id, n)) return STARP_OK;
    sp_node_release(&f->r.g, n);
    return sp_fail(e, STARP_ERR_FORMAT, "known already");
}

/* Whether the oracle can take it on: small, and all leaves have their values. */
static bool can_compute(const struct far *f)
{
    for (int32_t i = 0; i < f->order.n; i++) {
        const struct sp_node *n = f->order.node[i];
        if (sp_shape_size(&n->shape) > f->most || (n->kind == SP_KIND_DATA && !n->value)) return false;
    }
    return true;
}

static void compute(struct far *f)
{
    struct sp_node **root = calloc((size_t)f->order.n + 1, sizeof *root);
    int n = 0;
    if (!root) abort();
    for (int32_t i = 0; i < f->order.n; i++) {
        if (f->order.root[i]) root[n++] = f->order.node[i];
    }
    sp_error_clear(&f->failed);
    if (can_compute(f)) rig_eval(&f->r, root, n, &f->failed);
    free(root);
}

static void plan(struct far *f)
{
    struct sp_error e = { 0 };
    static const struct sp_plan_options options = { .fuse = true, .merge = true, .inplace = true };
    bool *dies = calloc((size_t)f->order.n + 1, sizeof *dies);
    sp_plan_release(f->plan);
    f->plan = sp_plan_get(&f->cache, &f->order, &options, &e);
    must(dies && f->plan, e.text);
    sp_plan_dying(f->plan, &f->order, dies);
    for (int32_t i = 0; i < f->order.n; i++) must(dies[i] == f->order.dies[i], "what dies is not what was sent");
    free(dies);
}

/* The frame again, from what has become of it: drops are taken from the body. */
static void encode_again(struct far *f, struct sp_bytes body, uint64_t run)
{
    struct sp_error e = { 0 };
    must(sp_bytes_u64(&body) == run, "another run");
    uint32_t n = sp_bytes_u32(&body);
    uint64_t *drops = calloc((size_t)n + 1, sizeof *drops);
    bool *dies = calloc((size_t)f->order.n + 1, sizeof *dies);
    if (!drops || !dies) abort();
    for (uint32_t i = 0; i < n; i++) drops[i] = sp_bytes_u64(&body);
    for (int32_t i = 0; i < f->order.n; i++) dies[i] = f->order.dies[i];
    must(sp_frame_eval(&f->again, &f->order, dies, run, drops, n, &e) == STARP_OK, e.text);
    for (int32_t i = 0; i < f->order.n; i++) f->built += !f->order.node[i]->shared;
    sp_frame_sent(&f->order);
    free(drops);
    free(dies);
}

static starp_status receive_eval(struct far *f, struct sp_bytes *b, struct sp_error *e)
{
    struct sp_bytes body = *b;
    uint64_t run, live = f->r.g.live;
    size_t names = f->names.n;
    if (sp_frame_read_eval(b, &f->r.g, &f->names, &f->order, &run, e) != STARP_OK) {
        must(f->order.n == 0 && f->names.n <= names && f->r.g.live <= live, "a bad frame leaves something behind");
        return e->status;
    }
    must(f->order.given, "an order that is not given");
    encode_again(f, body, run);
    plan(f);
    compute(f);
    f->evals++;
    return STARP_OK;
}

static starp_status receive_answer(struct far *f, struct sp_bytes *b, enum sp_frame_kind kind, struct sp_error *e)
{
    struct sp_outcome outcome;
    struct sp_done done;
    if (kind == SP_FRAME_OUTCOME) {
        SP_TRY(sp_frame_read_outcome(b, &outcome, e));
        sp_frame_outcome(&f->again, &outcome);
    } else if (kind == SP_FRAME_DONE) {
        SP_TRY(sp_frame_read_done(b, &done, e));
        sp_frame_done(&f->again, &done);
    } else if (kind == SP_FRAME_GET) {
        sp_frame_u64(&f->again, sp_bytes_u64(b));
    } else if (kind == SP_FRAME_FUNCTION) { /* its bytes are the session's affair */
        size_t n = sp_bytes_left(b);
        sp_frame_bytes(&f->again, sp_bytes_take(b, n), n);
    }
    return sp_bytes_done(b, kind, e);
}

starp_status far_receive(struct far *f, const unsigned char *p, size_t n, struct sp_error *e)
{
    struct sp_frame_head h;
    if (n < SP_FRAME_HEADER) return sp_fail(e, STARP_ERR_FORMAT, "%zu bytes", n);
    SP_TRY(sp_frame_header(p, &h, e));
    if (h.bytes != n - SP_FRAME_HEADER) return sp_fail(e, STARP_ERR_FORMAT, "%zu bytes", n);
    struct sp_bytes b = { p + SP_FRAME_HEADER, p + n, false };
    sp_frame_begin(&f->again, h.kind, h.session);
    if (h.kind == SP_FRAME_EVAL) SP_TRY(receive_eval(f, &b, e));
    else if (h.kind == SP_FRAME_PUT) SP_TRY(receive_put(f, &b, e));
    else SP_TRY(receive_answer(f, &b, h.kind, e));
    must(b.at == b.end && !b.bad, "a body that has not been read");
    must(sp_frame_end(&f->again), "what was decoded does not encode");
    must(f->again.n == n && memcmp(f->again.data, p, n) == 0, "what was decoded encodes to other bytes");
    return STARP_OK;
}

size_t far_next(const unsigned char *p, size_t at)
{
    struct sp_bytes b = { p + at + SP_FRAME_HEADER - 8, p + at + SP_FRAME_HEADER, false };
    return at + SP_FRAME_HEADER + (size_t)sp_bytes_u64(&b);
}

void far_resize(unsigned char *header, size_t bytes)
{
    for (int i = 0; i < 8; i++) header[SP_FRAME_HEADER - 8 + i] = (unsigned char)((uint64_t)bytes >> 8 * i);
}

int far_stream(const unsigned char *p, size_t n)
{
    struct far f;
    int frames = 0;
    far_open(&f, 4096);
    while (n >= SP_FRAME_HEADER) {
        struct sp_frame_head h;
        struct sp_error e = { 0 };
        if (sp_frame_header(p, &h, &e) != STARP_OK || h.bytes > n - SP_FRAME_HEADER) break;
        size_t size = SP_FRAME_HEADER + (size_t)h.bytes;
        if (far_receive(&f, p, size, &e) != STARP_OK) break;
        p += size;
        n -= size;
        frames++;
    }
    far_close(&f);
    return frames;
}

/* ------------------------------------------------------------------------------------------------------- near end */

static void send(struct wire *w)
{
    struct sp_error e = { 0 };
    must(sp_frame_end(&w->frame), "a frame does not end");
    w->stream = realloc(w->stream, w->nstream + w->frame.n);
    if (!w->stream) abort();
    memcpy(w->stream + w->nstream, w->frame.data, w->frame.n);
    w->nstream += w->frame.n;
    must(far_receive(&w->far, w->frame.data, w->frame.n, &e) == STARP_OK, e.text);
}

static void send_values(struct wire *w)
{
    for (int32_t i = 0; i < w->order.n; i++) {
        struct sp_node *n = w->order.node[i];
        if (n->kind != SP_KIND_DATA || n->shared) continue;
        struct sp_put x = { .id = n->id, .dtype = (starp_dtype)n->dtype, .shape = n->shape };
        x.site = (uintptr_t)n->site;
        x.data = ((struct ref_value *)n->value)->data;
        sp_frame_begin(&w->frame, SP_FRAME_PUT, 1);
        sp_frame_put(&w->frame, &x);
        send(w);
        n->shared = true;
    }
}

static void send_order(struct wire *w, const bool *dies)
{
    struct sp_error e = { 0 };
    for (int32_t i = 0; i < w->order.n; i++) {
        w->known += w->order.node[i]->shared && !sp_node_is_leaf(w->order.node[i]);
        w->died += dies[i];
    }
    sp_frame_begin(&w->frame, SP_FRAME_EVAL, 1);
    must(sp_frame_eval(&w->frame, &w->order, dies, ++w->run, w->gone, w->ngone, &e) == STARP_OK, e.text);
    w->sent++;
    w->dropped += w->ngone;
    w->ngone = 0;
    sp_frame_sent(&w->order);
    send(w);
}

/* Both ends hold the same order, and plan it alike. */
static void compare(const struct wire *w, const struct sp_plan *p)
{
    const struct sp_order *a = &w->order, *b = &w->far.order;
    const struct sp_plan *q = w->far.plan;
    must(a->n == b->n && p->key_size == q->key_size && memcmp(p->key, q->key, p->key_size) == 0, "the plans differ");
    for (int32_t i = 0; i < a->n; i++) {
        must(a->node[i]->weak == b->node[i]->weak, "a weak scalar on one side");
        must(a->node[i]->id == b->node[i]->id && a->node[i]->site == b->node[i]->site, "another id or site");
    }
}

static void fetch(struct wire *w, struct sp_graph *g)
{
    for (int32_t i = 0; i < w->order.n; i++) {
        struct sp_node *n = w->order.node[i];
        const struct ref_value *from = (const struct ref_value *)w->far.order.node[i]->value;
        if (!w->order.root[i] || n->value) continue;
        must(from, "a root has no value");
        struct ref_value *v = ref_value_new(&n->shape, (starp_dtype)n->dtype);
        memcpy(v->data, from->data, (size_t)v->size * sp_dtypes[v->dtype].size);
        w->live++;
        sp_node_settle(g, n, (struct sp_value *)v);
    }
}

static starp_status wire_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **run,
                              struct sp_error *e)
{
    struct wire *w = self;
    const struct sp_plan_options options = { .fuse = true, .merge = true, .inplace = true };
    *run = NULL;
    SP_TRY(sp_order_make(&w->order, g, roots, n, w->merge, e));
    struct sp_plan *p = sp_plan_get(&w->cache, &w->order, &options, e);
    bool *dies = calloc((size_t)w->order.n + 1, sizeof *dies);
    must(p && dies, e->text);
    sp_plan_dying(p, &w->order, dies);
    send_values(w);
    send_order(w, dies);
    free(dies);
    if (w->far.failed.status == STARP_OK) {
        compare(w, p);
        fetch(w, g);
    }
    sp_plan_release(p);
    if (w->far.failed.status != STARP_OK) *e = w->far.failed;
    return e->status;
}

static starp_status wire_wait(void *self, struct sp_run *run, struct sp_error *e)
{
    (void)self, (void)run, (void)e;
    return STARP_OK;
}

static starp_status wire_put(void *self, struct sp_node *node, const void *data, struct sp_error *e)
{
    struct wire *w = self;
    struct ref_value *v = ref_value_new(&node->shape, (starp_dtype)node->dtype);
    (void)e;
    if (data) memcpy(v->data, data, (size_t)v->size * sp_dtypes[v->dtype].size);
    w->live++;
    node->value = (struct sp_value *)v;
    return STARP_OK;
}

static starp_status wire_get(void *self, const struct sp_value *value, void *buffer, struct sp_error *e)
{
    return ref_executor_ops.get(self, value, buffer, e);
}

static void wire_drop(void *self, struct sp_value *value)
{
    struct wire *w = self;
    w->live--;
    ref_value_free((struct ref_value *)value);
}

static void wire_gone(void *self, uint64_t id)
{
    struct wire *w = self;
    w->gone = realloc(w->gone, (w->ngone + 1) * sizeof *w->gone);
    if (!w->gone) abort();
    w->gone[w->ngone++] = id;
}

void wire_flush(struct wire *w)
{
    w->order.n = 0;
    send_order(w, NULL);
}

struct wire *wire_open(bool merge)
{
    struct wire *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->merge = merge;
    far_open(&w->far, INT64_MAX);
    return w;
}

static void wire_close(void *self)
{
    struct wire *w = self;
    must(w->live == 0, "values leak on this side");
    sp_plan_cache_free(&w->cache);
    sp_order_free(&w->order);
    sp_frame_free(&w->frame);
    far_close(&w->far);
    free(w->gone);
    free(w->stream);
    free(w);
}

unsigned char *wire_record(uint64_t seed, int steps, size_t *n)
{
    struct rig r;
    struct rg_outcome out;
    struct wire *w = wire_open(seed & 1);
    struct rg_options o = { .seed = seed, .steps = steps, .max_size = 12, .transcendental = seed & 2 };
    rig_open(&r, &wire_ops, w);
    rg_run(&r, &o, &out);
    rg_outcome_free(&out);
    wire_flush(w);
    unsigned char *stream = w->stream;
    *n = w->nstream;
    w->stream = NULL;
    rig_close(&r);
    return stream;
}

const struct sp_executor_ops wire_ops = {
    .put = wire_put,
    .eval = wire_eval,
    .wait = wire_wait,
    .get = wire_get,
    .drop = wire_drop,
    .gone = wire_gone,
    .close = wire_close,
};

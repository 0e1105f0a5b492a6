/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference.c: the oracle as an executor: put, eval, wait and the rest over dense buffers. Every node below the roots is
 * computed once, inputs first, each into its own buffer by one loop. A run is computed whole by eval; wait hands it over.
 */
#include <stdlib.h>
#include <string.h>

#include "reference.h"

struct ref_executor {
    int64_t live;
};

/* Values of the nodes of a run, by node address: open addressing, grown at half full. */
struct ref_map {
    const struct sp_node **key;
    struct ref_value **value;
    size_t cap, count;
};

struct ref_run {
    struct sp_graph *graph;
    struct sp_node **root;
    int nroot;
    struct ref_map map;
    struct sp_error error;
};

/* ------------------------------------------------------------------------------------------------------- values */

struct ref_value *ref_value_new(const starp_dims *shape, starp_dtype dtype)
{
    struct ref_value *v = calloc(1, sizeof *v);
    if (!v) abort();
    v->dtype = dtype;
    v->shape = *shape;
    v->size = sp_shape_size(shape);
    v->data = calloc((size_t)v->size + 1, sp_dtypes[dtype].size);
    if (!v->data) abort();
    return v;
}

void ref_value_free(struct ref_value *v)
{
    while (v) {
        struct ref_value *more = v->more;
        free(v->data);
        free(v);
        v = more;
    }
}

static size_t map_slot(const struct ref_map *m, const struct sp_node *n)
{
    size_t at = ((uintptr_t)n >> 4) * 0x9E3779B97F4A7C15u % m->cap;
    while (m->key[at] && m->key[at] != n) at = (at + 1) % m->cap;
    return at;
}

static struct ref_value *map_get(const struct ref_map *m, const struct sp_node *n)
{
    if (n->value) return (struct ref_value *)n->value;
    return m->cap ? m->value[map_slot(m, n)] : NULL;
}

static void map_put(struct ref_map *m, const struct sp_node *n, struct ref_value *v);

static void map_grow(struct ref_map *m)
{
    struct ref_map old = *m;
    m->cap = old.cap ? 2 * old.cap + 1 : 61;
    m->count = 0;
    m->key = calloc(m->cap, sizeof *m->key);
    m->value = calloc(m->cap, sizeof *m->value);
    if (!m->key || !m->value) abort();
    for (size_t i = 0; i < old.cap; i++) {
        if (old.key[i]) map_put(m, old.key[i], old.value[i]);
    }
    free(old.key);
    free(old.value);
}

static void map_put(struct ref_map *m, const struct sp_node *n, struct ref_value *v)
{
    if (2 * m->count >= m->cap) map_grow(m);
    size_t at = map_slot(m, n);
    m->count += !m->key[at];
    m->key[at] = n;
    m->value[at] = v;
}

/* -------------------------------------------------------------------------------------------------------- nodes */

/* Where an operand that broadcasts to `shape` has its element for index: axes align at the right. */
static int64_t broadcast_at(const starp_dims *from, const starp_dims *shape, const int64_t *index)
{
    int64_t at = 0;
    for (int a = 0; a < from->n; a++) {
        int64_t i = index[a + shape->n - from->n];
        at = at * from->v[a] + (from->v[a] == 1 ? 0 : i);
    }
    return at;
}

static bool same_shape(const starp_dims *a, const starp_dims *b)
{
    return a->n == b->n && memcmp(a->v, b->v, (size_t)a->n * sizeof a->v[0]) == 0;
}

ref_num ref_generate(const struct sp_node *n, ref_num index)
{
    struct ref_random r;
    double f[4];
    int64_t i[2];
    bool whole = sp_dtypes[n->dtype].cls <= SP_CLASS_I;
    memcpy(&r, n->param, sizeof r);
    memcpy(f, n->param, sizeof f);
    memcpy(i, n->param, sizeof i);
    double at = (double)index.i;
    switch (n->op) {
    case SP_OP_arange: return whole ? (ref_num){ .i = i[0] + index.i * i[1] } : (ref_num){ .re = f[0] + at * f[1] };
    case SP_OP_linspace: return (ref_num){ .re = at == f[3] ? f[2] : f[0] + at * f[1] };
    default: return ref_random((enum sp_op)n->op, (starp_dtype)n->dtype, &r, (int64_t)index.i);
    }
}

static ref_num map_element(const struct sp_node *n, struct ref_value *const *in, const ref_num x[SP_MAXIN], bool *fault)
{
    switch (n->op) {
    case SP_OP_copy: return x[0];
    case SP_OP_cast: return ref_cast(in[0]->dtype, (starp_dtype)n->dtype, x[0]);
    case SP_OP_arange:
    case SP_OP_linspace:
    case SP_OP_uniform:
    case SP_OP_normal:
    case SP_OP_integers: return ref_generate(n, x[0]);
    default: return ref_op((enum sp_op)n->op, in[n->nin - 1]->dtype, x, fault);
    }
}

static bool compute_map(const struct sp_node *n, struct ref_value *const *in, struct ref_value *out)
{
    bool fault = false, same[SP_MAXIN] = { false };
    int64_t index[STARP_MAXDIM] = { 0 };
    for (int k = 0; k < n->nin; k++) same[k] = same_shape(&in[k]->shape, &out->shape);
    for (int64_t i = 0; i < out->size; i++, ref_next(&out->shape, index)) {
        ref_num x[SP_MAXIN] = { 0 };
        for (int k = 0; k < n->nin; k++) {
            x[k] = ref_load(in[k]->dtype, in[k]->data, same[k] ? i : broadcast_at(&in[k]->shape, &out->shape, index));
        }
        ref_store(out->dtype, out->data, i, map_element(n, in, x, &fault));
    }
    return !fault;
}

static void compute_view(const struct sp_node *n, const struct ref_value *in, struct ref_value *out)
{
    int64_t index[STARP_MAXDIM] = { 0 }, at[STARP_MAXDIM];
    for (int64_t i = 0; i < out->size; i++, ref_next(&out->shape, index)) {
        for (int a = 0; a < in->shape.n; a++) {
            at[a] = n->view->start[a] + (n->view->axis[a] < 0 ? 0 : n->view->step[a] * index[n->view->axis[a]]);
            if (at[a] < 0 || at[a] >= in->shape.v[a]) abort(); /* a view that leaves its array is a bug of build_view.c */
        }
        ref_store(out->dtype, out->data, i, ref_load(in->dtype, in->data, ref_ravel(&in->shape, at)));
    }
}

static void compute_iota(const struct sp_node *n, struct ref_value *out)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    for (int64_t i = 0; i < out->size; i++, ref_next(&out->shape, index)) {
        int64_t v = n->view->start[0];
        for (int a = 0; a < out->shape.n; a++) v += n->view->step[a] * index[a];
        ref_store(out->dtype, out->data, i, (ref_num){ .i = v });
    }
}

static bool compute(const struct sp_node *n, struct ref_value *const *in, struct ref_value *out)
{
    switch (n->kind) {
    case SP_KIND_CONST:
        for (int64_t i = 0; i < out->size; i++) ref_store(out->dtype, out->data, i, ref_load(out->dtype, n->param, 0));
        return true;
    case SP_KIND_IOTA: compute_iota(n, out); return true;
    case SP_KIND_MAP: return compute_map(n, in, out);
    case SP_KIND_VIEW: compute_view(n, in[0], out); return true;
    case SP_KIND_RESHAPE: memcpy(out->data, in[0]->data, (size_t)out->size * sp_dtypes[out->dtype].size); return true;
    case SP_KIND_REDUCE: ref_reduce((enum sp_reduce)n->op, in[0], n->reduce_axes, out); return true;
    case SP_KIND_CALL: ref_call(n, in, out); return true;
    default: abort();
    }
}

/* ---------------------------------------------------------------------------------------------------------- runs */

struct ref_stack {
    const struct sp_node **at;
    size_t n, cap;
};

static void push(struct ref_stack *s, const struct sp_node *n)
{
    if (s->n == s->cap) {
        s->cap = 2 * s->cap + 64;
        s->at = realloc(s->at, s->cap * sizeof *s->at);
        if (!s->at) abort();
    }
    s->at[s->n++] = n;
}

/* Pushes the inputs not computed yet; false when there are none. */
static bool push_missing(struct ref_stack *s, const struct ref_map *map, const struct sp_node *n)
{
    size_t before = s->n;
    for (int k = 0; k < n->nin; k++) {
        if (!map_get(map, n->in[k])) push(s, n->in[k]);
    }
    return s->n > before;
}

static void compute_node(struct ref_run *run, const struct sp_node *n)
{
    struct ref_value *in[SP_MAXIN];
    for (int k = 0; k < n->nin; k++) in[k] = map_get(&run->map, n->in[k]);
    struct ref_value *out = n->kind == SP_KIND_PART ? ref_part(n, in[0]) : ref_value_of(n);
    if (n->kind != SP_KIND_PART && !compute(n, in, out)) {
        sp_fail(&run->error, STARP_ERR_COMPUTE, "%s: a negative exponent has no integer power", "pow");
        run->error.site = n->site;
    }
    map_put(&run->map, n, out);
}

static void compute_below(struct ref_run *run, const struct sp_node *root)
{
    struct ref_stack s = { 0 };
    push(&s, root);
    while (s.n > 0) {
        const struct sp_node *n = s.at[s.n - 1];
        if (!map_get(&run->map, n)) {
            if (push_missing(&s, &run->map, n)) continue;
            compute_node(run, n);
        }
        s.n--;
    }
    free(s.at);
}

static starp_status ref_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **out,
                             struct sp_error *e)
{
    struct ref_run *run = calloc(1, sizeof *run);
    (void)self, (void)e;
    if (!run) abort();
    run->graph = g;
    run->nroot = n;
    run->root = calloc((size_t)n + 1, sizeof *run->root);
    if (!run->root) abort();
    for (int i = 0; i < n; i++) {
        run->root[i] = sp_node_retain(roots[i]);
        compute_below(run, roots[i]);
    }
    *out = (struct sp_run *)run;
    return STARP_OK;
}

/* Takes a root's value out of the map. */
static struct ref_value *claim(struct ref_run *run, const struct sp_node *n)
{
    size_t at = map_slot(&run->map, n);
    struct ref_value *v = run->map.value[at];
    run->map.value[at] = NULL;
    return v;
}

static starp_status ref_wait(void *self, struct sp_run *handle, struct sp_error *e)
{
    struct ref_executor *x = self;
    struct ref_run *run = (struct ref_run *)handle;
    starp_status status = run->error.status;
    for (int i = 0; i < run->nroot; i++) {
        struct sp_node *n = run->root[i];
        if (status == STARP_OK && !n->value) {
            sp_node_settle(run->graph, n, (struct sp_value *)claim(run, n));
            x->live++;
        }
        sp_node_release(run->graph, n);
    }
    if (status != STARP_OK && sp_fail(e, status, "%s", run->error.text)) e->site = run->error.site;
    for (size_t i = 0; i < run->map.cap; i++) ref_value_free(run->map.value[i]);
    free(run->map.key);
    free(run->map.value);
    free(run->root);
    free(run);
    return status;
}

static bool ref_test(void *self, struct sp_run *run, double seconds)
{
    (void)self, (void)run, (void)seconds;
    return true;
}

static void ref_cancel(void *self, struct sp_run *run)
{
    (void)self, (void)run;
}

/* ------------------------------------------------------------------------------------------------------ executor */

static starp_status ref_put(void *self, struct sp_node *node, const void *data, struct sp_error *e)
{
    struct ref_executor *x = self;
    struct ref_value *v = ref_value_new(&node->shape, node->dtype);
    (void)e;
    if (data) memcpy(v->data, data, (size_t)v->size * sp_dtypes[node->dtype].size);
    node->value = (struct sp_value *)v;
    x->live++;
    return STARP_OK;
}

static starp_status ref_get(void *self, const struct sp_value *value, void *buffer, struct sp_error *e)
{
    const struct ref_value *v = (const struct ref_value *)value;
    (void)self, (void)e;
    memcpy(buffer, v->data, (size_t)v->size * sp_dtypes[v->dtype].size);
    return STARP_OK;
}

static void ref_drop(void *self, struct sp_value *value)
{
    struct ref_executor *x = self;
    x->live--;
    ref_value_free((struct ref_value *)value);
}

void *ref_executor_open(void)
{
    struct ref_executor *x = calloc(1, sizeof *x);
    if (!x) abort();
    return x;
}

int64_t ref_executor_live(const void *self)
{
    return ((const struct ref_executor *)self)->live;
}

static void ref_close(void *self)
{
    free(self);
}

const struct sp_executor_ops ref_executor_ops = {
    .put = ref_put,
    .eval = ref_eval,
    .wait = ref_wait,
    .test = ref_test,
    .cancel = ref_cancel,
    .get = ref_get,
    .drop = ref_drop,
    .close = ref_close,
};

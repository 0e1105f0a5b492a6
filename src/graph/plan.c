/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.c: plans and their cache. The key is everything a plan depends on, written out as bytes: kinds, operations,
 * dtypes, shapes, steps of views, who reads whom. Constants and offsets are not in it: they are read from the nodes each
 * time the plan runs. Equal keys, equal plans; a hit costs one pass over the nodes and one comparison.
 */
#include <string.h>

#include "plan.h"

#define CACHE_PLANS 1024 /* more than that, or than so many bytes of keys: the cache starts afresh */
#define CACHE_BYTES ((size_t)16 << 20)

struct writer {
    unsigned char *at;
};

static void put(struct writer *w, const void *p, size_t n)
{
    memcpy(w->at, p, n);
    w->at += n;
}

/* Plans do not depend on it, but their texts have its name. */
static uint32_t function_of(const struct sp_node *n)
{
    uint32_t function = 0;
    bool ppeval = n->kind == SP_KIND_CALL && n->op == SP_CALL_ppeval;
    if (ppeval || (n->kind == SP_KIND_MAP && sp_op_applies(n->op))) memcpy(&function, n->param, sizeof function);
    return function;
}

static void write_node(struct writer *w, const struct sp_order *o, int32_t i)
{
    const struct sp_node *n = o->node[i];
    const struct {
        uint8_t kind, dtype, nin, root, ndim, view;
        uint16_t op;
        uint32_t axes, function;
    } head = { n->kind, n->dtype, n->nin, o->root[i], (uint8_t)n->shape.n, n->kind == SP_KIND_VIEW ? (uint8_t)n->view->ndim : 0,
               n->op, n->reduce_axes, function_of(n) };
    put(w, &head, sizeof head);
    put(w, o->in[i], (size_t)n->nin * sizeof o->in[i][0]);
    put(w, n->shape.v, (size_t)n->shape.n * sizeof n->shape.v[0]);
    bool along = n->kind == SP_KIND_CALL && sp_call_is_along_axis((enum sp_call)n->op);
    if (along) put(w, n->param, SP_PARAM_SIZE); /* the axis decides where the operand is made */
    if (!head.view) return;
    put(w, n->view->axis, head.view);
    put(w, n->view->step, head.view * sizeof n->view->step[0]);
}

#define NODE_KEY (16 + SP_MAX_READS * 4 + STARP_MAXDIM * (8 + 8 + 1) + SP_PARAM_SIZE)

static bool write_key(struct sp_plan_cache *c, const struct sp_order *o, const struct sp_plan_options *options, size_t *size)
{
    size_t need = 8 + (size_t)o->n * NODE_KEY;
    if (need > c->key_cap) {
        unsigned char *key = sp_realloc(c->key, need * 2);
        if (!key) return false;
        c->key = key;
        c->key_cap = need * 2;
    }
    struct writer w = { c->key };
    put(&w, (unsigned char[8]){ options->fuse, options->merge, options->inplace, options->mixed }, 8);
    for (int32_t i = 0; i < o->n; i++) write_node(&w, o, i);
    *size = (size_t)(w.at - c->key);
    return true;
}

static uint64_t hash_key(const unsigned char *p, size_t n)
{
    uint64_t h = n, x;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&x, p, 8);
        h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    for (; n > 0; n--) h = (h ^ *p++) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static void empty_cache(struct sp_plan_cache *c)
{
    for (size_t b = 0; b < sizeof c->bucket / sizeof *c->bucket; b++) {
        while (c->bucket[b]) {
            struct sp_plan *p = c->bucket[b];
            c->bucket[b] = p->next;
            sp_plan_release(p);
        }
    }
    c->count = 0;
    c->bytes = 0;
}

static struct sp_plan *find(struct sp_plan_cache *c, uint64_t hash, size_t size)
{
    struct sp_plan *p = c->bucket[hash & 255];
    while (p && !(p->hash == hash && p->key_size == size && memcmp(p->key, c->key, size) == 0)) p = p->next;
    return p;
}

/* Keeps a new plan; a plan that cannot be kept for want of memory still runs. */
static void enter(struct sp_plan_cache *c, struct sp_plan *p, uint64_t hash, size_t size)
{
    p->key = sp_malloc(size);
    if (!p->key) return;
    if (c->count == CACHE_PLANS || c->bytes + size > CACHE_BYTES) empty_cache(c);
    c->bytes += size;
    memcpy(p->key, c->key, size);
    p->key_size = size;
    p->hash = hash;
    p->next = c->bucket[hash & 255];
    c->bucket[hash & 255] = p;
    p->refs++;
    c->count++;
}

struct sp_plan *sp_plan_get(struct sp_plan_cache *c, const struct sp_order *o, const struct sp_plan_options *options,
                            struct sp_error *e)
{
    size_t size;
    if (!write_key(c, o, options, &size)) {
        sp_fail_memory(e);
        return NULL;
    }
    uint64_t hash = hash_key(c->key, size);
    struct sp_plan *p = find(c, hash, size);
    if (p) {
        c->hits++;
        p->refs++;
        return p;
    }
    c->misses++;
    p = sp_plan_fuse(o, options, e);
    if (p) enter(c, p, hash, size);
    return p;
}

void sp_plan_cache_free(struct sp_plan_cache *c)
{
    empty_cache(c);
    sp_free(c->key);
    *c = (struct sp_plan_cache){ 0 };
}

void sp_plan_release(struct sp_plan *p)
{
    if (!p || --p->refs > 0) return;
    for (int32_t i = 0; i < p->nstep; i++) {
        sp_free(p->step[i].program);
        sp_free(p->step[i].operand);
    }
    sp_free(p->step);
    sp_free(p->last_use);
    sp_free(p->stored);
    sp_free(p->key);
    sp_free(p->text);
    sp_free(p);
}

void sp_operand_view(const struct sp_operand *x, const struct sp_step *s, const struct sp_order *o, struct sp_view *v)
{
    const starp_dims *seen = &o->node[x->node]->shape;
    struct sp_view hop;
    sp_view_identity(v, seen->n);
    for (int k = x->npath - 1; k >= 0; k--) {
        const struct sp_node *view = o->node[x->path[k]];
        const starp_dims *base = &view->in[0]->shape;
        if (!sp_shape_equal(seen, base)) {
            sp_view_broadcast(&hop, seen, base->n);
            sp_view_compose(v, v, &hop);
        }
        sp_view_compose(v, v, view->view);
        seen = &view->shape;
    }
    if (sp_shape_equal(seen, &s->shape)) return;
    sp_view_broadcast(&hop, seen, s->shape.n);
    sp_view_compose(v, v, &hop);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * order.c: what is to be computed, inputs first, equal subexpressions merged. One pass with an explicit stack; a node
 * costs a hash and a probe. The result depends on the graph alone, never on addresses.
 */
#include <string.h>

#include "graph.h"

static bool grow_to(void **p, int32_t cap, size_t size)
{
    void *q = sp_realloc(*p, (size_t)cap * size);
    if (q) *p = q;
    return q;
}

bool sp_order_reserve(struct sp_order *o, int32_t need)
{
    if (need <= o->cap) return true;
    int32_t cap = need < 64 ? 64 : need * 2;
    bool ok = grow_to((void **)&o->node, cap, sizeof *o->node) && grow_to((void **)&o->in, cap, sizeof *o->in) &&
              grow_to((void **)&o->root, cap, sizeof *o->root) && grow_to((void **)&o->left, cap, sizeof *o->left) &&
              grow_to((void **)&o->dies, cap, sizeof *o->dies);
    if (ok) o->cap = cap;
    return ok;
}

/* ------------------------------------------------------------------------------------------------------ merging */

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const char *bytes = p;
    for (; n >= 8; n -= 8, bytes += 8) {
        uint64_t x;
        memcpy(&x, bytes, 8);
        h = mix(h, x);
    }
    for (; n > 0; n--) h = mix(h, (unsigned char)*bytes++);
    return h;
}

static bool has_param(const struct sp_node *n)
{
    return n->kind == SP_KIND_CONST || n->kind == SP_KIND_RESHAPE || n->kind == SP_KIND_CALL || (n->kind == SP_KIND_MAP && n->op >= SP_OP_arange);
}

static uint64_t hash_node(const struct sp_node *n, const int32_t *in)
{
    uint64_t h = mix((uint64_t)n->kind << 40 | (uint64_t)n->op << 24 | (uint64_t)n->dtype << 8 | (uint64_t)n->shape.n, n->reduce_axes);
    for (int i = 0; i < n->nin; i++) h = mix(h, (uint64_t)in[i]);
    h = hash_bytes(h, n->shape.v, (size_t)n->shape.n * sizeof n->shape.v[0]);
    if (has_param(n)) h = hash_bytes(h, n->param, SP_PARAM_SIZE);
    if (n->view) {
        h = hash_bytes(h, n->view->start, (size_t)n->view->ndim * sizeof n->view->start[0]);
        h = hash_bytes(h, n->view->step, (size_t)n->view->ndim * sizeof n->view->step[0]);
    }
    return h;
}

static bool same_view(const struct sp_node *a, const struct sp_node *b)
{
    const struct sp_view *v = a->view, *w = b->view;
    if (!v || !w) return v == w;
    size_t n = (size_t)v->ndim;
    if (a->kind == SP_KIND_IOTA && v->start[0] != w->start[0]) return false; /* which it has without any axis, too */
    return v->ndim == w->ndim && memcmp(v->axis, w->axis, n) == 0 &&
           memcmp(v->start, w->start, n * sizeof v->start[0]) == 0 && memcmp(v->step, w->step, n * sizeof v->step[0]) == 0;
}

static bool same_node(const struct sp_order *o, int32_t i, const struct sp_node *n, const int32_t *in)
{
    const struct sp_node *m = o->node[i];
    if (m->kind != n->kind || m->op != n->op || m->dtype != n->dtype || m->reduce_axes != n->reduce_axes || m->nin != n->nin) return false;
    if (m->kind == SP_KIND_DATA || !sp_shape_equal(&m->shape, &n->shape)) return false;
    for (int k = 0; k < n->nin; k++) {
        if (o->in[i][k] != in[k]) return false;
    }
    if (has_param(n) && memcmp(m->param, n->param, SP_PARAM_SIZE) != 0) return false;
    return same_view(m, n);
}

static bool rehash(struct sp_order *o)
{
    int32_t cap = o->table_cap ? o->table_cap * 2 : 128;
    int32_t *table = sp_malloc((size_t)cap * sizeof *table);
    if (!table) return false;
    memset(table, -1, (size_t)cap * sizeof *table);
    sp_free(o->table);
    o->table = table;
    o->table_cap = cap;
    for (int32_t i = 0; i < o->n; i++) {
        uint64_t h = hash_node(o->node[i], o->in[i]);
        while (table[h & (uint64_t)(cap - 1)] >= 0) h++;
        table[h & (uint64_t)(cap - 1)] = i;
    }
    return true;
}

/* An equal node's index; else -1, and the node that gets index o->n is entered. */
static int32_t merge(struct sp_order *o, const struct sp_node *n, const int32_t *in)
{
    uint64_t mask = (uint64_t)o->table_cap - 1, h = hash_node(n, in);
    for (; o->table[h & mask] >= 0; h++) {
        int32_t i = o->table[h & mask];
        if (same_node(o, i, n, in)) return i;
    }
    o->table[h & mask] = o->n;
    return -1;
}

/* ----------------------------------------------------------------------------------------------------- traversal */

static bool append(struct sp_order *o, struct sp_node *n, bool merging, bool root)
{
    int32_t in[SP_MAX_READS];
    for (int k = 0; k < SP_MAX_READS; k++) in[k] = k < n->nin ? (int32_t)n->in[k]->index : -1;
    if (!sp_order_reserve(o, o->n + 1)) return false;
    if (merging) {
        if (o->n * 2 >= o->table_cap && !rehash(o)) return false;
        int32_t same = merge(o, n, in);
        if (same >= 0 && !root) {
            n->index = (uint32_t)same;
            o->merged++;
            return true;
        }
    }
    n->index = (uint32_t)o->n;
    o->node[o->n] = n;
    o->root[o->n] = root;
    o->left[o->n] = n->refs;
    memcpy(o->in[o->n], in, sizeof in);
    o->n++;
    return true;
}

#define ON_STACK UINT32_MAX

static struct sp_node *unvisited_input(const struct sp_node *n, uint64_t epoch)
{
    for (int k = 0; k < n->nin; k++) {
        if (n->in[k]->epoch != epoch) return n->in[k];
    }
    return NULL;
}

static bool push(struct sp_order *o, struct sp_node *n, int32_t depth, uint64_t epoch)
{
    if (depth == o->stack_cap) {
        int32_t cap = depth < 64 ? 64 : depth * 2;
        if (!grow_to((void **)&o->stack, cap, sizeof *o->stack)) return false;
        o->stack_cap = cap;
    }
    o->stack[depth] = n;
    n->epoch = epoch;
    n->index = ON_STACK;
    return true;
}

static bool is_root(const struct sp_node *n)
{
    return n->link == n;
}

/* Everything below one root that is not in the order yet. */
static starp_status visit(struct sp_order *o, struct sp_node *root, uint64_t epoch, bool merging, struct sp_error *e)
{
    int32_t depth = 0;
    if (root->epoch == epoch) return STARP_OK;
    if (!push(o, root, depth++, epoch)) return sp_fail_memory(e);
    while (depth > 0) {
        struct sp_node *n = o->stack[depth - 1], *below = unvisited_input(n, epoch);
        if (n->fault) {
            e->site = n->fault->site;
            return sp_fail(e, n->fault->status, "%s", n->fault->text);
        }
        if (below) {
            if (!push(o, below, depth++, epoch)) return sp_fail_memory(e);
            continue;
        }
        if (!append(o, n, merging, is_root(n))) return sp_fail_memory(e);
        depth--;
    }
    return STARP_OK;
}

starp_status sp_order_make(struct sp_order *o, struct sp_graph *g, struct sp_node *const *roots, int nroots, bool merging,
                           struct sp_error *e)
{
    starp_status status = STARP_OK;
    o->graph = g;
    o->merged = 0;
    o->given = false;
    if (o->table_cap > 4096 && o->n * 16 < o->table_cap) { /* after a large graph: do not clear so much each time */
        sp_free(o->table);
        o->table = NULL;
        o->table_cap = 0;
    }
    if (o->table) memset(o->table, -1, (size_t)o->table_cap * sizeof *o->table);
    o->n = 0;
    uint64_t epoch = ++g->epoch;
    for (int i = 0; i < nroots; i++) roots[i]->link = roots[i];
    for (int i = 0; i < nroots && status == STARP_OK; i++) status = visit(o, roots[i], epoch, merging, e);
    for (int i = 0; i < nroots; i++) roots[i]->link = NULL;
    return status;
}

void sp_order_free(struct sp_order *o)
{
    sp_free(o->node);
    sp_free(o->in);
    sp_free(o->root);
    sp_free(o->left);
    sp_free(o->dies);
    sp_free(o->table);
    sp_free(o->stack);
    *o = (struct sp_order){ 0 };
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_ppeval.c: a function on slices, as a node: what is split comes with its iterations along the first axis, and so do the
 * results. What the function makes of a slice is known to whoever has it; here shapes must only fit together. And the items
 * that iterations of a ragged ppeval leave behind, as nodes that read its table.
 */
#include <string.h>

#include "build.h"

struct sp_node *sp_build_split(struct sp_graph *g, struct sp_node *x, int axis, bool column_major)
{
    starp_dims order = { .n = x->shape.n };
    int n = 0;
    if (axis >= 0) order.v[n++] = axis;
    for (int a = 0; a < x->shape.n; a++) {
        int b = column_major ? x->shape.n - 1 - a : a;
        if (b != axis) order.v[n++] = b;
    }
    return sp_build_permute(g, x, &order);
}

struct sp_node *sp_build_joined(struct sp_graph *g, struct sp_node *x, bool column_major)
{
    starp_dims order = { .n = x->shape.n };
    for (int a = 0; a < x->shape.n; a++) order.v[a] = column_major ? x->shape.n - 1 - a : (a + 1) % x->shape.n;
    return sp_build_permute(g, x, &order);
}

/* The number of iterations, or -1 with the error set. */
int64_t sp_build_iterations(struct sp_graph *g, const char *what, int nin, struct sp_node *const *in, uint32_t whole)
{
    int first = -1;
    for (int k = 0; k < nin; k++) {
        if (whole >> k & 1) continue;
        if (in[k]->shape.n < 1) return sp_fail(&g->error, STARP_ERR_SHAPE, "%s: argument %d has no axis to split", what, k + 1), -1;
        if (first < 0) first = k;
        if (in[k]->shape.v[0] == in[first]->shape.v[0]) continue;
        sp_fail(&g->error, STARP_ERR_SHAPE, "%s: argument %d has %lld slices, argument %d has %lld", what, first + 1,
                (long long)in[first]->shape.v[0], k + 1, (long long)in[k]->shape.v[0]);
        return -1;
    }
    if (first >= 0) return in[first]->shape.v[0];
    return sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: no argument is split, so there is no telling how many iterations there are", what), -1;
}

static bool check_results(struct sp_graph *g, int64_t n, const struct sp_ppeval_param *p, const struct sp_results *r)
{
    bool good = p->nresults >= 1 && p->nresults <= SP_MAX_RESULTS && p->ragged <= 1 && r->n == (p->ragged ? 1 : p->nresults);
    for (int k = 0; k < r->n && good; k++) {
        if (!sp_build_check(g, "ppeval", &r->shape[k], (starp_dtype)r->dtype[k])) return false;
        good = r->shape[k].n > 0 && r->shape[k].v[0] == n;
    }
    if (good && p->ragged) {
        good = r->dtype[0] == STARP_I64 && r->shape[0].n == 2 && r->shape[0].v[1] == (int64_t)p->nresults * SP_ITEM_WORDS;
    }
    if (!good) sp_fail(&g->error, STARP_ERR_ARGUMENT, "ppeval: results that do not go with %lld iterations", (long long)n);
    return good;
}

static struct sp_node *new_call(struct sp_graph *g, enum sp_call call, const struct sp_results *r, const void *param, int nin,
                                struct sp_node *const *in)
{
    struct sp_node *n = sp_node_new(g, SP_KIND_CALL, (starp_dtype)r->dtype[0], &r->shape[0]);
    if (!n) return NULL;
    n->op = (uint16_t)call;
    memcpy(n->param, param, SP_PARAM_SIZE);
    if (r->n > 1 && (n->results = sp_malloc(sizeof *r))) *n->results = *r;
    if (r->n > 1 && !n->results) {
        sp_node_release(g, n);
        sp_fail_memory(&g->error);
        return NULL;
    }
    for (int k = 0; k < nin; k++) sp_node_input(n, in[k]);
    return n;
}

/* Items lie in one line, which every iteration sees; the table tells where. */
static bool are_items(int nin, struct sp_node *const *in, const struct sp_ppeval_param *p, int k)
{
    if (k + 1 >= nin || !(p->whole >> k & 1) || (p->whole | p->items) >> (k + 1) & 1 || in[k]->shape.n != 1) return false;
    const struct sp_node *table = in[k + 1];
    return table->dtype == STARP_I64 && table->shape.n == 2 && table->shape.v[1] == SP_ITEM_WORDS + 1;
}

struct sp_node *sp_build_ppeval(struct sp_graph *g, int nin, struct sp_node *const *in, const struct sp_ppeval_param *p, const struct sp_results *r)
{
    int64_t n = sp_build_iterations(g, "ppeval", nin, in, p->whole);
    bool good = nin >= 1 && nin <= SP_MAX_READS && p->whole >> nin == 0 && p->cost >= 0;
    for (int k = 0; k < nin && good; k++) good = !in[k]->weak && in[k]->kind != SP_KIND_IOTA && (!(p->items >> k & 1) || are_items(nin, in, p, k));
    if (n >= 0 && !good) sp_fail(&g->error, STARP_ERR_ARGUMENT, "ppeval: not what a call looks like");
    if (n < 0 || !good || !check_results(g, n, p, r)) return NULL;
    return new_call(g, SP_CALL_ppeval, r, p, nin, in);
}

struct sp_node *sp_build_items(struct sp_graph *g, struct sp_node *table, const struct sp_items_param *p)
{
    struct sp_results r = { .n = 1, .shape = { { 1, { p->n } } } };
    bool good = table->shape.n == 2 && table->dtype == STARP_I64 && p->result >= 0 && p->result < table->shape.v[1] / SP_ITEM_WORDS &&
                sp_dtype_valid((starp_dtype)p->dtype) && (p->last == 0 || p->last == 1);
    if (!good) return sp_fail(&g->error, STARP_ERR_ARGUMENT, "ppeval items: not the table of a ppeval"), NULL;
    r.dtype[0] = (uint8_t)p->dtype;
    if (!sp_build_check(g, "ppeval items", &r.shape[0], (starp_dtype)p->dtype)) return NULL;
    return new_call(g, SP_CALL_items, &r, p, 1, &table);
}

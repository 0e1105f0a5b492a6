/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_graph.c: the walk of a random graph: a pool of live nodes, of which steps take operands and to which they add
 * results. What is chosen depends on the seed, shapes and dtypes only, so every executor sees the same graph.
 */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "random_graph.h"
#include "reference.h"

int64_t rg_below(struct rg *g, int64_t n)
{
    return rig_below(&g->random, n);
}

bool rg_chance(struct rg *g, int percent)
{
    return rg_below(g, 100) < percent;
}

struct rg_item *rg_pick(struct rg *g)
{
    return &g->pool[rg_below(g, g->n)];
}

/* ---------------------------------------------------------------------------------------------------------- pool */

static void drop_item(struct rg *g, int i)
{
    sp_node_release(&g->rig->g, g->pool[i].node);
    if (g->pool[i].bound) sp_node_release(&g->rig->g, g->pool[i].bound);
    g->pool[i] = g->pool[--g->n];
}

struct rg_item *rg_enter(struct rg *g, struct sp_node *node, enum rg_trust trust, const char *format, ...)
{
    char shape[SP_SHAPE_TEXT];
    va_list args;
    if (!node) return NULL;
    if (g->o->log) {
        fprintf(g->o->log, "  %%%d = ", g->next_id);
        va_start(args, format);
        vfprintf(g->o->log, format, args);
        va_end(args);
        fprintf(g->o->log, " : %s %s\n", sp_dtypes[node->dtype].name, sp_shape_text(shape, &node->shape));
    }
    if (g->n == RG_POOL) drop_item(g, (int)rg_below(g, g->n));
    g->pool[g->n] = (struct rg_item){ .id = g->next_id++, .node = node, .trust = trust };
    return &g->pool[g->n++];
}

/* -------------------------------------------------------------------------------------------------- evaluation */

static void record(struct rg *g, int id, const struct sp_node *n, enum rg_trust trust, bool ok)
{
    struct rg_outcome *out = g->out;
    if (out->n == out->cap) {
        out->cap = 2 * out->cap + 16;
        out->at = realloc(out->at, (size_t)out->cap * sizeof *out->at);
        if (!out->at) abort();
    }
    out->at[out->n++] = (struct rg_result){ .id = id,
                                            .trust = trust,
                                            .dtype = (starp_dtype)n->dtype,
                                            .shape = n->shape,
                                            .size = sp_shape_size(&n->shape),
                                            .data = ok ? rig_read(g->rig, n) : NULL };
}

/* Evaluates pool items together and keeps their values. Items may repeat: so may an API user's. */
static void evaluate(struct rg *g, const int *list, int count)
{
    struct sp_node *roots[2 * RG_POOL];
    int n = 0;
    if (g->o->log) fprintf(g->o->log, "  eval");
    for (int i = 0; i < count; i++) {
        const struct rg_item *x = &g->pool[list[i]];
        if (g->o->log) fprintf(g->o->log, " %%%d", x->id);
        roots[n++] = x->node;
        if (x->bound) roots[n++] = x->bound;
    }
    if (g->o->log) fprintf(g->o->log, "\n");
    bool ok = rig_eval(g->rig, roots, n, &g->out->error) == STARP_OK;
    for (int i = 0; i < count; i++) {
        const struct rg_item *x = &g->pool[list[i]];
        record(g, x->id, x->node, x->trust, ok);
        if (x->bound) record(g, x->id, x->bound, RG_LOOSE, ok);
    }
}

static void evaluate_some(struct rg *g)
{
    int list[3], n = 1 + (int)rg_below(g, 3);
    for (int i = 0; i < n; i++) list[i] = (int)rg_below(g, g->n);
    evaluate(g, list, n);
}

static void evaluate_rest(struct rg *g)
{
    int list[RG_POOL], n = 0;
    for (int i = 0; i < g->n; i++) {
        if (rg_chance(g, 60)) list[n++] = i;
    }
    if (n == 0) list[n++] = g->n - 1;
    evaluate(g, list, n);
}

/* ---------------------------------------------------------------------------------------------------------- steps */

static void step(struct rg *g)
{
    int what = (int)rg_below(g, 100);
    if (what < 6) rg_leaf(g);
    else if (what < 42) rg_map(g);
    else if (what < 47) rg_distribute(g);
    else if (what < 52) rg_cast(g);
    else if (what < 70) rg_view(g);
    else if (what < 74) rg_reshape(g);
    else if (what < 77) rg_stencil(g);
    else if (what < 86) rg_call(g);
    else if (what < 94) rg_reduce(g);
    else if (what < 97) evaluate_some(g);
    else if (g->n > 3) drop_item(g, (int)rg_below(g, g->n));
}

static void random_base(struct rg *g)
{
    static const int extents[] = { 1, 2, 3, 4, 5, 7, 8, 11, 16, 33, 64, 100 };
    int64_t size = 1;
    g->base.n = (int)rg_below(g, 6);
    for (int a = g->base.n - 1; a >= 0; a--) {
        int64_t e = rg_chance(g, 2) ? 0 : extents[rg_below(g, 12)];
        if (g->base.n == 1) e = 1 + rg_below(g, g->o->max_size);
        while (e > 1 && size * e > g->o->max_size) e /= 2;
        g->base.v[a] = e;
        if (e > 0) size *= e;
    }
}

void rg_run(struct rig *r, const struct rg_options *o, struct rg_outcome *out)
{
    struct rg g = { .rig = r, .o = o, .random = o->seed * 2654435761u + 12345, .out = out };
    *out = (struct rg_outcome){ 0 };
    if (o->log) fprintf(o->log, "graph of seed %llu, %d steps:\n", (unsigned long long)o->seed, o->steps);
    if (o->base) g.base = *o->base;
    else random_base(&g);
    g.specials = rg_chance(&g, 25);
    for (int i = 0; i < 3; i++) rg_leaf(&g);
    for (int i = 0; i < o->steps; i++) step(&g);
    evaluate_rest(&g);
    while (g.n > 0) drop_item(&g, g.n - 1);
}

void rg_outcome_free(struct rg_outcome *out)
{
    for (int i = 0; i < out->n; i++) free(out->at[i].data);
    free(out->at);
    *out = (struct rg_outcome){ 0 };
}

/* ----------------------------------------------------------------------------------------------------- comparison */

static bool say(char text[RG_TEXT], const struct rg_result *got, const struct rg_result *want, int64_t at)
{
    char a[RIG_TEXT], b[RIG_TEXT], shape[SP_SHAPE_TEXT];
    snprintf(text, RG_TEXT, "%%%d, %s %s, element %lld: %s instead of %s", got->id, sp_dtypes[got->dtype].name,
             sp_shape_text(shape, &got->shape), (long long)at, rig_text(a, got->dtype, got->data, at),
             rig_text(b, want->dtype, want->data, at));
    return true;
}

/* What differs before any element is looked at. */
static bool outcomes_differ(const struct rg_outcome *got, const struct rg_outcome *want, char text[RG_TEXT])
{
    if (got->error.status != want->error.status) {
        snprintf(text, RG_TEXT, "status %d (%s) instead of %d (%s)", (int)got->error.status, got->error.text,
                 (int)want->error.status, want->error.text);
        return true;
    }
    if (got->n == want->n) return false;
    snprintf(text, RG_TEXT, "%d results instead of %d", got->n, want->n);
    return true;
}

static bool missing(const struct rg_result *a, const struct rg_result *b, char text[RG_TEXT])
{
    bool shapes = a->id == b->id && a->dtype == b->dtype && sp_shape_equal(&a->shape, &b->shape);
    if (shapes && !a->data == !b->data) return false;
    snprintf(text, RG_TEXT, "%%%d: %s", a->id, shapes ? "no value on one side" : "another shape or dtype");
    return true;
}

bool rg_bits_differ(const struct rg_outcome *got, const struct rg_outcome *want, bool any_nan, char text[RG_TEXT])
{
    if (outcomes_differ(got, want, text)) return true;
    for (int i = 0; i < got->n; i++) {
        const struct rg_result *a = &got->at[i], *b = &want->at[i];
        if (missing(a, b, text)) return true;
        int64_t at = a->data ? rig_differ(a->dtype, a->data, b->data, a->size, any_nan) : -1;
        if (at >= 0) return say(text, a, b, at);
    }
    return false;
}

/* A sum of n terms by a tree errs by a small multiple of eps times the magnitudes; 100 is generous, n would not be. */
static int64_t sum_differs(const struct rg_result *a, const struct rg_result *b, const struct rg_result *bound)
{
    double eps = sp_dtype_real(a->dtype) == STARP_F32 ? FLT_EPSILON : DBL_EPSILON;
    for (int64_t i = 0; i < a->size; i++) {
        ref_num x = ref_load(a->dtype, a->data, i), y = ref_load(b->dtype, b->data, i);
        long double m = ref_load(bound->dtype, bound->data, i).re;
        if (!isfinite(m) || !isfinite(y.re) || !isfinite(y.im)) continue;
        if (!(hypotl(x.re - y.re, x.im - y.im) <= 100 * eps * m)) return i;
    }
    return -1;
}

bool rg_values_differ(const struct rg_outcome *got, const struct rg_outcome *oracle, char text[RG_TEXT])
{
    if (outcomes_differ(got, oracle, text)) return true;
    for (int i = 0; i < got->n; i++) {
        const struct rg_result *a = &got->at[i], *b = &oracle->at[i];
        int64_t at = -1;
        if (missing(a, b, text)) return true;
        if (!a->data) continue;
        if (a->trust == RG_EXACT) at = rig_differ(a->dtype, a->data, b->data, a->size, true);
        if (a->trust == RG_SUM) at = sum_differs(a, b, &oracle->at[i + 1]);
        if (at >= 0) return say(text, a, b, at);
    }
    return false;
}

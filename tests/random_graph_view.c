/* SPDX-License-Identifier: BSD-3-Clause */
/* random_graph_view.c: views of random graphs: slices, transposes, flips, broadcasts, reshapes, shifted slices, owner maps. */
#include <string.h>

#include "random_graph.h"

/* One axis: whole, a range with any step, or a single index. */
static starp_index range(struct rg *g, int64_t extent, bool single)
{
    int64_t step = rg_chance(g, 70) ? 1 : 1 + rg_below(g, 3);
    int what = (int)rg_below(g, 10);
    if (what < 3) return STARP_ALL;
    if (what < 4 && single && extent > 0) return STARP_AT(rg_below(g, 2 * extent) - extent);
    if (rg_chance(g, 30)) step = -step;
    if (what < 6) return STARP_STEP(STARP_NONE, STARP_NONE, step);
    int64_t from = rg_below(g, extent / 2 + 1), to = extent - rg_below(g, extent / 2 + 1);
    if (step < 0) return STARP_STEP(to - 1, from == 0 ? STARP_NONE : from - 1, step);
    return what == 6 ? STARP_STEP(from - extent - 1, to + 1, step) : STARP_STEP(from, to, step);
}

static struct sp_node *slice(struct rg *g, struct sp_node *x)
{
    starp_index item[2 * STARP_MAXDIM];
    int n = 0, extra = 0;
    bool single = rg_chance(g, 40);
    for (int a = 0; a < x->shape.n; a++) {
        if (x->shape.n + extra < 7 && rg_chance(g, 8)) item[n++] = STARP_NEWAXIS, extra++;
        item[n++] = range(g, x->shape.v[a], single);
    }
    if (n > 0 && item[n - 1].kind == 0 && rg_chance(g, 15)) item[n - 1] = STARP_ELLIPSIS;
    return sp_build_slice(&g->rig->g, x, n, item);
}

static struct sp_node *permute(struct rg *g, struct sp_node *x)
{
    starp_dims order = { .n = x->shape.n };
    if (rg_chance(g, 40)) return sp_build_permute(&g->rig->g, x, NULL);
    for (int a = 0; a < order.n; a++) order.v[a] = a;
    for (int a = order.n - 1; a > 0; a--) {
        int b = (int)rg_below(g, a + 1);
        int64_t t = order.v[a];
        order.v[a] = order.v[b];
        order.v[b] = t;
    }
    return sp_build_permute(&g->rig->g, x, &order);
}

static starp_dims some_axes(struct rg *g, int ndim)
{
    starp_dims axes = { 0 };
    for (int a = 0; a < ndim; a++) {
        if (rg_chance(g, 50)) axes.v[axes.n++] = rg_chance(g, 50) ? a : a - ndim;
    }
    return axes;
}

/* Axes of extent 1 grow, and up to two come in front. */
static struct sp_node *broadcast(struct rg *g, struct sp_node *x)
{
    starp_dims to = { .n = x->shape.n < 5 ? (int)rg_below(g, 3) : 0 };
    for (int a = 0; a < to.n; a++) to.v[a] = 1 + rg_below(g, 4);
    for (int a = 0; a < x->shape.n; a++) {
        int64_t e = x->shape.v[a];
        to.v[to.n++] = e == 1 && rg_chance(g, 60) ? 1 + rg_below(g, 6) : e;
    }
    if (sp_shape_size(&to) > 4 * g->o->max_size) return NULL;
    return sp_build_broadcast(&g->rig->g, x, &to);
}

void rg_view(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    struct sp_graph *graph = &g->rig->g;
    starp_dims axes = some_axes(g, x->node->shape.n);
    int id = x->id;
    sp_error_clear(&graph->error);
    switch (rg_below(g, 9)) {
    case 0:
    case 1:
    case 2: rg_enter(g, slice(g, x->node), trust, "slice(%%%d)", id); break;
    case 3:
    case 4: rg_enter(g, permute(g, x->node), trust, "permute(%%%d)", id); break;
    case 5: rg_enter(g, sp_build_flip(graph, x->node, rg_chance(g, 30) ? NULL : &axes), trust, "flip(%%%d)", id); break;
    case 6: rg_enter(g, broadcast(g, x->node), trust, "broadcast(%%%d)", id); break;
    case 7:
        if (x->node->shape.n > 6) break;
        rg_enter(g, sp_build_expand(graph, x->node, (int)rg_below(g, x->node->shape.n + 1)), trust, "expand(%%%d)", id);
        break;
    default: rg_enter(g, sp_build_squeeze(graph, x->node, NULL), trust, "squeeze(%%%d)", id);
    }
}

/* The size split into factors at random; one of them may be left for the library to find. */
void rg_reshape(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    int64_t rest = sp_shape_size(&x->node->shape);
    starp_dims to = { 0 };
    while (rest > 1 && to.n < 4 && rg_chance(g, 70)) {
        int64_t f = 1 + rg_below(g, rest < 40 ? rest : 40);
        while (rest % f != 0) f--;
        to.v[to.n++] = f;
        rest /= f;
    }
    if (to.n == 0 || rest != 1) to.v[to.n++] = rest;
    if (rest > 1 && rg_chance(g, 30)) to.v[to.n - 1] = -1;
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    int id = x->id;
    sp_error_clear(&g->rig->g.error);
    rg_enter(g, sp_build_reshape(&g->rig->g, x->node, &to), trust, "reshape(%%%d)", id);
}

/* x[shift : extent - 2 + shift] along one axis, whole along the others. */
static struct sp_node *shifted(struct rg *g, struct sp_node *x, int axis, int64_t shift)
{
    starp_index item[STARP_MAXDIM];
    for (int a = 0; a < x->shape.n; a++) item[a] = a == axis ? STARP_RANGE(shift, x->shape.v[a] - 2 + shift) : STARP_ALL;
    return sp_build_slice(&g->rig->g, x, x->shape.n, item);
}

/* left - middle + right, by slices that overlap: what is cut at tile borders. */
void rg_stencil(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    struct sp_graph *graph = &g->rig->g;
    int axis = x->node->shape.n > 0 ? (int)rg_below(g, x->node->shape.n) : -1, id = x->id;
    if (axis < 0 || x->node->shape.v[axis] < 3 || x->node->dtype == STARP_BOOL) return;
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    sp_error_clear(&graph->error);
    struct sp_node *part[3], *sum;
    for (int i = 0; i < 3; i++) part[i] = shifted(g, x->node, axis, i);
    struct sp_node *d = sp_build_map(graph, SP_OP_subtract, 2, part);
    sum = sp_build_map(graph, SP_OP_add, 2, (struct sp_node *[]){ d, part[2] });
    for (int i = 0; i < 3; i++) sp_node_release(graph, part[i]);
    sp_node_release(graph, d);
    rg_enter(g, sum, trust, "stencil(%%%d, axis %d)", id, axis);
}

/* Another map of owners: two numbers are drawn whatever the ranks, and stand for any grid that fits them. */
static struct sp_node *distribute(struct rg *g, struct sp_node *x, int grid[2])
{
    int64_t row = rg_below(g, 840), column = rg_below(g, 840); /* divides evenly up to 8 */
    bool one = rg_chance(g, 20);
    grid[0] = one ? 1 : 1 + (int)(row % g->rig->ranks);
    grid[1] = one ? 1 : 1 + (int)(column % (g->rig->ranks / grid[0]));
    return sp_build_distribute(&g->rig->g, x, grid[0], grid[1]);
}

/* Now and then in two ways, which share the tiles that stay where they are. */
void rg_distribute(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    int id = x->id, grid[2], more[2];
    sp_error_clear(&g->rig->g.error);
    struct sp_node *n = distribute(g, x->node, grid), *other = rg_chance(g, 40) ? distribute(g, x->node, more) : NULL;
    rg_enter(g, n, trust, "distribute(%%%d, %d x %d)", id, grid[0], grid[1]);
    if (other) rg_enter(g, other, trust, "distribute(%%%d, %d x %d)", id, more[0], more[1]);
}

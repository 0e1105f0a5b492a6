/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_view.c: slices, transposes, broadcasts, new and dropped axes, flips, reshapes. All but the last are views: one
 * map from index to index, composed at once with the view below, so a chain of views costs what one does.
 */
#include <string.h>

#include "build.h"

static struct sp_view *new_view(struct sp_graph *g, const struct sp_view *v)
{
    struct sp_view *copy = sp_slab_get(&g->views);
    if (!copy) sp_fail_memory(&g->error);
    else *copy = *v;
    return copy;
}

/* An iota seen through a view is an iota. */
static struct sp_node *view_of_iota(struct sp_graph *g, struct sp_node *x, const struct sp_view *v, const starp_dims *shape)
{
    struct sp_view w;
    sp_view_identity(&w, shape->n);
    memset(w.step, 0, sizeof w.step);
    w.start[0] = x->view->start[0];
    for (int a = 0; a < x->shape.n; a++) {
        w.start[0] += x->view->step[a] * v->start[a];
        if (v->axis[a] >= 0) w.step[v->axis[a]] += x->view->step[a] * v->step[a];
    }
    struct sp_view *own = new_view(g, &w);
    struct sp_node *n = own ? sp_node_new(g, SP_KIND_IOTA, STARP_I64, shape) : NULL;
    if (n) n->view = own;
    else if (own) sp_slab_put(&g->views, own);
    return n;
}

static struct sp_node *view_of_const(struct sp_graph *g, struct sp_node *x, const starp_dims *shape)
{
    struct sp_node *n = sp_node_new(g, SP_KIND_CONST, x->dtype, shape);
    if (!n) return NULL;
    memcpy(n->param, x->param, sizeof n->param);
    n->weak = x->weak && shape->n == 0;
    return n;
}

struct sp_node *sp_build_plain_view(struct sp_graph *g, struct sp_node *base, const struct sp_view *view, const starp_dims *shape)
{
    struct sp_view *own = new_view(g, view);
    struct sp_node *n = own ? sp_node_new(g, SP_KIND_VIEW, base->dtype, shape) : NULL;
    if (!n) {
        if (own) sp_slab_put(&g->views, own);
        return NULL;
    }
    n->view = own;
    sp_node_input(n, base);
    return n;
}

struct sp_node *sp_build_view(struct sp_graph *g, struct sp_node *x, const struct sp_view *view, const starp_dims *shape)
{
    if (!sp_build_check(g, "view", shape, x->dtype)) return NULL;
    if (x->kind == SP_KIND_CONST) return view_of_const(g, x, shape);
    if (x->kind == SP_KIND_IOTA) return view_of_iota(g, x, view, shape);
    if (sp_view_is_identity(view, &x->shape, shape)) return sp_node_retain(x);
    if (x->kind != SP_KIND_VIEW) return sp_build_plain_view(g, x, view, shape);
    struct sp_view composed;
    sp_view_compose(&composed, x->view, view);
    return sp_build_plain_view(g, x->in[0], &composed, shape);
}

/* ------------------------------------------------------------------------------------------------------- slices */

/* One axis of a slice: clamps the bounds as Python does; the count of elements, or -1 with the error set. */
static int64_t slice_axis(struct sp_graph *g, const starp_index *item, int64_t extent, int64_t *start)
{
    if (item->step == 0 || item->step == STARP_NONE) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "slice: step is %s", item->step ? "out of range" : "0");
        return -1;
    }
    bool back = item->step < 0;
    int64_t low = back ? -1 : 0, high = back ? extent - 1 : extent;
    int64_t from = item->start, to = item->stop;
    if (from == STARP_NONE) from = back ? high : low;
    else if (from < 0) from = from < -extent ? low : from + extent;
    if (to == STARP_NONE) to = back ? low : high;
    else if (to < 0) to = to < -extent ? low : to + extent;
    if (from > high) from = high;
    if (to > high) to = high;
    *start = from;
    int64_t span = back ? from - to : to - from;
    uint64_t stride = back ? -(uint64_t)item->step : (uint64_t)item->step;
    return span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride) + 1;
}

struct slicing {
    struct sp_graph *g;
    const starp_dims *from;
    struct sp_view view;
    starp_dims shape;
};

static bool slice_one(struct slicing *s, const starp_index *item)
{
    int a = s->view.ndim;
    int64_t i = item->start, extent = s->from->v[a];
    if (item->kind == 1) {
        if (i < -extent || i >= extent) {
            sp_fail(&s->g->error, STARP_ERR_INDEX, "slice: index %lld is out of bounds for axis %d of extent %lld", (long long)i, a,
                    (long long)extent);
            return false;
        }
        s->view.axis[a] = -1;
        s->view.start[a] = i < 0 ? i + extent : i;
        s->view.step[a] = 0;
        s->view.ndim++;
        return true;
    }
    int64_t start, count = slice_axis(s->g, item, extent, &start);
    if (count < 0) return false;
    s->view.axis[a] = (int8_t)s->shape.n;
    s->view.start[a] = count > 0 ? start : 0;
    s->view.step[a] = count > 1 ? item->step : 1;
    s->view.ndim++;
    s->shape.v[s->shape.n++] = count;
    return true;
}

static bool slice_whole(struct slicing *s, int axes)
{
    for (; axes > 0; axes--) {
        if (!slice_one(s, &STARP_ALL)) return false;
    }
    return true;
}

/* How many axes the items use up, or -1 with the error set; *dims: how many the result has. */
static int count_items(struct sp_graph *g, int ndim, int count, const starp_index *items, int *dims)
{
    int used = 0, fresh = 0, ellipses = 0, single = 0;
    for (int i = 0; i < count; i++) {
        if (items[i].kind == 2) fresh++;
        else if (items[i].kind == 3) ellipses++;
        else used++;
        single += items[i].kind == 1;
    }
    *dims = ndim - single + fresh;
    if (used > ndim) sp_fail(&g->error, STARP_ERR_INDEX, "slice: %d indices for %d dimensions", used, ndim);
    else if (ellipses > 1) sp_fail(&g->error, STARP_ERR_INDEX, "slice: %d ellipses; one is allowed", ellipses);
    else if (*dims > STARP_MAXDIM) sp_fail(&g->error, STARP_ERR_SHAPE, "slice: %d dimensions; %d are allowed", *dims, STARP_MAXDIM);
    else return used;
    return -1;
}

struct sp_node *sp_build_slice(struct sp_graph *g, struct sp_node *x, int count, const starp_index *items)
{
    if (!x) return NULL;
    if (count < 0 || (count > 0 && !items)) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "slice: %d items at %p", count, (const void *)items);
        return NULL;
    }
    int dims, used = count_items(g, x->shape.n, count, items, &dims);
    if (used < 0) return NULL;
    struct slicing s = { .g = g, .from = &x->shape };
    int rest = x->shape.n - used;
    for (int i = 0; i < count; i++) {
        bool done = true;
        if (items[i].kind == 2) {
            s.shape.v[s.shape.n++] = 1;
        } else if (items[i].kind == 3) {
            done = slice_whole(&s, rest);
            rest = 0;
        } else {
            done = slice_one(&s, &items[i]);
        }
        if (!done) return NULL;
    }
    if (!slice_whole(&s, rest)) return NULL;
    return sp_build_view(g, x, &s.view, &s.shape);
}

/* ------------------------------------------------------------------------------------------------ other views */

struct sp_node *sp_build_permute(struct sp_graph *g, struct sp_node *x, const starp_dims *axes)
{
    if (!x) return NULL;
    int n = x->shape.n;
    uint32_t set;
    struct sp_view v = { .ndim = n };
    starp_dims shape = { .n = n };
    if (axes && axes->n != n) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "permute_dims: %d axes for %d dimensions", axes->n, n);
        return NULL;
    }
    if (!sp_build_axes(g, "permute_dims", axes, n, &set)) return NULL;
    for (int to = 0; to < n; to++) {
        int from = axes ? (int)(axes->v[to] < 0 ? axes->v[to] + n : axes->v[to]) : n - 1 - to;
        v.axis[from] = (int8_t)to;
        v.step[from] = 1;
        shape.v[to] = x->shape.v[from];
    }
    return sp_build_view(g, x, &v, &shape);
}

struct sp_node *sp_build_broadcast(struct sp_graph *g, struct sp_node *x, const starp_dims *shape)
{
    if (!x) return NULL;
    char a[SP_SHAPE_TEXT], b[SP_SHAPE_TEXT];
    starp_dims to;
    if (!sp_build_check(g, "broadcast_to", shape, x->dtype)) return NULL;
    if (!sp_shape_broadcast(&to, &x->shape, shape) || !sp_shape_equal(&to, shape)) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "broadcast_to: shape %s does not broadcast to %s", sp_shape_text(a, &x->shape),
                sp_shape_text(b, shape));
        return NULL;
    }
    struct sp_view v;
    sp_view_broadcast(&v, &x->shape, shape->n);
    return sp_build_view(g, x, &v, shape);
}

struct sp_node *sp_build_expand(struct sp_graph *g, struct sp_node *x, int axis)
{
    if (!x) return NULL;
    int n = x->shape.n, at = sp_build_axis(g, "expand_dims", axis, n + 1);
    if (at < 0) return NULL;
    if (n == STARP_MAXDIM) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "expand_dims: %d dimensions; %d are allowed", n + 1, STARP_MAXDIM);
        return NULL;
    }
    struct sp_view v;
    starp_dims shape = { .n = n + 1 };
    sp_view_identity(&v, n);
    shape.v[at] = 1;
    for (int a = 0; a < n; a++) {
        v.axis[a] = (int8_t)(a + (a >= at));
        shape.v[v.axis[a]] = x->shape.v[a];
    }
    return sp_build_view(g, x, &v, &shape);
}

struct sp_node *sp_build_squeeze(struct sp_graph *g, struct sp_node *x, const starp_dims *axes)
{
    uint32_t set;
    if (!x || !sp_build_axes(g, "squeeze", axes, x->shape.n, &set)) return NULL;
    struct sp_view v;
    starp_dims shape = { 0 };
    sp_view_identity(&v, x->shape.n);
    for (int a = 0; a < x->shape.n; a++) {
        bool drop = set >> a & 1;
        if (drop && x->shape.v[a] != 1) {
            if (!axes) drop = false;
            else {
                sp_fail(&g->error, STARP_ERR_SHAPE, "squeeze: axis %d has extent %lld, not 1", a, (long long)x->shape.v[a]);
                return NULL;
            }
        }
        v.axis[a] = (int8_t)(drop ? -1 : shape.n);
        v.step[a] = !drop;
        if (!drop) shape.v[shape.n++] = x->shape.v[a];
    }
    return sp_build_view(g, x, &v, &shape);
}

struct sp_node *sp_build_flip(struct sp_graph *g, struct sp_node *x, const starp_dims *axes)
{
    uint32_t set;
    if (!x || !sp_build_axes(g, "flip", axes, x->shape.n, &set)) return NULL;
    struct sp_view v;
    sp_view_identity(&v, x->shape.n);
    for (int a = 0; a < x->shape.n; a++) {
        if (!(set >> a & 1) || x->shape.v[a] < 2) continue;
        v.start[a] = x->shape.v[a] - 1;
        v.step[a] = -1;
    }
    return sp_build_view(g, x, &v, &x->shape);
}

/* ------------------------------------------------------------------------------------------------------ reshape */

/* Fills in the extent given as -1. */
static bool resolve_shape(struct sp_graph *g, const starp_dims *from, const starp_dims *to, starp_dims *shape)
{
    char a[SP_SHAPE_TEXT], b[SP_SHAPE_TEXT];
    int64_t known = 1, size = sp_shape_size(from);
    int open = -1, opens = 0;
    *shape = *to;
    for (int k = 0; k < to->n; k++) {
        if (to->v[k] == -1) open = k, opens++;
        else if (to->v[k] < 0 || __builtin_mul_overflow(known, to->v[k], &known)) opens = 2;
    }
    if (opens == 1 && known > 0 && size % known == 0) shape->v[open] = size / known, known = size;
    if (opens < 2 && known == size && (opens == 0 || shape->v[open] >= 0)) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "reshape: shape %s does not have the elements of %s", sp_shape_text(b, to),
            sp_shape_text(a, from));
    return false;
}

/* Shapes that differ by axes of extent 1 only: the view between them. */
static bool squeeze_view(struct sp_view *v, const starp_dims *from, const starp_dims *to)
{
    int b = 0;
    sp_view_identity(v, from->n);
    for (int a = 0; a < from->n; a++) {
        while (b < to->n && to->v[b] == 1 && from->v[a] != 1) b++;
        if (from->v[a] == 1) {
            v->axis[a] = -1;
            v->step[a] = 0;
            continue;
        }
        if (b == to->n || to->v[b] != from->v[a]) return false;
        v->axis[a] = (int8_t)b++;
    }
    while (b < to->n && to->v[b] == 1) b++;
    return b == to->n;
}

struct sp_node *sp_build_reshape(struct sp_graph *g, struct sp_node *x, const starp_dims *to)
{
    if (!x) return NULL;
    starp_dims shape;
    struct sp_view v;
    if (!to || to->n < 0 || to->n > STARP_MAXDIM) {
        sp_build_check(g, "reshape", to, x->dtype);
        return NULL;
    }
    if (!resolve_shape(g, &x->shape, to, &shape)) return NULL;
    if (sp_shape_equal(&shape, &x->shape)) return sp_node_retain(x);
    if (x->kind == SP_KIND_CONST) return view_of_const(g, x, &shape);
    if (squeeze_view(&v, &x->shape, &shape)) return sp_build_view(g, x, &v, &shape);
    struct sp_node *n = sp_node_new(g, SP_KIND_RESHAPE, x->dtype, &shape);
    if (!n) return NULL;
    memset(n->param, 0, sizeof n->param);
    sp_node_input(n, x);
    return n;
}

struct sp_node *sp_build_distribute(struct sp_graph *g, struct sp_node *x, int p, int q)
{
    if (!x) return NULL;
    if (p < 1 || q < 1 || p > SP_MAX_RANKS / q) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "distribute: a grid of %d x %d ranks", p, q);
        return NULL;
    }
    if (x->kind == SP_KIND_CONST) return sp_node_retain(x); /* it lies nowhere */
    struct sp_node *n = sp_node_new(g, SP_KIND_RESHAPE, x->dtype, &x->shape);
    if (!n) return NULL;
    memset(n->param, 0, sizeof n->param);
    memcpy(n->param, (int32_t[]){ p, q }, 2 * sizeof(int32_t));
    sp_node_input(n, x);
    return n;
}

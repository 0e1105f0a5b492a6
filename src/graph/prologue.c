/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prologue.c: elementwise work that is done where an operation along an axis gathers its lines, or a function on slices its slices.
 * A group of elementwise operations with one result, which only such an operation reads, is no step of its own: the result is
 * stored nowhere.
 */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define IN_CACHE ((int64_t)1 << 18) /* bytes: how they lie does not matter */

/* A function with one input splits it. */
static bool takes_prologue(const struct sp_fusion *f, const struct sp_item *x)
{
    if (!x->live || x->leaf || x->kind != SP_KIND_CALL) return false;
    enum sp_call call = (enum sp_call)sp_item_op(f, x);
    return sp_call_is_along_axis(call) || (call == SP_CALL_ppeval && x->nin == 1);
}

/* The elementwise operation whose result is read through s alone, as it is; or NULL. */
static struct sp_item *only_feeder(const struct sp_fusion *f, const struct sp_source *s)
{
    struct sp_item *y = &f->item[s->item];
    return s->npath == 0 && !y->leaf && !y->root && y->kind == SP_KIND_MAP && y->uses == 1 ? y : NULL;
}

/* Consumers before producers. */
void sp_prologue_mark(struct sp_fusion *f)
{
    for (int32_t i = f->order->n - 1; i >= 0; i--) {
        const struct sp_item *x = &f->item[i];
        if (!takes_prologue(f, x) && !x->feeds) continue;
        for (int k = 0; k < x->nin; k++) {
            struct sp_item *y = only_feeder(f, &x->in[k]);
            if (y) y->feeds = true;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- what pays */

/* What a group reads, and how it lies. */
struct reading {
    const starp_dims *shape;
    int axis, n;
    int64_t bytes;
    bool along;  /* elements of a line are neighbours in memory */
    struct sp_operand operand[SP_MAX_OPERANDS];
};

static bool is_known(const struct reading *r, const struct sp_operand *x)
{
    for (int i = 0; i < r->n; i++) {
        const struct sp_operand *y = &r->operand[i];
        bool same = x->node == y->node && x->npath == y->npath;
        for (int k = 0; k < x->npath && same; k++) same = x->path[k] == y->path[k];
        if (same) return true;
    }
    return false;
}

static bool lies_along(const struct sp_view *v, const starp_dims *shape, int axis)
{
    bool depends = false;
    int last = v->ndim - 1;
    for (int a = 0; a < v->ndim; a++) depends |= v->axis[a] == axis;
    while (last > 0 && shape->v[last] == 1) last--;
    return !depends || v->axis[last] == axis;
}

/* Elements of the array that are passed when it is read through v: what lies between two is loaded with them. */
static int64_t touched(const struct sp_view *v, const starp_dims *array, const starp_dims *shape)
{
    int64_t all = sp_shape_size(array), seen = sp_shape_size(shape), step = 1;
    if (v->ndim > 0 && v->axis[v->ndim - 1] >= 0 && v->step[v->ndim - 1] != 0) step = llabs(v->step[v->ndim - 1]);
    return seen > all / step ? all : seen * step;
}

static void add_operand(const struct sp_fusion *f, struct reading *r, const struct sp_source *s)
{
    const struct sp_node *n = f->order->node[f->item[s->item].node];
    struct sp_operand x = { .node = f->item[s->item].node, .npath = s->npath };
    struct sp_view v;
    for (int k = 0; k < s->npath; k++) x.path[k] = s->path[k];
    if (r->n == SP_MAX_OPERANDS || is_known(r, &x)) return;
    r->operand[r->n++] = x;
    sp_operand_view(&x, &(struct sp_step){ .shape = *r->shape }, f->order, &v);
    r->bytes += touched(&v, &n->shape, r->shape) * sp_dtypes[n->dtype].size;
    r->along &= lies_along(&v, &n->shape, r->axis);
}

/* The axis along which an operation gathers y, its operand: of the first pass, where there are two; a slice's last one. */
static int gathered_axis(const struct sp_fusion *f, const struct sp_item *x, const struct sp_item *y)
{
    enum sp_call call = (enum sp_call)sp_item_op(f, x);
    struct sp_axis_param param;
    struct sp_plane_param plane;
    if (call == SP_CALL_ppeval) return y->shape.n - 1;
    memcpy(&param, f->order->node[x->node]->param, sizeof param);
    memcpy(&plane, f->order->node[x->node]->param, sizeof plane);
    return sp_call_is_over_plane(call) ? plane.axis[0] : param.axis;
}

/*
 * Whether gathering what the group reads costs less than storing what it makes, and gathering that. Where lines lie one after
 * the other in memory it does. Where pieces are gathered from afar, which is much slower than passing through arrays from end to
 * end, there must not be more of them; nor as much where lines lie across, since they are turned on the way.
 */
static bool pays(const struct sp_fusion *f, const struct sp_item *x)
{
    const struct sp_item *y = &f->item[x->in[0].item];
    struct sp_axis_param param;
    memcpy(&param, f->order->node[x->node]->param, sizeof param);
    struct reading r = { .shape = &y->shape, .axis = gathered_axis(f, x, y), .along = true };
    for (int32_t i = f->group[y->group].first; i >= 0; i = f->item[i].next) {
        const struct sp_item *z = &f->item[i];
        for (int k = 0; k < z->nin; k++) {
            const struct sp_item *in = &f->item[z->in[k].item];
            bool array = in->leaf ? in->kind != SP_KIND_CONST && in->kind != SP_KIND_IOTA : z->in[k].npath > 0 || in->group != z->group;
            if (array) add_operand(f, &r, &z->in[k]);
        }
    }
    int64_t made = sp_shape_size(&y->shape) * sp_dtypes[y->dtype].size;
    bool from_afar = sp_item_op(f, x) == SP_CALL_fft && param.n > SP_DFT_LONGEST;
    if (made <= IN_CACHE || (r.along && !from_afar)) return true;
    return r.along ? r.bytes <= made : r.bytes < made;
}

/* The group is of a lower level than the operation, as all that it reads is, so it can run later. */
void sp_prologue_take(struct sp_fusion *f)
{
    for (int32_t t = 0; t < f->nsequence; t++) {
        const struct sp_item *x = &f->item[f->sequence[t]];
        f->group[x->group].outputs += x->kind == SP_KIND_REDUCE || x->root || x->stored;
    }
    for (int32_t i = 0; i < f->order->n; i++) {
        const struct sp_item *x = &f->item[i], *y = takes_prologue(f, x) ? only_feeder(f, &x->in[0]) : NULL;
        if (!y || f->group[y->group].outputs != 1 || !pays(f, x)) continue;
        f->group[x->group].prologue = y->group;
        f->group[y->group].taken = true;
    }
}

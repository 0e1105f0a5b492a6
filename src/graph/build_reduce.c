/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_reduce.c: reductions. Seven of them are nodes; mean, var, std, any, all and count_nonzero are made of those and
 * of elementwise nodes, so they fuse with what surrounds them.
 */
#include <string.h>

#include "build.h"

int sp_build_axis(struct sp_graph *g, const char *what, int64_t axis, int ndim)
{
    if (axis >= -ndim && axis < ndim) return (int)(axis < 0 ? axis + ndim : axis);
    sp_fail(&g->error, STARP_ERR_INDEX, "%s: axis %lld is out of bounds for %d dimensions", what, (long long)axis, ndim);
    return -1;
}

bool sp_build_axes(struct sp_graph *g, const char *what, const starp_dims *axes, int ndim, uint32_t *set)
{
    *set = 0;
    if (!axes) *set = (UINT32_C(1) << ndim) - 1;
    for (int i = 0; axes && i < axes->n; i++) {
        int a = sp_build_axis(g, what, axes->v[i], ndim);
        if (a < 0) return false;
        if (*set >> a & 1) {
            sp_fail(&g->error, STARP_ERR_INDEX, "%s: axis %d is named twice", what, a);
            return false;
        }
        *set |= UINT32_C(1) << a;
    }
    return true;
}

static int64_t reduced_count(const starp_dims *shape, uint32_t set)
{
    int64_t count = 1;
    for (int a = 0; a < shape->n; a++) {
        if (set >> a & 1) count *= shape->v[a];
    }
    return count;
}

static starp_dims reduced_shape(const starp_dims *shape, uint32_t set, bool keepdims)
{
    starp_dims r = { 0 };
    for (int a = 0; a < shape->n; a++) {
        bool reduced = set >> a & 1;
        if (!reduced || keepdims) r.v[r.n++] = reduced ? 1 : shape->v[a];
    }
    return r;
}

/* What a reduction computes in. */
static starp_dtype accumulator(enum sp_reduce kind, starp_dtype d)
{
    if (kind == SP_REDUCE_VAR) return sp_dtypes[d].cls < SP_CLASS_F ? STARP_F64 : d;
    if (kind != SP_REDUCE_SUM && kind != SP_REDUCE_PROD) return d;
    if (sp_dtypes[d].cls > SP_CLASS_I) return d;
    return sp_dtypes[d].cls == SP_CLASS_I && !sp_dtypes[d].is_signed ? STARP_U64 : STARP_I64;
}

static starp_dtype reduce_result(enum sp_reduce kind, starp_dtype acc)
{
    if (kind == SP_REDUCE_ARGMIN || kind == SP_REDUCE_ARGMAX) return STARP_I64;
    return kind == SP_REDUCE_VAR ? sp_dtype_real(acc) : acc;
}

/* The index along the reduced axes, in C order: what argmin and argmax carry along. */
static struct sp_node *reduce_index(struct sp_graph *g, const starp_dims *shape, uint32_t set)
{
    int64_t step[STARP_MAXDIM], stride = 1;
    for (int a = shape->n - 1; a >= 0; a--) {
        step[a] = set >> a & 1 ? stride : 0;
        if (set >> a & 1) stride *= shape->v[a];
    }
    return sp_build_iota(g, shape, 0, step);
}

static bool check_reduce(struct sp_graph *g, enum sp_reduce kind, const struct sp_node *x, const starp_dims *axes, uint32_t set,
                         const starp_dims *shape)
{
    const char *name = sp_reduce_names[kind];
    bool arg = kind == SP_REDUCE_ARGMIN || kind == SP_REDUCE_ARGMAX;
    if (arg && axes && axes->n != 1) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: takes one axis or none (%d given)", name, axes->n);
        return false;
    }
    bool ordered = arg || kind == SP_REDUCE_MIN || kind == SP_REDUCE_MAX;
    if (ordered && sp_dtypes[x->dtype].cls == SP_CLASS_C) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "%s: not defined for %s", name, sp_dtypes[x->dtype].name);
        return false;
    }
    if (!ordered || reduced_count(&x->shape, set) > 0 || sp_shape_size(shape) == 0) return true;
    char text[SP_SHAPE_TEXT];
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: no element to choose from in shape %s", name, sp_shape_text(text, &x->shape));
    return false;
}

/* A reduction over no axis leaves every element alone. */
static struct sp_node *reduce_nothing(struct sp_graph *g, enum sp_reduce kind, struct sp_node *x, starp_dtype acc)
{
    if (kind == SP_REDUCE_ARGMIN || kind == SP_REDUCE_ARGMAX) {
        return sp_build_const(g, &x->shape, STARP_I64, starp_number_int(0), false);
    }
    if (kind != SP_REDUCE_VAR) return sp_build_cast(g, x, acc);
    struct sp_node *f = sp_build_cast(g, x, acc);
    struct sp_node *zero = sp_build_map(g, SP_OP_subtract, 2, (struct sp_node *[]){ f, f });
    struct sp_node *real = zero ? sp_build_cast(g, zero, sp_dtype_real(acc)) : NULL;
    if (f) sp_node_release(g, f);
    if (zero) sp_node_release(g, zero);
    return real;
}

static struct sp_node *reduce_node(struct sp_graph *g, enum sp_reduce kind, struct sp_node *x, uint32_t set, const starp_dims *shape)
{
    struct sp_node *index = NULL, *n = NULL;
    if (kind == SP_REDUCE_ARGMIN || kind == SP_REDUCE_ARGMAX) {
        index = reduce_index(g, &x->shape, set);
        if (!index) return NULL;
    }
    n = sp_node_new(g, SP_KIND_REDUCE, reduce_result(kind, x->dtype), shape);
    if (n) {
        n->op = (uint16_t)kind;
        n->reduce_axes = set;
        sp_node_input(n, x);
        if (index) sp_node_input(n, index);
    }
    if (index) sp_node_release(g, index);
    return n;
}

struct sp_node *sp_build_reduce(struct sp_graph *g, enum sp_reduce kind, struct sp_node *x, const starp_dims *axes, bool keepdims)
{
    uint32_t set;
    if (!x || !sp_build_axes(g, sp_reduce_names[kind], axes, x->shape.n, &set)) return NULL;
    starp_dims shape = reduced_shape(&x->shape, set, keepdims);
    if (!check_reduce(g, kind, x, axes, set, &shape)) return NULL;
    starp_dtype acc = accumulator(kind, x->dtype);
    if (set == 0) return reduce_nothing(g, kind, x, acc);
    if (reduced_count(&x->shape, set) == 0) { /* of no elements: the identity */
        return sp_build_const(g, &shape, reduce_result(kind, acc), starp_number_int(kind == SP_REDUCE_PROD), false);
    }
    struct sp_node *in = sp_build_cast(g, x, acc);
    if (!in) return NULL;
    struct sp_node *n = reduce_node(g, kind, in, set, &shape);
    sp_node_release(g, in);
    return n;
}

/* x / count, and its square root; takes x. */
static struct sp_node *divided(struct sp_graph *g, struct sp_node *x, double count, bool root)
{
    if (!x) return NULL;
    struct sp_node *by = sp_build_const(g, &(starp_dims){ 0 }, STARP_F64, starp_number_real(count), true);
    struct sp_node *n = sp_build_map(g, SP_OP_divide, 2, (struct sp_node *[]){ x, by });
    if (by) sp_node_release(g, by);
    sp_node_release(g, x);
    if (!root || !n) return n;
    struct sp_node *r = sp_build_map(g, SP_OP_sqrt, 1, &n);
    sp_node_release(g, n);
    return r;
}

struct sp_node *sp_build_mean(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims)
{
    uint32_t set;
    if (!x || !sp_build_axes(g, "mean", axes, x->shape.n, &set)) return NULL;
    struct sp_node *f = sp_build_cast(g, x, accumulator(SP_REDUCE_VAR, x->dtype));
    struct sp_node *sum = sp_build_reduce(g, SP_REDUCE_SUM, f, axes, keepdims);
    if (f) sp_node_release(g, f);
    return divided(g, sum, (double)reduced_count(&x->shape, set), false);
}

struct sp_node *sp_build_var(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, double correction,
                             bool root)
{
    uint32_t set;
    const char *name = root ? "std" : "var";
    if (!x || !sp_build_axes(g, name, axes, x->shape.n, &set)) return NULL;
    if (!(correction >= 0 && correction < 0x1p63)) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: correction is %g; it must not be negative", name, correction);
        return NULL;
    }
    double divisor = (double)reduced_count(&x->shape, set) - correction;
    return divided(g, sp_build_reduce(g, SP_REDUCE_VAR, x, axes, keepdims), divisor > 0 ? divisor : 0, root);
}

struct sp_node *sp_build_any(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, bool all)
{
    uint32_t set;
    if (!x || !sp_build_axes(g, all ? "all" : "any", axes, x->shape.n, &set)) return NULL;
    starp_dims shape = reduced_shape(&x->shape, set, keepdims);
    if (reduced_count(&x->shape, set) == 0) return sp_build_const(g, &shape, STARP_BOOL, starp_number_bool(all), false);
    struct sp_node *truth = sp_build_cast(g, x, STARP_BOOL);
    struct sp_node *n = sp_build_reduce(g, all ? SP_REDUCE_MIN : SP_REDUCE_MAX, truth, axes, keepdims);
    if (truth) sp_node_release(g, truth);
    return n;
}

struct sp_node *sp_build_count_nonzero(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims)
{
    struct sp_node *truth = sp_build_cast(g, x, STARP_BOOL);
    struct sp_node *n = sp_build_reduce(g, SP_REDUCE_SUM, truth, axes, keepdims);
    if (truth) sp_node_release(g, truth);
    return n;
}

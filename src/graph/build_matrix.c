/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_matrix.c: functions of matrices that are made of factorizations and elementwise operations: inverses, determinants,
 * norms, ranks. Definitions as in the Python array API standard, "Linear Algebra Extension".
 */
#include <float.h>
#include <math.h>

#include "temps.h"

static struct sp_node *adjoint(struct temps *t, struct sp_node *x)
{
    struct sp_node *y = hold(t, sp_build_matrix_transpose(t->g, x));
    return y && sp_dtypes[y->dtype].cls == SP_CLASS_C ? op1(t, SP_OP_conj, y) : y;
}

static struct sp_node *reduce(struct temps *t, enum sp_reduce kind, struct sp_node *x, int64_t a, int64_t b, bool keepdims)
{
    starp_dims axes = { a == b ? 1 : 2, { a, b } };
    return hold(t, sp_build_reduce(t->g, kind, x, &axes, keepdims));
}

static int64_t extent(const struct sp_node *x, int from_end)
{
    return x->shape.v[x->shape.n - from_end];
}

bool sp_build_is_matrix(struct sp_graph *g, const char *what, const struct sp_node *x, bool square)
{
    char text[SP_SHAPE_TEXT];
    if (x->shape.n >= 2 && (!square || extent(x, 1) == extent(x, 2))) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shape %s is not that of a %smatrix", what, sp_shape_text(text, &x->shape), square ? "square " : "");
    return false;
}

static struct sp_node *floating(struct temps *t, struct sp_node *x)
{
    return hold(t, sp_build_cast(t->g, x, sp_dtype_to_linalg((starp_dtype)x->dtype)));
}

static double epsilon(const struct sp_node *x)
{
    return sp_dtype_real((starp_dtype)x->dtype) == STARP_F32 ? FLT_EPSILON : DBL_EPSILON;
}

struct sp_node *sp_build_inv(struct sp_graph *g, struct sp_node *a)
{
    struct temps t = { .g = g };
    if (!a || !sp_build_is_matrix(g, "linalg_inv", a, true)) return NULL;
    struct sp_node *x = floating(&t, a);
    struct sp_node *one = x ? hold(&t, sp_build_eye(g, extent(x, 1), extent(x, 1), 0, (starp_dtype)x->dtype)) : NULL;
    return finish(&t, one ? hold(&t, sp_build_solve(g, SP_CALL_solve, x, one, NULL)) : NULL);
}

/* Elements on the diagonal as they are, `other` beside it. */
static struct sp_node *diagonal_or(struct temps *t, struct sp_node *x, double other)
{
    struct sp_node *on = hold(t, sp_build_eye(t->g, extent(x, 2), extent(x, 1), 0, STARP_BOOL));
    return where(t, on, x, number(t, other));
}

/* 1 or -1: the sign of the exchanges that LU has made. */
static struct sp_node *sign_of(struct temps *t, struct sp_node *pivot, starp_dtype dtype)
{
    int64_t n = extent(pivot, 1);
    struct sp_node *i = hold(t, sp_build_arange(t->g, 0, (double)n, 1, STARP_I64));
    struct sp_node *moved = hold(t, sp_build_cast(t->g, op2(t, SP_OP_not_equal, pivot, i), STARP_I64));
    struct sp_node *odd = op2(t, SP_OP_remainder, moved ? reduce(t, SP_REDUCE_SUM, moved, -1, -1, false) : NULL, number(t, 2));
    struct sp_node *sign = op2(t, SP_OP_subtract, number(t, 1), op2(t, SP_OP_multiply, number(t, 2), odd));
    return hold(t, sp_build_cast(t->g, sign, dtype));
}

struct sp_node *sp_build_det(struct sp_graph *g, struct sp_node *a, struct sp_node **log)
{
    struct temps t = { .g = g };
    if (log) *log = NULL;
    if (!a || !sp_build_is_matrix(g, log ? "linalg_slogdet" : "linalg_det", a, true)) return NULL;
    struct sp_node *lu = hold(&t, sp_build_factor(g, SP_CALL_lu, a, 0)), *u = hold(&t, sp_build_part(g, lu, 0));
    struct sp_node *pivot = hold(&t, sp_build_part(g, lu, 1)), *sign = u && pivot ? sign_of(&t, pivot, (starp_dtype)u->dtype) : NULL;
    struct sp_node *d = sign ? diagonal_or(&t, u, 1) : NULL;
    if (!d) return finish(&t, NULL);
    if (!log) return finish(&t, op2(&t, SP_OP_multiply, sign, reduce(&t, SP_REDUCE_PROD, d, -2, -1, false)));
    struct sp_node *size = op1(&t, SP_OP_log, op1(&t, SP_OP_abs, d));
    struct sp_node *phase = reduce(&t, SP_REDUCE_PROD, op1(&t, SP_OP_sign, d), -2, -1, false);
    struct sp_node *sum = size ? reduce(&t, SP_REDUCE_SUM, size, -2, -1, false) : NULL, *result = op2(&t, SP_OP_multiply, sign, phase);
    if (sum && result) *log = sp_node_retain(sum);
    return finish(&t, sum ? result : NULL);
}

/* The first rows and columns of x. */
static struct sp_node *leading(struct temps *t, struct sp_node *x, int64_t rows, int64_t cols)
{
    return hold(t, sp_build_slice(t->g, x, STARP_INDEX(STARP_ELLIPSIS, STARP_RANGE(0, rows), STARP_RANGE(0, cols))));
}

/* The elements of x below the diagonal, or those on and above it; `other` elsewhere. */
static struct sp_node *half_of(struct temps *t, struct sp_node *x, bool lower, struct sp_node *other)
{
    struct sp_node *beyond = x ? hold(t, sp_build_iota(t->g, &(starp_dims){ 2, { extent(x, 2), extent(x, 1) } }, 0, (int64_t[]){ -1, 1 })) : NULL;
    return where(t, op2(t, lower ? SP_OP_less : SP_OP_greater_equal, beyond, number(t, 0)), x, other);
}

bool sp_build_lu(struct sp_graph *g, struct sp_node *a, struct sp_node **p, struct sp_node **l, struct sp_node **u)
{
    struct temps t = { .g = g };
    *p = *l = *u = NULL;
    if (!a || !sp_build_is_matrix(g, "linalg_lu", a, false)) return false;
    int64_t m = extent(a, 2), n = extent(a, 1), k = m < n ? m : n;
    struct sp_node *call = hold(&t, sp_build_factor(g, SP_CALL_lu, a, 0)), *lu = hold(&t, sp_build_part(g, call, 0));
    struct sp_node *one = lu ? hold(&t, sp_build_eye(g, m, k, 0, (starp_dtype)lu->dtype)) : NULL;
    struct sp_node *lower = one ? half_of(&t, leading(&t, lu, m, k), true, one) : NULL;
    struct sp_node *upper = lower ? half_of(&t, leading(&t, lu, k, n), false, number(&t, 0)) : NULL;
    struct sp_node *place = upper ? hold(&t, sp_build_part(g, call, 3)) : NULL;
    if (place) *p = sp_node_retain(place), *l = sp_node_retain(lower), *u = sp_node_retain(upper);
    finish(&t, NULL);
    return place;
}

/* ------------------------------------------------------------------------------------------------- singular values */

static struct sp_node *largest(struct temps *t, struct sp_node *s)
{
    return s && extent(s, 1) > 0 ? reduce(t, SP_REDUCE_MAX, s, -1, -1, true) : s ? hold(t, sp_build_cast(t->g, number(t, 0), (starp_dtype)s->dtype)) : NULL;
}

/* Singular values above rcond times the largest: max(m, n) eps for a negative rcond. */
static struct sp_node *counted(struct temps *t, const struct sp_node *x, struct sp_node *s, double rcond)
{
    int64_t m = extent(x, 2), n = extent(x, 1);
    if (rcond < 0) rcond = (double)(m > n ? m : n) * epsilon(x);
    return op2(t, SP_OP_greater, s, op2(t, SP_OP_multiply, largest(t, s), number(t, rcond)));
}

struct sp_node *sp_build_pinv(struct sp_graph *g, struct sp_node *a, double rcond)
{
    struct temps t = { .g = g };
    if (!a || !sp_build_is_matrix(g, "linalg_pinv", a, false)) return NULL;
    struct sp_node *part[3];
    if (!sp_build_svd(g, a, false, part)) return finish(&t, NULL);
    struct sp_node *u = hold(&t, part[0]), *s = hold(&t, part[1]), *vh = hold(&t, part[2]);
    struct sp_node *inverse = where(&t, counted(&t, a, s, rcond), op2(&t, SP_OP_divide, number(&t, 1), s), number(&t, 0));
    struct sp_node *row = inverse ? hold(&t, sp_build_expand(g, inverse, -2)) : NULL, *v = adjoint(&t, vh), *uh = adjoint(&t, u);
    struct sp_node *scaled = row && v ? op2(&t, SP_OP_multiply, v, row) : NULL;
    return finish(&t, scaled && uh ? hold(&t, sp_build_matmul(g, scaled, uh)) : NULL);
}

struct sp_node *sp_build_matrix_rank(struct sp_graph *g, struct sp_node *a, double rcond)
{
    struct temps t = { .g = g };
    if (!a || !sp_build_is_matrix(g, "linalg_matrix_rank", a, false)) return NULL;
    struct sp_node *s = hold(&t, sp_build_svdvals(g, a)), *big = s ? counted(&t, a, s, rcond) : NULL;
    return finish(&t, big ? hold(&t, sp_build_count_nonzero(g, big, &(starp_dims){ 1, { -1 } }, false)) : NULL);
}

/* ----------------------------------------------------------------------------------------------------------- norms */

static struct sp_node *count_norm(struct temps *t, struct sp_node *size, const starp_dims *axes, bool keepdims)
{
    struct sp_node *n = hold(t, sp_build_count_nonzero(t->g, size, axes, keepdims));
    return n ? hold(t, sp_build_cast(t->g, n, (starp_dtype)size->dtype)) : NULL;
}

/* The root of the sum of powers; as in NumPy, nothing is scaled, so squares may overflow. */
static struct sp_node *power_norm(struct temps *t, struct sp_node *size, const starp_dims *axes, bool keepdims, double ord)
{
    struct sp_node *p = number(t, ord), *powered = ord == 1 ? size : ord == 2 ? op2(t, SP_OP_multiply, size, size) : op2(t, SP_OP_pow, size, p);
    struct sp_node *sum = powered ? hold(t, sp_build_reduce(t->g, SP_REDUCE_SUM, powered, axes, keepdims)) : NULL;
    if (ord == 1) return sum;
    return ord == 2 ? op1(t, SP_OP_sqrt, sum) : op2(t, SP_OP_pow, sum, number(t, 1 / ord));
}

struct sp_node *sp_build_vector_norm(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, double ord)
{
    struct temps t = { .g = g };
    if (!x) return NULL;
    if (ord == STARP_NUC) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "linalg_vector_norm: vectors have no nuclear norm");
        return NULL;
    }
    if (ord == STARP_FRO) ord = 2;
    struct sp_node *size = op1(&t, SP_OP_abs, floating(&t, x)), *n = NULL;
    if (size && isinf(ord)) n = hold(&t, sp_build_reduce(g, ord > 0 ? SP_REDUCE_MAX : SP_REDUCE_MIN, size, axes, keepdims));
    else if (size && ord == 0) n = count_norm(&t, size, axes, keepdims);
    else if (size) n = power_norm(&t, size, axes, keepdims, ord);
    return finish(&t, n);
}

static struct sp_node *singular_norm(struct temps *t, struct sp_node *x, double ord, bool keepdims)
{
    struct sp_node *s = hold(t, sp_build_svdvals(t->g, x));
    enum sp_reduce kind = ord == STARP_NUC ? SP_REDUCE_SUM : ord > 0 ? SP_REDUCE_MAX : SP_REDUCE_MIN;
    struct sp_node *n = s ? reduce(t, kind, s, -1, -1, keepdims) : NULL;
    return n && keepdims ? hold(t, sp_build_expand(t->g, n, -1)) : n;
}

/* Sums of absolute values along one axis, and the extreme of them along the other. */
static struct sp_node *sum_norm(struct temps *t, struct sp_node *x, double ord, bool keepdims)
{
    int axis = isinf(ord) ? -1 : -2;
    struct sp_node *size = op1(t, SP_OP_abs, floating(t, x)), *sum = size ? reduce(t, SP_REDUCE_SUM, size, axis, axis, true) : NULL;
    return sum ? reduce(t, ord > 0 ? SP_REDUCE_MAX : SP_REDUCE_MIN, sum, -2, -1, keepdims) : NULL;
}

struct sp_node *sp_build_matrix_norm(struct sp_graph *g, struct sp_node *x, bool keepdims, double ord)
{
    struct temps t = { .g = g };
    if (!x || !sp_build_is_matrix(g, "linalg_matrix_norm", x, false)) return NULL;
    if (ord == STARP_FRO) return sp_build_vector_norm(g, x, &(starp_dims){ 2, { -2, -1 } }, keepdims, 2);
    if (ord == STARP_NUC || fabs(ord) == 2) return finish(&t, singular_norm(&t, x, ord, keepdims));
    if (isinf(ord) || fabs(ord) == 1) return finish(&t, sum_norm(&t, x, ord, keepdims));
    sp_fail(&g->error, STARP_ERR_ARGUMENT, "linalg_matrix_norm: order %g; known are STARP_FRO, STARP_NUC, 1, -1, 2, -2, STARP_INF and -STARP_INF", ord);
    return NULL;
}

struct sp_node *sp_build_largest_norm(struct sp_graph *g, struct sp_node *x)
{
    struct temps t = { .g = g };
    if (!x || !sp_build_is_matrix(g, "linalg_expm", x, true)) return NULL;
    if (sp_shape_size(&x->shape) == 0) return finish(&t, hold(&t, sp_build_cast(g, number(&t, 0), STARP_F64)));
    struct sp_node *norm = hold(&t, sp_build_matrix_norm(g, x, false, 1)), *finite = op1(&t, SP_OP_isfinite, norm);
    struct sp_node *known = where(&t, finite, norm, number(&t, 0));
    return finish(&t, known ? hold(&t, sp_build_reduce(g, SP_REDUCE_MAX, known, NULL, false)) : NULL);
}

struct sp_node *sp_build_cond(struct sp_graph *g, struct sp_node *x, double ord)
{
    struct temps t = { .g = g };
    bool singular = fabs(ord) == 2;
    if (!x || !sp_build_is_matrix(g, "linalg_cond", x, !singular)) return NULL;
    struct sp_node *a, *b;
    if (singular) {
        struct sp_node *s = hold(&t, sp_build_svdvals(g, x));
        a = s ? reduce(&t, ord > 0 ? SP_REDUCE_MAX : SP_REDUCE_MIN, s, -1, -1, false) : NULL;
        b = s ? reduce(&t, ord > 0 ? SP_REDUCE_MIN : SP_REDUCE_MAX, s, -1, -1, false) : NULL;
    } else {
        a = hold(&t, sp_build_matrix_norm(g, x, false, ord));
        b = a ? hold(&t, sp_build_matrix_norm(g, hold(&t, sp_build_inv(g, x)), false, ord)) : NULL;
    }
    return finish(&t, a && b ? op2(&t, singular ? SP_OP_divide : SP_OP_multiply, a, b) : NULL);
}

struct sp_node *sp_build_adjoint(struct sp_graph *g, struct sp_node *x)
{
    struct temps t = { .g = g };
    return x ? finish(&t, adjoint(&t, x)) : NULL;
}

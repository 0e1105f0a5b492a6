/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_linalg.c: inputs of linear algebra made to conform: dtypes promoted, batches broadcast, vectors seen as matrices.
 * None of it moves data, but for conversions.
 */
#include <string.h>

#include "build.h"

/* What two operands are computed in. */
static starp_dtype common_dtype(enum sp_call call, const struct sp_node *a, const struct sp_node *b)
{
    starp_dtype d = a->weak ? b->weak ? sp_promote(a->dtype, b->dtype) : sp_promote_weak(b->dtype, a->dtype)
                    : b->weak ? sp_promote_weak(a->dtype, b->dtype) : sp_promote(a->dtype, b->dtype);
    if (call == SP_CALL_matmul) return d == STARP_BOOL ? STARP_U64 : d; /* counts, which do not wrap to 0 */
    return sp_dtype_to_linalg(d);
}

/* x over the batch of `shape`, its own last two axes behind: a new reference; x's is taken. */
static struct sp_node *over_batch(struct sp_graph *g, struct sp_node *x, const starp_dims *batch)
{
    starp_dims shape = *batch;
    if (!x) return NULL;
    memcpy(shape.v + batch->n, x->shape.v + x->shape.n - 2, 2 * sizeof shape.v[0]);
    shape.n += 2;
    struct sp_node *y = sp_shape_equal(&shape, &x->shape) ? sp_node_retain(x) : sp_build_broadcast(g, x, &shape);
    sp_node_release(g, x);
    return y;
}

static bool common_batch(struct sp_graph *g, enum sp_call call, const struct sp_node *a, const struct sp_node *b, starp_dims *batch)
{
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    starp_dims x = a->shape, y = b->shape;
    x.n -= 2;
    y.n -= 2;
    if (x.n <= STARP_MAXDIM - 2 && y.n <= STARP_MAXDIM - 2 && sp_shape_broadcast(batch, &x, &y)) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: batches of %s and %s do not broadcast", sp_calls[call].name, sp_shape_text(s, &a->shape),
            sp_shape_text(t, &b->shape));
    return false;
}

/* The call on two matrices, or stacks of them, of any dtypes. Takes the references. */
static struct sp_node *call_on_two(struct sp_graph *g, enum sp_call call, struct sp_node *a, struct sp_node *b, const void *param)
{
    starp_dims batch;
    starp_dtype d = common_dtype(call, a, b);
    struct sp_node *in[2] = { NULL, NULL }, *n = NULL;
    if (common_batch(g, call, a, b, &batch)) {
        in[0] = over_batch(g, sp_build_cast(g, a, d), &batch);
        in[1] = over_batch(g, sp_build_cast(g, b, d), &batch);
    }
    if (in[0] && in[1]) n = sp_build_call(g, call, in, param);
    for (int k = 0; k < 2; k++) {
        if (in[k]) sp_node_release(g, in[k]);
    }
    sp_node_release(g, a);
    sp_node_release(g, b);
    return n;
}

/* A vector as a matrix of one row (axis 0) or column (axis 1); a matrix as it is. A new reference. */
static struct sp_node *as_matrix(struct sp_graph *g, struct sp_node *x, int axis)
{
    return x->shape.n == 1 ? sp_build_expand(g, x, axis) : sp_node_retain(x);
}

/* Whether b has as many rows as a has elements along an axis. Asked while a vector is one, so that the error has the user's shapes. */
static bool rows_fit(struct sp_graph *g, enum sp_call call, const struct sp_node *a, int from_end, const struct sp_node *b)
{
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    int64_t k = a->shape.v[a->shape.n - from_end], rows = b->shape.v[b->shape.n > 1 ? b->shape.n - 2 : 0];
    if (k == rows) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shapes %s and %s do not fit: %lld and %lld", sp_calls[call].name, sp_shape_text(s, &a->shape),
            sp_shape_text(t, &b->shape), (long long)k, (long long)rows);
    return false;
}

/* n without an axis of extent 1, counted from the end; n's reference is taken. */
static struct sp_node *without_axis(struct sp_graph *g, struct sp_node *n, int from_end)
{
    if (!n) return NULL;
    starp_dims axes = { 1, { n->shape.n - from_end } };
    struct sp_node *y = sp_build_squeeze(g, n, &axes);
    sp_node_release(g, n);
    return y;
}

struct sp_node *sp_build_matrix_transpose(struct sp_graph *g, struct sp_node *x)
{
    char text[SP_SHAPE_TEXT];
    if (!x) return NULL;
    starp_dims axes = { .n = x->shape.n };
    if (axes.n < 2) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "matrix_transpose: shape %s is not that of a matrix", sp_shape_text(text, &x->shape));
        return NULL;
    }
    for (int a = 0; a < axes.n; a++) axes.v[a] = a < axes.n - 2 ? a : 2 * axes.n - 3 - a;
    return sp_build_permute(g, x, &axes);
}

/* A product with a single row or column: elementwise, and summed up. */
static struct sp_node *sum_of_products(struct sp_graph *g, struct sp_node *a, struct sp_node *b)
{
    bool column = b->shape.v[b->shape.n - 1] == 1;
    int axis = column ? -1 : -2;
    struct sp_node *x = sp_build_matrix_transpose(g, column ? b : a), *in[2] = { column ? a : x, column ? x : b };
    struct sp_node *product = x ? sp_build_map(g, SP_OP_multiply, 2, in) : NULL;
    struct sp_node *sum = product ? sp_build_reduce(g, SP_REDUCE_SUM, product, &(starp_dims){ 1, { axis } }, true) : NULL;
    struct sp_node *n = sum ? sp_build_cast(g, sum, (starp_dtype)product->dtype) : NULL;
    if (x) sp_node_release(g, x);
    if (product) sp_node_release(g, product);
    if (sum) sp_node_release(g, sum);
    return n;
}

/* Takes the references. */
static struct sp_node *product(struct sp_graph *g, struct sp_node *a, struct sp_node *b)
{
    bool single = a->shape.v[a->shape.n - 2] == 1 || b->shape.v[b->shape.n - 1] == 1;
    starp_dtype d = common_dtype(SP_CALL_matmul, a, b);
    starp_dims batch;
    if (!single) return call_on_two(g, SP_CALL_matmul, a, b, NULL);
    bool fits = common_batch(g, SP_CALL_matmul, a, b, &batch);
    struct sp_node *x = fits ? sp_build_cast(g, a, d) : NULL, *y = x ? sp_build_cast(g, b, d) : NULL, *n = y ? sum_of_products(g, x, y) : NULL;
    if (x) sp_node_release(g, x);
    if (y) sp_node_release(g, y);
    sp_node_release(g, a);
    sp_node_release(g, b);
    return n;
}

struct sp_node *sp_build_matmul(struct sp_graph *g, struct sp_node *a, struct sp_node *b)
{
    if (!a || !b) return NULL;
    if (a->shape.n == 0 || b->shape.n == 0) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "matmul: an operand has no axes; multiply by scalars with multiply");
        return NULL;
    }
    if (!rows_fit(g, SP_CALL_matmul, a, 1, b)) return NULL;
    bool row = a->shape.n == 1, column = b->shape.n == 1, boolean = a->dtype == STARP_BOOL && b->dtype == STARP_BOOL;
    struct sp_node *x = as_matrix(g, a, 0), *y = as_matrix(g, b, 1);
    if (!x || !y) {
        if (x) sp_node_release(g, x);
        if (y) sp_node_release(g, y);
        return NULL;
    }
    struct sp_node *n = product(g, x, y);
    if (column) n = without_axis(g, n, 1);
    if (row) n = without_axis(g, n, column ? 1 : 2);
    if (!n || !boolean) return n;
    struct sp_node *truth = sp_build_cast(g, n, STARP_BOOL);
    sp_node_release(g, n);
    return truth;
}

struct sp_node *sp_build_factor(struct sp_graph *g, enum sp_call call, struct sp_node *a, int32_t option)
{
    int32_t param[SP_PARAM_SIZE / 4] = { option };
    if (!a) return NULL;
    struct sp_node *x = sp_build_cast(g, a, sp_dtype_to_linalg((starp_dtype)a->dtype));
    if (!x) return NULL;
    struct sp_node *n = sp_build_call(g, call, &x, param);
    sp_node_release(g, x);
    return n;
}

struct sp_node *sp_build_solve(struct sp_graph *g, enum sp_call call, struct sp_node *a, struct sp_node *b, const int32_t option[2])
{
    int32_t param[SP_PARAM_SIZE / 4] = { option ? option[0] : 0, option ? option[1] : 0 };
    if (!a || !b) return NULL;
    if (a->shape.n < 2 || b->shape.n < 1) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "%s: a matrix and right-hand sides are needed, not %d and %d dimensions", sp_calls[call].name,
                a->shape.n, b->shape.n);
        return NULL;
    }
    if (!rows_fit(g, call, a, 2, b)) return NULL;
    bool vector = b->shape.n == 1;
    struct sp_node *y = as_matrix(g, b, 1);
    if (!y) return NULL;
    struct sp_node *n = call_on_two(g, call, sp_node_retain(a), y, param);
    return vector ? without_axis(g, n, 1) : n;
}

/* The call on three: a matrix and right-hand sides brought to their dtype, and an order. */
static struct sp_node *call_on_order(struct sp_graph *g, struct sp_node *lu, struct sp_node *b, struct sp_node *order)
{
    starp_dims batch, all;
    starp_dtype d = common_dtype(SP_CALL_lu_solve, lu, b);
    struct sp_node *in[3] = { NULL, NULL, NULL }, *n = NULL;
    if (!common_batch(g, SP_CALL_lu_solve, lu, b, &batch)) return NULL;
    struct sp_node like = { .shape = batch };
    like.shape.v[batch.n] = lu->shape.v[lu->shape.n - 2];
    like.shape.v[batch.n + 1] = lu->shape.v[lu->shape.n - 1];
    like.shape.n += 2;
    if (common_batch(g, SP_CALL_lu_solve, &like, order, &all)) {
        in[0] = over_batch(g, sp_build_cast(g, lu, d), &all);
        in[1] = over_batch(g, sp_build_cast(g, b, d), &all);
        in[2] = over_batch(g, sp_node_retain(order), &all);
    }
    if (in[0] && in[1] && in[2]) n = sp_build_call(g, SP_CALL_lu_solve, in, NULL);
    for (int k = 0; k < 3; k++) {
        if (in[k]) sp_node_release(g, in[k]);
    }
    return n;
}

struct sp_node *sp_build_lu_solve(struct sp_graph *g, struct sp_node *lu, struct sp_node *order, struct sp_node *b)
{
    if (!lu || !order || !b) return NULL;
    if (lu->shape.n < 2 || order->shape.n < 1 || b->shape.n < 1 || order->dtype != STARP_I64) {
        sp_fail(&g->error, order->dtype != STARP_I64 ? STARP_ERR_DTYPE : STARP_ERR_SHAPE,
                "linalg_lu_solve: factors, an order in i64 and right-hand sides are needed, not %d dimensions, %d in %s and %d", lu->shape.n,
                order->shape.n, sp_dtypes[order->dtype].name, b->shape.n);
        return NULL;
    }
    if (!rows_fit(g, SP_CALL_lu_solve, lu, 2, b)) return NULL;
    bool vector = b->shape.n == 1;
    struct sp_node *y = as_matrix(g, b, 1), *column = y ? sp_build_expand(g, order, -1) : NULL;
    struct sp_node *n = column ? call_on_order(g, lu, y, column) : NULL;
    if (y) sp_node_release(g, y);
    if (column) sp_node_release(g, column);
    return vector ? without_axis(g, n, 1) : n;
}

struct sp_node *sp_build_lstsq(struct sp_graph *g, struct sp_node *a, struct sp_node *b, double rcond)
{
    int32_t param[SP_PARAM_SIZE / 4] = { 0 };
    if (!a || !b) return NULL;
    memcpy(param, &rcond, sizeof rcond);
    if (a->shape.n < 2 || b->shape.n < 2) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "linalg_lstsq: two matrices are needed, not %d and %d dimensions", a->shape.n, b->shape.n);
        return NULL;
    }
    return call_on_two(g, SP_CALL_lstsq, sp_node_retain(a), sp_node_retain(b), param);
}

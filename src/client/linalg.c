/* SPDX-License-Identifier: BSD-3-Clause */
/* linalg.c: linear algebra. Handles are checked here, shapes and dtypes by the graph. */
#include <math.h>

#include "client.h"

starp_array *starp_matmul(starp_array *a, starp_array *b)
{
    starp_session *s = sp_client_enter_two("matmul", a, b, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_matmul(&s->graph, a->node, b->node)) : NULL;
}

starp_array *starp_matrix_transpose(starp_array *x)
{
    starp_session *s = sp_client_enter("matrix_transpose", x, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_matrix_transpose(&s->graph, x->node)) : NULL;
}

/* Handles for nodes, whose references are taken; all or none. */
static void wrap_nodes(starp_session *s, int n, struct sp_node *const *node, starp_array **part[])
{
    int made = 0;
    for (int k = 0; k < n; k++) *part[k] = NULL;
    while (made < n && node[made] && (*part[made] = sp_client_wrap(s, node[made]))) made++;
    if (made == n) return;
    if (!node[made]) sp_client_wrap(s, NULL);
    for (int k = made + 1; k < n; k++) {
        if (node[k]) sp_node_release(&s->graph, node[k]);
    }
    while (made-- > 0) starp_release(*part[made]), *part[made] = NULL;
}

/* The same for the results of a call. */
static void wrap_parts(starp_session *s, struct sp_node *call, int n, starp_array **part[])
{
    struct sp_node *node[SP_MAX_RESULTS] = { NULL };
    for (int k = 0; k < n && call; k++) node[k] = sp_build_part(&s->graph, call, k);
    wrap_nodes(s, n, node, part);
    if (call) sp_node_release(&s->graph, call);
}

starp_lu_factors starp_linalg_lu_factor(starp_array *x)
{
    starp_lu_factors f = { NULL, NULL, NULL };
    starp_session *s = sp_client_enter("linalg_lu_factor", x, __builtin_return_address(0));
    if (s) wrap_parts(s, sp_build_factor(&s->graph, SP_CALL_lu, x->node, 0), 3, (starp_array **[]){ &f.lu, &f.pivot, &f.order });
    return f;
}

starp_plu_factors starp_linalg_lu(starp_array *x)
{
    starp_plu_factors f = { NULL, NULL, NULL };
    struct sp_node *p, *l, *u;
    starp_session *s = sp_client_enter("linalg_lu", x, __builtin_return_address(0));
    if (!s) return f;
    if (!sp_build_lu(&s->graph, x->node, &p, &l, &u)) return sp_client_wrap(s, NULL), f;
    wrap_nodes(s, 3, (struct sp_node *[]){ p, l, u }, (starp_array **[]){ &f.p, &f.l, &f.u });
    return f;
}

starp_array *starp_linalg_lu_solve(starp_lu_factors factors, starp_array *b)
{
    const void *site = __builtin_return_address(0);
    if (!factors.lu || !factors.order || !b) return NULL;
    if (factors.order->magic != SP_ARRAY_MAGIC) return sp_client_dead("linalg_lu_solve", 1, site), NULL;
    starp_session *s = sp_client_enter_two("linalg_lu_solve", factors.lu, b, site);
    if (s && factors.order->session != s) return sp_client_foreign("linalg_lu_solve", 1, site), NULL;
    return s ? sp_client_wrap(s, sp_build_lu_solve(&s->graph, factors.lu->node, factors.order->node, b->node)) : NULL;
}

starp_array *starp_linalg_solve(starp_array *a, starp_array *b)
{
    starp_session *s = sp_client_enter_two("linalg_solve", a, b, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_solve(&s->graph, SP_CALL_solve, a->node, b->node, NULL)) : NULL;
}

/* ------------------------------------------------------------------------------------------------- one operand */

static struct sp_node *factor(const char *what, enum sp_call call, starp_array *x, int option, starp_session **s, const void *site)
{
    *s = sp_client_enter(what, x, site);
    return *s ? sp_build_factor(&(*s)->graph, call, x->node, option != 0) : NULL;
}

#define SINGLE(name, call, option) \
    { \
        starp_session *s; \
        struct sp_node *n = factor("linalg_" #name, SP_CALL_##call, x, option, &s, __builtin_return_address(0)); \
        return s ? sp_client_wrap(s, n) : NULL; \
    }
starp_array *starp_linalg_cholesky(starp_array *x, int upper) SINGLE(cholesky, cholesky, upper)
starp_array *starp_linalg_eigvalsh(starp_array *x, int upper) SINGLE(eigvalsh, eigvalsh, upper)
starp_array *starp_linalg_eigvals(starp_array *x) SINGLE(eigvals, eigvals, 0)

starp_qr_factors starp_linalg_qr(starp_array *x, int complete)
{
    starp_qr_factors f = { NULL, NULL };
    starp_session *s;
    struct sp_node *n = factor("linalg_qr", SP_CALL_qr, x, complete, &s, __builtin_return_address(0));
    if (s) wrap_parts(s, n, 2, (starp_array **[]){ &f.q, &f.r });
    return f;
}

starp_svd_factors starp_linalg_svd(starp_array *x, int full)
{
    starp_svd_factors f = { NULL, NULL, NULL };
    starp_session *s = sp_client_enter("linalg_svd", x, __builtin_return_address(0));
    struct sp_node *part[3];
    if (!s) return f;
    sp_build_svd(&s->graph, x->node, full != 0, part);
    wrap_nodes(s, 3, part, (starp_array **[]){ &f.u, &f.s, &f.vh });
    return f;
}

#define EIGEN(name, option) \
    { \
        starp_eig_factors f = { NULL, NULL }; \
        starp_session *s; \
        struct sp_node *n = factor("linalg_" #name, SP_CALL_##name, x, option, &s, __builtin_return_address(0)); \
        if (s) wrap_parts(s, n, 2, (starp_array **[]){ &f.values, &f.vectors }); \
        return f; \
    }
starp_eig_factors starp_linalg_eigh(starp_array *x, int upper) EIGEN(eigh, upper)
starp_eig_factors starp_linalg_eig(starp_array *x) EIGEN(eig, 0)

#define BUILT(name, ...) \
    { \
        starp_session *s = sp_client_enter("linalg_" #name, x, __builtin_return_address(0)); \
        return s ? sp_client_wrap(s, sp_build_##name(&s->graph, __VA_ARGS__)) : NULL; \
    }
starp_array *starp_linalg_inv(starp_array *x) BUILT(inv, x->node)
starp_array *starp_linalg_det(starp_array *x) BUILT(det, x->node, NULL)
starp_array *starp_linalg_svdvals(starp_array *x) BUILT(svdvals, x->node)
starp_array *starp_linalg_pinv(starp_array *x, double rcond) BUILT(pinv, x->node, rcond)
starp_array *starp_linalg_matrix_rank(starp_array *x, double rcond) BUILT(matrix_rank, x->node, rcond)
starp_array *starp_linalg_matrix_power(starp_array *x, int64_t power) BUILT(matrix_power, x->node, power)
starp_array *starp_linalg_matrix_norm(starp_array *x, int keepdims, double ord) BUILT(matrix_norm, x->node, keepdims, ord)
starp_array *starp_linalg_cond(starp_array *x, double ord) BUILT(cond, x->node, ord)

starp_slogdet_result starp_linalg_slogdet(starp_array *x)
{
    starp_slogdet_result r = { NULL, NULL };
    starp_session *s = sp_client_enter("linalg_slogdet", x, __builtin_return_address(0));
    if (!s) return r;
    struct sp_node *log = NULL, *sign = sp_build_det(&s->graph, x->node, &log);
    r.sign = sp_client_wrap(s, sign);
    if (log) r.logabsdet = sp_client_wrap(s, log);
    if (r.sign && r.logabsdet) return r;
    if (r.sign) starp_release(r.sign);
    if (r.logabsdet) starp_release(r.logabsdet);
    return (starp_slogdet_result){ NULL, NULL };
}

starp_array *starp_linalg_vector_norm(starp_array *x, const starp_dims *axes, int keepdims, double ord)
{
    starp_session *s = sp_client_enter("linalg_vector_norm", x, __builtin_return_address(0));
    if (!s || !sp_client_axes(s, "linalg_vector_norm", axes)) return NULL;
    return sp_client_wrap(s, sp_build_vector_norm(&s->graph, x->node, axes, keepdims, ord));
}

starp_array *starp_linalg_norm(starp_array *x, double ord)
{
    starp_session *s = sp_client_enter("linalg_norm", x, __builtin_return_address(0));
    if (!s) return NULL;
    if (x->node->shape.n == 2 && ord != STARP_FRO) return sp_client_wrap(s, sp_build_matrix_norm(&s->graph, x->node, false, ord));
    if (x->node->shape.n == 1 || ord == STARP_FRO) {
        return sp_client_wrap(s, sp_build_vector_norm(&s->graph, x->node, NULL, false, ord == STARP_FRO ? 2 : ord));
    }
    sp_client_fail(s->graph.site, STARP_ERR_SHAPE, "linalg_norm: of %d dimensions; use starp_linalg_vector_norm or starp_linalg_matrix_norm",
                   x->node->shape.n);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ several operands */

starp_array *starp_linalg_solve_triangular(starp_array *a, starp_array *b, int lower, int unit)
{
    starp_session *s = sp_client_enter_two("linalg_solve_triangular", a, b, __builtin_return_address(0));
    int32_t option[2] = { lower != 0, unit != 0 };
    return s ? sp_client_wrap(s, sp_build_solve(&s->graph, SP_CALL_triangular, a->node, b->node, option)) : NULL;
}

starp_array *starp_linalg_cho_solve(starp_array *factor, starp_array *b)
{
    starp_session *s = sp_client_enter_two("linalg_cho_solve", factor, b, __builtin_return_address(0));
    if (!s) return NULL;
    struct sp_node *y = sp_build_solve(&s->graph, SP_CALL_triangular, factor->node, b->node, (int32_t[]){ 1, 0 });
    struct sp_node *u = sp_build_adjoint(&s->graph, factor->node), *x = NULL;
    if (y && u) x = sp_build_solve(&s->graph, SP_CALL_triangular, u, y, NULL);
    if (y) sp_node_release(&s->graph, y);
    if (u) sp_node_release(&s->graph, u);
    return sp_client_wrap(s, x);
}

starp_lstsq_solution starp_linalg_lstsq(starp_array *a, starp_array *b, double rcond)
{
    starp_lstsq_solution r = { NULL, NULL, NULL, NULL };
    starp_session *s = sp_client_enter_two("linalg_lstsq", a, b, __builtin_return_address(0));
    if (s) {
        wrap_parts(s, sp_build_lstsq(&s->graph, a->node, b->node, rcond), 4,
                   (starp_array **[]){ &r.x, &r.residuals, &r.rank, &r.singular_values });
    }
    return r;
}

starp_array *starp_linalg_multi_dot(int n, starp_array *const *x)
{
    const void *site = __builtin_return_address(0);
    struct sp_node *node[SP_MAX_CHAIN];
    if (n < 1 || n > SP_MAX_CHAIN || !x) {
        sp_client_fail(site, STARP_ERR_ARGUMENT, "linalg_multi_dot: %d matrices; 1 to %d are possible", n, SP_MAX_CHAIN);
        return NULL;
    }
    for (int k = 0; k < n; k++) {
        if (!x[k]) return NULL;
        if (x[k]->magic != SP_ARRAY_MAGIC) return sp_client_dead("linalg_multi_dot", k + 1, site), NULL;
        if (x[k]->session != x[0]->session) return sp_client_foreign("linalg_multi_dot", k + 1, site), NULL;
        node[k] = x[k]->node;
    }
    starp_session *s = x[0]->session;
    s->graph.site = site;
    return sp_client_wrap(s, sp_build_multi_dot(&s->graph, n, node));
}

/* The squarings that bring a norm below the bound that the approximant is made for. */
static int squarings(double norm)
{
    if (!(norm > 5.371920351148152) || isinf(norm)) return 0;
    int n = (int)ceil(log2(norm / 5.371920351148152));
    return n < 1024 ? n : 1024;
}

starp_array *starp_linalg_expm(starp_array *x)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("linalg_expm", x, site);
    if (!s) return NULL;
    starp_array *bound = sp_client_wrap(s, sp_build_largest_norm(&s->graph, x->node));
    double value = 0;
    if (!bound) return NULL;
    starp_status status = starp_item(bound, STARP_F64, &value);
    starp_release(bound);
    if (status != STARP_OK) return NULL;
    s->graph.site = site;
    return sp_client_wrap(s, sp_build_expm(&s->graph, x->node, squarings(value)));
}

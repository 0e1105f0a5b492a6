/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_call.c: nodes of operations on whole arrays: what their inputs must look like, and what comes out. Here inputs have
 * one batch and one dtype already; build_linalg.c brings them there.
 */
#include <string.h>

#include "build.h"

const struct sp_call_row sp_calls[SP_CALLS_COUNT] = {
#define X(name, word, nin, nout) [SP_CALL_##name] = { word, nin, nout },
    SP_CALLS(X)
#undef X
};

/* The batch of x with one to three axes behind it. */
static starp_dims with_axes(const struct sp_node *x, int n, int64_t a, int64_t b)
{
    starp_dims s = x->shape;
    s.n += n - 2;
    if (n > 0) s.v[s.n - n] = a;
    if (n > 1) s.v[s.n - 1] = b;
    return s;
}

static bool refuse(struct sp_graph *g, enum sp_call call, const struct sp_node *x, const char *why)
{
    char text[SP_SHAPE_TEXT];
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shape %s %s", sp_calls[call].name, sp_shape_text(text, &x->shape), why);
    return false;
}

/* Matrices, all of one batch. */
static bool check_inputs(struct sp_graph *g, enum sp_call call, struct sp_node *const *in)
{
    for (int k = 0; k < sp_calls[call].nin; k++) {
        const struct sp_node *x = in[k];
        if (x->shape.n < 2) return refuse(g, call, x, "is not that of a matrix");
        if (x->shape.n != in[0]->shape.n) return refuse(g, call, x, "has another batch than the first operand");
        for (int a = 0; a < x->shape.n - 2; a++) {
            if (x->shape.v[a] != in[0]->shape.v[a]) return refuse(g, call, x, "has another batch than the first operand");
        }
        bool known = sp_dtypes[x->dtype].cls >= (call == SP_CALL_matmul ? SP_CLASS_I : SP_CLASS_F);
        starp_dtype want = call == SP_CALL_lu_solve && k == 2 ? STARP_I64 : (starp_dtype)in[0]->dtype;
        if (want != in[0]->dtype) known = true;
        if (!known || x->weak || x->dtype != want || x->kind == SP_KIND_IOTA) {
            sp_fail(&g->error, STARP_ERR_DTYPE, "%s: not defined for %s and %s", sp_calls[call].name, sp_dtypes[in[0]->dtype].name,
                    sp_dtypes[x->dtype].name);
            return false;
        }
    }
    return true;
}

/* Whether the matrices fit to each other. */
static bool check_matrices(struct sp_graph *g, enum sp_call call, struct sp_node *const *in)
{
    const int64_t *a = in[0]->shape.v + in[0]->shape.n - 2, *b = sp_calls[call].nin > 1 ? in[1]->shape.v + in[1]->shape.n - 2 : a;
    char text[SP_SHAPE_TEXT], other[SP_SHAPE_TEXT];
    bool any = call == SP_CALL_matmul || call == SP_CALL_lu || call == SP_CALL_qr || call == SP_CALL_svd || call == SP_CALL_svdvals ||
               call == SP_CALL_lstsq;
    if (!any && a[0] != a[1]) return refuse(g, call, in[0], "is not that of a square matrix");
    bool fits = call == SP_CALL_matmul ? a[1] == b[0] : a[0] == b[0];
    const int64_t *order = call == SP_CALL_lu_solve ? in[2]->shape.v + in[2]->shape.n - 2 : NULL;
    if (order && (order[0] != a[0] || order[1] != 1)) return refuse(g, call, in[2], "is not that of the order of its rows");
    if (fits) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: shapes %s and %s do not fit: %lld and %lld", sp_calls[call].name,
            sp_shape_text(text, &in[0]->shape), sp_shape_text(other, &in[1]->shape), (long long)a[call == SP_CALL_matmul],
            (long long)b[0]);
    return false;
}

static starp_dtype complex_of(starp_dtype d)
{
    return d == STARP_F32 || d == STARP_C64 ? STARP_C64 : STARP_C128;
}

static void result(struct sp_results *r, starp_dtype dtype, starp_dims shape)
{
    r->dtype[r->n] = (uint8_t)dtype;
    r->shape[r->n++] = shape;
}

static void find_results(enum sp_call call, struct sp_node *const *in, const int32_t *option, struct sp_results *r)
{
    const struct sp_node *a = in[0], *b = sp_calls[call].nin > 1 ? in[1] : in[0];
    starp_dtype d = (starp_dtype)a->dtype, real = sp_dtype_real(d);
    int64_t m = a->shape.v[a->shape.n - 2], n = a->shape.v[a->shape.n - 1], k = b->shape.v[b->shape.n - 1], least = m < n ? m : n;
    *r = (struct sp_results){ .n = 0 };
    switch (call) {
    case SP_CALL_matmul: result(r, d, with_axes(a, 2, m, k)); break;
    case SP_CALL_lu: result(r, d, a->shape), result(r, STARP_I64, with_axes(a, 1, least, 0));
        result(r, STARP_I64, with_axes(a, 1, m, 0)), result(r, STARP_I64, with_axes(a, 1, m, 0));
        break;
    case SP_CALL_solve:
    case SP_CALL_lu_solve:
    case SP_CALL_triangular: result(r, d, b->shape); break;
    case SP_CALL_qr:
        result(r, d, with_axes(a, 2, m, *option == SP_QR_COMPLETE ? m : least));
        result(r, d, with_axes(a, 2, *option == SP_QR_COMPLETE ? m : least, n));
        break;
    case SP_CALL_svd:
        result(r, d, with_axes(a, 2, m, *option ? m : least)), result(r, real, with_axes(a, 1, least, 0));
        result(r, d, with_axes(a, 2, *option ? n : least, n));
        break;
    case SP_CALL_svdvals: result(r, real, with_axes(a, 1, least, 0)); break;
    case SP_CALL_eigh: result(r, real, with_axes(a, 1, n, 0)), result(r, d, a->shape); break;
    case SP_CALL_eigvalsh: result(r, real, with_axes(a, 1, n, 0)); break;
    case SP_CALL_eig: result(r, complex_of(d), with_axes(a, 1, n, 0)), result(r, complex_of(d), a->shape); break;
    case SP_CALL_eigvals: result(r, complex_of(d), with_axes(a, 1, n, 0)); break;
    case SP_CALL_lstsq:
        result(r, d, with_axes(a, 2, n, k)), result(r, real, with_axes(a, 1, k, 0)), result(r, STARP_I64, with_axes(a, 0, 0, 0));
        result(r, real, with_axes(a, 1, least, 0));
        break;
    default: result(r, d, a->shape); break;
    }
}

/* LAPACK counts in 32 bits: extents, and the elements of its workspaces, which it does not check itself. */
static bool check_lapack(struct sp_graph *g, enum sp_call call, struct sp_node *const *in)
{
    const int64_t most = call == SP_CALL_svd ? 26000 : call == SP_CALL_eigh ? 46000 : INT32_MAX; /* 3 n^2 + 4 n; n^2, each half by itself */
    for (int k = 0; k < sp_calls[call].nin && call != SP_CALL_matmul; k++) {
        const struct sp_node *x = in[k];
        int64_t m = x->shape.v[x->shape.n - 2], n = x->shape.v[x->shape.n - 1];
        if (m > INT32_MAX || n > INT32_MAX || (m < n ? m : n) > most) return refuse(g, call, x, "is more than LAPACK can count with 32 bits");
    }
    return true;
}

/* Options are flags, but for lstsq's. */
static bool check_options(struct sp_graph *g, enum sp_call call, const int32_t *option)
{
    bool one = call == SP_CALL_cholesky || call == SP_CALL_qr || call == SP_CALL_svd || call == SP_CALL_eigh || call == SP_CALL_eigvalsh;
    int used = call == SP_CALL_triangular || call == SP_CALL_lstsq ? 2 : one;
    bool bad = false;
    for (int i = 0; i < SP_PARAM_SIZE / 4; i++) bad |= option[i] != 0 && (i >= used || (call != SP_CALL_lstsq && option[i] != 1));
    if (bad) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: unknown options", sp_calls[call].name);
    return !bad;
}

static bool check_call(struct sp_graph *g, enum sp_call call, struct sp_node *const *in, const int32_t *option, struct sp_results *r)
{
    struct sp_axis_param along;
    struct sp_plane_param plane;
    memcpy(&along, option, sizeof along);
    memcpy(&plane, option, sizeof plane);
    if (sp_call_is_over_plane(call)) return sp_build_plane_call(g, call, in[0], &plane, r);
    if (sp_call_is_along_axis(call)) return sp_build_axis_call(g, call, in[0], &along, r);
    if (!check_inputs(g, call, in) || !check_matrices(g, call, in) || !check_lapack(g, call, in) || !check_options(g, call, option)) return false;
    find_results(call, in, option, r);
    return true;
}

struct sp_node *sp_build_call(struct sp_graph *g, enum sp_call call, struct sp_node *const *in, const void *param)
{
    int32_t option[SP_PARAM_SIZE / 4] = { 0 };
    struct sp_results r;
    if (param) memcpy(option, param, sizeof option);
    if (!check_call(g, call, in, option, &r)) return NULL;
    for (int k = 0; k < r.n; k++) {
        if (!sp_build_check(g, sp_calls[call].name, &r.shape[k], (starp_dtype)r.dtype[k])) return NULL;
    }
    struct sp_node *n = sp_node_new(g, SP_KIND_CALL, (starp_dtype)r.dtype[0], &r.shape[0]);
    if (!n) return NULL;
    n->op = (uint16_t)call;
    memcpy(n->param, option, sizeof option);
    if (r.n > 1) {
        n->results = sp_malloc(sizeof r);
        if (!n->results) {
            sp_node_release(g, n);
            sp_fail_memory(&g->error);
            return NULL;
        }
        *n->results = r;
    }
    for (int k = 0; k < sp_calls[call].nin; k++) sp_node_input(n, in[k]);
    return n;
}

struct sp_node *sp_build_part(struct sp_graph *g, struct sp_node *call, int part)
{
    if (!call) return NULL;
    const struct sp_results *r = call->results;
    if (!r || part < 0 || part >= r->n) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "part: there is no result %d", part);
        return NULL;
    }
    struct sp_node *n = sp_node_new(g, SP_KIND_PART, (starp_dtype)r->dtype[part], &r->shape[part]);
    if (!n) return NULL;
    n->op = (uint16_t)part;
    sp_node_input(n, call);
    return n;
}

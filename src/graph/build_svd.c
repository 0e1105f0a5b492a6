/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_svd.c: singular values of matrices of any shape. A matrix much higher than wide is brought to square form by QR
 * factorization first: that is parallel, and less work (Chan, "An improved algorithm for computing the singular value
 * decomposition", 1982); of one much wider than high, the adjoint is.
 */
#include "build.h"

#define WORTH_IT 256 /* columns from which on QR factorization runs in parallel, with usual panels */

static bool is_long(int64_t a, int64_t b)
{
    return b > WORTH_IT && a / 9 >= b / 5;
}

static void release(struct sp_graph *g, int n, struct sp_node **x)
{
    for (int k = 0; k < n; k++) {
        if (x[k]) sp_node_release(g, x[k]);
        x[k] = NULL;
    }
}

/* All results of a call, or none. */
static bool take_parts(struct sp_graph *g, struct sp_node *call, int n, struct sp_node **part)
{
    bool good = call != NULL;
    for (int k = 0; k < n; k++) {
        part[k] = good ? sp_build_part(g, call, k) : NULL;
        good = part[k] != NULL;
    }
    if (!good) release(g, n, part);
    if (call) sp_node_release(g, call);
    return good;
}

static bool tall_svd(struct sp_graph *g, struct sp_node *a, struct sp_node *part[3])
{
    struct sp_node *qr[2] = { NULL, NULL }, *u = NULL;
    bool good = take_parts(g, sp_build_factor(g, SP_CALL_qr, a, 0), 2, qr) && take_parts(g, sp_build_factor(g, SP_CALL_svd, qr[1], 0), 3, part);
    if (good) u = sp_build_matmul(g, qr[0], part[0]);
    release(g, 2, qr);
    if (!u) return release(g, good ? 3 : 0, part), false;
    release(g, 1, part);
    part[0] = u;
    return true;
}

static bool wide_svd(struct sp_graph *g, struct sp_node *a, struct sp_node *part[3])
{
    struct sp_node *turned = sp_build_adjoint(g, a), *of[3] = { NULL, NULL, NULL };
    bool good = turned && tall_svd(g, turned, of);
    part[0] = good ? sp_build_adjoint(g, of[2]) : NULL;
    part[2] = part[0] ? sp_build_adjoint(g, of[0]) : NULL;
    part[1] = part[2] ? of[1] : NULL;
    if (part[1]) of[1] = NULL;
    else release(g, 3, part);
    if (turned) sp_node_release(g, turned);
    release(g, 3, of);
    return part[1] != NULL;
}

bool sp_build_svd(struct sp_graph *g, struct sp_node *a, bool full, struct sp_node *part[3])
{
    int n = a ? a->shape.n : 0;
    int64_t rows = n < 2 ? 0 : a->shape.v[n - 2], cols = n < 2 ? 0 : a->shape.v[n - 1];
    for (int k = 0; k < 3; k++) part[k] = NULL;
    if (!full && is_long(rows, cols)) return tall_svd(g, a, part);
    if (!full && is_long(cols, rows)) return wide_svd(g, a, part);
    return take_parts(g, sp_build_factor(g, SP_CALL_svd, a, full), 3, part);
}

struct sp_node *sp_build_svdvals(struct sp_graph *g, struct sp_node *a)
{
    int n = a ? a->shape.n : 0;
    int64_t rows = n < 2 ? 0 : a->shape.v[n - 2], cols = n < 2 ? 0 : a->shape.v[n - 1];
    bool wide = is_long(cols, rows);
    if (!wide && !is_long(rows, cols)) return sp_build_factor(g, SP_CALL_svdvals, a, 0);
    struct sp_node *x = wide ? sp_build_adjoint(g, a) : sp_node_retain(a), *qr[2] = { NULL, NULL }, *s = NULL;
    if (x && take_parts(g, sp_build_factor(g, SP_CALL_qr, x, 0), 2, qr)) s = sp_build_factor(g, SP_CALL_svdvals, qr[1], 0);
    release(g, 2, qr);
    if (x) sp_node_release(g, x);
    return s;
}

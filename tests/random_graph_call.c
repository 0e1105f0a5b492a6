/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_graph_call.c: operations on whole arrays in random graphs: products, Fourier transforms, convolutions, zeros put around,
 * factorizations and their parts, and what is solved with them. Products and transforms are held against the oracle to within
 * rounding; factorizations only against themselves on other executors. Those get matrices they cannot fail on.
 */
#include "random_graph.h"
#include "temps.h"

/* ---------------------------------------------------------------------------------------------------------- bounds */

static enum rg_trust sum_trust(const struct sp_node *n, bool exact)
{
    if (!exact) return RG_LOOSE;
    return sp_dtypes[n->dtype].cls >= SP_CLASS_F ? RG_SUM : RG_EXACT;
}

/* Magnitudes of x, added up over everything, in floats. */
static struct sp_node *total(struct temps *t, struct sp_node *x)
{
    struct sp_node *y = hold(t, sp_build_cast(t->g, x, sp_dtype_to_linalg((starp_dtype)x->dtype)));
    struct sp_node *magnitude = y ? op1(t, SP_OP_abs, y) : NULL;
    return magnitude ? hold(t, sp_build_reduce(t->g, SP_REDUCE_SUM, magnitude, NULL, false)) : NULL;
}

/* No element of n is more than the products of elements of a and b, or those of a, that it is a sum of. */
static struct sp_node *bound_of(struct sp_graph *g, struct sp_node *n, struct sp_node *a, struct sp_node *b)
{
    struct temps t = { .g = g };
    struct sp_node *all = total(&t, a), *other = b ? total(&t, b) : NULL;
    if (b) all = all && other ? op2(&t, SP_OP_multiply, all, other) : NULL;
    return finish(&t, all ? hold(&t, sp_build_broadcast(g, all, &n->shape)) : NULL);
}

/* Enters n, which is made of sums over a, or over products of a and b. Without a bound it is not trusted. */
static void enter_sum(struct rg *g, struct sp_node *n, const struct rg_item *a, const struct rg_item *b, const char *what)
{
    if (!n) return;
    int id = a->id, other = b ? b->id : -1;
    enum rg_trust trust = sum_trust(n, a->trust == RG_EXACT && (!b || b->trust == RG_EXACT));
    struct sp_node *bound = trust == RG_SUM ? bound_of(&g->rig->g, n, a->node, b ? b->node : NULL) : NULL;
    if (trust == RG_SUM && !bound) trust = RG_LOOSE;
    rg_enter(g, n, trust, "%s(%%%d, %%%d)", what, id, other)->bound = bound;
}

/* ---------------------------------------------------------------------------------------------------------- products */

/* Whether so many multiplications, about, are few enough. */
static bool affordable(const struct rg *g, double work)
{
    return work <= (double)g->o->work;
}

/* Some item that y can be multiplied by; its transpose, where *turned is set. */
static struct rg_item *partner(struct rg *g, const struct rg_item *x, bool *turned)
{
    int64_t inner = x->node->shape.v[x->node->shape.n - 1];
    for (int attempt = 0; attempt < 12; attempt++) {
        struct rg_item *y = rg_pick(g);
        const starp_dims *s = &y->node->shape;
        *turned = s->n > 1 && s->v[s->n - 1] == inner && rg_chance(g, 70);
        if (s->n > 0 && (*turned || s->v[s->n > 1 ? s->n - 2 : 0] == inner)) return y;
    }
    return NULL;
}

static void product(struct rg *g)
{
    bool turned = false;
    struct rg_item *x = rg_pick(g);
    if (x->node->shape.n == 0) return;
    struct rg_item *y = partner(g, x, &turned);
    if (!y) return;
    struct temps t = { .g = &g->rig->g };
    int64_t inner = x->node->shape.v[x->node->shape.n - 1];
    double work = (double)sp_shape_size(&x->node->shape) * (double)sp_shape_size(&y->node->shape) / (double)(inner ? inner : 1);
    struct sp_node *b = turned ? hold(&t, sp_build_matrix_transpose(t.g, y->node)) : y->node;
    struct sp_node *n = b && affordable(g, work) ? hold(&t, sp_build_matmul(t.g, x->node, b)) : NULL;
    if (n && sp_shape_size(&n->shape) > 4 * g->o->max_size) n = NULL;
    n = finish(&t, n);
    enter_sum(g, n, x, y, turned ? "matmul with a transpose" : "matmul");
}

/* The first elements of a vector that x is made to. */
static struct sp_node *vector(struct temps *t, struct sp_node *x, int64_t most)
{
    struct sp_node *line = hold(t, sp_build_reshape(t->g, x, &(starp_dims){ 1, { -1 } }));
    return line && line->shape.v[0] > most ? slice_along(t, line, 0, 0, most, 1) : line;
}

/* Now and then with so many elements that floats go through transforms. */
static void convolution(struct rg *g)
{
    struct rg_item *x = rg_pick(g), *y = rg_pick(g);
    int64_t most = rg_chance(g, 80) ? 1 + rg_below(g, 8) : 33 + rg_below(g, 20);
    starp_convolve_mode mode = (starp_convolve_mode)rg_below(g, 3);
    bool correlate = rg_chance(g, 40);
    struct temps t = { .g = &g->rig->g };
    struct sp_node *a = vector(&t, x->node, g->o->max_size), *b = vector(&t, y->node, most), *n = NULL;
    if (a && b && affordable(g, 64 * (double)sp_shape_size(&a->shape) * (double)most)) {
        n = hold(&t, (correlate ? sp_build_correlate : sp_build_convolve)(t.g, a, b, mode));
    }
    n = finish(&t, n);
    enter_sum(g, n, x, y, correlate ? "correlate" : "convolve");
}

/* -------------------------------------------------------------------------------------------------------- transforms */

/* What the oracle has to do for a line; it never gets to see those that are longer. */
static double by_definition(double n)
{
    return n < 100000 ? n * n : 1000 * n;
}

static void transform(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    int ndim = x->node->shape.n;
    if (ndim == 0) return;
    int axis = (int)rg_below(g, ndim);
    int64_t extent = x->node->shape.v[axis], n = rg_chance(g, 60) ? 0 : 1 + rg_below(g, 2 * extent + 1);
    enum sp_call call = sp_dtypes[x->node->dtype].cls == SP_CLASS_C ? rg_chance(g, 60) ? SP_CALL_fft : SP_CALL_irfft
                        : rg_chance(g, 60) ? SP_CALL_rfft : SP_CALL_fft;
    bool inverse = rg_chance(g, 40);
    enum sp_fft_scale scale = (enum sp_fft_scale)rg_below(g, 3);
    double length = (double)(n ? n : call == SP_CALL_irfft ? 2 * extent : extent);
    double lines = extent ? (double)sp_shape_size(&x->node->shape) / (double)extent : 0;
    if (!affordable(g, lines * by_definition(length)) || lines * length > 4 * (double)g->o->max_size) return;
    struct sp_node *y = sp_build_fft(&g->rig->g, call, x->node, n, rg_chance(g, 50) ? axis : axis - ndim, inverse, scale);
    enter_sum(g, y, x, NULL, sp_calls[call].name);
}

/* Along all axes, or the last ones; or rolled by half the extents, which only moves. */
static void transform_all(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    struct sp_graph *graph = &g->rig->g;
    starp_dims axes = { 1, { -1 } };
    int64_t size = sp_shape_size(&x->node->shape);
    bool inverse = rg_chance(g, 50), back = rg_chance(g, 50), all = rg_chance(g, 70);
    int id = x->id;
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    if (x->node->shape.n == 0 || x->node->shape.n > 4 || 2 * size > 4 * g->o->max_size) return;
    if (rg_chance(g, 50)) {
        rg_enter(g, sp_build_fftshift(graph, x->node, all ? NULL : &axes, back), trust, "fftshift(%%%d, back %d)", id, back);
    } else if (affordable(g, by_definition((double)size))) {
        struct sp_node *n = sp_build_fft_nd(graph, "fft_fftn", SP_CALL_fft, x->node, NULL, all ? NULL : &axes, inverse, SP_FFT_BY_ROOT);
        enter_sum(g, n, x, NULL, "fftn");
    }
}

static void zeros_around(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    starp_dims before = { .n = x->node->shape.n }, after = before, shape = x->node->shape;
    int id = x->id;
    for (int a = 0; a < before.n; a++) {
        if (rg_chance(g, 50)) before.v[a] = rg_below(g, 4), after.v[a] = rg_below(g, 4);
        shape.v[a] += before.v[a] + after.v[a];
    }
    if (x->node->weak || sp_shape_size(&shape) > 4 * g->o->max_size) return;
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    rg_enter(g, sp_build_pad_around(&g->rig->g, x->node, &before, &after), trust, "pad(%%%d)", id);
}

/* ---------------------------------------------------------------------------------------------------- factorizations */

/* x between -1 and 1, whatever it was. */
static struct sp_node *tame(struct temps *t, struct sp_node *x)
{
    struct sp_node *y = x ? hold(t, sp_build_cast(t->g, x, sp_dtype_to_linalg((starp_dtype)x->dtype))) : NULL;
    if (!y) return NULL;
    struct sp_node *finite = op1(t, SP_OP_isfinite, y), *kept = finite ? where(t, finite, y, number(t, 0)) : NULL;
    struct sp_node *magnitude = kept ? op1(t, SP_OP_abs, kept) : NULL;
    struct sp_node *most = magnitude ? hold(t, sp_build_reduce(t->g, SP_REDUCE_MAX, magnitude, NULL, false)) : NULL;
    struct sp_node *more = most ? op2(t, SP_OP_add, most, number(t, 1)) : NULL;
    return more ? op2(t, SP_OP_divide, kept, more) : NULL;
}

/* The first rows and columns of matrices: square ones. */
static struct sp_node *square_of(struct temps *t, struct sp_node *x)
{
    int64_t m = x->shape.v[x->shape.n - 2], n = x->shape.v[x->shape.n - 1], least = m < n ? m : n;
    if (m > least) return slice_along(t, x, x->shape.n - 2, 0, least, 1);
    return n > least ? slice_along(t, x, x->shape.n - 1, 0, least, 1) : x;
}

/* Square matrices whose diagonals outweigh the rest of each row. */
static struct sp_node *dominant(struct temps *t, struct sp_node *x)
{
    int64_t n = x->shape.v[x->shape.n - 1];
    struct sp_node *y = tame(t, x), *small = y ? op2(t, SP_OP_divide, y, number(t, (double)n)) : NULL;
    struct sp_node *one = small ? hold(t, sp_build_eye(t->g, n, n, 0, sp_dtype_real((starp_dtype)small->dtype))) : NULL;
    return one ? op2(t, SP_OP_add, small, one) : NULL;
}

/* What is Hermitian, and positive definite when x outweighs the rest of its rows. */
static struct sp_node *hermitian(struct temps *t, struct sp_node *x)
{
    struct sp_node *y = x ? hold(t, sp_build_adjoint(t->g, x)) : NULL;
    return y ? op2(t, SP_OP_add, x, y) : NULL;
}

/* Some matrices small enough, or NULL. */
static struct rg_item *matrices(struct rg *g)
{
    for (int attempt = 0; attempt < 12; attempt++) {
        struct rg_item *x = rg_pick(g);
        const starp_dims *s = &x->node->shape;
        if (s->n < 2 || sp_shape_size(s) < 1) continue;
        int64_t m = s->v[s->n - 2], n = s->v[s->n - 1], most = m > n ? m : n;
        if (most * most <= 4 * g->o->max_size && affordable(g, 10 * (double)sp_shape_size(s) * (double)most)) return x;
    }
    return NULL;
}

/* A call of several results: some of its parts, and at times all. */
static void factorization(struct rg *g)
{
    static const enum sp_call of[] = { SP_CALL_qr, SP_CALL_qr, SP_CALL_lu, SP_CALL_svd, SP_CALL_eigh, SP_CALL_eig };
    struct rg_item *x = matrices(g);
    enum sp_call call = of[rg_below(g, 6)];
    int32_t option = call == SP_CALL_qr || call == SP_CALL_svd ? rg_chance(g, 40) : 0;
    struct temps t = { .g = &g->rig->g };
    if (!x) return;
    int id = x->id;
    bool square = call == SP_CALL_eigh || call == SP_CALL_eig;
    struct sp_node *a = tame(&t, square ? square_of(&t, x->node) : x->node);
    if (call == SP_CALL_eigh) a = hermitian(&t, a);
    struct sp_node *n = a ? hold(&t, sp_build_factor(t.g, call, a, option)) : NULL, *part[SP_MAX_RESULTS] = { NULL };
    int parts = n ? n->results->n : 0;
    for (int k = 0; k < parts; k++) part[k] = rg_chance(g, 60) ? sp_build_part(t.g, n, k) : NULL;
    finish(&t, NULL);
    for (int k = 0; k < parts; k++) rg_enter(g, part[k], RG_LOOSE, "result %d of %s(%%%d, %d)", k, sp_calls[call].name, id, option);
}

static struct sp_node *solution(struct temps *t, struct rg *g, enum sp_call call, struct sp_node *a)
{
    int64_t n = a->shape.v[a->shape.n - 1];
    struct sp_node *wide = hold(t, sp_build_linspace(t->g, -1, 1, n * (1 + rg_below(g, 5)), true, STARP_F64));
    struct sp_node *b = hold(t, sp_build_reshape(t->g, wide, &(starp_dims){ 2, { n, -1 } }));
    int32_t option[2] = { rg_chance(g, 50), rg_chance(g, 30) };
    if (!b) return NULL;
    if (call != SP_CALL_lu_solve) return sp_build_solve(t->g, call, a, b, call == SP_CALL_triangular ? option : NULL);
    struct sp_node *lu = hold(t, sp_build_factor(t->g, SP_CALL_lu, a, 0));
    struct sp_node *packed = lu ? hold(t, sp_build_part(t->g, lu, 0)) : NULL;
    struct sp_node *order = lu ? hold(t, sp_build_part(t->g, lu, 2)) : NULL;
    return packed && order ? sp_build_lu_solve(t->g, packed, order, b) : NULL;
}

/* A result of one matrix, or of one and right-hand sides. */
static void from_matrix(struct rg *g)
{
    static const enum sp_call of[] = { SP_CALL_solve,    SP_CALL_solve,   SP_CALL_lu_solve,  SP_CALL_triangular,
                                       SP_CALL_cholesky, SP_CALL_svdvals, SP_CALL_eigvalsh, SP_CALL_eigvals };
    struct rg_item *x = matrices(g);
    enum sp_call call = of[rg_below(g, 8)];
    struct temps t = { .g = &g->rig->g };
    if (!x) return;
    int id = x->id;
    struct sp_node *a = dominant(&t, square_of(&t, x->node)), *n = NULL;
    if (call == SP_CALL_cholesky || call == SP_CALL_eigvalsh) a = hermitian(&t, a);
    if (a && (call == SP_CALL_solve || call == SP_CALL_lu_solve || call == SP_CALL_triangular)) n = solution(&t, g, call, a);
    else if (a) n = sp_build_factor(t.g, call, a, 0);
    finish(&t, NULL);
    rg_enter(g, n, RG_LOOSE, "%s(%%%d)", sp_calls[call].name, id);
}

void rg_call(struct rg *g)
{
    int what = (int)rg_below(g, 100);
    sp_error_clear(&g->rig->g.error);
    if (g->o->work == 0) return;
    if (what < 22) product(g);
    else if (what < 42) transform(g);
    else if (what < 52) transform_all(g);
    else if (what < 62) zeros_around(g);
    else if (what < 72) convolution(g);
    else if (what < 87) factorization(g);
    else from_matrix(g);
}

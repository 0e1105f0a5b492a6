/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_fft_nd.c: transforms along several axes, one after the other; those of Hermitian arrays; sample frequencies and shifts.
 * What s and axes mean, and in which order axes are taken, is as in NumPy.
 */
#include <math.h>

#include "temps.h"

/* ------------------------------------------------------------------------------------------------------ several axes */

struct lengths {
    int n;
    int axis[STARP_MAXDIM];
    int64_t size[STARP_MAXDIM];
};

/* Which axes, and how many elements along each, counted in x as it is given. */
static bool find_lengths(struct sp_graph *g, const char *what, enum sp_call call, const struct sp_node *x, const starp_dims *s,
                         const starp_dims *axes, struct lengths *l)
{
    l->n = axes ? axes->n : s ? s->n : x->shape.n;
    if (s && s->n != l->n) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d lengths for %d axes", what, s->n, l->n);
        return false;
    }
    if (l->n > x->shape.n && !axes) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d lengths for %d dimensions", what, l->n, x->shape.n);
        return false;
    }
    for (int i = 0; i < l->n; i++) {
        l->axis[i] = axes ? sp_build_axis(g, what, axes->v[i], x->shape.n) : x->shape.n - l->n + i;
        if (l->axis[i] < 0) return false;
        int64_t extent = x->shape.v[l->axis[i]];
        l->size[i] = s && s->v[i] != -1 ? s->v[i] : extent;
        if (!s && call == SP_CALL_irfft && i == l->n - 1) l->size[i] = 2 * (extent - 1);
        if (l->size[i] >= 1) continue;
        sp_fail(&g->error, STARP_ERR_SHAPE, "%s: %lld elements along axis %d cannot be transformed", what, (long long)l->size[i], l->axis[i]);
        return false;
    }
    if (l->n > 0 || call == SP_CALL_fft) return true;
    sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: at least one axis is needed", what);
    return false;
}

/* Transforms in the order in which they are taken, of which the first (rfft) or the last (irfft) is the call and the others are complex. */
struct sequence {
    struct sp_graph *g;
    const struct lengths *l;
    enum sp_call call;
    int order[STARP_MAXDIM];
    bool inverse;
    enum sp_fft_scale scale;
};

static enum sp_call call_of(const struct sequence *q, int i)
{
    return i == (q->call == SP_CALL_irfft ? q->l->n - 1 : 0) ? q->call : SP_CALL_fft;
}

/* Whether transform i and the next one are over a plane one of whose axes is the last, and short enough for a cache. */
static bool is_plane(const struct sequence *q, int i, const struct sp_node *x)
{
    if (i + 1 >= q->l->n) return false;
    int k = q->order[i], m = q->order[i + 1], a = q->l->axis[k], b = q->l->axis[m];
    return a != b && (a == x->shape.n - 1 || b == x->shape.n - 1) && q->l->size[k] <= SP_DFT_LONGEST && q->l->size[m] <= SP_DFT_LONGEST;
}

/* Transform i, or, with `plane`, i and the next one. Takes x. */
static struct sp_node *transform(const struct sequence *q, int i, bool plane, struct sp_node *x)
{
    static const enum sp_call over[] = { [SP_CALL_fft] = SP_CALL_fft2, [SP_CALL_rfft] = SP_CALL_rfft2, [SP_CALL_irfft] = SP_CALL_irfft2 };
    struct sp_node *y;
    if (plane) {
        int k = q->order[i], m = q->order[i + 1], axis[2] = { q->l->axis[k], q->l->axis[m] };
        enum sp_call first = call_of(q, i), second = call_of(q, i + 1), call = over[first == SP_CALL_fft ? second : first];
        y = sp_build_fft2(q->g, call, x, (int64_t[]){ q->l->size[k], q->l->size[m] }, axis, q->inverse && call == SP_CALL_fft2, q->scale);
    } else {
        y = sp_build_fft(q->g, call_of(q, i), x, q->l->size[q->order[i]], q->l->axis[q->order[i]], q->inverse, q->scale);
    }
    sp_node_release(q->g, x);
    return y;
}

struct sp_node *sp_build_fft_nd(struct sp_graph *g, const char *what, enum sp_call call, struct sp_node *x, const starp_dims *s,
                                const starp_dims *axes, bool inverse, enum sp_fft_scale scale)
{
    struct lengths l;
    if (!x || !find_lengths(g, what, call, x, s, axes, &l)) return NULL;
    if (l.n == 0) return sp_build_cast(g, x, x->dtype == STARP_F32 || x->dtype == STARP_C64 ? STARP_C64 : STARP_C128);
    struct sequence q = { .g = g, .l = &l, .call = call, .inverse = inverse || call == SP_CALL_irfft, .scale = scale };
    for (int i = 0; i < l.n; i++) q.order[i] = call == SP_CALL_irfft ? i : l.n - 1 - i;
    struct sp_node *y = sp_node_retain(x);
    for (int i = 0; i < l.n && y;) {
        bool alone = call == SP_CALL_irfft && (l.n - i) % 2; /* the last two are a plane */
        bool plane = !alone && is_plane(&q, i, y);
        y = transform(&q, i, plane, y);
        i += plane ? 2 : 1;
    }
    return y;
}

struct sp_node *sp_build_hfft(struct sp_graph *g, struct sp_node *x, int64_t n, int64_t axis, enum sp_fft_scale scale)
{
    struct temps t = { .g = g };
    if (!x) return NULL;
    struct sp_node *y = is_complex(x) ? op1(&t, SP_OP_conj, x) : x;
    return finish(&t, hold(&t, sp_build_fft(g, SP_CALL_irfft, y, n, axis, true, scale)));
}

struct sp_node *sp_build_ihfft(struct sp_graph *g, struct sp_node *x, int64_t n, int64_t axis, enum sp_fft_scale scale)
{
    struct temps t = { .g = g };
    return finish(&t, op1(&t, SP_OP_conj, hold(&t, sp_build_fft(g, SP_CALL_rfft, x, n, axis, false, scale))));
}

/* ---------------------------------------------------------------------------------------------- frequencies and shifts */

struct sp_node *sp_build_fftfreq(struct sp_graph *g, int64_t n, double d, starp_dtype dtype, bool half)
{
    struct temps t = { .g = g };
    const char *what = half ? "fft_rfftfreq" : "fft_fftfreq";
    starp_dims shape = { 1, { half ? n / 2 + 1 : n } };
    if (n < 1 || !(fabs(d) > 0 && fabs(d) <= HUGE_VAL)) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %lld elements at a distance of %g", what, (long long)n, d);
        return NULL;
    }
    if (!sp_build_check(g, what, &shape, dtype)) return NULL;
    if (sp_dtypes[dtype].cls != SP_CLASS_F) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "%s: not defined for %s", what, sp_dtypes[dtype].name);
        return NULL;
    }
    struct sp_node *k = hold(&t, sp_build_iota(g, &shape, 0, (int64_t[]){ 1 })), *middle = NULL, *low = NULL;
    if (!half) {
        middle = hold(&t, sp_build_const(g, &(starp_dims){ .n = 0 }, STARP_I64, starp_number_int((n - 1) / 2), false));
        low = hold(&t, sp_build_iota(g, &shape, -n, (int64_t[]){ 1 }));
        k = where(&t, op2(&t, SP_OP_less_equal, k, middle), k, low);
    }
    struct sp_node *f = op2(&t, SP_OP_multiply, k, number(&t, 1 / ((double)n * d)));
    return finish(&t, hold(&t, sp_build_cast(g, f, dtype)));
}

/* Twice the array, one behind the other, seen from the right place on. */
static struct sp_node *rolled(struct sp_graph *g, struct sp_node *x, int axis, int64_t by)
{
    struct temps t = { .g = g };
    starp_dims twice = x->shape, joined = x->shape;
    int64_t n = x->shape.v[axis];
    if (x->shape.n == STARP_MAXDIM) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "fft_fftshift: %d dimensions; up to %d are possible", STARP_MAXDIM, STARP_MAXDIM - 1);
        return NULL;
    }
    for (int a = twice.n++; a > axis; a--) twice.v[a] = twice.v[a - 1];
    twice.v[axis] = 2;
    joined.v[axis] = 2 * n;
    struct sp_node *two = hold(&t, sp_build_expand(g, x, axis));
    two = two ? hold(&t, sp_build_broadcast(g, two, &twice)) : NULL;
    return finish(&t, slice_along(&t, hold(&t, sp_build_reshape(g, two, &joined)), axis, n - by, 2 * n - by, 1));
}

struct sp_node *sp_build_fftshift(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool back)
{
    if (!x) return NULL;
    int n = axes ? axes->n : x->shape.n;
    struct sp_node *y = sp_node_retain(x);
    for (int i = 0; i < n && y; i++) {
        struct sp_node *was = y;
        int axis = axes ? sp_build_axis(g, back ? "fft_ifftshift" : "fft_fftshift", axes->v[i], x->shape.n) : i;
        int64_t extent = axis < 0 ? 0 : x->shape.v[axis], by = back ? extent - extent / 2 : extent / 2;
        if (axis >= 0 && extent < 2) continue;
        y = axis < 0 ? NULL : rolled(g, was, axis, by);
        sp_node_release(g, was);
    }
    return y;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_fftconvolve.c: convolution of arrays by Fourier transforms, along some axes; along the others, shapes broadcast. Where one
 * operand is long and the other one much shorter, blocks of the long one are transformed, and what they leave beyond their ends is
 * added to the next ones (overlap-add: Stockham, "High-speed convolution and correlation", 1966).
 */
#include <math.h>
#include <string.h>

#include "temps.h"

/* An axis along which there is something to convolve. */
struct axis {
    int axis;            /* of the operands */
    int64_t extent;      /* of the full result */
    int64_t n;           /* of the transforms */
    int64_t step, count; /* blocks of the longer operand, and how many; count 0: it is transformed whole */
    int longer;          /* which operand that is */
};

struct plan {
    struct sp_graph *g;
    const char *what;
    starp_dims shape[2];
    uint32_t set;        /* of the axes */
    struct axis axis[STARP_MAXDIM];
    int n;
    starp_dtype dtype;
};

/* x's reference is taken; what came of it. */
static struct sp_node *become(struct plan *p, struct sp_node *x, struct sp_node *y)
{
    if (x) sp_node_release(p->g, x);
    return y;
}

/* --------------------------------------------------------------------------------------------------------- lengths */

/* The smallest 2^a 3^b 5^c 7^d that is at least n. */
static int64_t fast_length(int64_t n)
{
    int64_t best = INT64_MAX, room = INT64_MAX / 8;
    for (int64_t a = 1; a < best && a < room; a *= 7) {
        for (int64_t b = a; b < best && b < room; b *= 5) {
            for (int64_t c = b; c < best && c < room; c *= 3) {
                int64_t d = c;
                while (d < n && d < room) d *= 2;
                if (d >= n && d < best) best = d;
            }
        }
    }
    return best;
}

/* The block that costs least per element of the result; they are to fit a cache. 0: none does. */
static int64_t block_length(int64_t overlap)
{
    int64_t best = 0;
    double least = INFINITY;
    for (int64_t n = 2 * fast_length(overlap + 1); n <= SP_DFT_LONGEST; n = 2 * fast_length(n / 2 + n / 8 + 1)) {
        double cost = (double)n * log2((double)n) / (double)(n - overlap);
        if (cost < least) least = cost, best = n;
    }
    return best;
}

static struct axis plan_axis(const struct plan *p, int a, bool blocks)
{
    int64_t x = p->shape[0].v[a], y = p->shape[1].v[a], longer = x > y ? x : y, shorter = x > y ? y : x;
    struct axis c = { .axis = a, .extent = x + y - 1, .longer = y > x };
    c.n = 2 * fast_length((c.extent + 1) / 2);
    int64_t block = blocks && c.n > SP_DFT_LONGEST && shorter < longer / 2 ? block_length(shorter - 1) : 0;
    if (block == 0) return c;
    c.n = block;
    c.step = block - shorter + 1;
    c.count = (c.extent + c.step - 1) / c.step;
    return c;
}

static void plan_axes(struct plan *p, bool overlap_add)
{
    int more = 0;
    p->n = 0;
    for (int a = 0; a < p->shape[0].n; a++) {
        if (!(p->set >> a & 1)) continue;
        p->axis[p->n] = plan_axis(p, a, overlap_add && p->shape[0].n + more < STARP_MAXDIM);
        more += p->axis[p->n++].count > 0;
    }
}

/* Where the elements of an axis are once blocks have axes of their own. */
static int place(const struct plan *p, int i)
{
    int at = p->axis[i].axis;
    for (int k = 0; k <= i; k++) at += p->axis[k].count > 0;
    return at;
}

/* ------------------------------------------------------------------------------------------------------- transforms */

/* An axis of a shape as two. */
static starp_dims split(starp_dims shape, int axis, int64_t outer, int64_t inner)
{
    memmove(shape.v + axis + 2, shape.v + axis + 1, (size_t)(shape.n - axis - 1) * sizeof shape.v[0]);
    shape.v[axis] = outer;
    shape.v[axis + 1] = inner;
    shape.n++;
    return shape;
}

/* The longer operand in blocks, before them one of zeros; the other one beside them. Takes x. */
static struct sp_node *in_blocks(struct plan *p, const struct axis *c, struct sp_node *x, int which)
{
    if (!x || c->count == 0) return x;
    if (which != c->longer) return become(p, x, sp_build_expand(p->g, x, c->axis));
    int64_t n = (c->count + 1) * c->step;
    x = become(p, x, sp_build_pad(p->g, x, c->axis, c->step, n));
    starp_dims shape = x ? split(x->shape, c->axis, c->count + 1, c->step) : (starp_dims){ 0 };
    return become(p, x, sp_build_reshape(p->g, x, &shape));
}

static struct sp_node *spectrum(struct plan *p, struct sp_node *x, int which)
{
    bool real = sp_dtypes[p->dtype].cls == SP_CLASS_F;
    struct sp_node *y = sp_build_cast(p->g, x, p->dtype);
    for (int i = p->n - 1; i >= 0; i--) y = in_blocks(p, &p->axis[i], y, which);
    for (int i = p->n - 1; i >= 0; i--) {
        enum sp_call call = real && i == p->n - 1 ? SP_CALL_rfft : SP_CALL_fft;
        y = become(p, y, sp_build_fft(p->g, call, y, p->axis[i].n, place(p, i), false, SP_FFT_BY_NOTHING));
    }
    return y;
}

/* Blocks with what the ones before them leave, one behind the other: a new reference. */
static struct sp_node *overlapped(struct plan *p, struct sp_node *x, int axis, const struct axis *c)
{
    struct temps t = { .g = p->g };
    struct sp_node *own = slice_along(&t, slice_along(&t, x, axis, 1, STARP_NONE, 1), axis + 1, 0, c->step, 1);
    struct sp_node *rest = slice_along(&t, slice_along(&t, x, axis, 0, c->count, 1), axis + 1, c->step, STARP_NONE, 1);
    struct sp_node *sum = op2(&t, SP_OP_add, own, hold(&t, sp_build_pad(p->g, rest, axis + 1, 0, c->step)));
    if (!sum) return finish(&t, NULL);
    starp_dims shape = sum->shape;
    shape.v[axis] *= c->step;
    shape.n--;
    memmove(shape.v + axis + 1, shape.v + axis + 2, (size_t)(shape.n - axis - 1) * sizeof shape.v[0]);
    return finish(&t, hold(&t, sp_build_reshape(p->g, sum, &shape)));
}

/* The elements of the full result, of each axis. Takes x. */
static struct sp_node *join(struct plan *p, struct sp_node *x)
{
    for (int i = p->n - 1; i >= 0 && x; i--) {
        struct temps t = { .g = p->g };
        const struct axis *c = &p->axis[i];
        int at = place(p, i);
        if (c->count > 0) x = become(p, x, overlapped(p, x, --at, c));
        if (x) x = become(p, x, finish(&t, slice_along(&t, x, at, 0, c->extent, 1)));
    }
    return x;
}

static struct sp_node *full_result(struct plan *p, struct sp_node *const *in)
{
    struct sp_node *of[2] = { spectrum(p, in[0], 0), NULL }, *y = NULL;
    of[1] = of[0] ? spectrum(p, in[1], 1) : NULL;
    if (of[1]) y = sp_build_map(p->g, SP_OP_multiply, 2, of);
    for (int k = 0; k < 2; k++) {
        if (of[k]) sp_node_release(p->g, of[k]);
    }
    for (int i = 0; i < p->n; i++) {
        bool real = sp_dtypes[p->dtype].cls == SP_CLASS_F && i == p->n - 1;
        y = become(p, y, sp_build_fft(p->g, real ? SP_CALL_irfft : SP_CALL_fft, y, p->axis[i].n, place(p, i), true, SP_FFT_BY_N));
    }
    return join(p, y);
}

/* --------------------------------------------------------------------------------------------------------- operands */

static bool refuse(const struct plan *p, const char *why)
{
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    sp_fail(&p->g->error, STARP_ERR_SHAPE, "%s: shapes %s and %s %s", p->what, sp_shape_text(s, &p->shape[0]), sp_shape_text(t, &p->shape[1]), why);
    return false;
}

/* Along axes where an operand has one element, there is nothing to convolve. */
static bool find_axes(struct plan *p, const starp_dims *axes)
{
    int n = p->shape[0].n;
    if (n != p->shape[1].n) return refuse(p, "have not the same number of axes");
    if (axes && axes->n == 0) {
        sp_fail(&p->g->error, STARP_ERR_ARGUMENT, "%s: no axes", p->what);
        return false;
    }
    if (!sp_build_axes(p->g, p->what, axes, n, &p->set)) return false;
    for (int a = 0; a < n; a++) {
        int64_t x = p->shape[0].v[a], y = p->shape[1].v[a];
        if (x == 1 || y == 1) p->set &= ~(UINT32_C(1) << a);
        else if (x != y && !(p->set >> a & 1)) return refuse(p, "do not broadcast along the other axes");
    }
    return true;
}

/* For STARP_VALID, one of them has to be the longer one along all axes: *swap tells that it is the second. */
static bool find_longer(const struct plan *p, bool *swap)
{
    bool first = true, second = true;
    for (int a = 0; a < p->shape[0].n; a++) {
        if (!(p->set >> a & 1)) continue;
        first &= p->shape[0].v[a] >= p->shape[1].v[a];
        second &= p->shape[1].v[a] >= p->shape[0].v[a];
    }
    *swap = !first;
    return first || second || refuse(p, "are each the longer one along some axis, so no part is valid");
}

/* The part of the full result that a mode asks for, from its middle. Takes x. */
static struct sp_node *centred(struct plan *p, struct sp_node *x, starp_convolve_mode mode)
{
    for (int a = 0; x && mode != STARP_FULL && a < x->shape.n; a++) {
        struct temps t = { .g = p->g };
        int64_t all = x->shape.v[a], n = p->shape[0].v[a];
        if (mode == STARP_VALID) n = p->set >> a & 1 ? n - p->shape[1].v[a] + 1 : all;
        int64_t start = (all - n) / 2;
        x = become(p, x, finish(&t, slice_along(&t, x, a, start, start + n, 1)));
    }
    return x;
}

struct sp_node *sp_build_fftconvolve(struct sp_graph *g, const char *what, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode,
                                     const starp_dims *axes, bool overlap_add)
{
    if (!a || !b) return NULL;
    struct plan p = { .g = g, .what = what, .shape = { a->shape, b->shape } };
    struct sp_node *in[2] = { a, b };
    bool swap = false;
    p.dtype = sp_promote(sp_dtype_to_linalg((starp_dtype)a->dtype), sp_dtype_to_linalg((starp_dtype)b->dtype));
    if (!find_axes(&p, axes) || (mode == STARP_VALID && !find_longer(&p, &swap))) return NULL;
    if (sp_shape_size(&a->shape) == 0 || sp_shape_size(&b->shape) == 0) {
        return sp_build_const(g, &(starp_dims){ 1, { 0 } }, p.dtype, starp_number_int(0), false);
    }
    if (swap) in[0] = b, in[1] = a, p.shape[0] = b->shape, p.shape[1] = a->shape;
    plan_axes(&p, overlap_add);
    if (p.n > 0) return centred(&p, full_result(&p, in), mode);
    struct temps t = { .g = g };
    struct sp_node *product = op2(&t, SP_OP_multiply, hold(&t, sp_build_cast(g, in[0], p.dtype)), hold(&t, sp_build_cast(g, in[1], p.dtype)));
    return centred(&p, finish(&t, product), mode);
}

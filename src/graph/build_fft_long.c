/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_fft_long.c: transforms of long lines of real numbers, as complex ones of half the length, which many tasks can share
 * (Cooley, Lewis and Welch, "The fast Fourier transform algorithm: programming considerations in the calculation of sine, cosine
 * and Laplace transforms", 1970). With z[j] = x[2 j] + i x[2 j + 1], w = e^(-2 pi i / n) and h = n / 2:
 * x^[k] = (z^[k] + conj z^[h - k]) / 2 - i w^k (z^[k] - conj z^[h - k]) / 2. An odd n has no halves: it is transformed as complex.
 */
#include <math.h>

#include "temps.h"

static double factor_of(enum sp_fft_scale scale, int64_t n)
{
    return scale == SP_FFT_BY_N ? 1 / (double)n : scale == SP_FFT_BY_ROOT ? 1 / sqrt((double)n) : 1;
}

static struct sp_node *imaginary(struct temps *t, double x)
{
    starp_number v = { .kind = 'c' };
    v.as.f[1] = x;
    return hold(t, sp_build_const(t->g, &(starp_dims){ .n = 0 }, STARP_C128, v, true));
}

/* re + i im */
static struct sp_node *complex_of(struct temps *t, struct sp_node *re, struct sp_node *im)
{
    return op2(t, SP_OP_add, re, op2(t, SP_OP_multiply, im, imaginary(t, 1)));
}

static struct sp_node *transform(struct temps *t, struct sp_node *z, int axis, int64_t n, bool inverse, enum sp_fft_scale scale)
{
    struct sp_axis_param param = { .axis = axis, .inverse = inverse, .scale = scale, .n = n };
    return z ? hold(t, sp_build_call(t->g, SP_CALL_fft, &z, &param)) : NULL;
}

/*
 * -i w^k f / 2, k = 0 .. h. The angle is found in whole numbers, as a multiple of pi / (2 h) in the first octant, so sine and
 * cosine are good to the last place or two.
 */
static struct sp_node *roots(struct temps *t, const struct sp_node *like, int axis, int64_t h, double f)
{
    starp_dtype real = sp_dtype_real((starp_dtype)like->dtype);
    int64_t n = h + 1;
    struct sp_node *up = index_along(t, like, axis, n, 0, 2), *down = index_along(t, like, axis, n, 2 * h, -2);
    struct sp_node *fall = index_along(t, like, axis, n, h, -2), *rise = index_along(t, like, axis, n, -h, 2);
    struct sp_node *from_axis = op2(t, SP_OP_minimum, up, down), *from_other = op2(t, SP_OP_maximum, fall, rise);
    struct sp_node *least = op2(t, SP_OP_minimum, from_axis, from_other), *swap = op2(t, SP_OP_less, from_other, from_axis);
    struct sp_node *angle = op2(t, SP_OP_multiply, least, number(t, 1.57079632679489661923 / (double)h));
    struct sp_node *a = hold(t, sp_build_cast(t->g, angle, real)), *s = op1(t, SP_OP_sin, a), *c = op1(t, SP_OP_cos, a);
    struct sp_node *sine = where(t, swap, c, s), *size = where(t, swap, s, c);
    struct sp_node *cosine = where(t, op2(t, SP_OP_greater, up, down), op1(t, SP_OP_negative, size), size);
    return op2(t, SP_OP_multiply, complex_of(t, sine, cosine), number(t, -f / 2));
}

static struct sp_node *pair(struct temps *t, struct sp_node *z, struct sp_node *mirrored, struct sp_node *root, double f)
{
    struct sp_node *c = op1(t, SP_OP_conj, mirrored);
    struct sp_node *even = op2(t, SP_OP_multiply, op2(t, SP_OP_add, z, c), number(t, f / 2));
    return op2(t, SP_OP_add, even, op2(t, SP_OP_multiply, op2(t, SP_OP_subtract, z, c), root));
}

static struct sp_node *even_rfft(struct temps *t, struct sp_node *x, int axis, int64_t n, double f)
{
    int64_t h = n / 2, extent = x->shape.v[axis];
    if (extent % 2) x = hold(t, sp_build_pad(t->g, x, axis, 0, extent + 1));
    struct sp_node *z = complex_of(t, slice_along(t, x, axis, 0, STARP_NONE, 2), slice_along(t, x, axis, 1, STARP_NONE, 2));
    z = transform(t, z, axis, h, false, SP_FFT_BY_NOTHING);
    if (!z) return NULL;
    struct sp_node *wide = hold(t, sp_build_pad(t->g, z, axis, 0, h + 1)), *first = slice_along(t, z, axis, 0, 1, 1);
    struct sp_node *k = index_along(t, z, axis, h + 1, 0, 1), *back = hold(t, sp_build_flip(t->g, wide, &(starp_dims){ 1, { axis } }));
    struct sp_node *ahead = where(t, equals(t, k, h), first, wide), *mirrored = where(t, equals(t, k, 0), first, back);
    return pair(t, ahead, mirrored, roots(t, z, axis, h, f), f);
}

struct sp_node *sp_build_long_rfft(struct sp_graph *g, struct sp_node *x, int axis, int64_t n, enum sp_fft_scale scale)
{
    struct temps t = { .g = g };
    if (n % 2 == 0) return finish(&t, even_rfft(&t, x, axis, n, factor_of(scale, n)));
    struct sp_node *z = hold(&t, sp_build_cast(g, x, x->dtype == STARP_F32 ? STARP_C64 : STARP_C128));
    return finish(&t, slice_along(&t, transform(&t, z, axis, n, false, scale), axis, 0, n / 2 + 1, 1));
}

/* re[0], im[0], re[1], ... along an axis. */
static struct sp_node *interleaved(struct temps *t, struct sp_node *z, int axis)
{
    if (!z) return NULL;
    starp_dims shape = z->shape;
    shape.v[axis] *= 2;
    struct sp_node *re = hold(t, sp_build_expand(t->g, op1(t, SP_OP_real, z), axis + 1));
    struct sp_node *im = hold(t, sp_build_expand(t->g, op1(t, SP_OP_imag, z), axis + 1));
    struct sp_node *second = re ? index_along(t, re, axis + 1, 2, 0, 1) : NULL;
    struct sp_node *both = where(t, second ? equals(t, second, 0) : NULL, re, im);
    return hold(t, sp_build_reshape(t->g, both, &shape));
}

/* The same steps backwards; at k = 0, imaginary parts of the first and last element do not count. */
static struct sp_node *even_irfft(struct temps *t, struct sp_node *x, int axis, int64_t n, double f)
{
    int64_t h = n / 2;
    if (x->shape.v[axis] < h + 1) x = hold(t, sp_build_pad(t->g, x, axis, 0, h + 1));
    struct sp_node *ahead = slice_along(t, x, axis, 0, h, 1), *back = slice_along(t, x, axis, h, 0, -1);
    struct sp_node *first = op1(t, SP_OP_real, slice_along(t, x, axis, 0, 1, 1)), *last = op1(t, SP_OP_real, slice_along(t, x, axis, h, h + 1, 1));
    if (!x || !first) return NULL;
    struct sp_node *root = slice_along(t, roots(t, x, axis, h, 2 * f), 0, 0, h, 1), *z = pair(t, ahead, back, op1(t, SP_OP_conj, root), 2 * f);
    struct sp_node *start = complex_of(t, op2(t, SP_OP_add, first, last), op2(t, SP_OP_subtract, first, last));
    start = op2(t, SP_OP_multiply, start, number(t, f));
    z = where(t, equals(t, index_along(t, x, axis, h, 0, 1), 0), start, z);
    return interleaved(t, transform(t, z, axis, h, true, SP_FFT_BY_NOTHING), axis);
}

/* The real part of the inverse transform of twice the half that is there, but for the elements that are their own mirror images. */
static struct sp_node *any_irfft(struct temps *t, struct sp_node *x, int axis, int64_t n, enum sp_fft_scale scale)
{
    struct sp_node *k = index_along(t, x, axis, x->shape.v[axis], 0, 1), *own = k ? equals(t, k, 0) : NULL;
    if (n % 2 == 0) own = op2(t, SP_OP_logical_or, own, k ? equals(t, k, n / 2) : NULL);
    struct sp_node *real = op1(t, SP_OP_real, x), *z = where(t, own, real, op2(t, SP_OP_multiply, x, number(t, 2)));
    return op1(t, SP_OP_real, transform(t, z, axis, n, true, scale));
}

struct sp_node *sp_build_long_irfft(struct sp_graph *g, struct sp_node *x, int axis, int64_t n, enum sp_fft_scale scale)
{
    struct temps t = { .g = g };
    bool halves = n % 2 == 0 && x->shape.n < STARP_MAXDIM;
    return finish(&t, halves ? even_irfft(&t, x, axis, n, factor_of(scale, n)) : any_irfft(&t, x, axis, n, scale));
}

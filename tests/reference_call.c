/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_call.c: the oracle's operations on whole arrays: products by three loops, Fourier transforms by their definition,
 * in long double. Results of factorizations stay zero: they are not unique, or hang on how sums are rounded, so that
 * nobody holds them against anything here; tests of linear algebra look at residuals instead.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

struct ref_value *ref_value_of(const struct sp_node *n)
{
    struct ref_value *first = ref_value_new(&n->shape, (starp_dtype)n->dtype), *last = first;
    for (int k = 1; n->results && k < n->results->n; k++) {
        last->more = ref_value_new(&n->results->shape[k], (starp_dtype)n->results->dtype[k]);
        last = last->more;
    }
    return first;
}

struct ref_value *ref_part(const struct sp_node *n, const struct ref_value *in)
{
    for (int k = 0; k < n->op && in; k++) in = in->more;
    if (!in || in->size != sp_shape_size(&n->shape) || in->dtype != n->dtype) abort();
    struct ref_value *v = ref_value_new(&n->shape, (starp_dtype)n->dtype);
    memcpy(v->data, in->data, (size_t)v->size * sp_dtypes[v->dtype].size);
    return v;
}

/* ------------------------------------------------------------------------------------------------------ products */

static ref_num times(ref_num a, ref_num b)
{
    return (ref_num){ .i = (__int128)((unsigned __int128)a.i * (unsigned __int128)b.i),
                      .re = a.re * b.re - a.im * b.im,
                      .im = a.re * b.im + a.im * b.re };
}

static void add_to(ref_num *sum, ref_num x)
{
    sum->i = (__int128)((unsigned __int128)sum->i + (unsigned __int128)x.i);
    sum->re += x.re;
    sum->im += x.im;
}

static void matmul(const struct ref_value *a, const struct ref_value *b, struct ref_value *out)
{
    int64_t inner = a->shape.v[a->shape.n - 1], columns = b->shape.v[b->shape.n - 1], rows = a->shape.v[a->shape.n - 2];
    for (int64_t i = 0; i < out->size; i++) {
        int64_t row = i / columns, batch = row / rows; /* rows of all matrices of the batch are counted through */
        ref_num sum = { 0 };
        for (int64_t k = 0; k < inner; k++) {
            ref_num x = ref_load(a->dtype, a->data, row * inner + k);
            add_to(&sum, times(x, ref_load(b->dtype, b->data, (batch * inner + k) * columns + i % columns)));
        }
        ref_store(out->dtype, out->data, i, sum);
    }
}

/* ---------------------------------------------------------------------------------------------------- along an axis */

/* One line of an array: element k is at first + k * stride. */
struct line {
    int64_t first, stride, n;
};

static struct line line_of(const struct ref_value *v, int axis, int64_t number)
{
    struct line l = { .stride = 1, .n = v->shape.v[axis] };
    for (int a = axis + 1; a < v->shape.n; a++) l.stride *= v->shape.v[a];
    l.first = number / l.stride * l.stride * l.n + number % l.stride;
    return l;
}

/* A line of x filled up to n elements; what irfft has of a Hermitian one is completed. */
static void take_line(const struct ref_value *x, struct line l, bool hermitian, int64_t n, ref_num *to)
{
    memset(to, 0, (size_t)n * sizeof *to);
    for (int64_t k = 0; k < l.n; k++) {
        ref_num v = ref_load(x->dtype, x->data, l.first + k * l.stride);
        to[k] = v;
        if (!hermitian) continue;
        if (k == 0 || 2 * k == n) to[k].im = 0;
        else to[n - k] = (ref_num){ .re = v.re, .im = -v.im };
    }
}

static long double factor_of(const struct sp_axis_param *p)
{
    return p->scale == SP_FFT_BY_N ? 1 / (long double)p->n : p->scale == SP_FFT_BY_ROOT ? 1 / sqrtl((long double)p->n) : 1;
}

static void transform(enum sp_call call, const struct sp_axis_param *p, const struct ref_value *x, struct ref_value *out)
{
    int64_t n = p->n, lines = out->size / (out->shape.v[p->axis] ? out->shape.v[p->axis] : 1);
    long double sign = call == SP_CALL_irfft || p->inverse ? 2 : -2, factor = factor_of(p);
    ref_num *root = calloc((size_t)n, sizeof *root), *in = calloc((size_t)n, sizeof *in);
    if (!root || !in) abort();
    for (int64_t k = 0; k < n; k++) {
        long double angle = sign * 3.14159265358979323846264338327950288L * (long double)k / (long double)n;
        root[k] = (ref_num){ .re = factor * cosl(angle), .im = factor * sinl(angle) };
    }
    for (int64_t i = 0; i < lines; i++) {
        struct line to = line_of(out, p->axis, i);
        take_line(x, line_of(x, p->axis, i), call == SP_CALL_irfft, n, in);
        for (int64_t k = 0; k < to.n; k++) {
            ref_num sum = { 0 };
            for (int64_t j = 0; j < n; j++) add_to(&sum, times(in[j], root[j * k % n]));
            ref_store(out->dtype, out->data, to.first + k * to.stride, sum);
        }
    }
    free(root);
    free(in);
}

static void pad(const struct sp_axis_param *p, const struct ref_value *x, struct ref_value *out)
{
    size_t size = sp_dtypes[x->dtype].size;
    int64_t lines = x->size / (x->shape.v[p->axis] ? x->shape.v[p->axis] : 1);
    for (int64_t i = 0; i < lines; i++) {
        struct line from = line_of(x, p->axis, i), to = line_of(out, p->axis, i);
        for (int64_t k = 0; k < from.n; k++) {
            memcpy((char *)out->data + (size_t)(to.first + (p->first + k) * to.stride) * size,
                   (const char *)x->data + (size_t)(from.first + k * from.stride) * size, size);
        }
    }
}

/* One axis after the other. */
static void transform_twice(enum sp_call call, const struct sp_plane_param *p, const struct ref_value *x, struct ref_value *out)
{
    struct sp_axis_param first = { .axis = p->axis[0], .inverse = p->inverse || call == SP_CALL_irfft2, .scale = p->scale, .n = p->n[0] };
    struct sp_axis_param second = { .axis = p->axis[1], .inverse = p->inverse, .scale = p->scale, .n = p->n[1] };
    starp_dims shape = x->shape;
    shape.v[first.axis] = call == SP_CALL_rfft2 ? p->n[0] / 2 + 1 : p->n[0];
    struct ref_value *between = ref_value_new(&shape, call == SP_CALL_irfft2 ? x->dtype : out->dtype);
    transform(call == SP_CALL_rfft2 ? SP_CALL_rfft : SP_CALL_fft, &first, x, between);
    transform(call == SP_CALL_irfft2 ? SP_CALL_irfft : SP_CALL_fft, &second, between, out);
    ref_value_free(between);
}

void ref_call(const struct sp_node *n, struct ref_value *const *in, struct ref_value *out)
{
    struct sp_axis_param along;
    struct sp_plane_param plane;
    memcpy(&along, n->param, sizeof along);
    memcpy(&plane, n->param, sizeof plane);
    switch (n->op) {
    case SP_CALL_matmul: matmul(in[0], in[1], out); break;
    case SP_CALL_fft:
    case SP_CALL_rfft:
    case SP_CALL_irfft: transform((enum sp_call)n->op, &along, in[0], out); break;
    case SP_CALL_fft2:
    case SP_CALL_rfft2:
    case SP_CALL_irfft2: transform_twice((enum sp_call)n->op, &plane, in[0], out); break;
    case SP_CALL_pad: pad(&along, in[0], out); break;
    default: break;
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_fft.c: operations along one axis: Fourier transforms, and zeros put around an array. What is cut off, converted or
 * mirrored is a matter of views and maps; the operation itself only ever fills up with zeros.
 */
#include <math.h>
#include <string.h>

#include "build.h"

bool sp_call_is_over_plane(enum sp_call call)
{
    return call == SP_CALL_fft2 || call == SP_CALL_rfft2 || call == SP_CALL_irfft2;
}

bool sp_call_is_along_axis(enum sp_call call)
{
    return call == SP_CALL_fft || call == SP_CALL_rfft || call == SP_CALL_irfft || call == SP_CALL_pad || sp_call_is_over_plane(call);
}

static bool refuse(struct sp_graph *g, starp_status status, enum sp_call call, const struct sp_node *x, const char *why)
{
    char text[SP_SHAPE_TEXT];
    sp_fail(&g->error, status, "%s: %s of shape %s %s", sp_calls[call].name, sp_dtypes[x->dtype].name, sp_shape_text(text, &x->shape), why);
    return false;
}

static bool has_dtype(enum sp_call call, const struct sp_node *x)
{
    enum sp_class cls = sp_dtypes[x->dtype].cls;
    if (x->weak || x->kind == SP_KIND_IOTA) return false;
    return call == SP_CALL_pad || cls == (call == SP_CALL_rfft || call == SP_CALL_rfft2 ? SP_CLASS_F : SP_CLASS_C);
}

static bool has_options(enum sp_call call, const struct sp_axis_param *p)
{
    bool transforms = call != SP_CALL_pad;
    if (p->unused || (transforms && p->first) || (p->inverse != 0 && (p->inverse != 1 || call != SP_CALL_fft))) return false;
    return p->scale >= SP_FFT_BY_NOTHING && p->scale <= (transforms ? SP_FFT_BY_ROOT : SP_FFT_BY_NOTHING);
}

bool sp_fft_cuts(int64_t n, int64_t *n1, int64_t *n2)
{
    if (n > (int64_t)SP_DFT_LONGEST * SP_DFT_LONGEST) return false;
    int64_t d = (int64_t)sqrt((double)n);
    while (d * d > n) d--;
    while (n % d) d--;
    *n1 = d;
    *n2 = n / d;
    return d > SP_DFT_TINY && *n2 <= SP_DFT_LONGEST;
}

/* FFTW counts in int; longer lines can be made of shorter ones, if at all. */
static bool is_length(enum sp_call call, int64_t n)
{
    int64_t n1, n2;
    return n <= INT32_MAX || (call == SP_CALL_fft && sp_fft_cuts(n, &n1, &n2));
}

bool sp_build_axis_call(struct sp_graph *g, enum sp_call call, const struct sp_node *x, const struct sp_axis_param *p, struct sp_results *r)
{
    *r = (struct sp_results){ .n = 1, .dtype = { x->dtype }, .shape = { x->shape } };
    if (!has_dtype(call, x)) return refuse(g, STARP_ERR_DTYPE, call, x, "is nothing that is transformed");
    if (!has_options(call, p)) return refuse(g, STARP_ERR_ARGUMENT, call, x, "with unknown options");
    if (p->axis < 0 || p->axis >= x->shape.n) return refuse(g, STARP_ERR_ARGUMENT, call, x, "has no such axis");
    int64_t extent = x->shape.v[p->axis], most = call == SP_CALL_irfft ? p->n / 2 + 1 : p->n;
    if (p->n < (call == SP_CALL_pad ? 0 : 1)) return refuse(g, STARP_ERR_SHAPE, call, x, "cannot be brought to less than 1 element along an axis");
    if (call != SP_CALL_pad && !is_length(call, p->n)) {
        return refuse(g, STARP_ERR_LIMIT, call, x, "along an axis is more than FFTW can count, for a length that is no product of two up to 65536");
    }
    if (p->first < 0 || p->first > p->n || extent > most - p->first) return refuse(g, STARP_ERR_SHAPE, call, x, "has more elements along the axis");
    r->shape[0].v[p->axis] = call == SP_CALL_rfft ? p->n / 2 + 1 : p->n;
    if (call == SP_CALL_rfft) r->dtype[0] = x->dtype == STARP_F32 ? STARP_C64 : STARP_C128;
    if (call == SP_CALL_irfft) r->dtype[0] = (uint8_t)sp_dtype_real((starp_dtype)x->dtype);
    return true;
}

/* Lines here are no longer than what one task transforms: longer ones take other ways. */
bool sp_build_plane_call(struct sp_graph *g, enum sp_call call, const struct sp_node *x, const struct sp_plane_param *p, struct sp_results *r)
{
    bool inverse = p->inverse == 0 || (p->inverse == 1 && call == SP_CALL_fft2);
    bool known = inverse && p->scale >= SP_FFT_BY_NOTHING && p->scale <= SP_FFT_BY_ROOT && !p->unused[0] && !p->unused[1];
    *r = (struct sp_results){ .n = 1, .dtype = { x->dtype }, .shape = { x->shape } };
    if (!has_dtype(call, x)) return refuse(g, STARP_ERR_DTYPE, call, x, "is nothing that is transformed");
    if (!known) return refuse(g, STARP_ERR_ARGUMENT, call, x, "with unknown options");
    if (p->axis[0] == p->axis[1]) return refuse(g, STARP_ERR_ARGUMENT, call, x, "along the same axis twice");
    for (int i = 0; i < 2; i++) {
        int a = p->axis[i];
        bool half = call == SP_CALL_irfft2 && i == 1, halved = call == SP_CALL_rfft2 && i == 0;
        if (a < 0 || a >= x->shape.n) return refuse(g, STARP_ERR_ARGUMENT, call, x, "has no such axis");
        if (p->n[i] < 1 || p->n[i] > SP_DFT_LONGEST) return refuse(g, STARP_ERR_SHAPE, call, x, "cannot be brought to that length");
        int64_t most = half ? p->n[i] / 2 + 1 : p->n[i];
        if (x->shape.v[a] > most) return refuse(g, STARP_ERR_SHAPE, call, x, "has more elements along an axis");
        r->shape[0].v[a] = halved ? p->n[i] / 2 + 1 : p->n[i];
    }
    if (call == SP_CALL_rfft2) r->dtype[0] = x->dtype == STARP_F32 ? STARP_C64 : STARP_C128;
    if (call == SP_CALL_irfft2) r->dtype[0] = (uint8_t)sp_dtype_real((starp_dtype)x->dtype);
    return true;
}

/* The first n elements along an axis. A new reference. */
static struct sp_node *first_elements(struct sp_graph *g, struct sp_node *x, int axis, int64_t n)
{
    starp_index item[STARP_MAXDIM];
    if (x->shape.v[axis] <= n) return sp_node_retain(x);
    for (int a = 0; a <= axis; a++) item[a] = (starp_index)STARP_ALL;
    item[axis] = (starp_index)STARP_RANGE(0, n);
    return sp_build_slice(g, x, axis + 1, item);
}

/* What a transform computes in: single precision stays single. */
static starp_dtype dtype_for(enum sp_call call, starp_dtype d)
{
    bool single = d == STARP_F32 || d == STARP_C64;
    if (call == SP_CALL_rfft || call == SP_CALL_rfft2) return single ? STARP_F32 : STARP_F64;
    return single ? STARP_C64 : STARP_C128;
}

static bool is_transformed(struct sp_graph *g, enum sp_call call, const struct sp_node *x)
{
    if (dtype_for(call, STARP_C128) == STARP_C128 || sp_dtypes[x->dtype].cls != SP_CLASS_C) return true;
    sp_fail(&g->error, STARP_ERR_DTYPE, "%s: elements are complex: %s", sp_calls[call].name, sp_dtypes[x->dtype].name);
    return false;
}

struct sp_node *sp_build_fft(struct sp_graph *g, enum sp_call call, struct sp_node *x, int64_t n, int64_t axis, bool inverse, enum sp_fft_scale scale)
{
    if (!x) return NULL;
    const char *name = sp_calls[call].name;
    int a = sp_build_axis(g, name, axis, x->shape.n);
    if (a < 0 || !is_transformed(g, call, x)) return NULL;
    if (n == 0) n = call == SP_CALL_irfft ? 2 * (x->shape.v[a] - 1) : x->shape.v[a];
    if (n < 1) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "%s: %lld elements cannot be transformed", name, (long long)n);
        return NULL;
    }
    struct sp_axis_param param = { .axis = a, .inverse = inverse && call == SP_CALL_fft, .scale = scale, .n = n };
    struct sp_node *seen = first_elements(g, x, a, call == SP_CALL_irfft ? n / 2 + 1 : n), *y = NULL;
    struct sp_node *z = seen ? sp_build_cast(g, seen, dtype_for(call, (starp_dtype)x->dtype)) : NULL;
    if (z && call != SP_CALL_fft && n > SP_DFT_LONGEST) y = (call == SP_CALL_rfft ? sp_build_long_rfft : sp_build_long_irfft)(g, z, a, n, scale);
    else if (z) y = sp_build_call(g, call, &z, &param);
    if (seen) sp_node_release(g, seen);
    if (z) sp_node_release(g, z);
    return y;
}

struct sp_node *sp_build_fft2(struct sp_graph *g, enum sp_call call, struct sp_node *x, const int64_t *n, const int *axis, bool inverse,
                              enum sp_fft_scale scale)
{
    struct sp_plane_param param = { .axis = { axis[0], axis[1] }, .n = { (int32_t)n[0], (int32_t)n[1] }, .inverse = inverse, .scale = (int32_t)scale };
    if (!is_transformed(g, call, x)) return NULL;
    struct sp_node *part = first_elements(g, x, axis[0], n[0]);
    struct sp_node *seen = part ? first_elements(g, part, axis[1], call == SP_CALL_irfft2 ? n[1] / 2 + 1 : n[1]) : NULL;
    struct sp_node *z = seen ? sp_build_cast(g, seen, dtype_for(call, (starp_dtype)x->dtype)) : NULL;
    struct sp_node *y = z ? sp_build_call(g, call, &z, &param) : NULL;
    if (part) sp_node_release(g, part);
    if (seen) sp_node_release(g, seen);
    if (z) sp_node_release(g, z);
    return y;
}

struct sp_node *sp_build_pad(struct sp_graph *g, struct sp_node *x, int64_t axis, int64_t first, int64_t n)
{
    if (!x) return NULL;
    int a = sp_build_axis(g, "pad", axis, x->shape.n);
    if (a < 0) return NULL;
    return sp_build_call(g, SP_CALL_pad, &x, &(struct sp_axis_param){ .axis = a, .n = n, .first = first });
}

static bool check_around(struct sp_graph *g, const struct sp_node *x, const starp_dims *before, const starp_dims *after)
{
    if (before->n != x->shape.n || after->n != x->shape.n) {
        sp_fail(&g->error, STARP_ERR_SHAPE, "pad: %d numbers before and %d after, for %d dimensions", before->n, after->n, x->shape.n);
        return false;
    }
    for (int a = 0; a < x->shape.n; a++) {
        int64_t b = before->v[a], c = after->v[a], n;
        if (b >= 0 && c >= 0 && !__builtin_add_overflow(b, c, &n) && !__builtin_add_overflow(x->shape.v[a], n, &n)) continue;
        sp_fail(&g->error, STARP_ERR_SHAPE, "pad: %lld elements before and %lld after, along axis %d", (long long)b, (long long)c, a);
        return false;
    }
    return true;
}

struct sp_node *sp_build_pad_around(struct sp_graph *g, struct sp_node *x, const starp_dims *before, const starp_dims *after)
{
    if (!x || !check_around(g, x, before, after)) return NULL;
    struct sp_node *y = sp_node_retain(x);
    for (int a = 0; a < x->shape.n && y; a++) {
        struct sp_node *was = y;
        if (before->v[a] == 0 && after->v[a] == 0) continue;
        y = sp_build_pad(g, was, a, before->v[a], before->v[a] + x->shape.v[a] + after->v[a]);
        sp_node_release(g, was);
    }
    return y;
}

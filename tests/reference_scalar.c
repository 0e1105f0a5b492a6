/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_scalar.c: single elements of the oracle: loading, storing, converting, and where they lie. An element is
 * held in the widest type of its class, which holds every value exactly.
 */
#include <math.h>
#include <string.h>

#include "reference.h"

/* B, I, F, C: how an element of each class moves between memory and a ref_num. */
#define LOAD_B(ctype) x.i = ((const ctype *)data)[index] != 0
#define LOAD_I(ctype) x.i = ((const ctype *)data)[index]
#define LOAD_F(ctype) x.re = ((const ctype *)data)[index]
#define LOAD_C(ctype) x.re = __real__((const ctype *)data)[index], x.im = __imag__((const ctype *)data)[index]

ref_num ref_load(starp_dtype dtype, const void *data, int64_t index)
{
    ref_num x = { 0 };
    switch (dtype) {
#define X(id, ctype, name, cls) \
    case STARP_##id: LOAD_##cls(ctype); break;
        STARP_DTYPES(X)
#undef X
    default: break;
    }
    return x;
}

#define STORE_B(ctype) ((ctype *)data)[index] = x.i != 0
#define STORE_I(ctype) ((ctype *)data)[index] = (ctype)(unsigned __int128)x.i
#define STORE_F(ctype) ((ctype *)data)[index] = (ctype)x.re
#define STORE_C(ctype) __real__((ctype *)data)[index] = x.re, __imag__((ctype *)data)[index] = x.im

void ref_store(starp_dtype dtype, void *data, int64_t index, ref_num x)
{
    switch (dtype) {
#define X(id, ctype, name, cls) \
    case STARP_##id: STORE_##cls(ctype); break;
        STARP_DTYPES(X)
#undef X
    default: break;
    }
}

bool ref_truth(starp_dtype dtype, ref_num x)
{
    return sp_dtypes[dtype].cls <= SP_CLASS_I ? x.i != 0 : x.re != 0 || x.im != 0;
}

/* Out of range and NaN are the library's choice, since C has none: see kernels.c. */
static __int128 to_integer(starp_dtype to, long double v)
{
    int bits = sp_dtypes[to].size * 8 - sp_dtypes[to].is_signed;
    long double top = ldexpl(1, bits), bottom = sp_dtypes[to].is_signed ? -top : 0;
    if (isnan(v)) return 0;
    if (v >= top) return ((__int128)1 << bits) - 1;
    if (v <= bottom) return (__int128)bottom;
    return (__int128)v;
}

ref_num ref_cast(starp_dtype from, starp_dtype to, ref_num x)
{
    ref_num y = { 0 };
    bool whole = sp_dtypes[from].cls <= SP_CLASS_I;
    switch (sp_dtypes[to].cls) {
    case SP_CLASS_B: y.i = ref_truth(from, x); break;
    case SP_CLASS_I: y.i = whole ? x.i : to_integer(to, x.re); break;
    default:
        y.re = whole ? (long double)x.i : x.re;
        y.im = sp_dtypes[to].cls == SP_CLASS_C ? x.im : 0;
    }
    return y;
}

void ref_unravel(const starp_dims *shape, int64_t at, int64_t *index)
{
    for (int a = shape->n - 1; a >= 0; a--) {
        index[a] = at % shape->v[a];
        at /= shape->v[a];
    }
}

int64_t ref_ravel(const starp_dims *shape, const int64_t *index)
{
    int64_t at = 0;
    for (int a = 0; a < shape->n; a++) at = at * shape->v[a] + index[a];
    return at;
}

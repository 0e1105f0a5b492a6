/* SPDX-License-Identifier: BSD-3-Clause */
/* rig_compare.c: how far buffers are apart: by bits, by units of the last place, in words. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "reference.h"
#include "rig.h"

static bool equal_real(long double a, long double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Zeros of either sign are two values here. */
static bool same_real(long double a, long double b)
{
    return equal_real(a, b) && (isnan(a) || !signbit(a) == !signbit(b));
}

static bool same_but_nan(starp_dtype dtype, const void *a, const void *b, int64_t at)
{
    ref_num x = ref_load(dtype, a, at), y = ref_load(dtype, b, at);
    return x.i == y.i && same_real(x.re, y.re) && same_real(x.im, y.im);
}

int64_t rig_differ(starp_dtype dtype, const void *a, const void *b, int64_t n, bool any_nan)
{
    size_t size = sp_dtypes[dtype].size;
    if (memcmp(a, b, (size_t)n * size) == 0) return -1;
    for (int64_t i = 0; i < n; i++) {
        bool same = memcmp((const char *)a + (size_t)i * size, (const char *)b + (size_t)i * size, size) == 0;
        if (!same && !(any_nan && same_but_nan(dtype, a, b, i))) return i;
    }
    return -1;
}

/* The unit in the last place of a number of this size; that of the least normal number below it. */
static long double unit_of(starp_dtype real, long double magnitude)
{
    int digits = real == STARP_F32 ? FLT_MANT_DIG : DBL_MANT_DIG, least = real == STARP_F32 ? FLT_MIN_EXP : DBL_MIN_EXP;
    int exponent;
    frexpl(magnitude, &exponent);
    return ldexpl(1, (exponent < least ? least : exponent) - digits);
}

static double apart(long double got, long double want, long double unit)
{
    if (equal_real(got, want)) return 0;
    if (!isfinite(got) || !isfinite(want)) return INFINITY;
    return (double)(fabsl(got - want) / unit);
}

double rig_ulps(starp_dtype dtype, const void *got, const void *want, int64_t at)
{
    ref_num x = ref_load(dtype, got, at), y = ref_load(dtype, want, at);
    if (sp_dtypes[dtype].cls <= SP_CLASS_I) return x.i == y.i ? 0 : INFINITY;
    long double larger = fmaxl(fabsl(y.re), fabsl(y.im));
    long double unit = unit_of(sp_dtype_real(dtype), isfinite(larger) ? larger : 1);
    return fmax(apart(x.re, y.re, unit), apart(x.im, y.im, unit));
}

double rig_worst(starp_dtype dtype, const void *got, const void *want, int64_t n, int64_t *at)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = rig_ulps(dtype, got, want, i);
        if (d <= worst) continue;
        worst = d;
        if (at) *at = i;
    }
    return worst;
}

const char *rig_text(char text[RIG_TEXT], starp_dtype dtype, const void *data, int64_t at)
{
    const unsigned char *p = (const unsigned char *)data + (size_t)at * sp_dtypes[dtype].size;
    ref_num x = ref_load(dtype, data, at);
    int n;
    if (sp_dtypes[dtype].cls <= SP_CLASS_I) n = snprintf(text, RIG_TEXT, "%lld [", (long long)x.i);
    else n = snprintf(text, RIG_TEXT, "%.17Lg%+.17Lgi [", x.re, x.im);
    for (int b = sp_dtypes[dtype].size - 1; b >= 0; b--) n += snprintf(text + n, RIG_TEXT - (size_t)n, "%02x", p[b]);
    snprintf(text + n, RIG_TEXT - (size_t)n, "]");
    return text;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_reduce.c: the oracle's reductions: one pass in C order, one accumulator per result. Integers are exact
 * modulo 2^128; floats are summed in long double with Neumaier's compensation (1974), so the oracle's own error is
 * about one rounding.
 */
#include <math.h>
#include <stdlib.h>

#include "reference.h"

struct acc {
    ref_num v, lost; /* what has been gathered, and what rounding took from it */
    int64_t count, arg;
};

/* Element of the result that element `index` of x goes to. */
static int64_t target(const struct ref_value *x, uint32_t axes, const int64_t *index)
{
    int64_t at = 0;
    for (int a = 0; a < x->shape.n; a++) {
        if (!(axes >> a & 1)) at = at * x->shape.v[a] + index[a];
    }
    return at;
}

static void add_compensated(long double *sum, long double *lost, long double x)
{
    long double t = *sum + x;
    if (isfinite(t)) *lost += fabsl(*sum) >= fabsl(x) ? (*sum - t) + x : (x - t) + *sum;
    *sum = t;
}

static void take_sum(struct acc *a, ref_num x)
{
    a->v.i = (__int128)((unsigned __int128)a->v.i + (unsigned __int128)x.i);
    add_compensated(&a->v.re, &a->lost.re, x.re);
    add_compensated(&a->v.im, &a->lost.im, x.im);
}

static void take_prod(struct acc *a, ref_num x, bool complex)
{
    if (a->count == 0) {
        a->v = x;
        return;
    }
    ref_num p = a->v;
    a->v.i = (__int128)((unsigned __int128)p.i * (unsigned __int128)x.i);
    a->v.re = complex ? p.re * x.re - p.im * x.im : p.re * x.re;
    a->v.im = complex ? p.re * x.im + p.im * x.re : 0;
}

/* Whether x takes the place of what was chosen so far; sign is 1 for the smallest, -1 for the largest. */
static bool preferred(const struct acc *a, ref_num x, int sign)
{
    if (a->count == 0) return true;
    if (isnan(a->v.re)) return false;
    if (isnan(x.re)) return true;
    if (x.i != a->v.i) return (x.i < a->v.i) == (sign > 0);
    return x.re != a->v.re && (x.re < a->v.re) == (sign > 0);
}

static void take(enum sp_reduce kind, struct acc *a, ref_num x, bool complex)
{
    int sign = kind == SP_REDUCE_MIN || kind == SP_REDUCE_ARGMIN ? 1 : -1;
    if (kind == SP_REDUCE_SUM || kind == SP_REDUCE_VAR) take_sum(a, x);
    else if (kind == SP_REDUCE_PROD) take_prod(a, x, complex);
    else if (preferred(a, x, sign)) a->v = x, a->arg = a->count;
    a->count++;
}

static ref_num summed(const struct acc *a)
{
    return (ref_num){ .i = a->v.i, .re = a->v.re + a->lost.re, .im = a->v.im + a->lost.im };
}

static ref_num result(enum sp_reduce kind, const struct acc *a)
{
    switch (kind) {
    case SP_REDUCE_SUM:
    case SP_REDUCE_VAR: return summed(a);
    case SP_REDUCE_PROD: return a->count ? a->v : (ref_num){ .i = 1, .re = 1 };
    case SP_REDUCE_ARGMIN:
    case SP_REDUCE_ARGMAX: return (ref_num){ .i = a->arg };
    default: return a->v;
    }
}

/* |x - mean|^2 */
static ref_num deviation(const struct acc *mean, ref_num x)
{
    ref_num s = summed(mean);
    long double re = x.re - s.re / (long double)mean->count, im = x.im - s.im / (long double)mean->count;
    return (ref_num){ .re = re * re + im * im };
}

static void pass(enum sp_reduce kind, const struct ref_value *x, uint32_t axes, const struct acc *mean, struct acc *acc)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    bool complex = sp_dtypes[x->dtype].cls == SP_CLASS_C;
    for (int64_t i = 0; i < x->size; i++, ref_next(&x->shape, index)) {
        int64_t to = target(x, axes, index);
        ref_num v = ref_load(x->dtype, x->data, i);
        take(kind, &acc[to], mean ? deviation(&mean[to], v) : v, complex);
    }
}

static struct acc *new_accs(int64_t n)
{
    struct acc *acc = calloc((size_t)n + 1, sizeof *acc);
    if (!acc) abort();
    return acc;
}

void ref_reduce(enum sp_reduce kind, const struct ref_value *x, uint32_t axes, struct ref_value *out)
{
    struct acc *acc = new_accs(out->size), *mean = NULL;
    if (kind == SP_REDUCE_VAR) {
        mean = new_accs(out->size);
        pass(SP_REDUCE_SUM, x, axes, NULL, mean);
    }
    pass(kind, x, axes, mean, acc);
    for (int64_t i = 0; i < out->size; i++) ref_store(out->dtype, out->data, i, result(kind, &acc[i]));
    free(acc);
    free(mean);
}

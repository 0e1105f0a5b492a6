/* SPDX-License-Identifier: BSD-3-Clause */
/* rig_data.c: random numbers and test data that are the same on every machine and run. */
#include <math.h>

#include "reference.h"
#include "rig.h"

uint64_t rig_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

int64_t rig_below(uint64_t *state, int64_t n)
{
    return (int64_t)(rig_random(state) % (uint64_t)n);
}

double rig_uniform(uint64_t *state)
{
    return (double)(rig_random(state) >> 11) * 0x1p-53;
}

static double least_of(starp_dtype d)
{
    return sp_dtypes[d].is_signed ? -ldexp(1, sp_dtypes[d].size * 8 - 1) : 0;
}

static double largest_of(starp_dtype d)
{
    int bits = sp_dtypes[d].size * 8 - sp_dtypes[d].is_signed;
    return bits > 53 ? ldexp(1, bits) - ldexp(1, bits - 53) : ldexp(1, bits) - 1;
}

static double draw(double lo, double hi, uint64_t *state)
{
    double x = floor((lo + (hi - lo) * rig_uniform(state)) * 64) / 64;
    return x < lo ? lo : x;
}

void rig_fill(starp_dtype dtype, void *data, int64_t n, double lo, double hi, uint64_t *state)
{
    bool whole = sp_dtypes[dtype].cls == SP_CLASS_I;
    double from = whole ? fmax(ceil(lo), least_of(dtype)) : lo, to = whole ? fmin(floor(hi), largest_of(dtype)) : hi;
    for (int64_t i = 0; i < n; i++) {
        ref_num x = { .re = draw(from, to, state), .im = draw(from, to, state) };
        if (dtype == STARP_BOOL) x.i = rig_random(state) & 1;
        else if (whole) x.i = to > from ? (__int128)floor(from + (to - from + 1) * rig_uniform(state)) : (__int128)from;
        ref_store(dtype, data, i, x);
    }
}

static ref_num special(starp_dtype dtype, uint64_t *state)
{
    int whole = sp_dtypes[dtype].size < 8 ? sp_dtypes[dtype].size : 8;
    static const double of[] = { 0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -1.0, 0.5 };
    ref_num x = { .re = of[rig_below(state, 8)], .im = of[rig_below(state, 8)] };
    x.i = rig_random(state) & 1 ? INT64_MAX >> (64 - 8 * whole) : INT64_MIN >> (64 - 8 * whole);
    return x;
}

void rig_sprinkle(starp_dtype dtype, void *data, int64_t n, uint64_t *state)
{
    if (dtype == STARP_BOOL) return;
    for (int64_t i = rig_below(state, 5); i < n; i += 1 + rig_below(state, 9)) {
        ref_store(dtype, data, i, special(dtype, state));
    }
}

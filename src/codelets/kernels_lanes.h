/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_lanes.h: joining a run of floats. Included once for each float type: R is the type, FN(name) names its version.
 *
 * A run goes into LANES lanes, element j to lane j modulo LANES, which a fixed tree then joins: the same additions in the
 * same order on every instruction set, no more than 32 in a row. The lanes fill four vectors of AVX-512.
 */

#define LANES (256 / sizeof(R))
#define SHORT_RUN 32             /* reals that are joined one after the other */
#define LONG_RUN (32 * LANES)    /* reals that the lanes take at a time */

/* Joining two values, and what changes nothing when joined: -0 + -0 is -0, and -0 + x is x. NaN stays. */
SP_INLINE R FN(join_sum)(R a, R b)
{
    return a + b;
}

SP_INLINE R FN(join_prod)(R a, R b)
{
    return a * b;
}

SP_INLINE R FN(join_min)(R a, R b)
{
    return ((a <= b) | (a != a)) ? a : b;
}

SP_INLINE R FN(join_max)(R a, R b)
{
    return ((a >= b) | (a != a)) ? a : b;
}

typedef R FN(join)(R a, R b);
typedef void FN(join_step)(R *lane, const R *x);

/* The next LANES elements. Unrolled, sums stay in registers, but choices become scalar. */
#define STEP(kind, PRAGMA) \
    SP_INLINE void FN(step_##kind)(R *lane, const R *x) \
    { PRAGMA for (size_t j = 0; j < LANES; j++) lane[j] = FN(join_##kind)(lane[j], x[j]); }
STEP(sum, SP_UNROLL)
STEP(prod, SP_UNROLL)
STEP(min, )
STEP(max, )
#undef STEP

/* Joins n <= LONG_RUN reals to `width` results: with 2, real and imaginary parts have every other lane. */
SP_INLINE void FN(join_piece)(size_t n, const R *x, size_t width, R none, FN(join) *join, FN(join_step) *step, R *result)
{
    R lane[LANES];
    for (size_t j = 0; j < LANES; j++) lane[j] = none;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) step(lane, x + i);
    for (size_t j = 0; i + j < n; j++) lane[j] = join(lane[j], x[i + j]);
    for (size_t half = LANES / 2; half >= 2; half /= 2) {
        for (size_t j = 0; j < half; j++) lane[j] = join(lane[j], lane[j + half]);
    }
    result[width - 1] = lane[1];
    result[0] = width == 2 ? lane[0] : join(lane[0], lane[1]);
}

SP_INLINE void FN(join_short)(size_t n, const R *x, size_t width, FN(join) *join, R *result)
{
    for (size_t k = 0; k < width; k++) result[k] = x[k];
    for (size_t i = width; i < n; i++) result[i % width] = join(result[i % width], x[i]);
}

SP_INLINE void FN(join_run)(size_t n, const R *x, size_t width, R none, FN(join) *join, FN(join_step) *step, R *result)
{
    if (n <= SHORT_RUN * width) {
        FN(join_short)(n, x, width, join, result);
        return;
    }
    FN(join_piece)(smaller(n, LONG_RUN), x, width, none, join, step, result);
    for (size_t i = LONG_RUN; i < n; i += LONG_RUN) {
        R part[2];
        FN(join_piece)(smaller(n - i, LONG_RUN), x + i, width, none, join, step, part);
        for (size_t k = 0; k < width; k++) result[k] = join(result[k], part[k]);
    }
}

#undef LANES
#undef SHORT_RUN
#undef LONG_RUN

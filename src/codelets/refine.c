/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refine.c: what iterative refinement does beside products: columns go down to half the precision and come back, scaled by
 * powers of two so that only the matrix has to be in the lower precision's range; norms. A complex element is two reals.
 */
#include <math.h>

#include "codelets.h"

void sp_refine_lower(int64_t n, const double *from, double factor, float *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = (float)(from[i] * factor);
}

void sp_refine_add(int64_t n, const float *from, double factor, double *to)
{
    for (int64_t i = 0; i < n; i++) to[i] += (double)from[i] * factor;
}

double sp_refine_norm(int64_t n, bool pairs, const double *x)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double size = pairs ? hypot(x[2 * i], x[2 * i + 1]) : fabs(x[i]);
        if (size > most || isnan(size)) most = size;
    }
    return most;
}

/* Squares of what is in f32's range neither overflow nor vanish; a matrix of other numbers is not solved by what this is for. */
void sp_refine_sums(int64_t rows, int64_t cols, bool pairs, const double *a, int64_t ld, double *sum)
{
    for (int64_t j = 0; j < cols; j++) {
        const double *x = a + j * ld * (pairs ? 2 : 1);
        for (int64_t i = 0; i < rows && pairs; i++) sum[i] += sqrt(x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1]);
        for (int64_t i = 0; i < rows && !pairs; i++) sum[i] += fabs(x[i]);
    }
}

double sp_refine_scale(double norm)
{
    int exponent = 0;
    if (isfinite(norm)) frexp(norm, &exponent);
    return ldexp(1, exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent);
}

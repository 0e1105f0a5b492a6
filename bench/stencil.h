/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stencil.h: a row of the five-point stencils as one writes it by hand: y[j - 1] is the point under u[j], m points. The
 * same loops for the C peer (bench_stencil.c) and for the one on several processes (mpi_stencil.c).
 */
#ifndef BENCH_STENCIL_H
#define BENCH_STENCIL_H

#include <stdint.h>

typedef void row_fn(int64_t m, const double *up, const double *u, const double *down, double *y);

static void jacobi_row(int64_t m, const double *restrict up, const double *restrict u, const double *restrict down,
                       double *restrict y)
{
    for (int64_t j = 1; j <= m; j++) y[j - 1] = 0.25 * (up[j] + down[j] + u[j - 1] + u[j + 1]);
}

static void laplace_row(int64_t m, const double *restrict up, const double *restrict u, const double *restrict down,
                        double *restrict y)
{
    for (int64_t j = 1; j <= m; j++) y[j - 1] = up[j] + down[j] + u[j - 1] + u[j + 1] - 4.0 * u[j];
}

#endif

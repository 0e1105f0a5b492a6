/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_stencil.c: five-point stencils on shifted slices of a square matrix. The result is the fresh interior; the
 * bytes counted are the least possible, one read and one write per point.
 */
#include "bench.h"
#include "stencil.h"

static bool open_stencil(struct bench_state *st)
{
    double points = (double)((st->n - 2) * (st->n - 2));
    st->work = st->self->work * points;
    bench_output(st, (int64_t)points);
    return bench_input(st, 0, STARP_SHAPE(st->n, st->n), 0, 1);
}

#define INNER STARP_RANGE(1, -1)
#define BEFORE STARP_RANGE(STARP_NONE, -2)
#define BEHIND STARP_RANGE(2, STARP_NONE)

static starp_array *sum_of_neighbours(starp_array *u)
{
    starp_array *up = starp_slice(u, STARP_INDEX(BEFORE, INNER)), *down = starp_slice(u, STARP_INDEX(BEHIND, INNER));
    starp_array *left = starp_slice(u, STARP_INDEX(INNER, BEFORE)), *right = starp_slice(u, STARP_INDEX(INNER, BEHIND));
    return starp_add(starp_add(starp_add(up, down), left), right);
}

static void build_jacobi(struct bench_state *st, starp_array **y)
{
    y[0] = starp_multiply(starp_scalar(st->session, 0.25), sum_of_neighbours(st->in[0]));
}

static void build_laplace(struct bench_state *st, starp_array **y)
{
    starp_array *centre = starp_slice(st->in[0], STARP_INDEX(INNER, INNER));
    y[0] = starp_subtract(sum_of_neighbours(st->in[0]), starp_multiply(starp_scalar(st->session, 4.0), centre));
}

static void loop(struct bench_state *st, row_fn *row)
{
    int64_t n = st->n, m = n - 2;
    const double *u = st->host[0];
#pragma omp parallel for schedule(static)
    for (int64_t i = 1; i <= m; i++) {
        row(m, u + (i - 1) * n, u + i * n, u + (i + 1) * n, st->want[0] + (i - 1) * m);
    }
}

static void loop_jacobi(struct bench_state *st)
{
    loop(st, jacobi_row);
}

static void loop_laplace(struct bench_state *st)
{
    loop(st, laplace_row);
}

/* clang-format off */
#define CASE(id, bar_mpi) \
    { .name = #id, .size = 6000, .quick = 2000, .unit = &bench_gbps, .work = 16, .build = build_##id, \
      .reference = loop_##id, .ours = bench_fresh, \
      .peer = { { "c", 0.8, bench_reference, 0 }, { "numpy", 6, 0, 0 }, { "numexpr", 0, 0, 0 } }, \
      .ranked = { { "mpi", bar_mpi, 0, 0 } } }

static const struct bench_case cases[] = { CASE(jacobi, 0.85), CASE(laplace, 0), { .name = NULL } };
/* clang-format on */

const struct bench bench_stencil = {
    .name = "stencil",
    .about = "five points on slices of a matrix, f64",
    .tolerance = 1e-14,
    .open = open_stencil,
    .cases = cases,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_hpl.c: High-Performance LINPACK: a random system of n equations is solved, the solution's scaled residual is
 * below 16, and the rate counts 2/3 n^3 + 3/2 n^2 operations (Dongarra, Luszczek, Petitet, "The LINPACK benchmark: past,
 * present and future", 2003). Peers: OpenBLAS's dgesv, whose solution is held to the same, the rate of its dgemm, and NumPy.
 */
#include "bench.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

static bool open_hpl(struct bench_state *st)
{
    double n = (double)st->n;
    st->work = 2.0 / 3.0 * n * n * n + 3.0 / 2.0 * n * n;
    bench_output(st, st->n);
    bench_blas_room(st, st->n * st->n);
    return bench_input(st, 0, STARP_SHAPE(st->n, st->n), -0.5, 0.5) && bench_input(st, 1, STARP_SHAPE(st->n), -0.5, 0.5);
}

static void build_solve(struct bench_state *st, starp_array **y)
{
    y[0] = starp_linalg_solve(st->in[0], st->in[1]);
}

/* ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n) in the norm of the largest row sum; NaN when it cannot be computed. */
static double scaled_residual(struct bench_state *st, starp_array *x)
{
    starp_array *a = st->in[0], *b = st->in[1];
    starp_array *part[] = { starp_linalg_norm(starp_subtract(starp_matmul(a, x), b), STARP_INF), starp_linalg_norm(a, STARP_INF),
                            starp_linalg_norm(x, STARP_INF), starp_linalg_norm(b, STARP_INF) };
    double norm[4];
    for (int i = 0; i < 4; i++) {
        if (starp_item(part[i], STARP_F64, &norm[i]) == STARP_OK) continue;
        bench_starp_error("residual");
        return NAN;
    }
    return norm[0] / (0x1p-53 * (norm[1] * norm[2] + norm[3]) * (double)st->n);
}

static bool verify_hpl(struct bench_state *st)
{
    starp_scope_open(st->session);
    double scaled = scaled_residual(st, st->out[0]);
    starp_scope_close(st->session);
    return bench_residual(st, "starp", scaled);
}

static bool verify_peer(struct bench_state *st, const double *x)
{
    starp_scope_open(st->session);
    double scaled = scaled_residual(st, starp_from_host(st->session, x, STARP_SHAPE(st->n), STARP_F64));
    starp_scope_close(st->session);
    return bench_residual(st, "dgesv", scaled);
}

/* By columns, as LAPACK wants it. */
static void copy_by_columns(const struct bench_state *st, double *a)
{
    const int64_t n = st->n, tile = 64;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < n; k += tile) {
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = k; j < n && j < k + tile; j++) a[j * n + i] = st->host[0][i * n + j];
        }
    }
}

static double dgesv(struct bench_state *st)
{
    int n = (int)st->n, *pivot = malloc((size_t)n * sizeof *pivot);
    double *a = st->host[2], *x = bench_alloc(n);
    if (pivot == NULL) exit(1);
    copy_by_columns(st, a);
    cblas_dcopy(n, st->host[1], 1, x, 1);
    bench_blas_open(st);
    double start = bench_now();
    int info = LAPACKE_dgesv_work(LAPACK_COL_MAJOR, n, 1, a, n, pivot, x, n);
    double seconds = bench_now() - start;
    bench_blas_close();
    if (info != 0) bench_error("%s: dgesv: info %d", st->self->name, info);
    bool ok = info == 0 && verify_peer(st, x);
    free(x);
    free(pivot);
    return ok ? seconds : BENCH_FAILED;
}

/* clang-format off */
#define CASE(text, full, fast, times, bar_dgesv, bar_dgemm) \
    { .name = text, .size = full, .quick = fast, .repeats = times, .heavy = true, .unit = &bench_gflops, \
      .build = build_solve, .verify = verify_hpl, .ours = bench_fresh, \
      .peer = { { "dgesv", bar_dgesv, dgesv, 0 }, { "dgemm", bar_dgemm, bench_dgemm, 0 }, { "numpy", 0, 0, 0 } }, \
      .ranked = { { "one-rank", 0.85, 0, 0 }, { "hpcc", 1, 0, 0 } } }

static const struct bench_case cases[] = {
    CASE("4k", 4096, 512, 6, 0.97, 0.85),
    CASE("8k", 8192, 1024, 3, 1, 0.90),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_hpl = {
    .name = "hpl",
    .about = "LINPACK: a random system solved, f64",
    .open = open_hpl,
    .cases = cases,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_linalg.c: products and factorizations, of one matrix and of many small ones. Operations are counted as LAPACK's
 * algorithms need them. The peers are the rate of OpenBLAS's dgemm; LAPACK on all threads; and, for many small matrices,
 * `serial/p`: a serial loop over LAPACK, its time divided by the number of workers. Ours is verified (linalg.h).
 */
#include "bench.h"
#include "linalg.h"

#include <lapacke.h>
#include <string.h>

/* What the bench adds to a case. */
struct form {
    bool (*open)(struct bench_state *st);
    double flops; /* per n^3 */
};

/* -------------------------------------------------------------------------------------------------- inputs */

static bool open_linalg(struct bench_state *st)
{
    const struct form *form = st->self->param;
    double n = (double)st->n;
    st->work = form->flops * n * n * n;
    return form->open(st);
}

static bool open_square(struct bench_state *st)
{
    bench_blas_room(st, st->n * st->n);
    bench_output(st, st->n * st->n);
    return bench_input(st, 0, STARP_SHAPE(st->n, st->n), -0.5, 0.5);
}

static bool open_matmul(struct bench_state *st)
{
    return open_square(st) && bench_input(st, 1, STARP_SHAPE(st->n, st->n), -0.5, 0.5);
}

/* The lower half of a symmetric matrix whose diagonal outweighs the rest. */
static bool open_cholesky(struct bench_state *st)
{
    int64_t n = st->n;
    bench_blas_room(st, n * n);
    bench_output(st, n * n);
    bench_fill(st, 0, STARP_SHAPE(n, n), -0.5, 0.5);
    for (int64_t i = 0; i < n; i++) st->host[0][i * n + i] = (double)n;
    return bench_upload(st, 0, STARP_SHAPE(n, n));
}

static bool open_qr(struct bench_state *st)
{
    bench_output(st, st->n * st->n);
    return open_square(st);
}

/* Results in the order in which both functions return them; room for a peer's matrices and values. */
static bool open_svd(struct bench_state *st)
{
    int64_t n = st->n;
    st->work = 1;
    bench_output(st, n * n);
    bench_output(st, n);
    bench_output(st, n * n);
    bench_blas_room(st, 3 * n * n + n);
    return bench_input(st, 0, STARP_SHAPE(n, n), -0.5, 0.5);
}

static bool open_eigh(struct bench_state *st)
{
    int64_t n = st->n;
    st->work = 1;
    bench_output(st, n);
    bench_output(st, n * n);
    bench_blas_room(st, n * n + n);
    return bench_input(st, 0, STARP_SHAPE(n, n), -0.5, 0.5);
}

static bool open_solves(struct bench_state *st)
{
    int64_t n = st->n;
    st->work = (double)n;
    bench_output(st, n * BENCH_SMALL);
    bench_blas_room(st, n * (BENCH_SMALL_SIZE + BENCH_SMALL));
    return bench_input(st, 0, STARP_SHAPE(n, BENCH_SMALL, BENCH_SMALL), -0.5, 0.5) &&
           bench_input(st, 1, STARP_SHAPE(n, BENCH_SMALL, 1), -0.5, 0.5);
}

static bool open_svds(struct bench_state *st)
{
    st->work = (double)st->n;
    bench_svds_room(st);
    return bench_input(st, 0, STARP_SHAPE(st->n, BENCH_SMALL, BENCH_SMALL), -0.5, 0.5);
}

/* ---------------------------------------------------------------------------------------------------- ours */

static void build_matmul(struct bench_state *st, starp_array **y)
{
    y[0] = starp_matmul(st->in[0], st->in[1]);
}

static void build_cholesky(struct bench_state *st, starp_array **y)
{
    y[0] = starp_linalg_cholesky(st->in[0], 0);
}

static void build_qr(struct bench_state *st, starp_array **y)
{
    starp_qr_factors f = starp_linalg_qr(st->in[0], 0);
    y[0] = f.q;
    y[1] = f.r;
}

static void build_svd(struct bench_state *st, starp_array **y)
{
    starp_svd_factors f = starp_linalg_svd(st->in[0], 0);
    y[0] = f.u;
    y[1] = f.s;
    y[2] = f.vh;
}

static void build_eigh(struct bench_state *st, starp_array **y)
{
    starp_eig_factors f = starp_linalg_eigh(st->in[0], 0);
    y[0] = f.values;
    y[1] = f.vectors;
}

static void build_solve(struct bench_state *st, starp_array **y)
{
    y[0] = starp_linalg_solve(st->in[0], st->in[1]);
}

/* -------------------------------------------------------------------------------------------- verification */

static bool verify_matmul(struct bench_state *st)
{
    return bench_residual(st, "starp", linalg_check_product(st->n, st->host[0], st->host[1], st->want[0]));
}

static bool verify_cholesky(struct bench_state *st)
{
    return bench_residual(st, "starp", linalg_check_cholesky(st->n, st->host[0], st->want[0]));
}

static bool verify_qr(struct bench_state *st)
{
    return bench_residual(st, "starp", linalg_check_qr(st->n, st->host[0], st->want[0], st->want[1]));
}

static bool verify_svd(struct bench_state *st)
{
    return bench_residual(st, "starp", linalg_check_svd(st->n, st->host[0], st->want[0], st->want[1], st->want[2]));
}

static bool verify_eigh(struct bench_state *st)
{
    return bench_residual(st, "starp", linalg_check_eigh(st->n, st->host[0], st->want[0], st->want[1]));
}

static bool verify_solves(struct bench_state *st)
{
    double worst = 0;
    for (int64_t i = 0; i < st->n; i++) {
        const double *a = st->host[0] + i * BENCH_SMALL_SIZE, *b = st->host[1] + i * BENCH_SMALL, *x = st->want[0] + i * BENCH_SMALL;
        worst = linalg_worse(worst, linalg_check_solve(BENCH_SMALL, a, x, b));
    }
    return bench_residual(st, "starp", worst);
}

static bool verify_svds(struct bench_state *st)
{
    double worst = 0;
    for (int64_t i = 0; i < st->n; i++) {
        const double *u = st->want[0] + i * BENCH_SMALL_SIZE, *s = st->want[1] + i * BENCH_SMALL, *vh = st->want[2] + i * BENCH_SMALL_SIZE;
        worst = linalg_worse(worst, linalg_check_svd(BENCH_SMALL, st->host[0] + i * BENCH_SMALL_SIZE, u, s, vh));
    }
    return bench_residual(st, "starp", worst);
}

/* --------------------------------------------------------------------------------------------------- peers */

/* The input, where a peer may write over it; row-major or by columns is all the same to these. */
static double *copy_input(struct bench_state *st, int64_t count)
{
    return memcpy(st->host[2], st->host[0], (size_t)count * sizeof(double));
}

static double lapack_svd(struct bench_state *st)
{
    int n = (int)st->n;
    double *a = copy_input(st, st->n * n), *u = a + st->n * n, *vh = u + st->n * n, *s = vh + st->n * n;
    bench_blas_open(st);
    double start = bench_now();
    int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', n, n, a, n, s, u, n, vh, n);
    double seconds = bench_now() - start;
    bench_blas_close();
    return bench_lapack(st, info, seconds);
}

static double lapack_eigh(struct bench_state *st)
{
    int n = (int)st->n;
    double *a = copy_input(st, st->n * n);
    bench_blas_open(st);
    double start = bench_now();
    int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', n, a, n, a + st->n * n);
    double seconds = bench_now() - start;
    bench_blas_close();
    return bench_lapack(st, info, seconds);
}

static double lapack_solves(struct bench_state *st)
{
    int info = 0, pivot[BENCH_SMALL];
    double *a = copy_input(st, st->n * BENCH_SMALL_SIZE), *b = a + st->n * BENCH_SMALL_SIZE;
    memcpy(b, st->host[1], (size_t)(st->n * BENCH_SMALL) * sizeof *b);
    double start = bench_now();
    for (int64_t i = 0; i < st->n; i++, a += BENCH_SMALL_SIZE, b += BENCH_SMALL) {
        info |= LAPACKE_dgesv_work(LAPACK_COL_MAJOR, BENCH_SMALL, 1, a, BENCH_SMALL, pivot, b, BENCH_SMALL);
    }
    return bench_lapack(st, info, (bench_now() - start) / st->workers);
}

static double lapack_svds(struct bench_state *st)
{
    return bench_serial_svds(st, st->host[0]);
}

/* --------------------------------------------------------------------------------------------------- cases */

static const struct form matmul = { open_matmul, 2 }, cholesky = { open_cholesky, 1.0 / 3 };
static const struct form qr = { open_qr, 4.0 / 3 + 4.0 / 3 }; /* R, and Q */
static const struct form svd = { open_svd, 0 }, eigh = { open_eigh, 0 }, solves = { open_solves, 0 }, svds = { open_svds, 0 };

/* clang-format off */
#define CASE(text, id, call, full, fast, times, counted, ...) \
    { .name = text, .size = full, .quick = fast, .repeats = times, .heavy = true, .unit = &counted, .build = build_##call, \
      .verify = verify_##id, .ours = bench_fresh, .param = &id, .peer = { __VA_ARGS__ } }

static const struct bench_case cases[] = {
    CASE("matmul", matmul, matmul, 4096, 512, 9, bench_gflops, { "dgemm", 0.95, bench_dgemm, 0 }),
    CASE("cholesky", cholesky, cholesky, 8192, 512, 5, bench_gflops, { "dgemm", 0.88, bench_dgemm, 0 }),
    CASE("qr", qr, qr, 6144, 512, 3, bench_gflops, { "dgemm", 0.75, bench_dgemm, 0 }),
    CASE("solve-64", solves, solve, 10000, 200, 9, bench_per_second, { "serial/p", 0.95, lapack_solves, 0 }),
    CASE("svd-64", svds, svd, 2000, 100, 7, bench_per_second, { "serial/p", 0.95, lapack_svds, 0 }),
    CASE("svd", svd, svd, 2000, 200, 5, bench_ms, { "dgesdd", 1, lapack_svd, 0 }),
    CASE("eigh", eigh, eigh, 2000, 200, 5, bench_ms, { "dsyevd", 1, lapack_eigh, 0 }),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_linalg = {
    .name = "linalg",
    .about = "products, factorizations, small matrices, f64",
    .open = open_linalg,
    .cases = cases,
};

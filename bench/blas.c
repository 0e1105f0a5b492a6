/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * blas.c: what the benches of linear algebra share: OpenBLAS as a peer, and the verdict on residuals.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <cblas.h>
#include <time.h>

#define DGEMM_SIZE 4096
#define SETTLE 50000000 /* ns in which OpenBLAS's threads stop spinning */

void bench_blas_open(const struct bench_state *st)
{
    openblas_set_num_threads(st->workers);
}

void bench_blas_close(void)
{
    struct timespec t = { .tv_nsec = SETTLE };
    openblas_set_num_threads(1);
    nanosleep(&t, NULL);
}

void bench_blas_room(struct bench_state *st, int64_t count)
{
    double *x = st->host[BENCH_INPUTS - 1] = bench_alloc(count);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) x[i] = 0;
}

double bench_dgemm(struct bench_state *st)
{
    int n = st->n < DGEMM_SIZE ? (int)st->n : DGEMM_SIZE;
    const double *a = st->host[0], *b = a + (st->n * st->n - (int64_t)n * n);
    bench_blas_open(st);
    double start = bench_now();
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, st->host[BENCH_INPUTS - 1], n);
    double seconds = bench_now() - start;
    bench_blas_close();
    return seconds * st->work / (2.0 * n * n * n);
}

bool bench_residual(const struct bench_state *st, const char *what, double scaled)
{
    if (scaled < BENCH_SCALED_RESIDUAL) return true;
    bench_error("%s: %s: the scaled residual is %.3g, not below %d", st->self->name, what, scaled, BENCH_SCALED_RESIDUAL);
    return false;
}

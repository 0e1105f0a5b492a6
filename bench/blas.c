/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * blas.c: what the benches of linear algebra share: OpenBLAS and LAPACK as peers, and the verdict on residuals.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <cblas.h>
#include <lapacke.h>
#include <stdlib.h>
#include <string.h>
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

double bench_lapack(const struct bench_state *st, int info, double seconds)
{
    return info == 0 ? seconds : bench_error("%s: LAPACK: info %d", st->self->name, info);
}

void bench_svds_room(struct bench_state *st)
{
    bench_output(st, st->n * BENCH_SMALL_SIZE);
    bench_output(st, st->n * BENCH_SMALL);
    bench_output(st, st->n * BENCH_SMALL_SIZE);
    bench_blas_room(st, st->n * BENCH_SMALL_SIZE);
}

/* One decomposition, which loses a; size -1 asks for the best size of `work`, in work[0]. */
static int small_svd(double *a, double *work, int size)
{
    static double u[BENCH_SMALL_SIZE], s[BENCH_SMALL], vh[BENCH_SMALL_SIZE];
    static int whole[8 * BENCH_SMALL];
    const int n = BENCH_SMALL;
    return LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', n, n, a, n, s, u, n, vh, n, work, size, whole);
}

/* The results of one matrix go over those of the one before, which costs least. */
double bench_serial_svds(struct bench_state *st, const double *from)
{
    double *a = memcpy(st->host[BENCH_INPUTS - 1], from, (size_t)(st->n * BENCH_SMALL_SIZE) * sizeof *a), best;
    int info = small_svd(a, &best, -1);
    double *work = bench_alloc((int64_t)best), start = bench_now();
    for (int64_t i = 0; i < st->n; i++, a += BENCH_SMALL_SIZE) info |= small_svd(a, work, (int)best);
    double seconds = (bench_now() - start) / st->workers;
    free(work);
    return bench_lapack(st, info, seconds);
}

bool bench_residual(const struct bench_state *st, const char *what, double scaled)
{
    if (scaled < BENCH_SCALED_RESIDUAL) return true;
    bench_error("%s: %s: the scaled residual is %.3g, not below %d", st->self->name, what, scaled, BENCH_SCALED_RESIDUAL);
    return false;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_fft.c: Fourier transforms of complex numbers in double precision, out of place; a transform of n elements counts 5 n log2 n
 * operations. As in the paper, a round trip ends where it began: its error is below 16 eps log2 n of the norm. Peers: FFTW on
 * all threads, as it plans by measuring and by estimating (planning is not timed; what it took is said once); SciPy, with all
 * workers; NumPy; on several ranks the MPIFFT of HPCC.
 */
#include "bench.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST_PLANNING 120 /* seconds */

/* A case's shape: n x n, or rows of `row`, or a single row; how many transforms of which length. */
struct form {
    int64_t row;
    bool square;
};

static int64_t rows_of(const struct bench_state *st)
{
    const struct form *f = st->self->param;
    return f->square || f->row ? st->n : 1;
}

static int64_t row_of(const struct bench_state *st)
{
    const struct form *f = st->self->param;
    return f->row ? f->row : st->n;
}

/* ---------------------------------------------------------------------------------------------------------- peers */

static struct {
    const struct bench_case *of;
    unsigned flags;
    fftw_plan plan;
} planned[2];

static void make_plan(const struct bench_state *st, int k, unsigned flags)
{
    const struct form *f = st->self->param;
    int size[2] = { (int)rows_of(st), (int)row_of(st) };
    fftw_complex *x = (fftw_complex *)st->host[0], *y = (fftw_complex *)st->host[2];
    double *kept = bench_alloc(2 * (int64_t)size[0] * size[1]), start = bench_now();
    for (int64_t i = 0; i < 2 * (int64_t)size[0] * size[1]; i++) kept[i] = st->host[0][i];
    if (planned[k].plan) fftw_destroy_plan(planned[k].plan);
    fftw_plan_with_nthreads(st->workers);
    fftw_set_timelimit(LONGEST_PLANNING);
    if (f->square) planned[k].plan = fftw_plan_dft(2, size, x, y, FFTW_FORWARD, flags);
    else planned[k].plan = fftw_plan_many_dft(1, &size[1], size[0], x, NULL, 1, size[1], y, NULL, 1, size[1], FFTW_FORWARD, flags);
    fprintf(stderr, "  (%s: FFTW %s for %.2f s)\n", st->self->name, flags == FFTW_MEASURE ? "measured" : "estimated", bench_now() - start);
    for (int64_t i = 0; i < 2 * (int64_t)size[0] * size[1]; i++) st->host[0][i] = kept[i]; /* measuring writes to it */
    free(kept);
    planned[k].of = st->self;
}

static double run_plan(struct bench_state *st, int k, unsigned flags)
{
    if (planned[k].of != st->self) make_plan(st, k, flags);
    if (!planned[k].plan) return bench_error("%s: FFTW has no plan", st->self->name);
    double start = bench_now();
    fftw_execute(planned[k].plan);
    return bench_now() - start;
}

static double fftw_measured(struct bench_state *st)
{
    return run_plan(st, 0, FFTW_MEASURE);
}

static double fftw_estimated(struct bench_state *st)
{
    return run_plan(st, 1, FFTW_ESTIMATE);
}

/* ----------------------------------------------------------------------------------------------------------- ours */

static bool open_fft(struct bench_state *st)
{
    static bool threads;
    const struct form *f = st->self->param;
    int64_t rows = rows_of(st), row = row_of(st), n = rows * row;
    if (!threads) threads = fftw_init_threads();
    st->work = 5.0 * (double)n * log2((double)(f->square ? n : row));
    bench_output(st, 2 * n);
    bench_blas_room(st, 2 * n);
    bench_fill(st, 0, STARP_SHAPE(2 * n), -0.5, 0.5);
    st->in[0] = starp_from_host(st->session, st->host[0], rows > 1 ? STARP_SHAPE(rows, row) : STARP_SHAPE(n), STARP_C128);
    return starp_eval(st->in[0]) == STARP_OK || (bench_starp_error("input"), false);
}

static void build_fft(struct bench_state *st, starp_array **y)
{
    y[0] = starp_fft_fft(st->in[0], 0, -1, STARP_BACKWARD);
}

static void build_fft2(struct bench_state *st, starp_array **y)
{
    y[0] = starp_fft_fft2(st->in[0], NULL, NULL, STARP_BACKWARD);
}

/* The error of the way back, as a multiple of eps log2 n. */
static bool verify_fft(struct bench_state *st)
{
    const struct form *f = st->self->param;
    double error = 0, size = 0, log2n = log2((double)(rows_of(st) * row_of(st)));
    starp_scope_open(st->session);
    starp_array *back = f->square ? starp_fft_ifft2(st->out[0], NULL, NULL, STARP_BACKWARD) : starp_fft_ifft(st->out[0], 0, -1, STARP_BACKWARD);
    bool ok = starp_item(starp_linalg_norm(starp_subtract(st->in[0], back), STARP_FRO), STARP_F64, &error) == STARP_OK &&
              starp_item(starp_linalg_norm(st->in[0], STARP_FRO), STARP_F64, &size) == STARP_OK;
    starp_scope_close(st->session);
    if (!ok) return bench_starp_error("round trip"), false;
    return bench_residual(st, "starp", error / (size * 0x1p-52 * log2n));
}

/* clang-format off */
#define PEERS(measure, estimate, scipy) \
    { { "fftw", measure, fftw_measured, 0 }, { "fftw-est", estimate, fftw_estimated, 0 }, { "scipy", scipy, 0, 0 }, { "numpy", 0, 0, 0 } }
#define RANKED { { "one-rank", 0.8, 0, 0 } }
#define RANKED_LINE { { "one-rank", 0.8, 0, 0 }, { "hpcc", 2, 0, 0 } }
#define CASE(text, full, fast, times, calls, shape, ranks, ...) \
    { .name = text, .size = full, .quick = fast, .repeats = times, .heavy = true, .warmup = 2, .unit = &bench_gflops, \
      .build = build_##calls, .verify = verify_fft, .ours = bench_fresh, .param = shape, .ranked = ranks, .peer = __VA_ARGS__ }

static const struct form line = { 0, false }, square = { 0, true }, batch = { 1024, false };

static const struct bench_case cases[] = {
    CASE("1m", 1 << 20, 1 << 17, 31, fft, &line, RANKED_LINE, PEERS(1.5, 2, 3)),
    CASE("4m", 1 << 22, 1 << 18, 15, fft, &line, RANKED_LINE, PEERS(1.5, 2, 3)),
    CASE("16m", 1 << 24, 1 << 18, 9, fft, &line, RANKED_LINE, PEERS(1.5, 2, 3)),
    CASE("2d", 4096, 256, 9, fft2, &square, RANKED, PEERS(1.3, 0, 0)),
    CASE("batch", 10000, 100, 15, fft, &batch, RANKED, PEERS(1, 0, 0)),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_fft = {
    .name = "fft",
    .about = "Fourier transforms, c128",
    .open = open_fft,
    .cases = cases,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_ppeval.c: functions on slices. `svd`: singular value decompositions of 64 x 64 slices, split along the last axis,
 * against `serial/p`: a serial loop over LAPACK, whose matrices lie packed already, its time divided by the number of workers;
 * and NumPy on a batch. `uneven`: an iteration's cost grows with the square of its number; `ideal` is the time of all iterations
 * one after the other, divided by the number of workers. `empty`: what is paid for an iteration that writes one number.
 */
#include "bench.h"
#include "linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2 /* of the loop in `uneven`, per square of an iteration's number */

/* ------------------------------------------------------------------------------------------------ functions */

/* Each round waits for the one before, so that time is a matter of the clock alone. */
static __attribute__((noinline)) double spin(int64_t index, double x)
{
    for (int64_t i = 0; i < ROUNDS * index * index; i++) x = x * 0.999 + 0.25;
    return x;
}

static double *number_of(starp_iteration *it)
{
    return starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
}

static int uneven(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    double *y = number_of(it);
    if (y == NULL) return 1;
    *y = spin(it->index, *(const double *)in[0].data);
    return 0;
}

static int empty(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    double *y = number_of(it);
    if (y == NULL) return 1;
    *y = *(const double *)in[0].data;
    return 0;
}

static int number(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0].dtype = STARP_F64;
    out[0].ndim = 0;
    return 0;
}

/* --------------------------------------------------------------------------------------------------- inputs */

static void transpose(int64_t rows, int64_t columns, const double *x, double *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < columns; j++) {
        for (int64_t i = 0; i < rows; i++) y[j * rows + i] = x[i * columns + j];
    }
}

/* host[0] is what starp has; host[1] the matrices one after the other. */
static bool open_svd(struct bench_state *st)
{
    int64_t n = st->n;
    st->work = (double)n;
    bench_svds_room(st);
    st->host[1] = bench_alloc(n * BENCH_SMALL_SIZE);
    if (!bench_input(st, 0, STARP_SHAPE(BENCH_SMALL, BENCH_SMALL, n), -0.5, 0.5)) return false;
    transpose(BENCH_SMALL_SIZE, n, st->host[0], st->host[1]);
    return true;
}

static bool open_numbers(struct bench_state *st)
{
    bench_output(st, st->n);
    return bench_input(st, 0, STARP_SHAPE(st->n), 0, 1);
}

static bool registered(struct bench_state *st, starp_iterate_fn function)
{
    const starp_function f = { .iterate = function, .shapes = number };
    if (starp_register(st->session, st->self->name, &f) == STARP_OK) return true;
    bench_starp_error("register");
    return false;
}

static bool open_uneven(struct bench_state *st)
{
    st->work = 1;
    return registered(st, uneven) && open_numbers(st);
}

static bool open_empty(struct bench_state *st)
{
    st->work = (double)st->n;
    return registered(st, empty) && open_numbers(st);
}

static bool open_ppeval(struct bench_state *st)
{
    bool (*const *open)(struct bench_state *) = st->self->param;
    return (*open)(st);
}

/* ---------------------------------------------------------------------------------------- what is computed */

static void build_svd(struct bench_state *st, starp_array **y)
{
    starp_ppeval_list(st->session, "svd", STARP_ARGS(st->in[0]), 3, y);
}

static void build_numbers(struct bench_state *st, starp_array **y)
{
    y[0] = starp_ppeval(st->session, st->self->name, STARP_ARGS(st->in[0]));
}

static void reference_uneven(struct bench_state *st)
{
    for (int64_t i = 0; i < st->n; i++) st->want[0][i] = spin(i, st->host[0][i]);
}

static void reference_empty(struct bench_state *st)
{
    memcpy(st->want[0], st->host[0], (size_t)st->n * sizeof(double));
}

static double worst_svd(const struct bench_state *st, double *u, double *s, double *vh)
{
    double worst = 0;
    transpose(BENCH_SMALL_SIZE, st->n, st->want[0], u);
    transpose(BENCH_SMALL, st->n, st->want[1], s);
    transpose(BENCH_SMALL_SIZE, st->n, st->want[2], vh);
    for (int64_t i = 0; i < st->n; i++) {
        int64_t at = i * BENCH_SMALL_SIZE;
        worst = linalg_worse(worst, linalg_check_svd(BENCH_SMALL, st->host[1] + at, u + at, s + i * BENCH_SMALL, vh + at));
    }
    return worst;
}

/* Singular vectors have any sign: magnitudes are what is compared between peers. */
static bool verify_svd(struct bench_state *st)
{
    double *u = bench_alloc(st->n * BENCH_SMALL_SIZE), *s = bench_alloc(st->n * BENCH_SMALL), *vh = bench_alloc(st->n * BENCH_SMALL_SIZE);
    double worst = worst_svd(st, u, s, vh);
    free(u);
    free(s);
    free(vh);
    for (int k = 0; k < st->nout; k++) {
        for (int64_t i = 0; i < st->count[k]; i++) st->want[k][i] = fabs(st->want[k][i]);
    }
    return bench_residual(st, "starp", worst);
}

/* --------------------------------------------------------------------------------------------------- peers */

static double lapack_svd(struct bench_state *st)
{
    return bench_serial_svds(st, st->host[1]);
}

static double serial_uneven(struct bench_state *st)
{
    return bench_reference(st) / st->workers;
}

/* --------------------------------------------------------------------------------------------------- cases */

/* clang-format off */
#define CASE(text, id, expression, full, fast, times, counted, ...) \
    { .name = text, .size = full, .quick = fast, .repeats = times, .heavy = times != 0, .unit = &counted, .build = build_##expression, \
      .ours = bench_fresh, .param = &(bool (*)(struct bench_state *)){ open_##id }, __VA_ARGS__ }

static const struct bench_case cases[] = {
    CASE("svd", svd, svd, 2000, 100, 7, bench_per_second, .verify = verify_svd,
         .peer = { { "serial/p", 0.95, lapack_svd, 0 }, { "numpy", 0, NULL, 0 } },
         .ranked = { { "serial/p", 0, lapack_svd, 0 }, { "one-rank", 0, NULL, 0 } }),
    CASE("uneven", uneven, numbers, 1000, 200, 5, bench_ms, .reference = reference_uneven,
         .peer = { { "ideal", 0.90, serial_uneven, 0 } }, .ranked = { { "ideal", 0.90, serial_uneven, 0 } }),
    CASE("empty", empty, numbers, 1000000, 100000, 0, bench_us, .reference = reference_empty,
         .peer = { { "ideal", 1, NULL, 2 } }, .ranked = { { "one-rank", 0, NULL, 0 } }),
    CASE("empty-2000", empty, numbers, 2000, 2000, 0, bench_us, .reference = reference_empty,
         .peer = { { "ideal", 0, NULL, 2 } }, .ranked = { { "one-rank", 0, NULL, 0 } }),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_ppeval = {
    .name = "ppeval",
    .about = "functions on slices, f64",
    .tolerance = 1e-14,
    .open = open_ppeval,
    .cases = cases,
};

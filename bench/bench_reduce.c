/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_reduce.c: reductions of data far beyond the caches, against the bandwidth the same memory can be read with: the
 * peer `c` is, for every case, an OpenMP sum with enough independent accumulators to be limited by memory alone.
 */
#include "bench.h"

#include <math.h>

/* What a case works on: n elements, or a matrix of n by n. */
struct form {
    bool matrix;
    int outputs;
};
static const struct form vector = { false, 1 }, vector_twice = { false, 2 }, matrix = { true, 1 };

static int64_t elements(const struct bench_state *st)
{
    const struct form *form = st->self->param;
    return form->matrix ? st->n * st->n : st->n;
}

static bool open_reduce(struct bench_state *st)
{
    const struct form *form = st->self->param;
    st->work = st->self->work * (double)elements(st);
    for (int k = 0; k < form->outputs; k++) bench_output(st, form->matrix ? st->n : 1);
    return bench_input(st, 0, form->matrix ? STARP_SHAPE(st->n, st->n) : STARP_SHAPE(st->n), -1, 3);
}

/* ------------------------------------------------------------------------------------------------- ours */

static void build_sum(struct bench_state *st, starp_array **y)
{
    y[0] = starp_sum(st->in[0], NULL, 0);
}

static void build_max(struct bench_state *st, starp_array **y)
{
    y[0] = starp_max(st->in[0], NULL, 0);
}

static void build_mean_var(struct bench_state *st, starp_array **y)
{
    y[0] = starp_mean(st->in[0], NULL, 0);
    y[1] = starp_var(st->in[0], NULL, 0, 0);
}

static void build_sum_axis0(struct bench_state *st, starp_array **y)
{
    y[0] = starp_sum(st->in[0], STARP_AXES(0), 0);
}

static void build_sum_axis1(struct bench_state *st, starp_array **y)
{
    y[0] = starp_sum(st->in[0], STARP_AXES(1), 0);
}

/* -------------------------------------------------------------------------------------------- reference */

static long double total(const double *x, int64_t n)
{
    long double sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

static void reference_sum(struct bench_state *st)
{
    st->want[0][0] = (double)total(st->host[0], st->n);
}

static void reference_max(struct bench_state *st)
{
    const double *x = st->host[0];
    double most = x[0];
#pragma omp parallel for schedule(static) reduction(max : most)
    for (int64_t i = 0; i < st->n; i++) most = fmax(most, x[i]);
    st->want[0][0] = most;
}

static void reference_mean_var(struct bench_state *st)
{
    const double *x = st->host[0];
    long double mean = total(x, st->n) / (long double)st->n, sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (int64_t i = 0; i < st->n; i++) sum += (x[i] - mean) * (x[i] - mean);
    st->want[0][0] = (double)mean;
    st->want[1][0] = (double)(sum / (long double)st->n);
}

static void reference_sum_axis0(struct bench_state *st)
{
    int64_t n = st->n;
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += st->host[0][i * n + j];
        st->want[0][j] = sum;
    }
}

static void reference_sum_axis1(struct bench_state *st)
{
    int64_t n = st->n;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += st->host[0][i * n + j];
        st->want[0][i] = sum;
    }
}

/* --------------------------------------------------------------------------------------- read bandwidth */

typedef double lanes __attribute__((vector_size(64)));
#define UNROLL 8

static double sum_blocks(const lanes *x, int64_t nblock)
{
    lanes acc[UNROLL] = { { 0 } };
    for (int64_t i = 0; i < nblock; i++) {
        for (int k = 0; k < UNROLL; k++) acc[k] += x[UNROLL * i + k];
    }
    double sum = 0;
    for (int k = 0; k < UNROLL; k++) sum += acc[k][0] + acc[k][1] + acc[k][2] + acc[k][3];
    for (int k = 0; k < UNROLL; k++) sum += acc[k][4] + acc[k][5] + acc[k][6] + acc[k][7];
    return sum;
}

/* Keeps the compiler from leaving the sums out. */
static volatile double sink;

/* Reads everything but a few last elements, once. */
static double read_all(struct bench_state *st)
{
    const int64_t block = UNROLL * (int64_t)(sizeof(lanes) / sizeof(double)), run = 4096;
    const lanes *x = (const lanes *)(const void *)st->host[0];
    int64_t nblock = elements(st) / block;
    double sum = 0, start = bench_now();
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (int64_t i = 0; i < nblock; i += run) {
        sum += sum_blocks(x + i * UNROLL, nblock - i < run ? nblock - i : run);
    }
    sink = sum;
    return bench_now() - start;
}

/* clang-format off */
#define CASE(id, text, shape, full, fast, bar_c) \
    { .name = text, .size = full, .quick = fast, .unit = &bench_gbps, .work = 8, .build = build_##id, \
      .reference = reference_##id, .ours = bench_fresh, .param = &shape, \
      .peer = { { "c", bar_c, read_all, 0 }, { "numpy", 0, 0, 0 } } }

static const struct bench_case cases[] = {
    CASE(sum, "sum", vector, 50000000, 5000000, 0.9),
    CASE(max, "max", vector, 50000000, 5000000, 0),
    CASE(mean_var, "mean-var", vector_twice, 50000000, 5000000, 0),
    CASE(sum_axis0, "sum-axis0", matrix, 7000, 2000, 0),
    CASE(sum_axis1, "sum-axis1", matrix, 7000, 2000, 0),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_reduce = {
    .name = "reduce",
    .about = "one pass against read bandwidth, f64",
    .tolerance = 1e-12,
    .open = open_reduce,
    .cases = cases,
};

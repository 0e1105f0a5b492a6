/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_stream.c: McCalpin's STREAM on arrays far beyond the caches: memory bandwidth is the limit. Bytes are
 * counted as STREAM does, one read per operand and one write. `fresh` and `reused` are explained in bench.h.
 */
#include "bench.h"

#define S 3.0

static bool open_stream(struct bench_state *st)
{
    st->work = st->self->work * (double)st->n;
    bench_output(st, st->n);
    return bench_input(st, 0, STARP_SHAPE(st->n), -1, 1) && bench_input(st, 1, STARP_SHAPE(st->n), -1, 1);
}

static void build_copy(struct bench_state *st, starp_array **y)
{
    y[0] = starp_positive(st->in[0]);
}

static void build_scale(struct bench_state *st, starp_array **y)
{
    y[0] = starp_multiply(starp_scalar(st->session, S), st->in[0]);
}

static void build_add(struct bench_state *st, starp_array **y)
{
    y[0] = starp_add(st->in[0], st->in[1]);
}

static void build_triad(struct bench_state *st, starp_array **y)
{
    y[0] = starp_add(starp_multiply(starp_scalar(st->session, S), st->in[0]), st->in[1]);
}

/* The plain loop, as the compiler makes it. */
#define LOOP(expression) \
    _Pragma("omp parallel for schedule(static)") for (int64_t i = 0; i < n; i++) c[i] = (expression)

static void copy(int64_t n, double *restrict c, const double *restrict a)
{
    LOOP(a[i]);
}

static void scale(int64_t n, double *restrict c, const double *restrict a)
{
    LOOP(S * a[i]);
}

static void add(int64_t n, double *restrict c, const double *restrict a, const double *restrict b)
{
    LOOP(a[i] + b[i]);
}

static void triad(int64_t n, double *restrict c, const double *restrict a, const double *restrict b)
{
    LOOP(S * a[i] + b[i]);
}

static void loop_copy(struct bench_state *st)
{
    copy(st->n, st->want[0], st->host[0]);
}

static void loop_scale(struct bench_state *st)
{
    scale(st->n, st->want[0], st->host[0]);
}

static void loop_add(struct bench_state *st)
{
    add(st->n, st->want[0], st->host[0], st->host[1]);
}

static void loop_triad(struct bench_state *st)
{
    triad(st->n, st->want[0], st->host[0], st->host[1]);
}

/* clang-format off */
#define CASE(id, kind, bytes, bar_c, bar_numexpr, bar_numpy, bar_ranks) \
    { .name = #id "-" #kind, .size = 20000000, .quick = 5000000, .unit = &bench_gbps, .work = bytes, \
      .build = build_##id, .reference = loop_##id, .ours = bench_##kind, \
      .peer = { { "c", bar_c, bench_reference, 0 }, { "numpy", bar_numpy, 0, 0 }, { "numexpr", bar_numexpr, 0, 0 } }, \
      .ranked = { { "one-rank", bar_ranks, 0, 0 } } }

static const struct bench_case cases[] = {
    CASE(copy, fresh, 16, 0, 0, 0, 0),
    CASE(copy, reused, 16, 0, 0, 0, 0),
    CASE(scale, fresh, 16, 0, 0, 0, 0),
    CASE(scale, reused, 16, 0, 0, 0, 0),
    CASE(add, fresh, 24, 0, 0, 0, 0),
    CASE(add, reused, 24, 0, 0, 0, 0),
    CASE(triad, fresh, 24, 0.90, 2.2, 2.8, 0.90),
    CASE(triad, reused, 24, 0, 0, 0, 0),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_stream = {
    .name = "stream",
    .about = "memory bandwidth, f64",
    .tolerance = 1e-14,
    .open = open_stream,
    .cases = cases,
};

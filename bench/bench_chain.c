/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_chain.c: long elementwise expressions. What fusion and vector mathematics are for: the peers in C run the whole
 * expression in one OpenMP loop on the C library's functions.
 */
#include "bench.h"

#include <math.h>

#define DEGREE 20 /* of the polynomial */
#define ROUNDS 5  /* of six operations, in the simple chain */
#define RATE 0.03 /* of interest, and */
#define VOLATILITY 0.25

#define SCALAR(value) starp_scalar(st->session, value)

/* Lower and upper bound of every input, and how many results there are. */
struct form {
    int inputs, outputs;
    double bound[BENCH_INPUTS][2];
};
static const struct form math_form = { 1, 1, { { 0, 3.2 } } };
static const struct form option_form = { 3, 2, { { 50, 150 }, { 60, 140 }, { 0.1, 2 } } };
static const struct form poly_form = { 1, 1, { { -1, 1 } } };
static const struct form simple_form = { 2, 1, { { -1, 1 }, { -1, 1 } } };

static bool open_chain(struct bench_state *st)
{
    const struct form *form = st->self->param;
    st->work = (double)st->n;
    for (int k = 0; k < form->outputs; k++) bench_output(st, st->n);
    for (int k = 0; k < form->inputs; k++) {
        if (!bench_input(st, k, STARP_SHAPE(st->n), form->bound[k][0], form->bound[k][1])) return false;
    }
    return true;
}

/* ------------------------------------------------- math: log1p(exp(-sqrt(abs(1.5 sin(x) + 0.3))) + x*x) */

/* x stays where nothing cancels under the root, so that results can be compared closely. */
static void build_math(struct bench_state *st, starp_array **y)
{
    starp_array *x = st->in[0];
    starp_array *wave = starp_add(starp_multiply(starp_sin(x), SCALAR(1.5)), SCALAR(0.3));
    starp_array *decay = starp_exp(starp_negative(starp_sqrt(starp_abs(wave))));
    y[0] = starp_log1p(starp_add(decay, starp_multiply(x, x)));
}

static void reference_math(struct bench_state *st)
{
    const double *restrict x = st->host[0];
    double *restrict y = st->want[0];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < st->n; i++) y[i] = log1p(exp(-sqrt(fabs(sin(x[i]) * 1.5 + 0.3))) + x[i] * x[i]);
}

/* ----------------------------------------- black-scholes: calls and puts for spot, strike, time to maturity */

static starp_array *normal_cdf(struct bench_state *st, starp_array *d)
{
    starp_array *e = starp_erf(starp_multiply(d, SCALAR(sqrt(0.5))));
    return starp_multiply(SCALAR(0.5), starp_add(SCALAR(1.0), e));
}

static void build_black_scholes(struct bench_state *st, starp_array **y)
{
    starp_array *spot = st->in[0], *strike = st->in[1], *time = st->in[2];
    starp_array *spread = starp_multiply(SCALAR(VOLATILITY), starp_sqrt(time));
    starp_array *drift = starp_multiply(SCALAR(RATE + VOLATILITY * VOLATILITY / 2), time);
    starp_array *d1 = starp_divide(starp_add(starp_log(starp_divide(spot, strike)), drift), spread);
    starp_array *d2 = starp_subtract(d1, spread);
    starp_array *value = starp_multiply(strike, starp_exp(starp_multiply(SCALAR(-RATE), time)));
    starp_array *n1 = normal_cdf(st, d1), *n2 = normal_cdf(st, d2), *one = SCALAR(1.0);
    y[0] = starp_subtract(starp_multiply(spot, n1), starp_multiply(value, n2));
    y[1] = starp_subtract(starp_multiply(value, starp_subtract(one, n2)),
                          starp_multiply(spot, starp_subtract(one, n1)));
}

static double cdf(double d)
{
    return 0.5 * (1 + erf(d * sqrt(0.5)));
}

static void reference_black_scholes(struct bench_state *st)
{
    const double *restrict spot = st->host[0], *restrict strike = st->host[1], *restrict time = st->host[2];
    double *restrict call = st->want[0], *restrict put = st->want[1];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < st->n; i++) {
        double spread = VOLATILITY * sqrt(time[i]);
        double d1 = (log(spot[i] / strike[i]) + (RATE + VOLATILITY * VOLATILITY / 2) * time[i]) / spread;
        double value = strike[i] * exp(-RATE * time[i]);
        double n1 = cdf(d1), n2 = cdf(d1 - spread);
        call[i] = spot[i] * n1 - value * n2;
        put[i] = value * (1 - n2) - spot[i] * (1 - n1);
    }
}

/* -------------------------------------------------------- polynomial: Horner's rule, a multiply and an add each */

static double coefficient(int k)
{
    return (k % 2 ? -1.0 : 1.0) / (k + 1);
}

static void build_polynomial(struct bench_state *st, starp_array **y)
{
    y[0] = SCALAR(coefficient(DEGREE));
    for (int k = DEGREE - 1; k >= 0; k--) y[0] = starp_add(starp_multiply(y[0], st->in[0]), SCALAR(coefficient(k)));
}

static void reference_polynomial(struct bench_state *st)
{
    const double *restrict x = st->host[0];
    double *restrict y = st->want[0];
    double c[DEGREE + 1];
    for (int k = 0; k <= DEGREE; k++) c[k] = coefficient(k);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < st->n; i++) {
        double p = c[DEGREE];
        for (int k = DEGREE - 1; k >= 0; k--) p = p * x[i] + c[k];
        y[i] = p;
    }
}

/* ---------------------------------------------------------------------- simple: thirty cheap operations in a row */

static void build_simple(struct bench_state *st, starp_array **y)
{
    starp_array *a = st->in[0], *b = st->in[1];
    y[0] = a;
    for (int k = 1; k <= ROUNDS; k++) {
        starp_array *t = starp_add(starp_multiply(y[0], b), a);
        t = starp_subtract(t, starp_multiply(SCALAR(0.1 * k), b));
        y[0] = starp_multiply(starp_abs(t), SCALAR(0.5));
    }
}

static void reference_simple(struct bench_state *st)
{
    const double *restrict a = st->host[0], *restrict b = st->host[1];
    double *restrict y = st->want[0];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < st->n; i++) {
        double t = a[i];
        for (int k = 1; k <= ROUNDS; k++) t = fabs(t * b[i] + a[i] - 0.1 * k * b[i]) * 0.5;
        y[i] = t;
    }
}

/* clang-format off */
#define CASE(id, text, ...) \
    { .name = text, .size = 10000000, .quick = 1000000, .repeats = 7, .unit = &bench_meps, .build = build_##id, \
      .reference = reference_##id, .ours = bench_fresh, __VA_ARGS__ }
#define PEERS(bar) .peer = { { "c", 0, bench_reference, 0 }, { "numpy", 0, 0, 0 }, { "numexpr", bar, 0, 0 } }

static const struct bench_case cases[] = {
    CASE(math, "math", .param = &math_form, PEERS(4)),
    CASE(black_scholes, "black-scholes", .param = &option_form,
         .peer = { { "c", 0, bench_reference, 0 }, { "scipy", 4, 0, 0 } }),
    CASE(polynomial, "polynomial", .param = &poly_form, PEERS(0)),
    CASE(simple, "simple", .param = &simple_form, PEERS(0)),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_chain = {
    .name = "chain",
    .about = "long elementwise expressions, f64",
    .tolerance = 1e-12,
    .open = open_chain,
    .cases = cases,
};

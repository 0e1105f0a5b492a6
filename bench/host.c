/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.c: the clock, errors, inputs and outputs of the harness, and the timed regions most cases share.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const struct bench_unit bench_gbps = { "GB/s", 1e-9, true };
const struct bench_unit bench_gflops = { "GFlop/s", 1e-9, true };
const struct bench_unit bench_meps = { "Melem/s", 1e-6, true };
const struct bench_unit bench_per_second = { "1/s", 1, true };
const struct bench_unit bench_ms = { "ms", 1e3, false };
const struct bench_unit bench_us = { "us", 1e6, false };
const struct bench_unit bench_ns = { "ns", 1e9, false };
const struct bench_unit bench_percent = { "%", 1e2, false };

static int errors;

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_error(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fflush(stdout);
    fputs("starp-bench: error: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    errors++;
    return BENCH_FAILED;
}

double bench_starp_error(const char *what)
{
    return bench_error("%s: %s: %s", what, starp_status_name(starp_last_status()), starp_last_error());
}

int bench_errors(void)
{
    return errors;
}

void bench_fill(struct bench_state *st, int k, const starp_dims *shape, double lo, double hi)
{
    int64_t count = 1;
    for (int i = 0; i < shape->n; i++) count *= shape->v[i];
    st->host[k] = bench_alloc(count);
    bench_uniform(st->host[k], 0, count, (uint32_t)k + 1, lo, hi);
}

bool bench_upload(struct bench_state *st, int k, const starp_dims *shape)
{
    st->in[k] = starp_from_host(st->session, st->host[k], shape, STARP_F64);
    if (starp_eval(st->in[k]) == STARP_OK) return true;
    bench_starp_error("input");
    return false;
}

bool bench_input(struct bench_state *st, int k, const starp_dims *shape, double lo, double hi)
{
    bench_fill(st, k, shape, lo, hi);
    return bench_upload(st, k, shape);
}

void bench_output(struct bench_state *st, int64_t count)
{
    double *x = bench_alloc(count);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) x[i] = 0;
    st->want[st->nout] = x;
    st->count[st->nout++] = count;
}

static void release_results(struct bench_state *st)
{
    for (int k = 0; k < st->nout; k++) {
        starp_release(st->out[k]);
        st->out[k] = NULL;
    }
}

void bench_close(struct bench_state *st)
{
    release_results(st);
    for (int k = 0; k < BENCH_INPUTS; k++) {
        starp_release(st->in[k]);
        free(st->host[k]);
    }
    for (int k = 0; k < st->nout; k++) free(st->want[k]);
    if (st->own_session && starp_close(st->session) != STARP_OK) bench_starp_error("close");
}

bool bench_build(struct bench_state *st, starp_array **y)
{
    starp_scope_open(st->session);
    st->self->build(st, y);
    bool ok = true;
    for (int k = 0; k < st->nout; k++) ok &= starp_keep(y[k]) != NULL;
    starp_scope_close(st->session);
    return ok;
}

double bench_fresh(struct bench_state *st)
{
    starp_array *y[BENCH_OUTPUTS] = { NULL };
    double start = bench_now();
    if (!bench_build(st, y) || starp_eval_many(st->nout, y) != STARP_OK) return bench_starp_error(st->self->name);
    release_results(st);
    double seconds = bench_now() - start;
    for (int k = 0; k < st->nout; k++) st->out[k] = y[k];
    return seconds;
}

double bench_reused(struct bench_state *st)
{
    starp_array *y[BENCH_OUTPUTS] = { NULL };
    double start = bench_now();
    if (!bench_build(st, y)) return bench_starp_error(st->self->name);
    for (int k = 0; k < st->nout; k++) starp_assign(&st->out[k], y[k]);
    if (starp_eval_many(st->nout, st->out) != STARP_OK) return bench_starp_error(st->self->name);
    return bench_now() - start;
}

double bench_reference(struct bench_state *st)
{
    double start = bench_now();
    st->self->reference(st);
    return bench_now() - start;
}

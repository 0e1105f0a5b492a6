/* SPDX-License-Identifier: BSD-3-Clause */
/* good.c: a plug-in as it should be, but for `mishap`, which does what its data say. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <starp/plugin.h>

#include "mishaps.h"

/* Largest and smallest element. */
static int extremes(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    const double *x = in[0].data;
    double *most = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    double *least = starp_iteration_output(it, 1, STARP_F64, &(starp_dims){ 0, { 0 } });
    (void)nin;
    (void)user;
    if (!most || !least) return 1;
    *most = *least = x[0];
    for (int64_t i = 1; i < in[0].shape[0]; i++) {
        if (x[i] > *most) *most = x[i];
        if (x[i] < *least) *least = x[i];
    }
    return 0;
}

/* A column-major matrix, scaled by what belongs to the function, and by the second argument's elements. */
static int scaled(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t m = in[0].shape[0], n = in[0].shape[1];
    const double *factor = user, *x = in[0].data, *weight = in[1].data;
    float *y = starp_iteration_output(it, 0, STARP_F32, &(starp_dims){ 2, { m, n } });
    if (!y || nin != 2 || in[0].stride[0] != 8 || in[0].stride[1] != 8 * m) return 1;
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < m; i++) y[i + j * m] = (float)(*factor * x[i + j * m] * weight[i]);
    }
    return 0;
}

static int scaled_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nout;
    (void)user;
    if (nin != 2 || in[0].ndim != 2 || in[0].data) {
        snprintf(text, STARP_ITERATION_TEXT, "a matrix is wanted, not %d dimensions", in[0].ndim);
        return 1;
    }
    out[0] = in[0];
    out[0].dtype = STARP_F32;
    return 0;
}

static int draws(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *x = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { 1000 } });
    (void)nin;
    (void)in;
    (void)user;
    if (!x) return 1;
    starp_iteration_uniform(it, 300, x);
    starp_iteration_standard_normal(it, 699, x + 300);
    x[999] = (double)(it->index * 1000 + it->count);
    return 0;
}

/* As many elements as its number says. */
static int ladder(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *x = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { it->index % 4 } });
    (void)nin;
    (void)user;
    for (int64_t i = 0; x && i < it->index % 4; i++) x[i] = *(const double *)in[0].data + (double)i;
    return x ? 0 : 1;
}

static int process(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t *x = starp_iteration_output(it, 0, STARP_I64, &(starp_dims){ 0, { 0 } });
    (void)nin;
    (void)in;
    (void)user;
    if (x) *x = getpid();
    return x ? 0 : 1;
}

/* The first element of what is whole, if the others count on from it, or -1; and which process it is. */
static int whole(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *first = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    int64_t *pid = starp_iteration_output(it, 1, STARP_I64, &(starp_dims){ 0, { 0 } });
    const double *x = in[1].data;
    (void)nin;
    (void)user;
    if (!first || !pid) return 1;
    *pid = getpid();
    *first = x[0];
    for (int64_t i = 0; i < in[1].shape[0]; i++) {
        if (x[i] != x[0] + (double)i) *first = -1;
    }
    return 0;
}

/* What no function may do. */
static int stains(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *x = (double *)(uintptr_t)in[1].data;
    x[0] = 17;
    return whole(it, nin, in, user);
}

static int whole_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin;
    (void)in;
    (void)nout;
    (void)user;
    (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64 };
    out[1] = (starp_argument){ .dtype = STARP_I64 };
    return 0;
}

static int go_wrong(starp_iteration *it, int how)
{
    volatile int *nowhere = NULL;
    switch (how) {
    case CRASHES: raise(SIGSEGV); return *nowhere;
    case ABORTS: abort();
    case EXITS: exit(3);
    case FAILS: return starp_iteration_fail(it, "no luck in iteration %lld", (long long)it->index);
    case RETURNS: return 9;
    case HANGS:
        for (;;) pause();
    case ASKS:
        while (!starp_iteration_cancelled(it)) usleep(1000);
        return starp_iteration_fail(it, "it was asked to stop");
    case TALKS:
        for (;;) starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { 2 } });
    case FLOODS:
        for (;;) starp_iteration_fail(it, "and so on");
    case DRAWS:
        for (double x;;) starp_iteration_uniform(it, 1, &x);
    case SLEEPS: return sleep(1), usleep(300000);
    case CUTS_OFF:
        for (int fd = 3; fd < 100; fd++) close(fd);
        return 0;
    default: return 0;
    }
}

static int mishap(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double x = *(const double *)in[0].data;
    int64_t n = x == WRONG_SHAPE ? 3 : 2;
    (void)nin;
    (void)user;
    if (x == NO_RESULT) return 0;
    double *y = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { n } });
    if (!y) return 1;
    for (int64_t i = 0; i < n; i++) y[i] = (double)it->index + (double)i / 2;
    return go_wrong(it, (int)x);
}

static int mishap_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin;
    (void)in;
    (void)nout;
    (void)user;
    (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64, .ndim = 1, .shape = { 2 } };
    return 0;
}

static int crashing_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin;
    (void)in;
    (void)nout;
    (void)out;
    (void)user;
    (void)text;
    return raise(SIGSEGV);
}

static int hanging_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin;
    (void)in;
    (void)nout;
    (void)out;
    (void)user;
    (void)text;
    return pause();
}

static const double factor = 2.5;
static const starp_plugin_function functions[] = {
    { "extremes", { .iterate = extremes, .nresults = 2, .nargs = 1 } },
    { "scaled", { .iterate = scaled, .shapes = scaled_shapes, .column_major = 1, .user = &factor, .user_bytes = sizeof factor } },
    { "draws", { .iterate = draws } },
    { "ladder", { .iterate = ladder } },
    { "process", { .iterate = process } },
    { "mishap", { .iterate = mishap, .shapes = mishap_shapes } },
    { "whole", { .iterate = whole, .shapes = whole_shapes, .nresults = 2, .nargs = 2 } },
    { "stains", { .iterate = stains, .shapes = whole_shapes, .nresults = 2, .nargs = 2 } },
    { "shapeless", { .iterate = mishap } },
    { "crashing_shapes", { .iterate = mishap, .shapes = crashing_shapes } },
    { "hanging_shapes", { .iterate = mishap, .shapes = hanging_shapes } },
};

const starp_plugin *starp_plugin_entry(void)
{
    static const starp_plugin plugin = {
        STARP_PLUGIN_ABI, sizeof plugin, "good", .nfunctions = sizeof functions / sizeof functions[0], .functions = functions,
    };
    return &plugin;
}

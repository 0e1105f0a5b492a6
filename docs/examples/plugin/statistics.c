/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * statistics.c: a plug-in with two functions of a sample that outliers do not bother.
 *
 *   location   median and median absolute deviation: two results, both 0-d
 *   bootstrap  standard error of the median: of `user` samples drawn from the sample, by the iteration's random numbers
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <starp/plugin.h>

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts x. */
static double median(int64_t n, double *x)
{
    qsort(x, (size_t)n, sizeof *x, order);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* A sample is a vector of float64; a copy of it, or NULL with the error said. */
static double *copy_sample(starp_iteration *it, const starp_argument *in)
{
    if (in->ndim != 1 || in->dtype != STARP_F64 || in->shape[0] == 0) {
        starp_iteration_fail(it, "a sample is a vector of float64, not of %d dimensions", in->ndim);
        return NULL;
    }
    double *x = malloc((size_t)in->shape[0] * sizeof *x);
    if (!x) starp_iteration_fail(it, "out of memory");
    else memcpy(x, in->data, (size_t)in->shape[0] * sizeof *x);
    return x;
}

static int location(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    const starp_dims scalar = { 0, { 0 } };
    double *middle = starp_iteration_output(it, 0, STARP_F64, &scalar), *deviation = starp_iteration_output(it, 1, STARP_F64, &scalar);
    double *x = middle && deviation ? copy_sample(it, &in[0]) : NULL;
    (void)nin;
    (void)user;
    if (!x) return 1;
    *middle = median(in[0].shape[0], x);
    for (int64_t i = 0; i < in[0].shape[0]; i++) x[i] = fabs(x[i] - *middle);
    *deviation = median(in[0].shape[0], x);
    free(x);
    return 0;
}

static int bootstrap(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t n = in[0].shape[0], samples = *(const int64_t *)user;
    double *result = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    double *x = result ? copy_sample(it, &in[0]) : NULL, sum = 0, squares = 0;
    (void)nin;
    for (int64_t k = 0; k < samples && x; k++) {
        starp_iteration_uniform(it, (size_t)n, x);
        for (int64_t i = 0; i < n; i++) x[i] = ((const double *)in[0].data)[(int64_t)(x[i] * (double)n)];
        double m = median(n, x);
        sum += m;
        squares += m * m;
    }
    if (!x) return 1;
    *result = sqrt(fmax(0, squares / (double)samples - sum / (double)samples * (sum / (double)samples)));
    free(x);
    return 0;
}

/* Results of both are 0-d: knowing that, starp need not compute the first iteration to find out. */
static int shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    (void)nin;
    (void)in;
    (void)user;
    (void)text;
    for (int k = 0; k < nout; k++) out[k] = (starp_argument){ .dtype = STARP_F64 };
    return 0;
}

static const int64_t samples = 50;
static const starp_plugin_function functions[] = {
    { "location", { .iterate = location, .shapes = shapes, .nresults = 2, .nargs = 1 } },
    { "bootstrap", { .iterate = bootstrap, .shapes = shapes, .nargs = 1, .user = &samples, .user_bytes = sizeof samples } },
};

const starp_plugin *starp_plugin_entry(void)
{
    static const starp_plugin plugin = {
        .abi = STARP_PLUGIN_ABI, .size = sizeof plugin, .name = "robust statistics", .nfunctions = 2, .functions = functions,
    };
    return &plugin;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * elements.c: a plug-in with an elementwise function for expressions. Such functions cannot be isolated, so it is not in statistics.c.
 *
 *   huber   Huber's loss with threshold 1: x^2 / 2 near 0, |x| - 1/2 further off (Huber, "Robust estimation of a location parameter", 1964)
 */
#include <math.h>

#include <starp/plugin.h>

static void huber(size_t n, void *out, const void *const *in, const void *user)
{
    const double *x = in[0];
    double *restrict y = out;
    (void)user;
    for (size_t i = 0; i < n; i++) y[i] = fabs(x[i]) < 1 ? x[i] * x[i] / 2 : fabs(x[i]) - 0.5;
}

static const starp_plugin_elementwise functions[] = { { "huber", { .apply = huber, .in = { 1, STARP_F64 }, .out = { 1, STARP_F64 } } } };

const starp_plugin *starp_plugin_entry(void)
{
    static const starp_plugin plugin = { STARP_PLUGIN_ABI, sizeof plugin, "robust elements", .nelementwise = 1, .elementwise = functions };
    return &plugin;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* threads.c: a plug-in with BLAS, that tells how many threads it has. */
#include <cblas.h>

#include <starp/plugin.h>

static int threads(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t *n = starp_iteration_output(it, 0, STARP_I64, &(starp_dims){ 0, { 0 } });
    (void)nin;
    (void)in;
    (void)user;
    if (n) *n = openblas_get_num_threads();
    return n ? 0 : 1;
}

static const starp_plugin_function functions[] = { { "threads", { .iterate = threads } } };

const starp_plugin *starp_plugin_entry(void)
{
    static const starp_plugin plugin = { STARP_PLUGIN_ABI, sizeof plugin, "threads", .nfunctions = 1, .functions = functions };
    return &plugin;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* confined.c: a plug-in whose process gets little memory more than it has when it is loaded. To be loaded isolated only. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <starp/plugin.h>

#define MORE ((rlim_t)32 << 20)

/* The last element of each argument, all u8, together. */
static int ends(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t *sum = starp_iteration_output(it, 0, STARP_I64, &(starp_dims){ 0, { 0 } });
    (void)user;
    if (!sum) return 1;
    *sum = 0;
    for (int k = 0; k < nin; k++) *sum += ((const uint8_t *)in[k].data)[in[k].ndim > 0 ? in[k].shape[0] - 1 : 0];
    return 0;
}

static int ends_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char *text)
{
    (void)nin;
    (void)in;
    (void)nout;
    (void)user;
    (void)text;
    out[0] = (starp_argument){ .dtype = STARP_I64 };
    return 0;
}

/* As many zeros as its argument says. */
static int zeros(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    int64_t n = *(const int64_t *)in[0].data;
    uint8_t *x = starp_iteration_output(it, 0, STARP_U8, &(starp_dims){ 1, { n } });
    (void)nin;
    (void)user;
    for (int64_t i = 0; x && i < n; i++) x[i] = 0;
    return x ? 0 : 1;
}

static const starp_plugin_function functions[] = {
    { "ends", { .iterate = ends, .shapes = ends_shapes } },
    { "zeros", { .iterate = zeros } },
};

const starp_plugin *starp_plugin_entry(void)
{
    static const starp_plugin plugin = { STARP_PLUGIN_ABI, sizeof plugin, "confined", .nfunctions = 2, .functions = functions };
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld", &pages) != 1) return NULL;
    fclose(f);
    rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MORE;
    return setrlimit(RLIMIT_AS, &(struct rlimit){ most, most }) == 0 ? &plugin : NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* bad.c: plug-ins that cannot be loaded, each by what one of these defines: what is wrong with it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <starp/plugin.h>

#define IS(what) (strcmp(BAD, what) == 0)

static int nothing(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)in;
    (void)user;
    return it != NULL && nin > 0;
}

static int rank(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_RANK");
    return text ? atoi(text) : 0;
}

#ifdef BAD_RANK_OTHER
static void append(const char *path)
{
    FILE *f = fopen(path, "ab");
    if (f) fputc('x', f);
    if (f) fclose(f);
}
#else
#define append(path) ((void)(path))
#endif

#ifdef BAD_UNDEFINED
void nowhere_defined(void);
#endif

#ifdef BAD_NO_ENTRY
int starp_plugin_other_entry(void);
int starp_plugin_other_entry(void)
{
    return nothing(NULL, 0, NULL, NULL) + rank();
}
#else
static void each(size_t n, void *out, const void *const *in, const void *user)
{
    const double *x = in[0];
    (void)user;
    for (size_t i = 0; i < n; i++) ((double *)out)[i] = x[i];
}

const starp_plugin *starp_plugin_entry(void)
{
    static starp_plugin_function functions[] = { { "fine", { .iterate = nothing } }, { "second", { .iterate = nothing } } };
    static starp_plugin plugin = { STARP_PLUGIN_ABI, sizeof plugin, "bad", .nfunctions = 2, .functions = functions };
#ifdef BAD_UNDEFINED
    nowhere_defined();
#endif
    if (IS("VERSION")) plugin.abi++;
    if (IS("SIZE")) plugin.size = 8;
    if (IS("NULL")) return NULL;
    static starp_plugin_elementwise elementwise = { "each", { .apply = each, .in = { 1, STARP_F64 } } };
    if (IS("ELEMENTWISE")) plugin.nelementwise = 1;
    if (IS("ELEMENTWISE")) plugin.elementwise = &elementwise;
    if (IS("EMPTY")) plugin.nfunctions = 0;
    if (IS("COUNT")) plugin.nfunctions = -1;
    if (IS("NAME")) functions[1].name = "";
    if (IS("FUNCTION")) functions[1].f.iterate = NULL;
    if (IS("CRASH")) raise(SIGSEGV);
    while (IS("HANG") || (IS("RANK_HANG") && rank() == 1)) pause();
    if (IS("RANK_VERSION") && rank() == 1) plugin.abi = 99;
    if (IS("RANK_FEWER") && rank() == 1) plugin.nfunctions = 1;
    if (IS("RANK_GONE") && rank() == 0) unlink(getenv("STARP_TEST_PLUGIN"));
    if (IS("RANK_OTHER") && rank() == 0) append(getenv("STARP_TEST_PLUGIN"));
    return &plugin;
}
#endif

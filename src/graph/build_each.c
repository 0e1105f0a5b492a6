/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_each.c: the functions that ppeval has built in, on slices that come with their iterations in front: these are a batch, so
 * each is an operation of the graph like any other.
 */
#include <string.h>

#include "build.h"

struct each {
    struct sp_graph *g;
    int nin;
    struct sp_node *in[SP_MAX_READS];
    struct sp_node *out[SP_MAX_RESULTS]; /* iterations in front */
};

static bool each_svdvals(struct each *x)
{
    x->out[0] = sp_build_svdvals(x->g, x->in[0]);
    return x->out[0];
}

static bool each_svd(struct each *x)
{
    return sp_build_svd(x->g, x->in[0], false, x->out);
}

static const struct builtin {
    const char *name;
    int nargs, nresults;
    bool (*build)(struct each *x);
} builtins[] = {
    { "svdvals", 1, 1, each_svdvals },
    { "svd", 1, 3, each_svd },
};

static const struct builtin *find(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(builtins[i].name, name) == 0) return &builtins[i];
    }
    return NULL;
}

/* What goes to every iteration, seen as often as there are any. */
static struct sp_node *over_iterations(struct sp_graph *g, struct sp_node *x, int64_t n)
{
    starp_dims shape = { .n = x->shape.n + 1, .v = { n } };
    if (shape.n > STARP_MAXDIM) return sp_fail(&g->error, STARP_ERR_SHAPE, "ppeval: %d dimensions; %d are allowed", shape.n, STARP_MAXDIM), NULL;
    memcpy(shape.v + 1, x->shape.v, (size_t)x->shape.n * sizeof shape.v[0]);
    return sp_build_broadcast(g, x, &shape);
}

static bool check(struct sp_graph *g, const char *name, const struct builtin *b, int nin, int nresults)
{
    if (!b) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: there is no such function, built in or registered", name);
    else if (nin != b->nargs) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d arguments; it takes %d", name, nin, b->nargs);
    else if (nresults > b->nresults) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d results are asked for; it has %d", name, nresults, b->nresults);
    else return true;
    return false;
}

bool sp_build_each(struct sp_graph *g, const char *name, int nin, struct sp_node *const *in, uint32_t whole, int nresults, struct sp_node **results)
{
    const struct builtin *b = find(name);
    struct each x = { .g = g };
    if (!check(g, name, b, nin, nresults)) return false;
    int64_t n = sp_build_iterations(g, name, nin, in, whole);
    bool good = n >= 0;
    for (; x.nin < nin && good; x.nin++) {
        x.in[x.nin] = whole >> x.nin & 1 ? over_iterations(g, in[x.nin], n) : sp_node_retain(in[x.nin]);
        if (!x.in[x.nin]) good = false;
    }
    good = good && b->build(&x);
    for (int k = 0; k < nresults && good; k++) good = (results[k] = sp_build_joined(g, x.out[k], false)) != NULL;
    for (int k = 0; k < x.nin; k++) {
        if (x.in[k]) sp_node_release(g, x.in[k]);
    }
    for (int k = 0; k < SP_MAX_RESULTS; k++) {
        if (x.out[k]) sp_node_release(g, x.out[k]);
    }
    return good;
}

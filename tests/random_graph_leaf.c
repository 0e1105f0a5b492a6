/* SPDX-License-Identifier: BSD-3-Clause */
/* random_graph_leaf.c: the leaves of random graphs: host data, constants and weak scalars, generators. */
#include <stdlib.h>

#include "random_graph.h"
#include "reference.h"

/* The base shape's last axes, some of them with extent 1: conforms with every other such shape. */
static void conforming(struct rg *g, starp_dims *shape)
{
    int drop = rg_chance(g, 70) ? 0 : (int)rg_below(g, g->base.n + 1);
    shape->n = g->base.n - drop;
    for (int a = 0; a < shape->n; a++) shape->v[a] = rg_chance(g, 15) ? 1 : g->base.v[a + drop];
}

static void leaf_data(struct rg *g)
{
    starp_dims shape = { 0 };
    starp_dtype d = (starp_dtype)rg_below(g, STARP_NDTYPES);
    double reach = rg_chance(g, 50) ? 4 : 100;
    conforming(g, &shape);
    int64_t size = sp_shape_size(&shape);
    void *data = calloc((size_t)size + 1, sp_dtypes[d].size);
    if (!data) abort();
    rig_fill(d, data, size, -reach, reach, &g->random);
    if (g->specials && rg_chance(g, 60)) rig_sprinkle(d, data, size, &g->random);
    rg_enter(g, rig_data(g->rig, data, &shape, d), RG_EXACT, "data");
    free(data);
}

static starp_number number(struct rg *g, starp_dtype d)
{
    double x = (double)(rg_below(g, 65) - 32) / 4;
    switch (sp_dtypes[d].cls) {
    case SP_CLASS_B: return starp_number_bool((int)rg_below(g, 2));
    case SP_CLASS_I: return starp_number_int(sp_dtypes[d].is_signed ? (int64_t)x : (int64_t)(x + 8));
    case SP_CLASS_F: return starp_number_real(x);
    default: return starp_number_complex(x, (double)(rg_below(g, 9) - 4));
    }
}

static void leaf_const(struct rg *g)
{
    static const starp_dtype weak[] = { STARP_BOOL, STARP_I64, STARP_F64, STARP_C128 };
    bool is_weak = rg_chance(g, 50);
    starp_dtype d = is_weak ? weak[rg_below(g, 4)] : (starp_dtype)rg_below(g, STARP_NDTYPES);
    starp_dims shape = { 0 };
    if (!is_weak && rg_chance(g, 60)) conforming(g, &shape);
    starp_number v = number(g, d);
    struct sp_node *n = sp_build_const(&g->rig->g, &shape, d, v, is_weak);
    rg_enter(g, n, RG_EXACT, "const(%s %lld or %g)", is_weak ? "weak" : "strong", (long long)v.as.i, v.as.f[0]);
}

/* Steps of 1/4 from a multiple of 1/4: exact in every float dtype. */
static void leaf_arange(struct rg *g)
{
    starp_dtype d = (starp_dtype)(1 + rg_below(g, STARP_NDTYPES - 1));
    bool whole = sp_dtypes[d].cls == SP_CLASS_I;
    int64_t n = g->base.n > 0 ? g->base.v[g->base.n - 1] : rg_below(g, 9);
    double start = (double)rg_below(g, 20), step = whole ? (double)(1 + rg_below(g, 3)) : 0.25 * (double)(1 + rg_below(g, 9));
    if (sp_dtypes[d].is_signed && rg_chance(g, 50)) step = -step;
    struct sp_node *x = sp_build_arange(&g->rig->g, start, start + step * (double)n, step, d);
    rg_enter(g, x, RG_EXACT, "arange(%g, step %g)", start, step);
}

static void leaf_eye(struct rg *g)
{
    int64_t n = g->base.n > 1 ? g->base.v[g->base.n - 2] : rg_below(g, 7), m = g->base.n > 0 ? g->base.v[g->base.n - 1] : 5;
    int64_t k = rg_below(g, 5) - 2;
    if (n * m > 4 * g->o->max_size) return;
    starp_dtype d = (starp_dtype)rg_below(g, STARP_NDTYPES);
    rg_enter(g, sp_build_eye(&g->rig->g, n, m, k, d), RG_EXACT, "eye(%lld, %lld, %lld)", (long long)n, (long long)m, (long long)k);
}

static void leaf_random(struct rg *g)
{
    starp_dims shape = { 0 };
    uint64_t seed = (uint64_t)rg_below(g, 5), stream = (uint64_t)rg_below(g, 5);
    int64_t low = -rg_below(g, 50), high = 1 + rg_below(g, 77);
    conforming(g, &shape);
    enum sp_op op = g->o->transcendental && rg_chance(g, 50) ? SP_OP_normal : rg_chance(g, 50) ? SP_OP_uniform : SP_OP_integers;
    starp_dtype d = rg_chance(g, 50) ? STARP_F32 : STARP_F64;
    if (op == SP_OP_integers) d = (starp_dtype)(STARP_I8 + rg_below(g, 8));
    if (op == SP_OP_integers && !sp_dtypes[d].is_signed) low = 0;
    struct sp_node *n = sp_build_random(&g->rig->g, op, &shape, d, seed, stream, low, high);
    rg_enter(g, n, op == SP_OP_normal ? RG_LOOSE : RG_EXACT, "random %s(seed %d, stream %d, %d..%d)", sp_ops[op].name,
             (int)seed, (int)stream, (int)low, (int)high);
}

void rg_leaf(struct rg *g)
{
    int what = (int)rg_below(g, 100);
    sp_error_clear(&g->rig->g.error);
    if (what < 65) leaf_data(g);
    else if (what < 80) leaf_const(g);
    else if (what < 87) leaf_arange(g);
    else if (what < 91) leaf_eye(g);
    else leaf_random(g);
    if (g->n == 0) leaf_data(g);
}

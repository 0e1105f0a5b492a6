/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_graph_ops.c: elementwise operations, casts and reductions of random graphs, and how far each result can be
 * trusted: it is exact when the operation and all operands are.
 */
#include "random_graph.h"
#include "reductions.h"

/* Defined to the last bit for every dtype they accept, but see bits_open. */
static const enum sp_op exact_ops[] = {
    SP_OP_add, SP_OP_add, SP_OP_subtract, SP_OP_subtract, SP_OP_multiply, SP_OP_multiply, SP_OP_minimum, SP_OP_maximum,
    SP_OP_abs, SP_OP_negative, SP_OP_positive, SP_OP_square, SP_OP_sqrt, SP_OP_divide, SP_OP_reciprocal, SP_OP_sign,
    SP_OP_floor, SP_OP_ceil, SP_OP_trunc, SP_OP_round, SP_OP_where, SP_OP_clip, SP_OP_equal, SP_OP_not_equal, SP_OP_less,
    SP_OP_less_equal, SP_OP_greater, SP_OP_greater_equal, SP_OP_logical_and, SP_OP_logical_or, SP_OP_logical_xor,
    SP_OP_logical_not, SP_OP_bitwise_and, SP_OP_bitwise_or, SP_OP_bitwise_xor, SP_OP_bitwise_invert,
    SP_OP_bitwise_left_shift, SP_OP_bitwise_right_shift, SP_OP_isnan, SP_OP_isinf, SP_OP_isfinite, SP_OP_signbit,
    SP_OP_copysign, SP_OP_nextafter, SP_OP_conj, SP_OP_real, SP_OP_imag, SP_OP_fmod, SP_OP_remainder, SP_OP_floor_divide, SP_OP_fmin,
    SP_OP_fmax, SP_OP_gcd, SP_OP_lcm, SP_OP_heaviside, SP_OP_degrees, SP_OP_radians,
};

static const enum sp_op rounded_ops[] = {
    SP_OP_exp, SP_OP_expm1, SP_OP_log, SP_OP_log1p, SP_OP_log2, SP_OP_log10, SP_OP_sin, SP_OP_cos, SP_OP_tan, SP_OP_asin,
    SP_OP_acos, SP_OP_atan, SP_OP_sinh, SP_OP_cosh, SP_OP_tanh, SP_OP_asinh, SP_OP_acosh, SP_OP_atanh, SP_OP_hypot,
    SP_OP_atan2, SP_OP_logaddexp, SP_OP_exp2, SP_OP_erf, SP_OP_erfc, SP_OP_pow,
};

#define COUNT(list) (int64_t)(sizeof(list) / sizeof(list)[0])

/* Operations whose last bit is the implementation's choice for these operands. */
static bool bits_open(enum sp_op op, const struct sp_node *result, const struct sp_node *operand)
{
    bool complex = sp_dtypes[operand->dtype].cls == SP_CLASS_C || sp_dtypes[result->dtype].cls == SP_CLASS_C;
    switch (op) {
    case SP_OP_divide:
    case SP_OP_reciprocal:
    case SP_OP_sqrt:
    case SP_OP_abs:
    case SP_OP_sign: return complex;
    default: return false;
    }
}

/* The sign of a NaN is open, so what looks at signs is kept away from functions that make NaN. */
static enum sp_op choose(struct rg *g, bool *exact)
{
    *exact = !(g->o->transcendental && rg_chance(g, 45));
    enum sp_op op = *exact ? exact_ops[rg_below(g, COUNT(exact_ops))] : rounded_ops[rg_below(g, COUNT(rounded_ops))];
    bool looks = op == SP_OP_signbit || op == SP_OP_copysign;
    return looks && g->o->transcendental ? SP_OP_add : op;
}

/* Operands that broadcast to something of reasonable size; false when none were found. */
static bool operands(struct rg *g, int arity, struct rg_item **x)
{
    for (int attempt = 0; attempt < 12; attempt++) {
        starp_dims shape = { 0 };
        bool fits = true;
        for (int k = 0; k < arity && fits; k++) {
            x[k] = rg_chance(g, 60) ? &g->pool[g->n - 1 - rg_below(g, g->n < 4 ? g->n : 4)] : rg_pick(g);
            fits = sp_shape_broadcast(&shape, &shape, &x[k]->node->shape);
        }
        if (fits && sp_shape_size(&shape) <= 4 * g->o->max_size) return true;
    }
    return false;
}

void rg_map(struct rg *g)
{
    bool exact;
    struct rg_item *x[SP_MAXIN] = { 0 };
    struct sp_node *in[SP_MAXIN] = { 0 };
    enum sp_op op = choose(g, &exact);
    int arity = sp_ops[op].arity, id[SP_MAXIN] = { -1, -1, -1 };
    if (!operands(g, arity, x)) return;
    for (int k = 0; k < arity; k++) {
        in[k] = x[k]->node;
        id[k] = x[k]->id;
        exact = exact && x[k]->trust == RG_EXACT;
    }
    sp_error_clear(&g->rig->g.error);
    struct sp_node *n = sp_build_map(&g->rig->g, op, arity, in);
    if (!n) return;
    if (op == SP_OP_pow && sp_dtypes[n->dtype].cls < SP_CLASS_F) { /* fails where an exponent is negative: see test_engine.c */
        sp_node_release(&g->rig->g, n);
        return;
    }
    for (int k = 0; k < arity; k++) exact = exact && !bits_open(op, n, in[k]);
    struct sp_node *twin = rg_chance(g, 8) ? sp_build_map(&g->rig->g, op, arity, in) : NULL; /* entering n may drop in[] */
    rg_enter(g, n, exact ? RG_EXACT : RG_LOOSE, "%s(%%%d, %%%d, %%%d)", sp_ops[op].name, id[0], id[1], id[2]);
    rg_enter(g, twin, exact ? RG_EXACT : RG_LOOSE, "the same again");
}

void rg_cast(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    enum rg_trust trust = x->trust == RG_EXACT ? RG_EXACT : RG_LOOSE;
    int id = x->id;
    sp_error_clear(&g->rig->g.error);
    struct sp_node *n = sp_build_cast(&g->rig->g, x->node, (starp_dtype)rg_below(g, STARP_NDTYPES));
    rg_enter(g, n, trust, "astype(%%%d)", id);
}

/* ----------------------------------------------------------------------------------------------------- reductions */

/* Sums of floats depend on their order; so do means, whose sum is in floats. The rest is exact if its operand is. */
static enum rg_trust reduce_trust(enum reduction what, const struct rg_item *x)
{
    bool is_float = sp_dtypes[x->node->dtype].cls >= SP_CLASS_F;
    if (x->trust != RG_EXACT) return RG_LOOSE;
    if (what == VAR || what == STD || what == MEAN) return RG_LOOSE;
    if (is_float && what == PROD) return RG_LOOSE;
    return is_float && what == SUM ? RG_SUM : RG_EXACT;
}

static struct sp_node *sum_of_magnitudes(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keep)
{
    struct sp_node *magnitude = sp_build_map(g, SP_OP_abs, 1, &x);
    struct sp_node *sum = sp_build_reduce(g, SP_REDUCE_SUM, magnitude, axes, keep);
    if (magnitude) sp_node_release(g, magnitude);
    return sum;
}

static const starp_dims *choose_axes(struct rg *g, int ndim, bool one, starp_dims *axes)
{
    axes->n = 0;
    if (ndim == 0 || rg_chance(g, 25)) return NULL;
    for (int a = 0; a < ndim; a++) {
        if (rg_chance(g, 45)) axes->v[axes->n++] = rg_chance(g, 70) ? a : a - ndim;
    }
    if (!one) return axes;
    axes->v[0] = rg_below(g, ndim);
    axes->n = 1;
    return axes;
}

void rg_reduce(struct rg *g)
{
    struct rg_item *x = rg_pick(g);
    enum reduction what = (enum reduction)rg_below(g, REDUCTIONS);
    starp_dims list;
    bool keep = rg_chance(g, 40);
    const starp_dims *axes = choose_axes(g, x->node->shape.n, what == ARGMIN || what == ARGMAX, &list);
    enum rg_trust trust = reduce_trust(what, x);
    int id = x->id;
    struct sp_graph *graph = &g->rig->g;
    sp_error_clear(&graph->error);
    struct sp_node *n = reduction_build(graph, what, x->node, axes, keep);
    if (!n) return;
    struct sp_node *bound = trust == RG_SUM ? sum_of_magnitudes(graph, x->node, axes, keep) : NULL;
    struct rg_item *sum = rg_enter(g, n, trust, "%s(%%%d, %d axes, keepdims %d)", reduction_names[what], id, axes ? axes->n : -1, keep);
    sum->bound = bound;
}

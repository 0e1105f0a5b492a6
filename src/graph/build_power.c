/* SPDX-License-Identifier: BSD-3-Clause */
/* build_power.c: products of many matrices: powers, chains, the exponential. */
#include <math.h>

#include "build.h"

static int64_t extent(const struct sp_node *x, int from_end)
{
    return x->shape.v[x->shape.n - from_end];
}

struct sp_node *sp_build_matrix_power(struct sp_graph *g, struct sp_node *x, int64_t power)
{
    if (!x || !sp_build_is_matrix(g, "linalg_matrix_power", x, true)) return NULL;
    uint64_t left = power < 0 ? 0 - (uint64_t)power : (uint64_t)power;
    struct sp_node *square = power < 0 ? sp_build_inv(g, x) : sp_node_retain(x), *result = NULL;
    if (square && left == 0) {
        struct sp_node *one = sp_build_eye(g, extent(x, 1), extent(x, 1), 0, (starp_dtype)x->dtype);
        result = one ? sp_build_broadcast(g, one, &x->shape) : NULL;
        if (one) sp_node_release(g, one);
    }
    while (square && left > 0) {
        struct sp_node *old = result, *was = square;
        if (left & 1) result = old ? sp_build_matmul(g, old, square) : sp_node_retain(square);
        if (left & 1 && old) sp_node_release(g, old);
        if (left & 1 && !result) break;
        left >>= 1;
        if (left == 0) break;
        square = sp_build_matmul(g, was, was);
        sp_node_release(g, was);
        if (!square && result) sp_node_release(g, result), result = NULL;
    }
    if (square) sp_node_release(g, square);
    return result;
}

/* The product of matrices i to j, bracketed as split says: a new reference. */
static struct sp_node *chain(struct sp_graph *g, struct sp_node *const *x, int i, int j, int8_t split[SP_MAX_CHAIN][SP_MAX_CHAIN])
{
    if (i == j) return sp_node_retain(x[i]);
    struct sp_node *a = chain(g, x, i, split[i][j], split), *b = a ? chain(g, x, split[i][j] + 1, j, split) : NULL;
    struct sp_node *n = b ? sp_build_matmul(g, a, b) : NULL;
    if (a) sp_node_release(g, a);
    if (b) sp_node_release(g, b);
    return n;
}

struct sp_node *sp_build_multi_dot(struct sp_graph *g, int n, struct sp_node *const *x)
{
    double cost[SP_MAX_CHAIN][SP_MAX_CHAIN], size[SP_MAX_CHAIN + 1];
    int8_t split[SP_MAX_CHAIN][SP_MAX_CHAIN];
    for (int k = 0; k < n; k++) {
        bool vector = x[k]->shape.n == 1 && (k == 0 || k == n - 1);
        if (!vector && !sp_build_is_matrix(g, "linalg_multi_dot", x[k], false)) return NULL;
        size[k] = vector && k == 0 ? 1 : (double)extent(x[k], vector ? 1 : 2);
        size[k + 1] = vector && k > 0 ? 1 : (double)extent(x[k], 1);
        cost[k][k] = 0;
    }
    for (int length = 1; length < n; length++) {
        for (int i = 0, j = length; j < n; i++, j++) {
            cost[i][j] = INFINITY;
            for (int k = i; k < j; k++) {
                double c = cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1];
                if (c < cost[i][j]) cost[i][j] = c, split[i][j] = (int8_t)k;
            }
        }
    }
    return chain(g, x, 0, n - 1, split);
}

/* ----------------------------------------------------------------------------------------------------- exponential */

static struct sp_node *number(struct sp_graph *g, double x)
{
    starp_number v = { .kind = 'f' };
    v.as.f[0] = x;
    return sp_build_const(g, &(starp_dims){ .n = 0 }, STARP_F64, v, true);
}

/* op(a, b); takes both references. */
static struct sp_node *join(struct sp_graph *g, enum sp_op op, struct sp_node *a, struct sp_node *b)
{
    struct sp_node *n = a && b ? sp_build_map(g, op, 2, (struct sp_node *[]){ a, b }) : NULL;
    if (a) sp_node_release(g, a);
    if (b) sp_node_release(g, b);
    return n;
}

/* The product; takes a's reference. */
static struct sp_node *times(struct sp_graph *g, struct sp_node *a, struct sp_node *b)
{
    struct sp_node *n = a && b ? sp_build_matmul(g, a, b) : NULL;
    if (a) sp_node_release(g, a);
    return n;
}

/* b[0] x[0] + b[1] x[1] + ... */
static struct sp_node *combination(struct sp_graph *g, int n, struct sp_node *const *x, const double *b)
{
    struct sp_node *sum = NULL;
    for (int k = 0; k < n; k++) {
        struct sp_node *term = join(g, SP_OP_multiply, x[k] ? sp_node_retain(x[k]) : NULL, number(g, b[k]));
        sum = k == 0 ? term : join(g, SP_OP_add, sum, term);
    }
    return sum;
}

/* Numerator and denominator of the approximant are v + u and v - u; x[] are 1, a^2, a^4, a^6. */
static struct sp_node *approximant(struct sp_graph *g, struct sp_node *a, struct sp_node *const *x)
{
    static const double odd[] = { 32382376266240000, 1187353796428800, 10559470521600, 33522128640 };
    static const double even[] = { 64764752532480000, 7771770303897600, 129060195264000, 670442572800 };
    static const double odd_high[] = { 40840800, 16380, 1 }, even_high[] = { 1323241920, 960960, 182 };
    struct sp_node *u = join(g, SP_OP_add, times(g, combination(g, 3, x + 1, odd_high), x[3]), combination(g, 4, x, odd));
    u = times(g, u, a);
    struct sp_node *v = join(g, SP_OP_add, times(g, combination(g, 3, x + 1, even_high), x[3]), combination(g, 4, x, even));
    struct sp_node *above = u && v ? join(g, SP_OP_add, sp_node_retain(v), sp_node_retain(u)) : NULL, *below = join(g, SP_OP_subtract, v, u);
    struct sp_node *n = above && below ? sp_build_solve(g, SP_CALL_solve, below, above, NULL) : NULL;
    if (above) sp_node_release(g, above);
    if (below) sp_node_release(g, below);
    return n;
}

struct sp_node *sp_build_expm(struct sp_graph *g, struct sp_node *x, int squarings)
{
    struct sp_node *power[4] = { NULL, NULL, NULL, NULL }, *n = NULL;
    if (!x || !sp_build_is_matrix(g, "linalg_expm", x, true)) return NULL;
    starp_dtype d = sp_dtype_to_linalg((starp_dtype)x->dtype);
    struct sp_node *a = join(g, SP_OP_multiply, sp_build_cast(g, x, d), number(g, ldexp(1, -squarings)));
    if (a) power[0] = sp_build_eye(g, extent(x, 1), extent(x, 1), 0, d);
    if (power[0]) power[1] = sp_build_matmul(g, a, a);
    if (power[1]) power[2] = sp_build_matmul(g, power[1], power[1]);
    if (power[2]) power[3] = sp_build_matmul(g, power[2], power[1]);
    if (power[3]) n = approximant(g, a, power);
    for (int k = 0; k < squarings && n; k++) {
        struct sp_node *square = sp_build_matmul(g, n, n);
        sp_node_release(g, n);
        n = square;
    }
    for (int k = 0; k < 4; k++) {
        if (power[k]) sp_node_release(g, power[k]);
    }
    if (a) sp_node_release(g, a);
    return n;
}

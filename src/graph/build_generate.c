/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_generate.c: arrays that come from their index: arange, linspace, eye, random numbers. Each is an elementwise
 * operation on an iota leaf (an affine function of the index), so views of it fold and it is fused like anything else.
 */
#include <math.h>
#include <string.h>

#include "build.h"

struct sp_node *sp_build_iota(struct sp_graph *g, const starp_dims *shape, int64_t start, const int64_t *step)
{
    struct sp_node *n = sp_node_new(g, SP_KIND_IOTA, STARP_I64, shape);
    if (!n) return NULL;
    n->view = sp_slab_get(&g->views);
    if (!n->view) {
        sp_fail_memory(&g->error);
        sp_node_release(g, n);
        return NULL;
    }
    sp_view_identity(n->view, shape->n);
    n->view->start[0] = start;
    memcpy(n->view->step, step, (size_t)shape->n * sizeof *step);
    return n;
}

/* The row-major index of each element. */
static struct sp_node *linear_iota(struct sp_graph *g, const starp_dims *shape)
{
    int64_t step[STARP_MAXDIM], stride = 1;
    for (int a = shape->n - 1; a >= 0; a--) {
        step[a] = stride;
        stride *= shape->v[a] > 0 ? shape->v[a] : 1;
    }
    return sp_build_iota(g, shape, 0, step);
}

struct sp_node *sp_build_generator(struct sp_graph *g, enum sp_op op, starp_dtype dtype, struct sp_node *index,
                                   const void *param, size_t size)
{
    if (!index) return NULL;
    struct sp_node *n = sp_node_new(g, SP_KIND_MAP, dtype, &index->shape);
    if (n) {
        n->op = (uint16_t)op;
        memset(n->param, 0, sizeof n->param);
        memcpy(n->param, param, size);
        sp_node_input(n, index);
    }
    sp_node_release(g, index);
    return n;
}

static starp_dims vector(int64_t n)
{
    return (starp_dims){ 1, { n } };
}

struct sp_node *sp_build_arange(struct sp_graph *g, double start, double stop, double step, starp_dtype dtype)
{
    if (!sp_build_check(g, "arange", &(starp_dims){ 0 }, dtype)) return NULL;
    if (dtype == STARP_BOOL) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "arange: not defined for bool");
        return NULL;
    }
    double count = ceil((stop - start) / step);
    if (!isfinite(start) || !isfinite(stop) || !isfinite(step) || step == 0 || !(count < 0x1p60)) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "arange: from %g to %g in steps of %g has no finite length", start, stop, step);
        return NULL;
    }
    starp_dims shape = vector(count > 0 ? (int64_t)count : 0);
    if (!sp_build_check(g, "arange", &shape, dtype)) return NULL;
    bool whole = sp_dtypes[dtype].cls == SP_CLASS_I;
    if (whole && !(fabs(start) < 0x1p63 && fabs(step) < 0x1p63)) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "arange: %g in steps of %g is out of int64's range", start, step);
        return NULL;
    }
    if (!whole) return sp_build_generator(g, SP_OP_arange, dtype, linear_iota(g, &shape), (double[]){ start, step }, 2 * sizeof(double));
    return sp_build_generator(g, SP_OP_arange, dtype, linear_iota(g, &shape), (int64_t[]){ (int64_t)start, (int64_t)step },
                              2 * sizeof(int64_t));
}

struct sp_node *sp_build_linspace(struct sp_graph *g, double start, double stop, int64_t num, bool endpoint, starp_dtype dtype)
{
    starp_dims shape = vector(num);
    if (!sp_build_check(g, "linspace", &shape, dtype)) return NULL;
    if (sp_dtypes[dtype].cls < SP_CLASS_F) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "linspace: not defined for %s", sp_dtypes[dtype].name);
        return NULL;
    }
    double parts = (double)(endpoint ? num - 1 : num);
    double step = parts > 0 ? (stop - start) / parts : 0;
    double last = endpoint && num > 1 ? (double)(num - 1) : -1;
    double param[4] = { start, step, stop, last };
    return sp_build_generator(g, SP_OP_linspace, dtype, linear_iota(g, &shape), param, sizeof param);
}

/* column - row == k */
struct sp_node *sp_build_eye(struct sp_graph *g, int64_t n, int64_t m, int64_t k, starp_dtype dtype)
{
    starp_dims shape = { 2, { n, m } };
    if (!sp_build_check(g, "eye", &shape, dtype)) return NULL;
    struct sp_node *difference = sp_build_iota(g, &shape, 0, (int64_t[]){ -1, 1 });
    struct sp_node *diagonal = sp_build_const(g, &(starp_dims){ 0 }, STARP_I64, starp_number_int(k), false);
    struct sp_node *on = NULL, *eye = NULL;
    if (difference && diagonal) on = sp_build_map(g, SP_OP_equal, 2, (struct sp_node *[]){ difference, diagonal });
    if (on) eye = sp_build_cast(g, on, dtype);
    if (difference) sp_node_release(g, difference);
    if (diagonal) sp_node_release(g, diagonal);
    if (on) sp_node_release(g, on);
    return eye;
}

static bool random_dtype(struct sp_graph *g, enum sp_op op, starp_dtype dtype, int64_t low, int64_t high)
{
    bool whole = op == SP_OP_integers;
    if (sp_dtypes[dtype].cls != (whole ? SP_CLASS_I : SP_CLASS_F)) {
        sp_fail(&g->error, STARP_ERR_DTYPE, "random %s: not defined for %s", sp_ops[op].name, sp_dtypes[dtype].name);
        return false;
    }
    if (!whole) return true;
    if (low >= high) {
        sp_fail(&g->error, STARP_ERR_ARGUMENT, "random integers: low (%lld) is not below high (%lld)", (long long)low, (long long)high);
        return false;
    }
    int bits = sp_dtypes[dtype].size * 8 - sp_dtypes[dtype].is_signed;
    int64_t most = bits >= 63 ? INT64_MAX : ((int64_t)1 << bits) - 1;
    int64_t least = !sp_dtypes[dtype].is_signed ? 0 : bits == 63 ? INT64_MIN : -((int64_t)1 << bits);
    if (low >= least && high - 1 <= most) return true;
    sp_fail(&g->error, STARP_ERR_ARGUMENT, "random integers: [%lld, %lld) does not fit in %s", (long long)low, (long long)high,
            sp_dtypes[dtype].name);
    return false;
}

struct sp_node *sp_build_random(struct sp_graph *g, enum sp_op op, const starp_dims *shape, starp_dtype dtype, uint64_t seed,
                                uint64_t stream, int64_t low, int64_t high)
{
    if (!sp_build_check(g, "random", shape, dtype) || !random_dtype(g, op, dtype, low, high)) return NULL;
    uint64_t param[4] = { seed, stream, (uint64_t)low, (uint64_t)high - (uint64_t)low };
    return sp_build_generator(g, op, dtype, linear_iota(g, shape), param, op == SP_OP_integers ? sizeof param : 2 * sizeof param[0]);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* reductions.c: the public reductions as one list, with the dtypes they give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reductions.h"

const char *const reduction_names[REDUCTIONS] = { "sum", "mean", "prod", "min", "max", "var", "std", "any", "all",
                                                  "count_nonzero", "argmin", "argmax" };

struct sp_node *reduction_build(struct sp_graph *g, enum reduction what, struct sp_node *x, const starp_dims *axes, bool keep)
{
    switch (what) {
    case SUM: return sp_build_reduce(g, SP_REDUCE_SUM, x, axes, keep);
    case MEAN: return sp_build_mean(g, x, axes, keep);
    case PROD: return sp_build_reduce(g, SP_REDUCE_PROD, x, axes, keep);
    case MIN: return sp_build_reduce(g, SP_REDUCE_MIN, x, axes, keep);
    case MAX: return sp_build_reduce(g, SP_REDUCE_MAX, x, axes, keep);
    case VAR: return sp_build_var(g, x, axes, keep, 0, false);
    case STD: return sp_build_var(g, x, axes, keep, 1, true);
    case ANY: return sp_build_any(g, x, axes, keep, false);
    case ALL: return sp_build_any(g, x, axes, keep, true);
    case COUNT_NONZERO: return sp_build_count_nonzero(g, x, axes, keep);
    case ARGMIN: return sp_build_reduce(g, SP_REDUCE_ARGMIN, x, axes, keep);
    default: return sp_build_reduce(g, SP_REDUCE_ARGMAX, x, axes, keep);
    }
}

static starp_dtype sum_dtype(starp_dtype d)
{
    if (sp_dtypes[d].cls >= SP_CLASS_F) return d;
    return sp_dtypes[d].cls == SP_CLASS_I && !sp_dtypes[d].is_signed ? STARP_U64 : STARP_I64;
}

static starp_dtype real_of(starp_dtype d)
{
    return d == STARP_C64 || d == STARP_F32 ? STARP_F32 : STARP_F64;
}

starp_dtype reduction_dtype(enum reduction what, starp_dtype d)
{
    bool complex = sp_dtypes[d].cls == SP_CLASS_C;
    switch (what) {
    case SUM:
    case PROD: return sum_dtype(d);
    case MEAN: return complex ? d : real_of(d);
    case VAR:
    case STD: return real_of(d);
    case MIN:
    case MAX: return complex ? STARP_NDTYPES : d;
    case ANY:
    case ALL: return STARP_BOOL;
    case COUNT_NONZERO: return STARP_I64;
    default: return complex ? STARP_NDTYPES : STARP_I64;
    }
}

struct sp_node *reduction_operand(struct rig *r, const starp_dims *shape, starp_dtype d, double lo, double hi, uint64_t seed)
{
    int64_t size = sp_shape_size(shape);
    void *data = calloc((size_t)size + 1, sp_dtypes[d].size);
    assert_non_null(data);
    rig_fill(d, data, size, lo, hi, &seed);
    struct sp_node *n = rig_data(r, data, shape, d);
    free(data);
    return n;
}

starp_dims reduction_axes(unsigned set, int ndim)
{
    starp_dims axes = { 0 };
    for (int a = 0; a < ndim; a++) {
        if (set >> a & 1) axes.v[axes.n++] = a % 2 ? a : a - ndim;
    }
    return axes;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * properties.c: what a handle or a dtype is. Everything here is known since the call that made the array: nothing is
 * computed and nothing waits.
 */
#include "client.h"

starp_dtype starp_dtype_of(starp_array *x)
{
    return sp_client_enter("dtype_of", x, __builtin_return_address(0)) ? x->node->dtype : STARP_NDTYPES;
}

int starp_ndim(starp_array *x)
{
    return sp_client_enter("ndim", x, __builtin_return_address(0)) ? x->node->shape.n : -1;
}

int64_t starp_dim(starp_array *x, int axis)
{
    const void *site = __builtin_return_address(0);
    if (!sp_client_enter("dim", x, site)) return -1;
    const starp_dims *shape = &x->node->shape;
    int a = axis < 0 ? axis + shape->n : axis;
    if (a >= 0 && a < shape->n) return shape->v[a];
    sp_client_fail(site, STARP_ERR_INDEX, "dim: axis %d is out of bounds for %d dimensions", axis, shape->n);
    return -1;
}

int64_t starp_size(starp_array *x)
{
    return sp_client_enter("size", x, __builtin_return_address(0)) ? sp_shape_size(&x->node->shape) : -1;
}

starp_status starp_shape_of(starp_array *x, starp_dims *shape)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(sp_client_check("shape_of", x, site));
    if (!shape) return sp_client_report(site, STARP_ERR_ARGUMENT, "shape_of: the place for the shape is NULL");
    *shape = (starp_dims){ .n = x->node->shape.n };
    for (int a = 0; a < shape->n; a++) shape->v[a] = x->node->shape.v[a];
    return STARP_OK;
}

size_t starp_dtype_size(starp_dtype dtype)
{
    return sp_dtype_valid(dtype) ? sp_dtypes[dtype].size : 0;
}

const char *starp_dtype_name(starp_dtype dtype)
{
    return sp_dtype_valid(dtype) ? sp_dtypes[dtype].name : NULL;
}

starp_dtype starp_result_type(starp_dtype a, starp_dtype b)
{
    return sp_dtype_valid(a) && sp_dtype_valid(b) ? sp_promote(a, b) : STARP_NDTYPES;
}

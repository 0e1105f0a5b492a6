/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * create.c: arrays out of nothing: constants, ranges, random numbers, host data. All but from_host record a node and
 * cost no memory; from_host copies at the call.
 */
#include <string.h>

#include "client.h"

bool sp_client_shape(starp_session *s, const char *what, const starp_dims *shape)
{
    if (shape) return true;
    sp_client_fail(s->graph.site, STARP_ERR_ARGUMENT, "%s: the shape is NULL", what);
    return false;
}

bool sp_client_axes(starp_session *s, const char *what, const starp_dims *axes)
{
    if (!axes || (axes->n >= 0 && axes->n <= STARP_MAXDIM)) return true;
    sp_client_fail(s->graph.site, STARP_ERR_INDEX, "%s: %d axes; 0 to %d are allowed", what, axes->n, STARP_MAXDIM);
    return false;
}

/* ---------------------------------------------------------------------------------------------------------- numbers */

/* The dtype a number has alone, or STARP_NDTYPES when it was not made by starp_number_*. */
static starp_dtype natural_dtype(starp_number value)
{
    switch (value.kind) {
    case 'b': return STARP_BOOL;
    case 'i': return STARP_I64;
    case 'u': return value.as.u <= INT64_MAX ? STARP_I64 : STARP_U64;
    case 'f': return STARP_F64;
    case 'c': return STARP_C128;
    default: return STARP_NDTYPES;
    }
}

/* -------------------------------------------------------------------------------------------------------- constants */

static starp_array *full(const char *what, starp_session *s, const starp_dims *shape, starp_number value,
                         starp_dtype dtype, bool weak, const void *site)
{
    if (!sp_client_begin(what, s, site) || !sp_client_shape(s, what, shape)) return NULL;
    if (natural_dtype(value) == STARP_NDTYPES) {
        sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: a number of kind %d; use STARP_NUMBER", what, value.kind);
        return NULL;
    }
    return sp_client_wrap(s, sp_build_const(&s->graph, shape, dtype, value, weak));
}

starp_array *starp_zeros(starp_session *s, const starp_dims *shape, starp_dtype dtype)
{
    return full("zeros", s, shape, starp_number_int(0), dtype, false, __builtin_return_address(0));
}

starp_array *starp_ones(starp_session *s, const starp_dims *shape, starp_dtype dtype)
{
    return full("ones", s, shape, starp_number_int(1), dtype, false, __builtin_return_address(0));
}

starp_array *starp_empty(starp_session *s, const starp_dims *shape, starp_dtype dtype)
{
    return full("empty", s, shape, starp_number_int(0), dtype, false, __builtin_return_address(0));
}

starp_array *starp_full_number(starp_session *s, const starp_dims *shape, starp_number value, starp_dtype dtype)
{
    return full("full", s, shape, value, dtype, false, __builtin_return_address(0));
}

starp_array *starp_scalar_number(starp_session *s, starp_number value)
{
    starp_dtype dtype = natural_dtype(value);
    return full("scalar", s, STARP_SHAPE0, value, dtype, true, __builtin_return_address(0));
}

/* ----------------------------------------------------------------------------------------------------------- ranges */

starp_array *starp_arange(starp_session *s, double start, double stop, double step, starp_dtype dtype)
{
    if (!sp_client_begin("arange", s, __builtin_return_address(0))) return NULL;
    return sp_client_wrap(s, sp_build_arange(&s->graph, start, stop, step, dtype));
}

starp_array *starp_linspace(starp_session *s, double start, double stop, int64_t num, int endpoint, starp_dtype dtype)
{
    if (!sp_client_begin("linspace", s, __builtin_return_address(0))) return NULL;
    return sp_client_wrap(s, sp_build_linspace(&s->graph, start, stop, num, endpoint, dtype));
}

starp_array *starp_eye(starp_session *s, int64_t n, int64_t m, int64_t k, starp_dtype dtype)
{
    if (!sp_client_begin("eye", s, __builtin_return_address(0))) return NULL;
    return sp_client_wrap(s, sp_build_eye(&s->graph, n, m, k, dtype));
}

/* -------------------------------------------------------------------------------------------------------- host data */

/* Copies the data into a value for a node that has none yet. */
static starp_status fill(starp_session *s, struct sp_node *node, const void *data, struct sp_error *e)
{
    char text[SP_SHAPE_TEXT];
    int64_t size = sp_shape_size(&node->shape);
    if (!data && size > 0) {
        return sp_fail(e, STARP_ERR_ARGUMENT, "from_host: the data is NULL, and shape %s has %lld elements",
                       sp_shape_text(text, &node->shape), (long long)size);
    }
    return sp_sched_ops.put(s->sched, node, data, e);
}

starp_array *starp_from_host(starp_session *s, const void *data, const starp_dims *shape, starp_dtype dtype)
{
    const void *site = __builtin_return_address(0);
    if (!sp_client_begin("from_host", s, site) || !sp_client_shape(s, "from_host", shape)) return NULL;
    struct sp_node *node = sp_build_data(&s->graph, shape, dtype, NULL);
    if (node && fill(s, node, data, &s->graph.error) != STARP_OK) {
        sp_node_release(&s->graph, node);
        node = NULL;
    }
    starp_array *x = sp_client_wrap(s, node);
    if (!x || sp_client_flush_bytes(s, sp_shape_size(shape) * sp_dtypes[dtype].size)) return x;
    starp_release(x);
    return NULL;
}

/* --------------------------------------------------------------------------------------------------- random numbers */

static starp_array *random_array(const char *what, starp_session *s, enum sp_op op, const starp_dims *shape,
                                 starp_dtype dtype, const int64_t range[2], const void *site)
{
    if (!sp_client_begin(what, s, site) || !sp_client_shape(s, what, shape)) return NULL;
    struct sp_node *node = sp_build_random(&s->graph, op, shape, dtype, s->seed, s->stream, range[0], range[1]);
    if (node) s->stream++; /* a failed call leaves the numbers of the next one as they were */
    return sp_client_wrap(s, node);
}

starp_array *starp_random_uniform(starp_session *s, const starp_dims *shape, starp_dtype dtype)
{
    const void *site = __builtin_return_address(0);
    return random_array("random_uniform", s, SP_OP_uniform, shape, dtype, (int64_t[]){ 0, 0 }, site);
}

starp_array *starp_random_standard_normal(starp_session *s, const starp_dims *shape, starp_dtype dtype)
{
    const void *site = __builtin_return_address(0);
    return random_array("random_standard_normal", s, SP_OP_normal, shape, dtype, (int64_t[]){ 0, 0 }, site);
}

starp_array *starp_random_integers(starp_session *s, int64_t low, int64_t high, const starp_dims *shape,
                                   starp_dtype dtype)
{
    const void *site = __builtin_return_address(0);
    return random_array("random_integers", s, SP_OP_integers, shape, dtype, (int64_t[]){ low, high }, site);
}

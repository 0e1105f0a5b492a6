/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reduce.c: the reductions. Each checks its handle and whether its list of axes can be read, and records a node or a
 * few; what is wrong with the axes themselves, the graph says.
 */
#include "client.h"

static starp_session *enter(const char *what, starp_array *x, const starp_dims *axes, const void *site)
{
    starp_session *s = sp_client_enter(what, x, site);
    return s && sp_client_axes(s, what, axes) ? s : NULL;
}

static starp_array *reduce(enum sp_reduce kind, starp_array *x, const starp_dims *axes, int keepdims, const void *site)
{
    starp_session *s = enter(sp_reduce_names[kind], x, axes, site);
    return s ? sp_client_wrap(s, sp_build_reduce(&s->graph, kind, x->node, axes, keepdims)) : NULL;
}

#define FUNCTION(name, KIND) \
    starp_array *starp_##name(starp_array *x, const starp_dims *axes, int keepdims) \
    { \
        return reduce(SP_REDUCE_##KIND, x, axes, keepdims, __builtin_return_address(0)); \
    }
FUNCTION(sum, SUM)
FUNCTION(prod, PROD)
FUNCTION(min, MIN)
FUNCTION(max, MAX)
FUNCTION(argmin, ARGMIN)
FUNCTION(argmax, ARGMAX)

starp_array *starp_mean(starp_array *x, const starp_dims *axes, int keepdims)
{
    starp_session *s = enter("mean", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_mean(&s->graph, x->node, axes, keepdims)) : NULL;
}

starp_array *starp_var(starp_array *x, const starp_dims *axes, int keepdims, double correction)
{
    starp_session *s = enter("var", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_var(&s->graph, x->node, axes, keepdims, correction, false)) : NULL;
}

starp_array *starp_std(starp_array *x, const starp_dims *axes, int keepdims, double correction)
{
    starp_session *s = enter("std", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_var(&s->graph, x->node, axes, keepdims, correction, true)) : NULL;
}

starp_array *starp_any(starp_array *x, const starp_dims *axes, int keepdims)
{
    starp_session *s = enter("any", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_any(&s->graph, x->node, axes, keepdims, false)) : NULL;
}

starp_array *starp_all(starp_array *x, const starp_dims *axes, int keepdims)
{
    starp_session *s = enter("all", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_any(&s->graph, x->node, axes, keepdims, true)) : NULL;
}

starp_array *starp_count_nonzero(starp_array *x, const starp_dims *axes, int keepdims)
{
    starp_session *s = enter("count_nonzero", x, axes, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_count_nonzero(&s->graph, x->node, axes, keepdims)) : NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * elementwise.c: one function for each row of ops.def, and astype. This is the path that expressions are recorded on:
 * two loads to check each handle, a node, a handle.
 */
#include "client.h"

static starp_array *map(enum sp_op op, int n, starp_array *const *x, const void *site)
{
    struct sp_node *in[SP_MAXIN];
    for (int i = 0; i < n; i++) {
        if (!x[i]) return NULL;
        if (x[i]->magic != SP_ARRAY_MAGIC) return sp_client_dead(sp_ops[op].name, i + 1, site), NULL;
        if (x[i]->session != x[0]->session) return sp_client_foreign(sp_ops[op].name, i + 1, site), NULL;
        in[i] = x[i]->node;
    }
    starp_session *s = x[0]->session;
    s->graph.site = site;
    return sp_client_wrap(s, sp_build_map(&s->graph, op, n, in));
}

#define FUNCTION_1(name) \
    starp_array *starp_##name(starp_array *a) \
    { \
        return map(SP_OP_##name, 1, (starp_array *[]){ a }, __builtin_return_address(0)); \
    }
#define FUNCTION_2(name) \
    starp_array *starp_##name(starp_array *a, starp_array *b) \
    { \
        return map(SP_OP_##name, 2, (starp_array *[]){ a, b }, __builtin_return_address(0)); \
    }
#define FUNCTION_3(name) \
    starp_array *starp_##name(starp_array *a, starp_array *b, starp_array *c) \
    { \
        return map(SP_OP_##name, 3, (starp_array *[]){ a, b, c }, __builtin_return_address(0)); \
    }
#define STARP_OP(name, arity, result, bool_form, int_form, float_form, complex_form, doc) FUNCTION_##arity(name)
#include "starp/ops.def"
#undef STARP_OP

starp_array *starp_astype(starp_array *x, starp_dtype dtype)
{
    starp_session *s = sp_client_enter("astype", x, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_cast(&s->graph, x->node, dtype)) : NULL;
}

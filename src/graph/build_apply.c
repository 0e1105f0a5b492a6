/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_apply.c: a function of the user's for each element, as a node: an elementwise operation like those of the tables, but
 * that its function is told by a number, which is known to whoever keeps the list of them.
 */
#include <string.h>

#include "build.h"

/* Nothing is lost that promotion would keep: what x and `in` have in common is `in`. */
static bool is_convertible(const struct sp_node *x, starp_dtype in)
{
    starp_dtype common = x->weak ? sp_promote_weak(in, (starp_dtype)x->dtype) : sp_promote((starp_dtype)x->dtype, in);
    return common == in;
}

struct sp_node *sp_build_apply(struct sp_graph *g, const struct sp_apply_param *p, starp_dtype in, starp_dtype out, int n,
                               struct sp_node *const *x)
{
    starp_dims shape;
    for (int i = 0; i < n; i++) {
        if (!x[i]) return NULL;
        if (is_convertible(x[i], in)) continue;
        sp_fail(&g->error, STARP_ERR_DTYPE, "%s: argument %d is %s%s, which is not converted to %s", p->name, i + 1,
                x[i]->weak ? "a C number, " : "", sp_dtypes[x[i]->dtype].name, sp_dtypes[in].name);
        return NULL;
    }
    if (!sp_build_common_shape(g, p->name, n, x, &shape) || !sp_build_check(g, p->name, &shape, out)) return NULL;
    struct sp_node *node = sp_node_new(g, SP_KIND_MAP, out, &shape);
    if (!node) return NULL;
    node->op = (uint16_t)(SP_OP_apply1 + n - 1);
    memcpy(node->param, p, sizeof *p);
    for (int i = 0; i < n; i++) {
        struct sp_node *own = sp_build_converted(g, x[i], in);
        if (!own) return sp_node_release(g, node), NULL;
        node->in[node->nin++] = own;
    }
    return node;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * node.c: making and freeing nodes. Nodes are counted; freeing walks a list threaded through the dying nodes, never the
 * stack, so a chain of a million nodes dies like any other. Making one costs a free-list pop and a few stores.
 */
#include <string.h>

#include "graph.h"

const char *const sp_kind_names[SP_KINDS] = { "const", "iota", "data", "map", "view", "reshape", "reduce", "call", "part" };

void sp_graph_init(struct sp_graph *g, sp_drop_fn *drop, void *executor)
{
    *g = (struct sp_graph){ .drop = drop, .executor = executor };
    sp_slab_init(&g->nodes, sizeof(struct sp_node));
    sp_slab_init(&g->views, sizeof(struct sp_view));
}

void sp_graph_free(struct sp_graph *g)
{
    sp_slab_free(&g->nodes);
    sp_slab_free(&g->views);
}

struct sp_node *sp_node_retain(struct sp_node *n)
{
    n->refs++;
    return n;
}

/* One reference less; a node that has none left joins the list of the dying. */
static struct sp_node *unref(struct sp_node *n, struct sp_node *dying)
{
    if (--n->refs > 0) return dying;
    n->link = dying;
    return n;
}

static struct sp_node *drop_inputs(struct sp_node *n, struct sp_node *dying)
{
    for (int i = 0; i < n->nin; i++) dying = unref(n->in[i], dying);
    n->nin = 0;
    return dying;
}

static void destroy(struct sp_graph *g, struct sp_node *n)
{
    if (n->shared && g->gone) g->gone(g->executor, n->id);
    if (n->value) g->drop(g->executor, n->value);
    if (n->plan) sp_plan_release(n->plan);
    if (n->view) sp_slab_put(&g->views, n->view);
    sp_free(n->fault);
    sp_free(n->results);
    sp_slab_put(&g->nodes, n);
    g->live--;
}

static void bury(struct sp_graph *g, struct sp_node *dying)
{
    while (dying) {
        struct sp_node *n = dying;
        dying = drop_inputs(n, n->link);
        destroy(g, n);
    }
}

void sp_node_release(struct sp_graph *g, struct sp_node *n)
{
    bury(g, unref(n, NULL));
}

void sp_node_settle(struct sp_graph *g, struct sp_node *n, struct sp_value *value)
{
    n->value = value;
    bury(g, drop_inputs(n, NULL));
    if (n->view) sp_slab_put(&g->views, n->view);
    n->view = NULL;
    n->kind = SP_KIND_DATA;
}

bool sp_node_is_leaf(const struct sp_node *n)
{
    return n->kind <= SP_KIND_DATA;
}

int64_t sp_node_bytes(const struct sp_node *n)
{
    int64_t bytes = sp_shape_size(&n->shape) * sp_dtypes[n->dtype].size;
    for (int k = 1; n->results && k < n->results->n; k++) {
        bytes += sp_shape_size(&n->results->shape[k]) * sp_dtypes[n->results->dtype[k]].size;
    }
    return bytes;
}

const char *sp_node_name(const struct sp_node *n)
{
    if (n->kind == SP_KIND_MAP && sp_op_applies(n->op)) return (const char *)n->param + offsetof(struct sp_apply_param, name);
    if (n->kind == SP_KIND_MAP) return sp_ops[n->op].name;
    if (n->kind == SP_KIND_REDUCE) return sp_reduce_names[n->op];
    if (n->kind == SP_KIND_CALL) return sp_calls[n->op].name;
    return sp_kind_names[n->kind];
}

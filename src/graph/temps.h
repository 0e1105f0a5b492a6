/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * temps.h: for builders of graphs of several nodes. Each new node is held until the end, where all are released at once, so that
 * nothing has to be checked on the way: what is built on NULL is NULL.
 */
#ifndef SP_TEMPS_H
#define SP_TEMPS_H

#include <assert.h>

#include "build.h"

#define SP_MOST_TEMPS 80

/* Nodes on the way to a result, released together; once something has failed, everything is NULL. */
struct temps {
    struct sp_graph *g;
    struct sp_node *node[SP_MOST_TEMPS];
    int n;
};

static inline struct sp_node *hold(struct temps *t, struct sp_node *x)
{
    assert(t->n < SP_MOST_TEMPS);
    if (x) t->node[t->n++] = x;
    return x;
}

/* The result with a reference of its own. */
static inline struct sp_node *finish(struct temps *t, struct sp_node *result)
{
    if (result) sp_node_retain(result);
    while (t->n > 0) sp_node_release(t->g, t->node[--t->n]);
    return result;
}

static inline struct sp_node *op1(struct temps *t, enum sp_op op, struct sp_node *a)
{
    return hold(t, sp_build_map(t->g, op, 1, (struct sp_node *[]){ a }));
}

static inline struct sp_node *op2(struct temps *t, enum sp_op op, struct sp_node *a, struct sp_node *b)
{
    return hold(t, sp_build_map(t->g, op, 2, (struct sp_node *[]){ a, b }));
}

static inline struct sp_node *where(struct temps *t, struct sp_node *c, struct sp_node *a, struct sp_node *b)
{
    return hold(t, sp_build_map(t->g, SP_OP_where, 3, (struct sp_node *[]){ c, a, b }));
}

/* A weak scalar. */
static inline struct sp_node *number(struct temps *t, double x)
{
    starp_number v = { .kind = 'f' };
    v.as.f[0] = x;
    return hold(t, sp_build_const(t->g, &(starp_dims){ .n = 0 }, STARP_F64, v, true));
}

/* x[start:stop:step] along an axis. */
static inline struct sp_node *slice_along(struct temps *t, struct sp_node *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    starp_index item[STARP_MAXDIM];
    for (int a = 0; a < axis; a++) item[a] = (starp_index)STARP_ALL;
    item[axis] = (starp_index)STARP_STEP(start, stop, step);
    return hold(t, sp_build_slice(t->g, x, axis + 1, item));
}

/* start + step * index along an axis of x, of n elements; it broadcasts against x. */
static inline struct sp_node *index_along(struct temps *t, const struct sp_node *x, int axis, int64_t n, int64_t start, int64_t step)
{
    starp_dims shape = { .n = x->shape.n - axis };
    int64_t steps[STARP_MAXDIM] = { step };
    for (int a = 0; a < shape.n; a++) shape.v[a] = a == 0 ? n : 1;
    return hold(t, sp_build_iota(t->g, &shape, start, steps));
}

/* Whether a node of integers is k. */
static inline struct sp_node *equals(struct temps *t, struct sp_node *x, int64_t k)
{
    struct sp_node *c = hold(t, sp_build_const(t->g, &(starp_dims){ .n = 0 }, STARP_I64, starp_number_int(k), false));
    return op2(t, SP_OP_equal, x, c);
}

static inline bool is_complex(const struct sp_node *x)
{
    return sp_dtypes[x->dtype].cls == SP_CLASS_C;
}

#endif

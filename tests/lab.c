/* SPDX-License-Identifier: BSD-3-Clause */
/* lab.c: small graphs, planned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "interpret.h"
#include "lab.h"

struct lab lab_open(void)
{
    struct lab l = { .options = { .fuse = true, .merge = true, .inplace = true } };
    rig_open(&l.r, &interpreter_ops, interpreter_open(true, true, true));
    return l;
}

void lab_close(struct lab *l)
{
    sp_plan_release(l->plan);
    sp_order_free(&l->order);
    sp_plan_cache_free(&l->cache);
    rig_release(&l->r, l->made, l->n);
    assert_int_equal(l->r.g.live, 0);
    rig_close(&l->r);
}

struct sp_node *lab_keep(struct lab *l, struct sp_node *n)
{
    if (!n) fail_msg("%s", l->r.g.error.text);
    return l->made[l->n++] = n;
}

struct sp_node *lab_array(struct lab *l, int64_t rows, int64_t cols)
{
    starp_dims shape = { cols ? 2 : 1, { rows, cols } };
    return lab_keep(l, rig_data(&l->r, NULL, &shape, STARP_F64));
}

struct sp_node *lab_op2(struct lab *l, enum sp_op op, struct sp_node *a, struct sp_node *b)
{
    return lab_keep(l, sp_build_map(&l->r.g, op, 2, (struct sp_node *[]){ a, b }));
}

struct sp_node *lab_op(struct lab *l, enum sp_op op, struct sp_node *a)
{
    return lab_keep(l, sp_build_map(&l->r.g, op, 1, &a));
}

struct sp_node *lab_number(struct lab *l, double v)
{
    return lab_keep(l, sp_build_const(&l->r.g, &(starp_dims){ 0 }, STARP_F64, starp_number_real(v), true));
}

struct sp_node *lab_cut(struct lab *l, struct sp_node *x, int64_t start, int64_t stop)
{
    return lab_keep(l, sp_build_slice(&l->r.g, x, 1, &STARP_RANGE(start, stop)));
}

struct sp_node *lab_sum(struct lab *l, struct sp_node *x)
{
    return lab_keep(l, sp_build_reduce(&l->r.g, SP_REDUCE_SUM, x, NULL, false));
}

const struct sp_plan *lab_plan(struct lab *l, int n, struct sp_node *const *roots)
{
    struct sp_error e = { 0 };
    sp_plan_release(l->plan);
    l->plan = NULL;
    if (sp_order_make(&l->order, &l->r.g, roots, n, l->options.merge, &e) != STARP_OK) fail_msg("%s", e.text);
    l->plan = sp_plan_get(&l->cache, &l->order, &l->options, &e);
    if (!l->plan) fail_msg("%s", e.text);
    return l->plan;
}

void lab_expect_steps(struct lab *l, int n)
{
    if (l->plan->nstep == n) return;
    sp_plan_print(l->plan, &l->order, stderr);
    fail_msg("%d steps instead of %d", l->plan->nstep, n);
}

int lab_stored(const struct lab *l)
{
    int n = 0;
    for (int32_t i = 0; i < l->plan->nnode; i++) n += l->plan->stored[i];
    return n;
}

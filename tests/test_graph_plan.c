/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_graph_plan.c: what plans look like: how many steps, what is in them, what is read, merged, folded and cached. It
 * states what the planner promises (DESIGN 5), not how it goes about it; that plans compute the right thing is
 * test_graph_random.c's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "interpret.h"
#include "rig.h"

/* A graph, and the plan of what was asked for last. */
struct lab {
    struct rig r;
    struct sp_order order;
    struct sp_plan *plan;
    struct sp_plan_cache cache;
    struct sp_plan_options options;
    struct sp_node *made[64]; /* released at the end */
    int n;
};

static struct lab open_lab(void)
{
    struct lab l = { .options = { true, true, true } };
    rig_open(&l.r, &interpreter_ops, interpreter_open(true, true, true));
    return l;
}

static void close_lab(struct lab *l)
{
    sp_plan_release(l->plan);
    sp_order_free(&l->order);
    sp_plan_cache_free(&l->cache);
    rig_release(&l->r, l->made, l->n);
    assert_int_equal(l->r.g.live, 0);
    rig_close(&l->r);
}

/* Keeps a node until the lab closes. */
static struct sp_node *made(struct lab *l, struct sp_node *n)
{
    if (!n) fail_msg("%s", l->r.g.error.text);
    return l->made[l->n++] = n;
}

static struct sp_node *array(struct lab *l, int64_t rows, int64_t cols)
{
    starp_dims shape = { cols ? 2 : 1, { rows, cols } };
    return made(l, rig_data(&l->r, NULL, &shape, STARP_F64));
}

static struct sp_node *op2(struct lab *l, enum sp_op op, struct sp_node *a, struct sp_node *b)
{
    return made(l, sp_build_map(&l->r.g, op, 2, (struct sp_node *[]){ a, b }));
}

static struct sp_node *op1(struct lab *l, enum sp_op op, struct sp_node *a)
{
    return made(l, sp_build_map(&l->r.g, op, 1, &a));
}

static struct sp_node *number(struct lab *l, double v)
{
    return made(l, sp_build_const(&l->r.g, &(starp_dims){ 0 }, STARP_F64, starp_number_real(v), true));
}

static struct sp_node *cut(struct lab *l, struct sp_node *x, int64_t start, int64_t stop)
{
    return made(l, sp_build_slice(&l->r.g, x, 1, &STARP_RANGE(start, stop)));
}

static struct sp_node *sum(struct lab *l, struct sp_node *x)
{
    return made(l, sp_build_reduce(&l->r.g, SP_REDUCE_SUM, x, NULL, false));
}

/* Plans roots; the plan stays until the next one. */
static const struct sp_plan *plan(struct lab *l, int n, struct sp_node *const *roots)
{
    struct sp_error e = { 0 };
    sp_plan_release(l->plan);
    l->plan = NULL;
    if (sp_order_make(&l->order, &l->r.g, roots, n, l->options.merge, &e) != STARP_OK) fail_msg("%s", e.text);
    l->plan = sp_plan_get(&l->cache, &l->order, &l->options, &e);
    if (!l->plan) fail_msg("%s", e.text);
    return l->plan;
}

#define PLAN(lab, ...) plan((lab), STARP_COUNT_(struct sp_node *, __VA_ARGS__), (struct sp_node *[]){ __VA_ARGS__ })

static void expect_steps(struct lab *l, int n)
{
    if (l->plan->nstep == n) return;
    sp_plan_print(l->plan, &l->order, stderr);
    fail_msg("%d steps instead of %d", l->plan->nstep, n);
}

static int stored(const struct lab *l)
{
    int n = 0;
    for (int32_t i = 0; i < l->plan->nnode; i++) n += l->plan->stored[i];
    return n;
}

/* -------------------------------------------------------------------------------------------------------------- fusion */

static void a_chain_is_one_step(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0), *y = array(&l, 100, 0);
    struct sp_node *z = op1(&l, SP_OP_sqrt, op1(&l, SP_OP_abs, op2(&l, SP_OP_divide, op1(&l, SP_OP_sin, x), op1(&l, SP_OP_exp, y))));
    PLAN(&l, z);
    expect_steps(&l, 1);
    const struct sp_step *s = &l.plan->step[0];
    assert_int_equal(s->nops, 5);
    assert_int_equal(s->program->ninstr, 5);
    assert_int_equal(s->program->noperand, 2);
    assert_int_equal(s->program->noutput, 1);
    assert_int_equal(stored(&l), 1);
    close_lab(&l);
}

/* The triad: scalars are folded in, and a product with its sum is one instruction. */
static void the_triad_is_one_instruction(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *a = array(&l, 100, 0), *b = array(&l, 100, 0);
    PLAN(&l, op2(&l, SP_OP_add, op2(&l, SP_OP_multiply, number(&l, 3), a), b));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->ninstr, 1);
    assert_int_equal(l.plan->step[0].program->instr[0].op, SP_OP_muladd);
    assert_int_equal(l.plan->step[0].program->noperand, 3);
    close_lab(&l);
}

static void reductions_end_a_group(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 40, 30), *y = op1(&l, SP_OP_exp, op1(&l, SP_OP_negative, x));
    PLAN(&l, made(&l, sp_build_reduce(&l.r.g, SP_REDUCE_MAX, y, STARP_AXES(1), false)));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->nreduce, 1);
    assert_int_equal(l.plan->step[0].program->noutput, 0);
    assert_int_equal(l.plan->step[0].reduce_axes, 2);
    assert_int_equal(stored(&l), 1);
    close_lab(&l);
}

/* One pass over the data for mean and variance; the divisions that follow are small. */
static void mean_and_variance_share_a_pass(void **state)
{
    struct lab l = open_lab();
    int passes = 0;
    (void)state;
    struct sp_node *x = op1(&l, SP_OP_exp, array(&l, 1000, 0));
    PLAN(&l, made(&l, sp_build_mean(&l.r.g, x, NULL, false)), made(&l, sp_build_var(&l.r.g, x, NULL, false, 0, false)));
    for (int t = 0; t < l.plan->nstep; t++) passes += sp_shape_size(&l.plan->step[t].shape) == 1000;
    assert_int_equal(passes, 1);
    assert_int_equal(l.plan->step[0].program->nreduce, 2);
    close_lab(&l);
}

static void siblings_share_what_they_read(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0);
    PLAN(&l, op1(&l, SP_OP_sin, x), op1(&l, SP_OP_cos, x), sum(&l, x));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->noperand, 1);
    assert_int_equal(l.plan->step[0].program->noutput, 2);
    assert_int_equal(l.plan->step[0].program->nreduce, 1);
    close_lab(&l);
}

/* What is computed from a reduction cannot be in its step; what the reduction needs is not stored for it. */
static void a_reduction_ends_a_level(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0);
    PLAN(&l, op2(&l, SP_OP_subtract, x, sum(&l, x)));
    expect_steps(&l, 2);
    close_lab(&l);
}

/* Twenty operations, then unfused: one step for each, and all of them stored. */
static void without_fusion_each_operation_is_a_step(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0);
    for (int i = 0; i < 20; i++) x = op1(&l, i % 2 ? SP_OP_sin : SP_OP_exp, x);
    PLAN(&l, x);
    expect_steps(&l, 1);
    l.options.fuse = false;
    PLAN(&l, x);
    expect_steps(&l, 20);
    assert_int_equal(stored(&l), 20);
    for (int t = 0; t < 20; t++) assert_int_equal(l.plan->step[t].nops, 1);
    close_lab(&l);
}

/* A chain longer than any group is cut, about once in as many operations as a group may have. */
static void long_chains_are_cut_seldom(void **state)
{
    struct lab l = open_lab();
    struct sp_node *x = array(&l, 100, 0), *n = sp_node_retain(x), *next;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        next = sp_build_map(&l.r.g, i % 2 ? SP_OP_sin : SP_OP_exp, 1, &n);
        sp_node_release(&l.r.g, n);
        n = next;
    }
    PLAN(&l, made(&l, n));
    if (l.plan->nstep < 2 || l.plan->nstep > 60) fail_msg("%d steps", l.plan->nstep);
    close_lab(&l);
}

/* --------------------------------------------------------------------------------------------------------------- views */

static void a_stencil_of_slices_is_one_step(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0);
    struct sp_node *left = cut(&l, x, 0, 98), *mid = cut(&l, x, 1, 99), *right = cut(&l, x, 2, 100);
    PLAN(&l, op2(&l, SP_OP_add, op2(&l, SP_OP_add, left, right), op2(&l, SP_OP_multiply, number(&l, -2), mid)));
    expect_steps(&l, 1);
    int windows = 0;
    for (int k = 0; k < l.plan->step[0].program->noperand; k++) {
        windows += l.plan->step[0].program->operand_kind[k] == SP_OPERAND_ARRAY;
        assert_true(l.plan->step[0].operand[k].node >= 0);
    }
    assert_int_equal(windows, 3);
    assert_int_equal(stored(&l), 1);
    close_lab(&l);
}

/* Views of what is computed sink to what it is computed from, when nobody else needs it whole. */
static void views_sink_through_operations(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 60, 50), *y = op1(&l, SP_OP_exp, op1(&l, SP_OP_sin, x));
    struct sp_node *t = made(&l, sp_build_permute(&l.r.g, y, NULL));
    struct sp_node *f = made(&l, sp_build_flip(&l.r.g, t, NULL));
    PLAN(&l, op1(&l, SP_OP_negative, f));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].nops, 3);
    assert_int_equal(stored(&l), 1);
    close_lab(&l);
}

static void a_chain_of_views_is_one_view(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 60, 50);
    for (int i = 0; i < 6; i++) x = made(&l, sp_build_permute(&l.r.g, cut(&l, x, 1, 49 - i), NULL));
    assert_int_equal(x->kind, SP_KIND_VIEW);
    assert_int_equal(x->in[0]->kind, SP_KIND_DATA);
    PLAN(&l, op1(&l, SP_OP_sin, x));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].operand[0].npath, 1);
    close_lab(&l);
}

/* Constants and generators are never stored for those who read them. */
static void leaves_without_data_are_folded(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *ones = made(&l, sp_build_const(&l.r.g, &(starp_dims){ 1, { 100 } }, STARP_F64, starp_number_real(1), false));
    struct sp_node *n = made(&l, sp_build_arange(&l.r.g, 0, 100, 1, STARP_F64));
    PLAN(&l, op2(&l, SP_OP_add, op2(&l, SP_OP_multiply, ones, n), cut(&l, n, 0, 100)));
    expect_steps(&l, 1);
    assert_int_equal(stored(&l), 1);
    for (int k = 0; k < l.plan->step[0].program->noperand; k++) assert_int_not_equal(l.plan->step[0].program->operand_kind[k], SP_OPERAND_ARRAY);
    close_lab(&l);
}

static void a_reshape_is_a_step_of_its_own(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = op1(&l, SP_OP_sin, array(&l, 60, 50));
    struct sp_node *y = made(&l, sp_build_reshape(&l.r.g, x, &(starp_dims){ 1, { 3000 } }));
    PLAN(&l, op1(&l, SP_OP_cos, y));
    expect_steps(&l, 3);
    assert_int_equal(l.plan->step[1].kind, SP_STEP_RESHAPE);
    struct sp_node *same = made(&l, sp_build_reshape(&l.r.g, x, &(starp_dims){ 4, { 1, 60, 1, 50 } }));
    PLAN(&l, op1(&l, SP_OP_cos, same));
    expect_steps(&l, 1);
    close_lab(&l);
}

/* ------------------------------------------------------------------------------------------------------- merging, death */

static void equal_subexpressions_are_merged(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0), *y = array(&l, 100, 0);
    struct sp_node *a = op1(&l, SP_OP_exp, op2(&l, SP_OP_add, x, y)), *b = op1(&l, SP_OP_exp, op2(&l, SP_OP_add, x, y));
    struct sp_node *z = op2(&l, SP_OP_multiply, a, b);
    PLAN(&l, z);
    assert_int_equal(l.order.merged, 2);
    assert_int_equal(l.plan->step[0].program->ninstr, 3);
    l.options.merge = false;
    PLAN(&l, z);
    assert_int_equal(l.order.merged, 0);
    close_lab(&l);
}

/* What differs in one constant, axis, dtype, shape or direction is not equal. */
static void unequal_subexpressions_are_not(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 50, 50);
    struct sp_node *pairs[][2] = {
        { op2(&l, SP_OP_add, x, number(&l, 1)), op2(&l, SP_OP_add, x, number(&l, 2)) },
        { op2(&l, SP_OP_add, x, number(&l, 0.0)), op2(&l, SP_OP_add, x, number(&l, -0.0)) },
        { made(&l, sp_build_reduce(&l.r.g, SP_REDUCE_SUM, x, STARP_AXES(0), false)), made(&l, sp_build_reduce(&l.r.g, SP_REDUCE_SUM, x, STARP_AXES(1), false)) },
        { made(&l, sp_build_cast(&l.r.g, x, STARP_F32)), made(&l, sp_build_cast(&l.r.g, x, STARP_I32)) },
        { made(&l, sp_build_flip(&l.r.g, x, STARP_AXES(0))), made(&l, sp_build_flip(&l.r.g, x, STARP_AXES(1))) },
        { op2(&l, SP_OP_subtract, x, cut(&l, x, 0, 1)), op2(&l, SP_OP_subtract, cut(&l, x, 0, 1), x) },
        { made(&l, sp_build_random(&l.r.g, SP_OP_uniform, &x->shape, STARP_F64, 1, 0, 0, 0)),
          made(&l, sp_build_random(&l.r.g, SP_OP_uniform, &x->shape, STARP_F64, 1, 1, 0, 0)) },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        PLAN(&l, pairs[i][0], pairs[i][1]);
        if (pairs[i][0]->index == pairs[i][1]->index) fail_msg("pair %d is merged", (int)i);
    }
    close_lab(&l);
}

static void what_nobody_asks_for_is_not_planned(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0), *y = op1(&l, SP_OP_exp, x);
    op1(&l, SP_OP_sin, y);
    op1(&l, SP_OP_cos, y);
    PLAN(&l, op1(&l, SP_OP_sqrt, y));
    expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->ninstr, 2);
    assert_int_equal(l.plan->nnode, 3);
    close_lab(&l);
}

/* --------------------------------------------------------------------------------------------------------------- caching */

static struct sp_node *similar(struct lab *l, struct sp_node *x, int64_t start, double factor)
{
    return op2(l, SP_OP_multiply, op1(l, SP_OP_exp, cut(l, x, start, start + 50)), number(l, factor));
}

/* Constants and offsets are no part of a plan; shapes, strides and operations are. */
static void similar_graphs_share_a_plan(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0), *y = array(&l, 100, 0);
    PLAN(&l, similar(&l, x, 0, 2));
    assert_int_equal(l.cache.misses, 1);
    PLAN(&l, similar(&l, x, 7, 2));
    PLAN(&l, similar(&l, x, 0, 3));
    PLAN(&l, similar(&l, y, 49, -1));
    assert_int_equal(l.cache.hits, 3);
    assert_int_equal(l.cache.misses, 1);
    PLAN(&l, op2(&l, SP_OP_multiply, op1(&l, SP_OP_sin, cut(&l, x, 0, 50)), number(&l, 2)));
    PLAN(&l, op2(&l, SP_OP_multiply, op1(&l, SP_OP_exp, cut(&l, x, 0, 51)), number(&l, 2)));
    PLAN(&l, op2(&l, SP_OP_multiply, op1(&l, SP_OP_exp, made(&l, sp_build_slice(&l.r.g, x, 1, &STARP_STEP(0, 100, 2)))), number(&l, 2)));
    assert_int_equal(l.cache.hits, 3);
    assert_int_equal(l.cache.misses, 4);
    l.options.inplace = false;
    PLAN(&l, similar(&l, x, 0, 2));
    assert_int_equal(l.cache.misses, 5);
    close_lab(&l);
}

/* Two operands that happen to be one array are not the plan for two different ones, and the other way round. */
static void a_plan_knows_equal_operands(void **state)
{
    struct lab l = open_lab();
    (void)state;
    struct sp_node *x = array(&l, 100, 0), *y = array(&l, 100, 0);
    PLAN(&l, op2(&l, SP_OP_subtract, x, y));
    assert_int_equal(l.plan->step[0].program->noperand, 2);
    PLAN(&l, op2(&l, SP_OP_subtract, x, x));
    assert_int_equal(l.plan->step[0].program->noperand, 1);
    assert_int_equal(l.cache.hits, 0);
    close_lab(&l);
}

static void plans_can_be_read(void **state)
{
    struct lab l = open_lab();
    char *text = NULL;
    size_t size;
    (void)state;
    struct sp_node *x = array(&l, 12, 34), *y = op2(&l, SP_OP_hypot, x, number(&l, 0.625));
    PLAN(&l, op1(&l, SP_OP_log1p, y), sum(&l, y));
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    sp_plan_print(l.plan, &l.order, out);
    fclose(out);
    static const char *const words[] = { "hypot", "log1p", "sum", "(12, 34)", "f64", "0.625" };
    for (int i = 0; i < 6; i++) {
        if (!strstr(text, words[i])) fail_msg("'%s' is not in:\n%s", words[i], text);
    }
    free(text);
    close_lab(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_one_step),
        cmocka_unit_test(the_triad_is_one_instruction),
        cmocka_unit_test(reductions_end_a_group),
        cmocka_unit_test(mean_and_variance_share_a_pass),
        cmocka_unit_test(siblings_share_what_they_read),
        cmocka_unit_test(a_reduction_ends_a_level),
        cmocka_unit_test(without_fusion_each_operation_is_a_step),
        cmocka_unit_test(long_chains_are_cut_seldom),
        cmocka_unit_test(a_stencil_of_slices_is_one_step),
        cmocka_unit_test(views_sink_through_operations),
        cmocka_unit_test(a_chain_of_views_is_one_view),
        cmocka_unit_test(leaves_without_data_are_folded),
        cmocka_unit_test(a_reshape_is_a_step_of_its_own),
        cmocka_unit_test(equal_subexpressions_are_merged),
        cmocka_unit_test(unequal_subexpressions_are_not),
        cmocka_unit_test(what_nobody_asks_for_is_not_planned),
        cmocka_unit_test(similar_graphs_share_a_plan),
        cmocka_unit_test(a_plan_knows_equal_operands),
        cmocka_unit_test(plans_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

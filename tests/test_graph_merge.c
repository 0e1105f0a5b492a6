/* SPDX-License-Identifier: BSD-3-Clause */
/* test_graph_merge.c: which nodes are one and which are not, what is left out, and when a plan is used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab.h"

/* ------------------------------------------------------------------------------------------------------- merging, death */

static void equal_subexpressions_are_merged(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0), *y = lab_array(&l, 100, 0);
    struct sp_node *a = lab_op(&l, SP_OP_exp, lab_op2(&l, SP_OP_add, x, y)), *b = lab_op(&l, SP_OP_exp, lab_op2(&l, SP_OP_add, x, y));
    struct sp_node *z = lab_op2(&l, SP_OP_multiply, a, b);
    LAB_PLAN(&l, z);
    assert_int_equal(l.order.merged, 2);
    assert_int_equal(l.plan->step[0].program->ninstr, 3);
    l.options.merge = false;
    LAB_PLAN(&l, z);
    assert_int_equal(l.order.merged, 0);
    lab_close(&l);
}

/* What differs in one constant, axis, dtype, shape or direction is not equal. */
static void unequal_subexpressions_are_not(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 50, 50);
    struct sp_node *pairs[][2] = {
        { lab_op2(&l, SP_OP_add, x, lab_number(&l, 1)), lab_op2(&l, SP_OP_add, x, lab_number(&l, 2)) },
        { lab_op2(&l, SP_OP_add, x, lab_number(&l, 0.0)), lab_op2(&l, SP_OP_add, x, lab_number(&l, -0.0)) },
        { lab_keep(&l, sp_build_reduce(&l.r.g, SP_REDUCE_SUM, x, STARP_AXES(0), false)), lab_keep(&l, sp_build_reduce(&l.r.g, SP_REDUCE_SUM, x, STARP_AXES(1), false)) },
        { lab_keep(&l, sp_build_cast(&l.r.g, x, STARP_F32)), lab_keep(&l, sp_build_cast(&l.r.g, x, STARP_I32)) },
        { lab_keep(&l, sp_build_flip(&l.r.g, x, STARP_AXES(0))), lab_keep(&l, sp_build_flip(&l.r.g, x, STARP_AXES(1))) },
        { lab_op2(&l, SP_OP_subtract, x, lab_cut(&l, x, 0, 1)), lab_op2(&l, SP_OP_subtract, lab_cut(&l, x, 0, 1), x) },
        { lab_keep(&l, sp_build_random(&l.r.g, SP_OP_uniform, &x->shape, STARP_F64, 1, 0, 0, 0)),
          lab_keep(&l, sp_build_random(&l.r.g, SP_OP_uniform, &x->shape, STARP_F64, 1, 1, 0, 0)) },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        LAB_PLAN(&l, pairs[i][0], pairs[i][1]);
        if (pairs[i][0]->index == pairs[i][1]->index) fail_msg("pair %d is merged", (int)i);
    }
    lab_close(&l);
}

static void what_nobody_asks_for_is_not_planned(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0), *y = lab_op(&l, SP_OP_exp, x);
    lab_op(&l, SP_OP_sin, y);
    lab_op(&l, SP_OP_cos, y);
    LAB_PLAN(&l, lab_op(&l, SP_OP_sqrt, y));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->ninstr, 2);
    assert_int_equal(l.plan->nnode, 3);
    lab_close(&l);
}

/* --------------------------------------------------------------------------------------------------------------- caching */

static struct sp_node *similar(struct lab *l, struct sp_node *x, int64_t start, double factor)
{
    return lab_op2(l, SP_OP_multiply, lab_op(l, SP_OP_exp, lab_cut(l, x, start, start + 50)), lab_number(l, factor));
}

/* Constants and offsets are no part of a plan; shapes, strides and operations are. */
static void similar_graphs_share_a_plan(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0), *y = lab_array(&l, 100, 0);
    LAB_PLAN(&l, similar(&l, x, 0, 2));
    assert_int_equal(l.cache.misses, 1);
    LAB_PLAN(&l, similar(&l, x, 7, 2));
    LAB_PLAN(&l, similar(&l, x, 0, 3));
    LAB_PLAN(&l, similar(&l, y, 49, -1));
    assert_int_equal(l.cache.hits, 3);
    assert_int_equal(l.cache.misses, 1);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_multiply, lab_op(&l, SP_OP_sin, lab_cut(&l, x, 0, 50)), lab_number(&l, 2)));
    LAB_PLAN(&l, lab_op2(&l, SP_OP_multiply, lab_op(&l, SP_OP_exp, lab_cut(&l, x, 0, 51)), lab_number(&l, 2)));
    LAB_PLAN(&l, lab_op2(&l, SP_OP_multiply, lab_op(&l, SP_OP_exp, lab_keep(&l, sp_build_slice(&l.r.g, x, 1, &STARP_STEP(0, 100, 2)))), lab_number(&l, 2)));
    assert_int_equal(l.cache.hits, 3);
    assert_int_equal(l.cache.misses, 4);
    l.options.inplace = false;
    LAB_PLAN(&l, similar(&l, x, 0, 2));
    assert_int_equal(l.cache.misses, 5);
    lab_close(&l);
}

/* Two operands that happen to be one array are not the plan for two different ones, and the other way round. */
static void a_plan_knows_equal_operands(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0), *y = lab_array(&l, 100, 0);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_subtract, x, y));
    assert_int_equal(l.plan->step[0].program->noperand, 2);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_subtract, x, x));
    assert_int_equal(l.plan->step[0].program->noperand, 1);
    assert_int_equal(l.cache.hits, 0);
    lab_close(&l);
}

static void plans_can_be_read(void **state)
{
    struct lab l = lab_open();
    char *text = NULL;
    size_t size;
    (void)state;
    struct sp_node *x = lab_array(&l, 12, 34), *y = lab_op2(&l, SP_OP_hypot, x, lab_number(&l, 0.625));
    LAB_PLAN(&l, lab_op(&l, SP_OP_log1p, y), lab_sum(&l, y));
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    sp_plan_print(l.plan, &l.order, out);
    fclose(out);
    static const char *const words[] = { "hypot", "log1p", "sum", "(12, 34)", "f64", "0.625" };
    for (int i = 0; i < 6; i++) {
        if (!strstr(text, words[i])) fail_msg("'%s' is not in:\n%s", words[i], text);
    }
    free(text);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_subexpressions_are_merged),
        cmocka_unit_test(unequal_subexpressions_are_not),
        cmocka_unit_test(what_nobody_asks_for_is_not_planned),
        cmocka_unit_test(similar_graphs_share_a_plan),
        cmocka_unit_test(a_plan_knows_equal_operands),
        cmocka_unit_test(plans_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

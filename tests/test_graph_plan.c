/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_graph_plan.c: what plans look like: how many steps, what is in them, what is read and stored. It states what the
 * planner promises (DESIGN 5), not how it goes about it; that plans compute the right thing is test_graph_random.c's
 * business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lab.h"

/* -------------------------------------------------------------------------------------------------------------- fusion */

static void a_chain_is_one_step(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0), *y = lab_array(&l, 100, 0);
    struct sp_node *z = lab_op(&l, SP_OP_sqrt, lab_op(&l, SP_OP_abs, lab_op2(&l, SP_OP_divide, lab_op(&l, SP_OP_sin, x), lab_op(&l, SP_OP_exp, y))));
    LAB_PLAN(&l, z);
    lab_expect_steps(&l, 1);
    const struct sp_step *s = &l.plan->step[0];
    assert_int_equal(s->nops, 5);
    assert_int_equal(s->program->ninstr, 5);
    assert_int_equal(s->program->noperand, 2);
    assert_int_equal(s->program->noutput, 1);
    assert_int_equal(lab_stored(&l), 1);
    lab_close(&l);
}

/* The triad: scalars are folded in, and a product with its sum is one instruction. */
static void the_triad_is_one_instruction(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *a = lab_array(&l, 100, 0), *b = lab_array(&l, 100, 0);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_add, lab_op2(&l, SP_OP_multiply, lab_number(&l, 3), a), b));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->ninstr, 1);
    assert_int_equal(l.plan->step[0].program->instr[0].op, SP_OP_muladd);
    assert_int_equal(l.plan->step[0].program->noperand, 3);
    lab_close(&l);
}

static void reductions_end_a_group(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 40, 30), *y = lab_op(&l, SP_OP_exp, lab_op(&l, SP_OP_negative, x));
    LAB_PLAN(&l, lab_keep(&l, sp_build_reduce(&l.r.g, SP_REDUCE_MAX, y, STARP_AXES(1), false)));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->nreduce, 1);
    assert_int_equal(l.plan->step[0].program->noutput, 0);
    assert_int_equal(l.plan->step[0].reduce_axes, 2);
    assert_int_equal(lab_stored(&l), 1);
    lab_close(&l);
}

/* One pass over the data for mean and variance; the divisions that follow are small. */
static void mean_and_variance_share_a_pass(void **state)
{
    struct lab l = lab_open();
    int passes = 0;
    (void)state;
    struct sp_node *x = lab_op(&l, SP_OP_exp, lab_array(&l, 1000, 0));
    LAB_PLAN(&l, lab_keep(&l, sp_build_mean(&l.r.g, x, NULL, false)), lab_keep(&l, sp_build_var(&l.r.g, x, NULL, false, 0, false)));
    for (int t = 0; t < l.plan->nstep; t++) passes += sp_shape_size(&l.plan->step[t].shape) == 1000;
    assert_int_equal(passes, 1);
    assert_int_equal(l.plan->step[0].program->nreduce, 2);
    lab_close(&l);
}

static void siblings_share_what_they_read(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0);
    LAB_PLAN(&l, lab_op(&l, SP_OP_sin, x), lab_op(&l, SP_OP_cos, x), lab_sum(&l, x));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].program->noperand, 1);
    assert_int_equal(l.plan->step[0].program->noutput, 2);
    assert_int_equal(l.plan->step[0].program->nreduce, 1);
    lab_close(&l);
}

/* What is computed from a reduction cannot be in its step; what the reduction needs is not stored for it. */
static void a_reduction_ends_a_level(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_subtract, x, lab_sum(&l, x)));
    lab_expect_steps(&l, 2);
    lab_close(&l);
}

/* Twenty operations, then unfused: one step for each, and all of them stored. */
static void without_fusion_each_operation_is_a_step(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0);
    for (int i = 0; i < 20; i++) x = lab_op(&l, i % 2 ? SP_OP_sin : SP_OP_exp, x);
    LAB_PLAN(&l, x);
    lab_expect_steps(&l, 1);
    l.options.fuse = false;
    LAB_PLAN(&l, x);
    lab_expect_steps(&l, 20);
    assert_int_equal(lab_stored(&l), 20);
    for (int t = 0; t < 20; t++) assert_int_equal(l.plan->step[t].nops, 1);
    lab_close(&l);
}

/* A chain longer than any group is cut, about once in as many operations as a group may have. */
static void long_chains_are_cut_seldom(void **state)
{
    struct lab l = lab_open();
    struct sp_node *x = lab_array(&l, 100, 0), *n = sp_node_retain(x), *next;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        next = sp_build_map(&l.r.g, i % 2 ? SP_OP_sin : SP_OP_exp, 1, &n);
        sp_node_release(&l.r.g, n);
        n = next;
    }
    LAB_PLAN(&l, lab_keep(&l, n));
    if (l.plan->nstep < 2 || l.plan->nstep > 60) fail_msg("%d steps", l.plan->nstep);
    lab_close(&l);
}

/* --------------------------------------------------------------------------------------------------------------- views */

static void a_stencil_of_slices_is_one_step(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 100, 0);
    struct sp_node *left = lab_cut(&l, x, 0, 98), *mid = lab_cut(&l, x, 1, 99), *right = lab_cut(&l, x, 2, 100);
    LAB_PLAN(&l, lab_op2(&l, SP_OP_add, lab_op2(&l, SP_OP_add, left, right), lab_op2(&l, SP_OP_multiply, lab_number(&l, -2), mid)));
    lab_expect_steps(&l, 1);
    int windows = 0;
    for (int k = 0; k < l.plan->step[0].program->noperand; k++) {
        windows += l.plan->step[0].program->operand_kind[k] == SP_OPERAND_ARRAY;
        assert_true(l.plan->step[0].operand[k].node >= 0);
    }
    assert_int_equal(windows, 3);
    assert_int_equal(lab_stored(&l), 1);
    lab_close(&l);
}

/* Views of what is computed sink to what it is computed from, when nobody else needs it whole. */
static void views_sink_through_operations(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 60, 50), *y = lab_op(&l, SP_OP_exp, lab_op(&l, SP_OP_sin, x));
    struct sp_node *t = lab_keep(&l, sp_build_permute(&l.r.g, y, NULL));
    struct sp_node *f = lab_keep(&l, sp_build_flip(&l.r.g, t, NULL));
    LAB_PLAN(&l, lab_op(&l, SP_OP_negative, f));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].nops, 3);
    assert_int_equal(lab_stored(&l), 1);
    lab_close(&l);
}

static void a_chain_of_views_is_one_view(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 60, 50);
    for (int i = 0; i < 6; i++) x = lab_keep(&l, sp_build_permute(&l.r.g, lab_cut(&l, x, 1, 49 - i), NULL));
    assert_int_equal(x->kind, SP_KIND_VIEW);
    assert_int_equal(x->in[0]->kind, SP_KIND_DATA);
    LAB_PLAN(&l, lab_op(&l, SP_OP_sin, x));
    lab_expect_steps(&l, 1);
    assert_int_equal(l.plan->step[0].operand[0].npath, 1);
    lab_close(&l);
}

/* Constants and generators are never stored for those who read them. */
static void leaves_without_data_are_folded(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *ones = lab_keep(&l, sp_build_const(&l.r.g, &(starp_dims){ 1, { 100 } }, STARP_F64, starp_number_real(1), false));
    struct sp_node *n = lab_keep(&l, sp_build_arange(&l.r.g, 0, 100, 1, STARP_F64));
    LAB_PLAN(&l, lab_op2(&l, SP_OP_add, lab_op2(&l, SP_OP_multiply, ones, n), lab_cut(&l, n, 0, 100)));
    lab_expect_steps(&l, 1);
    assert_int_equal(lab_stored(&l), 1);
    for (int k = 0; k < l.plan->step[0].program->noperand; k++) assert_int_not_equal(l.plan->step[0].program->operand_kind[k], SP_OPERAND_ARRAY);
    lab_close(&l);
}

static void a_reshape_is_a_step_of_its_own(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_op(&l, SP_OP_sin, lab_array(&l, 60, 50));
    struct sp_node *y = lab_keep(&l, sp_build_reshape(&l.r.g, x, &(starp_dims){ 1, { 3000 } }));
    LAB_PLAN(&l, lab_op(&l, SP_OP_cos, y));
    lab_expect_steps(&l, 3);
    assert_int_equal(l.plan->step[1].kind, SP_STEP_RESHAPE);
    struct sp_node *same = lab_keep(&l, sp_build_reshape(&l.r.g, x, &(starp_dims){ 4, { 1, 60, 1, 50 } }));
    LAB_PLAN(&l, lab_op(&l, SP_OP_cos, same));
    lab_expect_steps(&l, 1);
    lab_close(&l);
}

/* ------------------------------------------------------------------------------------------------------------ prologues */

static struct sp_node *transform(struct lab *l, struct sp_node *x, int axis)
{
    return lab_keep(l, sp_build_fft(&l->r.g, SP_CALL_fft, x, 0, axis, false, SP_FFT_BY_NOTHING));
}

static void a_transform_makes_its_operand(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 300, 300), *y = lab_array(&l, 300, 300), *p = lab_op2(&l, SP_OP_multiply, x, y);
    LAB_PLAN(&l, transform(&l, p, 1));
    lab_expect_steps(&l, 1);
    const struct sp_step *s = &l.plan->step[0];
    assert_int_equal(s->kind, SP_STEP_CALL);
    assert_int_equal(s->nops, 3); /* with the conversion */
    assert_int_equal(s->noperand, 2);
    assert_int_equal(s->program->noutput, 1);
    assert_int_equal(s->operand[0].inplace, -1);
    assert_int_equal(l.order.node[s->output[0]]->kind, SP_KIND_CALL);
    assert_int_equal(lab_stored(&l), 1);
    l.options.fuse = false;
    LAB_PLAN(&l, transform(&l, p, 1));
    lab_expect_steps(&l, 3);
    lab_close(&l);
}

/* Along which axis is not to be seen from shapes: plans of equal shapes differ. */
static void what_lies_across_is_stored(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 300, 300), *y = lab_array(&l, 300, 300), *p = lab_op2(&l, SP_OP_multiply, x, y);
    LAB_PLAN(&l, transform(&l, p, 1));
    lab_expect_steps(&l, 1);
    LAB_PLAN(&l, transform(&l, p, 0));
    lab_expect_steps(&l, 2);
    LAB_PLAN(&l, transform(&l, lab_op2(&l, SP_OP_multiply, x, x), 0)); /* half of what is made */
    lab_expect_steps(&l, 1);
    lab_close(&l);
}

/* What others read, or the caller, is stored; siblings keep away from what is to be made in a transform. */
static void what_others_read_is_stored(void **state)
{
    struct lab l = lab_open();
    (void)state;
    struct sp_node *x = lab_array(&l, 30, 40), *y = lab_array(&l, 30, 40), *p = lab_op2(&l, SP_OP_multiply, x, y);
    struct sp_node *z = lab_keep(&l, sp_build_cast(&l.r.g, p, STARP_C128)), *t = transform(&l, z, 1);
    LAB_PLAN(&l, t, z);
    lab_expect_steps(&l, 2);
    LAB_PLAN(&l, t, transform(&l, z, 0));
    lab_expect_steps(&l, 3);
    LAB_PLAN(&l, t, lab_op(&l, SP_OP_sin, x), lab_sum(&l, y));
    lab_expect_steps(&l, 3);
    assert_int_equal(lab_stored(&l), 3);
    LAB_PLAN(&l, transform(&l, lab_cut(&l, z, 0, 20), 1));
    lab_expect_steps(&l, 2);
    lab_close(&l);
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
        cmocka_unit_test(a_transform_makes_its_operand),
        cmocka_unit_test(what_lies_across_is_stored),
        cmocka_unit_test(what_others_read_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

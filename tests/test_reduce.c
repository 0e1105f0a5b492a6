/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_reduce.c: every reduction on every dtype, set of axes and shape, kept or dropped, against the oracle: in one tile,
 * in tiny tiles and unfused; empty ones; what they refuse; and their public functions at known points.
 */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_check.h"
#include "reductions.h"
#include "rig.h"

static const starp_dims shapes[] = {
    { 0, { 0 } }, { 1, { 1 } }, { 1, { 9 } }, { 2, { 5, 7 } }, { 3, { 4, 1, 6 } }, { 4, { 2, 3, 4, 5 } }, { 2, { 3, 1100 } },
    { 2, { 1100, 3 } },
};
#define SHAPES (int)(sizeof shapes / sizeof shapes[0])
#define MAX_ROOTS 64

/* Values whose sums and products are well conditioned, so that an error in ulps says something. */
static void range_of(enum reduction what, starp_dtype d, double *lo, double *hi)
{
    *lo = 0, *hi = 4;
    if (what == MIN || what == MAX || what == ARGMIN || what == ARGMAX) *lo = -4;
    if (what == ANY || what == ALL) *lo = -0.02, *hi = 0.03;
    if (what != PROD) return;
    static const double low[] = { 0, -3, 0.875, 0.609375 }, high[] = { 1, 3, 1.125, 0.796875 };
    *lo = low[sp_dtypes[d].cls], *hi = high[sp_dtypes[d].cls];
}

static struct sp_node *operand(struct rig *r, const starp_dims *shape, starp_dtype d, enum reduction what, uint64_t seed)
{
    double lo, hi;
    range_of(what, d, &lo, &hi);
    return reduction_operand(r, shape, d, lo, hi, seed);
}

/* All sets of axes, kept and dropped, of one array. */
static int reductions_of(struct rig *r, enum reduction what, const starp_dims *shape, starp_dtype d, struct sp_node **roots)
{
    int n = 0;
    struct sp_node *x = operand(r, shape, d, what, (uint64_t)d * 100 + what);
    for (unsigned set = 0; set < 1u << shape->n; set++) {
        starp_dims axes = reduction_axes(set, shape->n);
        if ((what == ARGMIN || what == ARGMAX) && axes.n != 1) continue;
        for (int keep = 0; keep < 2; keep++) roots[n++] = reduction_build(&r->g, what, x, &axes, keep);
    }
    roots[n++] = reduction_build(&r->g, what, x, NULL, false);
    roots[n++] = reduction_build(&r->g, what, x, NULL, true);
    sp_node_release(&r->g, x);
    for (int i = 0; i < n; i++) {
        if (!roots[i]) fail_msg("%s of %s: %s", reduction_names[what], sp_dtypes[d].name, r->g.error.text);
    }
    if (rig_eval(r, roots, n, NULL) != STARP_OK) fail_msg("%s of %s", reduction_names[what], sp_dtypes[d].name);
    return n;
}

/* A tree over n well conditioned terms errs by less than its depth; 24 is the depth of sixteen million. */
static double tolerance(enum reduction what, starp_dtype d)
{
    if (sp_dtypes[reduction_dtype(what, d)].cls < SP_CLASS_F || what == MIN || what == MAX) return 0;
    return what == PROD ? 600 : 24;
}

static void check(struct rig *engine, struct rig *oracle, enum reduction what, const starp_dims *shape, starp_dtype d)
{
    struct sp_node *a[MAX_ROOTS], *b[MAX_ROOTS];
    char label[96], text[SP_SHAPE_TEXT];
    int n = reductions_of(engine, what, shape, d, a);
    reductions_of(oracle, what, shape, d, b);
    for (int i = 0; i < n; i++) {
        snprintf(label, sizeof label, "%s of %s %s, root %d", reduction_names[what], sp_dtypes[d].name, sp_shape_text(text, shape), i);
        assert_int_equal(a[i]->dtype, reduction_dtype(what, d));
        rig_expect(label, engine, oracle, a[i], b[i], tolerance(what, d));
    }
    rig_release(engine, a, n);
    rig_release(oracle, b, n);
}

static void check_all(const char *environment)
{
    struct rig engine, oracle;
    rig_environment(environment);
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    for (int what = 0; what < REDUCTIONS; what++) {
        for (int d = 0; d < STARP_NDTYPES; d++) {
            if (reduction_dtype((enum reduction)what, (starp_dtype)d) == STARP_NDTYPES) continue;
            for (int i = 0; i < SHAPES; i++) check(&engine, &oracle, (enum reduction)what, &shapes[i], (starp_dtype)d);
        }
    }
    assert_int_equal(engine.g.live, 0);
    rig_close(&engine);
    rig_close(&oracle);
}

static void values_without_tasks(void **state)
{
    (void)state;
    check_all("");
}

static void values_in_tiny_tiles(void **state)
{
    (void)state;
    check_all("STARP_TILE=64 STARP_SMALL=0");
}

static void values_unfused(void **state)
{
    (void)state;
    check_all("STARP_TILE=64 STARP_SMALL=0 STARP_FUSE=0");
}

static void values_of_generic_kernels(void **state)
{
    (void)state;
    check_all("STARP_ISA=generic");
}

/* ---------------------------------------------------------------------------------------------------- empty and wrong */

static bool orders(enum reduction what)
{
    return what == MIN || what == MAX || what == ARGMIN || what == ARGMAX;
}

/* Reducing nothing gives the identity, or NaN for mean and var; orderings refuse, unless the result is empty too. */
static void check_empty(struct rig *engine, struct rig *oracle, enum reduction what, const starp_dims *axes, bool refuses)
{
    static const starp_dims shape = { 3, { 3, 0, 2 } };
    struct sp_node *n[2], *x[2];
    struct rig *r[2] = { engine, oracle };
    for (int i = 0; i < 2; i++) {
        sp_error_clear(&r[i]->g.error);
        x[i] = rig_data(r[i], NULL, &shape, STARP_F32);
        n[i] = reduction_build(&r[i]->g, what, x[i], axes, false);
        sp_node_release(&r[i]->g, x[i]);
        if (refuses) {
            assert_null(n[i]);
            assert_int_equal(r[i]->g.error.status, STARP_ERR_SHAPE);
        } else if (!n[i] || rig_eval(r[i], &n[i], 1, NULL) != STARP_OK) {
            fail_msg("%s of nothing: %s", reduction_names[what], r[i]->g.error.text);
        }
    }
    if (refuses) return;
    rig_expect(reduction_names[what], engine, oracle, n[0], n[1], 0);
    sp_node_release(&engine->g, n[0]);
    sp_node_release(&oracle->g, n[1]);
}

static void empty_reductions(void **state)
{
    struct rig engine, oracle;
    (void)state;
    rig_environment("STARP_SMALL=0");
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    for (int w = 0; w < REDUCTIONS; w++) {
        enum reduction what = (enum reduction)w;
        check_empty(&engine, &oracle, what, STARP_AXES(1), orders(what));
        check_empty(&engine, &oracle, what, STARP_AXES(0), false);
        check_empty(&engine, &oracle, what, NULL, orders(what));
    }
    rig_close(&engine);
    rig_close(&oracle);
}

static void what_reductions_refuse(void **state)
{
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    starp_array *x = starp_ones(s, STARP_SHAPE(3, 4), STARP_F64), *z = starp_ones(s, STARP_SHAPE(3), STARP_C64);
    cc_refused(starp_sum(x, STARP_AXES(2), 0), STARP_ERR_INDEX, "sum: ");
    cc_refused(starp_sum(x, STARP_AXES(-3), 0), STARP_ERR_INDEX, "sum: ");
    cc_refused(starp_sum(x, STARP_AXES(0, -2), 0), STARP_ERR_INDEX, "sum: ");
    cc_refused(starp_argmin(x, STARP_AXES(0, 1), 0), STARP_ERR_ARGUMENT, "argmin: ");
    cc_refused(starp_var(x, NULL, 0, -1), STARP_ERR_ARGUMENT, "var: ");
    cc_refused(starp_var(x, NULL, 0, NAN), STARP_ERR_ARGUMENT, "var: ");
    cc_refused(starp_min(z, NULL, 0), STARP_ERR_DTYPE, "min: ");
    cc_refused(starp_argmax(z, NULL, 0), STARP_ERR_DTYPE, "argmax: ");
    assert_null(starp_sum(NULL, NULL, 0));
    assert_int_equal(starp_close(s), STARP_OK);
}

/* --------------------------------------------------------------------------------------------------------- known points */

static void expect_item(starp_array *x, double want)
{
    double got;
    if (starp_item(x, STARP_F64, &got) != STARP_OK) fail_msg("%s", starp_last_error());
    if (!(fabs(got - want) <= 1e-15 * fabs(want)) && !(isnan(got) && isnan(want))) fail_msg("%.17g instead of %.17g", got, want);
    starp_release(x);
}

static void public_functions_at_known_points(void **state)
{
    static const double data[] = { 1, 2, 3, 4, 0, 7 };
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    starp_array *x = starp_from_host(s, data, STARP_SHAPE(2, 3), STARP_F64), *nothing = starp_zeros(s, STARP_SHAPE(0), STARP_F64);
    expect_item(starp_sum(x, NULL, 0), 17);
    expect_item(starp_prod(starp_at(x, "0"), NULL, 0), 6);
    expect_item(starp_min(x, NULL, 0), 0);
    expect_item(starp_max(x, NULL, 1), 7);
    expect_item(starp_mean(starp_at(x, "0"), NULL, 0), 2);
    expect_item(starp_var(starp_at(x, "0"), NULL, 0, 0), 2.0 / 3);
    expect_item(starp_var(starp_at(x, "0"), NULL, 0, 1), 1);
    expect_item(starp_std(starp_at(x, "1, ::2"), NULL, 0, 0), 1.5);
    expect_item(starp_any(x, NULL, 0), 1);
    expect_item(starp_all(x, NULL, 0), 0);
    expect_item(starp_count_nonzero(x, NULL, 0), 5);
    expect_item(starp_argmin(x, NULL, 0), 4);
    expect_item(starp_argmax(x, NULL, 0), 5);
    expect_item(starp_at(starp_argmax(x, STARP_AXES(0), 0), "0"), 1);
    expect_item(starp_at(starp_sum(x, STARP_AXES(-1), 0), "1"), 11);
    expect_item(starp_sum(nothing, NULL, 0), 0);
    expect_item(starp_prod(nothing, NULL, 0), 1);
    expect_item(starp_all(nothing, NULL, 0), 1);
    expect_item(starp_any(nothing, NULL, 0), 0);
    expect_item(starp_mean(nothing, NULL, 0), NAN);
    expect_item(starp_var(starp_at(x, "0, 0"), NULL, 0, 1), NAN);
    cc_refused(starp_max(nothing, NULL, 0), STARP_ERR_SHAPE, "max: ");
    assert_int_equal(starp_ndim(starp_sum(x, STARP_AXES(1), 1)), 2);
    assert_int_equal(starp_dim(starp_sum(x, STARP_AXES(1), 1), 1), 1);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_without_tasks),      cmocka_unit_test(values_in_tiny_tiles),
        cmocka_unit_test(values_unfused),            cmocka_unit_test(values_of_generic_kernels),
        cmocka_unit_test(empty_reductions),          cmocka_unit_test(what_reductions_refuse),
        cmocka_unit_test(public_functions_at_known_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_lu.c: LU's factors as matrices, and right-hand sides solved by factors that are there; by residuals, over dtypes and
 * shapes at the edges of panels, at once and by many tasks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "linalg_check.h"

static uint64_t seed = 1;

static const starp_dtype dtypes[] = { STARP_F32, STARP_F64, STARP_C64, STARP_C128, STARP_I32 };

static struct la rows_of(struct la a, struct la order)
{
    struct la b = la_new(a.m, a.n);
    for (int64_t i = 0; i < a.m; i++) {
        for (int64_t j = 0; j < a.n; j++) LA(b, i, j) = LA(a, (int64_t)creal(order.v[i]), j);
    }
    return b;
}

static void factors_of(starp_array *x, int64_t m, int64_t n)
{
    int64_t k = m < n ? m : n;
    starp_dtype d = la_float(starp_dtype_of(x));
    starp_plu_factors f = starp_linalg_lu(x);
    starp_lu_factors packed = starp_linalg_lu_factor(x);
    la_shape("p", f.p, STARP_I64, STARP_SHAPE(m));
    la_shape("l", f.l, d, STARP_SHAPE(m, k));
    la_shape("u", f.u, d, STARP_SHAPE(k, n));
    struct la a = la_read(x, 0), l = la_read(f.l, 0), u = la_read(f.u, 0), p = la_vector(f.p, 0), order = la_vector(packed.order, 0);
    assert_true(la_norm(la_sub(l, la_half(l, true))) == 0 && la_norm(la_sub(u, la_half(u, false))) == 0);
    for (int64_t i = 0; i < k; i++) assert_true(LA(l, i, i) == 1);
    for (int64_t i = 0; i < m; i++) assert_true(creal(order.v[(int64_t)creal(p.v[i])]) == (double)i);
    la_small("l[p] u - x", d, la_sub(la_mul(rows_of(l, p), u), a), la_norm(a));
}

static void factors_are_matrices(void **state)
{
    static const int64_t shapes[][2] = { { 1, 1 }, { 5, 3 }, { 3, 5 }, { 8, 8 }, { 9, 9 }, { 33, 20 }, { 20, 33 }, { 40, 40 }, { 0, 0 }, { 0, 3 }, { 3, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int d = 0; d < 5; d++) {
            int64_t m = shapes[i][0], n = shapes[i][1];
            factors_of(la_input(session, STARP_SHAPE(m, n), dtypes[d], &seed), m, n);
        }
    }
    starp_plu_factors f = starp_linalg_lu(la_input(session, STARP_SHAPE(2, 3, 12, 10), STARP_F64, &seed));
    la_shape("p", f.p, STARP_I64, STARP_SHAPE(2, 3, 12));
    la_shape("l", f.l, STARP_F64, STARP_SHAPE(2, 3, 12, 10));
    la_shape("u", f.u, STARP_F64, STARP_SHAPE(2, 3, 10, 10));
    la_done(starp_eval_many(3, (starp_array *[]){ f.p, f.l, f.u }));
}

static void factors_serve_many_right_hand_sides(void **state)
{
    static const int64_t orders[] = { 1, 7, 8, 9, 25, 64 };
    (void)state;
    for (int i = 0; i < 6; i++) {
        for (int d = 0; d < 5; d++) {
            int64_t n = orders[i];
            if (n == 1 && dtypes[d] == STARP_I32) continue; /* may be 0 */
            starp_dtype out = la_float(dtypes[d]);
            starp_array *x = la_input(session, STARP_SHAPE(n, n), dtypes[d], &seed), *one = la_input(session, STARP_SHAPE(n), dtypes[d], &seed);
            starp_array *many = la_input(session, STARP_SHAPE(n, 19), dtypes[d], &seed);
            starp_lu_factors f = starp_linalg_lu_factor(x);
            starp_array *y = starp_linalg_lu_solve(f, many), *z = starp_linalg_lu_solve(f, one);
            la_shape("many", y, out, STARP_SHAPE(n, 19));
            la_shape("one", z, out, STARP_SHAPE(n));
            struct la a = la_read(x, 0);
            la_small("many", out, la_sub(la_mul(a, la_read(y, 0)), la_read(many, 0)), la_norm(a) * la_norm(la_read(y, 0)));
            la_small("one", out, la_sub(la_mul(a, la_vector(z, 0)), la_vector(one, 0)), la_norm(a) * la_norm(la_vector(z, 0)));
        }
    }
    starp_lu_factors f = starp_linalg_lu_factor(starp_zeros(session, STARP_SHAPE(0, 0), STARP_F64));
    la_done(starp_eval(starp_linalg_lu_solve(f, starp_zeros(session, STARP_SHAPE(0, 3), STARP_F64))));
}

static void batches_dtypes_and_views(void **state)
{
    (void)state;
    starp_array *a = la_input(session, STARP_SHAPE(2, 1, 21, 21), STARP_F32, &seed), *b = la_input(session, STARP_SHAPE(9, 3, 21), STARP_C64, &seed);
    starp_array *x = starp_linalg_lu_solve(starp_linalg_lu_factor(a), starp_permute_dims(b, STARP_AXES(1, 2, 0)));
    la_shape("batch", x, STARP_C64, STARP_SHAPE(2, 3, 21, 9));
    starp_array *right = starp_permute_dims(b, STARP_AXES(1, 2, 0));
    for (int k = 0; k < 6; k++) {
        struct la m = la_read(a, k / 3), y = la_read(x, k);
        la_small("batch", STARP_C64, la_sub(la_mul(m, y), la_read(right, k % 3)), la_norm(m) * la_norm(y));
    }
}

static void what_is_no_factorization_is_refused(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(9, 9), STARP_F64, &seed), *v = la_input(session, STARP_SHAPE(9), STARP_F64, &seed);
    starp_lu_factors f = starp_linalg_lu_factor(x), bad = f, wide = starp_linalg_lu_factor(starp_at(x, ":4"));
    cc_refused(starp_linalg_lu(v).l, STARP_ERR_SHAPE, "linalg_lu: shape (9,)");
    cc_refused(starp_linalg_lu_solve(wide, v), STARP_ERR_SHAPE, "linalg_lu_solve");
    cc_refused(starp_linalg_lu_solve(f, starp_at(v, ":8")), STARP_ERR_SHAPE, "do not fit: 9 and 8");
    bad.order = v;
    cc_refused(starp_linalg_lu_solve(bad, v), STARP_ERR_DTYPE, "an order in i64");
    bad.order = starp_at(f.order, ":8");
    cc_refused(starp_linalg_lu_solve(bad, v), STARP_ERR_SHAPE, "is not that of the order of its rows");
    bad.order = starp_add(f.order, starp_ones(session, STARP_SHAPE0, STARP_I64));
    starp_array *y = starp_linalg_lu_solve(bad, v);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    if (!strstr(starp_last_error(), "of the order is 9, of 9 rows")) fail_msg("%s", starp_last_error());
    starp_clear_error();
    bad.order = NULL;
    assert_null(starp_linalg_lu_solve(bad, v));
    starp_array *singular = starp_linalg_lu_solve(starp_linalg_lu_factor(starp_ones(session, STARP_SHAPE(9, 9), STARP_F64)), v);
    la_done(starp_eval(singular));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LA_TEST(factors_are_matrices), LA_TEST(factors_serve_many_right_hand_sides), LA_TEST(batches_dtypes_and_views), LA_TEST(what_is_no_factorization_is_refused),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, la_open_in_tiles, la_close);
}

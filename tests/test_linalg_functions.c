/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_functions.c: products of matrices, and what is made of factorizations and elementwise operations: least
 * squares, determinants, norms, ranks, powers; and how all that goes along with the rest of a program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg_check.h"
#include "rig.h"

static uint64_t seed = 1;

/* ----------------------------------------------------------------------------------------------------------- products */

/* Every element is a sum of k products: below k eps times the norms; integers are exact. */
static void check_product(starp_dtype d, struct la got, struct la a, struct la b)
{
    struct la want = la_mul(a, b);
    if (sp_dtypes[d].cls <= SP_CLASS_I) assert_true(la_norm(la_sub(got, want)) == 0);
    else la_small("matmul", d, la_sub(got, want), la_norm(a) * la_norm(b));
}

static void products(void **state)
{
    static const starp_dtype dtypes[] = { STARP_F32, STARP_F64, STARP_C64, STARP_C128, STARP_I16, STARP_I64 };
    static const int64_t sizes[][3] = { { 1, 1, 1 }, { 1, 5, 7 }, { 7, 5, 1 }, { 2, 1, 3 }, { 8, 8, 8 }, { 13, 17, 11 }, { 40, 9, 33 },
                                        { 0, 3, 2 }, { 3, 0, 2 }, { 3, 2, 0 }, { 0, 0, 0 }, { 1, 0, 4 }, { 1, 0, 1 } };
    (void)state;
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            starp_array *a = la_input(session, STARP_SHAPE(sizes[k][0], sizes[k][1]), dtypes[d], &seed);
            starp_array *b = la_input(session, STARP_SHAPE(sizes[k][1], sizes[k][2]), dtypes[d], &seed), *c = starp_matmul(a, b);
            la_shape("matmul", c, dtypes[d], STARP_SHAPE(sizes[k][0], sizes[k][2]));
            check_product(dtypes[d], la_read(c, 0), la_read(a, 0), la_read(b, 0));
        }
    }
}

/* Larger than what is multiplied whole, so that tiles come in. */
static void a_product_in_tiles(void **state)
{
    (void)state;
    starp_array *a = la_input(session, STARP_SHAPE(300, 1030), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(1030, 7), STARP_F64, &seed);
    check_product(STARP_F64, la_read(starp_matmul(a, b), 0), la_read(a, 0), la_read(b, 0));
    starp_array *at = starp_matrix_transpose(a), *bt = starp_matrix_transpose(b);
    check_product(STARP_F64, la_read(starp_matmul(bt, at), 0), la_read(bt, 0), la_read(at, 0));
}

static void products_with_vectors(void **state)
{
    (void)state;
    starp_array *a = la_input(session, STARP_SHAPE(3, 6, 5), STARP_C64, &seed), *x = la_input(session, STARP_SHAPE(5), STARP_F32, &seed);
    starp_array *y = la_input(session, STARP_SHAPE(6), STARP_I8, &seed), *right = starp_matmul(a, x), *left = starp_matmul(y, a);
    la_shape("matmul", right, STARP_C64, STARP_SHAPE(3, 6));
    la_shape("matmul", left, STARP_C64, STARP_SHAPE(3, 5));
    for (int b = 0; b < 3; b++) {
        check_product(STARP_C64, la_vector(right, b), la_read(a, b), la_read(x, 0));
        struct la row = la_vector(left, b), yrow = la_adjoint(la_read(y, 0));
        check_product(STARP_C64, (struct la){ 1, 5, row.v }, yrow, la_read(a, b));
    }
    starp_array *dot = starp_matmul(y, y);
    la_shape("matmul", dot, STARP_I8, STARP_SHAPE0);
    assert_true((int8_t)la_item(starp_sum(starp_multiply(starp_astype(y, STARP_I64), y), NULL, 0)) == la_item(dot));
    assert_true(la_item(starp_matmul(starp_at(x, ":0"), starp_at(x, ":0"))) == 0);
}

static void products_of_batches_and_views(void **state)
{
    (void)state;
    starp_array *a = starp_at(la_input(session, STARP_SHAPE(2, 1, 14, 9), STARP_F64, &seed), "::-1, :, ::2, 1:");
    starp_array *b = starp_permute_dims(la_input(session, STARP_SHAPE(6, 3, 8), STARP_F64, &seed), STARP_AXES(1, 2, 0)), *c = starp_matmul(a, b);
    la_shape("matmul", c, STARP_F64, STARP_SHAPE(2, 3, 7, 6));
    for (int k = 0; k < 6; k++) check_product(STARP_F64, la_read(c, k), la_read(a, k / 3), la_read(b, k % 3));
    starp_array *row = starp_broadcast_to(la_input(session, STARP_SHAPE(8), STARP_F64, &seed), STARP_SHAPE(4, 8));
    starp_array *half = starp_full(session, STARP_SHAPE(8, 5), 0.5, STARP_F64), *eye = starp_eye(session, 8, 8, 1, STARP_F64);
    check_product(STARP_F64, la_read(starp_matmul(row, half), 0), la_read(row, 0), la_read(half, 0));
    check_product(STARP_F64, la_read(starp_matmul(row, eye), 0), la_read(row, 0), la_read(eye, 0));
    check_product(STARP_F64, la_read(starp_matmul(half, starp_full(session, STARP_SHAPE(5, 3), 2.0, STARP_F64)), 0), la_read(half, 0),
                  la_read(starp_full(session, STARP_SHAPE(5, 3), 2.0, STARP_F64), 0));
    la_shape("matmul", starp_matmul(starp_matrix_transpose(starp_at(b, ":0")), eye), STARP_F64, STARP_SHAPE(0, 6, 8));
}

/* Elements so large that every sum wraps. */
static void integers_wrap(void **state)
{
    static const starp_dtype dtypes[] = { STARP_I8, STARP_U8, STARP_I16, STARP_U16, STARP_I32, STARP_U32, STARP_I64, STARP_U64 };
    (void)state;
    for (size_t d = 0; d < 8; d++) {
        uint64_t a[7 * 9], b[9 * 5], got[7 * 5];
        for (int i = 0; i < 63; i++) a[i] = rig_random(&seed);
        for (int i = 0; i < 45; i++) b[i] = rig_random(&seed);
        for (int columns = 1; columns <= 5; columns += 4) {
            starp_array *x = starp_astype(starp_from_host(session, a, STARP_SHAPE(7, 9), STARP_U64), dtypes[d]);
            starp_array *y = starp_astype(starp_from_host(session, b, STARP_SHAPE(9, columns), STARP_U64), dtypes[d]), *c = starp_matmul(x, y);
            la_shape("matmul", c, dtypes[d], STARP_SHAPE(7, columns));
            la_done(starp_read(starp_astype(c, STARP_U64), got, (size_t)(7 * columns) * 8));
            for (int i = 0; i < 7 * columns; i++) {
                uint64_t sum = 0, mask = ~UINT64_C(0) >> (64 - 8 * sp_dtypes[dtypes[d]].size);
                for (int k = 0; k < 9; k++) sum += a[i / columns * 9 + k] * b[k * columns + i % columns];
                assert_true(((sum ^ got[i]) & mask) == 0);
            }
        }
    }
}

/* 256 true products are true, although 256 is 0 in a byte. */
static void products_of_bools(void **state)
{
    (void)state;
    starp_array *a = starp_ones(session, STARP_SHAPE(3, 256), STARP_BOOL), *b = starp_eye(session, 256, 4, -2, STARP_BOOL);
    starp_array *all = starp_matmul(a, starp_matrix_transpose(a)), *some = starp_matmul(a, b), *one = starp_matmul(starp_at(a, "0"), starp_at(a, "1"));
    la_shape("matmul", all, STARP_BOOL, STARP_SHAPE(3, 3));
    la_shape("matmul", one, STARP_BOOL, STARP_SHAPE0);
    assert_true(la_item(starp_sum(all, NULL, 0)) == 9 && la_item(starp_sum(some, NULL, 0)) == 12 && la_item(one) == 1);
    assert_true(la_item(starp_any(starp_matmul(a, starp_zeros(session, STARP_SHAPE(256, 2), STARP_BOOL)), NULL, 0)) == 0);
    la_shape("matmul", starp_matmul(a, starp_astype(b, STARP_I8)), STARP_I8, STARP_SHAPE(3, 4));
}

/* ------------------------------------------------------------------------------------------------------ least squares */

static void check_lstsq(starp_dtype d, int64_t m, int64_t n, int64_t k)
{
    starp_array *a = la_input(session, STARP_SHAPE(m, n), d, &seed), *b = la_input(session, STARP_SHAPE(m, k), d, &seed);
    starp_lstsq_solution r = starp_linalg_lstsq(a, b, -1);
    int64_t least = m < n ? m : n;
    la_shape("lstsq", r.x, d, STARP_SHAPE(n, k));
    la_shape("lstsq", r.residuals, sp_dtype_real(d), STARP_SHAPE(k));
    la_shape("lstsq", r.rank, STARP_I64, STARP_SHAPE0);
    la_shape("lstsq", r.singular_values, sp_dtype_real(d), STARP_SHAPE(least));
    struct la x = la_read(r.x, 0), rest = la_sub(la_read(b, 0), la_mul(la_read(a, 0), x)), squares = la_read(r.residuals, 0);
    double scale = la_norm(la_read(a, 0)) * (la_norm(la_read(a, 0)) * la_norm(x) + la_norm(la_read(b, 0)));
    la_small("lstsq: a^h (b - a x)", d, la_mul(la_adjoint(la_read(a, 0)), rest), scale);
    assert_true(la_item(r.rank) == least);
    la_near("lstsq: s", d, la_read(r.singular_values, 0), la_read(starp_linalg_svdvals(a), 0));
    for (int64_t j = 0; j < k && m > n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < m; i++) sum += pow(cabs(LA(rest, i, j)), 2);
        assert_true(fabs(sum - creal(squares.v[j])) <= 100 * la_eps(d) * (double)m * (sum + scale));
    }
    if (m > 0 && n > 0) la_small("pinv", d, la_sub(la_mul(la_read(starp_linalg_pinv(a, -1), 0), la_read(b, 0)), x), 30 * (la_norm(x) + la_norm(la_read(b, 0))));
}

static void least_squares(void **state)
{
    static const int64_t sizes[][3] = { { 1, 1, 1 }, { 9, 4, 2 }, { 4, 9, 3 }, { 17, 11, 1 }, { 20, 3, 0 }, { 0, 3, 2 }, { 4, 0, 2 }, { 0, 0, 0 } };
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_lstsq(d, sizes[i][0], sizes[i][1], sizes[i][2]);
    }
    starp_array *b = la_input(session, STARP_SHAPE(4, 2), STARP_F64, &seed);
    struct la flat = la_read(starp_linalg_lstsq(starp_ones(session, STARP_SHAPE(4, 3), STARP_F64), b, -1).x, 0);
    struct la mean = la_read(starp_broadcast_to(starp_divide(starp_mean(b, STARP_AXES(0), 1), starp_scalar(session, 3.0)), STARP_SHAPE(3, 2)), 0);
    la_near("lstsq of rank 1", STARP_F64, flat, mean);
}

/* ------------------------------------------------------------------------------------------------------- determinants */

static void determinants(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 0; n < 20; n += n < 3 ? 1 : 7) {
            starp_array *x = la_input(session, STARP_SHAPE(2, n, n), d, &seed), *w = starp_prod(starp_linalg_eigvals(x), STARP_AXES(-1), 0);
            starp_slogdet_result log = starp_linalg_slogdet(x);
            starp_array *det = starp_linalg_det(x), *again = starp_multiply(log.sign, starp_exp(log.logabsdet));
            la_shape("det", det, d, STARP_SHAPE(2));
            la_shape("logabsdet", log.logabsdet, sp_dtype_real(d), STARP_SHAPE(2));
            struct la want = la_read(w, 0), scale = la_scale(want, (double)n * 10 + 1);
            la_small("det", d, la_sub(la_read(det, 0), want), la_norm(scale));
            la_small("slogdet", d, la_sub(la_read(again, 0), want), la_norm(scale));
        }
    }
    starp_array *swap = starp_flip(starp_eye(session, 3, 3, 0, STARP_I8), STARP_AXES(0)), *zero = starp_zeros(session, STARP_SHAPE(3, 3), STARP_F32);
    assert_true(la_item(starp_linalg_det(swap)) == -1 && la_item(starp_linalg_det(zero)) == 0);
    la_shape("det", starp_linalg_det(swap), STARP_F64, STARP_SHAPE0);
    starp_slogdet_result log = starp_linalg_slogdet(zero);
    assert_true(la_item(log.sign) == 0 && la_item(log.logabsdet) == -INFINITY);
}

/* ------------------------------------------------------------------------------------------------ ranks and inverses */

static void ranks_and_conditions(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        starp_array *tall = la_input(session, STARP_SHAPE(17, 5), d, &seed), *x = starp_matmul(tall, la_input(session, STARP_SHAPE(5, 11), d, &seed));
        assert_true(la_item(starp_linalg_matrix_rank(x, -1)) == 5);
        assert_true(la_item(starp_linalg_matrix_rank(x, 2)) == 0);
        struct la p = la_read(starp_linalg_pinv(x, la_eps(d) * 100), 0), a = la_read(x, 0);
        la_small("x pinv(x) x", d, la_sub(la_mul(la_mul(a, p), a), a), 10 * la_norm(a));
        la_small("pinv(x) x pinv(x)", d, la_sub(la_mul(la_mul(p, a), p), p), 10 * la_norm(p) * la_norm(p) * la_norm(a));
        starp_array *s = starp_linalg_svdvals(tall), *ratio = starp_divide(starp_at(s, "0"), starp_at(s, "-1"));
        la_near("cond", d, la_read(starp_linalg_cond(tall, 2), 0), la_read(ratio, 0));
        la_near("cond", d, la_read(starp_linalg_cond(tall, -2), 0), la_read(starp_reciprocal(ratio), 0));
        assert_true(la_item(starp_linalg_cond(starp_eye(session, 4, 4, 0, d), 1)) == 1);
        assert_true(la_item(starp_linalg_cond(starp_eye(session, 4, 4, 0, d), STARP_FRO)) == 4);
    }
    starp_array *none = starp_zeros(session, STARP_SHAPE(0, 3), STARP_F64);
    assert_true(la_item(starp_linalg_matrix_rank(none, -1)) == 0 && la_item(starp_linalg_matrix_rank(starp_zeros(session, STARP_SHAPE(3, 3), STARP_I32), -1)) == 0);
    la_shape("pinv", starp_linalg_pinv(none, -1), STARP_F64, STARP_SHAPE(3, 0));
    la_done(starp_eval(starp_linalg_pinv(none, -1)));
}

static void norms(void **state)
{
    static const double data[2][3] = { { 3, -4, 0 }, { 0, 12, 1 } };
    static const struct {
        double ord, want;
    } vectors[] = { { 2, 5 }, { 1, 7 }, { 0, 2 }, { INFINITY, 4 }, { -INFINITY, 0 }, { 3, 4.497941445275415 }, { -1, 0 } },
      matrices[] = { { STARP_FRO, 13.038404810405298 }, { 1, 16 }, { -1, 1 }, { STARP_INF, 13 }, { -STARP_INF, 7 } };
    (void)state;
    starp_array *x = starp_from_host(session, data, STARP_SHAPE(2, 3), STARP_F64), *row = starp_at(x, "0");
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) {
        assert_true(fabs(la_item(starp_linalg_vector_norm(row, NULL, 0, vectors[k].ord)) - vectors[k].want) < 1e-14);
        assert_true(fabs(la_item(starp_linalg_norm(starp_astype(row, STARP_I8), vectors[k].ord)) - vectors[k].want) < 1e-14);
    }
    for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++) {
        assert_true(fabs(la_item(starp_linalg_norm(x, matrices[k].ord)) - matrices[k].want) < 1e-14);
        starp_array *turned = starp_multiply(x, starp_from_host(session, &(double[2]){ 0, 1 }, STARP_SHAPE0, STARP_C128));
        la_shape("norm", starp_linalg_matrix_norm(turned, 1, matrices[k].ord), STARP_F64, STARP_SHAPE(1, 1));
        assert_true(fabs(la_item(starp_linalg_matrix_norm(turned, 1, matrices[k].ord)) - matrices[k].want) < 1e-14);
    }
    starp_array *s = starp_linalg_svdvals(x);
    la_near("nuclear norm", STARP_F64, la_read(starp_linalg_norm(x, STARP_NUC), 0), la_read(starp_sum(s, NULL, 0), 0));
    la_same("2-norm", starp_linalg_norm(x, 2), starp_max(s, NULL, 0));
    la_same("-2-norm", starp_linalg_norm(x, -2), starp_min(s, NULL, 0));
    la_shape("2-norm", starp_linalg_matrix_norm(x, 1, 2), STARP_F64, STARP_SHAPE(1, 1));
    la_shape("norms", starp_linalg_vector_norm(x, STARP_AXES(0), 1, 2), STARP_F64, STARP_SHAPE(1, 3));
    la_shape("norms", starp_linalg_vector_norm(starp_astype(x, STARP_C64), STARP_AXES(-1), 0, 2), STARP_F32, STARP_SHAPE(2));
    assert_true(la_item(starp_linalg_vector_norm(starp_at(row, ":0"), NULL, 0, 2)) == 0);
}

static void powers(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(2, 9, 9), STARP_F64, &seed), *i = la_input(session, STARP_SHAPE(4, 4), STARP_I16, &seed);
    la_same("x^1", starp_linalg_matrix_power(x, 1), x);
    la_same("x^0", starp_linalg_matrix_power(x, 0), starp_broadcast_to(starp_eye(session, 9, 9, 0, STARP_F64), STARP_SHAPE(2, 9, 9)));
    la_same("x^-1", starp_linalg_matrix_power(x, -1), starp_linalg_inv(x));
    starp_array *square = starp_matmul(i, i), *five = starp_matmul(i, starp_matmul(square, square));
    la_same("i^5", starp_linalg_matrix_power(i, 5), five);
    la_shape("i^-3", starp_linalg_matrix_power(i, -3), STARP_F64, STARP_SHAPE(4, 4));
    la_shape("()^4", starp_linalg_matrix_power(starp_at(x, ":, :0, :0"), 4), STARP_F64, STARP_SHAPE(2, 0, 0));
    assert_true(la_item(starp_sum(starp_linalg_matrix_power(starp_eye(session, 3, 3, 0, STARP_U8), INT64_MIN), NULL, 0)) == 3);
}

static void chains(void **state)
{
    (void)state;
    starp_array *a = la_input(session, STARP_SHAPE(10, 30), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(30, 5), STARP_F64, &seed);
    starp_array *c = la_input(session, STARP_SHAPE(5, 6), STARP_F64, &seed), *v = la_input(session, STARP_SHAPE(10), STARP_F64, &seed);
    starp_array *w = la_input(session, STARP_SHAPE(6), STARP_F64, &seed);
    struct la want = la_mul(la_mul(la_read(a, 0), la_read(b, 0)), la_read(c, 0));
    la_near("multi_dot", STARP_F64, la_read(starp_linalg_multi_dot(STARP_ARGS(a, b, c)), 0), want);
    la_same("multi_dot", starp_linalg_multi_dot(STARP_ARGS(a, b, c)), starp_matmul(starp_matmul(a, b), c));
    la_same("multi_dot", starp_linalg_multi_dot(STARP_ARGS(c)), c);
    starp_array *item = starp_linalg_multi_dot(STARP_ARGS(v, a, b, c, w));
    la_shape("multi_dot", item, STARP_F64, STARP_SHAPE0);
    la_near("multi_dot", STARP_F64, la_read(item, 0), la_mul(la_mul(la_adjoint(la_read(v, 0)), want), la_read(w, 0)));
}

/* --------------------------------------------------------------------------------------------- in a program's midst */

/* What is fused around a call, and evaluated with it, has the bits of what is evaluated step by step. */
static void amid_elementwise_work(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(19, 19), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(19, 3), STARP_F64, &seed);
    starp_array *result[2];
    for (int k = 0; k < 2; k++) {
        starp_array *a = starp_add(starp_exp(x), starp_transpose(x));
        if (k) la_done(starp_eval(a));
        starp_array *y = starp_linalg_solve(a, starp_multiply(b, starp_scalar(session, 2.0)));
        if (k) la_done(starp_eval(y));
        starp_qr_factors f = starp_linalg_qr(starp_at(starp_subtract(y, b), "::-1"), 0);
        if (k) la_done(starp_eval(f.r));
        starp_array *z = starp_add(starp_matmul(starp_transpose(f.q), y), starp_sin(f.r));
        result[k] = starp_sum(starp_square(z), STARP_AXES(0), 0);
    }
    la_same("in one evaluation", result[0], result[1]);
}

static void one_result_after_the_other(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(14, 9), STARP_F64, &seed);
    starp_svd_factors all = starp_linalg_svd(x, 0), some = starp_linalg_svd(x, 0);
    la_done(starp_eval_many(STARP_ARGS(all.u, all.s, all.vh)));
    la_done(starp_eval(some.s));
    starp_release(some.s);
    la_same("u later", some.u, all.u);
    starp_release(some.u);
    la_same("vh at last", some.vh, all.vh);
    starp_lu_factors f = starp_linalg_lu_factor(x);
    la_done(starp_eval(starp_add(f.order, f.order)));
    starp_array *pivot = starp_keep(f.pivot);
    starp_release(f.lu);
    starp_release(f.order);
    la_same("pivots of what is gone", pivot, starp_linalg_lu_factor(x).pivot);
    starp_release(pivot);
}

/* Empty ones, integers, and one of a batch that has no norm: the others' squarings must not depend on it. */
static void exponentials(void **state)
{
    (void)state;
    const double d[] = { 10, 0, 0, 10, INFINITY, 0, 0, 1 };
    const int8_t i[] = { 1, 0, 0, 1 };
    starp_array *x = starp_linalg_expm(starp_from_host(session, d, STARP_SHAPE(2, 2, 2), STARP_F64));
    la_near("expm", STARP_F64, la_read(x, 0), la_scale(la_eye(2, 2), exp(10)));
    x = starp_linalg_expm(starp_from_host(session, i, STARP_SHAPE(2, 2), STARP_I8));
    la_shape("expm", x, STARP_F64, STARP_SHAPE(2, 2));
    la_near("expm", STARP_F64, la_read(x, 0), la_scale(la_eye(2, 2), exp(1)));
    la_shape("expm", starp_linalg_expm(starp_zeros(session, STARP_SHAPE(0, 0), STARP_F32)), STARP_F32, STARP_SHAPE(0, 0));
    la_shape("expm", starp_linalg_expm(starp_zeros(session, STARP_SHAPE(0, 3, 3), STARP_F64)), STARP_F64, STARP_SHAPE(0, 3, 3));
}

static void results_that_nobody_wants(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(9, 9), STARP_C128, &seed);
    starp_qr_factors f = starp_linalg_qr(x, 0);
    starp_eig_factors e = starp_linalg_eig(f.r);
    starp_release(f.q);
    starp_release(e.vectors);
    starp_release(f.r);
    la_done(starp_eval(e.values));
    f = starp_linalg_qr(starp_matmul(x, x), 1);
    starp_release(f.r);
    starp_release(f.q);
    starp_linalg_lstsq(x, x, 0);
    starp_linalg_slogdet(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LA_TEST(products), LA_TEST(a_product_in_tiles), LA_TEST(products_with_vectors), LA_TEST(products_of_batches_and_views), LA_TEST(integers_wrap),
        LA_TEST(products_of_bools), LA_TEST(least_squares), LA_TEST(determinants), LA_TEST(ranks_and_conditions), LA_TEST(norms), LA_TEST(powers), LA_TEST(chains),
        LA_TEST(amid_elementwise_work), LA_TEST(one_result_after_the_other), LA_TEST(exponentials), LA_TEST(results_that_nobody_wants),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, la_open_in_tiles, la_close);
}

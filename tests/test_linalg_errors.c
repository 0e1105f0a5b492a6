/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_errors.c: what linear algebra refuses at the call, and what fails in a run because of its data: the status, the
 * operation and the place in the text, and that the session and the other arrays go on.
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
#include "ranks.h"
#include "rig.h"

static uint64_t seed = 1;
static starp_array *other; /* must be usable after every error */

static int set_up(void **state)
{
    (void)state;
    starp_clear_error();
    starp_scope_open(session);
    other = la_input(session, STARP_SHAPE(12, 12), STARP_F64, &seed);
    return 0;
}

/* The session computes, by the same operations that have failed, and nothing is left. */
static int tear_down(void **state)
{
    (void)state;
    starp_stats stats;
    starp_clear_error();
    struct la x = la_read(starp_linalg_solve(other, other), 0);
    la_small("after errors", STARP_F64, la_sub(x, la_eye(12, 12)), 1e6);
    starp_scope_close(session);
    la_free_all();
    return starp_stats_of(session, &stats) == STARP_OK && stats.nodes_live == 0 && stats.handles_live == 0 ? 0 : -1;
}

static void says(const char *what, starp_status status, starp_status want, const char *text)
{
    if (status != want || !strstr(starp_last_error(), text)) {
        fail_msg("%s: %s: %s; %s was to be in it", what, starp_status_name(status), starp_last_error(), text);
    }
    starp_clear_error();
}

static void refused_(const char *what, starp_array *x, starp_status status, const char *text)
{
    if (x) fail_msg("%s is taken", what);
    says(what, starp_last_status(), status, text);
}
#define refused(x, status, text) refused_(#x, x, status, text)

static void fails_(const char *what, starp_array *x, const char *text)
{
    if (!x) fail_msg("%s is refused: %s", what, starp_last_error());
    says(what, starp_eval(x), STARP_ERR_COMPUTE, text);
}
#define fails(x, text) fails_(#x, x, text)

/* ------------------------------------------------------------------------------------------------------- at the call */

static starp_array *ones(starp_dtype dtype, int n, int64_t a, int64_t b, int64_t c)
{
    return starp_ones(session, &(starp_dims){ n, { a, b, c } }, dtype);
}

static void shapes_that_do_not_fit(void **state)
{
    (void)state;
    starp_array *x = ones(STARP_F64, 2, 4, 3, 0), *v = ones(STARP_F64, 1, 4, 0, 0), *item = ones(STARP_F64, 0, 0, 0, 0);
    starp_array *square = ones(STARP_F64, 2, 4, 4, 0), *stack = ones(STARP_F64, 3, 2, 4, 4), *three = ones(STARP_F64, 3, 3, 1, 4);
    refused(starp_matmul(x, x), STARP_ERR_SHAPE, "matmul: shapes (4, 3) and (4, 3) do not fit: 3 and 4");
    refused(starp_matmul(x, v), STARP_ERR_SHAPE, "matmul: shapes (4, 3) and (4,) do not fit: 3 and 4");
    refused(starp_matmul(v, ones(STARP_F64, 1, 3, 0, 0)), STARP_ERR_SHAPE, "matmul: shapes (4,) and (3,) do not fit: 4 and 3");
    refused(starp_matmul(item, v), STARP_ERR_SHAPE, "matmul");
    refused(starp_matmul(stack, ones(STARP_F64, 3, 3, 4, 4)), STARP_ERR_SHAPE, "matmul: batches of (2, 4, 4) and (3, 4, 4)");
    refused(starp_matmul(three, stack), STARP_ERR_SHAPE, "matmul: batches of (3, 1, 4) and (2, 4, 4)");
    refused(starp_linalg_lu_factor(v).lu, STARP_ERR_SHAPE, "linalg_lu");
    refused(starp_linalg_solve(x, v), STARP_ERR_SHAPE, "linalg_solve: shape (4, 3) is not that of a square matrix");
    refused(starp_linalg_solve(square, x = ones(STARP_F64, 2, 3, 4, 0)), STARP_ERR_SHAPE, "linalg_solve: shapes (4, 4) and (3, 4) do not fit: 4 and 3");
    refused(starp_linalg_solve(square, ones(STARP_F64, 1, 3, 0, 0)), STARP_ERR_SHAPE, "linalg_solve: shapes (4, 4) and (3,) do not fit: 4 and 3");
    refused(starp_linalg_solve_triangular(square, ones(STARP_F64, 1, 3, 0, 0), 1, 0), STARP_ERR_SHAPE, "linalg_solve_triangular: shapes (4, 4) and (3,)");
    refused(starp_linalg_lu_solve(starp_linalg_lu_factor(square), ones(STARP_F64, 1, 3, 0, 0)), STARP_ERR_SHAPE,
            "linalg_lu_solve: shapes (4, 4) and (3,) do not fit: 4 and 3");
    refused(starp_linalg_solve(v, v), STARP_ERR_SHAPE, "linalg_solve");
    refused(starp_linalg_solve(square, item), STARP_ERR_SHAPE, "linalg_solve");
    refused(starp_linalg_solve_triangular(x, v, 0, 0), STARP_ERR_SHAPE, "linalg_solve_triangular");
    refused(starp_linalg_cholesky(x, 0), STARP_ERR_SHAPE, "linalg_cholesky: shape (3, 4) is not that of a square matrix");
    refused(starp_linalg_cho_solve(x, v), STARP_ERR_SHAPE, "linalg_solve_triangular");
    refused(starp_linalg_qr(v, 0).r, STARP_ERR_SHAPE, "linalg_qr: shape (4,) is not that of a matrix");
    refused(starp_linalg_svd(v, 1).s, STARP_ERR_SHAPE, "linalg_svd");
    refused(starp_linalg_svdvals(item), STARP_ERR_SHAPE, "linalg_svdvals");
    refused(starp_linalg_eigh(x, 0).values, STARP_ERR_SHAPE, "linalg_eigh");
    refused(starp_linalg_eigvalsh(x, 1), STARP_ERR_SHAPE, "linalg_eigvalsh");
    refused(starp_linalg_eig(x).vectors, STARP_ERR_SHAPE, "linalg_eig");
    refused(starp_linalg_eigvals(v), STARP_ERR_SHAPE, "linalg_eigvals");
    refused(starp_linalg_lstsq(square, x, 0).x, STARP_ERR_SHAPE, "linalg_lstsq");
    refused(starp_linalg_lstsq(square, v, 0).rank, STARP_ERR_SHAPE, "linalg_lstsq");
    refused(starp_linalg_inv(x), STARP_ERR_SHAPE, "linalg_inv");
    refused(starp_linalg_det(x), STARP_ERR_SHAPE, "linalg_det: shape (3, 4) is not that of a square matrix");
    refused(starp_linalg_slogdet(v).sign, STARP_ERR_SHAPE, "linalg_slogdet");
    refused(starp_linalg_pinv(v, 0), STARP_ERR_SHAPE, "linalg_pinv");
    refused(starp_linalg_matrix_rank(v, 0), STARP_ERR_SHAPE, "linalg_matrix_rank");
    refused(starp_linalg_matrix_power(x, 2), STARP_ERR_SHAPE, "linalg_matrix_power");
    refused(starp_linalg_matrix_norm(v, 0, 2), STARP_ERR_SHAPE, "linalg_matrix_norm");
    refused(starp_linalg_norm(stack, 2), STARP_ERR_SHAPE, "linalg_norm");
    refused(starp_linalg_cond(x, 1), STARP_ERR_SHAPE, "linalg_cond");
    refused(starp_linalg_multi_dot(STARP_ARGS(square, item, square)), STARP_ERR_SHAPE, "linalg_multi_dot");
    refused(starp_linalg_multi_dot(STARP_ARGS(square, x, square)), STARP_ERR_SHAPE, "matmul");
    refused(starp_matrix_transpose(v), STARP_ERR_SHAPE, "matrix_transpose");
}

static void arguments_out_of_range(void **state)
{
    (void)state;
    starp_array *x = ones(STARP_F64, 2, 4, 4, 0), *empty = ones(STARP_F64, 2, 0, 0, 0);
    refused(starp_linalg_matrix_norm(x, 0, 3), STARP_ERR_ARGUMENT, "linalg_matrix_norm: order 3");
    refused(starp_linalg_matrix_norm(x, 0, NAN), STARP_ERR_ARGUMENT, "linalg_matrix_norm");
    refused(starp_linalg_cond(x, 7), STARP_ERR_ARGUMENT, "linalg_");
    refused(starp_linalg_multi_dot(0, &x), STARP_ERR_ARGUMENT, "linalg_multi_dot: 0 matrices");
    refused(starp_linalg_multi_dot(1000, &x), STARP_ERR_ARGUMENT, "linalg_multi_dot: 1000 matrices");
    refused(starp_linalg_multi_dot(2, NULL), STARP_ERR_ARGUMENT, "linalg_multi_dot");
    refused(starp_linalg_vector_norm(x, STARP_AXES(2), 0, 2), STARP_ERR_INDEX, "");
    refused(starp_linalg_vector_norm(empty, NULL, 0, INFINITY), STARP_ERR_SHAPE, "");
}

/* More than the 32 bits that LAPACK counts with. */
static void too_much_for_lapack(void **state)
{
    (void)state;
    starp_array *tall = ones(STARP_F32, 2, (int64_t)1 << 32, 2, 0), *wide = ones(STARP_F64, 2, 2, (int64_t)1 << 31, 0);
    refused(starp_linalg_qr(tall, 0).q, STARP_ERR_SHAPE, "linalg_qr: shape (4294967296, 2)");
    refused(starp_linalg_solve(ones(STARP_F64, 2, 2, 2, 0), wide), STARP_ERR_SHAPE, "linalg_solve: shape (2, 2147483648)");
    refused(starp_linalg_svd(ones(STARP_F64, 2, 30000, 30000, 0), 0).u, STARP_ERR_SHAPE, "linalg_svd");
    refused(starp_linalg_eigh(ones(STARP_F64, 2, 50000, 50000, 0), 0).values, STARP_ERR_SHAPE, "linalg_eigh");
}

static void null_and_foreign_handles(void **state)
{
    (void)state;
    starp_array *x = ones(STARP_F64, 2, 4, 4, 0);
    assert_null(starp_matmul(NULL, x));
    assert_null(starp_matmul(x, NULL));
    assert_null(starp_linalg_solve(x, NULL));
    assert_null(starp_linalg_lu_factor(NULL).lu);
    assert_null(starp_linalg_qr(NULL, 0).q);
    assert_null(starp_linalg_svd(NULL, 0).vh);
    assert_null(starp_linalg_eigh(NULL, 0).vectors);
    assert_null(starp_linalg_lstsq(x, NULL, 0).singular_values);
    assert_null(starp_linalg_slogdet(NULL).logabsdet);
    assert_null(starp_linalg_cho_solve(NULL, x));
    assert_null(starp_linalg_norm(NULL, 2));
    assert_null(starp_linalg_multi_dot(STARP_ARGS(x, NULL)));
    assert_int_equal(starp_last_status(), STARP_OK);
    starp_session *s = starp_open(NULL);
    starp_array *far = starp_ones(s, STARP_SHAPE(4, 4), STARP_F64);
    refused(starp_matmul(x, far), STARP_ERR_HANDLE, "matmul");
    refused(starp_linalg_solve(far, x), STARP_ERR_HANDLE, "linalg_solve");
    refused(starp_linalg_multi_dot(STARP_ARGS(x, far)), STARP_ERR_HANDLE, "linalg_multi_dot");
    starp_release(far);
    refused(starp_linalg_inv(far), STARP_ERR_HANDLE, "linalg_inv");
    refused(starp_matmul(x, far), STARP_ERR_HANDLE, "matmul");
    refused(starp_linalg_multi_dot(STARP_ARGS(far)), STARP_ERR_HANDLE, "linalg_multi_dot");
    la_done(starp_close(s));
}

/* ---------------------------------------------------------------------------------------------------------- in a run */

/* Column k - 1 depends on those before it, exactly: zeros below and on the diagonal. */
static starp_array *singular_at(int64_t n, int64_t k, starp_dtype dtype)
{
    struct la a = la_eye(n, n);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i + 1; j < n; j++) LA(a, i, j) = (double)((i * 7 + j * 3) % 5) - 2;
    }
    LA(a, k - 1, k - 1) = 0;
    return la_put(session, a, dtype);
}

static void singular_matrices(void **state)
{
    (void)state;
    char text[80];
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 1; n < 40; n += n < 8 ? 3 : 15) {
            starp_array *one = ones(d, 1, n, 0, 0), *inside = starp_add(starp_linalg_solve(singular_at(n, n, d), one), one);
            snprintf(text, sizeof text, "linalg_solve: the matrix is singular: U(%d,%d)", (int)n, (int)n);
            fails(inside, text);
            fails(inside, text);
            snprintf(text, sizeof text, "linalg_solve: the matrix is singular: U(%d,%d)", (int)(n / 2 + 1), (int)(n / 2 + 1));
            fails(starp_linalg_inv(singular_at(n, n / 2 + 1, d)), text);
            assert_true(la_item(starp_abs(starp_linalg_det(singular_at(n, n, d)))) == 0);
        }
    }
    fails(starp_linalg_matrix_power(ones(STARP_I32, 2, 3, 3, 0), -2), "singular: U(2,2)");
    fails(starp_linalg_solve(ones(STARP_F64, 2, 12, 12, 0), ones(STARP_F64, 2, 12, 0, 0)), "singular: U(2,2)");
    fails(starp_linalg_solve(ones(STARP_F64, 2, 4, 4, 0), ones(STARP_F64, 2, 4, 0, 0)), "singular: U(2,2)");
}

/* A stack of good matrices, but for one. */
static starp_array *stack_with(int64_t n, int bad, starp_array *x)
{
    starp_array *here = starp_equal(starp_arange(session, 0, 4, 1, STARP_I64), starp_scalar(session, bad));
    here = starp_reshape(here, STARP_SHAPE(4, 1, 1));
    return starp_where(here, x, starp_eye(session, n, n, 0, STARP_F64));
}

static void the_matrix_of_a_batch(void **state)
{
    (void)state;
    char text[40];
    for (int bad = 0; bad < 4; bad++) {
        snprintf(text, sizeof text, "matrix %d", bad);
        for (int64_t n = 4; n < 20; n += 13) {
            fails(starp_linalg_inv(stack_with(n, bad, singular_at(n, 3, STARP_F64))), text);
            fails(starp_linalg_cholesky(stack_with(n, bad, singular_at(n, 3, STARP_F64)), 0), text);
            fails(starp_linalg_svdvals(stack_with(n, bad, starp_full(session, STARP_SHAPE(n, n), NAN, STARP_F64))), text);
        }
    }
}

static void not_positive_definite(void **state)
{
    (void)state;
    char text[120];
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 1; n < 40; n += n < 8 ? 3 : 15) {
            for (int upper = 0; upper < 2; upper++) {
                int64_t bad = n / 2 + 1;
                struct la a = la_hermitian(n, d, true, &seed);
                LA(a, bad - 1, bad - 1) = -1;
                snprintf(text, sizeof text, "linalg_cholesky: the matrix is not positive definite: its leading minor of order %d", (int)bad);
                fails(starp_linalg_cholesky(la_put(session, a, d), upper), text);
            }
        }
    }
}

static void what_is_not_finite(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 1; n < 30; n += 11) {
            for (int k = 0; k < 2; k++) {
                struct la a = la_random(n, n, d, &seed);
                a.v[n * n - 1] = k ? INFINITY : NAN;
                starp_array *x = la_put(session, a, d), *b = ones(d, 2, n, 2, 0);
                fails(starp_linalg_svd(x, 0).u, "linalg_svd: the matrix has infinite or NaN elements");
                fails(starp_linalg_svdvals(x), "linalg_svdvals: ");
                fails(starp_linalg_eigh(x, k).values, "linalg_eigh: ");
                fails(starp_linalg_eigvalsh(x, k), "linalg_eigvalsh: ");
                fails(starp_linalg_eig(x).vectors, "linalg_eig: ");
                fails(starp_linalg_eigvals(x), "linalg_eigvals: ");
                fails(starp_linalg_lstsq(x, b, -1).x, "linalg_lstsq: ");
                fails(starp_linalg_lstsq(starp_eye(session, n, n, 0, d), x, -1).rank, "linalg_lstsq: ");
                fails(starp_linalg_pinv(x, -1), "linalg_svd: ");
            }
            starp_array *nan = starp_full(session, STARP_SHAPE(n, n), NAN, d), *x = starp_linalg_solve(nan, ones(d, 1, n, 0, 0));
            assert_true(la_item(starp_all(starp_isnan(x), NULL, 0)) == 1);
            assert_true(la_item(starp_all(starp_isnan(starp_matmul(nan, nan)), NULL, 0)) == 1);
            la_done(starp_eval(starp_linalg_qr(nan, 0).r));
        }
    }
}

/* A NaN is not a pivot that can be done without, whatever the order and dtype; LAPACK's complex ones may be, and find zeros then. */
static void nan_is_not_lost(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 2; n < 200; n = 3 * n + 1) {
            struct la a = la_new(n, n);
            for (int64_t i = 0; i < n; i++) LA(a, i, i) = i == n / 2 ? NAN : 1;
            starp_array *x = la_put(session, a, d);
            assert_true(la_item(starp_isnan(starp_linalg_det(x))) == 1);
            starp_array *y = la_is_complex(d) ? NULL : starp_linalg_solve(x, ones(d, 1, n, 0, 0));
            if (y) assert_true(la_item(starp_any(starp_isnan(y), NULL, 0)) == 1);
        }
    }
}

/* What a wide problem's right-hand sides are solved in is larger than they are, and was somebody's memory. */
static void old_memory_is_not_looked_at(void **state)
{
    (void)state;
    for (int k = 0; k < 10; k++) {
        starp_array *nan = starp_add(starp_full(session, STARP_SHAPE(9, 2 + k % 3), NAN, STARP_F64), starp_scalar(session, 1.0));
        la_done(starp_eval(nan));
        starp_release(nan);
        starp_array *a = la_input(session, STARP_SHAPE(2, 9), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(2, 2 + k % 3), STARP_F64, &seed);
        la_done(starp_eval(starp_linalg_lstsq(a, b, -1).x));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shapes_that_do_not_fit), TEST(arguments_out_of_range), TEST(too_much_for_lapack), TEST(null_and_foreign_handles), TEST(singular_matrices),
        TEST(the_matrix_of_a_batch), TEST(not_positive_definite), TEST(what_is_not_finite), TEST(nan_is_not_lost), TEST(old_memory_is_not_looked_at),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, la_open_in_tiles, la_close);
}

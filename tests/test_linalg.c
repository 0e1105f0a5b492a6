/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg.c: factorizations and what is solved by them, by residuals and orthogonality, over dtypes and shapes at the
 * edges of tiles and panels; in one piece without tasks, and in tiny panels and tiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "linalg_check.h"
#include "rig.h"

static uint64_t seed = 1;

static const starp_dtype dtypes[] = { STARP_F32, STARP_F64, STARP_C64, STARP_C128, STARP_I32, STARP_U8 };
static const int64_t shapes[][2] = { { 1, 1 }, { 5, 1 }, { 1, 4 }, { 7, 5 }, { 8, 8 }, { 5, 7 }, { 9, 9 }, { 17, 13 }, { 13, 17 }, { 31, 8 }, { 8, 31 },
                                     { 16, 16 }, { 33, 33 }, { 0, 0 }, { 0, 3 }, { 3, 0 } };

typedef void check(starp_dtype dtype, int64_t m, int64_t n);

static void each_shape(check *f, bool square)
{
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            if (square && shapes[k][0] != shapes[k][1]) continue;
            starp_scope_open(session);
            f(dtypes[d], shapes[k][0], shapes[k][1]);
            starp_scope_close(session);
            la_free_all();
        }
    }
}

/* -------------------------------------------------------------------------------------------------------------- LU */

static void lu_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype);
    starp_array *x = la_input(session, STARP_SHAPE(m, n), dtype, &seed);
    starp_lu_factors f = starp_linalg_lu_factor(x);
    la_shape("lu", f.lu, d, STARP_SHAPE(m, n));
    la_shape("pivot", f.pivot, STARP_I64, STARP_SHAPE(m < n ? m : n));
    la_shape("order", f.order, STARP_I64, STARP_SHAPE(m));
    la_lu(d, la_read(x, 0), la_read(f.lu, 0), la_read(f.pivot, 0), la_read(f.order, 0), 1);
}

static void lu_factors(void **state)
{
    (void)state;
    each_shape(lu_of, false);
}

static void lu_of_batches_and_views(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *x = starp_at(la_input(session, STARP_SHAPE(25, 3, 23), STARP_F64, &seed), "::-2, :, 1::2");
    x = starp_permute_dims(x, STARP_AXES(1, 2, 0));
    starp_lu_factors f = starp_linalg_lu_factor(x);
    for (int b = 0; b < 3; b++) {
        la_lu(STARP_F64, la_read(x, b), la_read(f.lu, b), la_vector(f.pivot, b), la_vector(f.order, b), 1);
    }
    starp_array *one = starp_full(session, STARP_SHAPE(12, 12), 2.0, STARP_F32);
    f = starp_linalg_lu_factor(one);
    la_lu(STARP_F32, la_read(one, 0), la_read(f.lu, 0), la_read(f.pivot, 0), la_read(f.order, 0), 1);
    starp_scope_close(session);
    la_free_all();
}

/* Where all rows of a column are as large, none is exchanged: also behind the first panel, and for any sign. */
static void ties_go_to_the_lowest_row(void **state)
{
    (void)state;
    for (int d = 0; d < 4; d++) {
        starp_scope_open(session);
        struct la a = la_new(40, 40);
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 40; j++) LA(a, i, j) = j == 0 ? 1 : i == j ? 1 : i > j ? -1 : 0;
            LA(a, i, 0) = i % 3 ? -1 : 1;
        }
        starp_lu_factors f = starp_linalg_lu_factor(la_put(session, a, dtypes[d]));
        struct la order = la_read(f.order, 0);
        assert_true(order.v[0] == 0);
        struct la lower = la_half(a, true);
        for (int i = 0; i < 40; i++) LA(lower, i, 0) = i ? -1 : 1;
        f = starp_linalg_lu_factor(la_put(session, lower, dtypes[d]));
        order = la_read(f.order, 0);
        for (int i = 0; i < 40; i++) assert_true(order.v[i] == i);
        starp_scope_close(session);
        la_free_all();
    }
}

static void singular_matrices_have_factors(void **state)
{
    (void)state;
    starp_scope_open(session);
    for (int64_t n = 1; n < 20; n += 6) {
        struct la a = la_random(n, n, STARP_F64, &seed), zero = la_new(n, n);
        for (int64_t i = 0; i < n; i++) LA(a, i, n / 2) = 0;
        starp_lu_factors f = starp_linalg_lu_factor(la_put(session, a, STARP_F64));
        la_lu(STARP_F64, a, la_read(f.lu, 0), la_read(f.pivot, 0), la_read(f.order, 0), 1);
        assert_true(LA(la_read(f.lu, 0), n / 2, n / 2) == 0);
        f = starp_linalg_lu_factor(starp_zeros(session, STARP_SHAPE(n, n), STARP_F64));
        la_lu(STARP_F64, zero, la_read(f.lu, 0), la_read(f.pivot, 0), la_read(f.order, 0), 1);
        assert_true(la_norm(la_read(f.lu, 0)) == 0);
    }
    starp_scope_close(session);
    la_free_all();
}

/* ----------------------------------------------------------------------------------------------------------- solving */

/* The backward error, so that no condition number comes in. */
static void check_solution(const char *what, starp_dtype d, struct la a, struct la x, struct la b)
{
    la_small(what, d, la_sub(la_mul(a, x), b), la_norm(a) * la_norm(x) + la_norm(b));
}

static void solve_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype);
    starp_array *a = la_input(session, STARP_SHAPE(m, n), dtype, &seed);
    if (dtype == STARP_I32 || dtype == STARP_U8) a = starp_add(a, starp_multiply(starp_eye(session, n, n, 0, dtype), starp_scalar(session, 100)));
    for (int64_t k = 0; k < 20; k += k < 2 ? 1 : 17) {
        starp_array *b = la_input(session, STARP_SHAPE(n, k), dtype, &seed), *x = starp_linalg_solve(a, b);
        la_shape("solve", x, d, STARP_SHAPE(n, k));
        check_solution("solve", d, la_read(a, 0), la_read(x, 0), la_read(b, 0));
    }
    starp_array *b = la_input(session, STARP_SHAPE(n), dtype, &seed), *x = starp_linalg_solve(a, b);
    la_shape("solve", x, d, STARP_SHAPE(n));
    check_solution("solve", d, la_read(a, 0), la_read(x, 0), la_read(b, 0));
    starp_array *inverse = starp_linalg_inv(a);
    la_shape("inv", inverse, d, STARP_SHAPE(n, n));
    check_solution("inv", d, la_read(a, 0), la_read(inverse, 0), la_eye(n, n));
}

static void solutions(void **state)
{
    (void)state;
    each_shape(solve_of, true);
}

static void solutions_of_batches_and_views(void **state)
{
    (void)state;
    for (int64_t n = 3; n < 20; n += 15) {
        starp_scope_open(session);
        starp_array *a = starp_matrix_transpose(starp_flip(la_input(session, STARP_SHAPE(2, 1, n, n), STARP_C64, &seed), NULL));
        starp_array *b = starp_at(la_input(session, STARP_SHAPE(3, 2 * n, 9), STARP_F32, &seed), ":, ::2, ::-1");
        starp_array *x = starp_linalg_solve(a, b);
        la_shape("solve", x, STARP_C64, STARP_SHAPE(2, 3, n, 9));
        for (int k = 0; k < 6; k++) check_solution("solve", STARP_C64, la_read(a, k / 3), la_read(x, k), la_read(b, k % 3));
        starp_array *one = starp_ones(session, STARP_SHAPE(n), STARP_F32), *y = starp_linalg_solve(a, one);
        la_shape("solve", y, STARP_C64, STARP_SHAPE(2, 1, n));
        for (int k = 0; k < 2; k++) check_solution("solve", STARP_C64, la_read(a, k), la_vector(y, k), la_read(one, 0));
        starp_array *none = starp_linalg_solve(starp_at(a, ":0"), b);
        la_shape("solve", none, STARP_C64, STARP_SHAPE(0, 3, n, 9));
        la_done(starp_eval(none));
        starp_scope_close(session);
        la_free_all();
    }
}

/* The other half, and the diagonal when it counts as 1, are NaN: they must not be read. */
static void triangular_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype);
    if (d != dtype) return;
    for (int option = 0; option < 4; option++) {
        bool lower = option & 1, unit = option & 2;
        struct la a = la_half(la_random(m, n, dtype, &seed), lower), nan = la_new(m, n), b = la_random(n, 5, dtype, &seed);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                if (i == j) LA(a, i, i) = unit ? 1 : 2;
                LA(nan, i, j) = (lower ? j > i : j < i) || (unit && i == j) ? NAN : LA(a, i, j);
            }
        }
        starp_array *x = starp_linalg_solve_triangular(la_put(session, nan, dtype), la_put(session, b, dtype), lower, unit);
        la_shape("solve_triangular", x, d, STARP_SHAPE(n, 5));
        check_solution("solve_triangular", d, a, la_read(x, 0), b);
    }
}

static void triangular_solutions(void **state)
{
    (void)state;
    each_shape(triangular_of, true);
}

static void cholesky_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype);
    if (dtype == STARP_U8) return;
    struct la a = la_hermitian(n, dtype, true, &seed), b = la_random(n, 3, dtype, &seed);
    for (int upper = 0; upper < 2; upper++) {
        struct la nan = la_new(m, n);
        for (int64_t i = 0; i < m * n; i++) nan.v[i] = (upper ? i % n < i / n : i % n > i / n) && d == dtype ? NAN : a.v[i];
        starp_array *f = starp_linalg_cholesky(la_put(session, nan, dtype), upper);
        la_shape("cholesky", f, d, STARP_SHAPE(n, n));
        struct la l = la_read(f, 0);
        assert_true(la_norm(la_sub(l, la_half(l, !upper))) == 0);
        for (int64_t i = 0; i < n; i++) assert_true(creal(LA(l, i, i)) > 0 && cimag(LA(l, i, i)) == 0);
        la_near("cholesky", d, upper ? la_mul(la_adjoint(l), l) : la_mul(l, la_adjoint(l)), a);
        if (upper) continue;
        starp_array *x = starp_linalg_cho_solve(f, la_put(session, b, dtype));
        la_shape("cho_solve", x, d, STARP_SHAPE(n, 3));
        check_solution("cho_solve", d, a, la_read(x, 0), b);
    }
}

static void cholesky_factors(void **state)
{
    (void)state;
    each_shape(cholesky_of, true);
}

/* ------------------------------------------------------------------------------------------------------ QR and SVD */

static void qr_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype);
    starp_array *x = la_input(session, STARP_SHAPE(m, n), dtype, &seed);
    for (int complete = 0; complete < 2; complete++) {
        int64_t k = complete || m < n ? m : n;
        starp_qr_factors f = starp_linalg_qr(x, complete);
        la_shape("q", f.q, d, STARP_SHAPE(m, k));
        la_shape("r", f.r, d, STARP_SHAPE(k, n));
        struct la a = la_read(x, 0), q = la_read(f.q, 0), r = la_read(f.r, 0);
        assert_true(la_norm(la_sub(r, la_half(r, false))) == 0);
        la_orthonormal("q", d, q);
        la_near("q r", d, la_mul(q, r), a);
    }
}

static void qr_factors(void **state)
{
    (void)state;
    each_shape(qr_of, false);
}

static void svd_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype), real = sp_dtype_real(d);
    starp_array *x = la_input(session, STARP_SHAPE(m, n), dtype, &seed), *values = starp_linalg_svdvals(x);
    int64_t least = m < n ? m : n;
    la_shape("svdvals", values, real, STARP_SHAPE(least));
    for (int full = 0; full < 2; full++) {
        starp_svd_factors f = starp_linalg_svd(x, full);
        la_shape("u", f.u, d, STARP_SHAPE(m, full ? m : least));
        la_shape("s", f.s, real, STARP_SHAPE(least));
        la_shape("vh", f.vh, d, STARP_SHAPE(full ? n : least, n));
        struct la a = la_read(x, 0), u = la_read(f.u, 0), s = la_read(f.s, 0), vh = la_read(f.vh, 0), middle = la_new(u.n, vh.m);
        for (int64_t i = 0; i < least; i++) {
            LA(middle, i, i) = s.v[i];
            assert_true(creal(s.v[i]) >= 0 && (i == 0 || creal(s.v[i]) <= creal(s.v[i - 1])));
        }
        la_orthonormal("u", d, u);
        la_orthonormal("vh", d, la_adjoint(vh));
        la_near("u s vh", d, la_mul(la_mul(u, middle), vh), a);
        la_near("svdvals", d, la_read(values, 0), s);
    }
}

static void singular_values(void **state)
{
    (void)state;
    each_shape(svd_of, false);
}

/* ---------------------------------------------------------------------------------------------------- eigenvalues */

static void eigh_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype), real = sp_dtype_real(d);
    if (dtype == STARP_U8) return;
    struct la a = la_hermitian(n, dtype, false, &seed);
    for (int upper = 0; upper < 2; upper++) {
        struct la nan = la_new(m, n);
        for (int64_t i = 0; i < m * n; i++) nan.v[i] = (upper ? i % n < i / n : i % n > i / n) && d == dtype ? NAN : a.v[i];
        starp_array *x = la_put(session, nan, dtype), *values = starp_linalg_eigvalsh(x, upper);
        starp_eig_factors f = starp_linalg_eigh(x, upper);
        la_shape("eigh", f.values, real, STARP_SHAPE(n));
        la_shape("eigh", f.vectors, d, STARP_SHAPE(n, n));
        la_shape("eigvalsh", values, real, STARP_SHAPE(n));
        struct la w = la_read(f.values, 0), v = la_read(f.vectors, 0);
        for (int64_t i = 1; i < n; i++) assert_true(creal(w.v[i]) >= creal(w.v[i - 1]));
        la_orthonormal("eigh", d, v);
        la_small("eigh", d, la_sub(la_mul(a, v), la_mul(v, la_diagonal(w))), la_norm(a));
        la_near("eigvalsh", d, la_read(values, 0), w);
    }
}

static void hermitian_eigenvalues(void **state)
{
    (void)state;
    each_shape(eigh_of, true);
}

/* Vectors of norm 1, and a v = v w; their sum is the trace. */
static void eig_of(starp_dtype dtype, int64_t m, int64_t n)
{
    starp_dtype d = la_float(dtype), c = la_eps(d) > la_eps(STARP_F64) ? STARP_C64 : STARP_C128;
    starp_array *x = la_input(session, STARP_SHAPE(m, n), dtype, &seed), *values = starp_linalg_eigvals(x);
    starp_eig_factors f = starp_linalg_eig(x);
    la_shape("eig", f.values, c, STARP_SHAPE(n));
    la_shape("eig", f.vectors, c, STARP_SHAPE(n, n));
    la_shape("eigvals", values, c, STARP_SHAPE(n));
    struct la a = la_read(x, 0), w = la_read(f.values, 0), v = la_read(f.vectors, 0), gap = la_new(n, 1), w2 = la_read(values, 0);
    la_small("eig", d, la_sub(la_mul(a, v), la_mul(v, la_diagonal(w))), la_norm(a));
    for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += creal(LA(v, i, j) * conj(LA(v, i, j)));
        gap.v[j] = sum - 1;
        w2.v[0] += j ? w2.v[j] : 0;
        w2.v[0] -= LA(a, j, j);
    }
    la_small("norms of eigenvectors", d, gap, 1);
    if (n > 0) la_small("trace", d, (struct la){ 1, 1, w2.v }, (double)n * (la_norm(a) + 1));
}

static void eigenvalues(void **state)
{
    (void)state;
    each_shape(eig_of, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lu_factors),
        cmocka_unit_test(lu_of_batches_and_views),
        cmocka_unit_test(ties_go_to_the_lowest_row),
        cmocka_unit_test(singular_matrices_have_factors),
        cmocka_unit_test(solutions),
        cmocka_unit_test(solutions_of_batches_and_views),
        cmocka_unit_test(triangular_solutions),
        cmocka_unit_test(cholesky_factors),
        cmocka_unit_test(qr_factors),
        cmocka_unit_test(singular_values),
        cmocka_unit_test(hermitian_eigenvalues),
        cmocka_unit_test(eigenvalues),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, la_open_in_tiles, la_close);
}

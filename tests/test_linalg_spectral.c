/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_spectral.c: eigenvalues of Hermitian matrices and singular values of matrices that are reduced by many workers: orders
 * at the edges of panels, blocks and leaves, matrices that deflate, extreme scales; and the same bits with any number of workers.
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

/* Values and vectors of a, in units of `scale`, which brings numbers back to where squares exist. */
static void check_eigh(starp_dtype d, struct la a, int upper, double scale)
{
    starp_array *x = la_put(session, a, d), *values = starp_linalg_eigvalsh(x, upper);
    starp_eig_factors f = starp_linalg_eigh(x, upper);
    struct la w = la_scale(la_read(f.values, 0), 1 / scale), v = la_read(f.vectors, 0), b = la_scale(a, 1 / scale);
    for (int64_t i = 1; i < w.m; i++) assert_true(creal(w.v[i]) >= creal(w.v[i - 1]));
    la_orthonormal("eigh", d, v);
    la_small("eigh", d, la_sub(la_mul(b, v), la_mul(v, la_diagonal(w))), la_norm(b));
    la_near("eigvalsh", d, la_scale(la_read(values, 0), 1 / scale), w);
}

static void check_svd(starp_dtype d, struct la a, int full, double scale)
{
    starp_array *x = la_put(session, a, d), *values = starp_linalg_svdvals(x);
    starp_svd_factors f = starp_linalg_svd(x, full);
    int64_t least = a.m < a.n ? a.m : a.n;
    la_shape("u", f.u, d, STARP_SHAPE(a.m, full ? a.m : least));
    la_shape("vh", f.vh, d, STARP_SHAPE(full ? a.n : least, a.n));
    struct la u = la_read(f.u, 0), s = la_scale(la_read(f.s, 0), 1 / scale), vh = la_read(f.vh, 0), middle = la_new(u.n, vh.m);
    for (int64_t i = 0; i < least; i++) {
        LA(middle, i, i) = s.v[i];
        assert_true(creal(s.v[i]) >= 0 && (i == 0 || creal(s.v[i]) <= creal(s.v[i - 1])));
    }
    la_orthonormal("u", d, u);
    la_orthonormal("vh", d, la_adjoint(vh));
    la_near("u s vh", d, la_mul(la_mul(u, middle), vh), la_scale(a, 1 / scale));
    la_near("svdvals", d, la_scale(la_read(values, 0), 1 / scale), s);
}

/* With panels of 8, LAPACK has the last 48 columns, blocks are of 16 reflections and 32 columns, leaves of at most 48. */
static void orders_at_the_edges(void **state)
{
    static const int64_t orders[] = { 9, 10, 47, 48, 49, 50, 56, 57, 64, 81, 96, 97, 129 };
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
            int64_t n = orders[k];
            for (int upper = 0; upper < 2; upper++) check_eigh(d, la_hermitian(n, d, false, &seed), upper, 1);
            check_svd(d, la_random(n, n, d, &seed), k % 2, 1);
            la_free_all();
        }
    }
}

static void shapes_that_are_not_square(void **state)
{
    static const int64_t shapes[][2] = { { 60, 50 }, { 50, 60 }, { 9, 100 }, { 100, 9 }, { 130, 70 }, { 70, 131 }, { 57, 56 } };
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            for (int full = 0; full < 2; full++) check_svd(d, la_random(shapes[k][0], shapes[k][1], d, &seed), full, 1);
            la_free_all();
        }
    }
}

/* Much higher than wide, or the other way round: by QR factorization, but for all of the vectors. */
static void long_shapes(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        starp_dtype d = turned ? STARP_C64 : STARP_F64;
        struct la a = la_random(500, 260, d, &seed);
        check_svd(d, turned ? la_adjoint(a) : a, 0, 1);
        la_free_all();
    }
    check_svd(STARP_F32, la_random(480, 260, STARP_F32, &seed), 1, 1);
}

/* Of rank r, and with values that are equal: whatever deflates does so here. */
static struct la of_rank(int64_t n, int64_t r, starp_dtype d)
{
    struct la x = la_random(n, r, d, &seed);
    return la_mul(x, la_adjoint(x));
}

/* As the dtype has it. */
static struct la rounded(struct la a, starp_dtype d)
{
    struct la b = la_read(la_put(session, a, d), 0);
    for (int64_t i = 0; i < b.m; i++) {
        for (int64_t j = 0; j < i; j++) LA(b, i, j) = conj(LA(b, j, i));
        LA(b, i, i) = creal(LA(b, i, i));
    }
    return b;
}

static void matrices_that_deflate(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        int64_t n = 110;
        struct la all[] = { la_new(n, n), la_eye(n, n), rounded(of_rank(n, 1, d), d), rounded(of_rank(n, 30, d), d), la_new(n, n), la_new(n, n) };
        for (int64_t i = 0; i < n; i++) {
            LA(all[4], i, i) = (double)(i % 7); /* values that are equal, and in no order */
            LA(all[5], i, i) = 2;               /* Toeplitz */
            if (i > 0) LA(all[5], i, i - 1) = LA(all[5], i - 1, i) = -1;
        }
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            check_eigh(d, all[k], 0, 1);
            check_svd(d, all[k], 0, 1);
        }
        la_free_all();
    }
}

static void extreme_scales(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        bool narrow = la_eps(d) > la_eps(STARP_F64);
        for (int k = 0; k < 2; k++) {
            double scale = narrow ? (k ? 0x1p+120 : 0x1p-115) : (k ? 0x1p+1000 : 0x1p-1000);
            check_eigh(d, la_scale(la_hermitian(75, d, false, &seed), scale), k, scale);
            check_svd(d, la_scale(la_random(80, 75, d, &seed), scale), k, scale);
            la_free_all();
        }
    }
    struct la graded = la_random(90, 90, STARP_F64, &seed); /* down to rows of what is hardly a number */
    for (int64_t i = 0; i < 90; i++) {
        for (int64_t j = 0; j < 90; j++) LA(graded, i, j) *= pow(10, -4.0 * (double)(i + j));
    }
    check_svd(STARP_F64, graded, 0, 1);
}

static void a_stack(void **state)
{
    (void)state;
    starp_array *x = la_input(session, STARP_SHAPE(3, 60, 70), STARP_C128, &seed);
    starp_svd_factors f = starp_linalg_svd(x, 0);
    la_done(starp_eval_many(STARP_ARGS(f.u, f.s, f.vh)));
    for (int b = 0; b < 3; b++) {
        struct la us = la_mul(la_read(f.u, b), la_diagonal(la_vector(f.s, b)));
        la_near("u s vh", STARP_C128, la_mul(us, la_read(f.vh, b)), la_read(x, b));
    }
}

/* ------------------------------------------------------------------------------------------------ numbers of workers */

struct results {
    char *bytes;
    size_t size;
};

static void keep(struct results *r, starp_array *x)
{
    size_t size = (size_t)starp_size(x) * starp_dtype_size(starp_dtype_of(x));
    r->bytes = realloc(r->bytes, r->size + size);
    la_done(starp_read(x, r->bytes + r->size, size));
    r->size += size;
}

static struct results compute(const char *environment)
{
    struct results r = { NULL, 0 };
    uint64_t same = 7;
    rig_environment(environment);
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        starp_scope_open(s);
        starp_array *x = la_input(s, STARP_SHAPE(300 + (int)d, 300), d, &same);
        starp_eig_factors e = starp_linalg_eigh(starp_at(x, ":300"), d % 2);
        starp_svd_factors f = starp_linalg_svd(x, d % 2);
        starp_array *all[] = { e.values, e.vectors, f.u, f.s, f.vh, starp_linalg_svdvals(x) };
        for (int k = 0; k < 6; k++) keep(&r, all[k]);
        starp_scope_close(s);
    }
    assert_int_equal(starp_close(s), STARP_OK);
    return r;
}

static void workers_do_not_matter(void **state)
{
    static const char *const others[] = { "STARP_PANEL=48 STARP_NCPU=2", "STARP_PANEL=48 STARP_NCPU=3 STARP_SCHED=eager STARP_TILE=5000",
                                          "STARP_PANEL=48 STARP_NCPU=2 STARP_SMALL=10M" };
    (void)state;
    struct results want = compute("STARP_PANEL=48 STARP_NCPU=1");
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        struct results got = compute(others[k]);
        assert_int_equal(got.size, want.size);
        if (memcmp(got.bytes, want.bytes, want.size) != 0) fail_msg("other bits with %s", others[k]);
        free(got.bytes);
    }
    free(want.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LA_TEST(orders_at_the_edges), LA_TEST(shapes_that_are_not_square), LA_TEST(long_shapes), LA_TEST(matrices_that_deflate), LA_TEST(extreme_scales), LA_TEST(a_stack),
    };
    const struct CMUnitTest workers[] = { cmocka_unit_test(workers_do_not_matter) };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", tests, la_open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("workers", workers, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_batch.c: batches of small matrices. Each matrix of a batch has the bits it has by itself, and a batch seen through
 * a view those of a copy: whatever is in a tile with what, and whether it is worked on in place or through copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "linalg_check.h"

#define RESULTS 40

static uint64_t seed = 1;

/* Results of all calls, by name. */
struct results {
    int n;
    const char *name[RESULTS];
    starp_array *x[RESULTS];
};

static void add(struct results *r, const char *name, starp_array *x)
{
    if (!x) fail_msg("%s: %s", name, starp_last_error());
    r->name[r->n] = name;
    r->x[r->n++] = x;
}

static void of_any(struct results *r, starp_array *a, starp_array *b)
{
    starp_lu_factors lu = starp_linalg_lu_factor(a);
    starp_lstsq_solution l = starp_linalg_lstsq(a, b, -1);
    add(r, "lu", lu.lu), add(r, "pivot", lu.pivot), add(r, "order", lu.order);
    add(r, "lstsq", l.x), add(r, "residuals", l.residuals), add(r, "rank", l.rank), add(r, "lstsq's s", l.singular_values);
    add(r, "svdvals", starp_linalg_svdvals(a));
    for (int full = 0; full < 2; full++) {
        starp_svd_factors svd = starp_linalg_svd(a, full);
        starp_qr_factors qr = starp_linalg_qr(a, full);
        add(r, "u", svd.u), add(r, "s", svd.s), add(r, "vh", svd.vh), add(r, "q", qr.q), add(r, "r", qr.r);
    }
}

static void of_square(struct results *r, starp_array *a, starp_array *b, int64_t n)
{
    starp_array *heavy = starp_add(a, starp_multiply(starp_eye(session, n, n, 0, STARP_F32), starp_scalar(session, 3.0 * (double)n)));
    starp_eig_factors eig = starp_linalg_eig(a);
    add(r, "eig", eig.values), add(r, "eig's vectors", eig.vectors), add(r, "eigvals", starp_linalg_eigvals(a));
    add(r, "solve", starp_linalg_solve(heavy, b)), add(r, "inv", starp_linalg_inv(heavy)), add(r, "det", starp_linalg_det(heavy));
    for (int half = 0; half < 2; half++) {
        starp_eig_factors eigh = starp_linalg_eigh(a, half);
        add(r, "eigh", eigh.values), add(r, "eigh's vectors", eigh.vectors), add(r, "eigvalsh", starp_linalg_eigvalsh(a, half));
        add(r, "triangular", starp_linalg_solve_triangular(heavy, b, half, !half));
        add(r, "cholesky", starp_linalg_cholesky(heavy, half));
    }
}

static struct results all_of(starp_array *a, starp_array *b, int64_t m, int64_t n)
{
    struct results r = { 0 };
    of_any(&r, a, b);
    if (m == n) of_square(&r, a, b, n);
    la_done(starp_eval_many(r.n, r.x));
    return r;
}

static void expect_same(const struct results *got, const struct results *want)
{
    assert_int_equal(got->n, want->n);
    for (int k = 0; k < got->n; k++) la_same(got->name[k], got->x[k], want->x[k]);
}

static const struct {
    int64_t m, n, k;
} sides[] = { { 1, 1, 1 }, { 3, 3, 2 }, { 8, 8, 1 }, { 17, 17, 9 }, { 5, 2, 1 }, { 2, 6, 3 }, { 0, 3, 1 }, { 4, 0, 2 }, { 0, 0, 0 },
              { 20, 4, 0 } };
#define SIDES (int)(sizeof sides / sizeof sides[0])

static void scoped(void (*check)(starp_dtype d, int64_t m, int64_t n, int64_t k))
{
    for (int i = 0; i < SIDES * 4; i++) {
        la_done(starp_scope_open(session));
        check((starp_dtype)(STARP_F32 + i % 4), sides[i / 4].m, sides[i / 4].n, sides[i / 4].k);
        la_done(starp_scope_close(session));
        la_free_all();
    }
}

/* Numbers enough for a task or a few, and for tiles that end in the middle of a piece. */
static void check_alone(starp_dtype d, int64_t m, int64_t n, int64_t k)
{
    const int64_t rows = 3, cols = m + n > 20 ? 11 : 29, where[] = { 0, cols - 1, cols + 4, rows * cols - 1 };
    starp_array *a = la_input(session, STARP_SHAPE(rows, cols, m, n), d, &seed), *b = la_input(session, STARP_SHAPE(rows, cols, m, k), d, &seed);
    struct results batch = all_of(a, b, m, n);
    for (int i = 0; i < 4; i++) {
        starp_index at[] = { STARP_AT(where[i] / cols), STARP_AT(where[i] % cols) };
        struct results one = all_of(la_copy(starp_slice(a, 2, at)), la_copy(starp_slice(b, 2, at)), m, n), cut = batch;
        for (int r = 0; r < cut.n; r++) cut.x[r] = starp_slice(batch.x[r], 2, at);
        expect_same(&cut, &one);
    }
}

static void a_matrix_of_a_batch_is_as_alone(void **state)
{
    (void)state;
    scoped(check_alone);
}

static void expect_view(starp_array *a, starp_array *b, int64_t m, int64_t n)
{
    struct results seen = all_of(a, b, m, n), plain = all_of(la_copy(a), la_copy(b), m, n);
    expect_same(&seen, &plain);
}

static void check_views(starp_dtype d, int64_t m, int64_t n, int64_t k)
{
    starp_array *b = la_input(session, STARP_SHAPE(9, m, k), d, &seed), *big = la_input(session, STARP_SHAPE(20, m + 1, 2 * n + 1), d, &seed);
    starp_array *turned = la_input(session, STARP_SHAPE(9, n, m), d, &seed), *last = la_input(session, STARP_SHAPE(m, n, 9), d, &seed);
    expect_view(starp_matrix_transpose(turned), b, m, n);
    expect_view(starp_permute_dims(last, STARP_SHAPE(2, 0, 1)), starp_flip(b, STARP_SHAPE(0, 1)), m, n);
    expect_view(starp_slice(big, STARP_INDEX(STARP_STEP(1, 19, 2), STARP_RANGE(1, m + 1), STARP_STEP(0, 2 * n, 2))), b, m, n);
    expect_view(starp_broadcast_to(starp_slice(turned, STARP_INDEX(STARP_AT(4), STARP_ALL, STARP_ALL)), STARP_SHAPE(9, n, m)),
                la_input(session, STARP_SHAPE(9, n, k), d, &seed), n, m);
}

static void views_are_operands(void **state)
{
    (void)state;
    scoped(check_views);
}

static void empty_batches(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *a = la_input(session, STARP_SHAPE(4, 0, 3, 3), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(4, 0, 3, 2), STARP_F64, &seed);
    struct results r = all_of(a, b, 3, 3);
    for (int k = 0; k < r.n; k++) assert_int_equal(starp_size(r.x[k]), 0);
    starp_scope_close(session);
    la_free_all();
}

/* Results are read, and their memory is taken again, by steps of the same run. */
static void steps_follow_in_a_run(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *a = la_input(session, STARP_SHAPE(300, 12, 12), STARP_F64, &seed), *eye = starp_eye(session, 12, 12, 0, STARP_F64);
    starp_array *x = starp_add(a, starp_multiply(eye, starp_scalar(session, 20.0))), *y = x, *z = x;
    la_done(starp_eval(x));
    for (int i = 0; i < 6; i++) {
        starp_array *nothing = starp_multiply(starp_sum(starp_linalg_svdvals(y), NULL, 0), starp_scalar(session, 0.0));
        y = starp_linalg_inv(starp_add(starp_linalg_inv(y), nothing));
    }
    for (int i = 0; i < 6; i++) {
        z = starp_linalg_inv(z);
        la_done(starp_eval(z));
        z = starp_add(z, starp_scalar(session, 0.0));
        la_done(starp_eval(z));
        z = starp_linalg_inv(z);
        la_done(starp_eval(z));
    }
    la_same("in one run and step by step", y, z);
    starp_scope_close(session);
    la_free_all();
}

static void the_failing_matrix_is_named(void **state)
{
    (void)state;
    static double a[2][100][2][2];
    starp_scope_open(session);
    for (int i = 0; i < 200; i++) a[i / 100][i % 100][0][0] = a[i / 100][i % 100][1][1] = i == 171 ? -1 : 1;
    starp_array *x = starp_linalg_cholesky(starp_from_host(session, a, STARP_SHAPE(2, 100, 2, 2), STARP_F64), 0);
    assert_int_equal(starp_eval(x), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "order 1 (matrix 171)"));
    starp_clear_error();
    starp_scope_close(session);
}

static int open_in_tasks(void **state)
{
    (void)state;
    return cc_open("STARP_SMALL=0 STARP_NCPU=3");
}

/* Tiles hold some matrices of the smaller ones, and parts of the others. */
static int open_in_tiles(void **state)
{
    (void)state;
    return cc_open("STARP_TILE=128 STARP_SMALL=0 STARP_NCPU=3");
}

static int open_plain(void **state)
{
    (void)state;
    return cc_open("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_of_a_batch_is_as_alone),
        cmocka_unit_test(views_are_operands),
        cmocka_unit_test(empty_batches),
        cmocka_unit_test(steps_follow_in_a_run),
        cmocka_unit_test(the_failing_matrix_is_named),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, open_plain, la_close);
    failed += cmocka_run_group_tests_name("in tasks", tests, open_in_tasks, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, la_close);
}

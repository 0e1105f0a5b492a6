/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_tournament.c: LU by tournament pivoting, in panels of four columns whose blocks have 32 rows: residuals and
 * growth, pivots that are exchanges, what falls back to partial pivoting, and that bits do not depend on who computes what.
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

#define TOURNAMENT "STARP_PANEL=4 STARP_PIVOTING=tournament "
#define IN_TILES "STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=3"
#define GROWTH 16 /* of L, which is 1 with partial pivoting; random matrices are far below */

static uint64_t seed = 7;
static starp_session *partial; /* that pivots as usual */

static int open_both(const char *assignments, const char *usual)
{
    rig_environment(assignments);
    session = starp_open(NULL);
    rig_environment(usual);
    partial = starp_open(NULL);
    return session && partial ? 0 : -1;
}

static int open_at_once(void **state)
{
    (void)state;
    return open_both(TOURNAMENT, "STARP_PANEL=4");
}

static int open_in_tiles(void **state)
{
    (void)state;
    return open_both(TOURNAMENT IN_TILES, "STARP_PANEL=4 " IN_TILES);
}

static int close_both(void **state)
{
    int failed = la_close(state);
    return starp_close(partial) == STARP_OK ? failed : -1;
}

static double check(starp_array *x, starp_lu_factors f, int64_t b)
{
    starp_array *all[] = { f.lu, f.pivot, f.order };
    la_done(starp_eval_many(3, all));
    return la_lu(starp_dtype_of(f.lu), la_read(x, b), la_read(f.lu, b), la_vector(f.pivot, b), la_vector(f.order, b), GROWTH);
}

/* ------------------------------------------------------------------------------------------------ what comes out */

static void factors_of_all_shapes(void **state)
{
    static const int64_t shapes[][2] = { { 64, 4 }, { 65, 4 }, { 97, 1 }, { 331, 1 }, { 127, 3 }, { 200, 4 }, { 301, 13 }, { 67, 67 },
                                         { 131, 17 }, { 96, 200 }, { 89, 83 }, { 63, 4 }, { 5, 9 }, { 200, 0 }, { 0, 5 } };
    double most = 0;
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            starp_scope_open(session);
            starp_array *x = la_input(session, STARP_SHAPE(shapes[k][0], shapes[k][1]), d, &seed);
            starp_lu_factors f = starp_linalg_lu_factor(x);
            la_shape("lu", f.lu, d, STARP_SHAPE(shapes[k][0], shapes[k][1]));
            if (shapes[k][0] && shapes[k][1]) most = fmax(most, check(x, f, 0));
            starp_scope_close(session);
            la_free_all();
        }
    }
    assert_true(most > sqrt(2) + 1e-3); /* or else there was no tournament */
}

static void factors_of_batches_and_integers(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *x = starp_permute_dims(la_input(session, STARP_SHAPE(9, 3, 130), STARP_C64, &seed), STARP_AXES(1, 2, 0));
    starp_array *y = la_input(session, STARP_SHAPE(2, 150, 3), STARP_I32, &seed);
    for (int b = 0; b < 3; b++) check(x, starp_linalg_lu_factor(x), b);
    for (int b = 0; b < 2; b++) check(y, starp_linalg_lu_factor(y), b);
    starp_scope_close(session);
    la_free_all();
}

static void solutions(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 64; n < 140; n += 37) {
            starp_scope_open(session);
            starp_array *a = la_input(session, STARP_SHAPE(n, n), d, &seed), *b = la_input(session, STARP_SHAPE(n, 11), d, &seed);
            struct la x = la_read(starp_linalg_solve(a, b), 0), y = la_read(a, 0), z = la_read(b, 0);
            la_small("solve", d, la_sub(la_mul(y, x), z), la_norm(y) * la_norm(x) + la_norm(z));
            starp_scope_close(session);
            la_free_all();
        }
    }
}

/* The best rows are those of partial pivoting where every block's best are exactly these. */
static void a_tie_goes_to_the_lowest_row(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        starp_scope_open(session);
        struct la a = la_new(150, 4);
        for (int i = 0; i < 150; i++) {
            for (int j = 0; j < 4; j++) LA(a, i, j) = i == j ? 1 : i > j ? -1 : 0;
        }
        struct la order = la_read(starp_linalg_lu_factor(la_put(session, a, d)).order, 0);
        for (int i = 0; i < 150; i++) assert_true(order.v[i] == i);
        starp_scope_close(session);
        la_free_all();
    }
}

/* -------------------------------------------------------------------------------------------------- what goes wrong */

/* The panel is then factored as usual: the same bits. */
static void as_usual(struct la a, starp_dtype d)
{
    starp_lu_factors f = starp_linalg_lu_factor(la_put(session, a, d)), g = starp_linalg_lu_factor(la_put(partial, a, d));
    starp_array *x[] = { f.lu, f.pivot, f.order }, *y[] = { g.lu, g.pivot, g.order };
    la_done(starp_eval_many(3, x));
    la_done(starp_eval_many(3, y));
    for (int k = 0; k < 3; k++) la_same("lu of a singular matrix", x[k], y[k]);
}

static void singular_panels_have_factors(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int col = 0; col < 4; col++) {
            starp_scope_open(session);
            starp_scope_open(partial);
            struct la zero = la_random(140, 4, d, &seed), same = la_random(140, 4, d, &seed), one = la_new(140, 4);
            for (int i = 0; i < 140; i++) {
                LA(zero, i, col) = 0;
                for (int j = 0; j < 4; j++) LA(same, i, j) *= (j < col) != (i == 90 && col < 3);
                LA(one, i, col) = 1;
            }
            as_usual(zero, d);
            as_usual(same, d);
            as_usual(one, d);
            struct la wide = la_random(140, 18, d, &seed); /* a later panel */
            for (int i = 0; i < 140; i++) LA(wide, i, 8 + col) = LA(wide, i, 0);
            starp_array *x = la_put(session, wide, d);
            check(x, starp_linalg_lu_factor(x), 0);
            starp_scope_close(session);
            starp_scope_close(partial);
            la_free_all();
        }
    }
}

static void error_of(starp_session *s, struct la a, starp_dtype d, char *text, size_t cap)
{
    starp_array *x = starp_linalg_solve(la_put(s, a, d), starp_ones(s, STARP_SHAPE(a.n), d));
    assert_int_equal(starp_eval(x), STARP_ERR_COMPUTE);
    snprintf(text, cap, "%.80s", strstr(starp_last_error(), "linalg_solve: "));
    starp_clear_error();
}

static void singular_matrices_are_told_alike(void **state)
{
    char text[100], want[100], expected[100];
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        for (int64_t n = 70; n < 200; n += 61) {
            starp_scope_open(session);
            starp_scope_open(partial);
            struct la a = la_new(n, n);
            int64_t bad = n / 4;
            for (int64_t i = 0; i < n * n; i++) a.v[i] = i / n > i % n ? 0 : (double)((i / n * 7 + i % n * 3) % 5) - 2;
            for (int64_t i = 0; i < n; i++) LA(a, i, i) = i == bad ? 0 : 3;
            error_of(session, a, d, text, sizeof text);
            error_of(partial, a, d, want, sizeof want);
            assert_string_equal(text, want);
            snprintf(expected, sizeof expected, "singular: U(%d,%d) is exactly zero", (int)bad + 1, (int)bad + 1);
            assert_non_null(strstr(text, expected));
            starp_scope_close(session);
            starp_scope_close(partial);
            la_free_all();
        }
    }
}

/* Reciprocals of pivots overflow. */
static void tiny_matrices(void **state)
{
    (void)state;
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        starp_scope_open(session);
        starp_scope_open(partial);
        as_usual(la_scale(la_random(140, 4, d, &seed), d == STARP_F32 || d == STARP_C64 ? 1e-39 : 1e-309), d);
        starp_scope_close(session);
        starp_scope_close(partial);
        la_free_all();
    }
}

static void what_is_not_finite(void **state)
{
    (void)state;
    for (int k = 0; k < 12; k++) {
        starp_scope_open(session);
        int64_t m = 200, n = k % 2 ? 40 : 4;
        struct la a = la_random(m, n, STARP_F64, &seed);
        for (int64_t i = 0; i < m * n; i++) {
            if (k >= 8 || (i * 7 + k) % (k < 4 ? 300 : 41) == 0) a.v[i] = k % 4 < 2 ? NAN : INFINITY;
        }
        starp_lu_factors f = starp_linalg_lu_factor(la_put(session, a, STARP_F64));
        bool seen[200] = { false };
        struct la order = la_read(f.order, 0);
        for (int64_t i = 0; i < m; i++) {
            assert_in_range((int64_t)creal(order.v[i]), 0, m - 1);
            assert_false(seen[(int64_t)creal(order.v[i])]);
            seen[(int64_t)creal(order.v[i])] = true;
        }
        assert_true(isnan(la_norm(la_read(f.lu, 0))));
        starp_scope_close(session);
        la_free_all();
    }
}

/* ------------------------------------------------------------------------------------------------------------ bits */

/* All that some matrices have for factors and solutions, as bytes. */
static char *bytes_of(const char *assignments, size_t *n)
{
    char *bytes = NULL;
    uint64_t same = 99;
    *n = 0;
    rig_environment(assignments);
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    for (starp_dtype d = STARP_F32; d <= STARP_C128; d++) {
        starp_array *tall = la_input(s, STARP_SHAPE(331, 4), d, &same), *a = la_input(s, STARP_SHAPE(149, 149), d, &same);
        starp_lu_factors f = starp_linalg_lu_factor(tall), g = starp_linalg_lu_factor(a);
        starp_array *all[] = { f.lu, f.pivot, g.lu, g.order, starp_linalg_solve(a, starp_ones(s, STARP_SHAPE(149, 2), d)) };
        la_done(starp_eval_many(5, all));
        for (int k = 0; k < 5; k++) {
            size_t more = (size_t)starp_size(all[k]) * starp_dtype_size(starp_dtype_of(all[k]));
            bytes = realloc(bytes, *n + more);
            assert_non_null(bytes);
            la_done(starp_read(all[k], bytes + *n, more));
            *n += more;
        }
    }
    assert_int_equal(starp_close(s), STARP_OK);
    la_free_all();
    return bytes;
}

static void bits_do_not_depend_on_workers(void **state)
{
    static const char *const others[] = { TOURNAMENT IN_TILES, TOURNAMENT "STARP_TILE=100 STARP_SMALL=0 STARP_NCPU=1",
                                          TOURNAMENT "STARP_SMALL=0 STARP_NCPU=2 STARP_IN_FLIGHT=3", "STARP_PANEL=4" };
    size_t n, m;
    char *want = bytes_of(TOURNAMENT, &n);
    (void)state;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        char *got = bytes_of(others[k], &m);
        assert_int_equal(m, n);
        bool partial_pivoting = k + 1 == sizeof others / sizeof *others;
        assert_true((memcmp(got, want, n) == 0) != partial_pivoting);
        free(got);
    }
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_of_all_shapes),        cmocka_unit_test(factors_of_batches_and_integers),  cmocka_unit_test(solutions),
        cmocka_unit_test(a_tie_goes_to_the_lowest_row), cmocka_unit_test(singular_panels_have_factors),
        cmocka_unit_test(singular_matrices_are_told_alike), cmocka_unit_test(tiny_matrices), cmocka_unit_test(what_is_not_finite),
    };
    const struct CMUnitTest bits[] = { cmocka_unit_test(bits_do_not_depend_on_workers) };
    int failed = cmocka_run_group_tests_name("at once", tests, open_at_once, close_both);
    failed += cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, close_both);
    return failed + cmocka_run_group_tests_name("bits", bits, NULL, NULL);
}

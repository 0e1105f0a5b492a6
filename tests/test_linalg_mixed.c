/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_mixed.c: STARP_MIXED=1: what is refined has a residual as small as dsgesv promises, and what f32 is not enough for
 * is to the last bit, or to the word, what it is without. Two sessions, with the option and without, solve the same systems.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph.h"
#include "linalg_check.h"
#include "ranks.h"
#include "rig.h"

static uint64_t seed = 1;
static starp_session *plain;
static starp_stats before;
static bool tiles;

static const starp_dtype dtypes[] = { STARP_F64, STARP_C128 };

/* `session` is the one with the option. */
static int open_both(const char *options)
{
    char text[200];
    rig_environment(options);
    plain = starp_open(NULL);
    snprintf(text, sizeof text, "%s STARP_MIXED=1", options);
    rig_environment(text);
    session = starp_open(NULL);
    return plain && session ? 0 : -1;
}

static int open_at_once(void **state)
{
    (void)state;
    return open_both("STARP_PANEL=2");
}

static int open_in_tiles(void **state)
{
    (void)state;
    tiles = true;
    return open_both("STARP_PANEL=2 STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=3");
}

static int close_both(void **state)
{
    return starp_close(plain) == STARP_OK ? la_close(state) : -1;
}

static int set_up(void **state)
{
    (void)state;
    starp_clear_error();
    starp_scope_open(session);
    starp_scope_open(plain);
    return starp_stats_of(session, &before) == STARP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    starp_clear_error();
    starp_scope_close(session);
    starp_scope_close(plain);
    la_free_all();
    return 0;
}

/* Systems solved by refinement, and left to f64, since set_up or the last call. */
static void counts(const char *what, uint64_t solved, uint64_t left)
{
    starp_stats now;
    la_done(starp_stats_of(session, &now));
    if (now.mixed_solved - before.mixed_solved != solved || now.mixed_left - before.mixed_left != left) {
        fail_msg("%s: %d refined, %d left instead of %d and %d", what, (int)(now.mixed_solved - before.mixed_solved),
                 (int)(now.mixed_left - before.mixed_left), (int)solved, (int)left);
    }
    before = now;
}

static starp_array *solve(starp_session *s, struct la a, struct la b, starp_dtype dtype)
{
    starp_array *x = starp_linalg_solve(la_put(s, a, dtype), la_put(s, b, dtype));
    la_done(starp_eval(x));
    return x;
}

static struct la column(struct la a, int64_t j)
{
    struct la c = la_new(a.m, 1);
    for (int64_t i = 0; i < a.m; i++) c.v[i] = LA(a, i, j);
    return c;
}

static double largest_row(struct la a)
{
    double most = 0;
    for (int64_t i = 0; i < a.m; i++) {
        double sum = 0;
        for (int64_t j = 0; j < a.n; j++) sum += cabs(LA(a, i, j));
        most = sum > most ? sum : most;
    }
    return most;
}

/* dsgesv's promise, for each right-hand side; some roundings more because the residual is computed in another order here. */
static void promised(struct la a, struct la x, struct la b)
{
    for (int64_t j = 0; j < b.n; j++) {
        double r = largest_row(la_sub(column(b, j), la_mul(a, column(x, j))));
        double bound = largest_row(a) * largest_row(column(x, j)) * DBL_EPSILON / 2 * sqrt((double)a.n);
        if (!(r <= 2 * bound)) fail_msg("order %d, right-hand side %d: the residual is %g of its bound", (int)a.n, (int)j, r / bound);
    }
}

/* A random matrix whose two first rows differ by `much`. */
static struct la nearly_singular(int64_t n, starp_dtype dtype, double much)
{
    struct la a = la_random(n, n, dtype, &seed);
    for (int64_t j = 0; j < n; j++) LA(a, 1, j) = LA(a, 0, j) + much * LA(a, 1, j);
    return a;
}

/* --------------------------------------------------------------------------------------------------------- refined */

static void good_systems_are_refined(void **state)
{
    static const int64_t orders[] = { 64, 65, 71, 128, 150 };
    (void)state;
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < 5; i++) {
            int64_t n = orders[i], k = 1 + (int64_t)rig_below(&seed, n / 64);
            struct la a = la_random(n, n, dtypes[d], &seed), want = la_random(n, k, dtypes[d], &seed), b = la_mul(a, want);
            for (int64_t j = 0; j < n; j++) LA(a, j, j) += 2;
            b = la_mul(a, want);
            struct la x = la_read(solve(session, a, b, dtypes[d]), 0), usual = la_read(solve(plain, a, b, dtypes[d]), 0);
            promised(a, x, b);
            double error = la_norm(la_sub(x, want)), other = la_norm(la_sub(usual, want));
            if (!(error <= 8 * other + DBL_EPSILON * la_norm(want))) fail_msg("order %d: errors %g and %g", (int)n, error, other);
            counts("good", 1, 0);
        }
    }
}

/* Columns in several blocks; one of them 0, others far from f32's range. */
static void right_hand_sides_may_be_of_any_size(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        struct la a = la_random(320, 320, dtypes[d], &seed), b = la_random(320, 5, dtypes[d], &seed);
        for (int64_t i = 0; i < 320; i++) {
            LA(a, i, i) += 2;
            LA(b, i, 0) = 0;
            LA(b, i, 3) *= 1e200;
            LA(b, i, 1) *= 1e-200;
            LA(b, i, 4) *= i % 2 ? 1e-30 : 1e30;
        }
        struct la x = la_read(solve(session, a, b, dtypes[d]), 0);
        promised(a, x, b);
        for (int64_t i = 0; i < 320; i++) assert_true(LA(x, i, 0) == 0);
        counts("sizes", 1, 0);
    }
}

static void vectors_views_and_none(void **state)
{
    (void)state;
    starp_array *a = la_input(session, STARP_SHAPE(70, 150), STARP_F64, &seed), *b = la_input(session, STARP_SHAPE(70), STARP_F64, &seed);
    a = starp_matrix_transpose(starp_at(a, "::-1, 3:143:2"));
    struct la x = la_read(starp_linalg_solve(a, b), 0);
    la_small("a x - b", STARP_F64, la_sub(la_mul(la_read(a, 0), x), la_read(b, 0)), la_norm(la_read(a, 0)) * la_norm(x));
    counts("a vector", 1, 0);
    starp_array *none = starp_linalg_solve(a, starp_zeros(session, STARP_SHAPE(70, 0), STARP_F64));
    la_done(starp_eval(none));
    counts("no right-hand side", 0, 0);
}

/* What does not pay is not refined: many right-hand sides, a few rows, f32. */
static void only_where_it_pays(void **state)
{
    static const starp_dtype singles[] = { STARP_F32, STARP_C64 };
    (void)state;
    struct la a = la_random(66, 66, STARP_F32, &seed), b = la_random(66, 2, STARP_F32, &seed), c = la_random(66, 1, STARP_F32, &seed);
    la_same("many", solve(session, a, b, STARP_F64), solve(plain, a, b, STARP_F64));
    for (int d = 0; d < 2; d++) la_same("f32", solve(session, a, c, singles[d]), solve(plain, a, c, singles[d]));
    la_same("an inverse", starp_linalg_inv(la_put(session, a, STARP_F64)), starp_linalg_inv(la_put(plain, a, STARP_F64)));
    counts("what does not pay", 0, 0);
}

/* ------------------------------------------------------------------------------------------------------------ left */

static void bad_systems_are_solved_as_without(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        for (int64_t n = 64; n < 130; n += 33) {
            struct la b = la_random(n, 1, dtypes[d], &seed), a = la_random(n, n, dtypes[d], &seed), nan = la_random(n, 1, dtypes[d], &seed);
            struct la narrow = nearly_singular(n, dtypes[d], 1e-11), mad = la_scale(a, 1);
            LA(nan, n / 2, 0) = NAN;
            LA(mad, n / 2, n - 1) = d ? INFINITY : NAN;
            struct la bad[] = { narrow, la_scale(a, 1e200), la_scale(a, 1e-200), mad, a };
            static const char *const names[] = { "nearly singular", "above f32", "below f32", "not finite", "b not finite" };
            for (int i = 0; i < 5; i++) {
                la_same(names[i], solve(session, bad[i], i == 4 ? nan : b, dtypes[d]), solve(plain, bad[i], i == 4 ? nan : b, dtypes[d]));
                counts(names[i], 0, 1);
            }
        }
    }
}

static void singular_matrices_fail_as_without(void **state)
{
    (void)state;
    for (int d = 0; d < 2; d++) {
        char text[2][200];
        struct la a = la_random(79, 79, dtypes[d], &seed), b = la_random(79, 1, dtypes[d], &seed);
        for (int64_t i = 0; i < 79; i++) LA(a, i, 13) = 0;
        for (int k = 0; k < 2; k++) {
            starp_session *s = k ? plain : session;
            starp_array *x = starp_linalg_solve(la_put(s, a, dtypes[d]), la_put(s, k ? b : la_scale(b, k), dtypes[d]));
            assert_int_equal(starp_eval(x), STARP_ERR_COMPUTE);
            snprintf(text[k], sizeof text[k], "%.*s", (int)strcspn(starp_last_error(), "("), starp_last_error());
            if (!strstr(starp_last_error(), "U(14,14) is exactly zero")) fail_msg("%s", starp_last_error());
            starp_clear_error();
        }
        assert_string_equal(text[0], text[1]);
        counts("singular", 0, 1);
    }
}

static void systems_of_a_batch_are_on_their_own(void **state)
{
    (void)state;
    enum { N = 67, BATCH = 5 };
    struct la all = la_new(BATCH * N, N), b = la_random(BATCH * N, 1, STARP_F64, &seed);
    for (int i = 0; i < BATCH; i++) {
        struct la a = i == 1 || i == 4 ? nearly_singular(N, STARP_F64, 1e-12) : la_random(N, N, STARP_F64, &seed);
        for (int64_t j = 0; j < N * N; j++) all.v[i * N * N + j] = a.v[j];
    }
    starp_array *stack = starp_reshape(la_put(session, all, STARP_F64), STARP_SHAPE(BATCH, N, N));
    starp_array *x = starp_linalg_solve(stack, starp_reshape(la_put(session, b, STARP_F64), STARP_SHAPE(BATCH, N, 1)));
    la_done(starp_eval(x));
    counts("together", 3, 2);
    for (int i = 0; i < BATCH; i++) {
        struct la a = { N, N, all.v + i * N * N }, c = { N, 1, b.v + i * N };
        la_same("together", la_put(session, la_read(x, i), STARP_F64), solve(session, a, c, STARP_F64));
        counts("alone", i != 1 && i != 4, i == 1 || i == 4);
    }
}

/* -------------------------------------------------------------------------------------------------- with the session */

/* The same bits without tasks and with many. */
static void bits_do_not_depend_on_tiles(void **state)
{
    (void)state;
    char options[100];
    const char *workers = tiles ? "STARP_NCPU=3" : "";
    struct la a = la_random(140, 140, STARP_C128, &seed), b = la_random(140, 2, STARP_C128, &seed);
    for (int i = 0; i < 3; i++) {
        snprintf(options, sizeof options, "STARP_PANEL=2 STARP_MIXED=1 %s STARP_TILE=%d STARP_SMALL=%d", workers, 50 << 3 * i, i == 2 ? 1 << 20 : 0);
        starp_array *here = solve(session, a, b, STARP_C128);
        rig_environment(options);
        starp_session *s = starp_open(NULL);
        if (!s) fail_msg("%s", starp_last_error());
        la_same("other tiles", la_put(session, la_read(solve(s, a, b, STARP_C128), 0), STARP_C128), here);
        la_done(starp_close(s));
    }
}

/* An allocation fails, each of the first ones and many after: that is the error, and the next try works. */
static void allocation_failures(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    struct la a = la_random(64, 64, STARP_F64, &seed), b = la_random(64, 1, STARP_F64, &seed), bad = nearly_singular(64, STARP_F64, 1e-12);
    for (int i = 0; i < 2; i++) {
        starp_array *x = la_put(session, i ? bad : a, STARP_F64), *y = la_put(session, b, STARP_F64), *want = solve(session, i ? bad : a, b, STARP_F64);
        int passed = 0;
        for (uint64_t n = 1; n < 100000 && passed < 20; n += n < 100 ? 1 : 17) {
            sp_alloc_fail_at(n);
            starp_array *z = starp_linalg_solve(x, y);
            starp_status status = starp_eval(z);
            sp_alloc_fail_at(0);
            if (status != STARP_OK && status != STARP_ERR_MEMORY) fail_msg("allocation %d: %s", (int)n, starp_last_error());
            passed = status == STARP_OK ? passed + 1 : 0;
            starp_clear_error();
            if (status == STARP_OK) la_same("with a failure", z, want);
            if (z) starp_release(z);
        }
        if (passed < 20) fail_msg("there is no end of allocations");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_systems_are_refined),
        TEST(right_hand_sides_may_be_of_any_size),
        TEST(vectors_views_and_none),
        TEST(only_where_it_pays),
        TEST(bad_systems_are_solved_as_without),
        TEST(singular_matrices_fail_as_without),
        TEST(systems_of_a_batch_are_on_their_own),
        TEST(bits_do_not_depend_on_tiles),
        TEST(allocation_failures),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, open_at_once, close_both);
    return failed + cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, close_both);
}

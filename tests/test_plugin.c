/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_plugin.c: plug-ins, in the process and isolated: that they compute, the same either way, that what goes wrong in an iteration
 * is an error with words, and how long they stay.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plugin_check.h"
#include "ranks.h"

/* ------------------------------------------------------------------------------------------------------- computing */

static void check_ladder(void)
{
    starp_ragged *r;
    double got[3];
    starp_array *a = starp_arange(pl_session, 0, 300, 1, STARP_F64);
    if (starp_ppeval_ragged(pl_session, "ladder", STARP_ARGS(a), 1, &r) != STARP_OK) fail_msg("%s", starp_last_error());
    starp_array *item = starp_ragged_item(r, 299);
    pl_read(item, got, sizeof got);
    assert_true(got[0] == 299 && got[1] == 300 && got[2] == 301);
    starp_release(item);
    starp_ragged_release(r);
    starp_release(a);
}

static void computes(bool isolated)
{
    pl_load_good(isolated);
    pl_check_extremes();
    pl_check_scaled();
    check_ladder();
}

static void test_computes(void **state)
{
    (void)state;
    computes(false);
}

static void test_computes_isolated(void **state)
{
    (void)state;
    computes(true);
}

/* Workers are as many as there are cores; with threads of BLAS's own, bits would depend on their number. */
static void test_one_blas_thread(void **state)
{
    (void)state;
    for (int isolated = 0; isolated < 2; isolated++) {
        int64_t n[64];
        if (pl_load(isolated, STARP_PLUGINS "/threads.so") != STARP_OK) fail_msg("%s", starp_last_error());
        starp_array *x = starp_zeros(pl_session, STARP_SHAPE(64), STARP_F64), *y = starp_ppeval(pl_session, "threads", STARP_ARGS(x));
        pl_read(y, n, sizeof n);
        for (int k = 0; k < 64; k++) assert_int_equal(n[k], 1);
        starp_release(x);
        starp_release(y);
    }
}

static void draw(bool isolated, double *to, size_t bytes)
{
    pl_load_good(isolated); /* what was loaded last counts */
    starp_seed(pl_session, 12);
    starp_array *a = starp_zeros(pl_session, STARP_SHAPE(64), STARP_F64), *y = starp_ppeval(pl_session, "draws", STARP_ARGS(a));
    pl_read(y, to, bytes);
    starp_release(a);
    starp_release(y);
}

static void test_same_bits(void **state)
{
    static double own[1000][64], isolated[1000][64], again[1000][64];
    (void)state;
    draw(false, own[0], sizeof own);
    draw(true, isolated[0], sizeof isolated);
    draw(false, again[0], sizeof again);
    assert_memory_equal(own, isolated, sizeof own);
    assert_memory_equal(own, again, sizeof own);
    assert_true(own[0][0] != own[0][1] && own[0][0] != own[1][0] && own[999][63] == 63064);
}

/* --------------------------------------------------------------------------------------------------------- mishaps */

static void expect_mishaps(void)
{
    pl_expect_mishap(FAILS, "ppeval mishap: iteration 17: no luck in iteration 17");
    pl_expect_mishap(RETURNS, "ppeval mishap: iteration 17: it returned 9");
    pl_expect_mishap(WRONG_SHAPE, "ppeval mishap: iteration 17: result 0 is f64 (3,), where f64 (2,) is expected");
    pl_expect_mishap(NO_RESULT, "ppeval mishap: iteration 17: result 0 is missing");
}

static void test_mishaps(void **state)
{
    (void)state;
    pl_load_good(false);
    expect_mishaps();
}

static void test_mishaps_isolated(void **state)
{
    (void)state;
    pl_load_good(true);
    expect_mishaps();
    pl_expect_mishap(CRASHES, "ppeval mishap: iteration 17: the plug-in crashed (signal 11)");
    pl_expect_mishap(ABORTS, "ppeval mishap: iteration 17: the plug-in crashed (signal 6)");
    pl_expect_mishap(EXITS, "ppeval mishap: iteration 17: the plug-in ended its process (exit status 3)");
    pl_expect_mishap(CUTS_OFF, "ppeval mishap: iteration 17: the plug-in ");
    starp_array *x = starp_zeros(pl_session, STARP_SHAPE(8), STARP_F64);
    assert_null(starp_ppeval(pl_session, "crashing_shapes", STARP_ARGS(x)));
    pl_said(STARP_ERR_SHAPE, "the plug-in crashed (signal 11)");
    starp_release(x);
    pl_check_scaled();
}

static void test_other_results_are_kept(void **state)
{
    double z[2][K];
    (void)state;
    pl_load_good(true);
    starp_array *y = pl_mishaps(CRASHES);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, "iteration 17: the plug-in crashed (signal 11)");
    pl_read(y, z, sizeof z);
    for (int k = 0; k < K; k++) {
        if (k == BAD) assert_true(isnan(z[0][k]) && isnan(z[1][k]));
        else assert_true(z[0][k] == k && z[1][k] == k + 0.5);
    }
    starp_release(y);
}

/* ------------------------------------------------------------------------------------------------ coming and going */

/* Of two sessions, each has a plug-in until it closes. */
static void test_stays_until_close(void **state)
{
    (void)state;
    starp_session *first = pl_session;
    pl_load_good(false);
    pl_load_good(false);
    pl_session = starp_open(NULL);
    pl_load_good(false);
    assert_int_equal(starp_close(pl_session), STARP_OK);
    pl_session = first;
    pl_check_extremes();
    assert_int_equal(starp_close(pl_session), STARP_OK);
    assert_null(dlopen(GOOD, RTLD_NOW | RTLD_NOLOAD));
    pl_session = starp_open(NULL);
    starp_array *x = starp_zeros(pl_session, STARP_SHAPE(8), STARP_F64);
    assert_null(starp_ppeval(pl_session, "extremes", STARP_ARGS(x)));
    starp_clear_error();
    starp_release(x);
}

static void test_no_memory(void **state)
{
    (void)state;
    SKIP_ON_RANKS();
    for (int isolated = 0; isolated < 2; isolated++) {
        uint64_t n = 1;
        starp_status status = STARP_ERR_MEMORY;
        for (; status != STARP_OK && n < 100; n++) {
            sp_alloc_fail_at(n);
            status = pl_load(isolated, GOOD);
            sp_alloc_fail_at(0);
            if (status != STARP_OK) pl_said(STARP_ERR_MEMORY, "out of memory");
        }
        assert_true(n > 3 && status == STARP_OK);
        pl_check_extremes();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_computes, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_computes_isolated, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_one_blas_thread, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_same_bits, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_mishaps, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_mishaps_isolated, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_other_results_are_kept, pl_open_keeping, pl_close),
        cmocka_unit_test_setup_teardown(test_stays_until_close, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_no_memory, pl_open, pl_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

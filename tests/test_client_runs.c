/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_runs.c: runs that are waited for later, progress, and the bounds of a graph that is never evaluated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "client_check.h"

/* ------------------------------------------------------------------------------------------------------------- runs */

static void test_async(void **state)
{
    (void)state;
    starp_array *x = starp_arange(session, 0, 100000, 1, STARP_F64);
    starp_array *y = starp_sqrt(x), *z = starp_sum(y, NULL, 0);
    starp_run *run = starp_eval_async(STARP_ARGS(y, z));
    assert_non_null(run);
    starp_array *w = starp_add(z, z);
    starp_release(y);
    starp_release(x);
    assert_true(cc_item(w) == 2 * cc_item(z)); /* waits for the run first */
    assert_int_equal(starp_test(run), 1);
    assert_int_equal(starp_cancel(run), STARP_OK);
    assert_int_equal(starp_wait(run), STARP_OK);

    run = starp_eval_async(STARP_ARGS(w, z)); /* nothing to do */
    assert_int_equal(starp_test(run), 1);
    assert_int_equal(starp_wait(run), STARP_OK);
    assert_int_equal(cc_stats(session).evals, 2);
}

static void test_close_with_runs(void **state)
{
    (void)state;
    starp_session *s = starp_open(NULL);
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(200000), STARP_F64);
    assert_non_null(starp_eval_async(STARP_ARGS(x)));
    starp_array *y = starp_exp(x);
    assert_non_null(starp_eval_async(STARP_ARGS(y)));
    assert_int_equal(starp_close(s), STARP_OK);
}

static int count_calls(const starp_progress_info *info, void *user)
{
    assert_true(info->tasks_done <= info->tasks_total && info->seconds >= 0);
    ++*(int *)user;
    return 0;
}

static void test_progress(void **state)
{
    (void)state;
    int calls = 0;
    assert_int_equal(starp_progress(session, count_calls, &calls), STARP_OK);
    assert_int_equal(starp_eval(starp_exp(starp_arange(session, 0, 300000, 1, STARP_F64))), STARP_OK);
    assert_true(calls >= 1);
    FILE *file = tmpfile();
    starp_progress_info half = { .tasks_done = 1, .tasks_total = 2 };
    assert_int_equal(starp_progress_bar(&half, file), 0);
    assert_int_equal(ftell(file), 0); /* not a terminal */
    fclose(file);
}

/* -------------------------------------------------------------------------------------------- automatic evaluation */

static void test_runaway_loop(void **state)
{
    (void)state;
    enum { STEPS = 20000 };
    starp_session *s = cc_session_with("STARP_MAX_NODES", "500");
    starp_array *x = starp_zeros(s, STARP_SHAPE(4), STARP_F64), *one = starp_scalar(s, 1.0);
    uint64_t most = 0;
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(starp_assign(&x, starp_add(x, one)), STARP_OK);
        if (i % 100 == 0 && cc_stats(s).nodes_live > most) most = cc_stats(s).nodes_live;
    }
    starp_stats stats = cc_stats(s);
    assert_true(most <= 500 + 500 / 16 + 3);
    assert_in_range(stats.flush_nodes, STEPS / 540, STEPS / 450);
    assert_true(stats.flush_eval == 0 && stats.flush_read == 0);
    assert_true(cc_item(starp_at(x, "3")) == STEPS);
    assert_int_equal(cc_stats(s).flush_read, 1);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Evaluating something else all the time does not keep a loop from being bounded. */
static void test_runaway_beside_evals(void **state)
{
    (void)state;
    starp_session *s = cc_session_with("STARP_MAX_NODES", "200");
    starp_array *x = starp_zeros(s, STARP_SHAPE(4), STARP_F64), *one = starp_scalar(s, 1.0);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(starp_assign(&x, starp_add(x, one)), STARP_OK);
        starp_array *other = starp_negative(one);
        assert_int_equal(starp_eval(other), STARP_OK);
        starp_release(other);
        assert_true(cc_stats(s).nodes_live <= 200 + 200 / 16 + 4);
    }
    assert_true(cc_item(starp_at(x, "0")) == 2000);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Many arrays that are computed are no reason to compute others. */
static void test_many_values(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    starp_session *s = cc_session_with("STARP_MAX_NODES", "100");
    starp_array *lazy = starp_random_uniform(s, STARP_SHAPE(4), STARP_F64);
    for (int i = 0; i < COUNT; i++) assert_non_null(starp_from_host(s, &(double){ i }, STARP_SHAPE(1), STARP_F64));
    assert_null(lazy->node->value);
    assert_int_equal(cc_stats(s).flush_nodes, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* An array that fails on its data does not keep the others from being computed, and is reported once. */
static void test_flush_with_a_faulty_array(void **state)
{
    (void)state;
    starp_session *s = cc_session_with("STARP_MAX_NODES", "100");
    starp_array *two = starp_from_host(s, &(int64_t){ 2 }, STARP_SHAPE(1), STARP_I64);
    starp_array *minus = starp_from_host(s, &(int64_t){ -1 }, STARP_SHAPE(1), STARP_I64);
    starp_array *faulty = starp_pow(two, minus), *x = starp_negative(two);
    int failures = 0;
    for (int i = 0; i < 1000; i++) {
        starp_status status = starp_assign(&x, starp_negative(x));
        if (status == STARP_OK) continue;
        failures++;
        cc_expect_error(STARP_ERR_COMPUTE, "pow: ");
    }
    assert_in_range(failures, 1, 12);
    assert_int_equal(starp_eval(faulty), STARP_ERR_COMPUTE);
    cc_expect_error(STARP_ERR_COMPUTE, "pow: ");
    assert_true(cc_item(starp_at(x, "0")) == (failures % 2 ? 2 : -2));
    assert_int_equal(starp_close(s), STARP_OK);
}

/* What is recorded and released again never grows the graph: nothing is computed for it. */
static void test_no_flush_without_growth(void **state)
{
    (void)state;
    starp_session *s = cc_session_with("STARP_MAX_NODES", "500");
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(4), STARP_F64);
    for (int i = 0; i < 5000; i++) starp_release(starp_negative(x));
    assert_int_equal(cc_stats(s).evals, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Constants and views that are larger than what they show stay lazy when the graph is flushed. */
static void test_flush_keeps_lazy_things(void **state)
{
    (void)state;
    starp_session *s = cc_session_with("STARP_MAX_NODES", "500");
    starp_array *huge = starp_zeros(s, STARP_SHAPE(1 << 20, 1 << 20), STARP_F64);
    starp_array *row = starp_negative(starp_ones(s, STARP_SHAPE(4), STARP_F64));
    starp_array *wide = starp_broadcast_to(row, STARP_SHAPE(1 << 20, 1 << 20, 4));
    starp_array *x = row;
    for (int i = 0; i < 2000; i++) x = starp_negative(x);
    assert_true(cc_stats(s).flush_nodes > 0);
    assert_non_null(huge->node);
    assert_null(huge->node->value);
    assert_null(wide->node->value);
    assert_true(cc_item(starp_at(wide, "5, 6, 3")) == -1);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* A flush that the memory limit refuses is an error of the call that asked for it; releasing gets the session going. */
static void test_refused_flush(void **state)
{
    (void)state;
    setenv("STARP_MEMORY_LIMIT", "1M", 1);
    starp_session *s = cc_session_with("STARP_MAX_NODES", "100");
    unsetenv("STARP_MEMORY_LIMIT");
    starp_array *x = starp_arange(s, 0, 1e6, 1, STARP_F64);
    int steps = 0;
    for (starp_status status = STARP_OK; status == STARP_OK && steps < 1000; steps++) {
        status = starp_assign(&x, starp_negative(x));
    }
    assert_in_range(steps, 90, 110);
    cc_expect_error(STARP_ERR_LIMIT, "automatic evaluation of a graph of");
    for (int i = 0; i < 1000; i++) assert_null(starp_negative(x));
    assert_true(cc_stats(s).nodes_live <= 120);
    starp_release(x);
    starp_array *y = starp_sum(starp_arange(s, 0, 10, 1, STARP_F64), NULL, 0);
    assert_true(cc_item(y) == 45);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CC_TEST(test_async),
        CC_TEST(test_close_with_runs),
        CC_TEST(test_progress),
        CC_TEST(test_runaway_loop),
        CC_TEST(test_runaway_beside_evals),
        CC_TEST(test_many_values),
        CC_TEST(test_flush_with_a_faulty_array),
        CC_TEST(test_no_flush_without_growth),
        CC_TEST(test_flush_keeps_lazy_things),
        CC_TEST(test_refused_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

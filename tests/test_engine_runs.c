/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_engine_runs.c: runs that go wrong or are watched: the n-th task made to fail for every n, errors of the data, few
 * tasks in flight, cancelling; results written in place while others still look at the operand; counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_check.h"
#include "rig.h"
#include "ranks.h"

static void expect_says(const char *word)
{
    if (!strstr(starp_last_error(), word)) fail_msg("'%s' is not in: %s", word, starp_last_error());
}

/* ------------------------------------------------------------------------------------------------------------ faults */

/* The n-th task fails. What was there before stays readable, and the evaluation succeeds when it is asked for again. */
static bool fault_at(int n, const char *environment)
{
    char text[128];
    snprintf(text, sizeof text, "%s STARP_FAULT=%d", environment, n);
    starp_session *s = cc_session(text);
    double host[300];
    for (int i = 0; i < 300; i++) host[i] = i;
    starp_array *x = starp_from_host(s, host, STARP_SHAPE(300), STARP_F64), *y = starp_square(x);
    starp_array *z = starp_sum(y, NULL, 0), *w = starp_subtract(starp_at(y, "1:"), starp_at(y, ":-1"));
    starp_array *r = starp_reshape(w, STARP_SHAPE(13, 23)), *v = starp_max(r, STARP_AXES(0), 0);
    starp_status status = starp_eval_many(STARP_ARGS(z, r, v));
    if (status == STARP_OK) { /* it has fewer tasks */
        assert_int_equal(starp_close(s), STARP_OK);
        return false;
    }
    assert_int_equal(status, STARP_ERR_COMPUTE);
    assert_int_equal(starp_last_status(), STARP_ERR_COMPUTE);
    expect_says("STARP_FAULT");
    expect_says("test_engine_runs");
    starp_clear_error();
    assert_true(cc_item(starp_at(x, "299")) == 299);
    assert_true(cc_item(z) == 8955050);
    assert_true(cc_item(starp_at(v, "22")) == 2 * 298 + 1);
    assert_true(cc_item(starp_sum(w, NULL, 0)) == 299 * 299);
    assert_int_equal(starp_close(s), STARP_OK);
    return true;
}

static void every_task_fails_once(const char *environment)
{
    int n = 1;
    rig_environment(environment);
    starp_session *keeper = starp_open(NULL); /* keeps the task runtime up */
    assert_non_null(keeper);
    while (n < 1000 && fault_at(n, environment)) n++;
    assert_true(n > 2 && n < 1000);
    assert_int_equal(starp_close(keeper), STARP_OK);
}

static void tasks_that_fail(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    every_task_fails_once("STARP_SMALL=0 STARP_TILE=50");
    every_task_fails_once("STARP_SMALL=0 STARP_TILE=50 STARP_FUSE=0 STARP_NCPU=2");
    every_task_fails_once("STARP_FUSE=0");
}

static starp_array *bad_power(starp_array *base, starp_array *exponent)
{
    return starp_pow(base, exponent);
}

/* The data of one tile is bad: the whole evaluation fails, with the site where the power was recorded. */
static void check_negative_power(const char *environment)
{
    starp_session *s = cc_session(environment);
    starp_array *n = starp_arange(s, 1, 501, 1, STARP_I64), *good = starp_add(n, n);
    starp_array *exponent = starp_subtract(starp_full(s, STARP_SHAPE(500), 499, STARP_I64), n);
    starp_array *bad = bad_power(n, exponent), *after = starp_add(bad, good);
    assert_int_equal(starp_eval(starp_pow(n, starp_abs(exponent))), STARP_OK);
    assert_int_equal(starp_eval_many(STARP_ARGS(after, good)), STARP_ERR_COMPUTE);
    expect_says("pow");
    expect_says("test_engine_runs");
    starp_clear_error();
    assert_true(cc_item(starp_sum(good, NULL, 0)) == 250500);
    assert_int_equal(starp_eval(after), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_true(cc_item(starp_sum(starp_pow(n, starp_abs(exponent)), NULL, 0)) != 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

static void integers_to_negative_powers(void **state)
{
    (void)state;
    check_negative_power("");
    check_negative_power("STARP_SMALL=0 STARP_TILE=32 STARP_NCPU=2");
    check_negative_power("STARP_SMALL=0 STARP_TILE=32 STARP_FUSE=0");
}

/* ---------------------------------------------------------------------------------------------------------- in flight */

static void few_tasks_in_flight(void **state)
{
    static const char *const environments[] = { "STARP_IN_FLIGHT=1", "STARP_IN_FLIGHT=2", "STARP_IN_FLIGHT=3", "STARP_IN_FLIGHT=7" };
    char text[96];
    (void)state;
    for (int e = 0; e < 4; e++) {
        snprintf(text, sizeof text, "STARP_SMALL=0 STARP_TILE=64 STARP_NCPU=2 %s", environments[e]);
        starp_session *s = cc_session(text);
        alarm(60); /* ends the test, if it does not end by itself */
        assert_true(cc_item(starp_sum(starp_sqrt(starp_square(starp_arange(s, 0, 10000, 1, STARP_F64))), NULL, 0)) == 49995000);
        starp_array *x = starp_arange(s, 0, 10000, 1, STARP_F64), *y = starp_sum(starp_at(starp_negative(x), "::-1"), NULL, 0);
        starp_run *run = starp_eval_async(STARP_ARGS(x, y));
        assert_int_equal(starp_wait(run), STARP_OK);
        assert_true(cc_item(y) == -49995000);
        alarm(0);
        assert_int_equal(starp_close(s), STARP_OK);
    }
}

/* ---------------------------------------------------------------------------------------------------------- cancelling */

static int cancel_at_once(const starp_progress_info *info, void *user)
{
    (void)info;
    ++*(int *)user;
    return 1;
}

/* A run that is told to stop either ends in time or is cancelled; both leave everything computable. */
static void check_outcome(starp_status status, starp_array *x, double want)
{
    if (status != STARP_OK && status != STARP_ERR_CANCELLED) fail_msg("%s: %s", starp_status_name(status), starp_last_error());
    starp_clear_error();
    assert_true(cc_item(x) == want);
}

static void cancelled_runs_can_be_run_again(void **state)
{
    int calls = 0, cancelled = 0;
    (void)state;
    starp_session *s = cc_session("STARP_SMALL=0 STARP_TILE=1000");
    for (int i = 0; i < 20; i++) {
        starp_array *x = starp_arange(s, 0, 300000, 1, STARP_F64), *y = starp_sum(starp_floor(starp_sqrt(starp_exp(starp_sin(x)))), NULL, 0);
        double want = cc_item(starp_sum(starp_floor(starp_sqrt(starp_exp(starp_sin(starp_arange(s, 0, 300000, 1, STARP_F64))))), NULL, 0));
        starp_run *run = starp_eval_async(STARP_ARGS(y));
        assert_int_equal(starp_cancel(run), STARP_OK);
        starp_status status = starp_wait(run);
        cancelled += status == STARP_ERR_CANCELLED;
        check_outcome(status, y, want);
    }
    starp_array *z = starp_sum(starp_random_integers(s, 1, 2, STARP_SHAPE(500000), STARP_I8), NULL, 0);
    assert_int_equal(starp_progress(s, cancel_at_once, &calls), STARP_OK);
    starp_status status = starp_eval(z);
    assert_int_equal(starp_progress(s, NULL, NULL), STARP_OK);
    check_outcome(status, z, 500000);
    assert_true(calls >= 1);
    assert_true(cancelled > 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* -------------------------------------------------------------------------------------------------------------- in place */

static const char *const tilings[] = { "", "STARP_SMALL=0 STARP_TILE=64 STARP_NCPU=2", "STARP_SMALL=0 STARP_TILE=64 STARP_FUSE=0", "STARP_SMALL=0 STARP_TILE=64 STARP_CSE=0" };

static void expect_values(starp_array *x, double (*want)(int i))
{
    double got[1000];
    if (starp_read(x, got, sizeof got) != STARP_OK) fail_msg("%s", starp_last_error());
    for (int64_t i = 0; i < starp_size(x); i++) {
        if (got[i] != want((int)i)) fail_msg("element %d is %g instead of %g", (int)i, got[i], want((int)i));
    }
}

static double identity(int i)
{
    return i;
}

static double plus_one(int i)
{
    return i + 1;
}

static double reversed_sum(int i)
{
    return 999 - i + i;
}

static double shifted_difference(int i)
{
    return i == 0 ? 0 : 2.0 * i - 1;
}

static starp_array *counting(starp_session *s)
{
    double data[1000];
    for (int i = 0; i < 1000; i++) data[i] = i;
    return starp_from_host(s, data, STARP_SHAPE(1000), STARP_F64);
}

/* An operand that dies may be written over; one that somebody holds, as a whole or through a view, may not. */
static void old_values_stay_readable(void **state)
{
    (void)state;
    for (int e = 0; e < 4; e++) {
        starp_session *s = cc_session(tilings[e]);
        starp_array *x = counting(s), *old = x, *view = starp_at(old, "::-1"), *lazy = starp_subtract(starp_at(old, "1:"), starp_at(old, ":-1"));
        x = starp_keep(starp_add(x, starp_scalar(s, 1.0)));
        assert_int_equal(starp_eval(x), STARP_OK);
        expect_values(x, plus_one);
        expect_values(old, identity);
        starp_release(old);
        starp_array *y = starp_sqrt(starp_square(view));
        assert_int_equal(starp_eval(y), STARP_OK);
        assert_true(cc_item(starp_at(view, "0")) == 999 && cc_item(starp_at(view, "999")) == 0);
        starp_release(view);
        assert_true(cc_item(starp_sum(lazy, NULL, 0)) == 999);
        assert_int_equal(starp_close(s), STARP_OK);
    }
}

/* Operands that die while their result reads them out of order. */
static void dying_operands_read_through_views(void **state)
{
    (void)state;
    for (int e = 0; e < 4; e++) {
        starp_session *s = cc_session(tilings[e]);
        starp_array *x = counting(s), *sum = starp_add(x, starp_at(x, "::-1"));
        starp_release(x);
        expect_values(sum, reversed_sum);
        x = counting(s);
        starp_array *matrix = starp_reshape(x, STARP_SHAPE(20, 50)), *tall = starp_reshape(x, STARP_SHAPE(50, 20));
        starp_array *both = starp_add(matrix, starp_transpose(tall));
        starp_release(x), starp_release(matrix), starp_release(tall);
        assert_true(cc_item(starp_at(both, "7, 13")) == 7 * 50 + 13 + 13 * 20 + 7);
        assert_true(cc_item(starp_sum(both, NULL, 0)) == 999000);
        assert_int_equal(starp_close(s), STARP_OK);
    }
}

/* x[1:] - x[:-1] of a square, with the square itself asked for too. */
static void results_that_are_also_operands(void **state)
{
    (void)state;
    for (int e = 0; e < 4; e++) {
        starp_session *s = cc_session(tilings[e]);
        starp_array *x = counting(s), *square = starp_square(x), *zero = starp_zeros(s, STARP_SHAPE(1000), STARP_F64);
        starp_array *difference = starp_subtract(starp_at(square, "1:"), starp_at(square, ":-1"));
        starp_release(x);
        assert_int_equal(starp_eval_many(STARP_ARGS(difference, square, zero, square)), STARP_OK);
        for (int i = 1; i < 1000; i += 111) {
            char at[16];
            snprintf(at, sizeof at, "%d", i - 1);
            assert_true(cc_item(starp_at(difference, at)) == shifted_difference(i));
        }
        assert_true(cc_item(starp_at(square, "999")) == 998001);
        assert_int_equal(starp_close(s), STARP_OK);
    }
}

static void dying_operands_are_written_over(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_array *x = starp_keep(starp_random_uniform(s, STARP_SHAPE(1000000), STARP_F64));
    assert_int_equal(starp_eval(x), STARP_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(starp_assign(&x, starp_add(x, starp_scalar(s, 1.0))), STARP_OK);
        assert_int_equal(starp_eval(x), STARP_OK);
    }
    assert_true(cc_stats(s).inplace >= 5);
    assert_true(cc_stats(s).bytes_peak < 10 << 20);
    assert_int_equal(starp_close(s), STARP_OK);
    s = cc_session("STARP_INPLACE=0");
    x = counting(s);
    assert_int_equal(starp_assign(&x, starp_add(x, starp_scalar(s, 1.0))), STARP_OK);
    assert_int_equal(starp_eval(x), STARP_OK);
    assert_int_equal(cc_stats(s).inplace, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* -------------------------------------------------------------------------------------------------------------- counters */

static void counters_count(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    starp_session *s = cc_session("STARP_SMALL=0 STARP_TILE=100");
    starp_array *x = counting(s);
    starp_stats before = cc_stats(s);
    for (int i = 0; i < 4; i++) {
        starp_array *y = starp_sin(starp_multiply(x, starp_scalar(s, (double)i)));
        assert_int_equal(starp_eval(y), STARP_OK);
    }
    starp_stats after = cc_stats(s);
    assert_int_equal(after.evals - before.evals, 4);
    assert_int_equal(after.flush_eval - before.flush_eval, 4);
    assert_int_equal(after.tasks - before.tasks, 40);
    assert_int_equal(after.steps - before.steps, 4);
    assert_int_equal(after.fused_groups - before.fused_groups, 4);
    assert_int_equal(after.fused_ops - before.fused_ops, 8);
    assert_int_equal(after.plan_misses - before.plan_misses, 1);
    assert_int_equal(after.plan_hits - before.plan_hits, 3);
    starp_array *twice = starp_add(starp_exp(x), starp_exp(x));
    assert_true(cc_item(starp_at(twice, "0")) == 2);
    assert_int_equal(cc_stats(s).merged - after.merged, 1);
    assert_int_equal(cc_stats(s).flush_read - after.flush_read, 1);
    assert_int_equal(starp_eval(twice), STARP_OK);
    assert_true(cc_stats(s).bytes_peak >= cc_stats(s).bytes_live);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Small arrays run on the calling thread: no task, however many. */
static void small_arrays_need_no_tasks(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_array *x = counting(s);
    for (int i = 0; i < 50; i++) {
        starp_assign(&x, starp_subtract(starp_at(starp_exp(starp_sin(x)), "::-1"), starp_mean(x, NULL, 0)));
        assert_int_equal(starp_eval(x), STARP_OK);
    }
    assert_int_equal(cc_stats(s).tasks, 0);
    assert_true(cc_stats(s).inline_steps > 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_that_fail),
        cmocka_unit_test(integers_to_negative_powers),
        cmocka_unit_test(cancelled_runs_can_be_run_again),
        cmocka_unit_test(old_values_stay_readable),
        cmocka_unit_test(dying_operands_read_through_views),
        cmocka_unit_test(results_that_are_also_operands),
        cmocka_unit_test(dying_operands_are_written_over),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(small_arrays_need_no_tasks),
        cmocka_unit_test(few_tasks_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_handles.c: who owns a handle: scopes, keep, assign, release; what is caught when a handle or a session is
 * used after its end; many sessions, many threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "client_check.h"

static uint64_t live(void)
{
    return cc_stats(session).handles_live;
}

/* ----------------------------------------------------------------------------------------------------------- scopes */

static void test_scope_releases(void **state)
{
    (void)state;
    starp_array *before = starp_scalar(session, 1.0);
    assert_int_equal(starp_scope_open(session), STARP_OK);
    starp_array *kept = starp_keep(starp_add(before, starp_scalar(session, 2.0)));
    for (int i = 0; i < 1000; i++) starp_negative(before);
    assert_int_equal(live(), 1003);
    assert_int_equal(starp_scope_close(session), STARP_OK);
    assert_int_equal(live(), 2);
    assert_true(cc_item(kept) == 3);
    starp_release(before);
    starp_release(kept);
    assert_int_equal(live(), 0);
    assert_int_equal(cc_stats(session).nodes_live, 0);
}

static void test_scopes_nest(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *outer = starp_scalar(session, 1.0);
    starp_scope_open(session);
    starp_scalar(session, 2.0);
    starp_array *kept = starp_keep(starp_scalar(session, 3.0));
    starp_array *gone = starp_scalar(session, 4.0);
    starp_release(gone);
    assert_int_equal(starp_scope_close(session), STARP_OK);
    assert_int_equal(live(), 2);
    assert_true(cc_item(outer) == 1);
    assert_int_equal(starp_scope_close(session), STARP_OK);
    assert_int_equal(live(), 1);
    assert_true(cc_item(kept) == 3);
    assert_int_equal(starp_scope_close(session), STARP_ERR_ARGUMENT);
    starp_release(kept);
    for (int depth = 0; depth < 1000; depth++) assert_int_equal(starp_scope_open(session), STARP_OK);
    for (int depth = 0; depth < 1000; depth++) assert_int_equal(starp_scope_close(session), STARP_OK);
    assert_int_equal(live(), 0);
}

static void test_close_with_scopes_and_handles(void **state)
{
    (void)state;
    starp_session *s = starp_open("local");
    starp_scope_open(s);
    starp_keep(starp_ones(s, STARP_SHAPE(10), STARP_F32));
    starp_scope_open(s);
    starp_eval(starp_exp(starp_ones(s, STARP_SHAPE(10), STARP_F32)));
    assert_int_equal(starp_close(s), STARP_OK);
}

static void test_keep_outside_of_scopes(void **state)
{
    (void)state;
    starp_array *x = starp_scalar(session, 1.0);
    assert_ptr_equal(starp_keep(x), x);
    assert_ptr_equal(starp_keep(x), x);
    starp_scope_open(session);
    starp_scope_close(session);
    assert_true(cc_item(x) == 1);
    starp_release(x);
}

/* ----------------------------------------------------------------------------------------------------------- assign */

static void test_assign(void **state)
{
    (void)state;
    starp_array *x = NULL, *wide = starp_ones(session, STARP_SHAPE(3, 4), STARP_F64);
    assert_int_equal(starp_assign(&x, starp_scalar(session, 0.0)), STARP_OK);
    for (int i = 0; i < 100; i++) {
        starp_scope_open(session);
        assert_int_equal(starp_assign(&x, starp_add(x, starp_scalar(session, 1.0))), STARP_OK);
        starp_scope_close(session);
    }
    assert_true(cc_item(x) == 100);
    assert_int_equal(live(), 2);

    starp_array *old = x, *short_one = starp_ones(session, STARP_SHAPE(5), STARP_F64);
    assert_int_equal(starp_assign(&x, starp_add(wide, short_one)), STARP_ERR_SHAPE);
    assert_ptr_equal(x, old);
    cc_expect_error(STARP_ERR_SHAPE, "(3, 4) and (5,)");
    assert_int_equal(starp_assign(&x, x), STARP_OK);
    assert_ptr_equal(x, old);
    assert_int_equal(starp_assign(NULL, wide), STARP_ERR_ARGUMENT);
    cc_expect_error(STARP_ERR_ARGUMENT, "assign: argument 1 is NULL");
    starp_release(x);
    assert_int_equal(starp_assign(&x, wide), STARP_ERR_HANDLE);
    cc_expect_error(STARP_ERR_HANDLE, "assign: the old value: not a live handle");
    starp_release(wide);
    starp_release(short_one);
    assert_int_equal(live(), 0);
}

/* ------------------------------------------------------------------------------------------------- after the end */

static void test_use_after_release(void **state)
{
    (void)state;
    double value;
    starp_array *x = starp_ones(session, STARP_SHAPE(2), STARP_F64), *y = starp_negative(x);
    assert_int_equal(starp_release(x), STARP_OK);
    assert_int_equal(starp_release(x), STARP_ERR_HANDLE);
    cc_expect_error(STARP_ERR_HANDLE, "release: not a live handle (released already?)");
    assert_null(starp_add(y, x));
    cc_expect_error(STARP_ERR_HANDLE, "add: argument 2 is not a live handle");
    assert_null(starp_sum(x, NULL, 0));
    cc_expect_error(STARP_ERR_HANDLE, "sum: argument 1 is not a live handle");
    assert_null(starp_keep(x));
    cc_expect_error(STARP_ERR_HANDLE, "keep: argument 1 is not a live handle");
    assert_int_equal(starp_size(x), -1);
    cc_expect_error(STARP_ERR_HANDLE, "size: argument 1 is not a live handle");
    assert_int_equal(starp_read(x, &value, 8), STARP_ERR_HANDLE);
    assert_int_equal(starp_eval_many(STARP_ARGS(y, x)), STARP_ERR_HANDLE);
    cc_expect_error(STARP_ERR_HANDLE, "argument 2 is not a live handle");
    assert_null(starp_eval_async(STARP_ARGS(x)));
    cc_expect_error(STARP_ERR_HANDLE, "argument 1 is not a live handle");
    double pair[2];
    assert_int_equal(starp_read(y, pair, sizeof pair), STARP_OK);
    assert_true(pair[0] == -1 && pair[1] == -1);
    starp_release(y);
}

static void test_released_by_scope(void **state)
{
    (void)state;
    starp_scope_open(session);
    starp_array *x = starp_ones(session, STARP_SHAPE(2), STARP_F64);
    starp_scope_close(session);
    assert_null(starp_negative(x));
    cc_expect_error(STARP_ERR_HANDLE, "negative: argument 1 is not a live handle");
}

static void test_double_close(void **state)
{
    (void)state;
    starp_session *s = starp_open(NULL);
    assert_int_equal(starp_close(s), STARP_OK);
    assert_int_equal(starp_close(s), STARP_ERR_HANDLE);
    cc_expect_error(STARP_ERR_HANDLE, "close: not an open session");
}

/* --------------------------------------------------------------------------------------------------------- sessions */

static void test_two_sessions(void **state)
{
    (void)state;
    starp_session *other = starp_open(NULL);
    starp_array *x = starp_ones(session, STARP_SHAPE(2), STARP_F64), *y = starp_ones(other, STARP_SHAPE(2), STARP_F64);
    assert_null(starp_add(x, y));
    cc_expect_error(STARP_ERR_HANDLE, "add: argument 2 is of another session than argument 1");
    assert_null(starp_where(x, x, y));
    cc_expect_error(STARP_ERR_HANDLE, "where: argument 3 is of another session than argument 1");
    assert_int_equal(starp_eval_many(STARP_ARGS(x, y)), STARP_ERR_HANDLE);
    cc_expect_error(STARP_ERR_HANDLE, "argument 2 is of another session");
    starp_array *sum = starp_sum(y, NULL, 0);
    assert_true(cc_item(sum) == 2);
    assert_int_equal(starp_close(other), STARP_OK);
    starp_array *own = starp_sum(x, NULL, 0);
    assert_true(cc_item(own) == 2);
}

static void *one_thread(void *result)
{
    double *total = result;
    starp_session *s = starp_open(NULL);
    starp_array *sum = NULL;
    starp_assign(&sum, starp_scalar(s, 0.0));
    for (int i = 0; i < 50; i++) {
        starp_scope_open(s);
        starp_array *x = starp_arange(s, 0, 1000 + i, 1, STARP_F64);
        starp_assign(&sum, starp_add(sum, starp_sum(x, NULL, 0)));
        if (i % 10 == 0) starp_eval(sum);
        starp_scope_close(s);
    }
    starp_add(sum, starp_ones(s, STARP_SHAPE(2, (int64_t)*total), STARP_F64));
    starp_at(sum, "0"); /* an error of this thread */
    bool own_error = starp_last_status() == STARP_ERR_INDEX;
    if (starp_item(sum, STARP_F64, total) != STARP_OK || !own_error) *total = -1;
    starp_close(s);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    enum { THREADS = 2 };
    pthread_t thread[THREADS];
    double total[THREADS], want = 0;
    for (int i = 0; i < 50; i++) want += (1000. + i) * (999. + i) / 2;
    for (int t = 0; t < THREADS; t++) {
        total[t] = t + 2;
        assert_int_equal(pthread_create(&thread[t], NULL, one_thread, &total[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        assert_true(total[t] == want);
    }
    assert_int_equal(starp_last_status(), STARP_OK);
}

static void test_seed(void **state)
{
    (void)state;
    double a[8], b[8], c[8];
    starp_seed(session, 7);
    starp_array *x = starp_random_uniform(session, STARP_SHAPE(8), STARP_F64);
    starp_array *y = starp_random_uniform(session, STARP_SHAPE(8), STARP_F64);
    starp_seed(session, 7);
    assert_null(starp_random_uniform(session, STARP_SHAPE(8), STARP_I8)); /* does not use up a number of the stream */
    starp_array *z = starp_random_uniform(session, STARP_SHAPE(8), STARP_F64);
    assert_int_equal(starp_read(x, a, sizeof a), STARP_OK);
    assert_int_equal(starp_read(y, b, sizeof b), STARP_OK);
    assert_int_equal(starp_read(z, c, sizeof c), STARP_OK);
    assert_memory_equal(a, c, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CC_TEST(test_scope_releases),
        CC_TEST(test_scopes_nest),
        CC_TEST(test_close_with_scopes_and_handles),
        CC_TEST(test_keep_outside_of_scopes),
        CC_TEST(test_assign),
        CC_TEST(test_use_after_release),
        CC_TEST(test_released_by_scope),
        CC_TEST(test_double_close),
        CC_TEST(test_two_sessions),
        CC_TEST(test_two_threads),
        CC_TEST(test_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

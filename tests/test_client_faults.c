/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_faults.c: what goes wrong while things run: a task that fails, memory that is not there, calls from inside
 * the progress callback. The session goes on, and nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "client_check.h"
#include "ranks.h"

static void expect(starp_status got, starp_status status, const char *says)
{
    const char *text = starp_last_error();
    if (got != status || starp_last_status() != status || !strstr(text, says) || !strstr(text, " [at ")) {
        fail_msg("not %s, \"%s\": %s, \"%s\"", starp_status_name(status), says, starp_status_name(got), text);
    }
    starp_clear_error();
}

static int evaluate_inside(const starp_progress_info *info, void *user)
{
    (void)info;
    starp_array **x = user;
    if (!*x) return 0;
    assert_int_equal(starp_eval(*x), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_close(session), STARP_ERR_ARGUMENT);
    *x = NULL;
    return 0;
}

static void test_inside_the_callback(void **state)
{
    (void)state;
    starp_array *x = starp_add(f34, f34), *y = starp_sqrt(f34), *inside = y;
    assert_int_equal(starp_progress(session, evaluate_inside, &inside), STARP_OK);
    assert_int_equal(starp_eval(x), STARP_OK);
    assert_null(inside);
    assert_int_equal(starp_progress(session, NULL, NULL), STARP_OK);
    assert_int_equal(starp_eval(y), STARP_OK);
    starp_release(x);
    starp_release(y);
}

/* A task that fails: the text has the site, the array stays without a value, everything else goes on. */
static void test_failing_task(void **state)
{
    (void)state;
    double sum;
    setenv("STARP_SMALL", "0", 1);
    starp_session *s = cc_session_with("STARP_FAULT", "1");
    unsetenv("STARP_SMALL");
    starp_array *x = starp_arange(s, 0, 1000, 1, STARP_F64), *y = starp_sum(starp_keep(starp_sqrt(x)), NULL, 0);
    expect(starp_eval(y), STARP_ERR_COMPUTE, "STARP_FAULT");
    starp_array *z = starp_sum(x, NULL, 0);
    assert_int_equal(starp_item(z, STARP_F64, &sum), STARP_OK);
    assert_true(sum == 499500);
    assert_int_equal(starp_close(s), STARP_OK);
}

static void test_memory_limit(void **state)
{
    SKIP_ON_RANKS(); /* the limit is each rank's */
    (void)state;
    double sum;
    starp_session *s = cc_session_with("STARP_MEMORY_LIMIT", "4M");
    starp_array *x = starp_arange(s, 0, 1e6, 1, STARP_F64);
    expect(starp_eval(x), STARP_ERR_LIMIT, "STARP_MEMORY_LIMIT");
    starp_array *y = starp_sum(x, NULL, 0);
    assert_int_equal(starp_item(y, STARP_F64, &sum), STARP_OK);
    assert_true(sum == 1e6 * (1e6 - 1) / 2);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* One of everything, as a program would call it; the status of the sync. */
static starp_status record_and_run(double *sum)
{
    double host[6] = { 1, 2, 3, 4, 5, 6 };
    if (starp_scope_open(session) != STARP_OK) return starp_last_status();
    starp_array *x = starp_from_host(session, host, STARP_SHAPE(2, 3), STARP_F64);
    starp_array *y = starp_add(starp_multiply(x, starp_scalar(session, 2)), starp_arange(session, 0, 3, 1, STARP_F64));
    starp_array *z = starp_at(starp_transpose(y), "::-1");
    starp_status status = starp_item(starp_sum(z, NULL, 0), STARP_F64, sum);
    if (status == STARP_OK) {
        starp_run *run = starp_eval_async(STARP_ARGS(y, x));
        status = starp_wait(run);
    }
    return starp_scope_close(session) == STARP_OK ? status : starp_last_status();
}

/* The n-th allocation fails, for every n there is: an error that says so, nothing leaks, and the next try works. */
static void test_allocation_failures(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    int failures = 0;
    for (uint64_t n = 1; n < 10000; n++) {
        double sum = 0;
        sp_alloc_fail_at(n);
        starp_status status = record_and_run(&sum);
        sp_alloc_fail_at(0);
        if (status == STARP_OK) {
            assert_true(sum == 48);
            if (failures++ > 50) break; /* so many in a row without a failure: the program makes no more */
            continue;
        }
        failures = 0;
        if (status != STARP_ERR_MEMORY) fail_msg("allocation %d: %s", (int)n, starp_last_error());
        starp_clear_error();
        assert_int_equal(record_and_run(&sum), STARP_OK);
    }
}

/* The same for opening. */
static void test_allocation_failures_of_open(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    int failed = 0;
    starp_session *s = NULL;
    for (uint64_t n = 1; !s; n++) {
        sp_alloc_fail_at(n);
        s = starp_open(NULL);
        sp_alloc_fail_at(0);
        if (s) break;
        failed++;
        expect(starp_last_status(), STARP_ERR_MEMORY, "out of memory");
    }
    assert_true(failed > 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CC_TEST_WITH_ARRAYS(test_inside_the_callback),
        CC_TEST_WITH_ARRAYS(test_failing_task),
        CC_TEST_WITH_ARRAYS(test_memory_limit),
        CC_TEST_WITH_ARRAYS(test_allocation_failures),
        CC_TEST_WITH_ARRAYS(test_allocation_failures_of_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_engine.c: programs that ask for too much, and must not get into trouble: a million updates, graphs of a hundred
 * thousand levels on a small stack, arrays larger than the machine of which a few elements are wanted, memory limits.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_check.h"
#include "rig.h"
#include "ranks.h"

/* ----------------------------------------------------------------------------------------------------- long and deep */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { UPDATES = 100000, LEVELS = 20000 };
#else
enum { UPDATES = 1000000, LEVELS = 100000 };
#endif

static void a_million_updates(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_array *x = starp_zeros(s, STARP_SHAPE(10), STARP_F64), *one = starp_ones(s, STARP_SHAPE(10), STARP_F64);
    uint64_t most_nodes = 0, most_bytes = 0;
    for (int i = 0; i < UPDATES; i++) {
        if (starp_assign(&x, starp_add(x, one)) != STARP_OK) fail_msg("update %d: %s", i, starp_last_error());
        if (i % 1000 != 0) continue;
        starp_stats stats = cc_stats(s);
        if (stats.nodes_live > most_nodes) most_nodes = stats.nodes_live;
        if (stats.bytes_live > most_bytes) most_bytes = stats.bytes_live;
    }
    assert_true(most_nodes <= 12000 && most_bytes < 1 << 20);
    assert_true(cc_stats(s).flush_nodes >= UPDATES / 12000);
    assert_true(cc_item(starp_at(x, "7")) == UPDATES);
    assert_true(cc_stats(s).evals >= cc_stats(s).flush_nodes);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* A chain nobody ever asks for, and one that is computed: on a stack that recursion would overrun. */
static void *deep_work(void *arg)
{
    starp_session *s = arg;
    starp_array *x = starp_full(s, STARP_SHAPE(3), 2.0, STARP_F64), *y = starp_keep(starp_negative(x));
    for (int i = 0; i < LEVELS; i++) starp_assign(&x, starp_negative(x));
    starp_release(x);
    for (int i = 0; i < LEVELS; i++) starp_assign(&y, starp_negative(y));
    double v = cc_item(starp_at(y, "2"));
    starp_release(y);
    return v == -2 ? s : NULL;
}

static void deep_graphs_on_a_small_stack(void **state)
{
    pthread_t thread;
    pthread_attr_t attr;
    void *result;
    (void)state;
    starp_session *s = cc_session("STARP_MAX_NODES=1000000");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 512 * 1024);
    assert_int_equal(pthread_create(&thread, &attr, deep_work, s), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, s);
    assert_int_equal(cc_stats(s).flush_nodes, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* The same through two inputs each: 2^200 paths, 200 nodes. */
static void shared_subexpressions_are_walked_once(void **state)
{
    (void)state;
    starp_session *s = cc_session("STARP_CSE=0");
    starp_array *x = starp_ones(s, STARP_SHAPE(3), STARP_F64), *y = starp_ones(s, STARP_SHAPE(3), STARP_F64);
    for (int i = 0; i < 200; i++) {
        starp_array *sum = starp_divide(starp_add(x, y), starp_scalar(s, 2.0)), *other = starp_divide(starp_add(y, x), starp_scalar(s, 2.0));
        x = sum, y = other;
    }
    assert_true(cc_item(starp_at(starp_add(x, y), "1")) == 2);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* ------------------------------------------------------------------------------------------------------ lazily huge */

#define HUGE ((int64_t)1 << 40)

static void a_few_elements_of_huge_arrays(void **state)
{
    (void)state;
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=64M");
    starp_scope_open(s);
    starp_array *n = starp_arange(s, 0, (double)HUGE, 1, STARP_I64), *z = starp_zeros(s, STARP_SHAPE(HUGE), STARP_F64);
    int64_t got[3];
    assert_int_equal(starp_size(n), HUGE);
    assert_int_equal(starp_read(starp_at(starp_add(n, n), "1099511627770::2"), got, sizeof got), STARP_OK);
    assert_true(got[0] == 2 * 1099511627770 && got[2] == 2 * 1099511627774);
    assert_true(cc_item(starp_sum(starp_at(starp_add(z, starp_scalar(s, 1.0)), ":1000"), NULL, 0)) == 1000);
    starp_array *u = starp_random_uniform(s, STARP_SHAPE(1 << 20, 1 << 20), STARP_F64);
    double a = cc_item(starp_at(u, "1048575, 1048575")), b = cc_item(starp_at(starp_transpose(u), "1048575, 1048575"));
    assert_true(a == b && a >= 0 && a < 1);
    starp_array *wide = starp_broadcast_to(starp_full(s, STARP_SHAPE(1), 3.0, STARP_F32), STARP_SHAPE(HUGE, 1 << 20));
    assert_true(cc_item(starp_mean(starp_at(wide, "5, :77"), NULL, 0)) == 3);
    assert_int_equal(starp_scope_close(s), STARP_OK);
    cc_close_empty(s);
}

static void refused(starp_array *x)
{
    assert_null(x);
    assert_int_equal(starp_last_status(), STARP_ERR_SHAPE);
    starp_clear_error();
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_scope_open(s);
    int64_t big = (int64_t)1 << 62;
    refused(starp_zeros(s, STARP_SHAPE(big, 2), STARP_I8));
    refused(starp_zeros(s, STARP_SHAPE(big), STARP_F64));
    refused(starp_zeros(s, STARP_SHAPE(INT64_MAX, 0, INT64_MAX), STARP_I8));
    starp_array *row = starp_zeros(s, STARP_SHAPE(1, big), STARP_I8), *column = starp_zeros(s, STARP_SHAPE(big, 1), STARP_I8);
    assert_non_null(row);
    refused(starp_add(row, column));
    refused(starp_broadcast_to(row, STARP_SHAPE(4, big)));
    refused(starp_astype(row, STARP_F64));
    starp_scope_close(s);
    cc_close_empty(s);
}

/* Work or memory without end is refused, in bounded time, not begun. */
static void what_cannot_be_done_is_refused(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=256M");
    starp_array *x = starp_zeros(s, STARP_SHAPE((int64_t)1 << 59), STARP_I8), *sum = starp_sum(x, NULL, 0);
    starp_array *all = starp_add(starp_zeros(s, STARP_SHAPE(HUGE), STARP_F64), starp_scalar(s, 1.0));
    uint64_t tasks = cc_stats(s).tasks;
    alarm(60); /* ends the test, if it does not end by itself */
    starp_status status = starp_eval(sum);
    if (status != STARP_ERR_LIMIT && status != STARP_ERR_MEMORY) fail_msg("%s: %s", starp_status_name(status), starp_last_error());
    assert_int_equal(starp_eval(all), STARP_ERR_LIMIT);
    alarm(0);
    assert_int_equal(cc_stats(s).tasks, tasks);
    starp_clear_error();
    assert_true(cc_item(starp_sum(starp_at(x, ":10"), NULL, 0)) == 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* ----------------------------------------------------------------------------------------------------- memory limit */

static void expect_error(starp_status got, starp_status want, const char *const *words)
{
    const char *text = starp_last_error();
    if (got != want || starp_last_status() != want) fail_msg("%s: %s", starp_status_name(got), text);
    for (; *words; words++) {
        if (!strstr(text, *words)) fail_msg("'%s' is not in: %s", *words, text);
    }
    starp_clear_error();
}

/* Before any task: the forecast, the limit and the biggest nodes by name and shape; what is live counts. */
static void the_limit_names_its_reasons(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=20M");
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64);
    assert_int_equal(starp_eval(x), STARP_OK);
    starp_stats before = cc_stats(s);
    assert_true(before.bytes_live >= 8000000 && before.bytes_live < 12000000);
    starp_array *y = starp_sin(x), *z = starp_cos(x);
    expect_error(starp_eval_many(STARP_ARGS(y, z)), STARP_ERR_LIMIT,
                 (const char *const[]){ "STARP_MEMORY_LIMIT", "16000000", "20971520", "sin", "cos", "(1000, 1000)", "test_engine", NULL });
    assert_int_equal(cc_stats(s).tasks, before.tasks);
    assert_int_equal(cc_stats(s).bytes_live, before.bytes_live);
    assert_int_equal(starp_eval(y), STARP_OK);
    expect_error(starp_eval(z), STARP_ERR_LIMIT, (const char *const[]){ "8000000", "cos", NULL });
    assert_int_equal(starp_release(y), STARP_OK);
    assert_int_equal(starp_eval(z), STARP_OK);
    assert_true(cc_item(starp_max(z, NULL, 0)) <= 1);
    assert_int_equal(starp_close(s), STARP_OK);
}

static int64_t plan_bytes(starp_array *x)
{
    long long bytes = -1;
    if (starp_eval(x) != STARP_ERR_LIMIT) fail_msg("it fits");
    const char *at = strstr(starp_last_error(), "needs ");
    if (!at || sscanf(at, "needs %lld", &bytes) != 1) fail_msg("%s", starp_last_error());
    starp_clear_error();
    return bytes;
}

/* Results of an operation of several live on with those that share them; broadcast operands are copied whole. */
static void operations_are_forecast(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=1M");
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64), *y;
    starp_qr_factors f = starp_linalg_qr(x, 0);
    y = starp_matmul(f.q, f.r);
    assert_true(plan_bytes(y) >= 6 * 8000000); /* q, r, their copies and those of x */
    assert_true(plan_bytes(starp_sin(starp_linalg_eigh(x, 0).vectors)) >= 4 * 8000000); /* x, its copy, the vectors twice */
    f = starp_linalg_qr(starp_random_uniform(s, STARP_SHAPE(1000, 10), STARP_F64), 1);
    assert_true(plan_bytes(starp_matmul(starp_sin(f.q), f.q)) >= 6 * 8000000); /* q is still there */
    x = starp_broadcast_to(starp_random_uniform(s, STARP_SHAPE(1, 1000), STARP_F64), STARP_SHAPE(1000, 1000));
    assert_true(plan_bytes(starp_linalg_cholesky(x, 0)) >= 3 * 8000000);
    x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64);
    int64_t usual = plan_bytes(starp_linalg_solve(x, starp_at(x, ":, 0")));
    assert_int_equal(starp_close(s), STARP_OK);
    s = cc_session("STARP_MEMORY_LIMIT=1M STARP_MIXED=1");
    x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64);
    assert_true(plan_bytes(starp_linalg_solve(x, starp_at(x, ":, 0"))) >= usual + 6000000); /* a half, and half of it as panels */
    assert_int_equal(starp_close(s), STARP_OK);
}

/* A plan that recycles its temporaries fits where one that kept them would not. */
static void temporaries_are_recycled(void **state)
{
    (void)state;
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=40M STARP_FUSE=0");
    starp_array *x = starp_keep(starp_random_uniform(s, STARP_SHAPE(1000000), STARP_F64));
    for (int i = 0; i < 30; i++) starp_assign(&x, starp_sin(x));
    if (starp_eval(x) != STARP_OK) fail_msg("%s", starp_last_error());
    assert_true(cc_stats(s).bytes_peak <= 40 << 20);
    assert_true(cc_stats(s).bytes_live <= 9 << 20);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Dead values give their memory back, and the pool gives it out again. */
static void memory_is_reused(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_array *x = NULL;
    uint64_t misses = 0;
    for (int i = 0; i < 20; i++) {
        starp_assign(&x, starp_random_uniform(s, STARP_SHAPE(1000000), STARP_F64));
        assert_int_equal(starp_eval(x), STARP_OK);
        if (i == 3) misses = cc_stats(s).pool_misses;
    }
    assert_int_equal(cc_stats(s).pool_misses, misses);
    assert_true(cc_stats(s).pool_hits > 0);
    assert_true(cc_stats(s).bytes_peak <= 3 * 8400000);
    assert_int_equal(starp_release(x), STARP_OK);
    assert_int_equal(cc_stats(s).bytes_live, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_updates),
        cmocka_unit_test(deep_graphs_on_a_small_stack),
        cmocka_unit_test(shared_subexpressions_are_walked_once),
        cmocka_unit_test(a_few_elements_of_huge_arrays),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(the_limit_names_its_reasons),
        cmocka_unit_test(operations_are_forecast),
        cmocka_unit_test(temporaries_are_recycled),
        cmocka_unit_test(memory_is_reused),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_plugin_isolated.c: the helper processes of isolated plug-ins: that they are kept, end when they are to, and harm nobody. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_check.h"
#include "ranks.h"

/* ------------------------------------------------------------------------------------------------------ cancelling */

static double began;
static int told;

/* On several ranks, tasks are still being submitted meanwhile, so the run is stopped from within. */
static int stop_soon(const starp_progress_info *info, void *user)
{
    (void)user;
    told = info->tasks_done < info->tasks_total ? 1 : 2;
    return pl_now() - began > 0.3;
}

static void begin_to_stop(void)
{
    began = pl_now();
    told = 0;
    starp_progress(pl_session, stop_soon, NULL);
}

static void has_stopped(const char *words)
{
    starp_progress(pl_session, NULL, NULL);
    pl_said(STARP_ERR_CANCELLED, words);
    if (pl_now() - began > 10) fail_msg("it took %g s", pl_now() - began);
    assert_int_equal(told, 2); /* the last call says that it has ended */
}

/* Some that do not ask whether they may go on, one that does, and some that have so much to say that nobody ever waits. */
static void test_cancel(void **state)
{
    (void)state;
    pl_load_good(true);
    for (int how = HANGS; how <= DRAWS; how++) {
        starp_array *y = pl_mishaps(how);
        begin_to_stop();
        assert_int_equal(starp_eval(y), STARP_ERR_CANCELLED);
        has_stopped("the run was cancelled");
        starp_release(y);
    }
    pl_expect_mishap(CRASHES, "iteration 17: the plug-in crashed (signal 11)");
}

/* What tells the results' shapes, when there is no run yet: the function that does, or the first iteration. */
static void test_cancel_before_the_run(void **state)
{
    (void)state;
    pl_load_good(true);
    starp_array *x = starp_full(pl_session, STARP_SHAPE(8), HANGS, STARP_F64);
    begin_to_stop();
    assert_null(starp_ppeval(pl_session, "hanging_shapes", STARP_ARGS(x)));
    has_stopped("ppeval hanging_shapes: cancelled");
    begin_to_stop();
    assert_null(starp_ppeval(pl_session, "shapeless", STARP_ARGS(x)));
    has_stopped("ppeval shapeless: cancelled");
    starp_release(x);
    pl_expect_mishap(CRASHES, "iteration 17: the plug-in crashed (signal 11)");
}

/* One in the process can but be asked. */
static void test_cancel_the_first(void **state)
{
    (void)state;
    pl_load_good(false);
    starp_array *x = starp_full(pl_session, STARP_SHAPE(8), ASKS, STARP_F64);
    begin_to_stop();
    assert_null(starp_ppeval(pl_session, "shapeless", STARP_ARGS(x)));
    has_stopped("ppeval shapeless: cancelled");
    starp_release(x);
}

/* However quick iterations have been: one that may hang is not for the thread that would cancel it. */
static void test_cancel_after_quick_ones(void **state)
{
    (void)state;
    pl_load_good(true);
    starp_array *x = starp_full(pl_session, STARP_SHAPE(2000), NOTHING, STARP_F64), *y = starp_ppeval(pl_session, "mishap", STARP_ARGS(x));
    assert_int_equal(starp_eval(y), STARP_OK);
    starp_release(x);
    starp_release(y);
    x = starp_full(pl_session, STARP_SHAPE(1), HANGS, STARP_F64);
    y = starp_ppeval(pl_session, "mishap", STARP_ARGS(starp_ppsplit(x, 0)));
    begin_to_stop();
    assert_int_equal(starp_eval(y), STARP_ERR_CANCELLED);
    has_stopped("the run was cancelled");
    starp_release(x);
    starp_release(y);
}

static int set_up_impatient(void **state)
{
    (void)state;
    return pl_open_with("STARP_PLUGIN_SECONDS", "1");
}

/* Shapes are told soon, or never; iterations take their time. */
static void test_shapes_have_an_end(void **state)
{
    (void)state;
    pl_load_good(true);
    starp_array *x = starp_full(pl_session, STARP_SHAPE(2), SLEEPS, STARP_F64);
    assert_null(starp_ppeval(pl_session, "hanging_shapes", STARP_ARGS(x)));
    pl_said(STARP_ERR_SHAPE, "hanging_shapes: the plug-in takes longer than 1 s (STARP_PLUGIN_SECONDS)");
    starp_array *y = starp_ppeval(pl_session, "mishap", STARP_ARGS(x));
    assert_int_equal(starp_eval(y), STARP_OK);
    starp_release(x);
    starp_release(y);
}

/* ------------------------------------------------------------------------------------------------------- processes */

enum { CALLS = 400 };

/* In which processes iterations ran: how many, and which. */
static int processes(int64_t *found)
{
    int64_t pid[CALLS];
    int n = 0;
    starp_array *x = starp_zeros(pl_session, STARP_SHAPE(CALLS), STARP_F64), *y = starp_ppeval(pl_session, "process", STARP_ARGS(x));
    pl_read(y, pid, sizeof pid);
    for (int i = 0; i < CALLS; i++) {
        int at = 0;
        while (at < n && found[at] != pid[i]) at++;
        if (at == n) found[n++] = pid[i];
    }
    starp_release(x);
    starp_release(y);
    return n;
}

static void test_helpers_are_reused(void **state)
{
    int64_t found[CALLS], later[2 * CALLS];
    (void)state;
    SKIP_ON_RANKS();
    pl_load_good(false);
    assert_true(processes(found) == 1 && found[0] == getpid());
    pl_load_good(true);
    int n = processes(found), cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (n > cores + 1) fail_msg("%d processes for %d cores", n, cores);
    for (int i = 0; i < n; i++) assert_true(found[i] != getpid() && kill((pid_t)found[i], 0) == 0);
    for (int i = 0; i < n; i++) kill((pid_t)found[i], SIGKILL); /* idle ones: nobody's fault */
    usleep(50000);
    n = processes(found);
    assert_true(processes(later) <= cores + 1);
    bool reused = false;
    for (int i = 0; i < n; i++) reused |= found[i] == later[0];
    assert_true(reused);
    assert_int_equal(starp_close(pl_session), STARP_OK);
    for (int i = 0; i < n; i++) assert_true(kill((pid_t)found[i], 0) != 0);
    pl_session = starp_open(NULL);
}

/* A helper that has ended is not replaced by one of another plug-in. */
static void test_files_that_change(void **state)
{
    int64_t found[CALLS];
    char path[64];
    (void)state;
    SKIP_ON_RANKS();
    pl_copy(GOOD, path);
    assert_int_equal(starp_load_plugin_isolated(pl_session, path), STARP_OK);
    starp_array *x = starp_zeros(pl_session, STARP_SHAPE(CALLS), STARP_F64);
    int n = processes(found); /* all there are */
    assert_int_equal(truncate(path, 1 << 20), 0);
    for (int i = 0; i < n; i++) kill((pid_t)found[i], SIGKILL);
    usleep(50000);
    assert_null(starp_ppeval(pl_session, "ladder", STARP_ARGS(x)));
    pl_said(STARP_ERR_COMPUTE, "iteration 0: the plug-in's file has changed");
    starp_release(x);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cancel, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_before_the_run, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_the_first, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_after_quick_ones, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_shapes_have_an_end, set_up_impatient, pl_close),
        cmocka_unit_test_setup_teardown(test_helpers_are_reused, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_files_that_change, pl_open, pl_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

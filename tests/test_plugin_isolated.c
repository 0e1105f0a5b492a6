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

/* What items are like where no iteration succeeds is asked for before the run, too; and whatever was cancelled before. */
static void test_cancel_before_items(void **state)
{
    (void)state;
    pl_load_good(true);
    starp_ragged *r[2] = { NULL };
    starp_array *x = starp_full(pl_session, STARP_SHAPE(8), NOTHING, STARP_F64);
    begin_to_stop();
    assert_int_equal(starp_ppeval_ragged(pl_session, "hanging_shapes", STARP_ARGS(x), 1, r), STARP_ERR_CANCELLED);
    has_stopped("ppeval hanging_shapes: cancelled");
    assert_null(r[0]);
    assert_int_equal(starp_ppeval_ragged(pl_session, "stains", STARP_ARGS(x, starp_ppbcast(x)), 2, r), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, "the plug-in crashed (signal 11)");
    assert_int_equal(starp_ragged_dtype_of(r[0], 0), STARP_F64);
    assert_int_equal(starp_ragged_dtype_of(r[1], 0), STARP_I64);
    for (int k = 0; k < 2; k++) starp_ragged_release(r[k]);
    starp_release(x);
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

/* --------------------------------------------------------------------------------------------------------- memory */

enum { SLICES = 200 };

/* What is whole for all: n numbers that count on from `first`. */
static void ask_whole(const char *function, double first, int64_t n, starp_array *y[2])
{
    starp_array *a = starp_zeros(pl_session, STARP_SHAPE(SLICES), STARP_F64);
    starp_array *b = starp_arange(pl_session, first, first + (double)n, 1, STARP_F64);
    if (starp_ppeval_list(pl_session, function, STARP_ARGS(a, starp_ppbcast(b)), 2, y) != STARP_OK) fail_msg("%s", starp_last_error());
    starp_release(a);
    starp_release(b);
}

static void expect_whole(starp_array *y[2], double first, int64_t pid[SLICES])
{
    double z[SLICES];
    pl_read(y[0], z, sizeof z);
    pl_read(y[1], pid, SLICES * sizeof *pid);
    for (int k = 0; k < SLICES; k++) assert_true(z[k] == first);
    starp_release(y[0]);
    starp_release(y[1]);
}

/* Whichever evaluation a helper was in before. */
static void test_whole_values(void **state)
{
    (void)state;
    pl_load_good(true);
    for (int round = 0; round < 3; round++) {
        starp_array *y[2][2];
        int64_t pid[SLICES];
        ask_whole("whole", 10 * round, 3000, y[0]);
        ask_whole("whole", 10 * round + 5, 2999 + round, y[1]);
        if (starp_eval_many(STARP_ARGS(y[0][0], y[1][0])) != STARP_OK) fail_msg("%s", starp_last_error());
        expect_whole(y[1], 10 * round + 5, pid);
        expect_whole(y[0], 10 * round, pid);
    }
}

/* One copy is for many iterations, so none may change it. */
static void test_whole_values_stay_as_they_are(void **state)
{
    starp_array *y[2];
    int64_t pid[SLICES];
    (void)state;
    pl_load_good(true);
    ask_whole("stains", 3, 1000, y);
    assert_int_equal(starp_eval(y[0]), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, "the plug-in crashed (signal 11)");
    starp_release(y[0]);
    starp_release(y[1]);
    ask_whole("whole", 3, 1000, y);
    expect_whole(y, 3, pid);
}

/* In memory; 0: there is no such process. */
static int64_t bytes_of(int64_t pid)
{
    char path[64];
    long long pages = 0, all;
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%lld %lld", &all, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* What is idle holds no more than it did before. */
static void test_whole_values_go_with_the_run(void **state)
{
    enum { MB = 1 << 20 };
    starp_array *y[2];
    int64_t pid[SLICES];
    (void)state;
    pl_load_good(true);
    ask_whole("whole", 1, 4 * MB, y); /* of 32 MB */
    expect_whole(y, 1, pid);
    for (int k = 0; k < SLICES; k++) {
        int tries = 0;
        while (bytes_of(pid[k]) > 16 * MB && tries++ < 500) usleep(10000);
        if (bytes_of(pid[k]) > 16 * MB) fail_msg("process %lld has %lld bytes", (long long)pid[k], (long long)bytes_of(pid[k]));
    }
}

static void expect_ends(int64_t n, uint8_t value)
{
    int64_t z[4];
    starp_array *a = starp_zeros(pl_session, STARP_SHAPE(4), STARP_U8), *b = starp_full(pl_session, STARP_SHAPE(n), value, STARP_U8);
    starp_array *y = starp_ppeval(pl_session, "ends", STARP_ARGS(a, starp_ppbcast(b)));
    pl_read(y, z, sizeof z);
    for (int k = 0; k < 4; k++) assert_true(z[k] == value);
    starp_release(a);
    starp_release(b);
    starp_release(y);
}

/* In a helper: of slices, of what is whole, of results. The helper goes on, and so do the others. */
static void test_no_memory(void **state)
{
    enum { MUCH = 100 << 20 };
    static const char words[] = "out of memory in the isolated plug-in";
    (void)state;
    if (pl_load(true, STARP_PLUGINS "/confined.so") != STARP_OK) fail_msg("%s", starp_last_error());
    starp_array *few = starp_zeros(pl_session, STARP_SHAPE(4), STARP_U8), *much = starp_zeros(pl_session, STARP_SHAPE(MUCH), STARP_U8);
    starp_array *n = starp_full(pl_session, STARP_SHAPE(4), MUCH, STARP_I64);
    expect_ends(3000, 7);
    starp_array *y = starp_ppeval(pl_session, "ends", STARP_ARGS(few, starp_ppbcast(much)));
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, words);
    starp_release(y);
    expect_ends(3000, 8);
    starp_array *wide = starp_reshape(much, STARP_SHAPE(MUCH / 2, 2));
    y = starp_ppeval(pl_session, "ends", STARP_ARGS(wide));
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, words);
    starp_release(y);
    assert_null(starp_ppeval(pl_session, "zeros", STARP_ARGS(n)));
    pl_said(STARP_ERR_COMPUTE, "zeros: iteration 0: out of memory in the isolated plug-in");
    expect_ends(3000, 9);
    starp_release(wide);
    starp_release(few);
    starp_release(much);
    starp_release(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cancel, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_before_the_run, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_before_items, pl_open_keeping, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_the_first, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_cancel_after_quick_ones, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_shapes_have_an_end, set_up_impatient, pl_close),
        cmocka_unit_test_setup_teardown(test_helpers_are_reused, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_files_that_change, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_whole_values, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_whole_values_stay_as_they_are, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_whole_values_go_with_the_run, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_no_memory, pl_open, pl_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

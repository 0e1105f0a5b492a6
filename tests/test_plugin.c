/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_plugin.c: plug-ins, in the process and isolated: that they compute, the same either way, and that whatever is wrong with
 * one is an error with words, after which the session goes on.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "plugins/mishaps.h"
#include "ranks.h"

#define GOOD STARP_PLUGINS "/good.so"
#define K 40   /* iterations of a mishap, */
#define BAD 17 /* and the one in which it happens */

static starp_session *session;

static starp_session *open_with(const char *variable, const char *value)
{
    if (variable) setenv(variable, value, 1);
    starp_session *s = starp_open(NULL);
    if (variable) unsetenv(variable);
    return s;
}

static int set_up(void **state)
{
    (void)state;
    starp_clear_error();
    session = starp_open(NULL);
    return session ? 0 : -1;
}

static int set_up_keeping(void **state)
{
    (void)state;
    starp_clear_error();
    session = open_with("STARP_PPEVAL_KEEP", "1");
    return session ? 0 : -1;
}

/* After whatever a test did: nothing leaked, and the session computes. */
static int tear_down(void **state)
{
    double sum = 0;
    starp_stats stats;
    (void)state;
    starp_clear_error();
    starp_array *x = starp_arange(session, 0, 100000, 1, STARP_F64), *y = starp_sum(x, NULL, 0);
    if (starp_read(y, &sum, sizeof sum) != STARP_OK || sum != 4999950000.0) return -1;
    starp_release(x);
    starp_release(y);
    if (starp_stats_of(session, &stats) != STARP_OK || stats.handles_live != 0 || stats.nodes_live != 0) return -1;
    return starp_close(session) == STARP_OK ? 0 : -1;
}

static starp_status load(bool isolated, const char *path)
{
    return isolated ? starp_load_plugin_isolated(session, path) : starp_load_plugin(session, path);
}

static void load_good(bool isolated)
{
    if (load(isolated, GOOD) != STARP_OK) fail_msg("%s", starp_last_error());
}

static void said(starp_status status, const char *words)
{
    if (starp_last_status() != status || !strstr(starp_last_error(), words)) {
        fail_msg("%s, \"%s\"; not \"%s\"", starp_status_name(starp_last_status()), starp_last_error(), words);
    }
    starp_clear_error();
}

static void expect_read(starp_array *x, void *to, size_t bytes)
{
    if (starp_read(x, to, bytes) != STARP_OK) fail_msg("%s", starp_last_error());
}

/* ------------------------------------------------------------------------------------------------------ computing */

static void check_extremes(void)
{
    enum { M = 5, N = 3000 };
    static double x[M][N], most[N], least[N];
    starp_array *a = starp_random_uniform(session, STARP_SHAPE(M, N), STARP_F64), *y[2];
    if (starp_ppeval_list(session, "extremes", STARP_ARGS(a), 2, y) != STARP_OK) fail_msg("%s", starp_last_error());
    expect_read(a, x, sizeof x);
    expect_read(y[0], most, sizeof most);
    expect_read(y[1], least, sizeof least);
    for (int j = 0; j < N; j++) {
        double high = -INFINITY, low = INFINITY;
        for (int i = 0; i < M; i++) {
            high = fmax(high, x[i][j]);
            low = fmin(low, x[i][j]);
        }
        if (most[j] != high || least[j] != low) fail_msg("slice %d: %g to %g, not %g to %g", j, least[j], most[j], low, high);
    }
    starp_release(a);
    starp_release(y[0]);
    starp_release(y[1]);
}

static void check_scaled(void)
{
    enum { M = 4, N = 3, COUNT = 500 };
    static double x[M][N][COUNT], w[M];
    static float y[M][N][COUNT];
    starp_array *a = starp_random_uniform(session, STARP_SHAPE(M, N, COUNT), STARP_F64);
    starp_array *b = starp_random_uniform(session, STARP_SHAPE(M), STARP_F64);
    starp_array *c = starp_ppeval(session, "scaled", STARP_ARGS(a, starp_ppbcast(b)));
    expect_read(c, y, sizeof y);
    expect_read(a, x, sizeof x);
    expect_read(b, w, sizeof w);
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            for (int k = 0; k < COUNT; k++) assert_true(y[i][j][k] == (float)(2.5 * x[i][j][k] * w[i]));
        }
    }
    assert_null(starp_ppeval(session, "scaled", STARP_ARGS(b, b)));
    said(STARP_ERR_SHAPE, "a matrix is wanted, not 0 dimensions");
    starp_release(a);
    starp_release(b);
    starp_release(c);
}

static void check_ladder(void)
{
    starp_ragged *r;
    double got[3];
    starp_array *a = starp_arange(session, 0, 300, 1, STARP_F64);
    if (starp_ppeval_ragged(session, "ladder", STARP_ARGS(a), 1, &r) != STARP_OK) fail_msg("%s", starp_last_error());
    starp_array *item = starp_ragged_item(r, 299);
    expect_read(item, got, sizeof got);
    assert_true(got[0] == 299 && got[1] == 300 && got[2] == 301);
    starp_release(item);
    starp_ragged_release(r);
    starp_release(a);
}

static void computes(bool isolated)
{
    load_good(isolated);
    check_extremes();
    check_scaled();
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

static void draw(bool isolated, double *to, size_t bytes)
{
    load_good(isolated); /* what was loaded last counts */
    starp_seed(session, 12);
    starp_array *a = starp_zeros(session, STARP_SHAPE(64), STARP_F64), *y = starp_ppeval(session, "draws", STARP_ARGS(a));
    expect_read(y, to, bytes);
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

/* ---------------------------------------------------------------------------------------------------- bad plug-ins */

static void refused(bool isolated, const char *path, starp_status status, const char *words)
{
    starp_array *x = starp_zeros(session, STARP_SHAPE(8), STARP_F64);
    assert_int_equal(load(isolated, path), status);
    if (!strstr(starp_last_error(), isolated ? "load_plugin_isolated: " : "load_plugin: ")) fail_msg("%s", starp_last_error());
    said(status, words);
    assert_null(starp_ppeval(session, "fine", STARP_ARGS(x)));
    starp_clear_error();
    starp_release(x);
}

static void all_refused(bool isolated)
{
    static const struct {
        const char *file;
        starp_status status;
        const char *words;
    } bad[] = {
        { STARP_PLUGINS "/nowhere.so", STARP_ERR_IO, "nowhere.so: No such file or directory" },
        { STARP_PLUGINS, STARP_ERR_IO, "Is a directory" },
        { STARP_SOURCE_DIR "/README.md", STARP_ERR_FORMAT, "invalid ELF header" },
        { STARP_PLUGINS "/bad_NO_ENTRY.so", STARP_ERR_FORMAT, "it is no plug-in: there is no starp_plugin_entry in it" },
        { STARP_PLUGINS "/bad_UNDEFINED.so", STARP_ERR_FORMAT, "undefined symbol: nowhere_defined" },
        { STARP_PLUGINS "/bad_VERSION.so", STARP_ERR_FORMAT, "it was built for version 2 of plug-ins; this library has 1" },
        { STARP_PLUGINS "/bad_SIZE.so", STARP_ERR_FORMAT, "its description has 8 bytes" },
        { STARP_PLUGINS "/bad_NULL.so", STARP_ERR_FORMAT, "its starp_plugin_entry() returns NULL" },
        { STARP_PLUGINS "/bad_EMPTY.so", STARP_ERR_FORMAT, "it has no functions" },
        { STARP_PLUGINS "/bad_COUNT.so", STARP_ERR_FORMAT, "-1 functions and 0 elementwise ones cannot be" },
        { STARP_PLUGINS "/bad_NAME.so", STARP_ERR_FORMAT, "function 1 () is not" },
        { STARP_PLUGINS "/bad_FUNCTION.so", STARP_ERR_FORMAT, "function 1 (second) is not" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(isolated, bad[i].file, bad[i].status, bad[i].words);
    assert_int_equal(load(isolated, NULL), STARP_ERR_ARGUMENT);
    said(STARP_ERR_ARGUMENT, "the path is NULL");
    load_good(isolated);
    check_extremes();
}

static void test_bad_ones_are_refused(void **state)
{
    (void)state;
    all_refused(false);
    assert_int_equal(starp_load_plugin(NULL, GOOD), STARP_ERR_ARGUMENT);
    said(STARP_ERR_ARGUMENT, "load_plugin: the session is NULL");
}

static void test_bad_ones_are_refused_isolated(void **state)
{
    (void)state;
    all_refused(true);
    refused(true, STARP_PLUGINS "/bad_ELEMENTWISE.so", STARP_ERR_FORMAT, "it has elementwise functions, which cannot be isolated");
    refused(true, STARP_PLUGINS "/bad_CRASH.so", STARP_ERR_RUNTIME, "while it is loaded, the plug-in crashed (signal 11)");
}

/* A copy of a plug-in, to be spoilt: its path. */
static void copy(const char *from, char path[64])
{
    char command[4096];
    strcpy(path, "/tmp/starp-plugin-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof command, "cp %s %s", from, path);
    assert_int_equal(system(command), 0);
}

/* Good enough for rank 0, which then spoils the file for the others. */
static void test_other_ranks_refuse(void **state)
{
    char path[64];
    (void)state;
    if (starp_ranks(session) == 1) skip();
    for (int isolated = 0; isolated < 2; isolated++) {
        refused(isolated, STARP_PLUGINS "/bad_RANK_VERSION.so", STARP_ERR_FORMAT, "rank 1: it was built for version 99");
        refused(isolated, STARP_PLUGINS "/bad_RANK_FEWER.so", STARP_ERR_RUNTIME, "rank 1: it has 1 functions here, and 2 on rank 0");
        copy(STARP_PLUGINS "/bad_RANK_GONE.so", path);
        setenv("STARP_TEST_PLUGIN", path, 1);
        refused(isolated, path, STARP_ERR_IO, "rank 1: No such file or directory");
        copy(STARP_PLUGINS "/bad_RANK_OTHER.so", path);
        setenv("STARP_TEST_PLUGIN", path, 1);
        refused(isolated, path, STARP_ERR_RUNTIME, "rank 1: it is another file here");
        unlink(path);
    }
    load_good(false);
    check_extremes();
}

static void test_no_helper(void **state)
{
    (void)state;
    setenv("STARP_HELPER", "/nowhere/starp-helper", 1);
    refused(true, GOOD, STARP_ERR_RUNTIME, "/nowhere/starp-helper cannot be started: No such file or directory");
    setenv("STARP_HELPER", "/bin/false", 1);
    refused(true, GOOD, STARP_ERR_RUNTIME, "while it is loaded, the plug-in ended its process (exit status 1)");
    setenv("STARP_HELPER", STARP_TEST_HELPER, 1);
    load_good(true);
}

/* -------------------------------------------------------------------------------------------------------- mishaps */

/* Mishap `how` in one of K iterations; what comes out. */
static starp_array *mishaps(int how)
{
    double data[K] = { 0 };
    data[BAD] = how;
    starp_array *x = starp_from_host(session, data, STARP_SHAPE(K), STARP_F64), *y = starp_ppeval(session, "mishap", STARP_ARGS(x));
    starp_release(x);
    assert_non_null(y);
    return y;
}

static void expect_mishap(int how, const char *words)
{
    starp_array *y = mishaps(how);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    said(STARP_ERR_COMPUTE, words);
    starp_release(y);
    y = mishaps(NOTHING); /* goes well */
    double z[2][K];
    expect_read(y, z, sizeof z);
    for (int k = 0; k < K; k++) assert_true(z[0][k] == k && z[1][k] == k + 0.5);
    starp_release(y);
}

static void expect_mishaps(void)
{
    expect_mishap(FAILS, "ppeval mishap: iteration 17: no luck in iteration 17");
    expect_mishap(RETURNS, "ppeval mishap: iteration 17: it returned 9");
    expect_mishap(WRONG_SHAPE, "ppeval mishap: iteration 17: result 0 is f64 (3,), where f64 (2,) is expected");
    expect_mishap(NO_RESULT, "ppeval mishap: iteration 17: result 0 is missing");
}

static void test_mishaps(void **state)
{
    (void)state;
    load_good(false);
    expect_mishaps();
}

static void test_mishaps_isolated(void **state)
{
    (void)state;
    load_good(true);
    expect_mishaps();
    expect_mishap(CRASHES, "ppeval mishap: iteration 17: the plug-in crashed (signal 11)");
    expect_mishap(ABORTS, "ppeval mishap: iteration 17: the plug-in crashed (signal 6)");
    expect_mishap(EXITS, "ppeval mishap: iteration 17: the plug-in ended its process (exit status 3)");
    expect_mishap(CUTS_OFF, "ppeval mishap: iteration 17: the plug-in ");
    starp_array *x = starp_zeros(session, STARP_SHAPE(8), STARP_F64);
    assert_null(starp_ppeval(session, "crashing_shapes", STARP_ARGS(x)));
    said(STARP_ERR_SHAPE, "the plug-in crashed (signal 11)");
    starp_release(x);
    check_scaled();
}

static void test_other_results_are_kept(void **state)
{
    double z[2][K];
    (void)state;
    load_good(true);
    starp_array *y = mishaps(CRASHES);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    said(STARP_ERR_COMPUTE, "iteration 17: the plug-in crashed (signal 11)");
    expect_read(y, z, sizeof z);
    for (int k = 0; k < K; k++) {
        if (k == BAD) assert_true(isnan(z[0][k]) && isnan(z[1][k]));
        else assert_true(z[0][k] == k && z[1][k] == k + 0.5);
    }
    starp_release(y);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* On several ranks, tasks are still being submitted meanwhile, so the run is stopped from within. */
static int stop_soon(const starp_progress_info *info, void *user)
{
    (void)info;
    return now() - *(const double *)user > 0.3;
}

/* One that does not ask whether it may go on, and one that does. */
static void test_cancel(void **state)
{
    (void)state;
    load_good(true);
    for (int how = HANGS; how <= ASKS; how++) {
        starp_array *y = mishaps(how);
        double began = now();
        starp_progress(session, stop_soon, &began);
        assert_int_equal(starp_eval(y), STARP_ERR_CANCELLED);
        starp_clear_error();
        starp_progress(session, NULL, NULL);
        if (now() - began > 20) fail_msg("it took %g s", now() - began);
        starp_release(y);
    }
    expect_mishap(CRASHES, "iteration 17: the plug-in crashed (signal 11)");
}

/* ------------------------------------------------------------------------------------------------------- processes */

enum { CALLS = 400 };

/* In which processes iterations ran: how many, and which. */
static int processes(int64_t *found)
{
    int64_t pid[CALLS];
    int n = 0;
    starp_array *x = starp_zeros(session, STARP_SHAPE(CALLS), STARP_F64), *y = starp_ppeval(session, "process", STARP_ARGS(x));
    expect_read(y, pid, sizeof pid);
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
    load_good(false);
    assert_true(processes(found) == 1 && found[0] == getpid());
    load_good(true);
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
    assert_int_equal(starp_close(session), STARP_OK);
    for (int i = 0; i < n; i++) assert_true(kill((pid_t)found[i], 0) != 0);
    session = starp_open(NULL);
}

/* A helper that has ended is not replaced by one of another plug-in. */
static void test_files_that_change(void **state)
{
    int64_t found[CALLS];
    char path[64];
    (void)state;
    SKIP_ON_RANKS();
    copy(GOOD, path);
    assert_int_equal(starp_load_plugin_isolated(session, path), STARP_OK);
    starp_array *x = starp_zeros(session, STARP_SHAPE(CALLS), STARP_F64);
    int n = processes(found); /* all there are */
    assert_int_equal(truncate(path, 1 << 20), 0);
    for (int i = 0; i < n; i++) kill((pid_t)found[i], SIGKILL);
    usleep(50000);
    assert_null(starp_ppeval(session, "ladder", STARP_ARGS(x)));
    said(STARP_ERR_COMPUTE, "iteration 0: the plug-in's file has changed");
    starp_release(x);
    unlink(path);
}

/* Of two sessions, each has a plug-in until it closes. */
static void test_stays_until_close(void **state)
{
    (void)state;
    starp_session *first = session;
    load_good(false);
    load_good(false);
    session = starp_open(NULL);
    load_good(false);
    assert_int_equal(starp_close(session), STARP_OK);
    session = first;
    check_extremes();
    assert_int_equal(starp_close(session), STARP_OK);
    assert_null(dlopen(GOOD, RTLD_NOW | RTLD_NOLOAD));
    session = starp_open(NULL);
    starp_array *x = starp_zeros(session, STARP_SHAPE(8), STARP_F64);
    assert_null(starp_ppeval(session, "extremes", STARP_ARGS(x)));
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
            status = load(isolated, GOOD);
            sp_alloc_fail_at(0);
            if (status != STARP_OK) said(STARP_ERR_MEMORY, "out of memory");
        }
        assert_true(n > 3 && status == STARP_OK);
        check_extremes();
    }
}

int main(void)
{
    setenv("STARP_HELPER", STARP_TEST_HELPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_computes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_computes_isolated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_ones_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_ones_are_refused_isolated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_ranks_refuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_helper, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mishaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mishaps_isolated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_results_are_kept, set_up_keeping, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_helpers_are_reused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stays_until_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin_check.c: sessions, plug-ins that work, and mishaps of one, for the tests of plug-ins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_check.h"

starp_session *pl_session;

int pl_open_with(const char *variable, const char *value)
{
    setenv("STARP_HELPER", STARP_TEST_HELPER, 1);
    if (variable) setenv(variable, value, 1);
    starp_clear_error();
    pl_session = starp_open(NULL);
    if (variable) unsetenv(variable);
    return pl_session ? 0 : -1;
}

int pl_open(void **state)
{
    (void)state;
    return pl_open_with(NULL, NULL);
}

int pl_open_keeping(void **state)
{
    (void)state;
    return pl_open_with("STARP_PPEVAL_KEEP", "1");
}

int pl_close(void **state)
{
    double sum = 0;
    starp_stats stats;
    (void)state;
    starp_clear_error();
    starp_array *x = starp_arange(pl_session, 0, 100000, 1, STARP_F64), *y = starp_sum(x, NULL, 0);
    if (starp_read(y, &sum, sizeof sum) != STARP_OK || sum != 4999950000.0) return -1;
    starp_release(x);
    starp_release(y);
    if (starp_stats_of(pl_session, &stats) != STARP_OK || stats.handles_live != 0 || stats.nodes_live != 0) return -1;
    return starp_close(pl_session) == STARP_OK ? 0 : -1;
}

starp_status pl_load(bool isolated, const char *path)
{
    return isolated ? starp_load_plugin_isolated(pl_session, path) : starp_load_plugin(pl_session, path);
}

void pl_load_good(bool isolated)
{
    if (pl_load(isolated, GOOD) != STARP_OK) fail_msg("%s", starp_last_error());
}

void pl_said(starp_status status, const char *words)
{
    if (starp_last_status() != status || !strstr(starp_last_error(), words)) {
        fail_msg("%s, \"%s\"; not \"%s\"", starp_status_name(starp_last_status()), starp_last_error(), words);
    }
    starp_clear_error();
}

void pl_read(starp_array *x, void *to, size_t bytes)
{
    if (starp_read(x, to, bytes) != STARP_OK) fail_msg("%s", starp_last_error());
}

double pl_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void pl_copy(const char *from, char path[64])
{
    char command[4096];
    strcpy(path, "/tmp/starp-plugin-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(command, sizeof command, "cp %s %s", from, path);
    assert_int_equal(system(command), 0);
}

/* ------------------------------------------------------------------------------------------------ what it computes */

void pl_check_extremes(void)
{
    enum { M = 5, N = 3000 };
    static double x[M][N], most[N], least[N];
    starp_array *a = starp_random_uniform(pl_session, STARP_SHAPE(M, N), STARP_F64), *y[2];
    if (starp_ppeval_list(pl_session, "extremes", STARP_ARGS(a), 2, y) != STARP_OK) fail_msg("%s", starp_last_error());
    pl_read(a, x, sizeof x);
    pl_read(y[0], most, sizeof most);
    pl_read(y[1], least, sizeof least);
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

void pl_check_scaled(void)
{
    enum { M = 4, N = 3, COUNT = 500 };
    static double x[M][N][COUNT], w[M];
    static float y[M][N][COUNT];
    starp_array *a = starp_random_uniform(pl_session, STARP_SHAPE(M, N, COUNT), STARP_F64);
    starp_array *b = starp_random_uniform(pl_session, STARP_SHAPE(M), STARP_F64);
    starp_array *c = starp_ppeval(pl_session, "scaled", STARP_ARGS(a, starp_ppbcast(b)));
    pl_read(c, y, sizeof y);
    pl_read(a, x, sizeof x);
    pl_read(b, w, sizeof w);
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            for (int k = 0; k < COUNT; k++) assert_true(y[i][j][k] == (float)(2.5 * x[i][j][k] * w[i]));
        }
    }
    assert_null(starp_ppeval(pl_session, "scaled", STARP_ARGS(b, b)));
    pl_said(STARP_ERR_SHAPE, "a matrix is wanted, not 0 dimensions");
    starp_release(a);
    starp_release(b);
    starp_release(c);
}

starp_array *pl_mishaps(int how)
{
    double data[K] = { 0 };
    data[BAD] = how;
    starp_array *x = starp_from_host(pl_session, data, STARP_SHAPE(K), STARP_F64), *y = starp_ppeval(pl_session, "mishap", STARP_ARGS(x));
    starp_release(x);
    assert_non_null(y);
    return y;
}

void pl_expect_mishap(int how, const char *words)
{
    starp_array *y = pl_mishaps(how);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    pl_said(STARP_ERR_COMPUTE, words);
    starp_release(y);
    y = pl_mishaps(NOTHING); /* goes well */
    double z[2][K];
    pl_read(y, z, sizeof z);
    for (int k = 0; k < K; k++) assert_true(z[0][k] == k && z[1][k] == k + 0.5);
    starp_release(y);
}

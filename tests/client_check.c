/* SPDX-License-Identifier: BSD-3-Clause */
/* client_check.c: sessions for tests through the public functions, and what is asked of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client_check.h"
#include "rig.h"

/* ----------------------------------------------------------------------------------------------------- the session */

starp_session *session;
starp_array *f34, *i5;

int cc_open(const char *assignments)
{
    rig_environment(assignments);
    return (session = starp_open(NULL)) ? 0 : -1;
}

int cc_set_up(void **state)
{
    (void)state;
    starp_clear_error();
    session = starp_open(NULL);
    return session ? 0 : -1;
}

int cc_tear_down(void **state)
{
    (void)state;
    return starp_close(session) == STARP_OK ? 0 : -1;
}

int cc_set_up_arrays(void **state)
{
    static const double f[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    static const int32_t i[5] = { 1, 2, 3, 4, 5 };
    if (cc_set_up(state) != 0) return -1;
    f34 = starp_from_host(session, f, STARP_SHAPE(3, 4), STARP_F64);
    i5 = starp_from_host(session, i, STARP_SHAPE(5), STARP_I32);
    return f34 && i5 ? 0 : -1;
}

int cc_tear_down_arrays(void **state)
{
    double sum = 0;
    starp_stats stats;
    starp_clear_error();
    starp_array *x = starp_sum(f34, NULL, 0);
    if (starp_read(x, &sum, sizeof sum) != STARP_OK || sum != 78) return -1;
    starp_release(x);
    starp_release(f34);
    starp_release(i5);
    if (starp_stats_of(session, &stats) != STARP_OK || stats.handles_live != 0 || stats.nodes_live != 0) return -1;
    return cc_tear_down(state);
}

/* ------------------------------------------------------------------------------------------------- other sessions */

starp_session *cc_session(const char *assignments)
{
    rig_environment(assignments);
    starp_session *s = starp_open(NULL);
    if (!s) fail_msg("%s: %s", assignments, starp_last_error());
    return s;
}

starp_session *cc_session_with(const char *variable, const char *value)
{
    setenv(variable, value, 1);
    starp_session *s = starp_open(NULL);
    unsetenv(variable);
    if (!s) fail_msg("%s=%s: %s", variable, value, starp_last_error());
    return s;
}

void cc_close_empty(starp_session *s)
{
    starp_stats stats = cc_stats(s);
    assert_int_equal(stats.handles_live, 0);
    assert_int_equal(stats.nodes_live, 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

void cc_in_each(int n, const char *const *assignments, void (*check)(starp_session *s))
{
    for (int e = 0; e < n; e++) {
        starp_session *s = cc_session(assignments[e]);
        starp_scope_open(s);
        check(s);
        assert_int_equal(starp_scope_close(s), STARP_OK);
        cc_close_empty(s);
    }
}

/* --------------------------------------------------------------------------------------------- what is looked at */

void cc_done(starp_status status)
{
    if (status != STARP_OK) fail_msg("%s: %s", starp_status_name(status), starp_last_error());
}

starp_stats cc_stats(starp_session *s)
{
    starp_stats stats;
    cc_done(starp_stats_of(s, &stats));
    return stats;
}

double cc_item(starp_array *x)
{
    double v = 0;
    cc_done(starp_item(x, STARP_F64, &v));
    return v;
}

void cc_expect_error(starp_status status, const char *words)
{
    if (starp_last_status() != status || !strstr(starp_last_error(), words)) {
        fail_msg("not %s, \"%s\": %s, %s", starp_status_name(status), words, starp_status_name(starp_last_status()), starp_last_error());
    }
    starp_clear_error();
}

void cc_refused(const void *result, starp_status status, const char *words)
{
    if (result) fail_msg("%s: it is taken", words);
    cc_expect_error(status, words);
}

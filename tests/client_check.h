/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_check.h: what tests through the public functions share: the session of a group of tests, or of one; others, in an environment
 * of their own; what they count; numbers; and calls that are refused.
 */
#ifndef SP_TEST_CLIENT_CHECK_H
#define SP_TEST_CLIENT_CHECK_H

#include "starp.h"

/* ----------------------------------------------------------------------------------------------------- the session */

extern starp_session *session;
/* Opens it with these assignments as all of STARP_* in the environment (see rig_environment); 0, or -1 when it does not open. */
int cc_open(const char *assignments);

/* Around each test: a session in the environment that there is. */
int cc_set_up(void **state);
int cc_tear_down(void **state);
#define CC_TEST(f) cmocka_unit_test_setup_teardown(f, cc_set_up, cc_tear_down)

/* The same with two arrays, and afterwards the session must compute with them, and nothing may be left. */
extern starp_array *f34, *i5; /* f64 of shape (3, 4): 1 to 12; i32 of shape (5,): 1 to 5 */
int cc_set_up_arrays(void **state);
int cc_tear_down_arrays(void **state);
#define CC_TEST_WITH_ARRAYS(f) cmocka_unit_test_setup_teardown(f, cc_set_up_arrays, cc_tear_down_arrays)

/* ------------------------------------------------------------------------------------------------- other sessions */

/* With these assignments as all of STARP_*, or with one variable beside what there is. They fail the test when it does not open. */
starp_session *cc_session(const char *assignments);
starp_session *cc_session_with(const char *variable, const char *value);
/* Fails the test when handles or nodes are left. */
void cc_close_empty(starp_session *s);
/* In one session after the other, and a scope; nothing may be left of it. */
void cc_in_each(int n, const char *const *assignments, void (*check)(starp_session *s));

/* --------------------------------------------------------------------------------------------- what is looked at */

void cc_done(starp_status status); /* fails the test with the last error */
starp_stats cc_stats(starp_session *s);
double cc_item(starp_array *x);
/* The last error has this status, and these words; it is cleared. */
void cc_expect_error(starp_status status, const char *words);
/* The same, and there is no result. */
void cc_refused(const void *result, starp_status status, const char *words);

#endif

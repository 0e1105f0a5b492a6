/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_runs.c: runs of ppeval's functions: their random numbers, failures that name the iteration, what is refused, names that are
 * taken again, cancelling, and results that are kept where other iterations fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"

/* ------------------------------------------------------------------------------------------------- functions of ours */

/* What the iteration's number asks for. */
enum { NOTHING_WRONG, FAILS, RETURNS, FORGETS, OTHER_SHAPE, OTHER_DTYPE, NO_SUCH, ENORMOUS };
static int misbehave(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in;
    const int *how = user;
    int wrong = it->index % 10 == 3 ? *how : NOTHING_WRONG;
    if (wrong == FAILS) return starp_iteration_fail(it, "the number is %d", (int)it->index);
    if (wrong == RETURNS) return 42;
    if (wrong == FORGETS) return 0;
    double *out = starp_iteration_output(it, wrong == NO_SUCH, wrong == OTHER_DTYPE ? STARP_F32 : STARP_F64,
                                         &(starp_dims){ 1, { wrong == OTHER_SHAPE ? 3 : wrong == ENORMOUS ? INT64_MAX / 4 : 2 } });
    if (!out) return 1;
    out[0] = out[1] = (double)it->index;
    return 0;
}

static int draw(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { 20 } });
    if (!out) return 1;
    starp_iteration_uniform(it, 3, out);
    starp_iteration_uniform(it, 7, out + 3);
    starp_iteration_standard_normal(it, 10, out + 10);
    return 0;
}

static starp_session *nested_in;
static int nest(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    if (!out) return 1;
    *out = starp_ppeval(nested_in, "svdvals", 0, NULL) == NULL && strstr(starp_last_error(), "within an iteration of nest") != NULL;
    starp_clear_error();
    return 0;
}

static int wait_for_cancel(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    if (!out) return 1;
    for (*out = 1; it->index > 0 && !starp_iteration_cancelled(it);) continue;
    return 0;
}

static int declare_scalar(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user,
                          char text[STARP_ITERATION_TEXT])
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64 };
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------------- runs */

/* Numbers are those of the seed, the call and the iteration. */
static void random_numbers(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 50), STARP_BOOL);
    double a[2][20][50], mean = 0;
    pc_enter("draw", (starp_function){ .iterate = draw });
    for (int k = 0; k < 2; k++) {
        la_done(starp_seed(session, 5));
        starp_array *y = starp_ppeval(session, "draw", STARP_ARGS(starp_ppsplit(x, 1)));
        la_done(starp_read(y, a[k], sizeof a[k]));
    }
    assert_memory_equal(a[0], a[1], sizeof a[0]);
    for (int i = 0; i < 50; i++) {
        assert_true(a[0][0][i] >= 0 && a[0][0][i] < 1 && a[0][0][i] != a[0][1][i] && (i == 0 || a[0][0][i] != a[0][0][i - 1]));
        for (int k = 0; k < 10; k++) mean += a[0][k][i] / 500;
    }
    assert_true(mean > 0.45 && mean < 0.55);
    starp_array *again = starp_ppeval(session, "draw", STARP_ARGS(starp_ppsplit(x, 1)));
    la_done(starp_read(again, a[1], sizeof a[1]));
    assert_memory_not_equal(a[0], a[1], sizeof a[0]);
}

static void failing(int how, const char *text)
{
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 40), STARP_F64);
    pc_enter("misbehave", (starp_function){ .iterate = misbehave, .user = &how, .user_bytes = sizeof how });
    starp_array *y = starp_ppeval(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)));
    assert_non_null(y);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "ppeval misbehave: iteration "));
    assert_non_null(strstr(starp_last_error(), text));
    starp_clear_error();
    starp_array *z = starp_add(x, x);
    la_done(starp_eval(z)); /* the session lives on */
}

static void failures_name_the_iteration(void **state)
{
    (void)state;
    failing(FAILS, "the number is ");
    failing(RETURNS, "it returned 42");
    failing(FORGETS, "result 0 is missing");
    failing(OTHER_SHAPE, "result 0 is f64 (3,), where f64 (2,) is expected");
    failing(OTHER_DTYPE, "result 0 is f32 (2,), where f64 (2,) is expected");
    failing(ENORMOUS, "not a dtype and shape that an array can have");
    failing(NO_SUCH, "there is no result 1; the function has 1");
}

static void what_is_refused(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(3, 4), STARP_F64), *y[2];
    starp_function none = { .iterate = NULL }, many = { .iterate = pc_combine, .nresults = STARP_MAXRESULTS + 1 };
    fc_refused(starp_ppeval(session, "nobody", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "nobody: there is no such function");
    fc_refused(starp_ppeval(session, "found", STARP_ARGS(x, starp_ppsplit(x, 0))), STARP_ERR_SHAPE,
               "argument 1 has 4 slices, argument 2 has 3");
    fc_refused(starp_ppeval(session, "found", STARP_ARGS(starp_ppbcast(x))), STARP_ERR_ARGUMENT, "no argument is split");
    fc_refused(starp_ppeval(session, "measure", STARP_ARGS(x, x)), STARP_ERR_ARGUMENT, "2 arguments; it takes 1");
    fc_refused(starp_ppeval(session, NULL, STARP_ARGS(x)), STARP_ERR_ARGUMENT, "no function's name");
    fc_refused(starp_ppeval(session, "found", 0, NULL), STARP_ERR_ARGUMENT, "0 arguments");
    fc_refused(starp_ppsplit(x, 2), STARP_ERR_INDEX, "axis 2");
    fc_refused(starp_ppsplit(x, -3), STARP_ERR_INDEX, "axis -3");
    assert_null(starp_ppeval(session, "found", STARP_ARGS(x, NULL)));
    assert_int_equal(starp_last_status(), STARP_OK);
    assert_int_equal(starp_ppeval_list(session, "measure", STARP_ARGS(x), 2, y), STARP_ERR_ARGUMENT);
    assert_non_null(strstr(starp_last_error(), "2 results are asked for; it has 1"));
    assert_null(y[0]);
    assert_int_equal(starp_register(session, "", &many), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register(session, "many", &many), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register(session, "none", &none), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register(session, "none", NULL), STARP_ERR_ARGUMENT);
    starp_clear_error();
    nested_in = session;
    pc_enter("nest", (starp_function){ .iterate = nest });
    if (starp_ranks(session) == 1) pc_expect(starp_ppeval(session, "nest", STARP_ARGS(starp_at(x, "0"))), 4, (double[]){ 1, 1, 1, 1 });
}

/* A name's new function counts from the next call on. */
static void names_come_again(void **state)
{
    (void)state;
    double seven = 7, three = 3;
    starp_array *x = starp_zeros(session, STARP_SHAPE(2), STARP_F64);
    pc_enter("again", (starp_function){ .iterate = pc_combine, .nresults = 2, .user = &seven, .user_bytes = sizeof seven });
    starp_array *before = starp_ppeval(session, "again", STARP_ARGS(x));
    pc_enter("again", (starp_function){ .iterate = pc_combine, .nresults = 2, .user = &three, .user_bytes = sizeof three });
    pc_expect(starp_ppeval(session, "again", STARP_ARGS(x)), 2, (double[]){ 0, 3 });
    pc_expect(before, 2, (double[]){ 0, 7 });
}

static int stop_it(const starp_progress_info *info, void *user)
{
    (void)info, (void)user;
    return 1;
}

static void runs_can_be_cancelled(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 30), STARP_F64);
    pc_enter("wait", (starp_function){ .iterate = wait_for_cancel, .shapes = declare_scalar });
    starp_array *y = starp_ppeval(session, "wait", STARP_ARGS(starp_ppsplit(x, 1)));
    la_done(starp_progress(session, stop_it, NULL));
    assert_int_equal(starp_eval(y), STARP_ERR_CANCELLED);
    la_done(starp_progress(session, NULL, NULL));
    starp_clear_error();
}

/* --------------------------------------------------------------------------------------------------------- keeping */

static int open_keeping(void **state)
{
    (void)state;
    return cc_open("STARP_PPEVAL_KEEP=1 STARP_TILE=50 STARP_SMALL=0");
}

static void others_are_kept(void **state)
{
    (void)state;
    int how = FAILS;
    double got[2][40];
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 40), STARP_F64), *y;
    pc_enter("misbehave", (starp_function){ .iterate = misbehave, .user = &how, .user_bytes = sizeof how });
    y = starp_ppeval(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)));
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "iteration 3: the number is 3 (and 3 more)"));
    starp_clear_error();
    la_done(starp_read(y, got, sizeof got));
    for (int i = 0; i < 40; i++) assert_true(i % 10 == 3 ? got[1][i] != got[1][i] : got[1][i] == i);
    memset(got, 0, sizeof got); /* what tells of it reads all the same */
    y = starp_ppeval(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)));
    assert_int_equal(starp_read(y, got, sizeof got), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "(and 3 more)")); /* cheap by now: every rank runs all */
    starp_clear_error();
    for (int i = 0; i < 40; i++) assert_true(i % 10 == 3 ? got[1][i] != got[1][i] : got[1][i] == i);
    double nine = 0;
    y = starp_at(starp_ppeval(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1))), "1, 9");
    assert_int_equal(starp_item(y, STARP_F64, &nine), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_true(nine == 9);
    starp_ragged *r = NULL;
    assert_int_equal(starp_ppeval_ragged(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)), 1, &r), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_non_null(r);
    starp_dims shape;
    la_done(starp_ragged_shape_of(r, 3, &shape));
    assert_true(shape.n == 1 && shape.v[0] == 0);
    pc_expect(starp_ragged_item(r, 5), 2, (double[]){ 5, 5 });
    la_done(starp_ragged_release(r));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(random_numbers),   FC_TEST(failures_name_the_iteration), FC_TEST(what_is_refused),
        FC_TEST(names_come_again), FC_TEST(runs_can_be_cancelled),
    };
    const struct CMUnitTest keeping[] = { FC_TEST(others_are_kept) };
    int failed = cmocka_run_group_tests_name("at once", all, pc_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, pc_open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("keeping", keeping, open_keeping, la_close);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_faults.c: what ppeval does where something is short or fails: messages longer than one may be, tasks that fail while items
 * are gathered, items that nobody can gather, and iterations that fail before anybody knows of which shape their results would be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"
#include "ranks.h"
#include "rig.h"

/* ------------------------------------------------------------------------------------------------- functions of ours */

static const double factor = 3;

/* The slice, as often as the iteration's number tells. */
static int repeat(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    int64_t n = pc_size_of(&in[0]), times = 1 + it->index % 3;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 2, { times, n } });
    if (!out) return 1;
    for (int64_t i = 0; i < times * n; i++) out[i] = pc_at_place(&in[0], i % n);
    return 0;
}

/* Two numbers, unless the slice is negative. */
static int fussy(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    double x = pc_at_place(&in[0], 0);
    if (x < 0) return starp_iteration_fail(it, "%d is negative", (int)x);
    float *out = starp_iteration_output(it, 0, STARP_F32, &(starp_dims){ 1, { 2 } });
    if (!out) return 1;
    out[0] = out[1] = (float)x;
    return 0;
}

static int declare_two(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F32, .ndim = 1, .shape = { 2 } };
    return 0;
}

#define BULK ((int64_t)1 << 17) /* elements, of 8 bytes */

static int make_bulk(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { BULK + it->index } });
    if (!out) return 1;
    out[0] = out[BULK + it->index - 1] = (double)it->index;
    return 0;
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Bytes that this process has from malloc. */
static size_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    if (__sanitizer_get_current_allocated_bytes) return __sanitizer_get_current_allocated_bytes();
    return m.uordblks + m.hblkhd;
}

static int tell_memory(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    if (out) *out = (double)allocated();
    return !out;
}

static void open_with(const char *environment)
{
    rig_environment(environment);
    session = starp_open(NULL);
    assert_non_null(session);
    pc_enter("combine", (starp_function){ .iterate = pc_combine, .nresults = 2, .user = &factor, .user_bytes = sizeof factor });
    pc_enter("repeat", (starp_function){ .iterate = repeat });
    pc_enter("fussy", (starp_function){ .iterate = fussy });
    pc_enter("fussy declared", (starp_function){ .iterate = fussy, .shapes = declare_two });
    pc_enter("bulk", (starp_function){ .iterate = make_bulk });
    pc_enter("memory", (starp_function){ .iterate = tell_memory });
    la_done(starp_scope_open(session));
}

static void close_session(void)
{
    starp_stats stats;
    la_done(starp_scope_close(session));
    la_done(starp_stats_of(session, &stats));
    assert_int_equal(stats.nodes_live, 0);
    la_done(starp_close(session));
}

/* -------------------------------------------------------------------------------------------------------- messages */

#define SLICE 40
#define COUNT 30

/* Slices, what is whole, items and their table, and a few other things that travel: elements of all of them. */
static size_t travel(double *got)
{
    uint64_t seed = 7;
    starp_ragged *r;
    starp_array *x = fc_input(&(starp_dims){ 2, { SLICE, COUNT } }, STARP_F64, &seed);
    starp_array *whole = fc_input(&(starp_dims){ 1, { 1500 } }, STARP_F64, &seed);
    starp_array *list[6] = { starp_ppeval(session, "combine", STARP_ARGS(x, starp_ppbcast(whole))) };
    la_done(starp_ppeval_ragged(session, "repeat", STARP_ARGS(x), 1, &r));
    list[1] = starp_ppeval(session, "sum", STARP_ARGS(starp_ppitems(r)));
    list[2] = starp_ragged_item(r, COUNT - 1);
    starp_array *square = starp_at(x, "0:30");
    list[3] = starp_linalg_solve(starp_add(square, starp_eye(session, COUNT, COUNT, 0, STARP_F64)), square);
    list[4] = starp_add(x, starp_flip(x, NULL));
    list[5] = starp_reshape(x, STARP_SHAPE(COUNT, SLICE));
    size_t n = 0;
    for (int k = 0; k < 6; k++) {
        la_done(starp_read(list[k], got + n, 8 * (size_t)starp_size(list[k])));
        n += (size_t)starp_size(list[k]);
    }
    la_done(starp_ragged_release(r));
    fc_free_all();
    return n;
}

static void long_messages_go_in_parts(void **state)
{
    static const char *const lengths[] = { "1G", "16", "100", "1000" };
    double got[2][8000];
    size_t n[2];
    starp_stats stats[2];
    (void)state;
    for (int k = 0; k < 4; k++) {
        char environment[128];
        snprintf(environment, sizeof environment, "STARP_TILE=200 STARP_SMALL=0 STARP_PANEL=8 STARP_NCPU=2 STARP_MESSAGE=%s", lengths[k]);
        open_with(environment);
        n[k > 0] = travel(got[k > 0]);
        la_done(starp_stats_of(session, &stats[k > 0]));
        close_session();
        if (k == 0) continue;
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(got[0], got[1], n[0] * sizeof got[0][0]);
        if (stats[0].messages > 0) assert_true(stats[1].messages > stats[0].messages);
    }
}

/* ----------------------------------------------------------------------------------------------- items nobody has */

#define BULKS 8

static starp_status make_bulks(starp_ragged **r)
{
    return starp_ppeval_ragged(session, "bulk", STARP_ARGS(starp_ppsplit(starp_zeros(session, STARP_SHAPE(1, BULKS), STARP_F64), 1)), 1, r);
}

/* Of the rank that has most. */
static double most_allocated(void)
{
    double most;
    starp_array *x = starp_ppeval(session, "memory", STARP_ARGS(starp_ppsplit(starp_zeros(session, STARP_SHAPE(1, 64), STARP_F64), 1)));
    la_done(starp_item(starp_max(x, NULL, 0), STARP_F64, &most));
    return most;
}

/* The same, when the library has what it keeps. */
static double settled(void)
{
    for (int k = 0; k < 4; k++) most_allocated();
    return most_allocated();
}

#define FEW_BYTES (4.0 * 8 * BULK) /* less than what an evaluation makes */

static void items_that_do_not_fit_are_not_kept(void **state)
{
    (void)state;
    open_with("STARP_SMALL=0 STARP_MEMORY_LIMIT=1M");
    starp_ragged *r = NULL;
    double before = settled();
    for (int k = 0; k < 20; k++) {
        la_done(starp_scope_open(session));
        assert_int_equal(make_bulks(&r), STARP_ERR_LIMIT);
        assert_null(r);
        starp_clear_error();
        la_done(starp_scope_close(session));
    }
    double after = most_allocated();
    if (after > before + FEW_BYTES) fail_msg("%.0f bytes are left", after - before);
    close_session();
}

static void items_are_not_kept_without_memory_for_more(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    open_with("STARP_SMALL=0 STARP_NCPU=2");
    starp_ragged *r = NULL;
    double before = settled();
    int failed = 0;
    for (int n = 1, good = 0; good < 10; n++) { /* some need not succeed */
        la_done(starp_scope_open(session));
        sp_alloc_fail_at((uint64_t)n);
        starp_status status = make_bulks(&r);
        sp_alloc_fail_at(0);
        good = status == STARP_OK ? good + 1 : 0;
        failed += status != STARP_OK;
        la_done(starp_ragged_release(r));
        starp_clear_error();
        la_done(starp_scope_close(session));
        double after = most_allocated();
        if (after > before + FEW_BYTES) fail_msg("allocation %d: %.0f bytes are left", n, after - before);
    }
    assert_true(failed > 50);
    close_session();
}

/* ----------------------------------------------------------------------------------------------- tasks that fail */

static starp_status repeated(double *got)
{
    double x[12];
    starp_ragged *r = NULL;
    for (int i = 0; i < 12; i++) x[i] = i;
    starp_array *slices = starp_from_host(session, x, STARP_SHAPE(2, 6), STARP_F64);
    starp_status status = starp_ppeval_ragged(session, "repeat", STARP_ARGS(slices), 1, &r);
    if (status == STARP_OK) status = starp_read(starp_ragged_item(r, 5), got, 6 * sizeof *got);
    starp_ragged_release(r);
    return status;
}

/* Whichever task it is: the evaluation fails, and nothing else. */
static void a_failing_task_is_an_ordinary_error(void **state)
{
    static const double want[6] = { 5, 11, 5, 11, 5, 11 };
    starp_status status = STARP_ERR_COMPUTE;
    int n = 1;
    (void)state;
    for (; status != STARP_OK; n++) {
        char environment[100];
        double got[6] = { 0 };
        snprintf(environment, sizeof environment, "STARP_SMALL=0 STARP_TILE=4 STARP_NCPU=2 STARP_MESSAGE=16 STARP_FAULT=%d", n);
        open_with(environment);
        status = repeated(got);
        if (status != STARP_OK && status != STARP_ERR_COMPUTE) fail_msg("task %d: %s", n, starp_last_error());
        starp_clear_error();
        for (int k = 0; k < 4 && status != STARP_OK && repeated(got) != STARP_OK; k++) starp_clear_error(); /* ranks do not count alike */
        assert_memory_equal(got, want, sizeof got);
        close_session();
    }
    assert_true(n > 8);
}

/* -------------------------------------------------------------------------------- iterations that fail at the start */

/* Slices from a number on, not yet computed. */
static starp_array *numbers_from(double first, int64_t n)
{
    starp_array *x = starp_add(starp_arange(session, 0, (double)n, 1, STARP_F64), starp_scalar(session, first));
    return starp_broadcast_to(x, STARP_SHAPE(2, n));
}

#define KEPT 40

static void shapes_are_those_of_the_first_that_succeeds(void **state)
{
    static const int64_t failing[] = { 0, 1, 2, 17, KEPT - 1 };
    float got[2][KEPT];
    (void)state;
    open_with("STARP_PPEVAL_KEEP=1 STARP_SMALL=0 STARP_TILE=7 STARP_NCPU=2");
    for (size_t k = 0; k < sizeof failing / sizeof *failing; k++) {
        char text[100], more[32] = "";
        int64_t m = failing[k];
        starp_array *y = starp_ppeval(session, "fussy", STARP_ARGS(numbers_from(-(double)m, KEPT)));
        assert_non_null(y);
        starp_status status = starp_read(y, got, sizeof got);
        assert_int_equal(status, m > 0 ? STARP_ERR_COMPUTE : STARP_OK);
        if (m > 1) snprintf(more, sizeof more, " (and %d more)", (int)m - 1);
        snprintf(text, sizeof text, "ppeval fussy: iteration 0: %d is negative%s", -(int)m, more);
        if (m > 0 && !strstr(starp_last_error(), text)) fail_msg("%s instead of %s", starp_last_error(), text);
        starp_clear_error();
        for (int64_t i = 0; i < KEPT; i++) assert_true(i < m ? got[1][i] != got[1][i] : got[1][i] == (float)(i - m));
    }
    fc_refused(starp_ppeval(session, "fussy", STARP_ARGS(numbers_from(-KEPT, KEPT))), STARP_ERR_COMPUTE,
               "ppeval fussy: iteration 0: -40 is negative; none of the others succeeds");
    close_session();
    open_with("");
    fc_refused(starp_ppeval(session, "fussy", STARP_ARGS(numbers_from(-1, KEPT))), STARP_ERR_COMPUTE,
               "ppeval fussy: iteration 0: -1 is negative");
    close_session();
}

/* A container of which the first m of 9 items have failed: of the dtype of the others, or of the one declared, or f64. */
static void fails_among_items(const char *function, int m, starp_dtype dtype)
{
    starp_ragged *r = NULL;
    double sums[9];
    assert_int_equal(starp_ppeval_ragged(session, function, STARP_ARGS(numbers_from(-m, 9)), 1, &r), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_non_null(r);
    for (int i = 0; i < 9; i++) {
        starp_dims shape;
        la_done(starp_ragged_shape_of(r, i, &shape));
        assert_true(shape.n == 1 && shape.v[0] == (i < m ? 0 : 2));
        assert_int_equal(starp_ragged_dtype_of(r, i), dtype);
    }
    starp_array *y = starp_ppeval(session, "sum", STARP_ARGS(starp_ppitems(r))); /* which takes items of one dtype */
    la_done(starp_read(starp_astype(y, STARP_F64), sums, sizeof sums));
    for (int i = 0; i < 9; i++) assert_true(sums[i] == (i < m ? 0 : 2 * (i - m)));
    la_done(starp_ragged_release(r));
}

static void failed_items_are_like_the_others(void **state)
{
    (void)state;
    open_with("STARP_PPEVAL_KEEP=1 STARP_SMALL=0 STARP_TILE=7 STARP_NCPU=2");
    fails_among_items("fussy", 1, STARP_F32);
    fails_among_items("fussy", 8, STARP_F32);
    fails_among_items("fussy declared", 9, STARP_F32);
    fails_among_items("fussy", 9, STARP_F64);
    starp_ragged *r = NULL;
    starp_array *singular = starp_zeros(session, STARP_SHAPE(3, 3, 5), STARP_F32);
    assert_int_equal(starp_ppeval_ragged(session, "inv", STARP_ARGS(singular), 1, &r), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_int_equal(starp_ragged_dtype_of(r, 4), STARP_F32);
    la_done(starp_ragged_release(r));
    close_session();
}

/* ------------------------------------------------------------------------------------------------------------ plans */

static void expect_described(starp_array *x, starp_status (*describe)(starp_array *x, FILE *out), const char *words)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    la_done(describe(x, out));
    fclose(out);
    if (!strstr(text, words)) fail_msg("\"%s\" is not in:\n%s", words, text);
    free(text);
}

/* Also when another function has the plan already. */
static void plans_name_functions(void **state)
{
    static const char *const names[] = { "fussy", "fussy declared" };
    (void)state;
    open_with("");
    for (int k = 0; k < 4; k++) {
        char words[64];
        starp_array *y = starp_ppeval(session, names[k % 2], STARP_ARGS(numbers_from(0, 5)));
        snprintf(words, sizeof words, ": ppeval %s to (5, 2)", names[k % 2]);
        expect_described(y, starp_explain, words);
        la_done(starp_eval(y));
        expect_described(y, starp_explain, words);
    }
    close_session();
}

/* Whatever they are called. */
static void graphs_name_functions(void **state)
{
    (void)state;
    open_with("");
    pc_enter("say \"\\o/\"", (starp_function){ .iterate = fussy });
    starp_array *y = starp_ppeval(session, "say \"\\o/\"", STARP_ARGS(numbers_from(0, 5)));
    expect_described(y, starp_graph_dot, "ppeval say \\\"\\\\o/\\\"\\n");
    close_session();
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(long_messages_go_in_parts),
        cmocka_unit_test(items_that_do_not_fit_are_not_kept),
        cmocka_unit_test(items_are_not_kept_without_memory_for_more),
        cmocka_unit_test(a_failing_task_is_an_ordinary_error),
        cmocka_unit_test(shapes_are_those_of_the_first_that_succeeds),
        cmocka_unit_test(failed_items_are_like_the_others),
        cmocka_unit_test(plans_name_functions),
        cmocka_unit_test(graphs_name_functions),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

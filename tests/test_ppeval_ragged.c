/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_ragged.c: results of ppeval that have different shapes: what the items of a container are, items as arguments of the next
 * ppeval, and items of one shape joined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"

/* For iteration i an array of i % 4 dimensions of i % 3 + 1 elements each, f64, or i16 where i is odd and `mixed`. */
static int grow(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin;
    bool whole = *(const int *)user && it->index % 2;
    starp_dims shape = { .n = (int)(it->index % 4) };
    int64_t n = 1;
    for (int a = 0; a < shape.n; a++) n *= shape.v[a] = it->index % 3 + a;
    void *out = starp_iteration_output(it, 0, whole ? STARP_I16 : STARP_F64, &shape);
    double *second = starp_iteration_output(it, 1, STARP_F64, &(starp_dims){ 1, { it->index % 5 } });
    if (!out || !second) return 1;
    for (int64_t i = 0; i < n; i++) {
        if (whole) ((int16_t *)out)[i] = (int16_t)(it->index + 100 * i);
        else ((double *)out)[i] = (double)it->index + 100 * (double)i + pc_at_place(&in[0], 0);
    }
    for (int64_t i = 0; i < it->index % 5; i++) second[i] = -(double)(i + it->index);
    return 0;
}

static int open_and_register(int (*open)(void **), void **state)
{
    static const int no = 0, yes = 1;
    if (open(state) != 0) return 1;
    pc_enter("grow", (starp_function){ .iterate = grow, .nresults = 2, .user = &no, .user_bytes = sizeof no });
    pc_enter("grow mixed", (starp_function){ .iterate = grow, .nresults = 2, .user = &yes, .user_bytes = sizeof yes });
    return 0;
}

static int open_at_once(void **state)
{
    return open_and_register(pc_open_at_once, state);
}

static int open_in_tiles(void **state)
{
    return open_and_register(pc_open_in_tiles, state);
}

static void check_grown(starp_ragged *r, starp_ragged *second, int64_t n, const double *x, bool mixed)
{
    assert_int_equal(starp_ragged_length(r), n);
    for (int64_t i = 0; i < n; i++) {
        bool whole = mixed && i % 2;
        starp_dims shape;
        la_done(starp_ragged_shape_of(r, i, &shape));
        assert_int_equal(shape.n, i % 4);
        assert_int_equal(starp_ragged_dtype_of(r, i), whole ? STARP_I16 : STARP_F64);
        starp_array *item = starp_ragged_item(r, i), *other = starp_ragged_item(second, i);
        double got[512], want[512];
        int64_t size = starp_size(item);
        for (int a = 0; a < shape.n; a++) assert_int_equal(shape.v[a], i % 3 + a);
        for (int64_t j = 0; j < size; j++) want[j] = (double)i + 100 * (double)j + (whole ? 0 : x[i]);
        la_done(starp_read(starp_astype(item, STARP_F64), got, sizeof got));
        assert_memory_equal(got, want, (size_t)size * sizeof *got);
        assert_int_equal(starp_size(other), i % 5);
        for (int64_t j = 0; j < i % 5; j++) want[j] = -(double)(i + j);
        la_done(starp_read(other, got, sizeof got));
        assert_memory_equal(got, want, (size_t)(i % 5) * sizeof *got);
    }
}

static void different_shapes(void **state)
{
    (void)state;
    double x[203];
    for (int i = 0; i < 203; i++) x[i] = 0.25 * i;
    for (int64_t n = 1; n < 124; n += 61) {
        for (int mixed = 0; mixed < 2; mixed++) {
            starp_array *a = starp_expand_dims(starp_from_host(session, x, STARP_SHAPE(n), STARP_F64), 0);
            starp_ragged *r[2];
            la_done(starp_scope_open(session));
            la_done(starp_ppeval_ragged(session, mixed ? "grow mixed" : "grow", STARP_ARGS(starp_ppsplit(a, 1)), 2, r));
            check_grown(r[0], r[1], n, x, mixed);
            la_done(starp_scope_close(session));
            for (int k = 0; k < 2; k++) la_done(starp_ragged_release(r[k]));
        }
    }
}

/* Containers go into the next ppeval, whichever way round its slices lie. */
static void items_are_arguments(void **state)
{
    (void)state;
    starp_array *a = starp_full(session, STARP_SHAPE(1, 100), 0.5, STARP_F64), *y[2];
    starp_ragged *r[2];
    double got[2][3][100];
    la_done(starp_ppeval_ragged(session, "grow", STARP_ARGS(starp_ppsplit(a, 1)), 2, r));
    starp_array *items[2] = { starp_ppitems(r[0]), starp_ppitems(r[0]) };
    la_done(starp_ragged_release(r[0])); /* they live on */
    for (int k = 0; k < 2; k++) {
        y[k] = starp_ppeval(session, k ? "measure columns" : "measure", STARP_ARGS(items[k]));
        la_done(starp_read(y[k], got[k], sizeof got[k]));
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    for (int i = 0; i < 100; i++) {
        double size = 1, sum = 0;
        for (int d = 0; d < i % 4; d++) size *= i % 3 + d;
        for (int j = 0; j < (int)size; j++) sum += (j % 7 + 1) * (i + 100 * j + 0.5);
        assert_true(got[0][0][i] == i % 4 && got[0][1][i] == size && got[0][2][i] == sum);
    }
    la_done(starp_ragged_release(r[1]));
}

static void equal_items_are_joined(void **state)
{
    (void)state;
    starp_array *x = starp_reshape(starp_arange(session, 0, 60, 1, STARP_F64), STARP_SHAPE(3, 4, 5)), *dense;
    starp_ragged *r;
    double a[60], b[60];
    la_done(starp_ppeval_ragged(session, "found by columns", STARP_ARGS(starp_ppsplit(x, 1)), 1, &r));
    dense = starp_ppeval(session, "declared", STARP_ARGS(starp_ppsplit(x, 1)));
    starp_array *joined = starp_ragged_join(r);
    la_done(starp_ragged_release(r));
    assert_int_equal(starp_dim(joined, 2), 4);
    la_done(starp_read(joined, a, sizeof a));
    la_done(starp_read(dense, b, sizeof b));
    assert_memory_equal(a, b, sizeof a);
    la_done(starp_ppeval_ragged(session, "grow", STARP_ARGS(x), 1, &r));
    fc_refused(starp_ragged_join(r), STARP_ERR_SHAPE, "item 0 is f64 (), item 1 f64 (1,)");
    fc_refused(starp_ragged_item(r, 5), STARP_ERR_INDEX, "no item 5");
    fc_refused(starp_ragged_item(r, -1), STARP_ERR_INDEX, "no item -1");
    la_done(starp_ragged_release(r));
    la_done(starp_ppeval_ragged(session, "grow", STARP_ARGS(starp_zeros(session, STARP_SHAPE(2, 0), STARP_F32)), 1, &r));
    assert_int_equal(starp_ragged_length(r), 0);
    fc_refused(starp_ragged_join(r), STARP_ERR_SHAPE, "no items");
    la_done(starp_ragged_release(r));
}

int main(void)
{
    const struct CMUnitTest all[] = { FC_TEST(different_shapes), FC_TEST(items_are_arguments), FC_TEST(equal_items_are_joined) };
    int failed = cmocka_run_group_tests_name("at once", all, open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", all, open_in_tiles, la_close);
}

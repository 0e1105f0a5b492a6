/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_views_edges.c: views at their limits: sixteen dimensions, axes of extent 0, the same array seen in many ways by
 * one expression, reshapes of everything that is not contiguous, views of constants and of generators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_check.h"
#include "dense.h"
#include "rig.h"

static const char *const environments[] = { "", "STARP_TILE=7 STARP_SMALL=0", "STARP_FUSE=0 STARP_TILE=3 STARP_SMALL=0" };
#define ENVIRONMENTS (int)(sizeof environments / sizeof environments[0])

static starp_array *counting(starp_session *s, const starp_dims *shape)
{
    struct dense x = dense_counting(shape);
    starp_array *a = starp_from_host(s, x.data, shape, STARP_I32);
    dense_free(&x);
    return a;
}

/* Takes want over. */
static void expect(starp_array *x, struct dense want)
{
    starp_dims shape;
    if (starp_shape_of(x, &shape) != STARP_OK) fail_msg("%s", starp_last_error());
    assert_true(sp_shape_equal(&shape, &want.shape));
    int32_t *got = calloc((size_t)want.size + 1, sizeof *got);
    assert_non_null(got);
    if (starp_read(x, got, (size_t)want.size * sizeof *got) != STARP_OK) fail_msg("%s", starp_last_error());
    assert_memory_equal(got, want.data, (size_t)want.size * sizeof *got);
    free(got);
    dense_free(&want);
}

/* ---------------------------------------------------------------------------------------------------- 16 dimensions */

static void check_sixteen(starp_session *s)
{
    starp_dims shape = { .n = 16 }, back = { .n = 16 };
    for (int a = 0; a < 16; a++) {
        shape.v[a] = a % 3 == 2 ? 1 : a % 3 == 1 ? 2 : 1 + (a < 9);
        back.v[a] = 15 - a;
    }
    starp_array *x = counting(s, &shape);
    expect(starp_transpose(x), dense_permute(dense_counting(&shape), back.v));
    expect(starp_flip(starp_transpose(x), STARP_AXES(1, -2)),
           dense_flip(dense_flip(dense_permute(dense_counting(&shape), back.v), 1), 14));
    expect(starp_reshape(starp_transpose(x), STARP_SHAPE(-1)),
           dense_reshape(dense_permute(dense_counting(&shape), back.v), &(starp_dims){ 1, { starp_size(x) } }));
    expect(starp_negative(starp_negative(starp_at(x, "..., 0, :, :"))), dense_index(dense_counting(&shape), 13, 0));
    assert_null(starp_expand_dims(x, 0));
    assert_int_equal(starp_last_status(), STARP_ERR_SHAPE);
    starp_clear_error();
    assert_null(starp_at(x, "None"));
    starp_clear_error();
}

static void sixteen_dimensions(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_sixteen);
}

/* ------------------------------------------------------------------------------------------------------ zero extents */

static void check_empty(starp_session *s)
{
    static const starp_dims shapes[] = { { 1, { 0 } }, { 2, { 0, 5 } }, { 2, { 5, 0 } }, { 3, { 2, 0, 3 } } };
    for (int i = 0; i < 4; i++) {
        starp_array *x = counting(s, &shapes[i]);
        struct dense y = dense_counting(&shapes[i]);
        expect(starp_negative(x), y);
        expect(starp_flip(x, NULL), dense_counting(&shapes[i]));
        expect(starp_reshape(x, STARP_SHAPE(0)), dense_counting(&(starp_dims){ 1, { 0 } }));
        expect(starp_reshape(x, STARP_SHAPE(7, 0, 2)), dense_counting(&(starp_dims){ 3, { 7, 0, 2 } }));
        expect(starp_reshape(starp_transpose(x), STARP_SHAPE(0, 4)), dense_counting(&(starp_dims){ 2, { 0, 4 } }));
        assert_null(starp_reshape(x, STARP_SHAPE(1)));
        starp_clear_error();
    }
    starp_array *x = counting(s, STARP_SHAPE(4, 6));
    expect(starp_at(x, "4:, ::2"), dense_counting(&(starp_dims){ 2, { 0, 3 } }));
    expect(starp_add(starp_at(x, "2:2"), starp_at(x, "1, 2:3")), dense_counting(&(starp_dims){ 2, { 0, 6 } }));
    expect(starp_broadcast_to(starp_at(x, "0, :1"), STARP_SHAPE(0, 1)), dense_counting(&(starp_dims){ 2, { 0, 1 } }));
    expect(starp_astype(starp_sum(starp_at(x, "3:3"), STARP_AXES(0), 0), STARP_I32), dense_new(&(starp_dims){ 1, { 6 } }));
}

static void empty_axes(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_empty);
}

/* ------------------------------------------------------------------------------------- one array seen in many ways */

/* Sum of several views of one square array, each with its own path: (x + x' + flips + shifted) */
static void check_aliases(starp_session *s)
{
    starp_dims shape = { 2, { 9, 9 } };
    starp_array *x = counting(s, &shape), *sum = starp_add(x, starp_transpose(x));
    sum = starp_add(sum, starp_flip(x, NULL));
    sum = starp_add(sum, starp_flip(starp_transpose(x), STARP_AXES(0)));
    sum = starp_add(sum, starp_broadcast_to(starp_at(x, "4:5"), &shape));
    sum = starp_add(sum, starp_broadcast_to(starp_at(x, ":, 4:5"), &shape));
    struct dense want = dense_new(&shape);
    for (int32_t i = 0; i < 9; i++) {
        for (int32_t j = 0; j < 9; j++) {
            int32_t views[] = { 9 * i + j, 9 * j + i, 9 * (8 - i) + 8 - j, 9 * j + 8 - i, 9 * 4 + j, 9 * i + 4 };
            for (int k = 0; k < 6; k++) want.data[9 * i + j] += views[k];
        }
    }
    expect(sum, want);
}

static void one_array_seen_in_many_ways(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_aliases);
}

/* A view of something that is computed in the same plan beside a reduction of it: the view must not be lost. */
static void check_view_beside_reduction(starp_session *s)
{
    starp_array *x = counting(s, STARP_SHAPE(20)), *y = starp_negative(x);
    starp_array *z = starp_subtract(starp_at(y, "1:"), starp_astype(starp_max(x, NULL, 0), STARP_I32));
    starp_array *w = starp_add(starp_at(y, "::-1"), starp_astype(starp_sum(y, NULL, 0), STARP_I32));
    struct dense want = dense_new(&(starp_dims){ 1, { 19 } }), other = dense_new(&(starp_dims){ 1, { 20 } });
    for (int i = 0; i < 19; i++) want.data[i] = -(i + 1) - 19;
    for (int i = 0; i < 20; i++) other.data[i] = -(19 - i) - 190;
    expect(z, want);
    expect(w, other);
}

static void a_view_beside_a_reduction(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_view_beside_reduction);
}

/* x[1:-1] with its neighbours in both directions, twice over: paths of views that meet operations. */
static void check_stencil(starp_session *s)
{
    starp_array *x = counting(s, STARP_SHAPE(11, 8));
    for (int k = 0; k < 2; k++) {
        starp_array *up = starp_at(x, ":-2, 1:-1"), *down = starp_at(x, "2:, 1:-1");
        starp_array *left = starp_at(x, "1:-1, :-2"), *right = starp_at(x, "1:-1, 2:");
        x = starp_subtract(starp_add(starp_add(up, down), starp_add(left, right)), starp_multiply(starp_scalar(s, 3), starp_at(x, "1:-1, 1:-1")));
    }
    /* The stencil of a linear array is the array itself, so what is left is the middle. */
    struct dense want = dense_range(dense_range(dense_counting(STARP_SHAPE(11, 8)), 0, 2, -2, 1), 1, 2, -2, 1);
    expect(x, want);
}

static void stencil_of_a_stencil(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_stencil);
}

/* ------------------------------------------------------------------------------------------------------------ reshapes */

static void check_reshapes(starp_session *s)
{
    starp_dims shape = { 3, { 4, 6, 5 } }, flat = { 1, { 120 } }, wide = { 4, { 3, 8, 1, 5 } };
    int64_t swap[] = { 2, 0, 1 };
    starp_array *x = counting(s, &shape);
    expect(starp_reshape(x, &wide), dense_reshape(dense_counting(&shape), &wide));
    expect(starp_reshape(starp_permute_dims(x, STARP_AXES(2, 0, 1)), &wide),
           dense_reshape(dense_permute(dense_counting(&shape), swap), &wide));
    expect(starp_reshape(starp_at(x, "::-1, 1::2"), STARP_SHAPE(-1, 4)),
           dense_reshape(dense_range(dense_flip(dense_counting(&shape), 0), 1, 1, STARP_NONE, 2), &(starp_dims){ 2, { 15, 4 } }));
    expect(starp_at(starp_reshape(starp_reshape(starp_negative(starp_negative(x)), &flat), STARP_SHAPE(10, 12)), "3:7, ::5"),
           dense_range(dense_range(dense_reshape(dense_counting(&shape), &(starp_dims){ 2, { 10, 12 } }), 0, 3, 7, 1), 1, STARP_NONE, STARP_NONE, 5));
    starp_array *spread = starp_broadcast_to(starp_at(x, "1, 2, :"), STARP_SHAPE(4, 5));
    expect(starp_reshape(spread, STARP_SHAPE(2, 10)),
           dense_reshape(dense_broadcast(dense_index(dense_index(dense_counting(&shape), 0, 1), 0, 2), &(starp_dims){ 2, { 4, 5 } }),
                         &(starp_dims){ 2, { 2, 10 } }));
    expect(starp_reshape(starp_at(x, "0, 0, 0"), STARP_SHAPE(1, 1)), dense_new(&(starp_dims){ 2, { 1, 1 } }));
    expect(starp_reshape(starp_at(x, ":1, :1, :1"), STARP_SHAPE0), dense_new(&(starp_dims){ 0 }));
}

static void reshapes_of_views(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_reshapes);
}

/* --------------------------------------------------------------------------------------------- constants, generators */

static void check_generated(starp_session *s)
{
    starp_array *n = starp_arange(s, 0, 120, 1, STARP_I32);
    int64_t swap[] = { 1, 0 };
    starp_dims shape = { 2, { 10, 12 } };
    expect(n, dense_counting(&(starp_dims){ 1, { 120 } }));
    expect(starp_at(n, "100:3:-7"), dense_range(dense_counting(&(starp_dims){ 1, { 120 } }), 0, 100, 3, -7));
    expect(starp_at(starp_transpose(starp_reshape(n, &shape)), "::3, 1"),
           dense_index(dense_range(dense_permute(dense_counting(&shape), swap), 0, STARP_NONE, STARP_NONE, 3), 1, 1));
    starp_array *eye = starp_eye(s, 5, 7, 1, STARP_I32);
    struct dense want = dense_new(&(starp_dims){ 2, { 5, 7 } });
    for (int i = 0; i < 5; i++) want.data[i * 7 + i + 1] = 1;
    expect(eye, want);
    struct dense row = dense_new(&(starp_dims){ 1, { 7 } });
    row.data[3] = 1;
    expect(starp_at(eye, "2, ::-1"), row);
    struct dense tens = dense_new(&(starp_dims){ 2, { 2, 3 } });
    for (int i = 0; i < 6; i++) tens.data[i] = 10;
    expect(starp_at(starp_transpose(starp_full(s, STARP_SHAPE(6, 5), 10, STARP_I32)), "::3, ::-2"), tens);
}

static void views_of_generated_arrays(void **state)
{
    (void)state;
    cc_in_each(ENVIRONMENTS, environments, check_generated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_dimensions),   cmocka_unit_test(empty_axes),
        cmocka_unit_test(one_array_seen_in_many_ways), cmocka_unit_test(a_view_beside_a_reduction),
        cmocka_unit_test(stencil_of_a_stencil), cmocka_unit_test(reshapes_of_views),
        cmocka_unit_test(views_of_generated_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval.c: how ppeval splits its arguments and joins its results, held against loops over the elements: random shapes and dtypes,
 * axes, broadcasts, row- and column-major functions, declared shapes and found ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"
#include "rig.h"

#define MOST_DIMS 4

static uint64_t seed = 1;

/* An argument, its elements here, and how it goes in: split along `axis`, or, for -1, whole. */
struct given {
    starp_array *x;
    starp_dims shape;
    starp_dtype dtype;
    char *host;
    int axis;
};

static int usual_axis(const starp_dims *shape)
{
    int a = shape->n - 1;
    while (a >= 0 && shape->v[a] == 1) a--;
    return a;
}

/* Of so many slices; dtype, shape, and the way it is made vary. */
static struct given draw_argument(int64_t slices, bool may_be_whole)
{
    struct given g = { .dtype = (starp_dtype)rig_below(&seed, STARP_NDTYPES), .axis = -1 };
    g.shape.n = 1 + (int)rig_below(&seed, MOST_DIMS);
    for (int a = 0; a < g.shape.n; a++) g.shape.v[a] = 1 + rig_below(&seed, 4);
    int64_t way = rig_below(&seed, may_be_whole ? 3 : 2);
    int split = (int)rig_below(&seed, g.shape.n);
    if (way == 0) split = g.shape.n - 1;
    if (way < 2) g.shape.v[split] = slices;
    g.x = fc_input(&g.shape, g.dtype, &seed);
    if (rig_below(&seed, 3) == 0) { /* a view, and something lazy */
        starp_array *y = starp_flip(starp_transpose(g.x), NULL), *z = starp_logical_and(y, y);
        g.x = rig_below(&seed, 2) ? y : z;
        starp_shape_of(g.x, &g.shape);
        g.dtype = starp_dtype_of(g.x);
        split = g.shape.n - 1 - split;
    }
    g.host = malloc((size_t)starp_size(g.x) * starp_dtype_size(g.dtype));
    la_done(starp_read(g.x, g.host, (size_t)starp_size(g.x) * starp_dtype_size(g.dtype)));
    if (way == 2) {
        g.x = starp_ppbcast(g.x);
    } else {
        g.axis = split;
        bool implied = usual_axis(&g.shape) == split && rig_below(&seed, 2);
        if (!implied) g.x = starp_ppsplit(g.x, rig_below(&seed, 2) ? split : split - g.shape.n);
    }
    assert_non_null(g.x);
    return g;
}

/* Slice k as a function sees it; or all of it. */
static starp_argument slice_of(const struct given *g, int64_t k)
{
    starp_argument x = { .dtype = g->dtype, .data = g->host };
    int64_t unit = (int64_t)starp_dtype_size(g->dtype);
    for (int a = g->shape.n - 1; a >= 0; a--) {
        if (a == g->axis) x.data = (const char *)x.data + k * unit;
        unit *= g->shape.v[a];
    }
    unit = (int64_t)starp_dtype_size(g->dtype);
    x.ndim = g->shape.n - (g->axis >= 0);
    for (int a = g->shape.n - 1, b = x.ndim - 1; a >= 0; a--) {
        if (a != g->axis) x.shape[b] = g->shape.v[a], x.stride[b--] = unit;
        unit *= g->shape.v[a];
    }
    return x;
}

static void check_joined(const struct given *g, int n, int64_t slices, starp_array *const *y)
{
    starp_argument first = slice_of(&g[0], 0);
    int64_t size = pc_size_of(&first);
    double *got = malloc((size_t)(size * slices) * sizeof *got + 1);
    int32_t *number = malloc((size_t)slices * sizeof *number + 1);
    assert_int_equal(starp_ndim(y[0]), first.ndim + 1);
    for (int a = 0; a < first.ndim; a++) assert_int_equal(starp_dim(y[0], a), first.shape[a]);
    assert_int_equal(starp_dim(y[0], -1), slices);
    assert_int_equal(starp_ndim(y[1]), 1);
    assert_int_equal(starp_dtype_of(y[1]), STARP_I32);
    la_done(starp_eval_many(2, y));
    la_done(starp_read(y[0], got, (size_t)(size * slices) * sizeof *got));
    la_done(starp_read(y[1], number, (size_t)slices * sizeof *number));
    for (int64_t k = 0; k < slices; k++) {
        double more = 7.0 * (double)k;
        for (int j = 1; j < n; j++) {
            starp_argument x = slice_of(&g[j], k);
            more += pc_weighted_sum(&x);
        }
        starp_argument x = slice_of(&g[0], k);
        for (int64_t i = 0; i < size; i++) assert_true(got[i * slices + k] == pc_at_place(&x, i) + more);
        assert_int_equal(number[k], k);
    }
    free(got);
    free(number);
}

static void rules_of_splitting(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        int n = 1 + (int)rig_below(&seed, 3), place = (int)rig_below(&seed, n);
        int64_t slices = rig_below(&seed, 8) ? 2 + rig_below(&seed, 40) : 150;
        struct given g[3];
        starp_array *args[3], *y[2];
        la_done(starp_scope_open(session));
        for (int k = 0; k < n; k++) g[k] = draw_argument(slices, k != place);
        for (int k = 0; k < n; k++) args[k] = g[k].x;
        la_done(starp_ppeval_list(session, pc_combines[i % 4], n, args, 2, y));
        check_joined(g, n, slices, y);
        for (int k = 0; k < n; k++) free(g[k].host);
        la_done(starp_scope_close(session));
    }
}

/* What has nothing to be split along goes to every iteration; weak scalars have the dtype they have alone. */
static void scalars_are_broadcast(void **state)
{
    (void)state;
    starp_array *x = starp_arange(session, 0, 3, 1, STARP_I16);
    starp_array *one = starp_reshape(starp_full(session, STARP_SHAPE0, 4, STARP_F32), STARP_SHAPE(1, 1));
    for (int k = 0; k < 4; k++) {
        pc_expect(starp_ppeval(session, pc_combines[k], STARP_ARGS(x, starp_scalar(session, 0.5), one, starp_scalar(session, 2))), 3,
               (double[]){ 6.5, 14.5, 22.5 });
    }
}

static void no_iterations(void **state)
{
    (void)state;
    starp_array *none = starp_zeros(session, STARP_SHAPE(3, 2, 0), STARP_F64), *y[2];
    starp_array *thin = starp_zeros(session, STARP_SHAPE(3, 0, 2), STARP_F64);
    for (int k = 0; k < 4; k += 2) {
        la_done(starp_ppeval_list(session, pc_combines[k], STARP_ARGS(none), 2, y));
        assert_int_equal(starp_dim(y[0], 2), 0);
        assert_int_equal(starp_dim(y[0], 1), 2);
        la_done(starp_eval_many(2, y));
    }
    fc_refused(starp_ppeval(session, "found", STARP_ARGS(none)), STARP_ERR_ARGUMENT, "no iteration");
    for (int k = 0; k < 4; k++) {
        la_done(starp_ppeval_list(session, pc_combines[k], STARP_ARGS(thin), 2, y));
        assert_int_equal(starp_size(y[0]), 0);
        pc_expect(y[1], 2, (double[]){ 0, 1 });
    }
}

/* What a function with one argument is given may be made where its slices are gathered: the same bits as if it had been stored. */
static void arguments_are_made_on_the_way(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        la_done(starp_scope_open(session));
        int64_t n = 1 + rig_below(&seed, 300);
        starp_array *x = starp_random_uniform(session, STARP_SHAPE(n, 5, 8), STARP_F64), *factor = round % 2 ? starp_at(x, "..., :1") : starp_scalar(session, 3);
        starp_array *index = starp_reshape(starp_arange(session, 0, 8, 1, STARP_I32), STARP_SHAPE(1, 1, 8));
        la_done(starp_eval(x));
        for (int axis = 0; axis < 3; axis++) {
            const char *name = round & 2 ? "measure" : "measure columns";
            starp_array *made = starp_add(starp_multiply(starp_flip(x, STARP_AXES(0)), factor), index);
            if (round > 3) made = starp_at(made, "1::2");
            starp_array *stored = la_copy(made);
            if (starp_size(made) == 0) continue;
            made = starp_multiply(made, starp_scalar(session, 2));
            stored = la_copy(starp_multiply(stored, starp_scalar(session, 2)));
            la_same(name, starp_ppeval(session, name, STARP_ARGS(starp_ppsplit(made, axis))),
                    starp_ppeval(session, name, STARP_ARGS(starp_ppsplit(stored, axis))));
        }
        la_done(starp_scope_close(session));
    }
}

static void expect_prologue(starp_array *y, const char *text)
{
    char *got = NULL;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    assert_non_null(out);
    la_done(starp_explain(y, out));
    fclose(out);
    if (!strstr(got, text)) fail_msg("no \"%s\" in:\n%s", text, got);
    free(got);
}

/* Slices that lie together are made where they are gathered; what would be turned on the way is stored first. */
static void what_is_made_where(void **state)
{
    (void)state;
    starp_array *x = starp_random_uniform(session, STARP_SHAPE(40, 30, 100), STARP_F64);
    la_done(starp_eval(x));
    starp_array *y = starp_add(x, starp_sin(x));
    expect_prologue(starp_ppeval(session, "measure", STARP_ARGS(starp_ppsplit(y, 0))), "ppeval measure to (40, 3), of 2 operations over (40, 30, 100)");
    expect_prologue(starp_ppeval(session, "measure", STARP_ARGS(starp_ppsplit(y, 2))), "ppeval measure to (100, 3)\n");
}

/* Of the paper: the singular values of K matrices are the columns of the result. */
static void the_papers_example(void **state)
{
    (void)state;
    double data[2 * 2 * 3], want[] = { 3, 5, 13, 2, 0, 12 };
    const double matrices[3][4] = { { 3, 0, 0, 2 }, { 3, 4, 0, 0 }, { 0, 12, -13, 0 } };
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 4; i++) data[i * 3 + k] = matrices[k][i];
    }
    starp_array *x = starp_from_host(session, data, STARP_SHAPE(2, 2, 3), STARP_F64), *y = starp_ppeval(session, "svdvals", STARP_ARGS(x));
    double got[6];
    assert_int_equal(starp_dim(y, 0), 2);
    assert_int_equal(starp_dim(y, 1), 3);
    la_done(starp_read(y, got, sizeof got));
    for (int i = 0; i < 6; i++) assert_true(got[i] - want[i] < 1e-14 && want[i] - got[i] < 1e-14);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(rules_of_splitting),
        FC_TEST(scalars_are_broadcast),
        FC_TEST(no_iterations),
        FC_TEST(arguments_are_made_on_the_way),
        FC_TEST(what_is_made_where),
        FC_TEST(the_papers_example),
    };
    int failed = cmocka_run_group_tests_name("at once", all, pc_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", all, pc_open_in_tiles, la_close);
}

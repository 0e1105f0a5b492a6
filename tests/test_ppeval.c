/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval.c: how ppeval splits its arguments and joins its results, held against loops over the elements: random shapes and dtypes,
 * axes, broadcasts, row- and column-major functions, declared shapes and found ones; results of different shapes; what fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "rig.h"

#define MOST_DIMS 4

static uint64_t seed = 1;

/* Elements that doubles hold exactly. */
static double element(starp_dtype d, const void *at)
{
    switch (d) {
#define REAL(id, type) case STARP_##id: return (double)*(const type *)at;
        REAL(BOOL, uint8_t) REAL(I8, int8_t) REAL(I16, int16_t) REAL(I32, int32_t) REAL(I64, int64_t)
        REAL(U8, uint8_t) REAL(U16, uint16_t) REAL(U32, uint32_t) REAL(U64, uint64_t) REAL(F32, float) REAL(F64, double)
#undef REAL
    case STARP_C64: return (double)*(const float *)at + 3 * (double)((const float *)at)[1];
    default: return *(const double *)at + 3 * ((const double *)at)[1];
    }
}

/* ------------------------------------------------------------------------------------------------- functions of ours */

static int64_t size_of(const starp_argument *x)
{
    int64_t n = 1;
    for (int a = 0; a < x->ndim; a++) n *= x->shape[a];
    return n;
}

/* The element at place i in row-major order, wherever it lies. */
static double at_place(const starp_argument *x, int64_t i)
{
    const char *p = x->data;
    for (int a = x->ndim - 1; a >= 0; a--) {
        p += i % x->shape[a] * x->stride[a];
        i /= x->shape[a];
    }
    return element(x->dtype, p);
}

/* Where that place is in a dense array that lies as x does: elements. */
static int64_t place_in(const starp_argument *x, int64_t i)
{
    int64_t at = 0;
    for (int a = x->ndim - 1; a >= 0; a--) {
        at += i % x->shape[a] * x->stride[a];
        i /= x->shape[a];
    }
    return at / (int64_t)starp_dtype_size(x->dtype);
}

static double weighted_sum(const starp_argument *x)
{
    double sum = 0;
    for (int64_t i = 0; i < size_of(x); i++) sum += (double)(i % 7 + 1) * at_place(x, i);
    return sum;
}

/* Result 0: the first argument plus 7 times the iteration's number plus what the others come to; result 1: the number, i32. */
static int combine(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    const double *factor = user;
    starp_dims shape = { .n = in[0].ndim };
    memcpy(shape.v, in[0].shape, sizeof in[0].shape);
    double *out = starp_iteration_output(it, 0, STARP_F64, &shape), more = *factor * (double)it->index;
    int32_t *number = starp_iteration_output(it, 1, STARP_I32, &(starp_dims){ 0, { 0 } });
    if (!out || !number) return 1;
    for (int k = 1; k < nin; k++) more += weighted_sum(&in[k]);
    for (int64_t i = 0; i < size_of(&in[0]); i++) out[place_in(&in[0], i)] = at_place(&in[0], i) + more;
    *number = (int32_t)it->index;
    return 0;
}

static int combined_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    (void)user;
    if (nin < 1 || nout != 2) return snprintf(text, STARP_ITERATION_TEXT, "not so") > 0;
    out[0] = in[0];
    out[0].dtype = STARP_F64;
    out[1].dtype = STARP_I32;
    out[1].ndim = 0;
    return 0;
}

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
        else ((double *)out)[i] = (double)it->index + 100 * (double)i + element(in[0].dtype, in[0].data);
    }
    for (int64_t i = 0; i < it->index % 5; i++) second[i] = -(double)(i + it->index);
    return 0;
}

static int measure(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { 3 } });
    if (!out) return 1;
    out[0] = in[0].ndim;
    out[1] = (double)size_of(&in[0]);
    out[2] = weighted_sum(&in[0]);
    return 0;
}

static int measured_shape(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64, .ndim = 1, .shape = { 3 } };
    return 0;
}

/* What the iteration's number asks for. */
enum { NOTHING_WRONG, FAILS, RETURNS, FORGETS, OTHER_SHAPE, OTHER_DTYPE, NO_SUCH };
static int misbehave(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in;
    const int *how = user;
    int wrong = it->index % 10 == 3 ? *how : NOTHING_WRONG;
    if (wrong == FAILS) return starp_iteration_fail(it, "the number is %d", (int)it->index);
    if (wrong == RETURNS) return 42;
    if (wrong == FORGETS) return 0;
    double *out = starp_iteration_output(it, wrong == NO_SUCH, wrong == OTHER_DTYPE ? STARP_F32 : STARP_F64, &(starp_dims){ 1, { wrong == OTHER_SHAPE ? 3 : 2 } });
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

static int declare_scalar(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user, char text[STARP_ITERATION_TEXT])
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64 };
    return 0;
}

static const double seven = 7;
static const char *const combines[] = { "declared", "found", "declared by columns", "found by columns" };

static void enter(const char *name, starp_function f)
{
    la_done(starp_register(session, name, &f));
}

static int open_and_register(int (*open)(void **), void **state)
{
    static const int no = 0, yes = 1;
    if (open(state) != 0) return 1;
    for (int k = 0; k < 4; k++) {
        enter(combines[k], (starp_function){ .iterate = combine, .shapes = k % 2 ? NULL : combined_shapes, .nresults = 2, .column_major = k / 2,
                                             .user = &seven, .user_bytes = sizeof seven });
    }
    enter("grow", (starp_function){ .iterate = grow, .nresults = 2, .user = &no, .user_bytes = sizeof no });
    enter("grow mixed", (starp_function){ .iterate = grow, .nresults = 2, .user = &yes, .user_bytes = sizeof yes });
    enter("measure", (starp_function){ .iterate = measure, .shapes = measured_shape, .nargs = 1 });
    enter("measure columns", (starp_function){ .iterate = measure, .shapes = measured_shape, .nargs = 1, .column_major = 1 });
    enter("draw", (starp_function){ .iterate = draw });
    return 0;
}

static int open_at_once(void **state)
{
    return open_and_register(fc_open_at_once, state);
}

static int open_in_tiles(void **state)
{
    return open_and_register(fc_open_in_tiles, state);
}

/* ------------------------------------------------------------------------------------------------ splitting and joining */

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
    int64_t size = size_of(&first);
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
            more += weighted_sum(&x);
        }
        starp_argument x = slice_of(&g[0], k);
        for (int64_t i = 0; i < size; i++) assert_true(got[i * slices + k] == at_place(&x, i) + more);
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
        la_done(starp_ppeval_list(session, combines[i % 4], n, args, 2, y));
        check_joined(g, n, slices, y);
        for (int k = 0; k < n; k++) free(g[k].host);
        la_done(starp_scope_close(session));
    }
}

static void expect(starp_array *x, int n, const double *want)
{
    double got[64];
    assert_non_null(x);
    assert_int_equal(starp_size(x), n);
    la_done(starp_read(starp_astype(x, STARP_F64), got, sizeof got));
    for (int i = 0; i < n; i++) assert_true(got[i] == want[i]);
}

/* What has nothing to be split along goes to every iteration; weak scalars have the dtype they have alone. */
static void scalars_are_broadcast(void **state)
{
    (void)state;
    starp_array *x = starp_arange(session, 0, 3, 1, STARP_I16), *one = starp_reshape(starp_full(session, STARP_SHAPE0, 4, STARP_F32), STARP_SHAPE(1, 1));
    for (int k = 0; k < 4; k++) {
        expect(starp_ppeval(session, combines[k], STARP_ARGS(x, starp_scalar(session, 0.5), one, starp_scalar(session, 2))), 3,
               (double[]){ 6.5, 14.5, 22.5 });
    }
}

static void no_iterations(void **state)
{
    (void)state;
    starp_array *none = starp_zeros(session, STARP_SHAPE(3, 2, 0), STARP_F64), *thin = starp_zeros(session, STARP_SHAPE(3, 0, 2), STARP_F64), *y[2];
    for (int k = 0; k < 4; k += 2) {
        la_done(starp_ppeval_list(session, combines[k], STARP_ARGS(none), 2, y));
        assert_int_equal(starp_dim(y[0], 2), 0);
        assert_int_equal(starp_dim(y[0], 1), 2);
        la_done(starp_eval_many(2, y));
    }
    fc_refused(starp_ppeval(session, "found", STARP_ARGS(none)), STARP_ERR_ARGUMENT, "no iteration");
    for (int k = 0; k < 4; k++) {
        la_done(starp_ppeval_list(session, combines[k], STARP_ARGS(thin), 2, y));
        assert_int_equal(starp_size(y[0]), 0);
        expect(y[1], 2, (double[]){ 0, 1 });
    }
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

/* -------------------------------------------------------------------------------------------------- different shapes */

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
    for (int k = 0; k < 2; k++) {
        y[k] = starp_ppeval(session, k ? "measure columns" : "measure", STARP_ARGS(starp_ppitems(r[0])));
        la_done(starp_read(y[k], got[k], sizeof got[k]));
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    for (int i = 0; i < 100; i++) {
        double size = 1, sum = 0;
        for (int d = 0; d < i % 4; d++) size *= i % 3 + d;
        for (int j = 0; j < (int)size; j++) sum += (j % 7 + 1) * (i + 100 * j + 0.5);
        assert_true(got[0][0][i] == i % 4 && got[0][1][i] == size && got[0][2][i] == sum);
    }
    for (int k = 0; k < 2; k++) la_done(starp_ragged_release(r[k]));
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

/* ------------------------------------------------------------------------------------------------------------- the rest */

/* Numbers are those of the seed, the call and the iteration. */
static void random_numbers(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 50), STARP_BOOL);
    double a[2][20][50], mean = 0;
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
    enter("misbehave", (starp_function){ .iterate = misbehave, .user = &how, .user_bytes = sizeof how });
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
    failing(NO_SUCH, "there is no result 1; the function has 1");
}

static void what_is_refused(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(3, 4), STARP_F64), *y[2];
    starp_function none = { .iterate = NULL }, many = { .iterate = combine, .nresults = STARP_MAXRESULTS + 1 };
    fc_refused(starp_ppeval(session, "nobody", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "nobody: there is no such function");
    fc_refused(starp_ppeval(session, "found", STARP_ARGS(x, starp_ppsplit(x, 0))), STARP_ERR_SHAPE, "argument 1 has 4 slices, argument 2 has 3");
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
    enter("nest", (starp_function){ .iterate = nest });
    if (starp_ranks(session) == 1) expect(starp_ppeval(session, "nest", STARP_ARGS(starp_at(x, "0"))), 4, (double[]){ 1, 1, 1, 1 });
}

/* A name's new function counts from the next call on. */
static void names_come_again(void **state)
{
    (void)state;
    double three = 3;
    starp_array *x = starp_zeros(session, STARP_SHAPE(2), STARP_F64);
    enter("again", (starp_function){ .iterate = combine, .nresults = 2, .user = &seven, .user_bytes = sizeof seven });
    starp_array *before = starp_ppeval(session, "again", STARP_ARGS(x));
    enter("again", (starp_function){ .iterate = combine, .nresults = 2, .user = &three, .user_bytes = sizeof three });
    expect(starp_ppeval(session, "again", STARP_ARGS(x)), 2, (double[]){ 0, 3 });
    expect(before, 2, (double[]){ 0, 7 });
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
    enter("wait", (starp_function){ .iterate = wait_for_cancel, .shapes = declare_scalar });
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
    rig_environment("STARP_PPEVAL_KEEP=1 STARP_TILE=50 STARP_SMALL=0");
    session = starp_open(NULL);
    return session == NULL;
}

static void others_are_kept(void **state)
{
    (void)state;
    int how = FAILS;
    double got[2][40];
    starp_array *x = starp_zeros(session, STARP_SHAPE(1, 40), STARP_F64), *y;
    enter("misbehave", (starp_function){ .iterate = misbehave, .user = &how, .user_bytes = sizeof how });
    y = starp_ppeval(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)));
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "iteration 3: the number is 3 (and 3 more)"));
    starp_clear_error();
    la_done(starp_read(y, got, sizeof got));
    for (int i = 0; i < 40; i++) assert_true(i % 10 == 3 ? got[1][i] != got[1][i] : got[1][i] == i);
    starp_ragged *r = NULL;
    assert_int_equal(starp_ppeval_ragged(session, "misbehave", STARP_ARGS(starp_ppsplit(x, 1)), 1, &r), STARP_ERR_COMPUTE);
    starp_clear_error();
    assert_non_null(r);
    starp_dims shape;
    la_done(starp_ragged_shape_of(r, 3, &shape));
    assert_true(shape.n == 1 && shape.v[0] == 0);
    expect(starp_ragged_item(r, 5), 2, (double[]){ 5, 5 });
    la_done(starp_ragged_release(r));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(rules_of_splitting), FC_TEST(scalars_are_broadcast), FC_TEST(no_iterations), FC_TEST(the_papers_example), FC_TEST(different_shapes),
        FC_TEST(items_are_arguments), FC_TEST(equal_items_are_joined), FC_TEST(random_numbers), FC_TEST(failures_name_the_iteration),
        FC_TEST(what_is_refused), FC_TEST(names_come_again), FC_TEST(runs_can_be_cancelled),
    };
    const struct CMUnitTest keeping[] = { FC_TEST(others_are_kept) };
    int failed = cmocka_run_group_tests_name("at once", all, open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("keeping", keeping, open_keeping, la_close);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_views.c: views tortured: every slice of short axes, and long random chains of slices, transposes, flips,
 * broadcasts and reshapes, held against arrays that are copied at every step (dense.c). In one tile, in tiny tiles, and
 * without fusion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_check.h"
#include "dense.h"
#include "rig.h"

static const char *const environments[] = { "", "STARP_TILE=7 STARP_SMALL=0", "STARP_TILE=2 STARP_SMALL=0", "STARP_FUSE=0" };
#define ENVIRONMENTS (int)(sizeof environments / sizeof environments[0])

static void expect_shape(const char *what, starp_array *x, const starp_dims *want)
{
    char a[SP_SHAPE_TEXT], b[SP_SHAPE_TEXT];
    starp_dims got;
    if (!x) fail_msg("%s: %s", what, starp_last_error());
    assert_int_equal(starp_shape_of(x, &got), STARP_OK);
    if (!sp_shape_equal(&got, want)) fail_msg("%s: shape %s instead of %s", what, sp_shape_text(a, &got), sp_shape_text(b, want));
}

/* The handle's elements are those of the dense array. */
static void expect(const char *what, starp_array *x, const struct dense *want)
{
    expect_shape(what, x, &want->shape);
    int32_t *got = calloc((size_t)want->size + 1, sizeof *got);
    assert_non_null(got);
    if (starp_read(x, got, (size_t)want->size * sizeof *got) != STARP_OK) fail_msg("%s: %s", what, starp_last_error());
    for (int64_t i = 0; i < want->size; i++) {
        if (got[i] != want->data[i]) fail_msg("%s: element %lld is %d instead of %d", what, (long long)i, got[i], want->data[i]);
    }
    free(got);
}

static starp_array *counting(starp_session *s, const struct dense *x)
{
    return starp_from_host(s, x->data, &x->shape, STARP_I32);
}

/* -------------------------------------------------------------------------------------------------------- every slice */

#define BATCH 64

struct batch {
    starp_session *s;
    int n;
    starp_array *x[BATCH];
    struct dense want[BATCH];
    char what[BATCH][64];
};

static void flush(struct batch *b)
{
    if (b->n > 0 && starp_eval_many(b->n, b->x) != STARP_OK) fail_msg("%s", starp_last_error());
    for (int i = 0; i < b->n; i++) {
        expect(b->what[i], b->x[i], &b->want[i]);
        starp_release(b->x[i]);
        dense_free(&b->want[i]);
    }
    b->n = 0;
}

/* -99 stands for an omitted bound. */
static int64_t bound(int64_t b)
{
    return b == -99 ? STARP_NONE : b;
}

/* A slice by itself and, every other time, under an operation. */
static void add_slice(struct batch *b, starp_array *x, int64_t n, int64_t start, int64_t stop, int64_t step)
{
    starp_dims shape = { 1, { n } };
    starp_array *view = starp_slice(x, STARP_INDEX(STARP_STEP(bound(start), bound(stop), step)));
    struct dense want = dense_range(dense_counting(&shape), 0, bound(start), bound(stop), step);
    if (((uint64_t)start + (uint64_t)stop + (uint64_t)step) % 2) {
        starp_assign(&view, starp_negative(view));
        for (int64_t i = 0; i < want.size; i++) want.data[i] = -want.data[i];
    }
    snprintf(b->what[b->n], sizeof b->what[0], "[%lld:%lld:%lld] of %lld", (long long)start, (long long)stop, (long long)step, (long long)n);
    b->want[b->n] = want;
    b->x[b->n++] = view;
    if (b->n == BATCH) flush(b);
}

static void slices_of(struct batch *b, int64_t n)
{
    struct dense host = dense_counting(&(starp_dims){ 1, { n } });
    starp_array *x = counting(b->s, &host);
    for (int64_t start = -n - 3; start <= n + 2; start++) {
        for (int64_t stop = -n - 3; stop <= n + 2; stop++) {
            for (int64_t step = -3; step <= 3; step++) {
                if (step == 0) continue;
                add_slice(b, x, n, start == -n - 3 ? -99 : start, stop == -n - 3 ? -99 : stop, step);
            }
        }
    }
    flush(b);
    starp_release(x);
    dense_free(&host);
}

static void every_slice_of_short_axes(void **state)
{
    (void)state;
    for (int e = 0; e < 2; e++) {
        struct batch *b = calloc(1, sizeof *b);
        assert_non_null(b);
        b->s = cc_session(environments[e]);
        for (int64_t n = 0; n <= 5; n++) slices_of(b, n);
        assert_int_equal(starp_close(b->s), STARP_OK);
        free(b);
    }
}

static void extreme_bounds(void **state)
{
    static const int64_t bounds[] = { INT64_MIN + 1, INT64_MAX, -7, 7, 0 };
    static const int64_t steps[] = { INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, -1, 1 };
    struct batch *b = calloc(1, sizeof *b);
    (void)state;
    assert_non_null(b);
    b->s = cc_session(environments[0]);
    struct dense host = dense_counting(&(starp_dims){ 1, { 5 } });
    starp_array *x = counting(b->s, &host);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            for (int k = 3; k < 5; k++) add_slice(b, x, 5, bounds[i], bounds[j], steps[k]);
        }
    }
    flush(b);
    for (int k = 0; k < 3; k++) { /* steps beyond the axis: the first element alone */
        starp_array *y = starp_slice(x, STARP_INDEX(STARP_STEP(STARP_NONE, STARP_NONE, steps[k])));
        int32_t first = -1;
        assert_int_equal(starp_size(y), 1);
        assert_int_equal(starp_read(y, &first, sizeof first), STARP_OK);
        assert_int_equal(first, steps[k] < 0 ? 4 : 0);
        starp_release(y);
    }
    dense_free(&host);
    assert_int_equal(starp_close(b->s), STARP_OK);
    free(b);
}

/* ------------------------------------------------------------------------------------------------------ random chains */

struct chain {
    starp_session *s;
    starp_array *x;
    struct dense want;
    uint64_t random;
    char log[512];
    size_t used;
};

static void note(struct chain *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct chain *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (c->used + 40 < sizeof c->log) c->used += (size_t)vsnprintf(c->log + c->used, sizeof c->log - c->used, format, args);
    va_end(args);
}

static void chain_slice(struct chain *c)
{
    starp_index item[STARP_MAXDIM];
    starp_dims shape = c->want.shape;
    int64_t first[STARP_MAXDIM], last[STARP_MAXDIM], step[STARP_MAXDIM];
    for (int a = 0; a < shape.n; a++) {
        int64_t n = shape.v[a];
        first[a] = rig_below(&c->random, 4) ? STARP_NONE : rig_below(&c->random, 2 * n + 3) - n - 1;
        last[a] = rig_below(&c->random, 4) ? STARP_NONE : rig_below(&c->random, 2 * n + 3) - n - 1;
        step[a] = rig_below(&c->random, 2) ? 1 : rig_below(&c->random, 3) + 1;
        if (rig_below(&c->random, 3) == 0) step[a] = -step[a];
        item[a] = STARP_STEP(first[a], last[a], step[a]);
        c->want = dense_range(c->want, a, first[a], last[a], step[a]);
    }
    starp_assign(&c->x, starp_slice(c->x, shape.n, item));
    note(c, " slice");
}

static void chain_index(struct chain *c)
{
    int axis = (int)rig_below(&c->random, c->want.shape.n);
    int64_t n = c->want.shape.v[axis];
    if (n == 0) return;
    int64_t at = rig_below(&c->random, 2 * n) - n;
    starp_index item[STARP_MAXDIM + 1] = { STARP_ELLIPSIS };
    int count = 0, from_end = (int)rig_below(&c->random, 2);
    if (from_end) count = 1;
    for (int a = 0; from_end && a < c->want.shape.n - axis; a++) item[count++] = a == 0 ? STARP_AT(at) : STARP_ALL;
    for (int a = 0; !from_end && a <= axis; a++) item[count++] = a == axis ? STARP_AT(at) : STARP_ALL;
    starp_assign(&c->x, starp_slice(c->x, count, item));
    c->want = dense_index(c->want, axis, at);
    note(c, " [%d]@%d", (int)at, axis);
}

static void chain_permute(struct chain *c)
{
    starp_dims axes = { .n = c->want.shape.n };
    for (int a = 0; a < axes.n; a++) axes.v[a] = a;
    for (int a = axes.n - 1; a > 0; a--) {
        int b = (int)rig_below(&c->random, a + 1);
        int64_t t = axes.v[a];
        axes.v[a] = axes.v[b], axes.v[b] = t;
    }
    c->want = dense_permute(c->want, axes.v);
    starp_assign(&c->x, starp_permute_dims(c->x, &axes));
    note(c, " permute");
}

static void chain_flip(struct chain *c)
{
    int axis = (int)rig_below(&c->random, c->want.shape.n);
    starp_assign(&c->x, starp_flip(c->x, STARP_AXES(axis - c->want.shape.n)));
    c->want = dense_flip(c->want, axis);
    note(c, " flip@%d", axis);
}

static void chain_grow(struct chain *c)
{
    int axis = (int)rig_below(&c->random, c->want.shape.n + 1);
    if (c->want.shape.n > 5 || c->want.size > 2000) return;
    starp_assign(&c->x, starp_expand_dims(c->x, axis));
    c->want = dense_expand(c->want, axis);
    starp_dims wide = c->want.shape;
    wide.v[axis] = rig_below(&c->random, 5);
    starp_assign(&c->x, starp_broadcast_to(c->x, &wide));
    c->want = dense_broadcast(c->want, &wide);
    note(c, " broadcast@%d to %d", axis, (int)wide.v[axis]);
}

static void chain_squeeze(struct chain *c)
{
    for (int a = c->want.shape.n - 1; a >= 0; a--) {
        if (c->want.shape.v[a] == 1) c->want = dense_squeeze(c->want, a);
    }
    starp_assign(&c->x, starp_squeeze(c->x, NULL));
    note(c, " squeeze");
}

static void chain_reshape(struct chain *c)
{
    starp_dims to = { 0 };
    int64_t rest = c->want.size;
    while (rest > 1 && to.n < 5) {
        int64_t f = 1 + rig_below(&c->random, rest < 9 ? rest : 9);
        while (rest % f != 0) f--;
        to.v[to.n++] = f;
        rest /= f;
    }
    if (rest != 1 || to.n == 0) to.v[to.n++] = rest;
    starp_assign(&c->x, starp_reshape(c->x, &to));
    c->want = dense_reshape(c->want, &to);
    note(c, " reshape");
}

static void chain_step(struct chain *c)
{
    int what = (int)rig_below(&c->random, 20);
    if (what < 2) chain_grow(c);
    else if (what < 4) chain_reshape(c);
    else if (what < 5) chain_squeeze(c);
    else if (what < 6 && starp_eval(c->x) != STARP_OK) fail_msg("%s: %s", c->log, starp_last_error());
    if (what < 6 || c->want.shape.n == 0) return;
    if (what < 11) chain_slice(c);
    else if (what < 13) chain_index(c);
    else if (what < 17) chain_permute(c);
    else chain_flip(c);
}

static void run_chain(starp_session *s, uint64_t seed)
{
    static const starp_dims shapes[] = { { 1, { 40 } },          { 2, { 7, 9 } },        { 3, { 4, 5, 6 } },
                                         { 4, { 3, 1, 5, 4 } }, { 5, { 2, 3, 2, 3, 4 } }, { 2, { 33, 17 } } };
    struct chain c = { .s = s, .random = seed };
    const starp_dims *shape = &shapes[rig_below(&c.random, 6)];
    int steps = 1 + (int)rig_below(&c.random, 7);
    note(&c, "chain %llu:", (unsigned long long)seed);
    c.want = dense_counting(shape);
    c.x = counting(s, &c.want);
    for (int i = 0; i < steps; i++) chain_step(&c);
    expect(c.log, c.x, &c.want);
    starp_release(c.x);
    dense_free(&c.want);
}

static void random_chains(void **state)
{
    (void)state;
    for (int e = 0; e < ENVIRONMENTS; e++) {
        starp_session *s = cc_session(environments[e]);
        for (uint64_t seed = 1; seed <= 600; seed++) run_chain(s, seed);
        assert_int_equal(starp_close(s), STARP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slice_of_short_axes),
        cmocka_unit_test(extreme_bounds),
        cmocka_unit_test(random_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

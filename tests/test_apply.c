/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_apply.c: functions of the program's own for each element. The same expressions are made with them and with built-in
 * operations that compute the same, and must have the same bits, however work is cut, fused and dealt out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "client.h"
#include "rig.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ------------------------------------------------------------------------------------------------------ expressions */

/* The same by a function of ours and by built-in operations. */
struct maker {
    starp_session *s;
    bool own;
};

static starp_array *apply1(const struct maker *m, const char *name, starp_array *x)
{
    return starp_apply(m->s, name, STARP_ARGS(x));
}

static starp_array *apply2(const struct maker *m, const char *name, starp_array *x, starp_array *y)
{
    return starp_apply(m->s, name, STARP_ARGS(x, y));
}

static starp_array *number(const struct maker *m, double x)
{
    return starp_scalar(m->s, x);
}

static starp_array *make_affine(const struct maker *m, starp_array *x)
{
    if (m->own) return apply1(m, "affine", x);
    return starp_add(starp_multiply(starp_astype(x, STARP_F64), number(m, 2)), number(m, 1));
}

static starp_array *make_bend(const struct maker *m, starp_array *x, starp_array *y)
{
    return m->own ? apply2(m, "bend", x, y) : starp_subtract(starp_multiply(x, y), x);
}

static starp_array *make_choose(const struct maker *m, starp_array *x, starp_array *y, starp_array *z)
{
    return m->own ? starp_apply(m->s, "choose", STARP_ARGS(x, y, z)) : starp_where(starp_less(x, y), z, x);
}

static starp_array *make_square(const struct maker *m, starp_array *x)
{
    return m->own ? apply1(m, "square", x) : starp_square(x);
}

static starp_array *make_mirror(const struct maker *m, starp_array *x, starp_array *y)
{
    return m->own ? apply2(m, "mirror", x, y) : starp_add(starp_conj(starp_astype(x, STARP_C128)), starp_astype(y, STARP_C128));
}

static starp_array *make_magnitude(const struct maker *m, starp_array *x)
{
    return m->own ? apply1(m, "magnitude", x) : starp_add(starp_abs(starp_real(x)), starp_abs(starp_imag(x)));
}

static starp_array *make_level(const struct maker *m, starp_array *x)
{
    if (m->own) return apply1(m, "level", x);
    starp_array *low = starp_full(m->s, STARP_SHAPE0, -2, STARP_I32);
    return starp_where(starp_greater(x, number(m, 0.5)), starp_scalar(m->s, 7), low);
}

static starp_array *make_greater(const struct maker *m, starp_array *x, starp_array *y)
{
    return m->own ? apply2(m, "greater", x, y) : starp_greater(x, y);
}

static starp_array *make_invert(const struct maker *m, starp_array *x)
{
    return m->own ? apply1(m, "invert", x) : starp_astype(starp_logical_not(x), STARP_I8);
}

static starp_array *make_triple(const struct maker *m, starp_array *x)
{
    return m->own ? apply1(m, "triple", x) : starp_multiply(starp_astype(x, STARP_I64), starp_scalar(m->s, 3));
}

#define MOST 32

/* Chains, broadcasts, numbers, views on both sides, reductions, functions of functions, operands that die. */
static int make_all(const struct maker *m, starp_array **y)
{
    int n = 0;
    starp_session *s = m->s;
    starp_array *u = starp_random_uniform(s, STARP_SHAPE(37, 53), STARP_F64), *x = starp_subtract(starp_multiply(u, number(m, 3)), number(m, 1));
    starp_array *row = starp_random_uniform(s, STARP_SHAPE(53), STARP_F64), *column = starp_random_uniform(s, STARP_SHAPE(37, 1), STARP_F64);
    starp_array *f = starp_random_uniform(s, STARP_SHAPE(37, 53), STARP_F32);
    starp_array *k = starp_random_integers(s, -100, 100, STARP_SHAPE(37, 53), STARP_I8);
    starp_array *c = starp_add(x, starp_multiply(row, starp_scalar(s, 2.0 * I)));
    y[n++] = starp_sqrt(starp_abs(make_affine(m, x)));
    y[n++] = make_affine(m, starp_from_host(s, (double[]){ 1, -2, INFINITY, 0x1p-1060 }, STARP_SHAPE(4), STARP_F64));
    y[n++] = make_bend(m, x, row);
    y[n++] = make_bend(m, column, row);
    y[n++] = make_bend(m, x, number(m, 0.3));
    y[n++] = make_bend(m, x, x);
    y[n++] = make_choose(m, x, column, row);
    y[n++] = make_choose(m, starp_at(x, ":, 3:40"), starp_transpose(starp_at(x, "::-1, 5:42")), number(m, 0.25));
    y[n++] = make_square(m, f);
    y[n++] = starp_add(make_square(m, starp_add(f, number(m, 0.1))), x);
    y[n++] = make_mirror(m, c, x);
    y[n++] = make_mirror(m, x, starp_scalar(s, 0.5 * I));
    y[n++] = make_magnitude(m, make_mirror(m, c, f));
    y[n++] = make_level(m, starp_sin(x));
    y[n++] = starp_sum(make_level(m, make_affine(m, row)), NULL, 0);
    y[n++] = make_greater(m, x, row);
    y[n++] = make_invert(m, make_greater(m, row, starp_at(x, "3")));
    y[n++] = make_triple(m, k);
    y[n++] = make_affine(m, k);
    y[n++] = make_affine(m, starp_arange(s, 0, 100, 1, STARP_I32));
    y[n++] = starp_at(make_affine(m, x), "5:30:3, ::-2");
    y[n++] = starp_add(starp_at(make_bend(m, x, row), "1:"), starp_at(make_bend(m, x, row), ":-1"));
    y[n++] = starp_sum(make_affine(m, x), NULL, 0);
    y[n++] = starp_mean(make_bend(m, x, column), STARP_AXES(0), 0);
    y[n++] = starp_max(make_square(m, f), STARP_AXES(1), 1);
    y[n++] = starp_argmin(make_affine(m, make_bend(m, x, row)), NULL, 0);
    y[n++] = starp_var(starp_transpose(make_affine(m, x)), STARP_AXES(1), 0, 0);
    y[n++] = make_affine(m, make_affine(m, make_affine(m, starp_reshape(x, STARP_SHAPE(53, 37)))));
    y[n++] = make_affine(m, starp_zeros(s, STARP_SHAPE(0, 3), STARP_F64));
    y[n++] = make_affine(m, starp_full(s, STARP_SHAPE0, 2.5, STARP_F64));
    y[n++] = make_bend(m, starp_matmul(x, starp_transpose(x)), column);
    assert_true(n <= MOST);
    return n;
}

struct results {
    int n;
    void *data[MOST];
    size_t bytes[MOST];
    starp_dtype dtype[MOST];
    starp_dims shape[MOST];
};

static void compute(bool own, const char *environment, struct results *r)
{
    struct maker m = { apply_open(environment), own };
    starp_array *y[MOST];
    starp_seed(m.s, 7);
    r->n = make_all(&m, y);
    for (int i = 0; i < r->n; i++) {
        if (!y[i]) fail_msg("%s, result %d: %s", environment, i, starp_last_error());
    }
    if (starp_eval_many(r->n, y) != STARP_OK) fail_msg("%s: %s", environment, starp_last_error());
    for (int i = 0; i < r->n; i++) {
        struct sp_node *node = y[i]->node;
        r->dtype[i] = (starp_dtype)node->dtype;
        r->shape[i] = node->shape;
        r->bytes[i] = (size_t)sp_shape_size(&node->shape) * sp_dtypes[node->dtype].size;
        r->data[i] = calloc(1, r->bytes[i] + 1);
        if (starp_read(y[i], r->data[i], r->bytes[i]) != STARP_OK) fail_msg("%s, result %d: %s", environment, i, starp_last_error());
    }
    apply_close(m.s);
}

static void release(struct results *r)
{
    for (int i = 0; i < r->n; i++) free(r->data[i]);
}

static void expect_same(const struct results *got, const struct results *want, const char *environment)
{
    assert_int_equal(got->n, want->n);
    for (int i = 0; i < got->n; i++) {
        char text[2][RIG_TEXT];
        assert_int_equal(got->dtype[i], want->dtype[i]);
        assert_true(sp_shape_equal(&got->shape[i], &want->shape[i]));
        int64_t at = rig_differ(got->dtype[i], got->data[i], want->data[i], sp_shape_size(&got->shape[i]), true);
        if (at < 0) continue;
        fail_msg("%s, result %d, element %lld: %s, not %s", environment, i, (long long)at, rig_text(text[0], got->dtype[i], got->data[i], at),
                 rig_text(text[1], want->dtype[i], want->data[i], at));
    }
}

static void expressions_are_those_of_built_in_operations(void **state)
{
    static const char *const environments[] = {
        "", "STARP_FUSE=0", "STARP_TILE=7 STARP_SMALL=0", "STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=3", "STARP_FUSE=0 STARP_TILE=11 STARP_SMALL=0",
        "STARP_CHECK=1", "STARP_CHECK=1 STARP_TILE=100 STARP_SMALL=0", "STARP_CSE=0 STARP_INPLACE=0", "STARP_SMALL=0 STARP_ISA=generic",
    };
    struct results want, got;
    (void)state;
    compute(false, "", &want);
    for (size_t i = 0; i < COUNT(environments); i++) {
        compute(true, environments[i], &got);
        expect_same(&got, &want, environments[i]);
        release(&got);
    }
    release(&want);
}

/* One more array of what there is; all are of 24 x 24 elements. */
static starp_array *extend(const struct maker *m, starp_array *const *x, int n, uint64_t *state)
{
    starp_array *a = x[rig_below(state, n)], *b = x[rig_below(state, n)], *c = x[rig_below(state, n)];
    switch (rig_below(state, 11)) {
    case 0: return make_affine(m, a);
    case 1: return make_bend(m, a, b);
    case 2: return make_choose(m, a, b, c);
    case 3: return make_choose(m, starp_at(a, "::-1"), starp_transpose(b), number(m, 0.5));
    case 4: return make_bend(m, starp_at(a, ":, 3:4"), starp_at(b, "20"));
    case 5: return starp_sqrt(starp_abs(a));
    case 6: return starp_transpose(make_affine(m, make_bend(m, a, b)));
    case 7: return starp_subtract(a, starp_mean(make_bend(m, a, b), STARP_AXES(1), 1));
    case 8: return starp_multiply(a, make_level(m, b));
    case 9: return starp_where(make_greater(m, a, b), starp_at(c, ":, ::-1"), a);
    default: return starp_add(a, starp_max(make_affine(m, b), NULL, 0));
    }
}

static void compute_random(bool own, uint64_t seed, const char *environment, double *got)
{
    struct maker m = { apply_open(environment), own };
    starp_array *x[40];
    int n = 3;
    starp_seed(m.s, seed);
    for (int k = 0; k < 3; k++) x[k] = starp_random_uniform(m.s, STARP_SHAPE(24, 24), STARP_F64);
    for (; n < 40; n++) x[n] = extend(&m, x, n, &seed);
    for (int k = 0; k < 3; k++) {
        if (starp_read(x[39 - 9 * k], got + 576 * k, 576 * sizeof *got) != STARP_OK) fail_msg("seed %d: %s", (int)seed, starp_last_error());
    }
    apply_close(m.s);
}

static void random_expressions(void **state)
{
    double want[3 * 576], got[3 * 576];
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        compute_random(false, seed, "", want);
        for (int k = 0; k < 2; k++) {
            compute_random(true, seed, k ? "STARP_TILE=50 STARP_SMALL=0" : "STARP_CHECK=1", got);
            int64_t at = rig_differ(STARP_F64, got, want, 3 * 576, true);
            if (at >= 0) fail_msg("seed %d: element %d is %g, not %g", (int)seed, (int)at, got[at], want[at]);
        }
    }
}

/* Large enough for results that go past the caches, and for operands whose memory is taken over. */
static void large_arrays(void **state)
{
    enum { N = 3000017 };
    double *got[2] = { malloc(N * sizeof(double)), malloc(N * sizeof(double)) };
    (void)state;
    for (int own = 0; own < 2; own++) {
        struct maker m = { apply_open("STARP_SMALL=0"), own };
        starp_array *x = starp_random_uniform(m.s, STARP_SHAPE(N), STARP_F64);
        starp_array *y = make_affine(&m, starp_sqrt(make_bend(&m, make_affine(&m, x), number(&m, 2))));
        assert_int_equal(starp_eval(y), STARP_OK);
        starp_array *z = make_affine(&m, y);
        starp_release(y);
        assert_int_equal(starp_read(z, got[own], N * sizeof(double)), STARP_OK);
        apply_close(m.s);
    }
    assert_int_equal(rig_differ(STARP_F64, got[1], got[0], N, false), -1);
    free(got[0]), free(got[1]);
}

/* ------------------------------------------------------------------------------------------------------------ plans */

static void one_step(void **state)
{
    struct maker m = { apply_open(""), true };
    (void)state;
    starp_array *x = starp_zeros(m.s, STARP_SHAPE(10, 10), STARP_F64), *d = starp_sqrt(x);
    assert_int_equal(starp_eval(d), STARP_OK);
    starp_array *y = starp_sqrt(starp_add(starp_multiply(make_affine(&m, d), number(&m, 2)), number(&m, 1)));
    char *text = apply_explain(y);
    apply_expect(text, "plan: 1 step for 4 operations");
    apply_expect(text, "function affine");
    apply_expect(text, "= apply1(");
    free(text);
    text = apply_explain(starp_sum(make_choose(&m, starp_at(d, "1:"), starp_at(make_bend(&m, d, x), ":-1"), number(&m, 3)), NULL, 0));
    apply_expect(text, "plan: 1 step for");
    apply_expect(text, "function choose");
    apply_expect(text, "= apply3(");
    free(text);
    apply_close(m.s);
}

/* Equal applications are one; plans of other functions have texts of their own; nothing is written over what is read. */
static void what_is_shared(void **state)
{
    struct maker m = { apply_open(""), true };
    starp_stats before, after;
    (void)state;
    starp_array *x = starp_from_host(m.s, (double[]){ 1, 2, 3 }, STARP_SHAPE(3), STARP_F64);
    assert_int_equal(starp_register_elementwise(m.s, "other", &apply_functions[0].f), STARP_OK);
    starp_stats_of(m.s, &before);
    assert_int_equal(starp_eval(starp_multiply(make_affine(&m, x), make_affine(&m, x))), STARP_OK);
    starp_stats_of(m.s, &after);
    assert_true(after.merged > before.merged);
    starp_array *a = make_affine(&m, x), *b = apply1(&m, "other", x);
    char *text = apply_explain(a);
    if (strstr(text, "may become")) fail_msg("%s", text);
    apply_expect(text, "function affine");
    free(text);
    assert_int_equal(starp_eval(a), STARP_OK);
    assert_int_equal(starp_eval(b), STARP_OK);
    text = apply_explain(b);
    apply_expect(text, "function other");
    free(text);
    apply_close(m.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_those_of_built_in_operations),
        cmocka_unit_test(random_expressions),
        cmocka_unit_test(large_arrays),
        cmocka_unit_test(one_step),
        cmocka_unit_test(what_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

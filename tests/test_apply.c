/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_apply.c: functions of the program's own for each element. The same expressions are made with them and with built-in
 * operations that compute the same, and must have the same bits, however work is cut, fused and dealt out; the functions
 * themselves look at what they are promised, and give NaN where it is not kept.
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

#include "client.h"
#include "ranks.h"
#include "rig.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* -------------------------------------------------------------------------------------------------------- functions */

/* out overlaps no operand, all are aligned, and chunks are no longer than is documented. */
static bool promised(size_t n, const void *out, size_t out_item, const void *const *in, int nin, size_t in_item)
{
    uintptr_t y = (uintptr_t)out;
    bool good = n > 0 && n <= STARP_MAXCHUNK && y % out_item == 0;
    for (int k = 0; k < nin; k++) {
        uintptr_t x = (uintptr_t)in[k];
        good = good && x % in_item == 0 && (x + n * in_item <= y || y + n * out_item <= x);
    }
    return good;
}

#define FUNCTION(name, from, to, nin, broken, ...) \
    static void name(size_t n, void *out, const void *const *in, const void *user) \
    { \
        const from *x = in[0], *y = in[nin > 1 ? 1 : 0], *z = in[nin - 1]; \
        to *r = out; \
        bool good = promised(n, out, _Alignof(to), in, nin, _Alignof(from)); \
        (void)user, (void)y, (void)z; \
        for (size_t i = 0; i < n; i++) r[i] = good ? (to)(__VA_ARGS__) : (to)(broken); \
    }
FUNCTION(affine, double, double, 1, NAN, x[i] * ((const double *)user)[0] + ((const double *)user)[1])
FUNCTION(bend, double, double, 2, NAN, x[i] * y[i] - x[i])
FUNCTION(choose, double, double, 3, NAN, x[i] < y[i] ? z[i] : x[i])
FUNCTION(square, float, float, 1, NAN, x[i] * x[i])
FUNCTION(mirror, double _Complex, double _Complex, 2, NAN, CMPLX(creal(x[i]) + creal(y[i]), -cimag(x[i]) + cimag(y[i])))
FUNCTION(magnitude, double _Complex, double, 1, NAN, fabs(creal(x[i])) + fabs(cimag(x[i])))
FUNCTION(level, double, int32_t, 1, -99, x[i] > 0.5 ? 7 : -2)
FUNCTION(greater, double, bool, 2, false, x[i] > y[i])
FUNCTION(invert, bool, int8_t, 1, 99, !x[i])
FUNCTION(triple, int16_t, int64_t, 1, -99, (int64_t)x[i] * 3)

static const double factors[2] = { 2, 1 };

static const struct {
    const char *name;
    starp_elementwise f;
} functions[] = {
    { "affine", { affine, 1, STARP_F64, STARP_F64, factors, sizeof factors } },
    { "bend", { bend, 2, STARP_F64, STARP_F64, NULL, 0 } },
    { "choose", { choose, 3, STARP_F64, STARP_F64, NULL, 0 } },
    { "square", { square, 1, STARP_F32, STARP_F32, NULL, 0 } },
    { "mirror", { mirror, 2, STARP_C128, STARP_C128, NULL, 0 } },
    { "magnitude", { magnitude, 1, STARP_C128, STARP_F64, NULL, 0 } },
    { "level", { level, 1, STARP_F64, STARP_I32, NULL, 0 } },
    { "greater", { greater, 2, STARP_F64, STARP_BOOL, NULL, 0 } },
    { "invert", { invert, 1, STARP_BOOL, STARP_I8, NULL, 0 } },
    { "triple", { triple, 1, STARP_I16, STARP_I64, NULL, 0 } },
};

static starp_session *open_session(const char *environment)
{
    rig_environment(environment);
    starp_session *s = starp_open(NULL);
    rig_environment("");
    assert_non_null(s);
    for (size_t i = 0; i < COUNT(functions); i++) {
        if (starp_register_elementwise(s, functions[i].name, &functions[i].f) != STARP_OK) fail_msg("%s", starp_last_error());
    }
    starp_scope_open(s);
    return s;
}

static void close_session(starp_session *s)
{
    starp_scope_close(s);
    if (starp_close(s) != STARP_OK) fail_msg("%s", starp_last_error());
}

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
    return starp_astype(starp_where(starp_greater(x, number(m, 0.5)), number(m, 7), starp_multiply(number(m, -2), starp_ones(m->s, STARP_SHAPE0, STARP_F64))), STARP_I32);
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
    starp_array *x = starp_subtract(starp_multiply(starp_random_uniform(s, STARP_SHAPE(37, 53), STARP_F64), number(m, 3)), number(m, 1));
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
    struct maker m = { open_session(environment), own };
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
    close_session(m.s);
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
    struct maker m = { open_session(environment), own };
    starp_array *x[40];
    int n = 3;
    starp_seed(m.s, seed);
    for (int k = 0; k < 3; k++) x[k] = starp_random_uniform(m.s, STARP_SHAPE(24, 24), STARP_F64);
    for (; n < 40; n++) x[n] = extend(&m, x, n, &seed);
    for (int k = 0; k < 3; k++) {
        if (starp_read(x[39 - 9 * k], got + 576 * k, 576 * sizeof *got) != STARP_OK) fail_msg("seed %d: %s", (int)seed, starp_last_error());
    }
    close_session(m.s);
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
        struct maker m = { open_session("STARP_SMALL=0"), own };
        starp_array *x = starp_random_uniform(m.s, STARP_SHAPE(N), STARP_F64);
        starp_array *y = make_affine(&m, starp_sqrt(make_bend(&m, make_affine(&m, x), number(&m, 2))));
        assert_int_equal(starp_eval(y), STARP_OK);
        starp_array *z = make_affine(&m, y);
        starp_release(y);
        assert_int_equal(starp_read(z, got[own], N * sizeof(double)), STARP_OK);
        close_session(m.s);
    }
    assert_int_equal(rig_differ(STARP_F64, got[1], got[0], N, false), -1);
    free(got[0]), free(got[1]);
}

/* ------------------------------------------------------------------------------------------------------------ plans */

static char *explain(starp_array *x)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(starp_explain(x, out), STARP_OK);
    fclose(out);
    return text;
}

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);
}

static void one_step(void **state)
{
    struct maker m = { open_session(""), true };
    (void)state;
    starp_array *x = starp_zeros(m.s, STARP_SHAPE(10, 10), STARP_F64), *d = starp_sqrt(x);
    assert_int_equal(starp_eval(d), STARP_OK);
    starp_array *y = starp_sqrt(starp_add(starp_multiply(make_affine(&m, d), number(&m, 2)), number(&m, 1)));
    char *text = explain(y);
    expect_in(text, "plan: 1 step for 4 operations");
    expect_in(text, "function affine");
    expect_in(text, "= apply1(");
    free(text);
    text = explain(starp_sum(make_choose(&m, starp_at(d, "1:"), starp_at(make_bend(&m, d, x), ":-1"), number(&m, 3)), NULL, 0));
    expect_in(text, "plan: 1 step for");
    expect_in(text, "function choose");
    expect_in(text, "= apply3(");
    free(text);
    close_session(m.s);
}

/* Equal applications are one; plans of other functions have texts of their own; nothing is written over what is read. */
static void what_is_shared(void **state)
{
    struct maker m = { open_session(""), true };
    starp_stats before, after;
    (void)state;
    starp_array *x = starp_from_host(m.s, (double[]){ 1, 2, 3 }, STARP_SHAPE(3), STARP_F64);
    assert_int_equal(starp_register_elementwise(m.s, "other", &functions[0].f), STARP_OK);
    starp_stats_of(m.s, &before);
    assert_int_equal(starp_eval(starp_multiply(make_affine(&m, x), make_affine(&m, x))), STARP_OK);
    starp_stats_of(m.s, &after);
    assert_true(after.merged > before.merged);
    starp_array *a = make_affine(&m, x), *b = apply1(&m, "other", x);
    char *text = explain(a);
    if (strstr(text, "may become")) fail_msg("%s", text);
    expect_in(text, "function affine");
    free(text);
    assert_int_equal(starp_eval(a), STARP_OK);
    assert_int_equal(starp_eval(b), STARP_OK);
    text = explain(b);
    expect_in(text, "function other");
    free(text);
    close_session(m.s);
}

/* ------------------------------------------------------------------------------------------------------------ names */

static void a_name_is_given_again(void **state)
{
    starp_session *s = open_session("");
    double got[3];
    (void)state;
    starp_array *x = starp_scalar(s, 10.0), *old = starp_apply(s, "affine", STARP_ARGS(x));
    starp_elementwise f = functions[0].f;
    f.user = (double[]){ 3, 4 };
    assert_int_equal(starp_register_elementwise(s, "affine", &f), STARP_OK);
    starp_array *new = starp_apply(s, "affine", STARP_ARGS(x));
    assert_int_equal(starp_register_elementwise(s, "affine", &functions[0].f), STARP_OK);
    starp_array *again = starp_apply(s, "affine", STARP_ARGS(x));
    starp_array *both = starp_add(starp_multiply(old, starp_scalar(s, 100.0)), new); /* equal but for what they name */
    assert_int_equal(starp_read(both, &got[0], 8), STARP_OK);
    assert_true(got[0] == 2134);
    assert_int_equal(starp_read(old, &got[0], 8), STARP_OK);
    assert_int_equal(starp_read(new, &got[1], 8), STARP_OK);
    assert_int_equal(starp_read(again, &got[2], 8), STARP_OK);
    assert_true(got[0] == 21 && got[1] == 34 && got[2] == 21);
    close_session(s);
}

static int first(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *y = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0 });
    (void)nin, (void)user;
    if (!y) return 1;
    *y = *(const double *)in[0].data;
    return 0;
}

static void functions_on_slices_have_names_of_their_own(void **state)
{
    starp_session *s = open_session("");
    double got[2][4];
    (void)state;
    assert_int_equal(starp_register(s, "affine", &(starp_function){ .iterate = first }), STARP_OK);
    starp_array *x = starp_from_host(s, (double[]){ 1, 2, 3, 4 }, STARP_SHAPE(1, 4), STARP_F64);
    assert_int_equal(starp_read(starp_ppeval(s, "affine", STARP_ARGS(x)), got[0], sizeof got[0]), STARP_OK);
    assert_int_equal(starp_read(starp_apply(s, "affine", STARP_ARGS(x)), got[1], sizeof got[1]), STARP_OK);
    for (int i = 0; i < 4; i++) assert_true(got[0][i] == i + 1 && got[1][i] == 2 * (i + 1) + 1);
    assert_null(starp_ppeval(s, "bend", STARP_ARGS(x)));
    starp_clear_error();
    close_session(s);
}

/* ----------------------------------------------------------------------------------------------------------- errors */

static void refused(const void *result, starp_status status, const char *text)
{
    assert_null(result);
    if (starp_last_status() != status || !strstr(starp_last_error(), text)) {
        fail_msg("%s: %s; expected: %s, %s", starp_status_name(starp_last_status()), starp_last_error(), starp_status_name(status), text);
    }
    starp_clear_error();
}

static void calls_that_are_refused(void **state)
{
    starp_session *s = open_session(""), *other = starp_open(NULL);
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(3, 4), STARP_F64), *y = starp_zeros(s, STARP_SHAPE(5), STARP_F64);
    starp_array *c = starp_zeros(s, STARP_SHAPE(3), STARP_C128), *k = starp_zeros(s, STARP_SHAPE(3), STARP_I64), *b = starp_zeros(s, STARP_SHAPE(3), STARP_BOOL);
    refused(starp_apply(s, "nobody", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "no elementwise function nobody");
    refused(starp_apply(s, NULL, STARP_ARGS(x)), STARP_ERR_ARGUMENT, "name");
    refused(starp_apply(NULL, "affine", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "session");
    refused(starp_apply(s, "affine", STARP_ARGS(x, x)), STARP_ERR_ARGUMENT, "2 arguments");
    refused(starp_apply(s, "bend", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "takes 2");
    refused(starp_apply(s, "affine", 1, NULL), STARP_ERR_ARGUMENT, "arguments");
    refused(starp_apply(s, "bend", STARP_ARGS(x, y)), STARP_ERR_SHAPE, "bend: shapes (3, 4) and (5,) do not broadcast");
    refused(starp_apply(s, "affine", STARP_ARGS(c)), STARP_ERR_DTYPE, "affine: argument 1 is c128");
    refused(starp_apply(s, "bend", STARP_ARGS(x, starp_scalar(s, 1.0 * I))), STARP_ERR_DTYPE, "argument 2 is a C number, c128");
    refused(starp_apply(s, "square", STARP_ARGS(x)), STARP_ERR_DTYPE, "not converted to f32");
    refused(starp_apply(s, "square", STARP_ARGS(k)), STARP_ERR_DTYPE, "not converted to f32");
    refused(starp_apply(s, "triple", STARP_ARGS(x)), STARP_ERR_DTYPE, "not converted to i16");
    refused(starp_apply(s, "triple", STARP_ARGS(k)), STARP_ERR_DTYPE, "not converted to i16");
    refused(starp_apply(s, "triple", STARP_ARGS(starp_scalar(s, 1.5))), STARP_ERR_DTYPE, "a C number, f64");
    refused(starp_apply(s, "triple", STARP_ARGS(starp_scalar(s, 70000))), STARP_ERR_DTYPE, "70000");
    refused(starp_apply(s, "invert", STARP_ARGS(starp_scalar(s, 1))), STARP_ERR_DTYPE, "not converted to bool");
    assert_non_null(starp_apply(s, "triple", STARP_ARGS(b)));
    assert_non_null(starp_apply(s, "affine", STARP_ARGS(k)));
    assert_non_null(starp_apply(s, "square", STARP_ARGS(starp_scalar(s, 3))));
    assert_null(starp_apply(s, "bend", STARP_ARGS(x, NULL)));
    assert_int_equal(starp_last_status(), STARP_OK);
    refused(starp_apply(s, "affine", STARP_ARGS(starp_zeros(other, STARP_SHAPE(3), STARP_F64))), STARP_ERR_HANDLE, "another session");
    assert_int_equal(starp_close(other), STARP_OK);
    close_session(s);
}

static void functions_that_are_refused(void **state)
{
    starp_session *s = open_session("");
    const starp_elementwise good = functions[0].f;
    starp_elementwise f[6] = { good, good, good, good, good, good };
    char name[SP_FUNCTION_NAME + 1];
    (void)state;
    f[0].apply = NULL, f[1].nargs = 0, f[2].nargs = 4, f[3].in = STARP_NDTYPES, f[4].out = (starp_dtype)-1, f[5].user = NULL;
    for (size_t i = 0; i < COUNT(f); i++) {
        assert_int_equal(starp_register_elementwise(s, "new", &f[i]), STARP_ERR_ARGUMENT);
        assert_non_null(strstr(starp_last_error(), "new"));
    }
    memset(name, 'x', sizeof name);
    name[SP_FUNCTION_NAME] = 0;
    assert_int_equal(starp_register_elementwise(s, name, &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, "", &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, NULL, &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, "new", NULL), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(NULL, "new", &good), STARP_ERR_ARGUMENT);
    starp_clear_error();
    assert_null(starp_apply(s, "new", STARP_ARGS(starp_scalar(s, 1.0))));
    starp_clear_error();
    name[SP_FUNCTION_NAME - 1] = 0; /* longer than what a node has room for */
    assert_int_equal(starp_register_elementwise(s, name, &good), STARP_OK);
    starp_array *y = starp_apply(s, name, STARP_ARGS(starp_scalar(s, 1.0)));
    char *text = explain(y);
    expect_in(text, "function xxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    free(text);
    assert_int_equal(starp_eval(y), STARP_OK);
    close_session(s);
}

/* Nodes as a frame might describe them: of no function, or of one with other operands. Whatever they say, it is an error. */
static void nodes_of_no_function(void **state)
{
    SKIP_ON_RANKS();
    starp_session *s = open_session("STARP_SMALL=0");
    struct sp_apply_param p = { .name = "stray" };
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(40), STARP_F64), *sane = starp_apply(s, "affine", STARP_ARGS(x));
    assert_non_null(sp_elementwise_find(s->sched, "affine", &p.function));
    const uint32_t affine_number = p.function;
    for (int i = 0; i < 4; i++) {
        p.function = i == 0 ? 1000 : affine_number;
        struct sp_node *in[] = { x->node, x->node };
        struct sp_node *n = sp_build_apply(&s->graph, &p, i == 1 ? STARP_C128 : STARP_F64, i == 2 ? STARP_C128 : STARP_F64, i == 3 ? 2 : 1, in);
        starp_array *y = starp_sum(sp_client_wrap(s, n), NULL, 0);
        assert_int_equal(starp_eval(y), STARP_ERR_RUNTIME);
        expect_in(starp_last_error(), "stray: there is no such function");
    }
    assert_int_equal(starp_eval(sane), STARP_OK);
    close_session(s);
}

/* A ppeval that names an elementwise function. */
static void slices_of_a_function_for_elements(void **state)
{
    starp_session *s = open_session("");
    struct sp_ppeval_param p = { .nresults = 1 };
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(4, 5), STARP_F64);
    assert_non_null(sp_elementwise_find(s->sched, "affine", &p.function));
    assert_int_equal(starp_eval(x), STARP_OK);
    struct sp_node *n = sp_build_ppeval(&s->graph, 1, &x->node, &p, &(struct sp_results){ 1, { STARP_F64 }, { { 1, { 4 } } } });
    assert_int_equal(starp_eval(sp_client_wrap(s, n)), STARP_ERR_COMPUTE);
    expect_in(starp_last_error(), "for elements");
    close_session(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_those_of_built_in_operations),
        cmocka_unit_test(random_expressions),
        cmocka_unit_test(large_arrays),
        cmocka_unit_test(one_step),
        cmocka_unit_test(what_is_shared),
        cmocka_unit_test(a_name_is_given_again),
        cmocka_unit_test(functions_on_slices_have_names_of_their_own),
        cmocka_unit_test(calls_that_are_refused),
        cmocka_unit_test(functions_that_are_refused),
        cmocka_unit_test(nodes_of_no_function),
        cmocka_unit_test(slices_of_a_function_for_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

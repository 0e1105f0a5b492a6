/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fft_fused.c: elementwise work that is done where Fourier transforms gather their lines: the same bits as where it is stored
 * first, of all dtypes and views, along every axis, at once and by many tasks, of short lines and long ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ranks.h"
#include "rig.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static starp_array *scalar(double x)
{
    return starp_scalar(session, x);
}

static starp_array *input(const starp_dims *shape, starp_dtype d)
{
    static uint64_t seed;
    seed = 7 + (uint64_t)d;
    return fc_input(shape, d, &seed);
}

static starp_array *index_along(int64_t n)
{
    return starp_arange(session, 0, (double)n, 1, STARP_I64);
}

/* ------------------------------------------------------------------------------------------------------- expressions */

/* What case k is; NULL: there are no more. `axis` is along which it is transformed, d the dtype of one of the operands. */
typedef starp_array *make(const starp_dims *shape, int axis, starp_dtype d, int k);

static starp_array *short_case(const starp_dims *shape, int axis, starp_dtype d, int k)
{
    starp_array *a = input(shape, STARP_C128), *b = input(shape, STARP_C64), *x = input(shape, d), *last = index_along(shape->v[shape->n - 1]);
    starp_array *turned = starp_transpose(input(shape, STARP_C128)), *back = starp_flip(x, NULL), *few;
    int64_t n = shape->v[axis];
    int other = shape->n - 1 - axis;
    switch (k) {
    case 0: return starp_fft_ifft(starp_multiply(starp_fft_fft(a, 0, axis, STARP_BACKWARD), starp_fft_fft(b, 0, axis, STARP_ORTHO)), 0, axis, STARP_FORWARD);
    case 1: return starp_fft_fft(starp_multiply(x, b), 0, axis, STARP_BACKWARD);
    case 2: return starp_fft_rfft(starp_add(starp_real(x), scalar(0.5)), 0, axis, STARP_ORTHO);
    case 3: return starp_fft_irfft(starp_multiply(starp_conj(b), x), 2 * n, axis, STARP_BACKWARD);
    case 4: return starp_fft_fft(starp_multiply(starp_subtract(back, a), back), n + 5, axis, STARP_BACKWARD);
    case 5: return starp_fft_ifft(starp_add(turned, starp_transpose(x)), 0, other, STARP_BACKWARD);
    case 6: return starp_fft_fft(starp_multiply(a, starp_cos(last)), 0, axis, STARP_BACKWARD);
    case 7: return starp_fft_fft(starp_exp(starp_multiply(last, scalar(0.01))), 0, 0, STARP_BACKWARD);
    case 8: return starp_pad(starp_equal(x, back), shape, shape);
    case 9: return starp_pad(starp_add(x, x), shape, shape);
    case 10: return starp_fft_fft(starp_astype(x, STARP_C64), n > 3 ? n - 2 : 1, axis, STARP_BACKWARD);
    case 11: return starp_fft_fft(starp_multiply(starp_ones(session, shape, STARP_C64), scalar(3)), 0, axis, STARP_BACKWARD);
    case 12: return starp_fft_fftn(starp_multiply(a, starp_fft_fftn(b, NULL, NULL, STARP_BACKWARD)), NULL, NULL, STARP_BACKWARD);
    case 13: few = input(STARP_SHAPE(1), d); return starp_fft_fft(starp_add(starp_multiply(few, x), starp_at(few, "0")), 0, axis, STARP_BACKWARD);
    case 14: few = starp_at(back, "..., ::-1"); return starp_fft_fft(starp_where(starp_equal(x, few), few, b), 0, axis, STARP_BACKWARD);
    case 15: few = starp_multiply(a, x); return starp_add(starp_fft_fft(few, 0, axis, STARP_BACKWARD), starp_fft_ifft(few, 0, axis, STARP_BACKWARD));
    case 16: return starp_fft_fft(starp_add(starp_random_uniform(session, shape, STARP_F32), a), 0, axis, STARP_BACKWARD);
    default: return NULL;
    }
}

/* Two axes in one operation, `axis` and the last one: lines of the first pass are made. */
static starp_array *plane_case(const starp_dims *shape, int axis, starp_dtype d, int k)
{
    int last = shape->n - 1;
    int64_t n = shape->v[axis], m = shape->v[last];
    starp_dims rows_first = { 2, { axis, last } }, columns_first = { 2, { last, axis } }, more = { 2, { n + 3, 2 * m } };
    starp_array *a = input(shape, STARP_C128), *b = input(shape, STARP_C64), *x = input(shape, d), *index = index_along(m);
    switch (k) {
    case 0: return starp_fft_fft2(starp_multiply(a, x), NULL, &rows_first, STARP_BACKWARD);
    case 1: return starp_fft_fft2(starp_astype(x, STARP_C128), NULL, &columns_first, STARP_ORTHO);
    case 2: return starp_fft_rfft2(starp_add(starp_real(x), starp_imag(b)), &more, &rows_first, STARP_BACKWARD);
    case 3: return starp_fft_rfft2(starp_astype(x, STARP_F64), NULL, &columns_first, STARP_FORWARD);
    case 4: return starp_fft_irfft2(starp_multiply(b, b), &more, &rows_first, STARP_BACKWARD);
    case 5: return starp_fft_irfft2(starp_add(starp_conj(b), x), &more, &columns_first, STARP_ORTHO);
    case 6:
        a = starp_multiply(starp_fft_fft2(a, NULL, NULL, STARP_BACKWARD), starp_fft_fft2(b, NULL, NULL, STARP_BACKWARD));
        return starp_fft_ifft2(a, NULL, NULL, STARP_BACKWARD);
    case 7: return starp_fft_ifft2(starp_multiply(starp_flip(x, NULL), starp_cos(index)), &more, &rows_first, STARP_FORWARD);
    case 8: return starp_fft_fft2(starp_add(starp_multiply(x, b), starp_at(a, "..., ::-1")), NULL, &columns_first, STARP_BACKWARD);
    default: return NULL;
    }
}

/* By six steps: lines that the program makes whole, that end early, from an index, from constants, from elements apart. */
static starp_array *long_case(const starp_dims *shape, int axis, starp_dtype d, int k)
{
    starp_array *x = input(shape, d), *i = index_along(shape->v[axis]);
    if (shape->n > 1) i = starp_reshape(i, axis ? STARP_SHAPE(1, shape->v[axis]) : STARP_SHAPE(shape->v[axis], 1));
    starp_array *wave = starp_sin(starp_multiply(i, scalar(0.001)));
    starp_array *f = starp_astype(input(shape, STARP_F32), STARP_F64);
    switch (k) {
    case 0: return starp_fft_fft(x, 0, axis, STARP_BACKWARD);
    case 1: return starp_fft_ifft(starp_multiply(x, wave), 0, axis, STARP_ORTHO);
    case 2: return starp_fft_fft(starp_multiply(starp_flip(x, NULL), wave), 131072, axis, STARP_BACKWARD);
    case 3: return starp_fft_fft(starp_add(f, starp_multiply(f, starp_astype(x, STARP_F64))), 0, axis, STARP_BACKWARD);
    case 4: return starp_fft_fft(starp_cos(wave), 66560, axis, STARP_BACKWARD);
    case 5: return starp_fft_fft(starp_multiply(starp_add(x, scalar(1)), starp_mean(f, NULL, 0)), 78400, axis, STARP_FORWARD);
    case 6: return starp_fft_rfft(starp_multiply(starp_real(x), starp_real(x)), 2 * 66560, axis, STARP_BACKWARD);
    default: return NULL;
    }
}

/* Of more than 2048 rows, so that columns are decimated. */
static starp_array *longest_case(const starp_dims *shape, int axis, starp_dtype d, int k)
{
    starp_array *x = input(shape, d), *wave = starp_cos(starp_multiply(index_along(shape->v[0]), scalar(0.001)));
    if (k == 0) return starp_fft_fft(starp_multiply(x, starp_astype(wave, d)), 2050 * 2050, axis, STARP_BACKWARD);
    return k == 1 ? starp_fft_ifft(starp_multiply(x, starp_astype(wave, d)), 0, axis, STARP_BACKWARD) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------ checks */

static void *result(const char *environment, make *f, const starp_dims *shape, int axis, starp_dtype d, int k, size_t *bytes)
{
    rig_environment(environment);
    session = starp_open(NULL);
    if (!session) fail_msg("case %d, %s: %s", k, environment, starp_last_error());
    starp_array *y = f(shape, axis, d, k);
    if (!y && starp_last_status() != STARP_OK) fail_msg("case %d, %s: %s", k, environment, starp_last_error());
    *bytes = y ? (size_t)starp_size(y) * starp_dtype_size(starp_dtype_of(y)) : 0;
    void *data = y ? calloc(1, *bytes + 1) : NULL;
    if (y) la_done(starp_read(y, data, *bytes));
    fc_free_all();
    assert_int_equal(starp_close(session), STARP_OK);
    rig_environment("");
    return data;
}

/* The number of cases that a maker knows for these. */
static int same_bits(make *f, const char *environment, const starp_dims *shape, int axis, starp_dtype d)
{
    char unfused[200];
    size_t bytes, same;
    int k = 0;
    snprintf(unfused, sizeof unfused, "STARP_FUSE=0 %s", environment);
    for (void *want; (want = result(unfused, f, shape, axis, d, k, &bytes)); k++) {
        void *got = result(environment, f, shape, axis, d, k, &same);
        if (!got || bytes != same || memcmp(want, got, bytes) != 0) {
            fail_msg("case %d, %s, axis %d of %d, \"%s\": other bits", k, starp_dtype_name(d), axis, shape->n, environment);
        }
        free(want);
        free(got);
    }
    return k;
}

static const starp_dims shapes[] = { { 1, { 60 } }, { 2, { 12, 70 } }, { 2, { 300, 3 } }, { 3, { 5, 16, 9 } } };

static void short_lines(void **state)
{
    static const starp_dtype dtypes[] = { STARP_F64, STARP_C128, STARP_F32, STARP_C64, STARP_BOOL, STARP_I16, STARP_U8, STARP_I32 };
    SKIP_ON_RANKS(); /* check-ranks-fft looks after bits there */
    (void)state;
    starp_session *keeper = starp_open(NULL); /* keeps the task runtime up, so that the others open fast */
    for (size_t i = 0, k = 0; i < COUNT(shapes); i++) {
        for (int axis = 0; axis < shapes[i].n; axis++, k++) {
            assert_int_equal(same_bits(short_case, "", &shapes[i], axis, dtypes[k % COUNT(dtypes)]), 17);
            same_bits(short_case, "STARP_CHECK=1 STARP_SMALL=0", &shapes[i], axis, dtypes[(k + 1) % COUNT(dtypes)]);
            same_bits(short_case, "STARP_TILE=7 STARP_SMALL=0", &shapes[i], axis, dtypes[(k + 2) % COUNT(dtypes)]);
            same_bits(short_case, "STARP_TILE=64 STARP_SMALL=0 STARP_CHECK=1", &shapes[i], axis, dtypes[(k + 5) % COUNT(dtypes)]);
        }
    }
    starp_close(keeper);
}

static void planes(void **state)
{
    static const starp_dims shapes_of_planes[] = { { 2, { 40, 52 } }, { 3, { 3, 30, 44 } }, { 3, { 20, 2, 33 } } };
    static const starp_dtype dtypes[] = { STARP_F64, STARP_C128, STARP_I16, STARP_C64 };
    SKIP_ON_RANKS();
    (void)state;
    starp_session *keeper = starp_open(NULL);
    for (size_t i = 0, k = 0; i < COUNT(shapes_of_planes); i++) {
        for (int axis = 0; axis < shapes_of_planes[i].n - 1; axis++, k++) {
            assert_int_equal(same_bits(plane_case, "", &shapes_of_planes[i], axis, dtypes[k % COUNT(dtypes)]), 9);
            same_bits(plane_case, "STARP_TILE=7 STARP_SMALL=0", &shapes_of_planes[i], axis, dtypes[(k + 1) % COUNT(dtypes)]);
            same_bits(plane_case, "STARP_TILE=300 STARP_SMALL=0 STARP_CHECK=1", &shapes_of_planes[i], axis, dtypes[(k + 2) % COUNT(dtypes)]);
        }
    }
    same_bits(plane_case, "STARP_CHECK=1", STARP_SHAPE(520, 270), 0, STARP_F64);
    starp_close(keeper);
}

static void long_lines(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    starp_session *keeper = starp_open(NULL);
    assert_int_equal(same_bits(long_case, "", STARP_SHAPE(66564), 0, STARP_F64), 7);
    same_bits(long_case, "STARP_TILE=9000 STARP_CHECK=1", STARP_SHAPE(66564), 0, STARP_C128);
    same_bits(long_case, "STARP_TILE=5000", STARP_SHAPE(2, 66000), 1, STARP_F32);
    same_bits(long_case, "STARP_TILE=70000", STARP_SHAPE(67600, 2), 0, STARP_I16);
    same_bits(long_case, "STARP_TILE=60000", STARP_SHAPE(66560), 0, STARP_BOOL);
    assert_int_equal(same_bits(longest_case, "", STARP_SHAPE(2050 * 2050 - 99999), 0, STARP_C64), 2);
    starp_close(keeper);
}

/* ------------------------------------------------------------------------------------------------------- what is fused */

static void expect_text(starp_array *y, const char *text, bool there)
{
    char *got = NULL;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    assert_non_null(out);
    la_done(starp_explain(y, out));
    fclose(out);
    if (!strstr(got, text) == there) fail_msg("%s \"%s\" in:\n%s", there ? "no" : "a", text, got);
    free(got);
}

static void what_is_made_where_it_is_gathered(void **state)
{
    starp_array *a = input(STARP_SHAPE(300, 128), STARP_C128), *b = input(STARP_SHAPE(300, 128), STARP_C128), *r = input(STARP_SHAPE(300, 128), STARP_F64);
    starp_array *p = starp_multiply(a, b), *line = input(STARP_SHAPE(70000), STARP_F64), *z = input(STARP_SHAPE(70000), STARP_C128);
    (void)state;
    expect_text(starp_fft_fft(p, 0, 1, STARP_BACKWARD), "fft to (300, 128), of 1 operation over (300, 128)", true);
    expect_text(starp_fft_fft(p, 0, 0, STARP_BACKWARD), ", of ", false);
    expect_text(starp_fft_fft(r, 0, 0, STARP_BACKWARD), ", of 1 operation", true);
    expect_text(starp_fft_fft(starp_at(p, "::2"), 0, 1, STARP_BACKWARD), ", of ", false);
    expect_text(starp_add(starp_fft_fft(p, 0, 1, STARP_BACKWARD), p), ", of ", false);
    expect_text(starp_add(starp_fft_fft(p, 0, 1, STARP_BACKWARD), starp_sin(a)), ", of 1 operation", true);
    expect_text(starp_fft_fft(line, 0, 0, STARP_BACKWARD), ", of 1 operation", true);
    expect_text(starp_fft_fft(starp_multiply(z, z), 0, 0, STARP_BACKWARD), ", of 1 operation", true);
    expect_text(starp_fft_fft(starp_multiply(z, starp_flip(z, NULL)), 0, 0, STARP_BACKWARD), ", of ", false);
    expect_text(starp_fft_fft2(p, NULL, NULL, STARP_BACKWARD), "fft2 to (300, 128), of 1 operation over (300, 128)", true);
    expect_text(starp_fft_fft2(p, NULL, &(starp_dims){ 2, { 1, 0 } }, STARP_BACKWARD), ", of ", false); /* along columns first */
    expect_text(starp_fft_rfft2(starp_add(r, starp_real(a)), NULL, NULL, STARP_BACKWARD), ", of 2 operations", true);
    line = input(STARP_SHAPE(140000), STARP_F64);
    expect_text(starp_fft_rfft(line, 0, 0, STARP_BACKWARD), ", of ", false); /* every second element, twice */
}

/* A fault of an operation is one of the transform. */
static void faults(void **state)
{
    static const char *const environments[] = { "", "STARP_TILE=64 STARP_SMALL=0", "STARP_TILE=64 STARP_SMALL=0 STARP_CHECK=1" };
    (void)state;
    for (size_t i = 0; i < COUNT(environments); i++) {
        starp_dims shapes_of_faults[] = { { 1, { 40 } }, { 1, { 66564 } }, { 2, { 30, 50 } } };
        rig_environment(environments[i]);
        session = starp_open(NULL);
        for (size_t k = 0; k < COUNT(shapes_of_faults); k++) {
            starp_array *x = starp_subtract(input(&shapes_of_faults[k], STARP_I32), starp_scalar(session, (int32_t)3));
            starp_array *y = starp_fft_fftn(starp_pow(starp_scalar(session, (int32_t)2), x), NULL, NULL, STARP_BACKWARD);
            expect_text(y, ", of ", true);
            assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
            assert_non_null(strstr(starp_last_error(), "negative"));
            starp_clear_error();
        }
        fc_free_all();
        assert_int_equal(starp_close(session), STARP_OK);
    }
    rig_environment("");
}

static int open_session(void **state)
{
    fc_open_at_once(state);
    return fc_open_scope(state);
}

static int close_session(void **state)
{
    int left = fc_close_scope(state);
    return starp_close(session) == STARP_OK ? left : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_lines), cmocka_unit_test(planes), cmocka_unit_test(long_lines), cmocka_unit_test(faults),
        cmocka_unit_test_setup_teardown(what_is_made_where_it_is_gathered, open_session, close_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fft_nd.c: Fourier transforms along several axes and of Hermitian arrays, in the order and with the defaults of NumPy; sample
 * frequencies, shifts, and zeros around arrays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "rig.h"

#define UNITS 2.0 /* of eps log2 n: root mean square */
#define COUNT(list) (sizeof(list) / sizeof *(list))

static uint64_t seed = 1;

typedef starp_array *transform(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);

/* ------------------------------------------------------------------------------------------------------ several axes */

/* numpy.fft._cook_nd_args, for ndim axes and lengths where none are given. */
static void cook(const starp_dims *shape, const starp_dims *n, const starp_dims *axes, bool back_to_real, starp_dims *length, starp_dims *axis)
{
    axis->n = length->n = axes ? axes->n : n ? n->n : shape->n;
    for (int i = 0; i < axis->n; i++) {
        axis->v[i] = axes ? axes->v[i] : i - axis->n;
        if (axis->v[i] < 0) axis->v[i] += shape->n;
        length->v[i] = n && n->v[i] != -1 ? n->v[i] : shape->v[axis->v[i]];
        if (!n && back_to_real && i == axis->n - 1) length->v[i] = 2 * (length->v[i] - 1);
    }
}

static struct fc along(struct fc x, const starp_dims *length, const starp_dims *axis, int i, starp_fft_norm norm, bool inverse)
{
    return fc_dft(x, (int)axis->v[i], length->v[i], inverse ? 1 : -1, fc_divisor(length->v[i], norm, inverse));
}

/* kind: 'f' fftn, 'i' ifftn, 'r' rfftn, 'b' irfftn */
static struct fc oracle(char kind, struct fc x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm)
{
    starp_dims length, axis;
    cook(&x.shape, n, axes, kind == 'b', &length, &axis);
    int last = axis.n - 1;
    if (kind == 'b') {
        for (int i = 0; i < last; i++) x = along(x, &length, &axis, i, norm, true);
        return along(fc_mirror(x, (int)axis.v[last], length.v[last]), &length, &axis, last, norm, true);
    }
    for (int i = last; i >= 0; i--) {
        x = along(x, &length, &axis, i, norm, kind == 'i');
        if (kind == 'r' && i == last) x = fc_crop(x, (int)axis.v[i], length.v[i] / 2 + 1);
    }
    return x;
}

static void check(char kind, transform *f, starp_array *x, const starp_dims *n, const starp_dims *axes, const starp_dims *meant, starp_fft_norm norm)
{
    starp_dtype d = starp_dtype_of(x);
    bool single = d == STARP_F32 || d == STARP_C64;
    starp_array *y = f(x, n, axes, norm);
    la_done(starp_eval(y));
    struct fc want = oracle(kind, fc_read(x), n, meant, norm);
    char what[] = { kind, 0 };
    starp_dtype to = kind == 'b' ? single ? STARP_F32 : STARP_F64 : single ? STARP_C64 : STARP_C128;
    fc_near(what, y, to, want, want.size, UNITS);
}

static void check_all(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm)
{
    check('f', starp_fft_fftn, x, n, axes, axes, norm);
    check('i', starp_fft_ifftn, x, n, axes, axes, norm);
    check('b', starp_fft_irfftn, x, n, axes, axes, norm);
    if (!la_is_complex(starp_dtype_of(x))) check('r', starp_fft_rfftn, x, n, axes, axes, norm);
    fc_free_all();
}

static void all_axes(void **state)
{
    static const starp_dims shapes[] = { { 1, { 30 } }, { 2, { 17, 12 } }, { 3, { 5, 8, 9 } }, { 4, { 3, 4, 5, 6 } } };
    static const starp_dtype dtypes[] = { STARP_F64, STARP_C64, STARP_F32, STARP_C128, STARP_I32, STARP_BOOL };
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (size_t d = 0; d < COUNT(dtypes); d++) check_all(fc_input(&shapes[i], dtypes[d], &seed), NULL, NULL, (starp_fft_norm)((i + d) % 3));
    }
}

static void some_axes_and_lengths(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(6, 7, 10), STARP_F64, &seed), *z = fc_input(STARP_SHAPE(7, 6), STARP_C64, &seed);
    check_all(x, NULL, STARP_AXES(1), STARP_BACKWARD);
    check_all(x, NULL, STARP_AXES(2, 0), STARP_ORTHO);
    check_all(x, NULL, STARP_AXES(0, -1, 1), STARP_FORWARD);
    check_all(x, STARP_SHAPE(4, 12), NULL, STARP_BACKWARD); /* the last two */
    check_all(x, STARP_SHAPE(9), NULL, STARP_ORTHO);
    check_all(x, STARP_SHAPE(8, -1), STARP_AXES(2, 1), STARP_FORWARD);
    check_all(x, STARP_SHAPE(3, 4, 5), NULL, STARP_BACKWARD);
    check_all(z, STARP_SHAPE(1, 9), STARP_AXES(-1, -2), STARP_ORTHO);
    check_all(starp_at(z, "::-2"), STARP_SHAPE(5, 5), NULL, STARP_BACKWARD);
    check_all(starp_transpose(x), NULL, NULL, STARP_BACKWARD);
    check_all(starp_multiply(starp_at(x, "0"), starp_at(x, "1")), NULL, NULL, STARP_BACKWARD);
}

/* NumPy transforms again along an axis that comes again, to the length it had at first. */
static void axes_come_again(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(6, 10), STARP_F64, &seed);
    check_all(x, NULL, STARP_AXES(1, 1), STARP_BACKWARD);
    check_all(x, NULL, STARP_AXES(0, 1, 0), STARP_ORTHO);
    check_all(x, STARP_SHAPE(4, 9), STARP_AXES(-1, 1), STARP_FORWARD);
    check_all(x, STARP_SHAPE(4, 9, 5), STARP_AXES(1, 1, 0), STARP_BACKWARD);
}

static void two_axes(void **state)
{
    (void)state;
    static const starp_dims last = { 2, { -2, -1 } };
    starp_array *x = fc_input(STARP_SHAPE(3, 12, 10), STARP_F64, &seed), *z = fc_input(STARP_SHAPE(3, 12, 10), STARP_C128, &seed);
    check('f', starp_fft_fft2, z, NULL, NULL, &last, STARP_BACKWARD);
    check('i', starp_fft_ifft2, z, STARP_SHAPE(13, 5), NULL, &last, STARP_ORTHO);
    check('r', starp_fft_rfft2, x, NULL, NULL, &last, STARP_FORWARD);
    check('b', starp_fft_irfft2, z, NULL, NULL, &last, STARP_BACKWARD);
    check('b', starp_fft_irfft2, z, STARP_SHAPE(12, 15), STARP_AXES(1, 0), STARP_AXES(1, 0), STARP_BACKWARD);
    check('f', starp_fft_fft2, x, NULL, STARP_AXES(0), STARP_AXES(0), STARP_BACKWARD);
}

/* Lines along one of the axes are too long for a task. */
static void a_long_axis(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(3, 66000), STARP_F64, &seed);
    check('r', starp_fft_rfftn, x, NULL, NULL, NULL, STARP_BACKWARD);
    check('r', starp_fft_rfftn, starp_transpose(x), NULL, NULL, NULL, STARP_BACKWARD);
    starp_array *same = starp_fft_irfftn(starp_fft_rfftn(x, NULL, NULL, STARP_ORTHO), STARP_SHAPE(3, 66000), NULL, STARP_ORTHO);
    fc_near("there and back", same, STARP_F64, fc_read(x), 66000, UNITS);
}

static void over_no_axes(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(4), STARP_F32, &seed), *n = starp_astype(starp_scalar(session, 2.5), STARP_F64);
    starp_dims none = { 0 };
    la_same("fftn", starp_fft_fftn(x, NULL, &none, STARP_BACKWARD), starp_astype(x, STARP_C64));
    la_same("ifftn of a number", starp_fft_ifftn(n, NULL, NULL, STARP_BACKWARD), starp_astype(n, STARP_C128));
}

/* ---------------------------------------------------------------------------------------------------- Hermitian arrays */

static void hermitian_arrays(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        int64_t n = 2 + rig_below(&seed, 60), m = n / 2 + 1;
        starp_fft_norm norm = (starp_fft_norm)(i % 3);
        starp_dtype d = i % 2 ? STARP_C64 : STARP_C128, real = i % 2 ? STARP_F32 : STARP_F64;
        starp_array *z = fc_input(STARP_SHAPE(3, m), d, &seed), *x = fc_input(STARP_SHAPE(n, 4), real, &seed);
        struct fc h = fc_read(z), conjugate = fc_dft(fc_read(x), 0, n, 1, fc_divisor(n, norm, true));
        fc_near("hfft", starp_fft_hfft(z, n, -1, norm), real, fc_dft(fc_mirror(h, 1, n), 1, n, -1, fc_divisor(n, norm, false)), n, UNITS);
        fc_near("ihfft", starp_fft_ihfft(x, 0, 0, norm), d, fc_crop(conjugate, 0, m), n, UNITS);
        fc_near("hfft of ihfft", starp_fft_hfft(starp_fft_ihfft(x, 0, 0, norm), n, 0, norm), real, fc_read(x), n, UNITS);
    }
    starp_array *x = fc_input(STARP_SHAPE(5), STARP_I32, &seed);
    la_shape("hfft", starp_fft_hfft(x, 0, 0, STARP_BACKWARD), STARP_F64, STARP_SHAPE(8));
    fc_near("hfft", starp_fft_hfft(x, 0, 0, STARP_BACKWARD), STARP_F64, fc_dft(fc_mirror(fc_read(x), 0, 8), 0, 8, -1, 1), 8, UNITS);
}

/* ---------------------------------------------------------------------------------------------- frequencies and shifts */

static void check_frequencies(int64_t n, double d)
{
    double *want = malloc((size_t)n * sizeof *want);
    float *single = malloc((size_t)n * sizeof *single);
    double value = 1.0 / ((double)n * d);
    for (int64_t k = 0; k < n; k++) {
        want[k] = (double)(k < (n + 1) / 2 ? k : k - n) * value;
        single[k] = (float)want[k];
    }
    la_same("fftfreq", starp_fft_fftfreq(session, n, d, STARP_F64), starp_from_host(session, want, STARP_SHAPE(n), STARP_F64));
    la_same("fftfreq", starp_fft_fftfreq(session, n, d, STARP_F32), starp_from_host(session, single, STARP_SHAPE(n), STARP_F32));
    for (int64_t k = 0; k < n / 2 + 1 && k < n; k++) want[k] = (double)k * value;
    starp_array *half = starp_fft_rfftfreq(session, n, d, STARP_F64);
    la_shape("rfftfreq", half, STARP_F64, STARP_SHAPE(n / 2 + 1));
    if (n > 1) la_same("rfftfreq", half, starp_from_host(session, want, STARP_SHAPE(n / 2 + 1), STARP_F64));
    free(want);
    free(single);
}

static void frequencies(void **state)
{
    static const int64_t lengths[] = { 1, 2, 3, 4, 5, 8, 9, 100, 1001 };
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) check_frequencies(lengths[i], i % 2 ? 0.1 : -3);
}

/* y[(k + n / 2) % n] = x[k] along the axes in the set, or the other way round: byte by byte. */
static void check_shift(starp_dtype d, const starp_dims *shape, const starp_dims *axes, bool back)
{
    int64_t n = 1, size = (int64_t)starp_dtype_size(d);
    uint32_t set = axes ? 0 : ~UINT32_C(0);
    for (int i = 0; axes && i < axes->n; i++) set |= UINT32_C(1) << (axes->v[i] < 0 ? axes->v[i] + shape->n : axes->v[i]);
    for (int a = 0; a < shape->n; a++) n *= shape->v[a];
    char *x = malloc((size_t)(n * size) + 1), *y = malloc((size_t)(n * size) + 1);
    rig_fill(d, x, n, -100, 100, &seed);
    rig_sprinkle(d, x, n, &seed);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int a = shape->n - 1; a >= 0; a--) {
            int64_t e = shape->v[a], k = rest % e, by = set >> a & 1 ? back ? e - e / 2 : e / 2 : 0;
            rest /= e;
            to += (k + by) % e * stride;
            stride *= e;
        }
        memcpy(y + to * size, x + i * size, (size_t)size);
    }
    starp_array *from = starp_from_host(session, x, shape, d), *got = back ? starp_fft_ifftshift(from, axes) : starp_fft_fftshift(from, axes);
    char *z = malloc((size_t)(n * size) + 1);
    la_shape("shift", got, d, shape);
    la_done(starp_read(got, z, (size_t)(n * size)));
    if (memcmp(y, z, (size_t)(n * size)) != 0) fail_msg("%s of %s is not moved as it should be", back ? "ifftshift" : "fftshift", starp_dtype_name(d));
    free(x), free(y), free(z);
}

static void shifts(void **state)
{
    static const starp_dims shapes[] = { { 1, { 9 } }, { 1, { 300 } }, { 2, { 6, 7 } }, { 3, { 4, 1, 33 } }, { 4, { 3, 2, 5, 8 } }, { 2, { 0, 4 } } };
    (void)state;
    for (int d = 0; d < STARP_NDTYPES; d++) {
        for (size_t i = 0; i < COUNT(shapes); i++) {
            check_shift((starp_dtype)d, &shapes[i], NULL, i % 2);
            check_shift((starp_dtype)d, &shapes[i], STARP_AXES(-1), i % 2 == 0);
            check_shift((starp_dtype)d, &shapes[i], STARP_AXES(0), i % 2);
        }
    }
    starp_array *x = fc_input(STARP_SHAPE(5, 7), STARP_C64, &seed), *turned = starp_at(starp_transpose(x), "::-1");
    la_same("there and back", starp_fft_ifftshift(starp_fft_fftshift(turned, NULL), NULL), turned);
    starp_array *moved = starp_fft_fftshift(x, STARP_AXES(0));
    la_same("of a lazy array", starp_fft_fftshift(starp_add(x, x), STARP_AXES(0)), starp_add(moved, moved));
}

/* --------------------------------------------------------------------------------------------------------------- zeros */

static void check_pad(starp_array *x, const starp_dims *before, const starp_dims *after)
{
    starp_array *y = starp_pad(x, before, after);
    starp_dims shape;
    starp_index inside[STARP_MAXDIM];
    la_done(starp_shape_of(x, &shape));
    for (int a = 0; a < shape.n; a++) {
        inside[a] = STARP_RANGE(before->v[a], before->v[a] + shape.v[a]);
        shape.v[a] += before->v[a] + after->v[a];
    }
    la_shape("pad", y, starp_dtype_of(x), &shape);
    la_same("inside", starp_slice(y, shape.n, inside), x);
    assert_true(la_item(starp_count_nonzero(y, NULL, 0)) == la_item(starp_count_nonzero(x, NULL, 0)));
}

static void zeros_around(void **state)
{
    (void)state;
    for (int d = 0; d < STARP_NDTYPES; d++) {
        check_pad(fc_input(STARP_SHAPE(7, 30), (starp_dtype)d, &seed), STARP_SHAPE(2, 0), STARP_SHAPE(3, 5));
        check_pad(fc_input(STARP_SHAPE(40), (starp_dtype)d, &seed), STARP_SHAPE(1), STARP_SHAPE(0));
    }
    starp_array *x = fc_input(STARP_SHAPE(4, 5, 6), STARP_F64, &seed);
    check_pad(x, STARP_SHAPE(0, 0, 0), STARP_SHAPE(0, 0, 0));
    check_pad(starp_at(starp_transpose(x), "::-1, 1:, ::2"), STARP_SHAPE(3, 0, 70), STARP_SHAPE(1, 2, 0));
    check_pad(starp_ones(session, STARP_SHAPE(3, 3), STARP_I64), STARP_SHAPE(1, 1), STARP_SHAPE(1, 1));
    check_pad(starp_exp(x), STARP_SHAPE(0, 9, 0), STARP_SHAPE(0, 9, 0));
    check_pad(starp_zeros(session, STARP_SHAPE(0, 3), STARP_F64), STARP_SHAPE(2, 1), STARP_SHAPE(2, 1));
    starp_array *n = starp_pad(starp_scalar(session, 3.0), STARP_SHAPE0, STARP_SHAPE0);
    assert_true(la_item(n) == 3);
}

/* ------------------------------------------------------------------------------------------------------------ errors */

static void what_is_refused(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(3, 4), STARP_F64), *z = starp_zeros(session, STARP_SHAPE(3, 4), STARP_C64);
    starp_dims none = { 0 }, many = { 17, { 0 } };
    fc_refused(starp_fft_fftn(x, STARP_SHAPE(2, 3), STARP_AXES(0), STARP_BACKWARD), STARP_ERR_ARGUMENT, "fft_fftn: 2 lengths for 1 axes");
    fc_refused(starp_fft_fft2(x, STARP_SHAPE(2), NULL, STARP_BACKWARD), STARP_ERR_ARGUMENT, "fft_fft2: 1 lengths for 2 axes");
    fc_refused(starp_fft_ifftn(x, STARP_SHAPE(1, 2, 3), NULL, STARP_BACKWARD), STARP_ERR_ARGUMENT, "3 lengths for 2 dimensions");
    fc_refused(starp_fft_fftn(x, STARP_SHAPE(2, 0), NULL, STARP_BACKWARD), STARP_ERR_SHAPE, "0 elements along axis 1");
    fc_refused(starp_fft_fftn(x, STARP_SHAPE(-2, 3), NULL, STARP_BACKWARD), STARP_ERR_SHAPE, "-2 elements along axis 0");
    fc_refused(starp_fft_irfftn(starp_at(z, ":, :1"), NULL, NULL, STARP_BACKWARD), STARP_ERR_SHAPE, "0 elements along axis 1");
    fc_refused(starp_fft_fftn(x, NULL, STARP_AXES(0, 2), STARP_BACKWARD), STARP_ERR_INDEX, "axis 2");
    fc_refused(starp_fft_fft2(starp_at(x, "0"), NULL, NULL, STARP_BACKWARD), STARP_ERR_INDEX, "axis -2");
    fc_refused(starp_fft_rfftn(z, NULL, NULL, STARP_BACKWARD), STARP_ERR_DTYPE, "c64");
    fc_refused(starp_fft_rfftn(x, NULL, &none, STARP_BACKWARD), STARP_ERR_ARGUMENT, "at least one axis");
    fc_refused(starp_fft_irfftn(x, NULL, &none, STARP_BACKWARD), STARP_ERR_ARGUMENT, "at least one axis");
    fc_refused(starp_fft_rfft2(x, NULL, NULL, (starp_fft_norm)7), STARP_ERR_ARGUMENT, "norm 7");
    fc_refused(starp_fft_fftn(x, &many, NULL, STARP_BACKWARD), STARP_ERR_INDEX, "17");
    fc_refused(starp_fft_fftn(x, NULL, &many, STARP_BACKWARD), STARP_ERR_INDEX, "17");
    fc_refused(starp_fft_fftfreq(session, 0, 1, STARP_F64), STARP_ERR_ARGUMENT, "0 elements");
    fc_refused(starp_fft_fftfreq(session, 4, 0, STARP_F64), STARP_ERR_ARGUMENT, "distance of 0");
    fc_refused(starp_fft_rfftfreq(session, 4, NAN, STARP_F64), STARP_ERR_ARGUMENT, "nan");
    fc_refused(starp_fft_rfftfreq(session, 4, 1, STARP_I32), STARP_ERR_DTYPE, "i32");
    fc_refused(starp_fft_fftfreq(session, 4, 1, STARP_NDTYPES), STARP_ERR_DTYPE, "dtype");
    fc_refused(starp_fft_fftshift(x, STARP_AXES(2)), STARP_ERR_INDEX, "axis 2");
    fc_refused(starp_fft_ifftshift(x, &many), STARP_ERR_INDEX, "17");
    fc_refused(starp_pad(x, STARP_SHAPE(1), STARP_SHAPE(1, 1)), STARP_ERR_SHAPE, "1 numbers before and 2 after, for 2 dimensions");
    fc_refused(starp_pad(x, STARP_SHAPE(1, -1), STARP_SHAPE(1, 1)), STARP_ERR_SHAPE, "-1 elements before");
    fc_refused(starp_pad(x, STARP_SHAPE(1, INT64_MAX), STARP_SHAPE(1, 1)), STARP_ERR_SHAPE, "axis 1");
    fc_refused(starp_pad(x, STARP_SHAPE(1, INT64_MAX / 2), STARP_SHAPE(1, 1)), STARP_ERR_SHAPE, "2^63");
    fc_refused(starp_pad(x, NULL, STARP_SHAPE(1, 1)), STARP_ERR_ARGUMENT, "NULL");
    assert_null(starp_fft_rfftn(NULL, NULL, NULL, STARP_BACKWARD));
    assert_null(starp_fft_fftshift(NULL, NULL));
    assert_null(starp_pad(NULL, STARP_SHAPE(1), STARP_SHAPE(1)));
    assert_int_equal(starp_last_status(), STARP_OK);
}

/* An array so large that how lines are dealt hangs on it, and on several ranks its lines are dealt before and after. */
static void a_wide_frame(void **state)
{
    (void)state;
    starp_array *x = starp_ones(session, STARP_SHAPE(40000, 3), STARP_U8), *y = starp_pad(x, STARP_SHAPE(0, 7), STARP_SHAPE(0, 990));
    assert_true(la_item(starp_sum(y, NULL, 0)) == 120000);
    assert_true(la_item(starp_sum(starp_at(y, ":, 7:10"), NULL, 0)) == 120000);
}

/* ------------------------------------------------------------------------------------------------------------- groups */

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(all_axes), FC_TEST(some_axes_and_lengths), FC_TEST(axes_come_again), FC_TEST(two_axes), FC_TEST(over_no_axes), FC_TEST(hermitian_arrays),
        FC_TEST(frequencies), FC_TEST(shifts), FC_TEST(zeros_around), FC_TEST(what_is_refused),
    };
    const struct CMUnitTest large[] = { FC_TEST(a_long_axis), FC_TEST(a_wide_frame) };
    int failed = cmocka_run_group_tests_name("at once", all, fc_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, fc_open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("large", large, fc_open_at_once, la_close);
}

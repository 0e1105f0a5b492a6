/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fft.c: Fourier transforms along an axis, held against transforms in long double: of all lengths, dtypes and norms, along every
 * axis, of views and expressions, cut off and filled up, at once and by many tasks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fftw3.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "rig.h"

#define UNITS 1.0 /* of eps log2 n: root mean square */
#define COUNT(list) (sizeof(list) / sizeof *(list))

static uint64_t seed = 1;

static bool is_single(starp_dtype d)
{
    return d == STARP_F32 || d == STARP_C64;
}

static starp_dtype complex_of(starp_dtype d)
{
    return is_single(d) ? STARP_C64 : STARP_C128;
}

/* All transforms of x, which may be anything lazy: they are computed before it is. */
static void check(const char *what, starp_array *x, int64_t n, int axis, starp_fft_norm norm)
{
    starp_dtype d = starp_dtype_of(x), real = is_single(d) ? STARP_F32 : STARP_F64;
    int at = axis < 0 ? axis + starp_ndim(x) : axis;
    int64_t m = starp_dim(x, axis), forth = n ? n : m, back = n ? n : 2 * (m - 1);
    starp_array *y[4] = { starp_fft_fft(x, n, axis, norm), starp_fft_ifft(x, n, axis, norm), NULL, NULL };
    int count = 2;
    if (back > 0) y[count++] = starp_fft_irfft(x, n, axis, norm);
    if (!la_is_complex(d)) y[count++] = starp_fft_rfft(x, n, axis, norm);
    la_done(starp_eval_many(count, y));
    struct fc h = fc_read(x), forward = fc_dft(h, at, forth, -1, fc_divisor(forth, norm, false));
    fc_near(what, y[0], complex_of(d), forward, forth, UNITS);
    struct fc backward = fc_other_way(forward, at, fc_divisor(forth, norm, false), fc_divisor(forth, norm, true));
    fc_near(what, y[1], complex_of(d), backward, forth, UNITS);
    if (!la_is_complex(d)) fc_near(what, y[count - 1], complex_of(d), fc_crop(forward, at, forth / 2 + 1), forth, UNITS);
    if (back > 0) fc_near(what, y[2], real, fc_dft(fc_mirror(h, at, back), at, back, 1, fc_divisor(back, norm, true)), back, UNITS);
    for (int k = 0; k < count; k++) starp_release(y[k]);
    fc_free_all();
}

/* ----------------------------------------------------------------------------------------------------------- lengths */

static const int64_t short_lengths[] = { 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 31, 32, 33, 64, 97, 100, 128, 1000, 1021, 1024 };
static const int64_t long_lengths[] = { 2047, 2048, 2049, 4096, 4097, 5000, 6000, 8191, 8192, 10007, 65536, 65537, 65538, 70000 };
static const int64_t longest_lengths[] = { 1000000, 100003, 131072, 131074, 262144, 131072, 360360, 65776, 88573, 100489 };

static void short_lines(void **state)
{
    static const starp_dtype dtypes[] = { STARP_F64, STARP_C128, STARP_F32, STARP_C64, STARP_BOOL, STARP_I32, STARP_U8 };
    (void)state;
    for (size_t i = 0; i < COUNT(short_lengths); i++) {
        int64_t n = short_lengths[i];
        for (size_t d = i % 2; d < COUNT(dtypes); d += n < 70 ? 1 : 3) {
            starp_fft_norm norm = (starp_fft_norm)((i + d) % 3);
            check("rows", fc_input(STARP_SHAPE(3, n), dtypes[d], &seed), 0, -1, norm);
            check("columns", fc_input(STARP_SHAPE(n, 5), dtypes[d], &seed), 0, 0, norm);
        }
    }
}

/* From a spectrum that is right to the last bit of the elements' precision, the inverse finds the way back. */
static void round_trip(int64_t n, starp_dtype d)
{
    starp_dtype c = complex_of(d), real = is_single(d) ? STARP_F32 : STARP_F64;
    starp_array *x = fc_input(STARP_SHAPE(n), d, &seed);
    struct fc h = fc_read(x), forward = fc_dft(h, 0, n, -1, 1);
    fc_near("fft", starp_fft_fft(x, 0, -1, STARP_BACKWARD), c, forward, n, UNITS);
    fc_near("ifft", starp_fft_ifft(fc_put(forward, c), 0, -1, STARP_BACKWARD), c, h, n, UNITS);
    if (la_is_complex(d)) return;
    struct fc half = fc_crop(forward, 0, n / 2 + 1);
    fc_near("rfft", starp_fft_rfft(x, 0, -1, STARP_BACKWARD), c, half, n, UNITS);
    half.v[0] += 3 * I; /* what does not count */
    if (n % 2 == 0) half.v[n / 2] -= 5 * I;
    fc_near("irfft", starp_fft_irfft(fc_put(half, c), n, -1, STARP_BACKWARD), real, h, n, UNITS);
}

static void round_trips(const int64_t *length, size_t count)
{
    static const starp_dtype dtypes[] = { STARP_F64, STARP_F32, STARP_C64, STARP_F64, STARP_F32, STARP_C128 };
    for (size_t i = 0; i < count; i++) {
        round_trip(length[i], dtypes[i % COUNT(dtypes)]);
        fc_free_all();
    }
}

static void long_lines(void **state)
{
    (void)state;
    round_trips(long_lengths, COUNT(long_lengths));
}

static void longest_lines(void **state)
{
    (void)state;
    round_trips(longest_lengths, COUNT(longest_lengths));
}

/* Lines that no task transforms alone, several of them, along each axis, with norms, cut off and filled up. */
static void several_long_lines(void **state)
{
    (void)state;
    check("long rows", fc_input(STARP_SHAPE(2, 66000), STARP_F32, &seed), 0, 1, STARP_ORTHO);
    check("long columns", fc_input(STARP_SHAPE(65625, 2), STARP_F64, &seed), 0, 0, STARP_FORWARD);
    check("long, cut off", fc_input(STARP_SHAPE(70001), STARP_F64, &seed), 67200, 0, STARP_BACKWARD);
    check("long, in the middle", fc_input(STARP_SHAPE(2, 65539, 2), STARP_F64, &seed), 66000, -2, STARP_FORWARD);
    check("from little", fc_input(STARP_SHAPE(7), STARP_I32, &seed), 66000, 0, STARP_ORTHO);
    check("from one", fc_input(STARP_SHAPE(1), STARP_C128, &seed), 67375, 0, STARP_BACKWARD);
}

/* FFTW itself is no better. */
static void errors_are_those_of_fftw(void **state)
{
    static const int64_t lengths[] = { 1000, 1024, 2048, 4096, 5000, 10007, 65536, 100000, 131072 };
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        int64_t n = lengths[i];
        starp_array *x = fc_input(STARP_SHAPE(n), STARP_C128, &seed);
        fftw_complex *in = fftw_malloc((size_t)n * sizeof *in), *out = fftw_malloc((size_t)n * sizeof *out);
        fftw_plan plan = fftw_plan_dft_1d((int)n, in, out, FFTW_FORWARD, FFTW_ESTIMATE);
        la_done(starp_read(x, in, (size_t)n * sizeof *in));
        fftw_execute(plan);
        struct fc want = fc_dft(fc_read(x), 0, n, -1, 1);
        double theirs = fc_error(starp_from_host(session, out, STARP_SHAPE(n), STARP_C128), want, DBL_EPSILON, n);
        double ours = fc_error(starp_fft_fft(x, 0, 0, STARP_BACKWARD), want, DBL_EPSILON, n);
        double real = fc_error(starp_fft_rfft(starp_real(x), 0, 0, STARP_BACKWARD), fc_crop(fc_dft(fc_read(starp_real(x)), 0, n, -1, 1), 0, n / 2 + 1),
                               DBL_EPSILON, n);
        if (!(ours <= 2 * theirs && real <= 2 * theirs)) fail_msg("n %lld: %g and %g units; FFTW has %g", (long long)n, ours, real, theirs);
        fftw_destroy_plan(plan);
        fftw_free(in);
        fftw_free(out);
        fc_free_all();
    }
}

/* ----------------------------------------------------------------------------------------------- axes, views, expressions */

static void every_axis(void **state)
{
    static const starp_dims shapes[] = { { 1, { 12 } }, { 2, { 9, 20 } }, { 3, { 4, 33, 6 } }, { 4, { 3, 5, 8, 7 } }, { 4, { 2, 1, 40, 1 } } };
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (int axis = -shapes[i].n; axis < shapes[i].n; axis++) {
            starp_dtype d = axis % 2 ? STARP_F32 : STARP_C128;
            check("whole", fc_input(&shapes[i], d, &seed), 0, axis, STARP_BACKWARD);
            check("cut off", fc_input(&shapes[i], STARP_F64, &seed), 3, axis, STARP_ORTHO);
            check("filled up", fc_input(&shapes[i], d, &seed), 50, axis, STARP_FORWARD);
            check("to one", fc_input(&shapes[i], d, &seed), 1, axis, STARP_ORTHO);
        }
    }
}

static void views(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(14, 37, 22), STARP_F64, &seed), *z = fc_input(STARP_SHAPE(30, 41), STARP_C64, &seed);
    static const char *const index[] = { "::-1", "2:9, 30::-3, ::2", "..., 5", "3, ::-1", ":, 4:30:5, ::-2", "None, 1:3, None, :10", ":, :, ::-1" };
    for (size_t i = 0; i < COUNT(index); i++) {
        for (int axis = -2; axis < 0; axis++) check(index[i], starp_at(x, index[i]), i % 2 ? 25 : 0, axis, STARP_BACKWARD);
    }
    check("transposed", starp_transpose(x), 0, 0, STARP_BACKWARD);
    check("permuted", starp_permute_dims(x, STARP_AXES(2, 0, 1)), 0, 1, STARP_ORTHO);
    check("turned and flipped", starp_at(starp_transpose(z), "::-1, 3:"), 0, 1, STARP_FORWARD);
    check("rows, the same", starp_broadcast_to(starp_at(z, "4"), STARP_SHAPE(6, 41)), 0, -1, STARP_BACKWARD);
    check("columns, the same", starp_broadcast_to(starp_at(z, "4"), STARP_SHAPE(6, 41)), 0, 0, STARP_BACKWARD);
    check("an element", starp_broadcast_to(starp_at(z, "4, 5"), STARP_SHAPE(20)), 0, 0, STARP_BACKWARD);
}

static void constants_and_expressions(void **state)
{
    (void)state;
    check("ones", starp_ones(session, STARP_SHAPE(5, 24), STARP_F64), 0, -1, STARP_BACKWARD);
    check("ones, cut off", starp_ones(session, STARP_SHAPE(5, 24), STARP_C64), 7, 0, STARP_ORTHO);
    check("zeros", starp_zeros(session, STARP_SHAPE(24), STARP_I32), 30, -1, STARP_BACKWARD);
    check("true", starp_full(session, STARP_SHAPE(24), (_Bool)1, STARP_BOOL), 30, -1, STARP_BACKWARD);
    check("a range", starp_arange(session, 0, 40, 1, STARP_I32), 0, -1, STARP_BACKWARD);
    check("a range of f32", starp_reshape(starp_arange(session, 0, 40, 1, STARP_F32), STARP_SHAPE(8, 5)), 0, 0, STARP_BACKWARD);
    check("an identity", starp_eye(session, 20, 31, 2, STARP_C128), 0, 0, STARP_BACKWARD);
    starp_array *x = fc_input(STARP_SHAPE(60, 32), STARP_F64, &seed);
    check("an expression", starp_add(starp_multiply(x, starp_sin(x)), starp_scalar(session, 2)), 0, -1, STARP_BACKWARD);
    check("a part of one", starp_at(starp_exp(x), "::-3, 4:20"), 19, 0, STARP_ORTHO);
    check("a difference", starp_subtract(starp_at(x, "1:"), starp_at(x, ":-1")), 0, 0, STARP_FORWARD);
    check("a sum", starp_sum(starp_reshape(x, STARP_SHAPE(4, 15, 32)), STARP_AXES(0), 0), 0, 1, STARP_FORWARD);
    check("a product", starp_matmul(x, starp_transpose(x)), 0, 1, STARP_BACKWARD);
    check("a transform", starp_multiply(starp_fft_fft(x, 0, 0, STARP_ORTHO), starp_fft_fft(starp_square(x), 0, 1, STARP_ORTHO)), 0, 1, STARP_ORTHO);
}

/* What transforms are used for goes on as anything else does. */
static void results_are_arrays(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(40, 33), STARP_F64, &seed), *y = starp_fft_rfft(x, 0, 0, STARP_BACKWARD);
    struct fc h = fc_crop(fc_dft(fc_read(x), 0, 40, -1, 1), 0, 21);
    double want = 0, got;
    for (int64_t i = 0; i < h.size; i++) want += (double)(creall(h.v[i]) * creall(h.v[i]) + cimagl(h.v[i]) * cimagl(h.v[i]));
    la_done(starp_item(starp_sum(starp_square(starp_abs(starp_at(y, "::-1"))), NULL, 0), STARP_F64, &got));
    assert_true(fabs(got / want - 1) < 1e-13);
    la_same("equal nodes", starp_fft_rfft(x, 0, 0, STARP_BACKWARD), y);
}

/* Each row is a line of one element: as in NumPy, the default axis is the last one. */
static void a_column_is_transformed_row_by_row(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(50, 1), STARP_C128, &seed);
    la_same("fft", starp_fft_fft(x, 0, -1, STARP_BACKWARD), x);
    la_same("ifft", starp_fft_ifft(x, 0, -1, STARP_ORTHO), x);
    la_same("rfft", starp_fft_rfft(starp_real(x), 0, -1, STARP_FORWARD), starp_astype(starp_real(x), STARP_C128));
    la_same("irfft", starp_fft_irfft(x, 1, -1, STARP_BACKWARD), starp_real(x));
}

static void empty_batches(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(0, 5), STARP_F32), *y = starp_at(fc_input(STARP_SHAPE(4, 5, 6), STARP_F64, &seed), ":, 2:2");
    la_shape("fft", starp_fft_fft(x, 0, 1, STARP_BACKWARD), STARP_C64, STARP_SHAPE(0, 5));
    la_shape("rfft", starp_fft_rfft(x, 8, 1, STARP_BACKWARD), STARP_C64, STARP_SHAPE(0, 5));
    la_shape("irfft", starp_fft_irfft(y, 70000, 0, STARP_BACKWARD), STARP_F64, STARP_SHAPE(70000, 0, 6));
    starp_array *all[] = { starp_fft_fft(x, 0, 1, STARP_BACKWARD), starp_fft_rfft(y, 70000, 2, STARP_ORTHO), starp_fft_ifft(y, 7, 0, STARP_BACKWARD) };
    la_done(starp_eval_many(3, all));
    check("nothing, filled up", starp_zeros(session, STARP_SHAPE(3, 0), STARP_F64), 6, 1, STARP_BACKWARD);
    check("nothing, filled up far", starp_zeros(session, STARP_SHAPE(0), STARP_F64), 70000, 0, STARP_BACKWARD);
}

static void infinities_stay_in_their_lines(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(3, 40), STARP_F64, &seed), *row = starp_reshape(starp_arange(session, 0, 3, 1, STARP_I32), STARP_SHAPE(3, 1));
    starp_array *bad = starp_where(starp_equal(row, starp_scalar(session, 1)), starp_scalar(session, NAN), x);
    starp_array *y = starp_fft_rfft(bad, 0, -1, STARP_BACKWARD), *good = starp_fft_rfft(x, 0, -1, STARP_BACKWARD);
    la_same("lines beside NaN", starp_at(y, "::2"), starp_at(good, "::2"));
    assert_true(la_item(starp_sum(starp_isnan(starp_at(y, "1")), NULL, 0)) == 21);
}

/* -------------------------------------------------------------------------------------------------------------- laws */

static int64_t random_length(void)
{
    return 1 + rig_below(&seed, rig_below(&seed, 4) ? 300 : 9000);
}

static void transforms_are_linear(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        int64_t n = random_length();
        starp_array *x = fc_input(STARP_SHAPE(n), STARP_C128, &seed), *y = fc_input(STARP_SHAPE(n), STARP_C128, &seed), *a = starp_scalar(session, 1.5);
        starp_array *sum = starp_fft_fft(starp_add(starp_multiply(a, x), y), 0, 0, STARP_ORTHO);
        starp_array *apart = starp_add(starp_multiply(a, starp_fft_fft(x, 0, 0, STARP_ORTHO)), starp_fft_fft(y, 0, 0, STARP_ORTHO));
        fc_near("linear", sum, STARP_C128, fc_read(apart), n, 2 * UNITS);
    }
}

static void parseval(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        int64_t n = random_length();
        starp_array *x = fc_input(STARP_SHAPE(n), STARP_C128, &seed), *y = starp_fft_fft(x, 0, 0, STARP_ORTHO);
        double a = la_item(starp_sum(starp_square(starp_abs(x)), NULL, 0)), b = la_item(starp_sum(starp_square(starp_abs(y)), NULL, 0));
        assert_true(fabs(a - b) <= 16 * DBL_EPSILON * (1 + log2((double)n)) * a);
    }
}

/* A shifted line has the same spectrum, turned. */
static void shift_theorem(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        int64_t n = 2 + random_length(), by = rig_below(&seed, n);
        starp_array *x = fc_input(STARP_SHAPE(n), STARP_C128, &seed);
        struct fc h = fc_read(x), moved = fc_new(&h.shape), want = fc_dft(h, 0, n, -1, 1);
        for (int64_t k = 0; k < n; k++) {
            moved.v[(k + by) % n] = h.v[k];
            want.v[k] *= cexpl(-2 * 3.14159265358979323846264338327950288L * I * (long double)(k * by % n) / (long double)n);
        }
        fc_near("shifted", starp_fft_fft(fc_put(moved, STARP_C128), 0, 0, STARP_BACKWARD), STARP_C128, want, n, UNITS);
    }
}

static void there_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        int64_t n = random_length();
        starp_fft_norm norm = (starp_fft_norm)(i % 3);
        starp_dtype d = i % 2 ? STARP_F32 : STARP_F64;
        starp_array *x = fc_input(STARP_SHAPE(n, 3), d, &seed), *z = fc_input(STARP_SHAPE(n, 3), complex_of(d), &seed);
        starp_array *same = starp_fft_irfft(starp_fft_rfft(x, 0, 0, norm), n, 0, norm);
        fc_near("irfft of rfft", same, d, fc_read(x), n, 2 * UNITS);
        fc_near("ifft of fft", starp_fft_ifft(starp_fft_fft(z, 0, 0, norm), 0, 0, norm), complex_of(d), fc_read(z), n, 2 * UNITS);
    }
}

/* ------------------------------------------------------------------------------------------------------------ errors */

static void what_is_refused(void **state)
{
    (void)state;
    starp_array *x = starp_zeros(session, STARP_SHAPE(3, 4), STARP_F64), *z = starp_zeros(session, STARP_SHAPE(3, 4), STARP_C64);
    starp_array *nothing = starp_zeros(session, STARP_SHAPE(3, 0), STARP_F64), *number = starp_scalar(session, 1.0);
    fc_refused(starp_fft_fft(x, -1, 0, STARP_BACKWARD), STARP_ERR_SHAPE, "-1 elements");
    fc_refused(starp_fft_fft(nothing, 0, 1, STARP_BACKWARD), STARP_ERR_SHAPE, "0 elements");
    fc_refused(starp_fft_rfft(x, -5, 0, STARP_BACKWARD), STARP_ERR_SHAPE, "-5 elements");
    fc_refused(starp_fft_irfft(starp_at(z, ":, :1"), 0, 1, STARP_BACKWARD), STARP_ERR_SHAPE, "0 elements");
    fc_refused(starp_fft_fft(x, 2147483659, 0, STARP_BACKWARD), STARP_ERR_LIMIT, "no product of two"); /* a prime */
    fc_refused(starp_fft_rfft(x, 2 * INT64_C(2147483659), 0, STARP_BACKWARD), STARP_ERR_LIMIT, "no product of two");
    fc_refused(starp_fft_fft(x, 0, 2, STARP_BACKWARD), STARP_ERR_INDEX, "axis 2");
    fc_refused(starp_fft_ifft(x, 0, -3, STARP_BACKWARD), STARP_ERR_INDEX, "axis -3");
    fc_refused(starp_fft_fft(number, 0, -1, STARP_BACKWARD), STARP_ERR_INDEX, "axis -1");
    fc_refused(starp_fft_rfft(z, 0, 0, STARP_BACKWARD), STARP_ERR_DTYPE, "c64");
    fc_refused(starp_fft_ihfft(z, 0, 0, STARP_BACKWARD), STARP_ERR_DTYPE, "c64");
    fc_refused(starp_fft_fft(x, 0, 0, (starp_fft_norm)3), STARP_ERR_ARGUMENT, "norm 3");
    fc_refused(starp_fft_hfft(x, 0, 0, (starp_fft_norm)-1), STARP_ERR_ARGUMENT, "norm -1");
    fc_refused(starp_fft_fft(x, INT64_MAX / 2, 0, STARP_BACKWARD), STARP_ERR_LIMIT, "more than FFTW can count");
    assert_null(starp_fft_fft(NULL, 0, 0, STARP_BACKWARD));
    assert_null(starp_fft_irfft(NULL, 0, 0, STARP_BACKWARD));
    assert_int_equal(starp_last_status(), STARP_OK);
}

/* ------------------------------------------------------------------------------------------------------------- groups */

/* Bits on several ranks are looked after by check-ranks-fft: lengths need not be gone through on many of them. */
static bool on_many_ranks(void)
{
    const char *ranks = getenv("OMPI_COMM_WORLD_SIZE");
    return ranks && atoi(ranks) > 2;
}

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(short_lines), FC_TEST(every_axis), FC_TEST(views), FC_TEST(constants_and_expressions), FC_TEST(results_are_arrays),
        FC_TEST(a_column_is_transformed_row_by_row), FC_TEST(empty_batches), FC_TEST(infinities_stay_in_their_lines), FC_TEST(transforms_are_linear),
        FC_TEST(parseval), FC_TEST(shift_theorem), FC_TEST(there_and_back), FC_TEST(what_is_refused),
    };
    const struct CMUnitTest large[] = {
        FC_TEST(several_long_lines),
    };
    const struct CMUnitTest larger[] = {
        FC_TEST(long_lines), FC_TEST(longest_lines), FC_TEST(errors_are_those_of_fftw),
    };
    int failed = cmocka_run_group_tests_name("at once", all, fc_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, fc_open_in_tiles, la_close);
    failed += cmocka_run_group_tests_name("large, in tiles", large, fc_open_in_large_tiles, la_close);
    failed += cmocka_run_group_tests_name("large, as usual", large, fc_open_at_once, la_close);
    return on_many_ranks() ? failed : failed + cmocka_run_group_tests_name("larger", larger, fc_open_at_once, la_close);
}

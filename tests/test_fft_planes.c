/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fft_planes.c: Fourier transforms along two axes at a time, which are done in two passes over memory: they have the bits of
 * one transform after the other, in whatever pieces and strips. test_fft_nd.c holds what they compute against an oracle.
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

#define UNITS 2.0 /* of eps log2 n: root mean square */
#define COUNT(list) (sizeof(list) / sizeof *(list))

static uint64_t seed = 1;

/* The two transforms together have the bits of one after the other, whatever tasks share them. */
static void check_plane(starp_array *x, int64_t n0, int64_t n1, int first, int second, starp_fft_norm norm)
{
    starp_dims axes = { 2, { second, first } }, back = { 2, { first, second } }; /* the last one comes first, but for irfft */
    starp_array *one = starp_fft_fft(starp_fft_fft(x, n0, first, norm), n1, second, norm);
    la_same("fft2", starp_fft_fft2(x, STARP_SHAPE(n1, n0), &axes, norm), one);
    one = starp_fft_ifft(starp_fft_ifft(x, n0, first, norm), n1, second, norm);
    la_same("ifft2", starp_fft_ifft2(x, STARP_SHAPE(n1, n0), &axes, norm), one);
    one = starp_fft_fft(starp_fft_rfft(starp_real(x), n0, first, norm), n1, second, norm);
    la_same("rfft2", starp_fft_rfft2(starp_real(x), STARP_SHAPE(n1, n0), &axes, norm), one);
    one = starp_fft_irfft(starp_fft_ifft(x, n0, first, norm), n1, second, norm);
    la_same("irfft2", starp_fft_irfft2(x, STARP_SHAPE(n0, n1), &back, norm), one);
}

static void planes(void **state)
{
    static const starp_dims shapes[] = { { 2, { 37, 52 } }, { 2, { 9, 300 } }, { 2, { 65, 33 } }, { 2, { 2, 70 } }, { 2, { 40, 1 } } };
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        starp_dtype d = i % 2 ? STARP_C64 : STARP_C128;
        starp_array *x = fc_input(&shapes[i], d, &seed);
        int64_t rows = shapes[i].v[0], cols = shapes[i].v[1];
        check_plane(x, cols, rows, 1, 0, STARP_BACKWARD);
        check_plane(x, rows, cols, 0, 1, STARP_ORTHO);
        check_plane(x, cols + 11, rows / 2 + 1, -1, -2, STARP_FORWARD);
        check_plane(starp_at(starp_transpose(x), "::-1"), rows, cols + 3, 1, 0, STARP_BACKWARD);
        check_plane(starp_at(x, "::2, ::-3"), cols, rows, -1, 0, STARP_BACKWARD);
        check_plane(starp_add(x, starp_transpose(starp_transpose(x))), cols, 2 * rows, 1, 0, STARP_BACKWARD);
    }
    check_plane(starp_ones(session, STARP_SHAPE(30, 40), STARP_C64), 41, 30, 1, 0, STARP_ORTHO);
    check_plane(starp_zeros(session, STARP_SHAPE(0, 40), STARP_C128), 40, 30, 1, 0, STARP_ORTHO);
    check_plane(starp_zeros(session, STARP_SHAPE(0, 30, 40), STARP_C128), 40, 30, -1, -2, STARP_ORTHO);
}

/* What lies between the passes of one plane is used for a later one. */
static void batches_of_planes(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(7, 20, 34), STARP_C128, &seed), *y = fc_input(STARP_SHAPE(2, 18, 3, 26), STARP_C64, &seed);
    check_plane(x, 34, 20, -1, -2, STARP_BACKWARD);
    check_plane(x, 34, 7, 2, 0, STARP_ORTHO);
    check_plane(x, 40, 35, 1, 2, STARP_FORWARD);
    check_plane(x, 9, 20, 0, 1, STARP_BACKWARD);
    check_plane(y, 26, 19, 3, 1, STARP_BACKWARD);
    check_plane(starp_at(y, "::-1, 2:17"), 21, 4, -1, -2, STARP_BACKWARD);
    struct fc want = fc_dft(fc_dft(fc_dft(fc_read(x), 2, 34, -1, 1), 1, 20, -1, 1), 0, 7, -1, 1);
    fc_near("fftn", starp_fft_fftn(x, NULL, NULL, STARP_BACKWARD), STARP_C128, want, want.size, UNITS);
}

/* Several strips and tasks in a plane also in the usual tiles; a result is input of the next before it is there. */
static void a_large_plane(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(520, 540), STARP_C128, &seed), *y = fc_input(STARP_SHAPE(3, 250, 260), STARP_C64, &seed);
    check_plane(x, 540, 520, 1, 0, STARP_BACKWARD);
    check_plane(y, 260, 250, 2, 1, STARP_ORTHO);
    starp_array *there = starp_fft_fft2(starp_multiply(x, starp_scalar(session, 2.0)), NULL, NULL, STARP_BACKWARD);
    fc_near("there and back", starp_fft_ifft2(there, NULL, NULL, STARP_BACKWARD), STARP_C128, fc_read(starp_add(x, x)), 520 * 540, UNITS);
}

/* Which way is taken shows in the plan. */
static void planes_are_one_step(void **state)
{
    (void)state;
    static const struct { starp_dims shape, axes; const char *has; } cases[] = {
        { { 2, { 40, 50 } }, { 2, { 0, 1 } }, "fft2 to" }, { { 3, { 4, 40, 50 } }, { 3, { 0, 1, 2 } }, "fft2 to" },
        { { 2, { 40, 50 } }, { 2, { 1, 1 } }, "fft to" }, { { 3, { 4, 40, 50 } }, { 2, { 0, 1 } }, "fft to" },
        { { 2, { 2, 65537 } }, { 2, { 0, 1 } }, "fft to" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        starp_array *x = starp_random_uniform(session, &cases[i].shape, STARP_F64);
        la_done(starp_explain(starp_fft_fftn(x, NULL, &cases[i].axes, STARP_BACKWARD), out));
        fclose(out);
        if (!strstr(text, cases[i].has)) fail_msg("case %zu has no %s:\n%s", i, cases[i].has, text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = { FC_TEST(planes), FC_TEST(batches_of_planes), FC_TEST(planes_are_one_step) };
    const struct CMUnitTest large[] = { FC_TEST(a_large_plane) };
    int failed = cmocka_run_group_tests_name("at once", all, fc_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, fc_open_in_tiles, la_close);
    failed += cmocka_run_group_tests_name("in large tiles", all, fc_open_in_large_tiles, la_close);
    return failed + cmocka_run_group_tests_name("large", large, fc_open_at_once, la_close);
}

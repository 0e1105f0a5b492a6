/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fft_memory.c: what a session holds while it transforms long lines: little more than the operand, the result, and as much once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "starp.h"

#ifdef __SANITIZE_ADDRESS__
#define N ((int64_t)1 << 21)
#else
#define N ((int64_t)1 << 25)
#endif
#define MOST 2.2        /* times operand and result */
#define MOST_OF_RANK 6  /* times its share of them on several: what is mirrored or in whole lines is dealt out once more */

static double bytes_of(starp_array *x)
{
    return (double)starp_size(x) * (double)starp_dtype_size(starp_dtype_of(x));
}

/* In a session of its own, whose peak is that of this one transform, and of making a random operand. */
static void expect_little(starp_array *(*transform)(starp_array *x), starp_dtype dtype, const starp_dims *shape)
{
    starp_stats stats;
    starp_session *session = starp_open(NULL);
    assert_non_null(session);
    starp_array *x = starp_astype(starp_random_uniform(session, shape, STARP_F32), dtype);
    assert_int_equal(starp_eval(x), STARP_OK);
    starp_array *y = transform(x);
    assert_int_equal(starp_eval(y), STARP_OK);
    assert_int_equal(starp_stats_of(session, &stats), STARP_OK);
    double both = (bytes_of(x) + bytes_of(y)) / starp_ranks(session);
    print_message("%.2f times operand and result\n", (double)stats.bytes_peak / both);
    assert_true((double)stats.bytes_live >= both * 0.9);
    assert_true((double)stats.bytes_peak <= (starp_ranks(session) > 1 ? MOST_OF_RANK : MOST) * both);
    assert_int_equal(starp_close(session), STARP_OK);
}

static starp_array *fft(starp_array *x)
{
    return starp_fft_fft(x, 0, -1, STARP_BACKWARD);
}

static starp_array *rfft(starp_array *x)
{
    return starp_fft_rfft(x, 0, -1, STARP_BACKWARD);
}

static starp_array *irfft(starp_array *x)
{
    return starp_fft_irfft(x, 0, -1, STARP_BACKWARD);
}

static starp_array *fft2(starp_array *x)
{
    return starp_fft_fft2(x, NULL, NULL, STARP_BACKWARD);
}

static void complex_line(void **state)
{
    (void)state;
    expect_little(fft, STARP_C64, STARP_SHAPE(N));
}

static void real_line(void **state)
{
    (void)state;
    expect_little(rfft, STARP_F32, STARP_SHAPE(N));
}

static void line_to_reals(void **state)
{
    (void)state;
    expect_little(irfft, STARP_C64, STARP_SHAPE(N / 2 + 1));
}

static void plane(void **state)
{
    (void)state;
    expect_little(fft2, STARP_C64, STARP_SHAPE(N / 2048, 2048));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complex_line),
        cmocka_unit_test(real_line),
        cmocka_unit_test(line_to_reals),
        cmocka_unit_test(plane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

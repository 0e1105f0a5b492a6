/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fft_check.h: what tests of Fourier transforms hold results against: transforms in long double on the host, by another
 * algorithm than the library's, and a bound on errors in units of eps log2 n.
 */
#ifndef SP_TEST_FFT_CHECK_H
#define SP_TEST_FFT_CHECK_H

#include "linalg_check.h"

typedef long double _Complex fc_number;

/* Row-major; all of them are freed together. */
struct fc {
    starp_dims shape;
    int64_t size;
    fc_number *v;
};

struct fc fc_new(const starp_dims *shape);
void fc_free_all(void);
struct fc fc_read(starp_array *x); /* evaluated if need be; conversion to c128 is exact for what tests use */
starp_array *fc_put(struct fc x, starp_dtype dtype);
/* Computed already: floats in [-1, 1), integers in [-9, 9], bools. */
starp_array *fc_input(const starp_dims *shape, starp_dtype dtype, uint64_t *seed);

/* Sum of x[j] e^(sign 2 pi i j k / n) / divisor along an axis of which n elements are taken, zeros where there are fewer. */
struct fc fc_dft(struct fc x, int axis, int64_t n, int sign, long double divisor);
struct fc fc_crop(struct fc x, int axis, int64_t n);   /* The transform in the other direction of what y, which was divided by `had`, is a transform of: its elements backwards. */
struct fc fc_other_way(struct fc y, int axis, long double had, long double divisor);
/* to n elements, zeros where there are fewer */
struct fc fc_mirror(struct fc x, int axis, int64_t n); /* the n elements of which n / 2 + 1 or fewer are given */
long double fc_divisor(int64_t n, starp_fft_norm norm, bool inverse);

/* Fails unless x has that dtype and shape, and errors below so many units of eps log2 n against the root mean square of `want`. */
void fc_near(const char *what, starp_array *x, starp_dtype dtype, struct fc want, int64_t n, double units);
/* The error of x in these units. */
double fc_error(starp_array *x, struct fc want, double eps, int64_t n);

/* The call failed, with that status and those words. */
void fc_refused(starp_array *x, starp_status status, const char *text);

/* The session of a group of tests: nothing by tasks that is small; everything, in small tiles or larger ones. */
int fc_open_at_once(void **state);
int fc_open_in_tiles(void **state);
int fc_open_in_large_tiles(void **state);
/* Around each test: a scope, which must leave no nodes behind. */
int fc_open_scope(void **state);
int fc_close_scope(void **state);
#define FC_TEST(f) cmocka_unit_test_setup_teardown(f, fc_open_scope, fc_close_scope)

#endif

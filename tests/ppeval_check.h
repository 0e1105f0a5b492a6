/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ppeval_check.h: what tests of ppeval share: functions that look at every element of their arguments, by number and wherever it
 * lies, and sessions that know these functions by name.
 */
#ifndef SP_TEST_PPEVAL_CHECK_H
#define SP_TEST_PPEVAL_CHECK_H

#include "linalg_check.h"

int64_t pc_size_of(const starp_argument *x);
/* The element at place i in row-major order, wherever it lies, as a double. */
double pc_at_place(const starp_argument *x, int64_t i);
/* Of all elements, with weights that their places give. */
double pc_weighted_sum(const starp_argument *x);

/*
 * Two results: the first argument plus what the others come to plus a factor (user, a double) times the iteration's number, and
 * this number, i32.
 */
int pc_combine(starp_iteration *it, int nin, const starp_argument *in, const void *user);
/* Its names, with the factor 7: with shapes declared or found, for row-major arguments and, the last two, for column-major ones. */
extern const char *const pc_combines[4];

/* Registers f in the session of the group. */
void pc_enter(const char *name, starp_function f);
/* As fft_check.h's; known are the four names above, and "measure" and "measure columns": dimensions, size, and weighted sum. */
int pc_open_at_once(void **state);
int pc_open_in_tiles(void **state);

/* The function of this name on slices of x. */
starp_array *pc_each(const char *name, starp_array *x);
/* Fails unless x has n elements (64 at most), which are these. */
void pc_expect(starp_array *x, int n, const double *want);

#endif

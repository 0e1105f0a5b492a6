/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dense.h: views done by copying: a dense row-major array of int32 and, for every view of starp.h, a function that walks
 * the indices as Python would and returns a new array. The oracle of test_views.c; it shares nothing with the library.
 */
#ifndef SP_TEST_DENSE_H
#define SP_TEST_DENSE_H

#include "starp.h"

struct dense {
    starp_dims shape;
    int64_t size;
    int32_t *data;
};

struct dense dense_new(const starp_dims *shape);
struct dense dense_counting(const starp_dims *shape); /* 0, 1, 2, ... */
void dense_free(struct dense *x);

/* Each takes x over and returns the view. Arguments are valid. */
struct dense dense_range(struct dense x, int axis, int64_t start, int64_t stop, int64_t step); /* STARP_NONE: omitted */
struct dense dense_index(struct dense x, int axis, int64_t at);
struct dense dense_permute(struct dense x, const int64_t *axes);
struct dense dense_flip(struct dense x, int axis);
struct dense dense_expand(struct dense x, int axis);
struct dense dense_squeeze(struct dense x, int axis);
struct dense dense_broadcast(struct dense x, const starp_dims *shape);
struct dense dense_reshape(struct dense x, const starp_dims *shape);

#endif

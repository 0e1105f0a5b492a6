/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_moments.h: the reduction behind var and std. The accumulator is the mean (of each part, for complex numbers) and
 * m2, the sum of squared distances from it, in double: two passes over what is in the first-level cache, then merging as
 * Chan, Golub and LeVeque (1979). The data type only shows where elements are widened.
 */
#ifndef SP_KERNELS_MOMENTS_H
#define SP_KERNELS_MOMENTS_H

#include "kernels_reduce.h"

#define MOMENTS_PIECE 1024 /* reals taken at a time */

/* Copies n reals to double. */
typedef void widen_fn(size_t n, double *y, const void *x);
#define WIDEN(id, name) \
    static void name##_##id(size_t n, double *y, const void *src) \
    { const R_##id *x = src; EACH_ELEMENT y[i] = x[i]; }
EACH_F(WIDEN, widen)

/* Accumulators are `parts` means and m2; `parts` is 2 for complex numbers. */
SP_INLINE void moments_merge(size_t n, size_t parts, double *into, const double *from, double count_into, double count_from)
{
    double all = count_into + count_from, weight = count_from / all, spread = count_into * weight;
    for (size_t i = 0; i < n * (parts + 1); i += parts + 1) {
        double m2 = into[i + parts] + from[i + parts];
        for (size_t k = i; k < i + parts; k++) {
            double d = from[k] - into[k];
            into[k] += d * weight;
            m2 += d * d * spread;
        }
        into[i + parts] = m2;
    }
}

/* n <= MOMENTS_PIECE reals. */
SP_INLINE void moments_piece(size_t n, size_t parts, const double *x, double *acc)
{
    double mean[2], square[MOMENTS_PIECE];
    join_run_F64(n, x, parts, -0.0, join_sum_F64, step_sum_F64, mean);
    for (size_t k = 0; k < parts; k++) acc[k] = mean[k] /= (double)(n / parts);
    for (size_t i = 0; i < n; i += parts) {
        for (size_t k = 0; k < parts; k++) square[i + k] = (x[i + k] - mean[k]) * (x[i + k] - mean[k]);
    }
    join_run_F64(n, square, 1, -0.0, join_sum_F64, step_sum_F64, acc + parts);
}

/* One accumulator for each run of n reals. */
SP_INLINE void moments_rows(size_t rows, size_t n, size_t parts, size_t item, const char *src, widen_fn *widen, double *acc)
{
    double x[MOMENTS_PIECE], part[3];
    for (; rows--; src += n * item, acc += parts + 1) {
        for (size_t i = 0; i < n; i += MOMENTS_PIECE) {
            size_t m = smaller(n - i, MOMENTS_PIECE);
            widen(m, x, src + i * item);
            moments_piece(m, parts, x, i ? part : acc);
            if (i) moments_merge(1, parts, acc, part, (double)(i / parts), (double)(m / parts));
        }
    }
}

/* A block's columns: means in the first pass, m2 in the second. The block counts in reals. */
SP_INLINE void moments_leaf(const struct block *b, size_t parts, size_t item, widen_fn *widen, double *acc)
{
    double x[2 * FOLD_COLS], mean[2 * FOLD_COLS] = { 0 }, m2[2 * FOLD_COLS] = { 0 };
    size_t n = b->cols;
    for (size_t row = 0; row < b->rows; row++) {
        widen(n, x, b->value + row * b->stride * item);
        EACH_ELEMENT mean[i] += x[i];
    }
    EACH_ELEMENT mean[i] /= (double)b->rows;
    for (size_t row = 0; row < b->rows; row++) {
        widen(n, x, b->value + row * b->stride * item);
        EACH_ELEMENT m2[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
    }
    for (size_t i = 0; i < n; i += parts, acc += parts + 1) {
        memcpy(acc, mean + i, parts * sizeof *acc);
        acc[parts] = parts == 2 ? m2[i] + m2[i + 1] : m2[i];
    }
}

#define REDUCER_VAR(id, real_id, parts) \
    static void rows_var_##id(size_t rows, size_t len, const void *const *src, void *acc) \
    { moments_rows(rows, len * parts, parts, sizeof(R_##id), src[0], widen_##real_id, acc); } \
    static void leaf_var_##id(const struct block *b, void *acc) \
    { \
        struct block reals = { b->value, NULL, b->rows, b->cols * parts, b->stride * parts }; \
        moments_leaf(&reals, parts, sizeof(R_##id), widen_##real_id, acc); \
    } \
    static void merge_var_##id(size_t n, void *into, const void *from, int64_t a, int64_t b) \
    { moments_merge(n, parts, into, from, (double)a, (double)b); } \
    static void finish_var_##id(size_t n, const void *acc, void *dst) \
    { const double *a = acc; R_##id *d = dst; EACH_ELEMENT d[i] = (R_##id)a[i * (parts + 1) + parts]; } \
    FOLD_COLUMNS(id, var, (parts + 1) * sizeof(double), false)
REDUCER_VAR(F32, F32, 1)
REDUCER_VAR(F64, F64, 1)
REDUCER_VAR(C64, F32, 2)
REDUCER_VAR(C128, F64, 2)

#endif

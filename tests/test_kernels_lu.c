/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels_lu.c: LU factorization of small matrices has the bits of plain elimination, row by row, with every instruction
 * set; solutions solve, and have the same bits with every set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "codelets.h"
#include "rig.h"

#define MOST 67

static const char *const names[] = { "generic", "avx2", "avx512" };
static uint64_t seed = 1;

#define PLAIN(T, id, least_normal) \
    static T matrix_##id[MOST * MOST], sides_##id[MOST * MOST]; \
    static int plain_##id(int m, int n, T *a, int32_t *pivot) \
    { \
        int info = 0; \
        for (int c = 0; c < (m < n ? m : n); c++) { \
            int row = c; \
            for (int i = c + 1; i < m; i++) row = fabs(a[i * n + c]) > fabs(a[row * n + c]) ? i : row; \
            pivot[c] = row + 1; \
            for (int j = 0; j < n; j++) { \
                T t = a[c * n + j]; \
                a[c * n + j] = a[row * n + j]; \
                a[row * n + j] = t; \
            } \
            T p = a[c * n + c], scale = 1 / p; \
            if (p == 0 && info == 0) info = c + 1; \
            for (int i = c + 1; i < m && p != 0; i++) { \
                T l = fabs(p) < least_normal ? a[i * n + c] / p : a[i * n + c] * scale; \
                a[i * n + c] = l; \
                for (int j = c + 1; j < n; j++) a[i * n + j] -= l * a[c * n + j]; \
            } \
        } \
        return info; \
    } \
    static void check_factors_##id(int m, int n) \
    { \
        static T want[MOST * MOST], got[MOST * MOST]; \
        int32_t pivot[MOST], other[MOST]; \
        size_t bytes = (size_t)(m * n) * sizeof(T), pivots = (size_t)(m < n ? m : n) * sizeof *pivot; \
        memcpy(want, matrix_##id, bytes); \
        int info = plain_##id(m, n, want, pivot); \
        for (int s = 0; s < 3; s++) { \
            const struct sp_kernels *k = sp_kernels_get(names[s]); \
            if (!k) continue; \
            memcpy(got, matrix_##id, bytes); \
            assert_int_equal(k->lu[STARP_##id].factor((size_t)m, (size_t)n, got, (size_t)n, other), info); \
            assert_memory_equal(pivot, other, pivots); \
            int64_t at = rig_differ(STARP_##id, got, want, m * n, true); \
            if (at >= 0) fail_msg("%s: lu of %d x %d: element %lld is %g, not %g", names[s], m, n, (long long)at, (double)got[at], \
                                  (double)want[at]); \
        } \
    } \
    static void check_solutions_##id(int n, int sides) \
    { \
        static T lu[MOST * MOST], want[MOST * MOST], got[MOST * MOST]; \
        int32_t pivot[MOST]; \
        memcpy(lu, matrix_##id, (size_t)(n * n) * sizeof(T)); \
        assert_int_equal(plain_##id(n, n, lu, pivot), 0); \
        for (int s = 0; s < 3; s++) { \
            const struct sp_kernels *k = sp_kernels_get(names[s]); \
            if (!k) continue; \
            memcpy(got, sides_##id, (size_t)(n * sides) * sizeof(T)); \
            k->lu[STARP_##id].solve((size_t)n, (size_t)sides, lu, (size_t)n, pivot, got); \
            if (s == 0) memcpy(want, got, sizeof want); \
            assert_memory_equal(got, want, (size_t)(n * sides) * sizeof(T)); \
        } \
        for (int i = 0; i < n * sides; i++) { \
            double sum = -sides_##id[i], size = fabs(sides_##id[i]); \
            for (int j = 0; j < n; j++) { \
                double term = (double)matrix_##id[i / sides * n + j] * (double)got[j * sides + i % sides]; \
                sum += term; \
                size += fabs(term); \
            } \
            assert_true(fabs(sum) <= 40 * (n + 1) * (double)(sizeof(T) == 4 ? FLT_EPSILON : DBL_EPSILON) * size); \
        } \
    } \
    static void fill_##id(bool ties) \
    { \
        for (int i = 0; i < MOST * MOST; i++) { \
            double x = 2 * rig_uniform(&seed) - 1; \
            matrix_##id[i] = (T)(ties ? floor(2 * x) : x); \
            sides_##id[i] = (T)(2 * rig_uniform(&seed) - 1); \
        } \
    }
PLAIN(float, F32, FLT_MIN)
PLAIN(double, F64, DBL_MIN)

static void factors(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        int m = 1 + (int)rig_below(&seed, i < 300 ? 20 : MOST), n = 1 + (int)rig_below(&seed, i < 300 ? 20 : MOST);
        fill_F32(i % 2), fill_F64(i % 2); /* every other time of small integers, with many ties and zeros */
        check_factors_F32(m, n), check_factors_F64(m, n);
    }
}

static void tiny_and_missing_pivots(void **state)
{
    (void)state;
    fill_F32(false), fill_F64(false);
    for (int i = 0; i < 12 * 12; i++) matrix_F64[i] *= 0x1p-1060, matrix_F32[i] *= 0x1p-140f;
    check_factors_F32(12, 12), check_factors_F64(12, 12);
    memset(matrix_F64, 0, sizeof matrix_F64);
    check_factors_F64(12, 12);
}

static void solutions(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        int n = 1 + i % MOST, sides = i % 3 ? 1 + (int)rig_below(&seed, 40) : 1;
        fill_F32(false), fill_F64(false);
        check_solutions_F32(n, sides), check_solutions_F64(n, sides);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors),
        cmocka_unit_test(tiny_and_missing_pivots),
        cmocka_unit_test(solutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

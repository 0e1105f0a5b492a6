/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_lu.h: LU factorization with partial pivoting of small row-major matrices, which stay in the nearest cache, and solving
 * with it. LAPACK spends more on such a matrix getting ready (copies of blocks into other layouts, exchanges column by column)
 * than computing. Panels of a vector's width are factored, then each row below takes a panel's updates at once, in registers
 * (right-looking: Golub and Van Loan, Matrix Computations, 3.4). Elements get their updates one by one and in order, so
 * that bits depend neither on the panels nor on the instruction set.
 */
#ifndef SP_KERNELS_LU_H
#define SP_KERNELS_LU_H

#include "kernels.h"

#define LU_PANEL 8  /* columns; partial sums of a dot product */
#define LU_CHAINS 4 /* comparisons that do not wait for each other */

/* to[0..n) -= sum of l[k] u[k][0..n) over k < terms, term by term; a few vectors at a time stay in registers. */
#define LU_SUBTRACT(id, ...) \
    typedef T_##id lu_vector_##id __attribute__((vector_size(SP_VECTOR), aligned(sizeof(T_##id)))); \
    static void lu_subtract_##id(size_t n, T_##id *to, const T_##id *l, const T_##id *u, size_t ldu, size_t terms) \
    { \
        const size_t lanes = SP_VECTOR / sizeof(T_##id); \
        size_t x = 0; \
        for (; x + 4 * lanes <= n; x += 4 * lanes) { \
            lu_vector_##id *t = (void *)(to + x), a = t[0], b = t[1], c = t[2], d = t[3]; \
            for (size_t k = 0; k < terms; k++) { \
                const lu_vector_##id *v = (const void *)(u + k * ldu + x); \
                a -= l[k] * v[0], b -= l[k] * v[1], c -= l[k] * v[2], d -= l[k] * v[3]; \
            } \
            t[0] = a, t[1] = b, t[2] = c, t[3] = d; \
        } \
        for (; x + lanes <= n; x += lanes) { \
            lu_vector_##id *t = (void *)(to + x), a = t[0]; \
            for (size_t k = 0; k < terms; k++) a -= l[k] * *(const lu_vector_##id *)(const void *)(u + k * ldu + x); \
            t[0] = a; \
        } \
        for (; x < n; x++) { \
            for (size_t k = 0; k < terms; k++) to[x] -= l[k] * u[k * ldu + x]; \
        } \
    }
EACH_F(LU_SUBTRACT, )

/* The first row from c on whose element in column c is largest, or NaN, which must not be lost. */
#define LU_PIVOT(id, ...) \
    static size_t lu_pivot_##id(size_t m, const T_##id *a, size_t lda, size_t c) \
    { \
        T_##id most[LU_CHAINS] = { 0 }; \
        size_t i = c; \
        for (; i + LU_CHAINS <= m; i += LU_CHAINS) { \
            for (size_t k = 0; k < LU_CHAINS; k++) { \
                T_##id x = fabs(a[(i + k) * lda + c]); \
                most[k] = x > most[k] ? x : most[k]; \
            } \
        } \
        for (; i < m; i++) most[0] = fabs(a[i * lda + c]) > most[0] ? fabs(a[i * lda + c]) : most[0]; \
        for (size_t k = 1; k < LU_CHAINS; k++) most[0] = most[k] > most[0] ? most[k] : most[0]; \
        for (i = c; i < m; i++) { \
            if (!(fabs(a[i * lda + c]) < most[0])) return i; \
        } \
        return c; \
    } \
    static void lu_exchange_##id(size_t n, T_##id *a, T_##id *b) \
    { \
        if (a == b) return; \
        SP_IVDEP for (size_t x = 0; x < n; x++) { \
            T_##id t = a[x]; \
            a[x] = b[x]; \
            b[x] = t; \
        } \
    }
EACH_F(LU_PIVOT, )

/*
 * Subtracts row c from those below in the panel [j, end), by multipliers as LAPACK makes them. In a whole panel nothing is
 * subtracted from the columns before, for a fixed number of columns is one vector.
 */
#define LU_ELIMINATE(id, bits) \
    typedef T_##id lu_panel_##id __attribute__((vector_size(LU_PANEL * sizeof(T_##id)), aligned(sizeof(T_##id)))); \
    typedef bits lu_mask_##id __attribute__((vector_size(LU_PANEL * sizeof(bits)))); \
    static void lu_eliminate_##id(size_t m, T_##id *a, size_t lda, size_t c, size_t j, size_t end) \
    { \
        const T_##id pivot = a[c * lda + c], *u = a + c * lda + j; \
        const bool small = fabs(pivot) < (sizeof pivot == sizeof(double) ? DBL_MIN : FLT_MIN), whole = end - j == LU_PANEL; \
        const T_##id scale = small ? 1 : 1 / pivot; \
        const lu_panel_##id pivots = whole ? *(const lu_panel_##id *)(const void *)u : (lu_panel_##id){ 0 }; \
        lu_mask_##id taken = { 0 }; \
        for (size_t x = c + 1; x < end; x++) taken[x - j] = -1; \
        for (size_t i = c + 1; i < m; i++) { \
            T_##id *row = a + i * lda + j, l = small ? row[c - j] / pivot : row[c - j] * scale; \
            if (whole) *(lu_panel_##id *)(void *)row -= (lu_panel_##id)((lu_mask_##id)(l * pivots) & taken); \
            for (size_t x = c + 1 - j; x < end - j && !whole; x++) row[x] -= l * u[x]; \
            row[c - j] = l; \
        } \
    }
LU_ELIMINATE(F32, int32_t)
LU_ELIMINATE(F64, int64_t)

#define LU_FACTOR(id, ...) \
    static int lu_factor_##id(size_t m, size_t n, void *matrix, size_t lda, int32_t *pivot) \
    { \
        T_##id *a = matrix; \
        size_t least = smaller(m, n); \
        int info = 0; \
        for (size_t j = 0; j < least; j += LU_PANEL) { \
            size_t end = smaller(j + LU_PANEL, least); \
            for (size_t c = j; c < end; c++) { \
                size_t row = lu_pivot_##id(m, a, lda, c); \
                pivot[c] = (int32_t)row + 1; \
                lu_exchange_##id(n, a + c * lda, a + row * lda); \
                if (a[c * lda + c] != 0) lu_eliminate_##id(m, a, lda, c, j, end); \
                else if (info == 0) info = (int)c + 1; \
            } \
            for (size_t i = j + 1; i < m; i++) \
                lu_subtract_##id(n - end, a + i * lda + end, a + i * lda + j, a + j * lda + end, lda, smaller(i, end) - j); \
        } \
        return info; \
    }
EACH_F(LU_FACTOR, )

/* Several right-hand sides are subtracted from row by row. */
#define LU_SOLVE_ROWS(id, ...) \
    static void lu_solve_rows_##id(size_t n, size_t k, const T_##id *a, size_t lda, T_##id *b) \
    { \
        for (size_t i = 1; i < n; i++) lu_subtract_##id(k, b + i * k, a + i * lda, b, k, i); \
        for (size_t i = n; i-- > 0;) { \
            const T_##id *u = a + i * lda + i; \
            lu_subtract_##id(k, b + i * k, u + 1, b + (i + 1) * k, k, n - i - 1); \
            for (size_t x = 0; x < k; x++) b[i * k + x] /= u[0]; \
        } \
    }
EACH_F(LU_SOLVE_ROWS, )

/* A single one has dot products, in fixed lanes, with what is known before a block of rows; inside it goes term by term. */
#define LU_SOLVE(id, ...) \
    static T_##id lu_dot_##id(size_t n, const T_##id *a, const T_##id *b) \
    { \
        T_##id p[LU_PANEL] = { 0 }; \
        size_t i = 0; \
        for (; i + LU_PANEL <= n; i += LU_PANEL) { \
            SP_UNROLL for (size_t k = 0; k < LU_PANEL; k++) p[k] += a[i + k] * b[i + k]; \
        } \
        for (size_t k = 0; i + k < n; k++) p[k] += a[i + k] * b[i + k]; \
        return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])); \
    } \
    static void lu_solve_one_##id(size_t n, const T_##id *a, size_t lda, T_##id *b) \
    { \
        for (size_t j = 0; j < n; j += LU_PANEL) { \
            size_t end = smaller(j + LU_PANEL, n); \
            for (size_t i = j; i < end; i++) b[i] -= lu_dot_##id(j, a + i * lda, b); \
            for (size_t i = j; i < end; i++) { \
                for (size_t k = j; k < i; k++) b[i] -= a[i * lda + k] * b[k]; \
            } \
        } \
        for (size_t end = n; end > 0; end = (end - 1) / LU_PANEL * LU_PANEL) { \
            size_t j = (end - 1) / LU_PANEL * LU_PANEL; \
            for (size_t i = j; i < end; i++) b[i] -= lu_dot_##id(n - end, a + i * lda + end, b + end); \
            for (size_t i = end; i-- > j;) { \
                for (size_t k = i + 1; k < end; k++) b[i] -= a[i * lda + k] * b[k]; \
                b[i] /= a[i * lda + i]; \
            } \
        } \
    } \
    static void lu_solve_##id(size_t n, size_t k, const void *lu, size_t lda, const int32_t *pivot, void *sides) \
    { \
        T_##id *b = sides; \
        for (size_t i = 0; i < n; i++) lu_exchange_##id(k, b + i * k, b + ((size_t)pivot[i] - 1) * k); \
        if (k == 1) lu_solve_one_##id(n, lu, lda, b); \
        else lu_solve_rows_##id(n, k, lu, lda, b); \
    }
EACH_F(LU_SOLVE, )

#endif

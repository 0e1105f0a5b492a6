/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_reduce.h: sum, prod, min and max, whose accumulator is an element. join_KIND_DTYPE joins two of them and
 * run_KIND_DTYPE a run: floats by lanes in a fixed order (kernels_lanes.h), integers as the compiler likes, since their
 * order makes no difference.
 */
#ifndef SP_KERNELS_REDUCE_H
#define SP_KERNELS_REDUCE_H

#include "kernels_fold.h"
#include "kernels_map.h"

#define R float
#define FN(name) name##_F32
#include "kernels_lanes.h"
#undef R
#undef FN
#define R double
#define FN(name) name##_F64
#include "kernels_lanes.h"
#undef R
#undef FN

/* Which dtypes have them. */
#define EACH_SUMMED(M, ...) M(I64, __VA_ARGS__) M(U64, __VA_ARGS__) EACH_F(M, __VA_ARGS__) EACH_C(M, __VA_ARGS__)
#define EACH_ORDERED(M, ...) EACH_B(M, __VA_ARGS__) EACH_I(M, __VA_ARGS__) EACH_F(M, __VA_ARGS__)

#define JOIN(id, kind, ...) \
    SP_INLINE T_##id join_##kind##_##id(T_##id a, T_##id b) \
    { TYPES(id); return (T)(__VA_ARGS__); }
JOIN(I64, sum, a + b)
JOIN(U64, sum, a + b)
JOIN(I64, prod, a * b)
JOIN(U64, prod, a * b)
EACH_B(JOIN, min, a & b)
EACH_B(JOIN, max, a | b)
EACH_I(JOIN, min, INT_SMALLER(a, b))
EACH_I(JOIN, max, INT_LARGER(a, b))
EACH_C(JOIN, sum, a + b)
EACH_C(JOIN, prod, FLOAT_FN(complex_multiply)(a, b))

/* ------------------------------------------------------------------------------------------- columns, merge, finish */

#define REDUCER_COMMON(id, kind) \
    static void leaf_##kind##_##id(const struct block *b, void *acc) \
    { \
        const T_##id *x = (const T_##id *)b->value; \
        T_##id *r = acc; \
        size_t n = b->cols, rows = b->rows, stride = b->stride; \
        memcpy(r, x, n * sizeof *r); \
        while (--rows) { x += stride; EACH_ELEMENT r[i] = join_##kind##_##id(r[i], x[i]); } \
    } \
    static void merge_##kind##_##id(size_t n, void *into, const void *from, SP_UNUSED int64_t a, SP_UNUSED int64_t b) \
    { T_##id *r = into; const T_##id *x = from; EACH_ELEMENT r[i] = join_##kind##_##id(r[i], x[i]); } \
    static void finish_##kind##_##id(size_t n, const void *acc, void *dst) \
    { memcpy(dst, acc, n * sizeof(T_##id)); } \
    FOLD_COLUMNS(id, kind, sizeof(T_##id), false)
EACH_SUMMED(REDUCER_COMMON, sum)
EACH_SUMMED(REDUCER_COMMON, prod)
EACH_ORDERED(REDUCER_COMMON, min)
EACH_ORDERED(REDUCER_COMMON, max)

/* --------------------------------------------------------------------------------------------------------- runs, rows */

#define RUN_ANY_ORDER(id, kind) \
    SP_INLINE void run_##kind##_##id(size_t len, const T_##id *x, T_##id *result) \
    { \
        T_##id r = x[0]; \
        for (size_t i = 1; i < len; i++) r = join_##kind##_##id(r, x[i]); \
        *result = r; \
    }
#define RUN_LANES(id, kind, none) \
    SP_INLINE void run_##kind##_##id(size_t len, const T_##id *x, T_##id *result) \
    { TYPES(id); join_run_##id(len, x, 1, none, join_##kind##_##id, step_##kind##_##id, result); }
#define RUN_PARTS(id, real_id) \
    SP_INLINE void run_sum_##id(size_t len, const T_##id *x, T_##id *result) \
    { join_run_##real_id(2 * len, (const R_##id *)x, 2, -(R_##id)0, join_sum_##real_id, step_sum_##real_id, \
                       (R_##id *)result); }
/* As one column, which is folded by lanes of complex numbers. */
#define RUN_COLUMN(id, kind) \
    SP_INLINE void run_##kind##_##id(size_t len, const T_##id *x, T_##id *result) \
    { columns_##kind##_##id(len, 1, (const void *[]){ x }, result); }

RUN_ANY_ORDER(I64, sum)
RUN_ANY_ORDER(U64, sum)
RUN_ANY_ORDER(I64, prod)
RUN_ANY_ORDER(U64, prod)
EACH_B(RUN_ANY_ORDER, min)
EACH_B(RUN_ANY_ORDER, max)
EACH_I(RUN_ANY_ORDER, min)
EACH_I(RUN_ANY_ORDER, max)
EACH_F(RUN_LANES, sum, -(T)0)
EACH_F(RUN_LANES, prod, 1)
EACH_F(RUN_LANES, min, (T)INFINITY)
EACH_F(RUN_LANES, max, -(T)INFINITY)
RUN_PARTS(C64, F32)
RUN_PARTS(C128, F64)
EACH_C(RUN_COLUMN, prod)

#define REDUCER_ROWS(id, kind) \
    static void rows_##kind##_##id(size_t rows, size_t len, const void *const *src, void *acc) \
    { \
        const T_##id *x = src[0]; \
        T_##id *r = acc; \
        for (size_t row = 0; row < rows; row++) run_##kind##_##id(len, x + row * len, r + row); \
    }
EACH_SUMMED(REDUCER_ROWS, sum)
EACH_SUMMED(REDUCER_ROWS, prod)
EACH_ORDERED(REDUCER_ROWS, min)
EACH_ORDERED(REDUCER_ROWS, max)

#endif

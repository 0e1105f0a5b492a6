/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_vector.h: vector functions on spans of whole vectors: SLEEF's deterministic ones, whose results are the same
 * for every position and on AVX2 and AVX-512, or libm's element by element where SLEEF is missing.
 */
#ifndef SP_KERNELS_VECTOR_H
#define SP_KERNELS_VECTOR_H

#include "kernels_formula.h"

#define PER_VECTOR(type) (SP_VECTOR / sizeof(type))

/* NAME_DTYPE: y = fn(a) for n elements, n being a multiple of what a vector holds. */
#ifdef SP_HAVE_SLEEF
typedef float vector_F32 __attribute__((vector_size(SP_VECTOR), aligned(4), may_alias));
typedef double vector_F64 __attribute__((vector_size(SP_VECTOR), aligned(8), may_alias));
#define V(id, p) (*(vector_##id *)(p))
#define SPAN_1(id, name, fn, acc) \
    SP_INLINE void name##_##id(size_t n, R_##id *y, const R_##id *a) \
    { for (size_t i = 0; i < n; i += PER_VECTOR(*y)) V(id, y + i) = SP_SLEEF_##id(fn, acc)(V(id, a + i)); }
#define SPAN_2(id, name, fn, acc) \
    SP_INLINE void name##_##id(size_t n, R_##id *z, const R_##id *a, const R_##id *b) \
    { for (size_t i = 0; i < n; i += PER_VECTOR(*z)) V(id, z + i) = SP_SLEEF_##id(fn, acc)(V(id, a + i), V(id, b + i)); }
#else
#define SPAN_1(id, name, fn, acc) \
    SP_INLINE void name##_##id(size_t n, R_##id *y, const R_##id *a) \
    { for (size_t i = 0; i < n; i++) y[i] = fn(a[i]); }
#define SPAN_2(id, name, fn, acc) \
    SP_INLINE void name##_##id(size_t n, R_##id *y, const R_##id *a, const R_##id *b) \
    { for (size_t i = 0; i < n; i++) y[i] = fn(a[i], b[i]); }
#endif

EACH_F(SPAN_1, own_exp, exp, u10)
EACH_F(SPAN_1, own_log1p, log1p, u10)

#define R float
#define FN(name) name##_F32
#include "kernels_float.h"
#undef R
#undef FN
#define R double
#define FN(name) name##_F64
#include "kernels_float.h"
#undef R
#undef FN

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_map.h: the elementwise kernels, map_NAME_DTYPE: one for each form of each row of ops.def and of kernels_own.def,
 * for each dtype of its class. An expression becomes one loop that compilers vectorise.
 */
#ifndef SP_KERNELS_MAP_H
#define SP_KERNELS_MAP_H

#include "kernels_vector.h"

#define KERNEL(name, id) \
    static void map_##name##_##id(size_t n, void *dst, const void *const *src, SP_UNUSED int *fault)
#define TYPES(id) typedef T_##id T SP_UNUSED; typedef R_##id R SP_UNUSED

/* Types of the result and of the first operand. */
#define TO_SAME T
#define TO_BOOL T_BOOL
#define TO_REAL R
#define TO_SELECT T
#define FROM_SAME T
#define FROM_BOOL T
#define FROM_REAL T
#define FROM_SELECT T_BOOL

#define LOOP_1(id, name, result, ...) \
    KERNEL(name, id) \
    { TYPES(id); TO_##result *d = dst; const T *x = src[0]; \
      EACH_ELEMENT { SP_UNUSED T a = x[i]; d[i] = (TO_##result)(__VA_ARGS__); } }
#define LOOP_2(id, name, result, ...) \
    KERNEL(name, id) \
    { TYPES(id); TO_##result *d = dst; const T *x = src[0], *y = src[1]; \
      EACH_ELEMENT { T a = x[i], b = y[i]; d[i] = (TO_##result)(__VA_ARGS__); } }
#define LOOP_3(id, name, result, ...) \
    KERNEL(name, id) \
    { TYPES(id); TO_##result *d = dst; const FROM_##result *x = src[0]; const T *y = src[1], *z = src[2]; \
      EACH_ELEMENT { FROM_##result a = x[i]; T b = y[i], c = z[i]; d[i] = (TO_##result)(__VA_ARGS__); } }
/* a: the index, b: the constants, copied because dst might hold them for all the compiler knows. */
#define LOOP_INDEX(id, name, type, ...) \
    KERNEL(name, id) \
    { TYPES(id); T *d = dst; const int64_t *x = src[0]; type b[4]; memcpy(b, src[1], sizeof b); \
      EACH_ELEMENT { int64_t a = x[i]; d[i] = (T)(__VA_ARGS__); } }

#define VECTOR_1(id, name, fn, acc) \
    SPAN_1(id, span_##name, fn, acc) \
    static R_##id exact_##name##_##id(R_##id a) { return fn(a); } \
    KERNEL(name, id) { blocks_1_##id(n, dst, src[0], span_##name##_##id, exact_##name##_##id); }
#define VECTOR_2(id, name, fn, acc) \
    SPAN_2(id, span_##name, fn, acc) \
    static R_##id exact_##name##_##id(R_##id a, R_##id b) { return fn(a, b); } \
    KERNEL(name, id) { blocks_2_##id(n, dst, src[0], src[1], span_##name##_##id, exact_##name##_##id); }
#define OWN_1(id, name, fn) KERNEL(name, id) { own_##fn##_##id(n, dst, src[0]); }
#define OWN_2(id, name, fn) KERNEL(name, id) { own_##fn##_##id(n, dst, src[0], src[1]); }

/* A form becomes a kind of kernel and its arguments, then that kind for each dtype of the class. */
#define FORM_NO NOTHING,
#define FORM_BAD NOTHING,
#define FORM_E(...) LOOP, __VA_ARGS__
#define FORM_L(...) LOOP, __VA_ARGS__
#define FORM_V(...) VECTOR, __VA_ARGS__
#define FORM_W(...) OWN, __VA_ARGS__
#define MAKE(...) MAKE_(__VA_ARGS__)
#define MAKE_(cls, arity, name, result, kind, ...) MAKE_##kind(cls, arity, name, result, __VA_ARGS__)
#define MAKE_NOTHING(...)
#define MAKE_LOOP(cls, arity, name, result, ...) EACH_##cls(LOOP_##arity, name, result, __VA_ARGS__)
#define MAKE_VECTOR(cls, arity, name, result, ...) EACH_##cls(VECTOR_##arity, name, __VA_ARGS__)
#define MAKE_OWN(cls, arity, name, result, ...) EACH_##cls(OWN_##arity, name, __VA_ARGS__)

#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) \
    MAKE(B, arity, name, result, FORM_##bf) \
    MAKE(I, arity, name, result, FORM_##inf) \
    MAKE(F, arity, name, result, FORM_##ff) \
    MAKE(C, arity, name, result, FORM_##cf)
#include "starp/ops.def"
#include "kernels_own.def"
#undef STARP_OP

EACH_I(LOOP_INDEX, arange, int64_t, b[0] + a * b[1])
EACH_F(LOOP_INDEX, arange, double, b[0] + (double)a * b[1])
EACH_C(LOOP_INDEX, arange, double, COMPLEX(b[0] + (double)a * b[1], 0))
#define LINSPACE ((double)a == b[3] ? b[2] : b[0] + (double)a * b[1])
EACH_F(LOOP_INDEX, linspace, double, LINSPACE)
EACH_C(LOOP_INDEX, linspace, double, COMPLEX(LINSPACE, 0))

#endif

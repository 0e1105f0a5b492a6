/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_cast.h: conversions, cast_FROM_TO, for all pairs of dtypes, as C converts, and where C leaves the result open: a
 * float out of an integer's range becomes the nearest integer of that range, NaN becomes 0. Everything but zero is true.
 */
#ifndef SP_KERNELS_CAST_H
#define SP_KERNELS_CAST_H

#include "kernels_map.h"

/* The range of an integer type, by powers of two: exact in every float. LIMIT is one past the largest. */
#define INT_SIGNED(type) ((type)-1 < 0)
#define INT_HALF(type) ((type)1 << (8 * sizeof(type) - 2))
#define INT_LIMIT(type) ((INT_SIGNED(type) ? 2 : 4) * (double)INT_HALF(type))
#define INT_LOW(type) (INT_SIGNED(type) ? (type)(-2 * (int64_t)INT_HALF(type)) : (type)0)
#define INT_HIGH(type) ((type) ~INT_LOW(type))
#define SATURATE(x, type) \
    ((x) != (x) ? 0 : (x) < (R)INT_LOW(type) ? INT_LOW(type) : (x) >= (R)INT_LIMIT(type) ? INT_HIGH(type) : (type)(x))

#define CAST(to, from, ...) \
    static void cast_##from##_##to(size_t n, void *dst, const void *const *src, SP_UNUSED int *fault) \
    { TYPES(from); T_##to *d = dst; const T *x = src[0]; \
      EACH_ELEMENT { T a = x[i]; d[i] = (T_##to)(__VA_ARGS__); } }
#define CAST_TO_BOOL(to, from) CAST(to, from, TRUTH(a))
#define CAST_PLAIN(to, from) CAST(to, from, re(a))
#define CAST_SATURATE(to, from) CAST(to, from, SATURATE(re(a), T_##to))
#define CAST_TO_COMPLEX(to, from) CAST(to, from, __builtin_complex((R_##to)re(a), (R_##to)im(a)))

#define CAST_B_I CAST_PLAIN
#define CAST_I_I CAST_PLAIN
#define CAST_F_I CAST_SATURATE
#define CAST_C_I CAST_SATURATE
#define CAST_FROM(id, ctype, name, cls) \
    EACH_B(CAST_TO_BOOL, id) EACH_I(CAST_##cls##_I, id) EACH_F(CAST_PLAIN, id) EACH_C(CAST_TO_COMPLEX, id)
STARP_DTYPES(CAST_FROM)

#endif

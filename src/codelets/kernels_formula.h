/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_formula.h: the vocabulary of the expressions in ops.def. Everything here is generic: T is the type computed in
 * and R its real counterpart, both in scope where an expression is compiled.
 */
#ifndef SP_KERNELS_FORMULA_H
#define SP_KERNELS_FORMULA_H

#include "kernels.h"

#define re(z) (__real__(z))
#define im(z) (__imag__(z))
#define COMPLEX(x, y) __builtin_complex((R)(x), (R)(y))
/* A product that is rounded before anything is added. GCC 12 makes fused operations of complex products and quotients
   whatever -ffp-contract says (its addsub patterns). */
#if __has_builtin(__builtin_assoc_barrier)
#define ROUNDED(x) __builtin_assoc_barrier(x)
#else
#define ROUNDED(x) (x)
#endif
#define FLOAT_FN(name) _Generic((R)0, float: name##_F32, double: name##_F64)

#define LN_2 0.69314718055994530942
#define LN_10 2.30258509299404568402

#define TRUTH(a) ((re(a) != 0) | (im(a) != 0))
#define FINITE(x) (fabs(x) < (R)INFINITY)
#define INFINITE(x) (fabs(x) == (R)INFINITY)

/* Integers wrap around: the compiler is told so by -fwrapv. Division by -1 is spelled out, because the smallest integer
   has no counterpart and the processor traps. */
#define INT_IS_MINUS_ONE(b) ((T)-1 < 0 && (b) == (T)-1)
#define INT_FMOD(a, b) ((b) == 0 || INT_IS_MINUS_ONE(b) ? 0 : (a) % (b))
#define INT_QUOTIENT(a, b) ((b) == 0 ? 0 : INT_IS_MINUS_ONE(b) ? -(a) : (a) / (b))
/* Whether truncation went up: there is a remainder and the signs differ. */
#define INT_IS_ABOVE(a, b) (INT_FMOD(a, b) != 0 && ((a) < 0) != ((b) < 0))
#define INT_FLOOR_DIVIDE(a, b) (INT_QUOTIENT(a, b) - INT_IS_ABOVE(a, b))
#define INT_REMAINDER(a, b) (INT_FMOD(a, b) + (INT_IS_ABOVE(a, b) ? (b) : 0))
#define INT_LARGER(a, b) ((a) > (b) ? (a) : (b))
#define INT_SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define INT_CLIP(a, lo, hi) INT_SMALLER(INT_LARGER(a, lo), hi)

/* Negative counts are large ones as unsigned. The mask keeps both arms of the choice defined. */
#define INT_BITS (8 * sizeof(T))
#define INT_SHIFT_LEFT(a, b) ((uint64_t)(b) < INT_BITS ? (uint64_t)(a) << ((b) & (INT_BITS - 1)) : 0)
#define INT_SHIFT_RIGHT(a, b) ((uint64_t)(b) < INT_BITS ? (a) >> ((b) & (INT_BITS - 1)) : (a) < 0 ? -1 : 0)
#define MAGNITUDE(a) ((a) < 0 ? -(uint64_t)(a) : (uint64_t)(a))

#define INT_POWER(a, b) ((b) < 0 ? (*fault = SP_KERNEL_NEGATIVE_POWER, 0) : int_power((uint64_t)(a), (uint64_t)(b)))

/* Modulo 2^64, so that the low bits are right for every narrower type. */
static inline uint64_t int_power(uint64_t base, uint64_t exponent)
{
    uint64_t r = 1;
    for (; exponent; exponent >>= 1, base *= base) {
        if (exponent & 1) r *= base;
    }
    return r;
}

static inline uint64_t int_gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b, b = r;
    }
    return a;
}

static inline uint64_t int_lcm(uint64_t a, uint64_t b)
{
    return a && b ? a / int_gcd(a, b) * b : 0;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels.h: what the kernels_*.h bodies share. The bodies are compiled once for each instruction set, by the files
 * kernels_generic.c, kernels_avx2.c and kernels_avx512.c, and by nobody else. Those define before they include this:
 *
 *   SP_KERNELS, SP_NAME   what the table of kernels is called, in C and to users
 *   SP_VECTOR             bytes of its vectors
 *   SP_SLEEF_F32(fn, acc) SLEEF's name of a function on one vector, F64 likewise; where SP_HAVE_SLEEF is defined
 *   SP_MULTIPLY_LOW32(a, b) products of the lower halves of 64-bit lanes
 *   SP_STREAM(dst, src)   store a vector past the caches; dst is aligned. SP_FENCE() orders those stores.
 *
 * Bits do not depend on the set where arithmetic is IEEE's: loops say what is computed and in which order, and compilers
 * may vectorise but not reassociate or contract (-ffp-contract=off, no -ffast-math). Bytes are read as what they are
 * declared by the caller (-fno-strict-aliasing): dst may be one of the operands.
 */
#ifndef SP_KERNELS_H
#define SP_KERNELS_H

/* Before any header: with -g, clang looks these up where ops.def is included first. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wunknown-warning-option"
#pragma clang diagnostic ignored "-Wpass-failed"                /* not every loop can be vectorised */
#pragma clang diagnostic ignored "-Wbitwise-instead-of-logical" /* it is meant: no branches */
#else
#pragma GCC diagnostic ignored "-Wtype-limits" /* formulas serve signed and unsigned types */
#endif

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>
#undef I /* complex.h's, which is a class of dtypes here */

#ifdef SP_HAVE_SLEEF
#include <sleef.h>
#endif

#include "codelets.h"

#ifdef __clang__
#define SP_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#define SP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SP_IVDEP _Pragma("GCC ivdep")
#define SP_UNROLL _Pragma("GCC unroll 64")
#endif
#define SP_INLINE static inline __attribute__((always_inline))
#define SP_UNUSED __attribute__((unused))

extern const struct sp_kernels sp_kernels_generic, sp_kernels_avx2, sp_kernels_avx512;

/* i runs over the elements, in any order: no iteration sees another's result. */
#define EACH_ELEMENT SP_IVDEP for (size_t i = 0; i < n; i++)

/* C type and real counterpart of each dtype. */
#define X(id, ctype, name, cls) typedef ctype T_##id SP_UNUSED; typedef __typeof__(__real__(ctype)0) R_##id SP_UNUSED;
STARP_DTYPES(X)
#undef X

/* M(id, ...) for each dtype of a class. */
#define EACH_B(M, ...) M(BOOL, __VA_ARGS__)
#define EACH_I(M, ...) \
    M(I8, __VA_ARGS__) M(I16, __VA_ARGS__) M(I32, __VA_ARGS__) M(I64, __VA_ARGS__) \
    M(U8, __VA_ARGS__) M(U16, __VA_ARGS__) M(U32, __VA_ARGS__) M(U64, __VA_ARGS__)
#define EACH_F(M, ...) M(F32, __VA_ARGS__) M(F64, __VA_ARGS__)
#define EACH_C(M, ...) M(C64, __VA_ARGS__) M(C128, __VA_ARGS__)

/* Elements handled at a time by functions that need room of their own. */
#define SP_BLOCK 128

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif

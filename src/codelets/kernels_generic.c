/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_generic.c: the kernels for what the compiler targets by default: SSE2 on x86-64, plain C elsewhere. */
#define SP_KERNELS sp_kernels_generic
#define SP_NAME "generic"
#define SP_VECTOR 16

#ifdef __SSE2__
#include <emmintrin.h>
#define SP_STREAM(dst, src) _mm_stream_si128((__m128i *)(dst), _mm_loadu_si128((const __m128i *)(src)))
#define SP_FENCE() _mm_sfence()
#define SP_MULTIPLY_LOW32(a, b) (words)_mm_mul_epu32((__m128i)(a), (__m128i)(b))
#define SP_SLEEF_F32(fn, acc) Sleef_cinz_##fn##f4_##acc##sse2
#define SP_SLEEF_F64(fn, acc) Sleef_cinz_##fn##d2_##acc##sse2
#else
#undef SP_HAVE_SLEEF
#define SP_MULTIPLY_LOW32(a, b) (((a) & 0xffffffffu) * ((b) & 0xffffffffu))
#define SP_STREAM(dst, src) memcpy(dst, src, SP_VECTOR)
#define SP_FENCE() (void)0
#endif

#include "kernels_all.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_avx512.c: the kernels for AVX-512. To be compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl. */
#include <immintrin.h>

#define SP_KERNELS sp_kernels_avx512
#define SP_NAME "avx512"
#define SP_VECTOR 64
#define SP_STREAM(dst, src) _mm512_stream_si512((__m512i *)(dst), _mm512_loadu_si512(src))
#define SP_FENCE() _mm_sfence()
#define SP_MULTIPLY_LOW32(a, b) (words)_mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define SP_SLEEF_F32(fn, acc) Sleef_finz_##fn##f16_##acc##avx512f
#define SP_SLEEF_F64(fn, acc) Sleef_finz_##fn##d8_##acc##avx512f

#include "kernels_all.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_avx2.c: the kernels for AVX2 with FMA. To be compiled with -mavx2 -mfma. */
#include <immintrin.h>

#define SP_KERNELS sp_kernels_avx2
#define SP_NAME "avx2"
#define SP_VECTOR 32
#define SP_STREAM(dst, src) _mm256_stream_si256((__m256i *)(dst), _mm256_loadu_si256((const __m256i *)(src)))
#define SP_FENCE() _mm_sfence()
#define SP_MULTIPLY_LOW32(a, b) (words)_mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#define SP_SLEEF_F32(fn, acc) Sleef_finz_##fn##f8_##acc##avx2
#define SP_SLEEF_F64(fn, acc) Sleef_finz_##fn##d4_##acc##avx2

#include "kernels_all.h"

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_random.h: counter-based random numbers. Element i is a function of (seed, stream, i) only: the 128 bits that
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11) makes of the counter
 * {i, stream} under the key seed. Written here with every 32-bit word in a 64-bit lane, because that vectorises, which
 * Random123's does not; a test holds the two against each other.
 */
#ifndef SP_KERNELS_RANDOM_H
#define SP_KERNELS_RANDOM_H

#include "kernels_map.h"

#define LOW32(x) ((x) & 0xffffffffu)

/* 64-bit lanes that hold 32-bit words; what is above those is rubbish until the end. */
typedef uint64_t words __attribute__((vector_size(SP_VECTOR), aligned(8), may_alias));
#define PER_WORDS (SP_VECTOR / sizeof(uint64_t))

/* The 128 bits of each counter {index, stream}: words 0 and 1, then words 2 and 3. */
SP_INLINE void philox4x32(words index, uint64_t stream, uint64_t seed, words *first, words *second)
{
    const words none = { 0 }, m0 = none + 0xD2511F53u, m1 = none + 0xCD9E8D57u;
    words c0 = index, c1 = index >> 32, c2 = none + stream, c3 = none + (stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    SP_UNROLL for (int round = 0; round < 10; round++) {
        words p = SP_MULTIPLY_LOW32(c0, m0), q = SP_MULTIPLY_LOW32(c2, m1);
        c0 = (q >> 32) ^ c1 ^ (none + k0), c1 = q;
        c2 = (p >> 32) ^ c3 ^ (none + k1), c3 = p;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    *first = c1 << 32 | LOW32(c0);
    *second = c3 << 32 | LOW32(c2);
}

/* m <= SP_BLOCK counters. The outputs have room for whole vectors. */
SP_INLINE void philox_block(size_t m, const int64_t *index, const uint64_t key[2], uint64_t *first, uint64_t *second)
{
    size_t i = 0;
    for (; i + PER_WORDS <= m; i += PER_WORDS) {
        philox4x32(*(const words *)(index + i), key[1], key[0], (words *)(first + i), (words *)(second + i));
    }
    if (i == m) return;
    words last = { 0 };
    memcpy(&last, index + i, (m - i) * sizeof *index);
    philox4x32(last, key[1], key[0], (words *)(first + i), (words *)(second + i));
}

/* 53 bits to [0, 1). Converted through a signed type, as vector units do. */
SP_INLINE double unit_F64(uint64_t bits)
{
    return (double)(int64_t)(bits >> 11) * 0x1p-53;
}

SP_INLINE float unit_F32(uint64_t bits)
{
    return (float)(int32_t)(LOW32(bits) >> 8) * 0x1p-24f;
}

/* The upper 64 bits of a product, from products that vector units have. */
SP_INLINE uint64_t multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a0 = LOW32(a), a1 = a >> 32, b0 = LOW32(b), b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t carry = a0 * b1 + LOW32(middle);
    return a1 * b1 + (middle >> 32) + (carry >> 32);
}

/* b: the constants; r, s: the two halves of an element's bits. One loop over blocks. */
#define BLOCKS_RANDOM(id, name, ...) \
    KERNEL(name, id) \
    { \
        T_##id *d = dst; \
        uint64_t b[4], r[SP_BLOCK], s[SP_BLOCK]; \
        memcpy(b, src[1], sizeof b); \
        for (size_t i = 0, m; i < n; i += m) { \
            m = smaller(n - i, SP_BLOCK); \
            philox_block(m, (const int64_t *)src[0] + i, b, r, s); \
            SP_IVDEP for (size_t j = 0; j < m; j++) d[i + j] = (T_##id)(__VA_ARGS__); \
        } \
    }
BLOCKS_RANDOM(F32, uniform, unit_F32(r[j]))
BLOCKS_RANDOM(F64, uniform, unit_F64(r[j]))
EACH_I(BLOCKS_RANDOM, integers, b[2] + multiply_high(r[j], b[3]))

/* ----------------------------------------------------------------------------------------------------------- normal */

SPAN_1(F64, normal_log, log, u35)
SPAN_1(F64, normal_cos, cos, u35)

/* Box and Muller's cosine half: sqrt(-2 log u) cos(2 pi v) with u in (0, 1], v in [0, 1). */
static void normal_block(size_t n, double *z, const uint64_t *r, const uint64_t *s)
{
    double u[SP_BLOCK], v[SP_BLOCK];
    EACH_ELEMENT u[i] = 1 - unit_F64(r[i]);
    EACH_ELEMENT v[i] = 6.28318530717958647693 * unit_F64(s[i]);
    apply_1_F64(n, u, u, normal_log_F64);
    apply_1_F64(n, v, v, normal_cos_F64);
    EACH_ELEMENT z[i] = sqrt(-2 * u[i]) * v[i];
}

#define BLOCKS_NORMAL(id, name) \
    KERNEL(name, id) \
    { \
        T_##id *d = dst; \
        uint64_t b[2], r[SP_BLOCK], s[SP_BLOCK]; \
        double z[SP_BLOCK]; \
        memcpy(b, src[1], sizeof b); \
        for (size_t i = 0, m; i < n; i += m) { \
            m = smaller(n - i, SP_BLOCK); \
            philox_block(m, (const int64_t *)src[0] + i, b, r, s); \
            normal_block(m, z, r, s); \
            SP_IVDEP for (size_t j = 0; j < m; j++) d[i + j] = (T_##id)z[j]; \
        } \
    }
EACH_F(BLOCKS_NORMAL, normal)

#endif

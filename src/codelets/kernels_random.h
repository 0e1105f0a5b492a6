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

struct philox {
    uint64_t word[4]; /* 32 bits each */
};

#define LOW32(x) ((x) & 0xffffffffu)

SP_INLINE struct philox philox4x32(uint64_t index, uint64_t stream, uint64_t seed)
{
    uint64_t c0 = LOW32(index), c1 = index >> 32, c2 = LOW32(stream), c3 = stream >> 32;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    SP_UNROLL for (int round = 0; round < 10; round++) {
        uint64_t p = LOW32(c0) * 0xD2511F53u, q = LOW32(c2) * 0xCD9E8D57u;
        c0 = (q >> 32) ^ c1 ^ k0, c1 = LOW32(q);
        c2 = (p >> 32) ^ c3 ^ k1, c3 = LOW32(p);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (struct philox){ { c0, c1, c2, c3 } };
}

/* The first and the second half of the bits. */
SP_INLINE uint64_t philox_first(struct philox r)
{
    return r.word[1] << 32 | r.word[0];
}

SP_INLINE uint64_t philox_second(struct philox r)
{
    return r.word[3] << 32 | r.word[2];
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

#define PHILOX philox4x32((uint64_t)a, stream, seed)
#define LOOP_RANDOM(id, name, ...) \
    KERNEL(name, id) \
    { T_##id *d = dst; const int64_t *x = src[0]; const uint64_t *b = src[1], seed = b[0], stream = b[1]; \
      EACH_ELEMENT { int64_t a = x[i]; d[i] = (T_##id)(__VA_ARGS__); } }
#define LOOP_INTEGERS(id, name) \
    KERNEL(name, id) \
    { T_##id *d = dst; const int64_t *x = src[0]; \
      const uint64_t *b = src[1], seed = b[0], stream = b[1], low = b[2], range = b[3]; \
      EACH_ELEMENT { int64_t a = x[i]; d[i] = (T_##id)(low + multiply_high(philox_first(PHILOX), range)); } }

LOOP_RANDOM(F32, uniform, unit_F32(PHILOX.word[0]))
LOOP_RANDOM(F64, uniform, unit_F64(philox_first(PHILOX)))
EACH_I(LOOP_INTEGERS, integers)

/* ----------------------------------------------------------------------------------------------------------- normal */

SPAN_1(F64, normal_log, log, u35)
SPAN_1(F64, normal_cos, cos, u35)

/* Box and Muller's cosine half: sqrt(-2 log u) cos(2 pi v) with u in (0, 1], v in [0, 1). n <= SP_BLOCK. */
static void normal_block(size_t n, double *z, const int64_t *index, uint64_t seed, uint64_t stream)
{
    _Alignas(SP_VECTOR) double u[SP_BLOCK], v[SP_BLOCK];
    EACH_ELEMENT {
        struct philox r = philox4x32((uint64_t)index[i], stream, seed);
        u[i] = 1 - unit_F64(philox_first(r));
        v[i] = 6.28318530717958647693 * unit_F64(philox_second(r));
    }
    block_load_F64(n, z, u);
    normal_log_F64(n, u, z);
    block_load_F64(n, z, v);
    normal_cos_F64(n, v, z);
    EACH_ELEMENT z[i] = sqrt(-2 * u[i]) * v[i];
}

#define BLOCKS_NORMAL(id, name) \
    KERNEL(name, id) \
    { \
        T_##id *d = dst; \
        const int64_t *x = src[0]; \
        const uint64_t *b = src[1], seed = b[0], stream = b[1]; \
        _Alignas(SP_VECTOR) double z[SP_BLOCK]; \
        for (size_t i = 0, m; i < n; i += m) { \
            m = smaller(n - i, SP_BLOCK); \
            normal_block(m, z, x + i, seed, stream); \
            SP_IVDEP for (size_t j = 0; j < m; j++) d[i + j] = (T_##id)z[j]; \
        } \
    }
EACH_F(BLOCKS_NORMAL, normal)

#endif

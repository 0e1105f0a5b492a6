/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_random.c: the oracle's random numbers: Philox4x32-10 written from its definition (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.4), one element at a time.
 */
#include <math.h>

#include "reference.h"

static void philox4x32_10(const uint32_t counter[4], uint64_t key, uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53 * x0, q = (uint64_t)0xCD9E8D57 * x2;
        uint32_t y0 = (uint32_t)(q >> 32) ^ x1 ^ k0, y2 = (uint32_t)(p >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)q, x3 = (uint32_t)p, x0 = y0, x2 = y2;
        k0 += 0x9E3779B9, k1 += 0xBB67AE85;
    }
    out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
}

void ref_philox(uint64_t index, uint64_t stream, uint64_t seed, uint32_t out[4])
{
    uint32_t counter[4] = { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32) };
    philox4x32_10(counter, seed, out);
}

/* Box and Muller: sqrt(-2 log u) cos(2 pi v), u in (0, 1] and v in [0, 1) from the two halves of the bits. */
static long double normal(long double u, long double v)
{
    return sqrtl(-2 * logl(u)) * cosl(2 * acosl(-1) * v);
}

/* The counter is {index, stream}, the key the seed, low words first. f64 takes 53 of the first 64 bits, f32 24 of the first
   32; a normal number is an f64 of 53 bits of either half, whatever it is rounded to. */
ref_num ref_random(enum sp_op op, starp_dtype d, const struct ref_random *r, int64_t index)
{
    uint32_t out[4];
    ref_philox((uint64_t)index, r->stream, r->seed, out);
    uint64_t first = (uint64_t)out[1] << 32 | out[0], second = (uint64_t)out[3] << 32 | out[2];
    if (op == SP_OP_integers) return (ref_num){ .i = r->low + (__int128)((unsigned __int128)first * r->range >> 64) };
    if (op == SP_OP_uniform && d == STARP_F32) return (ref_num){ .re = ldexpl(out[0] >> 8, -24) };
    long double u = ldexpl((long double)(first >> 11), -53), v = ldexpl((long double)(second >> 11), -53);
    return (ref_num){ .re = op == SP_OP_uniform ? u : normal(1 - u, v) };
}

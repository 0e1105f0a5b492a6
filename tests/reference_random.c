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

/* TODO contract */
ref_num ref_random(enum sp_op op, starp_dtype d, const struct ref_random *r, int64_t index)
{
    uint32_t out[4], counter[4] = { (uint32_t)index, (uint32_t)((uint64_t)index >> 32), (uint32_t)r->stream, (uint32_t)(r->stream >> 32) };
    philox4x32_10(counter, r->seed, out);
    uint64_t bits = (uint64_t)out[1] << 32 | out[0];
    if (op == SP_OP_integers) return (ref_num){ .i = r->low + (__int128)((unsigned __int128)bits * r->range >> 64) };
    return (ref_num){ .re = ldexp((double)(bits >> (d == STARP_F32 ? 40 : 11)), d == STARP_F32 ? -24 : -53) };
}

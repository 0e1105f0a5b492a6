/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * data.c: memory and numbers for the benches and for the peers that are programs of their own; nothing calls starp.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

double *bench_alloc(int64_t count)
{
    const size_t huge = (size_t)1 << 21;
    size_t bytes = ((size_t)count * sizeof(double) + huge - 1) / huge * huge;
    double *x = aligned_alloc(huge, bytes);
    if (x == NULL) {
        fprintf(stderr, "starp-bench: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    madvise(x, bytes, MADV_HUGEPAGE);
    return x;
}

static double uniform_at(uint32_t i, uint32_t seed)
{
    uint32_t v = i * 2654435761u + seed * 2654435769u;
    v = (v ^ (v >> 15)) * 2246822519u;
    v ^= v >> 13;
    return (v + 0.5) * 0x1p-32;
}

void bench_uniform(double *x, int64_t first, int64_t count, uint32_t seed, double lo, double hi)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) x[i] = lo + (hi - lo) * uniform_at((uint32_t)(first + i), seed);
}

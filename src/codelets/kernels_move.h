/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_move.h: moving elements without looking at them, by element size: 1, 2, 4, 8 or 16 bytes. Strided loops run at
 * about one element a cycle, dense ones at the speed of the caches.
 */
#ifndef SP_KERNELS_MOVE_H
#define SP_KERNELS_MOVE_H

#include "kernels.h"

struct sixteen {
    uint64_t part[2];
};

/* One loop for each element size. */
#define BY_SIZE(LOOP) \
    switch (size) { \
    case 1: { LOOP(uint8_t); break; } \
    case 2: { LOOP(uint16_t); break; } \
    case 4: { LOOP(uint32_t); break; } \
    case 8: { LOOP(uint64_t); break; } \
    case 16: { LOOP(struct sixteen); break; } \
    }
#define SPLAT(type) \
    type value, *d = dst; \
    memcpy(&value, element, sizeof value); \
    EACH_ELEMENT d[i] = value
#define GATHER(type) EACH_ELEMENT ((type *)dst)[i] = *(const type *)((const char *)src + (ptrdiff_t)i * stride)
#define SCATTER(type) EACH_ELEMENT *(type *)((char *)dst + (ptrdiff_t)i * stride) = ((const type *)src)[i]

static void splat(size_t n, void *dst, const void *element, size_t size)
{
    BY_SIZE(SPLAT)
}

static void gather(size_t n, void *dst, const void *src, ptrdiff_t stride, size_t size)
{
    if (stride == (ptrdiff_t)size) {
        memcpy(dst, src, n * size);
    } else if (stride == 0) {
        splat(n, dst, src, size);
    } else {
        BY_SIZE(GATHER)
    }
}

static void scatter(size_t n, void *dst, ptrdiff_t stride, const void *src, size_t size)
{
    if (stride == (ptrdiff_t)size) {
        memcpy(dst, src, n * size);
    } else {
        BY_SIZE(SCATTER)
    }
}

/* Eight rows of eight become columns: halves, quarters and single elements are exchanged between rows (as Eklundh, 1972). */
#ifndef __has_builtin
#define __has_builtin(x) 0
#endif
#if __has_builtin(__builtin_shufflevector)
#define EXCHANGE(r, i, j, ...) EXCHANGE_(r, i, j, __VA_ARGS__)
#define EXCHANGE_(r, i, j, a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7) \
    do { \
        __typeof__(r[0]) low = __builtin_shufflevector(r[i], r[j], a0, a1, a2, a3, a4, a5, a6, a7); \
        r[j] = __builtin_shufflevector(r[i], r[j], b0, b1, b2, b3, b4, b5, b6, b7); \
        r[i] = low; \
    } while (0)
#define HALVES 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15
#define QUARTERS 0, 1, 8, 9, 4, 5, 12, 13, 2, 3, 10, 11, 6, 7, 14, 15
#define SINGLES 0, 8, 2, 10, 4, 12, 6, 14, 1, 9, 3, 11, 5, 13, 7, 15
#define TURN(type, from, src_stride, to, dst_stride) \
    do { \
        typedef type row_of __attribute__((vector_size(8 * sizeof(type)))); \
        row_of r[8]; \
        for (int b = 0; b < 8; b++) memcpy(&r[b], (from) + b * (src_stride), sizeof r[b]); \
        EXCHANGE(r, 0, 4, HALVES); EXCHANGE(r, 1, 5, HALVES); EXCHANGE(r, 2, 6, HALVES); EXCHANGE(r, 3, 7, HALVES); \
        EXCHANGE(r, 0, 2, QUARTERS); EXCHANGE(r, 1, 3, QUARTERS); EXCHANGE(r, 4, 6, QUARTERS); EXCHANGE(r, 5, 7, QUARTERS); \
        EXCHANGE(r, 0, 1, SINGLES); EXCHANGE(r, 2, 3, SINGLES); EXCHANGE(r, 4, 5, SINGLES); EXCHANGE(r, 6, 7, SINGLES); \
        for (int a = 0; a < 8; a++) memcpy((to) + a * (dst_stride), &r[a], sizeof r[a]); \
    } while (0)
static inline void turn_4(const char *from, ptrdiff_t src_stride, char *to, ptrdiff_t dst_stride)
{
    TURN(uint32_t, from, src_stride, to, dst_stride);
}
static inline void turn_8(const char *from, ptrdiff_t src_stride, char *to, ptrdiff_t dst_stride)
{
    TURN(uint64_t, from, src_stride, to, dst_stride);
}
#define TURNS(size) ((size) == 4 || (size) == 8)
#else
#define turn_4(from, src_stride, to, dst_stride) ((void)0)
#define turn_8(from, src_stride, to, dst_stride) ((void)0)
#define TURNS(size) 0
#endif

/*
 * Squares of SIDE x SIDE elements through a small array: rows are read and written whole, so every cache line is touched once,
 * and as many rows as a cache has ways.
 */
#define SIDE 8
#define TRANSPOSE(type) \
    type square[SIDE][SIDE]; \
    for (size_t i = 0; i < rows; i += SIDE) { \
        size_t m = rows - i < SIDE ? rows - i : SIDE; \
        for (size_t j = 0; j < cols; j += SIDE) { \
            size_t n = cols - j < SIDE ? cols - j : SIDE; \
            const char *from = (const char *)src + (ptrdiff_t)j * src_stride + i * sizeof(type); \
            char *to = (char *)dst + (ptrdiff_t)i * dst_stride + j * sizeof(type); \
            if (m == SIDE && n == SIDE && TURNS(sizeof(type))) { \
                if (sizeof(type) == 4) turn_4(from, src_stride, to, dst_stride); \
                else turn_8(from, src_stride, to, dst_stride); \
                continue; \
            } \
            if (m == SIDE && n == SIDE) { \
                for (size_t b = 0; b < SIDE; b++) memcpy(square[b], from + (ptrdiff_t)b * src_stride, sizeof square[b]); \
                for (size_t a = 0; a < SIDE; a++) { \
                    type row[SIDE]; \
                    for (size_t b = 0; b < SIDE; b++) row[b] = square[b][a]; \
                    memcpy(to + (ptrdiff_t)a * dst_stride, row, sizeof row); \
                } \
                continue; \
            } \
            for (size_t b = 0; b < n; b++) { \
                for (size_t a = 0; a < m; a++) { \
                    ((type *)(void *)(to + (ptrdiff_t)a * dst_stride))[b] = ((const type *)(const void *)(from + (ptrdiff_t)b * src_stride))[a]; \
                } \
            } \
        } \
    }

static void transpose(size_t rows, size_t cols, void *dst, ptrdiff_t dst_stride, const void *src, ptrdiff_t src_stride, size_t size)
{
    BY_SIZE(TRANSPOSE)
}

static void iota(size_t n, int64_t *dst, int64_t start, int64_t step)
{
    EACH_ELEMENT dst[i] = start + (int64_t)i * step;
}

/* Whole cache lines go past the caches, the ragged edges through them. */
static void stream(void *dst, const void *src, size_t bytes)
{
    char *d = dst;
    const char *s = src;
    size_t i = smaller(bytes, -(uintptr_t)d % 64);
    memcpy(d, s, i);
    for (; i + SP_VECTOR <= bytes; i += SP_VECTOR) SP_STREAM(d + i, s + i);
    memcpy(d + i, s + i, bytes - i);
}

static void fence(void)
{
    SP_FENCE();
}

#endif

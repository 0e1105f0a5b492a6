/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels_move.c: kernels that move elements: every size, stride and place against byte loops, and that nothing
 * else is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codelets.h"
#include "rig.h"

#define ROOM 24000 /* twice the longest stride times the largest count */

static const char *const names[] = { "generic", "avx2", "avx512" };
static const size_t sizes[] = { 1, 2, 4, 8, 16 };
static const size_t counts[] = { 0, 1, 2, 3, 7, 16, 33, 64, 129 };
static _Alignas(64) unsigned char source[ROOM], target[ROOM], expected[ROOM];

static void reset(void)
{
    uint64_t random = 6;
    for (size_t i = 0; i < ROOM; i++) source[i] = (unsigned char)rig_random(&random), target[i] = 0xAA;
    memcpy(expected, target, ROOM);
}

/* body(kernels, count, size) for everything there is. */
static void each(void (*body)(const struct sp_kernels *k, size_t n, size_t size))
{
    for (size_t i = 0; i < 3 * 5 * 9; i++) {
        const struct sp_kernels *k = sp_kernels_get(names[i % 3]);
        if (k) body(k, counts[i / 15], sizes[i / 3 % 5]);
    }
}

static void check_splat(const struct sp_kernels *k, size_t n, size_t size)
{
    for (size_t at = 0; at < 5; at++) {
        reset();
        k->splat(n, target + at * size, source + 3 * size, size);
        for (size_t i = 0; i < n; i++) memcpy(expected + (at + i) * size, source + 3 * size, size);
        assert_memory_equal(target, expected, ROOM);
    }
}

static const int steps[] = { 0, 1, 2, 3, 5, -1, -2, -3 };

static void check_gather(const struct sp_kernels *k, size_t n, size_t size)
{
    for (size_t s = 0; s < 8; s++) {
        const unsigned char *from = source + ROOM / 2;
        ptrdiff_t stride = steps[s] * (ptrdiff_t)size;
        reset();
        k->gather(n, target + size, from, stride, size);
        for (size_t i = 0; i < n; i++) memcpy(expected + (1 + i) * size, from + (ptrdiff_t)i * stride, size);
        assert_memory_equal(target, expected, ROOM);
    }
}

static void check_scatter(const struct sp_kernels *k, size_t n, size_t size)
{
    for (size_t s = 1; s < 8; s++) {
        ptrdiff_t stride = steps[s] * (ptrdiff_t)size;
        reset();
        k->scatter(n, target + ROOM / 2, stride, source + size, size);
        for (size_t i = 0; i < n; i++) {
            memcpy(expected + ROOM / 2 + (ptrdiff_t)i * stride, source + (1 + i) * size, size);
        }
        assert_memory_equal(target, expected, ROOM);
    }
}

/* Up to 33 rows, with gaps behind the rows on both sides. */
static void check_transpose(const struct sp_kernels *k, size_t n, size_t size)
{
    size_t rows = n < 34 ? n : 17, cols = (n * 5 + 3) % 29, from = (rows + 2) * size, to = (cols + 1) * size;
    reset();
    k->transpose(rows, cols, target + size, (ptrdiff_t)to, source + size, (ptrdiff_t)from, size);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) memcpy(expected + size + i * to + j * size, source + size + j * from + i * size, size);
    }
    assert_memory_equal(target, expected, ROOM);
}

static void splat(void **state)
{
    (void)state;
    each(check_splat);
}

static void gather(void **state)
{
    (void)state;
    each(check_gather);
}

static void scatter(void **state)
{
    (void)state;
    each(check_scatter);
}

/* Every alignment of both ends, on both sides of a line's length. */
static void transpose(void **state)
{
    (void)state;
    each(check_transpose);
}

static void stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * 70 * 12; i++) {
        static const size_t bytes[] = { 0, 1, 8, 63, 64, 65, 127, 128, 200, 512, 1000, 4096 };
        const struct sp_kernels *k = sp_kernels_get(names[i % 3]);
        size_t at = i / 3 % 70, n = bytes[i / 210];
        if (!k) continue;
        reset();
        k->stream(target + at, source + (at * 7 + n) % 64, n);
        memcpy(expected + at, source + (at * 7 + n) % 64, n);
        assert_memory_equal(target, expected, ROOM);
    }
}

static void iota(void **state)
{
    (void)state;
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        int64_t got[100];
        if (!k) continue;
        for (size_t n = 0; n < 99; n++) {
            got[n] = 77;
            k->iota(n, got, INT64_MIN + 5, -3 + (int64_t)n);
            for (size_t i = 0; i < n; i++) assert_true(got[i] == INT64_MIN + 5 + (int64_t)i * ((int64_t)n - 3));
            assert_true(got[n] == 77);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splat),  cmocka_unit_test(gather), cmocka_unit_test(scatter), cmocka_unit_test(transpose),
        cmocka_unit_test(stream), cmocka_unit_test(iota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

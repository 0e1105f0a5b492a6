/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels_random.c: the kernels that make elements from their index: Philox against published vectors, Random123
 * and the oracle; arange and linspace against their formulas. On every instruction set, from any place on, in place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codelets.h"
#include "reference.h"
#include "rig.h"

#if __has_include(<Random123/philox.h>)
#include <Random123/philox.h>
#define HAVE_RANDOM123 1
#else
#define HAVE_RANDOM123 0
#endif

#define COUNT 1009

static const char *const names[] = { "generic", "avx2", "avx512" };

/* Runs body for every set of kernels this machine has. */
static void each_set(void (*body)(const struct sp_kernels *k))
{
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (k) body(k);
    }
}

/* The first 64 bits of a counter but for the lowest: an integer below 2^63, as integers takes the upper bits. */
static uint64_t upper_63(const struct sp_kernels *k, uint64_t index, uint64_t stream, uint64_t seed)
{
    uint64_t param[4] = { seed, stream, 0, (uint64_t)1 << 63 }, got;
    k->map[SP_OP_integers][STARP_U64](1, &got, (const void *[]){ &index, param }, NULL);
    return got;
}

/* ----------------------------------------------------------------------------------------------------------- Philox */

/* kat_vectors of Random123, philox4x32 with 10 rounds: counter, key, first two words. */
static void known_answers_of(const struct sp_kernels *k)
{
    static const uint64_t known[][4] = {
        { 0, 0, 0, 0xe169c58d6627e8d5 },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x41c83b0e408f276d },
        { 0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, 0x94fdccebd16cfe09 },
    };
    for (int i = 0; i < 3; i++) {
        uint64_t got = upper_63(k, known[i][0], known[i][1], known[i][2]);
        if (got != known[i][3] >> 1) fail_msg("%s: vector %d gives %llx", k->name, i, (unsigned long long)got << 1);
    }
}

static void known_answers(void **state)
{
    (void)state;
    each_set(known_answers_of);
}

#if HAVE_RANDOM123
#define LOW(x) ((uint32_t)(x))
static void random123_of(const struct sp_kernels *k)
{
    uint64_t random = 3;
    for (int i = 0; i < 1000; i++) {
        uint64_t index = rig_random(&random), stream = rig_random(&random), seed = rig_random(&random);
        philox4x32_ctr_t c = { { LOW(index), LOW(index >> 32), LOW(stream), LOW(stream >> 32) } };
        philox4x32_key_t key = { { LOW(seed), LOW(seed >> 32) } };
        philox4x32_ctr_t r = philox4x32(c, key);
        assert_true(upper_63(k, index, stream, seed) == ((uint64_t)r.v[1] << 32 | r.v[0]) >> 1);
    }
}
#else
static void random123_of(const struct sp_kernels *k)
{
    (void)k;
    skip();
}
#endif

static void same_as_random123(void **state)
{
    (void)state;
    each_set(random123_of);
}

/* ------------------------------------------------------------------------------------------------------- generators */

struct draw {
    enum sp_op op;
    starp_dtype d;
    struct ref_random param;
    double ulps;
};

static const struct draw draws[] = {
    { SP_OP_uniform, STARP_F32, { 42, 7, 0, 0 }, 0 },
    { SP_OP_uniform, STARP_F64, { 42, 7, 0, 0 }, 0 },
    { SP_OP_normal, STARP_F32, { 1, (uint64_t)1 << 40, 0, 0 }, 1 },
    { SP_OP_normal, STARP_F64, { 1, (uint64_t)1 << 40, 0, 0 }, 8 },
    { SP_OP_integers, STARP_I8, { 5, 0, -100, 201 }, 0 },
    { SP_OP_integers, STARP_U16, { 5, 0, 3, 60000 }, 0 },
    { SP_OP_integers, STARP_I32, { (uint64_t)5 << 50, 0, -7, 7 }, 0 },
    { SP_OP_integers, STARP_I64, { 5, 0, INT64_MIN, UINT64_MAX }, 0 },
    { SP_OP_integers, STARP_U64, { 5, 0, 0, (uint64_t)1 << 63 }, 0 },
};

/* Indices that are not in a row, as those of a window are. */
static void fill_index(int64_t *index)
{
    for (int64_t i = 0; i < COUNT; i++) index[i] = i < 500 ? i : ((int64_t)1 << 33) - 7 * i;
}

/* cos(2 pi v) near its zeros has the error of 2 pi v, so closeness is to 1, not to the value. */
static bool close_to(const struct draw *w, const void *got, const void *want, int64_t i)
{
    ref_num x = ref_load(w->d, got, i), y = ref_load(w->d, want, i);
    if (w->ulps == 0) return x.i == y.i && x.re == y.re;
    long double unit = w->d == STARP_F32 ? 0x1p-23L : 0x1p-52L;
    return fabsl(x.re - y.re) <= w->ulps * unit * fmaxl(1, fabsl(y.re));
}

static void generators_of(const struct sp_kernels *k)
{
    int64_t index[COUNT], again[COUNT];
    _Alignas(16) char got[8 * COUNT], want[8 * COUNT], alone[8 * COUNT];
    fill_index(index);
    for (size_t j = 0; j < sizeof draws / sizeof *draws; j++) {
        const struct draw *w = &draws[j];
        size_t size = sp_dtypes[w->d].size;
        sp_kernel_fn *kernel = k->map[w->op][w->d];
        kernel(COUNT, got, (const void *[]){ index, &w->param }, NULL);
        for (int64_t i = 0; i < COUNT; i++) {
            ref_store(w->d, want, i, ref_random(w->op, w->d, &w->param, index[i]));
            if (!close_to(w, got, want, i)) {
                fail_msg("%s %s, row %zu: element %lld", k->name, sp_ops[w->op].name, j, (long long)i);
            }
            kernel(1, alone + (size_t)i * size, (const void *[]){ index + i, &w->param }, NULL);
        }
        assert_memory_equal(got, alone, COUNT * size);
        memcpy(again, index, sizeof index);
        kernel(COUNT, again, (const void *[]){ again, &w->param }, NULL);
        assert_memory_equal(got, again, COUNT * size);
    }
}

static void generators(void **state)
{
    (void)state;
    each_set(generators_of);
}

/* SLEEF's functions are in them, and those are the same on AVX2 and AVX-512. */
static void normal_has_the_same_bits_on_avx(void **state)
{
    const struct sp_kernels *a = sp_kernels_get("avx2"), *b = sp_kernels_get("avx512");
    int64_t index[COUNT];
    double x[COUNT], y[COUNT];
    (void)state;
    if (!a || !b) skip();
    fill_index(index);
    a->map[SP_OP_normal][STARP_F64](COUNT, x, (const void *[]){ index, &draws[3].param }, NULL);
    b->map[SP_OP_normal][STARP_F64](COUNT, y, (const void *[]){ index, &draws[3].param }, NULL);
    assert_memory_equal(x, y, sizeof x);
}

/* Mean and variance of many, to six standard deviations: a wrong scale or a missing half cannot pass. */
static void moments_of(const struct sp_kernels *k)
{
    enum { N = 200000 };
    static int64_t index[N];
    static double x[N];
    static const struct {
        enum sp_op op;
        double mean, variance, fourth;
    } want[] = { { SP_OP_uniform, 0.5, 1.0 / 12, 1.0 / 80 }, { SP_OP_normal, 0, 1, 3 } };
    uint64_t param[4] = { 2, 3 };
    k->iota(N, index, 0, 1);
    for (int j = 0; j < 2; j++) {
        double sum = 0, squares = 0;
        k->map[want[j].op][STARP_F64](N, x, (const void *[]){ index, param }, NULL);
        for (int i = 0; i < N; i++) sum += x[i], squares += (x[i] - want[j].mean) * (x[i] - want[j].mean);
        assert_true(fabs(sum / N - want[j].mean) < 6 * sqrt(want[j].variance / N));
        double spread = sqrt((want[j].fourth - want[j].variance * want[j].variance) / N);
        assert_true(fabs(squares / N - want[j].variance) < 6 * spread);
    }
}

static void moments(void **state)
{
    (void)state;
    each_set(moments_of);
}

/* ------------------------------------------------------------------------------------------------- arange, linspace */

static void ranges_of(const struct sp_kernels *k)
{
    const double real[4] = { -3.5, 0.1, 100, 40 };
    const int64_t whole[4] = { -3, 7 };
    int64_t index[COUNT];
    double got[2 * COUNT];
    k->iota(COUNT, index, 0, 1);
    for (int d = STARP_I8; d < STARP_NDTYPES; d++) {
        for (int last = 0; last < 2; last++) {
            sp_kernel_fn *kernel = k->map[last ? SP_OP_linspace : SP_OP_arange][d];
            bool integer = sp_dtypes[d].cls == SP_CLASS_I;
            _Alignas(16) char want[16];
            if (last && integer) continue;
            kernel(COUNT, got, (const void *[]){ index, integer ? (const void *)whole : real }, NULL);
            for (int64_t i = 0; i < COUNT; i++) {
                ref_num x = { .i = whole[0] + i * whole[1], .re = last && i == 40 ? 100 : -3.5 + (double)i * 0.1 };
                ref_store((starp_dtype)d, want, 0, x);
                assert_memory_equal((char *)got + (size_t)i * sp_dtypes[d].size, want, sp_dtypes[d].size);
            }
        }
    }
}

static void ranges(void **state)
{
    (void)state;
    each_set(ranges_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(same_as_random123),
        cmocka_unit_test(generators),
        cmocka_unit_test(normal_has_the_same_bits_on_avx),
        cmocka_unit_test(moments),
        cmocka_unit_test(ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

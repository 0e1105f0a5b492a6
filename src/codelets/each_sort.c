/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * each_sort.c: sorting along the last axis of a slice. Real elements become unsigned keys of the same order, sorted by their digits,
 * the last one first (Knuth, "The Art of Computer Programming" 3, 5.2.5): the time is linear, whatever the data. NaN is the
 * largest key, and -0.0 comes before 0.0. Complex numbers are merged by pairs, in NumPy's order; equal ones stay as they were.
 */
#include <complex.h>
#include <math.h>
#include <string.h>

#include "codelets.h"

#define DIGITS 256
#define FEW 128 /* keys up to which insertion is faster */

typedef double complex number;

/* ----------------------------------------------------------------------------------------------------------- keys */

static uint64_t float_key(uint64_t bits, uint64_t sign, bool is_nan)
{
    if (is_nan) return 2 * sign - 1; /* all ones */
    return bits & sign ? ~bits & (2 * sign - 1) : bits | sign;
}

static uint64_t float_bits(uint64_t key, uint64_t sign)
{
    return key & sign ? key ^ sign : ~key & (2 * sign - 1);
}

/* Loops over an element's type: keys of n elements, and elements of n keys. */
#define EACH_KEY for (int64_t i = 0; i < n; i++)
#define INTEGERS(id, T, FLIP) \
    case STARP_##id: EACH_KEY key[i] = (uint64_t)((const T *)x)[i] ^ (FLIP); break;
#define FLOATS(id, T, U, SIGN) \
    case STARP_##id: EACH_KEY { U b; memcpy(&b, (const T *)x + i, sizeof b); key[i] = float_key(b, SIGN, isnan(((const T *)x)[i])); } break;
#define OF_INTEGERS(id, T, FLIP) \
    case STARP_##id: EACH_KEY ((T *)x)[i] = (T)(key[i] ^ (FLIP)); break;
#define OF_FLOATS(id, T, U, SIGN) \
    case STARP_##id: EACH_KEY { U b = (U)float_bits(key[i], SIGN); memcpy((T *)x + i, &b, sizeof b); } break;
#define SIGN32 UINT64_C(0x80000000)
#define SIGN64 (UINT64_C(1) << 63)
#define DTYPES(I, F) \
    I(BOOL, uint8_t, 0) I(U8, uint8_t, 0) I(U16, uint16_t, 0) I(U32, uint32_t, 0) I(U64, uint64_t, 0) \
    I(I8, uint8_t, 0x80) I(I16, uint16_t, 0x8000) I(I32, uint32_t, SIGN32) I(I64, uint64_t, SIGN64) \
    F(F32, float, uint32_t, SIGN32) F(F64, double, uint64_t, SIGN64)

static void find_keys(starp_dtype dtype, int64_t n, const void *x, uint64_t *key)
{
    switch (dtype) {
        DTYPES(INTEGERS, FLOATS)
    default: break;
    }
}

static void put_elements(starp_dtype dtype, int64_t n, const uint64_t *key, void *x)
{
    switch (dtype) {
        DTYPES(OF_INTEGERS, OF_FLOATS)
    default: break;
    }
}

static void insert_keys(int64_t n, uint64_t *key)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t k = key[i];
        int64_t j = i;
        for (; j > 0 && key[j - 1] > k; j--) key[j] = key[j - 1];
        key[j] = k;
    }
}

/* One digit: from[] to to[], in the order of that and of nothing else. False: all have the same. */
static bool sort_digit(int64_t n, const uint64_t *from, uint64_t *to, int shift, const int64_t *count)
{
    int64_t first[DIGITS], at = 0;
    for (int d = 0; d < DIGITS; at += count[d++]) first[d] = at;
    if (count[from[0] >> shift & (DIGITS - 1)] == n) return false;
    for (int64_t i = 0; i < n; i++) to[first[from[i] >> shift & (DIGITS - 1)]++] = from[i];
    return true;
}

/* Where the sorted keys are: in key or in spare. */
static uint64_t *sort_keys(int64_t n, int bytes, uint64_t *key, uint64_t *spare)
{
    int64_t count[8][DIGITS];
    if (n <= FEW) return insert_keys(n, key), key;
    memset(count, 0, (size_t)bytes * sizeof count[0]);
    for (int64_t i = 0; i < n; i++) {
        for (int b = 0; b < bytes; b++) count[b][key[i] >> 8 * b & (DIGITS - 1)]++;
    }
    for (int b = 0; b < bytes; b++) {
        if (!sort_digit(n, key, spare, 8 * b, count[b])) continue;
        uint64_t *sorted = spare;
        spare = key;
        key = sorted;
    }
    return key;
}

/* ------------------------------------------------------------------------------------------------- complex numbers */

/* NumPy's order of kinds: numbers, those with a NaN for the imaginary part, for the real part, for both. */
static int kind_of(number x)
{
    return 2 * isnan(creal(x)) + isnan(cimag(x));
}

static bool is_less(number a, number b)
{
    int k = kind_of(a), l = kind_of(b);
    if (k != l) return k < l;
    if (creal(a) != creal(b) && k < 2) return creal(a) < creal(b);
    return cimag(a) < cimag(b);
}

/* from[0, n), of which both halves are sorted, to to[]. */
static void merge(int64_t half, int64_t n, const number *from, number *to)
{
    int64_t i = 0, j = half;
    for (int64_t k = 0; k < n; k++) to[k] = j == n || (i < half && !is_less(from[j], from[i])) ? from[i++] : from[j++];
}

static number *sort_numbers(int64_t n, number *x, number *spare)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t left = n - i;
            merge(left < width ? left : width, left < 2 * width ? left : 2 * width, x + i, spare + i);
        }
        number *sorted = spare;
        spare = x;
        x = sorted;
    }
    return x;
}

/* -------------------------------------------------------------------------------------------------------- a slice */

static void sort_line(const struct sp_slices *x, starp_dtype d, int64_t n, const void *from, void *to, void *scratch)
{
    if (sp_dtypes[d].cls != SP_CLASS_C) {
        uint64_t *key = scratch;
        find_keys(d, n, from, key);
        put_elements(d, n, sort_keys(n, sp_dtypes[d].size, key, key + n), to);
        return;
    }
    number *own = scratch;
    x->kernels->cast[d][STARP_C128]((size_t)n, own, (const void *[]){ from, NULL, NULL }, &(int){ 0 });
    const void *sorted[3] = { sort_numbers(n, own, own + n) };
    x->kernels->cast[STARP_C128][d]((size_t)n, to, sorted, &(int){ 0 });
}

int sp_each_sort(const struct sp_slices *x)
{
    const starp_argument *in = &x->in[0];
    starp_dims shape = { .n = in->ndim };
    memcpy(shape.v, in->shape, (size_t)shape.n * sizeof shape.v[0]);
    char *to = starp_iteration_output(x->it, 0, in->dtype, &shape);
    int64_t n = in->shape[in->ndim - 1], all = sp_each_count(in), size = sp_dtypes[in->dtype].size;
    if (!to) return 1;
    if (all == 0) return 0;
    void *scratch = sp_aligned(64, (size_t)n * 2 * sizeof(number));
    if (!scratch) return sp_each_starved(x);
    for (int64_t i = 0; i < all; i += n) sort_line(x, in->dtype, n, (const char *)in->data + i * size, to + i * size, scratch);
    sp_free(scratch);
    return 0;
}

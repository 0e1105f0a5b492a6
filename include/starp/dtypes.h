/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file dtypes.h
 * The thirteen element types, one row each: enum suffix, C type, name, class.
 *
 * Classes, from low to high: B (bool), I (signed and unsigned integers), F (real floats), C (complex).
 * Promotion follows NumPy 2: see starp_result_type().
 */
#ifndef STARP_DTYPES_H
#define STARP_DTYPES_H

#include <stdint.h>

#define STARP_DTYPES(X) \
    X(BOOL, uint8_t, bool, B) \
    X(I8, int8_t, i8, I) \
    X(I16, int16_t, i16, I) \
    X(I32, int32_t, i32, I) \
    X(I64, int64_t, i64, I) \
    X(U8, uint8_t, u8, I) \
    X(U16, uint16_t, u16, I) \
    X(U32, uint32_t, u32, I) \
    X(U64, uint64_t, u64, I) \
    X(F32, float, f32, F) \
    X(F64, double, f64, F) \
    X(C64, float _Complex, c64, C) \
    X(C128, double _Complex, c128, C)

/** Element type of an array. A bool is one byte, 0 or 1. */
typedef enum starp_dtype {
#define X(id, ctype, name, cls) STARP_##id,
    STARP_DTYPES(X)
#undef X
        STARP_NDTYPES
} starp_dtype;

#endif

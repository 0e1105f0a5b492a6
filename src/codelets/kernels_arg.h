/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_arg.h: argmin and argmax. The accumulator is the best value and its index; of equal ones the smaller index wins,
 * and NaN is better than anything. A run takes two passes: the best value, then where it is first.
 */
#ifndef SP_KERNELS_ARG_H
#define SP_KERNELS_ARG_H

#include "kernels_reduce.h"

#define ARG_BLOCK 64 /* elements searched at a time */

#define EQUAL(a, b) (((a) == (b)) | (((a) != (a)) & ((b) != (b))))
#define BETTER_argmin(a, b) (((a) < (b)) | (((a) != (a)) & ((b) == (b))))
#define BETTER_argmax(a, b) (((a) > (b)) | (((a) != (a)) & ((b) == (b))))
#define BEST_argmin min
#define BEST_argmax max

#define ARG_ACC(id, name) struct name##_##id { T_##id value; int64_t index; };
EACH_ORDERED(ARG_ACC, arg)

/* The first element equal to `best`, which is there. */
#define ARG_FIND(id, name) \
    static size_t name##_##id(const T_##id *x, size_t len, T_##id best) \
    { \
        size_t i = 0; \
        for (int found = 0; i + ARG_BLOCK <= len; i += ARG_BLOCK) { \
            for (size_t j = 0; j < ARG_BLOCK; j++) found |= EQUAL(x[i + j], best); \
            if (found) break; \
        } \
        while (!EQUAL(x[i], best)) i++; \
        return i; \
    }
EACH_ORDERED(ARG_FIND, arg_find)

#define REDUCER_ARG(id, kind, best) \
    static void rows_##kind##_##id(size_t rows, size_t len, const void *const *src, void *acc) \
    { \
        const T_##id *x = src[0]; \
        const int64_t *index = src[1]; \
        struct arg_##id *r = acc; \
        for (; rows--; x += len, index += len, r++) { \
            run_##best##_##id(len, x, &r->value); \
            r->index = index[arg_find_##id(x, len, r->value)]; \
        } \
    } \
    static void leaf_##kind##_##id(const struct block *b, void *acc) \
    { \
        T_##id value[FOLD_COLS]; \
        int64_t index[FOLD_COLS]; \
        size_t n = b->cols; \
        memcpy(value, b->value, n * sizeof *value); \
        memcpy(index, b->index, n * sizeof *index); \
        for (size_t row = 1; row < b->rows; row++) { \
            const T_##id *x = (const T_##id *)b->value + row * b->stride; \
            const int64_t *at = b->index + row * b->stride; \
            EACH_ELEMENT { \
                bool better = BETTER_##kind(x[i], value[i]); \
                value[i] = better ? x[i] : value[i]; \
                index[i] = better ? at[i] : index[i]; \
            } \
        } \
        struct arg_##id *r = acc; \
        EACH_ELEMENT r[i].value = value[i], r[i].index = index[i]; \
    } \
    static void merge_##kind##_##id(size_t n, void *into, const void *from, SP_UNUSED int64_t a, SP_UNUSED int64_t b) \
    { \
        struct arg_##id *r = into; \
        const struct arg_##id *x = from; \
        for (size_t i = 0; i < n; i++) { \
            bool tie = EQUAL(x[i].value, r[i].value) && x[i].index < r[i].index; \
            if (tie || BETTER_##kind(x[i].value, r[i].value)) r[i] = x[i]; \
        } \
    } \
    static void finish_##kind##_##id(size_t n, const void *acc, void *dst) \
    { const struct arg_##id *a = acc; int64_t *d = dst; EACH_ELEMENT d[i] = a[i].index; } \
    FOLD_COLUMNS(id, kind, sizeof(struct arg_##id), true)
EACH_ORDERED(REDUCER_ARG, argmin, min)
EACH_ORDERED(REDUCER_ARG, argmax, max)

#endif
